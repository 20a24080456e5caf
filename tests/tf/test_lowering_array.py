"""Shapes, slices, joins, borders, fills, layouts of space, depth and batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from tensorflow.compiler.tf2xla.ops import gen_xla_ops  # noqa: E402

from tests.tf.parity import Case, f32, parity_test  # noqa: E402

raw = tf.raw_ops
DTYPES = ("float32", "float16", "int8", "uint8", "int16", "int32", "int64", "uint32", "bool")
X = f32(2, 3, 4)
DYNAMIC = dict(spec=[(None, 3, 4)], also=[[f32(5, 3, 4)]])
ALL_DYNAMIC = dict(spec=[(None, None, None)], also=[[f32(5, 2, 6)]])


def of(dtype: str, *shape: int) -> Any:
    return np.array(f32(*shape, low=0, high=9), dtype)


def everywhere(name: str, fn: Any, dtypes: tuple[str, ...] = DTYPES, shape: tuple[int, ...] = (2, 3, 4)) -> list[Case]:
    """One row for each element type."""
    return [Case(f"{name} {dtype}", fn, [of(dtype, *shape)], tol=0.0) for dtype in dtypes]


# -- shapes -----------------------------------------------------------------------------------------------------------

SHAPES = [
    *everywhere("reshape", lambda x: tf.reshape(x, [6, -1])),
    Case("reshape dynamic", lambda x: tf.reshape(x, [-1, 12]), [X], **DYNAMIC),
    Case("reshape int64 shape", lambda x: tf.reshape(x, tf.constant([4, -1], tf.int64)), [X]),
    Case("reshape computed", lambda x: tf.reshape(x, [tf.shape(x)[0], -1]), [X], **DYNAMIC, ops={"RESHAPE": 1}),
    Case("reshape all dynamic", lambda x: tf.reshape(x, [tf.shape(x)[0] * tf.shape(x)[2], -1]), [X], **ALL_DYNAMIC),
    Case("reshape scalar", lambda x: tf.reshape(x, []), [f32(1, 1)]),
    Case("reshape empty", lambda x: tf.reshape(x, [3, 0]), [f32(0, 5)], ops=0),
    Case("reshape fed", tf.reshape, [X, np.int32([4, 6])]),
    Case("shape", tf.shape, [X]),
    Case("shape dynamic", tf.shape, [X], **ALL_DYNAMIC),
    Case("shape int64", lambda x: tf.shape(x, tf.int64), [X], **ALL_DYNAMIC),
    Case("shape n", lambda x, y: tf.shape_n([x, y]), [X, f32(2)], spec=[(None, None, 4)]),
    Case("size", tf.size, [X]),
    Case("size dynamic", lambda x: tf.size(x, tf.int64), [X], **ALL_DYNAMIC),
    Case("size scalar", tf.size, [np.float32(1)]),
    Case("rank", lambda x: tf.rank(x) + tf.shape(x)[0], [X], **DYNAMIC),
    Case("rank raw", lambda x: raw.Rank(input=x), [X]),
    Case("squeeze", tf.squeeze, [f32(1, 3, 1)]),
    Case("squeeze axes", lambda x: tf.squeeze(x, [-1, 0]), [f32(1, 3, 1)]),
    Case("squeeze dynamic", lambda x: tf.squeeze(x, 1), [f32(2, 1, 3)], spec=[(None, 1, None)], also=[[f32(4, 1, 2)]]),
    Case("squeeze unknown refused", tf.squeeze, [f32(1, 3)], spec=[(None, 3)], raises="LS001", says="squeeze"),
    *(Case(f"expand_dims {a}", lambda x, a=a: tf.expand_dims(x, a), [X], **DYNAMIC) for a in (0, 1, -1, -2)),
    Case("expand_dims scalar", lambda x: tf.expand_dims(x, 0), [np.float32(2)]),
    *everywhere("transpose", lambda x: tf.transpose(x, [2, 0, 1])),
    Case("transpose dynamic", lambda x: tf.transpose(x, [1, 2, 0]), [X], **ALL_DYNAMIC),
    Case("transpose rank 8", lambda x: tf.transpose(x, [4, 5, 6, 7, 0, 1, 2, 3]), [f32(1, 2, 1, 2, 3, 1, 2, 2)]),
    Case("transpose negative", lambda x: tf.transpose(x, [-1, 0, -2]), [X]),
    Case("transpose fed", tf.transpose, [X, np.int32([1, 2, 0])]),
    Case("invert permutation", tf.math.invert_permutation, [np.int32([2, 0, 3, 1])]),
    Case("invert permutation int64", tf.math.invert_permutation, [np.int64([2, 0, 3, 1])]),
    *everywhere("broadcast_to", lambda x: tf.broadcast_to(x, [5, 2, 3, 4]), shape=(3, 1)),
    Case(
        "broadcast_to dynamic",
        lambda x: tf.broadcast_to(x, [tf.shape(x)[0], 7, 4]),
        [f32(2, 1, 4)],
        spec=[(None, 1, 4)],
        also=[[f32(6, 1, 4)]],
    ),
    Case("broadcast_to fed", tf.broadcast_to, [f32(3, 1), np.int32([2, 3, 4])]),
    Case("broadcast shapes", tf.broadcast_dynamic_shape, [np.int32([2, 1, 3]), np.int32([4, 1])]),
    Case("ensure_shape", lambda x: tf.ensure_shape(x, [None, 3, 4]) + 1.0, [X], **DYNAMIC),
]
test_shapes = parity_test(SHAPES)

# -- joins and parts --------------------------------------------------------------------------------------------------

JOINS = [
    *(Case(f"concat {d}", lambda x, y: tf.concat([x, y, x], 1), [of(d, 2, 3), of(d, 2, 1)], tol=0.0) for d in DTYPES),
    Case("concat negative axis", lambda x, y: tf.concat([x, y], -2), [f32(2, 3), f32(1, 3)]),
    Case(
        "concat dynamic",
        lambda x, y: tf.concat([x, y], 0),
        [f32(2, 3), f32(1, 3)],
        spec=[(None, 3), (None, 3)],
        also=[[f32(4, 3), f32(2, 3)]],
    ),
    Case("concat empty", lambda x, y: tf.concat([x, y], 0), [f32(0, 3), f32(1, 3)]),
    Case("concat one", lambda x: tf.concat([x], 0), [X]),
    Case("concat v1", lambda x, y: raw.Concat(concat_dim=1, values=[x, y]), [f32(2, 3), f32(2, 2)]),
    Case(
        "concat offset", lambda x, y: raw.ConcatOffset(concat_dim=1, shape=[x, y]), [np.int32([2, 3]), np.int32([2, 5])]
    ),
    Case("concat strings refused", lambda x: tf.concat([x, x], 0), [np.array(["a"])], raises="LS012", says="string"),
    Case("parallel concat", lambda x: raw.ParallelConcat(values=[x, x + 1], shape=[2, 3]), [f32(1, 3)]),
    *(Case(f"stack {d}", lambda x, y: tf.stack([x, y], 1), [of(d, 2, 3), of(d, 2, 3)], tol=0.0) for d in DTYPES),
    *(
        Case(f"stack axis {a}", lambda x, y, a=a: tf.stack([x, y], a), [X, X + 1], spec=[(None, 3, 4)] * 2)
        for a in (0, 2, -1)
    ),
    Case("stack scalars", lambda x, y: tf.stack([x, y]), [np.float32(1), np.float32(2)]),
    Case("stack one", lambda x: tf.stack([x]), [X]),
    *everywhere("unstack", lambda x: tf.unstack(x, axis=1)),
    Case("unstack negative", lambda x: tf.unstack(x, axis=-1)[2], [X], **DYNAMIC),
    Case("unstack vector", tf.unstack, [f32(3)]),
    Case("unstack one", tf.unstack, [f32(1, 3)]),
    *everywhere("split", lambda x: tf.split(x, 2, axis=-1)),
    Case("split dynamic", lambda x: tf.split(x, 3, axis=1), [X], **DYNAMIC),
    Case("split dynamic axis", lambda x: tf.split(x, 2, axis=0), [f32(4, 3)], spec=[(None, 3)], also=[[f32(6, 3)]]),
    Case("split one", lambda x: tf.split(x, 1, axis=1), [X]),
    *everywhere("split sizes", lambda x: tf.split(x, [1, -1, 2], axis=2)),
    Case("split equal sizes", lambda x: tf.split(x, [2, 2], axis=2), [X], ops={"SPLIT": 1}),
    Case("split rest dynamic", lambda x: tf.split(x, [1, -1], axis=0), [X], **DYNAMIC, ops={"SPLIT_V": 1}),
    Case("split fed", lambda x, s: tf.split(x, s, num=2, axis=0), [f32(5, 2), np.int32([2, 3])]),
]
test_joins = parity_test(JOINS)


class _Places:
    """S[1:, ..., tf.newaxis] is what stands in the brackets."""

    def __getitem__(self, place: Any) -> Any:
        return place if isinstance(place, tuple) else (place,)


def _name(place: tuple[Any, ...]) -> str:
    """The index as it is written."""

    def part(p: Any) -> str:
        if isinstance(p, slice):
            start, stop, step = ("" if e is None else str(e) for e in (p.start, p.stop, p.step))
            return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"
        return "new" if p is None else "..." if p is Ellipsis else str(p)

    return ", ".join(map(part, place))


S = _Places()
STATIC_PLACES = (
    S[1],
    S[-1],
    S[0, 1, 2],
    S[..., 1],
    S[1, ...],
    S[::-1],
    S[::-1, ::-2],
    S[:, 2:0:-1],
    S[..., ::2],
    S[1:100],
    S[-100:1],
    S[tf.newaxis],
    S[:, tf.newaxis],
    S[..., tf.newaxis],
    S[1, tf.newaxis, ..., 0],
    S[:, 1:2, -1],
    S[0:0],
    S[..., -3:-1],
    S[tf.newaxis, 1, ..., ::-1],
    S[:, :, tf.newaxis, 1:3],
    S[:, 5:2:-1],
    S[-1:-5:-1],
)
DYNAMIC_PLACES = (
    S[1],
    S[-1],
    S[..., 1],
    S[::-1],
    S[:, 1:],
    S[:-1],
    S[..., ::2],
    S[-1:],
    S[:, tf.newaxis],
    S[tf.newaxis, ..., 0],
    S[1:3],
    S[..., -2:],
    S[:, ::-1, 1:5],
)
R6 = f32(2, 3, 2, 2, 2, 3)
SLICES = [
    *everywhere("slice", lambda x: tf.slice(x, [0, 1, 2], [2, 2, -1])),
    Case("slice dynamic", lambda x: tf.slice(x, [0, 1, 0], [-1, 2, 4]), [X], **DYNAMIC),
    Case("slice all dynamic", lambda x: tf.slice(x, [1, 0, 0], tf.shape(x) - [1, 0, 2]), [X], **ALL_DYNAMIC),
    Case("slice fed", tf.slice, [X, np.int32([0, 1, 0]), np.int32([1, 2, 3])]),
    Case("slice fed int64", tf.slice, [X, np.int64([0, 1, 0]), np.int64([1, 2, 3])]),
    Case("slice nothing", lambda x: tf.slice(x, [0, 0, 0], [2, 0, 4]), [X]),
    Case("slice rank 6", lambda x: tf.slice(x, [0, 1, 0, 0, 0, 0], [2, 2, 2, 1, 2, 3]), [R6]),
    Case("strided of rank 6 takes nothing", lambda x: x[..., None, 0, None, -1, -2:1], [R6[0]]),
    Case(
        "strided with masks that overlap",
        lambda x: raw.StridedSlice(
            input=x, begin=[0, -1, 2], end=[0, 1, 2], strides=[1, 2, 1], ellipsis_mask=2, new_axis_mask=-1, shrink_axis_mask=3
        ),
        [f32(3)],
    ),
    Case("slice strings", lambda x: x[1:], [np.array(["a", "b", "c"])]),
    *everywhere("strided", lambda x: x[:, ::2, 1:3]),
    *(Case(f"strided {_name(place)}", lambda x, place=place: x[place], [X]) for place in STATIC_PLACES),
    *(
        Case(f"strided dynamic {_name(place)}", lambda x, place=place: x[place], [X], **ALL_DYNAMIC)
        for place in DYNAMIC_PLACES
    ),
    *(
        Case(f"strided vector {_name(place)}", lambda x, place=place: x[place], [f32(6)])
        for place in (S[..., 1:], S[..., :-1], S[1:, ...], S[..., 2], S[..., ::-1], S[..., tf.newaxis], S[...])
    ),
    Case("strided ellipsis of nothing", lambda x: x[..., 1, :, 2:], [X], **DYNAMIC),
    Case("strided ellipsis fed", lambda x, i: x[..., i:, 0], [X, np.int32(1)]),
    Case("strided ellipsis of nothing fed", lambda x, i: x[..., i:, 0, :], [X, np.int32(1)]),
    Case("strided fed", lambda x, i: x[i], [X, np.int32(1)]),
    Case("strided fed range", lambda x, i: x[i : i + 1], [X, np.int32(1)]),
    Case("strided fed negative", lambda x, i: x[:, i], [X, np.int32(-1)]),
    Case("strided fed int64", lambda x, i: x[:i], [X, np.int64(1)]),
    Case("strided rank 6", lambda x: x[:, 1:, ..., ::2], [R6]),
    Case("strided rank 6 shrink", lambda x: x[:, 1, ..., 2], [R6]),
    Case("strided rank 6 backward", lambda x: x[:, ::-1, tf.newaxis, ..., 2:0:-1], [R6]),
    Case("strided rank 6 dynamic", lambda x: x[:, 1:, ..., 0], [R6], spec=[(None, 3, 2, 2, 2, 3)]),
    Case("strided rank 6 new axis", lambda x: x[:, tf.newaxis, 1:], [f32(2, 3, 2, 2, 2)]),
    Case("strided ellipsis rank 6", lambda x: x[..., tf.newaxis], [R6]),
    Case("strided strings", lambda x: x[::2], [np.array(["a", "b", "c"])]),
    Case("strided empty", lambda x: x[5:], [X]),
    Case(
        "dynamic slice",
        lambda x, i: gen_xla_ops.xla_dynamic_slice(x, i, tf.constant([1, 2, 4])),
        [X, np.int32([1, 9, 0])],
    ),
    Case("dynamic update slice", gen_xla_ops.xla_dynamic_update_slice, [X, f32(1, 2, 4, seed=1), np.int32([1, 9, 0])]),
    Case("one batch", lambda x: x[tf.shape(x)[0] - 1], [X], **DYNAMIC),
]
test_slices = parity_test(SLICES)

# -- borders, repetition, order ---------------------------------------------------------------------------------------

BORDERS = [
    *everywhere("pad", lambda x: tf.pad(x, [[1, 0], [0, 2], [3, 1]])),
    *everywhere("pad value", lambda x: tf.pad(x, [[1, 0], [0, 2], [3, 1]], constant_values=1), DTYPES[:-1]),
    Case("pad infinite", lambda x: tf.pad(x, [[0, 0], [1, 1], [0, 0]], constant_values=-np.inf), [X], **DYNAMIC),
    Case("pad dynamic", lambda x: tf.pad(x, [[1, 2], [0, 0], [1, 0]]), [X], **ALL_DYNAMIC),
    Case("pad fed", tf.pad, [f32(2, 3), np.int32([[1, 0], [2, 2]])]),
    Case("pad int64 amounts", lambda x: tf.pad(x, tf.constant([[1, 0], [2, 2]], tf.int64)), [f32(2, 3)]),
    Case("pad nothing", lambda x: tf.pad(x, [[0, 0], [0, 0], [0, 0]]) + 1.0, [X], ops={"ADD": 1}),
    Case("pad rank 6", lambda x: tf.pad(x, [[0, 0], [1, 1], [0, 0], [0, 0], [0, 0], [0, 2]]), [R6]),
    Case("pad value rank 6", lambda x: tf.pad(x, [[0, 0], [1, 1]] + [[0, 0]] * 4, constant_values=2.5), [R6]),
    Case("pad to length", lambda x: tf.pad(x, [[0, 8 - tf.shape(x)[0]], [0, 0], [0, 0]]), [X], **DYNAMIC),
    Case("pad empty", lambda x: tf.pad(x, [[1, 1], [0, 0]]), [f32(0, 2)]),
    Case("pad scalar rank", lambda x: tf.pad(x, [[2, 1]]), [f32(3)]),
    *(
        Case(
            f"pad {mode} {d}", lambda x, mode=mode: tf.pad(x, [[1, 0], [0, 2], [2, 1]], mode), [of(d, 2, 3, 4)], tol=0.0
        )
        for mode in ("REFLECT", "SYMMETRIC")
        for d in ("float32", "float16", "int8", "int32", "int64", "uint8")
    ),
    Case("pad REFLECT dynamic", lambda x: tf.pad(x, [[0, 0], [1, 2], [3, 1]], "REFLECT"), [X], **DYNAMIC),
    Case("pad SYMMETRIC fed", lambda x, p: tf.pad(x, p, "SYMMETRIC"), [f32(2, 3), np.int32([[1, 0], [2, 2]])]),
    Case("pad REFLECT too far refused", lambda x: tf.pad(x, [[0, 0], [3, 0]], "REFLECT"), [f32(2, 4)]),
    *everywhere("tile", lambda x: tf.tile(x, [2, 1, 3])),
    Case("tile dynamic", lambda x: tf.tile(x, [1, 2, 1]), [X], **ALL_DYNAMIC),
    Case("tile fed", tf.tile, [f32(2, 3), np.int32([2, 2])]),
    Case("tile by batch", lambda x: tf.tile(x[:1], [tf.shape(x)[0], 1, 1]), [X], **DYNAMIC),
    Case("tile int64 amounts", lambda x: tf.tile(x, tf.constant([2, 2], tf.int64)), [f32(2, 3)]),
    Case("tile none", lambda x: tf.tile(x, [2, 0]), [f32(2, 3)]),
    Case("tile strings", lambda x: tf.tile(x, [2]), [np.array(["a", "b"])]),
    Case("repeat", lambda x: tf.repeat(x, 3, axis=1), [X], **DYNAMIC),
    Case("repeat each", lambda x: tf.repeat(x, [1, 0, 2], axis=1), [X]),
    Case("meshgrid", tf.meshgrid, [f32(3), f32(4)]),
    *everywhere("reverse", lambda x: tf.reverse(x, [1])),
    Case("reverse neighbours", lambda x: tf.reverse(x, [-1, 1]), [X], **DYNAMIC, ops={"REVERSE_V2": 1}),
    Case("reverse axes", lambda x: tf.reverse(x, [0, -1]), [X], **DYNAMIC),
    Case("reverse none", lambda x: tf.reverse(x, []) + 1.0, [X]),
    Case("reverse v1", lambda x: raw.Reverse(tensor=x, dims=[True, False, True]), [X]),
    *(
        Case(f"reverse_sequence {d}", lambda x: tf.reverse_sequence(x, [2, 3], 1, 0), [of(d, 2, 3, 4)], tol=0.0)
        for d in ("float32", "float16", "int8", "int32", "int64")
    ),
    Case("reverse_sequence batch 1", lambda x, n: tf.reverse_sequence(x, n, 2, 1), [X, np.int64([1, 4, 0])]),
    Case("roll", lambda x: tf.roll(x, 1, 1), [X], **DYNAMIC),
    Case("roll back", lambda x: tf.roll(x, -2, -1), [X], **DYNAMIC, ops=3),
    Case("roll axes", lambda x: tf.roll(x, [1, 5], [0, 1]), [X]),
    Case("roll dynamic axis", lambda x: tf.roll(x, 1, 0), [X], **DYNAMIC),
    Case("roll fed", lambda x, s: tf.roll(x, s, 1), [X, np.int32(-4)]),
    Case("roll along a computed axis", lambda x, s, a: tf.roll(x, s, a), [X, np.int32(2), np.int32(-1)],
         also=[[X, np.int32(-4), np.int32(0)]]),
    Case("roll along computed axes", lambda x, s, a: tf.roll(x, s, a), [X, np.int32([2, 1]), np.int32([1, 0])],
         also=[[X, np.int32([2, 1]), np.int32([1, 1])]]),
    Case("roll whole", lambda x: tf.roll(x, 6, 1) + 1.0, [X], ops={"ADD": 1}),
    Case("roll of int64", lambda x: tf.roll(x, 1, 1), [of("int64", 2, 3)]),
]
test_borders = parity_test(BORDERS)

# -- fills ------------------------------------------------------------------------------------------------------------

FILLS = [
    *(Case(f"fill {d}", lambda n, d=d: tf.fill([n, 2], tf.cast(1, d)), [np.int32(3)], tol=0.0) for d in DTYPES),
    Case("fill fed value", lambda x, v: tf.fill(tf.shape(x)[:2], v), [X, np.float32(2.5)], spec=[(None, None, 4)]),
    Case("fill int64 shape", lambda s: tf.fill(s, 2.0), [np.int64([2, 3])]),
    Case("fill strings", lambda n: tf.fill([n], "abc"), [np.int32(2)]),
    Case("empty", lambda x: raw.Empty(shape=tf.shape(x), dtype=tf.float32, init=True) + x, [X], **DYNAMIC),
    *(Case(f"zeros_like {d}", tf.zeros_like, [of(d, 2, 3)], spec=[(None, 3)], also=[[of(d, 4, 3)]]) for d in DTYPES),
    *(Case(f"ones_like {d}", tf.ones_like, [of(d, 2, 3)], spec=[(None, 3)], also=[[of(d, 4, 3)]]) for d in DTYPES),
    Case("zeros_like raw", lambda x: raw.ZerosLike(x=x), [X]),
    Case("ones_like raw", lambda x: raw.OnesLike(x=x), [X], **DYNAMIC),
    *(
        Case(f"range {d}", lambda n, d=d: tf.range(0, n, 2), [np.array(7, d)], tol=0.0)
        for d in ("int32", "int64", "float32", "float16")
    ),
    Case("range down", lambda n: tf.range(n, -3, -2), [np.int32(5)]),
    Case("range none", tf.range, [np.int32(0)]),
    Case("range of batch", lambda x: tf.range(tf.shape(x)[0]), [X], **DYNAMIC),
    Case("range float", lambda n: tf.range(0.5, n, 0.25), [np.float32(2.0)]),
    Case("linspace", lambda a, b: tf.linspace(a, b, 5), [np.float32(-1), np.float32(2)]),
    Case("linspace one", lambda a, b: tf.linspace(a, b, 1), [np.float32(-1), np.float32(2)]),
    Case("linspace raw", lambda a, b: raw.LinSpace(start=a, stop=b, num=7), [np.float32(-1), np.float32(2)]),
    Case("linspace raw one", lambda a, b: raw.LinSpace(start=a, stop=b, num=1), [np.float32(-1), np.float32(2)]),
    Case("linspace constant", lambda x: x + tf.linspace(0.0, 1.0, 3), [f32(3)], ops={"ADD": 1}),
    Case("eye", lambda x: tf.eye(3) * x, [f32(3, 3)], ops={"MUL": 1}),
    Case("eye dynamic", lambda x: tf.eye(tf.shape(x)[0]), [X], **DYNAMIC),
    Case("sequence_mask", lambda n: tf.sequence_mask(n, 5), [np.int32([1, 3, 0])]),
    Case("sequence_mask to longest", tf.sequence_mask, [np.int32([1, 3, 0])]),
]
test_fills = parity_test(FILLS)

# -- space, depth, batch ----------------------------------------------------------------------------------------------

BLOCKS = [
    *(
        Case(f"space_to_depth {d}", lambda x: tf.nn.space_to_depth(x, 2), [of(d, 1, 4, 6, 3)], tol=0.0)
        for d in ("float32", "float16", "int8", "uint8", "int32", "int64")
    ),
    *(
        Case(f"depth_to_space {d}", lambda x: tf.nn.depth_to_space(x, 2), [of(d, 1, 2, 3, 8)], tol=0.0)
        for d in ("float32", "float16", "int8", "uint8", "int32", "int64")
    ),
    Case(
        "space_to_depth dynamic",
        lambda x: tf.nn.space_to_depth(x, 2),
        [f32(1, 4, 6, 3)],
        spec=[(None, None, None, 3)],
        also=[[f32(2, 2, 8, 3)]],
    ),
    Case(
        "depth_to_space dynamic",
        lambda x: tf.nn.depth_to_space(x, 2),
        [f32(1, 4, 6, 8)],
        spec=[(None, None, None, 8)],
        also=[[f32(2, 2, 8, 8)]],
    ),
    *(
        Case(
            f"space_to_batch {d}",
            lambda x: tf.space_to_batch(x, [2, 3], [[0, 1], [1, 1]]),
            [of(d, 2, 5, 4, 3)],
            tol=0.0,
        )
        for d in ("float32", "float16", "int8", "int32", "int64")
    ),
    Case("space_to_batch 1d", lambda x: tf.space_to_batch(x, [2], [[1, 2]]), [f32(2, 5, 3)]),
    Case(
        "space_to_batch dynamic",
        lambda x: tf.space_to_batch(x, [2, 2], [[0, 0], [0, 0]]),
        [f32(2, 4, 4, 3)],
        spec=[(None, 4, 4, 3)],
        also=[[f32(1, 4, 4, 3)]],
    ),
    Case(
        "space_to_batch 3d", lambda x: tf.space_to_batch(x, [2, 1, 2], [[0, 1], [0, 0], [1, 1]]), [f32(1, 3, 2, 4, 2)]
    ),
    Case(
        "space_to_batch 3d any batch",
        lambda x: tf.space_to_batch(x, [2, 3, 2], [[0, 1], [1, 0], [1, 1]]),
        [f32(2, 3, 5, 4, 2)],
        spec=[(None, 3, 5, 4, 2)],
        also=[[f32(3, 3, 5, 4, 2)]],
        tol=0.0,
    ),
    Case(
        "batch_to_space 3d in blocks",
        lambda x: tf.batch_to_space(x, [2, 3, 2], [[0, 1], [1, 0], [1, 1]]),
        [f32(24, 3, 2, 4, 2)],
        tol=0.0,
    ),
    Case("space_to_batch one of two", lambda x: tf.space_to_batch(x, [2], [[0, 1]]), [f32(1, 3, 2, 4)], ops=1),
    Case(
        "space_to_batch v1",
        lambda x: raw.SpaceToBatch(input=x, paddings=[[0, 1], [1, 0]], block_size=2),
        [f32(1, 3, 5, 2)],
    ),
    *(
        Case(
            f"batch_to_space {d}",
            lambda x: tf.batch_to_space(x, [2, 3], [[0, 1], [1, 1]]),
            [of(d, 12, 3, 2, 3)],
            tol=0.0,
        )
        for d in ("float32", "float16", "int8", "int32", "int64")
    ),
    Case("batch_to_space 1d", lambda x: tf.batch_to_space(x, [2], [[1, 2]]), [f32(4, 5, 3)]),
    Case(
        "batch_to_space 3d", lambda x: tf.batch_to_space(x, [2, 1, 2], [[0, 1], [0, 0], [1, 1]]), [f32(4, 3, 2, 4, 2)]
    ),
    Case("batch_to_space one of two", lambda x: tf.batch_to_space(x, [2], [[0, 1]]), [f32(4, 3, 2, 4)], ops=1),
    Case(
        "batch_to_space v1",
        lambda x: raw.BatchToSpace(input=x, crops=[[0, 1], [1, 0]], block_size=2),
        [f32(4, 3, 5, 2)],
    ),
    Case("dim map", lambda x: raw.DataFormatDimMap(x=x), [np.int32([0, 1, 2, 3, -1, -2])]),
    Case("guaranteed constant", lambda x: raw.GuaranteeConst(input=x) + 1.0, [X], ops=1),
    Case("vec permute", lambda x: raw.DataFormatVecPermute(x=x), [np.int32([1, 2, 3, 4])]),
    Case(
        "vec permute of unknown size",
        lambda x: raw.DataFormatVecPermute(x=x),
        [np.int32([1, 2, 3, 4])],
        spec=[(None,)],
        raises="LS001",
        says="length of the shape vector",
    ),
    Case(
        "vec permute back",
        lambda x: raw.DataFormatVecPermute(x=x, src_format="NCHW", dst_format="NHWC"),
        [np.int32([[1, 2], [3, 4], [5, 6], [7, 8]])],
    ),
    Case(
        "vec permute spatial",
        lambda x: raw.DataFormatVecPermute(x=x, src_format="NHWC", dst_format="NCHW"),
        [np.int32([3, 4])],
    ),
]
test_blocks = parity_test(BLOCKS)

CASES = [*SHAPES, *JOINS, *SLICES, *BORDERS, *FILLS, *BLOCKS]
