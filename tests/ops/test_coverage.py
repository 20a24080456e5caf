"""Every declared element type is taken by the runtime's kernel, and every declaration of these families has rows."""

import numpy as np
import pytest

from litesmith.ir import DType, Operand, QuantRule, TensorType
from litesmith.ir.verify import kernel_problems
from litesmith.ops import (
    activation,
    comparison,
    elementwise,
    filling,
    indexing,
    joining,
    layout,
    logical,
    padding,
    reduce_window,
    reduction,
    shape,
    slicing,
    unary,
)
from tests.ops import test_data_movement as movement
from tests.ops import test_elementwise as elements
from tests.ops.harness import Case, Quantized, accepts, check_evaluator, operation, program_of, stored

FAMILIES = (activation, comparison, elementwise, filling, indexing, joining, layout, logical, padding, reduce_window,
            reduction, shape, slicing, unary)  # fmt: skip
DECLARED = tuple(defn for family in FAMILIES for defn in family.DEFINITIONS)
ROWS = (
    *(elements.ARITHMETIC + elements.UNARY + elements.CASTS + elements.CHOICES),
    *(movement.LAYOUT + movement.SLICES + movement.PADDINGS),
    *(movement.INDEXING + movement.FILLS + movement.REDUCED),
)
ANY = tuple(DType.parse(t) for t in ("float32", "float64", "complex64", "int8", "uint64", "bool", "string"))
"""Types to try where a declaration names none."""
TOLERANCE = 2e-3
"""Of the range, for the float16 kernels; whole numbers are equal."""
NOT_EXCHANGED = {DType.INT4, DType.BFLOAT16}
"""Types the runtime's Python interface does not take or give."""


@pytest.mark.parametrize("defn", DECLARED, ids=str)
def test_declaration_has_a_row(defn):
    assert any(row.op == defn.name for row in ROWS)


def _data(defn) -> Operand:
    """The operand with the most element types."""
    return max(defn.inputs, key=lambda operand: 99 if operand.dtypes is None else len(operand.dtypes))


def _row(defn, dtype: DType) -> Case:
    """The first row in this element type, else the first row of all."""
    rows = [row for row in ROWS if row.op == defn.name]
    slot = defn.inputs.index(_data(defn))
    return next((row for row in rows if DType.of(stored(row.operands[slot]).dtype) is dtype), rows[0])


CHOSEN = [(d, t) for d in DECLARED for t in sorted(_data(d).dtypes or ANY, key=str) if t not in NOT_EXCHANGED]


@pytest.mark.parametrize(("defn", "dtype"), CHOSEN, ids=str)
def test_kernel_takes_every_declared_type(defn, dtype):
    case = _retyped(_row(defn, dtype), defn, dtype)
    if _needs_quantization(case):
        accepts(_quantized(case, defn))
    else:
        check_evaluator(case)


def _retyped(row: Case, defn, dtype: DType) -> Case:
    taken = _data(defn).dtypes
    operands = [
        _converted(stored(o), dtype) if o is not None and defn.operand_at(i).dtypes == taken else o
        for i, o in enumerate(row.operands)
    ]
    attrs = dict(row.attrs)
    if defn.name == "BITCAST":
        attrs["out_data_type"] = dtype
    return Case(row.name, row.op, operands, TOLERANCE, attrs, row.constant, row.symbolic)


def _converted(array: np.ndarray, dtype: DType) -> np.ndarray:
    """The array in another type; real numbers as positive ones, so that nothing is divided by 0 as an integer."""
    if dtype is DType.STRING:
        return np.array([str(e).encode() for e in array.flat], object).reshape(array.shape)
    if array.dtype == object:
        array = np.ones(array.shape, np.float32)
    positive = np.abs(np.nan_to_num(array, posinf=9, neginf=9)) * 3 + 1 if array.dtype.kind == "f" else array
    return np.asarray(positive, dtype.numpy)


def _needs_quantization(case: Case) -> bool:
    problems = kernel_problems(program_of(operation(case)))
    return any("only with quantization" in problem.reason for problem in problems)


def _quantized(case: Case, defn) -> Case:
    """Operands in a power of two for their scale (all kernels take it), results as the declaration wants them."""
    slots = {i for i in range(len(case.operands)) if defn.operand_at(i).dtypes == _data(defn).dtypes}
    operands = [Quantized(o, 1 / 4096) if i in slots else o for i, o in enumerate(case.operands)]
    rule = defn.quant or QuantRule()
    results = operation(Case("", case.op, operands, 0, case.attrs, case.constant)).results
    types = [_result_type(r.type, rule) for r in results]
    return Case(case.name, case.op, operands, 0, case.attrs, case.constant, results=types)


def _result_type(result: TensorType, rule: QuantRule) -> TensorType:
    if not result.dtype.is_integer or result.dtype in (DType.INT32, DType.INT64):
        return result
    scale, zero_point = rule.fixed.get(result.dtype, (1 / 4096, 0))
    return Quantized(np.zeros(result.static_shape, result.dtype.numpy), scale, zero_point).type


@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_release_that_runs_the_version_is_known(row):
    op = operation(row)
    assert op.defn.version_of(op) in op.defn.runtimes
