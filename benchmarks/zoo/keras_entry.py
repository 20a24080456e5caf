"""From a function that makes a Keras model to a registry entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.zoo.entry import Entry, Options, Sampler
from benchmarks.zoo.weights import randomize

SEED = 20240
MEASURE_BATCH = 4


def keras_entry(
    name: str,
    make: Callable[[Options], keras.Model],
    samplers: dict[str, Sampler],
    *,
    prepare: Callable[[keras.Model], None] | None = None,
    **extra: Any,
) -> Entry:
    """An entry whose model is made by ``make``; ``samplers`` go by Keras input name, "" being the default."""
    described = Entry(name, lambda _dir, _options: None, samplers, **extra)

    def save(directory: str, options: Options) -> None:
        keras.utils.set_random_seed(SEED)
        model = make(options)
        if prepare:
            prepare(model)
        randomize(model, measuring_sample(model, described))
        write(model, directory, options)

    return Entry(name, save, samplers, has_exporters=True, **extra)


def measuring_sample(model: keras.Model, entry: Entry) -> Any:
    """A batch for measuring statistics, in the nesting of the model's inputs."""
    rng = np.random.default_rng(SEED)

    def draw(spec: Any) -> np.ndarray:
        # A fixed batch of 1 gives no statistics; functional models do not insist on their batch size.
        return entry.sample(rng, spec.name, (MEASURE_BATCH, *spec.shape[1:]), np.dtype(spec.dtype))

    return tf.nest.map_structure(draw, model._inputs_struct)


def write(model: keras.Model, directory: str, options: Options) -> None:
    """Save by one of the two ways users have."""
    if options.exporter == "export" and options.batch is None:
        model.export(directory, verbose=False)
    elif options.exporter == "export":
        # Without a signature, export makes the batch dynamic whatever the Input says.
        signature = [tf.nest.map_structure(_fixed_spec, model._inputs_struct)]
        model.export(directory, input_signature=signature, verbose=False)
    else:
        tf.saved_model.save(model, directory)


def _fixed_spec(tensor: keras.KerasTensor) -> tf.TensorSpec:
    return tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.name)
