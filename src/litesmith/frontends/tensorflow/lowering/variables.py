"""Variables: handles, reads and assignments."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from litesmith.decompositions.scatter import scatter_nd
from litesmith.decompositions.shapes import broadcast_to, cast, expand_dims, static_int
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.importer import Context
from litesmith.frontends.tensorflow.lowering.indexing import gather_nd
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.frontends.tensorflow.resources import Variable
from litesmith.ir import DType, Value

if TYPE_CHECKING:
    from litesmith.frontends.tensorflow.resources import Item


def variable_of(resource: Item) -> Variable:
    """The variable a resource is. Raises UnsupportedError for another kind of resource."""
    if not isinstance(resource, Variable):
        raise UnsupportedError("the resource is not a variable of the model", "capture the variable in the function")
    return resource


@lowers("VarHandleOp")
def var_handle(
    context: Context,
    *,
    dtype: DType,
    shape: tuple[int, ...] | None,
    container: str = "",
    shared_name: str = "",
) -> Variable:
    return context.session.model.variable(shared_name or context.node.name, context.node)


@lowers("VariableV2", "Variable")
def reference_variable(
    context: Context,
    *,
    dtype: DType,
    shape: tuple[int, ...] | None,
    container: str = "",
    shared_name: str = "",
) -> Variable:
    variable = context.session.model.variable(shared_name or context.node.name, context.node)
    variable.reference = True
    return variable


@lowers("ReadVariableOp")
def read_variable(context: Context, resource: Item, *, dtype: DType) -> Value:
    return context.read(variable_of(resource))


@lowers("VariableShape")
def variable_shape(context: Context, resource: Item, *, out_type: DType = DType.INT32) -> Value:
    return context.b.shape(context.read(variable_of(resource)), out_type=out_type)


def assign(context: Context, resource: Item, value: Value) -> Variable:
    """Assigns a variable in program order."""
    variable = variable_of(resource)
    if context.session.is_initializing:
        variable.first = value
        return variable
    if value.type.dtype is DType.STRING:
        raise UnsupportedError("a variable of strings has no kernel", "keep strings out of the model's state")
    if value is variable.value:
        return variable  # what it has already: exported training state that the inference function hands on
    _require_same_shape(variable, value)
    context.b.assign_variable(context.handle(variable), value)
    return variable


def _require_same_shape(variable: Variable, value: Value) -> None:
    """The runtime plans a variable's readers for one shape. Raises UnsupportedError where it may change."""
    declared, first = variable.shape, variable.initial
    if first is None or (declared is not None and min(declared, default=0) >= 0):
        return
    if value.type.shape != first.shape:
        reason = f"variable {variable.name!r} of shape {list(first.shape)} is assigned a value of shape {value.type}"
        raise UnsupportedError(reason, "keep the shape of the variable, or pass the state in and out")


@lowers("AssignVariableOp", "Assign")
def assign_variable(
    context: Context,
    resource: Item,
    value: Value,
    *,
    use_locking: bool = True,
) -> Variable:
    return assign(context, resource, value)


def _assign_with(builtin: str) -> Callable[..., Variable]:
    def function(context: Context, resource: Item, value: Value) -> Variable:
        old = context.read(variable_of(resource))
        return assign(context, resource, context.b.apply(builtin, old, value))

    return function


ASSIGN_WITH = (
    lowers("AssignAddVariableOp", "AssignAdd")(_assign_with("add")),
    lowers("AssignSubVariableOp", "AssignSub")(_assign_with("sub")),
)


@lowers("VarIsInitializedOp", "IsVariableInitialized")
def is_initialized(context: Context, resource: Item) -> Value:
    """Always true: a converted model's variables are initialized before anything else runs."""
    return context.b.constant(np.array(True))


@lowers("DisableCopyOnRead", "DestroyResourceOp")
def nothing(context: Context, resource: Item) -> None:
    return None


# -- rows -------------------------------------------------------------------------------------------------------------


@lowers("ResourceGather")
def resource_gather(
    context: Context,
    resource: Item,
    indices: Value,
    *,
    batch_dims: int = 0,
    validate_indices: bool = True,
    dtype: DType = DType.FLOAT32,
) -> Value:
    axis = int(batch_dims)
    return context.b.gather(context.read(variable_of(resource)), indices, axis=axis, batch_dims=axis)


@lowers("ResourceGatherNd")
def resource_gather_nd(context: Context, resource: Item, indices: Value, *, dtype: DType = DType.FLOAT32) -> Value:
    return gather_nd(context.b, context.read(variable_of(resource)), indices)


def _scatter(combine: str, by_row: bool) -> Callable[..., Variable]:
    """Rows of a variable set, or combined with updates; ``by_row``: indices are row numbers, else index vectors."""

    def function(context: Context, resource: Item, indices: Value, updates: Value) -> Variable:
        b, old = context.b, context.read(variable_of(resource))
        vectors = expand_dims(b, indices, indices.rank) if by_row else indices
        rest = old.dims[1:] if by_row else old.dims[static_int(indices.dims[-1], "a scatter") :]
        rows = broadcast_to(b, updates, [*vectors.dims[:-1], *rest], updates, vectors, old)
        if combine == "sub":
            rows = b.neg(rows)
        kind = "add" if combine == "sub" else combine
        return assign(context, resource, scatter_nd(b, old, cast(b, vectors, DType.INT32), rows, kind))

    return function


_NAMES = {"set": "Update", "add": "Add", "sub": "Sub", "mul": "Mul", "min": "Min", "max": "Max"}

SCATTERS = tuple(
    lowering
    for combine, name in _NAMES.items()
    for lowering in (
        lowers(f"Scatter{name}", f"ResourceScatter{name}")(_scatter(combine, by_row=True)),
        lowers(f"ScatterNd{name}", f"ResourceScatterNd{name}")(_scatter(combine, by_row=False)),
    )
)
