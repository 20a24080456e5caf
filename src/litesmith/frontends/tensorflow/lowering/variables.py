"""Variables: handles, reads and assignments."""

from __future__ import annotations

from typing import Any

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.importer import Context
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.frontends.tensorflow.resources import Variable
from litesmith.ir import DType, Value


def _variable(resource: Any) -> Variable:
    if not isinstance(resource, Variable):
        raise UnsupportedError("the resource is no variable of the model", "capture the variable in the function")
    return resource


@lowers("VarHandleOp")
def var_handle(
    context: Context,
    *,
    dtype: DType,
    shape: Any,
    container: str = "",
    shared_name: str = "",
) -> Variable:
    return context.session.model.variable(shared_name or context.node.name, context.node)


@lowers("VariableV2", "Variable")
def reference_variable(
    context: Context,
    *,
    dtype: DType,
    shape: Any,
    container: str = "",
    shared_name: str = "",
) -> Variable:
    variable = context.session.model.variable(shared_name or context.node.name, context.node)
    variable.reference = True
    return variable


@lowers("ReadVariableOp")
def read_variable(context: Context, resource: Any, *, dtype: DType) -> Value:
    return context.read(_variable(resource))


@lowers("VariableShape")
def variable_shape(context: Context, resource: Any, *, out_type: DType = DType.INT32) -> Value:
    variable = _variable(resource)
    if variable.shape is not None and min(variable.shape, default=0) >= 0:
        return context.b.constant(np.array(variable.shape, out_type.numpy))
    return context.b.shape(context.read(variable), out_type=out_type)


def assign(context: Context, resource: Any, value: Value) -> Variable:
    """Assigns a variable in program order."""
    variable = _variable(resource)
    context.b.assign_variable(context.handle(variable), value)
    return variable


@lowers("AssignVariableOp", "Assign")
def assign_variable(
    context: Context,
    resource: Any,
    value: Value,
    *,
    dtype: DType = DType.FLOAT32,
    validate_shape: bool = False,
    use_locking: bool = True,
) -> Variable:
    return assign(context, resource, value)


def _assign_with(builtin: str) -> Any:
    def function(context: Context, resource: Any, value: Value) -> Variable:
        old = context.read(_variable(resource))
        return assign(context, resource, getattr(context.b, builtin)(old, value))

    return function


ASSIGN_WITH = (
    lowers("AssignAddVariableOp", "AssignAdd")(_assign_with("add")),
    lowers("AssignSubVariableOp", "AssignSub")(_assign_with("sub")),
)


@lowers("VarIsInitializedOp")
def is_initialized(context: Context, resource: Any) -> Value:
    return context.b.constant(np.array(True))


@lowers("ResourceGather")
def resource_gather(
    context: Context,
    resource: Any,
    indices: Value,
    *,
    batch_dims: int = 0,
    validate_indices: bool = True,
    dtype: DType = DType.FLOAT32,
) -> Value:
    axis = int(batch_dims)
    return context.b.gather(context.read(_variable(resource)), indices, axis=axis, batch_dims=axis)


@lowers("DisableCopyOnRead", "DestroyResourceOp")
def nothing(context: Context, resource: Any) -> None:
    return None
