"""Latency and peak memory of a model."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from litesmith._util.python import python_command
from litesmith.errors import Problem, UsageError, VerificationError
from litesmith.runtime.inputs import Inputs, check_inputs, random_inputs
from litesmith.runtime.reference import storable
from litesmith.runtime.runner import ModelSource, Runner


@dataclass(frozen=True)
class Measurement:
    """Latency of one run in milliseconds; peak_bytes: memory the process needed at most for loading and
    running the model beyond what it needed before, None unless measured in a process of its own on a system
    that tells it."""

    median_ms: float
    p90_ms: float
    min_ms: float
    repeats: int
    threads: int
    peak_bytes: int | None = None


def measure(
    model: ModelSource,
    inputs: Inputs | None = None,
    signature: str | None = None,
    *,
    threads: int = 1,
    warmup: int = 5,
    repeats: int = 50,
    isolated: bool = False,
) -> Measurement:
    """Run a model `warmup` times, then `repeats` times against the clock.

    inputs: made up when None, with a batch of 1 where it is unknown. isolated: do it in a fresh process,
    which also tells the peak memory. Only the run itself is timed, with the inputs in place, for the main
    graph; other signatures include passing them.
    """
    if warmup < 0 or repeats < 1:
        raise UsageError(f"warmup must be at least 0 and repeats at least 1, got {warmup} and {repeats}")
    if isolated:
        return _measure_isolated(model, inputs, signature, threads, warmup, repeats)
    runner = Runner(model, threads)
    info = runner.signature(signature)
    run = runner.repeater(random_inputs(info, batch=1) if inputs is None else inputs, info.key)
    return _statistics(_time_runs(run, warmup, repeats), threads)


def _time_runs(run: Callable[[], object], warmup: int, repeats: int) -> list[float]:
    for _ in range(warmup):
        run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return times


def _statistics(times: list[float], threads: int) -> Measurement:
    median, p90 = np.percentile(times, [50, 90])
    return Measurement(float(median), float(p90), min(times), len(times), threads)


def _measure_isolated(
    model: ModelSource,
    inputs: Inputs | None,
    signature: str | None,
    threads: int,
    warmup: int,
    repeats: int,
) -> Measurement:
    """The same in a fresh process, which gets the model and the inputs as files."""
    with tempfile.TemporaryDirectory(prefix="litesmith-") as scratch:
        path = Path(scratch, "model.tflite")
        if isinstance(model, str | os.PathLike):
            path = Path(model).absolute()
        else:
            path.write_bytes(model)
        arrays = None
        if inputs is not None:
            arrays = str(Path(scratch, "inputs.npz"))
            checked = check_inputs(Runner(path).signature(signature), inputs)
            np.savez(arrays, *map(storable, checked.values()))
        order = Order(str(path), arrays, signature, threads, warmup, repeats)
        return _in_child(order)


@dataclass(frozen=True)
class Order:
    """What a measuring process is asked for. inputs: an ``.npz`` file of arrays in the order of the
    signature."""

    model: str
    inputs: str | None
    signature: str | None
    threads: int
    warmup: int
    repeats: int


def _in_child(order: Order) -> Measurement:
    done = subprocess.run(
        python_command("litesmith.runtime._measuring", json.dumps(asdict(order))),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise VerificationError(Problem("LS902", f"measuring in a process of its own failed: {last[0]}"))
    return Measurement(**json.loads(done.stdout.splitlines()[-1]))
