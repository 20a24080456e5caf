"""TensorLists, each kept as one dense tensor whose first dimension is the list's length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from litesmith.decompositions.rnn import row_at, set_row
from litesmith.decompositions.shapes import cast, dim_value, equal_dims, expand_dims, full, reshape, shape_vector
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.importer import Context
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.frontends.tensorflow.resources import TensorList
from litesmith.ir import Builder, Dim, DType, Value
from litesmith.ops.common import unknown_dim

if TYPE_CHECKING:
    from litesmith.frontends.tensorflow.resources import Item

_GIVE_SHAPE = "give the TensorArray an element_shape"


def list_at(handle: Item) -> TensorList:
    if not isinstance(handle, TensorList):
        raise UnsupportedError("the operand is not a list", "keep lists apart from tensors")
    return handle


def stack_list(handle: Item) -> Value:
    """The list as a tensor. Raises UnsupportedError while its element shape is unknown."""
    value = list_at(handle).stacked
    if value is None:
        raise UnsupportedError("a list is read before the shape of its elements is known", _GIVE_SHAPE)
    return value


def _element_dims(shape: Value) -> tuple[Dim, ...] | None:
    """A declared element shape; None unless every size is known."""
    if shape.sym is None or shape.rank != 1 or any(isinstance(d, int) and d < 0 for d in shape.sym):
        return None
    return tuple(shape.sym)


def list_of(b: Builder, stacked: Value) -> TensorList:
    return TensorList(stacked, stacked.type.dtype, stacked.dims[1:], dim_value(b, stacked, 0))


def zeros(b: Builder, items: TensorList, element: Sequence[Dim], *sources: Value) -> TensorList:
    """The list with every element zero, once their shape is known."""
    assert items.length is not None
    length = items.length.sym.item() if items.length.sym is not None else unknown_dim("length")
    row = full(b, (1, *element), 0, items.dtype, *sources)
    if items.length.sym is not None:
        stacked = full(b, (length, *element), 0, items.dtype, items.length, *sources)
    else:
        ones = b.constant(np.ones(len(element), np.int32))
        stacked = b.tile(row, b.concatenation(reshape(b, items.length, [1]), ones, axis=0))
    return replace(items, stacked=stacked, element=tuple(element))


@lowers("TensorListReserve")
def reserve(b: Builder, element_shape: Value, num_elements: Value, *, element_dtype: DType) -> TensorList:
    items = TensorList(None, element_dtype, None, cast(b, num_elements, DType.INT32))
    element = _element_dims(element_shape)
    return items if element is None else zeros(b, items, element, element_shape)


@lowers("EmptyTensorList")
def empty(b: Builder, element_shape: Value, max_num_elements: Value, *, element_dtype: DType) -> TensorList:
    items = TensorList(None, element_dtype, None, b.constant(np.array(0, np.int32)))
    element = _element_dims(element_shape)
    return items if element is None else zeros(b, items, element, element_shape)


@lowers("TensorListFromTensor")
def from_tensor(b: Builder, tensor: Value, element_shape: Value) -> TensorList:
    return list_of(b, tensor)


@lowers("TensorListStack")
def stack(b: Builder, input_handle: Item, element_shape: Value) -> Value:
    return stack_list(input_handle)


@lowers("TensorListLength")
def length(b: Builder, input_handle: Item) -> Value:
    items = list_at(input_handle)
    if items.stacked is None and items.length is not None:
        return items.length
    return dim_value(b, stack_list(items), 0)


@lowers("TensorListElementShape")
def element_shape(b: Builder, input_handle: Item, *, shape_type: DType) -> Value:
    stacked = stack_list(input_handle)
    return cast(b, shape_vector(b, stacked.dims[1:], stacked), shape_type)


@lowers("TensorListGetItem")
def get_item(b: Builder, input_handle: Item, index: Value, element_shape: Value) -> Value:
    return row_at(b, stack_list(input_handle), cast(b, index, DType.INT32))


@lowers("TensorListSetItem")
def set_item(
    b: Builder,
    input_handle: Item,
    index: Value,
    item: Value,
    *,
    resize_if_index_out_of_bounds: bool = False,
) -> TensorList:
    items = list_at(input_handle)
    place = cast(b, index, DType.INT32)
    if items.stacked is None:
        if items.is_trial:
            return replace(items, element=item.dims)
        items = zeros(b, items, item.dims, item)
    if resize_if_index_out_of_bounds:
        items = _grown(b, items, b.add(place, b.constant(np.array(1, np.int32))))
    assert items.stacked is not None
    return replace(items, stacked=set_row(b, items.stacked, _as_element(b, items.stacked, item), place))


def _as_element(b: Builder, stacked: Value, item: Value) -> Value:
    """The item in the shape of the list's elements; the runtime refuses it where it turns out to be of another size."""
    element = stacked.dims[1:]
    if len(element) != item.rank or any(
        isinstance(e, int) and isinstance(d, int) and e != d for e, d in zip(element, item.dims, strict=True)
    ):
        raise UnsupportedError(
            f"a list with elements of shape {list(element)} gets one of shape {list(item.dims)}",
            "keep elements of different shapes in lists of their own",
        )
    if all(equal_dims(e, d) for e, d in zip(element, item.dims, strict=True)):
        return item
    return b.reshape(item, shape_vector(b, element, stacked))


def _grown(b: Builder, items: TensorList, size: Value) -> TensorList:
    """The list with zero elements added at its end, so that it has at least this many."""
    stacked = stack_list(items)
    if size.is_const and isinstance(stacked.dims[0], int) and int(size.numpy()) <= stacked.dims[0]:
        return items
    missing = b.maximum(b.sub(size, dim_value(b, stacked, 0)), b.constant(np.array(0, np.int32)))
    element = shape_vector(b, stacked.dims[1:], stacked)
    zero = b.constant(np.zeros((), stacked.type.dtype.numpy))
    added = b.fill(b.concatenation(b.reshape(missing, [1]), element, axis=0), zero)
    return list_of(b, b.concatenation(stacked, added, axis=0))


@lowers("TensorListPushBack")
def push_back(b: Builder, input_handle: Item, tensor: Value) -> TensorList:
    items = list_at(input_handle)
    row = expand_dims(b, tensor, 0)
    if items.stacked is None:
        is_empty = items.length is not None and items.length.is_const and int(items.length.numpy()) == 0
        if not is_empty:
            raise UnsupportedError("a list grows before the shape of its elements is known", _GIVE_SHAPE)
        return list_of(b, row)
    return list_of(b, b.concatenation(items.stacked, row, axis=0))


@lowers("TensorListPopBack", outputs=("output_handle", "tensor"))
def pop_back(b: Builder, input_handle: Item, element_shape: Value) -> tuple[TensorList, Value]:
    stacked = stack_list(input_handle)
    count = stacked.rank
    begin = b.constant(np.zeros(count, np.int32))
    end = b.constant(np.array([-1] + [0] * (count - 1), np.int32))
    step = b.constant(np.ones(count, np.int32))
    rest = b.strided_slice(stacked, begin, end, step, begin_mask=(1 << count) - 1, end_mask=(1 << count) - 2)
    last = b.strided_slice(stacked, end, begin, step, begin_mask=(1 << count) - 2, end_mask=(1 << count) - 1,
                           shrink_axis_mask=1)  # fmt: skip
    return list_of(b, rest), last


@lowers("TensorListConcatLists")
def concat_lists(b: Builder, input_a: Item, input_b: Item) -> TensorList:
    return list_of(b, b.concatenation(stack_list(input_a), stack_list(input_b), axis=0))


@lowers("TensorListConcat", "TensorListConcatV2", outputs=("tensor", "lengths"))
def concat(b: Builder, inputs: list[Item]) -> tuple[Value, Value]:
    """All elements joined along their own first dimension; a dense list has elements of one length."""
    stacked = stack_list(inputs[0])
    rows, size = stacked.dims[0], stacked.dims[1]
    joined = reshape(b, stacked, [rows * size, *stacked.dims[2:]], stacked)
    lengths = b.fill(shape_vector(b, [rows], stacked), cast(b, dim_value(b, stacked, 1), DType.INT64))
    return joined, lengths


@lowers("TensorListGather")
def gather(b: Builder, input_handle: Item, indices: Value, element_shape: Value) -> Value:
    return b.gather(stack_list(input_handle), indices, axis=0)


@lowers("TensorListScatter", "TensorListScatterV2")
def scatter(b: Builder, inputs: list[Item]) -> TensorList:
    """The rows at their indices. The length is the largest index and one, or ``num_elements`` where that is given."""
    tensor, indices, *_ = given = [v for v in inputs if isinstance(v, Value)]
    if not indices.is_const:
        raise UnsupportedError("the indices of a scatter into a list are computed at run time", "use constant indices")
    count = int(indices.numpy().max(initial=-1)) + 1
    if len(given) > 3 and given[3].is_const and int(given[3].numpy()) >= 0:
        count = max(count, int(given[3].numpy()))
    source = np.full(count, -1)
    source[indices.numpy()] = np.arange(indices.numpy().size)
    if (source < 0).any():
        raise UnsupportedError("a scatter into a list leaves elements out", "write every element")
    return list_of(b, b.gather(tensor, b.constant(source.astype(np.int32)), axis=0))


@lowers("TensorListSplit")
def split(b: Builder, tensor: Value, element_shape: Value, lengths: Value) -> TensorList:
    if not lengths.is_const or len(set(lengths.numpy().tolist())) != 1:
        raise UnsupportedError("a tensor is split into list elements of different lengths", "split it evenly")
    size = int(lengths.numpy()[0])
    return list_of(b, reshape(b, tensor, [lengths.numpy().size, size, *tensor.dims[1:]], tensor))


@lowers("TensorListResize")
def resize(b: Builder, input_handle: Item, size: Value) -> TensorList:
    items = list_at(input_handle)
    if items.stacked is None:
        return replace(items, length=cast(b, size, DType.INT32))
    return list_of(b, _first(b, stack_list(_grown(b, items, cast(b, size, DType.INT32))), size))


def _first(b: Builder, x: Value, count: Value) -> Value:
    """The first ``count`` rows."""
    rank = x.rank
    end = b.concatenation(b.reshape(cast(b, count, DType.INT32), [1]), np.zeros(rank - 1, np.int32), axis=0)
    zeros, ones = b.constant(np.zeros(rank, np.int32)), b.constant(np.ones(rank, np.int32))
    return b.strided_slice(x, zeros, end, ones, begin_mask=(1 << rank) - 1, end_mask=(1 << rank) - 2)


def complete_list(
    context: Context, items: TensorList, element: Sequence[Dim] | None, sources: Sequence[Value]
) -> TensorList:
    """A list reserved without an element shape, once that is known. Raises UnsupportedError while it is not."""
    if element is None or any(str(d).startswith("_") for d in element):
        raise UnsupportedError("the element shape of a list is unknown", _GIVE_SHAPE)
    return zeros(context.b, items, element, *sources)
