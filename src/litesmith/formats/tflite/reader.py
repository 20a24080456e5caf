"""Reads a `.tflite` file into a program.

Everything is read by the operators' declarations. What the IR cannot hold is refused, never dropped, but for what the
runtime ignores: ``mutating_variable_inputs``, the subtypes of variant tensors and the links into debug metadata.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litesmith._util.mapping import map_file
from litesmith.errors import FormatError
from litesmith.formats.tflite import slots
from litesmith.formats.tflite.archive import read_archive
from litesmith.formats.tflite.decoder import FlatBuffer, Table
from litesmith.formats.tflite.infer import Inference
from litesmith.formats.tflite.options import (
    CUSTOM,
    CUSTOM_CODE,
    CUSTOM_OPTIONS,
    CUSTOM_VERSION,
    operator_number,
    read_options,
)
from litesmith.formats.tflite.tensor_reader import BufferReader, TensorReader
from litesmith.formats.tflite.tensors import INTERMEDIATES
from litesmith.formats.tflite.writer import FILE_IDENTIFIER, SCHEMA_VERSION
from litesmith.ir import Graph, Op, OpDef, OpSet, Origin, Program, Signature, Value
from litesmith.ops import OPS


def read_model(
    source: bytes | bytearray | memoryview | str | os.PathLike[str],
    *,
    opset: OpSet = OPS,
    numbers: dict[Value, int] | None = None,
) -> Program:
    """The program of a `.tflite` file, given as its bytes or its path. Constants are views of the bytes or the file.

    numbers: receives the number that each tensor has in its subgraph.
    Raises FormatError for a file that is missing, damaged or holds what the program could not.
    """
    return read_graphs(source, opset=opset, numbers=numbers)[0]


def read_graphs(
    source: bytes | bytearray | memoryview | str | os.PathLike[str],
    *,
    opset: OpSet = OPS,
    numbers: dict[Value, int] | None = None,
) -> tuple[Program, list[Graph]]:
    """The program of a `.tflite` file and its graphs in the order of the file. Errors: see `read_model`."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _Model(np.frombuffer(source, np.uint8), opset).read(numbers)
    path = os.fspath(source)
    try:
        return _Model(map_file(path), opset).read(numbers)
    except FormatError as error:
        if error.path:
            raise
        raise FormatError(error.message, path=path, fix=error.fix) from None
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror or error}", path=path) from error


@dataclass
class _Operator:
    """An operator as it stands in the file: tensors by number, absent ones -1."""

    defn: OpDef
    operands: list[int]
    results: list[int]
    attrs: dict[str, Any]
    intermediates: list[int] = field(default_factory=list)


class _Model:
    """A file while it is read."""

    def __init__(self, data: NDArray[np.uint8], opset: OpSet) -> None:
        self.buffer = FlatBuffer(data)
        self.root = self.buffer.root(FILE_IDENTIFIER)
        self.root.require_known(slots.Model)
        version = self.root.scalar(slots.Model.VERSION, "I")
        if version != SCHEMA_VERSION:
            raise FormatError(f"the file has schema version {version}, expected {SCHEMA_VERSION}")
        self.codes = [
            _operator_code(table, opset) for table in self.root.tables(slots.Model.OPERATOR_CODES, "OperatorCode")
        ]
        self.buffers = BufferReader(self.buffer, self.root.tables(slots.Model.BUFFERS, "Buffer"))
        self.subgraphs = self.root.tables(slots.Model.SUBGRAPHS, "SubGraph")
        if not self.subgraphs:
            raise FormatError("the file has no subgraph")
        self.graphs = [Graph(table.text(slots.SubGraph.NAME)) for table in self.subgraphs]
        self.inference = Inference()

    def read(self, numbers: dict[Value, int] | None = None) -> tuple[Program, list[Graph]]:
        """The whole program, and its graphs in the order of the file."""
        return self._program(numbers), self.graphs

    def _program(self, numbers: dict[Value, int] | None) -> Program:
        operators = [self._operators(table) for table in self.subgraphs]
        tensors = [TensorReader(t, self.buffers, self.inference) for t in self.subgraphs]
        for number in _callees_first(operators, self.graphs):
            reader = _GraphReader(self, number, tensors[number])
            reader.read(operators[number])
            if numbers is not None:
                numbers.update((value, n) for n, value in reader.values.items())
        signatures = [self._signature(t, tensors) for t in self.root.tables(slots.Model.SIGNATURES, "SignatureDef")]
        metadata = self._metadata()
        outside = (slots.Model.EXTERNAL_GROUPS, slots.Model.EXTERNAL_BUFFERS)
        if any(self.root.tables(slot, "ExternalBuffer") for slot in outside):
            raise FormatError("the weights lie in other files, which is not supported")
        entries = self._entries(operators, signatures)
        files = dict(read_archive(self.buffer.view).files)
        return Program(entries, signatures, metadata, self.root.text(slots.Model.DESCRIPTION), files=files)

    def _operators(self, subgraph: Table) -> list[_Operator]:
        subgraph.require_known(slots.SubGraph)
        return [self._operator(table) for table in subgraph.tables(slots.SubGraph.OPERATORS, "Operator")]

    def _operator(self, table: Table) -> _Operator:
        table.require_known(slots.Operator)
        index = table.scalar(slots.Operator.CODE, "I")
        if index >= len(self.codes):
            raise FormatError(f"an operator has code {index} of {len(self.codes)}")
        defn, custom_code, version = self.codes[index]
        operands, results = (table.array(s, "<i4").tolist() for s in (slots.Operator.INPUTS, slots.Operator.OUTPUTS))
        attrs = {**defn.defaults, **read_options(_options_table(table, defn), defn, self.graphs)}
        if defn.code == CUSTOM:
            options = self._custom_options(table)
            attrs |= {CUSTOM_CODE: custom_code, CUSTOM_OPTIONS: options, CUSTOM_VERSION: version}
        elif table.span(slots.Operator.CUSTOM_OPTIONS)[1]:
            raise FormatError(f"{defn.name} has custom options, which only CUSTOM has")
        intermediates = table.array(slots.Operator.INTERMEDIATES, "<i4").tolist()
        if intermediates and INTERMEDIATES not in attrs:
            raise FormatError(f"{defn.name} has intermediate tensors, which its declaration does not know")
        return _Operator(defn, operands, results, attrs, intermediates)

    def _custom_options(self, table: Table) -> bytes:
        if table.scalar(slots.Operator.CUSTOM_FORMAT, "b"):
            raise FormatError("custom options in a format that is not FlexBuffers")
        start = table.scalar(slots.Operator.LARGE_CUSTOM_START, "Q")
        if start <= 1:
            return table.octets(slots.Operator.CUSTOM_OPTIONS)
        return self.buffers.bytes_at(start, table.scalar(slots.Operator.LARGE_CUSTOM_SIZE, "Q"))

    def _signature(self, table: Table, tensors: Sequence[TensorReader]) -> Signature:
        table.require_known(slots.SignatureDef)
        index, key = table.scalar(slots.SignatureDef.SUBGRAPH, "I"), table.text(slots.SignatureDef.KEY)
        if index >= len(self.graphs):
            raise FormatError(f"signature {key!r} is of subgraph {index} of {len(self.graphs)}")
        inputs, outputs = tensors[index].inputs, tensors[index].outputs
        places = _places(table, slots.SignatureDef.INPUTS, inputs, key)
        return Signature(key, self.graphs[index], places, _places(table, slots.SignatureDef.OUTPUTS, outputs, key))

    def _metadata(self) -> dict[str, bytes]:
        entries: dict[str, bytes] = {}
        numbers = {0}
        for table in self.root.tables(slots.Model.METADATA, "Metadata"):
            table.require_known(slots.Metadata)
            name, number = table.text(slots.Metadata.NAME), table.scalar(slots.Metadata.BUFFER, "I")
            if name in entries:
                raise FormatError(f"there are two metadata entries {name!r}")
            entries[name] = self.buffers.contents(number)
            numbers.add(number)
        if not numbers.issuperset(self.root.array(slots.Model.METADATA_BUFFER, "<i4").tolist()):
            raise FormatError("metadata_buffer lists a buffer that no metadata entry names")
        return entries

    def _entries(self, operators: Sequence[Sequence[_Operator]], signatures: Sequence[Signature]) -> list[Graph]:
        """Graphs that are entry points: the first, those with a signature and those nothing calls."""
        called = {id(g) for ops in operators for op in ops for g in _called_graphs(op)}
        entered = {id(self.graphs[0]), *(id(s.graph) for s in signatures)}
        return [g for g in self.graphs if id(g) in entered or id(g) not in called]


class _GraphReader:
    """Makes the values and operations of one subgraph."""

    def __init__(self, model: _Model, number: int, tensors: TensorReader) -> None:
        self.graph = model.graphs[number]
        self.tensors = tensors
        self.inference = model.inference
        self.values: dict[int, Value] = {}

    def read(self, operators: Iterable[_Operator]) -> None:
        """Fills the graph. Raises FormatError where tensors are used before they are made, or made twice."""
        for number in self.tensors.inputs:
            type_ = self.inference.name_dimensions(self.tensors.type(number))
            self._define(number, self.graph.add_input(type_, self.tensors.name(number)))
        for operator in operators:
            self._op(operator)
        self.graph.outputs = [self._operand(number, "the graph") for number in self.tensors.outputs]

    def _define(self, number: int, value: Value) -> None:
        if number in self.values or self.tensors.has_data(number):
            raise FormatError(f"tensor {number} ({self.tensors.name(number)!r}) has more than one source")
        value.is_variable = self.tensors.is_variable(number)
        self.values[number] = value

    def _operand(self, number: int, user: str) -> Value:
        value = self.values.get(number)
        if value is None:
            value = self.values[number] = self.tensors.source(number, user)
        return value

    def _op(self, operator: _Operator) -> None:
        defn = operator.defn
        _require_arity(operator)
        operands = [None if n == -1 else self._operand(n, defn.name) for n in operator.operands]
        attrs = operator.attrs
        if operator.intermediates:
            types = (None if n == -1 else self.tensors.type(n) for n in operator.intermediates)
            attrs[INTERMEDIATES] = tuple(None if t is None else self.inference.name_dimensions(t) for t in types)
        declared = [self.tensors.type(n) for n in operator.results]
        for name, attr in defn.attrs.items():
            if attr.slot == -1 and attr.kind == "enum_type" and declared:
                attrs[name] = declared[-1].dtype
        names = [self.tensors.name(n) for n in operator.results]
        op = Op(defn, operands, attrs, (Origin(defn.name, names[0] if names else ""),))
        for index, (number, name) in enumerate(zip(operator.results, names, strict=True)):
            value = Value(declared[index], name)
            value.op, value.index = op, index
            op.results.append(value)
            self._define(number, value)
        self.inference.complete(op)
        self.graph.insert(op)


def _operator_code(table: Table, opset: OpSet) -> tuple[OpDef, str, int]:
    table.require_known(slots.OperatorCode)
    code, custom_code, version = operator_number(table)
    defn = opset.by_code(code)
    if defn is None:
        custom = f" ({custom_code!r})" if code == CUSTOM else ""
        raise FormatError(f"the file has operator number {code}{custom}, which is not known", fix="upgrade litesmith")
    return defn, custom_code, version


def _options_table(table: Table, defn: OpDef) -> Table | None:
    """The options of an operator; those of another type or in the other union are refused."""
    slot = slots.Operator.OPTIONS_2_TYPE if defn.options2 else slots.Operator.OPTIONS_TYPE
    present = {s: table.scalar(s, "B") for s in (slots.Operator.OPTIONS_TYPE, slots.Operator.OPTIONS_2_TYPE)}
    number = present.pop(slot)
    if any(present.values()) or (number and (defn.options is None or number != defn.options[1])):
        raise FormatError(f"{defn.name} has options of another operator")
    return table.table(slot + 1, f"{defn.name} options") if number else None


def _require_arity(operator: _Operator) -> None:
    defn, operands = operator.defn, operator.operands
    if len(operands) > len(defn.inputs) and not defn.is_variadic:
        raise FormatError(f"{defn.name} has {len(operands)} operands, takes {len(defn.inputs)}")
    for index, declared in enumerate(defn.inputs):
        absent = index >= len(operands) or operands[index] == -1
        if absent and not declared.optional and not declared.variadic:
            raise FormatError(f"{defn.name} lacks operand {declared.name!r}")
    if not defn.has_variadic_results and len(operator.results) != len(defn.results):
        raise FormatError(f"{defn.name} has {len(operator.results)} results, makes {len(defn.results)}")


def _called_graphs(operator: _Operator) -> list[Graph]:
    return Op(operator.defn, [], operator.attrs).subgraphs


def _callees_first(operators: Sequence[Sequence[_Operator]], graphs: Sequence[Graph]) -> list[int]:
    """Numbers of all graphs, each after those it calls (but for recursion), so that results can be inferred."""
    numbers = {id(g): i for i, g in enumerate(graphs)}
    calls = [[numbers[id(g)] for op in ops for g in _called_graphs(op)] for ops in operators]
    order: list[int] = []
    entered: set[int] = set()
    for start in range(len(graphs)):
        stack = [(start, False)]
        while stack:
            number, left = stack.pop()
            if left:
                order.append(number)
            elif number not in entered:
                entered.add(number)
                stack += [(number, True), *((callee, False) for callee in calls[number])]
    return order


def _places(table: Table, slot: int, numbers: Sequence[int], key: str) -> dict[str, int]:
    """Names of a signature's inputs or outputs and their positions among the graph's."""
    positions: dict[int, list[int]] = {}
    for position, number in enumerate(numbers):
        positions.setdefault(number, []).append(position)
    places: dict[str, int] = {}
    for entry in table.tables(slot, "TensorMap"):
        entry.require_known(slots.TensorMap)
        name, number = entry.text(slots.TensorMap.NAME), entry.scalar(slots.TensorMap.TENSOR, "I")
        if name in places or number not in positions:
            raise FormatError(f"signature {key!r} names {name!r} twice or a tensor that is neither an input nor an output")
        left = positions[number]  # one tensor may be several outputs, each under a name of its own
        places[name] = left.pop(0) if len(left) > 1 else left[0]
    return places
