"""Files that appear whole or not at all: links, devices, signals, what killed processes leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from litesmith._util.replacing import replacing

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and signals of POSIX")

WRITER = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a test run in the background may have ignored
from litesmith._util.replacing import replacing
with replacing(sys.argv[1]) as out:
    out.write(b"new" * 100)
    out.flush()
    print("writing", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def write(path: Path, content: bytes = b"new") -> None:
    with replacing(path) as out:
        out.write(content)


def start(path: Path, seconds: float) -> subprocess.Popen[bytes]:
    """A process that is in the middle of writing."""
    source = Path(__file__).parents[2] / "src"
    environment = {**os.environ, "PYTHONPATH": str(source)}
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(seconds)], stdout=subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"writing\n"
    return process


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_link_stays_and_leads_to_the_new_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "m.tflite", tmp_path / "link.tflite"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write(link)
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert names(tmp_path / "folder") == ["m.tflite"]


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(OSError, match="device, pipe or socket"):
            write(path)
    assert names(tmp_path) == ["pipe"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_leave_nothing_behind(number: int, tmp_path: Path) -> None:
    target = tmp_path / "m.tflite"
    target.write_bytes(b"old")
    process = start(target, 60)
    process.send_signal(number)
    assert process.wait(30) == -number
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["m.tflite"]


def test_what_a_killed_process_leaves_is_removed_at_the_next_write(tmp_path: Path) -> None:
    target = tmp_path / "m.tflite"
    target.write_bytes(b"old")
    for _ in range(3):
        process = start(target, 60)
        process.kill()
        process.wait(30)
        assert target.read_bytes() == b"old"
    assert len(names(tmp_path)) == 2, "each write removes what the one before has left"
    write(target)
    assert names(tmp_path) == ["m.tflite"]
    assert target.read_bytes() == b"new"


def test_a_file_that_is_being_written_stays(tmp_path: Path) -> None:
    target = tmp_path / "m.tflite"
    process = start(target, 1)
    write(target)
    assert len(names(tmp_path)) == 2
    assert process.wait(30) == 0
    assert target.read_bytes() == b"new" * 100
    assert names(tmp_path) == ["m.tflite"]


def test_a_check_sees_the_whole_file_and_may_refuse_it(tmp_path: Path) -> None:
    target, seen = tmp_path / "m.tflite", []

    def refuse(file: Path) -> None:
        seen.append(file.read_bytes())
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL, "a signal in a check removes the file, too"
        raise ValueError("no")

    target.write_bytes(b"old")
    with pytest.raises(ValueError, match="no"), replacing(target, refuse) as out:
        out.write(b"new")
    assert seen == [b"new"]
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["m.tflite"]


def test_handlers_of_others_stay(tmp_path: Path) -> None:
    def handler(number: int, frame: object) -> None: ...

    before = signal.signal(signal.SIGTERM, handler)
    try:
        with replacing(tmp_path / "m.tflite") as out:
            assert signal.getsignal(signal.SIGTERM) is handler
            out.write(b"new")
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)
