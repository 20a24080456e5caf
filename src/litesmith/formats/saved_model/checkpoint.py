"""Reader of TensorBundle checkpoints: `PREFIX.index` and `PREFIX.data-00000-of-0000N`, with no framework.

The index maps tensor names to type, shape, shard, offset, size and checksum; the shards hold the bytes. Large
tensors come as memory maps of their part of a shard, so that opening a checkpoint costs the index alone.
"""

from __future__ import annotations

import mmap
import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from litesmith._util.files import require_file
from litesmith.errors import FormatError, UsageError
from litesmith.formats.saved_model import protos
from litesmith.formats.saved_model.crc32c import crc32c, crc32c_stream, mask
from litesmith.formats.saved_model.dtypes import DType, dtype_of
from litesmith.formats.saved_model.parsing import parse_bytes
from litesmith.formats.saved_model.slices import Slice, assemble, bounds, slice_from_proto, slice_key
from litesmith.formats.saved_model.sstable import read_table
from litesmith.formats.saved_model.string_tensor import decode_strings
from litesmith.formats.saved_model.tensor_proto import from_buffer, static_shape

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import BundleEntryProto, TrackableObjectGraph

Array = np.ndarray[Any, Any]

OBJECT_GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
_HEADER_KEY = b""
_MAX_INDEX_BYTES = 1 << 30
_MAPPED_FROM = 1 << 16  # bytes: smaller tensors are copied, which is cheaper than a mapping each


@dataclass(frozen=True)
class TensorEntry:
    """Where a tensor lies and what it is. slices: the parts of a partitioned one, which has no bytes of its own.

    shape: of the whole tensor; size: bytes in the shard; crc: the stored (masked) checksum.
    """

    key: str
    dtype: DType
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int
    slices: tuple[Slice, ...] = ()

    @property
    def nbytes(self) -> int:
        """Bytes of the value as an array; of the stored bytes for strings."""
        if self.dtype.numpy is None or self.dtype.name == "string":
            return self.size
        return int(np.prod(self.shape, dtype=object)) * self.dtype.numpy.itemsize


class Checkpoint:
    """A checkpoint, opened by its prefix (``dir/variables/variables``).

    Opening reads and verifies the index. Tensors are located, bound-checked and verified when asked for.
    """

    def __init__(self, prefix: Path, table: dict[bytes, bytes]) -> None:
        self.prefix = prefix
        self._table = table
        self._entries: dict[bytes, TensorEntry] = {}
        self._shards: dict[int, _Shard] = {}
        self._verified: set[bytes] = set()
        header = self._parse(protos.BundleHeaderProto, _HEADER_KEY, "header")
        self.num_shards = header.num_shards
        self._big_endian = header.endianness != 0
        if header.num_shards < 1 or header.endianness not in (0, 1) or header.version.min_consumer > 1:
            raise FormatError("the header is of a version this reader does not know", path=self._index_path)

    @classmethod
    def open(cls, prefix: str | Path) -> Checkpoint:
        """Read ``PREFIX.index``; FormatError when it is missing, damaged or of another format."""
        prefix = Path(prefix)
        path = Path(f"{prefix}.index")
        require_file(path)
        try:
            with path.open("rb") as file:
                data = file.read(_MAX_INDEX_BYTES + 1)
        except OSError as error:
            raise FormatError(f"cannot be read ({error})", path=str(path)) from error
        try:
            if len(data) > _MAX_INDEX_BYTES:
                raise FormatError("an index of more than 1 GiB")
            table = read_table(data)
            if _HEADER_KEY not in table:
                raise FormatError("a table without the header of a checkpoint")
        except FormatError as error:
            raise FormatError(str(error), path=str(path), fix=_COPY_AGAIN) from error
        return cls(prefix, table)

    def __contains__(self, key: str) -> bool:
        return key != "" and key.encode() in self._table

    def names(self) -> list[str]:
        """The names of all tensors (of whole ones, not of the slices they are stored in), sorted."""
        names = (_text(key) for key in self._table if key and not key.startswith(b"\0"))
        return sorted(name for name in names if name is not None)

    def entry(self, key: str) -> TensorEntry:
        """What the index says of a tensor. UsageError: no such key; FormatError: it makes no sense."""
        if key not in self:
            raise UsageError(f"the checkpoint {self.prefix} holds no tensor {key!r}{_some(self.names())}")
        return self._entry(key.encode(), key)

    def tensor(self, key: str, *, verify: bool = True) -> Array:
        """The value of a tensor, read-only; strings as an object array of bytes.

        From 64 KiB on it is an `np.memmap` of its own, so that the pages go when the array goes. verify: compare
        the stored checksum the first time a tensor is asked for (about 5 GB/s, without keeping the pages).
        UsageError: no such key; FormatError: truncated or damaged data.
        """
        entry = self.entry(key)
        if not entry.slices:
            return self._read_entry(key.encode(), entry, verify)
        return self._assemble_slices(entry, verify)

    def tensor_slice(self, key: str, extents: Slice, *, verify: bool = True) -> Array:
        """A part of a tensor: as it is stored when it was saved so, else a view of the whole."""
        if slice_key(key, extents) in self._table:
            return self._stored_slice(key, extents, verify)
        spans = bounds(extents, self.entry(key).shape)
        return self.tensor(key, verify=verify)[tuple(slice(*span) for span in spans)]

    @cached_property
    def object_graph(self) -> TrackableObjectGraph | None:
        """The graph of tracked objects of a checkpoint written by TF2; None in older ones."""
        if OBJECT_GRAPH_KEY not in self:
            return None
        value = self.tensor(OBJECT_GRAPH_KEY)
        if value.dtype != np.object_ or value.shape != ():
            raise FormatError("the object graph is not a string", path=self._index_path)
        return parse_bytes(protos.TrackableObjectGraph, value.item(), path=self._index_path, what="object graph")

    # ---- entries ------------------------------------------------------------------------------------------

    @property
    def _index_path(self) -> str:
        return f"{self.prefix}.index"

    def _parse(self, message: Any, key: bytes, what: str) -> Any:
        return parse_bytes(message, self._table[key], path=self._index_path, what=what)

    def _entry(self, raw_key: bytes, name: str) -> TensorEntry:
        if raw_key not in self._entries:
            proto = self._parse(protos.BundleEntryProto, raw_key, f"entry {name!r}")
            try:
                self._entries[raw_key] = _checked_entry(name, proto, self.num_shards)
            except FormatError as error:
                raise FormatError(f"tensor {name!r}: {error}", path=self._index_path, fix=_COPY_AGAIN) from error
        return self._entries[raw_key]

    # ---- data ---------------------------------------------------------------------------------------------

    def _shard(self, number: int) -> _Shard:
        if number not in self._shards:
            name = f"{self.prefix.name}.data-{number:05d}-of-{self.num_shards:05d}"
            self._shards[number] = _Shard(self.prefix.with_name(name))
        return self._shards[number]

    def _read_entry(self, raw_key: bytes, entry: TensorEntry, verify: bool) -> Array:
        """The value of an entry that has bytes of its own."""
        shard = self._shard(entry.shard)
        try:
            if entry.dtype.numpy is None:
                raise FormatError(f"values of type {entry.dtype.name} have no array form")
            shard.check(entry.offset, entry.size)
            if entry.dtype.name == "string":
                data = shard.read(entry.offset, entry.size)
                array = decode_strings(data, entry.shape, entry.crc, big_endian=self._big_endian)
            else:
                check = verify and raw_key not in self._verified
                array = shard.array(entry, entry.dtype.numpy, verify=check, big_endian=self._big_endian)
        except FormatError as error:
            raise FormatError(f"tensor {entry.key!r}: {error}", path=str(shard.path), fix=_COPY_AGAIN) from error
        if verify:
            self._verified.add(raw_key)
        array.flags.writeable = False
        return array

    def _stored_slice(self, key: str, extents: Slice, verify: bool) -> Array:
        part = slice_key(key, extents)
        if part not in self._table:
            raise FormatError(f"the slice {extents} is missing")
        box = tuple(stop - start for start, stop in bounds(extents, self.entry(key).shape))
        array = self._read_entry(part, self._entry(part, f"{key} {extents}"), verify)
        if array.shape != box:
            raise FormatError(f"the slice {extents} is stored with the shape {array.shape}")
        return array

    def _assemble_slices(self, entry: TensorEntry, verify: bool) -> Array:
        """A partitioned tensor put together. Its size is bounded by that of the shards."""
        try:
            parts = [(extents, self._stored_slice(entry.key, extents, verify)) for extents in entry.slices]
            used = {self._entries[slice_key(entry.key, extents)].shard for extents in entry.slices}
            if entry.dtype.name != "string" and entry.nbytes > sum(self._shard(i).size for i in used):
                raise FormatError(f"a shape of {entry.shape} is larger than the data")
            if any(array.dtype != entry.dtype.numpy for _, array in parts):
                raise FormatError("the slices differ in type")
            full = assemble(entry.shape, parts[0][1].dtype, parts)
        except FormatError as error:
            raise FormatError(f"partitioned tensor {entry.key!r}: {error}", path=self._index_path) from error
        full.flags.writeable = False
        return full


class _Shard:
    """One data file, mapped when first needed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._mapping: mmap.mmap | None = None
        try:
            self.size = path.stat().st_size
        except OSError as error:
            raise FormatError(f"a data file of the checkpoint is missing ({error})", path=str(path)) from error

    def check(self, offset: int, size: int) -> None:
        """FormatError when the bytes are not all there."""
        if offset + size > self.size:
            raise FormatError(f"{size} bytes at {offset} reach beyond the file's {self.size}: it is truncated")

    def read(self, offset: int, size: int) -> bytes:
        """A copy of the bytes."""
        if not size:
            return b""
        with self._lock:
            if self._mapping is None:
                self._mapping = self._map()
        return self._mapping[offset : offset + size]

    def _map(self) -> mmap.mmap:
        require_file(self.path)
        try:
            with self.path.open("rb") as file:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise FormatError(f"the file cannot be mapped ({error})") from error

    def array(self, entry: TensorEntry, dtype: np.dtype[np.generic], *, verify: bool, big_endian: bool) -> Array:
        """The array of an entry of numbers, whose bytes are known to be there."""
        if entry.size < _MAPPED_FROM:
            data = self.read(entry.offset, entry.size)
            if verify and mask(crc32c(data)) != entry.crc:
                raise FormatError(_WRONG_CHECKSUM)
            array = from_buffer(data, dtype, entry.shape)
        else:
            if verify and mask(self._checksum(entry.offset, entry.size)) != entry.crc:
                raise FormatError(_WRONG_CHECKSUM)
            array = self._mapped_array(entry, dtype)
        return _swap_bytes(array) if big_endian else array

    def _mapped_array(self, entry: TensorEntry, dtype: np.dtype[np.generic]) -> Array:
        require_file(self.path)
        try:
            stored = np.dtype(np.uint8) if dtype == np.bool_ else dtype
            array: Array = np.memmap(self.path, stored, "r", entry.offset, entry.shape)
        except (OSError, ValueError) as error:
            raise FormatError(f"the file cannot be mapped ({error})") from error
        return np.not_equal(array, 0) if dtype == np.bool_ else array

    def _checksum(self, offset: int, size: int) -> int:
        """Of a range that is read, not mapped: verifying must not make the whole checkpoint resident."""
        require_file(self.path)
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(offset)

                def read(into: memoryview) -> None:
                    filled = 0
                    while filled < len(into):
                        count = file.readinto(into[filled:])
                        if not count:
                            raise FormatError("the file shrank while it was read")
                        filled += count

                return crc32c_stream(read, size)
        except OSError as error:
            raise FormatError(f"the file cannot be read ({error})") from error


def _checked_entry(name: str, proto: BundleEntryProto, num_shards: int) -> TensorEntry:
    shape = static_shape(proto.shape)
    dtype = dtype_of(proto.dtype)
    slices = tuple(slice_from_proto(part) for part in proto.slices)
    if not 0 <= proto.shard_id < num_shards or proto.offset < 0 or proto.size < 0:
        raise FormatError(f"shard {proto.shard_id} of {num_shards}, offset {proto.offset}, size {proto.size}")
    entry = TensorEntry(name, dtype, shape, proto.shard_id, proto.offset, proto.size, proto.crc32c, slices)
    if dtype.numpy is not None and dtype.name != "string" and not slices and entry.nbytes != proto.size:
        raise FormatError(f"{dtype.name} {shape} takes {entry.nbytes} bytes, the index says {proto.size}")
    return entry


def _swap_bytes(array: Array) -> Array:
    """Numbers of a big-endian checkpoint, each component turned round."""
    if array.dtype.itemsize == 1:
        return array
    width = array.dtype.itemsize // (2 if array.dtype.kind == "c" else 1)
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(f"u{width}").byteswap().view(array.dtype).reshape(array.shape)


def _text(key: bytes) -> str | None:
    try:
        return key.decode()
    except UnicodeDecodeError:
        return None


def _some(names: list[str], limit: int = 8) -> str:
    """A few of the names there are, for an error."""
    if not names:
        return ""
    more = f", … ({len(names)} in all)" if len(names) > limit else ""
    return f"; it has {', '.join(names[:limit])}{more}"


_WRONG_CHECKSUM = "the checksum of its data is wrong"
_COPY_AGAIN = "copy the checkpoint again from where it came; the file was changed or cut off"
