"""The StableHLO operators of the schema, as a table.

They are read, written, printed and type-checked; the runtime has kernels for a few of them only, and nothing here is
emitted where a built-in operator of the older vocabulary says the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op
from litesmith.ir.opdef import Attr, DTypes, Infer, OpDef, Trait
from litesmith.ir.types import TensorType
from litesmith.ops.common import boolean, dtypes, enum8, same_as, subgraph
from litesmith.ops.common import operands as declared_operands
from litesmith.ops.control import joined_branches

NO_KERNEL = "the runtime has no kernel for it"

INT64 = Attr("int64", 0)
INT64S = Attr("int64s", ())
PRECISION = Attr("uint32s", ())
ARITHMETIC = dtypes("float32 float16 bfloat16 int32 int64 int16 int8 uint8")

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


def _unary(name: str, code: int, since: str = "", kernel: DTypes | None = None) -> Row:
    return Row(name, code, "x", infer=same_as("x"), traits=Trait.ELEMENTWISE, since=since, kernel=kernel)


def _binary(name: str, code: int, since: str = "", kernel: DTypes | None = None) -> Row:
    return Row(name, code, "lhs rhs", infer=same_as("lhs"), traits=Trait.ELEMENTWISE, since=since, kernel=kernel)


ROWS = (
    _unary("LOGISTIC", 162),
    _binary("ADD", 163, "2.16.0", ARITHMETIC),
    _binary("DIVIDE", 164),
    _binary("MULTIPLY", 165, "2.16.0", ARITHMETIC),
    _binary("MAXIMUM", 166, "2.16.0", ARITHMETIC),
    Row("RESHAPE", 167, "x", traits=Trait.MOVES_DATA),
    Row("CLAMP", 168, "min x max", infer=same_as("x")),
    Row("CONCATENATE", 169, "inputs*", ("StablehloConcatenateOptions", 1), {"dimension": INT64}),
    Row(
        "BROADCAST_IN_DIM", 170, "x", ("StablehloBroadcastInDimOptions", 2), {"broadcast_dimensions": INT64S},
        traits=Trait.MOVES_DATA,
    ),
    Row("CONVOLUTION", 171, "lhs rhs", ("StablehloConvolutionOptions", 4), CONVOLUTION),
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
    _binary("AND", 176, "2.17.0", dtypes("bool int8 int16 int32 int64")),
    _unary("COSINE", 177),
    _unary("EXPONENTIAL", 178),
    _unary("FLOOR", 179),
    _unary("LOG", 180),
    _binary("MINIMUM", 181, "2.16.0", ARITHMETIC),
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
        kernel=dtypes("float32 float16 int32 int64 int8 uint8 int16 bool"),
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
        {"edge_padding_low": INT64S, "edge_padding_high": INT64S, "interior_padding": INT64S}, since="2.16.0",
        kernel=ARITHMETIC,
    ),
    Row("IOTA", 196, "", ("StablehloIotaOptions", 11), {"iota_dimension": INT64}),
    Row("DOT_GENERAL", 197, "lhs rhs", ("StablehloDotGeneralOptions", 12), DOT_GENERAL),
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
        "GATHER", 201, "x indices", ("StablehloGatherOptions", 16), GATHER, since="2.16.0",
        kernel=dtypes("float32 float16 int32 int64 int8 uint8 int16 bool"), traits=Trait.MOVES_DATA,
    ),
    Row(
        "TRANSPOSE", 202, "x", ("StablehloTransposeOptions", 17), {"permutation": INT64S}, traits=Trait.MOVES_DATA
    ),
    Row(
        "RNG_BIT_GENERATOR", 204, "state", ("StablehloRngBitGeneratorOptions", 19),
        {"algorithm": enum8("DEFAULT", "PHILOX", "THREEFRY")}, results="state output", since="2.15.0",
        kernel=dtypes("uint64"),
    ),
    Row(
        "COMPOSITE", 206, "operands*", ("StableHLOCompositeOptions", 21), COMPOSITE, results="results*",
        since="2.17.0",
    ),
    Row(
        "SHIFT_LEFT", 207, "lhs rhs", ("StablehloShiftLeftOptions", 22), infer=same_as("lhs"),
        traits=Trait.ELEMENTWISE, since="2.17.0", kernel=dtypes("int8 int16 int32"),
    ),
    _unary("CBRT", 208, "2.17.0", dtypes("float32")),
    Row(
        "CASE", 209, "index operands*", ("StablehloCaseOptions", 23), {"branch_subgraphs": Attr("subgraphs", ())},
        lambda op: joined_branches(op, op.attrs["branch_subgraphs"], op.inputs[1:]), "results*", since="2.17.0",
        kernel=dtypes("int32"),
    ),
)  # fmt: skip


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
        check=None if row.since else lambda op: NO_KERNEL,
        runtimes={1: row.since} if row.since else {},
    )


DEFINITIONS = tuple(_declaration(row) for row in ROWS)
