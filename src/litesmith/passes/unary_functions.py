"""A formula in one variable that computes GELU, HARD_SWISH or ELU becomes that operator, Mish its shortest form.

    %1 = MUL(%x, 0.5)
    %2 = DIV(%x, 1.41421354)
    …                                       a decomposed erf of %2
    %9 = ADD(%8, 1)
    %10 = MUL(%1, %9)
⇒
    %10 = GELU(%x)

People write these functions in many ways (x³ as a power or as products, 1/6 before or after, erf decomposed into a
rational function or exponentials), so they are recognised by what they compute and not by how they look: a formula
made of element-wise operations on %x and single numbers only is a function of one real variable; it is evaluated with
the operators' own evaluators at 2100 points from 1e-30 to 1e30 on both sides and must agree with the operator's
evaluator at each within 4e-6 of max(1, |x|). The exact and the tanh form of GELU differ by 5e-4. Legal within that:
the kernels are more accurate than most formulas. At NaN all give NaN; at infinities the formulas may give NaN where
the kernel does not.

Mish, x tanh(log(1 + exp(x))), has no operator. Written by a softplus that is accurate far out it has 15 operations or
more, and 7 by one exponential (`special.mish`), which is as accurate. Softplus
as JAX traces it asks for NaN first, which the form here keeps without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from litesmith.decompositions import special
from litesmith.ir.builder import Builder
from litesmith.ir.constant import Array
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import OpDef, Trait
from litesmith.ops.activation import ELU, GELU, HARD_SWISH
from litesmith.ops.comparison import SELECT
from litesmith.ops.elementwise import DIV, MUL
from litesmith.ops.unary import NEG
from litesmith.passes.driver import Outcome, Pass
from litesmith.passes.match import activation, is_float, scalar

LONGEST = 128
"""Operations a formula may have."""

TOLERANCE = 4e-6


@dataclass(frozen=True)
class Function:
    """What a formula may compute.

    compute: its values; emit: what takes the place of the formula; operations: how many that has.
    """

    compute: Callable[[Array], Array]
    emit: Callable[[Builder, Value], Value]
    operations: int = 1


def _operator(defn: OpDef, **attrs: Any) -> Function:
    evaluate: Any = defn.evaluate
    return Function(partial(evaluate, **attrs), lambda b, x: b.apply(defn, x, **attrs))


FUNCTIONS = (
    _operator(GELU, approximate=False),
    _operator(GELU, approximate=True),
    _operator(HARD_SWISH),
    _operator(ELU),
    Function(lambda x: x * np.tanh(np.logaddexp(np.float32(0), x)), special.mish, operations=7),
    Function(lambda x: np.logaddexp(np.float32(0), x), special.softplus, operations=13),
    Function(lambda x: np.logaddexp(np.float32(0), -x), lambda b, x: special.softplus(b, b.neg(x)), operations=14),
)

_FEW = np.array([-4, -2.5, -1, -0.25, 0, 0.5, 2, 3.5], np.float32)
_FAR = np.logspace(-30, 30, 61)
_MANY = np.concatenate([np.linspace(-12, 12, 2001), _FAR, -_FAR]).astype(np.float32)


def recognise(op: Op, b: Builder) -> Outcome:
    """The last operation of a formula."""
    if not is_float(op.result) or activation(op) != "NONE":
        return None
    for x in _variables(op):
        formula = closure(op, x)
        named = _recognize(formula, x) if formula is not None and len(formula) > 1 else None
        if named is not None:
            return named.emit(b, x)
    return None


def _variables(op: Op) -> Iterator[Value]:
    """What the formula may be a function of: a factor of a product, a branch of a select."""
    if bool(op.defn.traits & Trait.SELECTS):
        for value in op.inputs[1:]:
            if not value.is_const:
                yield value
                if value.op is not None and value.op.defn is NEG:
                    yield value.op["x"]
    else:
        yield from _factors(op, 4)


def _factors(op: Op, depth: int) -> Iterator[Value]:
    """Factors of a product that are not products by a number themselves, the nearest first."""
    deeper: list[Op] = []
    for value in op.inputs[: 1 if op.defn is DIV else 2]:
        if value.is_const:
            continue
        yield value
        if depth and value.op is not None and value.op.defn in (MUL, DIV):
            deeper.append(value.op)
    for below in deeper:
        yield from _factors(below, depth - 1)


def closure(op: Op, x: Value) -> list[Op] | None:
    """The operations between ``x`` and a result, in order; None where it depends on anything else but numbers."""
    order: list[Op] = []
    done: set[Op] = set()
    stack = [(op, False)]
    while stack:
        at, ready = stack.pop()
        if ready:
            order.append(at)
            continue
        if at in done:
            continue
        done.add(at)
        below = _operands(at, x)
        if below is None or len(done) > LONGEST:
            return None
        stack.append((at, True))
        stack.extend((o, False) for o in below if o not in done)
    return order


def _operands(op: Op, x: Value) -> list[Op] | None:
    """The operations an element-wise operation depends on above ``x``; None where it does not fit a formula."""
    if not (op.defn.traits & Trait.ELEMENTWISE or op.defn is SELECT) or op.defn.evaluate is None:
        return None
    if len(op.results) != 1 or op.result.type.shape != x.type.shape:
        return None
    below: list[Op] = []
    for value in op.inputs:
        if value is x:
            continue
        if value.is_const:
            if scalar(value) is None:
                return None
        elif value.op is None:
            return None
        else:
            below.append(value.op)
    return below


def _recognize(formula: Sequence[Op], x: Value) -> Function | None:
    """The function a formula computes, where its own form is shorter."""
    few = evaluate_at(formula, x, _FEW)
    for function in FUNCTIONS:
        is_shorter = len(formula) > function.operations
        if is_shorter and _agree(few, function, _FEW) and _agree(evaluate_at(formula, x, _MANY), function, _MANY):
            return function
    return None


def evaluate_at(formula: Sequence[Op], x: Value, points: Array) -> Array:
    """The formula's last result at these points."""
    values: dict[Value, Array] = {x: points}
    with np.errstate(all="ignore"):
        for op in formula:
            operands = [None if v is None else values[v] if v in values else _number(v) for v in op.operands]
            assert op.defn.evaluate is not None
            values[op.result] = np.asarray(op.defn.evaluate(*operands, **op.attrs))
    return values[formula[-1].result]


def _number(value: Value) -> Array:
    return np.asarray(scalar(value))


def _agree(got: Array, function: Function, points: Array) -> bool:
    with np.errstate(all="ignore"):
        close = np.abs(got - function.compute(points)) <= TOLERANCE * np.maximum(1, np.abs(points))
    return bool(np.all(close))


UNARY_FUNCTIONS = Pass("unary-functions", (MUL, DIV, Trait.SELECTS), recognise)
PASSES = (UNARY_FUNCTIONS,)
