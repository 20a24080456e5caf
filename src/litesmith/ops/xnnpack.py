"""What XNNPACK takes, the CPU delegate the interpreter applies by default. What it leaves runs on the plain kernels.

The source is the delegate's own code (``VisitNode``), and measurements where it says more than it does.
"""

from __future__ import annotations

import math

from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import Check

_FLOATS = (DType.FLOAT32, DType.FLOAT16)
_ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6")
_COMPOSITE = "odml.scaled_dot_product_attention"
_CUSTOM = ("MaxPoolingWithArgmax2D", "MaxUnpooling2D", "Convolution2DTransposeBias", _COMPOSITE)

MOST_JOINED = 5
MOST_SPLIT = 4


def xnnpack_reason(op: Op) -> str | None:
    """Why XNNPACK leaves an operation to the plain kernels; None where it takes it."""
    if op.defn.xnnpack is None:
        return "the delegate has no kernel for it"
    return op.defn.xnnpack(op)


def all_of(*checks: Check) -> Check:
    """The first reason any of the checks gives."""

    def check(op: Op) -> str | None:
        return next((reason for one in checks if (reason := one(op)) is not None), None)

    return check


def _is_quantized(value: Value) -> bool:
    return value.type.dtype in (DType.INT8, DType.UINT8) and value.type.quant is not None


def data(op: Op) -> str | None:
    """Operands that are computed are float, or quantized int8 or uint8."""
    for value in (*(v for v in op.inputs if not v.is_const), *op.results):
        if value.type.dtype not in _FLOATS and not _is_quantized(value):
            return f"a tensor is {value.type.dtype}"
    return None


def floats(op: Op) -> str | None:
    """Everything that is computed is float."""
    for value in (*(v for v in op.inputs if not v.is_const), *op.results):
        if value.type.dtype not in _FLOATS:
            return f"a tensor is {value.type.dtype}, float32 is taken"
    return None


def activation(op: Op) -> str | None:
    """Only clamps are fused."""
    name = op.attrs.get("fused_activation_function", "NONE")
    return None if name in _ACTIVATIONS else f"the fused activation is {name}"


def constant(*names: str) -> Check:
    """These operands are constant where they are present."""

    def check(op: Op) -> str | None:
        for name in names:
            value = op.get(name) if any(declared.name == name for declared in op.defn.inputs) else None
            if value is not None and not value.is_const:
                return f"{name} is not constant"
        return None

    return check


ARITHMETIC = all_of(data, activation)
WEIGHTED = all_of(data, activation, constant("filter", "weights", "bias"))
TRANSPOSE_CONV = all_of(data, activation, constant("filter", "bias", "output_shape"))
REDUCTION = all_of(data, constant("axes"))


def pool(op: Op) -> str | None:
    """Pooling; windows of one element only with a stride of one."""
    single = op.attrs["filter_width"] == op.attrs["filter_height"] == 1
    if single and max(op.attrs["stride_w"], op.attrs["stride_h"]) > 1:
        return "a window of 1 x 1 with a stride"
    return activation(op)


AVERAGE_POOL = all_of(floats, pool)
MAX_POOL = all_of(data, pool)


def concatenation(op: Op) -> str | None:
    """CONCATENATION of a few."""
    count = len(op.inputs)
    return data(op) or (None if count <= MOST_JOINED else f"{count} tensors are joined, at most {MOST_JOINED} are taken")


def split(op: Op) -> str | None:
    """SPLIT into a few parts along a constant axis."""
    count = len(op.results)
    if count > MOST_SPLIT:
        return f"it makes {count} parts, at most {MOST_SPLIT} are taken"
    return data(op) or constant("axis")(op)


SLICE = all_of(data, constant("begin", "size"))


def strided_slice(op: Op) -> str | None:
    """STRIDED_SLICE by one, without masks that change the rank."""
    masks = [m for m in ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask") if op.attrs[m]]
    if masks:
        return f"{', '.join(masks)} is set"
    strides = op["strides"]
    if not strides.is_small_const or any(int(s) != 1 for s in strides.numpy().ravel()):
        return "a stride is not 1"
    return data(op) or constant("begin", "end")(op)


def pad(op: Op) -> str | None:
    """PAD by constant amounts that are not negative."""
    paddings = op["paddings"]
    if not paddings.is_small_const:
        return "the paddings are not constant"
    return "a padding is negative" if bool((paddings.numpy() < 0).any()) else data(op)


def leaky(op: Op) -> str | None:
    """LEAKY_RELU with a slope."""
    alpha = float(op.attrs["alpha"])
    return data(op) if math.isfinite(alpha) and alpha != 0 else f"alpha is {alpha}"


def softmax(op: Op) -> str | None:
    """SOFTMAX with beta 1."""
    return floats(op) or (None if op.attrs["beta"] == 1 else f"beta is {op.attrs['beta']}")



RESHAPE = all_of(data, constant("shape"))
TRANSPOSE = all_of(data, constant("perm"))
EXPAND_DIMS = all_of(data, constant("axis"))
PRELU = all_of(floats, constant("alpha"))
RESIZE = all_of(data, constant("size"))


def convert(op: Op) -> str | None:
    """QUANTIZE, DEQUANTIZE between float32 and int8 or uint8."""
    types = {v.type.dtype for v in (*op.inputs, *op.results)}
    others = types - {DType.FLOAT32, DType.FLOAT16, DType.INT8, DType.UINT8}
    return f"a tensor is {others.pop()}" if others else None


def variable(op: Op) -> str | None:
    """Resource variables of float tensors."""
    types = {v.type.dtype for v in (*op.inputs, *op.results)} - {DType.RESOURCE}
    return None if types <= set(_FLOATS) else f"the variable is {types.pop()}"


def composite(op: Op) -> str | None:
    """The composite the delegate knows by name."""
    return None if op.attrs["name"] == _COMPOSITE else f"the composite {op.attrs['name']} is not known to the delegate"


def custom(op: Op) -> str | None:
    """The custom operators the delegate knows by name."""
    name = op.attrs["custom_code"]
    return None if name in _CUSTOM else f"the custom operator {name} is not known to the delegate"
