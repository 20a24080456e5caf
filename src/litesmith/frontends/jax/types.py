"""JAX's abstract values as tensor types.

Some element types travel through the model as another one that the kernels take:

- ``float16`` and ``bfloat16`` as float32. Conversions to them round; the arithmetic between keeps float32's precision,
  which XLA, too, may do.
- ``uint32`` as the int32 of the same bits, random keys as the uint32 words they are made of.
- ``complex64`` as a pair of float32 tensors.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import ml_dtypes
import numpy as np

from litesmith.decompositions import complex_parts
from litesmith.decompositions.complex_parts import join_parts
from litesmith.decompositions.shapes import bitcast, broadcast_to, cast
from litesmith.errors import UnsupportedError
from litesmith.frontends.frame import Poison
from litesmith.frontends.jax.live import Aval, ElementType, Size, key_impl
from litesmith.ir import Builder, Constant, Dim, DType, Sym, TensorType, Value
from litesmith.ir.constant import Array
from litesmith.ir.dims import FUNCTIONS, maximum

_CARRIED = {
    "float32": DType.FLOAT32,
    "float16": DType.FLOAT32,
    "bfloat16": DType.FLOAT32,
    "bool": DType.BOOL,
    "int8": DType.INT8,
    "int16": DType.INT16,
    "int32": DType.INT32,
    "int64": DType.INT64,
    "uint8": DType.UINT8,
    "uint32": DType.INT32,
    "complex64": DType.FLOAT32,
    "float0": DType.BOOL,
}
_WAY_OUT = {
    "float64": "convert to float32, or trace without jax_enable_x64",
    "complex128": "convert to complex64, or trace without jax_enable_x64",
    "uint64": "convert to uint32 or int64",
    "uint16": "convert to int32",
    "int4": "convert to int8",
    "uint4": "convert to uint8",
}


@dataclass(frozen=True, eq=False)
class Complex(complex_parts.Complex):
    """A complex tensor as two real ones, both always there."""

    imag: Value = field()


Tensor: TypeAlias = Value | Complex
"""An operand of a lowering that takes both."""

Item: TypeAlias = Value | Complex | Poison
"""What an equation takes or gives."""

Results: TypeAlias = Item | Sequence[Item]
"""What a lowering gives: one result, or several."""


def is_key(aval: Aval) -> bool:
    """Whether the abstract value is an array of random keys."""
    return hasattr(aval, "dtype") and hasattr(aval.dtype, "_impl")


def carried_dtype(dtype: ElementType) -> DType:
    """The element type a JAX dtype travels as. Raises UnsupportedError where there is none."""
    if hasattr(dtype, "_impl"):
        return DType.INT32
    name = np.dtype(dtype).name
    if name not in _CARRIED:
        raise UnsupportedError(
            f"{name} is not taken by the kernels", _WAY_OUT.get(name, "convert to float32 or int32"), code="LS012"
        )
    return _CARRIED[name]


def dim_of(size: Size) -> Dim:
    """A dimension of a JAX shape: an int or an expression. Raises UnsupportedError for one without counterpart."""
    if isinstance(size, Sym):
        return size
    if hasattr(size, "__index__"):
        try:
            return int(size)
        except Exception as error:  # JAX raises its own InconclusiveDimensionOperation for a symbolic size
            if not _is_symbolic(size):
                raise UnsupportedError(f"the size {size} is not a number", "use fixed shapes") from error
    try:
        return _evaluate(ast.parse(str(size).replace("^", "**"), mode="eval").body)
    except (SyntaxError, KeyError, TypeError, ValueError) as error:
        raise UnsupportedError(f"the size {size} has no counterpart", "use fixed shapes") from error


def _is_symbolic(size: Size) -> bool:
    from jax.export import is_symbolic_dim

    return bool(is_symbolic_dim(size))


def dims_of(shape: Sequence[Size]) -> tuple[Dim, ...]:
    """A JAX shape as dimensions."""
    return tuple(dim_of(d) for d in shape)


_BINARY: dict[type[ast.operator], Callable[[Dim, Dim], Dim]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
}


def _evaluate(node: ast.expr) -> Dim:
    match node:
        case ast.Constant(value=int() as value):
            return value
        case ast.Name(id=name):
            return Sym.named(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return 0 - _evaluate(operand)
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int() as power)):
            base = _evaluate(left)
            total: Dim = 1
            for _ in range(power):
                total = total * base
            return total
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_evaluate(left), _evaluate(right))
        case ast.Call(func=ast.Name(id="non_negative"), args=[argument]):
            return maximum(_evaluate(argument), 0)
        case ast.Call(func=ast.Name(id=name), args=[left, right]):
            return FUNCTIONS[name](_evaluate(left), _evaluate(right))
    raise ValueError(f"unexpected {type(node).__name__}")


def aval_dims(aval: Aval) -> tuple[Dim, ...]:
    """The shape an abstract value travels in; keys end with the dimension of their words."""
    dims = dims_of(aval.shape)
    impl = key_impl(aval.dtype)
    return dims if impl is None else (*dims, *(int(d) for d in impl.key_shape))


def tensor_type(aval: Aval) -> TensorType:
    """The type an abstract value travels as (of a complex one: its parts)."""
    return TensorType(carried_dtype(aval.dtype), aval_dims(aval))


def constant_of(array: Array, name: str = "") -> Tensor:
    """A constant as it travels: a `Value`, or a `Complex` pair of them. Elements are copied only where they change."""
    if hasattr(array, "dtype") and hasattr(array.dtype, "_impl"):
        from jax.random import key_data

        array = key_data(array)
    array = np.asarray(array)
    if array.dtype.name == "float0":
        array = np.zeros(array.shape, np.bool_)
    if array.dtype == np.complex64:
        return Complex(*(Value.constant(part.copy()) for part in (array.real, array.imag)))
    carried = carried_dtype(array.dtype)
    if array.dtype.name in ("float16", "bfloat16"):
        lazy = Constant.lazy(carried, array.shape, lambda: np.asarray(array).astype(np.float32))
        return Value.constant(lazy if array.size > 1024 else lazy.array(), name)
    if array.dtype == np.uint32:
        array = np.asarray(array.view(np.int32) if array.ndim else np.uint32(array).view(np.int32))
    return Value.constant(array, name)


# -- at the boundary of the model ------------------------------------------------------------------------------------

_STORED = {
    "float16": DType.FLOAT16,
    "bfloat16": DType.BFLOAT16,
    "uint32": DType.UINT32,
    "complex64": DType.COMPLEX64,
}


def boundary_type(aval: Aval) -> TensorType:
    """The type an input or output of the model has."""
    carried = tensor_type(aval)
    name = "uint32" if is_key(aval) else np.dtype(aval.dtype).name
    return carried.with_dtype(_STORED.get(name, carried.dtype))


def receive(b: Builder, x: Value) -> Tensor:
    """An input of the model as it travels."""
    dtype = x.type.dtype
    if dtype in (DType.FLOAT16, DType.BFLOAT16):
        return cast(b, x, DType.FLOAT32)
    if dtype is DType.UINT32:
        return bitcast(b, x, DType.INT32)
    return Complex(b.real(x), b.imag(x)) if dtype is DType.COMPLEX64 else x


def deliver(b: Builder, value: Tensor, aval: Aval) -> Value:
    """What travels as an output of the model."""
    if isinstance(value, Complex):
        return join_parts(b, *(broadcast_to(b, part, aval_dims(aval)) for part in (value.real, value.imag)))
    full = broadcast_to(b, value, aval_dims(aval))
    stored = boundary_type(aval).dtype
    return bitcast(b, full, stored) if stored is DType.UINT32 else cast(b, full, stored)


def round_to(b: Builder, x: Value, dtype: ElementType) -> Value:
    """A float32 tensor rounded to float16 or bfloat16 (and still float32)."""
    name = np.dtype(dtype).name
    if name not in ("float16", "bfloat16"):
        return x
    narrow = DType.FLOAT16 if name == "float16" else DType.BFLOAT16
    if x.is_small_const:
        return Value.constant(
            x.numpy().astype(np.float16 if name == "float16" else ml_dtypes.bfloat16).astype(np.float32)
        )
    return cast(b, cast(b, x, narrow), DType.FLOAT32)


def is_unsigned_word(dtype: ElementType) -> bool:
    """Whether values of this dtype travel as the int32 of the same bits."""
    return not hasattr(dtype, "_impl") and np.dtype(dtype) == np.uint32
