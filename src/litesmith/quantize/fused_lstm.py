"""UNIDIRECTIONAL_SEQUENCE_LSTM on integers: 8-bit input, output and weights, a 16-bit cell.

The kernel's contract (measured; `lstm_eval.cc`): weights with one scale each, biases of 32 bits in the scale of the products
with the input, the output state in the scale of the output, a cell whose scale is a power of two, and exactly five
intermediate tensors: the gates before their activations as 16-bit numbers with 12 bits behind the point, and the output.
It is nine times slower than the float kernel, so that it is for models of integers only.
"""

from __future__ import annotations

import numpy as np

from litesmith.ir import Constant, DType, Op, TensorType, Value
from litesmith.ir.constant import Array
from litesmith.ops.recurrent import GATES
from litesmith.quantize.ranges import quantization

NAME = "UNIDIRECTIONAL_SEQUENCE_LSTM"
GATE_SCALE = 2.0**-12
LARGEST_CELL = 4
"""The cell is clipped at 2 to the power of this, where its tanh is 1 to 13 digits; shorter sequences cannot get so far."""

OPTIONAL = (
    "cell_to_input_weights", "cell_to_forget_weights", "cell_to_output_weights", "projection_weights", "projection_bias",
    *(f"{gate}_layer_norm_coefficients" for gate in GATES),
)  # fmt: skip


def obstacle(op: Op) -> str:
    """Why a layer has no integer kernel; empty where it has."""
    missing = [g for g in GATES if op.get(f"input_to_{g}_weights") is None or op.get(f"recurrent_to_{g}_weights") is None]
    if missing or any(op.get(name) is not None for name in OPTIONAL):
        return "the integer LSTM has four gates, and neither peepholes, projection nor layer normalization"
    if op.attrs["fused_activation_function"] != "TANH" or op.attrs["cell_clip"] or op.attrs["diagonal_recurrent_tensors"]:
        return "the integer LSTM has tanh, no clipped cell and full matrices"
    constants = [op[f"{kind}_{g}_weights"] for g in GATES for kind in ("input_to", "recurrent_to")]
    constants += [op[f"{g}_gate_bias"] for g in GATES]
    if not all(v.is_const for v in constants):
        return "its weights or biases are computed"
    return "" if op["output_state"].is_variable and op["cell_state"].is_variable else "its states are operands"


def set_states(op: Op) -> None:
    """Biases, states and intermediate tensors, of a layer whose input, output and weights are integers already."""
    x, result = op["x"].type, op.results[0].type
    assert x.quant is not None
    for gate in GATES:
        weights = op[f"input_to_{gate}_weights"].type.quant
        assert weights is not None
        scale = np.float32(np.float64(x.quant.scale[0]) * np.float64(weights.scale[0]))
        bias = op[f"{gate}_gate_bias"]
        op.set_operand(op.defn.operand_index(f"{gate}_gate_bias"), _bias(bias, float(scale)))
    state, cell = op["output_state"], op["cell_state"]
    state.type = TensorType(result.dtype, state.type.shape, result.quant)
    cell.type = TensorType(DType.INT16, cell.type.shape, quantization(_cell_scale(op)))
    gates = [TensorType(DType.INT16, (), quantization(GATE_SCALE)) for _ in GATES]
    op.attrs["intermediates"] = (*gates, TensorType(result.dtype, (), result.quant))
    op.attrs["asymmetric_quantize_inputs"] = False


def _bias(value: Value, scale: float) -> Value:
    const = value.const
    assert const is not None
    steps: Array = np.clip(np.rint(const.array().astype(np.float64) / scale), -(2**31 - 1), 2**31 - 1).astype(np.int32)
    return Value(TensorType(DType.INT32, const.shape, quantization(scale)), value.name, Constant.of(steps, DType.INT32))


def _cell_scale(op: Op) -> float:
    """A power of two: each step adds at most 1 to what the cell holds."""
    steps = op["x"].dims[0 if op.attrs["time_major"] else 1]
    largest = min(LARGEST_CELL, int(np.ceil(np.log2(max(steps, 1))))) if isinstance(steps, int) else LARGEST_CELL
    return float(2.0 ** (max(largest, 0) - 15))
