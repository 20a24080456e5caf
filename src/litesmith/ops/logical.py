"""Operators on bits and truth values: BITWISE_XOR, RIGHT_SHIFT, LOGICAL_AND, LOGICAL_OR."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.constant import Array
from litesmith.ir.graph import Op, Value
from litesmith.ir.intervals import FALSE, TRUE, Interval
from litesmith.ir.opdef import OpDef, Trait
from litesmith.ops import gpu, intervals, micro
from litesmith.ops.common import BOOL, broadcast_rank_at_most, broadcasting, dtypes, operands
from litesmith.ops.elementwise import elide

Simplify: TypeAlias = "Callable[[Builder, Op], Value | None]"

_BITS = dtypes("int8 uint8 int16 uint16 int32 uint32")

BITWISE_XOR = OpDef(
    "BITWISE_XOR",
    160,
    operands("x y", _BITS),
    options=("BitwiseXorOptions", 125),
    traits=Trait.ELEMENTWISE | Trait.COMMUTATIVE,
    infer=broadcasting(),
    evaluate=np.bitwise_xor,
    check=broadcast_rank_at_most(4),
    runtimes={1: "2.13.0"},
)


def _right_shift(x: Array, y: Array) -> Array:
    """Arithmetic shift; an amount out of range is brought into it."""
    amount = np.clip(y.astype(np.int64), 0, x.dtype.itemsize * 8 - 1)
    return np.asarray(np.right_shift(x, amount.astype(x.dtype)))


RIGHT_SHIFT = OpDef(
    "RIGHT_SHIFT",
    161,
    operands("x y", _BITS),
    options=("RightShiftOptions", 126),
    traits=Trait.ELEMENTWISE,
    infer=broadcasting(),
    evaluate=_right_shift,
    check=broadcast_rank_at_most(4),
    runtimes={1: "2.13.0"},
    gpu=gpu.two_operands,
)


def _without_repetition(simplify: Simplify) -> Simplify:
    """Simplifies further: a truth value joined with itself is itself."""
    return lambda b, op: op["x"] if op["x"] is op["y"] else simplify(b, op)


def _logical(name: str, code: int, options: tuple[str, int], function: Any, neutral: Interval) -> OpDef:
    return OpDef(
        name,
        code,
        operands("x y", BOOL),
        options=options,
        traits=Trait.ELEMENTWISE | Trait.COMMUTATIVE,
        infer=broadcasting(),
        evaluate=function,
        simplify=_without_repetition(elide(lambda a: a == neutral.number, either=True)),
        check=broadcast_rank_at_most(4),
        runtimes={1: "1.11.0"},
        gpu=gpu.two_operands,
        micro=micro.LOGICAL,
        interval=intervals.truth_connective(neutral, FALSE if neutral is TRUE else TRUE),
    )


LOGICAL_AND = _logical("LOGICAL_AND", 86, ("LogicalAndOptions", 62), np.logical_and, neutral=TRUE)
LOGICAL_OR = _logical("LOGICAL_OR", 84, ("LogicalOrOptions", 60), np.logical_or, neutral=FALSE)

DEFINITIONS = (BITWISE_XOR, RIGHT_SHIFT, LOGICAL_AND, LOGICAL_OR)
