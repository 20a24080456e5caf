"""Recurrent layers as single operators.

Their state operands are variable tensors (`Value.variable`), which the interpreter makes zero when it allocates and
keeps between invocations. Gates come in the order input, forget, cell, output; gate weights are
[units, features], so that a gate is ``weights @ x + recurrent @ h + bias``.
"""

from __future__ import annotations

from collections.abc import Sequence

from litesmith.errors import UnsupportedError
from litesmith.ir.dims import Dim
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op
from litesmith.ir.opdef import Attr, DTypes, OpDef, Operand, QuantRule, Trait, VersionRule
from litesmith.ir.types import TensorType
from litesmith.ops import gpu, micro
from litesmith.ops.common import ACTIVATION, FLOAT, boolean, dtypes, enum8, int32, operands, real

OWN_STATE = Trait.STATEFUL | Trait.REMOVABLE | Trait.CONTRACTS
INPUTS = dtypes("float32 int8 int16")
WEIGHTS = dtypes("float32 int8 uint8")
BIASES = dtypes("float32 int32 int64")
STATES = dtypes("float32 int8 int16")

GATES = ("input", "forget", "cell", "output")

# -- operands ---------------------------------------------------------------------------------------------------------


def _gate_operands(form: str, taken: DTypes, optional: Sequence[str] = (), gates: Sequence[str] = GATES) -> list[Operand]:
    """One operand for each gate, named by putting the gate into ``form``."""
    return [Operand(form.format(gate), taken, gate in optional) for gate in gates]


def _lstm_weights(prefix: str = "") -> list[Operand]:
    """Weights, recurrent weights, peepholes, biases and projection of one LSTM."""
    peepholes = ("input", "forget", "output")
    return [
        *_gate_operands(f"{prefix}input_to_{{}}_weights", WEIGHTS, ["input"]),
        *_gate_operands(f"{prefix}recurrent_to_{{}}_weights", WEIGHTS, ["input"]),
        *_gate_operands(f"{prefix}cell_to_{{}}_weights", STATES, peepholes, peepholes),
        *_gate_operands(f"{prefix}{{}}_gate_bias", BIASES, ["input"]),
        Operand(f"{prefix}projection_weights", WEIGHTS, optional=True),
        Operand(f"{prefix}projection_bias", BIASES, optional=True),
    ]


def _states(*names: str) -> list[Operand]:
    return [Operand(name, STATES, state=True) for name in names]


LSTM_OPERANDS = (
    Operand("x", INPUTS),
    *_lstm_weights(),
    *_states("output_state", "cell_state"),
    *_gate_operands("{}_layer_norm_coefficients", STATES, GATES),
)

BIDIRECTIONAL_LSTM_OPERANDS = (
    Operand("x", FLOAT),
    *_lstm_weights("fw_"),
    *_lstm_weights("bw_"),
    *_states("fw_output_state", "fw_cell_state", "bw_output_state", "bw_cell_state"),
    Operand("aux_input", FLOAT, optional=True),
    *_gate_operands("fw_aux_input_to_{}_weights", WEIGHTS, GATES),
    *_gate_operands("bw_aux_input_to_{}_weights", WEIGHTS, GATES),
)

INTERMEDIATES = Attr("types", (), slot=-1)
"""Types of the intermediate tensors of the integer kernels, with the scales of the gates; None for an absent one."""

# -- inference and versions -------------------------------------------------------------------------------------------


def _replace_features(op: Op, rank: int, units: Dim) -> list[TensorType]:
    x = op["x"].type
    if x.rank != rank:
        raise UnsupportedError(f"input is {x}, expected rank {rank}", f"reshape it to rank {rank}", op=op.name)
    return [TensorType(x.dtype, (*x.dims[:-1], units))]


def _lstm_units(op: Op, prefix: str = "") -> Dim:
    """Features of the output: of the projection where there is one, else one per cell."""
    projection = op.get(f"{prefix}projection_weights")
    return projection.dims[0] if projection is not None else op[f"{prefix}input_to_output_weights"].dims[0]


def _bidirectional_types(op: Op, forward: Dim, backward: Dim) -> list[TensorType]:
    """Result types of a bidirectional layer: one with the features side by side, or one for each direction."""
    units = [forward + backward] if op.attrs["merge_outputs"] else [forward, backward]
    return [t for u in units for t in _replace_features(op, 3, u)]


def _hybrid(weights: str, plain: int = 2, asymmetric: int = 3) -> VersionRule:
    """Versions of float operators whose weights are integers."""

    def version(op: Op) -> int:
        if op["x"].type.dtype is not DType.FLOAT32 or op[weights].type.dtype is DType.FLOAT32:
            return 1
        return asymmetric if op.attrs["asymmetric_quantize_inputs"] else plain

    return version


def _rnn_cost(op: Op) -> Dim:
    """Multiply-adds of every weight matrix, for each step of each sequence."""
    matrices = [v.type.count for v in op.inputs if v.is_const and v.rank == 2 and not _is_state(op, v)]
    steps: Dim = 1
    for dim in op["x"].dims[:-1]:
        steps = steps * dim
    cost: Dim = steps * sum(matrices, 0)
    return cost


def _is_state(op: Op, value: object) -> bool:
    return any(v is value and op.defn.operand_at(i).state for i, v in enumerate(op.operands))


def _weights_rule(defn_operands: Sequence[Operand]) -> QuantRule:
    names = [o.name for o in defn_operands if "weights" in o.name and "cell_to" not in o.name]
    return QuantRule(weights=dict.fromkeys(names))


# -- LSTM -------------------------------------------------------------------------------------------------------------


def _infer_lstm(op: Op) -> list[TensorType]:
    if op.attrs["kernel_type"] == "BASIC":
        raise UnsupportedError("the basic LSTM kernel has no type inference", "give the result types", op=op.name)
    return _replace_features(op, 2, _lstm_units(op))


def _lstm_version(op: Op) -> int:
    if op.attrs["kernel_type"] == "BASIC":
        return 2
    if op["x"].type.dtype is DType.INT16:
        return 5
    return _hybrid("input_to_forget_weights", 3, 4)(op)


LSTM = OpDef(
    "LSTM",
    16,
    # The basic kernel has five operands (input, previous activation, weights, bias, previous state) and four results.
    (LSTM_OPERANDS[0], *(Operand(o.name, None, optional=True, state=o.state) for o in LSTM_OPERANDS[1:])),
    results=("outputs*",),
    attrs={
        "fused_activation_function": ACTIVATION,
        "cell_clip": real(),
        "proj_clip": real(),
        "kernel_type": enum8("FULL", "BASIC"),
        "asymmetric_quantize_inputs": boolean(),
        "intermediates": INTERMEDIATES,
    },
    options=("LSTMOptions", 14),
    traits=OWN_STATE,
    infer=_infer_lstm,
    version=_lstm_version,
    runtimes={1: "1.7.0", 2: "1.10.0", 3: "1.14.0", 4: "2.3.0"},
    quant=_weights_rule(LSTM_OPERANDS),
    cost=_rnn_cost,
    gpu=gpu.lstm,
)


def _sequence_lstm_version(op: Op) -> int:
    if op["x"].type.dtype is DType.INT16:
        return 5
    return 4 if op.attrs["diagonal_recurrent_tensors"] else _hybrid("input_to_forget_weights")(op)


UNIDIRECTIONAL_SEQUENCE_LSTM = OpDef(
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    44,
    LSTM_OPERANDS,
    attrs={
        "fused_activation_function": ACTIVATION,
        "cell_clip": real(),
        "proj_clip": real(),
        "time_major": boolean(),
        "asymmetric_quantize_inputs": boolean(),
        "diagonal_recurrent_tensors": boolean(),
        "intermediates": INTERMEDIATES,
    },
    options=("UnidirectionalSequenceLSTMOptions", 71),
    all_slots=True,
    traits=OWN_STATE,
    infer=lambda op: _replace_features(op, 3, _lstm_units(op)),
    version=_sequence_lstm_version,
    runtimes={1: "1.13.1", 2: "1.14.0", 3: "2.3.0", 4: "2.12.0"},
    quant=_weights_rule(LSTM_OPERANDS),
    cost=_rnn_cost,
    micro=micro.ACTIVATIONS,
)

BIDIRECTIONAL_SEQUENCE_LSTM = OpDef(
    "BIDIRECTIONAL_SEQUENCE_LSTM",
    52,
    BIDIRECTIONAL_LSTM_OPERANDS,
    results=("outputs*",),
    attrs={
        "fused_activation_function": ACTIVATION,
        "cell_clip": real(),
        "proj_clip": real(),
        "merge_outputs": boolean(),
        "time_major": boolean(True),
        "asymmetric_quantize_inputs": boolean(),
    },
    options=("BidirectionalSequenceLSTMOptions", 69),
    all_slots=True,
    traits=OWN_STATE,
    infer=lambda op: _bidirectional_types(op, _lstm_units(op, "fw_"), _lstm_units(op, "bw_")),
    check=lambda op: (
        "merged outputs are right for time-major input only"
        if op.attrs["merge_outputs"] and not op.attrs["time_major"]
        else None
    ),
    version=_hybrid("fw_input_to_forget_weights", 1, 3),
    runtimes={1: "1.14.0", 2: "1.14.0", 3: "1.14.0"},
    quant=_weights_rule(BIDIRECTIONAL_LSTM_OPERANDS),
    cost=_rnn_cost,
)

# -- RNN --------------------------------------------------------------------------------------------------------------

_RNN_OPERANDS = operands("x weights recurrent_weights bias hidden_state~", FLOAT, WEIGHTS, WEIGHTS, FLOAT)

RNN = OpDef(
    "RNN",
    24,
    _RNN_OPERANDS,
    attrs={"fused_activation_function": ACTIVATION, "asymmetric_quantize_inputs": boolean()},
    options=("RNNOptions", 7),
    traits=OWN_STATE,
    infer=lambda op: _replace_features(op, 2, op["weights"].dims[0]),
    version=_hybrid("weights"),
    runtimes={1: "1.5.0", 2: "1.14.0", 3: "2.3.0"},
    quant=_weights_rule(_RNN_OPERANDS),
    cost=_rnn_cost,
)

UNIDIRECTIONAL_SEQUENCE_RNN = OpDef(
    "UNIDIRECTIONAL_SEQUENCE_RNN",
    35,
    _RNN_OPERANDS,
    attrs={
        "time_major": boolean(),
        "fused_activation_function": ACTIVATION,
        "asymmetric_quantize_inputs": boolean(),
    },
    options=("SequenceRNNOptions", 31),
    traits=OWN_STATE,
    infer=lambda op: _replace_features(op, 3, op["weights"].dims[0]),
    version=_hybrid("weights"),
    runtimes={1: "1.14.0", 2: "1.14.0", 3: "2.3.0"},
    quant=_weights_rule(_RNN_OPERANDS),
    cost=_rnn_cost,
)

_BIDIRECTIONAL_RNN_OPERANDS = operands(
    "x fw_weights fw_recurrent_weights fw_bias fw_hidden_state~ bw_weights bw_recurrent_weights bw_bias"
    " bw_hidden_state~ aux_input? fw_aux_weights? bw_aux_weights?",
    *(FLOAT, WEIGHTS, WEIGHTS, FLOAT, FLOAT, WEIGHTS, WEIGHTS, FLOAT, FLOAT, FLOAT, WEIGHTS),
)

BIDIRECTIONAL_SEQUENCE_RNN = OpDef(
    "BIDIRECTIONAL_SEQUENCE_RNN",
    46,
    _BIDIRECTIONAL_RNN_OPERANDS,
    results=("outputs*",),
    attrs={
        "time_major": boolean(),
        "fused_activation_function": ACTIVATION,
        "merge_outputs": boolean(),
        "asymmetric_quantize_inputs": boolean(),
    },
    options=("BidirectionalSequenceRNNOptions", 70),
    all_slots=True,
    traits=OWN_STATE,
    infer=lambda op: _bidirectional_types(op, op["fw_weights"].dims[0], op["bw_weights"].dims[0]),
    version=_hybrid("fw_weights"),
    runtimes={1: "1.14.0", 2: "1.14.0", 3: "2.3.0"},
    quant=_weights_rule(_BIDIRECTIONAL_RNN_OPERANDS),
    cost=_rnn_cost,
)

# -- SVDF -------------------------------------------------------------------------------------------------------------

_SVDF_OPERANDS = operands(
    "x weights_feature weights_time bias? activation_state~",
    *(dtypes("float32 int8"), WEIGHTS, dtypes("float32 int8 uint8 int16"), dtypes("float32 int32"), STATES),
)


def _infer_svdf(op: Op) -> list[TensorType]:
    filters, rank = op["weights_feature"].dims[0], op.attrs["rank"]
    if rank < 1 or (isinstance(filters, int) and filters % rank):
        raise UnsupportedError(f"rank {rank} does not divide {filters} filters", "make the sizes agree", op=op.name)
    return _replace_features(op, 2, filters // rank)


SVDF = OpDef(
    "SVDF",
    27,
    _SVDF_OPERANDS,
    attrs={"rank": int32(), "fused_activation_function": ACTIVATION, "asymmetric_quantize_inputs": boolean()},
    options=("SVDFOptions", 6),
    traits=OWN_STATE,
    infer=_infer_svdf,
    version=lambda op: 3 if op["x"].type.dtype is DType.INT8 else _hybrid("weights_feature", 2, 4)(op),
    runtimes={1: "1.5.0", 2: "1.14.0", 3: "2.2.0", 4: "2.3.0"},
    quant=_weights_rule(_SVDF_OPERANDS),
    cost=_rnn_cost,
    micro=micro.ACTIVATIONS,
)

DEFINITIONS = (
    LSTM,
    UNIDIRECTIONAL_SEQUENCE_LSTM,
    BIDIRECTIONAL_SEQUENCE_LSTM,
    RNN,
    UNIDIRECTIONAL_SEQUENCE_RNN,
    BIDIRECTIONAL_SEQUENCE_RNN,
    SVDF,
)
