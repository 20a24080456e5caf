"""Every primitive of jax.lax: a parity row, or a refusal."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.ad_checkpoint import checkpoint_name
from jax.extend.core import primitives

from litesmith.errors import ConverterError
from litesmith.frontends.jax import import_jax
from litesmith.frontends.jax.lowering import COMPLEX_LOWERINGS, LOWERINGS, REFUSED
from tests.arrays import f32, i32
from tests.jax.parity import Case, check, rows

INF, NAN = np.inf, np.nan
ENDS = np.array([INF, -INF, NAN, 0.0, -0.0], np.float32)


def grid(low: float, high: float, *more: float) -> Any:
    return np.array([*np.linspace(low, high, 101), *more], np.float32)


def u32(*values: int) -> Any:
    return np.array(values, np.uint32)


X, Y = f32(3, 4, 5), f32(3, 4, 5, seed="y")
INTS, J = i32(3, 4), i32(3, 4, seed="j")
WORDS = np.array([0, 1, -1, 5, 2**31 - 1, -(2**31), 12345, -777], np.int32)
OTHER = np.array([3, -4, 9, 2**30, -(2**31), -1, 31, 5], np.int32)
UNSIGNED = WORDS.view(np.uint32)
BOOLS = i32(3, 4) > 0

UNARY: dict[str, tuple[Any, Any, float]] = {
    "abs": (lax.abs, grid(-2, 2, *ENDS), 0),
    "acos": (lax.acos, grid(-1, 1, 2), 1e-6),
    "acosh": (lax.acosh, grid(1, 9, 1e20, 0.5), 1e-6),
    "asin": (lax.asin, grid(-1, 1, 2), 1e-6),
    "asinh": (lax.asinh, grid(-9, 9, 1e20), 1e-6),
    "atan": (lax.atan, grid(-9, 9, *ENDS), 1e-6),
    "atanh": (lax.atanh, grid(-0.99, 0.99, 1, -1, 2), 1e-6),
    "bessel_i0e": (lax.bessel_i0e, grid(-20, 20), 1e-6),
    "bessel_i1e": (lax.bessel_i1e, grid(-20, 20), 1e-6),
    "cbrt": (lax.cbrt, grid(-9, 9, INF), 1e-6),
    "ceil": (lax.ceil, grid(-3, 3, INF), 0),
    "cos": (lax.cos, grid(-9, 9), 1e-6),
    "cosh": (lax.cosh, grid(-5, 5), 2e-6),
    "digamma": (lax.digamma, grid(0.1, 20), 3e-6),
    "erf": (lax.erf, grid(-5, 5, INF, -INF), 1e-6),
    "erfc": (lax.erfc, grid(-5, 9), 1e-6),
    "erf_inv": (lax.erf_inv, grid(-0.999, 0.999, 1, -1), 5e-6),
    "exp": (lax.exp, grid(-9, 9, INF, -INF), 2e-6),
    "exp2": (lax.exp2, grid(-9, 9), 1e-6),
    "expm1": (lax.expm1, grid(-5, 5, NAN), 1e-6),
    "floor": (lax.floor, grid(-3, 3, INF), 0),
    "is_finite": (lax.is_finite, grid(-3, 3, *ENDS), 0),
    "lgamma": (lax.lgamma, grid(0.1, 20, 1e10), 3e-6),
    "log": (lax.log, grid(0.01, 20, 0, -1, INF), 1e-6),
    "log1p": (lax.log1p, grid(-0.9, 20, -1, -2, INF), 1e-6),
    "logistic": (lax.logistic, grid(-20, 20, INF, -INF), 1e-6),
    "neg": (lax.neg, grid(-3, 3, *ENDS), 0),
    "round": (lax.round, grid(-3.5, 3.5), 0),
    "rsqrt": (lax.rsqrt, grid(0.1, 9), 1e-6),
    "sign": (lax.sign, grid(-3, 3, INF, -INF, 0), 0),
    "sin": (lax.sin, grid(-9, 9), 1e-6),
    "sinh": (lax.sinh, grid(-5, 5), 2e-6),
    "sqrt": (lax.sqrt, grid(0, 9, INF, -1), 1e-6),
    "square": (lax.square, grid(-3, 3), 1e-6),
    "tan": (lax.tan, grid(-1.4, 1.4), 3e-6),
    "tanh": (lax.tanh, grid(-9, 9, INF), 1e-6),
    "reduce_precision": (lambda x: lax.reduce_precision(x, 8, 7), grid(-3, 3), 0),
}


def _window(x: Any, init: Any, function: Any, shape: Any = (1, 2, 2), strides: Any = (1, 1, 2), **options: Any) -> Any:
    return lax.reduce_window(x, init, function, shape, strides, options.pop("padding", "VALID"), **options)


def _dnums(**numbers: Any) -> Any:
    return lax.GatherDimensionNumbers(**numbers)


def _scatter_numbers(**numbers: Any) -> Any:
    return lax.ScatterDimensionNumbers(**numbers)


ROWS = lax.ScatterDimensionNumbers((1,), (0,), (0,))
PLACES = np.array([[0], [2], [0], [5]], np.int32)
UPDATES = f32(4, 5, seed="u")

# primitive -> rows
CASES: dict[str, list[Case]] = {
    name: [Case(name, function, (x,), tolerance)] for name, (function, x, tolerance) in UNARY.items()
}


def row(primitive: str, function: Any, *args: Any, name: str = "", **options: Any) -> None:
    options.setdefault("tolerance", 1e-5)
    CASES.setdefault(primitive, []).append(Case(f"{primitive} {name}".strip(), function, args, **options))


row("add", lax.add, X, Y)
row("add", lambda x, y: x + y, X, np.float32(2), name="scalar")
row("add", jnp.add, f32(3, 1, 5), f32(4, 1), name="broadcast", shapes=["a, 1, 5", "b, 1"])
row("add", lax.add, INTS.astype(np.int8) * 12, J.astype(np.int8) * 12, name="int8 wraps")
row("add", lax.add, UNSIGNED, UNSIGNED[::-1].copy(), name="uint32 wraps")
row("sub", lax.sub, X, Y)
row("sub", lax.sub, INTS.astype(np.uint8), J.astype(np.uint8), name="uint8 wraps")
row("mul", lax.mul, X, Y)
row("mul", lax.mul, WORDS, OTHER, name="int32 wraps")
row("div", lax.div, X, Y)
row(
    "div",
    lax.div,
    np.array([7, -7, 7, -7, 5, -(2**31)], np.int32),
    np.array([2, 2, -2, -2, 0, -1], np.int32),
    name="int32",
)
row("div", lambda x: lax.div(x, jnp.uint32(8)), UNSIGNED, name="uint32 by a power of two")
row(
    "div",
    lax.div,
    np.array([0, 7, 2**32 - 1, 2**31, 2**31 + 5, 5, 2**32 - 1, 4, 2**32 - 1], np.uint32),
    np.array([3, 2, 3, 2**31 - 1, 2**31, 2**32 - 1, 2**32 - 1, 0, 1], np.uint32),
    name="uint32",
)
row("rem", lax.rem, f32(50, low=-9, high=9), f32(50, low=1, high=3))
row("rem", lax.rem, np.array([7, -7, 7, -7, 5], np.int32), np.array([3, 3, -3, -3, 0], np.int32), name="int32")
row("rem", lax.rem, UNSIGNED, np.array([3, 5, 10, 7, 2, 9, 2**31, 1], np.uint32), name="uint32")
row("pow", lax.pow, f32(20, low=0.1), f32(20, seed="e"))
row("pow", lax.pow, f32(20), i32(20, low=0, high=4), name="integer exponent")
row("integer_pow", lambda x: lax.integer_pow(x, 5), X)
row("integer_pow", lambda x: lax.integer_pow(x, -2), X, name="negative")
row("integer_pow", lambda x: lax.integer_pow(x, 3), INTS, name="int32")
row("max", lax.max, X, Y)
row("max", lax.max, UNSIGNED, UNSIGNED[::-1].copy(), name="uint32")
row("min", lax.min, X, Y)
row("min", lax.min, BOOLS, ~BOOLS, name="bool")
row("atan2", lax.atan2, X, Y)
row("nextafter", lax.nextafter, grid(-2, 2, 0, 0, 1), grid(2, -2, 1, -1, 1))
row("clamp", lambda x: lax.clamp(-1.0, x, 0.5), X)
row("clamp", lax.clamp, f32(3, 4, 5, low=-2, high=-1), X, f32(3, 4, 5, low=1), name="arrays")
for _name, _function in {"eq": lax.eq, "ne": lax.ne, "lt": lax.lt, "le": lax.le, "gt": lax.gt, "ge": lax.ge}.items():
    row(_name, _function, INTS, J)
    row(_name, _function, UNSIGNED, UNSIGNED[::-1].copy(), name="uint32")
    row(_name, _function, BOOLS, ~BOOLS, name="bool")
    row(_name, _function, grid(-2, 2, NAN), grid(2, -2, NAN), name="float32")
for _name in ("eq_to", "lt_to", "le_to"):
    _primitive = getattr(primitives, f"{_name}_p")
    row(_name, lambda x, y, p=_primitive: p.bind(x, y), np.concatenate([ENDS, ENDS, -ENDS]), np.tile(ENDS, 3))
for _name, _function in {"and": lax.bitwise_and, "or": lax.bitwise_or, "xor": lax.bitwise_xor}.items():
    row(_name, _function, WORDS, OTHER)
    row(_name, _function, BOOLS, ~BOOLS, name="bool")
    row(_name, _function, WORDS.astype(np.uint8), OTHER.astype(np.uint8), name="uint8")
row("not", lax.bitwise_not, WORDS)
row("not", lax.bitwise_not, BOOLS, name="bool")
for _name in ("shift_left", "shift_right_logical", "shift_right_arithmetic"):
    row(_name, getattr(lax, _name), WORDS, np.array([0, 1, 31, 4, 32, 33, 7, 2], np.int32))
    row(_name, getattr(lax, _name), UNSIGNED, np.array([0, 1, 31, 4, 30, 3, 7, 2], np.uint32), name="uint32")
_AMOUNTS = np.array([0, 1, 7, 4, 8, 33, 3, 2])
row("shift_left", lax.shift_left, WORDS.astype(np.int8), _AMOUNTS.astype(np.int8), name="int8")
row("shift_left", lax.shift_left, WORDS.astype(np.uint8), _AMOUNTS.astype(np.uint8), name="uint8")
row("shift_right_logical", lax.shift_right_logical, WORDS.astype(np.uint8), _AMOUNTS.astype(np.uint8), name="uint8")
row("shift_right_arithmetic", lax.shift_right_arithmetic, WORDS.astype(np.int8), _AMOUNTS.astype(np.int8), name="int8")
row("population_count", lax.population_count, WORDS)
row("clz", lax.clz, UNSIGNED)
row(
    "eq",
    lambda x: jax.nn.one_hot(x, 5),
    i32(2, 1, 3, 2, 2, low=0, high=5),
    name="six dimensions",
    shapes=["a, 1, 3, 2, 2"],
)
row("select_n", lax.select_n, BOOLS, INTS, J)
row("select_n", lambda w, x: lax.select_n(w, x, x + 1, x * 2), i32(3, 4, low=0, high=3), INTS, name="three cases")
row("select_n", lambda x: jnp.where(x > 0, x, 0.0), X, name="where")

row("convert_element_type", lambda x: x.astype(jnp.int32), f32(20, low=-9, high=9))
row("convert_element_type", lambda x: x.astype(jnp.uint8), f32(20, low=-99, high=400), name="saturates")
row("convert_element_type", lambda x: x.astype(jnp.bool_), INTS, name="bool")
row("convert_element_type", lambda x: x.astype(jnp.float32), UNSIGNED, name="from uint32")
row("convert_element_type", lambda x: x.astype(jnp.uint32), grid(0, 4e9), name="to uint32")
row("convert_element_type", lambda x: x.astype(jnp.int8), WORDS, name="int8 wraps")
row("convert_element_type", lambda x: x.astype(jnp.bfloat16), X, name="bfloat16", tolerance=0)
row("convert_element_type", lambda x: x.astype(jnp.float16), X, name="float16", tolerance=0)
row("convert_element_type", lambda x: x.astype(jnp.float32) * 2, X.astype(np.float16), name="from float16")
row("bitcast_convert_type", lambda x: lax.bitcast_convert_type(x, jnp.int32), X)
row(
    "bitcast_convert_type",
    lambda x: lax.bitcast_convert_type(x, jnp.float32),
    np.float32([1, 2, 3]).view(np.uint32),
    name="back",
)

row("broadcast_in_dim", lambda x: lax.broadcast_in_dim(x, (2, 4, 3), (1,)), f32(4))
row("broadcast_in_dim", lambda x: lax.broadcast_in_dim(x, (2, 4), ()), f32(), name="scalar")
row("reshape", lambda x: lax.reshape(x, (12, 5)), X)
row("reshape", lambda x: lax.reshape(x, (12, 5), (2, 0, 1)), X, name="permuted")
row("reshape", lambda x: x.reshape(x.shape[0] * 4, -1), X, name="symbolic", shapes=["a, 4, b"])
row("squeeze", lambda x: lax.squeeze(x, (1,)), f32(3, 1, 4))
row("transpose", lambda x: lax.transpose(x, (2, 0, 1)), X)
row(
    "transpose",
    lambda x: (
        jnp.rot90(lax.cummax(x, 3)),
        jnp.sum(jnp.concatenate([lax.cummax(x, 3)] * 3, 2).astype(jnp.int32), (1, 3)),
        lax.cummin(x, 2).at[:, jnp.array([[1, 2], [3, 0]])].max(4),
    ),
    i32(2, 4, 4, 2).astype(np.int16),
    name="layouts the sum does not mind",
    shapes=["n, 4, 4, 2"],
)
row("rev", lambda x: lax.rev(x, (0, 2)), X)
row("concatenate", lambda x, y: lax.concatenate([x, y, x], 1), X, Y)
row("concatenate", lambda x, y: lax.concatenate([x, y], 0), BOOLS, ~BOOLS, name="bool")
row("pad", lambda x: lax.pad(x, 1.5, [(1, 2, 0), (-1, 0, 0), (0, 1, 2)]), X)
row("pad", lambda x: lax.pad(x, 0.0, [(1, 1, 0), (0, 0, 0), (0, 0, 0)]), X, name="symbolic", shapes=["a, b, 5"])
row("pad", lambda x, v: lax.pad(x, v, [(1, 2, 0)]), f32(4), f32(), name="live value")
row("slice", lambda x: lax.slice(x, (0, 1, 0), (3, 4, 5), (1, 2, 3)), X)
row("slice", lambda x: x[1:, ::2], X, name="symbolic", shapes=["a, 4, b"])
row("slice", lambda x: x[:-1], X, name="from the end", shapes=["a, 4, b"])
if hasattr(lax, "split"):
    row("split", lambda x: lax.split(x, (1, 3), 1), X)
row("stack", lambda x, y: jnp.stack([x, y], 1), X, Y)
row("unstack", lambda x: jnp.unstack(x, axis=1)[2], X)
row("tile", lambda x: jnp.tile(x, (2, 1, 3)), X)
row("iota", lambda x: x + lax.broadcasted_iota(jnp.float32, (3, 4, 5), 1), X)
row("iota", lambda x: jnp.arange(x.shape[0]) + x[0, 0, 0].astype(jnp.int32), X, name="symbolic", shapes=["a, 4, 5"])
row("copy", jnp.copy, X)
row("device_put", lambda x: jax.device_put(x) * 2, X)
row("dim_as_value", lambda x: x / x.shape[0], X, shapes=["a, 4, 5"])
row("stop_gradient", lambda x: lax.stop_gradient(x) * 2, X)
row("optimization_barrier", lambda x: lax.optimization_barrier(x) * 2, X)
row("name", lambda x: checkpoint_name(x, "here") * 2, X)

row("dot_general", lambda x, y: lax.dot_general(x, y, (((2,), (1,)), ((0,), (0,)))), X, f32(3, 5, 2))
row(
    "dot_general",
    lambda x: x @ f32(5, 6),
    X,
    name="weights",
    shapes=["a, b, 5"],
    ops={"FULLY_CONNECTED": 1, "TRANSPOSE": 0},
)
row(
    "dot_general",
    lambda x, y: jnp.einsum("bqhd,bkhd->bhqk", x, y),
    f32(2, 3, 2, 4),
    f32(2, 5, 2, 4),
    name="scores",
    shapes=["b, q, 2, 4", "b, k, 2, 4"],
    ops={"BATCH_MATMUL": 1},
)
row("dot_general", lambda x, y: x @ y, INTS, J.T.copy(), name="int32")
row("dot_general", lambda x: x[:, :, :0] @ f32(0, 3), X, name="nothing to sum", shapes=["a, 4, 5"])
row("dot_general", jnp.dot, BOOLS, ~BOOLS.T, name="bool")
row(
    "dot_general",
    lambda x, y: lax.dot(x, y, preferred_element_type=jnp.int32),
    INTS.astype(np.int8),
    J.T.astype(np.int8),
    name="int8 to int32",
)
row(
    "conv_general_dilated",
    lambda x: lax.conv_general_dilated(x, f32(3, 3, 4, 6), (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")),
    f32(2, 8, 9, 4),
    ops={"CONV_2D": 1, "PAD": 0, "TRANSPOSE": 0},
    shapes=["b, 8, 9, 4"],
)
row(
    "conv_general_dilated",
    lambda x: lax.conv_general_dilated(x, f32(3, 3, 4, 6), (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")),
    f32(2, 8, 9, 4),
    name="strided of any size",
    shapes=["b, h, w, 4"],
)
row(
    "conv_general_dilated", lambda x, w: lax.conv(x, w, (1, 1), "VALID"), f32(2, 4, 2, 9), f32(6, 4, 3, 3), name="empty"
)
row("conv_general_dilated", lambda x, w: lax.conv(x, w, (2, 1), "VALID"), f32(2, 4, 8, 9), f32(6, 4, 3, 3), name="nchw")
row(
    "conv_general_dilated",
    lambda x: lax.conv_general_dilated(
        x, f32(3, 3, 1, 8), (1, 1), "SAME", feature_group_count=4, dimension_numbers=("NHWC", "HWIO", "NHWC")
    ),
    f32(2, 8, 9, 4),
    name="depthwise",
    ops={"DEPTHWISE_CONV_2D": 1},
)
row(
    "conv_general_dilated",
    lambda x: lax.conv_transpose(x, f32(4, 4, 3, 6), (2, 2), "SAME"),
    f32(2, 4, 5, 3),
    name="transposed",
    ops={"TRANSPOSE_CONV": 1, "STRIDED_SLICE": 0},
)
row(
    "conv_general_dilated",
    lambda x: lax.conv_general_dilated(
        x, f32(3, 4, 5), (1,), [(4, 0)], rhs_dilation=(2,), dimension_numbers=("NWC", "WIO", "NWC")
    ),
    f32(2, 9, 4),
    name="causal",
    shapes=["b, t, 4"],
)
row(
    "conv_general_dilated",
    lambda x: lax.conv_general_dilated(
        x, f32(2, 3, 3, 3, 4), (1, 2, 1), "SAME", dimension_numbers=("NDHWC", "DHWIO", "NDHWC")
    ),
    f32(2, 5, 6, 7, 3),
    name="3d",
)
row(
    "conv_general_dilated",
    lambda x, w: lax.conv_general_dilated(
        x, w, (1, 1), "VALID", batch_group_count=2, dimension_numbers=("NHWC", "HWIO", "NHWC")
    ),
    f32(4, 6, 6, 3),
    f32(3, 3, 3, 4),
    name="batch groups",
)

row("dynamic_slice", lambda x, i: lax.dynamic_slice(x, (i, 0, 1), (2, 4, 2)), X, np.int32(2))
row(
    "dynamic_slice",
    lambda x, i: lax.dynamic_index_in_dim(x, i, 1),
    X,
    np.int32(-9),
    name="clamped",
    shapes=["a, b, 5", ""],
)
row("dynamic_update_slice", lambda x, u, i: lax.dynamic_update_slice(x, u, (0, i, 0)), X, f32(3, 2, 5), np.int32(3))
row("gather", lambda x, i: x[i], X, np.array([0, -1, 2, 7], np.int32))
row("gather", lambda x, i: x[:, i, 1], X, np.array([0, -1, 3], np.int32), name="middle")
row("gather", lambda x, i: x.at[i].get(mode="fill", fill_value=-7), X, np.array([0, 5], np.int32), name="filled")
row("gather", lambda x, i: x.at[i].get(mode="clip"), X, np.array([0, 5], np.int32), name="clipped")
row(
    "gather", lambda x, i, j: x[i, :, j], X, np.array([0, 1], np.int32), np.array([4, -5], np.int32), name="two indices"
)
row("gather", lambda x, i: jnp.take_along_axis(x, i, 1), X, i32(3, 2, 5, low=0, high=4), name="along axis")
row(
    "gather",
    jax.vmap(lambda r, k: lax.dynamic_slice(r, (k, 1), (2, 3))),
    X,
    np.array([0, 9, 1], np.int32),
    name="windows",
)
row("gather", lambda x, i: x[i], X, i32(4, low=0, high=3), name="symbolic", shapes=["a, 4, 5", "n"])
row("gather", lambda x, i: x[i], UNSIGNED, np.array([1, 20], np.int32), name="uint32 filled")
SCATTERS = {
    "scatter": lax.scatter,
    "scatter-add": lax.scatter_add,
    "scatter-mul": lax.scatter_mul,
    "scatter-min": lax.scatter_min,
    "scatter-max": lax.scatter_max,
}
for _name, _function in SCATTERS.items():
    row(_name, lambda x, i, u, f=_function: f(x, i, u, ROWS), f32(5, 5), PLACES, UPDATES)
row("scatter", lambda x, i, v: x.at[i].set(v), X, np.int32(1), f32(4, 5), name="one row")
row("scatter-min", lambda x: x.at[jnp.array([1, 1, 20])].min(jnp.uint32(7)), UNSIGNED, name="uint32")
row("scatter-max", lambda x: x.at[:].max(0.5), X, name="everything", shapes=["a, 4, 5"])
row("scatter-add", lambda x: x.at[()].add(0.5), f32(), name="scalar")
row("scatter", lambda x, v: x.at[:, 2].set(v), X, f32(3, 5), name="column", ops={"DYNAMIC_UPDATE_SLICE": 1})
row("scatter", lambda x, v: x.at[jnp.array([0, 2]), 1].set(v, mode="clip"), X, f32(2, 5), name="points")
row("scatter", lambda x, i: x.at[i].set(True), BOOLS, np.array([0, 2], np.int32), name="bool")
row("scatter-add", lambda x, i: jnp.zeros(6).at[i].add(x), f32(20), i32(20, low=0, high=6), name="histogram")
row("scatter-add", lambda x, i: jax.ops.segment_sum(x, i, 4), f32(9, 3), i32(9, low=0, high=4), name="segments")

for _name, _function in {
    "reduce_sum": jnp.sum,
    "reduce_max": jnp.max,
    "reduce_min": jnp.min,
    "reduce_prod": jnp.prod,
}.items():
    row(_name, lambda x, f=_function: f(x, (0, 2)), X)
    row(_name, lambda x, f=_function: f(x, 1), INTS, name="int32")
    row(_name, lambda x, f=_function: f(x, 1), X, name="symbolic", shapes=["a, b, 5"])
row("reduce_max", lambda x: jnp.max(x, 0), np.stack([UNSIGNED, UNSIGNED[::-1]]), name="uint32")
for _name in ("psum", "pmax", "pmin"):
    _collective = getattr(lax, _name)
    row(_name, lambda x, f=_collective: jax.vmap(lambda v: v - f(v, "i"), axis_name="i")(x), X, shapes=["3, b, 5"])
    row(_name, lambda x, f=_collective: jax.vmap(lambda v: f((v, v[0]), "i"), 1, axis_name="i")(x), INTS, name="of two")
row("psum", lambda x: jax.vmap(lambda v: lax.pmean(jnp.abs(v + 1j * v), "i"), axis_name="i")(x), X, name="mean")
row("reduce_sum", lambda x: jnp.sum(x, 0, dtype=jnp.int8), (INTS * 30).astype(np.int8), name="int8 wraps")
row("reduce_and", lambda x: jnp.all(x, 1), BOOLS)
row("reduce_or", lambda x: jnp.any(x, 0), BOOLS)
row("reduce_xor", lambda x: lax.reduce(x, False, lax.bitwise_xor, (1,)), BOOLS)
row("reduce", lambda x: lax.reduce(x, np.float32(2), lambda a, c: a * c, (1,)), X)
row("argmax", lambda x: lax.argmax(x, 1, jnp.int32), X)
row("argmax", jnp.argmax, X, name="flat")
row("argmin", lambda x: lax.argmin(x, 2, jnp.int32), X)
RUNNING = {
    "cumsum": lax.cumsum,
    "cumprod": lax.cumprod,
    "cummax": lax.cummax,
    "cummin": lax.cummin,
    "cumlogsumexp": lax.cumlogsumexp,
}
for _name, _function in RUNNING.items():
    row(_name, lambda x, f=_function: f(x, 1), X)
    row(_name, lambda x, f=_function: f(x, 2, reverse=True), X, name="from the end")
    row(_name, lambda x, f=_function: f(x, 1), X, name="unknown size", shapes=["a, n, 5"])
row("cumsum", lambda x: jnp.cumsum(x, 0), X, name="symbolic", shapes=["a, 4, 5"])
row("reduce_window_max", lambda x: _window(x, -jnp.inf, lax.max), X)
row(
    "reduce_window_max",
    lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME"),
    f32(2, 8, 9, 3),
    name="pool",
    shapes=["b, 8, 9, 3"],
    ops={"MAX_POOL_2D": 1, "PADV2": 0},
)
row("reduce_window_min", lambda x: _window(x, jnp.inf, lax.min), X)
row("reduce_window_sum", lambda x: _window(x, 0.0, lax.add, padding="SAME"), X)
row("reduce_window_sum", lambda x: _window(x, 0, lax.add, (2, 2), (1, 2)), INTS, name="int32")
row(
    "reduce_window_sum",
    lambda x: _window(x, 0.0, lax.add, window_dilation=(1, 2, 1), base_dilation=(1, 2, 1)),
    X,
    name="dilated",
)
row("reduce_window", lambda x: lax.reduce_window(x, np.float32(1), lax.mul, (1, 2, 2), (1, 1, 1), "VALID"), X)
for _strides in (1, 2):
    row(
        "select_and_scatter_add",
        jax.grad(
            lambda x, s=_strides: jnp.sum(
                jnp.sin(lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 2, 1), (1, s, s, 1), "SAME"))
            )
        ),
        f32(2, 6, 5, 3),
        name=f"strides {_strides}",
    )


def _of_parts(function: Any) -> Any:
    return lambda x, y: function(lax.complex(x, y))


for _name in (
    "sqrt",
    "rsqrt",
    "sin",
    "cos",
    "sinh",
    "cosh",
    "tan",
    "tanh",
    "logistic",
    "expm1",
    "log1p",
    "exp2",
    "sign",
):
    row(_name, _of_parts(getattr(lax, _name)), f32(40), f32(40, seed="i"), name="complex")
row("sqrt", jnp.sqrt, np.array([0, 4, -4, 3j, -3j, 1e-20 + 1e-20j, -1e18 + 1e15j], np.complex64), name="complex ends")
row(
    "pow",
    lambda x, y: lax.pow(x, y),
    *(np.array(v, np.complex64) for v in ([0, 0, 2j, -3], [2, 0, 1.5, 1j])),
    name="complex",
)
row(
    "div",
    lax.div,
    np.array([1, 1e20j, 3 + 4j], np.complex64),
    np.array([2j, 1e25, 1e-20j], np.complex64),
    name="complex",
)
row("integer_pow", _of_parts(lambda z: (z**-2, z**3)), f32(9, low=0.5), f32(9), name="complex")
row("convert_element_type", lambda x: x.astype(jnp.complex64), ENDS, name="complex")
row("iota", lambda x: x * lax.iota(jnp.complex64, 5), f32(5), name="complex")
row("pad", _of_parts(lambda z: jnp.pad(z, 1)), X, Y, name="complex")
row("scatter", _of_parts(lambda z: z.at[1, :2].set(2j)), f32(3, 4), f32(3, 4, seed="i"), name="complex")
row("scatter-mul", _of_parts(lambda z: z.at[..., 1:-1].multiply(2)), f32(3, 4), f32(3, 4, seed="i"), name="complex")
row(
    "conv_general_dilated",
    lambda x, y: jnp.convolve(lax.complex(x, y), lax.complex(y[:3], x[:3])),
    f32(9),
    f32(9, seed="i"),
    name="complex",
)
GAMMA = [np.tile(np.array([0.1, 0.5, 1, 2, 9, 30], np.float32), 8), np.repeat(grid(0.05, 40)[::13], 6)]
row("igamma", lax.igamma, *GAMMA, tolerance=2e-5)
row("igammac", lax.igammac, *GAMMA, tolerance=2e-5)
row(
    "igamma",
    jax.scipy.special.gammainc,
    f32(3, 1, low=0.5, high=4),
    f32(2, 3, 4, low=0.1),
    name="any shape",
    tolerance=2e-5,
)
row("regularized_incomplete_beta", lax.betainc, *GAMMA, np.linspace(0, 1, 48, dtype=np.float32), tolerance=5e-5)
row("zeta", lax.zeta, f32(30, low=1.5, high=9), f32(30, low=0.3, high=30, seed="q"))
row("zeta", lax.zeta, np.array([1, 0.5, 2, 3, 2.5], np.float32), np.array([2, 2, -1, 0, -0.5], np.float32), name="ends")
row("polygamma", lax.polygamma, np.float32([0, 1, 2, 3, 2, -1, 0.5]), np.float32([0.5, 0.7, 2, 9, -0.5, 1, 1]))
for _alpha in (0.3, 4.5):
    row("random_gamma", lambda a: jax.random.gamma(jax.random.key(3), a, (6,)), np.float32(_alpha), name=f"{_alpha}")
row("random_gamma", lambda s, a: jax.random.loggamma(jax.random.key(s), a), np.int32(7), f32(2, 3, low=0.1), name="log")
row("random_gamma", lambda a: jax.random.dirichlet(jax.random.key(1), a), f32(4, low=0.3), name="dirichlet")
row("random_gamma", lambda a: jax.random.poisson(jax.random.key(2), a), np.float32([0.5, 3, 12, 40]), name="poisson")
if hasattr(lax, "ragged_dot_general"):
    row("ragged_dot_general", lax.ragged_dot, f32(7, 3), f32(2, 3, 4), np.array([2, 4], np.int32))


def _definite(*shape: int) -> Any:
    x = f32(*shape, seed="definite")
    return x @ np.swapaxes(x, -1, -2) / shape[-1] + np.eye(shape[-1], dtype=np.float32) / 2


def _regular(*shape: int) -> Any:
    return f32(*shape, seed="regular") + 3 * np.eye(*shape[-2:], dtype=np.float32)


def _broken() -> Any:
    """A negative, an infinite, a zero matrix, one with NaN, a good one."""
    x = _definite(5, 9, 9)
    x[0] *= -1
    x[1, 3, 1], x[3, 8, 0] = INF, NAN
    x[2] = 0
    return x


def _exponential(x: Any) -> Any:
    values, vectors = jnp.linalg.eigh(x)
    return (vectors * jnp.exp(values)) @ vectors.T


def _rebuilt(x: Any) -> Any:
    u, values, vt = jnp.linalg.svd(x, full_matrices=False)
    return (u * values[..., None, :]) @ vt


for _size in (3, 12):  # written out, and by a loop
    row("cholesky", jnp.linalg.cholesky, _definite(_size, _size), name=f"of {_size}")
    row("lu", lax.linalg.lu, f32(2, _size, _size), name=f"of {_size}")
    row("lu", lax.linalg.lu, np.sign(f32(3, _size, _size)), name=f"ties of {_size}")
    row("qr", jnp.linalg.qr, f32(_size, _size), name=f"of {_size}")
    row("custom_linear_solve", jnp.linalg.solve, _regular(_size, _size), f32(_size, 2), name=f"of {_size}")
    row("custom_linear_solve", jnp.linalg.inv, _regular(2, _size, _size), name=f"inverse of {_size}")
    row("lu", jnp.linalg.det, f32(2, _size, _size), name=f"determinant of {_size}")
    row("lu", jnp.linalg.slogdet, f32(2, _size, _size), name=f"its logarithm, of {_size}")
    row("eigh", jnp.linalg.eigvalsh, _definite(2, _size, _size), name=f"of {_size}")
    row("svd", jnp.linalg.svdvals, f32(2, _size, _size + 2), name=f"of {_size}")
    row("householder_product", lambda x: jnp.linalg.qr(x, "raw"), f32(_size + 2, _size), name=f"raw of {_size}")
row("cholesky", jnp.linalg.cholesky, _definite(2, 3, 4, 4), name="stack", shapes=["a, b, 4, 4"])
row("cholesky", jnp.linalg.cholesky, _broken(), name="broken")
row("cholesky", jnp.linalg.cholesky, _broken()[:, :4, :4].copy(), name="broken, written out")
row("lu", lax.linalg.lu, f32(3, 7, 4), name="tall", shapes=["a, 7, 4"])
row("lu", lax.linalg.lu, f32(4, 9), name="wide")
row("lu", jnp.linalg.det, np.stack([np.ones((4, 4)), np.zeros((4, 4)), np.eye(4)]).astype(np.float32), name="singular")
row("lu_pivots_to_permutation", lambda p: lax.linalg.lu_pivots_to_permutation(p, 7), i32(2, 4, low=0, high=7))
row("qr", jnp.linalg.qr, f32(2, 9, 4), name="tall", shapes=["a, 9, 4"])
row("qr", jnp.linalg.qr, f32(4, 9), name="wide")
row("qr", lambda x: jnp.linalg.qr(x, "complete"), f32(9, 4), name="complete")
row("qr", jnp.linalg.qr, np.zeros((3, 3), np.float32), name="of zeros")
row("householder_product", lambda x: lax.linalg.householder_product(x, x[0]), f32(4, 4))
INSIDE = np.array([0, 1, 1, 1, 1, 1], np.float32)
row(
    "tridiagonal_solve",
    lax.linalg.tridiagonal_solve,
    f32(6) * INSIDE,
    f32(6) + 4,
    f32(6, seed="u") * INSIDE[::-1],
    f32(6, 2),
)
row(
    "custom_linear_solve",
    jnp.linalg.solve,
    f32(3, 8, 8, seed="regular") + 16 * np.eye(8, dtype=np.float32),  # or JAX itself is 2e-5 off on some machines
    f32(3, 8, 1),
    name="stack",
    shapes=["a, 8, 8", "a, 8, 1"],
)
row("custom_linear_solve", lambda x: jnp.linalg.matrix_power(x, -3), _regular(5, 5), name="power")
row("custom_linear_solve", jax.scipy.linalg.expm, f32(6, 6), name="exponential")
row("eigh", _exponential, _definite(8, 8), name="vectors")
row("eigh", lambda x: jnp.linalg.eigh(x, UPLO="U", symmetrize_input=False)[0], f32(8, 8), name="upper")
row("eigh", jnp.linalg.eigvalsh, np.diag(np.array([3, 1, 2, 2, 0], np.float32)), name="diagonal")
row("eigh", jnp.linalg.eigvalsh, _definite(6, 6) * np.float32(1e-30), name="tiny")
row(
    "svd",
    _rebuilt,
    f32(2, 9, 4),
    name="vectors",
)
row("svd", lambda x: [v @ v.T for v in jnp.linalg.svd(x)[::2]], f32(9, 2) @ f32(2, 6), name="of low rank")
row("svd", jnp.linalg.pinv, f32(7, 4), name="inverse")
row("svd", lambda x, y: jnp.linalg.lstsq(x, y)[0], f32(9, 4), f32(9, 2), name="least squares")
row("svd", jnp.linalg.svdvals, f32(6, 6) * np.float32(1e30), name="huge")
for _flags in range(16):
    _left, _lower, _transposed, _unit = (bool(_flags >> bit & 1) for bit in range(4))
    row(
        "triangular_solve",
        lambda a, y, flags=(_left, _lower, _transposed, _unit): lax.linalg.triangular_solve(
            a, y, left_side=flags[0], lower=flags[1], transpose_a=flags[2], unit_diagonal=flags[3]
        ),
        _regular(2, 4, 4) / 3,
        f32(2, 4, 3) if _left else f32(2, 3, 4),
        name=f"{_flags:04b}",
    )
row("sort", lambda x: lax.sort(x, dimension=1), X)
row("sort", lax.sort, np.concatenate([ENDS, f32(9)]), name="ends")
row("sort", lambda x, y: lax.sort((x, y), num_keys=2), i32(30, low=0, high=3), f32(30), name="two keys")
row("sort", lambda x: jnp.argsort(x, descending=True), f32(4, 9), name="argsort", shapes=["a, b"])
row("sort", jnp.sort, UNSIGNED, name="uint32")
row("top_k", lambda x: lax.top_k(x, 3), X)
row("top_k", lambda x: lax.top_k(x, 2), INTS, name="int32")
row("approx_top_k", lambda x: lax.approx_max_k(x, 3, recall_target=1.0)[0], f32(2, 30))

row(
    "cond",
    lambda p, x: lax.cond(p, lambda v: v + 1, lambda v: v * f32(4, 5), x),
    np.bool_(True),
    X,
    shapes=["", "a, 4, 5"],
)
row(
    "cond",
    lambda i, x: lax.switch(i, [lambda v: v + 1, lambda v: v * 2, lambda v: -v], x),
    np.int32(1),
    X,
    name="switch",
)
row(
    "cond",
    lambda i, x: lax.switch(i, [lambda v: v + 1, lambda v: v * 2, lambda v: -v], x),
    np.int32(7),
    X,
    name="switch beyond",
)
row(
    "while",
    lambda x: lax.while_loop(lambda s: s[0] < 5, lambda s: (s[0] + 1, s[1] * 1.5), (0, x)),
    X,
    shapes=["a, 4, 5"],
)
row("while", lambda n, x: lax.fori_loop(0, n, lambda i, v: v + i, x), np.int32(4), X, name="fori")
row(
    "while",
    lambda x, w: lax.while_loop(lambda v: jnp.sum(v) < w[0], lambda v: v + w, x),
    f32(3, low=0),
    f32(3, low=50, high=60),
    name="captured",
)
row(
    "while",
    lambda x: lax.fori_loop(0, 3, lambda i, v: v + jnp.sum(jnp.ones(x.shape[0])), jnp.zeros(3)),
    X,
    name="hidden size",
    shapes=["a, 4, 5"],
)
row(
    "while",
    jax.vmap(lambda n, x: lax.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, s[1] * 1.5), (0, x))),
    np.array([3, 0, 5], np.int32),
    X,
    name="mapped over a batch",
    shapes=["a", "a, 4, 5"],
)
row("scan", lambda x: lax.scan(lambda c, r: (c + r, c * r), jnp.zeros((4, 5)), x), X)
row(
    "scan",
    lambda x: lax.scan(lambda c, r: (c + r, c), jnp.zeros((4, 5)), x, reverse=True),
    X,
    name="from the end",
    shapes=["t, 4, 5"],
)
row(
    "scan",
    lambda x, w: lax.scan(lambda c, r: (jnp.tanh(c @ w + r), c), jnp.zeros((x.shape[1], 5)), x),
    X,
    f32(5, 5),
    name="rnn",
    shapes=["t, b, 5", "5, 5"],
)
row("scan", lambda x: lax.scan(lambda c, r: (c + r, c), jnp.ones((4, 5)), x[:0]), X, name="no steps")
row("scan", lambda x: lax.scan(lambda c, _: (c * 1.1, None), x, None, length=4)[0], X, name="no rows")
row("scan", lambda x: lax.scan(lambda c, r: lax.scan(lambda d, s: (d + s, d), c, r), jnp.zeros(5), x), X, name="nested")
row("jit", lambda x: jax.jit(lambda v: v * 2)(x) + 1, X)
row("custom_jvp_call", jax.nn.relu, X, ops={"RELU": 1})
row("custom_vjp_call", jax.nn.gelu, X)
row("remat2", jax.checkpoint(lambda v: jnp.sin(v) * 2), X)
row("closed_call", jax.checkpoint(jax.jit(jnp.cos)), X)
if hasattr(lax, "composite"):
    row("composite", lax.composite(lambda v: v * 2, "my.double"), X)
row("call_hi_primitive", lambda x: jnp.searchsorted(jnp.array([-1.0, 0.0, 1.0]), x), f32(20))
row("polynomial", lambda x: jnp.polyval(jnp.array([1.0, -2.0, 0.5]), x), X)
row("log2", jnp.log2, grid(0.01, 20, 0, -1, INF))
row("one_minus_square", jax.grad(lambda x: jnp.sum(jnp.tanh(x))), X)

KEY = jax.random.key_data(jax.random.key(7))


def _keyed(function: Any) -> Any:
    return lambda words: function(jax.random.wrap_key_data(words))


row("random_bits", _keyed(lambda k: jax.random.bits(k, (5, 3))), KEY)
row("random_bits", _keyed(lambda k: jax.random.uniform(k, (7,))), KEY, name="uniform")
row("random_bits", _keyed(lambda k: jax.random.normal(k, (4, 3))), KEY, name="normal", tolerance=2e-5)
row("random_bits", _keyed(lambda k: jax.random.randint(k, (20,), -3, 9)), KEY, name="randint")
row("random_bits", _keyed(lambda k: jax.random.bernoulli(k, 0.3, (20,))), KEY, name="bernoulli")
row("random_bits", _keyed(lambda k: jax.random.categorical(k, jnp.arange(4.0), shape=(9,))), KEY, name="categorical")
row("random_bits", _keyed(lambda k: jax.random.permutation(k, 9)), KEY, name="permutation")
row("random_bits", lambda x: jax.random.normal(jax.random.key(1), x.shape) + x, X, name="constant key")
row(
    "random_bits",
    _keyed(lambda k: jax.vmap(lambda q: jax.random.uniform(q, (3,)))(jax.random.split(k, 4))),
    KEY,
    name="several keys",
)
row(
    "random_fold_in",
    lambda w, i: jax.random.key_data(jax.vmap(lambda q: jax.random.fold_in(jax.random.wrap_key_data(w), q))(i)),
    KEY,
    np.arange(3, dtype=np.uint32),
    name="several numbers",
)
row("random_split", _keyed(lambda k: jax.random.key_data(jax.random.split(k, 3))), KEY)
row(
    "random_fold_in",
    lambda w, i: jax.random.key_data(jax.random.fold_in(jax.random.wrap_key_data(w), i)),
    KEY,
    np.int32(5),
)
row("random_seed", lambda s: jax.random.key_data(jax.random.key(s)), np.int32(42))
row("random_wrap", _keyed(lambda k: jax.random.uniform(jax.random.split(k)[1])), KEY)
row("random_unwrap", _keyed(jax.random.key_data), KEY)
row("threefry2x32", lambda k: jax.random.uniform(k, (5,)), np.array([3, 4], np.uint32), name="raw key")

ANGLES, SIGNAL = f32(2, 12), f32(2, 12, seed="s")
row("fft", lambda x: jnp.abs(jnp.fft.fft(x)), SIGNAL)
row("fft", lambda x: jnp.real(jnp.fft.ifft(jnp.fft.fft(x) * 2)), SIGNAL, name="there and back")
row("fft", lambda x: jnp.abs(jnp.fft.rfft(x)), f32(2, 200), name="rfft")
row("fft", lambda x: jnp.fft.irfft(jnp.fft.rfft(x)), f32(2, 16), name="irfft")
row("fft", lambda x: jnp.abs(jnp.fft.fft2(x)), f32(2, 6, 8), name="fft2")
row("fft", lambda x: jnp.fft.irfft2(jnp.fft.rfft2(x)), f32(2, 6, 8), name="rfft2 there and back")
row("complex", lambda x, y: jnp.abs(lax.complex(x, y)), X, Y)
row("real", lambda x, y: lax.real(lax.complex(x, y) * lax.complex(y, x)), X, Y)
row("imag", lambda x, y: lax.imag(lax.complex(x, y) / lax.complex(y, x)), X, Y)
row("conj", lambda x, y: lax.imag(lax.conj(lax.complex(x, y))), X, Y)
row("real", lambda x: lax.real(x) + lax.imag(x), (X + 1j * Y).astype(np.complex64), name="complex input")


@rows([case for cases in CASES.values() for case in cases])
def test_parity(case: Case) -> None:
    check(case)


def test_every_lowering_has_a_row() -> None:
    """Each primitive with a lowering is the name of a row, an alias in other JAX versions aside."""
    aliases = {
        "add_any",
        "scatter_add",
        "scatter_mul",
        "scatter_min",
        "scatter_max",
        "scatter-sub",
        "scatter_sub",
        "expand_dims",
        "pjit",
        "core_call",
        "call",
        "remat",
        "checkpoint",
        "custom_vjp_call_jaxpr",
        "xla_call",
        "shard_map",
        "custom_lin",
        "copy_p",
        "pvary",
        "mesh_cast",
        "layout_constraint",
        "sharding_constraint",
        "empty",
        "empty2",
        "iota_2x32_shape",
        "debug_callback",
        "debug_print",
        "shape_assertion",
        "tie",
        "random_clone",
        "custom_vmap_call",
        "eval_jaxpr",
        "platform_index",
        "zeros_like",
        "psum_invariant",
        "geqrf",
        *(name for name in ("ragged_dot_general",) if not hasattr(lax, name)),
        "custom_jvp_call_jaxpr",
        *(name for name in ("composite", "split") if not hasattr(lax, name)),
    }
    assert set(LOWERINGS) | set(COMPLEX_LOWERINGS) == set(CASES) | aliases


def _lax_primitives() -> list[str]:
    return sorted(getattr(primitives, n).name for n in dir(primitives) if n.endswith("_p"))


@pytest.mark.parametrize("name", _lax_primitives())
def test_primitive_is_lowered_or_refused(name: str) -> None:
    """Every primitive JAX names publicly is known here; those that are refused say why."""
    assert (name in LOWERINGS) or (name in COMPLEX_LOWERINGS) != (name in REFUSED)


def test_all_problems_at_once() -> None:
    def function(x: Any) -> Any:
        with jax.named_scope("decoder"):
            y, _ = lax.linalg.hessenberg(x)
        return jnp.tanh(lax.linalg.schur(y)[0])

    size = 7  # of no other test: JAX keeps what it traced of a shape, with the line that asked first
    with pytest.raises(ConverterError) as error:
        import_jax(function, (np.eye(size, dtype=np.float32),))
    problems = error.value.problems
    assert {p.op for p in problems} == {"jax.hessenberg", "jax.schur"}
    assert all(p.code == "LS010" and p.fix and "test_primitives.py:" in p.line for p in problems)
    assert any("decoder" in p.node for p in problems)
