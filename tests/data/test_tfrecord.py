"""TFRecord files: framing, compression, and damage of every kind."""

from __future__ import annotations

import gzip
import io
import zlib

import pytest

from litesmith.data import DataError
from litesmith.data.tfrecord import read_records, write_records

RECORDS = [b"", b"a", bytes(range(256)) * 300, b"last"]


def content(records=RECORDS) -> bytes:
    out = io.BytesIO()
    assert write_records(out, records) == len(records)
    return out.getvalue()


def read(path, skipped=None):
    return [record for _, record in read_records(path, skipped)]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zlib.compress], ids=["plain", "gzip", "zlib"])
def test_what_was_written_is_read(tmp_path, pack):
    (tmp_path / "f").write_bytes(pack(content()))
    assert read(tmp_path / "f") == RECORDS


def test_a_known_file(tmp_path):
    """Written by tf.io.TFRecordWriter."""
    data = bytes.fromhex("0300000000000000 fb02fe27 616263 b57d88e6".replace(" ", ""))
    (tmp_path / "f").write_bytes(content([b"abc"]))
    assert content([b"abc"])[:8] == data[:8]
    assert read(tmp_path / "f") == [b"abc"]


def test_an_empty_file_has_no_records(tmp_path):
    (tmp_path / "f").write_bytes(b"")
    assert read(tmp_path / "f") == []


DAMAGED = {
    "not TFRecord": (lambda data: b"something else, long enough", "is not a TFRecord file"),
    "short": (lambda data: data[:5], "is not a TFRecord file"),
    "header of the third": (lambda data: data[:40] + b"\xff" + data[41:], "record 2"),
    "cut off": (lambda data: data[:-6], "record 3 is cut off"),
    "content": (lambda data: data[:100] + b"\xff" + data[101:], "record 2: the checksum does not match"),
    "gzip cut off": (lambda data: gzip.compress(data)[:-9], "cannot be read"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_told_with_file_and_record(tmp_path, name):
    damage, message = DAMAGED[name]
    (tmp_path / "f").write_bytes(damage(content()))
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path / "f")
    assert str(tmp_path / "f") in str(caught.value)


def test_damaged_content_can_be_passed_over(tmp_path):
    data = content()
    (tmp_path / "f").write_bytes(data[:100] + b"\xff" + data[101:])
    skipped: list[int] = []
    assert read(tmp_path / "f", lambda number, reason: skipped.append(number)) == [RECORDS[0], RECORDS[1], RECORDS[3]]
    assert skipped == [2]
