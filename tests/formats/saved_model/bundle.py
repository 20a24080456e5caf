"""Writes tables, checkpoints and small SavedModels for the tests, without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path

import numpy as np

from litesmith.formats.saved_model import protos
from litesmith.formats.saved_model.crc32c import crc32c, mask
from litesmith.formats.saved_model.dtypes import _TABLE
from litesmith.formats.saved_model.slices import Slice, slice_key
from litesmith.formats.saved_model.sstable import MAGIC

DATA_TYPES = {row.numpy: number for number, row in reversed(_TABLE.items()) if row.numpy is not None}


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def block(entries: Sequence[tuple[bytes, bytes]], restart_interval: int = 16) -> bytes:
    """The content of a table block, keys sharing prefixes."""
    out, restarts, last = bytearray(), [], b""
    for i, (key, value) in enumerate(entries):
        shared = 0
        if i % restart_interval == 0:
            restarts.append(len(out))
        else:
            same = (a == b for a, b in zip(last, key, strict=False))
            shared = sum(takewhile(bool, same))
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    restarts = restarts or [0]
    return bytes(out) + b"".join(r.to_bytes(4, "little") for r in [*restarts, len(restarts)])


def table(entries: Mapping[bytes, bytes], block_entries: int = 7, compress=None, kind: int = 1) -> bytes:
    """A whole table. compress: None, or what makes the stored form of a block; kind: the name of that form."""
    out = bytearray()

    def add(content: bytes) -> bytes:
        stored = compress(content) if compress else content
        handle = varint(len(out)) + varint(len(stored))
        trailed = stored + bytes([kind if compress else 0])
        out.extend(trailed + mask(crc32c(trailed)).to_bytes(4, "little"))
        return handle

    items = sorted(entries.items())
    chunks = [items[i : i + block_entries] for i in range(0, len(items), block_entries)]
    index = [(chunk[-1][0], add(block(chunk))) for chunk in chunks]
    footer = add(block([])) + add(block(index, 1))
    return bytes(out) + footer.ljust(40, b"\0") + MAGIC.to_bytes(8, "little")


def encode_strings(array: np.ndarray, order="little") -> tuple[bytes, int]:
    """The bytes and the masked checksum of a string tensor."""
    values = [bytes(value) for value in array.reshape(-1)]
    lengths = b"".join(len(value).to_bytes(4, order) for value in values)
    checksum = mask(crc32c(lengths)).to_bytes(4, order)
    text = b"".join(values)
    return b"".join(varint(len(v)) for v in values) + checksum + text, mask(crc32c(lengths + checksum + text))


class CheckpointWriter:
    """Collects tensors, then writes ``PREFIX.index`` and the shards."""

    def __init__(self, shards: int = 1, *, big_endian: bool = False) -> None:
        self.data = [bytearray() for _ in range(shards)]
        self.entries: dict[bytes, bytes] = {}
        self.big_endian = big_endian
        header = protos.BundleHeaderProto(num_shards=shards, endianness=int(big_endian), version={"producer": 1})
        self.entries[b""] = header.SerializeToString()

    def add(self, key: str | bytes, array: np.ndarray, shard: int = 0, **changes: object) -> None:
        """changes: fields of the entry to falsify."""
        raw_key = key.encode() if isinstance(key, str) else key
        order = "big" if self.big_endian else "little"
        if array.dtype == np.object_:
            data, crc = encode_strings(array, order)
        else:
            data = self._turned(array).tobytes()
            crc = mask(crc32c(data))
        entry = protos.BundleEntryProto(
            dtype=DATA_TYPES[array.dtype], shard_id=shard, offset=len(self.data[shard]), size=len(data), crc32c=crc
        )
        entry.shape.dim.extend([protos.TensorShapeProto.Dim(size=size) for size in array.shape])
        for name, value in changes.items():
            setattr(entry, name, value)
        self.data[shard] += data
        self.entries[raw_key] = entry.SerializeToString()

    def _turned(self, array: np.ndarray) -> np.ndarray:
        width = array.dtype.itemsize // (2 if array.dtype.kind == "c" else 1)
        if not self.big_endian or width == 1:
            return array
        return np.ascontiguousarray(array).reshape(-1).view(f"u{width}").byteswap()

    def add_sliced(self, key: str, full: np.ndarray, slices: Sequence[Slice], shard_of=lambda i: 0) -> None:
        entry = protos.BundleEntryProto(dtype=DATA_TYPES[full.dtype])
        entry.shape.dim.extend([protos.TensorShapeProto.Dim(size=size) for size in full.shape])
        for i, extents in enumerate(slices):
            spans = tuple(slice(None) if length == -1 else slice(s, s + length) for s, length in extents)
            proto = entry.slices.add()
            for start, length in extents:
                extent = proto.extent.add(start=start)
                if length != -1:
                    extent.length = length
            self.add(slice_key(key, extents), np.ascontiguousarray(full[spans]), shard_of(i))
        self.entries[key.encode()] = entry.SerializeToString()

    def write(self, prefix: Path, compress=None) -> Path:
        prefix.parent.mkdir(parents=True, exist_ok=True)
        prefix.with_name(prefix.name + ".index").write_bytes(table(self.entries, compress=compress))
        for i, data in enumerate(self.data):
            prefix.with_name(f"{prefix.name}.data-{i:05d}-of-{len(self.data):05d}").write_bytes(data)
        return prefix


def write_model(path: Path, *meta_graphs, checkpoint: CheckpointWriter | None = None) -> Path:
    """A SavedModel directory of the meta graphs (protos.MetaGraphDef)."""
    path.mkdir(parents=True, exist_ok=True)
    model = protos.SavedModel(saved_model_schema_version=1, meta_graphs=meta_graphs)
    (path / "saved_model.pb").write_bytes(model.SerializeToString())
    if checkpoint:
        checkpoint.write(path / "variables" / "variables")
    return path
