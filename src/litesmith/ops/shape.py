"""Operators that read or change shapes: RESHAPE, SHAPE, …"""

from __future__ import annotations

from typing import Any

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.builder import Builder, dims_of
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim, Sym, floordiv, maximum, product
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op, Value
from litesmith.ir.intervals import of_integers
from litesmith.ir.opdef import OpDef, Trait
from litesmith.ir.types import Shape, TensorType, shape_text
from litesmith.ops import gpu, micro, xnnpack
from litesmith.ops.common import (
    INDEX,
    broadcast_shapes,
    by_dtype,
    const_ints,
    element_type,
    ints,
    is_quantized,
    normalized_axes,
    normalized_axis,
    operands,
    require_same_dtype,
    unknown_dim,
    unknown_dims,
)


def _reshape_dims(op: Op) -> Shape:
    """Target dimensions with -1 resolved."""
    target = dims_of(op["shape"])
    if target is None:
        length = op["shape"].dims[0]
        if isinstance(length, Sym):
            raise UnsupportedError("the rank of the result is unknown", "give the model fixed input shapes", op=op.name)
        return unknown_dims(op, int(length))
    if -1 not in target:
        return target
    return _with_inferred(op, target)


def _with_inferred(op: Op, target: tuple[Dim, ...]) -> Shape:
    known = product([d for d in target if d != -1])
    count = op["x"].type.count
    if known == 0 or (isinstance(count, int) and isinstance(known, int) and count % known):
        reason = f"cannot reshape {op['x'].type} to {shape_text(target)}"
        raise UnsupportedError(reason, "make the sizes agree", op=op.name)
    missing = floordiv(count, known)
    return tuple(missing if d == -1 else d for d in target)


def _infer_reshape(op: Op) -> list[TensorType]:
    shape = _reshape_dims(op)
    x = op["x"].type
    left, right = x.count, product(shape)
    if isinstance(left, int) and isinstance(right, int) and left != right:
        reason = f"{x} has {left} elements, {shape_text(shape)} has {right}"
        raise UnsupportedError(reason, "make the sizes agree", op=op.name)
    return [TensorType(x.dtype, shape)]


def _simplify_reshape(b: Builder, op: Op) -> Value | None:
    """Drops a reshape to the same shape, skips one below it, and makes a target known but for one size constant."""
    x, shape = op["x"], op["shape"]
    target = _reshape_dims(op)
    if target == x.type.shape:
        return x
    if x.op is not None and x.op.defn is RESHAPE:
        return b.reshape(x.op["x"], shape)
    if shape.is_const or dims_of(shape) is None:
        return None
    vector = constant_target(target)
    return None if vector is None else b.reshape(x, np.array(vector, np.int32))


def constant_target(shape: Shape) -> tuple[int, ...] | None:
    """A constant RESHAPE operand that makes this shape, at most one unknown size as -1; None where there is none."""
    unknown = [d for d in shape if isinstance(d, Sym)]
    if len(unknown) > 1 or (unknown and 0 in shape):
        return None
    return tuple(-1 if isinstance(d, Sym) else int(d) for d in shape)


def _evaluate_reshape(x: Array, shape: Array, *, new_shape: Any = ()) -> Array:
    return x.reshape([int(d) for d in shape])


RESHAPE = OpDef(
    "RESHAPE",
    22,
    operands("x shape", None, INDEX),
    attrs={"new_shape": ints()},
    options=("ReshapeOptions", 17),
    traits=Trait.MOVES_DATA | Trait.KEEPS_ORDER,
    infer=_infer_reshape,
    evaluate=_evaluate_reshape,
    symbolic=lambda op: None if op["x"].sym is None else _symbolic_reshape(op),
    simplify=_simplify_reshape,
    runtimes={1: "1.5.0"},
    gpu=gpu.ONE,
    micro=micro.SHAPED,
    xnnpack=xnnpack.RESHAPE,
)


def _symbolic_reshape(op: Op) -> Array | None:
    target = constant_target(_reshape_dims(op))
    return None if target is None or op["x"].sym is None else op["x"].sym.reshape(target)


def _symbolic_shape(op: Op) -> Array | None:
    if op["x"].type.shape is None:
        return None
    return np.array(op["x"].type.shape, dtype=object)


def _infer_shape(op: Op) -> list[TensorType]:
    return [TensorType(op.attrs["out_type"], (op["x"].type.rank,))]


SHAPE = OpDef(
    "SHAPE",
    77,
    operands("x"),
    attrs={"out_type": element_type()},
    options=("ShapeOptions", 55),
    infer=_infer_shape,
    evaluate=lambda x, *, out_type: np.array(x.shape, out_type.numpy),
    symbolic=_symbolic_shape,
    runtimes={1: "1.10.0"},
    micro=micro.always,
    interval=lambda op, known: of_integers(0, 2**31 - 1),
    traits=Trait.ASKS_SHAPE,
)


def _symbolic_rank(op: Op) -> Array | None:
    shape = op["x"].type.shape
    return None if shape is None else np.array(len(shape), dtype=object)


RANK = OpDef(
    "RANK",
    110,
    operands("x"),
    options=("RankOptions", 86),
    infer=lambda op: [TensorType(DType.INT32, ())],
    evaluate=lambda x: np.array(x.ndim, np.int32),
    symbolic=_symbolic_rank,
    runtimes={1: "1.14.0"},
    traits=Trait.ASKS_SHAPE,
)

# -- dimensions of size 1 ---------------------------------------------------------------------------------------------


def _infer_expand_dims(op: Op) -> list[TensorType]:
    x, axis = op["x"].type, const_ints(op, "axis")
    if axis is None:
        return [TensorType(x.dtype, tuple(unknown_dim() for _ in range(x.rank + 1)))]
    along = normalized_axis(axis[0], x.rank + 1, op)
    return [x.with_shape((*x.dims[:along], 1, *x.dims[along:]))]


def _as_reshape(b: Builder, op: Op) -> Value | None:
    """A RESHAPE, where at most one size of the result is unknown: all passes know RESHAPE."""
    if op["x"].type.shape is None or is_quantized(op["x"]) or op["x"].is_const:
        return None
    assert op.defn.infer is not None
    (result,) = op.defn.infer(op)
    target = constant_target(result.dims)
    return None if target is None else b.reshape(op["x"], np.array(target, np.int32))


def _symbolic_same_elements(op: Op) -> Array | None:
    """The first operand's known elements in the result's shape."""
    x = op["x"].sym
    assert op.defn.infer is not None
    (result,) = op.defn.infer(op)
    return None if x is None or not result.is_static else x.reshape(result.static_shape)


EXPAND_DIMS = OpDef(
    "EXPAND_DIMS",
    70,
    operands("x axis", None, INDEX),
    options=("ExpandDimsOptions", 52),
    traits=Trait.MOVES_DATA | Trait.KEEPS_ORDER,
    infer=_infer_expand_dims,
    evaluate=lambda x, axis: np.expand_dims(x, int(axis.ravel()[0])),
    symbolic=_symbolic_same_elements,
    simplify=_as_reshape,
    runtimes={1: "1.10.0"},
    micro=micro.always,
    xnnpack=xnnpack.EXPAND_DIMS,
)


def _squeezed_axes(op: Op) -> tuple[int, ...]:
    x = op["x"].type
    axes = normalized_axes(op.attrs["squeeze_dims"], x.rank, op)
    if not axes:
        if not x.is_static:
            reason = f"which dimensions of {x} have size 1 is unknown"
            raise UnsupportedError(reason, "say which to remove", op=op.name)
        return tuple(i for i, d in enumerate(x.dims) if d == 1)
    for axis in axes:
        if isinstance(x.dims[axis], int) and x.dims[axis] != 1:
            raise UnsupportedError(f"dimension {axis} of {x} is not 1", "squeeze a dimension of size 1", op=op.name)
    return axes


def _infer_squeeze(op: Op) -> list[TensorType]:
    x, gone = op["x"].type, _squeezed_axes(op)
    return [x.with_shape(d for i, d in enumerate(x.dims) if i not in gone)]


def _squeeze(x: Array, *, squeeze_dims: tuple[int, ...]) -> Array:
    return np.squeeze(x, tuple(squeeze_dims)) if squeeze_dims else np.squeeze(x)


def _simplify_squeeze(b: Builder, op: Op) -> Value | None:
    """A RESHAPE, where every removed dimension is known to have size 1."""
    x = op["x"]
    certain = x.type.shape is not None and all(x.dims[i] == 1 for i in _squeezed_axes(op))
    return _as_reshape(b, op) if certain else None


SQUEEZE = OpDef(
    "SQUEEZE",
    43,
    operands("x", None),
    attrs={"squeeze_dims": ints()},
    options=("SqueezeOptions", 30),
    traits=Trait.MOVES_DATA | Trait.KEEPS_ORDER,
    infer=_infer_squeeze,
    evaluate=_squeeze,
    symbolic=_symbolic_same_elements,
    simplify=_simplify_squeeze,
    version=by_dtype(string=2),
    runtimes={1: "1.6.0", 2: "2.5.0"},
    micro=micro.always,
)

# -- arithmetic on shapes ---------------------------------------------------------------------------------------------


def _infer_broadcast_args(op: Op) -> list[TensorType]:
    require_same_dtype(op)
    left, right = op["x"].dims[0], op["y"].dims[0]
    return [TensorType(op["x"].type.dtype, (maximum(left, right),))]


def _symbolic_broadcast_args(op: Op) -> Array | None:
    left, right = dims_of(op["x"]), dims_of(op["y"])
    if left is None or right is None:
        return None
    shape = broadcast_shapes(op, [left, right])
    return None if shape is None else np.array(shape, dtype=object)


BROADCAST_ARGS = OpDef(
    "BROADCAST_ARGS",
    145,
    operands("x y", INDEX),
    infer=_infer_broadcast_args,
    evaluate=lambda x, y: np.array(np.broadcast_shapes(tuple(x), tuple(y)), x.dtype),
    symbolic=_symbolic_broadcast_args,
    runtimes={1: "2.6.0"},
    micro=micro.always,
)

DEFINITIONS = (RESHAPE, SHAPE, RANK, EXPAND_DIMS, SQUEEZE, BROADCAST_ARGS)
