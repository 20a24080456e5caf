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
from litesmith.ir.budget import spend_emitted
from litesmith.ir.constant import Array, Constant
from litesmith.ir.dims import Dim, Sym
from litesmith.ir.dtypes import DType
from litesmith.ir.folding import STEPWISE, Folding, fold
from litesmith.ir.graph import SMALL, Graph, Op, Origin, Value
from litesmith.ir.opdef import OpDef, OpSet
from litesmith.ir.operator_methods import OperatorMethods
from litesmith.ir.types import TensorType

Operand: TypeAlias = Union[Value, "np.ndarray[Any, Any]", "np.generic", Sequence[Any], int, float, bool, bytes]
"""What becomes an operand."""

OperandLike: TypeAlias = Operand | None
"""What becomes an operand, or none."""

KNOWN_ELEMENTS = 1 << 12
"""Integer tensors up to this size are known element by element; shapes and indices made of shapes are small."""


class Builder(OperatorMethods):
    """Appends operations to a graph, or inserts them before one.

    ``graph``: where to; ``before``: insertion point (None: the end); ``origins``: what new operations came from;
    ``folding``: what is computed of operations on constants.
    """

    def __init__(
        self,
        graph: Graph,
        opset: OpSet,
        before: Op | None = None,
        origins: tuple[Origin, ...] = (),
        folding: Folding = STEPWISE,
    ) -> None:
        self.graph = graph
        self.opset = opset
        self.before = before
        self.origins = origins
        self.folding = folding

    def apply(self, operator: str | OpDef, *operands: OperandLike, **attrs: Any) -> Value:
        """The one result of an operator, or of that of this name in lower or upper case, where code chooses one."""
        defn = self.opset[operator.upper()] if isinstance(operator, str) else operator
        (result,) = self.emit(defn, operands, **attrs)
        return result

    def on(self, graph: Graph) -> Builder:
        """A builder with the same operators, origins and folding that appends to another graph."""
        return Builder(graph, self.opset, origins=self.origins, folding=self.folding)

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
        folded = fold(op, types, self.folding)
        if folded is not None:
            return _keep_name(folded, op)
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
        return self.constant(operand, _accepted_dtype(like or _default_dtype(operand), defn, index))


def _like(defn: OpDef, index: int, operands: Sequence[OperandLike]) -> DType | None:
    """The type of another operand declared with the same types; else that of the first one which has a type."""
    typed = [(i, v.type.dtype) for i, v in enumerate(operands) if isinstance(v, Value)]
    declared = defn.operand_at(index).dtypes
    alike = [dtype for i, dtype in typed if defn.operand_at(i).dtypes == declared]
    return next(iter([*alike, *(dtype for _, dtype in typed)]), None)


def _accepted_dtype(dtype: DType, defn: OpDef, index: int) -> DType:
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


def _keep_name(results: tuple[Value, ...], op: Op) -> tuple[Value, ...]:
    """A constant made of one named constant keeps its name: a weight stays known when it is transposed or cast."""
    names = {v.name for v in op.inputs if v.name}
    if all(v.is_const for v in op.inputs) and len(results) == len(names) == 1 and not results[0].name:
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
