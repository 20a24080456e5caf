"""How an operation is said in another order of dimensions: the facts the pass `layout` works with.

A permutation is written as TRANSPOSE has it: dimension ``i`` of the new value is dimension ``perm[i]`` of the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import Trait
from litesmith.ops import OPS
from litesmith.ops.layout import keeps_order
from litesmith.ops.shape import constant_target
from litesmith.passes.match import KEEP_ORDER, linear, reshaped

Permutation: TypeAlias = tuple[int, ...]

# -- permutations -----------------------------------------------------------------------------------------------------


def inverse(perm: Sequence[int]) -> Permutation:
    """The permutation that undoes this one."""
    return tuple(int(i) for i in np.argsort(perm))


def composed(first: Sequence[int], second: Sequence[int]) -> Permutation:
    """One permutation that does what ``first`` and then ``second`` do."""
    return tuple(first[i] for i in second)


def permutation_of(op: Op | None) -> Permutation | None:
    """The permutation of a TRANSPOSE, None where it is not constant or the operation is another one."""
    if op is None or op.name != "TRANSPOSE" or not op["perm"].is_const or op.result.type.quant is not None:
        return None
    rank = op["x"].rank
    return tuple(int(p) % rank for p in op["perm"].numpy())


def is_free(dims: Sequence[Dim], perm: Sequence[int]) -> bool:
    """Whether transposing a value of this shape needs no TRANSPOSE.

    Either nothing moves, or only dimensions of size 1 do and a RESHAPE to known sizes (but for one) says so.
    """
    if not keeps_order(dims, perm):
        return False
    return list(perm) == sorted(perm) or constant_target(tuple(dims[p] for p in perm)) is not None


def is_change(op: Op) -> bool:
    """Whether an operation changes the shape and leaves the elements in order, a TRANSPOSE of such dimensions too."""
    perm = permutation_of(op)
    return op.name in KEEP_ORDER if perm is None else keeps_order(op["x"].dims, perm)


def before_changes(value: Value) -> Value:
    """Walks up over changes of the shape, whoever else uses what they make."""
    while value.op is not None and is_change(value.op):
        value = value.op.inputs[0]
    return value


# -- rules ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """Where an operation speaks of dimensions.

    axis: attributes and constant operands that hold dimension numbers. rows: constant operands with a row for each
    dimension. masks: attributes with a bit for each dimension. applies: further condition.
    """

    axis: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    masks: tuple[str, ...] = ()
    applies: Callable[[Op], bool] = lambda op: True


def _keeps_dims(op: Op) -> bool:
    return bool(op.attrs["keep_dims"])


def _is_plain(op: Op) -> bool:
    """A STRIDED_SLICE that keeps every dimension and names each."""
    masks = ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    return not any(op.attrs[m] for m in masks) and op["begin"].dims == (op["x"].rank,)


_REDUCTION = Rule(axis=("axes",), applies=_keeps_dims)

RULES: Mapping[str, Rule] = {
    "CONCATENATION": Rule(axis=("axis",)),
    "SPLIT": Rule(axis=("axis",)),
    "SPLIT_V": Rule(axis=("axis",)),
    "CUMSUM": Rule(axis=("axis",)),
    "REVERSE_V2": Rule(axis=("axes",)),
    "PAD": Rule(rows=("paddings",)),
    "PADV2": Rule(rows=("paddings",)),
    "MIRROR_PAD": Rule(rows=("paddings",)),
    "TILE": Rule(rows=("multiples",)),
    "BROADCAST_TO": Rule(rows=("shape",)),
    "SLICE": Rule(rows=("begin", "size")),
    "STRIDED_SLICE": Rule(rows=("begin", "end", "strides"), masks=("begin_mask", "end_mask"), applies=_is_plain),
    "SUM": _REDUCTION,
    "MEAN": _REDUCTION,
    "REDUCE_MAX": _REDUCTION,
    "REDUCE_MIN": _REDUCTION,
    "REDUCE_PROD": _REDUCTION,
    "REDUCE_ANY": _REDUCTION,
    "REDUCE_ALL": _REDUCTION,
}


_TRANSPOSABLE = OPS["TRANSPOSE"].operand_at(0).dtypes or frozenset()
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
    rule = RULES.get(op.name)
    return rule is not None and _fits(op, rule, rank)


def _fits(op: Op, rule: Rule, rank: int) -> bool:
    named = [n for n in (*rule.axis, *rule.rows) if n not in op.attrs]
    if not all(op[n].is_const for n in named) or not rule.applies(op):
        return False
    if any(op[n].dims[:1] != (rank,) for n in rule.rows):
        return False
    return all(v.rank == rank for v in _data(op, rule))


def _data(op: Op, rule: Rule) -> list[Value]:
    """The operands that are transposed: all but the named ones and scalars."""
    named = {op.defn.operand_index(n) for n in (*rule.axis, *rule.rows) if n not in op.attrs}
    scalars = {"value", "size_splits"}
    return [
        v
        for i, v in enumerate(op.operands)
        if v is not None and i not in named and op.defn.operand_at(i).name not in scalars
    ]


def permuted_op(b: Builder, op: Op, perm: Permutation, moved: Mapping[Value, Value]) -> tuple[Value, ...]:
    """The operation on transposed operands. ``moved`` has the transposed form of each that is not constant."""
    rule = RULES.get(op.name, Rule())
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
    full: Value = b.transpose(reshaped(b, value, (1,) * (rank - len(shape)) + shape), np.array(perm, np.int32))
    dims = full.type.static_shape
    extra = rank - len(shape)
    return reshaped(b, full, dims[extra:]) if all(d == 1 for d in dims[:extra]) else full


def _changes(rule: Rule, perm: Permutation) -> list[tuple[str, Callable[[Any], Any]]]:
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


def unordered_axes(op: Op, perm: Permutation) -> tuple[int, ...] | None:
    """Axes with which a reduction of TRANSPOSE(x, perm) reduces x itself, to the same result; None where none do.

    Only for reductions that drop the dimensions they reduce, and only when the ones left keep their order.
    """
    if op.name not in RULES or RULES[op.name] is not _REDUCTION or _keeps_dims(op) or not op["axes"].is_const:
        return None
    reduced = {int(a) % len(perm) for a in op["axes"].numpy().ravel()}
    left = [p for i, p in enumerate(perm) if i not in reduced]
    return tuple(sorted(perm[i] for i in reduced)) if left == sorted(left) else None


def absorbs(op: Op, value: Value, perm: Permutation) -> bool:
    """Whether this user of ``value`` works on what ``value`` is a transpose (by ``perm``) of, at no cost."""
    if op.operands[0] is not value:
        return False
    return unordered_axes(op, perm) is not None or flattens_for_weights(op, perm)


def flattens_for_weights(op: Op, perm: Permutation) -> bool:
    """Whether an operation only flattens rows, which keep their order, for a FULLY_CONNECTED of constant weights."""
    user = op.result.only_user if op.name == "RESHAPE" else None
    target = linear(user) if user is not None and user.name == "FULLY_CONNECTED" else None
    if target is None or not target.weights.is_const or target.op["x"] is not op.result:
        return False
    x = op["x"]
    features = [d for d in x.dims[1:] if isinstance(d, int)]
    whole = len(features) + 1 == x.rank and prod(features) == target.weights.dims[1]
    return perm[0] == 0 and whole and op.result.dims == (x.dims[0], prod(features))
