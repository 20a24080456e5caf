"""Reference outputs of a SavedModel, computed by TensorFlow, and the checks that they mean something."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.zoo.entry import Entry

Arrays = dict[str, np.ndarray]
Function = Any  # a ConcreteFunction


REPEATS = 3


def write_reference(entry: Entry, directory: str, path: str, seed: int = 0) -> dict[str, dict[str, float]]:
    """Run every signature and store ``<signature>/inputs/<name>`` and ``<signature>/outputs/<name>`` arrays.

    ``path`` (an ``.npz`` file) holds one call of each signature. The directory of that name without the suffix has a
    file for each call of a longer session: three calls with the same input, then the variations (for unknown dimensions
    of other sizes), one signature after the other. Returns the range of every output.
    """
    loaded = tf.saved_model.load(directory)
    steps: list[Arrays] = []
    firsts: Arrays = {}
    ranges: dict[str, dict[str, float]] = {}
    for key in sorted(loaded.signatures):
        function, rng = loaded.signatures[key], np.random.default_rng(seed)
        calls = _session(entry, function, rng)
        steps += [_with_keys(key, *call) for call in calls]
        firsts |= _with_keys(key, *calls[0])
        # Of the same shapes, to compare with; a model with state would be moved by one more call.
        other = {} if entry.stateful else _run(function, _inputs(entry, function, rng))
        ranges[key] = {
            name: _meaningful(f"{entry.name}: {key}/{name}", value, other.get(name))
            for name, value in calls[0][1].items()
        }
    _savez(path, firsts)
    _write_steps(Path(path).with_suffix(""), steps)
    return ranges


def _session(entry: Entry, function: Function, rng: np.random.Generator) -> list[tuple[Arrays, Arrays]]:
    first = _inputs(entry, function, rng)
    others = [_inputs(entry, function, rng, grow=number + 1) for number in range(entry.variations)]
    sequence = [first] * REPEATS + ([] if entry.stateful else others)
    return [(inputs, _run(function, inputs)) for inputs in sequence]


def _with_keys(signature: str, inputs: Arrays, outputs: Arrays) -> Arrays:
    sides = {"inputs": inputs, "outputs": outputs}
    return {f"{signature}/{side}/{name}": value for side, named in sides.items() for name, value in named.items()}


def _write_steps(directory: Path, steps: list[Arrays]) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for number, step in enumerate(steps):
        _savez(str(directory / f"{number:04d}.npz"), step)


def _savez(path: str, arrays: dict[str, Any]) -> None:
    np.savez(path, **arrays)


def _inputs(entry: Entry, function: Function, rng: np.random.Generator, grow: int = 0) -> Arrays:
    specs = function.structured_input_signature[1]
    return {
        name: entry.sample(rng, name, tuple(spec.shape), spec.dtype.as_numpy_dtype, grow=grow)
        for name, spec in sorted(specs.items())
    }


def _run(function: Function, inputs: Arrays) -> Arrays:
    outputs = function(**{name: tf.constant(value) for name, value in inputs.items()})
    return {name: np.asarray(value) for name, value in outputs.items()}


def _meaningful(name: str, value: np.ndarray, other: np.ndarray | None) -> float:
    """The output's range; refuses outputs that no comparison could tell from a constant.

    A single number has no range: its size stands in.
    """
    if not np.all(np.isfinite(value)):
        raise ValueError(f"{name} is not finite")
    wide = value.astype(np.float64)
    spread = float(np.ptp(wide)) if value.size > 1 else abs(float(wide.ravel()[0]))
    if other is None or not np.issubdtype(value.dtype, np.floating):
        return spread
    if spread <= 1e-3 * float(np.max(np.abs(value))):
        raise ValueError(f"{name} is flat (range {spread:g})")
    if np.max(np.abs(value - other)) < 1e-2 * spread:
        raise ValueError(f"{name} hardly depends on the input")
    return spread
