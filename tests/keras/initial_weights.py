"""Initial weights drawn by NumPy: JAX compiles a program for each shape it draws, which took half of the tests' time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np


def draw_by_numpy(replace: Callable[[Any, str, Any], None]) -> None:
    """Has every random initializer draw by NumPy; ``replace`` sets an attribute of an object."""
    module = sys.modules[keras.initializers.RandomNormal.__module__]
    drawing = {"normal": _normal, "uniform": _uniform, "truncated_normal": _truncated_normal}
    replace(module, "random", SimpleNamespace(**{**vars(module.random), **drawing}))
    replace(keras.initializers.Orthogonal, "__call__", _orthogonal)


def _normal(shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    return _tensor(_rng(seed).normal(mean, stddev, shape), dtype)


def _uniform(shape: Sequence[int], minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    return _tensor(_rng(seed).uniform(minval, maxval, shape), dtype)


def _truncated_normal(
    shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    rng = _rng(seed)
    values = rng.standard_normal(shape)
    while (outside := np.abs(values) > 2).any():
        values = np.where(outside, rng.standard_normal(shape), values)
    return _tensor(mean + stddev * values, dtype)


def _orthogonal(initializer: Any, shape: Sequence[int], dtype: Any = None) -> Any:
    rows, columns = int(np.prod(shape[:-1])), shape[-1]
    q, r = np.linalg.qr(_rng(initializer.seed).normal(size=(max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diag(r))
    return _tensor(initializer.gain * (q.T if rows < columns else q).reshape(shape), dtype)


def _rng(seed: Any) -> np.random.Generator:
    return np.random.default_rng(seed if isinstance(seed, int) else 7)


def _tensor(values: Any, dtype: Any) -> Any:
    dtype = keras.backend.standardize_dtype(dtype or keras.config.floatx())
    return keras.ops.convert_to_tensor(np.asarray(values, np.float32), dtype)
