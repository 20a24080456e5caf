"""Folding: operations on constants are computed at conversion time, as a policy says.

A `Folding` is what a builder is told: whether constants are computed at all, in which precision, and up to which sizes.
What may be written narrower than it is computed (integers that were cast and scaled, what is looked up in a table)
remembers what it was folded from (`Constant.made_by`), so that nothing is lost by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from litesmith.ir.budget import MAX_BYTES
from litesmith.ir.constant import Array, Constant
from litesmith.ir.dims import Sym
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import Trait
from litesmith.ir.types import TensorType


@dataclass(frozen=True)
class Folding:
    """What is computed of operations on constants, and how.

    enabled: whether anything is. float64: arithmetic is done in float64 and rounded once, not step by step.
    eager_bytes: results of operands up to this size are computed at once, others when they are written. slab_bytes: how
    much of a large result is computed at a time where float64 is on the way to float32. growth_bytes: a result larger
    than this and than twice its operands stays an operation (a FILL, a TILE …); not where it has no more elements than
    an operand, though wider ones, nor where it is looked up: it may be written as the bytes it is made of.
    traced_elements: results of so many elements remember integers they are made of.
    """

    enabled: bool = True
    float64: bool = False
    eager_bytes: int = 1 << 16
    slab_bytes: int = 1 << 22
    growth_bytes: int = 1 << 20
    traced_elements: int = 1 << 10

    def grows(self, size_out: int, size_in: int) -> bool:
        """Whether a constant of so many bytes is better computed, by the runtime, from one of so many."""
        return size_out > max(self.growth_bytes, 2 * size_in)


STEPWISE = Folding()
"""As frameworks fold: each step is rounded. A scale more exact than theirs is a difference all over a channel."""

ROUNDED_ONCE = Folding(float64=True)
"""For arithmetic that is not the model's own."""

NO_FOLDING = Folding(enabled=False)
"""Everything asked for becomes an operation."""


def _is_empty(op: Op, types: Sequence[TensorType]) -> bool:
    """Whether no result has any elements: kernels need not be asked, some of which fail."""
    pure = Trait.STATEFUL not in op.defn.traits and not op.subgraphs
    return pure and bool(types) and all(t.is_static and 0 in t.static_shape and t.quant is None for t in types)


def fold(op: Op, types: Sequence[TensorType], how: Folding = STEPWISE) -> tuple[Value, ...] | None:
    """Constant results of a pure operation on constants, or None where it must stay an operation."""
    if not how.enabled:
        return None
    if _is_empty(op, types):
        return tuple(Value.constant(np.zeros(t.static_shape, t.dtype.numpy), dtype=t.dtype) for t in types)
    folded = _fold(op, types, how)
    if folded is not None and _comes_of_integers(op, folded, how) and folded[0].const is not None:
        folded[0].const.made_by = op
    return folded


def _comes_of_integers(op: Op, folded: Sequence[Value], how: Folding) -> bool:
    """Whether the one result is a large constant that may be better written as the narrow integers it is made of."""
    if len(folded) != 1 or prod(folded[0].type.static_shape) < how.traced_elements:
        return False
    constants = [v.const for v in op.inputs if v.const is not None]
    integers = any(c.made_by is not None or (c.dtype.is_integer and c.size >= how.traced_elements) for c in constants)
    return integers or bool(op.defn.traits & Trait.REPEATS)


def _fold(op: Op, types: Sequence[TensorType], how: Folding) -> tuple[Value, ...] | None:
    if op.defn.evaluate is None or not op.defn.is_pure or op.subgraphs or not op.inputs:
        return None
    if not all(v.is_const for v in op.inputs) or not all(t.is_static and t.quant is None for t in types):
        return None
    if any(v.type.quant is not None for v in op.inputs):
        return None
    if op.defn.foldable is not None and not op.defn.foldable(op):
        return None
    operands = [v.const if v is not None else None for v in op.operands]
    size_in = sum(c.nbytes for c in operands if c is not None)
    size_out = max((int(t.count) * t.dtype.numpy.itemsize for t in types if not isinstance(t.count, Sym)), default=0)
    if how.grows(size_out, size_in) and not _may_grow(op, types, operands):
        return None
    if how.float64 and _gains_by_float64(op, types):
        return (_fold_in_float64(op, operands, types[0].static_shape, size_in <= how.eager_bytes, how.slab_bytes),)
    if (size_in > how.eager_bytes or size_out > how.growth_bytes) and len(types) == 1:
        return (_fold_lazily(op, operands, types[0]),)
    return tuple(_as_value(array, t, op) for array, t in zip(_evaluate(op, operands), types, strict=True))


def _may_grow(op: Op, types: Sequence[TensorType], operands: Sequence[Constant | None]) -> bool:
    """Whether the one result has no more elements than one of the operands, or is looked up in one."""
    most = max((c.size for c in operands if c is not None), default=0)
    count = prod(types[0].static_shape)
    if count * types[0].dtype.numpy.itemsize > MAX_BYTES and count > most:
        return False
    return len(types) == 1 and (bool(op.defn.traits & Trait.REPEATS) or count <= most)


def _evaluate(op: Op, operands: Sequence[Constant | None]) -> list[Array]:
    assert op.defn.evaluate is not None
    arrays = [c.array() if c is not None else None for c in operands]
    with np.errstate(all="ignore"):
        results = op.defn.evaluate(*arrays, **op.attrs)
    return list(results) if isinstance(results, (list, tuple)) else [np.asarray(results)]


def _gains_by_float64(op: Op, types: Sequence[TensorType]) -> bool:
    """Whether a float32 result is better computed in float64: arithmetic, and data movement of what was computed so."""
    if len(types) != 1 or types[0].dtype is not DType.FLOAT32:
        return False
    if op.defn.traits & Trait.ARITHMETIC:
        return True
    return bool(op.defn.traits & Trait.MOVES_DATA) and any(v.const is not None and v.const.is_rounded for v in op.inputs)


def _fold_in_float64(
    op: Op, operands: Sequence[Constant | None], shape: tuple[int, ...], keep: bool, slab_bytes: int
) -> Value:
    def arrays() -> list[Array | None]:
        return [None if c is None else c.unrounded_array() for c in operands]

    def in_slabs() -> Array:
        return _round_in_slabs(op, arrays(), shape, slab_bytes)

    return Value.constant(Constant.computed(DType.FLOAT32, shape, lambda: _in_float64(op, arrays()), keep, in_slabs))


def _in_float64(op: Op, arrays: Sequence[Array | None]) -> Array:
    assert op.defn.evaluate is not None
    floats = [a.astype(np.float64) if a is not None and a.dtype == np.float32 else a for a in arrays]
    with np.errstate(all="ignore"):
        return np.asarray(op.defn.evaluate(*floats, **op.attrs))


def _round_in_slabs(op: Op, arrays: Sequence[Array | None], shape: tuple[int, ...], slab_bytes: int) -> Array:
    """What `_in_float64` gives in float32, made some rows at a time: all of it in float64 takes twice the room."""
    if not op.defn.traits & Trait.ELEMENTWISE or not shape or not all(shape):
        return _in_float64(op, arrays).astype(np.float32)
    rounded = np.empty(shape, np.float32)
    count = max(1, slab_bytes * shape[0] // rounded.nbytes)
    for start in range(0, shape[0], count):
        rows = slice(start, start + count)
        varies = [a is not None and a.ndim == len(shape) and a.shape[0] == shape[0] for a in arrays]
        parts = [a[rows] if v and a is not None else a for a, v in zip(arrays, varies, strict=True)]
        with np.errstate(over="ignore"):
            rounded[rows] = _in_float64(op, parts)
    return rounded


def _as_value(array: Array, expected: TensorType, op: Op) -> Value:
    array = np.asarray(array, expected.dtype.numpy)
    if array.shape != expected.static_shape:
        raise AssertionError(f"{op.name} inferred {expected} but evaluated to {list(array.shape)}")
    return Value.constant(Constant(expected.dtype, array.shape, array))


def _fold_lazily(op: Op, operands: Sequence[Constant | None], expected: TensorType) -> Value:
    def recipe() -> Array:
        return np.asarray(_evaluate(op, operands)[0], expected.dtype.numpy)

    return Value.constant(Constant.lazy(expected.dtype, expected.static_shape, recipe))
