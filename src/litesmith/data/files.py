"""Shards of files: TFRecord, NumPy, CSV, Parquet and folders of images."""

from __future__ import annotations

import csv
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from litesmith.data.columns import Array, Batch, DataError, ragged_column
from litesmith.data.examples import Parsed, columns_of, parse_example
from litesmith.data.tfrecord import read_records
from litesmith.errors import UsageError

_TYPED_ROWS = 1000  # rows of a CSV file that decide the types of its columns


@dataclass(frozen=True)
class TFRecordShard:
    """A file of tf.Example messages."""

    path: Path
    names: frozenset[str] | None = None

    @property
    def name(self) -> str:
        return str(self.path)

    def batches(self, size: int, skip: int = 0) -> Iterator[Batch]:
        skipped: list[str] = []
        reported = 0

        def leave_out(number: int, reason: str) -> None:
            if len(skipped) >= skip:
                fix = "allow more bad records (skip_bad_records, --skip-bad-records)" if skip else "copy the file again"
                raise DataError(f"record {number}: {reason}", path=self.name, fix=fix)
            skipped.append(f"{self.name}, record {number}: {reason}")

        records = self._parse(read_records(self.path, leave_out if skip else None), leave_out)
        while part := list(islice(records, size)):
            numbers, examples = zip(*part, strict=True)
            try:
                columns = columns_of(examples, self.names)
            except ValueError as error:
                raise DataError(f"records {numbers[0]} to {numbers[-1]}: {error}", path=self.name) from error
            new, reported = tuple(skipped[reported:]), len(skipped)
            yield Batch(columns, len(part), self.name, numbers[0], numbers, new)
        if len(skipped) > reported:
            yield Batch({}, 0, self.name, skipped=tuple(skipped[reported:]))

    @staticmethod
    def _parse(records: Iterator[tuple[int, bytes]], leave_out: Any) -> Iterator[tuple[int, Parsed]]:
        for number, record in records:
            try:
                yield number, parse_example(record)
            except ValueError as error:
                leave_out(number, str(error))


@dataclass(frozen=True)
class NumpyShard:
    """Rows of the arrays in an .npz file, or of one .npy file, whose column is named after it."""

    path: Path
    start: int
    count: int
    names: frozenset[str] | None = None

    @property
    def name(self) -> str:
        return str(self.path)

    @staticmethod
    def rows(path: Path) -> int:
        """How many examples a file holds. Raises DataError."""
        sizes = {name: len(column) if column.ndim else 0 for name, column in _arrays(path).items()}
        if len(set(sizes.values())) != 1:
            raise DataError(f"the arrays need equal first dimensions, got {sizes or 'no arrays'}", path=str(path))
        return next(iter(sizes.values()))

    def batches(self, size: int, skip: int = 0) -> Iterator[Batch]:
        arrays = {n: a for n, a in _arrays(self.path).items() if self.names is None or n in self.names}
        stop = min(self.start + self.count, NumpyShard.rows(self.path))
        for begin in range(self.start, stop, size):
            end = min(begin + size, stop)
            columns = {name: np.asarray(array[begin:end]) for name, array in arrays.items()}
            yield Batch(columns, end - begin, self.name, begin)


def _arrays(path: Path) -> Mapping[str, Array]:
    try:
        return _load_arrays(path, path.stat().st_mtime_ns)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"cannot be read as NumPy arrays ({error})", path=str(path)) from error


@lru_cache(maxsize=1)  # shards of one file follow each other
def _load_arrays(path: Path, changed: int) -> Mapping[str, Array]:
    loaded = np.load(path, mmap_mode="r", allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return {path.stem: loaded}
    with loaded as file:
        return {name: file[name] for name in file.files}


@dataclass(frozen=True)
class CsvShard:
    """A CSV file with a header. Columns are integers, floats or text as their first rows are; empty cells are missing."""

    path: Path
    names: frozenset[str] | None = None

    @property
    def name(self) -> str:
        return str(self.path)

    def batches(self, size: int, skip: int = 0) -> Iterator[Batch]:
        try:
            with self.path.open(newline="", encoding="utf-8") as file:
                reader = csv.reader(file, strict=True)
                header = next(reader, None)
                if not header:
                    raise DataError("the file has no header", path=self.name)
                first = list(islice(reader, _TYPED_ROWS))
                types = [_cell_type([row[i] for row in first if i < len(row)]) for i in range(len(header))]
                yield from self._batches(header, types, _chain(first, reader), size)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"cannot be read as CSV ({error})", path=self.name) from error

    def _batches(self, header: list[str], types: list[Any], rows: Iterator[list[str]], size: int) -> Iterator[Batch]:
        start = 0
        while part := list(islice(rows, size)):
            for number, row in enumerate(part, start):
                if len(row) != len(header):
                    raise DataError(f"record {number} has {len(row)} cells, the header {len(header)}", path=self.name)
            columns = {
                name: self._column(name, kind, [row[i] for row in part], start)
                for i, (name, kind) in enumerate(zip(header, types, strict=True))
                if self.names is None or name in self.names
            }
            yield Batch(columns, len(part), self.name, start)
            start += len(part)

    def _column(self, name: str, kind: Any, cells: list[str], start: int) -> Array:
        try:
            values = [None if cell == "" and kind is not str else kind(cell) for cell in cells]
        except ValueError:
            row = next(i for i, cell in enumerate(cells) if cell and _cell_type([cell]) not in (kind, int))
            raise DataError(
                f"record {start + row}: column {name!r} holds {cells[row]!r} where {kind.__name__} values came before",
                path=self.name,
            ) from None
        if None in values:
            return ragged_column([None if value is None else np.array(value) for value in values])
        return np.array(values, object if kind is str else None)


def _chain(first: list[list[str]], rest: Iterator[list[str]]) -> Iterator[list[str]]:
    yield from first
    yield from rest


def _cell_type(cells: list[str]) -> type:
    for kind in (int, float):
        with suppress(ValueError):
            for cell in cells:
                if cell:
                    kind(cell)
            return kind
    return str


@dataclass(frozen=True)
class ParquetShard:
    """A row group of a Parquet file (needs pyarrow)."""

    path: Path
    group: int
    names: frozenset[str] | None = None

    @property
    def name(self) -> str:
        return str(self.path)

    @staticmethod
    def groups(path: Path) -> int:
        """How many row groups a file has."""
        with _parquet(path) as file:
            return int(file.num_row_groups)

    def batches(self, size: int, skip: int = 0) -> Iterator[Batch]:
        with _parquet(self.path) as file:
            start = sum(file.metadata.row_group(i).num_rows for i in range(self.group))
            names = [n for n in file.schema_arrow.names if self.names is None or n in self.names]
            for batch in file.iter_batches(batch_size=size, row_groups=[self.group], columns=names):
                columns = {name: _arrow_column(batch.column(i)) for i, name in enumerate(batch.schema.names)}
                yield Batch(columns, batch.num_rows, self.name, start)
                start += batch.num_rows


def _parquet(path: Path) -> Any:
    try:
        from pyarrow import ArrowInvalid
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise UsageError("Parquet files need pyarrow; install it, or litesmith[beam]") from error
    try:
        return ParquetFile(path)
    except (OSError, ArrowInvalid) as error:
        raise DataError(f"cannot be read as Parquet ({error})", path=str(path)) from error


def _arrow_column(column: Any) -> Array:
    """A column of numbers, text or lists of them."""
    values = column.to_pylist()
    if any(isinstance(value, list) for value in values) or None in values:
        arrays = [None if value is None else np.asarray(value) for value in values]
        present = [a for a in arrays if a is not None]
        if len(present) == len(arrays) and len({a.shape for a in present}) == 1:
            return np.stack(present)
        return ragged_column(arrays)
    if values and isinstance(values[0], str | bytes):
        return np.array(values, object)
    return np.asarray(column.to_numpy(zero_copy_only=False))


_IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".npy"}
_IMAGES_A_SHARD = 4096


@dataclass(frozen=True)
class ImageShard:
    """Images of a folder with a folder for each class: columns image [h, w, c] uint8, label, class, path (needs Pillow)."""

    root: Path
    files: tuple[tuple[str, int], ...]
    size: tuple[int, int] | None
    start: int

    @property
    def name(self) -> str:
        return str(self.root)

    def batches(self, size: int, skip: int = 0) -> Iterator[Batch]:
        for begin in range(0, len(self.files), size):
            part = self.files[begin : begin + size]
            images = [_read_image(self.root / file, self.size) for file, _ in part]
            other = next((i for i, image in enumerate(images) if image.shape != images[0].shape), None)
            if other is not None:
                shapes = f"{list(images[other].shape)}, where {list(images[0].shape)} came before"
                raise DataError(
                    f"the image has shape {shapes}", path=str(self.root / part[other][0]),
                    fix="give a size to which all are resized (image_size, --image-size)",
                )  # fmt: skip
            columns = {
                "image": np.stack(images),
                "label": np.array([label for _, label in part]),
                "class": np.array([Path(file).parent.name for file, _ in part], object),
                "path": np.array([file for file, _ in part], object),
            }
            yield Batch(columns, len(part), self.name, self.start + begin)


def image_shards(root: Path, size: tuple[int, int] | None) -> list[ImageShard]:
    """The images of a folder in the order of their names; classes are numbered in the order of theirs."""
    classes = sorted(p.name for p in root.iterdir() if p.is_dir())
    files = [
        (os.path.join(name, file.name), label)
        for label, name in enumerate(classes)
        for file in sorted((root / name).iterdir())
        if file.suffix.lower() in _IMAGE_SUFFIXES
    ]
    if not files:
        raise DataError("no folder in it holds images", path=str(root))
    starts = range(0, len(files), _IMAGES_A_SHARD)
    return [ImageShard(root, tuple(files[start : start + _IMAGES_A_SHARD]), size, start) for start in starts]


def _read_image(path: Path, size: tuple[int, int] | None) -> Array:
    if path.suffix == ".npy":
        image = next(iter(_arrays(path).values()))
        return image[..., None] if image.ndim == 2 else image
    try:
        from PIL import Image
    except ImportError as error:
        raise UsageError("folders of images need Pillow: pip install pillow") from error
    try:
        with Image.open(path) as image:
            picture = image if image.mode in ("L", "RGB") else image.convert("RGB")
            if size is not None:
                picture = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
            array = np.asarray(picture)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"cannot be read as an image ({error})", path=str(path)) from error
    return array[..., None] if array.ndim == 2 else array
