"""Tiny .tflite files built with the schema classes the runtime ships, independent of our own writer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

TYPES = schema.TensorType
OPS = schema.BuiltinOperator


@dataclass(frozen=True)
class Tensor:
    """shape: -1 is an unknown size; data: the elements of a constant; variable: kept between runs."""

    name: str
    shape: Sequence[int]
    type: int = TYPES.FLOAT32
    data: np.ndarray | None = None
    variable: bool = False

    def table(self, buffers: list[Any]) -> Any:
        table = schema.TensorT()
        table.name, table.type, table.isVariable = self.name, self.type, self.variable
        table.shape = [1 if size == -1 else size for size in self.shape]
        if -1 in self.shape:
            table.shapeSignature = list(self.shape)
        table.hasRank = True
        table.buffer = 0
        if self.data is not None:
            table.buffer = len(buffers)
            buffers.append(schema.BufferT())
            buffers[-1].data = np.frombuffer(self.data.tobytes(), np.uint8)
        return table


@dataclass(frozen=True)
class Node:
    """An operator: code, operand and result indices, options table and its number in the union, custom
    name."""

    code: int
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: Any = None
    options_type: int = 0
    custom: str = ""


@dataclass(frozen=True)
class Subgraph:
    tensors: Sequence[Tensor]
    inputs: Sequence[int]
    outputs: Sequence[int]
    nodes: Sequence[Node] = ()


@dataclass(frozen=True)
class Signature:
    key: str
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    subgraph: int = 0


@dataclass
class Assembler:
    """Collects the shared tables of one model file."""

    codes: list[tuple[int, str]] = field(default_factory=list)
    buffers: list[Any] = field(default_factory=lambda: [schema.BufferT()])

    def code_index(self, code: tuple[int, str]) -> int:
        if code not in self.codes:
            self.codes.append(code)
        return self.codes.index(code)

    def operator(self, node: Node) -> Any:
        table = schema.OperatorT()
        table.opcodeIndex = self.code_index((node.code, node.custom))
        table.inputs, table.outputs = list(node.inputs), list(node.outputs)
        table.builtinOptions, table.builtinOptionsType = node.options, node.options_type
        return table

    def subgraph(self, graph: Subgraph) -> Any:
        table = schema.SubGraphT()
        table.tensors = [tensor.table(self.buffers) for tensor in graph.tensors]
        table.inputs, table.outputs = list(graph.inputs), list(graph.outputs)
        table.operators = [self.operator(node) for node in graph.nodes]
        return table

    def operator_code(self, code: int, custom: str) -> Any:
        table = schema.OperatorCodeT()
        table.customCode = custom or None
        table.builtinCode, table.deprecatedBuiltinCode, table.version = code, min(code, 127), 1
        return table


def _maps(names: Mapping[str, int]) -> list[Any]:
    tables = []
    for name, index in names.items():
        table = schema.TensorMapT()
        table.name, table.tensorIndex = name, index
        tables.append(table)
    return tables


def _signature(signature: Signature) -> Any:
    table = schema.SignatureDefT()
    table.signatureKey, table.subgraphIndex = signature.key, signature.subgraph
    table.inputs, table.outputs = _maps(signature.inputs), _maps(signature.outputs)
    return table


def model(graphs: Subgraph | Sequence[Subgraph], signatures: Sequence[Signature] = ()) -> bytes:
    """The bytes of a .tflite file."""
    graphs = [graphs] if isinstance(graphs, Subgraph) else graphs
    parts, table = Assembler(), schema.ModelT()
    table.version = 3
    table.subgraphs = [parts.subgraph(graph) for graph in graphs]
    table.operatorCodes = [parts.operator_code(*code) for code in parts.codes]
    table.buffers = parts.buffers
    table.signatureDefs = [_signature(signature) for signature in signatures]
    builder = flatbuffers.Builder(1024)
    builder.Finish(table.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def add(inputs: Sequence[int], output: int) -> Node:
    return Node(OPS.ADD, inputs, [output], schema.AddOptionsT(), schema.BuiltinOptions.AddOptions)


def sub(inputs: Sequence[int], output: int) -> Node:
    return Node(OPS.SUB, inputs, [output], schema.SubOptionsT(), schema.BuiltinOptions.SubOptions)


def var_handle(output: int, name: str = "counter") -> Node:
    options = schema.VarHandleOptionsT()
    options.sharedName = name
    return Node(OPS.VAR_HANDLE, [], [output], options, schema.BuiltinOptions.VarHandleOptions)


def unary(kind: str, shape: Sequence[int] = (-1, 3)) -> Subgraph:
    """``y = log(x)`` and the like: one operator that has no options."""
    return Subgraph([Tensor("x", shape), Tensor("y", shape)], [0], [1], [Node(getattr(OPS, kind), [0], [1])])


def plus_one(shape: Sequence[int] = (-1, 3), node: Callable[..., Node] = add) -> Subgraph:
    """``y = x + 1``, or with another operator of two operands."""
    one = Tensor("one", [1], data=np.ones(1, np.float32))
    return Subgraph([Tensor("x", shape), one, Tensor("y", shape)], [0], [2], [node([0, 1], 2)])


def identity(shape: Sequence[int], type: int) -> Subgraph:
    """The input is the output."""
    return Subgraph([Tensor("x", shape, type)], [0], [0])


def counter() -> Subgraph:
    """A model with state: adds its input to a variable and returns the sum so far."""
    tensors = [
        Tensor("x", [2]),
        Tensor("handle", [], TYPES.RESOURCE),
        Tensor("before", [2]),
        Tensor("sum", [2]),
    ]
    nodes = [
        var_handle(1),
        Node(OPS.READ_VARIABLE, [1], [2]),
        add([0, 2], 3),
        Node(OPS.ASSIGN_VARIABLE, [1, 3], []),
    ]
    return Subgraph(tensors, [0], [3], nodes)


def initial_zero(variable: str = "counter") -> Subgraph:
    """The subgraph that a CALL_ONCE runs to set the variable to zeros."""
    zeros = Tensor("zeros", [2], data=np.zeros(2, np.float32))
    nodes = [var_handle(0, variable), Node(OPS.ASSIGN_VARIABLE, [0, 1], [])]
    return Subgraph([Tensor("handle", [], TYPES.RESOURCE), zeros], [], [], nodes)


def counting_model() -> bytes:
    options = schema.CallOnceOptionsT()
    options.initSubgraphIndex = 1
    once = Node(OPS.CALL_ONCE, [], [], options, schema.BuiltinOptions.CallOnceOptions)
    main = counter()
    return model(
        [Subgraph(main.tensors, main.inputs, main.outputs, [once, *main.nodes]), initial_zero()],
        [Signature("count", {"x": 0}, {"sum": 3})],
    )
