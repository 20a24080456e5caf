"""Activation memory as the runtimes place it: lifetimes of tensors, and the greedy planners of LiteRT and Micro.

Both planners place tensors from the largest to the smallest. LiteRT keeps inputs and outputs for the whole run, aligns
to 64 bytes and takes the smallest gap that fits; Micro frees inputs after their last use, aligns to 16 and takes the
first gap. Subgraphs that an operation calls run while it does.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field

from litesmith.analyze.sizes import tensor_bytes
from litesmith.ir import Graph, Op, Program, Value


@dataclass
class Lifetime:
    """A tensor with the first and the last step it is in memory."""

    value: Value
    first: int
    last: int


@dataclass
class Timeline:
    """Lifetimes of all tensors of a graph and those it calls. steps: step of each operation, by its identity."""

    lifetimes: dict[int, Lifetime] = field(default_factory=dict)
    steps: dict[int, int] = field(default_factory=dict)
    ops: dict[int, Op] = field(default_factory=dict)
    step: int = 0

    @staticmethod
    def of(graph: Graph, keep_inputs: bool) -> Timeline:
        """The timeline of a run. keep_inputs: whether inputs stay in memory until its end."""
        timeline = Timeline()
        timeline._enter(graph, ())
        for value in (*graph.inputs, *graph.outputs) if keep_inputs else graph.outputs:
            timeline._touch(value)
        return timeline

    def _touch(self, value: Value) -> None:
        if value.is_const:
            return
        lifetime = self.lifetimes.setdefault(id(value), Lifetime(value, self.step, self.step))
        lifetime.last = max(lifetime.last, self.step)

    def _enter(self, graph: Graph, above: tuple[int, ...]) -> None:
        for value in graph.inputs:
            self._touch(value)
        for op in graph.ops:
            self.step += 1
            self.steps[id(op)] = self.step
            self.ops[self.step] = op
            for value in (*op.results, *op.inputs):
                self._touch(value)
            for called in op.subgraphs:
                if id(called) not in above:
                    self._enter(called, (*above, id(graph)))
            for value in (*op.inputs, *op.results):
                self._touch(value)
        for value in graph.outputs:
            self._touch(value)

    def live_bytes(self) -> dict[int, int]:
        """Bytes in memory at each step."""
        changes = [0] * (self.step + 2)
        for lifetime in self.lifetimes.values():
            size = tensor_bytes(lifetime.value.type)
            changes[lifetime.first] += size
            changes[lifetime.last + 1] -= size
        live, total = {}, 0
        for step, change in enumerate(changes[:-1]):
            total += change
            live[step] = total
        return live


@dataclass(frozen=True)
class Planner:
    """How a runtime places tensors. keep_inputs: to the end of the run; best_fit: in the smallest gap, not the first;
    last_first: of tensors of one size, the last is placed first."""

    alignment: int
    keep_inputs: bool
    best_fit: bool
    last_first: bool

    def arena(self, graph: Graph, float_bits: int | None = None) -> int:
        """Bytes of the arena that holds the activations of a graph."""
        timeline = Timeline.of(graph, self.keep_inputs)
        wanted = [
            (self._align(tensor_bytes(lifetime.value.type, float_bits)), lifetime)
            for lifetime in timeline.lifetimes.values()
            if not lifetime.value.is_variable
        ]
        if self.last_first:
            wanted.reverse()
        placed: list[tuple[int, int, Lifetime]] = []
        top = 0
        for size, lifetime in sorted(wanted, key=lambda item: -item[0]):
            if size:
                start = self._place(size, list(_overlapping(placed, lifetime)))
                insort(placed, (start, size, lifetime), key=lambda item: item[0])
                top = max(top, start + size)
        return top

    def _align(self, size: int) -> int:
        return -(-size // self.alignment) * self.alignment

    def _place(self, size: int, busy: list[tuple[int, int]]) -> int:
        at, best, smallest = 0, -1, 0
        for start, length in busy:
            gap = start - at
            if gap >= size and (best < 0 or gap < smallest):
                if not self.best_fit:
                    return at
                best, smallest = at, gap
            at = max(at, start + length)
        return best if best >= 0 else at


def _overlapping(placed: list[tuple[int, int, Lifetime]], lifetime: Lifetime) -> Iterator[tuple[int, int]]:
    for start, size, other in placed:
        if other.first <= lifetime.last and lifetime.first <= other.last:
            yield start, size


LITERT = Planner(alignment=64, keep_inputs=True, best_fit=True, last_first=False)
MICRO = Planner(alignment=16, keep_inputs=False, best_fit=False, last_first=True)


def arena(program: Program, planner: Planner, float_bits: int | None = None) -> int:
    """Bytes of the largest arena of the entry graphs, each of which runs alone."""
    return max((planner.arena(graph, float_bits) for graph in program.graphs), default=0)
