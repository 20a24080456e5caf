"""Functions of one or more tensors, element by element."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from litesmith.decompositions import special
from litesmith.errors import UnsupportedError
from litesmith.frontends.jax.types import Item, Tensor
from litesmith.frontends.stablehlo.importer import Context
from litesmith.frontends.stablehlo.registry import Lowering, direct, lowers
from litesmith.ir import Builder, Value

if TYPE_CHECKING:
    from litesmith.frontends.stablehlo.importer import Results

_SAME = """abs atan2 cbrt ceil clamp complex floor imag is_finite log logistic not or and real rsqrt
    shift_left shift_right_arithmetic shift_right_logical sign sqrt tan tanh xor""".split()

_RENAMED = {
    "subtract": "sub",
    "divide": "div",
    "maximum": "max",
    "minimum": "min",
    "power": "pow",
    "remainder": "rem",
    "negate": "neg",
    "exponential": "exp",
    "exponential_minus_one": "expm1",
    "log_plus_one": "log1p",
    "sine": "sin",
    "cosine": "cos",
    "popcnt": "population_count",
    "count_leading_zeros": "clz",
}

PRIMITIVES: tuple[Lowering[..., Results], ...] = tuple(
    direct(f"stablehlo.{name}", to=primitive, broadcasts=True)
    for name, primitive in {**dict(zip(_SAME, _SAME, strict=True)), **_RENAMED}.items()
)

_FUNCTIONS = {
    **{n: n for n in "erf erfc erf_inv lgamma digamma acos acosh asin asinh atan atanh cosh sinh tan".split()},
    **{n: n for n in "square conj bessel_i1e".split()},
    "next_after": "nextafter",
}

FUNCTIONS: tuple[Lowering[..., Results], ...] = tuple(
    direct(f"chlo.{name}", f"@mhlo.{name}", f"@chlo.{name}", to=primitive, broadcasts=True)
    for name, primitive in _FUNCTIONS.items()
)
"""What StableHLO spells out and StableHLO's client dialect, composites and custom calls name."""

ROUND_EVEN = direct("stablehlo.round_nearest_even", to="round", broadcasts=True, rounding_method=1)
ROUND_AWAY = direct("stablehlo.round_nearest_afz", to="round", broadcasts=True, rounding_method=0)
REDUCE_PRECISION = direct(
    "stablehlo.reduce_precision",
    to="reduce_precision",
    broadcasts=True,
    exponent_bits="exponent_bits",
    mantissa_bits="mantissa_bits",
)


def _of_bools(name: str, logical: str) -> Callable[[Context, Tensor, Tensor], Item]:
    """Sums of bools are disjunctions, products conjunctions."""

    def lowering(ctx: Context, x: Tensor, y: Tensor) -> Item:
        is_bool = ctx.aval.dtype == np.bool_
        return ctx.primitive(logical if is_bool else name, [x, y])

    return lowering


SUM = lowers("stablehlo.add", broadcasts=True)(_of_bools("add", "or"))
PRODUCT = lowers("stablehlo.multiply", broadcasts=True)(_of_bools("mul", "and"))


@lowers("stablehlo.select", broadcasts=True)
def select(ctx: Context, which: Tensor, on_true: Tensor, on_false: Tensor) -> Item:
    swapped = ctx.reorder([0, 2, 1])
    return swapped.primitive("select_n", [which, on_false, on_true])


@lowers("stablehlo.convert", broadcasts=True)
def convert(ctx: Context, x: Tensor) -> Item:
    return ctx.primitive("convert_element_type", [x], new_dtype=ctx.aval.dtype)


@lowers("stablehlo.bitcast_convert")
def bitcast_convert(ctx: Context, x: Tensor) -> Item:
    return ctx.primitive("bitcast_convert_type", [x], new_dtype=ctx.result_types[0].dtype)


_TOTAL = {"EQ": ("eq_to", False), "LT": ("lt_to", False), "LE": ("le_to", False), "GT": ("lt_to", True)}
_TOTAL["GE"] = ("le_to", True)


@lowers("stablehlo.compare", broadcasts=True)
def compare(ctx: Context, x: Tensor, y: Tensor, *, comparison_direction: str, compare_type: str = "NOTYPE") -> Item:
    if compare_type != "TOTALORDER":
        return ctx.primitive(comparison_direction.lower(), [x, y])
    if comparison_direction not in _TOTAL:
        raise UnsupportedError("the comparison NE in total order", "negate EQ")
    name, swapped = _TOTAL[comparison_direction]
    return ctx.reorder([1, 0]).primitive(name, [y, x]) if swapped else ctx.primitive(name, [x, y])


@lowers("chlo.is_inf", broadcasts=True)
def is_inf(b: Builder, x: Value) -> Value:
    return b.equal(b.abs(x), special.number(b, np.inf, x))


@lowers("chlo.is_pos_inf", broadcasts=True)
def is_pos_inf(b: Builder, x: Value) -> Value:
    return b.equal(x, special.number(b, np.inf, x))


@lowers("chlo.is_neg_inf", broadcasts=True)
def is_neg_inf(b: Builder, x: Value) -> Value:
    return b.equal(x, special.number(b, -np.inf, x))
