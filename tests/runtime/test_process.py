"""Checks in a process of their own: what a model does to the runtime ends that process at most."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litesmith.errors import UsageError
from litesmith.formats.tflite import write_model
from litesmith.ir.parser import parse_program
from litesmith.ops import OPS
from litesmith.runtime import Reference, Runner, checking, process, verify
from litesmith.runtime.checking import Order, check
from litesmith.runtime.process import Bounds, check_in_process
from litesmith.runtime.report import VerificationReport, from_json, to_json
from tests.runtime.tiny_models import OPS as OPERATORS
from tests.runtime.tiny_models import Node, Subgraph, Tensor, model, plus_one

ONE = model(plus_one())
X = np.arange(6, dtype=np.float32).reshape(2, 3)
WIDE = Bounds(60, None, None)

needs_proc = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell the memory")


def program(text: str) -> bytes:
    return write_model(parse_program(text, OPS))


ENDLESS = program("""
    graph main(%x: int32[]) { %y = WHILE(%x) {cond_subgraph=@cond, body_subgraph=@body} : int32[] return %y }
    graph cond(%c: int32[]) { %t = EQUAL(%c, %c) : bool[] return %t }
    graph body(%b: int32[]) { %n = ADD(%b, int32[](1)) : int32[] return %n }
""")
LARGE = program("""
    graph main(%x: float32[30000, 1], %z: float32[1, 30000]) {
      %y = ADD(%x, %z) : float32[30000, 30000]
      %w = EXP(%y) : float32[30000, 30000]
      return %w
    }
""")
IMPOSSIBLE = program("""
    graph main(%x: float32[4000000, 1], %z: float32[1, 4000000]) {
      %y = ADD(%x, %z) : float32[4000000, 4000000]
      return %y
    }
""")


def crashing() -> bytes:
    """A model without an operand that the runtime uses before it looks whether it is there."""
    return model(
        Subgraph([Tensor("x", [2, 3]), Tensor("y", [3, 2])], [0], [1], [Node(OPERATORS.TRANSPOSE, [0, -1], [1])])
    )


def order(content: bytes, reference: Reference | None = None) -> Order:
    return Order(content, None if reference is None else tuple(reference), 3, 1e-5, 0, None, 1)


@pytest.mark.parametrize("reference", [None, Reference.of({"x": X}, {"y": X + 1}), Reference.of({"x": X}, {"y": X})])
def test_the_report_is_that_of_this_process(reference) -> None:
    here, there = (verify(ONE, reference, isolated=isolated) for isolated in (False, True))
    assert here == there
    assert from_json(to_json(here)) == here


def test_errors_come_through() -> None:
    with pytest.raises(UsageError, match="no input 'z'"):
        verify(ONE, Reference.of({"z": X}, {"y": X}))


def test_what_never_ends_is_not_verified_or_an_error() -> None:
    bounds = Bounds(1, 2, None)
    made_up = check_in_process(order(ENDLESS), bounds)
    assert not made_up.problems
    assert "LS908: the model fails as it runs" in made_up.skipped
    assert "has not ended after 1 seconds" in made_up.skipped
    given = check_in_process(order(ENDLESS, Reference.of({"x": np.int32(1)}, {"y": np.int32(1)})), bounds)
    assert [problem.code for problem in given.problems] == ["LS908"]
    assert verify(ONE).ok  # and the next check has a process again


@needs_proc
def test_memory_is_bounded() -> None:
    report = check_in_process(order(LARGE), Bounds(60, 200, 300 << 20))
    assert not report.problems
    assert "takes more than 0.3 GB of memory" in report.skipped


def test_what_no_memory_holds_is_not_the_end() -> None:
    report = verify(IMPOSSIBLE)
    assert not report.ok


def test_a_crash_is_a_finding() -> None:
    report = check_in_process(order(crashing()), WIDE)
    (problem,) = report.problems
    assert problem.code == "LS907"
    assert "in the LiteRT runtime" in problem.reason
    assert "ends its process" in problem.reason


def test_the_process_is_used_again_and_replaced_when_it_has_ended() -> None:
    assert verify(ONE).ok
    (first,) = process._idle
    assert verify(ONE).ok
    assert process._idle == [first]
    first.process.kill()
    first.process.wait()
    assert verify(ONE).ok
    assert process._idle != [first]


def test_where_no_process_starts_the_check_is_made_here(monkeypatch) -> None:
    process._close_all()
    monkeypatch.setattr(sys, "executable", "/usr/lib/host-application")
    assert verify(ONE).ok
    assert not process._idle
    process.prepare()
    assert not process._idle


def test_modules_are_not_looked_for_in_the_current_directory(tmp_path: Path, monkeypatch) -> None:
    process._close_all()
    for name in ("numpy", "ai_edge_litert", "json", "litesmith"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    assert verify(ONE).ok
    assert process._idle


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_an_interrupt_of_the_group_leaves_the_process() -> None:
    assert verify(ONE).ok
    (worker,) = process._idle
    os.kill(worker.process.pid, signal.SIGINT)
    assert verify(ONE).ok
    assert process._idle == [worker]


def test_large_files_run_without_the_second_copy_of_their_weights(monkeypatch) -> None:
    seen = []

    def runner(*args: Any, **options: Any) -> Runner:
        seen.append(options["kernels"])
        return Runner(*args, **options)

    monkeypatch.setattr(checking, "Runner", runner)
    check(order(ONE))
    monkeypatch.setattr(checking, "_PACKED_BYTES", len(ONE) - 1)
    assert check(order(ONE)).ok
    assert seen == ["default", "builtin"]


def test_an_empty_report_is_kept() -> None:
    empty = VerificationReport(skipped="why")
    assert from_json(to_json(empty)) == empty


_FORKING = """
import sys
import time
from litesmith.runtime import process, verify
process.prepare(own=True)
(worker,) = process._idle
print(type(worker.process).__name__)
content = open(sys.argv[1], "rb").read()
for _ in range(2):
    assert verify(content).ok
assert process._idle == [worker]
crashing = open(sys.argv[2], "rb").read()
assert [p.code for p in verify(crashing).problems] == ["LS907"]
assert not process._idle and worker.process.poll() is not None
assert verify(content).ok
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only there is a copy of the process safe")
def test_a_program_of_our_own_is_copied(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.tflite", tmp_path / "bad.tflite"
    good.write_bytes(ONE)
    bad.write_bytes(crashing())
    command = [sys.executable, "-c", _FORKING, str(good), str(bad)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "ForkedProcess\n"
    assert "XNNPACK" not in done.stderr, "what the runtime says is kept"


def test_the_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    code = "import os\nfrom litesmith.runtime import process\nprocess.prepare()\nprint(process._idle[0].process.pid)\n"
    code += "import sys\nsys.stdout.flush()\nos._exit(0)"
    pid = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    for _ in range(600):
        if not _runs(pid):
            return
        time.sleep(0.1)
    raise AssertionError("it still runs")


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")
