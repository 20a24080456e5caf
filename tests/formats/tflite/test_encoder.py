"""FlatBuffers written by the encoder, read by the format's own library and by the decoder."""

from __future__ import annotations

import numpy as np
import pytest
from flatbuffers import number_types
from flatbuffers.table import Table as TheirTable
from hypothesis import given
from hypothesis import strategies as st

from litesmith.errors import FormatError
from litesmith.formats.tflite.decoder import FlatBuffer, Table
from litesmith.formats.tflite.encoder import REF, Encoder

FLAGS = {"?": "Bool", "b": "Int8", "B": "Uint8", "h": "Int16", "H": "Uint16", "i": "Int32", "I": "Uint32",
         "q": "Int64", "Q": "Uint64", "f": "Float32"}  # fmt: skip
VALUES = {"?": True, "b": -5, "B": 250, "h": -300, "H": 60000, "i": -70000, "I": 3 * 10**9,
          "q": -(2**40), "Q": 2**63, "f": 1.5}  # fmt: skip

fields = st.lists(st.tuples(st.integers(0, 9), st.sampled_from(sorted(VALUES))), unique_by=lambda f: f[0])


def root(encoder: Encoder, table: int) -> Table:
    return FlatBuffer(np.frombuffer(bytes(encoder.finish(table, b"TEST")), np.uint8)).root(b"TEST")


@given(st.lists(fields, min_size=1, max_size=4))
def test_any_table_is_read_back_aligned(tables: list[list[tuple[int, str]]]):
    encoder = Encoder()
    written = [encoder.table([(slot, code, VALUES[code]) for slot, code in table]) for table in tables]
    top = encoder.table([(0, REF, encoder.references(written))])
    data = bytes(encoder.finish(top, b"TEST"))
    assert len(data) % 16 == 0
    assert data[4:8] == b"TEST"
    buffer = FlatBuffer(np.frombuffer(data, np.uint8))
    for table, mine in zip(tables, buffer.root(b"TEST").tables(0, "inner"), strict=True):
        theirs = TheirTable(data, mine._at)
        for slot, code in table:
            offset = theirs.Offset(4 + 2 * slot)
            flags = getattr(number_types, f"{FLAGS[code]}Flags")
            assert theirs.Get(flags, offset + theirs.Pos) == VALUES[code] == mine.scalar(slot, code)
            assert (offset + theirs.Pos) % flags.bytewidth == 0
        assert sorted(mine.slots) == sorted(slot for slot, _ in table)


@given(st.lists(st.sampled_from(["u1", "<i4", "<i8", "<f4", "<u2"]), min_size=1, max_size=6), st.integers(0, 5))
def test_vectors_are_aligned_for_their_elements(dtypes: list[str], count: int):
    encoder = Encoder()
    refs = [encoder.scalars(np.arange(count + i), dtype) for i, dtype in enumerate(dtypes)]
    table = root(encoder, encoder.table([(i, REF, ref) for i, ref in enumerate(refs)]))
    for i, dtype in enumerate(dtypes):
        assert table.array(i, dtype).tolist() == list(range(count + i))
        assert table.span(i)[0] % np.dtype(dtype).itemsize == 0


def test_equal_vectors_strings_and_vtables_are_written_once():
    encoder = Encoder()
    assert encoder.string("a") == encoder.string("a") != encoder.string("b")
    assert encoder.scalars([1, 2], "<i4") == encoder.scalars(np.array([1, 2]), "<i4") != encoder.scalars([1], "<i4")
    size = encoder.size
    encoder.table([(3, "i", 1)])
    first = encoder.size - size
    encoder.table([(3, "i", 2)])
    assert encoder.size - size - first < first


def test_text_that_is_no_utf8_survives():
    encoder = Encoder()
    text = root(encoder, encoder.table([(0, REF, encoder.string(b"a\xff"))])).text(0)
    assert encoder.string(text) == encoder.string(b"a\xff")


def test_work_is_bounded_by_the_size_of_the_file():
    """Ten thousand references to one vector of ten thousand references to one table."""
    encoder = Encoder()
    leaf = encoder.table([(0, "i", 7)])
    middle = encoder.table([(0, REF, encoder.references([leaf] * 10_000))])
    table = root(encoder, encoder.table([(0, REF, encoder.references([middle] * 10_000))]))
    with pytest.raises(FormatError, match="far more than it holds"):
        [inner.tables(0, "leaf") for inner in table.tables(0, "middle")]
