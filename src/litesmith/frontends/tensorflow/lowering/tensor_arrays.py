"""TensorArrays of TensorFlow 1: the array's content travels along the flow, as a list does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from litesmith.decompositions.shapes import cast, equal_dims
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.lowering import lists
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.frontends.tensorflow.resources import TensorArray, TensorList
from litesmith.ir import Builder, DType, Value

if TYPE_CHECKING:
    from litesmith.frontends.tensorflow.resources import Item

_ANY_SHAPE = np.array(-1, np.int32)


@lowers("TensorArrayV3", outputs=("handle", "flow"))
def tensor_array(
    b: Builder,
    size: Value,
    *,
    dtype: DType,
    element_shape: tuple[int, ...] | None = None,
    dynamic_size: bool = False,
    clear_after_read: bool = True,
    identical_element_shapes: bool = False,
    tensor_array_name: str = "",
) -> tuple[TensorArray, TensorList]:
    shape = _ANY_SHAPE if element_shape is None else np.array(element_shape, np.int32)
    return TensorArray(dtype, dynamic_size), lists.reserve(b, b.constant(shape), size, element_dtype=dtype)


@lowers("TensorArrayReadV3")
def read(b: Builder, handle: Item, index: Value, flow_in: Item, *, dtype: DType) -> Value:
    return lists.get_item(b, flow_in, index, b.constant(_ANY_SHAPE))


@lowers("TensorArrayWriteV3")
def write(b: Builder, handle: Item, index: Value, value: Value, flow_in: Item) -> TensorList:
    assert isinstance(handle, TensorArray)
    return lists.set_item(b, flow_in, index, value, resize_if_index_out_of_bounds=handle.grows)


@lowers("TensorArrayGatherV3")
def gather(
    b: Builder, handle: Item, indices: Value, flow_in: Item, *, dtype: DType, element_shape: tuple[int, ...] | None = None
) -> Value:
    """The elements at these indices; the array as it is where they count all of them."""
    items = lists.stack_list(flow_in)
    if _counts_all(indices, items):
        return items
    return b.gather(items, indices, axis=0)


@lowers("TensorArrayScatterV3")
def scatter(b: Builder, handle: Item, indices: Value, value: Value, flow_in: Item) -> TensorList:
    if _counts_all(indices, value):
        return lists.list_of(b, value)
    return lists.scatter(b, [value, indices, b.constant(_ANY_SHAPE), _length(lists.list_at(flow_in))])


def _length(items: TensorList) -> Value:
    if items.length is None:
        raise UnsupportedError("an array of unknown length is filled", "create it with its size")
    return items.length


def _counts_all(indices: Value, rows: Value) -> bool:
    """Whether the indices are 0, 1, 2 … up to the number of rows."""
    if indices.is_const:
        count = indices.numpy().size
        return rows.dims[0] == count and bool(np.array_equal(indices.numpy(), np.arange(count)))
    if indices.op is None or indices.op.name != "RANGE" or not equal_dims(indices.dims[0], rows.dims[0]):
        return False
    start, _, step = indices.op.inputs
    return start.is_const and step.is_const and int(start.numpy()) == 0 and int(step.numpy()) == 1


@lowers("TensorArraySplitV3")
def split(b: Builder, handle: Item, value: Value, lengths: Value, flow_in: Item) -> TensorList:
    return lists.split(b, value, b.constant(_ANY_SHAPE), lengths)


@lowers("TensorArrayConcatV3", outputs=("value", "lengths"))
def concat(b: Builder, handle: Item, flow_in: Item) -> tuple[Value, Value]:
    value, lengths = lists.concat(b, [flow_in])
    return value, lengths


@lowers("TensorArraySizeV3")
def size(b: Builder, handle: Item, flow_in: Item) -> Value:
    return cast(b, lists.length(b, flow_in), DType.INT32)


@lowers("TensorArrayCloseV3")
def close(b: Builder, handle: Item) -> None:
    return None
