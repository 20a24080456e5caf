"""What the imports of all frontends have in common: what stands in the way, names of graphs, composites, layer paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from litesmith.errors import ConverterError, Problem
from litesmith.ir import Builder, Graph, Origin
from litesmith.ir.opdef import OpSet
from litesmith.ops import OPS

Composite = Callable[[Builder, str, Sequence[Any], Mapping[str, Any]], Sequence[Any] | None]
"""Lowers a call of a named function (builder, its name, its arguments, the attributes of what it implements) whole; None
where it is to be inlined."""


class Poison:
    """Stands for the results of what could not be lowered; what depends on it is skipped silently."""

    def __repr__(self) -> str:
        return "<poison>"


POISON = Poison()


def nameless(node: str) -> str:
    """The layer path of a node where the source knows no layers."""
    return ""


@dataclass(kw_only=True)
class Import:
    """State of one import that all graphs share. problems: everything that stands in the way."""

    opset: OpSet = field(default_factory=lambda: OPS)
    composite: Composite | None = None
    layer_of: Callable[[str], str] = nameless
    """The layer path of a node or name scope, where the source knows layers."""
    problems: dict[Problem, None] = field(default_factory=dict)
    graph_names: dict[str, int] = field(default_factory=dict)
    cause: BaseException | None = None
    """The first exception that was no refusal, so that its traceback is not lost."""

    def new_graph(self, name: str) -> Graph:
        """A graph with a name of its own."""
        count = self.graph_names.get(name, 0)
        self.graph_names[name] = count + 1
        return Graph(f"{name}_{count}" if count else name)

    def note(self, error: ConverterError, origin: Origin) -> None:
        """Keeps what stands in the way of the operation from this origin."""
        self.cause = self.cause or error.__cause__
        for problem in error.problems:
            self.problems[problem.locate(op=origin.op, node=origin.label, line=origin.line, layer=origin.layer)] = None

    def raise_problems(self) -> None:
        """Raises ConverterError when anything stands in the way."""
        if self.problems:
            raise ConverterError(list(self.problems)) from self.cause


@dataclass
class Place:
    """Where a lowering is: the builder it emits with, and how deep in calls. Frontends add what theirs need."""

    b: Builder
    session: Any
    layer: str = field(default="", kw_only=True)
    depth: int = field(default=0, kw_only=True)

    def into(self: P, graph: Graph) -> P:
        """The same place, building into another graph."""
        return replace(self, b=self.b.on(graph), depth=self.depth + 1)


P = TypeVar("P", bound=Place)
