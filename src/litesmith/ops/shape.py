"""Operators that read or change shapes: RESHAPE, SHAPE, …"""

from __future__ import annotations

from typing import Any

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.builder import Builder, dims_of
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim, Sym, floordiv, product
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import OpDef, QuantRule, Trait
from litesmith.ir.types import Shape, TensorType, shape_text
from litesmith.ops.common import INDEX, element_type, ints, operands, unknown_dim


def _reshape_dims(op: Op) -> Shape:
    """Target dimensions with -1 resolved."""
    target = dims_of(op["shape"])
    if target is None:
        length = op["shape"].dims[0]
        if isinstance(length, Sym):
            raise UnsupportedError("the rank of the result is unknown", "give the model fixed input shapes", op=op.name)
        return tuple(unknown_dim() for _ in range(int(length)))
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
        return _as_value(b.reshape(x.op["x"], shape))
    if shape.is_const or dims_of(shape) is None:
        return None
    vector = constant_target(target)
    return None if vector is None else _as_value(b.reshape(x, np.array(vector, np.int32)))


def _as_value(value: Any) -> Value:
    return value  # type: ignore[no-any-return]


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
    traits=Trait.MOVES_DATA,
    infer=_infer_reshape,
    evaluate=_evaluate_reshape,
    symbolic=lambda op: None if op["x"].sym is None else _symbolic_reshape(op),
    simplify=_simplify_reshape,
    runtimes={1: "1.5.0"},
    quant=QuantRule(same_scale=True),
    gpu=True,
    micro=True,
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
    micro=True,
)

DEFINITIONS = (RESHAPE, SHAPE)
