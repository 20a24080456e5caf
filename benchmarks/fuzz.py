"""Damaged files of one kind, converted one after the other: ``python -m benchmarks.fuzz KIND [--count N] [--seed N]``.

Anything but a model or the project's error, more than `SECONDS` for one file, or a process that grows by more than
`MEMORY` is printed with what makes it again, and ends in exit code 1. The tests run a small part of this.
"""

from __future__ import annotations

import argparse
import random
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

import litesmith
from litesmith.errors import LitesmithError
from litesmith.formats.saved_model import protos
from litesmith.runtime import Reference
from tests.cli import test_fuzz as damages
from tests.formats.saved_model.test_fuzz import mutations

SECONDS = 30
MEMORY = 1 << 30

Action = Callable[[Path], object]
Cases = Iterator[tuple[Path, Action]]


def _convert(path: Path) -> object:
    return litesmith.convert(path, verify=False).content


def _mutate(data: bytes, seed: int) -> bytes:
    (changed,) = mutations(data, 1, seed)
    return changed


def saved_models(folder: Path, seeds: range) -> Cases:
    """Changed bytes of the graph and the variables, and graphs that parse and make little sense."""
    sources = [build(folder / name) for name, (build, _) in damages.MODELS.items()]
    whole = {file: file.read_bytes() for source in sources for file in source.rglob("*") if file.is_file()}
    for seed in seeds:
        source = sources[seed % len(sources)]
        files = [file for file in whole if source in file.parents]
        rng = random.Random(seed)
        file = source / damages.GRAPH if rng.random() < 0.7 else rng.choice(files)
        if file.name == damages.GRAPH and rng.random() < 0.7:
            model = protos.SavedModel.FromString(whole[file])
            damages.damage(model, rng)
            file.write_bytes(model.SerializeToString())
        else:
            file.write_bytes(_mutate(whole[file], seed))
        yield source, _convert
        file.write_bytes(whole[file])


def frozen_graphs(folder: Path, seeds: range) -> Cases:
    """A graph of TensorFlow 1 with a conditional and a loop."""
    graph, path = damages.conditional_graph(), folder / "m.pb"
    for seed in seeds:
        if seed % 3:
            damages._write_damaged(path, graph, seed)
        else:
            path.write_bytes(_mutate(graph.SerializeToString(), seed))
        yield path, _convert


def tflite_files(folder: Path, seeds: range) -> Cases:
    """Files of ours: a network, and control flow."""
    (folder / "m.pb").write_bytes(damages.conditional_graph().SerializeToString())
    whole = [_convert(damages.digits(folder / "digits")), _convert(folder / "m.pb")]
    for seed in seeds:
        path = folder / "m.tflite"
        path.write_bytes(_mutate(bytes(whole[seed % 2]), seed))  # type: ignore[call-overload]
        yield path, _convert


def exported_programs(folder: Path, seeds: range) -> Cases:
    """A serialized jax.export artifact (needs JAX)."""
    import jax
    import jax.numpy as jnp
    from jax import export

    def model(x: Any) -> Any:
        looped = jax.lax.fori_loop(0, 3, lambda i, v: jnp.tanh(v) + i, x)
        return jnp.where(looped > 0, looped @ jnp.eye(4), jnp.sort(looped, axis=-1))

    (batch,) = export.symbolic_shape("b")[:1]
    whole = bytes(export.export(jax.jit(model))(jax.ShapeDtypeStruct((batch, 4), jnp.float32)).serialize())
    for seed in seeds:
        path = folder / "m.jax_export"
        path.write_bytes(_mutate(whole, seed))
        yield path, _convert


def keras_files(folder: Path, seeds: range) -> Cases:
    """Archives, the configurations in them, and their weights (needs Keras)."""
    path = folder / "m.keras"
    _keras_model().save(path)
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for seed in seeds:
        rng = random.Random(seed)
        if rng.random() < 0.3:
            path.write_bytes(_mutate(whole, seed))
        else:
            path.write_bytes(_archive(members, rng.choice([*members, *["config.json"] * 4]), seed))
        yield path, _convert


def _archive(members: dict[str, bytes], damaged: str, seed: int) -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, _mutate(data, seed) if name == damaged else data)
    return stream.getvalue()


def hdf5_files(folder: Path, seeds: range) -> Cases:
    """Whole models in HDF5 (needs Keras)."""
    path = folder / "m.h5"
    _keras_model().save(path)
    whole = path.read_bytes()
    start = whole.find(b'{"module"')
    start = start if start >= 0 else whole.find(b'{"class_name"')
    for seed in seeds:
        changed = bytearray(whole)
        if seed % 3 and start >= 0:  # in the configuration, where it may still be read
            rng = random.Random(seed)
            for _ in range(rng.choice([1, 1, 2, 5])):
                changed[start + rng.randrange(2000)] = rng.choice(b'0123456789-"[]{},:nabcdefu')
        else:
            changed = bytearray(_mutate(whole, seed))
        path.write_bytes(bytes(changed))
        yield path, _convert


def _keras_model() -> Any:
    import keras
    from keras import layers

    image, number = keras.Input((8, 8, 3), name="image"), keras.Input((4,), name="number")
    x = layers.Conv2D(4, 3, activation="relu")(image)
    x = layers.GlobalAveragePooling2D()(layers.BatchNormalization()(x))
    x = layers.Concatenate()([x, layers.Dense(4, activation="gelu")(number)])
    return keras.Model([image, number], layers.Dense(3, activation="softmax")(layers.Dropout(0.5)(x)))


def references(folder: Path, seeds: range) -> Cases:
    """Reference data."""
    arrays = {"inputs/x": np.eye(4, dtype=np.float32), "outputs/y": np.arange(300), "outputs/z": np.array([b"a", b"bc"])}
    path = folder / "calls.npz"
    whole = []
    for save in (np.savez, np.savez_compressed):
        save(path, **arrays)
        whole.append(path.read_bytes())
    for seed in seeds:
        path.write_bytes(_mutate(whole[seed % 2], seed))
        yield path, Reference.load


KINDS = {
    "saved-model": saved_models,
    "frozen": frozen_graphs,
    "tflite": tflite_files,
    "exported": exported_programs,
    "keras": keras_files,
    "h5": hdf5_files,
    "npz": references,
}


class TooLongError(BaseException):
    """One file takes longer than `SECONDS`."""


def _on_alarm(number: int, frame: Any) -> None:
    raise TooLongError


def run(kind: str, seeds: range) -> tuple[Counter[str], list[str]]:
    """How often each end came, and what must not have been."""
    counts: Counter[str] = Counter()
    faults: list[str] = []
    signal.signal(signal.SIGALRM, _on_alarm)
    folder = Path(tempfile.mkdtemp())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        for seed, (path, action) in zip(seeds, KINDS[kind](folder, seeds), strict=True):
            end = _end_of(path, action)
            counts[end if end in ("model", "refused") else "fault"] += 1
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
            if grown > MEMORY:
                end = f"the process grew by {grown >> 20} MB"
                before += grown >> 10
            if end not in ("model", "refused"):
                faults.append(f"{kind} seed {seed}: {end}")
                print(faults[-1], flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return counts, faults


def _end_of(path: Path, action: Action) -> str:
    signal.alarm(SECONDS)
    try:
        action(path)
    except LitesmithError:
        return "refused"
    except TooLongError:
        return "too long:\n" + traceback.format_exc(limit=-6)
    except BaseException:  # whatever it is, it is what this looks for
        return traceback.format_exc(limit=-6)
    finally:
        signal.alarm(0)
    return "model"


def main() -> int:
    """Runs one kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    counts, faults = run(options.kind, range(options.seed, options.seed + options.count))
    print(options.kind, dict(counts))
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
