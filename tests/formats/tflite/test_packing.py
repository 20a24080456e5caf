"""Bytes of packed integers and strings, spelled out."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from litesmith.errors import FormatError
from litesmith.formats.tflite import packing
from litesmith.formats.tflite.packing import pack_strings, same_bytes, stored_chunks, unpack_bits, unpack_strings
from litesmith.ir import DType

PACKED = {
    "int4": (DType.INT4, [-8, 7, 3, -1, 5], "78 f3 05"),
    "uint4": (DType.UINT4, [15, 0, 9], "0f 09"),
    "int2": (DType.INT2, [-2, 1, 0, -1, 1], "c6 01"),
    "one": (DType.INT4, [-1], "0f"),
    "none": (DType.INT4, [], ""),
}


@pytest.mark.parametrize("case", PACKED)
def test_first_element_lies_in_the_lowest_bits(case: str):
    dtype, values, expected = PACKED[case]
    array = np.array(values, dtype.numpy)
    raw = b"".join(map(bytes, stored_chunks(dtype, array)))
    assert raw == bytes.fromhex(expected)
    assert packing.stored_size(dtype, len(values)) == len(raw)
    back = unpack_bits(np.frombuffer(raw, np.uint8), dtype, len(values))
    assert back.dtype == dtype.numpy
    assert back.astype(np.int32).tolist() == values


@given(st.sampled_from([DType.INT4, DType.UINT4, DType.INT2]), st.binary(max_size=40))
def test_packed_bytes_survive(dtype: DType, raw: bytes):
    count = len(raw) * 8 // dtype.bits
    elements = unpack_bits(np.frombuffer(raw, np.uint8), dtype, count)
    assert b"".join(map(bytes, stored_chunks(dtype, elements))) == raw


def test_string_format():
    array = np.array([[b"ab", ""], ["ü", b"\0"]], object)
    raw = pack_strings(array)
    assert raw == struct.pack("<6i", 4, 24, 26, 26, 28, 29) + b"ab" + "ü".encode() + b"\0"
    back = unpack_strings(raw, (2, 2))
    assert back.tolist() == [[b"ab", b""], ["ü".encode(), b"\0"]]


@given(st.lists(st.binary(max_size=5), max_size=6))
def test_strings_survive(texts: list[bytes]):
    array = np.empty(len(texts), object)
    array[:] = texts
    assert unpack_strings(pack_strings(array), (len(texts),)).tolist() == texts


BROKEN_STRINGS = {
    "empty": b"",
    "other count": struct.pack("<3i", 1, 12, 12),
    "cut": struct.pack("<3i", 2, 16, 16),
    "backwards": struct.pack("<4i", 2, 16, 15, 16),
    "before the start": struct.pack("<4i", 2, -4, 16, 16),
    "behind the end": struct.pack("<4i", 2, 16, 16, 17),
}


@pytest.mark.parametrize("case", BROKEN_STRINGS)
def test_broken_strings_are_refused(case: str):
    with pytest.raises(FormatError, match="string"):
        unpack_strings(BROKEN_STRINGS[case], (2,))


STREAMS = {
    "cut alike": ([b"ab", b"c"], [b"ab", b"c"], True),
    "cut otherwise": ([b"ab", b"cd"], [b"a", b"bc", b"d"], True),
    "different": ([b"abc"], [b"ab", b"d"], False),
    "longer": ([b"abc"], [b"ab"], False),
    "shorter": ([b"ab"], [b"ab", b"c"], False),
    "empty": ([], [], True),
}


@pytest.mark.parametrize("case", STREAMS)
def test_streams_are_compared_however_they_are_cut(case: str):
    left, right, expected = STREAMS[case]
    assert same_bytes(left, right) is expected
    assert same_bytes(right, left) is expected


TRANSPOSED = {
    "matrix": ((70, 50), (1, 0)),
    "filters": ((3, 3, 20, 40), (3, 0, 1, 2)),
    "other_axes_out_of_order": ((6, 10, 20, 30), (3, 1, 0, 2)),
    "one_row": ((50, 1), (1, 0)),
}


@pytest.mark.parametrize("case", TRANSPOSED)
def test_transposed_arrays_are_put_in_order(case: str, monkeypatch: pytest.MonkeyPatch):
    shape, perm = TRANSPOSED[case]
    for name, value in {"CHUNK": 1 << 8, "PANEL": 1 << 10, "RELEASE": 32}.items():
        monkeypatch.setattr(packing, name, value)
    array = np.arange(np.prod(shape), dtype=np.int32).reshape(shape).transpose(perm)
    raw = b"".join(bytes(chunk) for chunk in stored_chunks(DType.INT32, array))
    assert raw == np.ascontiguousarray(array).tobytes()
