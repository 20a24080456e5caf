"""TF1-style SavedModels: a graph and a session, no functions, no object graph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from benchmarks.zoo.entry import Entry, Options, image
from benchmarks.zoo.keras_entry import SEED

v1 = tf.compat.v1


def _variable(name: str, value: np.ndarray, *, resource: bool) -> tf.Tensor:
    initializer = v1.constant_initializer(value)
    return v1.get_variable(name, value.shape, tf.float32, initializer, use_resource=resource)


def _he(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return (rng.standard_normal(shape) * np.sqrt(2.0 / np.prod(shape[:-1]))).astype(np.float32)


def _conv_block(x: tf.Tensor, filters: int, rng: np.random.Generator, *, resource: bool, layout: str) -> tf.Tensor:
    channels = x.shape[-1 if layout == "NHWC" else 1]
    strides = [1, 2, 2, 1] if layout == "NHWC" else [1, 1, 2, 2]
    kernel = _variable("kernel", _he(rng, 3, 3, channels, filters), resource=resource)
    x = tf.nn.conv2d(x, kernel, strides, "SAME", data_format=layout)
    statistics = {
        "gamma": rng.uniform(0.6, 1.4, filters),
        "beta": rng.normal(0, 0.3, filters),
        "moving_mean": rng.normal(0, 0.3, filters),
        "moving_variance": rng.uniform(0.3, 1.2, filters),
    }
    values = [_variable(name, value.astype(np.float32), resource=resource) for name, value in statistics.items()]
    x = v1.nn.fused_batch_norm(x, *values, epsilon=1e-3, is_training=False, data_format=layout)[0]
    return tf.nn.relu(x)


def _network(x: tf.Tensor, keep: tf.Tensor, *, resource: bool, layout: str = "NHWC") -> tuple[tf.Tensor, tf.Tensor]:
    rng = np.random.default_rng(SEED)
    for index, filters in enumerate((16, 32)):
        with v1.variable_scope(f"block{index}"):
            x = _conv_block(x, filters, rng, resource=resource, layout=layout)
    x = tf.reduce_mean(x, [1, 2] if layout == "NHWC" else [2, 3])
    x = v1.nn.dropout(x, keep_prob=keep)
    head = _variable("head/kernel", _he(rng, 32, 10), resource=resource)
    bias = _variable("head/bias", rng.normal(0, 0.1, 10).astype(np.float32), resource=resource)
    logits = v1.nn.xw_plus_b(x, head, bias, name="logits")
    return logits, tf.nn.softmax(logits, name="probabilities")


def simple_save(directory: str, options: Options) -> None:
    """Reference variables (VariableV2), batch norm, dropout switched off by a placeholder_with_default."""
    with v1.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [options.batch, 32, 32, 3], name="x")
        keep = v1.placeholder_with_default(1.0, [], name="keep_prob")
        logits, probabilities = _network(x, keep, resource=False)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, directory, {"x": x}, {"logits": logits, "probabilities": probabilities})


def _builder(layout: str, *, resource: bool) -> Callable[[str, Options], None]:
    """SavedModelBuilder with two signatures, an extra tag and a step counter that serving never reads."""

    def save(directory: str, options: Options) -> None:
        with v1.Graph().as_default(), v1.Session() as session:
            shape = [options.batch, 32, 32, 3] if layout == "NHWC" else [options.batch, 3, 32, 32]
            x = v1.placeholder(tf.float32, shape, name="images")
            logits, probabilities = _network(x, tf.constant(1.0), resource=resource, layout=layout)
            v1.train.get_or_create_global_step()
            session.run(v1.global_variables_initializer())
            builder = v1.saved_model.Builder(directory)
            predict = v1.saved_model.predict_signature_def
            signatures = {
                "serving_default": predict({"images": x}, {"probabilities": probabilities}),
                "logits": predict({"images": x}, {"logits": logits}),
            }
            builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures)
            builder.save()

    return save


UNIT = {"": image(-1.0, 1.0)}
ENTRIES: tuple[Entry, ...] = (
    Entry("tf1_simple_save", simple_save, UNIT),
    Entry("tf1_resource", _builder("NHWC", resource=True), UNIT),
    Entry("tf1_nchw", _builder("NCHW", resource=False), UNIT),
)
