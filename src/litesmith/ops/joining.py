"""Operators that join tensors and take them apart: CONCATENATION, PACK, UNPACK, SPLIT, SPLIT_V."""

from __future__ import annotations

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.builder import Builder, dims_of
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim, Sym, floordiv
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import Dimensions, OpDef, Trait
from litesmith.ir.types import TensorType, shape_text
from litesmith.ops import gpu, intervals, micro, xnnpack
from litesmith.ops.common import (
    ACTIVATION,
    BOOL,
    FLOAT,
    INDEX,
    INT32,
    QUANTIZED,
    apply_activation,
    by_dtype,
    const_ints,
    dtypes,
    int32,
    is_quantized,
    normalized_axis,
    operands,
    require_same_dtype,
    unknown_dim,
)
from litesmith.ops.shape import constant_target

# -- CONCATENATION and PACK -------------------------------------------------------------------------------------------


def _symbolic_operands(op: Op) -> list[Array] | None:
    known = [v.sym for v in op.inputs]
    found = [k for k in known if k is not None]
    return found if len(found) == len(known) else None


def _common_size(op: Op, sizes: list[Dim], what: str) -> Dim:
    """One size out of several that must be equal: a known one, where there is one."""
    known = {s for s in sizes if isinstance(s, int)}
    if len(known) > 1:
        raise UnsupportedError(f"{what} has sizes {sorted(known)}", "make the sizes agree", op=op.name)
    return known.pop() if known else sizes[0]


def _infer_concatenation(op: Op) -> list[TensorType]:
    require_same_dtype(op)
    shapes = [v.dims for v in op.inputs]
    if len({len(s) for s in shapes}) > 1:
        reason = f"operands have different ranks: {', '.join(map(shape_text, shapes))}"
        raise UnsupportedError(reason, "give all the same rank", op=op.name)
    along = normalized_axis(op.attrs["axis"], len(shapes[0]), op)
    dims: list[Dim] = [
        _common_size(op, list(sizes), f"dimension {i}") if i != along else sum(sizes)
        for i, sizes in enumerate(zip(*shapes, strict=True))
    ]
    return [TensorType(op.inputs[0].type.dtype, tuple(dims))]


def _concatenate(*xs: Array, axis: int, fused_activation_function: str = "NONE") -> Array:
    return apply_activation(np.concatenate(xs, axis), fused_activation_function)


def _symbolic_concatenation(op: Op) -> Array | None:
    known = _symbolic_operands(op)
    if known is None or op.attrs["fused_activation_function"] != "NONE":
        return None
    return np.concatenate(known, op.attrs["axis"])


def _simplify_concatenation(b: Builder, op: Op) -> Value | None:
    """One operand, or one and nothing but empty ones."""
    if op.attrs["fused_activation_function"] != "NONE" or any(is_quantized(v) for v in op.inputs):
        return None
    if len(op.inputs) == 1:
        return op.inputs[0]
    if any(v.type.shape is None for v in op.inputs):
        return None
    axis = normalized_axis(op.attrs["axis"], op.inputs[0].rank, op)
    filled = [v for v in op.inputs if v.dims[axis] != 0]
    if len(filled) == len(op.inputs) or not filled:
        return None
    return b.concatenation(*filled, **op.attrs)


def _no_activation(op: Op) -> str | None:
    fused = op.attrs["fused_activation_function"]
    return None if fused == "NONE" else f"the kernel takes no fused activation, not {fused}"


_CONCATENATED = FLOAT | INDEX | QUANTIZED | BOOL | dtypes("uint32")

CONCATENATION = OpDef(
    "CONCATENATION",
    2,
    operands("xs*", _CONCATENATED),
    attrs={"axis": int32(), "fused_activation_function": ACTIVATION},
    options=("ConcatenationOptions", 10),
    infer=_infer_concatenation,
    evaluate=_concatenate,
    symbolic=_symbolic_concatenation,
    simplify=_simplify_concatenation,
    check=_no_activation,
    version=by_dtype(int8=2, int16=3, uint32=4),
    runtimes={1: "1.5.0", 2: "1.14.0", 3: "2.3.0", 4: "2.14.0", 5: "2.21.0", 6: "2.23.0", 7: "2.23.0"},
    gpu=gpu.always,
    micro=micro.DATA,
    xnnpack=xnnpack.concatenation,
    interval=intervals.union_of_operands,
    dimensions=Dimensions(axis=("axis",)),
)


def _infer_pack(op: Op) -> list[TensorType]:
    require_same_dtype(op)
    shapes = [v.dims for v in op.inputs]
    if len({len(s) for s in shapes}) > 1:
        raise UnsupportedError("operands have different ranks", "give all the same shape", op=op.name)
    agreed = [_common_size(op, list(sizes), f"dimension {i}") for i, sizes in enumerate(zip(*shapes, strict=True))]
    axis = normalized_axis(op.attrs["axis"], len(agreed) + 1, op)
    dims = (*agreed[:axis], len(shapes), *agreed[axis:])
    return [TensorType(op.inputs[0].type.dtype, dims)]


def _pack(*xs: Array, values_count: int, axis: int) -> Array:
    return np.stack(xs, axis)


def _simplify_pack(b: Builder, op: Op) -> Value | None:
    """One operand: a RESHAPE."""
    if len(op.inputs) != 1 or op.inputs[0].type.shape is None or is_quantized(op.inputs[0]):
        return None
    (packed,) = _infer_pack(op)
    target = constant_target(packed.dims)
    return None if target is None else b.reshape(op.inputs[0], np.array(target, np.int32))


PACK = OpDef(
    "PACK",
    83,
    operands("xs*", FLOAT | INDEX | QUANTIZED | dtypes("uint32")),
    attrs={"values_count": int32(), "axis": int32()},
    options=("PackOptions", 59),
    derived={"values_count": lambda op: len(op.operands)},
    infer=_infer_pack,
    evaluate=_pack,
    symbolic=lambda op: None if (known := _symbolic_operands(op)) is None else np.stack(known, op.attrs["axis"]),
    simplify=_simplify_pack,
    version=by_dtype(int8=2, int16=3, uint32=4),
    runtimes={1: "1.11.0", 2: "1.14.0", 3: "2.3.0", 4: "2.13.0", 5: "2.23.0"},
    gpu=gpu.always,
    micro=micro.DATA,
    interval=intervals.union_of_operands,
)

# -- UNPACK, SPLIT and SPLIT_V ----------------------------------------------------------------------------------------


def _infer_unpack(op: Op) -> list[TensorType]:
    x, num = op["x"].type, op.attrs["num"]
    axis = normalized_axis(op.attrs["axis"], x.rank, op)
    if isinstance(x.dims[axis], int) and x.dims[axis] != num:
        raise UnsupportedError(f"dimension {axis} of {x} is not {num}", "unpack its whole size", op=op.name)
    return [TensorType(x.dtype, x.dims[:axis] + x.dims[axis + 1 :])] * num


def _unpack(x: Array, *, num: int, axis: int) -> list[Array]:
    return [np.asarray(np.take(x, i, axis)) for i in range(num)]


def _simplify_unpack(b: Builder, op: Op) -> Value | None:
    """One result: a RESHAPE."""
    if op.attrs["num"] != 1 or op["x"].type.shape is None or is_quantized(op["x"]):
        return None
    target = constant_target(_infer_unpack(op)[0].dims)
    return None if target is None else b.reshape(op["x"], np.array(target, np.int32))


def _symbolic_parts(op: Op) -> list[Array | None] | None:
    """Parts of a tensor of known elements, by the operator's own evaluator."""
    known = [v.sym if v is not None else None for v in op.operands]
    if any(k is None for k in known):
        return None
    assert op.defn.evaluate is not None
    return [np.asarray(part, dtype=object) for part in op.defn.evaluate(*known, **op.attrs)]


UNPACK = OpDef(
    "UNPACK",
    88,
    operands("x", FLOAT | INT32 | QUANTIZED | BOOL),
    results=("outputs*",),
    attrs={"num": int32(), "axis": int32()},
    options=("UnpackOptions", 64),
    traits=Trait.MOVES_DATA,
    infer=_infer_unpack,
    evaluate=_unpack,
    symbolic=_symbolic_parts,
    simplify=_simplify_unpack,
    version=by_dtype(int8=2, uint8=2, bool=3, int16=4),
    runtimes={1: "1.11.0", 2: "1.14.0", 3: "2.2.0", 4: "2.3.0", 5: "2.22.0", 6: "2.23.0"},
    micro=micro.DATA,
    joined_by=PACK,
)


def _split_axis(op: Op) -> int:
    axis = const_ints(op, "axis")
    if axis is None:
        raise UnsupportedError("the axis is not constant", "make the axis a constant", op=op.name)
    return normalized_axis(axis[0], op["x"].rank, op)


def _with_size(x: TensorType, axis: int, size: Dim) -> TensorType:
    return TensorType(x.dtype, (*x.dims[:axis], size, *x.dims[axis + 1 :]))


def _infer_split(op: Op) -> list[TensorType]:
    x, axis, num = op["x"].type, _split_axis(op), op.attrs["num_splits"]
    size = x.dims[axis]
    if num < 1 or (isinstance(size, int) and size % num):
        raise UnsupportedError(f"size {size} does not divide into {num} parts", "split it evenly", op=op.name)
    return [_with_size(x, axis, floordiv(size, num))] * num


def _split(axis: Array, x: Array, *, num_splits: int) -> list[Array]:
    return np.split(x, num_splits, int(axis.ravel()[0]))


def _whole(b: Builder, op: Op) -> Value | None:
    """Split in one part: the operand itself."""
    return op["x"] if op.attrs["num_splits"] == 1 and not is_quantized(op["x"]) else None


SPLIT = OpDef(
    "SPLIT",
    49,
    operands("axis x", INT32, FLOAT | INDEX | QUANTIZED),
    results=("outputs*",),
    attrs={"num_splits": int32()},
    options=("SplitOptions", 35),
    infer=_infer_split,
    evaluate=_split,
    symbolic=_symbolic_parts,
    simplify=_whole,
    version=by_dtype(1, int8=2, int32=3, int16=4),
    runtimes={1: "1.5.0", 2: "1.14.0", 3: "1.14.0", 4: "2.3.0", 5: "2.23.0"},
    gpu=gpu.always,
    micro=micro.DATA,
    xnnpack=xnnpack.split,
    dimensions=Dimensions(axis=("axis",)),
    source="x",
    joined_by=CONCATENATION,
)


def _split_sizes(op: Op) -> tuple[Dim, ...]:
    """The parts' sizes with one -1 resolved."""
    sizes = dims_of(op["size_splits"])
    if sizes is None:
        return tuple(unknown_dim() for _ in range(op.attrs["num_splits"]))
    if -1 not in sizes:
        return sizes
    rest: Dim = op["x"].dims[_split_axis(op)] - sum(s for s in sizes if s != -1)
    return tuple(rest if s == -1 else s for s in sizes)


def _infer_split_v(op: Op) -> list[TensorType]:
    x, axis, sizes = op["x"].type, _split_axis(op), _split_sizes(op)
    total: Dim = sum(sizes)
    if isinstance(total, int) and isinstance(x.dims[axis], int) and total != x.dims[axis]:
        reason = f"parts of {shape_text(sizes)} do not make up size {x.dims[axis]}"
        raise UnsupportedError(reason, "make the sizes add up", op=op.name)
    return [_with_size(x, axis, size) for size in sizes]


def _split_v(x: Array, size_splits: Array, axis: Array, *, num_splits: int) -> list[Array]:
    along = int(axis.ravel()[0])
    sizes = [int(s) for s in size_splits]
    rest = x.shape[along] - sum(s for s in sizes if s != -1)
    ends = np.cumsum([rest if s == -1 else s for s in sizes])[:-1]
    return np.split(x, ends, along)


def _part_count(op: Op) -> int:
    count = op["size_splits"].dims[0]
    if isinstance(count, Sym):
        raise UnsupportedError("the number of parts is unknown", "make the sizes a constant", op=op.name)
    return count


SPLIT_V = OpDef(
    "SPLIT_V",
    102,
    operands("x size_splits axis", FLOAT | INDEX | QUANTIZED, INDEX, INT32),
    results=("outputs*",),
    attrs={"num_splits": int32()},
    options=("SplitVOptions", 79),
    derived={"num_splits": _part_count},
    traits=Trait.MOVES_DATA,
    infer=_infer_split_v,
    evaluate=_split_v,
    symbolic=lambda op: _symbolic_parts(op) if op["size_splits"].is_const else None,
    simplify=_whole,
    version=by_dtype(int8=2),
    runtimes={1: "1.13.1", 2: "2.3.0", 3: "2.23.0"},
    gpu=gpu.always,
    micro=micro.always,
    dimensions=Dimensions(axis=("axis",), others=("size_splits",)),
    joined_by=CONCATENATION,
)

DEFINITIONS = (CONCATENATION, PACK, UNPACK, SPLIT, SPLIT_V)
