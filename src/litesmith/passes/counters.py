"""Loop variables that only count: from where they start, by a constant step, until they meet the condition's bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op, Value
from litesmith.ops.comparison import ORDERS
from litesmith.ops.elementwise import ADD, SUB
from litesmith.ops.logical import LOGICAL_AND
from litesmith.passes.match import activation, producer, scalar

Ends: TypeAlias = "tuple[int, int]"


class Counter(NamedTuple):
    """The least and the largest number it is while the body runs, and when the condition is asked or the loop ends."""

    inside: Ends
    after: Ends


def counter(op: Op, index: int, ends: Callable[[Value | None], Ends | None]) -> Counter | None:
    """The loop variable of a WHILE as a counter, None where it is none or may leave its type.

    ends: the least and the largest number a value of the graph around, or of the condition, can be.
    """
    cond, body = op.attrs["cond_subgraph"], op.attrs["body_subgraph"]
    dtype = op.results[index].type.dtype
    if op.results[index].type.shape != () or dtype not in (DType.INT32, DType.INT64):
        return None
    start, step = ends(op.operands[index]), _step(body.inputs[index], body.outputs[index])
    last = _furthest(cond.inputs[index], cond.outputs[0], step > 0, ends) if step else None
    if start is None or not step or last is None:
        return None
    low, high = start
    if step > 0:
        found = Counter((low, max(last, low)), (low, max(last + step, high)))
    else:
        found = Counter((min(last, high), high), (min(last + step, low), high))
    limits = np.iinfo(dtype.numpy)
    reached = [*found.after, *(end + step for end in found.inside)]
    return found if limits.min <= min(reached) and max(reached) <= limits.max else None


def _step(before: Value, after: Value) -> int | None:
    """What the body adds to the variable, None where that is not a constant or not all it does."""
    op = producer(after, ADD, SUB)
    if op is None or activation(op) != "NONE":
        return None
    x, y = op.operands
    if x is before and (number := scalar(y)) is not None:
        return int(number) if op.defn is ADD else -int(number)
    number = scalar(x) if y is before and op.defn is ADD else None
    return None if number is None else int(number)


def _furthest(variable: Value, condition: Value, rises: bool, ends: Callable[[Value | None], Ends | None]) -> int | None:
    """The furthest the variable can be where the condition holds; None where the condition does not bound it."""
    found: list[int] = []
    conjuncts = [condition]
    while conjuncts:
        op = conjuncts.pop().op
        if op is not None and op.defn is LOGICAL_AND:
            conjuncts += op.inputs
        elif op is not None and (last := _bound_of(variable, op, rises, ends)) is not None:
            found.append(last)
    return (min(found) if rises else max(found)) if found else None


def _bound_of(variable: Value, op: Op, rises: bool, ends: Callable[[Value | None], Ends | None]) -> int | None:
    order = ORDERS.get(op.defn)
    if order is None or (op.operands[0] is variable) == (op.operands[1] is variable):
        return None
    on_left = op.operands[0] is variable
    limit = ends(op.operands[1] if on_left else op.operands[0])
    if limit is None or rises != (order.is_below == on_left):
        return None
    return limit[1] - order.is_strict if rises else limit[0] + order.is_strict
