"""Paths that are no files, wherever one is given: an error at once, without opening what never answers."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import litesmith
from litesmith._util.files import file_kind, require_file
from litesmith.errors import FormatError, LitesmithError, MissingFileError, UsageError
from litesmith.formats.saved_model import SavedModel, read_graph_def
from litesmith.formats.saved_model.checkpoint import Checkpoint
from litesmith.formats.tflite import read_model
from litesmith.runtime import Reference, Runner, verify
from tests.graphs import dense_model

READERS: dict[str, Callable[[str], object]] = {
    "convert": litesmith.convert,
    "verify": verify,
    "run": Runner,
    "reference": Reference.load,
    "graph": read_graph_def,
    "saved model": SavedModel.open,
    "model": read_model,
    "checkpoint": lambda path: Checkpoint.open(path.removesuffix(".index")),
}

PATHS = {
    "zero byte": "a\0b",
    "too long": "x" * 5000,
    "nothing": "nothing",
    "below a file": __file__ + "/x",
    "not UTF-8": os.fsdecode(b"\xff\xfe"),
    "empty": "",
}

posix = pytest.mark.skipif(sys.platform == "win32", reason="no pipes and devices as files")


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("suffix", ["", ".pb", ".tflite", ".pbtxt", ".index"])
def test_paths_that_are_none(tmp_path, monkeypatch, reader, path, suffix):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((FormatError, UsageError)):
        READERS[reader](PATHS[path] + suffix)


@posix
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("suffix", ["", ".pb", ".tflite", ".mlir", ".pbtxt", ".npz", ".index"])
def test_pipes_are_not_opened(tmp_path, reader, suffix):
    path = tmp_path / f"pipe{suffix}"
    os.mkfifo(path)
    with pytest.raises(LitesmithError, match=r"device, pipe or socket|not a directory|no such file"):
        READERS[reader](str(path))


@posix
@pytest.mark.parametrize("reader", READERS)
def test_devices_are_not_read(reader):
    with pytest.raises(LitesmithError, match=r"device, pipe or socket|not a directory|no such file"):
        READERS[reader]("/dev/zero")


@posix
@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index"])
def test_pipes_in_a_directory(tmp_path, name):
    source = dense_model(tmp_path / "m")
    (source / name).unlink()
    os.mkfifo(source / name)
    with pytest.raises(FormatError, match=rf"{name}.*device, pipe or socket"):
        litesmith.convert(source)


def test_kinds(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert [file_kind(p) for p in (tmp_path, tmp_path / "file", tmp_path / "none")] == ["directory", "file", ""]
    assert require_file(tmp_path / "file") == tmp_path / "file"
    with pytest.raises(MissingFileError, match="no such table"):
        require_file(tmp_path / "none", "table")
    with pytest.raises(FormatError, match="directory, not a file"):
        require_file(tmp_path)


@pytest.mark.parametrize("suffix", [".pbtxt", ".pb"])
def test_text_that_is_not_utf8(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"graph{suffix}"
    path.write_bytes(b"node { name: '\xff\xfe' op: 'Const' }")
    with pytest.raises(FormatError):
        litesmith.convert(path)


def test_targets_that_cannot_be(tmp_path):
    source = dense_model(tmp_path / "m")
    for target in ("a\0b", "x" * 5000):
        with pytest.raises(UsageError, match="cannot write"):
            litesmith.export(source, tmp_path / target)
