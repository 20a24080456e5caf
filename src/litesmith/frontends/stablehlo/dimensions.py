"""Unknown sizes of a module's arguments: one symbol for sizes the module asserts to be equal."""

from __future__ import annotations

from collections.abc import Mapping

from litesmith.frontends.stablehlo.module import Function, Variable
from litesmith.ir import Dim, Sym


def argument_shapes(main: Function, functions: Mapping[str, Function], prefix: str = "d") -> list[tuple[Dim, ...]]:
    """The shape of each argument. Modules of shape polymorphic functions check their sizes against each other first.

    A size has the name it has in the function that the module wraps, where it has one.
    """
    places = _assertions(main)
    names = _names(main, functions, places)
    shapes: list[tuple[Dim, ...]] = []
    for number, argument in enumerate(main.body.arguments):
        sizes = enumerate(argument.type.shape)
        shapes.append(
            tuple(
                size if size is not None else Sym.named(names.get(places.get(p, p), f"{prefix}{p[0]}_{p[1]}"))
                for axis, size in sizes
                for p in [(number, axis)]
            )
        )
    return shapes


Place = tuple[int, int]
"""An argument's number and a dimension of it."""


def _source_of_size(main: Function, variable: Variable) -> Place | None:
    """The dimension of an argument whose size a value is, or None."""
    operation = variable.operation
    if operation is None or operation.name != "stablehlo.get_dimension_size":
        return None
    (source,) = operation.operands
    if source not in main.body.arguments:
        return None
    return main.body.arguments.index(source), int(operation.attrs["dimension"])


def _assertions(main: Function) -> dict[Place, Place]:
    """Dimensions asserted to have the size of another one, and that one."""
    found: dict[Place, Place] = {}
    for operation in main.body.operations:
        if operation.attrs.get("call_target_name") != "shape_assertion" or not operation.operands:
            continue
        check = operation.operands[0].operation
        if check is None or check.name != "stablehlo.compare" or check.attrs["comparison_direction"] != "EQ":
            continue
        left, right = (_source_of_size(main, v) for v in check.operands)
        if left is not None and right is not None:
            found[max(left, right)] = found.get(min(left, right), min(left, right))
    return found


def _names(main: Function, functions: Mapping[str, Function], places: Mapping[Place, Place]) -> dict[Place, str]:
    """Names of sizes that are passed on as such: ``jax.global_constant`` arguments."""
    names: dict[Place, str] = {}
    for operation in main.body.operations:
        called = functions.get(str(operation.attrs.get("callee", ""))) if operation.name == "func.call" else None
        if called is not None:
            for variable, attrs in zip(operation.operands, called.argument_attrs, strict=False):
                place = _source_of_size(main, variable)
                name = str(attrs.get("jax.global_constant", ""))
                if place is not None and name.isidentifier():
                    names[places.get(place, place)] = name
    return names
