"""The description of a recurrent layer: what it computes, whoever said it and whatever form it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from litesmith.ir import Dim, Value

LSTM = "lstm"
SIMPLE = "simple"

GATES = ("input", "forget", "cell", "output")
"""The gates of an LSTM, in the order its operators have them."""

NORM_EPSILON = 1e-8
"""What the operator's layer normalization adds to the variance."""


@dataclass(frozen=True)
class RecurrentLayer:
    """One direction of a recurrent layer over a batch of sequences.

    cell: ``LSTM``, or ``SIMPLE`` for h' = activation(W x + U h + b).

    - x: [N, steps, features], or [steps, N, features] with ``time_major``.
    - weights, recurrent, bias: by gate (``GATES``; the simple cell has ``cell`` alone), constants [units, features],
      [units, outputs] and [units]. A gate without a bias is left out. Coupled input and forget gates (CIFG): no
      ``input`` gate, i = 1 - f.
    - peepholes: by gate (input, forget, output), [units].
    - layer_norm: by gate, [units], the scale of what a gate sums up, normalized over the units; the bias is added after.
    - projection: [outputs, units]; projection_bias: [outputs]. Without one, outputs = units.
    - activation: of the cell gate and of the new cell state, by its name in the schema.
    - cell_clip, projection_clip: 0 where nothing is clipped.
    - initial: the states a run starts from, h and (LSTM) c, [N, outputs] and [N, units]; None for zeros.
    - stateful: whether a run goes on from the states the last one left; the first starts from zeros.
    - reverse: whether the sequence is read from its end; each output stands at the place of its input.
    - name: the layer's, for tensors and messages.
    """

    cell: str
    x: Value
    weights: Mapping[str, Value]
    recurrent: Mapping[str, Value]
    bias: Mapping[str, Value] = field(default_factory=dict)
    peepholes: Mapping[str, Value] = field(default_factory=dict)
    layer_norm: Mapping[str, Value] = field(default_factory=dict)
    projection: Value | None = None
    projection_bias: Value | None = None
    activation: str = "TANH"
    cell_clip: float = 0.0
    projection_clip: float = 0.0
    initial: tuple[Value | None, ...] = (None, None)
    stateful: bool = False
    time_major: bool = False
    reverse: bool = False
    name: str = ""

    @property
    def time_axis(self) -> int:
        """The axis of the steps in x and in the sequence of outputs."""
        return 0 if self.time_major else 1

    @property
    def batch(self) -> Dim:
        """How many sequences there are."""
        return self.x.dims[1 - self.time_axis]

    @property
    def steps(self) -> Dim:
        """How long the sequences are."""
        return self.x.dims[self.time_axis]

    @property
    def units(self) -> int:
        """Cells of the layer."""
        return int(self.weights["cell"].type.static_shape[0])

    @property
    def outputs(self) -> int:
        """Features of the output."""
        return self.units if self.projection is None else int(self.projection.type.static_shape[0])

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """Features of each state."""
        return (self.outputs, self.units) if self.cell == LSTM else (self.outputs,)

    @property
    def is_coupled(self) -> bool:
        """Whether the input gate is one minus the forget gate."""
        return self.cell == LSTM and "input" not in self.weights


@dataclass(frozen=True)
class Results:
    """What a form computes: the outputs of all steps, [N, steps, outputs] (or time-major, as x is), and the last states,
    each None where it was not asked for."""

    sequence: Value
    final: tuple[Value | None, ...]
