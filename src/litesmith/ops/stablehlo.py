"""The StableHLO operators of the schema, as a table.

They are read, written, printed and type-checked; the runtime has kernels for a few of them only, and nothing here is
emitted where a built-in operator of the older vocabulary says the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim, Sym, maximum, product
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op
from litesmith.ir.opdef import Attr, Check, DTypes, Evaluate, Infer, OpDef, Trait
from litesmith.ir.types import TensorType
from litesmith.ir.verify import compatible
from litesmith.ops import costs, gpu, xnnpack
from litesmith.ops.common import boolean, dtypes, enum8, has_no_nan, same_as, subgraph
from litesmith.ops.common import operands as declared_operands
from litesmith.ops.control import branch_types

NO_KERNEL = "the runtime has no kernel for it"

INT64 = Attr("int64", 0)
INT64S = Attr("int64s", ())
PRECISION = Attr("uint32s", ())
INTEGERS = dtypes("int8 uint8 int16 uint16 int32 uint32 int64 uint64")
ARITHMETIC = dtypes("float32 float16 float64 bool") | INTEGERS

CONVOLUTION = {
    **dict.fromkeys(("window_strides", "padding", "lhs_dilation", "rhs_dilation"), INT64S),
    "window_reversal": Attr("bools", ()),
    **dict.fromkeys(("input_batch_dimension", "input_feature_dimension"), INT64),
    "input_spatial_dimensions": INT64S,
    **dict.fromkeys(("kernel_input_feature_dimension", "kernel_output_feature_dimension"), INT64),
    "kernel_spatial_dimensions": INT64S,
    **dict.fromkeys(("output_batch_dimension", "output_feature_dimension"), INT64),
    "output_spatial_dimensions": INT64S,
    **dict.fromkeys(("feature_group_count", "batch_group_count"), INT64),
    "precision_config": PRECISION,
}
CUSTOM_CALL = {
    "call_target_name": Attr("string", ""),
    "has_side_effect": boolean(),
    "backend_config": Attr("string", ""),
    "api_version": Attr("int32", 0),
    "called_computations": Attr("subgraphs", ()),
    "custom_attributes": Attr("bytes", b""),
}
SCATTER = {
    "indices_are_sorted": boolean(),
    **dict.fromkeys(("update_window_dims", "inserted_window_dims", "scatter_dims_to_operand_dims"), INT64S),
    "index_vector_dim": INT64,
    "unique_indices": boolean(),
    "update_computation_subgraph": subgraph(),
}
COMPARE = {
    "comparison_direction": Attr("enum32", "EQ", ("EQ", "NE", "GE", "GT", "LE", "LT")),
    "compare_type": Attr("enum32", "NOTYPE", ("NOTYPE", "FLOAT", "FLOAT_TOTAL_ORDER", "SIGNED", "UNSIGNED")),
}
DOT_GENERAL = {
    **dict.fromkeys(
        (
            "lhs_batching_dimensions",
            "rhs_batching_dimensions",
            "lhs_contracting_dimensions",
            "rhs_contracting_dimensions",
        ),
        INT64S,
    ),
    "precision_config": PRECISION,
}
REDUCE_WINDOW = {
    **dict.fromkeys(("window_dimensions", "window_strides", "base_dilations", "window_dilations", "padding"), INT64S),
    "body_subgraph": subgraph(),
}
GATHER = {
    **dict.fromkeys(("offset_dims", "collapsed_slice_dims", "start_index_map"), INT64S),
    "index_vector_dim": INT64,
    "slice_sizes": INT64S,
    "indices_are_sorted": boolean(),
}
COMPOSITE = {
    "name": Attr("string", ""),
    "decomposition_subgraph": subgraph(),
    "composite_attributes": Attr("bytes", b""),
    "composite_attributes_format": enum8("FLEXBUFFERS"),
    "version": Attr("int32", 0),
}


def _infer_binary(op: Op) -> list[TensorType]:
    """Operands have one type and one shape: nothing is broadcast."""
    lhs, rhs = op["lhs"].type, op["rhs"].type
    if not compatible(lhs, rhs):
        raise UnsupportedError(f"operands {lhs} and {rhs} differ", "broadcast and cast them first", op=op.name)
    shapes = zip(lhs.shape or (), rhs.shape or (), strict=True)
    return [TensorType(lhs.dtype, tuple(r if isinstance(d, Sym) else d for d, r in shapes))]


def _infer_pad(op: Op) -> list[TensorType]:
    """Each size n becomes low + n + (n - 1) * interior + high; negative low and high take elements away."""
    x, attrs = op["x"].type, op.attrs
    edges = zip(x.dims, attrs["edge_padding_low"], attrs["edge_padding_high"], attrs["interior_padding"], strict=True)
    return [TensorType(x.dtype, tuple(low + n + maximum(n - 1, 0) * inner + high for n, low, high, inner in edges))]


def _pad(x: Array, value: Array, **attrs: Any) -> Array:
    edges = zip(attrs["edge_padding_low"], attrs["edge_padding_high"], attrs["interior_padding"], strict=True)
    for axis, (low, high, inner) in enumerate(edges):
        x = np.moveaxis(_pad_rows(np.moveaxis(x, axis, 0), value, low, high, inner + 1), 0, axis)
    return x


def _pad_rows(x: Array, value: Array, low: int, high: int, step: int) -> Array:
    """Rows ``step`` apart, with ``low`` rows added before and ``high`` behind."""
    spread = np.full((max((len(x) - 1) * step + 1, 0), *x.shape[1:]), value)
    spread[::step] = x
    widths = [(max(low, 0), max(high, 0)), *[(0, 0)] * (x.ndim - 1)]
    padded = np.pad(spread, widths, constant_values=value)
    return padded[max(-low, 0) : len(padded) - max(-high, 0)]


def _infer_gather(op: Op) -> list[TensorType]:
    """Dimensions of the indices but their vectors', with those of a slice at ``offset_dims``."""
    attrs, indices = op.attrs, op["indices"].type.dims
    batch = [d for axis, d in enumerate(indices) if axis != attrs["index_vector_dim"]]
    kept = [n for axis, n in enumerate(attrs["slice_sizes"]) if axis not in attrs["collapsed_slice_dims"]]
    rank = len(batch) + len(kept)
    shape = [kept.pop(0) if axis in attrs["offset_dims"] else batch.pop(0) for axis in range(rank)]
    return [TensorType(op["x"].type.dtype, tuple(shape))]


def _gather(x: Array, indices: Array, **attrs: Any) -> Array:
    """Slices of ``x``, each beginning where an index vector says; starts are moved so that every slice lies inside."""
    vector = attrs["index_vector_dim"]
    rows = indices[..., None] if vector == indices.ndim else np.moveaxis(indices, vector, -1)
    sizes, collapsed = attrs["slice_sizes"], tuple(attrs["collapsed_slice_dims"])
    starts = np.zeros((*rows.shape[:-1], x.ndim), np.int64)
    starts[..., list(attrs["start_index_map"])] = rows
    starts = np.clip(starts, 0, np.array(x.shape) - np.array(sizes))
    found = [x[tuple(slice(s, s + n) for s, n in zip(at, sizes, strict=True))] for at in starts.reshape(-1, x.ndim)]
    slices = np.array(found, x.dtype).reshape(-1, *sizes).squeeze(tuple(axis + 1 for axis in collapsed))
    shaped = slices.reshape(*rows.shape[:-1], *slices.shape[1:])
    batch = rows.ndim - 1
    return np.moveaxis(shaped, range(batch, shaped.ndim), attrs["offset_dims"])


def _infer_random_bits(op: Op) -> list[TensorType]:
    """The new state, and bits in the result type that was given."""
    if len(op.results) != 2:
        raise UnsupportedError("the type of the bits is not inferred", "give the result types", op=op.name)
    return [op["state"].type, op.results[1].type]


def _composite_attributes(op: Op) -> str | None:
    return None if op.attrs["composite_attributes"] else "composite_attributes are missing: give a FlexBuffer map"


def _predicate(op: Op) -> list[TensorType]:
    return [TensorType(DType.BOOL, op["lhs"].type.shape)]


@dataclass(frozen=True)
class Row:
    """One operator: operands as in `operands`, its options table (name, number, attributes), inference.

    ``since``: first release with a kernel for ``kernel`` dtypes of the first operand; empty where there is none.
    """

    name: str
    code: int
    operands: str
    options: tuple[str, int] | None = None
    attrs: Mapping[str, Attr] = field(default_factory=dict)
    infer: Infer | None = None
    results: str = "output"
    traits: Trait = Trait.NONE
    since: str = ""
    kernel: DTypes | None = None
    evaluate: Evaluate | None = None


def _unary(name: str, code: int) -> Row:
    return Row(name, code, "x", infer=same_as("x"), traits=Trait.ELEMENTWISE)


def _binary(
    name: str, code: int, since: str = "", kernel: DTypes | None = None, evaluate: Evaluate | None = None
) -> Row:
    traits = Trait.ELEMENTWISE
    return Row(name, code, "lhs rhs", None, {}, _infer_binary, "output", traits, since, kernel, evaluate)


ROWS = (
    _unary("LOGISTIC", 162),
    _binary("ADD", 163, "2.16.0", ARITHMETIC, np.add),
    _binary("DIVIDE", 164),
    _binary("MULTIPLY", 165, "2.16.0", ARITHMETIC, np.multiply),
    _binary("MAXIMUM", 166, "2.16.0", ARITHMETIC, np.maximum),
    Row("RESHAPE", 167, "x", traits=Trait.MOVES_DATA),
    Row("CLAMP", 168, "min x max", infer=same_as("x")),
    Row("CONCATENATE", 169, "inputs*", ("StablehloConcatenateOptions", 1), {"dimension": INT64}),
    Row(
        "BROADCAST_IN_DIM", 170, "x", ("StablehloBroadcastInDimOptions", 2), {"broadcast_dimensions": INT64S},
        traits=Trait.MOVES_DATA,
    ),
    Row("CONVOLUTION", 171, "lhs rhs", ("StablehloConvolutionOptions", 4), CONVOLUTION, traits=Trait.CONTRACTS),
    Row(
        "SLICE", 172, "x", ("StablehloSliceOptions", 3),
        {"start_indices": INT64S, "limit_indices": INT64S, "strides": INT64S}, traits=Trait.MOVES_DATA,
    ),
    Row(
        "CUSTOM_CALL", 173, "inputs*", ("StablehloCustomCallOptions", 5), CUSTOM_CALL, results="results*",
        traits=Trait.STATEFUL,
    ),
    Row(
        "REDUCE", 174, "inputs*", ("StablehloReduceOptions", 6), {"dimensions": INT64S, "body_subgraph": subgraph()},
        results="results*",
    ),
    _unary("ABS", 175),
    _binary("AND", 176, "2.17.0", INTEGERS | dtypes("bool"), np.bitwise_and),
    _unary("COSINE", 177),
    _unary("EXPONENTIAL", 178),
    _unary("FLOOR", 179),
    _unary("LOG", 180),
    _binary("MINIMUM", 181, "2.16.0", ARITHMETIC, np.minimum),
    _unary("NEGATE", 182),
    _binary("OR", 183),
    _binary("POWER", 184),
    _binary("REMAINDER", 185),
    _unary("RSQRT", 186),
    Row("SELECT", 187, "condition x y", infer=same_as("x")),
    _binary("SUBTRACT", 188),
    _unary("TANH", 189),
    Row(
        "SCATTER", 190, "x indices updates", ("StablehloScatterOptions", 7), SCATTER, same_as("x"), since="2.15.0",
        kernel=ARITHMETIC,
    ),
    Row("COMPARE", 191, "lhs rhs", ("StablehloCompareOptions", 8), COMPARE, _predicate),
    Row("CONVERT", 192, "x", traits=Trait.ELEMENTWISE),
    Row(
        "DYNAMIC_SLICE", 193, "x starts*", ("StablehloDynamicSliceOptions", 9), {"slice_sizes": INT64S},
        traits=Trait.MOVES_DATA,
    ),
    Row("DYNAMIC_UPDATE_SLICE", 194, "x update starts*", infer=same_as("x")),
    Row(
        "PAD", 195, "x value", ("StablehloPadOptions", 10),
        {"edge_padding_low": INT64S, "edge_padding_high": INT64S, "interior_padding": INT64S}, _infer_pad,
        since="2.16.0", kernel=ARITHMETIC | dtypes("complex64"), evaluate=_pad,
    ),
    Row("IOTA", 196, "", ("StablehloIotaOptions", 11), {"iota_dimension": INT64}),
    Row("DOT_GENERAL", 197, "lhs rhs", ("StablehloDotGeneralOptions", 12), DOT_GENERAL, traits=Trait.CONTRACTS),
    Row(
        "REDUCE_WINDOW", 198, "x init", ("StablehloReduceWindowOptions", 13), REDUCE_WINDOW, since="2.16.0",
        kernel=dtypes("float32 int32 int64 int8 uint8 int16 bool"), results="results*",
    ),
    Row(
        "SORT", 199, "inputs*", ("StablehloSortOptions", 14),
        {"dimension": INT64, "is_stable": boolean(), "comparator_subgraph": subgraph()}, results="results*",
    ),
    Row(
        "WHILE", 200, "operands*", ("StablehloWhileOptions", 15),
        {"cond_subgraph": subgraph(), "body_subgraph": subgraph()}, results="results*",
    ),
    Row(
        "GATHER", 201, "x indices", ("StablehloGatherOptions", 16), GATHER, _infer_gather, traits=Trait.MOVES_DATA,
        since="2.16.0", kernel=ARITHMETIC | dtypes("complex64"), evaluate=_gather,
    ),
    Row(
        "TRANSPOSE", 202, "x", ("StablehloTransposeOptions", 17), {"permutation": INT64S}, traits=Trait.MOVES_DATA
    ),
    Row(
        "RNG_BIT_GENERATOR", 204, "state", ("StablehloRngBitGeneratorOptions", 19),
        {"algorithm": enum8("DEFAULT", "PHILOX", "THREEFRY")}, _infer_random_bits, "state output", since="2.15.0",
        kernel=dtypes("uint64"),
    ),
    Row(
        "COMPOSITE", 206, "operands*", ("StableHLOCompositeOptions", 21), COMPOSITE, results="results*",
        since="2.17.0",
    ),
    Row(
        "SHIFT_LEFT", 207, "lhs rhs", ("StablehloShiftLeftOptions", 22), infer=_infer_binary,
        traits=Trait.ELEMENTWISE, since="2.17.0", kernel=dtypes("int8 int16 int32"),
    ),
    _unary("CBRT", 208),
    Row(
        "CASE", 209, "index operands*", ("StablehloCaseOptions", 23), {"branch_subgraphs": Attr("subgraphs", ())},
        lambda op: branch_types(op, op.attrs["branch_subgraphs"], op.inputs[1:]), "results*", since="2.17.0",
        kernel=dtypes("int32"),
    ),
)  # fmt: skip


CHECKS: Mapping[str, Check] = {"COMPOSITE": _composite_attributes}
def _dot_cost(op: Op) -> Dim:
    """A multiply-add for each result element and contracted one."""
    lhs = op.inputs[0].type.dims
    cost: Dim = op.results[0].type.count * product([lhs[int(axis)] for axis in op.attrs["lhs_contracting_dimensions"]])
    return cost


def _convolution_cost(op: Op) -> Dim:
    """A multiply-add for each result element, tap and input channel of its filter."""
    weights, units = op.inputs[1].type.dims, op.attrs["kernel_output_feature_dimension"]
    cost: Dim = op.results[0].type.count * product([d for axis, d in enumerate(weights) if axis != units])
    return cost


COSTS: Mapping[str, Callable[[Op], Dim]] = {
    **dict.fromkeys(("CLAMP", "SELECT", "COMPARE"), costs.result_elements),
    **dict.fromkeys(("REDUCE", "REDUCE_WINDOW"), costs.operand_elements),
    "SORT": costs.sorts,
    "DOT_GENERAL": _dot_cost,
    "CONVOLUTION": _convolution_cost,
}
GPU: Mapping[str, Check] = {
    "BROADCAST_IN_DIM": gpu.broadcast_in_dim,
    "CBRT": gpu.one_operand,
    "CLAMP": gpu.clamp,
    "REMAINDER": gpu.two_operands,
    "SHIFT_LEFT": gpu.two_operands,
}


def _declaration(row: Row) -> OpDef:
    return OpDef(
        f"STABLEHLO_{row.name}",
        row.code,
        declared_operands(row.operands, row.kernel, None),
        tuple(row.results.split()),
        row.attrs,
        row.options,
        options2=row.options is not None,
        traits=row.traits,
        infer=row.infer,
        evaluate=row.evaluate,
        foldable=has_no_nan if row.evaluate is not None else None,
        check=CHECKS.get(row.name) if row.since else lambda op: NO_KERNEL,
        runtimes={1: row.since} if row.since else {},
        cost=COSTS.get(row.name),
        gpu=GPU.get(row.name),
        xnnpack=xnnpack.composite if row.name == "COMPOSITE" else None,
    )


DEFINITIONS = tuple(_declaration(row) for row in ROWS)
