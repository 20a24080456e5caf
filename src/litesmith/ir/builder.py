"""The builder: makes operations, infers their types, and evaluates what is already known.

``b.reshape(x, [-1, 10])`` calls the declaration RESHAPE: any operator of the set is a method by its lower-case name
(``b.while_`` where that is a word of Python).
Operands may be values, or arrays and numbers that become constants. One result comes back as a `Value`, several as a
tuple. When every operand is constant the operation's NumPy evaluator runs instead and a constant comes back; a large
one is computed lazily, when the writer asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from typing import Any, TypeAlias, Union

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.budget import MAX_BYTES, spend_emitted
from litesmith.ir.constant import Array, Constant
from litesmith.ir.dims import Dim, Sym
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import SMALL, Graph, Op, Origin, Value
from litesmith.ir.opdef import OpDef, OpSet, Trait
from litesmith.ir.operator_methods import OperatorMethods
from litesmith.ir.types import TensorType

Operand: TypeAlias = Union[Value, "np.ndarray[Any, Any]", "np.generic", Sequence[Any], int, float, bool, bytes]
"""What becomes an operand."""

OperandLike: TypeAlias = Operand | None
"""What becomes an operand, or none."""

EAGER_BYTES = 1 << 16
"""Folded results up to this size are computed at once; larger ones when they are written."""

SLAB_BYTES = 1 << 22
"""How much of a large result is computed at a time where float64 is on the way to float32."""

KNOWN_ELEMENTS = 1 << 12
"""Integer tensors up to this size are known element by element; shapes and indices made of shapes are small."""

SMALL_WEIGHTS = 1 << 10
"""Constants of fewer elements are written as floats: a DEQUANTIZE costs more than it saves."""

GROWTH_BYTES = 1 << 20
"""A folded result larger than this and than twice its operands stays an operation (a FILL, a TILE …).

Not where it has no more elements than an operand, though wider ones, nor where it is looked up: it may become weights
made of bytes. A finishing pass (`passes.unfolding`) makes it an operation again where it does not.
"""


class Builder(OperatorMethods):
    """Appends operations to a graph, or inserts them before one.

    ``graph``: where to; ``before``: insertion point (None: the end); ``origins``: what new operations came from;
    ``wide``: whether constant arithmetic is done in float64 and rounded once. A frontend leaves it off: the framework
    rounds each step of its own constants, and a scale that is more exact than the framework's is a difference all over
    a channel. A pass turns it on: the arithmetic is its own.
    """

    def __init__(self, graph: Graph, opset: OpSet, before: Op | None = None) -> None:
        self.graph = graph
        self.opset = opset
        self.before = before
        self.origins: tuple[Origin, ...] = ()
        self.wide = False
        self.folds = True

    def apply(self, operator: str | OpDef, *operands: OperandLike, **attrs: Any) -> Value:
        """The one result of an operator, or of that of this name in lower or upper case, where code chooses one."""
        defn = self.opset[operator.upper()] if isinstance(operator, str) else operator
        (result,) = self.emit(defn, operands, **attrs)
        return result

    def on(self, graph: Graph) -> Builder:
        """A builder with the same operators and origins that appends to another graph."""
        other = Builder(graph, self.opset)
        other.origins = self.origins
        return other

    @contextmanager
    def at(self, *origins: Origin) -> Iterator[None]:
        """New operations carry these origins inside the block."""
        saved, self.origins = self.origins, origins
        try:
            yield
        finally:
            self.origins = saved

    def constant(self, data: Any, dtype: DType | Any = None, name: str = "") -> Value:
        """A constant of this array (or `Constant`). Python numbers become float32, int32 or bool unless told."""
        if isinstance(data, Constant):
            return Value.constant(data, name)
        if dtype is None and not isinstance(data, (np.ndarray, np.generic)):
            dtype = _default_dtype(data)
        return Value.constant(data, name, DType.of(dtype) if dtype is not None else None)

    def emit(
        self,
        defn: OpDef,
        operands: Sequence[OperandLike],
        *,
        result_types: Sequence[TensorType] | None = None,
        as_is: bool = False,
        **attrs: Any,
    ) -> tuple[Value, ...]:
        """Makes one operation and returns its results; folds it away where possible.

        ``result_types`` overrides inference (needed where the declaration has none: CUSTOM). ``as_is``: the operation
        is made even where its results are known. Raises UnsupportedError when the operands do not fit the declaration,
        TypeError for an attribute it does not have.
        """
        spend_emitted()
        op = Op(defn, self._values(defn, operands), _complete(defn, attrs), self.origins)
        op.attrs.update({name: derive(op) for name, derive in defn.derived.items()})
        if as_is:
            self._insert(op, result_types or infer_types(op))
            return tuple(op.results)
        simpler = defn.simplify(self, op) if defn.simplify is not None else None
        if simpler is not None:
            return (simpler,)
        types = list(result_types) if result_types is not None else infer_types(op)
        if self.folds and _is_empty(op, types):
            return tuple(Value.constant(np.zeros(t.static_shape, t.dtype.numpy)) for t in types)
        folded = fold(op, types, self.wide) if self.folds else None
        if folded is not None:
            return _named(folded, op)
        known = known_elements(op, types)
        constants = [_known_constant(k, t) for k, t in zip(known, types, strict=False)]
        if constants and all(c is not None for c in constants):
            return tuple(c for c in constants if c is not None)
        self._insert(op, types)
        for value, elements in zip(op.results, known, strict=False):
            value.sym = elements
        constants += [None] * (len(op.results) - len(constants))
        return tuple(c or r for c, r in zip(constants, op.results, strict=True))

    def _insert(self, op: Op, types: Sequence[TensorType]) -> None:
        op.results = [Value(t) for t in types]
        for index, value in enumerate(op.results):
            value.op, value.index = op, index
        self.graph.insert(op, self.before)

    def _values(self, defn: OpDef, operands: Sequence[OperandLike]) -> list[Value | None]:
        if len(operands) > len(defn.inputs) and not defn.is_variadic:
            raise TypeError(f"{defn.name} takes {len(defn.inputs)} operands, got {len(operands)}")
        values = [self._value(v, defn, index, operands) for index, v in enumerate(operands)]
        for missing in defn.inputs[len(values) :]:
            if not missing.optional and not missing.variadic:
                raise TypeError(f"{defn.name} needs operand {missing.name!r}")
        return values

    def _value(self, operand: OperandLike, defn: OpDef, index: int, operands: Sequence[OperandLike]) -> Value | None:
        if operand is None or isinstance(operand, Value):
            return operand
        if isinstance(operand, (np.ndarray, np.generic)):
            return self.constant(operand)
        like = _like(defn, index, operands) if isinstance(operand, (bool, int, float)) else None
        return self.constant(operand, _taken(like or _default_dtype(operand), defn, index))


def _is_empty(op: Op, types: Sequence[TensorType]) -> bool:
    """Whether no result has any elements: kernels need not be asked, some of which fail."""
    pure = Trait.STATEFUL not in op.defn.traits and not op.subgraphs
    return pure and bool(types) and all(t.is_static and 0 in t.static_shape and t.quant is None for t in types)


def _like(defn: OpDef, index: int, operands: Sequence[OperandLike]) -> DType | None:
    """The type of another operand declared with the same types; else that of the first one which has a type."""
    typed = [(i, v.type.dtype) for i, v in enumerate(operands) if isinstance(v, Value)]
    declared = defn.operand_at(index).dtypes
    alike = [dtype for i, dtype in typed if defn.operand_at(i).dtypes == declared]
    return next(iter([*alike, *(dtype for _, dtype in typed)]), None)


def _taken(dtype: DType, defn: OpDef, index: int) -> DType:
    """The type; or the integers an operand takes that takes nothing else (axes, indices, sizes)."""
    declared = defn.operand_at(index).dtypes
    if declared is None or dtype in declared or not all(d.is_integer for d in declared):
        return dtype
    return next((d for d in (DType.INT32, DType.INT64) if d in declared), dtype)


def _default_dtype(data: Any) -> DType:
    array = np.asarray(data)
    if array.dtype.kind == "f":
        return DType.FLOAT32
    if array.dtype.kind in "iu" or array.size == 0:
        return DType.INT32
    return DType.of(array.dtype)


def known_elements(op: Op, types: Sequence[TensorType]) -> Sequence[Array | None]:
    """What the declaration's symbolic evaluation knows of each result; empty where nothing is known or it is large."""
    if any(t.is_static and prod(t.static_shape) > KNOWN_ELEMENTS for t in types):
        return ()
    known = op.defn.symbolic(op) if op.defn.symbolic is not None else None
    if known is None:
        return ()
    return (known,) if isinstance(known, np.ndarray) else known


def _known_constant(elements: Array | None, expected: TensorType) -> Value | None:
    if elements is None or any(isinstance(e, Sym) for e in elements.flat):
        return None
    return Value.constant(elements.astype(expected.dtype.numpy))


def _complete(defn: OpDef, attrs: dict[str, Any]) -> dict[str, Any]:
    for name, value in attrs.items():
        declared = defn.attrs.get(name)
        if declared is None:
            raise TypeError(f"{defn.name} has no attribute {name!r}")
        if declared.names and value not in declared.names:
            reason = f"{name} is {value!r}, and {defn.name} takes {', '.join(declared.names)}"
            raise UnsupportedError(reason, "choose one of them", op=defn.name)
    return {**defn.defaults, **attrs}


def _named(results: tuple[Value, ...], op: Op) -> tuple[Value, ...]:
    """A constant made of one named constant keeps its name: a weight stays known when it is transposed or cast."""
    names = {v.name for v in op.inputs if v.name}
    if len(results) == len(names) == 1 and not results[0].name:
        results[0].name = names.pop()
    return results


def infer_types(op: Op) -> list[TensorType]:
    """Result types of an operation by its declaration. Raises UnsupportedError where it has no inference."""
    if op.defn.infer is None:
        raise UnsupportedError(f"{op.name} has no type inference", "give the result types", op=op.name)
    types = list(op.defn.infer(op))
    return [_with_scale(op, t) for t in types] if op.defn.quant is not None and op.defn.quant.same_scale else types


def _with_scale(op: Op, result: TensorType) -> TensorType:
    """A result that shares its operand's scale has the operand's quantization, where that is one for all elements."""
    quant = next((v.type.quant for v in op.inputs if v.type.dtype is result.dtype), None)
    if result.quant is not None or quant is None or quant.per_channel or quant.details is not None:
        return result
    return replace(result, quant=quant)


def fold(op: Op, types: Sequence[TensorType], wide: bool = False) -> tuple[Value, ...] | None:
    """Constant results of a pure operation on constants, or None where it must stay an operation.

    wide: whether arithmetic is done in float64 and rounded once (see `Builder.wide`).
    """
    folded = _fold(op, types, wide)
    if folded is not None and _comes_of_integers(op, folded) and folded[0].const is not None:
        folded[0].const.made_by = op
    return folded


def _comes_of_integers(op: Op, folded: Sequence[Value]) -> bool:
    """Whether the one result is a large constant that may be better written as the narrow integers it is made of."""
    if len(folded) != 1 or prod(folded[0].type.static_shape) < SMALL_WEIGHTS:
        return False
    constants = [v.const for v in op.inputs if v.const is not None]
    integers = any(c.made_by is not None or (c.dtype.is_integer and c.size >= SMALL_WEIGHTS) for c in constants)
    return integers or bool(op.defn.traits & Trait.REPEATS)


def _fold(op: Op, types: Sequence[TensorType], wide: bool) -> tuple[Value, ...] | None:
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
    if grows(size_out, size_in) and not _may_grow(op, types, operands):
        return None
    if wide and _folds_wide(op, types):
        shape = types[0].static_shape
        keep = size_in <= EAGER_BYTES
        computed = Constant.computed(
            DType.FLOAT32,
            shape,
            lambda: _evaluate_wide(op, operands),
            keep,
            lambda: _evaluate_rounded(op, operands, shape),
        )
        return (Value.constant(computed),)
    if (size_in > EAGER_BYTES or size_out > GROWTH_BYTES) and len(types) == 1:
        return (_fold_lazily(op, operands, types[0]),)
    return _fold_now(op, operands, types)


def grows(size_out: int, size_in: int) -> bool:
    """Whether a constant of so many bytes is better computed, by the runtime, from one of so many."""
    return size_out > max(GROWTH_BYTES, 2 * size_in)


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
        made = op.defn.evaluate(*arrays, **op.attrs)
    return list(made) if isinstance(made, (list, tuple)) else [np.asarray(made)]


def _folds_wide(op: Op, types: Sequence[TensorType]) -> bool:
    """Whether a float32 result is better computed in float64: arithmetic, and moves of what was computed so."""
    if len(types) != 1 or types[0].dtype is not DType.FLOAT32:
        return False
    if op.defn.traits & Trait.ARITHMETIC:
        return True
    return bool(op.defn.traits & Trait.MOVES_DATA) and any(v.const is not None and v.const.is_wide for v in op.inputs)


def _evaluate_wide(op: Op, operands: Sequence[Constant | None]) -> Array:
    arrays = [None if c is None else c.wide() for c in operands]
    return _computed_wide(op, arrays)


def _computed_wide(op: Op, arrays: Sequence[Array | None]) -> Array:
    assert op.defn.evaluate is not None
    floats = [a.astype(np.float64) if a is not None and a.dtype == np.float32 else a for a in arrays]
    with np.errstate(all="ignore"):
        return np.asarray(op.defn.evaluate(*floats, **op.attrs))


def _evaluate_rounded(op: Op, operands: Sequence[Constant | None], shape: tuple[int, ...]) -> Array:
    """What `_evaluate_wide` gives in float32, made some rows at a time: all of it in float64 takes twice the room."""
    if not op.defn.traits & Trait.ELEMENTWISE or not shape or not all(shape):
        return _evaluate_wide(op, operands).astype(np.float32)
    arrays = [None if c is None else c.wide() for c in operands]
    made = np.empty(shape, np.float32)
    count = max(1, SLAB_BYTES * shape[0] // made.nbytes)
    for start in range(0, shape[0], count):
        rows = slice(start, start + count)
        varies = [a is not None and a.ndim == len(shape) and a.shape[0] == shape[0] for a in arrays]
        parts = [a[rows] if v and a is not None else a for a, v in zip(arrays, varies, strict=True)]
        with np.errstate(over="ignore"):
            made[rows] = _computed_wide(op, parts)
    return made


def _fold_now(op: Op, operands: Sequence[Constant | None], types: Sequence[TensorType]) -> tuple[Value, ...] | None:
    results = _evaluate(op, operands)
    return tuple(_as_value(array, t, op) for array, t in zip(results, types, strict=True))


def _as_value(array: Array, expected: TensorType, op: Op) -> Value:
    array = np.asarray(array, expected.dtype.numpy)
    if array.shape != expected.static_shape:
        raise AssertionError(f"{op.name} inferred {expected} but evaluated to {list(array.shape)}")
    return Value.constant(Constant(expected.dtype, array.shape, array))


def _fold_lazily(op: Op, operands: Sequence[Constant | None], expected: TensorType) -> Value:
    def recipe() -> Array:
        return np.asarray(_evaluate(op, operands)[0], expected.dtype.numpy)

    return Value.constant(Constant.lazy(expected.dtype, expected.static_shape, recipe))


def symbolically(op: Op) -> Array | None:
    """`OpDef.symbolic` of operators whose evaluator also works on object arrays of ints and symbols."""
    if not all(t.dtype.is_integer for t in (v.type for v in op.inputs)):
        return None
    known = [v.sym if v is not None else None for v in op.operands]
    if any(k is None and v is not None for k, v in zip(known, op.operands, strict=True)):
        return None
    if sum(k.size for k in known if k is not None) > SMALL:
        return None
    assert op.defn.evaluate is not None
    return np.asarray(op.defn.evaluate(*known, **op.attrs), dtype=object)


def dims_of(value: Value) -> tuple[Dim, ...] | None:
    """Elements of a rank-1 shape operand as dimensions, or None where they are not known."""
    if value.sym is None or value.rank != 1:
        return None
    return tuple(e if isinstance(e, Sym) else int(e) for e in value.sym)
