"""Operators that move elements about without looking at them: TRANSPOSE, CONCATENATION, SPLIT, TILE, …"""

from __future__ import annotations

from typing import Any

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.builder import Builder, dims_of
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim, Sym, floordiv
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import OpDef, Trait
from litesmith.ir.types import Shape, TensorType, shape_text
from litesmith.ops.common import (
    ACTIVATION,
    BOOL,
    FLOAT,
    INDEX,
    INT8,
    INT16,
    INT32,
    QUANTIZED,
    SAME_SCALE,
    STRING,
    UINT8,
    activated,
    broadcast_shapes,
    by_dtype,
    const_ints,
    dtypes,
    first_reason,
    int32,
    is_quantized,
    max_rank,
    normalized_axes,
    normalized_axis,
    operands,
    rank_at_least,
    rank_at_most,
    require_same_dtype,
    unknown_dim,
    unknown_dims,
)
from litesmith.ops.shape import constant_target

# -- TRANSPOSE --------------------------------------------------------------------------------------------------------


def _permutation(op: Op) -> tuple[int, ...] | None:
    perm = const_ints(op, "perm")
    if perm is None:
        return None
    rank = op["x"].rank
    axes = tuple(normalized_axis(p, rank, op) for p in perm)
    if sorted(axes) != list(range(rank)):
        raise UnsupportedError(f"{list(perm)} is no permutation of rank {rank}", "give every axis once", op=op.name)
    return axes


def _infer_transpose(op: Op) -> list[TensorType]:
    x, perm = op["x"].type, _permutation(op)
    if perm is None:
        return [TensorType(x.dtype, tuple(unknown_dim() for _ in x.dims))]
    return [TensorType(x.dtype, tuple(x.dims[p] for p in perm))]


def _simplify_transpose(b: Builder, op: Op) -> Value | None:
    """Drops the identity, joins two, and makes one that only moves dimensions of size 1 a RESHAPE."""
    x = op["x"]
    perm = _permutation(op) if x.type.shape is not None else None
    if perm is None or is_quantized(x):
        return None
    if perm == tuple(range(len(perm))):
        return x
    if x.op is not None and x.op.defn is TRANSPOSE:
        below = _permutation(x.op)
        if below is not None:
            return _value(b.transpose(x.op["x"], np.array([below[p] for p in perm], np.int32)))
    moved = [p for p in perm if x.dims[p] != 1]
    target = constant_target(tuple(x.dims[p] for p in perm))
    if moved == sorted(moved) and target is not None and not x.is_const:
        return _value(b.reshape(x, np.array(target, np.int32)))
    return None


def _value(value: Any) -> Value:
    return value


def _transpose(x: Array, perm: Array) -> Array:
    return np.transpose(x, [int(p) for p in perm])


def _transpose_version(op: Op) -> int:
    rank = max_rank([op["x"]])
    by_rank = 6 if rank > 5 else 4 if rank > 4 else 1
    return max(by_rank, by_dtype(int8=2, bool=3, int16=5, int4=7)(op))


TRANSPOSE = OpDef(
    "TRANSPOSE",
    39,
    operands("x perm", FLOAT | INDEX | QUANTIZED | BOOL | dtypes("int4"), INT32),
    options=("TransposeOptions", 26),
    traits=Trait.MOVES_DATA,
    infer=_infer_transpose,
    evaluate=_transpose,
    symbolic=lambda op: None if op["x"].sym is None or not op["perm"].is_const else _transpose_sym(op),
    simplify=_simplify_transpose,
    check=first_reason(rank_at_most(6, "x"), rank_at_least(1)),
    version=_transpose_version,
    runtimes={1: "1.6.0", 2: "1.14.0", 3: "1.15.0", 4: "2.3.0", 5: "2.4.0", 6: "2.12.0", 7: "2.14.4"},
    quant=SAME_SCALE,
    gpu=True,
    micro=True,
)


def _transpose_sym(op: Op) -> Array | None:
    x = op["x"].sym
    return None if x is None else _transpose(x, op["perm"].numpy())


# -- CONCATENATION and PACK -------------------------------------------------------------------------------------------


def _all_known(op: Op) -> list[Array] | None:
    known = [v.sym for v in op.inputs]
    found = [k for k in known if k is not None]
    return found if len(found) == len(known) else None


def _agreed(op: Op, sizes: list[Dim], what: str) -> Dim:
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
    made: list[Dim] = [
        _agreed(op, list(sizes), f"dimension {i}") if i != along else sum(sizes)
        for i, sizes in enumerate(zip(*shapes, strict=True))
    ]
    return [TensorType(op.inputs[0].type.dtype, tuple(made))]


def _concatenate(*xs: Array, axis: int, fused_activation_function: str = "NONE") -> Array:
    return activated(np.concatenate(xs, axis), fused_activation_function)


def _symbolic_concatenation(op: Op) -> Array | None:
    known = _all_known(op)
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
    return _value(b.concatenation(*filled, **op.attrs))


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
    runtimes={1: "1.5.0", 2: "1.14.0", 3: "2.3.0", 4: "2.14.0"},
    quant=SAME_SCALE,
    gpu=True,
    micro=True,
)


def _infer_pack(op: Op) -> list[TensorType]:
    require_same_dtype(op)
    shapes = [v.dims for v in op.inputs]
    if len({len(s) for s in shapes}) > 1:
        raise UnsupportedError("operands have different ranks", "give all the same shape", op=op.name)
    agreed = [_agreed(op, list(sizes), f"dimension {i}") for i, sizes in enumerate(zip(*shapes, strict=True))]
    axis = normalized_axis(op.attrs["axis"], len(agreed) + 1, op)
    made = (*agreed[:axis], len(shapes), *agreed[axis:])
    return [TensorType(op.inputs[0].type.dtype, made)]


def _pack(*xs: Array, values_count: int, axis: int) -> Array:
    return np.stack(xs, axis)


def _simplify_pack(b: Builder, op: Op) -> Value | None:
    """One operand: a RESHAPE."""
    if len(op.inputs) != 1 or op.inputs[0].type.shape is None or is_quantized(op.inputs[0]):
        return None
    (packed,) = _infer_pack(op)
    target = constant_target(packed.dims)
    return None if target is None else _value(b.reshape(op.inputs[0], np.array(target, np.int32)))


PACK = OpDef(
    "PACK",
    83,
    operands("xs*", FLOAT | INDEX | QUANTIZED | dtypes("uint32")),
    attrs={"values_count": int32(), "axis": int32()},
    options=("PackOptions", 59),
    derived={"values_count": lambda op: len(op.operands)},
    infer=_infer_pack,
    evaluate=_pack,
    symbolic=lambda op: None if (known := _all_known(op)) is None else np.stack(known, op.attrs["axis"]),
    simplify=_simplify_pack,
    version=by_dtype(int8=2, int16=3, uint32=4),
    runtimes={1: "1.11.0", 2: "1.14.0", 3: "2.3.0", 4: "2.13.0"},
    quant=SAME_SCALE,
    gpu=True,
    micro=True,
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
    return None if target is None else _value(b.reshape(op["x"], np.array(target, np.int32)))


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
    runtimes={1: "1.11.0", 2: "1.14.0", 3: "2.2.0", 4: "2.3.0"},
    quant=SAME_SCALE,
    gpu=True,
    micro=True,
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
    runtimes={1: "1.5.0", 2: "1.14.0", 3: "1.14.0", 4: "2.3.0"},
    quant=SAME_SCALE,
    gpu=True,
    micro=True,
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
    runtimes={1: "1.13.1", 2: "2.3.0"},
    quant=SAME_SCALE,
    gpu=True,
    micro=True,
)

# -- repetition -------------------------------------------------------------------------------------------------------


def _infer_tile(op: Op) -> list[TensorType]:
    x, multiples = op["x"].type, dims_of(op["multiples"])
    if multiples is None:
        return [TensorType(x.dtype, tuple(unknown_dim() for _ in x.dims))]
    return [TensorType(x.dtype, tuple(d * m for d, m in zip(x.dims, multiples, strict=True)))]


def _tile(x: Array, multiples: Array) -> Array:
    return np.tile(x, [int(m) for m in multiples])


def _simplify_tile(b: Builder, op: Op) -> Value | None:
    multiples = dims_of(op["multiples"])
    once = multiples is not None and all(m == 1 for m in multiples)
    return op["x"] if once and not is_quantized(op["x"]) else None


def _symbolic_repeated(op: Op) -> Array | None:
    """Known elements repeated a constant number of times."""
    x, by = op.inputs[0].sym, op.inputs[1]
    if x is None or not by.is_const:
        return None
    assert op.defn.evaluate is not None
    return np.asarray(op.defn.evaluate(x, by.numpy(), **op.attrs), dtype=object)


TILE = OpDef(
    "TILE",
    69,
    operands("x multiples", FLOAT | INDEX | INT8 | UINT8 | BOOL | STRING, INDEX),
    options=("TileOptions", 51),
    infer=_infer_tile,
    evaluate=_tile,
    symbolic=_symbolic_repeated,
    simplify=_simplify_tile,
    version=by_dtype(string=2, int8=3),
    runtimes={1: "1.10.1", 2: "2.2.0", 3: "2.8.0"},
    quant=SAME_SCALE,
    gpu=True,
)


def _infer_broadcast_to(op: Op) -> list[TensorType]:
    x, shape = op["x"].type, dims_of(op["shape"])
    if shape is None:
        length = op["shape"].dims[0]
        return [TensorType(x.dtype, None if isinstance(length, Sym) else unknown_dims(op, length))]
    made = broadcast_shapes(op, [x.shape, shape])
    if made is not None and len(made) != len(shape):
        raise UnsupportedError(f"{x} does not broadcast to {shape_text(shape)}", "give the full shape", op=op.name)
    return [TensorType(x.dtype, shape)]


def _broadcast_to(x: Array, shape: Array) -> Array:
    return np.broadcast_to(x, [int(d) for d in shape])


def _simplify_broadcast_to(b: Builder, op: Op) -> Value | None:
    target: Shape | None = dims_of(op["shape"])
    same = target is not None and target == op["x"].type.shape
    return op["x"] if same and not is_quantized(op["x"]) else None


_BROADCAST = FLOAT | INDEX | QUANTIZED | BOOL | dtypes("float16 float64 uint16 uint32 uint64 complex64")

BROADCAST_TO = OpDef(
    "BROADCAST_TO",
    130,
    operands("x shape", _BROADCAST, INDEX),
    options=("BroadcastToOptions", 104),
    infer=_infer_broadcast_to,
    evaluate=_broadcast_to,
    symbolic=_symbolic_repeated,
    simplify=_simplify_broadcast_to,
    check=rank_at_most(8, "x"),
    version=lambda op: max(2, by_dtype(int8=3, int16=3)(op)),
    runtimes={2: "2.5.0", 3: "2.5.0"},
    quant=SAME_SCALE,
    micro=True,
)

# -- reversal ---------------------------------------------------------------------------------------------------------


def _infer_same(op: Op) -> list[TensorType]:
    return [TensorType(op.inputs[0].type.dtype, op.inputs[0].type.shape)]


def _reverse(x: Array, axes: Array) -> Array:
    return np.flip(x, tuple(int(a) for a in axes.ravel()))


def _consecutive(op: Op) -> str | None:
    axes = const_ints(op, "axes")
    if axes is None or op["x"].type.shape is None:
        return None
    found = normalized_axes(axes, op["x"].rank, op)
    gap = bool(found) and found[-1] - found[0] >= len(found)
    return f"axes {list(found)} do not follow each other" if gap else None


def _simplify_reverse(b: Builder, op: Op) -> Value | None:
    """No axes, or axes of size 1."""
    axes, x = const_ints(op, "axes"), op["x"]
    if axes is None or x.type.shape is None or is_quantized(x):
        return None
    return x if all(x.dims[normalized_axis(a, x.rank, op)] == 1 for a in axes) else None


REVERSE_V2 = OpDef(
    "REVERSE_V2",
    105,
    operands("x axes", FLOAT | INDEX | QUANTIZED | BOOL, INT32),
    options=("ReverseV2Options", 81),
    traits=Trait.MOVES_DATA,
    infer=_infer_same,
    evaluate=_reverse,
    symbolic=_symbolic_repeated,
    simplify=_simplify_reverse,
    check=first_reason(rank_at_most(8, "x"), _consecutive),
    version=by_dtype(bool=2, int8=3),
    runtimes={1: "1.14.0", 2: "2.2.0", 3: "2.5.0"},
    quant=SAME_SCALE,
    micro=True,
)


def _reverse_sequence(x: Array, seq_lengths: Array, *, seq_dim: int, batch_dim: int) -> Array:
    made = np.array(x)
    batches, source = np.moveaxis(made, batch_dim, 0), np.moveaxis(x, batch_dim, 0)
    along = seq_dim - (batch_dim < seq_dim)
    for index, length in enumerate(seq_lengths):
        head = np.moveaxis(source[index], along, 0)[: int(length)]
        np.moveaxis(batches[index], along, 0)[: int(length)] = head[::-1]
    return made


REVERSE_SEQUENCE = OpDef(
    "REVERSE_SEQUENCE",
    112,
    operands("x seq_lengths", FLOAT | INDEX | UINT8 | INT16, INDEX),
    attrs={"seq_dim": int32(), "batch_dim": int32()},
    options=("ReverseSequenceOptions", 87),
    traits=Trait.MOVES_DATA,
    infer=_infer_same,
    evaluate=_reverse_sequence,
    runtimes={1: "1.14.0"},
    quant=SAME_SCALE,
)

DEFINITIONS = (
    TRANSPOSE,
    CONCATENATION,
    PACK,
    UNPACK,
    SPLIT,
    SPLIT_V,
    TILE,
    BROADCAST_TO,
    REVERSE_V2,
    REVERSE_SEQUENCE,
)
