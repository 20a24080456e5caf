"""Words the operator declarations are written in: dtype sets, attribute kinds, inference and evaluation helpers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim, Sym, broadcast
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import Attr, Check, DTypes, Infer, Operand, VersionRule
from litesmith.ir.types import Shape, TensorType, shape_text

# -- dtype sets -------------------------------------------------------------------------------------------------------


def dtypes(*names: str) -> DTypes:
    """The set of the element types of these printed names, each string may hold several: ``dtypes("int8 uint8")``."""
    return frozenset(DType.parse(word) for name in names for word in name.split())


FLOAT = dtypes("float32")
INT8 = dtypes("int8")
UINT8 = dtypes("uint8")
INT16 = dtypes("int16")
INT32 = dtypes("int32")
INT64 = dtypes("int64")
BOOL = dtypes("bool")
STRING = dtypes("string")
INDEX = INT32 | INT64
QUANTIZED = INT8 | UINT8 | INT16
RESOURCE = dtypes("resource")

# -- attribute kinds --------------------------------------------------------------------------------------------------


def boolean(default: bool = False) -> Attr:
    """A bool field."""
    return Attr("bool", default)


def int32(default: int = 0) -> Attr:
    """An int32 field."""
    return Attr("int32", default)


def real(default: float = 0.0) -> Attr:
    """A float field."""
    return Attr("float", default)


def enum8(*names: str) -> Attr:
    """A byte-sized enumeration whose members are numbered from 0 in this order; the first is the default."""
    return Attr("enum8", names[0], names)


def element_type(default: DType = DType.FLOAT32) -> Attr:
    """A `TensorType` field of the schema."""
    return Attr("enum_type", default)


def ints() -> Attr:
    """A vector of int32; a tuple in the IR."""
    return Attr("int32s", ())


def subgraph() -> Attr:
    """The index of a subgraph; the `Graph` itself in the IR."""
    return Attr("subgraph", None)


PADDING = enum8("SAME", "VALID")
ACTIVATION = enum8("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")

# -- operands ---------------------------------------------------------------------------------------------------------


def operands(names: str, *sets: DTypes | None) -> tuple[Operand, ...]:
    """Operands from a line of names: ``x?`` is optional, ``xs*`` variadic, ``state~`` a variable tensor.

    ``sets`` are the dtypes in the same order; the last one given holds for the rest.
    """
    declared = []
    for index, name in enumerate(names.split()):
        taken = sets[min(index, len(sets) - 1)] if sets else None
        declared.append(Operand(name.rstrip("?*~"), taken, name.endswith("?"), name.endswith("*"), name.endswith("~")))
    return tuple(declared)


# -- versions, kernel limits, quantization ----------------------------------------------------------------------------


def by_dtype(operand: int = 0, /, **versions: int) -> VersionRule:
    """The version by the element type of one operand: ``by_dtype(int8=2, int16=3)``; 1 for every other type."""

    def version(op: Op) -> int:
        value = op.operands[operand]
        return versions.get(value.type.dtype.text, 1) if value is not None else 1

    return version


def highest(*rules: VersionRule) -> VersionRule:
    """The highest version any of these rules asks for."""
    return lambda op: max(rule(op) for rule in rules)


def is_quantized(value: Value) -> bool:
    """Whether the value carries scale and zero point."""
    return value.type.quant is not None


def needs_broadcast(op: Op) -> bool:
    """Whether the operands have different shapes, so that the kernel takes its broadcasting path."""
    return len({v.type.shape for v in op.inputs}) > 1


def max_rank(values: Sequence[Value]) -> int:
    """The highest rank among values; an unknown one counts as 0."""
    return max((len(v.type.shape or ()) for v in values), default=0)


def first_reason(*checks: Check) -> Check:
    """A check giving the first reason any of these gives."""
    return lambda op: next((reason for check in checks if (reason := check(op)) is not None), None)


def rank_at_most(limit: int, *names: str) -> Check:
    """The kernel takes these operands (all of them, when none is named) up to this rank."""

    def check(op: Op) -> str | None:
        rank = max_rank([op[name] for name in names] if names else op.inputs)
        return f"rank {rank} is above {limit}, the highest the kernel takes" if rank > limit else None

    return check


def rank_at_least(limit: int, name: str = "x") -> Check:
    """The kernel takes this operand from this rank on."""

    def check(op: Op) -> str | None:
        shape = op[name].type.shape
        too_low = shape is not None and len(shape) < limit
        return f"rank {len(shape or ())} is below {limit}, the lowest the kernel takes" if too_low else None

    return check


def broadcast_rank_at_most(limit: int) -> Check:
    """The kernel broadcasts operands up to this rank only; equal shapes may have any."""

    def check(op: Op) -> str | None:
        rank = max_rank(op.inputs)
        if rank <= limit or not needs_broadcast(op):
            return None
        return f"the kernel broadcasts up to rank {limit}, these operands have rank {rank}"

    return check


def quantized_only(*names: str) -> Check:
    """The kernel takes the first operand in these element types only with quantization parameters."""
    needing = dtypes(*names)

    def check(op: Op) -> str | None:
        x = op.inputs[0]
        if x.type.dtype not in needing or is_quantized(x):
            return None
        return f"{x.type.dtype} is taken only with quantization parameters"

    return check


def takes_weights(weights: str, bias: str | None = "bias", /, **pairs: str) -> Check:
    """Which weights the kernel computes rightly with for each element type of ``x``: ``float32="float32 int8"``.

    Others it may load and read as something else. Integer weights need quantization parameters; the bias has the type
    of the accumulator.
    """
    taken = {DType.parse(name): dtypes(names) for name, names in pairs.items()}

    def check(op: Op) -> str | None:
        x, w = op["x"].type.dtype, op[weights].type
        if w.dtype not in taken.get(x, frozenset()):
            return f"{w.dtype} {weights} do not go with {x} input"
        if not w.dtype.is_float and w.quant is None:
            return f"{w.dtype} {weights} are taken only with quantization parameters"
        added = op.get(bias) if bias is not None else None
        if added is not None and added.type.dtype not in _ACCUMULATORS.get(x, frozenset()):
            return f"a {added.type.dtype} bias does not go with {x} input"
        return None

    return check


_ACCUMULATORS = {
    DType.FLOAT32: dtypes("float32"),
    DType.INT8: dtypes("int32"),
    DType.UINT8: dtypes("int32"),
    DType.INT16: dtypes("int32 int64"),
}


def has_no_nan(op: Op) -> bool:
    """Whether no constant operand holds NaN; for operators whose kernels do not agree on what they make of it."""
    floats = (v.numpy() for v in op.inputs if v.type.dtype.is_float)
    return not any(bool(np.isnan(array).any()) for array in floats)


# -- inference --------------------------------------------------------------------------------------------------------


def same_as(name: str, dtype: DType | None = None) -> Infer:
    """The result has the shape (and, unless given, the dtype) of this operand."""

    def infer(op: Op) -> list[TensorType]:
        like = op[name].type
        return [TensorType(dtype or like.dtype, like.shape)]

    return infer


def broadcast_shapes(op: Op, shapes: Sequence[Shape | None]) -> Shape | None:
    """The shape these broadcast to (NumPy's rule). Raises UnsupportedError, naming both, where they do not."""
    result: Shape = ()
    for shape in shapes:
        if shape is None:
            return None
        rank = max(len(result), len(shape))
        left = (1,) * (rank - len(result)) + result
        right = (1,) * (rank - len(shape)) + shape
        try:
            result = tuple(broadcast(a, b) for a, b in zip(left, right, strict=True))
        except ValueError as error:
            reason = f"shapes {shape_text(left)} and {shape_text(right)} do not broadcast: {error}"
            raise UnsupportedError(reason, "check the shapes of the operands", op=op.name) from error
    return result


def broadcasting(dtype: DType | None = None) -> Infer:
    """The result has the broadcast shape of all operands and (unless given) the dtype of the first."""

    def infer(op: Op) -> list[TensorType]:
        require_same_dtype(op)
        shape = broadcast_shapes(op, [v.type.shape for v in op.inputs])
        return [TensorType(dtype or op.inputs[0].type.dtype, shape)]

    return infer


def require_same_dtype(op: Op) -> None:
    """Raises UnsupportedError unless all operands have one element type."""
    found = {v.type.dtype for v in op.inputs}
    if len(found) > 1:
        names = ", ".join(sorted(map(str, found)))
        raise UnsupportedError(f"operands have different element types: {names}", "cast them to one", op=op.name)


def normalized_axis(axis: int, rank: int, op: Op) -> int:
    """A possibly negative axis as 0 <= axis < rank. Raises UnsupportedError where it is out of range."""
    if not -rank <= axis < max(rank, 1):
        raise UnsupportedError(f"axis {axis} is out of range for rank {rank}", "use an axis in range", op=op.name)
    return axis % rank if rank else 0


def normalized_axes(axes: Sequence[int], rank: int, op: Op) -> tuple[int, ...]:
    """Axes as sorted, distinct, non-negative numbers."""
    return tuple(sorted({normalized_axis(int(a), rank, op) for a in axes}))


def const_ints(op: Op, name: str) -> tuple[int, ...] | None:
    """Elements of a constant integer operand, flat; None where it is not constant."""
    value = op.get(name)
    return tuple(int(e) for e in value.numpy().ravel()) if value is not None and value.is_const else None


def unknown_dim(what: str = "d") -> Dim:
    """A fresh symbol for a size only the running model knows."""
    return Sym.named(f"_{what}{next(_numbers.get())}")


@contextmanager
def own_unknown_dims() -> Iterator[None]:
    """Numbers the symbols of `unknown_dim` from 0: what is converted inside does not depend on what was before."""
    token = _numbers.set(itertools.count())
    try:
        yield
    finally:
        _numbers.reset(token)


def unknown_dims(op: Op, rank: int) -> Shape:
    """A shape of this rank, a fresh symbol for each size. Raises UnsupportedError for a rank no tensor has."""
    if rank > HIGHEST_RANK:
        raise UnsupportedError(f"a tensor of {rank} dimensions", "reshape to at most eight", op=op.name)
    return tuple(unknown_dim() for _ in range(rank))


HIGHEST_RANK = 32
"""Dimensions an array can have everywhere; kernels take eight at most."""

_ELSEWHERE = 1 << 32
"""First number outside of conversions, so that what works on a converted program later takes none of its symbols."""

_outside = itertools.count(_ELSEWHERE)
_numbers: ContextVar[Iterator[int]] = ContextVar("unknown_dims", default=_outside)

# -- evaluation -------------------------------------------------------------------------------------------------------

_CLAMPS: dict[str, Callable[[Array], Array]] = {
    "NONE": lambda y: y,
    "RELU": lambda y: np.maximum(y, np.zeros((), y.dtype)),
    "RELU_N1_TO_1": lambda y: np.clip(y, np.array(-1, y.dtype), np.array(1, y.dtype)),
    "RELU6": lambda y: np.clip(y, np.array(0, y.dtype), np.array(6, y.dtype)),
    "TANH": np.tanh,
    "SIGN_BIT": lambda y: np.signbit(y).astype(y.dtype),
}


def apply_activation(y: Array, activation: str) -> Array:
    """``y`` after a fused activation function."""
    return _CLAMPS[activation](y)
