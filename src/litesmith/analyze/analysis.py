"""Fills the report of a program, and of a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from litesmith._util.text import first_name
from litesmith.analyze import memory
from litesmith.analyze.report import (
    GraphFacts,
    Memory,
    OpFacts,
    Report,
    SignatureFacts,
    TensorFacts,
)
from litesmith.analyze.runtimes import custom_code, judge, stays_off
from litesmith.analyze.sizes import graph_cost, multiply_adds, tensor_bytes, unknown_names
from litesmith.analyze.weights import weigh
from litesmith.formats.tflite.listing import Listing, list_model
from litesmith.formats.tflite.reader import read_graphs
from litesmith.ir import Graph, Op, Program, Signature, Value
from litesmith.ir.opdef import Trait
from litesmith.ir.types import Blockwise, Quantization, shape_text

UNRELEASED = "not released yet"
"""Where a file has a version of an operator that no release is known for."""

_LARGEST = 5

Versions = Mapping[int, int]
"""Versions of operations as a file has them, by the operation's identity."""


def analyze_file(source: bytes | str | os.PathLike[str], name: str = "") -> Report:
    """The report of a `.tflite` file, given as its bytes or its path. Raises FormatError for a damaged one."""
    program, graphs = read_graphs(source)
    listing = list_model(source)
    title = name or ("model" if isinstance(source, (bytes, bytearray, memoryview)) else Path(source).name)
    return analyze_program(program, title, listing, graphs)


def analyze_program(
    program: Program, name: str = "model", listing: Listing | None = None, graphs: Sequence[Graph] = ()
) -> Report:
    """The report of a program. listing, graphs: the file it was read from, and its graphs in the file's order."""
    graphs = graphs or program.all_graphs()
    versions = _versions(listing, graphs) if listing is not None else {}
    facts = _Facts(program, versions)
    described = tuple(facts.graph(graph) for graph in graphs)
    entries = _ops_of_one_run(program)
    cost = _cost_by_operator(entries)
    contracted = sum(c for key, c in cost.items() if key in _contractions(entries))
    other_bytes = None if listing is None else listing.size - sum(b.size for b in listing.buffers)
    return Report(
        source=name,
        graphs=described,
        signatures=tuple(_signature(s) for s in program.signatures),
        weights=weigh(program, other_bytes),
        memory=_memory(program, facts),
        runtimes=judge(program, described),
        operators=_histogram(described),
        cost=dict(sorted(cost.items(), key=lambda item: -item[1])),
        multiply_adds=contracted,
        other_operations=sum(cost.values()) - contracted,
        size=None if listing is None else listing.size,
        description=program.description,
        metadata={key: len(value) for key, value in program.metadata.items()},
        files={key: len(value) for key, value in program.files.items()},
        unknown_sizes=tuple(unknown_names(program)),
        quantized=_count_quantized(program),
        sparse=sum(v.const is not None and v.const.sparsity is not None for g in graphs for v in g.constants()),
        shared_buffers=0 if listing is None else len(listing.shared_buffers),
    )


def _versions(listing: Listing, graphs: Sequence[Graph]) -> dict[int, int]:
    return {
        id(op): entry.version
        for graph, table in zip(graphs, listing.graphs, strict=True)
        for op, entry in zip(graph.ops, table.operators, strict=True)
    }


# -- operations -------------------------------------------------------------------------------------------------------


class _Facts:
    """What is told of operations, once the lifetimes of tensors are known."""

    def __init__(self, program: Program, versions: Versions) -> None:
        self._versions = versions
        self._live: dict[int, int] = {}
        for graph in program.graphs:
            timeline = memory.Timeline.of(graph, keep_inputs=True)
            live = timeline.live_bytes()
            for key, step in timeline.steps.items():
                self._live[key] = max(self._live.get(key, 0), live[step])

    def graph(self, graph: Graph) -> GraphFacts:
        """A subgraph."""
        return GraphFacts(
            graph.name,
            tuple(tensor_facts(v) for v in graph.inputs),
            tuple(tensor_facts(v) for v in graph.outputs),
            tuple(self._op(index, op) for index, op in enumerate(graph.ops)),
        )

    def _op(self, index: int, op: Op) -> OpFacts:
        version = self._versions.get(id(op)) or op.defn.version_of(op)
        return OpFacts(
            index,
            title(op),
            version,
            tuple(tensor_facts(v) for v in op.inputs),
            tuple(tensor_facts(v) for v in op.results),
            first_name(op.origin.label),
            op.origin.line,
            multiply_adds(op),
            bool(op.defn.traits & Trait.CONTRACTS),
            sum(tensor_bytes(v.type) for v in op.inputs if v.is_const),
            self._live.get(id(op), 0),
            op.defn.runtimes.get(version, "" if op.name == "CUSTOM" else UNRELEASED),
            stays_off(op),
        )

    def peak(self) -> int:
        """Identity of the operation at which most is live."""
        return max(self._live, key=lambda key: self._live[key], default=0)


def title(op: Op) -> str:
    """Name of an operator; a custom one's own."""
    return custom_code(op) or op.name


def tensor_facts(value: Value) -> TensorFacts:
    """A value as it is reported."""
    owner = "constant" if value.is_const else "variable" if value.is_variable else "result" if value.op else "input"
    kind = value.type
    return TensorFacts(
        value.name, kind.dtype.text, shape_text(kind.shape), tensor_bytes(kind), owner, _quantization(kind.quant)
    )


def _quantization(quant: Quantization | None) -> str:
    if quant is None:
        return ""
    if isinstance(quant.details, Blockwise):
        return f"blockwise, {quant.details.block_size} to a scale"
    if not quant.scale.size:
        return "custom" if quant.details else ""
    if quant.per_channel:
        return f"{quant.scale.size} scales along axis {quant.axis}"
    return f"{float(quant.scale.flat[0]):.6g} * (q - {int(quant.zero_point.flat[0])})"


def _signature(signature: Signature) -> SignatureFacts:
    graph = signature.graph
    return SignatureFacts(
        signature.key,
        graph.name,
        {name: str(graph.inputs[i].type) for name, i in signature.inputs.items()},
        {name: str(graph.outputs[i].type) for name, i in signature.outputs.items()},
    )


# -- sums -------------------------------------------------------------------------------------------------------------


def _histogram(graphs: Iterable[GraphFacts]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for graph in graphs:
        for op in graph.operators:
            counts[op.name] = counts.get(op.name, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _ops_of_one_run(program: Program) -> list[Op]:
    """The operations of the entry graph that costs most, loops once, with the more costly branch of each choice."""
    entry = max(program.graphs, key=graph_cost)
    return list(_run_once(entry))


def _run_once(graph: Graph) -> Iterable[Op]:
    for op in graph.ops:
        yield op
        called = op.subgraphs
        chosen = [max(called, key=graph_cost)] if op.name == "IF" and called else called
        for inner in chosen:
            yield from _run_once(inner)


def _cost_by_operator(ops: Iterable[Op]) -> dict[str, int]:
    cost: dict[str, int] = {}
    for op in ops:
        spent = multiply_adds(op)
        if spent:
            cost[title(op)] = cost.get(title(op), 0) + spent
    return cost


def _contractions(ops: Iterable[Op]) -> set[str]:
    return {title(op) for op in ops if op.defn.traits & Trait.CONTRACTS}


def _count_quantized(program: Program) -> dict[str, int]:
    """How many tensors have a quantization, by element type."""
    counts: dict[str, int] = {}
    for graph in program.all_graphs():
        values = [*graph.inputs, *graph.constants(), *(r for op in graph.ops for r in op.results)]
        for value in values:
            if value.type.quant is not None and value.type.quant.scale.size:
                counts[value.type.dtype.text] = counts.get(value.type.dtype.text, 0) + 1
    return dict(sorted(counts.items()))


def _memory(program: Program, facts: _Facts) -> Memory:
    results = [(r, op) for graph in program.all_graphs() for op in graph.ops for r in op.results]
    results.sort(key=lambda item: -tensor_bytes(item[0].type))
    largest = tuple((tensor_facts(r), _place(op)) for r, op in results[:_LARGEST])
    ops = {id(op): op for graph in program.all_graphs() for op in graph.ops}
    peak = ops.get(facts.peak())
    return Memory(
        memory.arena(program, memory.LITERT),
        memory.arena(program, memory.LITERT, float_bits=8),
        memory.arena(program, memory.MICRO),
        largest,
        "" if peak is None else _place(peak),
    )


def _place(op: Op) -> str:
    return f"{title(op)} {first_name(op.origin.label)}".strip()
