"""The same source gives the same bytes when it is converted twice in one process, whatever kind of source it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L  # noqa: N812

import litesmith
from tests.keras.parity import BACKEND


def built(masks: bool = True) -> Any:
    """Open sizes, a recurrent layer, a mask, weights that are used twice. masks: Keras loads none from HDF5."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    embedding = L.Embedding(20, 6, mask_zero=masks)
    x = L.LSTM(4)(L.Add()([embedding(ids), embedding(ids)]))
    return keras.Model(ids, L.Dense(3, activation="softplus")(x))


def keras_file(name: str) -> Callable[[Path], tuple[Any, ...]]:
    def source(folder: Path) -> tuple[Any, ...]:
        built(masks=not name.endswith(".h5")).save(folder / name)
        return (folder / name,)

    return source


def saved_model(folder: Path) -> tuple[Any, ...]:
    built().export(str(folder / "saved"), verbose=False)
    return (folder / "saved",)


def concrete(folder: Path) -> tuple[Any, ...]:
    import tensorflow as tf

    model = built()
    spec = tf.TensorSpec((None, None), tf.int32, name="ids")
    function = tf.function(lambda ids: model(ids, training=False)).get_concrete_function(spec)
    function.model = model  # which owns the variables
    return (function,)


def frozen(folder: Path) -> tuple[Any, ...]:
    import tensorflow as tf

    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, [None, None, 4], name="x")
        y = tf.reshape(tf.nn.softmax(x @ np.eye(4, dtype=np.float32)), [-1, tf.shape(x)[1] * 4])
        tf.concat([y, y], 0, name="y")
    (folder / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    return (folder / "graph.pb",)


def traced(x: Any, y: Any) -> Any:
    import jax
    import jax.numpy as jnp

    looped = jax.lax.fori_loop(0, 3, lambda i, v: jnp.tanh(v) + i, x)
    return jnp.concatenate([jnp.sort(looped, axis=-1), looped[::-1]]), jax.nn.softmax(looped @ y)


def examples() -> tuple[Any, ...]:
    return np.ones((3, 4), np.float32), np.ones((4, 4), np.float32)


def exported(folder: Path) -> tuple[Any, ...]:
    import jax
    from jax import export

    return (bytes(export.export(jax.jit(traced))(*examples()).serialize()),)


def stablehlo(folder: Path) -> tuple[Any, ...]:
    import jax

    (folder / "m.mlir").write_text(str(jax.jit(traced).lower(*examples()).compiler_ir("stablehlo")))
    return (folder / "m.mlir",)


SOURCES: dict[str, Callable[[Path], tuple[Any, ...]]] = {
    "Keras": lambda folder: (built(),),
    "keras file": keras_file("m.keras"),
    "HDF5": keras_file("m.h5"),
}
SOURCES |= {
    "tensorflow": {"SavedModel": saved_model, "concrete function": concrete, "frozen graph": frozen},
    "jax": {"function": lambda folder: (traced, *examples()), "exported": exported, "StableHLO": stablehlo},
}.get(BACKEND, {})


@pytest.mark.parametrize("name", SOURCES)
def test_the_same_bytes_twice(name: str, tmp_path: Path) -> None:
    source = SOURCES[name](tmp_path)
    first, second = (litesmith.convert(*source, verify=False).content for _ in range(2))
    assert first == second
