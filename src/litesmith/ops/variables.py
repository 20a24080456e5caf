"""Resource variables and hash tables.

A handle names its variable or table: two handles with one name share it. It is a resource of shape [] whose content's
type the declaration does not know, so a read states its result type.
"""

from __future__ import annotations

from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op
from litesmith.ir.opdef import Attr, OpDef, Trait
from litesmith.ir.types import TensorType
from litesmith.ops import micro, xnnpack
from litesmith.ops.common import RESOURCE, dtypes, element_type, int32, operands

STATE_READ = Trait.STATEFUL | Trait.REMOVABLE
CONTENT = dtypes("float32 float16 float64 int8 uint8 int16 uint16 int32 uint32 int64 uint64 bool complex64")
"""What a variable may hold; the kernel crashes on strings."""


def _infer_handle(op: Op) -> list[TensorType]:
    return [TensorType(DType.RESOURCE, ())]


VAR_HANDLE = OpDef(
    "VAR_HANDLE",
    142,
    (),
    attrs={"container": Attr("string", ""), "shared_name": Attr("string", "")},
    options=("VarHandleOptions", 111),
    infer=_infer_handle,
    runtimes={1: "2.6.0"},
    micro=micro.always,
    xnnpack=xnnpack.variable,
)

READ_VARIABLE = OpDef(
    "READ_VARIABLE",
    143,
    operands("resource", RESOURCE),
    options=("ReadVariableOptions", 112),
    traits=STATE_READ,
    runtimes={1: "2.6.0"},
    micro=micro.always,
    xnnpack=xnnpack.variable,
)

ASSIGN_VARIABLE = OpDef(
    "ASSIGN_VARIABLE",
    144,
    operands("resource value", RESOURCE, CONTENT),
    results=(),
    options=("AssignVariableOptions", 113),
    traits=Trait.STATEFUL,
    infer=lambda op: [],
    runtimes={1: "2.6.0"},
    micro=micro.always,
    xnnpack=xnnpack.variable,
)

KEYS = dtypes("string int64")


def _string_to_number_or_back(op: Op) -> str | None:
    key, value = (op.attrs["key_dtype"], op.attrs["value_dtype"])
    if (key, value) in ((DType.STRING, DType.INT64), (DType.INT64, DType.STRING)):
        return None
    return f"a table from {key} to {value} is not one from string to int64 or from int64 to string"


HASHTABLE = OpDef(
    "HASHTABLE",
    136,
    (),
    attrs={"table_id": int32(), "key_dtype": element_type(), "value_dtype": element_type()},
    options=("HashtableOptions", 107),
    infer=_infer_handle,
    check=_string_to_number_or_back,
    runtimes={1: "2.5.0"},
)


def _infer_find(op: Op) -> list[TensorType]:
    return [TensorType(op["default"].type.dtype, op["keys"].type.shape)]


HASHTABLE_FIND = OpDef(
    "HASHTABLE_FIND",
    137,
    operands("table keys default", RESOURCE, KEYS, KEYS),
    options=("HashtableFindOptions", 108),
    traits=STATE_READ,
    infer=_infer_find,
    runtimes={1: "2.5.0"},
)

HASHTABLE_IMPORT = OpDef(
    "HASHTABLE_IMPORT",
    138,
    operands("table keys values", RESOURCE, KEYS, KEYS),
    results=(),
    options=("HashtableImportOptions", 109),
    traits=Trait.STATEFUL,
    infer=lambda op: [],
    runtimes={1: "2.5.0"},
)

HASHTABLE_SIZE = OpDef(
    "HASHTABLE_SIZE",
    139,
    operands("table", RESOURCE),
    options=("HashtableSizeOptions", 110),
    traits=STATE_READ,
    infer=lambda op: [TensorType(DType.INT64, (1,))],
    runtimes={1: "2.5.0"},
)

DEFINITIONS = (
    VAR_HANDLE,
    READ_VARIABLE,
    ASSIGN_VARIABLE,
    HASHTABLE,
    HASHTABLE_FIND,
    HASHTABLE_IMPORT,
    HASHTABLE_SIZE,
)
