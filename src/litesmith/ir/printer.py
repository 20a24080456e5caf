"""IR as text. The form is read back by `ir.parser`, so that passes are tested as text.

    graph main(%x: float32[b, 28, 28, 1] "image") {
      %0 = CONV_2D(%x, const float32[8, 3, 3, 1] #1f2e, %bias) {padding=SAME} : float32[b, 28, 28, 8]
      return %0
    }

Small constants are printed with their elements, large ones by a name (``@w``); attributes that have
their default value are left out.
"""

from __future__ import annotations

import numpy as np

from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Graph, Op, Program, Value
from litesmith.ir.opdef import Attr

INLINE = 16
"""Constants up to this many elements are printed in full."""


def print_program(program: Program) -> str:
    """Every graph of the program, then its signatures."""
    graphs = program.all_graphs()
    text = "\n".join(print_graph(g) for g in graphs)
    for s in program.signatures:
        ins = ", ".join(f"{name}={i}" for name, i in s.inputs.items())
        outs = ", ".join(f"{name}={i}" for name, i in s.outputs.items())
        text += f"signature {s.key!r} {s.graph.name}({ins}) -> ({outs})\n"
    return text


def print_graph(graph: Graph, origins: bool = False) -> str:
    """One graph as text; with ``origins``, each line says where its operation came from."""
    names = _Names(graph)
    params = ", ".join(f"{names[v]}: {_type_text(v)}" for v in graph.inputs)
    lines = [f"graph {graph.name}({params}) {{"]
    lines += [f"  {_op_line(op, names)}{_comment(op) if origins else ''}" for op in graph.ops]
    lines.append(f"  return {', '.join(names[v] for v in graph.outputs)}".rstrip())
    return "\n".join([*lines, "}"]) + "\n"


def _op_line(op: Op, names: _Names) -> str:
    results = ", ".join(names[r] for r in op.results)
    operands = ", ".join("_" if v is None else names[v] for v in op.operands)
    attrs = _attrs(op)
    types = ", ".join(_type_text(r) for r in op.results)
    equals = f"{results} = " if results else ""
    return f"{equals}{op.name}({operands}){f' {{{attrs}}}' if attrs else ''}{f' : {types}' if types else ''}"


def _comment(op: Op) -> str:
    return f"  // {'; '.join(map(str, op.origins))}" if op.origins else ""


def _attrs(op: Op) -> str:
    shown = []
    for name, value in op.attrs.items():
        declared = op.defn.attrs.get(name, Attr("none"))
        if isinstance(value, Graph) or _differs(value, declared.default):
            shown.append(f"{name}={attr_text(value)}")
    return ", ".join(shown)


def _differs(value: object, default: object) -> bool:
    return type(value) is not type(default) or bool(np.any(np.asarray(value != default)))


def attr_text(value: object) -> str:
    """An attribute value as printed: names bare, strings and bytes quoted, lists in brackets, graphs as @name."""
    if isinstance(value, Graph):
        return f"@{value.name}"
    if isinstance(value, DType):
        return value.text
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(attr_text(v) for v in value)}]"
    if isinstance(value, str) and value.isidentifier():
        return value
    return repr(value)


def _type_text(value: Value) -> str:
    quant = value.type.quant
    if quant is None:
        return str(value.type)
    scales = ", ".join(f"{s:.9g}" for s in quant.scale.ravel())
    zeros = ", ".join(str(int(z)) for z in quant.zero_point.ravel())
    return f"{value.type}<[{scales}], [{zeros}], {quant.axis}>"


class _Names:
    """Printed names of one graph's values: their own when they are unique identifiers, else numbers."""

    def __init__(self, graph: Graph) -> None:
        self._names: dict[int, str] = {}
        self._taken: set[str] = set()
        for value in graph.inputs:
            self._name(value)
        for op in graph.ops:
            for value in op.results:
                self._name(value)

    def _name(self, value: Value) -> None:
        name = value.name if value.name.isidentifier() and value.name not in self._taken else str(len(self._names))
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        self._names[id(value)] = f"%{name}"

    def __getitem__(self, value: Value) -> str:
        if value.is_const and id(value) not in self._names:
            return constant_text(value)
        return self._names.get(id(value), f"%<undefined {value.name}>")


def constant_text(value: Value) -> str:
    """A constant operand: ``int32[2](1, -1)`` in full when small, else ``float32[8, 3]@name``."""
    assert value.const is not None
    if value.const.size > INLINE:
        return f"{_type_text(value)}@{value.name or 'unnamed'}"
    elements = ", ".join(_element(e) for e in value.numpy().ravel())
    return f"{_type_text(value)}({elements})"


def _element(element: np.generic | float | complex | bytes | str) -> str:
    if isinstance(element, (bytes, str, bool, np.bool_)):
        return str(bool(element)) if isinstance(element, np.bool_) else repr(element)
    if isinstance(element, np.integer):
        return str(int(element))
    if isinstance(element, (complex, np.complexfloating)):
        return repr(complex(element))
    return f"{float(element):.9g}" if np.asarray(element).dtype.itemsize <= 4 else repr(float(element))
