"""Integer tensors that only rebuild a shape: known ones become constants, long chains short ones.

    %1 = SHAPE(%x)                                        %x: [n, t, 8]
    %2 = STRIDED_SLICE(%1, [0], [1], [1]) {shrink_axis_mask=1}
    %3 = STRIDED_SLICE(%1, [1], [2], [1]) {shrink_axis_mask=1}
    %4 = PACK(%2, %3, 2, 4)                               elements: n, t, 2, 4
⇒
    %1 = SHAPE(%x)
    %2 = STRIDED_SLICE(%1, [0], [2], [1])
    %4 = CONCATENATION(%2, [2, 4])

`known-elements` derives, in program order, the elements each integer tensor is known to have in terms of the
dimensions of the graph's tensors, and replaces those without unknowns by constants. `shared-elements` keeps one of
those that are equal. `shape-rematerialization` rebuilds a vector (or scalar) from stretches of live shapes and
constants, when that takes fewer operations than would die. Legal because equal symbols are the same size; only
tensors whose shape the old chain read, and graph inputs, are read.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from litesmith.ir.builder import Builder, known_elements
from litesmith.ir.dims import Dim, Sym
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Graph, Op, Program, Value
from litesmith.ops.shape import SHAPE
from litesmith.passes.driver import EVERY, Declined, Outcome, Pass, ProgramPass, erase_dead, has_effects, replace_result

# -- what is known ----------------------------------------------------------------------------------------------------


def derive_elements(program: Program) -> int:
    """Notes the elements of integer results where they follow from shapes. Returns how many it learnt."""
    return sum(_derive(graph) for graph in program.all_graphs())


def _derive(graph: Graph) -> int:
    learnt = 0
    for op in graph.ops:
        if not op.defn.is_pure or not any(_is_index(r) and r.sym is None for r in op.results):
            continue
        for result, elements in zip(op.results, known_elements(op, [r.type for r in op.results]), strict=False):
            if result.sym is None and elements is not None and _is_index(result):
                result.sym = elements
                learnt += 1
    return learnt + sum(_make_constant(graph, r) for op in graph.ops for r in op.results)


def _is_index(value: Value) -> bool:
    return value.type.dtype in (DType.INT32, DType.INT64) and value.type.quant is None


def _make_constant(graph: Graph, value: Value) -> bool:
    elements = value.sym
    if elements is None or value.output_uses or not value.users or any(isinstance(e, Sym) for e in elements.flat):
        return False
    replace_result(graph, value, Value.constant(elements.astype(value.type.dtype.numpy)))
    erase_dead(graph, [value.op] if value.op is not None else [])
    return True


def share_elements(program: Program) -> int:
    """Uses one tensor for all whose elements are known to be equal sizes, in each graph."""
    return sum(_share_elements(graph) for graph in program.all_graphs())


def _share_elements(graph: Graph) -> int:
    first: dict[Hashable, Value] = {}
    changes = 0
    for op in graph.ops:
        for value in op.results:
            elements = value.sym if _is_index(value) else None
            if elements is None or not value.users or value.output_uses:
                continue
            key = (value.type, tuple(elements.flat))
            kept = first.get(key)
            if kept is None or kept.op is None or kept.op.graph is not graph:  # none yet, or erased since
                first[key] = value
            else:
                replace_result(graph, value, kept)
                erase_dead(graph, [op])
                changes += 1
    return changes


# -- shorter chains ---------------------------------------------------------------------------------------------------


class Piece(NamedTuple):
    """A stretch of the wanted elements: ``count`` dimensions of ``source`` from ``axis`` on, or constants."""

    source: Value | None
    axis: int
    elements: tuple[Dim, ...]

    @property
    def is_whole(self) -> bool:
        return self.source is not None and len(self.elements) == self.source.rank


def rematerialize(op: Op, b: Builder) -> Outcome:
    """An operation whose only result is a known vector or scalar."""
    if len(op.results) != 1 or op.defn is SHAPE or not _is_index(op.result) or op.result.sym is None:
        return None
    elements, value = op.result.sym, op.result
    if elements.ndim > 1 or not any(isinstance(e, Sym) for e in elements.flat):
        return None
    shapes = _shapes(op)
    dying = _dying_ops(op)
    pieces = _plan(tuple(elements.flat), sorted([*shapes, *b.graph.inputs], key=lambda source: source.op in dying))
    if pieces is None:
        return None
    if _cost(pieces, shapes, dying, value.rank) >= len(dying - _survivors(pieces, dying)):
        return Declined("no shorter chain gives these elements")
    return _build(b, pieces, shapes, value)


def _dying_ops(op: Op, limit: int = 64) -> set[Op]:
    """The operations that would be dead if this one were."""
    dying = {op}
    stack = [op]
    while stack and len(dying) < limit:
        for value in stack.pop().inputs:
            below = value.op
            if below is None or below in dying or has_effects(below):
                continue
            if all(not r.output_uses and all(u in dying for u in r.users) for r in below.results):
                dying.add(below)
                stack.append(below)
    return dying


def _shapes(op: Op, limit: int = 64) -> dict[Value, Op | None]:
    """The tensors whose shape the chain reads, each with the SHAPE that does, if it has the result's element type."""
    found: dict[Value, Op | None] = {}
    seen: set[Op] = set()
    stack = [op]
    while stack and len(seen) < limit:
        at = stack.pop()
        if at in seen:
            continue
        seen.add(at)
        if at.defn is SHAPE:
            fits = at.result.type.dtype is op.result.type.dtype
            found[at["x"]] = at if fits else found.get(at["x"])
        else:
            stack.extend(v.op for v in at.inputs if v.op is not None and v.sym is not None)
    return found


def _plan(elements: tuple[Dim, ...], sources: Sequence[Value]) -> list[Piece] | None:
    """The elements as the longest stretches of shapes, greedily; None where one stands in no shape."""
    pieces: list[Piece] = []
    at = 0
    while at < len(elements):
        found = _longest_piece(elements[at:], sources)
        if found is None and isinstance(elements[at], Sym):
            return None
        if found is None or not any(isinstance(e, Sym) for e in found.elements):
            end = next((i for i in range(at, len(elements)) if isinstance(elements[i], Sym)), len(elements))
            found = Piece(None, 0, elements[at:end])
        pieces.append(found)
        at += len(found.elements)
    return pieces


def _longest_piece(elements: tuple[Dim, ...], sources: Sequence[Value]) -> Piece | None:
    best: Piece | None = None
    for source in sources:
        dims = source.type.shape or ()
        for axis in range(len(dims)):
            count = 0
            while axis + count < len(dims) and count < len(elements) and dims[axis + count] == elements[count]:
                count += 1
            if count and (best is None or count > len(best.elements)):
                best = Piece(source, axis, elements[:count])
    return best


def _cost(pieces: Sequence[Piece], shapes: Mapping[Value, Op | None], dying: set[Op], rank: int) -> int:
    """Operations there will be in place of the dying ones; a SHAPE of the chain that lives on anyway is free."""
    read = {p.source for p in pieces if p.source is not None}
    fresh = sum(shapes.get(source) is None or shapes[source] in dying for source in read)
    slices = sum(p.source is not None and (rank == 0 or not p.is_whole) for p in pieces)
    return fresh + slices + (len(pieces) > 1)


def _survivors(pieces: Sequence[Piece], dying: set[Op]) -> set[Op]:
    """The operations among the dying ones that the tensors whose shapes are read still need."""
    kept: set[Op] = set()
    stack = [p.source for p in pieces if p.source is not None]
    while stack:
        op = stack.pop().op
        if op is not None and op in dying and op not in kept:
            kept.add(op)
            stack.extend(op.inputs)
    return kept


def _build(b: Builder, pieces: Sequence[Piece], shapes: Mapping[Value, Op | None], like: Value) -> Value:
    dtype = like.type.dtype
    if like.rank == 0:
        (piece,) = pieces
        shape = _shape_of(b, piece, shapes, dtype)
        return b.strided_slice(shape, [piece.axis], [piece.axis + 1], [1], shrink_axis_mask=1)
    parts = [_part(b, piece, shapes, dtype) for piece in pieces]
    return parts[0] if len(parts) == 1 else b.concatenation(*parts, axis=0)


def _part(b: Builder, piece: Piece, shapes: Mapping[Value, Op | None], dtype: DType) -> Value:
    if piece.source is None:
        return b.constant(np.array(piece.elements, dtype.numpy))
    shape = _shape_of(b, piece, shapes, dtype)
    if piece.is_whole:
        return shape
    return b.strided_slice(shape, [piece.axis], [piece.axis + len(piece.elements)], [1])


def _shape_of(b: Builder, piece: Piece, shapes: Mapping[Value, Op | None], dtype: DType) -> Value:
    """The shape of a piece's source: the chain's own SHAPE, where it has the element type."""
    assert piece.source is not None
    own = shapes.get(piece.source)
    if own is not None:
        return own.result
    return b.shape(piece.source, out_type=dtype)


SHARED_ELEMENTS = ProgramPass("shared-elements", share_elements, after=("known-elements",))
KNOWN_ELEMENTS = ProgramPass("known-elements", derive_elements)
SHAPE_REMATERIALIZATION = Pass("shape-rematerialization", (EVERY,), rematerialize, after=("known-elements",))
PASSES = (KNOWN_ELEMENTS, SHARED_ELEMENTS, SHAPE_REMATERIALIZATION)
