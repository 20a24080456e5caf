"""Reading and writing elements by index: GATHER, SCATTER_ND, ONE_HOT, TOPK_V2, …"""

from __future__ import annotations

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.builder import dims_of
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim, Sym
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op
from litesmith.ir.intervals import of_integers
from litesmith.ir.opdef import Attr, OpDef, QuantRule, Trait
from litesmith.ir.types import Shape, TensorType
from litesmith.ops import costs, gpu, intervals, micro
from litesmith.ops.common import (
    BOOL,
    FLOAT,
    INDEX,
    INT8,
    INT16,
    INT32,
    QUANTIZED,
    STRING,
    UINT8,
    boolean,
    by_dtype,
    dtypes,
    element_type,
    first_reason,
    has_no_nan,
    int32,
    max_rank,
    normalized_axis,
    operands,
    rank_at_least,
    rank_at_most,
    unknown_dim,
    unknown_dims,
)

# -- GATHER -----------------------------------------------------------------------------------------------------------


def _gather_axes(op: Op) -> tuple[int, int]:
    """Axis and number of batch dimensions, both non-negative."""
    axis = normalized_axis(op.attrs["axis"], op["x"].rank, op)
    batch = op.attrs["batch_dims"]
    return axis, batch + op["indices"].rank if batch < 0 else batch


def _infer_gather(op: Op) -> list[TensorType]:
    x, indices = op["x"].type, op["indices"].type
    axis, batch = _gather_axes(op)
    if batch > axis or (x.dims[:batch] != indices.dims[:batch] and _differ(x.dims[:batch], indices.dims[:batch])):
        reason = f"{batch} batch dimensions of {x} and {indices} do not agree before axis {axis}"
        raise UnsupportedError(reason, "make the batch dimensions equal", op=op.name)
    dims = x.dims[:axis] + indices.dims[batch:] + x.dims[axis + 1 :]
    return [TensorType(x.dtype, dims)]


def _differ(left: Shape, right: Shape) -> bool:
    return any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in zip(left, right, strict=True))


def _gather(x: Array, indices: Array, *, axis: int, batch_dims: int) -> Array:
    axis %= max(x.ndim, 1)
    batch = batch_dims + indices.ndim if batch_dims < 0 else batch_dims
    if not batch:
        return np.asarray(np.take(x, indices.astype(np.int64), axis))
    shape = indices.shape[:batch] + x.shape[batch:axis] + indices.shape[batch:] + x.shape[axis + 1 :]
    gathered = np.empty(shape, x.dtype)
    for place in np.ndindex(*indices.shape[:batch]):
        gathered[place] = np.take(x[place], indices[place].astype(np.int64), axis - batch)
    return gathered


def _indices_inside(op: Op) -> bool:
    """An index out of range is an error when the model runs; it is not folded."""
    axis, _ = _gather_axes(op)
    indices, size = op["indices"].numpy(), op["x"].dims[axis]
    if isinstance(size, Sym):
        return False
    return not indices.size or (int(indices.min()) >= 0 and int(indices.max()) < size)


def _symbolic_gather(op: Op) -> Array | None:
    x = op["x"].sym
    if x is None or not op["indices"].is_const or not _indices_inside(op):
        return None
    return np.asarray(_gather(x, op["indices"].numpy(), **op.attrs), dtype=object)


def _string_vectors(op: Op) -> str | None:
    x = op["x"].type
    return "strings are gathered from vectors only" if x.dtype is DType.STRING and max_rank([op["x"]]) > 1 else None


def gathers_whole_bytes(op: Op) -> bool:
    """Whether what follows one index of a GATHER is an even number of elements; two of 4 bits share a byte."""
    axis, _ = _gather_axes(op)
    return any(isinstance(d, int) and d % 2 == 0 for d in op["x"].dims[axis + 1 :])


def _rows_are_whole_bytes(op: Op) -> str | None:
    if op["x"].type.dtype is DType.INT4 and not gathers_whole_bytes(op):
        return "rows of an odd number of int4 elements are not whole bytes"
    return None


GATHER = OpDef(
    "GATHER",
    36,
    operands("x indices", FLOAT | INDEX | QUANTIZED | BOOL | STRING | dtypes("int4"), INDEX | INT16),
    attrs={"axis": int32(), "batch_dims": int32()},
    options=("GatherOptions", 23),
    traits=Trait.REPEATS,
    infer=_infer_gather,
    evaluate=_gather,
    foldable=_indices_inside,
    symbolic=_symbolic_gather,
    check=first_reason(_string_vectors, _rows_are_whole_bytes),
    version=lambda op: max(
        by_dtype(int8=2, bool=3, int16=4, int4=7)(op), by_dtype(1, int16=6)(op), 5 if op.attrs["batch_dims"] else 1
    ),
    runtimes={1: "1.6.0", 2: "1.14.0", 3: "1.15.0", 4: "2.4.0", 5: "2.5.0", 6: "2.13.0", 7: "2.15.0", 8: "2.23.0"},
    gpu=gpu.indices("indices"),
    micro=micro.of("float32 int8 int32"),
    source="x",
)

# -- GATHER_ND and SCATTER_ND -----------------------------------------------------------------------------------------


def _index_depth(op: Op) -> int:
    """How many leading dimensions one index vector picks."""
    dims = op["indices"].dims
    if not dims or isinstance(dims[-1], Sym):
        raise UnsupportedError("the length of an index is unknown", "give indices a static last size", op=op.name)
    return dims[-1]


def _infer_gather_nd(op: Op) -> list[TensorType]:
    x, depth = op["x"].type, _index_depth(op)
    if depth > x.rank:
        raise UnsupportedError(f"an index of {depth} numbers into {x}", "use shorter indices", op=op.name)
    return [TensorType(x.dtype, op["indices"].dims[:-1] + x.dims[depth:])]


def _gather_nd(x: Array, indices: Array) -> Array:
    return np.asarray(x[tuple(np.moveaxis(indices.astype(np.int64), -1, 0))])


def _indices_nd_inside(op: Op) -> bool:
    indices = op["indices"].numpy().astype(np.int64)
    sizes = np.array(op["x"].type.static_shape[: indices.shape[-1]])
    return bool(np.all((indices >= 0) & (indices < sizes)))


GATHER_ND = OpDef(
    "GATHER_ND",
    107,
    operands("x indices", FLOAT | INDEX | QUANTIZED | BOOL | STRING, INDEX | INT16),
    options=("GatherNdOptions", 83),
    infer=_infer_gather_nd,
    evaluate=_gather_nd,
    foldable=_indices_nd_inside,
    version=lambda op: max(by_dtype(string=2, int16=3, bool=5)(op), by_dtype(1, int16=4)(op)),
    runtimes={1: "1.14.0", 2: "2.3.0", 3: "2.5.0", 4: "2.13.0", 5: "2.16.0", 6: "2.23.0"},
    micro=micro.always,
    source="x",
)


def _shape_operand(op: Op, name: str = "shape") -> Shape | None:
    known = dims_of(op[name])
    if known is not None:
        return known
    length = op[name].dims[0]
    return None if isinstance(length, Sym) else unknown_dims(op, length)


def _infer_scatter_nd(op: Op) -> list[TensorType]:
    shape = _shape_operand(op)
    if shape is not None:
        _require_updates(op, op["indices"].dims[:-1] + shape[_index_depth(op) :])
    return [TensorType(op["updates"].type.dtype, shape)]


def _require_updates(op: Op, expected: Shape) -> None:
    got = op["updates"].dims
    if len(got) != len(expected) or _differ(got, expected):
        raise UnsupportedError(f"updates have shape {got}, expected {expected}", "make the shapes agree", op=op.name)


def _scatter_nd(indices: Array, updates: Array, shape: Array) -> Array:
    """Updates to the same place add up."""
    result = np.zeros([int(d) for d in shape], updates.dtype)
    places = tuple(np.moveaxis(indices.astype(np.int64), -1, 0))
    if updates.dtype == np.bool_:
        np.logical_or.at(result, places, updates)
    else:
        np.add.at(result, places, updates)
    return result


def _scatters_inside(op: Op) -> bool:
    indices, shape = op["indices"].numpy(), op["shape"].numpy()
    return bool(np.all((indices >= 0) & (indices < shape[: indices.shape[-1]])))


SCATTER_ND = OpDef(
    "SCATTER_ND",
    122,
    operands("indices updates shape", INT32, FLOAT | INDEX | INT8 | UINT8 | BOOL, INT32),
    options=("ScatterNdOptions", 97),
    infer=_infer_scatter_nd,
    evaluate=_scatter_nd,
    foldable=_scatters_inside,
    runtimes={1: "2.1.0"},
)


def _infer_sparse_to_dense(op: Op) -> list[TensorType]:
    return [TensorType(op["values"].type.dtype, _shape_operand(op))]


def _sparse_to_dense(indices: Array, shape: Array, values: Array, default: Array, *, validate_indices: bool) -> Array:
    """indices: scalar, [count] or [count, rank]."""
    dense = np.full([int(d) for d in shape], default.reshape(()), values.dtype)
    rows = indices.reshape(-1, indices.shape[-1] if indices.ndim == 2 else 1)
    dense[tuple(rows.astype(np.int64).T)] = values
    return dense


def _sparse_inside(op: Op) -> bool:
    indices, shape = op["indices"].numpy(), op["shape"].numpy()
    return bool(np.all((indices >= 0) & (indices.reshape(-1, len(shape)) < shape)))


def _sparse_check(op: Op) -> str | None:
    shape, indices, values = op["shape"].type.shape, op["indices"].type.shape, op["values"].type.shape
    if shape is not None and isinstance(shape[0], int) and shape[0] > 4:
        return f"the kernel takes results up to rank 4, not {shape[0]}"
    alone = indices is not None and (not indices or indices[0] == 1)
    return (
        "the kernel takes one value for all indices only where there is one index"
        if values == () and not alone
        else None
    )


_SPARSE = FLOAT | INDEX | INT8 | UINT8

SPARSE_TO_DENSE = OpDef(
    "SPARSE_TO_DENSE",
    68,
    operands("indices shape values default", INDEX, INDEX, _SPARSE),
    attrs={"validate_indices": boolean()},
    options=("SparseToDenseOptions", 50),
    infer=_infer_sparse_to_dense,
    evaluate=_sparse_to_dense,
    foldable=_sparse_inside,
    check=_sparse_check,
    version=by_dtype(2, int64=2, int8=3, uint8=3),
    runtimes={1: "1.9.0", 2: "1.14.0", 3: "1.15.0"},
)

# -- tables -----------------------------------------------------------------------------------------------------------


def _infer_embedding_lookup(op: Op) -> list[TensorType]:
    table = op["table"].type
    if table.rank < 2:
        raise UnsupportedError(f"the table {table} has no rows", "give a table of rank 2 or more", op=op.name)
    quantized_rows = table.quant is not None and table.dtype in INT8 | UINT8 | dtypes("int4 int2")
    if op.results and op.results[0].type.quant is not None:
        quantized_rows = False
    dtype = DType.FLOAT32 if quantized_rows else table.dtype
    return [TensorType(dtype, (op["ids"].dims[0], *table.dims[1:]))]


def _embedding_lookup(ids: Array, table: Array) -> Array:
    return np.asarray(table[ids.astype(np.int64)])


def _ids_inside(op: Op) -> bool:
    ids, rows = op["ids"].numpy(), op["table"].dims[0]
    return bool(np.all((ids >= 0) & (ids < rows)))


def _embedding_version(op: Op) -> int:
    quant = op["table"].type.quant
    if op["table"].type.dtype is DType.INT2:
        return 5
    return 4 if op["table"].type.dtype is DType.INT4 or (quant is not None and quant.per_channel) else 1


EMBEDDING_LOOKUP = OpDef(
    "EMBEDDING_LOOKUP",
    7,
    operands("ids table", INT32, FLOAT | INT8 | UINT8 | dtypes("int4")),
    infer=_infer_embedding_lookup,
    evaluate=_embedding_lookup,
    foldable=_ids_inside,
    version=_embedding_version,
    runtimes={1: "1.13.0", 2: "1.14.0", 3: "1.14.0", 4: "2.18.0", 5: "2.21.0"},
    quant=QuantRule(weights={"table": 0}),
    micro=micro.always,
    gpu=gpu.embedding,
)


def _infer_one_hot(op: Op) -> list[TensorType]:
    indices, depth = op["indices"].type, op["depth"].sym
    axis = op.attrs["axis"]
    where = indices.rank if axis == -1 else normalized_axis(axis, indices.rank + 1, op)
    size: Dim = unknown_dim() if depth is None else depth.reshape(-1)[0]
    dims = (*indices.dims[:where], size, *indices.dims[where:])
    return [TensorType(op["on"].type.dtype, dims)]


def _one_hot(indices: Array, depth: Array, on: Array, off: Array, *, axis: int) -> Array:
    where = indices.ndim if axis == -1 else axis
    places = np.arange(int(depth.reshape(-1)[0])).reshape(-1, *[1] * (indices.ndim - where))
    hot = np.expand_dims(indices, where) == places
    return np.where(hot, on.reshape(()), off.reshape(()))


_HOT = FLOAT | INDEX | INT8 | UINT8 | BOOL

ONE_HOT = OpDef(
    "ONE_HOT",
    85,
    operands("indices depth on off", INDEX, INT32, _HOT),
    attrs={"axis": int32()},
    options=("OneHotOptions", 61),
    infer=_infer_one_hot,
    evaluate=_one_hot,
    runtimes={1: "1.11.0"},
    gpu=gpu.one_hot,
    cost=costs.result_elements,
)


def _infer_bucketize(op: Op) -> list[TensorType]:
    return [TensorType(DType.INT32, op["x"].type.shape)]


def _bucketize(x: Array, *, boundaries: tuple[float, ...]) -> Array:
    """How many boundaries are at or below each element."""
    return np.searchsorted(np.array(boundaries, np.float32), x, side="right").astype(np.int32)


BUCKETIZE = OpDef(
    "BUCKETIZE",
    147,
    operands("x", FLOAT | INDEX | dtypes("float64")),
    attrs={"boundaries": Attr("floats", ())},
    options=("BucketizeOptions", 115),
    infer=_infer_bucketize,
    evaluate=_bucketize,
    runtimes={1: "2.8.0"},
    cost=costs.result_elements,
    interval=lambda op, known: of_integers(0, len(op.attrs["boundaries"])),
)

# -- searching --------------------------------------------------------------------------------------------------------


def _index_type(op: Op) -> DType:
    """The type of the indices; the kernel reads it from the result tensor."""
    dtype: DType = op.attrs["index_type"]
    return dtype


def _infer_topk(op: Op) -> list[TensorType]:
    x, k = op["x"].type, op["k"].sym
    if x.rank < 1:
        raise UnsupportedError("a scalar has no largest elements", "reshape it", op=op.name)
    size: Dim = unknown_dim("k") if k is None else k.reshape(-1)[0]
    if isinstance(size, int) and isinstance(x.dims[-1], int) and size > x.dims[-1]:
        raise UnsupportedError(f"k = {size} of {x.dims[-1]} elements", "use a smaller k", op=op.name)
    dims = (*x.dims[:-1], size)
    return [TensorType(x.dtype, dims), TensorType(_index_type(op), dims)]


def _topk(x: Array, k: Array, *, index_type: DType) -> list[Array]:
    """Largest first; of equal ones the first."""
    keys = np.flip(np.argsort(np.flip(x, -1), axis=-1, kind="stable"), -1)
    places = (x.shape[-1] - 1 - keys)[..., : int(k.reshape(-1)[0])]
    return [np.take_along_axis(x, places, -1), places.astype(index_type.numpy)]


TOPK_V2 = OpDef(
    "TOPK_V2",
    48,
    operands("x k", FLOAT | INDEX | INT8 | UINT8 | INT16, INT32 | INT16),
    results=("values", "indices"),
    attrs={"index_type": Attr("enum_type", DType.INT32, slot=-1)},
    options=("TopKV2Options", 34),
    infer=_infer_topk,
    evaluate=_topk,
    foldable=has_no_nan,
    version=lambda op: max(
        by_dtype(int8=2, int16=3)(op), by_dtype(1, int16=3)(op), 3 if _index_type(op) is DType.INT16 else 1
    ),
    runtimes={1: "1.7.0", 2: "1.14.0", 3: "2.13.0"},
    gpu=gpu.TOPK,
    cost=costs.sorts,
    interval=intervals.index_along_last,
    interval_of=1,
)


def _infer_where(op: Op) -> list[TensorType]:
    condition = op["condition"]
    count: Dim = int(np.count_nonzero(condition.numpy())) if condition.is_small_const else unknown_dim("n")
    return [TensorType(DType.INT64, (count, condition.rank))]


WHERE = OpDef(
    "WHERE",
    109,
    operands("condition", BOOL | FLOAT | INDEX | INT8 | UINT8 | dtypes("uint32")),
    options=("WhereOptions", 85),
    infer=_infer_where,
    evaluate=lambda condition: np.argwhere(condition).astype(np.int64),
    check=rank_at_least(1, "condition"),
    version=lambda op: 1 if op["condition"].type.dtype is DType.BOOL else 2,
    runtimes={1: "1.14.0", 2: "2.8.0"},
    cost=costs.operand_elements,
)


def _infer_unique(op: Op) -> list[TensorType]:
    x = op["x"].type
    count: Dim = np.unique(op["x"].numpy()).size if op["x"].is_small_const else unknown_dim("n")
    return [TensorType(x.dtype, (count,)), TensorType(op.attrs["idx_out_type"], x.shape)]


def _unique(x: Array, *, idx_out_type: DType) -> list[Array]:
    """Distinct elements in order of first occurrence, and each element's place among them."""
    sorted_values, first, inverse = np.unique(x, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(order.size)
    return [sorted_values[order], place[inverse.reshape(x.shape)].astype(idx_out_type.numpy)]


UNIQUE = OpDef(
    "UNIQUE",
    103,
    operands("x", FLOAT | INDEX | INT8 | UINT8 | INT16),
    results=("values", "indices"),
    attrs={"idx_out_type": element_type(DType.INT32)},
    options=("UniqueOptions", 80),
    infer=_infer_unique,
    evaluate=_unique,
    foldable=has_no_nan,
    check=rank_at_most(1, "x"),
    runtimes={1: "1.14.0"},
    cost=costs.operand_elements,
)

DEFINITIONS = (
    GATHER,
    GATHER_ND,
    SCATTER_ND,
    SPARSE_TO_DENSE,
    EMBEDDING_LOOKUP,
    ONE_HOT,
    BUCKETIZE,
    TOPK_V2,
    WHERE,
    UNIQUE,
)
