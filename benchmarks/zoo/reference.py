"""Reference outputs of a SavedModel, computed by TensorFlow, and the checks that they mean something."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.zoo.entry import Entry

Arrays = dict[str, np.ndarray]


def write_reference(entry: Entry, directory: str, path: str, seed: int = 0) -> dict[str, dict[str, float]]:
    """Run every signature and store ``<signature>/inputs/<name>`` and ``<signature>/outputs/<name>`` arrays.

    ``path`` (an ``.npz`` file) holds one call of each signature. A model with state gets a directory of that name
    without the suffix besides, with one file for each call in order: several calls of a signature, all with the same
    input, before those of the next. Returns the range of every output.
    """
    loaded = tf.saved_model.load(directory)
    stored: Arrays = {}
    steps: list[Arrays] = []
    ranges: dict[str, dict[str, float]] = {}
    for key in sorted(loaded.signatures):
        rng = np.random.default_rng(seed)
        inputs = _inputs(entry, loaded.signatures[key], rng)
        calls = [_run(loaded.signatures[key], inputs) for _ in range(entry.calls)]
        steps += [_keyed(key, inputs, outputs) for outputs in calls]
        stored |= _keyed(key, inputs, calls[0])
        first = calls[0]
        # One more call would move the state that the next signature's reference starts from.
        other = first if entry.calls > 1 else _run(loaded.signatures[key], _inputs(entry, loaded.signatures[key], rng))
        ranges[key] = {name: _meaningful(entry, f"{key}/{name}", first[name], other[name]) for name in first}
    _savez(path, stored)
    if entry.calls > 1:
        _write_steps(Path(path).with_suffix(""), steps)
    return ranges


def _keyed(signature: str, inputs: Arrays, outputs: Arrays) -> Arrays:
    sides = {"inputs": inputs, "outputs": outputs}
    return {f"{signature}/{side}/{name}": value for side, named in sides.items() for name, value in named.items()}


def _write_steps(directory: Path, steps: list[Arrays]) -> None:
    directory.mkdir()
    for number, step in enumerate(steps):
        _savez(str(directory / f"{number:04d}.npz"), step)


def _savez(path: str, arrays: dict[str, Any]) -> None:
    np.savez(path, **arrays)


def _inputs(entry: Entry, function: tf.types.experimental.ConcreteFunction, rng: np.random.Generator) -> Arrays:
    specs = function.structured_input_signature[1]
    return {
        name: entry.sample(rng, name, tuple(spec.shape), spec.dtype.as_numpy_dtype)
        for name, spec in sorted(specs.items())
    }


def _run(function: tf.types.experimental.ConcreteFunction, inputs: Arrays) -> Arrays:
    outputs = function(**{name: tf.constant(value) for name, value in inputs.items()})
    return {name: np.asarray(value) for name, value in outputs.items()}


def _meaningful(entry: Entry, name: str, value: np.ndarray, other: np.ndarray) -> float:
    """The output's range; refuses outputs that no comparison could tell from a constant.

    A single number has no range: its size stands in.
    """
    if not np.all(np.isfinite(value)):
        raise ValueError(f"{entry.name}: {name} is not finite")
    wide = value.astype(np.float64)
    spread = float(np.ptp(wide)) if value.size > 1 else abs(float(wide.ravel()[0]))
    if entry.calls > 1 or not np.issubdtype(value.dtype, np.floating):
        return spread
    if spread <= 1e-3 * float(np.max(np.abs(value))):
        raise ValueError(f"{entry.name}: {name} is flat (range {spread:g})")
    if np.max(np.abs(value - other)) < 1e-2 * spread:
        raise ValueError(f"{entry.name}: {name} hardly depends on the input")
    return spread
