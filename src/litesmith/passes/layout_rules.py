"""How an operation is said in another order of dimensions: the facts the pass `layout` works with.

A permutation is written as TRANSPOSE has it: dimension ``i`` of the new value is dimension ``perm[i]`` of the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import Dimensions, Trait
from litesmith.ops.layout import TRANSPOSE, keeps_order
from litesmith.ops.matmul import FULLY_CONNECTED
from litesmith.ops.shape import RESHAPE, constant_target
from litesmith.passes.match import linear, reshape_static

Permutation: TypeAlias = tuple[int, ...]

# -- permutations -----------------------------------------------------------------------------------------------------


def inverse(perm: Sequence[int]) -> Permutation:
    """The permutation that undoes this one."""
    return tuple(int(i) for i in np.argsort(perm))


def compose(first: Sequence[int], second: Sequence[int]) -> Permutation:
    """One permutation that does what ``first`` and then ``second`` do."""
    return tuple(first[i] for i in second)


def permutation_of(op: Op | None) -> Permutation | None:
    """The permutation of a TRANSPOSE, None where it is not constant or the operation is another one."""
    if op is None or op.defn is not TRANSPOSE or not op["perm"].is_const or op.result.type.quant is not None:
        return None
    rank = op["x"].rank
    return tuple(int(p) % rank for p in op["perm"].numpy())


def is_free(dims: Sequence[Dim], perm: Sequence[int]) -> bool:
    """Whether transposing a value of this shape needs no TRANSPOSE.

    Either nothing moves, or only unit dimensions do and a RESHAPE to known sizes (but for one) says so.
    """
    if not keeps_order(dims, perm):
        return False
    return list(perm) == sorted(perm) or constant_target(tuple(dims[p] for p in perm)) is not None


def is_change(op: Op) -> bool:
    """Whether an operation changes the shape and leaves the elements in order, a TRANSPOSE of such dimensions too."""
    perm = permutation_of(op)
    return bool(op.defn.traits & Trait.KEEPS_ORDER) if perm is None else keeps_order(op["x"].dims, perm)


def before_changes(value: Value) -> Value:
    """Walks up over changes of the shape, whoever else uses what they make."""
    while value.op is not None and is_change(value.op):
        value = value.op.inputs[0]
    return value


# -- operations -------------------------------------------------------------------------------------------------------

_TRANSPOSABLE = TRANSPOSE.operand_at(0).dtypes or frozenset()
"""Element types a transpose can have: next to a cast from or to others, only the far side may be transposed."""


def permutes(op: Op) -> bool:
    """Whether an operation can be said in any order of dimensions, all its results having one rank of at least 2."""
    if not op.results or not op.inputs or any(v.type.shape is None or v.type.quant for v in [*op.results, *op.inputs]):
        return False
    if not _TRANSPOSABLE.issuperset(v.type.dtype for v in [*op.results, *op.inputs]):
        return False
    rank = op.results[0].rank
    if rank < 2 or any(r.rank != rank for r in op.results) or op.subgraphs or not op.defn.is_pure:
        return False
    if op.defn.traits & Trait.ELEMENTWISE:
        return all(v.rank == rank or v.rank == 0 or (v.is_const and v.rank < rank) for v in op.inputs)
    return op.defn.dimensions is not None and _fits(op, op.defn.dimensions, rank)


def _fits(op: Op, rule: Dimensions, rank: int) -> bool:
    named = [n for n in (*rule.axis, *rule.rows) if n not in op.attrs]
    if not all(op[n].is_const for n in named) or not rule.applies(op):
        return False
    if any(op[n].dims[:1] != (rank,) for n in rule.rows):
        return False
    return all(v.rank == rank for v in _data(op, rule))


def _data(op: Op, rule: Dimensions) -> list[Value]:
    """The operands that are transposed: all but those that name dimensions or have none."""
    others = {*rule.axis, *rule.rows, *rule.others}
    return [v for i, v in enumerate(op.operands) if v is not None and op.defn.operand_at(i).name not in others]


def permute_op(b: Builder, op: Op, perm: Permutation, moved: Mapping[Value, Value]) -> tuple[Value, ...]:
    """The operation on transposed operands. ``moved`` has the transposed form of each that is not constant."""
    rule = op.defn.dimensions or Dimensions()
    rank = len(perm)
    data = set(_data(op, rule))
    operands = [_operand(b, v, rank, perm, moved) if v in data else v for v in op.operands]
    attrs = dict(op.attrs)
    for name, change in _changes(rule, perm):
        if name in attrs:
            attrs[name] = change(attrs[name])
        else:
            index = op.defn.operand_index(name)
            old = op[name]
            operands[index] = b.constant(np.asarray(change(old.numpy()), old.type.dtype.numpy))
    return b.emit(op.defn, operands, **attrs)


def _operand(
    b: Builder, value: Value | None, rank: int, perm: Permutation, moved: Mapping[Value, Value]
) -> Value | None:
    if value is None or value.rank == 0:
        return value
    if not value.is_const:
        return moved[value]
    shape = value.type.static_shape
    full: Value = b.transpose(reshape_static(b, value, (1,) * (rank - len(shape)) + shape), np.array(perm, np.int32))
    dims = full.type.static_shape
    extra = rank - len(shape)
    return reshape_static(b, full, dims[extra:]) if all(d == 1 for d in dims[:extra]) else full


def _changes(rule: Dimensions, perm: Permutation) -> list[tuple[str, Callable[[Any], Any]]]:
    renamed = np.array(inverse(perm))
    rank = len(perm)

    def axis(old: Any) -> Any:
        new = renamed[np.asarray(old) % rank]
        return int(new) if np.ndim(new) == 0 and not isinstance(old, np.ndarray) else new

    def rows(old: Array) -> Array:
        return np.asarray(old[list(perm)])

    def mask(old: int) -> int:
        return sum(((old >> p) & 1) << i for i, p in enumerate(perm))

    groups = ((rule.axis, axis), (rule.rows, rows), (rule.masks, mask))
    return [(name, change) for names, change in groups for name in names]


# -- users that take a transposed operand as it is --------------------------------------------------------------------


def axes_before_transpose(op: Op, perm: Permutation) -> tuple[int, ...] | None:
    """Axes with which a reduction of TRANSPOSE(x, perm) reduces x itself, to the same result; None where none do.

    Only for reductions that drop the dimensions they reduce, and only when the ones left keep their order.
    """
    if not op.defn.traits & Trait.REDUCES or op.attrs["keep_dims"] or not op["axes"].is_const:
        return None
    reduced = {int(a) % len(perm) for a in op["axes"].numpy().ravel()}
    left = [p for i, p in enumerate(perm) if i not in reduced]
    return tuple(sorted(perm[i] for i in reduced)) if left == sorted(left) else None


def absorbs(op: Op, value: Value, perm: Permutation) -> bool:
    """Whether this user of ``value`` works on what ``value`` is a transpose (by ``perm``) of, at no cost."""
    if op.operands[0] is not value:
        return False
    return axes_before_transpose(op, perm) is not None or flattens_for_weights(op, perm)


def flattens_for_weights(op: Op, perm: Permutation) -> bool:
    """Whether an operation only flattens rows, which keep their order, for a FULLY_CONNECTED of constant weights."""
    user = op.result.only_user if op.defn is RESHAPE else None
    target = linear(user) if user is not None and user.defn is FULLY_CONNECTED else None
    if target is None or not target.weights.is_const or target.op["x"] is not op.result:
        return False
    x = op["x"]
    features = [d for d in x.dims[1:] if isinstance(d, int)]
    whole = len(features) + 1 == x.rank and prod(features) == target.weights.dims[1]
    return perm[0] == 0 and whole and op.result.dims == (x.dims[0], prod(features))
