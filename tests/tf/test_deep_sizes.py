"""Unknown sizes through many layers: the sizes of a deep model are as short as those of a shallow one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from tests.tf.parity import Case, parity_test  # noqa: E402

pytestmark = pytest.mark.tf

RNG = np.random.default_rng(0)
WIDTH, LENGTH = 16, 8


def transformer(layers: int) -> Callable[[Any, Any], Any]:
    """Ids and a mask, both of unknown batch, which meet in each layer."""
    table = RNG.normal(size=(50, WIDTH)).astype(np.float32)
    weights = RNG.normal(scale=0.1, size=(layers, 6, WIDTH, WIDTH)).astype(np.float32)

    def call(ids: Any, mask: Any) -> Any:
        x = tf.gather(table, ids)
        bias = (1.0 - tf.cast(mask, tf.float32))[:, None, :] * -1e4
        for query, key, value, out, up, down in weights:
            scores = tf.matmul(x @ query, x @ key, transpose_b=True) * 0.25 + bias
            x = x + (tf.nn.softmax(scores) @ (x @ value)) @ out
            x = x + tf.nn.relu(x @ up) @ down
        return x

    return call


def ids(batch: int) -> Any:
    return RNG.integers(0, 50, (batch, LENGTH)).astype(np.int32)


def mask(batch: int) -> Any:
    made = np.ones((batch, LENGTH), np.int32)
    made[:, LENGTH // 2 :] = 0
    return made


def pyramid(blocks: int) -> Callable[[Any], Any]:
    """Pooling and resizing by turns, each size a quotient of the one before."""

    def call(x: Any) -> Any:
        for _ in range(blocks):
            pooled = tf.nn.avg_pool2d(x, 3, 2, "VALID")
            x = tf.image.resize(pooled, tf.shape(x)[1:3] // 2 + 3)
        return tf.concat([tf.reshape(x, [-1]), [1.0, -1.0]], 0)  # averages of averages have no range of their own

    return call


def image(height: int, width: int) -> Any:
    return RNG.normal(size=(1, height, width, 1)).astype(np.float32)


test_deep_sizes = parity_test(
    [
        Case(
            "transformer of two inputs",
            transformer(12),
            [ids(2), mask(2)],
            spec=[(None, LENGTH), (None, LENGTH)],
            also=[[ids(1), mask(1)], [ids(3), mask(3)]],
            ops=190,
        ),
        Case(
            "thirty blocks of open size",
            pyramid(30),
            [image(40, 50)],
            spec=[(1, None, None, 1)],
            also=[[image(64, 33)]],
        ),
    ]
)
