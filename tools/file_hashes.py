"""Whether a change of structure changes a byte: the files that the tests write, before and after.

    python -m pytest -q -p tools.file_hashes --file-hashes before.json tests/keras tests/jax   # at the old commit
    python -m pytest -q -p tools.file_hashes --file-hashes after.json tests/keras tests/jax    # at the new one
    python tools/file_hashes.py before.json after.json

The first two record, for each test, size and SHA-256 of every `.tflite` file that it writes in its own process, in
order; an existing record is added to. The last one tells which differ, and fails when one does. Files of tests that
only one of the records has are counted, and no difference.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest

Record: TypeAlias = "dict[str, list[str]]"
"""Test -> ``size:digest`` of each file it wrote."""


class Recorder:
    """A pytest plugin that takes note of what the writer writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record: Record = read_record(path) if path.exists() else {}
        self._written: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Takes what is written while a test runs, fixtures included, for its own."""
        self._written = []
        result = yield
        if self._written:
            self.record[item.nodeid] = self._written
        return result

    def pytest_sessionstart(self) -> None:
        """Puts a function before the writer's own that notes what it wrote."""
        from litesmith.formats.tflite import writer

        write = writer._write

        def write_and_note(program: Any, out: Any, external_over: int) -> None:
            content = io.BytesIO()
            write(program, content, external_over)
            data = content.getvalue()
            self._written.append(f"{len(data)}:{hashlib.sha256(data).hexdigest()}")
            out.write(data)

        writer._write = write_and_note

    def pytest_sessionfinish(self) -> None:
        """Writes the record."""
        self.path.write_text(json.dumps(dict(sorted(self.record.items())), indent=0), encoding="utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that turns recording on."""
    parser.addoption("--file-hashes", type=Path, help="record sizes and digests of the written models in this file")


def pytest_configure(config: pytest.Config) -> None:
    """Turns recording on where it is asked for."""
    path = config.getoption("--file-hashes")
    if path is not None:
        config.pluginmanager.register(Recorder(path.absolute()))


def read_record(path: Path) -> Record:
    """The record in a file."""
    record: Record = json.loads(path.read_text(encoding="utf-8"))
    return record


def differences(before: Mapping[str, Sequence[str]], after: Mapping[str, Sequence[str]]) -> list[str]:
    """One line for each test that wrote other files."""
    return [
        f"{test}: {_sizes(before[test])} became {_sizes(after[test])}"
        for test in sorted(before.keys() & after.keys())
        if before[test] != after[test]
    ]


def _sizes(files: Sequence[str]) -> str:
    return " ".join(entry.partition(":")[0] for entry in files) + " bytes"


def main() -> int:
    """Compares two records; 1 when a file differs."""
    parser = argparse.ArgumentParser(description="Compares two records of the files that tests write.")
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    options = parser.parse_args()
    before, after = read_record(options.before), read_record(options.after)
    common = before.keys() & after.keys()
    changed = differences(before, after)
    print("\n".join([*changed, f"{len(common)} tests compared, {len(changed)} wrote other files"]))
    print(f"only before: {len(before.keys() - common)}, only after: {len(after.keys() - common)}")
    return bool(changed)


if __name__ == "__main__":
    sys.exit(main())
