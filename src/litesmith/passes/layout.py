"""Transposes meet and vanish: every group of layout-agnostic operations gets the layout that needs the fewest.

    %1 = TRANSPOSE(%conv, [0, 3, 1, 2])            n h w c → n c h w
    %2 = MUL(%1, const[c, 1, 1])
    %3 = ADD(%2, %other)                           %other = TRANSPOSE(…, [0, 3, 1, 2])
    %4 = TRANSPOSE(%3, [0, 2, 3, 1])
    %5 = CONV_2D(%4, …)
⇒
    %2 = MUL(%conv, const[1, 1, c])
    %3 = ADD(%2, …)
    %5 = CONV_2D(%3, …)

Operations that do not care about the order of dimensions (element-wise ones; CONCATENATION, PAD, SPLIT, SLICE, kept
reductions … with their axes renamed) form connected regions. A region's cost in a layout is the transposes needed
where values enter and leave it; the candidates are the layouts that undo a transpose at its boundary. A region moves only
when its cost falls, and stays where it was when the transposes of the graph, counted again, did not become cheaper: so
their number never grows and the pass ends. On equal counts a transpose moves away
from an operation with weights, so that scales, biases and activations after it can be folded, or to the smaller tensor.

Legal because transposing all operands of such an operation transposes its results. Each sweep is linear.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Graph, Op, Program, Value
from litesmith.ops import OPS
from litesmith.ops.layout import TRANSPOSE
from litesmith.passes.driver import ProgramPass, erase_dead, merge_origins, replace_result
from litesmith.passes.layout_rules import (
    Permutation,
    absorbs,
    compose,
    inverse,
    is_free,
    permutation_of,
    permute_op,
    permutes,
)

NAME = "layout"
SWEEPS = 64


class Cost(NamedTuple):
    """Transposes at a region's boundary; those right after an operation with weights; elements they move."""

    transposes: int = 0
    blocking: int = 0
    elements: int = 0

    def plus(self, source: Value) -> Cost:
        """With one more transpose, of this value."""
        blocks = source.op is not None and source.op.defn.weights is not None
        return Cost(self.transposes + 1, self.blocking + blocks, self.elements + _elements(source))


def _elements(value: Value) -> int:
    """Number of elements, unknown sizes taken as 1."""
    return int(np.prod([d for d in value.dims if isinstance(d, int)], dtype=np.int64))


Region: TypeAlias = "list[Op]"


def choose_layouts(program: Program) -> int:
    """Moves regions to cheaper layouts until none is left to move. Returns how many moved."""
    return sum(_choose(graph) for graph in program.all_graphs())


def _choose(graph: Graph) -> int:
    total = 0
    for _ in range(SWEEPS):
        if not any(op.defn is TRANSPOSE for op in graph.ops):
            break
        known = set(graph.ops)
        moved = sum(_settle(graph, region, known) for region in regions(graph))
        total += moved
        if not moved:
            break
    return total


# -- regions ----------------------------------------------------------------------------------------------------------


def regions(graph: Graph) -> list[Region]:
    """The layout-agnostic operations, grouped by what is connected, in program order."""
    parent: dict[Op, Op] = {op: op for op in graph.ops if permutes(op)}

    def root(op: Op) -> Op:
        while parent[op] is not op:
            parent[op] = parent[parent[op]]
            op = parent[op]
        return op

    for op in parent:
        for value in op.inputs:
            if value.op in parent and value.rank == op.results[0].rank:
                parent[root(op)] = root(value.op)
    groups: dict[Op, Region] = {}
    for op in parent:
        groups.setdefault(root(op), []).append(op)
    return list(groups.values())


class _Boundary(NamedTuple):
    """Where values enter and leave a region."""

    entering: list[Value]
    leaving: list[Value]


def _boundary(region: Region) -> _Boundary:
    members = set(region)
    rank = region[0].results[0].rank
    entering = {
        v: None for op in region for v in op.inputs if not v.is_const and v.op not in members and v.rank == rank
    }
    leaving = [r for op in region for r in op.results if r.output_uses or any(u not in members for u in r.users)]
    return _Boundary(list(entering), leaving)


def _candidates(boundary: _Boundary, members: set[Op]) -> dict[Permutation, None]:
    found: dict[Permutation, None] = {}
    for value in boundary.entering:
        perm = permutation_of(value.op)
        if perm is not None:
            found[inverse(perm)] = None
    for value in boundary.leaving:
        for user in value.users:
            perm = permutation_of(user)
            if perm is not None and user not in members:
                found[perm] = None
    return found


# -- costs ------------------------------------------------------------------------------------------------------------


def _cost(boundary: _Boundary, members: set[Op], perm: Permutation | None) -> Cost:
    """Cost of the region in the layout ``perm`` of its present one (None: as it is)."""
    cost = Cost()
    for value in boundary.entering:
        cost = _entering_cost(cost, value, members, perm)
    for value in boundary.leaving:
        cost = _leaving_cost(cost, value, members, perm)
    return cost


def _entering_cost(cost: Cost, value: Value, members: set[Op], perm: Permutation | None) -> Cost:
    present = permutation_of(value.op)
    if perm is None:
        return cost.plus(value.op["x"]) if value.op is not None and present is not None else cost
    if present is None or value.op is None:
        return cost if is_free(value.dims, perm) else cost.plus(value)
    source = value.op["x"]
    if value.output_uses or any(u not in members for u in value.users):
        cost = cost.plus(source)
    if source.op in members:  # it moves, too
        present, dims = compose(inverse(perm), present), [source.dims[p] for p in perm]
    else:
        dims = list(source.dims)
    return cost if is_free(dims, compose(present, perm)) else cost.plus(source)


def _leaving_cost(cost: Cost, value: Value, members: set[Op], perm: Permutation | None) -> Cost:
    outside = [u for u in value.users if u not in members]
    back = () if perm is None else inverse(perm)
    dims = value.dims if perm is None else [value.dims[p] for p in perm]
    wanted: dict[Permutation, list[Value]] = {}
    for user in outside:
        asked = permutation_of(user)
        if asked is not None and not any(u in members for u in user.result.users):  # else it is counted as it enters
            wanted.setdefault(asked, []).append(user.result)
    for asked, results in wanted.items():
        joined = compose(back, asked) if perm is not None else asked
        if not is_free(dims, joined) and not all(_is_absorbed(r, joined) for r in results):
            cost = cost.plus(value)
    plain = [u for u in outside if permutation_of(u) is None]
    needed = bool(value.output_uses) or not all(perm is not None and absorbs(u, value, back) for u in plain)
    if perm is not None and needed and not is_free(dims, back):
        cost = cost.plus(value)
    return cost


def _is_absorbed(result: Value, perm: Permutation) -> bool:
    """Whether all users of a transpose's result take what it transposes in its place, once it is transposed so."""
    return not result.output_uses and all(absorbs(u, result, perm) for u in result.users)


# -- moving a region --------------------------------------------------------------------------------------------------


_NEAR = 3
"""So far from a region, in operations, a move can change which transposes there are and which of them are absorbed."""


def _neighbourhood(region: Region) -> dict[Op, None]:
    """The operations around a region, itself included."""
    found = dict.fromkeys(region)
    last = list(found)
    for _ in range(_NEAR):
        around = [u for op in last for r in op.results for u in r.users]
        around += [v.op for op in last for v in op.inputs if v.op is not None]
        last = [op for op in dict.fromkeys(around) if op not in found]
        found.update(dict.fromkeys(last))
    return found


def _settle(graph: Graph, region: Region, known: set[Op]) -> bool:
    """Moves a region to its cheapest layout, when that is cheaper than where it is.

    known: the operations there are, kept up to date; only those around the region and new ones are looked at, so that a
    sweep is linear.
    """
    members = set(region)
    if any(op.graph is not graph for op in region):
        return False
    boundary = _boundary(region)
    costs = {perm: _cost(boundary, members, perm) for perm in _candidates(boundary, members)}
    if not costs:
        return False
    best = min(costs, key=lambda perm: costs[perm])
    if costs[best] >= _cost(boundary, members, None):
        return False
    near = _neighbourhood(region)
    before = _transpose_cost(near)
    moved = _move(graph, region, boundary, best)
    fresh = [op for op in _neighbourhood([*moved, *(op for op in near if op.graph is graph)]) if op not in known]
    known.update(fresh)
    if _transpose_cost([op for op in (*near, *fresh) if op.graph is graph]) < before:
        return True
    if moved:
        back = _move(graph, moved, _boundary(moved), inverse(best))
        known.update(_neighbourhood([*back, *(op for op in near if op.graph is graph)]))
    return False


def _transpose_cost(ops: Iterable[Op]) -> Cost:
    """The cost of the transposes among these operations."""
    cost = Cost()
    for op in ops:
        perm = permutation_of(op)
        if perm is not None and not _is_absorbed(op.result, perm):
            cost = cost.plus(op["x"])
    return cost


def _move(graph: Graph, region: Region, boundary: _Boundary, perm: Permutation) -> Region:
    """Gives the region the layout ``perm`` of its present one; returns the operations that take its place."""
    moved: dict[Value, Value] = {}
    members, entering = set(region), set(boundary.entering)
    for op in region:
        b = Builder(graph, OPS, op, tuple(o.through(NAME) for o in op.origins))
        for value in op.inputs:
            if value not in moved and value in entering:
                moved[value] = transpose(b, value, perm)
        results = permute_op(b, op, perm, moved)
        moved.update(zip(op.results, results, strict=True))
    for value in boundary.leaving:
        _leave(graph, value, moved[value], members, perm)
    for op in reversed(region):
        for result in op.results:
            if result.name and not moved[result].name:
                moved[result].name = result.name
        erase_dead(graph, [op])
    ops = (moved[r].op for op in region for r in op.results)
    return list(dict.fromkeys(op for op in ops if op is not None and op.graph is graph and permutes(op)))


def _leave(graph: Graph, old: Value, new: Value, members: set[Op], perm: Permutation) -> None:
    """Gives the users outside what they had, and joins the transposes among them with the one that needs."""
    assert old.op is not None
    b = Builder(graph, OPS, old.op, tuple(o.through(NAME) for o in old.op.origins))
    outside = [u for u in old.users if u not in members]
    for user in outside:
        asked = permutation_of(user)
        if asked is None:
            continue
        joined = transpose(b, new, compose(inverse(perm), asked))
        replace_result(graph, user.result, joined, refine=joined is not new)
        if joined is not new and joined.op is not None:
            merge_origins([joined.op], [], user, NAME)
        graph.erase(user)
    if old.output_uses or any(u.graph is graph for u in outside):
        replace_result(graph, old, transpose(b, new, inverse(perm)), refine=True)
        old.name = ""


def transpose(b: Builder, value: Value, perm: Sequence[int]) -> Value:
    """The value transposed; joined with a transpose below, folded on a constant, a reshape where that is enough."""
    return b.transpose(value, np.array(perm, np.int32))


LAYOUT = ProgramPass(NAME, choose_layouts)
PASSES = (LAYOUT,)
