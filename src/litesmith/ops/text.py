"""Operators made for on-device text models: skip-grams, hashing, sparse embeddings."""

from __future__ import annotations

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.builder import dims_of
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op
from litesmith.ir.opdef import OpDef
from litesmith.ir.types import TensorType
from litesmith.ops.common import FLOAT, INT32, STRING, boolean, enum8, int32, ints, operands, unknown_dim, unknown_dims

# -- SKIP_GRAM --------------------------------------------------------------------------------------------------------


SKIP_GRAM = OpDef(
    "SKIP_GRAM",
    30,
    operands("x", STRING),
    attrs={"ngram_size": int32(), "max_skip_size": int32(), "include_all_ngrams": boolean()},
    options=("SkipGramOptions", 18),
    infer=lambda op: [TensorType(DType.STRING, (unknown_dim("grams"),))],
    runtimes={1: "1.5.0"},
)

# -- LSH_PROJECTION ---------------------------------------------------------------------------------------------------


def _infer_lsh_projection(op: Op) -> list[TensorType]:
    hashes, bits = op["hash"].dims
    size = {"SPARSE": hashes, "DENSE": hashes * bits}.get(op.attrs["type"])
    if size is None:
        raise UnsupportedError(f"projection type {op.attrs['type']}", "use SPARSE or DENSE", op=op.name)
    return [TensorType(DType.INT32, (size,))]


def _lsh_sizes(op: Op) -> str | None:
    if op["hash"].rank != 2 or (isinstance(op["hash"].dims[1], int) and op["hash"].dims[1] > 32):
        return "hash is not [functions, bits] with at most 32 bits"
    weight = op.get("weight")
    if weight is not None and weight.dims != op["x"].dims[:1]:
        return "weight has not one element for each row of the input"
    return None


LSH_PROJECTION = OpDef(
    "LSH_PROJECTION",
    15,
    operands("hash x weight?", FLOAT, None, FLOAT),
    attrs={"type": enum8("UNKNOWN", "SPARSE", "DENSE")},
    options=("LSHProjectionOptions", 4),
    infer=_infer_lsh_projection,
    check=_lsh_sizes,
    runtimes={1: "1.5.0"},
)

# -- embeddings -------------------------------------------------------------------------------------------------------


def _infer_embedding_lookup_sparse(op: Op) -> list[TensorType]:
    rank = op["indices"].dims[1]
    if not isinstance(rank, int):
        raise UnsupportedError("the rank of the sparse ids is unknown", "give the model fixed shapes", op=op.name)
    known = dims_of(op["dense_shape"])
    rows: tuple[Dim, ...] = known[:-1] if known is not None else unknown_dims(op, rank - 1)
    return [TensorType(DType.FLOAT32, (*rows, *op["params"].dims[1:]))]


def _embedding_lookup_sparse(
    ids: Array, indices: Array, dense_shape: Array, weights: Array, params: Array, *, combiner: str
) -> Array:
    rows = [int(d) for d in dense_shape[:-1]]
    count, embedding = int(np.prod(rows)), params.shape[1:]
    bucket = np.ravel_multi_index(tuple(indices[:, :-1].T), rows) if len(ids) else np.zeros(0, np.int64)
    broad = weights.reshape(-1, *[1] * len(embedding))
    total = np.zeros((count, *embedding), np.float32)
    np.add.at(total, bucket, params[ids] * broad)
    if combiner != "SUM":
        power = 1 if combiner == "MEAN" else 2
        weight = np.bincount(bucket, weights=weights**power, minlength=count).astype(np.float32)
        divisor = weight if combiner == "MEAN" else np.sqrt(weight)
        hit = np.bincount(bucket, minlength=count) > 0
        total[hit] /= divisor[hit].reshape(-1, *[1] * len(embedding))
    return total.reshape(*rows, *embedding)


EMBEDDING_LOOKUP_SPARSE = OpDef(
    "EMBEDDING_LOOKUP_SPARSE",
    33,
    operands("ids indices dense_shape weights params", INT32, INT32, INT32, FLOAT, FLOAT),
    attrs={"combiner": enum8("SUM", "MEAN", "SQRTN")},
    options=("EmbeddingLookupSparseOptions", 20),
    infer=_infer_embedding_lookup_sparse,
    evaluate=_embedding_lookup_sparse,
    foldable=lambda op: False,
    runtimes={1: "1.5.0"},
)

CONCAT_EMBEDDINGS = OpDef(
    "CONCAT_EMBEDDINGS",
    29,
    operands("inputs*"),
    attrs={"num_channels": int32(), "num_columns_per_channel": ints(), "embedding_dim_per_channel": ints()},
    options=("ConcatEmbeddingsOptions", 3),
    check=lambda op: "the runtime has no kernel for it",
)


def _infer_hashtable_lookup(op: Op) -> list[TensorType]:
    count, value = op["lookup"].dims[0], op["value"].type
    return [TensorType(value.dtype, (count, *value.dims[1:])), TensorType(DType.UINT8, (count,))]


def _hashtable_lookup(lookup: Array, key: Array, value: Array) -> list[Array]:
    place = np.searchsorted(key, lookup).clip(0, max(len(key) - 1, 0))
    hits = key[place] == lookup
    rows = value[place]
    rows[~hits] = 0
    return [rows, hits.astype(np.uint8)]


HASHTABLE_LOOKUP = OpDef(
    "HASHTABLE_LOOKUP",
    10,
    operands("lookup key value", INT32, INT32, None),
    results=("output", "hits"),
    infer=_infer_hashtable_lookup,
    evaluate=_hashtable_lookup,
    foldable=lambda op: op["value"].type.dtype is not DType.STRING and bool(np.all(np.diff(op["key"].numpy()) > 0)),
    check=lambda op: None if op["lookup"].rank == op["key"].rank == 1 else "lookup and key are not of rank 1",
    runtimes={1: "1.5.0"},
)

DEFINITIONS = (SKIP_GRAM, LSH_PROJECTION, EMBEDDING_LOOKUP_SPARSE, CONCAT_EMBEDDINGS, HASHTABLE_LOOKUP)
