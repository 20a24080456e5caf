"""Loops that run a known cell over the steps of sequences become the form that was asked for.

    %1, %2, %3, %4 = WHILE(0, %outputs, %h, %c, %x)      @body: c' = f * c + i * g, h' = o * tanh(c')
⇒
    %h0, %c0 = SPLIT(0, zeros)                           variable tensors, written in every invocation
    %1 = UNIDIRECTIONAL_SEQUENCE_LSTM(%x, …, %h0, %c0)

Whoever wrote the loop: it is read by what a step computes (`loops`, `cells`), described as a
`decompositions.recurrent.RecurrentLayer`, and the description says which form is possible and which is the fastest. Two
loops that read one sequence in both directions become one operator. A loop that is not certain to be a known cell stays a
loop, and the result of the pass says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from litesmith._util.rnn_forms import AUTO, FUSED
from litesmith.decompositions.recurrent import RecurrentLayer, choose, fuse, fuse_pair, make_a_pair, obstacle
from litesmith.decompositions.recurrent.states import is_zero
from litesmith.ir.builder import Builder
from litesmith.ir.graph import Graph, Op, Program, Value
from litesmith.ops import OPS
from litesmith.ops.control import WHILE
from litesmith.ops.layout import REVERSE_V2, TRANSPOSE
from litesmith.ops.shape import RESHAPE
from litesmith.passes.driver import PassResult, between, erase_dead, merge_origins
from litesmith.passes.match import producer
from litesmith.passes.recurrent.affine import UnclearError
from litesmith.passes.recurrent.cells import read_cell
from litesmith.passes.recurrent.kept_states import KeptStates, Stored, find_stored, kept_states
from litesmith.passes.recurrent.loops import label_of, read_scan
from litesmith.passes.recurrent.repeating import is_faster_unrolled
from litesmith.passes.recurrent.results import LoopResults

NAME = "raised-loops"


def raise_loops(program: Program, asked: str) -> PassResult:
    """Gives every loop of the entry graphs that runs a known cell the fused form, where that is asked for or faster.

    Says in the result why a loop stays one.
    """
    result = PassResult(NAME)
    known = find_stored(program)
    for graph in program.graphs:
        _Raising(graph, known, asked, result).run()
    return result


@dataclass
class _Loop:
    """A loop that runs a known cell. Its description is made when it is asked for: what a loop before it computes may
    have been replaced."""

    op: Op
    results: LoopResults
    kept: KeptStates | None

    @cached_property
    def layer(self) -> RecurrentLayer:
        """The description."""
        scan, cell = self.results.scan, self.results.cell
        row = scan.rows[cell.row]
        outer = scan.outer(row.variable)
        x, flipped, time_major = _source_of_batches(outer) if row.axis else _source(outer)
        states = [cell.h, cell.c] if cell.c is not None else [cell.h]
        return RecurrentLayer(
            cell.kind,
            x,
            cell.weights,
            cell.recurrent,
            cell.bias,
            cell.peepholes,
            cell.layer_norm,
            projection=cell.projection,
            projection_bias=cell.projection_bias,
            activation=cell.activation,
            cell_clip=cell.cell_clip,
            projection_clip=cell.projection_clip,
            initial=(None,) * len(states) if self.kept else tuple(scan.outer(s) for s in states),
            stateful=self.kept is not None,
            time_major=time_major,
            reverse=row.reverse != flipped,
            name=label_of(self.op),
        )

    @property
    def is_flipped(self) -> bool:
        """Whether the loop collects its outputs in another order than the description says."""
        scan = self.results.scan
        return scan.rows[self.results.cell.row].reverse != self.layer.reverse

    @property
    def wanted_states(self) -> list[bool]:
        """Which of the last states are wanted."""
        return self.results.final(self.kept.assignments if self.kept else ())

    def form(self, b: Builder, asked: str) -> str | None:
        """Why the loop does not take the fused form; None where it does."""
        if asked == AUTO and self.kept is None and is_faster_unrolled(self.results.scan):
            return "so few steps are faster one after the other"
        choice = choose(self.layer, bool(self.results.sequence), asked)
        return choice.reason if choice.form != FUSED else obstacle(b, self.layer, _dying_ops(self.op, self.layer))


class _Raising:
    """The loops of one graph, first to last."""

    def __init__(self, graph: Graph, known: Mapping[Value, Stored], asked: str, result: PassResult) -> None:
        self.graph, self.known, self.asked, self.result = graph, known, asked, result
        self.loops: dict[Op, _Loop] = {}

    def run(self) -> None:
        for op in self.graph.ops:
            if op.defn is WHILE:
                try:
                    self.loops[op] = self._read(op)
                except UnclearError as reason:
                    self.result.declined.append((op, str(reason)))
        for op in list(self.loops):
            if op in self.loops:
                self._raise(self.loops.pop(op))

    def _read(self, op: Op) -> _Loop:
        scan = read_scan(op)
        cell = read_cell(scan)
        return _Loop(op, LoopResults(scan, cell), kept_states(self.known, scan, cell))

    def _raise(self, loop: _Loop) -> None:
        b = Builder(self.graph, OPS, loop.op, loop.op.origins)
        reason = loop.form(b, self.asked)
        if reason is not None:
            self.result.declined.append((loop.op, reason))
            return
        twin = next(self._twins(loop), None)
        previous = loop.op.prev
        if twin is None:
            self._replace(b, loop, previous)
        else:
            self._replace_pair(b, loop, self.loops.pop(twin.op), previous)

    def _twins(self, loop: _Loop) -> Iterator[_Loop]:
        """Loops behind this one that read the same sequence in the other direction."""
        for other in self.loops.values():
            b = Builder(self.graph, OPS, before=other.op)
            if make_a_pair(loop.layer, other.layer) and other.form(b, self.asked) is None:
                yield other
            del other.__dict__["layer"]

    def _replace(self, b: Builder, loop: _Loop, previous: Op | None) -> None:
        results = fuse(b, loop.layer, loop.wanted_states, _dying_ops(loop.op, loop.layer))
        loop.results.replace(b, loop.layer, results, loop.is_flipped)
        self._finish([loop], previous)

    def _replace_pair(self, b: Builder, loop: _Loop, twin: _Loop, previous: Op | None) -> None:
        b.origins = tuple(dict.fromkeys((*loop.op.origins, *twin.op.origins)))
        pair = (twin, loop) if loop.layer.reverse else (loop, twin)
        both = fuse_pair(b, (pair[0].layer, pair[1].layer), [p.wanted_states for p in pair])
        for one, results in zip(pair, both, strict=True):
            one.results.replace(b, one.layer, results, one.is_flipped)
        self._finish([loop, twin], previous)

    def _finish(self, loops: list[_Loop], previous: Op | None) -> None:
        fresh = list(between(self.graph, previous, loops[0].op))
        origins = [loop.op for loop in loops]
        for loop in loops:
            for assignment in loop.kept.assignments if loop.kept else ():
                self.graph.erase(assignment)
        erase_dead(self.graph, origins)
        merge_origins([m for m in fresh if m.graph is self.graph], origins, origins[-1], NAME)
        self.result.rewrites += len(loops)


def _dying_ops(loop: Op, layer: RecurrentLayer) -> set[Op]:
    """The operations before the loop that nobody uses when the layer stands in its place."""
    needed = {layer.x, *(v for v in layer.initial if not is_zero(v))}
    dying: set[Op] = {loop}
    op = loop.prev
    while op is not None:
        if all(not r.output_uses and r not in needed and dying.issuperset(r.users) for r in op.results):
            dying.add(op)
        op = op.prev
    return dying


def _source(x: Value) -> tuple[Value, bool, bool]:
    """What a time-major tensor was made of: that, whether it is reversed in time, and whether it is time-major."""
    flipped = producer(x, REVERSE_V2)
    if flipped is not None and _numbers(flipped["axes"]) == [0]:
        source, before, time_major = _source(flipped["x"])
        return source, not before, time_major
    moved = producer(x, TRANSPOSE)
    if moved is not None and _numbers(moved["perm"]) == [1, 0, 2]:
        return _source_of_batches(moved["x"])
    moved = producer(x, RESHAPE)
    if moved is not None and x.dims[1] == 1 and moved["x"].type.shape == (1, x.dims[0], x.dims[2]):
        return _source_of_batches(moved["x"])
    return x, False, True


def _source_of_batches(x: Value) -> tuple[Value, bool, bool]:
    flipped = producer(x, REVERSE_V2)
    if flipped is not None and _numbers(flipped["axes"]) == [1]:
        source, before, time_major = _source_of_batches(flipped["x"])
        return source, not before, time_major
    return x, False, False


def _numbers(value: Value) -> list[int] | None:
    return [int(n) for n in value.numpy().ravel()] if value.is_small_const else None
