"""Functions of one tensor, element by element: ABS, EXP, CAST, LOGICAL_NOT, …"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.builder import Builder, symbolically
from litesmith.ir.constant import Array
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import Attr, Check, OpDef, Trait
from litesmith.ir.types import TensorType
from litesmith.ops import gpu, intervals, micro, xnnpack
from litesmith.ops.common import (
    BOOL,
    FLOAT,
    INDEX,
    INT8,
    INT16,
    INT32,
    by_dtype,
    dtypes,
    element_type,
    has_no_nan,
    is_quantized,
    operands,
    quantized_only,
    same_as,
)


def _function(name: str, code: int, evaluate: Callable[..., Any], runtimes: dict[int, str], **rest: Any) -> OpDef:
    """A function of one operand with a result of the same type; takes float32 unless told."""
    taken = rest.pop("taken", FLOAT)
    traits = rest.pop("traits", Trait.NONE) | Trait.ELEMENTWISE
    return OpDef(
        name,
        code,
        operands("x", taken),
        traits=traits,
        infer=same_as("x"),
        evaluate=evaluate,
        runtimes=runtimes,
        **rest,
    )


EVERYWHERE: dict[str, Check] = {"gpu": gpu.one_operand, "micro": micro.always, "xnnpack": xnnpack.data}
"""Functions that every delegate takes."""


def _undone_by_itself(b: Builder, op: Op) -> Value | None:
    """f(f(x)) is x."""
    below = op["x"].op
    return below["x"] if below is not None and below.defn is op.defn and not is_quantized(op["x"]) else None


def _done_already(b: Builder, op: Op) -> Value | None:
    """f(f(x)) is f(x)."""
    below = op["x"].op
    return op["x"] if below is not None and below.defn is op.defn and not is_quantized(op["x"]) else None


def _abs_version(op: Op) -> int:
    x = op["x"]
    if x.type.dtype is DType.INT16:
        return 3 if is_quantized(x) else 4
    return by_dtype(int8=2, uint8=2, int32=5)(op)


ABS = _function(
    "ABS",
    101,
    np.abs,
    {1: "1.13.0", 2: "2.4.0", 3: "2.5.0", 4: "2.6.0", 5: "2.12.0"},
    taken=FLOAT | INT8 | INT16 | INT32,
    options=("AbsOptions", 78),
    simplify=_done_already,
    check=quantized_only("int8"),
    version=_abs_version,
    gpu=gpu.one_operand,
    micro=micro.always,
    xnnpack=xnnpack.data,
    interval=intervals.absolute,
)
NEG = _function(
    "NEG",
    59,
    np.negative,
    {1: "1.9.0"},
    traits=Trait.ARITHMETIC,
    taken=FLOAT | INDEX | INT8 | INT16,
    options=("NegOptions", 42),
    check=quantized_only("int8 int16"),
    symbolic=symbolically,
    simplify=_undone_by_itself,
    gpu=gpu.one_operand,
    micro=micro.FLOAT,
    xnnpack=xnnpack.data,
)
SQRT = _function(
    "SQRT",
    75,
    np.sqrt,
    {1: "1.10.0", 2: "2.21.0"},
    traits=Trait.ARITHMETIC,
    taken=FLOAT | INT8 | INT16,
    check=quantized_only("int8 int16"),
    version=by_dtype(int8=2, int16=2),
    **EVERYWHERE,
)


def _rsqrt(x: Array) -> Array:
    """Rounded once: what is folded here (batch norms) scales whole channels of weights."""
    return np.asarray((1 / np.sqrt(x.astype(np.float64))).astype(x.dtype))


RSQRT = _function(
    "RSQRT",
    76,
    _rsqrt,
    {1: "1.10.0", 2: "2.5.0", 3: "2.15.0"},
    traits=Trait.ARITHMETIC,
    taken=FLOAT | INT8 | INT16,
    check=quantized_only("int8 int16"),
    version=by_dtype(int8=2, int16=3),
    gpu=gpu.one_operand,
    micro=micro.always,
    xnnpack=xnnpack.data,
)
SQUARE = _function(
    "SQUARE",
    92,
    lambda x: x * x,
    {1: "1.12.0"},
    traits=Trait.ARITHMETIC,
    options=("SquareOptions", 66),
    cost=lambda op: op["x"].type.count,
    gpu=gpu.one_operand,
    micro=micro.always,
    xnnpack=xnnpack.data,
)


def _exponential(name: str, code: int, evaluate: Any, runtimes: dict[int, str], options: Any) -> OpDef:
    return _function(
        name,
        code,
        evaluate,
        runtimes,
        taken=FLOAT | INT8 | INT16,
        options=options,
        check=quantized_only("int8 int16"),
        version=by_dtype(int8=2, int16=2),
        gpu=gpu.one_operand,
        micro=micro.FLOAT_INT8,
        xnnpack=xnnpack.data,
    )


EXP = _exponential("EXP", 47, np.exp, {1: "1.7.0", 2: "2.12.0"}, ("ExpOptions", 33))
LOG = _exponential("LOG", 73, np.log, {1: "1.14.0", 2: "2.15.0"}, None)
SIN = _function("SIN", 66, np.sin, {1: "1.9.0", 2: "2.23.0"}, **EVERYWHERE)
COS = _function("COS", 108, np.cos, {1: "1.14.0", 2: "2.23.0"}, options=("CosOptions", 84), **EVERYWHERE)
FLOOR = _function(
    "FLOOR", 8, np.floor, {1: "1.9.0"}, simplify=_done_already, interval=intervals.floor, **EVERYWHERE
)
CEIL = _function("CEIL", 104, np.ceil, {1: "1.14.0"}, simplify=_done_already, **EVERYWHERE)
ROUND = _function("ROUND", 116, np.rint, {1: "1.14.0"}, simplify=_done_already, **EVERYWHERE)
SIGN = _function(
    "SIGN",
    158,
    np.sign,
    {1: "2.11.0", 2: "2.12.0"},
    taken=dtypes("float32 float64 int32"),
    options=("SignOptions", 123),
    foldable=has_no_nan,
    version=by_dtype(int32=2),
    gpu=gpu.one_operand,
)
ZEROS_LIKE = _function(
    "ZEROS_LIKE",
    93,
    np.zeros_like,
    {1: "1.12.0"},
    taken=FLOAT | INDEX,
    options=("ZerosLikeOptions", 67),
    micro=micro.always,
)
LOGICAL_NOT = _function(
    "LOGICAL_NOT",
    87,
    np.logical_not,
    {1: "1.11.0"},
    taken=BOOL,
    options=("LogicalNotOptions", 63),
    simplify=_undone_by_itself,
    micro=micro.LOGICAL,
    gpu=gpu.one_operand,
    interval=intervals.truth_negation,
)

# -- complex numbers --------------------------------------------------------------------------------------------------


def _infer_part(op: Op) -> list[TensorType]:
    x = op["x"].type
    return [TensorType(DType.FLOAT64 if x.dtype is DType.COMPLEX128 else DType.FLOAT32, x.shape)]


def _part(name: str, code: int, evaluate: Callable[..., Any]) -> OpDef:
    return OpDef(
        name,
        code,
        operands("x", dtypes("complex64 complex128")),
        traits=Trait.ELEMENTWISE,
        infer=_infer_part,
        evaluate=evaluate,
        runtimes={1: "2.5.0"},
    )


IMAG = _part("IMAG", 133, np.imag)
REAL = _part("REAL", 134, np.real)
COMPLEX_ABS = _part("COMPLEX_ABS", 135, np.abs)

# -- element types ----------------------------------------------------------------------------------------------------


def _infer_cast(op: Op) -> list[TensorType]:
    x = op["x"].type
    return [TensorType(op.attrs["out_data_type"], x.shape)]


def _cast(x: Array, *, in_data_type: DType, out_data_type: DType) -> Array:
    """C's conversion: toward zero to integers, modulo 2^n between integers, real part of a complex number."""
    real = x.real if np.iscomplexobj(x) and not out_data_type.is_complex else x
    return np.asarray(real).astype(out_data_type.numpy)


def _cast_is_defined(op: Op) -> bool:
    """C leaves a floating-point number out of the integer type's range undefined, so that is not folded."""
    x, target = op["x"].type.dtype, op.attrs["out_data_type"]
    if not target.is_integer or not (x.is_float or x.is_complex):
        return True
    elements = np.trunc(op["x"].numpy().real.astype(np.float64))
    limits = np.iinfo(target.numpy) if target.numpy.kind in "iu" else None
    return limits is not None and bool(np.all((elements >= limits.min) & (elements <= limits.max)))


def _simplify_cast(b: Builder, op: Op) -> Value | None:
    return op["x"] if op["x"].type.dtype is op.attrs["out_data_type"] else None


def _symbolic_cast(op: Op) -> Array | None:
    return op["x"].sym if op.attrs["out_data_type"] in INDEX else None


_CAST_RESULTS = dtypes(
    "float32 float16 bfloat16 float64 int4 int8 uint8 int16 uint16 int32 uint32 int64 bool complex64"
)


def _cast_check(op: Op) -> str | None:
    x, target = op["x"].type.dtype, op.attrs["out_data_type"]
    if target not in _CAST_RESULTS:
        return f"the kernel makes no {target}"
    if DType.INT4 in (x, target) and DType.FLOAT32 not in (x, target):
        return f"int4 is cast from and to float32 only, not between {x} and {target}"
    return None


def _cast_version(op: Op) -> int:
    pair = {op["x"].type.dtype, op.attrs["out_data_type"]}
    order = (
        (7, dtypes("bfloat16")),
        (6, dtypes("int4")),
        (5, dtypes("float64 float16")),
        (4, dtypes("uint16")),
        (3, dtypes("int8")),
        (2, dtypes("uint32")),
    )
    return next((version for version, needing in order if pair & needing), 1)


CAST = OpDef(
    "CAST",
    53,
    operands("x", _CAST_RESULTS),
    attrs={"in_data_type": element_type(), "out_data_type": element_type()},
    options=("CastOptions", 37),
    derived={"in_data_type": lambda op: op["x"].type.dtype},
    traits=Trait.ELEMENTWISE,
    infer=_infer_cast,
    evaluate=_cast,
    foldable=_cast_is_defined,
    symbolic=_symbolic_cast,
    simplify=_simplify_cast,
    check=_cast_check,
    version=_cast_version,
    runtimes={
        **{1: "1.5.0", 2: "2.7.0", 3: "2.8.0", 4: "2.9.0", 5: "2.12.0", 6: "2.15.0", 7: "2.17.0"},
        **{8: "2.21.0", 9: "2.23.0"},
    },
    gpu=gpu.cast,
    micro=micro.CAST,
    interval=intervals.cast,
)


def _infer_bitcast(op: Op) -> list[TensorType]:
    """Elements split into a new last dimension, or a last dimension of just the right size is joined."""
    x, target = op["x"].type, op.attrs["out_data_type"]
    wide, narrow = max(x.dtype.bits, target.bits), min(x.dtype.bits, target.bits)
    if not narrow or wide % narrow:
        reason = f"{x.dtype} and {target} have sizes that do not divide"
        raise UnsupportedError(reason, "cast instead", op=op.name)
    if x.dtype.bits == target.bits:
        return [TensorType(target, x.dims)]
    if x.dtype.bits > target.bits:
        return [TensorType(target, (*x.dims, wide // narrow))]
    if not x.dims or (isinstance(x.dims[-1], int) and x.dims[-1] != wide // narrow):
        raise UnsupportedError(f"the last dimension of {x} is not {wide // narrow}", "reshape it first", op=op.name)
    return [TensorType(target, x.dims[:-1])]


def _bitcast(x: Array, *, out_data_type: DType) -> Array:
    target = out_data_type.numpy
    shape = x.shape
    if x.dtype.itemsize > target.itemsize:
        shape = (*shape, x.dtype.itemsize // target.itemsize)
    elif x.dtype.itemsize < target.itemsize:
        shape = shape[:-1]
    return np.frombuffer(np.ascontiguousarray(x).tobytes(), target).reshape(shape)


BITCAST = OpDef(
    "BITCAST",
    159,
    operands("x", dtypes("float32 float16 float64 int8 uint8 int16 uint16 int32 uint32 int64 uint64 complex64")),
    attrs={"out_data_type": Attr("enum_type", DType.INT32, slot=-1)},
    options=("BitcastOptions", 124),
    infer=_infer_bitcast,
    evaluate=_bitcast,
    simplify=_simplify_cast,
    runtimes={1: "2.13.0"},
    gpu=gpu.bitcast,
)

DEFINITIONS = (
    ABS,
    NEG,
    SQRT,
    RSQRT,
    SQUARE,
    EXP,
    LOG,
    SIN,
    COS,
    FLOOR,
    CEIL,
    ROUND,
    SIGN,
    ZEROS_LIKE,
    LOGICAL_NOT,
    IMAG,
    REAL,
    COMPLEX_ABS,
    CAST,
    BITCAST,
)
