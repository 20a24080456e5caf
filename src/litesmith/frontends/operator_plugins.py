"""TensorFlow operators that other packages lower or declare: by decorator, or by entry point.

    @litesmith.operator("AcmeScale")
    def scale(b, x, *, factor=1.0):
        return b.mul(x, factor)

    @litesmith.custom_operator("AcmeFilter")
    def filter(x, *, taps):
        return x.with_shape((*x.dims[:-1], taps))

The first says an operator in built-ins; the second declares that it is a custom operator of the runtime, and which types
its results have. A package names them in its metadata, so that nobody has to import it:

    [project.entry-points."litesmith.operators"]
    AcmeScale = "acme_litesmith:scale"
    [project.entry-points."litesmith.custom_operators"]
    AcmeFilter = "acme_litesmith:filter"

Operators that litesmith lowers itself stay as they are.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TypeVar

from litesmith.errors import LitesmithError, UnsupportedError
from litesmith.formats.tflite.flexbuffer import Plain
from litesmith.frontends.plugin_registry import F, Function, PluginRegistry, place_of
from litesmith.frontends.registry import Lowering
from litesmith.ir import Builder, TensorType, Value

T = TypeVar("T")

OPERATORS = PluginRegistry("litesmith.operators", "operator", "function")
CUSTOM_OPERATORS = PluginRegistry("litesmith.custom_operators", "operator", "function")


def operator(name: str) -> Callable[[F], F]:
    """Makes a function the lowering of a TensorFlow operator, in every conversion from now on.

    The function takes the builder, the operands and, in keyword-only parameters, attributes, whose defaults stand in for
    those a model leaves out; it gives the results. Raises UsageError where the name has another function already.
    """
    return OPERATORS.decorator(name)


def custom_operator(name: str) -> Callable[[F], F]:
    """Declares that a TensorFlow operator is a custom operator of the runtime, in every conversion from now on.

    The function takes the operands' types and, in keyword-only parameters, the attributes that the kernel reads (they
    are written as a FlexBuffer map); it gives the type of the result, or a sequence of types. Raises UsageError where
    the name has another function already.
    """
    return CUSTOM_OPERATORS.decorator(name)


def lowering_of(name: str) -> Lowering[..., Sequence[Value]] | None:
    """The lowering of an operator that a plug-in lowers or declares; None where none does."""
    function = OPERATORS.find(name)
    if function is not None:
        return Lowering((name,), _check_results(function, name, "lowering", Value))
    declaration = CUSTOM_OPERATORS.find(name)
    return None if declaration is None else Lowering((name,), _as_custom(declaration, name))


def _check_results(function: Function, name: str, what: str, kind: type[T]) -> Callable[..., list[T]]:
    """The function, whose failures are told as its own. Its signature stays that of the function."""

    @wraps(function)
    def call_checked(*args: object, **attrs: object) -> list[T]:
        try:
            made = function(*args, **attrs)
        except LitesmithError:
            raise
        except Exception as error:  # the package's code may raise anything
            raise UnsupportedError(
                f"the {what} of {name!r} that a plug-in brings fails: {type(error).__name__}: {error}",
                f"repair {place_of(function)}",
            ) from error
        given = made if isinstance(made, (tuple, list)) else [made]
        results = [r for r in given if isinstance(r, kind)]
        if wrong := [type(r).__name__ for r in given if not isinstance(r, kind)]:
            raise UnsupportedError(
                f"the {what} of {name!r} that a plug-in brings gives a {wrong[0]}",
                "return tensors of the builder" if what == "lowering" else "return a TensorType, or several",
            )
        return results

    return call_checked


def _as_custom(declaration: Function, name: str) -> Callable[..., Sequence[Value]]:
    """A lowering that makes the custom operator a declaration speaks of."""
    from litesmith.formats.tflite.flexbuffer import write_map

    types_of = _check_results(declaration, name, "declaration", TensorType)
    declared = Lowering((name,), _with_builder(declaration))

    def lower(b: Builder, operands: list[Value], **attrs: object) -> Sequence[Value]:
        bound = declared.bind_attrs(attrs)
        types = types_of(*(v.type for v in operands), **bound)
        return b.custom(
            *operands, custom_code=name, custom_options=write_map(_plain_attributes(bound)), result_types=types
        )

    return lower


def _with_builder(declaration: Function) -> Function:
    """A function of the declaration's signature with a builder before it, as lowerings have."""
    signature = inspect.signature(declaration)
    builder = inspect.Parameter("b", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    positional = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_POSITIONAL]

    def function(*args: object, **kwargs: object) -> object:
        return declaration(*args[1:], **kwargs)

    function.__signature__ = inspect.Signature([builder, *positional])  # type: ignore[attr-defined] # read by inspect
    return function


def _plain_attributes(attrs: Mapping[str, object]) -> dict[str, Plain]:
    """Attributes as the options hold them."""
    from litesmith.frontends.tensorflow.custom_ops import plain_value

    return {name: value for name, given in attrs.items() if (value := plain_value(given)) is not None}
