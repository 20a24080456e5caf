"""`litesmith evaluate` against the bare interpreter and TFMA, and on more data than fits in memory. Prints JSON.

    python -m benchmarks.evaluation [--examples 10000000] [--only overhead|tfma|scale]

- overhead: a network of MobileNet's size, the same batches through `evaluate` and through the interpreter alone.
- tfma: the digits network with five slices, TFRecords, against TFMA with `model_type: tf_lite` (where it is installed).
- scale: synthetic examples that are made as they are read; peak memory of the process.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import litesmith
from litesmith.data import Batch, Dataset
from litesmith.data.examples import serialize_example
from litesmith.data.tfrecord import write_records
from litesmith.evaluate import evaluate

DIGITS = Path(__file__).resolve().parent.parent / "examples" / "digits"
SLICES = ("a", "b", "c", "d", "a*b")
METRICS = ("ExampleCount", "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy", "AUC", "Precision")


def measure_overhead(folder: Path, images: int = 96, batch: int = 16, repeats: int = 3) -> dict[str, float]:
    """Examples a second through `evaluate` and through the interpreter, best of some alternating runs."""
    from ai_edge_litert.interpreter import Interpreter

    path = _mobilenet(folder)
    data = {
        "image": np.random.default_rng(0).random((images, 224, 224, 3), np.float32),
        "label": np.arange(images) % 1000,
    }
    interpreter = Interpreter(str(path), num_threads=1)
    tensor = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(tensor, [batch, 224, 224, 3])
    interpreter.allocate_tensors()

    def run_bare() -> None:
        for start in range(0, images, batch):
            interpreter.set_tensor(tensor, data["image"][start : start + batch])
            interpreter.invoke()
            interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

    def run_ours() -> None:
        evaluate(path, data, inputs={_input_name(path): "image"}, task="classification", batch_size=batch)

    times: dict[str, list[float]] = {"bare": [], "evaluate": []}
    run_ours()
    for _ in range(repeats):
        for name, run in (("bare", run_bare), ("evaluate", run_ours)):
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    bare, ours = images / min(times["bare"]), images / min(times["evaluate"])
    return {"bare examples/s": bare, "evaluate examples/s": ours, "ratio": ours / bare}


def _input_name(path: Path) -> str:
    from litesmith.runtime import Runner

    return Runner(path).signature("serving_default").inputs[0].name


def _mobilenet(folder: Path) -> Path:
    """MobileNetV2 with weights nobody trained."""
    import keras

    model = keras.applications.MobileNetV2(weights=None)
    return litesmith.convert(model, verify=False).save(folder / "mobilenet.tflite")


def _small(folder: Path) -> Path:
    """One layer: what is measured is the evaluation."""
    import keras

    model = keras.Sequential([keras.layers.Input((64,), name="image"), keras.layers.Dense(10, activation="softmax")])
    return litesmith.convert(model, verify=False).save(folder / "scale.tflite")


def measure_tfma(folder: Path, examples: int = 5000) -> dict[str, float]:
    """Seconds and examples a second of both on the same records, each in its second run."""
    model = folder / "digits"
    model.mkdir()
    litesmith.convert(DIGITS / "saved_model", verify=False).save(model / "tflite")
    records = folder / "digits.tfrecord"
    _write_digits(records, examples)
    config = _digits_config()
    found = {"evaluate": _seconds(lambda: evaluate(model / "tflite", records, config=config))}
    try:
        import tensorflow_model_analysis as tfma
    except ImportError:
        return {"evaluate examples/s": examples / found["evaluate"]}
    shared = tfma.default_eval_shared_model(str(model), eval_config=config)

    def run_tfma() -> None:
        with tempfile.TemporaryDirectory() as output:
            tfma.run_model_analysis(eval_shared_model=shared, eval_config=config, data_location=str(records),
                                    output_path=output)  # fmt: skip

    found["tfma"] = _seconds(run_tfma)
    return {
        "evaluate examples/s": examples / found["evaluate"],
        "tfma examples/s": examples / found["tfma"],
        "ratio": found["tfma"] / found["evaluate"],
    }


def _seconds(run: Any) -> float:
    run()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _write_digits(path: Path, examples: int) -> None:
    data = np.load(DIGITS / "heldout.npz")
    random = np.random.default_rng(0)
    with path.open("wb") as file:
        write_records(file, (
            serialize_example({
                "image": data["images"][i % 360].astype(np.float32), "label": int(data["labels"][i % 360]),
                **{name: int(random.integers(0, 5)) for name in "abcd"},
            })
            for i in range(examples)
        ))  # fmt: skip


def _digits_config() -> Any:
    """Of TFMA's class where it is installed, so that both take the same message."""
    from google.protobuf import text_format

    try:
        from tensorflow_model_analysis.proto.config_pb2 import EvalConfig
    except ImportError:
        from litesmith.evaluate import protos

        EvalConfig = protos.EvalConfig
    metrics = " ".join(f'metrics {{ class_name: "{name}" }}' for name in METRICS)
    slices = " ".join(
        "slicing_specs { " + " ".join(f'feature_keys: "{part}"' for part in text.split("*")) + " }" for text in SLICES
    )
    model = 'model_specs { model_type: "tf_lite" label_key: "label" }'
    return text_format.Parse(f"{model} slicing_specs {{}} {slices} metrics_specs {{ {metrics} }}", EvalConfig())


@dataclass(frozen=True)
class SyntheticShard:
    """Examples that are made as they are read."""

    seed: int
    count: int
    name: str = "synthetic"

    def batches(self, size: int, skip: int = 0) -> Iterator[Batch]:
        random = np.random.default_rng(self.seed)
        for start in range(0, self.count, size):
            rows = min(size, self.count - start)
            columns = {
                "image": random.random((rows, 64), np.float32),
                "label": random.integers(0, 10, rows),
                "weight": random.random(rows, np.float32),
                "a": random.integers(0, 20, rows),
            }
            yield Batch(columns, rows, self.name, start)


def measure_scale(folder: Path, examples: int) -> dict[str, float]:
    """Wall time, and peak memory of a process of its own."""
    code = (
        "import json, sys, time; from benchmarks.evaluation import *; start = time.perf_counter();"
        "count = run_scale(sys.argv[1], int(sys.argv[2]));"
        "print(json.dumps({'examples': count, 'seconds': time.perf_counter() - start, 'peak MB': peak_megabytes()}))"
    )
    path = _small(folder)
    command = [sys.executable, "-c", code, str(path), str(examples)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {**found, "examples/s": found["examples"] / found["seconds"]}


def peak_megabytes() -> float:
    """Of this process. Not from getrusage, whose figure survives the start of another program."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def run_scale(path: str, examples: int) -> float:
    """Evaluate on synthetic examples; how many were counted."""
    shard = 100_000
    shards = tuple(SyntheticShard(i, min(shard, examples - i * shard)) for i in range(-(-examples // shard)))
    result = evaluate(path, Dataset(shards, "synthetic"), slices=["a", "label"], weight="weight", task="classification",
                      inputs={_input_name(Path(path)): "image"}, batch_size=4096)  # fmt: skip
    return float(result.counts[()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=10_000_000)
    parser.add_argument("--only", choices=("overhead", "tfma", "scale"))
    options = parser.parse_args()
    measures = {
        "overhead": measure_overhead,
        "tfma": measure_tfma,
        "scale": lambda folder: measure_scale(folder, options.examples),
    }
    with tempfile.TemporaryDirectory(prefix="litesmith-") as folder:
        found = {name: run(Path(folder)) for name, run in measures.items() if options.only in (None, name)}
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
