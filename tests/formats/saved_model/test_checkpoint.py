"""Checkpoints: written by the tests' own writer, read back; then damaged in every way a copy can be."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from litesmith.errors import FormatError, UsageError
from litesmith.formats.saved_model import Checkpoint, protos
from litesmith.formats.saved_model.checkpoint import OBJECT_GRAPH_KEY
from litesmith.formats.saved_model.slices import bounds, parse_shape_and_slice, slice_key
from tests.formats.saved_model.bundle import DATA_TYPES, CheckpointWriter, table

RNG = np.random.default_rng(7)
BIG = RNG.standard_normal((300, 100)).astype(np.float32)  # above the size from which tensors are mapped


def strings(*values: bytes) -> np.ndarray:
    array = np.empty(len(values), np.object_)
    array[:] = values
    return array


TENSORS = {
    "scalar": np.float32(1.25).reshape(()),
    "empty": np.zeros((0, 4), np.float32),
    "odd": np.arange(3, dtype=np.uint8),  # so that what follows is unaligned
    "big": BIG,
    "big_bool": RNG.integers(0, 2, 100_000).astype(np.bool_),
    "double": RNG.standard_normal((2, 3)),
    "complex": (RNG.standard_normal((2, 3)) + 1j * RNG.standard_normal((2, 3))).astype(np.complex64),
    "bfloat16": RNG.standard_normal(50).astype(ml_dtypes.bfloat16),
    "big_half": RNG.standard_normal(50_000).astype(np.float16),
    "int4": np.arange(-8, 8).astype(ml_dtypes.int4),
    "strings": strings(b"one", b"", b"with\x00zero\x00", b"x" * 300),
    "string": strings(b"alone\x00").reshape(()),
}


def assert_same(actual: np.ndarray, expected: np.ndarray) -> None:
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert actual.tolist() == expected.tolist()
    assert not actual.flags.writeable


def written(tmp_path, *, shards=1, big_endian=False, tensors=None) -> CheckpointWriter:
    writer = CheckpointWriter(shards, big_endian=big_endian)
    for i, (key, array) in enumerate((TENSORS if tensors is None else tensors).items()):
        writer.add(key, array, i % shards)
    writer.write(tmp_path / "ckpt")
    return writer


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("big_endian", [False, True])
def test_round_trip(tmp_path, shards, big_endian):
    written(tmp_path, shards=shards, big_endian=big_endian)
    checkpoint = Checkpoint.open(tmp_path / "ckpt")
    assert checkpoint.num_shards == shards
    assert checkpoint.names() == sorted(TENSORS)
    for key, expected in TENSORS.items():
        assert_same(checkpoint.tensor(key), expected)
        assert_same(checkpoint.tensor(key, verify=False), expected)


def test_every_type_with_a_fixed_size(tmp_path):
    tensors = {str(dtype): np.arange(4).astype(dtype) for dtype in DATA_TYPES if dtype != np.object_}
    written(tmp_path, tensors=tensors)
    checkpoint = Checkpoint.open(tmp_path / "ckpt")
    for key, expected in tensors.items():
        assert_same(checkpoint.tensor(key), expected)


def test_large_tensors_are_mapped_and_small_ones_are_not(tmp_path):
    written(tmp_path)
    checkpoint = Checkpoint.open(tmp_path / "ckpt")
    assert isinstance(checkpoint.tensor("big"), np.memmap)
    assert not isinstance(checkpoint.tensor("double"), np.memmap)


def test_entries(tmp_path):
    written(tmp_path, shards=2)
    entry = Checkpoint.open(tmp_path / "ckpt").entry("big")
    assert (entry.dtype.name, entry.shape, entry.shard, entry.nbytes) == ("float32", (300, 100), 1, 120_000)


def test_compressed_index(tmp_path):
    cramjam = pytest.importorskip("cramjam")
    writer = written(tmp_path)
    writer.write(tmp_path / "ckpt", lambda data: bytes(cramjam.snappy.compress_raw(data)))
    assert_same(Checkpoint.open(tmp_path / "ckpt").tensor("big"), BIG)


def test_unknown_keys_are_a_usage_error(tmp_path):
    written(tmp_path)
    checkpoint = Checkpoint.open(tmp_path / "ckpt")
    for key in ("nope", ""):
        assert key not in checkpoint
        with pytest.raises(UsageError, match=r"big, big_bool, big_half, .* \(12 in all\)"):
            checkpoint.tensor(key)


def test_object_graph(tmp_path):
    graph = protos.TrackableObjectGraph()
    graph.nodes.add().attributes.add(name="VARIABLE_VALUE", checkpoint_key="k")
    value = strings(graph.SerializeToString()).reshape(())
    written(tmp_path, tensors={OBJECT_GRAPH_KEY: value})
    stored = Checkpoint.open(tmp_path / "ckpt").object_graph
    assert stored is not None
    assert stored.nodes[0].attributes[0].checkpoint_key == "k"
    written(tmp_path, tensors={"x": BIG})
    assert Checkpoint.open(tmp_path / "ckpt").object_graph is None


# ---- partitioned tensors --------------------------------------------------------------------------------------

FULL = np.arange(60, dtype=np.int64).reshape(10, 6)
PARTITIONS = {
    "by rows": [((0, 4), (0, -1)), ((4, 6), (0, -1))],
    "by columns": [((0, -1), (0, 2)), ((0, -1), (2, 2)), ((0, -1), (4, 2))],
    "a grid": [((0, 5), (0, 3)), ((0, 5), (3, 3)), ((5, 5), (0, 3)), ((5, 5), (3, 3))],
    "whole": [((0, -1), (0, -1))],
    "with an empty part": [((0, 10), (0, 6)), ((10, 0), (0, 6))],
}


@pytest.mark.parametrize("slices", PARTITIONS.values(), ids=PARTITIONS)
def test_partitioned_tensors_are_put_together(tmp_path, slices):
    writer = CheckpointWriter(2)
    writer.add_sliced("w", FULL, slices, lambda i: i % 2)
    checkpoint = Checkpoint.open(writer.write(tmp_path / "ckpt"))
    assert checkpoint.names() == ["w"]
    assert_same(checkpoint.tensor("w"), FULL)
    first = slices[0]
    spans = tuple(slice(*span) for span in bounds(first, FULL.shape))
    assert_same(checkpoint.tensor_slice("w", first), FULL[spans])
    assert_same(checkpoint.tensor_slice("w", ((1, 8), (2, 3))), FULL[1:9, 2:5])


def test_a_part_of_an_unpartitioned_tensor(tmp_path):
    written(tmp_path)
    checkpoint = Checkpoint.open(tmp_path / "ckpt")
    assert_same(checkpoint.tensor_slice("big", ((10, 20), (0, -1))), BIG[10:30])
    with pytest.raises(FormatError, match="outside"):
        checkpoint.tensor_slice("big", ((290, 20), (0, -1)))
    with pytest.raises(FormatError, match="rank 1"):
        checkpoint.tensor_slice("big", ((0, 20),))


BAD_PARTITIONS = [
    ([((0, 4), (0, -1)), ((4, 5), (0, -1))], "do not add up"),
    ([((0, 6), (0, -1)), ((2, 4), (0, -1))], "overlap"),
    ([((0, 4), (0, -1)), ((4, 7), (0, -1))], "outside"),
    ([((0, 10), (1, -1))], "outside"),
    ([((0, 10),)], "rank 1"),
]


@pytest.mark.parametrize(("slices", "message"), BAD_PARTITIONS)
def test_parts_that_do_not_fit_are_refused(tmp_path, slices, message):
    writer = CheckpointWriter()
    writer.add("more", BIG)  # so that the size of the shard alone does not give it away
    writer.add_sliced("w", FULL, slices)
    with pytest.raises(FormatError, match=message):
        Checkpoint.open(writer.write(tmp_path / "ckpt")).tensor("w")


def test_a_missing_part_is_refused(tmp_path):
    writer = CheckpointWriter()
    writer.add_sliced("w", FULL, PARTITIONS["by rows"])
    del writer.entries[slice_key("w", PARTITIONS["by rows"][1])]
    with pytest.raises(FormatError, match=r"'w': the slice .* is missing"):
        Checkpoint.open(writer.write(tmp_path / "ckpt")).tensor("w")


def test_a_part_of_another_shape_is_refused(tmp_path):
    """Its values would be broadcast over the place of the slice."""
    writer = CheckpointWriter()
    writer.add_sliced("w", FULL, PARTITIONS["by rows"])
    writer.add(slice_key("w", PARTITIONS["by rows"][0]), FULL[:1])
    checkpoint = Checkpoint.open(writer.write(tmp_path / "ckpt"))
    for read in (lambda: checkpoint.tensor("w"), lambda: checkpoint.tensor_slice("w", PARTITIONS["by rows"][0])):
        with pytest.raises(FormatError, match=r"stored with the shape \(1, 6\)"):
            read()


def test_a_partitioned_tensor_larger_than_its_data_is_refused(tmp_path):
    writer = CheckpointWriter()
    writer.add_sliced("w", FULL, [((0, 10), (0, 6))])
    entry = protos.BundleEntryProto.FromString(writer.entries[b"w"])
    entry.shape.dim[0].size = 2**50
    writer.entries[b"w"] = entry.SerializeToString()
    with pytest.raises(FormatError, match="larger than the data"):
        Checkpoint.open(writer.write(tmp_path / "ckpt")).tensor("w")


SPECS = [
    ("", None),
    ("10 4 0,5:-", ((10, 4), ((0, 5), (0, -1)))),
    ("10 4 5,5:1,2", ((10, 4), ((5, 5), (1, 2)))),
    ("7 -", ((7,), ((0, -1),))),
]


@pytest.mark.parametrize(("spec", "expected"), SPECS)
def test_slice_specs(spec, expected):
    assert parse_shape_and_slice(spec) == expected


@pytest.mark.parametrize("spec", ["10", "a b", "10 0,20", "10 -1,5", "10 1,2,3", "10 4 -", "x -", " ", "10 "])
def test_bad_slice_specs(spec):
    with pytest.raises(FormatError):
        parse_shape_and_slice(spec)


SLICE_KEYS = [  # by hand from the order-preserving code: marker, name, end, rank, starts and lengths
    ("w", ((0, 5), (0, -1)), b"\x00w\x00\x01\x01\x02\x80\x85\x80\x7f"),
    ("a/b", ((64, 8192),), b"\x00a/b\x00\x01\x01\x01\xc0\x40\xe0\x20\x00"),
]


@pytest.mark.parametrize(("name", "extents", "expected"), SLICE_KEYS)
def test_slice_keys(name, extents, expected):
    assert slice_key(name, extents) == expected


# ---- damage ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["scalar", "odd", "big", "big_bool", "double", "strings", "string"])
def test_a_wrong_byte_of_data_is_seen(tmp_path, key):
    """Each byte of a small tensor, some bytes of a large one; other tensors stay readable."""
    written(tmp_path)
    shard = tmp_path / "ckpt.data-00000-of-00001"
    clean = shard.read_bytes()
    entry = Checkpoint.open(tmp_path / "ckpt").entry(key)
    for position in range(entry.offset, entry.offset + entry.size, max(1, entry.size // 20)):
        data = bytearray(clean)
        data[position] ^= 0x10
        shard.write_bytes(data)
        checkpoint = Checkpoint.open(tmp_path / "ckpt")
        with pytest.raises(FormatError, match=rf"tensor '{key}'"):
            checkpoint.tensor(key)
        assert_same(checkpoint.tensor("int4"), TENSORS["int4"])


def test_a_wrong_checksum_names_tensor_file_and_way_out(tmp_path):
    writer = CheckpointWriter()
    writer.add("w", BIG, crc32c=1)
    checkpoint = Checkpoint.open(writer.write(tmp_path / "ckpt"))
    pattern = r"(?s)ckpt\.data-00000-of-00001: tensor 'w': the checksum of its data is wrong.*Fix: copy"
    for _ in range(2):
        with pytest.raises(FormatError, match=pattern):
            checkpoint.tensor("w")
    assert_same(checkpoint.tensor("w", verify=False), BIG)


def test_truncated_shards_are_seen_without_verification(tmp_path):
    written(tmp_path)
    shard = tmp_path / "ckpt.data-00000-of-00001"
    shard.write_bytes(shard.read_bytes()[:1000])
    checkpoint = Checkpoint.open(tmp_path / "ckpt")
    with pytest.raises(FormatError, match="truncated"):
        checkpoint.tensor("big", verify=False)
    shard.write_bytes(b"")
    with pytest.raises(FormatError, match="truncated"):
        Checkpoint.open(tmp_path / "ckpt").tensor("scalar", verify=False)
    shard.unlink()
    with pytest.raises(FormatError, match="data file of the checkpoint is missing"):
        Checkpoint.open(tmp_path / "ckpt").tensor("scalar")


BAD_ENTRIES = [
    ({"offset": 1 << 40}, "truncated"),
    ({"offset": -1}, "offset -1"),
    ({"size": 100}, "takes 24 bytes, the index says 100"),
    ({"size": -1}, "size -1"),
    ({"shard_id": 1}, "shard 1 of 1"),
    ({"shard_id": -1}, "shard -1 of 1"),
    ({"dtype": 20}, "resource have no array form"),
    ({"dtype": 99}, "unknown data type 99"),
    ({"dtype": 7}, "tensor 'w'"),
]


@pytest.mark.parametrize(("changes", "message"), BAD_ENTRIES)
def test_entries_that_lie_are_refused(tmp_path, changes, message):
    writer = CheckpointWriter()
    writer.add("w", np.arange(6, dtype=np.int32), **changes)
    with pytest.raises(FormatError, match=message):
        Checkpoint.open(writer.write(tmp_path / "ckpt")).tensor("w")


def test_a_string_tensor_of_more_strings_than_bytes_is_refused(tmp_path):
    writer = CheckpointWriter()
    writer.add("s", strings(b"a", b"b"))
    entry = protos.BundleEntryProto.FromString(writer.entries[b"s"])
    entry.shape.dim[0].size = 2**40
    writer.entries[b"s"] = entry.SerializeToString()
    with pytest.raises(FormatError, match="cannot hold"):
        Checkpoint.open(writer.write(tmp_path / "ckpt")).tensor("s")


BAD_INDEXES = [
    ("missing", None, "no such file"),
    ("empty", b"", "too few"),
    ("another format", b"PK\x03\x04" * 20, "magic"),
    ("no header", table({b"w": b""}), "without the header"),
    ("a damaged header", table({b"": b"\xff\xff"}), "corrupt header"),
    ("a damaged entry", None, "corrupt entry 'w'"),
    ("no shards", table({b"": protos.BundleHeaderProto().SerializeToString()}), "version"),
    ("a later version", table({b"": b"\x08\x01\x1a\x02\x10\x09"}), "version"),
]


@pytest.mark.parametrize(("name", "data", "message"), BAD_INDEXES, ids=[row[0] for row in BAD_INDEXES])
def test_bad_indexes_are_refused(tmp_path, name, data, message):
    if name == "a damaged entry":
        writer = CheckpointWriter()
        writer.entries[b"w"] = b"\x08"
        data = table(writer.entries)
    if data is not None:
        (tmp_path / "ckpt.index").write_bytes(data)
    with pytest.raises(FormatError, match=message):
        Checkpoint.open(tmp_path / "ckpt").tensor("w")
