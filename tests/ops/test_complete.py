"""Every operator of the schema is declared, and its declaration agrees with the schema."""

import inspect
import re
from functools import cache

import pytest
from ai_edge_litert import schema_py_generated as schema

from litesmith.ir import Trait
from litesmith.ops import OPS

CODES = {k: v for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int) and not k.startswith("_")}
SOURCE = inspect.getsource(schema)
UNIONS = (schema.BuiltinOptions, schema.BuiltinOptions2)

NOT_INFERRED = {
    "STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONCATENATE STABLEHLO_CONVERT STABLEHLO_CONVOLUTION STABLEHLO_CUSTOM_CALL",
    "STABLEHLO_DOT_GENERAL STABLEHLO_DYNAMIC_SLICE STABLEHLO_IOTA STABLEHLO_REDUCE",
    "STABLEHLO_REDUCE_WINDOW STABLEHLO_RESHAPE STABLEHLO_SLICE STABLEHLO_SORT",
    "STABLEHLO_TRANSPOSE STABLEHLO_WHILE STABLEHLO_COMPOSITE",
    "CUSTOM DELEGATE PLACEHOLDER_FOR_GREATER_OP_CODES CONCAT_EMBEDDINGS READ_VARIABLE",
}
"""Read, written, printed and type-checked; whoever makes one gives its result types."""

STRUCT_SIZES = {"bool": "Bool", "int8": "Int8", "uint8": "Uint8", "int16": "Int16", "int32": "Int32", "int64": "Int64",
                "uint32": "Uint32", "float": "Float32", "enum8": "Int8", "enum_type": "Int8"}  # fmt: skip
VECTOR_WIDTHS = {"int32s": 4, "uint32s": 4, "int64s": 8, "floats": 4, "bools": 1, "bytes": 1, "subgraphs": 4}


def test_every_operator_of_the_schema_is_declared():
    assert {defn.name: defn.code for defn in OPS.values()} == CODES


def test_operators_without_inference_are_the_listed_ones():
    listed = {name for line in NOT_INFERRED for name in line.split()}
    assert {defn.name for defn in OPS.values() if defn.infer is None} == listed


@pytest.mark.parametrize("defn", [d for d in OPS.values() if d.options], ids=str)
def test_options_table_agrees_with_the_schema(defn):
    name, number = defn.options
    assert getattr(UNIONS[defn.options2], name) == number
    for index, (attr_name, attr) in enumerate(defn.attrs.items()):
        slot = index if attr.slot is None else attr.slot
        if attr.kind != "none" and slot >= 0:
            _check_field(name, slot, attr, attr_name)
    assert len(_fields(name)) == sum(a.slot != -1 and a.kind != "none" for a in defn.attrs.values())


@cache
def _fields(table: str) -> dict[int, tuple[str, str, str]]:
    """Slot -> name, stored type and default of each field, from the schema's own code."""
    pattern = rf"def {table}Add(\w+)\(builder, \w+\):\n\s+builder\.Prepend(\w+)Slot\((\d+), .*, (\S+)\)\n"
    return {int(slot): (field, stored, default) for field, stored, slot, default in re.findall(pattern, SOURCE)}


def _check_field(table: str, slot: int, attr, attr_name: str) -> None:
    field, stored, default = _fields(table)[slot]
    spelled = field.lower()
    assert attr_name.replace("_", "") in (spelled, spelled.replace("indices", "s").removesuffix("index"))
    if attr.kind in VECTOR_WIDTHS:
        width = re.search(rf"def {table}Start{field}Vector\(.*\n\s+return builder.StartVector\((\d+)", SOURCE)
        assert width is not None
        assert int(width[1]) == VECTOR_WIDTHS[attr.kind]
    elif attr.kind == "string":
        assert stored == "UOffsetTRelative"
    elif attr.kind in ("subgraph", "enum32"):
        assert stored in ("Int32", "Uint32")
    else:
        assert stored == STRUCT_SIZES[attr.kind]
        assert _stored_default(attr) == float(default)


def _stored_default(attr) -> float:
    if attr.kind == "enum_type":
        return float(attr.default.value)
    return float(attr.names.index(attr.default) if attr.names else attr.default)


@pytest.mark.parametrize("defn", OPS.values(), ids=str)
def test_declaration_is_consistent(defn):
    names = [operand.name for operand in defn.inputs]
    assert len(set(names)) == len(names)
    assert all(not operand.variadic for operand in defn.inputs[:-1])
    assert not isinstance(defn.version, int) or not defn.runtimes or defn.version in defn.runtimes
    assert not (Trait.REMOVABLE & defn.traits) or Trait.STATEFUL & defn.traits
    if defn.quant is not None:
        assert set(defn.quant.weights) <= set(names)
        assert defn.quant.bias is None or defn.quant.bias in names
    if defn.evaluate is not None:
        assert defn.infer is not None
