"""The graph of a converted model in the DOT language, as ``output_format = GRAPHVIZ_DOT`` asks for it."""

from __future__ import annotations

from collections.abc import Iterator

from litesmith.ir import Graph, Program, Value


def as_dot(program: Program) -> str:
    """Every graph as a cluster: operators are boxes, inputs and outputs ellipses; constants are left out."""
    lines = ["digraph model {", "  node [fontname=sans, fontsize=10];"]
    for number, graph in enumerate(program.all_graphs()):
        lines += [f"  subgraph cluster_{number} {{", f"    label={_quote(graph.name)};"]
        lines += [f"    {line}" for line in _statements(graph, f"g{number}")]
        lines.append("  }")
    return "\n".join([*lines, "}\n"])


def _statements(graph: Graph, prefix: str) -> Iterator[str]:
    source: dict[Value, str] = {}
    for i, value in enumerate(graph.inputs):
        source[value] = f"{prefix}_in{i}"
        yield f"{source[value]} [shape=ellipse, label={_quote(value.name)}];"
    for i, op in enumerate(graph.ops):
        name = f"{prefix}_op{i}"
        yield f"{name} [shape=box, label={_quote(op.name)}];"
        for operand in (v for v in op.slots if v is not None and v in source):
            yield f"{source[operand]} -> {name} [label={_quote(str(operand.type))}];"
        source.update(dict.fromkeys(op.results, name))
    for i, value in enumerate(graph.outputs):
        yield f"{prefix}_out{i} [shape=ellipse, label={_quote(value.name)}];"
        if value in source:
            yield f"{source[value]} -> {prefix}_out{i} [label={_quote(str(value.type))}];"


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
