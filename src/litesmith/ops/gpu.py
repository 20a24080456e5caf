"""What the GPU delegate takes: conditions that declarations name, and those that hold for every operator.

The source is the delegate's own check (``gpu_compatibility.cc`` of LiteRT, broadcasting in its newer form) and, for
types and shapes, its documentation. A condition is a function of the operation that gives the reason why the delegate
leaves it to the CPU, or None.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from litesmith.ir.dims import Dim
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import Check
from litesmith.ir.types import TensorType, shape_text

MOST_DIMENSIONS = 4

_HELD = {
    *(DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16, DType.INT32, DType.UINT32, DType.BOOL),
    *(DType.INT8, DType.UINT8, DType.INT16, DType.INT4, DType.INT2),
}
"""Types a tensor on the GPU can have; int8 and uint8 are dequantized inside."""

_CUSTOM = ("Convolution2DTransposeBias", "MaxPoolingWithArgmax2D", "MaxUnpooling2D")

Axes: TypeAlias = Sequence[Dim]


def gpu_reason(op: Op) -> str | None:
    """Why the GPU delegate leaves an operation to the CPU; None where it takes it."""
    if op.defn.gpu is None:
        return "the delegate has no kernel for it"
    return op.defn.gpu(op) or _tensor_reason(op)


def _tensor_reason(op: Op) -> str | None:
    for value in (*runtime_inputs(op), *op.results):
        kind = value.type
        if kind.dtype not in _HELD:
            return f"a tensor is {kind.dtype}"
        if not kind.is_static:
            return "a shape is not static"
        if kind.rank > MOST_DIMENSIONS:
            return f"a tensor has rank {kind.rank}, at most {MOST_DIMENSIONS} dimensions are taken"
    return None


def runtime_inputs(op: Op) -> list[Value]:
    """The operands that are neither constant nor absent."""
    return [v for v in op.inputs if not v.is_const]


def constant_inputs(op: Op) -> list[Value]:
    """The operands that are constant."""
    return [v for v in op.inputs if v.is_const]


# -- conditions -------------------------------------------------------------------------------------------------------


def always(op: Op) -> str | None:
    """No condition."""
    return None


def all_of(*conditions: Check) -> Check:
    """The first reason any of the conditions gives."""

    def check(op: Op) -> str | None:
        return next((reason for condition in conditions if (reason := condition(op)) is not None), None)

    return check


def counts(runtime: Sequence[int] = (), results: int | None = None, operands: int | None = None) -> Check:
    """Numbers of run-time operands, of results, of all operands."""

    def check(op: Op) -> str | None:
        found = len(runtime_inputs(op))
        if runtime and found not in runtime:
            expected = " or ".join(map(str, runtime))
            return f"it has {found} operands that are not constant, {expected} expected"
        if results is not None and len(op.results) != results:
            return f"it has {len(op.results)} results, {results} expected"
        if operands is not None and len(op.inputs) != operands:
            return f"it has {len(op.inputs)} operands, {operands} expected"
        return None

    return check


ONE = counts((1,), 1)
"""One run-time operand, one result."""


def one_operand(op: Op) -> str | None:
    """One run-time operand and no constant."""
    return "its operand is constant" if constant_inputs(op) else ONE(op)


def two_operands(op: Op) -> str | None:
    """Two run-time operands, or one and a constant."""
    found = len(runtime_inputs(op)), len(constant_inputs(op))
    return None if found in ((2, 0), (1, 1)) else f"it has {found[0]} run-time and {found[1]} constant operands"


def activation(op: Op) -> str | None:
    """No SIGN_BIT as fused activation."""
    name = op.attrs.get("fused_activation_function")
    return "the fused activation is SIGN_BIT" if name == "SIGN_BIT" else None


def _broadcasts(left: TensorType, right: TensorType) -> bool:
    if left.shape is None or right.shape is None:
        return False
    if left.rank == right.rank or min(left.rank, right.rank) <= 1:
        return True
    pairs = zip(reversed(left.dims), reversed(right.dims), strict=False)
    return all(a == b or a == 1 or b == 1 for a, b in pairs)


def broadcast(op: Op) -> str | None:
    """Two operands that broadcast as in NumPy."""
    if len(op.inputs) != 2:
        return f"it has {len(op.inputs)} operands, 2 expected"
    x, y = (v.type for v in op.inputs)
    return None if _broadcasts(x, y) else f"{shape_text(x.shape)} and {shape_text(y.shape)} do not broadcast"


ADD = all_of(broadcast, activation)
MUL = all_of(broadcast, activation)
SUB = DIV = all_of(two_operands, activation)


def positive(*names: str) -> Check:
    """Attributes that are above zero."""

    def check(op: Op) -> str | None:
        return next((f"{name} is {op.attrs[name]}" for name in names if op.attrs[name] <= 0), None)

    return check


_STRIDES = positive("stride_w", "stride_h")
_DILATIONS = positive("dilation_w_factor", "dilation_h_factor")

POOL = all_of(ONE, positive("filter_width", "filter_height"), _STRIDES, activation)
CONV = all_of(counts((1, 2), 1), _STRIDES, _DILATIONS, activation)
TRANSPOSE_CONV = all_of(counts((1, 2), 1), _STRIDES)


def _depthwise_shapes(op: Op) -> str | None:
    x, weights, bias = op["x"].type, op["filter"].type, op.get("bias")
    if x.shape is None or any(t.rank != 4 for t in (x, weights, op.result.type)):
        return "a tensor is not of rank 4"
    channels = op.result.type.dims[3]
    if x.dims[0] != op.result.type.dims[0] or weights.dims[3] != channels:
        return "batch or channels of the operands and the result differ"
    if channels != x.dims[3] * op.attrs["depth_multiplier"]:
        return f"{channels} output channels are not {x.dims[3]} times the depth multiplier {op.attrs['depth_multiplier']}"
    if bias is not None and bias.type.count != channels:
        return f"the bias has {bias.type.count} elements for {channels} channels"
    return None


DEPTHWISE_CONV = all_of(counts((1, 2), 1), _STRIDES, _DILATIONS, _depthwise_shapes)


def dense(op: Op) -> str | None:
    """FULLY_CONNECTED: plain weights, a run-time input, the rank kept only where it is the result's."""
    if op.attrs["weights_format"] not in ("DEFAULT", 0):
        return f"the weights have the format {op.attrs['weights_format']}"
    if op["x"].is_const:
        return "the input is constant"
    if op.attrs["keep_num_dims"] and op["x"].rank != op.result.rank:
        return "keep_num_dims with a result of another rank"
    return None if len(runtime_inputs(op)) <= 2 else "more than two operands are not constant"


_CASTS = {DType.BOOL: (DType.FLOAT16, DType.FLOAT32), DType.FLOAT16: (DType.BOOL,)}


def cast(op: Op) -> str | None:
    """CAST between bool and float, float32 and int32."""
    source, target = op["x"].type.dtype, op.result.type.dtype
    numbers = (DType.FLOAT32, DType.INT32)
    taken = (source in numbers and target in numbers) or target in _CASTS.get(source, ())
    if taken or (source is DType.FLOAT32 and target is DType.BOOL):
        return None
    return f"a cast from {source} to {target}"


def constant(name: str, dtype: DType | None = None) -> Check:
    """An operand that is constant (and of this type)."""

    def check(op: Op) -> str | None:
        value = op.get(name)
        if value is None or not value.is_const:
            return f"{name} is not constant"
        return None if dtype in (None, value.type.dtype) else f"{name} is {value.type.dtype}, {dtype} expected"

    return check


AXES = all_of(counts((1,)), constant("axes", DType.INT32))


def of_types(name: str, *taken: DType) -> Check:
    """An operand of one of these types."""

    def check(op: Op) -> str | None:
        dtype = op[name].type.dtype
        return None if dtype in taken else f"{name} is {dtype}, {' or '.join(map(str, taken))} expected"

    return check


CUMSUM = all_of(of_types("x", DType.FLOAT16, DType.FLOAT32), constant("axis", DType.INT32))
DEQUANTIZE = all_of(
    ONE, lambda op: "it dequantizes int16" if op["x"].type.dtype is DType.INT16 else None
)


def blocks(op: Op) -> str | None:
    """DEPTH_TO_SPACE, SPACE_TO_DEPTH."""
    size = op.attrs["block_size"]
    return ONE(op) or (None if size > 1 else f"the block size is {size}")


def update_slice(op: Op) -> str | None:
    """DYNAMIC_UPDATE_SLICE: equal types and ranks, a vector of int32 as start."""
    x, update, start = (v.type for v in op.inputs)
    if x.dtype is not update.dtype or len(x.dims) != len(update.dims):
        return "operand and update differ in type or rank"
    if start.dtype is not DType.INT32 or len(start.dims) != 1:
        return f"the start is {start}, int32 of rank 1 expected"
    return None


def embedding(op: Op) -> str | None:
    """EMBEDDING_LOOKUP."""
    ids, table = op.inputs[0].type, op.inputs[1].type
    if len(ids.dims) != 1:
        return f"the ids have rank {len(ids.dims)}, 1 expected"
    if len(table.dims) < 2 or table.dtype not in (DType.INT8, DType.INT4, DType.INT2, DType.FLOAT32):
        return f"the table is {table}"
    return None if op.result.type.dims[1:] == table.dims[1:] else "the result's dimensions are not the table's"


def indices(name: str) -> Check:
    """A vector of int32."""

    def check(op: Op) -> str | None:
        kind = op[name].type
        if kind.dtype is not DType.INT32:
            return f"{name} are {kind.dtype}, int32 expected"
        return None if kind.rank == 1 else f"{name} have rank {kind.rank}, 1 expected"

    return check


def bilinear(op: Op) -> str | None:
    """RESIZE_BILINEAR."""
    both = op.attrs["align_corners"] and op.attrs["half_pixel_centers"]
    return "align_corners together with half_pixel_centers" if both else counts((1,))(op)


TOPK = counts((1,), 2)


def lstm(op: Op) -> str | None:
    """LSTM of the basic or the full kernel."""
    if op.attrs["kernel_type"] == "BASIC":
        return _basic_lstm(op)
    if len(op.slots) not in (20, 24) or len(op.results) != 1:
        return f"the full kernel has {len(op.slots)} operands, 20 or 24 expected"
    name = op.attrs["fused_activation_function"]
    return None if name in ("TANH", "SIGMOID") else f"the activation is {name}"


def _basic_lstm(op: Op) -> str | None:
    if (len(runtime_inputs(op)), len(constant_inputs(op)), len(op.results)) != (3, 2, 4):
        return "the basic kernel takes 3 run-time operands, 2 constants and 4 results"
    depth = op.results[3].type.dims[-1]
    if not isinstance(depth, int) or depth % 4:
        return f"the depth {depth} is no multiple of 4"
    if op.attrs["fused_activation_function"] != "TANH" or op.attrs["cell_clip"] or op.attrs["proj_clip"]:
        return "the activation is not TANH, or there is a clip"
    return None


def one_hot(op: Op) -> str | None:
    """ONE_HOT along the last axis, of float32 scalars."""
    ids = op.inputs[0].type
    if ids.dtype is not DType.INT32 or op.attrs["axis"] != -1:
        return f"the indices are {ids.dtype} and the axis {op.attrs['axis']}, int32 and -1 expected"
    if any(d != 1 for d in ids.dims[1:]):
        return f"the indices have the shape {shape_text(ids.shape)}; all but the batch must be 1"
    values = op.inputs[2:]
    if any(not v.is_const or v.type.dtype is not DType.FLOAT32 or v.type.count != 1 for v in values):
        return "on and off values are no constant float32 scalars"
    return None


def padding(op: Op) -> str | None:
    """PAD, PADV2: paddings of 3 or 4 dimensions."""
    shape = op.inputs[1].type.dims
    if shape not in ((3, 2), (4, 2)):
        return f"the paddings have the shape {shape_text(shape)}; 3 or 4 dimensions are padded"
    return counts((1,))(op)


def mirror(op: Op) -> str | None:
    """MIRROR_PAD that reflects."""
    mode = op.attrs["mode"]
    return padding(op) or (None if mode == "REFLECT" else f"the mode is {mode}, REFLECT expected")


def _selects(value: Value, result: TensorType) -> str | None:
    dims = value.type.dims
    if len(dims) == 2 and not value.is_const and len(result.dims) != 2:
        return "a branch of rank 2 is not constant"
    if dims == result.dims or value.type.count == 1:
        return None
    return f"a branch has the shape {shape_text(dims)}, the result's or a scalar expected"


def select(op: Op) -> str | None:
    """SELECT, SELECT_V2."""
    condition, x, y = op.inputs
    if condition.type.dtype not in (DType.BOOL, DType.FLOAT32, DType.FLOAT16):
        return f"the condition is {condition.type.dtype}"
    return _selects(x, op.result.type) or _selects(y, op.result.type)


def slice_(op: Op) -> str | None:
    """SLICE of 3 or 4 dimensions."""
    rank = op["x"].rank
    return None if rank in (3, 4) else f"the operand has rank {rank}, 3 or 4 expected"


def strided_slice(op: Op) -> str | None:
    """STRIDED_SLICE of 3 or 4 dimensions without masks that change the rank."""
    masks = [m for m in ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask") if op.attrs[m]]
    if masks:
        return f"{', '.join(masks)} is set"
    return slice_(op)


def softmax(op: Op) -> str | None:
    """SOFTMAX with beta 1."""
    return None if op.attrs["beta"] == 1 else f"beta is {op.attrs['beta']}"


def bitcast(op: Op) -> str | None:
    """BITCAST between elements of one size."""
    return None if op["x"].type.dtype.bits == op.result.type.dtype.bits else "the element sizes differ"


def clamp(op: Op) -> str | None:
    """STABLEHLO_CLAMP: limits are scalars or of the operand's shape."""
    types = {v.type.dtype for v in op.inputs}
    low, x, high = (v.type for v in op.inputs)
    if len(types) != 1 or len(runtime_inputs(op)) != 3:
        return "operand and limits are not three run-time tensors of one type"
    return None if all(t.count == 1 or t.dims == x.dims for t in (low, high)) else "a limit is neither scalar nor full"


def broadcast_in_dim(op: Op) -> str | None:
    """STABLEHLO_BROADCAST_IN_DIM with constant dimensions."""
    dims = op.inputs[1]
    if not dims.is_const or dims.type.dtype is not DType.INT32 or len(dims.type.dims) != 1:
        return "the dimensions are no constant vector of int32"
    return None if dims.type.count == op.inputs[0].rank else "as many dimensions as the operand has are expected"


def custom(op: Op) -> str | None:
    """The custom operators the delegate knows by name."""
    name = op.attrs["custom_code"]
    if name in _CUSTOM:
        return None
    if name != "Resampler":
        return f"the custom operator {name} is not known to the delegate"
    source, warp = (v.type for v in op.inputs)
    taken = len(warp.dims) == 4 and source.dims[0] == warp.dims[0]
    channels = warp.dims[-1] if warp.dims else 0
    return None if taken and isinstance(channels, int) and channels >= 2 else "the warp is not [batch, h, w, 2]"


def densify(op: Op) -> str | None:
    """DENSIFY of a constant."""
    return None if op.inputs[0].is_const else "its operand is not constant"


