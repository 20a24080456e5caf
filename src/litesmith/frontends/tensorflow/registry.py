"""How a lowering is written and found.

A lowering is a function from the operands and attributes of one TensorFlow node to values::

    @lowers("BatchMatMulV2", "BatchMatMulV3")
    def batch_matmul(b: Builder, x: Value, y: Value, *, adj_x: bool = False, adj_y: bool = False) -> Value: ...

Positional parameters are the node's inputs in order; one annotated ``list[Value]`` takes what the others leave. A
parameter annotated ``Any`` also takes what is no tensor (a variable, a table); every other one gets the tensor behind
it. Keyword-only parameters are the node's attributes; their defaults are TensorFlow's own, because a SavedModel leaves
attributes with default values out. A first parameter annotated `Context` gives access to the import itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any

from litesmith.errors import UnsupportedError

if TYPE_CHECKING:
    from litesmith.ir import Value


@dataclass(frozen=True)
class Parameters:
    """The parameters of a lowering: inputs as (name, takes a list, takes anything), attributes with defaults."""

    wants_context: bool
    inputs: tuple[tuple[str, bool, bool], ...]
    attrs: Mapping[str, Any]
    all_attrs: bool


@dataclass(frozen=True, eq=False)
class Lowering:
    """A function and the TensorFlow operators it lowers.

    outputs: names of the operator's output arguments when it has several, as FunctionDefs refer to them by name.
    """

    ops: tuple[str, ...]
    function: Callable[..., Any]
    outputs: tuple[str, ...] = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    @cached_property
    def parameters(self) -> Parameters:
        """What the function takes, read from its signature once."""
        inputs, attrs, context, all_attrs = [], {}, False, False
        for index, parameter in enumerate(inspect.signature(self.function).parameters.values()):
            annotation = str(parameter.annotation)
            if index == 0:
                context = annotation == "Context"
            elif parameter.kind is parameter.KEYWORD_ONLY:
                attrs[parameter.name] = parameter.default
            elif parameter.kind is parameter.VAR_KEYWORD:
                all_attrs = True
            else:
                inputs.append((parameter.name, annotation.startswith("list["), "Any" in annotation))
        return Parameters(context, tuple(inputs), attrs, all_attrs)

    def bind_inputs(self, inputs: Sequence[Any]) -> list[Any]:
        """The node's inputs as positional arguments. Raises UnsupportedError when their number does not fit."""
        declared = self.parameters.inputs
        spare = len(inputs) - sum(not is_list for _, is_list, _ in declared)
        has_list = any(is_list for _, is_list, _ in declared)
        if spare < 0 or (spare and not has_list):
            raise UnsupportedError(f"expected {len(declared)} inputs, got {len(inputs)}", "export the model again")
        bound, at = [], 0
        for _, is_list, _ in declared:
            bound.append(list(inputs[at : at + spare]) if is_list else inputs[at])
            at += spare if is_list else 1
        return bound

    def bind_attrs(self, attrs: Mapping[str, Any]) -> dict[str, Any]:
        """The node's attributes as keyword arguments. Raises UnsupportedError for one that is missing."""
        if self.parameters.all_attrs:
            return {**self.parameters.attrs, **attrs}
        bound = {}
        for name, default in self.parameters.attrs.items():
            value = attrs.get(name, default)
            if value is inspect.Parameter.empty:
                raise UnsupportedError(f"attribute {name!r} is missing", "export the model again")
            bound[name] = value
        return bound


def lowers(*ops: str, outputs: Sequence[str] = ()) -> Callable[[Callable[..., Any]], Lowering]:
    """Declares the function as the lowering of these TensorFlow operators."""
    return lambda function: Lowering(ops, function, tuple(outputs))


def direct(op: str, builtin: str, **attrs: tuple[str, Any]) -> Lowering:
    """A one-to-one lowering: the built-in takes the same inputs in the same order.

    ``attrs`` maps its attributes to the node's name for them and TensorFlow's default.
    """

    def function(b: Any, operands: list[Value], **given: Any) -> Any:
        chosen = {mine: given.get(theirs, default) for mine, (theirs, default) in attrs.items()}
        return getattr(b, builtin.lower())(*operands, **chosen)

    return Lowering((op,), function)


def collect(modules: Iterable[ModuleType]) -> dict[str, Lowering]:
    """Every lowering defined in these modules (alone or in a tuple), by operator. Raises ValueError for doubles."""
    found: dict[str, Lowering] = {}
    for module in modules:
        for value in vars(module).values():
            for lowering in value if isinstance(value, tuple) else (value,):
                if isinstance(lowering, Lowering):
                    for op in lowering.ops:
                        if found.setdefault(op, lowering) is not lowering:
                            raise ValueError(f"{op} is lowered twice")
    return found
