"""Evaluation of operations on NumPy arrays: of regions on samples, to tell what they compute, and of constants whose
element type no kernel takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from litesmith.frontends.stablehlo.module import Function, Operation, Region, Variable
from litesmith.ir.constant import Array

MAX_ELEMENTS = 1 << 22
"""Arrays larger than this are not made."""


def total_key(x: Array) -> Array:
    """Integers in the total order of floats; other numbers as they are."""
    if x.dtype.kind not in "fV":
        return x
    bits = x.astype(np.float32).view(np.int32)
    return np.where(bits < 0, bits ^ 0x7FFFFFFF, bits)


_COMPARED: dict[str, Callable[[Array, Array], Array]] = {
    "EQ": np.equal,
    "NE": np.not_equal,
    "LT": np.less,
    "LE": np.less_equal,
    "GT": np.greater,
    "GE": np.greater_equal,
}


def _compare(operation: Operation, x: Array, y: Array) -> Array:
    if operation.attrs.get("compare_type") == "TOTALORDER":
        x, y = total_key(x), total_key(y)
    return _COMPARED[str(operation.attrs["comparison_direction"])](x, y)


def _truncated_division(x: Array, y: Array) -> Array:
    """Integer division toward zero; by zero -1."""
    safe = np.where(y == 0, 1, y)
    quotient = np.floor_divide(x, safe)
    quotient = quotient + ((quotient < 0) & (quotient * safe != x)).astype(x.dtype)
    return np.where(y == 0, np.array(-1).astype(x.dtype), quotient)


def _remainder(x: Array, y: Array) -> Array:
    return np.where(y == 0, x, x - _truncated_division(x, y) * y)


def _shift(function: Callable[[Array, Array], Array]) -> Callable[..., Array | None]:
    def run(operation: Operation, x: Array, y: Array) -> Array | None:
        bits = x.dtype.itemsize * 8
        moved = function(x.view(f"uint{bits}"), np.minimum(y.view(f"uint{bits}"), bits - 1))
        return np.where(y.view(f"uint{bits}") >= bits, 0, moved).astype(f"uint{bits}").view(x.dtype)

    return run


def _integral(function: Callable[[Array, Array], Array]) -> Callable[..., Array | None]:
    """Only of integers, so that nothing is rounded otherwise than the framework does."""

    def run(operation: Operation, x: Array, y: Array) -> Array | None:
        return function(x, y).astype(x.dtype) if x.dtype.kind in "iu" else None

    return run


def _shape(operation: Operation) -> list[int] | None:
    shape = [d for d in operation.results[0].type.shape if d is not None]
    whole = len(shape) == len(operation.results[0].type.shape) and np.prod(shape, dtype=float) <= MAX_ELEMENTS
    return shape if whole else None


def _iota(operation: Operation) -> Array | None:
    shape, axis = _shape(operation), int(operation.attrs["iota_dimension"])
    if shape is None:
        return None
    line = np.arange(shape[axis]).astype(operation.results[0].type.dtype)
    return np.broadcast_to(line.reshape([-1 if a == axis else 1 for a in range(len(shape))]), shape)


def _broadcast_in_dim(operation: Operation, x: Array) -> Array | None:
    shape = _shape(operation)
    if shape is None:
        return None
    places = list(operation.attrs["broadcast_dimensions"])
    inner = [x.shape[places.index(a)] if a in places else 1 for a in range(len(shape))]
    return np.broadcast_to(x.reshape(inner), shape)


def _reshape(operation: Operation, x: Array) -> Array | None:
    shape = _shape(operation)
    return None if shape is None else x.reshape(shape)


def _convert(operation: Operation, x: Array) -> Array | None:
    target = operation.results[0].type.dtype
    return x.astype(target) if x.dtype.kind in "biu" and target.kind in "iu" else None


_EVALUATED: dict[str, Callable[..., Array | None]] = {
    "compare": _compare,
    "select": lambda _, p, x, y: np.asarray(np.where(p, x, y)),
    "and": lambda _, x, y: x & y,
    "or": lambda _, x, y: x | y,
    "xor": lambda _, x, y: x ^ y,
    "not": lambda _, x: ~x,
    "constant": lambda op: np.asarray(op.attrs["value"]),
    "add": _integral(np.add),
    "subtract": _integral(np.subtract),
    "multiply": _integral(np.multiply),
    "divide": _integral(_truncated_division),
    "remainder": _integral(_remainder),
    "maximum": _integral(np.maximum),
    "minimum": _integral(np.minimum),
    "sign": lambda _, x: np.sign(x) if x.dtype.kind in "iu" else None,
    "negate": lambda _, x: -x if x.dtype.kind in "iu" else None,
    "shift_right_logical": _shift(np.right_shift),
    "shift_left": _shift(np.left_shift),
    "iota": _iota,
    "broadcast_in_dim": _broadcast_in_dim,
    "reshape": _reshape,
    "convert": _convert,
}

CHOICES = frozenset({"compare", "select", "and", "or", "xor", "not"})
"""Operations whose results depend only on how numbers compare."""


def evaluate(operation: Operation, operands: Sequence[Array]) -> Array | None:
    """The only result of an operation on arrays; None where that is not known."""
    function = _EVALUATED.get(operation.name.removeprefix("stablehlo."))
    with np.errstate(all="ignore"):
        return None if function is None else function(operation, *operands)


def choices(region: Region, arguments: Sequence[Array]) -> list[Array] | None:
    """What a region of comparisons and choices gives for arrays in place of its scalars; None for any other region.

    The only constants it may use are zero and NaN, so that its results depend on nothing but how its arguments
    compare with each other and with zero.
    """
    outside = [v.operation for v in region.captured]
    used = [*outside, *region.operations]
    for operation in used:
        name = operation.name.removeprefix("stablehlo.") if operation is not None else ""
        value = np.asarray(operation.attrs["value"]) if operation is not None and name == "constant" else np.zeros(())
        if name not in CHOICES | {"constant"} or np.any(np.nan_to_num(value, nan=0.0)):
            return None
    return interpret(region, arguments, {})


def interpret(region: Region, arguments: Sequence[Array], functions: Mapping[str, Function]) -> list[Array] | None:
    """The results of a region for arrays in place of its arguments, calls followed; None where they are not known."""
    env: dict[Variable, Array] = dict(zip(region.arguments, arguments, strict=True))
    outside = [v.operation for v in region.captured]
    for operation in (*outside, *region.operations):
        if operation is None or any(v not in env for v in operation.operands):
            return None
        operands = [env[v] for v in operation.operands]
        if operation.name == "func.call" and operation.attrs["callee"] in functions:
            called = functions[operation.attrs["callee"]].body
            rest = {n: f for n, f in functions.items() if f.body is not called}
            made = interpret(called, operands, rest)
        else:
            one = evaluate(operation, operands)
            made = None if one is None else [one]
        if made is None:
            return None
        env.update(zip(operation.results, made, strict=True))
    return [env[v] for v in region.results if v in env]
