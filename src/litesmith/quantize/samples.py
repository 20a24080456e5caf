"""Calibration data in every form people have it, as calls of a program's signatures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from litesmith.errors import UsageError
from litesmith.ir import DType, Program, Signature, TensorType
from litesmith.ir.constant import Array
from litesmith.ir.types import shape_text

Call = tuple[str, Mapping[str, Array]]


def add_signature(program: Program) -> None:
    """Gives a program that has none a signature with the names of its tensors, so that samples can be told apart."""
    if not program.signatures and program.graphs:
        graph = program.main
        inputs = {v.name or f"input_{i}": i for i, v in enumerate(graph.inputs)}
        outputs = {v.name or f"output_{i}": i for i, v in enumerate(graph.outputs)}
        program.signatures = [Signature("serving_default", graph, inputs, outputs)]


def calls_of(program: Program, data: Any) -> Iterator[Call]:
    """Calls of a program from samples.

    data: a function that gives samples, an iterable of them, an object with ``input_gen`` (`RepresentativeDataset`), an
    array or a mapping of input names to arrays whose first dimension counts samples, a mapping of signature keys to any of
    these, or a path: ``.npz``, ``.npy``, or a directory of images or such files.
    A sample is an array, a list of arrays in the order of the inputs, a mapping of names to arrays, or a pair of a
    signature's key and such a mapping.

    Raises UsageError, naming the sample, the input and what was expected, for what does not fit.
    """
    if not program.signatures:
        raise UsageError("the model has no signature to run")
    if isinstance(data, Mapping) and data and set(data) <= {s.key for s in program.signatures}:
        names = {name for s in program.signatures for name in s.inputs}
        if not set(data) <= names:
            for key, part in data.items():
                yield from _calls(program, part, key)
            return
    yield from _calls(program, data, None)


def _calls(program: Program, data: Any, key: str | None) -> Iterator[Call]:
    signature = _signature(program, key)
    count = 0
    for count, sample in enumerate(_samples(signature, data), 1):
        where = f"sample {count} of the calibration data"
        if isinstance(sample, tuple) and len(sample) == 2 and isinstance(sample[0], str):
            chosen = _signature(program, sample[0], where)
            yield chosen.key, _inputs(chosen, sample[1], where)
        else:
            _require_one(program, signature, key, where)
            yield signature.key, _inputs(signature, sample, where)
    if not count:
        raise UsageError("the calibration data is empty: give at least one sample")


def _require_one(program: Program, signature: Signature, key: str | None, where: str) -> None:
    others = [s.key for s in program.signatures if s.graph is not signature.graph]
    if key is None and others:
        raise UsageError(
            f"{where} does not say which signature it is for; give pairs of a key and inputs: "
            f"({others[0]!r}, {{…}}). The model has {', '.join(repr(s.key) for s in program.signatures)}"
        )


def _signature(program: Program, key: str | None, where: str = "the calibration data") -> Signature:
    known = {s.key: s for s in program.signatures}
    if key is None:
        return known.get("serving_default") or program.signatures[0]
    if key not in known:
        raise UsageError(f"{where} is for signature {key!r}; the model has {', '.join(map(repr, known))}")
    return known[key]


# -- forms of data ----------------------------------------------------------------------------------------------------


def _samples(signature: Signature, data: Any) -> Iterable[Any]:
    data = getattr(data, "input_gen", data)
    if isinstance(data, (str, Path)):
        data = load(Path(data), signature)
    if isinstance(data, Mapping):
        return _rows(signature, _by_name(signature, data, "the calibration data"))
    if isinstance(data, np.ndarray):
        return _rows(signature, _by_name(signature, [data], "the calibration data"))
    if callable(data):
        data = data()
    try:
        samples: Iterable[Any] = iter(data)
    except TypeError as error:
        raise UsageError(
            f"calibration data is a generator function, an iterable, arrays or a path, not {type(data).__name__}"
        ) from error
    return samples


def _rows(signature: Signature, arrays: Mapping[str, Array]) -> Iterator[Mapping[str, Array]]:
    """Samples from arrays whose first dimension counts them, as many a call as the input's own first dimension."""
    counts = {name: len(a) if a.ndim else 1 for name, a in arrays.items()}
    if len(set(counts.values())) > 1:
        raise UsageError(f"the arrays of the calibration data differ in length: {counts}")
    total = next(iter(counts.values()), 0)
    steps = {name: _batch_of(signature, name) for name in arrays}
    step = max(steps.values(), default=1)
    for start in range(0, total - step + 1, step):
        yield {name: a[start : start + step] if a.ndim else a for name, a in arrays.items()}
    if total < step:
        raise UsageError(f"the model takes batches of {step}; the calibration data has {total} samples")


def _batch_of(signature: Signature, name: str) -> int:
    shape = type_of(signature, name).shape
    return shape[0] if shape and isinstance(shape[0], int) and shape[0] > 0 else 1


def type_of(signature: Signature, name: str) -> TensorType:
    """Type of an input."""
    return signature.graph.inputs[signature.inputs[name]].type


def load(path: Path, signature: Signature) -> Any:
    """Arrays or samples from a file or directory. Raises UsageError for one that cannot be read."""
    if path.is_dir():
        return _directory(path, signature)
    suffix = path.suffix.lower()
    if suffix in (".npz", ".npy"):
        try:
            loaded = np.load(path, allow_pickle=False)
            return dict(loaded) if suffix == ".npz" else np.asarray(loaded)
        except Exception as error:
            raise UsageError(f"cannot read the calibration data {path}: {error}") from error
    if suffix in IMAGES:
        return [_image(path, signature)]
    reader = READERS.get(suffix)
    if reader is not None:
        return reader(path)
    if not path.exists():
        raise UsageError(f"there is no calibration data {path}")
    known = ", ".join([".npz", ".npy", *READERS, *IMAGES])
    raise UsageError(f"{path}: calibration data is one of {known}, or a directory of such files")


READERS: dict[str, Callable[[Path], Any]] = {}
"""Readers of further kinds of files, by suffix."""

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")


def _directory(path: Path, signature: Signature) -> Iterator[Any]:
    files = sorted(p for p in path.rglob("*") if p.suffix.lower() in (*IMAGES, ".npz", ".npy"))
    if not files:
        raise UsageError(f"{path}: the directory holds no images and no .npz or .npy files")
    for file in files:
        if file.suffix.lower() in IMAGES:
            yield _image(file, signature)
        else:
            loaded = load(file, signature)
            yield from _rows(signature, _by_name(signature, loaded if isinstance(loaded, dict) else [loaded], str(file)))


def _image(path: Path, signature: Signature) -> Array:
    """An image in the size, channels and type of the model's image input, with values from 0 to 255."""
    try:
        from PIL import Image
    except ImportError as error:
        raise UsageError("images need Pillow: pip install pillow (or give arrays as .npz)") from error
    name = next((n for n in signature.inputs if len(type_of(signature, n).shape or ()) == 4), None)
    if name is None:
        raise UsageError(f"{path}: the model has no input of rank 4 that takes images")
    kind = type_of(signature, name)
    _, height, width, channels = kind.dims
    try:
        with Image.open(path) as opened:
            image = opened.convert({1: "L", 3: "RGB", 4: "RGBA"}.get(channels if isinstance(channels, int) else 3, "RGB"))
            if isinstance(height, int) and isinstance(width, int):
                image = image.resize((width, height))
            array = np.asarray(image)
    except OSError as error:
        raise UsageError(f"cannot read the image {path}: {error}") from error
    array = array.reshape(1, *array.shape[:2], -1)
    return array.astype(kind.dtype.numpy)


# -- one sample -------------------------------------------------------------------------------------------------------


def _by_name(signature: Signature, given: Any, where: str) -> dict[str, Array]:
    names = list(signature.inputs)
    if isinstance(given, Mapping):
        missing = [n for n in names if n not in given]
        extra = [n for n in given if n not in names]
        if missing or len(names) == 0:
            raise UsageError(
                f"{where} has no {', '.join(map(repr, missing))}" + (f" but {', '.join(map(repr, extra))}" if extra else "")
                + f"; the inputs of {signature.key!r} are {', '.join(map(repr, names))}"
            )  # fmt: skip
        return {n: np.asarray(given[n]) for n in names}
    items = list(given) if isinstance(given, (list, tuple)) else [given]
    if len(items) != len(names):
        counts = f"the number of inputs provided ({len(items)}) is not the number of inputs to the model ({len(names)})"
        raise UsageError(f"{where}: {counts}; {signature.key!r} takes {', '.join(map(repr, names))}")
    ordered = sorted(names, key=lambda n: signature.inputs[n])
    return {n: np.asarray(v) for n, v in zip(ordered, items, strict=True)}


def _inputs(signature: Signature, given: Any, where: str) -> dict[str, Array]:
    named = _by_name(signature, given, where)
    try:
        return {n: _fit(a, type_of(signature, n), f"{where}, input {n!r}") for n, a in named.items()}
    except UsageError as error:
        if isinstance(given, Mapping) or len(named) < 2:
            raise
        order = ", ".join(map(repr, named))
        raise UsageError(f"{error} (a list is in the order of the file's inputs, {order}; a dict names them)") from None


def _fit(array: Array, kind: TensorType, where: str) -> Array:
    wanted = kind.dtype
    if wanted is DType.STRING:
        return array
    if array.dtype == object or array.dtype.kind in "SU":
        raise UsageError(f"{where} is not an array of numbers; the model takes {kind}")
    if array.dtype.kind in "fc" and not (wanted.is_float or wanted.is_complex):
        raise UsageError(f"{where} is {array.dtype}; the model takes {kind}")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise UsageError(f"{where} holds NaN")
    fitted = array.astype(wanted.numpy, copy=False)
    if kind.shape is not None and not _fits(fitted.shape, kind):
        fitted = _with_unit_dims(fitted, kind)
    if kind.shape is not None and not _fits(fitted.shape, kind):
        raise UsageError(f"{where} has shape {list(array.shape)}; the model takes {shape_text(kind.shape)}")
    return fitted


def _fits(shape: tuple[int, ...], kind: TensorType) -> bool:
    dims = kind.dims
    return len(shape) == len(dims) and all(not isinstance(d, int) or d == n for d, n in zip(dims, shape, strict=True))


def _with_unit_dims(array: Array, kind: TensorType) -> Array:
    """The array with unit dimensions added in front, or taken from there, until its rank is the model's."""
    while array.ndim < len(kind.dims):
        array = array[np.newaxis]
    while array.ndim > len(kind.dims) and array.shape[0] == 1:
        array = array[0]
    return array
