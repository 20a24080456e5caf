"""Functions of one 8-bit tensor as tables of 256 numbers: as exact as 8 bits are, whatever operators they are made of.

    %1 = SIN(%x)                        %1 = CAST(%x) -> int32      the stored numbers
    %2 = MUL(%1, %x)             ⇒      %2 = ADD(%1, 128)
                                        %3 = GATHER([256 numbers], %2)

Where integers only are asked for, this is what becomes of operators that have no integer kernel, or none that is right for
the numbers the tensor holds, and of chains whose steps would each be rounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from litesmith.errors import UsageError
from litesmith.ir import Builder, DType, Graph, Op, Quantization, TensorType, Value
from litesmith.ir.constant import Array, Constant
from litesmith.ir.opdef import Trait
from litesmith.ops import OPS
from litesmith.ops.quantization import DEQUANTIZE, QUANTIZE
from litesmith.quantize.ranges import LIMITS, quantize_array, real

TABLE_TYPES = (DType.INT8, DType.UINT8)

LONG = 5
"""Operators from which on a chain is rounded more often than a table is worth; they take longer, too."""


LONGEST = 64
"""Steps of a function at most, so that finding them takes no longer for long chains."""

SLOW = 300.0
"""Integer kernels that take so many times as long as the float one (RSQRT, DIV) are slower than a table."""


class Functions:
    """Which tensors of some graphs are functions of one other tensor, element by element, as the graphs are now."""

    def __init__(self, graphs: Iterable[Graph]) -> None:
        self._roots: dict[int, Value] = {}
        self._depths: dict[int, int] = {}
        self._ops: list[Op] = []
        self._places: dict[int, int] = {}
        self._operands: list[list[Value | None]] = []
        for graph in graphs:
            for op in graph.ops:
                root = self._root_of(op)
                if root is not None:
                    self._roots[id(op.results[0])] = root
                    self._places[id(op.results[0])] = len(self._ops)
                    self._depths[id(op.results[0])] = 1 + max(self._depths.get(id(v), 0) for v in op.inputs)
                    self._ops.append(op)
                    self._operands.append(list(op.operands))

    def _root_of(self, op: Op) -> Value | None:
        """What the result of an operation is a function of, as far back as can be."""
        is_function = Trait.ELEMENTWISE in op.defn.traits and op.defn.is_pure and op.defn.evaluate is not None
        if not is_function or len(op.results) != 1 or op.defn in (QUANTIZE, DEQUANTIZE):
            return None
        operands = [v for v in op.inputs if not _is_number(v)]
        depth = 1 + max((self._depths.get(id(v), 0) for v in operands), default=0)
        if depth > LONGEST:
            return None
        roots = {id(root): root for root in (self._roots.get(id(v), v) for v in operands)}
        if len(roots) != 1:
            return None
        (root,) = roots.values()
        fits = root.type.dtype is DType.FLOAT32 and root.type.shape is not None and not root.is_const
        return root if fits and root.dims == op.results[0].type.shape else None

    def root(self, value: Value) -> Value:
        """The tensor it is a function of. Raises UsageError where a plan says so and there is none."""
        if id(value) not in self._roots:
            raise UsageError(f"the plan makes {value.name or 'a tensor'} a table, but it is no function of one tensor alone")
        return self._roots[id(value)]

    def ends(self) -> Iterator[tuple[Op, list[Op]]]:
        """The operations whose results are read by others than functions of the same tensor, and all they are made by."""
        for op in self._ops:
            result = op.results[0]
            root = self.root(result)
            inside = all(bool(u.results) and self._roots.get(id(u.results[0])) is root for u in result.users)
            if result.output_uses or not inside:
                yield op, self.steps(op)

    def steps(self, last: Op) -> list[Op]:
        """The operations from the tensor to a function of it, in order."""
        return [self._ops[place] for place in self._steps(last)]

    def _steps(self, last: Op) -> list[int]:
        root, place = self.root(last.results[0]), self._places[id(last.results[0])]
        found, waiting = {place}, [place]
        while waiting:
            for value in self._operands[waiting.pop()]:
                if value is not None and value is not root and not _is_number(value):
                    place = self._places[id(value)]
                    if place not in found:
                        found.add(place)
                        waiting.append(place)
        return sorted(found)

    def values(self, last: Op, points: Array) -> Array:
        """What the function gives at some points."""
        known = {id(self.root(last.results[0])): points}
        for place in self._steps(last):
            op, given = self._ops[place], self._operands[place]
            operands = [None if v is None else known[id(v)] if id(v) in known else _number(v) for v in given]
            assert op.defn.evaluate is not None
            with np.errstate(all="ignore"):
                known[id(op.results[0])] = np.asarray(op.defn.evaluate(*operands, **op.attrs))
        return np.broadcast_to(known[id(last.results[0])], points.shape)


def _is_number(value: Value) -> bool:
    return value.const is not None and value.const.size == 1


def _number(value: Value) -> Array:
    assert value.const is not None
    return value.const.array().reshape(())


def look_up(b: Builder, functions: Functions, last: Op, x: Value, result: TensorType) -> Value:
    """The function's values at the stored numbers of its tensor, read from a table."""
    dtype, quant = x.type.dtype, x.type.quant
    assert quant is not None
    assert result.quant is not None
    table = Value(
        TensorType(result.dtype, (256,), result.quant), "", _table(functions, last, dtype, quant, result.quant, result.dtype)
    )
    (index,) = b.emit(OPS["CAST"], [x], result_types=[TensorType(DType.INT32, x.type.shape)], out_data_type=DType.INT32)
    if LIMITS[dtype][0]:
        index = b.add(index, np.int32(-LIMITS[dtype][0]))
    (values,) = b.emit(OPS["GATHER"], [table, index], result_types=[result], axis=0, batch_dims=0)
    return values


def _table(
    functions: Functions, last: Op, dtype: DType, quant: Quantization, given: Quantization, wanted: DType
) -> Constant:
    least, most = LIMITS[dtype]
    points = real(np.arange(least, most + 1), quant)
    values = np.nan_to_num(functions.values(last, points).astype(np.float32))
    return Constant(wanted, (256,), quantize_array(values, given, wanted))
