"""Gather, scatter, dynamic slices and windows against literal NumPy ones."""

import itertools
from typing import Any

import numpy as np
import pytest

from litesmith.decompositions.gather import GatherDims, gather_general
from litesmith.decompositions.indexing import dynamic_slice, dynamic_update_slice, take_along_axis
from litesmith.decompositions.padding import pad, slice_static
from litesmith.decompositions.scatter import scatter_general
from litesmith.decompositions.windows import identity_of, pool, reduce_window
from litesmith.ir import DType
from tests.arrays import f32, i32
from tests.decompositions.harness import Case, check


def _places(x, start, sizes, mode):
    """Start of a window in all dimensions, None where it is dropped."""
    limit = [n - s for n, s in zip(x.shape, sizes, strict=True)]
    inside = [min(max(p, 0), m) for p, m in zip(start, limit, strict=True)]
    return None if mode == "fill" and inside != list(start) else inside


def _windows(x, indices, dims, sizes, mode):
    """(index of the batch, place of its window)."""
    for at in np.ndindex(*indices.shape[:-1]):
        start = [0] * x.ndim
        for number, axis in enumerate(dims.index_map):
            start[axis] = int(indices[at][number])
        for axis, place in zip(dims.operand_batching, dims.indices_batching, strict=True):
            start[axis] = at[place]
        yield at, _places(x, start, sizes, mode)


def _result_index(dims, rank, at):
    """Index of one batch element's window in the result (or the updates)."""
    batch = iter(at)
    return tuple(slice(None) if i in dims.offset else next(batch) for i in range(rank))


def reference_gather(x, indices, dims, sizes, mode, fill=0):
    hidden = tuple(sorted({*dims.collapsed, *dims.operand_batching}))
    window = [s for a, s in enumerate(sizes) if a not in hidden]
    rank = indices.ndim - 1 + len(window)
    batch, inner = iter(indices.shape[:-1]), iter(window)
    made = np.full([next(inner) if i in dims.offset else next(batch) for i in range(rank)], fill, x.dtype)
    for at, place in _windows(x, indices, dims, sizes, mode):
        if place is not None:
            part = x[tuple(slice(p, p + s) for p, s in zip(place, sizes, strict=True))]
            made[_result_index(dims, rank, at)] = part.reshape(window)
    return made


OPERATIONS: dict[str, Any] = {
    "set": lambda old, new: new,
    "add": np.add,
    "mul": np.multiply,
    "min": np.minimum,
    "max": np.maximum,
}


def reference_scatter(x, indices, updates, dims, combine, mode):
    hidden = {*dims.collapsed, *dims.operand_batching}
    window = iter([updates.shape[a] for a in dims.offset])
    sizes = [1 if a in hidden else next(window) for a in range(x.ndim)]
    made = x.copy()
    for at, place in _windows(x, indices, dims, sizes, mode):
        if place is not None:
            where = tuple(slice(p, p + s) for p, s in zip(place, sizes, strict=True))
            new = updates[_result_index(dims, updates.ndim, at)].reshape(sizes)
            made[where] = OPERATIONS[combine](made[where], new)
    return made


def _gather(name, x, indices, dims, sizes, mode="clip", fill=0, **options):
    return Case(
        name,
        lambda b, p, q: gather_general(b, p, q, dims, sizes, mode, fill),
        lambda p, q: reference_gather(p, q, dims, sizes, mode, fill),
        (x, indices),
        0,
        **options,
    )


def _scatter(name, x, indices, updates, dims, combine, mode="clip", tolerance=1e-6, **options):
    return Case(
        name,
        lambda b, p, q, u: scatter_general(b, p, q, u, dims, combine, mode),
        lambda p, q, u: reference_scatter(p, q, u, dims, combine, mode),
        (x, indices, updates),
        tolerance,
        **options,
    )


X = f32(5, 6, 7)
ROWS = GatherDims((1, 2), (0,), (0,))
POINTS = GatherDims((1,), (0, 1), (0, 1))
GATHERS = [
    _gather("rows", X, i32(4, 1, low=0, high=5), ROWS, (1, 6, 7), expect={"GATHER": 1, "TRANSPOSE": 0}),
    _gather("rows dynamic", X, i32(4, 1, low=0, high=5), ROWS, (1, 6, 7), shapes=[(5, 6, 7), ("n", 1)]),
    _gather("rows clipped", X, i32(4, 1, low=-3, high=9), ROWS, (1, 6, 7)),
    _gather("rows filled", X, i32(4, 1, low=-3, high=9), ROWS, (1, 6, 7), "fill", np.nan),
    _gather(
        "constant rows",
        X,
        i32(4, 1, low=0, high=5),
        ROWS,
        (1, 6, 7),
        "fill",
        np.nan,
        constant=[1],
        expect={"GATHER": 1, "SELECT_V2": 0},
    ),
    _gather(
        "middle axis",
        X,
        i32(4, 2, 1, low=0, high=6),
        GatherDims((0, 3), (1,), (1,)),
        (5, 1, 7),
        expect={"GATHER": 1, "TRANSPOSE": 0},
    ),
    _gather("batch first", X, i32(4, 1, low=0, high=6), GatherDims((1, 2), (1,), (1,)), (5, 1, 7)),
    _gather("kept dimension", X, i32(4, 1, low=0, high=6), GatherDims((1, 2, 3), (), (1,)), (5, 1, 7)),
    _gather("points", X, i32(4, 2, low=0, high=5), POINTS, (1, 1, 7), expect={"GATHER_ND": 1}),
    _gather("points crossed", X, i32(4, 2, low=0, high=5), GatherDims((1,), (0, 2), (2, 0)), (1, 6, 1)),
    _gather("points int64", X, i32(4, 2, low=-1, high=8).astype(np.int64), POINTS, (1, 1, 7), "fill", -1.0),
    _gather("windows", X, i32(4, 2, low=-1, high=6), GatherDims((1, 2, 3), (), (0, 1)), (2, 3, 7)),
    _gather("windows filled", X, i32(3, 2, 2, low=-1, high=6), GatherDims((2, 3), (0,), (0, 1)), (1, 3, 7), "fill"),
    _gather("partial rest", X, i32(4, 1, low=0, high=5), ROWS, (1, 6, 3)),
    _gather("one window", X, i32(2, low=-2, high=6), GatherDims((0, 1), (0,), (0, 2)), (1, 6, 3)),
    _gather("one window filled", X, np.array([4, 6], np.int32), GatherDims((0, 1), (0,), (0, 2)), (1, 6, 3), "fill"),
    _gather(
        "batched",
        f32(3, 5, 4),
        i32(3, 6, 1, low=0, high=5),
        GatherDims((2,), (1,), (1,), (0,), (0,)),
        (1, 1, 4),
        expect={"GATHER": 1, "TRANSPOSE": 0},
    ),
    _gather(
        "batched two",
        f32(3, 5, 4),
        i32(3, 4, 6, 1, low=0, high=5),
        GatherDims((), (1,), (1,), (0, 2), (0, 1)),
        (1, 1, 1),
    ),
    _gather("int32 rows", i32(5, 6), i32(4, 1, low=0, high=5), GatherDims((1,), (0,), (0,)), (1, 6)),
]
SCATTERS = (
    [
        _scatter(f"rows {kind}", X, np.array([[1], [3], [1]], np.int32), f32(3, 6, 7, seed="u"), ROWS, kind)
        for kind in OPERATIONS
    ]
    + [
        _scatter(
            f"rows {kind} dropped",
            X,
            np.array([[1], [7], [-1], [4]], np.int32),
            f32(4, 6, 7, seed="u"),
            ROWS,
            kind,
            "fill",
        )
        for kind in OPERATIONS
    ]
    + [
        _scatter("points", X, i32(4, 2, low=0, high=5), f32(4, 7, seed="u"), POINTS, "add"),
        _scatter(
            "points dynamic",
            X,
            i32(4, 2, low=0, high=5),
            f32(4, 7, seed="u"),
            POINTS,
            "add",
            shapes=[("a", 6, 7), ("n", 2), ("n", 7)],
        ),
        _scatter(
            "one row set",
            X,
            np.array([2], np.int32),
            f32(6, 7, seed="u"),
            GatherDims((0, 1), (0,), (0,)),
            "set",
            expect={"DYNAMIC_UPDATE_SLICE": 1},
        ),
        _scatter(
            "one row dropped",
            X,
            np.array([9], np.int32),
            f32(6, 7, seed="u"),
            GatherDims((0, 1), (0,), (0,)),
            "set",
            "fill",
        ),
        _scatter(
            "windows", X, i32(3, 2, low=-1, high=6), f32(3, 2, 3, 7, seed="u"), GatherDims((1, 2, 3), (), (0, 1)), "add"
        ),
        _scatter("partial rest", X, np.array([[1], [3]], np.int32), f32(2, 4, 7, seed="u"), ROWS, "set"),
        _scatter(
            "column", X, np.array([[1], [3]], np.int32), f32(5, 2, 7, seed="u"), GatherDims((0, 2), (1,), (1,)), "set"
        ),
        _scatter(
            "batched",
            f32(3, 5, 4),
            i32(3, 2, 1, low=0, high=5),
            f32(3, 2, 4),
            GatherDims((2,), (1,), (1,), (0,), (0,)),
            "add",
        ),
        _scatter(
            "int32 set",
            i32(5, 6),
            np.array([[1], [3]], np.int32),
            i32(2, 6, seed="u"),
            GatherDims((1,), (0,), (0,)),
            "set",
            tolerance=0,
        ),
        _scatter(
            "bool set",
            i32(5, 6) > 0,
            np.array([[1], [3]], np.int32),
            i32(2, 6, seed="u") > 0,
            GatherDims((1,), (0,), (0,)),
            "set",
            tolerance=0,
        ),
    ]
)


def _slice(name, sizes, *starts, shapes=()):
    def expected(x, *at):
        place = _places(x, [int(p) for p in at], sizes, "clip")
        return x[tuple(slice(p, p + s) for p, s in zip(place, sizes, strict=True))]

    arrays = [np.array(s, np.int32) for s in starts]
    return Case(name, lambda b, x, *at: dynamic_slice(b, x, at, sizes), expected, (X, *arrays), 0, shapes)


def _update(x, new, *starts):
    made, place = x.copy(), _places(x, [int(p) for p in starts], new.shape, "clip")
    made[tuple(slice(p, p + s) for p, s in zip(place, new.shape, strict=True))] = new
    return made


SLICES = [
    _slice("dynamic slice", (2, 6, 3), 1, 0, 2),
    _slice("dynamic slice clamped", (2, 6, 3), 9, 5, -2),
    _slice("dynamic slice of unknown size", (2, 2, 3), 4, 1, 6, shapes=[("a", 6, "c")]),
    Case(
        "update",
        lambda b, x, u, *at: dynamic_update_slice(b, x, u, at),
        _update,
        (X, f32(2, 6, 3, seed="u"), *(np.array(s, np.int32) for s in (4, 1, 2))),
        0,
    ),
    Case(
        "along axis",
        lambda b, x, i: take_along_axis(b, x, i, 1),
        lambda x, i: np.take_along_axis(x, i, 1),
        (X, i32(5, 3, 7, low=0, high=6)),
        0,
    ),
    Case(
        "pad and crop",
        lambda b, x: pad(b, x, [(1, -2), (0, 3), (-1, 0)], 7.0),
        lambda x: np.pad(x[:, :, 1:][:-2], [(1, 0), (0, 3), (0, 0)], constant_values=7),
        (X,),
        0,
        [("a", "b", 7)],
    ),
    Case(
        "pad rank 7",
        lambda b, x: pad(b, x, [(0, 0)] * 3 + [(1, 2)] + [(0, 0)] * 3),
        lambda x: np.pad(x, [(0, 0)] * 3 + [(1, 2)] + [(0, 0)] * 3),
        (f32(1, 2, 1, 3, 2, 1, 2),),
        0,
    ),
    Case(
        "slice rank 7",
        lambda b, x: slice_static(b, x, [0, 0, 1, 0, 0, 0, 0], [1, 2, 3, 3, 2, 1, 2], [1, 1, 1, 2, 1, 1, 1]),
        lambda x: x[:, :, 1:3, ::2],
        (f32(1, 2, 4, 3, 2, 1, 2),),
        0,
    ),
]


def reference_window(x, kind, window, strides, padding, base, dilation):
    neutral = identity_of(kind, DType.of(x.dtype))
    spread = np.full([(n - 1) * f + 1 for n, f in zip(x.shape, base, strict=True)], neutral, x.dtype)
    spread[tuple(slice(None, None, f) for f in base)] = x
    padded = np.pad(spread, padding, constant_values=neutral)
    spans = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
    sizes = [(n - k) // s + 1 for n, k, s in zip(padded.shape, spans, strides, strict=True)]
    made = np.zeros(sizes, x.dtype)
    reduce: Any = {"add": np.sum, "mul": np.prod, "min": np.min, "max": np.max, "and": np.all, "or": np.any}[kind]
    for at in itertools.product(*map(range, sizes)):
        part = padded[
            tuple(slice(i * s, i * s + k, d) for i, s, k, d in zip(at, strides, spans, dilation, strict=True))
        ]
        made[at] = reduce(part.astype(np.float64) if x.dtype == np.float32 else part)
    return made


def _window(name, x, kind, window, strides=None, padding=None, base=None, dilation=None, tolerance=1e-6, **options):
    rank = x.ndim
    full = (strides or [1] * rank, padding or [(0, 0)] * rank, base or [1] * rank, dilation or [1] * rank)
    return Case(
        name,
        lambda b, p: reduce_window(b, p, kind, window, *full),
        lambda p: reference_window(p, kind, window, *full),
        (x,),
        tolerance,
        **options,
    )


def _reference_pool(x, kind, window, strides, padding, count_padding):
    args = ((1, *window, 1), (1, *strides, 1), [(0, 0), *padding, (0, 0)], [1] * x.ndim, [1] * x.ndim)
    if kind == "max":
        return reference_window(x, "max", *args)
    ones = np.ones_like(x) if not count_padding else np.full_like(x, 1)
    total = reference_window(x, "add", *args)
    if count_padding:
        return total / np.float32(np.prod(window))
    return total / reference_window(ones, "add", *args)


def _pool(name, x, kind, window, strides, padding, count_padding=False, **options):
    explicit = [(0, 0)] * len(window) if padding == "VALID" else padding
    if padding == "SAME":
        explicit = []
        for n, k, s in zip(x.shape[1:-1], window, strides, strict=True):
            total = max((-(-n // s) - 1) * s + k - n, 0)
            explicit.append((total // 2, total - total // 2))
    return Case(
        name,
        lambda b, p: pool(b, p, kind, window, strides, padding, count_padding),
        lambda p: _reference_pool(p, kind, window, strides, explicit, count_padding),
        (x,),
        1e-6,
        **options,
    )


IMAGE = f32(2, 7, 8, 3)
WINDOWS = [
    _window("max", IMAGE, "max", (1, 2, 3, 1), (1, 2, 2, 1), expect={"MAX_POOL_2D": 1, "TRANSPOSE": 0}),
    _window("max same", IMAGE, "max", (1, 3, 3, 1), None, [(0, 0), (1, 1), (1, 1), (0, 0)], expect={"PADV2": 0}),
    _window(
        "max padded",
        IMAGE,
        "max",
        (1, 3, 3, 1),
        (1, 2, 2, 1),
        [(0, 0), (1, 1), (1, 1), (0, 0)],
        shapes=[("n", "h", "w", 3)],
    ),
    _window("max nchw", IMAGE, "max", (1, 1, 2, 2), (1, 1, 2, 2)),
    _window("min", IMAGE, "min", (1, 2, 2, 1), (1, 2, 2, 1)),
    _window("sum", IMAGE, "add", (1, 2, 3, 1), (1, 2, 1, 1), [(0, 0), (1, 0), (1, 1), (0, 0)]),
    _window("sum over all", IMAGE, "add", (1, 7, 8, 1), expect={"SUM": 1}),
    _window("max 1d", f32(2, 9, 3), "max", (1, 3, 1), (1, 2, 1), shapes=[("n", "t", 3)]),
    _window("max first dimension", f32(9, 3), "max", (3, 1), (2, 1)),
    _window("max 3d", f32(2, 4, 5, 6), "max", (1, 2, 2, 2), (1, 1, 2, 2), expect={"REDUCE_WINDOW": 1}),
    _window("dilated", IMAGE, "max", (1, 2, 2, 1), dilation=(1, 2, 3, 1)),
    _window("spread", IMAGE, "add", (1, 2, 2, 1), base=(1, 2, 1, 1)),
    _window("product", IMAGE, "mul", (1, 2, 2, 1)),
    _window("int32 sum", i32(4, 5), "add", (2, 2), (1, 2), [(1, 0), (0, 1)], tolerance=0),
    _window("int32 min", i32(4, 5), "min", (2, 2), tolerance=0),
    _pool("avg same", IMAGE, "avg", (3, 3), (2, 2), "SAME", expect={"AVERAGE_POOL_2D": 1, "PAD": 0}),
    _pool("avg torch", IMAGE, "avg", (3, 3), (2, 2), [(1, 1), (1, 1)], shapes=[("n", "h", "w", 3)]),
    _pool("avg counted", IMAGE, "avg", (3, 3), (2, 2), [(1, 1), (1, 1)], True),
    _pool("max 1d pool", f32(2, 9, 3), "max", (3,), (2,), "SAME", shapes=[("n", 9, 3)]),
    _pool("avg 1d pool", f32(2, 9, 3), "avg", (3,), (3,), "VALID"),
    _pool("max 3d pool", f32(2, 4, 5, 6, 3), "max", (2, 2, 3), (2, 2, 2), "SAME", shapes=[("n", 4, 5, 6, 3)]),
    _pool("avg 3d pool", f32(2, 4, 5, 6, 3), "avg", (2, 3, 2), (2, 2, 2), "SAME"),
]


@pytest.mark.parametrize("case", [*GATHERS, *SCATTERS, *SLICES, *WINDOWS], ids=repr)
def test_indexing(case: Case) -> None:
    check(case)
