"""What TFLite Micro takes: the element types of its reference kernels, and what holds for every operator.

Optimized kernels (CMSIS-NN, Xtensa, Ethos-U) may take fewer types.
"""

from __future__ import annotations

from litesmith.ir.dims import symbol_names
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import Check

CUSTOM_CODES = (
    *("SignalDelay", "SignalEnergy", "SignalFftAutoScale", "SignalFilterBank", "SignalFilterBankLog"),
    *("SignalFilterBankSpectralSubtraction", "SignalFilterBankSquareRoot", "SignalFramer", "SignalIrfft"),
    *("SignalOverlapAdd", "SignalPCAN", "SignalRfft", "SignalStacker", "SignalWindow"),
    *("CIRCULAR_BUFFER", "TFLM_DECODE", "TFLite_Detection_PostProcess", "ethos-u"),
)
"""The custom operators that Micro's resolver has a method for."""


def micro_reason(op: Op) -> str | None:
    """Why TFLite Micro does not run an operation; None where it does."""
    if op.defn.micro is None:
        return "there is no kernel for it"
    return _tensor_reason(op) or op.defn.micro(op)


def _tensor_reason(op: Op) -> str | None:
    for value in (*op.inputs, *op.results):
        if value.type.dtype in (DType.STRING, DType.VARIANT):
            return f"a tensor is {value.type.dtype}"
        if not value.type.is_static and _is_computed(op, value):
            return "a shape is known at run time only"
    return None


def _is_computed(op: Op, value: Value) -> bool:
    """Whether sizes depend on data. Unknown sizes of inputs do not: a file says 1 for them, and Micro takes that."""
    if value.type.shape is None:
        return True
    inputs = op.graph.inputs if op.graph is not None else ()
    given = {name for v in inputs for d in v.type.shape or () for name in symbol_names(d)}
    return any(name not in given for d in value.type.shape for name in symbol_names(d))


def always(op: Op) -> str | None:
    """No condition."""
    return None


def operand(op: Op, name: str) -> Value | None:
    """The operand of this name, None where the operator has none or it is absent."""
    return op.get(name) if any(declared.name == name for declared in op.defn.inputs) else None


def of(types: str, slot: int = 0) -> Check:
    """The operand in this slot has one of these types, separated by spaces."""
    taken = frozenset(DType.parse(t) for t in types.split())

    def check(op: Op) -> str | None:
        value = op.operands[slot] if slot < len(op.operands) else None
        if value is None or value.type.dtype in taken:
            return None
        return f"an operand is {value.type.dtype}, taken are {', '.join(sorted(t.text for t in taken))}"

    return check


def both(*checks: Check) -> Check:
    """The first reason any of the checks gives."""

    def check(op: Op) -> str | None:
        return next((reason for one in checks if (reason := one(op)) is not None), None)

    return check


def no_hybrid(weights: int) -> Check:
    """Float activations come with float weights: there are no hybrid kernels."""

    def check(op: Op) -> str | None:
        x, w = (v.type.dtype if v is not None else None for v in (op.operands[0], op.operands[weights]))
        hybrid = x is DType.FLOAT32 and w is not DType.FLOAT32
        return f"the activations are float32 and the weights {w}: there are no hybrid kernels" if hybrid else None

    return check


def constant(*names: str, rank: int = 4) -> Check:
    """These operands are constant, and the first one has at most so many dimensions."""

    def check(op: Op) -> str | None:
        for name in names:
            value = operand(op, name)
            if value is not None and not value.is_const:
                return f"{name} is not constant"
        ranks = [v.rank for v in op.inputs if v.type.shape is not None]
        most = max(ranks, default=0)
        return f"a tensor has rank {most}, at most {rank} dimensions are taken" if most > rank else None

    return check


def no_new_dimensions(op: Op) -> str | None:
    """A slice makes no dimensions."""
    return "a slice that makes dimensions is not taken" if op.attrs.get("new_axis_mask") else None


FLOAT = of("float32")
FLOAT_INT8 = of("float32 int8")
ACTIVATIONS = of("float32 int8 int16")
ARITHMETIC = of("float32 int8 int16 int32")
DATA = of("float32 int8 uint8 int16 int32 int64 bool")
WEIGHTED = both(ACTIVATIONS, no_hybrid(1))
TRANSPOSE_CONV = both(of("float32 int8 int16", 2), constant("output_shape"))
SLICES = both(of("float32 int8 int16 int32 bool"), constant("begin", "end", "strides", rank=5), no_new_dimensions)
CAST = both(of("bool int8 int16 int32 uint32 float32"))
QUANTIZE = of("float32 int8 int16 int32 uint8")
LOGICAL = of("bool")
PAD = both(DATA, constant("paddings", rank=5))
REDUCTION = both(of("float32 int8 int16"), constant("axes"))
SHAPED = constant("shape", rank=8)


def custom(op: Op) -> str | None:
    """The custom operators the resolver knows."""
    name = op.attrs["custom_code"]
    return None if name in CUSTOM_CODES else f"the custom operator {name} is not in the library"
