"""Reads the text that `ir.printer` writes. A large constant (``float32[64, 64]@w``) gets values seeded by its name."""

from __future__ import annotations

import ast
import re
import zlib
from typing import Any

import numpy as np

from litesmith.errors import FormatError
from litesmith.ir.dims import Dim, parse_dim
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Graph, Op, Program, Signature, Value
from litesmith.ir.opdef import OpSet
from litesmith.ir.types import Quantization, TensorType

_TOKEN = re.compile(
    r"""\s*(?:(?P<comment>//[^\n]*)|(?P<value>%[\w.]+)|(?P<ref>@[\w.]+)
    |(?P<string>b?'(?:[^'\\]|\\.)*'|b?"(?:[^"\\]|\\.)*")
    |(?P<number>-?(?:nan|inf)\b|-?\d+\.?\d*(?:e[+-]?\d+)?j?)|(?P<word>[A-Za-z_]\w*)
    |(?P<arrow>->)|(?P<punct>[-+*(){}\[\]<>,:=]))""",
    re.VERBOSE,
)


def parse_program(text: str, opset: OpSet) -> Program:
    """A program from text. Raises FormatError, with the line, where the text is not one."""
    return _Parser(text, opset).program()


class _Parser:
    def __init__(self, text: str, opset: OpSet) -> None:
        self.text = text
        self.opset = opset
        self.tokens = list(self._tokenize())
        self.at = 0
        self.graphs: dict[str, Graph] = {}
        self.called: set[str] = set()
        self.values: dict[str, Value] = {}

    def _tokenize(self) -> Any:
        position, end = 0, len(self.text.rstrip())
        while position < end:
            match = _TOKEN.match(self.text, position)
            if match is None:
                raise self._error("unreadable text", position)
            position = match.end()
            if match.lastgroup != "comment":
                yield match.lastgroup, match.group(match.lastgroup or 0), match.start(match.lastgroup or 0)
        yield "end", "", end

    def _error(self, message: str, position: int | None = None) -> FormatError:
        position = self.tokens[self.at][2] if position is None else position
        line = self.text.count("\n", 0, position) + 1
        return FormatError(f"IR text, line {line}: {message}")

    def peek(self, *texts: str) -> bool:
        kind, text, _ = self.tokens[self.at]
        return kind != "string" and text in texts

    def take(self, text: str) -> bool:
        if self.peek(text):
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.take(text):
            raise self._error(f"expected {text!r}, got {self.tokens[self.at][1]!r}")

    def token(self, kind: str) -> str:
        got, text, _ = self.tokens[self.at]
        if got != kind:
            raise self._error(f"expected a {kind}, got {text!r}")
        self.at += 1
        return str(text)

    def list_until(self, close: str, item: Any) -> list[Any]:
        items: list[Any] = []
        while not self.take(close):
            items.append(item())
            if not self.peek(close):
                self.expect(",")
        return items

    def program(self) -> Program:
        program = Program()
        while self.peek("graph"):
            self.graph()
        while self.take("signature"):
            program.signatures.append(self.signature())
        self.token("end")
        program.graphs = [g for name, g in self.graphs.items() if name not in self.called]
        return program

    def named_graph(self, name: str) -> Graph:
        return self.graphs.setdefault(name, Graph(name))

    def graph(self) -> None:
        self.expect("graph")
        graph = self.named_graph(self.token("word"))
        self.values = {}
        self.expect("(")
        for name, type_ in self.list_until(")", self.parameter):
            self.define(name, graph.add_input(type_, name))
        self.expect("{")
        while not self.take("return"):
            self.op(graph)
        outputs = []
        while not self.take("}"):
            outputs.append(self.operand())
            self.take(",")
        graph.outputs = [v for v in outputs if v is not None]

    def parameter(self) -> tuple[str, TensorType]:
        name = self.token("value")[1:]
        self.expect(":")
        return name, self.type()

    def define(self, name: str, value: Value) -> None:
        value.name = "" if name.isdigit() else name
        self.values[name] = value

    def op(self, graph: Graph) -> None:
        names = []
        while self.peek_kind("value"):
            names.append(self.token("value")[1:])
            self.take(",")
        if names:
            self.expect("=")
        word = self.token("word")
        if word not in self.opset:
            raise self._error(f"no operator {word}")
        defn = self.opset[word]
        self.expect("(")
        operands = self.list_until(")", self.operand)
        attrs = dict(self.list_until("}", self.attribute)) if self.take("{") else {}
        op = Op(defn, operands, {**defn.defaults, **attrs})
        for index, name in enumerate(names):
            self.expect("," if index else ":")
            value = Value(self.type())
            value.op, value.index = op, index
            op.results.append(value)
            self.define(name, value)
        graph.insert(op)

    def peek_kind(self, kind: str) -> bool:
        return bool(self.tokens[self.at][0] == kind)

    def operand(self) -> Value | None:
        if self.take("_"):
            return None
        if self.peek_kind("value"):
            name = self.token("value")[1:]
            if name not in self.values:
                raise self._error(f"%{name} is used before it is defined")
            return self.values[name]
        return self.constant()

    def constant(self) -> Value:
        type_ = self.type()
        if self.peek_kind("ref"):
            name = self.token("ref")[1:]
            array = seeded_array(name, type_)
        else:
            name = ""
            self.expect("(")
            array = np.array(self.list_until(")", self.literal), dtype=type_.dtype.numpy).reshape(type_.static_shape)
        value = Value.constant(array, name, type_.dtype)
        value.type = type_
        return value

    def attribute(self) -> tuple[str, Any]:
        name = self.token("word")
        self.expect("=")
        return name, self.attribute_value()

    def attribute_value(self) -> Any:
        if self.peek_kind("ref"):
            name = self.token("ref")[1:]
            self.called.add(name)
            return self.named_graph(name)
        if self.take("["):
            return tuple(self.list_until("]", self.attribute_value))
        if self.peek_kind("word") and not self.peek("True", "False", "None"):
            word = self.token("word")
            return DType.parse(word) if word.upper() in DType.__members__ and word.islower() else word
        return self.literal()

    def literal(self) -> Any:
        kind, text, _ = self.tokens[self.at]
        self.at += 1
        if kind == "number" and text.lstrip("-") in ("nan", "inf"):
            return float(text)
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError) as error:
            raise self._error(f"expected a literal, got {text!r}") from error

    def type(self) -> TensorType:
        word = self.token("word")
        try:
            dtype = DType.parse(word)
        except KeyError:
            raise self._error(f"no element type {word}") from None
        self.expect("[")
        if self.peek("*"):
            self.expect("*")
            self.expect("]")
            return TensorType(dtype, None)
        shape = tuple(self.list_until("]", self.dim))
        return TensorType(dtype, shape, self.quantization() if self.take("<") else None)

    def dim(self) -> Dim:
        depth, text = 0, ""
        while depth or not self.peek(",", "]"):
            depth += self.peek("(") - self.peek(")")
            text += str(self.tokens[self.at][1])
            self.at += 1
        try:
            return parse_dim(text)
        except ValueError as error:
            raise self._error(str(error)) from error

    def quantization(self) -> Quantization:
        self.expect("[")
        scale = np.array(self.list_until("]", self.literal), np.float32)
        self.expect(",")
        self.expect("[")
        zero_point = np.array(self.list_until("]", self.literal), np.int64)
        self.expect(",")
        axis = int(self.literal())
        self.expect(">")
        return Quantization(scale, zero_point, axis)

    def signature(self) -> Signature:
        key = self.literal()
        graph = self.named_graph(self.token("word"))
        self.expect("(")
        inputs = dict(self.list_until(")", self.attribute))
        self.token("arrow")
        self.expect("(")
        return Signature(key, graph, inputs, dict(self.list_until(")", self.attribute)))


def seeded_array(name: str, type_: TensorType) -> np.ndarray[Any, Any]:
    """Reproducible values for a constant printed by name only: normal floats, small integers."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if type_.dtype.is_float:
        return rng.standard_normal(type_.static_shape).astype(type_.dtype.numpy)
    return rng.integers(0, 2 if type_.dtype is DType.BOOL else 8, type_.static_shape).astype(type_.dtype.numpy)
