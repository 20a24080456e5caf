"""How the lowering of a TensorFlow operator is written and found.

    @lowers("BatchMatMulV2", "BatchMatMulV3")
    def batch_matmul(b: Builder, x: Value, y: Value, *, adj_x: bool = False, adj_y: bool = False) -> Value: ...

The rules for parameters are those of `frontends.registry`. A parameter annotated ``Item`` takes variables, tables and
lists as they are; every other one gets the tensor behind them. Defaults of attributes are TensorFlow's own, because a
SavedModel leaves attributes with default values out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from litesmith.frontends import registry
from litesmith.frontends.tensorflow.resources import Results

if TYPE_CHECKING:
    from litesmith.frontends.tensorflow.attributes import Attribute
    from litesmith.ir import Builder, Value

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, eq=False)
class Lowering(registry.Lowering[P, R_co]):
    """A function and the TensorFlow operators it lowers.

    outputs: names of the operator's output arguments when it has several, as FunctionDefs refer to them by name.
    """

    outputs: tuple[str, ...] = ()


def lowers(*ops: str, outputs: Sequence[str] = ()) -> Callable[[Callable[P, R]], Lowering[P, R]]:
    """Declares the function as the lowering of these TensorFlow operators."""
    return lambda function: Lowering(ops, function, tuple(outputs))


def direct(op: str, builtin: str, **attrs: tuple[str, Attribute]) -> Lowering[..., Value]:
    """A one-to-one lowering: the built-in takes the same inputs in the same order.

    ``attrs`` maps its attributes to the node's name for them and TensorFlow's default.
    """

    def function(b: Builder, operands: list[Value], **given: Attribute) -> Value:
        chosen = {mine: given.get(theirs, default) for mine, (theirs, default) in attrs.items()}
        return b.apply(builtin, *operands, **chosen)

    return Lowering((op,), function)


def collect(modules: Iterable[ModuleType]) -> dict[str, Lowering[..., Results]]:
    """Every lowering of these modules by operator. Raises ValueError for an operator that is lowered twice."""
    return registry.by_name(registry.lowerings_of(modules, Lowering))
