"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim, floordiv
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import Attr, OpDef, QuantRule, Trait, WeightsLayout
from litesmith.ir.types import Shape, TensorType
from litesmith.ops import gpu, micro, xnnpack
from litesmith.ops.common import (
    ACTIVATION,
    FLOAT,
    QUANTIZED,
    apply_activation,
    boolean,
    broadcast_shapes,
    dtypes,
    element_type,
    enum8,
    first_reason,
    has_no_nan,
    operands,
    quantized_only,
    takes_weights,
)

BIASES = dtypes("float32 int32 int64")


def _differ(left: Dim, right: Dim) -> bool:
    """Whether two sizes are certainly different."""
    return isinstance(left, int) and isinstance(right, int) and left != right


def _mismatch(op: Op, first: str, second: str) -> UnsupportedError:
    return UnsupportedError(f"{op[first].type} and {op[second].type} do not multiply", "check the shapes", op=op.name)


# -- FULLY_CONNECTED --------------------------------------------------------------------------------------------------


def _infer_fully_connected(op: Op) -> list[TensorType]:
    x, weights = op["x"].type, op["weights"].type
    if weights.rank != 2 or x.rank < 1:
        raise _mismatch(op, "x", "weights")
    units, features = weights.dims
    dtype = DType.INT16 if op.attrs["weights_format"] == "SHUFFLED4x16INT8" else x.dtype
    if op.attrs["keep_num_dims"]:
        if _differ(x.dims[-1], features):
            raise _mismatch(op, "x", "weights")
        return [TensorType(dtype, (*x.dims[:-1], units))]
    return [TensorType(dtype, (_rows(op, x.dims, x.count, features), units))]


def _rows(op: Op, dims: Shape, count: Dim, features: Dim) -> Dim:
    """How many rows of ``features`` the input holds, whatever its rank."""
    if isinstance(features, int) and (features == 0 or (isinstance(count, int) and count % features)):
        raise _mismatch(op, "x", "weights")
    if dims[-1] == features:
        rows: Dim = 1
        for dim in dims[:-1]:
            rows = rows * dim
        return rows
    return floordiv(count, features)


def _fully_connected(x: Array, weights: Array, bias: Array | None = None, **attrs: Any) -> Array:
    units, features = weights.shape
    y = x.reshape(-1, features) @ weights.T
    y = y if bias is None else y + bias.reshape(-1)
    y = apply_activation(y, attrs["fused_activation_function"])
    return y.reshape(*x.shape[:-1], units) if attrs["keep_num_dims"] else y


def _fully_connected_version(op: Op) -> int:
    x, weights, quant = op["x"].type.dtype, op["weights"].type.dtype, op["weights"].type.quant
    needed = [1, _fully_connected_type_version(op, x, weights)]
    if x is DType.FLOAT32 and weights in (DType.INT8, DType.INT4) and quant is not None and quant.per_channel:
        needed.append(12)
    if op["weights"].const is not None and op["weights"].const.sparsity is not None:
        needed.append(8)
    if op.attrs["keep_num_dims"]:
        needed.append(5)
    if op.attrs["weights_format"] != "DEFAULT":
        needed.append(2)
    return max(needed)


def _fully_connected_type_version(op: Op, x: DType, weights: DType) -> int:
    if weights is DType.INT2:
        return 14
    if x is DType.INT16:
        if weights is DType.INT4:
            return 13
        return 11 if op.attrs["quantized_bias_type"] is not DType.FLOAT32 else 7
    if weights is DType.INT4:
        return 10
    if x is DType.INT8:
        return 4
    hybrid = x is DType.FLOAT32 and weights is DType.INT8
    return (9 if op.attrs["asymmetric_quantize_inputs"] else 3) if hybrid else 1


def _fully_connected_cost(op: Op) -> Dim:
    cost: Dim = op.result.type.count * op["weights"].dims[1]
    return cost


def _bias_has_units(op: Op) -> str | None:
    bias, units = op.get("bias"), op["weights"].dims[0]
    if bias is not None and _differ(bias.type.count, units):
        return f"bias has {bias.type.count} elements for {units} units"
    return None


FULLY_CONNECTED = OpDef(
    "FULLY_CONNECTED",
    9,
    operands("x weights bias?", FLOAT | QUANTIZED, dtypes("float32 int8 uint8 int16 int4 int2"), BIASES),
    attrs={
        "fused_activation_function": ACTIVATION,
        "weights_format": enum8("DEFAULT", "SHUFFLED4x16INT8"),
        "keep_num_dims": boolean(),
        "asymmetric_quantize_inputs": boolean(),
        "quantized_bias_type": element_type(),
        "quant_spec": Attr("bytes", b""),
    },
    options=("FullyConnectedOptions", 8),
    all_slots=True,  # with a slot for the absent bias, version 1 will do; without one it takes version 6
    traits=Trait.CONTRACTS | Trait.FUSES_ACTIVATION,
    infer=_infer_fully_connected,
    evaluate=_fully_connected,
    foldable=has_no_nan,
    check=first_reason(
        takes_weights(
            "weights", float32="float32 int8 int4 int2", int8="int8 int4 int2", uint8="uint8", int16="int8 int4"
        ),
        quantized_only("int8 uint8 int16"),
        _bias_has_units,
    ),
    version=_fully_connected_version,
    runtimes={
        1: "1.5.0", 2: "1.10.0", 3: "1.14.0", 4: "1.14.0", 5: "2.0.0", 6: "2.1.0", 7: "2.3.0", 8: "2.3.0",
        9: "2.3.0", 10: "2.11.0", 11: "2.15.0", 12: "2.17.0", 13: "2.18.0", 14: "2.21.0",
    },
    quant=QuantRule(weights={"weights": 0}, bias="bias"),
    weights=WeightsLayout("weights", outputs=0, inputs=1),
    cost=_fully_connected_cost,
    gpu=gpu.dense,
    micro=micro.WEIGHTED,
    xnnpack=xnnpack.WEIGHTED,
)  # fmt: skip

# -- BATCH_MATMUL -----------------------------------------------------------------------------------------------------


def _matrix(shape: Shape, adjoint: bool) -> tuple[Dim, Dim]:
    rows, columns = shape[-2:]
    return (columns, rows) if adjoint else (rows, columns)


def _infer_batch_matmul(op: Op) -> list[TensorType]:
    x, y = op["x"].type, op["y"].type
    if min(x.rank, y.rank) < 2:
        raise _mismatch(op, "x", "y")
    rows, inner = _matrix(x.dims, op.attrs["adj_x"])
    other, columns = _matrix(y.dims, op.attrs["adj_y"])
    if _differ(inner, other):
        raise _mismatch(op, "x", "y")
    batch = broadcast_shapes(op, [x.dims[:-2], y.dims[:-2]])
    assert batch is not None
    return [TensorType(x.dtype, (*batch, rows, columns))]


def _batch_matmul(x: Array, y: Array, *, adj_x: bool, adj_y: bool, **_: Any) -> Array:
    left = np.swapaxes(x, -1, -2) if adj_x else x
    right = np.swapaxes(y, -1, -2) if adj_y else y
    return np.asarray(np.matmul(left, right))


def _batch_matmul_ranks(op: Op) -> str | None:
    ranks = [op["x"].rank, op["y"].rank]
    return f"ranks {ranks} are not within 2 to 5" if min(ranks) < 2 or max(ranks) > 5 else None


def _batch_matmul_version(op: Op) -> int:
    x, y = op["x"].type.dtype, op["y"].type.dtype
    if x is DType.FLOAT32 and y is DType.INT8 and op.attrs["asymmetric_quantize_inputs"]:
        return 4
    return {DType.INT8: 2, DType.INT16: 3}.get(x, 1)


def _batch_matmul_cost(op: Op) -> Dim:
    cost: Dim = op.result.type.count * _matrix(op["x"].dims, op.attrs["adj_x"])[1]
    return cost


def _product_of_nothing(b: Any, op: Op) -> Value | None:
    """Zeros where the sums have no terms: the kernels do not take such operands."""
    x, y = op["x"].type, op["y"].type
    if x.shape is None or x.rank < 2 or x.dims[-2 if op.attrs["adj_x"] else -1] != 0:
        return None
    (result,) = _infer_batch_matmul(op)
    if not result.is_static or {x.dtype, y.dtype} != {DType.FLOAT32}:
        return None
    return Value.constant(np.zeros(result.static_shape, np.float32))


BATCH_MATMUL = OpDef(
    "BATCH_MATMUL",
    126,
    operands("x y", dtypes("float32 int8 int16")),
    attrs={"adj_x": boolean(), "adj_y": boolean(), "asymmetric_quantize_inputs": boolean()},
    options=("BatchMatMulOptions", 101),
    traits=Trait.CONTRACTS,
    infer=_infer_batch_matmul,
    evaluate=_batch_matmul,
    simplify=_product_of_nothing,
    foldable=lambda op: op["x"].type.dtype in FLOAT and op["y"].type.dtype in FLOAT,
    check=first_reason(
        takes_weights("y", None, float32="float32 int8", int8="int8", int16="int16"),
        _batch_matmul_ranks,
        quantized_only("int8 int16"),
    ),
    version=_batch_matmul_version,
    runtimes={1: "2.3.0", 2: "2.3.0", 3: "2.4.0", 4: "2.5.0"},
    quant=QuantRule(weights={"y": None}),
    cost=_batch_matmul_cost,
    gpu=gpu.counts(operands=2),
    micro=micro.ACTIVATIONS,
    xnnpack=xnnpack.ARITHMETIC,
)

DEFINITIONS = (FULLY_CONNECTED, BATCH_MATMUL)
