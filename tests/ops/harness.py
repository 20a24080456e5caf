"""Runs one operation in the LiteRT runtime and by its declaration, and compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from litesmith.errors import LitesmithError
from litesmith.formats.tflite import write_model
from litesmith.ir import DType, Graph, Op, Program, Quantization, Signature, Sym, TensorType, Value
from litesmith.ir.builder import infer_types
from litesmith.ir.dims import substitute, symbol_names
from litesmith.ir.folding import fold
from litesmith.ir.verify import compatible, kernel_problems, verify
from litesmith.ops import OPS
from litesmith.runtime.runner import Runner
from tests.arrays import Array, assert_close, rng

EXCHANGED = {DType.INT4: np.dtype(np.int8), DType.UINT4: np.dtype(np.uint8)}
"""What the runtime's Python interface gives for packed types."""


@dataclass(frozen=True)
class Variable:
    """A variable tensor as an operand."""

    type: TensorType


@dataclass(frozen=True)
class Quantized:
    """A quantized operand: stored integers, scale and zero point."""

    array: Array
    scale: float | Sequence[float] = 0.05
    zero_point: int = 0
    axis: int = 0
    dtype: DType | None = None

    @property
    def type(self) -> TensorType:
        """The operand's type."""
        scale = np.array(self.scale, np.float32).reshape(-1)
        quant = Quantization(scale, np.full(scale.shape, self.zero_point, np.int64), self.axis)
        return TensorType(self.dtype or DType.of(self.array.dtype), self.array.shape, quant)


OperandRow = Array | Quantized | Variable | None


@dataclass(frozen=True)
class Case:
    """One row: an operation on these operands.

    operands: one per slot; constant: slots whose operand is a constant of the file, the others are fed. symbolic: slots
    whose sizes may be unknown to inference (default: all that are fed). tolerance: largest error relative to the
    result's range, 0 for equality. results: result types, where inference needs them. kernels: as in `Runner`.
    """

    name: str
    op: str
    operands: Sequence[OperandRow]
    tolerance: float
    attrs: Mapping[str, Any] = field(default_factory=dict)
    constant: Sequence[int] = ()
    symbolic: Sequence[int] | None = None
    results: Sequence[TensorType] | None = None
    kernels: str = "default"

    def __repr__(self) -> str:
        return f"{self.op}-{self.name}"


def ints(*shape: int, dtype: Any = np.int32, low: int = -10, high: int = 10, seed: str = "") -> Array:
    """Uniform integers below ``high``."""
    return rng(f"{shape}{seed}").integers(low, high, shape).astype(dtype)


def i32(*elements: Any) -> Array:
    """An int32 tensor of these elements: a vector, or whatever one nested list says."""
    return np.array(elements[0] if len(elements) == 1 and isinstance(elements[0], list) else elements, np.int32)


def scalar(element: Any, dtype: Any = np.int32) -> Array:
    """A tensor of shape []."""
    return np.array(element, dtype)


def stored(operand: OperandRow) -> Array:
    """The array of an operand."""
    assert isinstance(operand, (np.ndarray, Quantized))
    return operand if isinstance(operand, np.ndarray) else operand.array


def operand_type(operand: OperandRow) -> TensorType:
    """The static type of an operand."""
    assert operand is not None
    if isinstance(operand, np.ndarray):
        return TensorType(DType.of(operand.dtype), operand.shape)
    return operand.type


def _value(case: Case, slot: int, operand: OperandRow, graph: Graph, unknown: bool) -> Value | None:
    if operand is None:
        return None
    found = operand_type(operand)
    if isinstance(operand, Variable):
        return Value.variable(found, f"state{slot}")
    if slot in case.constant:
        value = Value.constant(stored(operand), f"in{slot}", found.dtype)
        value.type = found
        return value
    if unknown and (case.symbolic is None or slot in case.symbolic):
        found = found.with_shape([Sym.named(f"s{slot}_{axis}") for axis in range(found.rank)])
    return graph.add_input(found, f"in{slot}")


def operation(case: Case, unknown: bool = False) -> Op:
    """The case's operation, alone in a graph; with ``unknown`` the sizes of what is fed are symbols."""
    defn, graph = OPS[case.op], Graph()
    values = [_value(case, slot, operand, graph, unknown) for slot, operand in enumerate(case.operands)]
    op = Op(defn, values, {**defn.defaults, **case.attrs})
    op.attrs.update({name: derive(op) for name, derive in defn.derived.items()})
    types = infer_types(op) if case.results is None else case.results
    op.results = [Value(t, f"out{i}") for i, t in enumerate(types)]
    for index, result in enumerate(op.results):
        result.op, result.index = op, index
    graph.insert(op)
    graph.outputs = op.results
    return op


def program_of(op: Op) -> Program:
    """The operation as a whole model."""
    assert op.graph is not None
    graph = op.graph
    inputs = {v.name: i for i, v in enumerate(graph.inputs)}
    outputs = {v.name: i for i, v in enumerate(graph.outputs)}
    return Program([graph], [Signature("serving_default", graph, inputs, outputs)])


def run(case: Case, op: Op) -> list[Array]:
    """Results of the operation in the runtime."""
    fed = {f"in{i}": stored(o) for i, o in enumerate(case.operands) if o is not None and not _is_held(case, i, o)}
    runner = Runner(write_model(program_of(op)), kernels=case.kernels)
    return list(runner.run(fed).values())


def _fed(op: Op) -> list[Value]:
    assert op.graph is not None
    return op.graph.inputs


def _is_held(case: Case, slot: int, operand: OperandRow) -> bool:
    return slot in case.constant or isinstance(operand, Variable)


def evaluated(case: Case) -> list[Array]:
    """Results of the declaration's evaluator."""
    op = operation(case)
    assert op.defn.evaluate is not None
    with np.errstate(all="ignore"):
        made = op.defn.evaluate(*[None if o is None else stored(o) for o in case.operands], **op.attrs)
    return list(made) if isinstance(made, (list, tuple)) else [np.asarray(made)]


def check_evaluator(case: Case) -> None:
    """The evaluator and the inferred types agree with the runtime; so do the types inferred from unknown sizes."""
    op = operation(case)
    verify(program_of(op))
    problems = kernel_problems(program_of(op))
    assert not problems, problems
    expected = run(case, op)
    for want, got, value in zip(expected, evaluated(case), op.results, strict=True):
        assert_close(got, want, case.tolerance)
        assert compatible(value.type, TensorType(DType.of(want.dtype), want.shape)), f"{value.type} for {want.shape}"
    check_symbolic_inference(case, [e.shape for e in expected])
    check_folding(case, expected)


def check_symbolic_inference(case: Case, shapes: Sequence[tuple[int, ...]]) -> None:
    """Types inferred from unknown sizes, with the sizes put in, are those of the runtime."""
    op = operation(case, unknown=True)
    sizes = {
        str(dim): int(size)
        for value in _fed(op)
        for dim, size in zip(value.dims, operand_type(case.operands[int(value.name[2:])]).static_shape, strict=True)
    }
    for value, shape in zip(op.results, shapes, strict=True):
        if value.type.shape is None:
            continue
        assert len(value.type.shape) == len(shape)
        for dim, size in zip(value.type.shape, shape, strict=True):
            if not set(symbol_names(dim)) - set(sizes):
                assert substitute(dim, sizes) == size, f"{value.type} with {sizes} is not {list(shape)}"


def check_folding(case: Case, expected: Sequence[Array]) -> None:
    """Where the builder would fold the operation, the constants are the runtime's results."""
    op = operation(Case(case.name, case.op, case.operands, 0, case.attrs, range(len(case.operands))))
    folded = fold(op, [r.type for r in op.results])
    for value, want in zip(folded or (), expected, strict=False):
        assert_close(value.numpy(), want, case.tolerance)


def accepts(case: Case) -> None:
    """The runtime takes the operation: it loads, allocates and runs. Raises AssertionError with its message if not."""
    op = operation(case)
    problems = kernel_problems(program_of(op))
    assert not problems, problems
    try:
        results = run(case, op)
    except LitesmithError as error:
        raise AssertionError(f"{case}: the runtime refuses it: {error}") from error
    for value, got in zip(op.results, results, strict=True):
        exchanged = EXCHANGED.get(value.type.dtype, value.type.dtype.numpy)
        assert exchanged in (got.dtype, np.dtype(object)), f"{got.dtype} for {value.type}"
        assert value.type.shape is None or len(value.type.shape) == got.ndim, f"{got.shape} for {value.type}"


def refuses(case: Case, expected: str) -> None:
    """`check` gives a reason with this text, or inference does, and the runtime agrees that it does not work."""
    try:
        reasons = [p.reason for p in kernel_problems(program_of(operation(case)))]
    except LitesmithError as error:
        reasons = [str(error)]
    assert any(expected in reason for reason in reasons), reasons
