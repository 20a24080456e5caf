"""The figures that are not a comparison of two converters: large weights, import time, install size."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.process import ROOT, measure, medians

SOURCE = {"PYTHONPATH": str(ROOT / "src")}

# Random rather than constant weights: equal buffers would be shared in the file.
_MAKE_LARGE = """
import sys, numpy as np, tensorflow as tf
class Tower(tf.Module):
    def __init__(self, layers, width):
        super().__init__()
        rng = np.random.default_rng(0)
        self.kernels = [tf.Variable(rng.random((width, width), np.float32) - np.float32(0.5)) for _ in range(layers)]
    @tf.function(input_signature=[tf.TensorSpec([1, None], tf.float32, name="x")])
    def serve(self, x):
        for kernel in self.kernels:
            x = tf.tanh(tf.ensure_shape(x, [1, kernel.shape[0]]) @ kernel)
        return {"y": x}
tower = Tower(int(sys.argv[2]), int(sys.argv[3]))
tower.serve.get_concrete_function()
tf.saved_model.save(tower, sys.argv[1], signatures=tower.serve.get_concrete_function(
    tf.TensorSpec([1, int(sys.argv[3])], tf.float32, name="x")))
"""


def large_weights(cache: Path, core: str, tf_python: str, *, repeats: int = 3, layers: int = 4) -> dict[str, Any]:
    """Convert ``layers`` x 256 MB of weights with verification off, against copying the same checkpoint shard."""
    directory = cache / f"large-{layers}"
    if not (directory / "saved_model.pb").is_file():
        built = measure([tf_python, "-c", _MAKE_LARGE, str(directory), str(layers), "8192"])
        if built.error:
            raise RuntimeError(f"the large SavedModel cannot be built: {built.error}")
    shard = next((directory / "variables").glob("variables.data-*"))
    target, copy = cache / "large.tflite", cache / "large.copy"
    command = [core, "-m", "litesmith", "convert", str(directory), "-o", str(target), "--no-verify"]
    conversions, copies = [], []
    for _ in range(repeats):
        for path in (target, copy):
            path.unlink(missing_ok=True)
        os.sync()
        copies.append(measure(["cp", str(shard), str(copy)]))
        copy.unlink(missing_ok=True)
        os.sync()
        conversions.append(measure(command, SOURCE))
    size = shard.stat().st_size
    converted, copied = medians(conversions), medians(copies)
    if converted.error:
        raise RuntimeError(converted.error)
    target.unlink(missing_ok=True)
    return {
        "gigabytes": size / 1e9, "convert": converted.as_dict(), "copy": copied.as_dict(),
        "ratio": converted.wall / copied.wall,
    }  # fmt: skip


def import_time(core: str, repeats: int = 11) -> dict[str, Any]:
    """Seconds inside ``import litesmith`` and ``import numpy``, each in a fresh interpreter, taking turns."""
    code = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"
    taken: dict[str, list[float]] = {"litesmith": [], "numpy": []}
    for turn in range(repeats + 1):
        for module, samples in taken.items():
            usage = measure([core, "-c", code.format(module)], SOURCE)
            if usage.error:
                raise RuntimeError(f"import {module}: {usage.error}")
            if turn:  # the first turn warms the file cache
                samples.append(float(usage.stdout))
    ours, numpy = (median(taken[module]) for module in ("litesmith", "numpy"))
    pairs = zip(taken["litesmith"], taken["numpy"], strict=True)
    return {"litesmith": ours, "numpy": numpy, "ratio": median(a / b for a, b in pairs)}


_LIVE_KERAS = """
import contextlib, gc, io, json, logging, sys, time
import keras, tensorflow as tf, litesmith
logging.disable(logging.WARNING)
model = keras.applications.MobileNetV2(weights=None)
converters = {"litesmith": litesmith.lite.TFLiteConverter, "official": tf.lite.TFLiteConverter}
taken = {name: [] for name in converters}
for turn in range(int(sys.argv[1]) + 1):
    for name in sorted(converters, reverse=turn % 2):
        gc.collect()
        wall, cpu = time.perf_counter(), time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            converters[name].from_keras_model(model).convert()
        if turn:  # the first turn loads what is loaded once
            taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
print(json.dumps(taken))
"""


def live_keras(tf_python: str, repeats: int = 5) -> dict[str, Any]:
    """Seconds (wall, CPU) both converters take for a Keras MobileNetV2 in memory, taking turns in one process."""
    usage = measure([tf_python, "-c", _LIVE_KERAS, str(repeats)], SOURCE | {"KERAS_BACKEND": "tensorflow"})
    if usage.error:
        raise RuntimeError(usage.error)
    taken = json.loads(usage.stdout.splitlines()[-1])
    figures: dict[str, Any] = {
        name: {"wall": median(wall for wall, _ in runs), "cpu": median(cpu for _, cpu in runs)}
        for name, runs in taken.items()
    }
    ratios = {clock: figures["litesmith"][clock] / figures["official"][clock] for clock in ("wall", "cpu")}
    return figures | {"ratio": ratios}


def recurrent(tf_python: str, seconds: float = 0.1) -> dict[str, Any]:
    """Microseconds of the forms of recurrent layers, and of the official converter's files."""
    usage = measure([tf_python, "-m", "benchmarks.recurrent", str(seconds)], SOURCE | {"TF_USE_LEGACY_KERAS": "1"})
    if usage.error:
        raise RuntimeError(usage.error)
    rows = json.loads(usage.stdout.splitlines()[-1])
    ratios = [row["us"]["auto"] / row["us"]["official"] for row in rows if "official" in row["us"]]
    forms = [{form: taken for form, taken in row["us"].items() if form != "official"} for row in rows]
    worst = max(row["auto"] / min(row.values()) for row in forms)
    return {"rows": rows, "ratio": float(np.exp(np.mean(np.log(ratios)))), "worst": worst}


def install_size(cache: Path) -> dict[str, Any]:
    """Megabytes of site-packages after installing the project without extras into a fresh environment."""
    target = cache / "install-venv"
    shutil.rmtree(target, ignore_errors=True)
    python = target / "bin" / "python"
    steps = (
        ["uv", "venv", "-q", "--python", sys.executable, str(target)],
        ["uv", "pip", "install", "-q", "--python", str(python), str(ROOT)],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(step[:3])}: {done.stderr[-500:]}")
    total = sum(path.lstat().st_size for path in target.rglob("*") if path.is_file() and not path.is_symlink())
    shutil.rmtree(target)
    return {"megabytes": total / 1e6}


def growth(core: str) -> dict[str, Any]:
    """CPU seconds of converting graphs of eight shapes and four sizes."""
    usage = measure([core, "-m", "benchmarks.growth"], {"PYTHONPATH": f"{SOURCE['PYTHONPATH']}{os.pathsep}{ROOT}"})
    if usage.error:
        raise RuntimeError(usage.error)
    figures: dict[str, Any] = json.loads(usage.stdout.splitlines()[-1])
    return figures
