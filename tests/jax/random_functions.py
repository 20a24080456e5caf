"""Random functions: steps of jax.numpy and jax.lax, chosen one after another among those that what is there allows.

Every tensor has samples for two settings of the unknown size, computed eagerly, so that only what JAX computes for
both, finite and away from steps, is built in.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from tests.jax.parity import Case

SHAPES = ([2, 4, 6], [2, 6], [5, 4], [4], [3, 4, 4, 2], [6, 5], [1, 8, 8, 3], [])
DTYPES = ("float32", "float32", "float32", "int32", "int32", "bool", "uint8", "int8", "int16", "uint32")
LARGEST = 5_000  # elements
MARGIN = 1e-3  # nearer to a step than this, rounding decides on which side a number is


class Unfit(Exception):
    """What was chosen cannot be done with these tensors."""


@dataclass(frozen=True, eq=False)
class Node:
    """A tensor: which one it is, and what it is for each setting of the unknown size."""

    index: int
    samples: tuple[Any, ...]

    @property
    def shape(self) -> list[int | None]:
        first, last = (s.shape for s in self.samples)
        return [a if a == b else None for a, b in zip(first, last, strict=True)]

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> str:
        return str(self.samples[0].dtype)

    @property
    def is_float(self) -> bool:
        return self.dtype == "float32"

    @property
    def is_int(self) -> bool:
        return self.dtype == "int32"


class Grower:
    """A function in the making."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng([7, seed])
        self.is_symbolic = self.chance(0.3)
        self.inputs = [self._input() for _ in range(int(self.rng.integers(1, 4)))]
        self.nodes = [Node(i, tuple(jnp.asarray(a) for a in arrays)) for i, (arrays, _) in enumerate(self.inputs)]
        self.steps: list[tuple[Callable[..., Any], tuple[int, ...]]] = []

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def one_of(self, choices: Sequence[Any]) -> Any:
        if not len(choices):
            raise Unfit
        return choices[int(self.rng.integers(len(choices)))]

    def array(self, shape: Sequence[int], dtype: str = "float32") -> Any:
        if dtype == "bool":
            return self.rng.random(shape) < 0.5
        if dtype == "float32":
            return self.rng.uniform(-2, 2, shape).astype(np.float32)
        low, high = (0, 9) if dtype.startswith("u") else (-9, 9)
        if self.chance(0.2):
            limits = np.iinfo(dtype)
            low, high = limits.min, limits.max
        return self.rng.integers(low, high, shape).astype(dtype)

    def _input(self) -> tuple[tuple[Any, Any], str]:
        shape, dtype = list(self.one_of(SHAPES)), str(self.one_of(DTYPES))
        text = ", ".join(map(str, shape))
        if not (self.is_symbolic and shape):
            array = self.array(shape, dtype)
            return (array, array), text
        text = ", ".join(["n", *map(str, shape[1:])])
        return (self.array([2, *shape[1:]], dtype), self.array([5, *shape[1:]], dtype)), text

    def pick(self, fits: Callable[[Node], bool] = lambda n: n.is_float) -> Node:
        """One of the nodes that fit, later ones more often."""
        fitting = [n for n in self.nodes if fits(n)]
        if not fitting:
            raise Unfit
        weights = np.linspace(1, 4, len(fitting))
        return fitting[int(self.rng.choice(len(fitting), p=weights / weights.sum()))]

    def axis(self, node: Node, fits: Callable[[int | None], bool] = lambda size: size is not None) -> int:
        axis = self.one_of([a for a, size in enumerate(node.shape) if fits(size)])
        return int(axis - node.rank if self.chance(0.3) else axis)

    def add(self, function: Callable[..., Any], *operands: Node) -> None:
        """Builds a step in. Raises Unfit where a sample is not finite, too large, or too big."""
        made = []
        for setting in range(2):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result = function(*(o.samples[setting] for o in operands))
            if not hasattr(result, "shape") or result.size > LARGEST or str(result.dtype) not in DTYPES:
                raise Unfit
            if result.dtype == jnp.float32 and not bool(jnp.all(jnp.abs(result) < 1e4)):
                raise Unfit
            made.append(result)
        self.steps.append((function, tuple(o.index for o in operands)))
        self.nodes.append(Node(len(self.nodes), tuple(made)))

    def case(self, name: str, setting: int) -> Case:
        """The function, on the samples of one setting; its sizes are unknown where it was made for several."""
        steps, kept = tuple(self.steps), self._outputs()

        def run(*args: Any) -> Any:
            values = list(args)
            for function, operands in steps:
                values.append(function(*(values[i] for i in operands)))
            return [values[i] for i in kept]

        args = [arrays[setting] for arrays, _ in self.inputs]
        shapes = [text for _, text in self.inputs] if self.is_symbolic else ()
        return Case(name, run, args, shapes=shapes)

    def _outputs(self) -> list[int]:
        """The tensors no step uses, inputs aside."""
        used = {i for _, operands in self.steps for i in operands}
        return [i for i in range(len(self.inputs), len(self.nodes)) if i not in used][:4]


# -- what may be chosen -----------------------------------------------------------------------------------------------


def _away(x: Node, function: Callable[[Any], Any]) -> None:
    """Raises Unfit where a number is near to a step."""
    for sample in x.samples:
        if sample.size and bool(jnp.min(jnp.abs(function(sample))) < MARGIN):
            raise Unfit


def _apart(x: Node, axis: int) -> None:
    """Raises Unfit where two numbers along an axis are nearly equal."""
    for sample in x.samples:
        gaps = jnp.diff(jnp.sort(sample, axis), axis=axis)
        if x.is_float and gaps.size and bool(jnp.min(gaps) < MARGIN):
            raise Unfit


UNARY = [
    *(jnp.abs, jnp.negative, jnp.tanh, jnp.sin, jnp.cos, jnp.square, jnp.exp, jnp.expm1, jnp.arctan, jnp.arcsinh),
    *(jax.nn.relu, jax.nn.gelu, jax.nn.silu, jax.nn.softplus, jax.nn.sigmoid, jax.nn.elu, jax.nn.selu, jax.nn.mish),
    *(jax.nn.hard_swish, jax.nn.relu6, jax.nn.hard_tanh, jax.nn.leaky_relu, jax.nn.log_sigmoid, jax.nn.squareplus),
    *(lambda x: jnp.sqrt(jnp.abs(x) + 0.1), lambda x: lax.rsqrt(x * x + 0.5), lambda x: jnp.log(jnp.abs(x) + 0.3)),
    *(lambda x: 1 / (jnp.abs(x) + 0.5), lambda x: x**3, lambda x: jnp.clip(x, -1, 0.5), lax.erf, jnp.log1p, jnp.cbrt),
    *(lambda x: x * 0.5 + 1, lambda x: 2 - x, lambda x: jax.nn.gelu(x, approximate=False), jnp.nan_to_num),
]
BINARY = [jnp.add, jnp.subtract, jnp.multiply, jnp.maximum, jnp.minimum, jnp.arctan2, jnp.hypot, jnp.logaddexp]
INTEGER = [
    *(jnp.add, jnp.subtract, jnp.multiply, jnp.maximum, jnp.minimum, jnp.floor_divide, jnp.remainder, jnp.fmod),
    *(jnp.bitwise_and, jnp.bitwise_or, jnp.bitwise_xor, lambda x, y: lax.shift_left(x, y & 7)),
    *(lambda x, y: jnp.right_shift(x, y & 7), jnp.equal, jnp.less, jnp.greater_equal, jnp.not_equal),
]
QUOTIENTS = [jnp.floor_divide, jnp.remainder, jnp.fmod]
LOGICAL = [jnp.logical_and, jnp.logical_or, jnp.logical_xor, jnp.equal, jnp.less, jnp.maximum]
STEPS = [jnp.floor, jnp.ceil, jnp.trunc, lambda x: x.astype(jnp.int32), lambda x: x % 1.0]


def unary(g: Grower) -> None:
    g.add(g.one_of(UNARY), g.pick())


def binary(g: Grower) -> None:
    x = g.pick()
    g.add(g.one_of(BINARY), x, g.pick())


def constant_operand(g: Grower) -> None:
    x = g.pick()
    function = g.one_of(BINARY)
    shape = [d if d is not None and g.chance(0.7) else 1 for d in x.shape][int(g.rng.integers(0, x.rank + 1)) :]
    value = g.array(shape)
    g.add((lambda a: function(a, value)) if g.chance(0.5) else (lambda a: function(value, a)), x)


def integers(g: Grower) -> None:
    x = g.pick(lambda n: not n.is_float and n.dtype != "bool")
    y = g.pick(lambda n: n.dtype == x.dtype)
    function = g.one_of(INTEGER)
    if function in QUOTIENTS and not all(bool(jnp.all(s != 0)) for s in y.samples):
        raise Unfit  # XLA takes x / x for 1 whatever x is
    g.add(function, x, y)


def integer_constant(g: Grower) -> None:
    x = g.pick(lambda n: not n.is_float and n.dtype != "bool")
    function, value = g.one_of(INTEGER), np.array(g.one_of([1, 2, 3, 5, 7]), x.dtype)
    first = function not in QUOTIENTS and g.chance(0.3)
    g.add((lambda a: function(value, a)) if first else (lambda a: function(a, value)), x)


def integer_unary(g: Grower) -> None:
    x = g.pick(lambda n: not n.is_float and n.dtype != "bool")
    g.add(g.one_of([jnp.abs, jnp.negative, jnp.sign, jnp.invert, jnp.square, lambda v: v**2]), x)


def logical(g: Grower) -> None:
    x = g.pick(lambda n: n.dtype == "bool")
    if g.chance(0.3):
        g.add(jnp.logical_not, x)
    g.add(g.one_of(LOGICAL), x, g.pick(lambda n: n.dtype == "bool"))


def stepped(g: Grower) -> None:
    x = g.pick()
    _away(x, lambda v: v - jnp.round(v))
    g.add(g.one_of(STEPS), x)


def compared(g: Grower) -> None:
    x, limit = g.pick(), float(g.rng.uniform(-1, 1))
    _away(x, lambda v: v - limit)
    g.add(g.one_of([lambda v: v > limit, lambda v: v <= limit, lambda v: jnp.where(v < limit, v, 0.5 - v)]), x)


def cast(g: Grower) -> None:
    x, target = g.pick(lambda n: not n.is_float), str(g.one_of(DTYPES))
    g.add(lambda v: v.astype(target), x)


def chosen(g: Grower) -> None:
    mask = g.pick(lambda n: n.dtype == "bool")
    x = g.pick(lambda n: n.dtype != "bool")
    y = g.pick(lambda n: n.dtype == x.dtype)
    g.add(jnp.where, mask, x, y)


def reduced(g: Grower) -> None:
    x = g.pick(lambda n: n.rank > 0 and 0 not in n.shape)
    axes = tuple(a for a in range(x.rank) if g.chance(0.5)) or (g.axis(x, lambda s: True),)
    choices = [jnp.sum, jnp.max, jnp.min]
    choices += [jnp.mean, jnp.prod, jnp.var, jax.nn.logsumexp, jnp.linalg.norm] if x.is_float and len(axes) < 3 else []
    choices = [jnp.any, jnp.all, jnp.sum] if x.dtype == "bool" else choices
    function, keep = g.one_of(choices), g.chance(0.4)
    if function is jnp.linalg.norm:
        axes = axes[:1]
    g.add(lambda v: function(v, axis=axes, keepdims=keep), x)


def ordered(g: Grower) -> None:
    x = g.pick(lambda n: n.rank > 0)
    axis = g.axis(x, lambda s: s is not None and s > 0)
    if x.is_float:
        _apart(x, axis)
    size, high = int(x.shape[axis] or 1), g.chance(0.5)
    k = int(g.rng.integers(1, size + 1))
    g.add(
        g.one_of(
            [
                lambda v: jnp.argmax(v, axis),
                lambda v: jnp.argmin(v, axis),
                lambda v: jnp.sort(v, axis, descending=high),
                lambda v: jnp.argsort(v, axis, descending=high),
                lambda v: lax.top_k(v, min(k, v.shape[-1]))[int(high)],
                lambda v: jnp.median(v.astype(jnp.float32), axis),
            ]
        ),
        x,
    )


def running(g: Grower) -> None:
    x = g.pick(lambda n: n.rank > 0 and n.dtype != "bool")
    axis = g.axis(x) % x.rank
    functions = [lax.cumsum, lax.cummax, lax.cummin, lax.cumprod, lax.cumlogsumexp]
    function, back = g.one_of(functions if x.is_float else functions[:3]), g.chance(0.4)
    g.add(lambda v: function(v, axis, reverse=back), x)


def shaped(g: Grower) -> None:
    x = g.pick(lambda n: n.rank > 0)
    axis, order = g.axis(x, lambda s: True), [int(a) for a in g.rng.permutation(x.rank)]
    amount, times = int(g.rng.integers(-3, 4)), int(g.rng.integers(2, 4))
    g.add(
        g.one_of(
            [
                lambda v: jnp.transpose(v, order),
                lambda v: jnp.flip(v, axis),
                lambda v: jnp.roll(v, amount, axis),
                lambda v: jnp.expand_dims(v, axis),
                lambda v: jnp.repeat(v, times, axis),
                lambda v: jnp.tile(v, times),
                lambda v: v.reshape(v.shape[0], -1),
                lambda v: v.reshape(-1),
                lambda v: jnp.squeeze(v, axis),
                lambda v: jnp.swapaxes(v, 0, axis),
                lambda v: jnp.stack([v, v], axis),
                lambda v: jnp.rot90(v) if v.ndim > 1 else v[::-1],
                jnp.atleast_2d,
            ]
        ),
        x,
    )


def joined(g: Grower) -> None:
    x = g.pick(lambda n: n.rank > 0)
    axis = g.axis(x, lambda s: True)
    y = g.pick(lambda n: n.dtype == x.dtype and n.rank == x.rank)
    g.add(lambda a, b: jnp.concatenate([a, b, a], axis), x, y)


def padded(g: Grower) -> None:
    x = g.pick(lambda n: n.rank > 0 and n.dtype != "bool")
    widths = [tuple(int(w) for w in g.rng.integers(0, 3, 2)) for _ in x.shape]
    config = [(int(a) - 1, int(b) - 1, int(c)) for a, b, c in g.rng.integers(0, 3, (x.rank, 3))]
    mode = g.one_of(["constant", "edge", "reflect", "symmetric", "wrap", "lax"])
    value = np.array(g.one_of([0, 1]), x.dtype)
    g.add((lambda v: lax.pad(v, value, config)) if mode == "lax" else (lambda v: jnp.pad(v, widths, mode)), x)


def sliced(g: Grower) -> None:
    x = g.pick(lambda n: n.rank > 0)
    index = []
    for size in x.shape:
        if size is None or g.chance(0.3):
            index.append(slice(None, None, g.one_of([None, -1, 2])) if size is not None else slice(None))
        elif g.chance(0.3):
            index.append(int(g.rng.integers(-size, size)))
        else:
            ends = [g.one_of([None, *range(-size, size)]) for _ in "ab"]
            index.append(slice(*ends, g.one_of([None, 1, 2, -1, -2])))
    if g.chance(0.3):
        index.insert(int(g.rng.integers(0, len(index) + 1)), None)
    found = tuple(index)
    g.add(lambda v: v[found], x)


def indexed(g: Grower) -> None:
    x = g.pick(lambda n: n.rank > 0)
    axis = g.axis(x) % x.rank
    places = g.rng.integers(-9, 9, g.one_of([(3,), (2, 2), ()])).astype(np.int32)
    mode = g.one_of(["clip", "fill", "wrap", None])
    if g.chance(0.5):
        live = g.pick(lambda n: n.is_int and n.rank < 3)
        g.add(lambda v, i: jnp.take(v, i, axis, mode=mode, fill_value=3), x, live)
    elif g.chance(0.5):
        spread = (slice(None),) * axis
        g.add(lambda v: v.at[(*spread, places)].get(mode=mode or "fill", fill_value=2), x)
    else:
        others = g.rng.integers(-3, 3, places.shape).astype(np.int32)
        g.add(lambda v: v[places, ..., others] if v.ndim > 1 else v[places], x)


def updated(g: Grower) -> None:
    x = g.pick(lambda n: n.rank > 0 and n.dtype != "bool")
    axis = g.axis(x) % x.rank
    spread = (slice(None),) * axis
    places: Any = g.rng.integers(-4, 6, g.one_of([(3,), (2, 2), ()])).astype(np.int32)
    if g.chance(0.3):
        places = slice(*sorted(int(v) for v in g.rng.integers(0, x.shape[axis] + 1, 2)))
    how, mode = g.one_of(["set", "add", "max", "min", "mul"]), g.one_of(["clip", "drop", None])
    if how == "set" and not isinstance(places, slice):
        places = np.unique(places)[:1]
    value = g.array((), x.dtype)
    if not isinstance(places, slice) and g.chance(0.4):
        live = g.pick(lambda n: n.is_int and n.rank < 3)
        how = "add" if how == "set" else how
        g.add(lambda v, i: getattr(v.at[(*spread, i)], how)(value, mode=mode), x, live)
        return
    g.add(lambda v: getattr(v.at[(*spread, places)], how)(value, mode=mode), x)


def dynamic(g: Grower) -> None:
    x = g.pick(lambda n: n.rank > 0)
    start = g.pick(lambda n: n.is_int and n.rank == 0)
    axis = g.axis(x, lambda s: bool(s)) % x.rank
    size = int(g.rng.integers(1, int(x.shape[axis] or 1) + 1))
    if g.chance(0.5):
        g.add(lambda v, i: lax.dynamic_slice_in_dim(v, i, size, axis), x, start)
    else:
        g.add(lambda v, i: lax.dynamic_update_slice_in_dim(v, jnp.flip(v, axis)[:size], i, axis), x, start)


def along_axis(g: Grower) -> None:
    x = g.pick(lambda n: n.rank > 0)
    i = g.pick(lambda n: n.is_int and n.rank == x.rank)
    axis = g.axis(x)
    g.add(lambda v, k: jnp.take_along_axis(v, k, axis, mode="clip"), x, i)


def product(g: Grower) -> None:
    x = g.pick(lambda n: n.is_float and n.rank > 1 and n.shape[-1] is not None)
    kind = int(g.rng.integers(0, 5))
    if kind == 0:
        w = g.array((x.shape[-1], 4))
        g.add(lambda v: v @ w, x)
    elif kind == 1:
        g.add(lambda v: v @ jnp.swapaxes(v, -1, -2), x)
    elif kind == 2:
        y = g.pick(lambda n: n.is_float and n.rank > 0)
        g.add(lambda a, b: jnp.tensordot(a, b, 1), x, y)
    elif kind == 3:
        letters = [str(c) for c in g.rng.permutation(list("abcdef"))[: x.rank]]
        out = "".join(str(c) for c in g.rng.permutation(letters))
        w, keep = g.array((x.shape[-1], 3)), out.replace(letters[-1], "z")
        if g.chance(0.5):
            keep = keep.replace(letters[0], "") or "z"
        g.add(lambda v: jnp.einsum(f"{''.join(letters)},{letters[-1]}z->{keep}", v, w), x)
    else:
        y = g.pick(lambda n: n.is_float and n.rank == x.rank)
        axis = int(g.rng.integers(0, x.rank))
        g.add(lambda a, b: lax.dot_general(a, b, (((axis,), (axis,)), ((), ()))), x, y)


def convolved(g: Grower) -> None:
    x = g.pick(lambda n: n.is_float and n.rank in (3, 4) and None not in n.shape[1:])
    spatial = "HW"[: x.rank - 2]
    letters = ["N", "C", *spatial]
    inner, outer = ("".join(str(c) for c in g.rng.permutation(letters)) for _ in "io")
    if x.shape[0] is None:
        inner, outer = "N" + inner.replace("N", ""), "N" + outer.replace("N", "")
    kernel = "".join(str(c) for c in g.rng.permutation(["I", "O", *spatial]))
    channels = int(x.shape[inner.index("C")] or 1)
    groups = g.one_of([n for n in (1, 1, 2, 3, channels) if channels % n == 0])
    sizes = {"I": channels // groups, "O": groups * 2, **{s: int(g.rng.integers(1, 4)) for s in spatial}}
    w = g.array([sizes[c] for c in kernel])
    strides = [int(v) for v in g.rng.integers(1, 3, len(spatial))]
    dilations = [int(v) for v in g.rng.integers(1, 3, len(spatial))]
    stretch = [int(v) for v in g.rng.integers(1, 3, len(spatial))] if g.chance(0.3) else None
    padding = g.one_of(["SAME", "VALID", [tuple(int(v) for v in g.rng.integers(-1, 3, 2)) for _ in spatial]])
    if stretch and isinstance(padding, str):
        padding = [(1, 1)] * len(spatial)
    g.add(
        lambda v: lax.conv_general_dilated(
            v, w, strides, padding, stretch, dilations, (inner, kernel, outer), feature_group_count=groups
        ),
        x,
    )


def pooled(g: Grower) -> None:
    x = g.pick(lambda n: n.rank > 1 and n.dtype in ("float32", "int32"))
    window = [int(v) if s is not None else 1 for v, s in zip(g.rng.integers(1, 4, x.rank), x.shape, strict=True)]
    strides = [int(v) if s is not None else 1 for v, s in zip(g.rng.integers(1, 3, x.rank), x.shape, strict=True)]
    padding = g.one_of(["SAME", "VALID"])
    function, init = g.one_of([(lax.add, 0), (lax.max, -np.inf), (lax.min, np.inf)])
    if x.is_int:
        init = {0: 0, -np.inf: -(2**31), np.inf: 2**31 - 1}[init]
    start = np.array(init, x.dtype)
    g.add(lambda v: lax.reduce_window(v, start, function, window, strides, padding), x)


def normalized(g: Grower) -> None:
    x = g.pick(lambda n: n.is_float and n.rank > 0)
    axis = g.axis(x, lambda s: True)
    g.add(g.one_of([lambda v: jax.nn.softmax(v, axis), lambda v: jax.nn.log_softmax(v, axis)]), x)


def looped(g: Grower) -> None:
    x = g.pick(lambda n: n.is_float and 0 < n.rank < 4)
    kind = int(g.rng.integers(0, 6))
    count, back = int(g.rng.integers(1, 5)), g.chance(0.5)
    if kind == 0:
        g.add(lambda v: lax.scan(lambda c, r: (jnp.tanh(c + r), c * r), v[0] * 0, v, reverse=back)[int(back)], x)
    elif kind == 1:
        g.add(lambda v: lax.fori_loop(0, count, lambda i, s: s * 0.5 + i, v), x)
    elif kind == 2:
        start = g.pick(lambda n: n.is_int and n.rank == 0)
        g.add(lambda v, i: lax.switch(i, [jnp.sin, jnp.cos, lambda s: s + 1], v), x, start)
    elif kind == 3:
        g.add(jax.vmap(lambda r: jnp.cumsum(r, 0) if r.ndim else r * 2), x)
    elif kind == 4:
        g.add(lambda v: jax.grad(lambda s: jnp.sum(jnp.sin(s) ** 2))(v), x)
    else:
        g.add(lambda v: lax.while_loop(lambda s: s[0] < count, lambda s: (s[0] + 1, jnp.sin(s[1])), (0, v))[1], x)


def resized(g: Grower) -> None:
    x = g.pick(lambda n: n.is_float and n.rank == 4 and None not in n.shape[1:])
    shape = [int(s or 0) for s in x.shape]
    high, wide = (int(v) for v in g.rng.integers(2, 9, 2))
    method, smooth = g.one_of(["nearest", "linear", "cubic"]), g.chance(0.5)
    g.add(lambda v: jax.image.resize(v, (v.shape[0], high, wide, shape[3]), method, antialias=smooth), x)


def spread(g: Grower) -> None:
    x = g.pick(lambda n: n.dtype in ("int32", "uint8"))
    g.add(lambda v: jax.nn.one_hot(v, 5, axis=-1 if v.ndim else 0), x)


CHOICES = (
    *(unary, unary, binary, binary, constant_operand, integers, integer_constant, integer_unary, logical, stepped),
    *(compared, cast, chosen, reduced, reduced, ordered, running, shaped, shaped, joined, padded, sliced, indexed),
    *(updated, dynamic, along_axis, product, convolved, pooled, normalized, looped, resized, spread),
)


def grown(seed: int, most: int = 12) -> Grower:
    """A function of up to ``most`` steps."""
    g = Grower(seed)
    wanted, tries = int(g.rng.integers(2, most + 1)), 0
    while len(g.steps) < wanted and tries < 80:
        tries += 1
        try:
            g.one_of(CHOICES)(g)
        except (Unfit, TypeError, ValueError, IndexError, ZeroDivisionError, NotImplementedError):
            continue
    return g
