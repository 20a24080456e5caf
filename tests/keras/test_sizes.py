"""Unknown sizes: found to be equal where an operation needs them so, and bounded where it asks for that."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import litesmith
from litesmith.errors import LitesmithError
from tests.keras.parity import BACKEND, arrays, check_answers, f32

L, ops = keras.layers, keras.ops
LONGEST = 6


class Same(keras.layers.Layer):
    """Gives what it takes another content, not another shape."""

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


class Places(Same):
    """Adds as many rows of a table as there are."""

    def build(self, shape: Any) -> None:
        self.table = self.add_weight(shape=(LONGEST, int(shape[-1])), initializer="random_normal", name="table")

    def call(self, x: Any) -> Any:
        return x + ops.slice(ops.convert_to_tensor(self.table), (0, 0), (ops.shape(x)[1], x.shape[-1]))


class Branch(Same):
    """Does one thing to short sequences and another one to long ones."""

    def call(self, x: Any) -> Any:
        return x + 1 if ops.shape(x)[1] <= LONGEST else x - 1


def added() -> Any:
    inputs = [keras.Input((None, 3), name=name) for name in ("left", "right")]
    return keras.Model(inputs, L.Dense(2)(L.Multiply()(inputs)))


def attended() -> Any:
    query, value = keras.Input((None, 4), name="query"), keras.Input((None, 4), name="value")
    mask = keras.Input((None,), name="weights")
    weighted = L.Multiply()([value, L.Reshape((-1, 1))(mask)])
    return keras.Model([query, value, mask], L.MultiHeadAttention(2, 4)(query, weighted))


def placed() -> Any:
    x = keras.Input((None, 4), name="x")
    return keras.Model(x, L.Dense(2)(Places()(x)))


def inputs_of(model: Any, sizes: dict[str, int]) -> list[Any]:
    """Random inputs of a batch of 2 with these numbers of steps."""
    return [f32(2, *(sizes[t.name] if d is None else d for d in t.shape[1:])) for t in model.inputs]


@pytest.mark.skipif(BACKEND != "jax", reason="sizes of TensorFlow's graphs are open anyway")
@pytest.mark.parametrize(
    ("make", "calls", "different"),
    [
        (added, [{"left": 3, "right": 3}, {"left": 5, "right": 5}], 1),
        (attended, [{"query": 2, "value": 5, "weights": 5}, {"query": 4, "value": 3, "weights": 3}], 2),
        (placed, [{"x": 1}, {"x": LONGEST}], 1),
    ],
)
def test_sizes(make: Any, calls: Any, different: int) -> None:
    model = make()
    converted = litesmith.convert(model)
    dims = {str(v.dims[1]) for v in converted.program.main.inputs}
    assert len(dims) == different
    for sizes in calls:
        inputs = inputs_of(model, sizes)
        expected = arrays(model(inputs if len(inputs) > 1 else inputs[0], training=False))
        check_answers(converted.content, inputs, expected, 1e-5)


@pytest.mark.skipif(BACKEND != "jax", reason="TensorFlow decides while the model runs")
def test_a_branch_of_the_model_is_no_bound() -> None:
    x = keras.Input((None, 4), name="x")
    with pytest.raises(LitesmithError, match="in_x_1' <= '6' is inconclusive"):
        litesmith.convert(keras.Model(x, Branch()(x)))
    fixed = litesmith.convert(keras.Model(x, Branch()(x)), input_shapes={"x": [None, 9, 4]})
    np.testing.assert_array_equal(next(iter(fixed(np.ones((1, 9, 4), np.float32)).values())), 0)
