"""The general gather: windows of a tensor at many places, by GATHER where it is one, else by GATHER_ND."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from litesmith.decompositions.indexing import clamp, dynamic_slice
from litesmith.decompositions.padding import slice_static
from litesmith.decompositions.shapes import broadcast_to, cast, iota, reshape, shape_vector, transpose
from litesmith.ir import Builder, Dim, DType, Value
from litesmith.ir.dims import broadcast, product

Axes = Sequence[int]


@dataclass(frozen=True)
class GatherDims:
    """Dimension numbers in XLA's terms; the index vector is the last dimension of the indices.

    offset: result dimensions that run within a window; collapsed: operand dimensions (of window size 1) the result does
    not have; index_map: the operand dimension each element of an index vector addresses; batching: pairs of operand and
    index dimensions that run together.
    """

    offset: tuple[int, ...]
    collapsed: tuple[int, ...]
    index_map: tuple[int, ...]
    operand_batching: tuple[int, ...] = ()
    indices_batching: tuple[int, ...] = ()


def gather_general(
    b: Builder,
    x: Value,
    indices: Value,
    dims: GatherDims,
    slice_sizes: Sequence[Dim],
    mode: str = "clip",
    fill: float | int | bool = 0,
) -> Value:
    """Windows of ``slice_sizes`` of ``x`` that begin at ``indices`` ([..., index vector], any integer type).

    mode: what a window that leaves the bounds becomes: ``clip`` moves it inside, ``fill`` makes all its elements
    ``fill``, ``promise`` takes the caller's word that there is none.
    """
    starts = cast(b, indices, DType.INT32)
    starts, valid = bounded_starts(b, x, starts, dims.index_map, slice_sizes, mode)
    windows = _gather(b, x, starts, dims, slice_sizes)
    return windows if valid is None else _fill_invalid(b, windows, valid, dims, fill)


# -- bounds -----------------------------------------------------------------------------------------------------------


def bounded_starts(
    b: Builder, x: Value, starts: Value, index_map: Axes, sizes: Sequence[Dim], mode: str
) -> tuple[Value, Value | None]:
    """Start indices brought within bounds, and (``fill``) a bool for each index vector: whether it was."""
    if mode == "promise" or not index_map:
        return starts, None
    limits = shape_vector(b, [x.dims[a] - sizes[a] for a in index_map], x)
    zero = b.constant(np.zeros(1, np.int32))
    if mode == "clip":
        return clamp(b, starts, zero, limits), None
    if starts.dims[-1] == 1:
        flat = reshape(b, starts, starts.dims[:-1], starts)
        clamped = clamp(b, flat, b.constant(np.zeros((), np.int32)), reshape(b, limits, ()))
        inside, valid = reshape(b, clamped, starts.dims, starts), b.equal(flat, clamped)
    else:
        inside = clamp(b, starts, zero, limits)
        equal = b.equal(_rows(b, starts), _rows(b, inside))
        valid = reshape(b, b.reduce_all(equal, [1], keep_dims=False), starts.dims[:-1], starts)
    if valid.is_const and bool(np.all(valid.numpy())):
        return starts, None
    return inside, valid


def _rows(b: Builder, vectors: Value) -> Value:
    """Index vectors as a matrix."""
    count = product(vectors.dims[:-1])
    return reshape(b, vectors, [count, vectors.dims[-1]])


def _fill_invalid(b: Builder, windows: Value, valid: Value, dims: GatherDims, fill: float | int | bool) -> Value:
    batch = iter(valid.dims)
    shape = [1 if i in dims.offset else next(batch) for i in range(windows.rank)]
    number = b.constant(np.array(fill, windows.type.dtype.numpy))
    return select(b, reshape(b, valid, shape, valid), windows, number)


def select(b: Builder, condition: Value, x: Value, y: Value) -> Value:
    """Elements of ``x`` where the condition holds, else of ``y``; all broadcast, whatever the rank."""
    rank = max(condition.rank, x.rank, y.rank)
    if rank <= 5 or condition.type.shape == x.type.shape == y.type.shape:
        return b.select_v2(condition, x, y)
    dims = _joint_dims(condition, x, y)
    flat = [reshape(b, broadcast_to(b, v, dims, x, y, condition), [product(dims)]) for v in (condition, x, y)]
    return reshape(b, b.select_v2(*flat), dims, x, y, condition)


def _joint_dims(*values: Value) -> list[Dim]:
    """The shape these broadcast to."""
    rank = max(v.rank for v in values)
    padded = [(1,) * (rank - v.rank) + v.dims for v in values]
    return [reduce(broadcast, sizes) for sizes in zip(*padded, strict=True)]


# -- gathering --------------------------------------------------------------------------------------------------------


def _gather(b: Builder, x: Value, starts: Value, dims: GatherDims, sizes: Sequence[Dim]) -> Value:
    if starts.rank == 1 and not dims.operand_batching:
        return _one_window(b, x, starts, dims, sizes)
    indexed = {*dims.index_map, *dims.operand_batching}
    x = slice_static(b, x, [0] * x.rank, [d if a in indexed else sizes[a] for a, d in enumerate(x.dims)])
    windowed = [a for a in sorted(dims.index_map) if sizes[a] != 1]
    if not windowed and len(dims.index_map) == 1:
        windows, order = _along_axis(b, x, starts, dims)
    else:
        windows, order = _by_vectors(b, x, starts, dims, windowed, sizes)
    return _arrange(b, windows, order, starts, dims, sizes)


def _one_window(b: Builder, x: Value, starts: Value, dims: GatherDims, sizes: Sequence[Dim]) -> Value:
    places: list[Value | int] = [0] * x.rank
    for number, axis in enumerate(dims.index_map):
        places[axis] = reshape(b, slice_static(b, starts, [number], [number + 1]), ())
    window = dynamic_slice(b, x, places, sizes)
    return reshape(b, window, [d for a, d in enumerate(window.dims) if a not in dims.collapsed])


def _batch_axes(starts: Value, dims: GatherDims) -> tuple[list[int], list[int]]:
    """Batch dimensions of the indices: those that run together with the operand's, and the others."""
    together = list(dims.indices_batching)
    return together, [a for a in range(starts.rank - 1) if a not in together]


def _along_axis(b: Builder, x: Value, starts: Value, dims: GatherDims) -> tuple[Value, list[tuple[str, int]]]:
    """GATHER along one axis. Returns what each result dimension is: ("batch", index dim) or ("window", operand dim)."""
    (axis,) = dims.index_map
    together, others = _batch_axes(starts, dims)
    batching = list(dims.operand_batching)
    rest = [a for a in range(x.rank) if a not in batching]
    operand = transpose(b, x, [*batching, *rest])
    flat = reshape(b, starts, starts.dims[:-1], starts)
    places = transpose(b, flat, [*together, *others])
    at = len(batching) + rest.index(axis)
    windows = b.gather(operand, places, axis=at, batch_dims=len(batching))
    before, after = rest[: rest.index(axis)], rest[rest.index(axis) + 1 :]
    order = [("batch", a) for a in together]
    order += [("window", a) for a in before]
    order += [("batch", a) for a in others]
    order += [("window", a) for a in after]
    return windows, order


def _by_vectors(
    b: Builder, x: Value, starts: Value, dims: GatherDims, windowed: list[int], sizes: Sequence[Dim]
) -> tuple[Value, list[tuple[str, int]]]:
    """GATHER_ND with an index vector for every element of the addressed and batching dimensions."""
    addressed = sorted({*dims.index_map, *dims.operand_batching})
    passed = [a for a in range(x.rank) if a not in addressed]
    vectors = index_vectors(b, starts, dims, windowed, sizes, addressed)
    windows = b.gather_nd(transpose(b, x, [*addressed, *passed]), vectors)
    order = [("batch", a) for a in range(starts.rank - 1)]
    order += [("window", a) for a in windowed]
    order += [("window", a) for a in passed]
    return windows, order


def index_vectors(
    b: Builder, starts: Value, dims: GatherDims, windowed: list[int], sizes: Sequence[Dim], addressed: list[int]
) -> Value:
    """[*batch, *windows, len(addressed)]: for each element of every window, where it is in the addressed dimensions."""
    batch = list(starts.dims[:-1])
    shape = [*batch, *(sizes[a] for a in windowed)]
    components = []
    for axis in addressed:
        if axis in dims.operand_batching:
            place = dims.indices_batching[dims.operand_batching.index(axis)]
            part = _number_line(b, shape, place, starts)
        else:
            number = dims.index_map.index(axis)
            ends = [*batch, number + 1]
            part = reshape(
                b, slice_static(b, starts, [0] * len(batch) + [number], ends), [*batch, *[1] * len(windowed)]
            )
        if axis in windowed:
            part = b.add(part, _number_line(b, shape, len(batch) + windowed.index(axis), starts))
        components.append(reshape(b, broadcast_to(b, part, shape, starts), [*shape, 1], starts))
    return b.concatenation(*components, axis=len(shape))


def _number_line(b: Builder, shape: Sequence[Dim], axis: int, source: Value) -> Value:
    """0, 1, 2, … along one axis of this many dimensions, the others of size 1."""
    return iota(b, [d if i == axis else 1 for i, d in enumerate(shape)], axis, DType.INT32, source)


def _arrange(
    b: Builder, result: Value, order: list[tuple[str, int]], starts: Value, dims: GatherDims, sizes: Sequence[Dim]
) -> Value:
    """The dimensions in the result's order, those of window size 1 that are kept put back in."""
    hidden = {*dims.collapsed, *dims.operand_batching}
    window_axes = [a for a in range(len(sizes)) if a not in hidden]
    batch = iter([("batch", a) for a in range(starts.rank - 1)])
    windows = iter([("window", a) for a in window_axes])
    rank = starts.rank - 1 + len(window_axes)
    wanted = [next(windows) if i in dims.offset else next(batch) for i in range(rank)]
    present = [w for w in wanted if w in order]
    result = transpose(b, result, [order.index(w) for w in present])
    sized = iter(result.dims)
    shape = [next(sized) if w in order else 1 for w in wanted]
    return reshape(b, result, shape, starts)
