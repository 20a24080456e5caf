"""StableHLO modules read into plain data: functions, operations, values.

The bytes are parsed by the MLIR bindings that come with JAX (see docs/adr); nothing is compiled.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from litesmith.errors import FormatError, UsageError
from litesmith.frontends.stablehlo.attributes import Type, attributes_of, type_of
from litesmith.frontends.stablehlo.live import MlirModule, MlirOperation, MlirRegion, MlirValue

BYTECODE = b"ML\xefR"
"""What MLIR bytecode, and so every portable artifact, begins with."""

MAX_NESTING = 100
"""Regions nested deeper than this are refused."""


@dataclass(eq=False)
class Variable:
    """A value of the module: an argument, or a result of an ``operation``."""

    type: Type
    operation: Operation | None = None


@dataclass(frozen=True)
class Location:
    """Name stack (``jit(f)/Dense_0/dot_general``) and line (``model.py:41``) of an operation, empty if not known."""

    stack: str = ""
    line: str = ""


@dataclass(eq=False)
class Region:
    """Operations on arguments; ``results`` are what its terminator returns, ``captured`` what it uses from outside."""

    arguments: list[Variable] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    results: list[Variable] = field(default_factory=list)
    captured: list[Variable] = field(default_factory=list)


@dataclass(eq=False)
class Operation:
    """One operation."""

    name: str
    operands: list[Variable]
    results: list[Variable]
    attrs: Mapping[str, Any]
    regions: list[Region]
    location: Location


@dataclass(eq=False)
class Function:
    """A function and the attributes of its arguments."""

    name: str
    body: Region
    argument_attrs: Sequence[Mapping[str, Any]]
    has_body: bool = True
    """A declaration has none."""


@dataclass(eq=False)
class Module:
    """The functions of a module by name. ``main`` is the one that is run."""

    functions: dict[str, Function]

    @property
    def main(self) -> Function:
        """The function that is run. Raises FormatError where there is none, or only its declaration."""
        found = self.functions.get("main")
        if found is None and len(self.functions) == 1:
            found = next(iter(self.functions.values()))
        if found is not None and found.has_body:
            return found
        if found is not None:
            raise FormatError(f"the function {found.name} of the StableHLO module has no body", fix="export it again")
        raise FormatError("the StableHLO module has no function called main", fix="export the model again")


def read_module(data: bytes, path: str = "") -> Module:
    """A portable artifact (MLIR bytecode) or the text of a StableHLO module.

    Raises UsageError where JAX, whose MLIR bindings read it, is missing, FormatError where the data is damaged.
    """
    context, stablehlo, ir = _bindings(is_text=not data.startswith(BYTECODE))
    try:
        with context:
            if data.startswith(BYTECODE):
                parsed = stablehlo.deserialize_portable_artifact(context, data)
            else:
                parsed = ir.Module.parse(data.decode(), context)
            return _module(parsed)
    except (LookupError, ValueError, RuntimeError, SystemError, ir.MLIRError) as error:  # SystemError by older bindings
        known = "" if isinstance(error, SystemError) else str(error).strip()
        reason = (known or "it is damaged, or of a version this JAX does not know").splitlines()[0]
        raise FormatError(
            f"the StableHLO module cannot be read: {reason}",
            path=path,
            fix="export the model again, or install a JAX at least as new as the one that exported it",
        ) from error


def _bindings(is_text: bool) -> tuple[AbstractContextManager[object], ModuleType, ModuleType]:
    """An MLIR context, and the modules of the dialect and of MLIR. Bytecode needs few dialects."""
    try:
        from jaxlib.mlir import ir
        from jaxlib.mlir.dialects import stablehlo
    except ImportError as error:
        raise UsageError(
            "StableHLO is read with the MLIR bindings of JAX, which is not installed: pip install 'litesmith[jax]'"
        ) from error
    if not is_text:
        context = ir.Context()
        with suppress(ImportError):  # older versions have no dialect of shardings
            from jaxlib.mlir.dialects import sdy

            sdy.register_dialect(context)
        return context, stablehlo, ir
    from jax.interpreters.mlir import make_ir_context

    return make_ir_context(), stablehlo, ir


def _module(parsed: MlirModule) -> Module:
    functions = {}
    for operation in parsed.body.operations:
        if operation.operation.name == "func.func":
            function = _function(operation.operation)
            functions[function.name] = function
    return Module(functions)


def _function(operation: MlirOperation) -> Function:
    attrs = attributes_of(operation)
    declared = attrs.get("arg_attrs") or []
    region = _region(operation.regions[0], {}, 0)
    given = [declared[i] if i < len(declared) else {} for i in range(len(region.arguments))]
    return Function(str(attrs["sym_name"]), region, given, bool(list(operation.regions[0].blocks)))


_TERMINATORS = frozenset({"func.return", "stablehlo.return", "mhlo.return", "chlo.return"})


def _region(mlir: MlirRegion, outer: MutableMapping[MlirValue, Variable], depth: int) -> Region:
    """A region whose operations use its own values and ``outer`` ones."""
    if depth > MAX_NESTING:
        raise FormatError(f"regions are nested more than {MAX_NESTING} deep", fix="simplify the control flow")
    blocks = list(mlir.blocks)
    if len(blocks) > 1:
        raise FormatError("a region of a StableHLO module has several blocks", fix="export the model again")
    region, own = Region(), dict[MlirValue, Variable]()
    known = ChainMap(own, outer)
    captured: dict[Variable, None] = {}
    for argument in blocks[0].arguments if blocks else ():
        known[argument] = Variable(type_of(argument.type))
        region.arguments.append(known[argument])
    for operation in blocks[0].operations if blocks else ():
        inner = operation.operation
        operands = [known[v] for v in inner.operands]
        captured.update((v, None) for o, v in zip(inner.operands, operands, strict=True) if o not in own)
        if inner.name in _TERMINATORS:
            region.results = operands
            break
        regions = [_region(r, known, depth + 1) for r in inner.regions]
        results = [Variable(type_of(r.type)) for r in inner.results]
        known.update(zip(inner.results, results, strict=True))
        place = _location(str(inner.location))
        region.operations.append(Operation(inner.name, operands, results, attributes_of(inner), regions, place))
        for result in results:
            result.operation = region.operations[-1]
        captured.update((v, None) for r in regions for v in r.captured)
    inside = set(own.values())
    region.captured = [v for v in captured if v not in inside]
    return region


_PLACE = re.compile(r'"((?:[^"\\]|\\.)*)"(?::(\d+):\d+)?')


def _location(text: str) -> Location:
    """The first name and the first line of a printed location."""
    stack = line = ""
    for found in _PLACE.finditer(text):
        if found[2] and not line and found[1] != "-":
            line = f"{_file_name(found[1])}:{found[2]}"
        elif not found[2] and not stack and not line:
            stack = found[1]
    return Location(stack, line)


def _file_name(path: str) -> str:
    return re.split(r"[/\\]", path)[-1]
