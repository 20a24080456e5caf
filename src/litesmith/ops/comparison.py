"""Comparisons, and selection between two tensors by a condition: EQUAL, LESS, SELECT_V2, …"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.builder import Builder
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim, non_negative
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import OpDef, Trait, VersionRule
from litesmith.ir.types import TensorType
from litesmith.ops import costs, gpu, intervals, micro
from litesmith.ops.common import (
    BOOL,
    FLOAT,
    INDEX,
    INT16,
    QUANTIZED,
    STRING,
    broadcast_rank_at_most,
    broadcast_shapes,
    broadcasting,
    by_dtype,
    dtypes,
    first_reason,
    highest,
    max_rank,
    operands,
    quantized_only,
)

Decide = Callable[[Dim, Dim], "bool | None"]


def _symbolic_comparison(decide: Decide) -> Callable[[Op], Array | None]:
    """A comparison of known sizes, where every element is certain whatever the symbols stand for."""

    def symbolic(op: Op) -> Array | None:
        x, y = (v.sym for v in op.inputs)
        if x is None or y is None:
            return None
        found = np.frompyfunc(decide, 2, 1)(x, y)
        found = np.asarray(found, dtype=object)
        return None if any(e is None for e in found.flat) else found

    return symbolic


def _equal(x: Dim, y: Dim) -> bool | None:
    if x == y:
        return True
    return False if _less(x, y) or _less(y, x) else None


def _not_equal(x: Dim, y: Dim) -> bool | None:
    equal = _equal(x, y)
    return None if equal is None else not equal


def _less(x: Dim, y: Dim) -> bool | None:
    if non_negative(y - x - 1):
        return True
    return False if non_negative(x - y) else None


def _less_equal(x: Dim, y: Dim) -> bool | None:
    less = _less(y, x)
    return None if less is None else not less


def _comparison(
    name: str,
    code: int,
    options: tuple[str, int],
    evaluate: Any,
    decide: Decide,
    version: VersionRule,
    runtimes: dict[int, str],
    extra: frozenset[DType] = frozenset(),
    traits: Trait = Trait.NONE,
) -> OpDef:
    needing = "int8 uint8" if DType.INT16 in extra else "int8 uint8 int16"
    return OpDef(
        name,
        code,
        operands("x y", FLOAT | INDEX | QUANTIZED | extra),
        options=options,
        traits=Trait.ELEMENTWISE | traits,
        infer=broadcasting(DType.BOOL),
        evaluate=evaluate,
        symbolic=_symbolic_comparison(decide),
        check=first_reason(quantized_only(needing), broadcast_rank_at_most(4)),
        version=version,
        runtimes=runtimes,
        gpu=gpu.two_operands,
        micro=micro.always,
        interval=intervals.COMPARISONS[name],
    )


_EQUALITY = BOOL | STRING
_SINCE_114 = {1: "1.14.0", 2: "1.14.0"}
_INT8 = by_dtype(int8=2)
_INT8_INT16 = by_dtype(int8=2, int16=3)

EQUAL = _comparison(
    "EQUAL",
    71,
    ("EqualOptions", 53),
    np.equal,
    _equal,
    by_dtype(int8=2, string=3, int16=4),
    {**_SINCE_114, 3: "2.3.0", 4: "2.13.0", 5: "2.21.0"},
    _EQUALITY | INT16,
    Trait.COMMUTATIVE,
)
NOT_EQUAL = _comparison(
    "NOT_EQUAL",
    72,
    ("NotEqualOptions", 54),
    np.not_equal,
    _not_equal,
    by_dtype(int8=2, string=3),
    {**_SINCE_114, 3: "2.3.0", 4: "2.21.0"},
    _EQUALITY,
    Trait.COMMUTATIVE,
)
LESS = _comparison("LESS", 58, ("LessOptions", 41), np.less, _less, _INT8_INT16, {**_SINCE_114, 3: "2.13.0"}, INT16)
LESS_EQUAL = _comparison("LESS_EQUAL", 63, ("LessEqualOptions", 46), np.less_equal, _less_equal, _INT8, _SINCE_114)
GREATER = _comparison("GREATER", 61, ("GreaterOptions", 44), np.greater, lambda x, y: _less(y, x), _INT8, _SINCE_114)
GREATER_EQUAL = _comparison(
    "GREATER_EQUAL",
    62,
    ("GreaterEqualOptions", 45),
    np.greater_equal,
    lambda x, y: _less_equal(y, x),
    _INT8_INT16,
    {**_SINCE_114, 3: "2.13.0"},
    INT16,
)


class Order(NamedTuple):
    """Whether a comparison holds for a left operand below the right one, and whether not for equal ones."""

    is_below: bool
    is_strict: bool


ORDERS: Mapping[OpDef, Order] = {
    LESS: Order(True, True),
    LESS_EQUAL: Order(True, False),
    GREATER: Order(False, True),
    GREATER_EQUAL: Order(False, False),
}
"""The comparisons that tell which operand is larger."""

# -- selection --------------------------------------------------------------------------------------------------------


def _require_same_branches(op: Op) -> None:
    x, y = op["x"].type.dtype, op["y"].type.dtype
    if x is not y:
        raise UnsupportedError(f"the branches have element types {x} and {y}", "cast them to one", op=op.name)


def _infer_select(op: Op) -> list[TensorType]:
    """The condition is a scalar, has the branches' shape, or is a vector that selects along their first dimension."""
    _require_same_branches(op)
    x, y = op["x"].type, op["y"].type
    return [TensorType(x.dtype, x.shape if x.is_static or not y.is_static else y.shape)]


def _select(condition: Array, x: Array, y: Array) -> Array:
    if condition.ndim == 1 and x.ndim > 1:
        condition = condition.reshape(-1, *[1] * (x.ndim - 1))
    return np.where(condition, x, y)


def _infer_select_v2(op: Op) -> list[TensorType]:
    _require_same_branches(op)
    shape = broadcast_shapes(op, [v.type.shape for v in op.inputs])
    return [TensorType(op["x"].type.dtype, shape)]


def _simplify_select(b: Builder, op: Op) -> Value | None:
    """A condition that is the same everywhere selects one branch, where that has the result's shape already."""
    condition = op["condition"]
    if not condition.is_small_const or not condition.numpy().size:
        return None
    chosen = condition.numpy()
    if not (chosen.all() or not chosen.any()):
        return None
    branch = op["x"] if chosen.all() else op["y"]
    assert op.defn.infer is not None
    (result,) = op.defn.infer(op)
    return branch if branch.type.shape == result.shape else None


def _symbolic_select(op: Op) -> Array | None:
    if not op["condition"].is_small_const or op["x"].sym is None or op["y"].sym is None:
        return None
    assert op.defn.evaluate is not None
    return np.asarray(op.defn.evaluate(op["condition"].numpy(), op["x"].sym, op["y"].sym), dtype=object)


def _select_version(op: Op) -> int:
    rank5 = 3 if max_rank(op.inputs) == 5 else 1
    return max(by_dtype(1, int8=2, uint32=4)(op), rank5)


def _choice(
    name: str,
    code: int,
    options: tuple[str, int],
    infer: Any,
    evaluate: Any,
    runtimes: dict[int, str],
    traits: Trait = Trait.NONE,
    **rest: Any,
) -> OpDef:
    taken = FLOAT | INDEX | QUANTIZED | BOOL | dtypes("uint32")
    return OpDef(
        name,
        code,
        operands("condition x y", BOOL, taken),
        options=options,
        infer=infer,
        evaluate=evaluate,
        symbolic=_symbolic_select,
        simplify=_simplify_select,
        runtimes=runtimes,
        traits=Trait.SELECTS | traits,
        gpu=gpu.select,
        interval=intervals.selection,
        **rest,
    )


SELECT = _choice(
    "SELECT",
    64,
    ("SelectOptions", 47),
    _infer_select,
    _select,
    {1: "1.14.0", 2: "1.14.0", 3: "2.12.0", 4: "2.12.0"},
    version=_select_version,
    cost=costs.result_elements,
)
SELECT_V2 = _choice(
    "SELECT_V2",
    123,
    ("SelectV2Options", 98),
    _infer_select_v2,
    np.where,
    {1: "2.2.0", 2: "2.12.0"},
    traits=Trait.ELEMENTWISE,
    check=broadcast_rank_at_most(5),
    version=highest(by_dtype(1, uint32=2)),
    micro=micro.DATA,
)

DEFINITIONS = (EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, SELECT, SELECT_V2)
