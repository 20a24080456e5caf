"""What a data set may be, and how it falls into shards."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np

from litesmith.data.columns import Array, Batch
from litesmith.data.files import CsvShard, NumpyShard, ParquetShard, TFRecordShard, image_shards
from litesmith.errors import MissingFileError, UsageError

Source: TypeAlias = "str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | Mapping[str, Any] | Dataset"

SHARD_SIZE = 65_536
"""Examples a shard of arrays holds; a multiple of every batch size that is a power of two."""


class Shard(Protocol):
    """A part of a data set that one worker reads; it can be pickled."""

    @property
    def name(self) -> str: ...

    def batches(self, size: int, skip: int = 0) -> Iterator[Batch]:
        """Batches of at most ``size`` examples; up to ``skip`` bad records are left out. Raises DataError."""
        ...


@dataclass(frozen=True)
class Dataset:
    """Shards in order. format: one of `FORMATS`, ``images`` or ``arrays``; location: the path or pattern, for reports."""

    shards: tuple[Shard, ...]
    format: str
    location: str = ""

    def batches(self, size: int, skip: int = 0) -> Iterator[Batch]:
        """All batches, shard after shard."""
        for shard in self.shards:
            yield from shard.batches(size, skip)


T = TypeVar("T")


class Work(Protocol[T]):
    """What is done with a shard; it can be pickled, and so can what it gives."""

    def empty(self) -> T:
        """The result of no data."""
        ...

    def of_shard(self, shard: Shard) -> T: ...

    def merge(self, total: T, part: T) -> T:
        """What both amount to, in any order. total may be changed."""
        ...


def run_on_shards(work: Work[T], data: Dataset, runner: str | None = None, options: Sequence[str] = ()) -> T:
    """The merged results of all shards: worked on in this process, one after the other, or by an Apache Beam runner."""
    if runner is not None:
        try:
            from litesmith.data.beam import run_on_beam
        except ImportError as error:
            raise UsageError("a runner needs Apache Beam: pip install 'litesmith[beam]'") from error
        return run_on_beam(work, data, runner, options)
    total = work.empty()
    for shard in data.shards:
        total = work.merge(total, work.of_shard(shard))
    return total


@dataclass(frozen=True)
class ArrayShard:
    """Rows of arrays in memory."""

    columns: Mapping[str, Array]
    start: int
    name: str = ""

    def batches(self, size: int, skip: int = 0) -> Iterator[Batch]:
        rows = len(next(iter(self.columns.values())))
        for begin in range(0, rows, size):
            part = {name: column[begin : begin + size] for name, column in self.columns.items()}
            yield Batch(part, min(size, rows - begin), self.name, self.start + begin)


def open_data(
    source: Source,
    *,
    format: str | None = None,
    columns: Sequence[str] | None = None,
    image_size: tuple[int, int] | None = None,
) -> Dataset:
    """A data set.

    source: a path, a pattern (``data/*.tfrecord``), several of them, or a mapping of arrays. format: one of `FORMATS` or
    ``images``; by default what the names say, TFRecord where they say nothing. columns: those to read (default: all).
    image_size: height and width that images are resized to; by default they must all have one size. Raises UsageError,
    MissingFileError and DataError.
    """
    if isinstance(source, Dataset):
        return source
    if isinstance(source, Mapping):
        return _of_arrays(source)
    patterns = [source] if isinstance(source, str | os.PathLike) else list(source)
    paths = [path for pattern in patterns for path in _expand(pattern)]
    location = ",".join(str(p) for p in patterns)
    kind = format or _format_of(paths[0])
    if kind not in (*FORMATS, "images"):
        raise UsageError(f"unknown data format {kind!r}; there are: {', '.join(FORMATS)}, images")
    names = None if columns is None else frozenset(columns)
    if kind == "images":
        return Dataset(tuple(s for path in paths for s in image_shards(path, image_size)), kind, location)
    files = [file for path in paths for file in _files_of(path)]
    return Dataset(tuple(shard for file in files for shard in FORMATS[kind](file, names)), kind, location)


def _of_arrays(source: Mapping[str, Any]) -> Dataset:
    columns = {name: np.asarray(values) for name, values in source.items()}
    sizes = {name: len(column) if column.ndim else 0 for name, column in columns.items()}
    if not columns or len(set(sizes.values())) > 1:
        raise UsageError(f"the arrays of a data set need equal first dimensions, got {sizes or 'no arrays'}")
    rows = next(iter(sizes.values()))
    starts = range(0, rows, SHARD_SIZE)
    return Dataset(
        tuple(ArrayShard({n: c[start : start + SHARD_SIZE] for n, c in columns.items()}, start) for start in starts),
        "arrays",
    )


def _expand(pattern: str | os.PathLike[str]) -> list[Path]:
    text = os.fspath(pattern)
    if os.path.exists(text):
        return [Path(text)]
    found = sorted(glob.glob(text))
    if not found:
        raise MissingFileError("no such file, and no file of this pattern", path=text)
    return [Path(path) for path in found]


def _files_of(path: Path) -> list[Path]:
    """A file, or what lies in a directory."""
    if not path.is_dir():
        return [path]
    files = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith((".", "_")))
    if not files:
        raise MissingFileError("the directory holds no files", path=str(path))
    return files


def _format_of(path: Path) -> str:
    if path.is_dir():
        if any(p.is_dir() for p in path.iterdir()):
            return "images"
        path = _files_of(path)[0]
    return {".npz": "npz", ".npy": "npy", ".csv": "csv", ".parquet": "parquet"}.get(path.suffix.lower(), "tfrecord")


def _numpy_shards(path: Path, names: frozenset[str] | None) -> list[Shard]:
    return [NumpyShard(path, start, SHARD_SIZE, names) for start in range(0, NumpyShard.rows(path), SHARD_SIZE)]


FORMATS: Mapping[str, Callable[[Path, frozenset[str] | None], Sequence[Shard]]] = {
    "tfrecord": lambda path, names: [TFRecordShard(path, names)],
    "npz": _numpy_shards,
    "npy": _numpy_shards,
    "csv": lambda path, names: [CsvShard(path, names)],
    "parquet": lambda path, names: [ParquetShard(path, group, names) for group in range(ParquetShard.groups(path))],
}
"""The formats of files, and how a file falls into shards."""
