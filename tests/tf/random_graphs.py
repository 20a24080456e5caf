"""Random graphs: five to thirty operations, chosen one after another among those that what is there allows.

A graph is grown while TensorFlow traces it. Every tensor also has samples, computed eagerly for two settings of the
unknown sizes, so that only what TensorFlow computes for both, without NaN and away from steps, is built in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tests.tf.parity import Case

SHAPES = ([2, 4, 6, 3], [2, 6], [1, 5, 4], [4], [3, 4, 4, 2], [2, 3, 4], [1, 8, 8, 1], [6, 5])
LARGEST = 20_000  # elements
MARGIN = 1e-3  # nearer to a step than this, rounding decides on which side a number is


class Unfit(Exception):
    """What was chosen cannot be done with these tensors."""


@dataclass(frozen=True, eq=False)
class Node:
    """A tensor of the graph, and what it is for each setting of the unknown sizes."""

    tensor: Any
    samples: tuple[Any, ...]

    @property
    def shape(self) -> list[int | None]:
        return list(self.tensor.shape)

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def is_float(self) -> bool:
        return bool(self.tensor.dtype == tf.float32)


class Grower:
    """A graph in the making."""

    def __init__(self, seed: int, inputs: Sequence[Any], samples: Sequence[Sequence[Any]]) -> None:
        self.rng = np.random.default_rng([1, seed])
        with tf.init_scope():
            settings = [[tf.constant(array) for array in call] for call in samples]
        self.nodes = [Node(x, s) for x, s in zip(inputs, zip(*settings, strict=True), strict=True)]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def one_of(self, choices: Sequence[Any]) -> Any:
        if not len(choices):
            raise Unfit
        return choices[int(self.rng.integers(len(choices)))]

    def pick(self, fits: Callable[[Node], bool] = lambda n: n.is_float) -> Node:
        """One of the nodes that fit, later ones more often."""
        fitting = [n for n in self.nodes if fits(n)]
        if not fitting:
            raise Unfit
        weights = np.linspace(1, 4, len(fitting))
        return fitting[self.rng.choice(len(fitting), p=weights / weights.sum())]

    def axis(self, node: Node, fits: Callable[[int | None], bool] = lambda size: True) -> int:
        """One of the axes whose size fits, counted from either end."""
        axis = self.one_of([a for a, size in enumerate(node.shape) if fits(size)])
        return axis - node.rank if self.chance(0.3) else axis

    def constant(self, *shape: int, low: float = -1.0, high: float = 1.0) -> Any:
        return self.rng.uniform(low, high, shape).astype(np.float32)

    def add(self, function: Callable[..., Any], *operands: Node, steps: bool = False) -> None:
        """Applies a function of tensors. ``steps``: it jumps, and must not do so near a sample."""
        try:
            with tf.init_scope():
                settings = list(zip(*(n.samples for n in operands), strict=True))
                samples = tuple(function(*setting) for setting in settings)
                if steps and not all(_is_steady(function, *s) for s in settings):
                    raise Unfit
            tensor = function(*(n.tensor for n in operands))
        except (ValueError, tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
            raise Unfit from error
        if tensor.shape.rank is None or tensor.shape.rank > 5 or not all(_is_sound(s) for s in samples):
            raise Unfit
        self.nodes.append(Node(tensor, samples))


def _is_sound(sample: Any) -> bool:
    array = sample.numpy()
    return 0 < array.size <= LARGEST and (array.dtype == bool or bool(np.all(np.abs(array.astype(float)) < 1e4)))


def _is_steady(function: Callable[..., Any], x: Any, *others: Any) -> bool:
    at, below, above = (function(x + step, *others).numpy() for step in (0.0, -MARGIN, MARGIN))
    return bool(np.all(at == below) and np.all(at == above))


# -- the menu ---------------------------------------------------------------------------------------------------------

SMOOTH: tuple[Callable[[Any], Any], ...] = (
    tf.nn.relu, tf.nn.relu6, tf.tanh, tf.sigmoid, tf.abs, tf.negative, tf.square, tf.nn.elu, tf.nn.leaky_relu,
    tf.nn.gelu, tf.nn.silu, tf.sin, tf.cos, tf.nn.softplus, tf.nn.selu, tf.math.erf, tf.zeros_like, tf.ones_like,
    lambda x: tf.nn.leaky_relu(x, 1.5), lambda x: tf.maximum(x, 0.2 * x), lambda x: tf.clip_by_value(x, 0.0, 1.0),
    lambda x: tf.nn.relu(tf.minimum(x, 6.0)), lambda x: x * tf.nn.relu6(x + 3.0) / 6.0, lambda x: x * 1.0 + 0.0,
    lambda x: tf.exp(tf.clip_by_value(x, -4.0, 4.0)), lambda x: tf.math.log(tf.abs(x) + 1.0), lambda x: -(-x),
    lambda x: tf.sqrt(tf.abs(x) + 1.0), lambda x: tf.math.rsqrt(tf.square(x) + 0.5), lambda x: tf.pow(x, 2.0),
    lambda x: x / 3.0, lambda x: 2.0 - x, lambda x: x * x * x, tf.math.expm1, tf.stop_gradient,
)  # fmt: skip
STEPS = (tf.floor, tf.math.ceil, tf.round, tf.sign, lambda x: x >= 0.0, lambda x: tf.cast(x * 3.0, tf.int32))
BINARY = (
    tf.add, tf.subtract, tf.multiply, tf.maximum, tf.minimum, tf.math.squared_difference,
    lambda x, y: x / (tf.abs(y) + 1.0), lambda x, y: tf.where(y > x + 50.0, x, y), lambda x, y: tf.atan2(x, y * y + 1.0),
)  # fmt: skip
WITH_CONSTANT = (tf.add, tf.subtract, tf.multiply, tf.divide, tf.maximum, tf.minimum, lambda x, c: c - x)
ON_INTS = (
    lambda x: x + 1, lambda x: x * 2, lambda x: x // 3, lambda x: x % 3, lambda x: tf.clip_by_value(x, -5, 5), tf.abs,
    lambda x: tf.cast(x, tf.float32), lambda x: tf.truncatediv(x, 4), lambda x: tf.cast(x, tf.int64) * 3 // 2 > 0,
)  # fmt: skip
REDUCTIONS = (tf.reduce_mean, tf.reduce_sum, tf.reduce_max, tf.reduce_min)
ALONG_AXIS: tuple[Callable[[Any, int], Any], ...] = (
    tf.nn.softmax, tf.cumsum, tf.reduce_logsumexp, lambda x, a: tf.math.l2_normalize(x + 0.1, a),
    lambda x, a: tf.reverse(x, [a]), lambda x, a: tf.roll(x, 1, a), lambda x, a: tf.stack([x, x * 2.0], a),
    lambda x, a: tf.cumsum(x, a, exclusive=True, reverse=True), lambda x, a: tf.concat([x, tf.nn.relu(x)], a),
    lambda x, a: tf.exp(x - tf.reduce_max(x, a, True)) / tf.reduce_sum(tf.exp(x - tf.reduce_max(x, a, True)), a, True),
)  # fmt: skip


def unary(g: Grower) -> None:
    g.add(g.one_of(SMOOTH), g.pick())


def step(g: Grower) -> None:
    g.add(g.one_of(STEPS), g.pick(), steps=True)


def binary(g: Grower) -> None:
    g.add(g.one_of(BINARY), g.pick(), g.pick())


def with_constant(g: Grower) -> None:
    x = g.pick()
    sizes = x.shape[g.rng.integers(x.rank + 1) :]
    constant = g.constant(*(1 if s is None or g.chance(0.3) else s for s in sizes), low=0.5, high=2.0)
    function = g.one_of(WITH_CONSTANT)
    g.add(lambda t: function(t, constant), x)


def on_integers(g: Grower) -> None:
    g.add(g.one_of(ON_INTS), g.pick(lambda n: n.tensor.dtype == tf.int32))


def on_booleans(g: Grower) -> None:
    x = g.pick(lambda n: n.tensor.dtype == tf.bool)
    g.add(g.one_of([tf.logical_not, lambda t: tf.where(t, 1.0, -1.0), lambda t: tf.cast(t, tf.int32)]), x)


def reshape(g: Grower) -> None:
    x = g.pick(lambda n: n.rank > 0)
    order = [-1 if s is None else s for s in x.shape]
    g.rng.shuffle(order)
    half = [a for a, s in enumerate(x.shape) if s and s % 2 == 0]
    axis = g.one_of(half) if half else 0
    choices = [
        lambda t: tf.reshape(t, [-1]),
        lambda t: tf.reshape(t, order),
        lambda t: tf.reshape(t, tf.concat([[-1], tf.shape(t)[-1:]], 0)),
        lambda t: tf.expand_dims(t, axis),
        lambda t: tf.squeeze(t),
        lambda t: tf.reshape(t, [*tf.unstack(tf.shape(t))[:axis], 2, -1, *tf.unstack(tf.shape(t))[axis + 1 :]]),
    ]
    g.add(g.one_of(choices), x)


def transpose(g: Grower) -> None:
    x = g.pick(lambda n: n.rank > 1)
    order = g.rng.permutation(x.rank)
    g.add(lambda t: tf.transpose(t, order), x)


def slices(g: Grower) -> None:
    x = g.pick(lambda n: n.rank > 0)
    parts = (slice(None), slice(None), slice(0, 1), slice(1, None), slice(None, -1), slice(None, None, 2), -1)
    key = tuple(g.one_of((*parts, slice(None, None, -1))) for _ in range(x.rank))
    g.add(lambda t: t[key], x)


def parts(g: Grower) -> None:
    x = g.pick(lambda n: n.rank > 0)
    axis = g.axis(x, lambda size: size is not None and size % 2 == 0)
    which = int(g.rng.integers(2))
    g.add(lambda t: tf.split(t, 2, axis)[which], x)


def gather(g: Grower) -> None:
    x = g.pick(lambda n: n.rank > 0)
    axis = g.axis(x, lambda size: size is not None)
    indices = g.rng.integers(0, x.shape[axis], 3) if g.chance(0.6) else 0
    g.add(lambda t: tf.gather(t, indices, axis=axis), x)


def pad(g: Grower) -> None:
    x = g.pick(lambda n: n.is_float and 0 < n.rank < 5)
    amounts, mode = g.rng.integers(0, 2, (x.rank, 2)), g.one_of(("CONSTANT", "CONSTANT", "REFLECT", "SYMMETRIC"))
    g.add(lambda t: tf.pad(t, amounts, mode), x)


def reduction(g: Grower) -> None:
    x = g.pick(lambda n: n.is_float and n.rank > 0)
    axes = g.rng.choice(x.rank, g.rng.integers(1, x.rank + 1), replace=False).tolist()
    function, keep = g.one_of(REDUCTIONS), g.chance(0.5)
    g.add(lambda t: function(t, axes, keepdims=keep), x)


def along_axis(g: Grower) -> None:
    x = g.pick(lambda n: n.is_float and n.rank > 0)
    axis, function = g.axis(x), g.one_of(ALONG_AXIS)
    g.add(lambda t: function(t, axis), x)


def tile(g: Grower) -> None:
    x = g.pick(lambda n: 0 < n.rank < 4)
    counts = g.rng.integers(1, 3, x.rank)
    g.add(g.one_of([lambda t: tf.tile(t, counts), lambda t: tf.broadcast_to(t, tf.concat([[2], tf.shape(t)], 0))]), x)


def sizes(g: Grower) -> None:
    x = g.pick(lambda n: n.rank > 0)
    choices = [
        tf.shape,
        tf.size,
        lambda t: tf.cast(tf.shape(t)[-1], tf.float32) * 0.1,
        lambda t: tf.range(tf.shape(t)[0]),
    ]
    g.add(g.one_of([*choices, lambda t: tf.zeros(tf.shape(t)[:1] + 1)]), x)


def product(g: Grower) -> None:
    x = g.pick(lambda n: n.is_float and n.rank > 1 and n.shape[-1] is not None)
    weights, bias = g.constant(x.shape[-1], 4), g.constant(4)
    choices = [
        lambda t: tf.matmul(t, weights),
        lambda t: tf.nn.relu(tf.tensordot(t, weights, 1) + bias),
        lambda t: tf.matmul(t, t, transpose_b=True),
        lambda t: tf.einsum("...ab,...ac->...bc", t, t),
    ]
    g.add(g.one_of(choices), x)


def _image(g: Grower) -> Node:
    """An image no window of 3 exceeds: TensorFlow's own pools die of an empty result."""

    def fits(n: Node) -> bool:
        return n.is_float and n.rank == 4 and n.shape[3] is not None and all(min(s.shape[1:3]) >= 3 for s in n.samples)

    return g.pick(fits)


def convolution(g: Grower) -> None:
    x = _image(g)
    stride, padding, count = int(g.rng.integers(1, 3)), g.one_of(("SAME", "VALID")), int(g.rng.integers(1, 5))
    weights, each = g.constant(3, g.one_of((1, 2, 3)), x.shape[3], count), g.constant(3, 3, x.shape[3], 2)
    scale, offset = g.constant(count, low=0.5, high=2.0), g.constant(count)
    choices = [
        lambda t: tf.nn.depthwise_conv2d(t, each, [1, stride, stride, 1], padding),
        lambda t: tf.nn.relu(tf.nn.conv2d(t, weights, stride, padding) + offset),
        lambda t: (tf.nn.conv2d(t, weights, stride, padding) - offset) / scale,
        lambda t: tf.nn.conv2d(t * 2.0 + 1.0, weights, stride, padding) * scale + offset,
    ]
    g.add(g.one_of(choices), x)


def pool(g: Grower) -> None:
    x, function = _image(g), g.one_of((tf.nn.max_pool2d, tf.nn.avg_pool2d))
    window, stride, padding = int(g.rng.integers(1, 4)), int(g.rng.integers(1, 3)), g.one_of(("SAME", "VALID"))
    g.add(lambda t: function(t, window, stride, padding), x)


def resize(g: Grower) -> None:
    method, size = g.one_of(("bilinear", "nearest")), g.one_of([lambda t: [4, 6], lambda t: tf.shape(t)[1:3] * 2])
    g.add(lambda t: tf.image.resize(t, size(t), method), _image(g))


def normalization(g: Grower) -> None:
    x = g.pick(lambda n: n.is_float and n.rank > 1 and n.shape[-1] is not None)
    scale, offset = g.constant(x.shape[-1], low=0.5, high=2.0), g.constant(x.shape[-1])
    axes = g.one_of(([-1], list(range(1, x.rank))))

    def normalized(t: Any) -> Any:
        return tf.nn.batch_normalization(t, *tf.nn.moments(t, axes, keepdims=True), offset, scale, 0.1)

    g.add(g.one_of([normalized, lambda t: tf.nn.batch_normalization(t, offset, scale, offset, scale, 1e-3)]), x)


MENU = (
    unary, unary, unary, step, binary, binary, with_constant, with_constant, on_integers, on_booleans, reshape, reshape,
    transpose, slices, parts, gather, pad, reduction, along_axis, tile, sizes, product, convolution, convolution, pool,
    resize, normalization,
)  # fmt: skip

# -- graphs -----------------------------------------------------------------------------------------------------------


def random_case(seed: int, menu: Sequence[Callable[[Grower], None]] = MENU) -> Case:
    """The graph of this seed as a row of a table. The sizes that are not given are other ones in its second call."""
    rng = np.random.default_rng([2, seed])
    shapes = [SHAPES[rng.integers(len(SHAPES))] for _ in range(rng.integers(1, 4))]
    unknown = [
        [axis < 3 and rng.random() < chance for axis in range(len(s))] for s in shapes for chance in [rng.random()]
    ]
    given = [tuple(None if u else d for d, u in zip(s, us, strict=True)) for s, us in zip(shapes, unknown, strict=True)]
    larger = [[d + 2 * u for d, u in zip(s, us, strict=True)] for s, us in zip(shapes, unknown, strict=True)]
    calls = [[rng.uniform(-2, 2, s).astype(np.float32) for s in sizes] for sizes in (shapes, larger)]
    count = int(rng.integers(5, 30))

    @tf.autograph.experimental.do_not_convert
    def grown(*inputs: Any) -> list[Any]:
        grower = Grower(seed, inputs, calls)
        for _ in range(count * 4):
            try:
                grower.one_of(menu)(grower)
            except Unfit:
                continue
            if len(grower.nodes) >= len(inputs) + count:
                break
        telling = [n.tensor for n in grower.nodes[len(inputs) :] if all(map(_tells, n.samples))]
        return telling[-4:] or [tf.identity(inputs[0])]

    return Case(f"graph {seed}", grown, calls[0], given, [calls[1]])


def _tells(sample: Any) -> bool:
    """Whether the error of a result can be seen: a tolerance is relative to the range, which rounding must not make."""
    array = sample.numpy()
    return array.dtype != np.float32 or bool(np.ptp(array) > 1e-2 * np.abs(array).max()) or array.size == 1
