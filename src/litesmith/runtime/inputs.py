"""Inputs of a signature: checking what a caller gives, and making some up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from litesmith.errors import UsageError
from litesmith.runtime.model_file import SignatureInfo, TensorInfo

Array: TypeAlias = np.ndarray[Any, Any]
Inputs: TypeAlias = Mapping[str, Any] | Sequence[Any]


def check_inputs(signature: SignatureInfo, inputs: Inputs) -> dict[str, Array]:
    """The inputs as arrays by name. Raises UsageError, listing everything that does not fit."""
    named = _by_name(signature, inputs)
    known = {tensor.name for tensor in signature.inputs}
    problems = [f"no input {name!r}" for name in named if name not in known]
    arrays = {}
    for tensor in signature.inputs:
        if tensor.name not in named:
            problems.append(f"input {tensor.name!r} is missing")
            continue
        try:
            arrays[tensor.name] = _array(tensor, named[tensor.name])
        except (TypeError, ValueError) as error:
            problems.append(f"input {tensor.name!r}: {error}")
    if problems:
        raise UsageError(f"{'; '.join(problems)}. {_expectation(signature)}")
    return arrays


def _by_name(signature: SignatureInfo, inputs: Inputs) -> Mapping[str, Any]:
    if isinstance(inputs, Mapping):
        return inputs
    if isinstance(inputs, np.ndarray | str | bytes) or not isinstance(inputs, Sequence):
        raise UsageError(f"inputs must be a mapping by name or a sequence, got {type(inputs).__name__}")
    if len(inputs) != len(signature.inputs):
        raise UsageError(f"{len(inputs)} inputs given. {_expectation(signature)}")
    return {tensor.name: value for tensor, value in zip(signature.inputs, inputs, strict=True)}


def _expectation(signature: SignatureInfo) -> str:
    listed = ", ".join(map(str, signature.inputs)) or "no inputs"
    return f"Signature {signature.key!r} takes {listed}"


def _array(tensor: TensorInfo, value: object) -> Array:
    """The value as an array of the tensor's dtype and a shape it takes. Raises TypeError or ValueError."""
    array = _strings(value) if tensor.type == "string" else _with_dtype(value, tensor.dtype)
    if not fits(array.shape, tensor.shape):
        raise ValueError(f"shape {list(array.shape)} does not fit {tensor}")
    return np.ascontiguousarray(array).reshape(array.shape)  # ascontiguousarray makes a vector of a scalar


def _with_dtype(value: object, dtype: np.dtype[np.generic]) -> Array:
    if not hasattr(value, "dtype"):
        return _convert(np.asarray(value), dtype)
    array = np.asarray(value)
    if array.dtype != dtype:
        raise TypeError(f"dtype {array.dtype} where {dtype} is expected; convert with .astype(np.{dtype})")
    return array


def _convert(array: Array, dtype: np.dtype[np.generic]) -> Array:
    """Python numbers (as NumPy reads them) in the dtype asked for, provided it holds them."""
    if array.size and array.dtype.kind in "iu" and dtype.kind in "iu":
        limits = np.iinfo(dtype.name)
        if array.min() < limits.min or array.max() > limits.max:
            raise TypeError(f"values from {array.min()} to {array.max()} where {dtype} is expected")
    elif array.size and not np.can_cast(array.dtype, dtype, "same_kind"):
        raise TypeError(f"{array.dtype} values where {dtype} is expected")
    return array.astype(dtype)


def _strings(value: object) -> Array:
    """Strings as the runtime takes them: an object array of bytes (UTF-8), except for rank 0."""
    # Not as an S array, which cuts zero bytes off.
    array = value if isinstance(value, np.ndarray) else np.asarray(value, object)
    if array.dtype.kind not in "OSU":
        raise TypeError(f"dtype {array.dtype} where strings are expected")
    if not array.ndim:
        return _scalar_string(_encode(array.item()))
    result = np.empty(array.shape, object)
    result[...] = np.vectorize(_encode, otypes=[object])(array) if array.size else array
    return result


def _scalar_string(item: bytes) -> Array:
    """A string of rank 0, of which the runtime takes the bytes of the array itself (it would take an object's
    pointer).

    Raises ValueError for the empty string: NumPy has no array of no bytes.
    """
    if not item:
        raise ValueError("the runtime's Python interface does not take an empty string of rank 0")
    return np.array(item, np.dtype(("S", len(item))))


def _encode(item: object) -> bytes:
    if isinstance(item, str):
        return item.encode()
    if isinstance(item, bytes):
        return item
    raise TypeError(f"{type(item).__name__} where strings are expected")


def fits(shape: tuple[int, ...], expected: tuple[int, ...] | None) -> bool:
    """Whether an array of this shape may be given where `expected` (-1: any size; None: any shape) is
    declared."""
    if expected is None:
        return True
    return len(shape) == len(expected) and all(e in (-1, s) for s, e in zip(shape, expected, strict=True))


RANGES: dict[str, tuple[float, float]] = {
    "any": (-1.0, 1.0),
    "positive": (0.1, 1.0),
    "above one": (1.0, 4.0),
    "definite": (-1.0, 1.0),
}
"""Kinds of made-up inputs: the interval floats are drawn from. Square matrices of the last are positive definite."""


def random_inputs(
    signature: SignatureInfo, seed: int = 0, *, batch: int = 2, size: int = 8, kind: str = "any"
) -> dict[str, Array]:
    """Plausible inputs by name, the same for the same arguments.

    Unknown leading sizes become `batch`, other unknown sizes `size`. Floats are uniform in the interval of
    their `kind` (see `RANGES`); quantized integers span their type; other integers are 0 or 1, since they often
    are indices, and 1 when they may not be 0 (every kind but ``any``). Raises UsageError for an input whose type
    the runtime does not exchange.
    """
    made = {}
    for position, tensor in enumerate(signature.inputs):
        rng = np.random.default_rng([seed, position])
        try:
            made[tensor.name] = _random(rng, tensor, made_up_shape(tensor, batch, size), kind)
        except TypeError as error:
            raise UsageError(f"input {tensor.name!r}: {error}") from error
    return made


def made_up_shape(tensor: TensorInfo, batch: int, size: int) -> tuple[int, ...]:
    """The shape of a made-up input: `batch` for an unknown leading size, `size` for the other unknown ones."""
    return tuple((size if axis else batch) if d == -1 else d for axis, d in enumerate(tensor.shape or ()))


def _random(rng: np.random.Generator, tensor: TensorInfo, shape: tuple[int, ...], kind: str) -> Array:
    dtype = tensor.dtype
    if tensor.type == "string":
        words = rng.choice(np.array([b"a", b"some", b"words", b"1"], object), size=shape)
        return np.asarray(words, object).reshape(shape)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if dtype.kind in "iu":
        bits = 4 if tensor.type in ("int4", "uint4") else 8 * dtype.itemsize
        lowest, above = (0, 1 << bits) if dtype.kind == "u" else (-(1 << (bits - 1)), 1 << (bits - 1))
        smallest = 0 if kind == "any" else 1
        return rng.integers(lowest, above, shape, dtype) if tensor.scale else rng.integers(smallest, 2, shape, dtype)
    low, high = RANGES[kind]
    values = rng.uniform(low, high, shape)
    if kind == "definite" and len(shape) > 1 and shape[-1] == shape[-2]:
        values = values @ values.swapaxes(-1, -2) + shape[-1] * np.eye(shape[-1])
    return np.asarray(values + 1j * rng.uniform(low, high, shape) if dtype.kind == "c" else values, dtype)
