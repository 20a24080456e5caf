"""tf.Example messages to columns and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litesmith.data import protos
from litesmith.data.columns import is_ragged
from litesmith.data.examples import columns_of, parse_example, serialize_example

INT64 = st.integers(-(2**63), 2**63 - 1)


def columns(*features, names=None):
    return columns_of([parse_example(serialize_example(f)) for f in features], names)


def test_values_of_each_kind():
    found = columns({"x": [1.5, 2.0], "n": 3, "s": "é"}, {"x": [0.0, -1.0], "n": -4, "s": b"\xff\x00"})
    np.testing.assert_array_equal(found["x"], np.float32([[1.5, 2], [0, -1]]))
    np.testing.assert_array_equal(found["n"], [[3], [-4]])
    assert found["s"].tolist() == [["é".encode()], [b"\xff\x00"]]
    assert (found["x"].dtype, found["n"].dtype) == (np.float32, np.int64)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.lists(INT64, min_size=3, max_size=3), min_size=1, max_size=5))
def test_integers_of_every_size(rows):
    np.testing.assert_array_equal(columns(*({"n": row} for row in rows))["n"], np.array(rows, np.int64))


def test_lists_of_several_sizes_and_missing_ones():
    found = columns({"n": [1, 2]}, {"n": []}, {"n": [300]}, {"x": 1.0})
    assert is_ragged(found["n"]) and is_ragged(found["x"])
    assert [None if v is None else v.tolist() for v in found["n"]] == [[1, 2], None, [300], None]


def test_only_columns_asked_for():
    assert set(columns({"a": 1, "b": 2.0}, names=frozenset({"b"}))) == {"b"}


def test_unpacked_lists_are_read():
    """As writers in other languages may store them: each number with a tag of its own."""
    unpacked = b"\x0d" + np.float32(1.5).tobytes() + b"\x0d" + np.float32(-2).tobytes()
    integers = b"\x08\x05" + b"\x08\xac\x02"
    feature = lambda field, data: bytes([field << 3 | 2, len(data)]) + data  # noqa: E731
    entry = lambda name, value: feature(1, feature(1, name) + feature(2, value))  # noqa: E731
    record = feature(1, entry(b"x", feature(2, unpacked)) + entry(b"n", feature(3, integers)))
    found = columns_of([parse_example(record)])
    np.testing.assert_array_equal(found["x"], np.float32([[1.5, -2]]))
    np.testing.assert_array_equal(found["n"], [[5, 300]])


def test_what_is_no_example():
    with pytest.raises(ValueError, match=r"not a tf\.Example"):
        parse_example(b"\xff\xff\xff")


def test_a_feature_of_two_kinds():
    with pytest.raises(ValueError, match="several types"):
        columns({"x": 1}, {"x": 1.0})


def test_messages_are_those_of_tensorflow():
    plain = protos.PlainExample.FromString(serialize_example({"n": [1, 2]}))
    assert list(plain.features.feature["n"].int64_list.value) == [1, 2]
