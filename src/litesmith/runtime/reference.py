"""Reference data: what a model should answer.

One ``.npz`` file holds one call of one or several signatures, one array per key::

    inputs/<name>                 outputs/<name>                  of the only (or the default) signature
    <signature>/inputs/<name>     <signature>/outputs/<name>      of the signature named

A directory holds several calls, one ``.npz`` file each, in the order of their names: for a model with state,
that is the order in which they are made. Strings are stored as NumPy ``S`` or ``U`` arrays; pickled objects
are not read.
"""

from __future__ import annotations

import os
import re
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from litesmith._util.files import file_kind, require_file
from litesmith.errors import FormatError, UsageError
from litesmith.runtime.inputs import Array

_KEY = re.compile(r"(?:(?P<signature>(?!inputs/|outputs/).+?)/)?(?P<side>inputs|outputs)/(?P<name>.+)", re.S)
_FIX = "name the arrays [<signature>/]inputs/<name> and [<signature>/]outputs/<name>"


@dataclass(frozen=True)
class Record:
    """One call: inputs and expected outputs by name (some outputs may be left out). signature: None for the
    default."""

    signature: str | None
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]


class Reference(tuple[Record, ...]):
    """Calls in the order in which they are made."""

    __slots__ = ()

    @staticmethod
    def of(inputs: Mapping[str, Any], outputs: Mapping[str, Any], signature: str | None = None) -> Reference:
        """The reference of a single call."""
        return Reference([Record(signature, _arrays(inputs), _arrays(outputs))])

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Reference:
        """Read an ``.npz`` file or a directory of them. Raises FormatError when they are not what they should
        be."""
        path = Path(path)
        if file_kind(path) != "directory":
            return Reference(_load(path))
        files = sorted(path.glob("*.npz"))
        if not files:
            raise FormatError("no .npz files in this directory", path=str(path), fix=_FIX)
        return Reference(record for file in files for record in _load(file))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one ``.npz`` file if this is one call of each signature, else a directory of numbered
        files."""
        path = Path(path)
        if len({record.signature for record in self}) == len(self):
            _save(path, self)
            return
        path.mkdir(parents=True, exist_ok=True)
        for number, record in enumerate(self):
            _save(path / f"{number:04d}.npz", [record])


def _arrays(values: Mapping[str, Any]) -> dict[str, Array]:
    return {name: np.asarray(value) for name, value in values.items()}


_DAMAGE = (
    *(ArithmeticError, EOFError, LookupError, MemoryError, OSError, RuntimeError, SyntaxError, TypeError, ValueError),
    *(struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)
"""What NumPy and zipfile raise for a damaged file (NotImplementedError is a RuntimeError)."""


def _load(path: Path) -> list[Record]:
    require_file(path, "file or directory")
    try:
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise FormatError("not an .npz file", path=str(path), fix=_FIX)
        with loaded as file:
            arrays = {key: file[key] for key in file.files}
    except FormatError:
        raise
    except _DAMAGE as error:
        raise FormatError(f"cannot read reference data: {error}", path=str(path)) from error
    return _records(arrays, path)


def _records(arrays: Mapping[str, Array], path: Path) -> list[Record]:
    calls: dict[str | None, tuple[dict[str, Array], dict[str, Array]]] = {}
    for key, array in arrays.items():
        match = _KEY.fullmatch(key)
        if not match:
            raise FormatError(f"array {key!r} has no place in reference data", path=str(path), fix=_FIX)
        call = calls.setdefault(match["signature"], ({}, {}))
        call[match["side"] == "outputs"][match["name"]] = array
    empty = [signature for signature, (_, outputs) in calls.items() if not outputs]
    if empty or not calls:
        of = f" of signature {empty[0]!r}" if empty else ""
        raise FormatError(f"no outputs{of}", path=str(path), fix=_FIX)
    return [Record(signature, inputs, outputs) for signature, (inputs, outputs) in calls.items()]


def _save(path: Path, records: Iterable[Record]) -> None:
    arrays: dict[str, Any] = {
        f"{'' if record.signature is None else record.signature + '/'}{side}/{name}": storable(array)
        for record in records
        for side, named in (("inputs", record.inputs), ("outputs", record.outputs))
        for name, array in named.items()
    }
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def storable(array: Array) -> Array:
    """Object arrays of strings as ``S`` arrays. Raises UsageError where NumPy would lose something or
    pickle."""
    if array.dtype.kind == "V":
        raise UsageError(f"{array.dtype} arrays cannot be kept in an .npz file; cast them to float32")
    if array.dtype.kind != "O":
        return array
    items = [item.encode() if isinstance(item, str) else item for item in array.ravel().tolist()]
    if not all(isinstance(item, bytes) for item in items) or any(item.endswith(b"\0") for item in items):
        raise UsageError("only strings that do not end in a zero byte can be kept in an .npz file")
    return np.array(items, np.bytes_).reshape(array.shape)
