"""The general scatter: windows written, added, multiplied … into a tensor at many places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from litesmith.decompositions.gather import GatherDims, bounded_starts, index_vectors, select
from litesmith.decompositions.indexing import dynamic_update_slice
from litesmith.decompositions.padding import slice_static
from litesmith.decompositions.shapes import broadcast_to, cast, merge, reshape, shape_vector, size_value, transpose
from litesmith.errors import UnsupportedError
from litesmith.ir import Builder, Dim, DType, Graph, TensorType, Value

COMBINE = {
    "set": None,
    "add": "STABLEHLO_ADD",
    "mul": "STABLEHLO_MULTIPLY",
    "min": "STABLEHLO_MINIMUM",
    "max": "STABLEHLO_MAXIMUM",
}


def scatter_general(
    b: Builder,
    x: Value,
    indices: Value,
    updates: Value,
    dims: GatherDims,
    combine: str = "set",
    mode: str = "clip",
) -> Value:
    """``x`` with windows of ``updates`` combined into the places ``indices`` ([..., index vector]) says.

    ``dims`` as for a gather that would read what is written here: ``offset`` are the window dimensions of ``updates``,
    ``collapsed`` the inserted ones. combine: set, add, mul, min or max; of several windows set in one place the last
    stays. mode: ``clip`` moves a window that leaves the bounds inside, ``fill`` drops it, ``promise`` takes the
    caller's word that there is none.
    """
    if not x.rank:
        result = scatter_general(b, reshape(b, x, [1]), indices, updates, replace(dims, collapsed=(0,)), combine, mode)
        return reshape(b, result, [])
    sizes = _window_sizes(x, updates, dims)
    starts = cast(b, indices, DType.INT32)
    starts, valid = bounded_starts(b, x, starts, dims.index_map, sizes, mode)
    if combine == "set" and starts.rank == 1 and not dims.operand_batching:
        result = _one_window(b, x, starts, updates, dims, sizes)
        return result if valid is None else select(b, valid, result, x)
    windowed = [a for a in range(x.rank) if sizes[a] != 1 and (a in dims.index_map or sizes[a] != x.dims[a])]
    zeros = [a for a in windowed if a not in dims.index_map]
    if not (windowed or dims.index_map or dims.operand_batching):  # each window is all of x: one dimension is indexed
        zeros = [next((a for a in range(x.rank) if isinstance(x.dims[a], int)), 0)]
        windowed = [a for a in zeros if a not in dims.collapsed]
    starts, dims = _with_zero_starts(b, starts, dims, zeros)
    addressed = sorted({*dims.index_map, *dims.operand_batching})
    passed = [a for a in range(x.rank) if a not in addressed]
    vectors = index_vectors(b, starts, dims, windowed, sizes, addressed)
    values = _arranged_updates(b, updates, dims, windowed, passed, starts, sizes)
    if valid is not None:
        valid = _spread_over(b, valid, vectors)
    operand = transpose(b, x, [*addressed, *passed])
    result = scatter_nd(b, operand, vectors, values, combine, valid)
    return transpose(b, result, [[*addressed, *passed].index(a) for a in range(x.rank)])


def _window_sizes(x: Value, updates: Value, dims: GatherDims) -> list[Dim]:
    window = iter([updates.dims[a] for a in dims.offset])
    hidden = {*dims.collapsed, *dims.operand_batching}
    return [1 if a in hidden else next(window) for a in range(x.rank)]


def _one_window(b: Builder, x: Value, starts: Value, updates: Value, dims: GatherDims, sizes: Sequence[Dim]) -> Value:
    places: list[Value | int] = [0] * x.rank
    for number, axis in enumerate(dims.index_map):
        places[axis] = reshape(b, slice_static(b, starts, [number], [number + 1]), ())
    return dynamic_update_slice(b, x, reshape(b, updates, sizes, updates), places)


def _with_zero_starts(b: Builder, starts: Value, dims: GatherDims, axes: list[int]) -> tuple[Value, GatherDims]:
    """Index vectors that also address these dimensions, at 0."""
    if not axes:
        return starts, dims
    zeros = b.pad(starts, np.array([[0, 0]] * (starts.rank - 1) + [[0, len(axes)]], np.int32))
    wider = GatherDims(
        dims.offset, dims.collapsed, (*dims.index_map, *axes), dims.operand_batching, dims.indices_batching
    )
    return zeros, wider


def _arranged_updates(
    b: Builder,
    updates: Value,
    dims: GatherDims,
    windowed: list[int],
    passed: list[int],
    starts: Value,
    sizes: Sequence[Dim],
) -> Value:
    """Updates as [*batch, *windows, *passed]."""
    hidden = {*dims.collapsed, *dims.operand_batching}
    operand_axes = [a for a in range(len(sizes)) if a not in hidden]
    place = dict(zip(operand_axes, dims.offset, strict=True))
    batch = [a for a in range(updates.rank) if a not in dims.offset]
    ones = [a for a in operand_axes if a not in windowed and a not in passed]
    order = [*batch, *(place[a] for a in ones), *(place[a] for a in windowed), *(place[a] for a in passed)]
    moved = transpose(b, updates, order)
    shape = [d for i, d in enumerate(moved.dims) if not len(batch) <= i < len(batch) + len(ones)]
    return reshape(b, moved, shape, updates)


def _spread_over(b: Builder, valid: Value, vectors: Value) -> Value:
    """One bool for each index vector of every window."""
    shape = vectors.dims[:-1]
    return broadcast_to(b, reshape(b, valid, [*valid.dims, *[1] * (len(shape) - valid.rank)]), shape, vectors)


def scatter_nd(
    b: Builder, x: Value, indices: Value, updates: Value, combine: str = "set", valid: Value | None = None
) -> Value:
    """Rows of ``updates`` [*batch, *rest] combined into ``x`` [*addressed, *rest] at ``indices`` [*batch, addressed].

    valid: [*batch] bool, updates that are not valid change nothing. Indices must be within bounds where valid.
    """
    if combine not in COMBINE:
        raise UnsupportedError(f"a scatter that combines by {combine!r}", f"use one of {', '.join(COMBINE)}")
    depth = indices.dims[-1]
    if x.type.dtype is DType.BOOL:
        result = scatter_nd(b, cast(b, x, DType.INT8), indices, cast(b, updates, DType.INT8), combine, valid)
        return cast(b, result, DType.BOOL)
    batch = list(range(indices.rank - 1))
    rows = merge(b, indices, batch, [indices.rank - 1])
    values = merge(b, updates, batch, *([a] for a in range(len(batch), updates.rank)))
    if valid is not None:
        valid = reshape(b, valid, rows.dims[:1], indices)
    if combine == "add" and x.type.dtype in (DType.FLOAT32, DType.INT32, DType.INT64):
        return _add_rows(b, x, rows, values, valid)
    if valid is not None:
        outside = size_value(b, x.dims[0], x)
        rows = b.select_v2(reshape(b, valid, [rows.dims[0], 1]), rows, outside)
    if not isinstance(depth, int):
        raise UnsupportedError(
            "a scatter to indices of unknown length", "give the last dimension of the indices a size"
        )
    return _scatter_rows(b, x, rows, values, depth, combine)


def _add_rows(b: Builder, x: Value, rows: Value, values: Value, valid: Value | None) -> Value:
    if valid is not None:
        condition = reshape(b, valid, [rows.dims[0], *[1] * (values.rank - 1)])
        values = select(b, condition, values, b.constant(np.zeros((), x.type.dtype.numpy)))
    total = b.scatter_nd(rows, values, shape_vector(b, x.dims, x))
    return b.add(x, total)


def _scatter_rows(b: Builder, x: Value, rows: Value, values: Value, depth: int, combine: str) -> Value:
    return b.stablehlo_scatter(
        x,
        rows,
        values,
        update_window_dims=tuple(range(1, values.rank)),
        inserted_window_dims=tuple(range(depth)),
        scatter_dims_to_operand_dims=tuple(range(depth)),
        index_vector_dim=1,
        update_computation_subgraph=_combination(b, combine, x.type.dtype),
    )


def _combination(b: Builder, combine: str, dtype: DType) -> Graph:
    """The scalar function that joins the old element and the new one."""
    graph = Graph(f"scatter_{combine}")
    old, new = (graph.add_input(TensorType(dtype, ()), name) for name in ("old", "new"))
    name = COMBINE[combine]
    graph.outputs = [new if name is None else b.on(graph).emit(b.opset[name], [old, new])[0]]
    return graph
