"""The report of a model: plain frozen data that prints, compares and goes to JSON. Analyses fill it, renderers show it.

Sizes are bytes. Where a model has unknown dimensions, they count as 1 and are named in ``Report.unknown_sizes``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

SCHEMA = 1
"""Version of the JSON form; it grows when a field changes its meaning or goes."""

GPU, XNNPACK, MICRO = "gpu", "xnnpack", "micro"
"""Keys of ``OpFacts.stays_off``."""


@dataclass(frozen=True)
class TensorFacts:
    """A tensor. shape: as text, ``[batch, 28, 28]``; bytes: in memory; owner: what it is: ``input``, ``result``,
    ``constant`` or ``variable``."""

    name: str
    dtype: str
    shape: str
    bytes: int
    owner: str = "result"
    quantization: str = ""


@dataclass(frozen=True)
class OpFacts:
    """An operation. index: its place in its subgraph; layer: where it came from; stays_off: why a delegate or Micro does
    not take it, by `GPU`, `XNNPACK`, `MICRO`; multiply_adds: without those of subgraphs it calls; contracts: whether it
    is a convolution, product or recurrent layer; live_bytes: of all tensors in memory while it runs."""

    index: int
    name: str
    version: int
    inputs: tuple[TensorFacts, ...]
    outputs: tuple[TensorFacts, ...]
    layer: str = ""
    line: str = ""
    multiply_adds: int = 0
    contracts: bool = False
    weight_bytes: int = 0
    live_bytes: int = 0
    since: str = ""
    stays_off: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class GraphFacts:
    """A subgraph."""

    name: str
    inputs: tuple[TensorFacts, ...]
    outputs: tuple[TensorFacts, ...]
    operators: tuple[OpFacts, ...]


@dataclass(frozen=True)
class SignatureFacts:
    """A signature: its tensors by name, each as ``dtype[shape]``."""

    key: str
    graph: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


@dataclass(frozen=True)
class Weights:
    """Constants. parameters: elements of float or quantized ones; bytes: by element type; sizes: of the file by
    representation: ``float32``, ``float16``, ``dynamic_range``, ``int8``."""

    parameters: int
    bytes: Mapping[str, int]
    sizes: Mapping[str, int]


@dataclass(frozen=True)
class Memory:
    """Activations. arena: what the runtime's planner needs for them; arena_int8: with one byte for each float;
    micro_arena: of TFLite Micro, for activations alone; largest: the largest tensors, with the operation that makes
    each; peak_op: where most is live."""

    arena: int
    arena_int8: int
    micro_arena: int
    largest: tuple[tuple[TensorFacts, str], ...] = ()
    peak_op: str = ""


@dataclass(frozen=True)
class Reason:
    """Why some operations stay off a runtime: how many there are, and where some of them are."""

    operator: str
    reason: str
    count: int
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class Runtime:
    """What a runtime or delegate makes of the model. runs: ``yes``, ``part`` (the rest goes to the plain kernels) or
    ``no``; minimum: the first release that does; taken: how many of the operations it takes."""

    name: str
    runs: str
    minimum: str = ""
    taken: int = 0
    total: int = 0
    reasons: tuple[Reason, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Finding:
    """Something that deserves a look. kind: ``problem`` or ``advice``; before, after: the form that is there and the
    one to use instead."""

    title: str
    detail: str
    places: tuple[str, ...] = ()
    kind: str = "advice"
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Report:
    """Everything that is told of a model.

    size: of the file, None where there is none; unknown_sizes: names of dimensions that are not known; multiply_adds:
    of convolutions, products and recurrent layers, as published figures count them; other_operations: arithmetic of
    everything else; cost: all of it by operator.
    """

    source: str
    graphs: tuple[GraphFacts, ...]
    signatures: tuple[SignatureFacts, ...]
    weights: Weights
    memory: Memory
    runtimes: tuple[Runtime, ...]
    operators: Mapping[str, int]
    cost: Mapping[str, int]
    multiply_adds: int = 0
    other_operations: int = 0
    size: int | None = None
    description: str = ""
    metadata: Mapping[str, int] = field(default_factory=dict)
    files: Mapping[str, int] = field(default_factory=dict)
    unknown_sizes: tuple[str, ...] = ()
    quantized: Mapping[str, int] = field(default_factory=dict)
    sparse: int = 0
    shared_buffers: int = 0
    findings: tuple[Finding, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The report as plain data for `json.dumps` (the schema is in docs/analyze.md)."""
        return {"schema": SCHEMA, **asdict(self)}

    def runtime(self, name: str) -> Runtime:
        """What this runtime makes of the model. Raises KeyError where it is not in the report."""
        return {r.name: r for r in self.runtimes}[name]
