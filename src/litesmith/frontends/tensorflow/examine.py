"""What stands behind an operator that could not be lowered: further ones without a lowering, in functions, too.

The values there are not known, so that nothing is lowered; what cannot be lowered whatever they are is noted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from litesmith.errors import ConverterError
from litesmith.frontends.frame import POISON, Poison
from litesmith.frontends.tensorflow.attributes import FunctionName
from litesmith.ir import Graph, Value

if TYPE_CHECKING:
    from litesmith.frontends.tensorflow.attributes import Attrs
    from litesmith.frontends.tensorflow.importer import Context
    from litesmith.frontends.tensorflow.resources import Item

INLINED = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
"""Operators that are nothing but a call, so that each result needs only some of the operands."""


def called_function(context: Context, op: str, attrs: Attrs) -> FunctionName | None:
    """The function a node is nothing but a call of."""
    if op in context.session.model.functions:
        return FunctionName(op, attrs)
    called = attrs.get("f") if op in INLINED else None
    return called if isinstance(called, FunctionName) else None


def examine(
    context: Context, op: str, inputs: Sequence[Item], attrs: Attrs, refusal: Callable[[str], Exception]
) -> Sequence[Item] | Poison:
    """The results of a node of which an operand could not be made: those of a call that do not need it.

    refusal: the error of an operator without a lowering, which is raised for this one where it has none.
    """
    called = called_function(context, op, attrs)
    if called is not None:
        return context.call(called.name, inputs, called.attrs)
    session = context.session
    if session.lowering_of(op) is None and f"complex {op}" not in session.lowerings:
        raise refusal(op)
    examine_functions(context, inputs, attrs)
    return POISON


def examine_functions(context: Context, inputs: Sequence[Item], attrs: Attrs) -> None:
    """Notes what cannot be lowered in the functions that an operator names, whatever they are called with."""
    session = context.session
    for function in _functions(attrs):
        definition = session.model.functions.get(function.name)
        if definition is None or function.name in session.examined:
            continue
        session.examined.add(function.name)
        args = _arguments(len(definition.signature.input_arg), inputs)
        try:
            context.into(Graph("examined")).call(function.name, args, function.attrs)
        except ConverterError as error:
            session.note(error, context.b.origins[0])


def _functions(attrs: Attrs) -> Iterator[FunctionName]:
    for value in attrs.values():
        yield from (f for f in (value if isinstance(value, list) else [value]) if isinstance(f, FunctionName))


def _arguments(count: int, inputs: Sequence[Item]) -> Sequence[Item]:
    """What a function is called with: resources and constants as they are, nothing for what is in another graph."""
    if len(inputs) != count:
        return [POISON] * count
    return [POISON if isinstance(v, Value) and not v.is_const else v for v in inputs]
