"""Serialized tf.Example messages to columns, decoded a batch at a time, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from litesmith.data import protos
from litesmith.data.columns import Array, ragged_column

Parsed = Mapping[str, Any]  # feature name -> Feature message


def parse_example(record: bytes) -> Parsed:
    """The features of one message. Raises ValueError."""
    from google.protobuf.message import DecodeError

    example = protos.Example()
    try:
        example.ParseFromString(record)
    except DecodeError as error:
        raise ValueError(f"not a tf.Example ({error})") from error
    parsed: Parsed = example.features.feature
    if any(_is_unpacked(feature) for feature in parsed.values()):
        return _repack(record)
    return parsed


def columns_of(examples: Sequence[Parsed], names: frozenset[str] | None = None) -> dict[str, Array]:
    """The columns of some parsed examples; names: those to take (default: all). Raises ValueError."""
    found: dict[str, None] = {}
    for example in examples:
        found.update(dict.fromkeys(example))
    return {name: _column(name, examples) for name in sorted(found) if names is None or name in names}


def serialize_example(features: Mapping[str, Any]) -> bytes:
    """A tf.Example of arrays, numbers, strings and lists of them."""
    example = protos.PlainExample()
    for name, value in features.items():
        array = np.asarray(value)
        target = example.features.feature[name]
        if array.dtype.kind in "iub":
            target.int64_list.value.extend(array.ravel().astype(np.int64).tolist())
        elif array.dtype.kind == "f":
            target.float_list.value.extend(array.ravel().astype(np.float32).tolist())
        else:
            texts = [value] if isinstance(value, bytes | str) else array.ravel().tolist()
            target.bytes_list.value.extend([t.encode() if isinstance(t, str) else t for t in texts])
    content: bytes = example.SerializeToString()
    return content


def _is_unpacked(feature: Any) -> bool:
    """Whether a list of numbers was written one by one: none of them arrives as a run of bytes."""
    kind = feature.WhichOneof("kind")
    if kind not in ("float_list", "int64_list"):
        return False
    numbers = getattr(feature, kind)
    return not numbers.value and numbers.ByteSize() > 0


def _repack(record: bytes) -> Parsed:
    """The features of a message with unpacked lists, by way of the plain declaration, which packs."""
    plain = protos.PlainExample.FromString(record)
    for feature in plain.features.feature.values():
        feature.DiscardUnknownFields()
    parsed: Parsed = protos.Example.FromString(plain.SerializeToString()).features.feature
    return parsed


def _present(feature: Any) -> Any:
    """The feature, or None where it has no values: an empty list of any type is a missing feature."""
    kind = None if feature is None else feature.WhichOneof("kind")
    return feature if kind is not None and getattr(feature, kind).value else None


def _column(name: str, examples: Sequence[Parsed]) -> Array:
    features = [_present(example.get(name)) for example in examples]
    kinds = {feature.WhichOneof("kind") for feature in features if feature is not None}
    if len(kinds) > 1:
        raise ValueError(f"feature {name!r} has values of several types: {', '.join(sorted(kinds))}")
    kind = kinds.pop() if kinds else "float_list"
    if kind == "bytes_list":
        return _bytes_column([None if f is None else list(f.bytes_list.value) for f in features])
    runs = [None if f is None else b"".join(getattr(f, kind).value) for f in features]
    data = b"".join(run for run in runs if run)
    values, sizes = _floats(data, runs) if kind == "float_list" else _integers(data, runs)
    if None in runs or len(set(sizes)) > 1:
        ends = np.cumsum(sizes)
        parts = [values[end - size : end] for end, size in zip(ends, sizes, strict=True)]
        return ragged_column([None if run is None or not len(part) else part for run, part in zip(runs, parts, strict=True)])
    return values.reshape(len(runs), sizes[0] if sizes else 0)


def _bytes_column(values: list[list[bytes] | None]) -> Array:
    sizes = {None if v is None else len(v) for v in values}
    if len(sizes) > 1 or None in sizes or 0 in sizes:
        return ragged_column([np.array(v, object) if v else None for v in values])
    column = np.empty((len(values), sizes.pop() or 0), object)
    column[:] = values
    return column


def _floats(data: bytes, runs: list[bytes | None]) -> tuple[Array, list[int]]:
    return np.frombuffer(data, "<f4"), [len(run or b"") // 4 for run in runs]


def _integers(data: bytes, runs: list[bytes | None]) -> tuple[Array, list[int]]:
    """Varints of all examples at once: their last bytes have the high bit clear."""
    octets = np.frombuffer(data, np.uint8)
    last = octets < 0x80
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1]) if ends.size else ends
    before = np.concatenate([[0], np.cumsum(last)])
    bounds = np.cumsum([0, *(len(run or b"") for run in runs)])
    sizes = (before[bounds[1:]] - before[bounds[:-1]]).tolist()
    values = np.zeros(ends.size, np.uint64)
    lengths = ends - starts + 1
    if ends.size and lengths.max() > 10:
        raise ValueError("an integer takes more than ten bytes")
    for position in range(int(lengths.max(initial=0))):
        here = lengths > position
        part = (octets[starts[here] + position] & 0x7F).astype(np.uint64)
        values[here] |= part << np.uint64(7 * position)
    return values.view(np.int64), sizes
