"""TensorProto to array: every type, the three ways to carry values, and messages that lie."""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes
import numpy as np
import pytest

from litesmith.errors import FormatError
from litesmith.formats.saved_model import protos, to_array
from litesmith.formats.saved_model.dtypes import _TABLE, dtype_of
from litesmith.formats.saved_model.tensor_proto import tensor_shape


def shape_proto(*sizes: int):
    return protos.TensorShapeProto(dim=[protos.TensorShapeProto.Dim(size=size) for size in sizes])


def proto(dtype: str, *sizes: int, **values):
    return protos.TensorProto(dtype=getattr(protos, dtype), tensor_shape=shape_proto(*sizes), **values)


@dataclass(frozen=True)
class Case:
    dtype: str
    values: dict[str, object]
    expected: np.ndarray


CASES = [
    Case("DT_FLOAT", {"float_val": [1.5, -0.0, np.inf]}, np.array([1.5, -0.0, np.inf], np.float32)),
    Case("DT_DOUBLE", {"double_val": [1e300, 2, 3]}, np.array([1e300, 2, 3])),
    Case("DT_INT32", {"int_val": [-(2**31), 0, 2**31 - 1]}, np.array([-(2**31), 0, 2**31 - 1], np.int32)),
    Case("DT_UINT8", {"int_val": [0, 200, 255]}, np.array([0, 200, 255], np.uint8)),
    Case("DT_INT16", {"int_val": [-32768, 0, 1]}, np.array([-32768, 0, 1], np.int16)),
    Case("DT_INT8", {"int_val": [-128, 0, 1]}, np.array([-128, 0, 1], np.int8)),
    Case("DT_STRING", {"string_val": [b"a", b"", b"\xff\x00"]}, np.array([b"a", b"", b"\xff\x00"], np.object_)),
    Case("DT_COMPLEX64", {"scomplex_val": [1, 2, 3, 4, 5, 6]}, np.array([1 + 2j, 3 + 4j, 5 + 6j], np.complex64)),
    Case("DT_COMPLEX128", {"dcomplex_val": [1, 2, 3, 4, 5, 6]}, np.array([1 + 2j, 3 + 4j, 5 + 6j])),
    Case("DT_INT64", {"int64_val": [-(2**63), 0, 2**62]}, np.array([-(2**63), 0, 2**62])),
    Case("DT_BOOL", {"bool_val": [True, False, True]}, np.array([True, False, True])),
    Case("DT_QINT8", {"int_val": [-1, 0, 1]}, np.array([-1, 0, 1], np.int8)),
    Case("DT_QUINT8", {"int_val": [255, 0, 1]}, np.array([255, 0, 1], np.uint8)),
    Case("DT_QINT32", {"int_val": [-1, 0, 1]}, np.array([-1, 0, 1], np.int32)),
    Case("DT_QINT16", {"int_val": [-1, 0, 1]}, np.array([-1, 0, 1], np.int16)),
    Case("DT_QUINT16", {"int_val": [65535, 0, 1]}, np.array([65535, 0, 1], np.uint16)),
    Case("DT_UINT16", {"int_val": [65535, 0, 1]}, np.array([65535, 0, 1], np.uint16)),
    Case("DT_HALF", {"half_val": [0x3C00, 0xBC00, 0x7C00]}, np.array([1, -1, np.inf], np.float16)),
    Case("DT_BFLOAT16", {"half_val": [0x3F80, 0xBF80, 0]}, np.array([1, -1, 0], ml_dtypes.bfloat16)),
    Case("DT_UINT32", {"uint32_val": [2**32 - 1, 0, 1]}, np.array([2**32 - 1, 0, 1], np.uint32)),
    Case("DT_UINT64", {"uint64_val": [2**64 - 1, 0, 1]}, np.array([2**64 - 1, 0, 1], np.uint64)),
    Case("DT_FLOAT8_E5M2", {"float8_val": b"\x3c\xbc\x00"}, np.array([1, -1, 0], ml_dtypes.float8_e5m2)),
    Case("DT_FLOAT8_E4M3FN", {"float8_val": b"\x38\xb8\x00"}, np.array([1, -1, 0], ml_dtypes.float8_e4m3fn)),
    Case("DT_FLOAT8_E4M3FNUZ", {"float8_val": b"\x40\xc0\x00"}, np.array([1, -1, 0], ml_dtypes.float8_e4m3fnuz)),
    Case("DT_FLOAT8_E4M3B11FNUZ", {"float8_val": b"\x58\xd8\0"}, np.array([1, -1, 0], ml_dtypes.float8_e4m3b11fnuz)),
    Case("DT_FLOAT8_E5M2FNUZ", {"float8_val": b"\x40\xc0\x00"}, np.array([1, -1, 0], ml_dtypes.float8_e5m2fnuz)),
    Case("DT_INT4", {"int_val": [-8, 0, 7]}, np.array([-8, 0, 7], ml_dtypes.int4)),
    Case("DT_UINT4", {"int_val": [15, 0, 7]}, np.array([15, 0, 7], ml_dtypes.uint4)),
    Case("DT_INT2", {"int_val": [-2, 0, 1]}, np.array([-2, 0, 1], ml_dtypes.int2)),
    Case("DT_UINT2", {"int_val": [3, 0, 1]}, np.array([3, 0, 1], ml_dtypes.uint2)),
    Case("DT_FLOAT4_E2M1FN", {"float8_val": b"\x02\x0a\x00"}, np.array([1, -1, 0], ml_dtypes.float4_e2m1fn)),
]


def assert_same(actual, expected):
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert actual.tolist() == expected.tolist()
    assert not actual.flags.writeable


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.dtype)
def test_listed_values(case):
    assert_same(to_array(proto(case.dtype, 3, **case.values)), case.expected)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.dtype)
def test_raw_bytes(case):
    if case.expected.dtype == np.object_:
        pytest.skip("strings have no raw form")
    assert_same(to_array(proto(case.dtype, 3, 1, tensor_content=case.expected.tobytes())), case.expected[:, None])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.dtype)
def test_the_last_value_fills_the_rest(case):
    expected = np.concatenate([case.expected, case.expected[-1:], case.expected[-1:], case.expected[-1:]])
    assert_same(to_array(proto(case.dtype, 2, 3, **case.values)), expected.reshape(2, 3))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.dtype)
def test_no_values_are_zeros(case):
    zero = np.full((2, 2), b"", np.object_) if case.dtype == "DT_STRING" else np.zeros((2, 2), case.expected.dtype)
    assert_same(to_array(proto(case.dtype, 2, 2)), zero)


def test_every_type_has_a_case():
    named = {getattr(protos, case.dtype) for case in CASES}
    assert {number for number, row in _TABLE.items() if row.numpy is not None} == named
    assert {value for value in protos.DataType.values() if 0 < value < 100} == set(_TABLE)


@pytest.mark.parametrize("shape", [(), (0,), (0, 5), (1, 1, 1)])
def test_scalars_and_empty_tensors(shape):
    count = int(np.prod(shape))
    assert_same(to_array(proto("DT_FLOAT", *shape, float_val=[2.5] * count)), np.full(shape, 2.5, np.float32))


def test_one_value_costs_no_memory():
    array = to_array(proto("DT_FLOAT", 20_000, 20_000, float_val=[3.0]))
    assert array.shape == (20_000, 20_000)
    assert array.strides == (0, 0)
    assert array[-1, -1] == 3.0


def test_bytes_of_a_bool_are_true_or_false():
    assert_same(to_array(proto("DT_BOOL", 3, tensor_content=b"\x00\x01\x02")), np.array([False, True, True]))


BAD = [
    ("more values than elements", proto("DT_INT32", 1, int_val=[1, 2]), "2 values"),
    ("more strings than elements", proto("DT_STRING", 1, string_val=[b"a", b"b"]), "2 values"),
    ("too few bytes", proto("DT_INT32", 2, tensor_content=b"\0" * 7), "takes 8 bytes, not 7"),
    ("too many bytes", proto("DT_INT32", 2, tensor_content=b"\0" * 9), "takes 8 bytes, not 9"),
    ("half a complex number", proto("DT_COMPLEX64", 2, scomplex_val=[1.0]), "pairs"),
    ("an unknown dimension", proto("DT_INT32", -1, int_val=[1]), "full shape"),
    ("a negative dimension", proto("DT_INT32", -7, int_val=[1]), "negative"),
    ("terabytes of zeros", proto("DT_FLOAT", 2**40), "0 values for a float32"),
    ("terabytes of one value", proto("DT_FLOAT", 2**40, float_val=[1.0]), "1 values for a float32"),
    ("terabytes of two values", proto("DT_FLOAT", 2**40, float_val=[1.0, 2.0]), "2 values for a float32"),
    ("a gigabyte of two values", proto("DT_FLOAT", 2**28, float_val=[1.0, 2.0]), "2 values for a float32"),
    ("terabytes of strings", proto("DT_STRING", 2**40, string_val=[b"x"]), "1 strings"),
    ("an overflowing shape", proto("DT_FLOAT", 2**62, 2**62), "impossible shape"),
    ("an overflowing empty shape", proto("DT_FLOAT", 0, 2**62, 2**62), "impossible shape"),
    ("a rank beyond NumPy's", proto("DT_FLOAT", *[1] * 65), "impossible shape"),
    ("a rank beyond reason", proto("DT_FLOAT", *[1] * 200), "rank 200"),
    ("a resource", proto("DT_RESOURCE"), "resource has no array form"),
    ("a variant", proto("DT_VARIANT"), "variant has no array form"),
    ("no type", proto("DT_INVALID"), "invalid has no array form"),
    ("a type of the future", protos.TensorProto(dtype=77), "unknown data type 77"),
]


@pytest.mark.parametrize(("message", "reason"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_messages_that_lie_are_refused(message, reason):
    with pytest.raises(FormatError, match=reason):
        to_array(message)


def test_shapes_of_values_that_are_not_there():
    assert tensor_shape(shape_proto(-1, 3)) == (None, 3)
    assert tensor_shape(protos.TensorShapeProto(unknown_rank=True)) is None
    assert tensor_shape(protos.TensorShapeProto()) == ()


def test_reference_types_are_their_base():
    assert dtype_of(101) == dtype_of(1)
    assert dtype_of(119).numpy == np.float16
