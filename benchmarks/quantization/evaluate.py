"""What quantized files are worth: ``python -m benchmarks.quantization.evaluate FLOAT HELD.npz FILE ... [--seconds 1]``.

Prints a list of JSON records: SQNR of the outputs beside those of the float file in dB, agreement, accuracy where there are
labels, size, latency, and latency relative to the float file; all files take turns. It talks to the LiteRT runtime
directly, so that it judges all alike.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

CAP = 200.0


def outputs(path: Path, samples: np.ndarray) -> np.ndarray:
    """The only output on each sample, as floats."""
    runner = Interpreter(model_path=str(path), num_threads=1).get_signature_runner()
    ((name, given),) = runner.get_input_details().items()
    ((answer, wanted),) = runner.get_output_details().items()
    rows = (runner(**{name: _quantize(row[None], given)})[answer] for row in samples)
    return np.stack([_real(row, wanted) for row in rows])


def _quantize(sample: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    """The sample as an input of this type takes it."""
    scale, zero = details["quantization"]
    if not scale:
        return sample
    limits = np.iinfo(details["dtype"])
    return np.clip(np.rint(sample / scale) + zero, limits.min, limits.max).astype(details["dtype"])


def _real(stored: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    scale, zero = details["quantization"]
    return (stored.astype(np.float32) - zero) * np.float32(scale) if scale else stored


def decibels(exact: np.ndarray, found: np.ndarray) -> float:
    """Signal to noise."""
    if not np.isfinite(found).all():
        return -CAP
    noise = float(np.square(exact.astype(np.float64) - found).sum())
    return min(CAP, 10 * float(np.log10(np.square(exact.astype(np.float64)).sum() / noise))) if noise else CAP


def describe(path: Path, exact: np.ndarray, held: Any) -> dict[str, Any]:
    """The figures but for the latency; ``failure`` where the file does not run."""
    try:
        found = outputs(path, held["x"])
    except (RuntimeError, ValueError) as error:
        return {"failure": f"does not run: {error}"[:300]}
    facts: dict[str, Any] = {"sqnr": round(decibels(exact, found), 2), "size": path.stat().st_size}
    if exact.shape[-1] > 1:
        facts["agreement"] = round(float((exact.argmax(-1) == found.argmax(-1)).mean()), 4)
    if "labels" in held:
        facts["accuracy"] = round(float((found.argmax(-1).ravel() == held["labels"]).mean()), 4)
    return facts


def latencies(paths: list[Path], sample: np.ndarray, seconds: float) -> list[float]:
    """Median milliseconds of one invocation of each file on one thread, taking turns in any order; at least 7.

    In a fixed order the one after the float file would always find its caches cold.
    """
    rng = np.random.default_rng(0)
    interpreters = []
    for path in paths:
        one = Interpreter(model_path=str(path), num_threads=1)
        one.allocate_tensors()
        (given,) = one.get_input_details()
        one.set_tensor(given["index"], _quantize(sample, given))
        one.invoke()
        interpreters.append(one)
    taken: list[list[float]] = [[] for _ in paths]
    end = time.perf_counter() + seconds * len(paths)
    while len(taken[0]) < 7 or (time.perf_counter() < end and len(taken[0]) < 3000):
        for index in rng.permutation(len(paths)):
            start = time.perf_counter()
            interpreters[index].invoke()
            taken[index].append(time.perf_counter() - start)
    return [1000 * median(times) for times in taken]


def main() -> None:
    """Describes the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exact", type=Path)
    parser.add_argument("held", type=Path)
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--seconds", type=float, default=1.0)
    arguments = parser.parse_args()
    held = dict(np.load(arguments.held))
    exact = outputs(arguments.exact, held["x"])
    paths = [arguments.exact, *arguments.files]
    records = [describe(path, exact, held) for path in paths]
    runs = [i for i, record in enumerate(records) if "failure" not in record]
    times = latencies([paths[i] for i in runs], held["x"][:1], arguments.seconds)
    for index, milliseconds in zip(runs, times, strict=True):
        records[index] |= {"latency_ms": round(milliseconds, 4), "relative": round(milliseconds / times[0], 3)}
    print(json.dumps(records))


if __name__ == "__main__":
    main()
