"""Writes the SavedModels of ``data/``, which hold StableHLO modules, and what they answer.

Run it where TensorFlow, JAX and Keras are installed: ``python tests/stablehlo/make_data.py``.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import keras
import numpy as np
import tensorflow as tf
from jax.experimental import jax2tf

DATA = Path(__file__).parent / "data"
OPTIONS = tf.saved_model.SaveOptions(experimental_custom_gradients=False)


def keras_dense(path: Path) -> Any:
    """A small network of Keras on JAX, with state that inference hands on."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(4, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", model.__call__, input_signature=[keras.InputSpec("float32", (None, 6))])
    archive.write_out(str(path), options=OPTIONS)
    return lambda x: {"output_0": model(x)}


def jax2tf_step(path: Path) -> Any:
    """A recurrence of two inputs that share an unknown batch and an unknown time, by native serialization."""
    weight = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (3, 3)), jnp.float32)

    def run(x: jax.Array, start: jax.Array) -> dict[str, jax.Array]:
        last, rows = jax.lax.scan(lambda h, row: (jnp.tanh(h @ weight + row),) * 2, start, jnp.swapaxes(x, 0, 1))
        return {"last": last, "best": jnp.argmax(rows, -1), "sorted": jnp.sort(last)}

    shapes = ["(b, t, 3)", "(b, 3)"]
    converted = jax2tf.convert(run, polymorphic_shapes=shapes, native_serialization_platforms=["cpu", "tpu"])
    module = tf.Module()
    module.run = tf.function(
        converted,
        autograph=False,
        input_signature=[tf.TensorSpec((None, None, 3), name="x"), tf.TensorSpec((None, 3), name="start")],
    )
    tf.saved_model.save(module, str(path), options=OPTIONS)
    return run


def main() -> None:
    rng = np.random.default_rng(1)
    inputs = {
        keras_dense: {"args_0": rng.uniform(size=(5, 6))},
        jax2tf_step: {"x": rng.uniform(size=(2, 4, 3)), "start": rng.uniform(size=(2, 3))},
    }
    for write, arrays in inputs.items():
        path = DATA / write.__name__
        shutil.rmtree(path, ignore_errors=True)
        function = write(path)
        (path / "fingerprint.pb").unlink(missing_ok=True)
        fed = {n: a.astype(np.float32) for n, a in arrays.items()}
        answers = {k: np.asarray(v) for k, v in function(*fed.values()).items()}
        np.savez(DATA / f"{write.__name__}.npz", **{f"in_{n}": a for n, a in fed.items()}, **answers)


if __name__ == "__main__":
    main()
