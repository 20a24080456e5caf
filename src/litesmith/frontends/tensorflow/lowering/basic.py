"""Nodes that carry a value or order others, and compute nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from litesmith.decompositions.splats import large_splat
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.importer import Context
from litesmith.frontends.tensorflow.nodes import as_tensor
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.frontends.tensorflow.resources import Variable
from litesmith.ir import Builder, DType, Value
from litesmith.ir.constant import Array

if TYPE_CHECKING:
    from litesmith.frontends.tensorflow.resources import Item


@lowers("Const")
def const(b: Builder, *, value: Array, dtype: DType) -> Value:
    splat = large_splat(b, value)
    return b.constant(value, dtype) if splat is None else splat


@lowers("Placeholder", "PlaceholderV2", "_Arg")
def placeholder(b: Builder) -> Value:
    raise UnsupportedError("needs a placeholder that is not an input of the signature", "add it to the inputs")


@lowers("PlaceholderWithDefault")
def placeholder_with_default(b: Builder, input: Item) -> Item:
    return input


@lowers("Identity")
def identity(context: Context, input: Item) -> Item:
    """The tensor itself; of a TF1 reference variable, its value at this moment."""
    return as_tensor(context, input, takes_item=not (isinstance(input, Variable) and input.reference))


@lowers(
    "StopGradient",
    "PreventGradient",
    "Snapshot",
    "CheckNumerics",
    "CheckNumericsV2",
    "EnsureShape",
    "DebugIdentity",
    "GuaranteeConst",
    "OptimizationBarrier",
)
def pass_through(b: Builder, input: Item) -> Item:
    return input


@lowers("IdentityN")
def identity_n(b: Builder, input: list[Item]) -> Sequence[Item]:
    return list(input)


@lowers("Print")
def print_(context: Context, input: Item, data: list[Item]) -> Item:
    """The first input; nothing is printed."""
    context.leave_out()
    return input


@lowers("NoOp", "ControlTrigger")
def no_op(b: Builder, inputs: list[Item]) -> None:
    return None


@lowers("Assert", "PrintV2")
def leave_out(context: Context, inputs: list[Item]) -> None:
    """Nothing is checked or printed, which the program's notes say."""
    context.leave_out()
