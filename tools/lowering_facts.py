"""What a lowering does, read from its source: built-ins it emits, decompositions it calls, reasons it refuses with.

A call ``b.name(…)`` or ``b.apply(text, …)`` on a builder emits the built-in of that name; functions of the frontend
are followed into, with the texts they are called with or closed over; those of `litesmith.decompositions` are named.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from types import FunctionType, ModuleType
from typing import Any

from litesmith.frontends.registry import Lowering
from litesmith.ops import OPS

DECOMPOSITIONS = "litesmith.decompositions"
FRONTENDS = "litesmith.frontends"
PLUMBING = "litesmith.decompositions.shapes"
"""Brings shapes and types into line; not followed."""
BUILDERS = frozenset({"b", "inner", "builder"})
EVALUATED = (ast.Constant, ast.Name, ast.Subscript, ast.JoinedStr, ast.Attribute)
"""Expressions simple enough to be evaluated for the text they give."""


@dataclass
class Facts:
    """Built-ins by name, decompositions by ``module.function``, and the texts of refusals."""

    builtins: set[str] = field(default_factory=set)
    decompositions: dict[str, FunctionType] = field(default_factory=dict)
    refusals: dict[str, None] = field(default_factory=dict)


def facts_of(function: Any, through_decompositions: bool = False) -> Facts:
    """What a lowering, or a decomposition, does. through_decompositions: follow these instead of naming them."""
    reader = _Reader(through_decompositions)
    reader.visit(function, {})
    return reader.facts


class _Reader:
    def __init__(self, through_decompositions: bool) -> None:
        self.facts = Facts()
        self.through = through_decompositions
        self.seen: set[tuple[Any, ...]] = set()

    def visit(self, item: Any, texts: Mapping[str, str]) -> None:
        """Something a lowering consists of. texts: those a function is called with, by parameter."""
        if isinstance(item, Lowering):
            self.visit(item.function, texts)
        elif isinstance(item, partial):
            self.visit(item.func, texts)
            self.visit((*item.args, *item.keywords.values()), {})
        elif isinstance(item, str):
            self.emit(item)
        elif isinstance(item, (tuple, list)):
            for part in item:
                self.visit(part, {})
        elif isinstance(item, FunctionType):
            self.visit_function(item, texts)

    def emit(self, name: str) -> None:
        builtin = name.rstrip("_").upper()
        if builtin in OPS:
            self.facts.builtins.add(builtin)

    def visit_function(self, function: FunctionType, texts: Mapping[str, str]) -> None:
        key = (function, *sorted(texts.items()))
        if key in self.seen:
            return
        is_first = not self.seen
        self.seen.add(key)
        if self.through and function.__module__ == PLUMBING and not is_first:
            return
        if function.__module__.startswith(DECOMPOSITIONS) and not self.through:
            if not function.__name__.startswith("_"):
                name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
                self.facts.decompositions[name] = function
        elif function.__module__.startswith((FRONTENDS, DECOMPOSITIONS)):
            names = {**_names(function), **texts}
            for node in (inner for source in _sources(function) for inner in ast.walk(source)):
                self.read(node, names)
            self.visit([cell.cell_contents for cell in function.__closure__ or ()], {})

    def read(self, node: ast.AST, names: Mapping[str, Any]) -> None:
        """One node of a function's source."""
        if isinstance(node, ast.Call):
            self.read_call(node, names)
        elif isinstance(node, ast.Subscript) and _is_opset(node.value) and isinstance(node.slice, ast.Constant):
            self.emit(str(node.slice.value))
        elif isinstance(node, (ast.Name, ast.Attribute)):
            item = _meant(node, names)
            if isinstance(item, (FunctionType, Lowering)):
                self.visit(item, {})

    def read_call(self, call: ast.Call, names: Mapping[str, Any]) -> None:
        called = call.func
        if isinstance(called, ast.Attribute) and _is_builder(called.value):
            self.emit(called.attr if called.attr != "apply" else _text_of(call.args[0], names) or "")
        elif isinstance(called, ast.Name) and called.id == "UnsupportedError" and call.args:
            self.facts.refusals[_message(call.args[0])] = None
        else:
            function = _meant(called, names)
            if isinstance(function, FunctionType):
                self.visit(function, _given_texts(function, call, names))


def _given_texts(function: FunctionType, call: ast.Call, names: Mapping[str, Any]) -> dict[str, str]:
    parameters = function.__code__.co_varnames
    given = [*zip(parameters, call.args, strict=False), *((k.arg or "", k.value) for k in call.keywords)]
    texts = {name: _text_of(node, names) for name, node in given}
    return {name: text for name, text in texts.items() if text is not None}


def _text_of(node: ast.expr, names: Mapping[str, Any]) -> str | None:
    """The text an expression gives; None where it gives none, or depends on what is only known when it runs."""
    if not isinstance(node, EVALUATED):
        return None
    try:
        value = eval(compile(ast.Expression(node), "<lowering>", "eval"), dict(names))
    except (NameError, KeyError, AttributeError, TypeError, IndexError):
        return None
    return value if isinstance(value, str) else None


def _meant(node: ast.AST, names: Mapping[str, Any]) -> Any:
    """The object a name, or a name in a module of ours, stands for."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        module = names.get(node.value.id)
        return getattr(module, node.attr, None) if isinstance(module, ModuleType) else None
    return None


def _is_builder(node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "b"
    return isinstance(node, ast.Name) and node.id in BUILDERS


def _is_opset(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name in ("OPS", "opset")


def _message(node: ast.expr) -> str:
    """The text of a message, with … for what is filled in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_message(part) for part in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else "…"


def _names(function: FunctionType) -> dict[str, Any]:
    closure = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {**function.__globals__, **{name: cell.cell_contents for name, cell in closure}}


def _sources(function: Callable[..., Any]) -> list[ast.AST]:
    """The function's piece of its file; several where lambdas share a line."""
    file = getattr(sys.modules.get(function.__module__), "__file__", None)
    return _by_line(file).get(function.__code__.co_firstlineno, []) if file else []


@cache
def _by_line(file: str) -> dict[int, list[ast.AST]]:
    """The functions and lambdas of a file, by the line their code starts at."""
    with open(file) as stream:
        tree = ast.parse(stream.read())
    found: dict[int, list[ast.AST]] = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            decorators = getattr(node, "decorator_list", [])
            found.setdefault(min([node.lineno, *(d.lineno for d in decorators)]), []).append(node)
    return found
