"""Data movement: TRANSPOSE, TILE, BROADCAST_TO, REVERSE_V2, …"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.builder import Builder, dims_of
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim, Sym
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import Dimensions, OpDef, Trait
from litesmith.ir.types import Shape, TensorType, shape_text
from litesmith.ops import gpu, micro, xnnpack
from litesmith.ops.common import (
    BOOL,
    FLOAT,
    INDEX,
    INT16,
    INT32,
    QUANTIZED,
    STRING,
    UINT8,
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
        raise UnsupportedError(f"{list(perm)} is not a permutation of rank {rank}", "give every axis once", op=op.name)
    return axes


def _infer_transpose(op: Op) -> list[TensorType]:
    x, perm = op["x"].type, _permutation(op)
    if perm is None:
        return [TensorType(x.dtype, tuple(unknown_dim() for _ in x.dims))]
    return [TensorType(x.dtype, tuple(x.dims[p] for p in perm))]


def keeps_order(dims: Sequence[Dim], perm: Sequence[int]) -> bool:
    """Whether transposing a tensor of this shape leaves the elements in order: only dimensions of size 1 move."""
    moved = [p for p in perm if dims[p] != 1]
    return moved == sorted(moved)


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
            return b.transpose(x.op["x"], np.array([below[p] for p in perm], np.int32))
    target = constant_target(tuple(x.dims[p] for p in perm))
    if keeps_order(x.dims, perm) and target is not None and not x.is_const:
        return b.reshape(x, np.array(target, np.int32))
    return None


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
    runtimes={
        **{1: "1.6.0", 2: "1.14.0", 3: "1.15.0", 4: "2.3.0", 5: "2.4.0", 6: "2.12.0", 7: "2.14.4"},
        **{8: "2.22.0", 9: "2.23.0"},
    },
    gpu=gpu.ONE,
    micro=micro.DATA,
    xnnpack=xnnpack.TRANSPOSE,
)


def _transpose_sym(op: Op) -> Array | None:
    x = op["x"].sym
    return None if x is None else _transpose(x, op["perm"].numpy())


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
    operands("x multiples", FLOAT | INDEX | QUANTIZED | BOOL | STRING, INDEX),
    options=("TileOptions", 51),
    infer=_infer_tile,
    evaluate=_tile,
    symbolic=_symbolic_repeated,
    simplify=_simplify_tile,
    version=by_dtype(string=2, int8=3, int16=3),
    runtimes={1: "1.10.1", 2: "2.2.0", 3: "2.8.0"},
    gpu=gpu.ONE,
    dimensions=Dimensions(rows=("multiples",)),
    source="x",
)


def _infer_broadcast_to(op: Op) -> list[TensorType]:
    x, shape = op["x"].type, dims_of(op["shape"])
    if shape is None:
        length = op["shape"].dims[0]
        return [TensorType(x.dtype, None if isinstance(length, Sym) else unknown_dims(op, length))]
    joint = broadcast_shapes(op, [x.shape, shape])
    if joint is not None and len(joint) != len(shape):
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
    runtimes={2: "2.5.0", 3: "2.5.0", 4: "2.23.0"},
    micro=micro.always,
    dimensions=Dimensions(rows=("shape",)),
    source="x",
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
    """No axes, or axes of size 1; or what was reversed is reversed again, maybe behind a RESHAPE of unit dimensions."""
    axes, x = const_ints(op, "axes"), op["x"]
    if axes is None or x.type.shape is None or is_quantized(x):
        return None
    reshape = x.op if x.op is not None and x.op.name == "RESHAPE" else None
    inner = reshape["x"].op if reshape is not None else x.op
    if inner is not None and inner.name == "REVERSE_V2" and _reversal(inner) == _reversal(op):
        source = inner["x"]
        if is_quantized(source) or _reversal(op) is None:
            return None
        return source if reshape is None else b.reshape(source, reshape["shape"])
    return x if all(x.dims[normalized_axis(a, x.rank, op)] == 1 for a in axes) else None


def _reversal(op: Op) -> tuple[list[Dim], list[int]] | None:
    """The dimensions that are not 1, and which of them are reversed: what a reshape of unit dimensions leaves as it is."""
    axes, x = const_ints(op, "axes"), op["x"]
    if axes is None or x.type.shape is None:
        return None
    reversed_axes = normalized_axes(axes, x.rank, op)
    places = [i for i, d in enumerate(x.dims) if d != 1]
    return [x.dims[i] for i in places], [n for n, i in enumerate(places) if i in reversed_axes]


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
    runtimes={1: "1.14.0", 2: "2.2.0", 3: "2.5.0", 4: "2.23.0"},
    micro=micro.DATA,
    gpu=gpu.AXES,
    dimensions=Dimensions(axis=("axes",)),
)


def _reverse_sequence(x: Array, seq_lengths: Array, *, seq_dim: int, batch_dim: int) -> Array:
    result = np.array(x)
    batches, source = np.moveaxis(result, batch_dim, 0), np.moveaxis(x, batch_dim, 0)
    along = seq_dim - (batch_dim < seq_dim)
    for index, length in enumerate(seq_lengths):
        head = np.moveaxis(source[index], along, 0)[: int(length)]
        np.moveaxis(batches[index], along, 0)[: int(length)] = head[::-1]
    return result


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
)

DEFINITIONS = (
    TRANSPOSE,
    TILE,
    BROADCAST_TO,
    REVERSE_V2,
    REVERSE_SEQUENCE,
)
