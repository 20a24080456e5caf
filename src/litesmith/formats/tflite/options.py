"""Options tables of operators, written and read by the attributes of their declaration; no table of operators here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from litesmith.errors import FormatError
from litesmith.formats.tflite import slots
from litesmith.formats.tflite.decoder import Table
from litesmith.formats.tflite.encoder import REF, Encoder, Field
from litesmith.ir import Attr, DType, Graph, OpDef

SCALARS = {
    "bool": "?",
    "int8": "b",
    "uint8": "B",
    "int16": "h",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "float": "f",
    "enum8": "b",
    "enum32": "I",
    "enum_type": "b",
    "subgraph": "i",
}
"""Attribute kinds stored in the table itself, with their `struct` code."""

VECTORS = {"int32s": "<i4", "uint32s": "<u4", "int64s": "<i8", "floats": "<f4", "bools": "?", "subgraphs": "<i4"}
"""Attribute kinds stored as a vector, with their NumPy dtype."""

CUSTOM = 32
"""Number of the operator whose name and options lie outside of the options tables, in these attributes of slot -1."""
CUSTOM_CODE = "custom_code"
CUSTOM_OPTIONS = "custom_options"
CUSTOM_VERSION = "custom_version"

ZEROS: Mapping[str, Any] = {"bool": False, "float": 0.0, "string": "", "bytes": b""}
"""Zero of the attribute kinds that are neither whole numbers nor vectors."""

GraphIndex = Callable[[Graph], int]


@cache
def fields_by_slot(defn: OpDef) -> Mapping[int, tuple[str, Attr]]:
    """Name and attribute of each field of the operator's options table, by slot; unused slots included."""
    placed = ((index if a.slot is None else a.slot, name, a) for index, (name, a) in enumerate(defn.attrs.items()))
    return {slot: (name, attr) for slot, name, attr in placed if slot >= 0}


def write_options(encoder: Encoder, defn: OpDef, attrs: Mapping[str, object], graph_index: GraphIndex) -> int:
    """Writes the options table of an operation and returns its position. Fields at their default are left out."""
    fields: list[Field] = []
    for slot, (name, attr) in fields_by_slot(defn).items():
        if attr.kind == "none":
            continue
        try:
            fields += _field(encoder, slot, attr, attrs[name], graph_index)
        except (ValueError, TypeError, OverflowError, KeyError) as error:
            reason = f"{defn.name}: attribute {name!r} ({attr.kind}) cannot hold {attrs.get(name)!r}"
            raise ValueError(reason) from error
    return encoder.table(fields)


def _field(encoder: Encoder, slot: int, attr: Attr, value: Any, graph_index: GraphIndex) -> Iterator[Field]:
    kind = attr.kind
    if kind in SCALARS:
        stored = _scalar_value(attr, value, graph_index)
        if stored is not None:
            yield slot, SCALARS[kind], stored
    elif not value:
        return
    elif kind == "string":
        yield slot, REF, encoder.string(value)
    elif kind == "bytes":
        yield slot, REF, encoder.octets(value)
    else:
        elements = [graph_index(g) for g in value] if kind == "subgraphs" else value
        yield slot, REF, encoder.scalars(elements, VECTORS[kind])


def _scalar_value(attr: Attr, value: Any, graph_index: GraphIndex) -> int | float | None:
    """What a scalar field holds, None where it is left out."""
    if attr.kind == "subgraph":
        return None if value is None else graph_index(value)
    if attr.kind == "float":
        value = float(value)  # repr, because -0.0 == 0.0
        return None if repr(value) == repr(float(attr.default)) else value
    if value == attr.default:
        return None
    if attr.kind.startswith("enum"):
        return int(value.value) if isinstance(value, DType) else attr.names.index(value)
    return bool(value) if attr.kind == "bool" else int(value)


def operator_number(table: Table) -> tuple[int, str, int]:
    """Number, custom code and version that an operator code says."""
    known = slots.OperatorCode
    number = max(table.scalar(known.NARROW, "b"), table.scalar(known.CODE, "i"))
    return number, table.text(known.CUSTOM_CODE), table.scalar(known.VERSION, "i", 1)


def read_options(table: Table | None, defn: OpDef, graphs: Sequence[Graph]) -> dict[str, object]:
    """The attributes an options table holds. Raises FormatError for what the declaration does not know.

    An operation without its table has all fields zero in the runtime, whatever their defaults.
    """
    declared = fields_by_slot(defn)
    if table is not None:
        unknown = next((slot for slot in table.slots if slot not in declared), None)
        if unknown is not None:
            reason = f"field {unknown} of the options of {defn.name} is not known"
            raise FormatError(reason, fix="upgrade litesmith")
    known = ((slot, name, attr) for slot, (name, attr) in declared.items() if attr.kind != "none")
    return {name: _read_field(table, slot, name, attr, graphs) for slot, name, attr in known}


def _read_field(table: Table | None, slot: int, name: str, attr: Attr, graphs: Sequence[Graph]) -> object:
    kind = attr.kind
    if kind == "subgraph":
        index = None if table is None or table.place(slot) is None else table.scalar(slot, SCALARS[kind])
        return None if index is None else _graph(index, graphs)
    if kind in SCALARS:
        number = ZEROS.get(kind, 0) if table is None else table.scalar(slot, SCALARS[kind], None)
        return attr.default if number is None else _read_scalar(attr, name, number)
    if table is None:
        return ZEROS.get(kind, ())
    if kind == "string":
        return table.text(slot)
    if kind == "bytes":
        return table.octets(slot)
    elements = table.array(slot, VECTORS[kind]).tolist()
    return tuple(_graph(index, graphs) for index in elements) if kind == "subgraphs" else tuple(elements)


def _read_scalar(attr: Attr, name: str, number: int) -> object:
    if attr.kind == "enum_type":
        return element_type(number)
    if not attr.names:
        return number
    if not 0 <= number < len(attr.names):
        raise FormatError(f"attribute {name!r} has the unknown value {number}", fix="upgrade litesmith")
    return attr.names[number]


def element_type(number: int) -> DType:
    """The element type with this number. Raises FormatError when there is none."""
    try:
        return DType(number)
    except ValueError:
        raise FormatError(f"there is no element type {number}", fix="upgrade litesmith") from None


def _graph(index: int, graphs: Sequence[Graph]) -> Graph:
    if not 0 <= index < len(graphs):
        raise FormatError(f"an operation calls subgraph {index} of {len(graphs)}")
    return graphs[index]
