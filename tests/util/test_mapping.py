"""Mapped files: read as they are, their pages handed back without losing what was written to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from litesmith._util.mapping import map_file, release_pages


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "data.bin"
    file.write_bytes(bytes(range(256)) * 64)
    return file


def test_mapped_file_is_read_only_and_survives_release(path: Path):
    mapped = map_file(path)
    assert not mapped.flags.writeable
    release_pages()
    assert mapped.tobytes() == path.read_bytes()


def test_empty_file_maps_to_nothing(tmp_path: Path):
    (tmp_path / "empty").touch()
    assert map_file(tmp_path / "empty").size == 0


def test_missing_file_is_an_error(tmp_path: Path):
    with pytest.raises(OSError, match="nowhere"):
        map_file(tmp_path / "nowhere")


@pytest.mark.parametrize("mode", ["r", "c", "r+"])
@pytest.mark.parametrize(
    "view",
    [lambda a: a, lambda a: np.asarray(a)[5:], lambda a: a.reshape(64, -1).T],
    ids=["whole", "part", "transposed"],
)
def test_changes_to_a_mapping_are_kept(mode: str, view, path: Path):
    mapped = np.memmap(path, np.uint8, mode)
    if mode != "r":
        mapped[7] = 99
    expected = mapped.tobytes()
    release_pages(view(mapped))
    assert mapped.tobytes() == expected


def test_arrays_that_are_not_mapped_are_left_alone():
    array = np.arange(4)
    release_pages(array)
    assert array.tolist() == [0, 1, 2, 3]
