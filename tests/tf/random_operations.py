"""More of what a random graph may do: windows, indices, orders, loops, each with options drawn at random."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tests.tf.random_graphs import Grower, Node

raw = tf.raw_ops


def _sized(n: Node, rank: int, smallest: int = 1) -> bool:
    """Whether a float tensor has this rank, a known last dimension, and spatial ones large enough."""
    known = n.is_float and n.rank == rank and n.shape[-1] is not None
    return known and all(min(s.shape[1:-1], default=smallest) >= smallest for s in n.samples)


# -- windows ----------------------------------------------------------------------------------------------------------


def grouped_convolution(g: Grower) -> None:
    x = g.pick(lambda n: _sized(n, 4, 3) and n.shape[-1] % 2 == 0)
    weights = g.constant(int(g.rng.integers(1, 4)), int(g.rng.integers(1, 4)), x.shape[-1] // 2, 4)
    g.add(lambda t: tf.nn.conv2d(t, weights, 1, "SAME"), x)


def dilated_convolution(g: Grower) -> None:
    x = g.pick(lambda n: _sized(n, 4, 5))
    rates, padding = [int(r) for r in g.rng.integers(1, 3, 2)], g.one_of(("SAME", "VALID"))
    weights, each = g.constant(3, 2, x.shape[-1], 3), g.constant(3, 3, x.shape[-1], 1)
    choices = [
        lambda t: tf.nn.conv2d(t, weights, 1, padding, dilations=rates),
        lambda t: tf.nn.depthwise_conv2d(t, each, [1] * 4, padding, dilations=rates),
        lambda t: tf.nn.relu(tf.nn.conv2d(t, weights, 1, padding, dilations=rates) + 0.5),
    ]
    g.add(g.one_of(choices), x)


def padded_convolution(g: Grower) -> None:
    x = g.pick(lambda n: _sized(n, 4, 3))
    pads = [[0, 0], *g.rng.integers(0, 3, (2, 2)).tolist(), [0, 0]]
    steps, weights = [int(s) for s in g.rng.integers(1, 4, 2)], g.constant(3, 3, x.shape[-1], 2)
    g.add(lambda t: tf.nn.conv2d(t, weights, steps, pads), x)


def transposed_convolution(g: Grower) -> None:
    x = g.pick(lambda n: _sized(n, 4))
    step, padding, window = int(g.rng.integers(1, 4)), g.one_of(("SAME", "VALID")), int(g.rng.integers(1, 4))
    weights = g.constant(window, window, 2, x.shape[-1])

    def function(t: Any) -> Any:
        n, height, width = tf.unstack(tf.shape(t))[:3]
        grown = [d * step + (0 if padding == "SAME" else max(window - step, 0)) for d in (height, width)]
        return tf.nn.conv2d_transpose(t, weights, tf.stack([n, *grown, 2]), step, padding)

    g.add(function, x)


def convolution_of_rows(g: Grower) -> None:
    x = g.pick(lambda n: _sized(n, 3, 3))
    weights, step = g.constant(3, x.shape[-1], 4), int(g.rng.integers(1, 3))
    padding = g.one_of(("SAME", "VALID"))
    choices = [
        lambda t: tf.nn.conv1d(t, weights, step, padding),
        lambda t: tf.nn.max_pool1d(t, 3, step, padding),
        lambda t: tf.nn.avg_pool1d(t, 2, step, padding),
    ]
    g.add(g.one_of(choices), x)


def odd_pool(g: Grower) -> None:
    x = g.pick(lambda n: _sized(n, 4, 3))
    window, steps = ([int(k) for k in g.rng.integers(1, 4, 2)] for _ in range(2))
    padding, function = g.one_of(("SAME", "VALID")), g.one_of((tf.nn.max_pool2d, tf.nn.avg_pool2d))
    g.add(lambda t: function(t, window, steps, padding), x)


def resize_by_mode(g: Grower) -> None:
    x = g.pick(lambda n: _sized(n, 4))
    mode = g.one_of(({}, {"align_corners": True}, {"half_pixel_centers": True}))
    function, size = g.one_of((raw.ResizeBilinear, raw.ResizeNearestNeighbor)), g.rng.integers(1, 9, 2).tolist()
    g.add(lambda t: function(images=t, size=size, **mode), x)


def blocks(g: Grower) -> None:
    x = g.pick(lambda n: _sized(n, 4, 2))
    choices = [
        lambda t: tf.nn.space_to_depth(t, 2),
        lambda t: tf.nn.depth_to_space(t, 2),
        lambda t: tf.space_to_batch(t, [2, 2], [[0, 0], [0, 0]]),
        lambda t: tf.space_to_batch(t, [2], [[0, 0]]),
        lambda t: tf.batch_to_space(t, [1, 2], [[0, 0], [0, 1]]),
        lambda t: tf.batch_to_space(tf.space_to_batch(t, [2, 2], [[0, 0], [0, 0]]) * 2.0, [2, 2], [[0, 0], [0, 0]]),
    ]
    g.add(g.one_of(choices), x)


# -- indices ----------------------------------------------------------------------------------------------------------


def any_slice(g: Grower) -> None:
    """Numbers, ranges either way, new dimensions, an ellipsis."""
    x = g.pick(lambda n: 0 < n.rank < 5)

    def part() -> Any:
        bounds = [g.one_of((None, 0, 1, 2, -1, -2, 5, -5)) for _ in range(2)]
        return g.one_of((slice(*bounds, g.one_of((None, 1, 2, -1, -2))), slice(None), int(g.rng.integers(-1, 2))))

    key = [part() for _ in range(int(g.rng.integers(1, x.rank + 1)))]
    if g.chance(0.3):
        key.insert(int(g.rng.integers(len(key) + 1)), tf.newaxis)
    if g.chance(0.3):
        key.insert(int(g.rng.integers(len(key) + 1)), ...)
    g.add(lambda t: t[tuple(key)], x)


def indexed(g: Grower) -> None:
    x = g.pick(lambda n: 1 < n.rank < 5 and all(s is not None for s in n.shape[:2]))
    first, second = x.shape[0], x.shape[1]
    places = np.stack([g.rng.integers(0, first, 3), g.rng.integers(0, second, 3)], 1).astype(np.int32)
    rows, each = g.rng.integers(0, second, (first, 2)), g.rng.integers(0, first, (2, 2))
    depth = int(g.rng.integers(2, 5))
    choices = [
        lambda t: tf.gather_nd(t, places),
        lambda t: tf.gather(t, rows, axis=1, batch_dims=1),
        lambda t: tf.gather(t, each, axis=-t.shape.rank),
        lambda t: tf.scatter_nd(places[:, :1], tf.gather(t, places[:, 0]), tf.shape(t)),
        lambda t: tf.tensor_scatter_nd_update(t, [[first - 1]], t[:1]),
        lambda t: tf.tensor_scatter_nd_add(t, places[:, :1], tf.gather(t, places[:, 0])),
        lambda t: tf.math.unsorted_segment_sum(t, np.arange(first) % 2, 3),
        lambda t: tf.math.segment_mean(t, np.arange(first) // 2),
        lambda t: tf.boolean_mask(t, np.arange(first) % 2 == 0),
        lambda t: tf.one_hot(tf.cast(t, tf.int32), depth, axis=g_axis, on_value=2.0, off_value=-1.0),
    ]
    g_axis = int(g.rng.integers(-1, 2))
    g.add(g.one_of(choices), x)


def ordered(g: Grower) -> None:
    x = g.pick(lambda n: n.is_float and 0 < n.rank < 5 and n.shape[-1] is not None)
    count = int(g.rng.integers(1, x.shape[-1] + 1))
    direction, axis = g.one_of(("ASCENDING", "DESCENDING")), g.axis(x)
    choices = [
        lambda t: tf.math.top_k(t, count)[0],
        lambda t: tf.sort(t, axis, direction),
        lambda t: tf.reduce_max(tf.cast(tf.argmax(t, axis), tf.float32), keepdims=True),
        lambda t: tf.argmin(t, axis, output_type=tf.int32),
        lambda t: tf.unique(tf.reshape(t, [-1]))[0],
        lambda t: tf.cast(tf.where(t > 100.0), tf.int32),
        lambda t: tf.where(tf.reduce_max(t, -1, keepdims=True) > 1e3, t, -t),
    ]
    g.add(g.one_of(choices), x)


def running(g: Grower) -> None:
    x = g.pick(lambda n: n.is_float and n.rank > 0)
    axis, exclusive, reverse = g.axis(x), g.chance(0.5), g.chance(0.5)
    function = g.one_of((tf.cumsum, tf.math.cumprod)) if x.shape[axis] is not None else tf.cumsum
    g.add(lambda t: function(t, axis, exclusive=exclusive, reverse=reverse), x)


def truth(g: Grower) -> None:
    x = g.pick(lambda n: n.tensor.dtype == tf.bool and n.rank > 0)
    axis, keep = g.axis(x), g.chance(0.5)
    function = g.one_of((tf.reduce_any, tf.reduce_all, tf.math.count_nonzero))
    g.add(lambda t: tf.cast(function(t, axis, keepdims=keep), tf.int32), x)


def other_types(g: Grower) -> None:
    x = g.pick(lambda n: n.tensor.dtype == tf.int32)
    dtype = g.one_of((tf.int64, tf.uint8, tf.int8, tf.int16))
    choices = [
        lambda t: tf.cast(tf.cast(t, dtype) + tf.cast(2, dtype), tf.int32),
        lambda t: tf.cast(tf.cast(t, dtype) * tf.cast(3, dtype), tf.float32),
        lambda t: tf.maximum(tf.cast(t, dtype), tf.cast(1, dtype)) // tf.cast(2, dtype) > tf.cast(1, dtype),
        lambda t: tf.cast(tf.reshape(tf.cast(t, dtype), [-1]), tf.int32),
        lambda t: tf.bitwise.bitwise_and(t, 6),
        lambda t: tf.bitwise.left_shift(t, 2),
        lambda t: tf.cast(tf.reduce_sum(tf.cast(t, dtype)), tf.int32),
    ]
    g.add(g.one_of(choices), x)


# -- products ---------------------------------------------------------------------------------------------------------


def equation(g: Grower) -> None:
    """Any two operands with some dimensions in common, in any order, some of them summed."""
    x = g.pick(lambda n: n.is_float and 0 < n.rank < 5)
    letters = [chr(ord("a") + i) for i in range(x.rank)]
    shared = [a for a in range(x.rank) if x.shape[a] is not None and g.chance(0.5)]
    mine = [letters[a] for a in shared] + (["y"] if g.chance(0.7) else [])
    g.rng.shuffle(mine)
    sizes = {letters[a]: x.shape[a] for a in shared} | {"y": 3}
    kept = [c for c in {*letters, *mine} if g.chance(0.6)]
    kept = sorted(kept)
    g.rng.shuffle(kept)
    other = g.constant(*(sizes[c] for c in mine))
    text = f"{''.join(letters)},{''.join(mine)}->{''.join(kept)}"
    g.add(lambda t: tf.einsum(text, t, other), x)


def batched_product(g: Grower) -> None:
    x = g.pick(lambda n: n.is_float and 1 < n.rank < 5 and n.shape[-1] is not None)
    lead = g.one_of(((), (1,), (2, 1)))
    wide, tall = g.constant(*lead, x.shape[-1], 3), g.constant(*lead, 3, x.shape[-1])
    choices = [
        lambda t: tf.matmul(t, wide),
        lambda t: tf.matmul(t, tall, adjoint_b=True),
        lambda t: tf.matmul(t, t, transpose_a=True),
        lambda t: tf.matmul(tf.nn.softmax(tf.matmul(t, t, transpose_b=True)), t),
        lambda t: tf.linalg.matvec(t, wide[..., 0]),
        lambda t: tf.tensordot(t, wide, [[-1], [-2]]),
    ]
    g.add(g.one_of(choices), x)


# -- control ----------------------------------------------------------------------------------------------------------


def branch(g: Grower) -> None:
    x = g.pick(lambda n: n.is_float and n.rank > 0)
    choices = [
        lambda t: tf.cond(tf.shape(t)[0] > 2, lambda: t * 2.0, lambda: t - 1.0),
        lambda t: tf.cond(tf.reduce_sum(t) > 1e5, lambda: tf.zeros_like(t), lambda: tf.tanh(t)),
        lambda t: tf.switch_case(tf.shape(t)[0] % 3, [lambda: t, lambda: -t, lambda: t * 0.5]),
    ]
    g.add(g.one_of(choices), x)


def repeated(g: Grower) -> None:
    x = g.pick(lambda n: n.is_float and 0 < n.rank < 4)
    choices = [
        lambda t: tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, tf.tanh(a) + t), (0, t))[1],
        lambda t: tf.while_loop(lambda i, a: i < tf.shape(t)[0], lambda i, a: (i + 1, a * 0.5 + t[i]), (0, t[0]))[1],
        lambda t: tf.map_fn(lambda row: tf.nn.relu(row) + 1.0, t),
        lambda t: tf.scan(lambda a, row: a * 0.5 + row, t),
        lambda t: tf.map_fn(lambda row: tf.reduce_sum(row * row), t),
    ]
    g.add(g.one_of(choices), x)


WIDE = (
    grouped_convolution, dilated_convolution, padded_convolution, transposed_convolution, convolution_of_rows, odd_pool,
    resize_by_mode, blocks, any_slice, any_slice, indexed, indexed, ordered, ordered, running, truth, other_types,
    other_types, equation, equation, batched_product, branch, repeated,
)  # fmt: skip
