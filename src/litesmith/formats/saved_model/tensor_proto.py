"""`TensorProto` to NumPy array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from litesmith.errors import FormatError
from litesmith.formats.saved_model.dtypes import dtype_of

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import TensorProto, TensorShapeProto

Array = np.ndarray[Any, Any]

MAX_RANK = 64  # NumPy's limit
MAX_ELEMENTS = 2**62
# Of a tensor whose message holds fewer values than its shape asks for: one value takes no memory to repeat.
MAX_REPEATED_BYTES = 2**31
MAX_EXPANDED_BYTES = 2**28


def tensor_shape(proto: TensorShapeProto) -> tuple[int | None, ...] | None:
    """The dimensions, None for an unknown one; None for an unknown rank. FormatError for impossible sizes."""
    if proto.unknown_rank:
        return None
    if len(proto.dim) > 2 * MAX_RANK:
        raise FormatError(f"a tensor shape of rank {len(proto.dim)}")
    sizes = tuple(dim.size for dim in proto.dim)
    if any(size < -1 for size in sizes):
        raise FormatError(f"a tensor shape with a negative size: {sizes}")
    return tuple(None if size == -1 else size for size in sizes)


def static_shape(proto: TensorShapeProto) -> tuple[int, ...]:
    """The dimensions of a tensor that holds values: all known, at most 64, of less than 2**62 elements."""
    shape = tensor_shape(proto)
    if shape is None or None in shape:
        raise FormatError(f"a tensor with values needs a full shape, not {shape}")
    sizes = tuple(size for size in shape if size is not None)
    if len(sizes) > MAX_RANK or math.prod(size for size in sizes if size) > MAX_ELEMENTS:
        raise FormatError(f"a tensor of impossible shape {sizes}")
    return sizes


def to_array(proto: TensorProto) -> Array:
    """The value of a tensor, read-only; strings as an object array of bytes.

    A message may carry raw bytes, one value per element, or fewer: then the last one (zero when there is none)
    fills the rest. FormatError when shape, type and values do not fit together, or when a type has no array form.
    """
    row = dtype_of(proto.dtype)
    if row.numpy is None:
        raise FormatError(f"a tensor of type {row.name} has no array form")
    shape = static_shape(proto.tensor_shape)
    if row.name == "string":
        array = _strings(proto.string_val, shape)
    elif proto.tensor_content:
        array = from_buffer(proto.tensor_content, row.numpy, shape)
    else:
        array = _expand(_expand_values(getattr(proto, row.field), row.field, row.numpy), shape)
    array.flags.writeable = False
    return array


def from_buffer(data: bytes | memoryview, dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> Array:
    """A view of raw little-endian bytes; FormatError when their number is not what dtype and shape ask for."""
    expected = math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        raise FormatError(f"a {dtype} tensor of shape {shape} takes {expected} bytes, not {len(data)}")
    if dtype == np.bool_:  # a byte other than 0 and 1 would be neither true nor false to NumPy
        return np.not_equal(np.frombuffer(data, np.uint8), 0).reshape(shape)
    return np.frombuffer(data, dtype).reshape(shape)


def _expand_values(values: Any, field: str, dtype: np.dtype[np.generic]) -> Array:
    """The values of a repeated field as a flat array of dtype."""
    if field == "float8_val":
        return np.frombuffer(values, dtype)
    if field == "half_val":  # the 16 bits of the number, in an int32
        return np.fromiter(values, np.int32, len(values)).astype(np.uint16).view(dtype)
    if dtype.kind == "c":
        parts = np.fromiter(values, np.empty(0, dtype).real.dtype, len(values))
        if len(parts) % 2:
            raise FormatError(f"{len(parts)} numbers do not make pairs of a {dtype} tensor")
        return parts.view(dtype)
    if field == "int_val" and dtype != np.int32:
        return np.fromiter(values, np.int32, len(values)).astype(dtype)
    return np.fromiter(values, dtype, len(values))


def _expand(values: Array, shape: tuple[int, ...]) -> Array:
    """Fill shape with values, the last one repeated; one value costs no memory, more are bounded."""
    count = _check_count(len(values), shape)
    if len(values) == count:
        return values.reshape(shape)
    limit = MAX_EXPANDED_BYTES if len(values) > 1 else MAX_REPEATED_BYTES
    if count * values.dtype.itemsize > limit:
        raise FormatError(f"{len(values)} values for a {values.dtype} tensor of shape {shape}")
    if len(values) <= 1:
        fill = values[0] if len(values) else np.zeros((), values.dtype)
        return np.broadcast_to(np.asarray(fill, values.dtype), shape).view()
    return np.concatenate([values, np.broadcast_to(values[-1:], count - len(values))]).reshape(shape)


def _strings(values: Sequence[bytes], shape: tuple[int, ...]) -> Array:
    count = _check_count(len(values), shape)
    if len(values) < count and count * 8 > MAX_EXPANDED_BYTES:
        raise FormatError(f"{len(values)} strings for a tensor of shape {shape}")
    array = np.empty(count, np.object_)  # np.full would drop a trailing zero byte of the string
    array[:] = [*values, *[values[-1] if values else b""] * (count - len(values))]
    return array.reshape(shape)


def _check_count(given: int, shape: tuple[int, ...]) -> int:
    count = math.prod(shape)
    if given > count:
        raise FormatError(f"{given} values for a tensor of shape {shape}")
    return count
