"""Max unpooling: its body by default, the pair of operators that XNNPACK runs where it is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import litesmith
from litesmith.errors import UsageError
from litesmith.runtime import Runner

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.tf

NAME = "addons:MaxUnpooling2D"
PAIR = {"MaxPoolingWithArgmax2D", NAME.partition(":")[2]}


def unpooling(pool: tuple[int, int], strides: tuple[int, int], padding: str, shape: list[int]) -> Any:
    """The composite function of TensorFlow Addons."""
    numbers = ((key, " ".join(f"i: {n}" for n in value)) for key, value in (("pool_size", pool), ("strides", strides)))
    attributes = [f'attr {{ key: "{key}" value {{ list {{ {value} }} }} }}' for key, value in numbers]
    attributes.append(f'attr {{ key: "padding" value {{ s: "{padding}" }} }}')

    @tf.function(experimental_implements=f'name: "{NAME}" {" ".join(attributes)}')
    def unpool(updates: Any, places: Any) -> Any:
        images, height, width, channels = shape
        size = height * width * channels
        rows = tf.cast(tf.reshape(places, [images, -1]), tf.int32) + tf.range(images)[:, None] * size
        flat = tf.scatter_nd(tf.reshape(rows, [-1, 1]), tf.reshape(updates, [-1]), [images * size])
        return tf.reshape(flat, shape)

    return unpool


def model(shape: list[int], pool: tuple[int, int], padding: str, between: Any, undo: Any = None) -> Any:
    unpool = unpooling(undo or pool, undo or pool, padding, shape)

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="x")])
    def encode_and_decode(x: Any) -> Any:
        pooled, places = tf.nn.max_pool_with_argmax(x, pool, pool, padding)
        return {"y": unpool(between(pooled), places) + 1.0}

    return encode_and_decode.get_concrete_function()


@pytest.mark.parametrize("between", [tf.identity, lambda x: tf.nn.relu6(x * 2.0)], ids=["at once", "later"])
@pytest.mark.parametrize(
    ("shape", "pool", "padding"),
    [([1, 4, 6, 3], (2, 2), "SAME"), ([2, 6, 6, 2], (3, 2), "VALID"), ([1, 8, 8, 5], (2, 4), "SAME")],
)
def test_the_pair_runs(shape: list[int], pool: tuple[int, int], padding: str, between: Any) -> None:
    function = model(shape, pool, padding, between)
    kept, inlined = litesmith.convert(function, keep_composites=[NAME]), litesmith.convert(function)
    codes = {op.attrs["custom_code"] for op in kept.program.main.ops if op.name == "CUSTOM"}
    assert codes == PAIR
    assert "CUSTOM" not in inlined.operators
    for seed in range(3):
        x = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
        expected = function(tf.constant(x))["y"].numpy()
        for content, kernels in ((kept, "default"), (inlined, "default"), (inlined, "builtin")):
            (answer,) = Runner(content.content, kernels=kernels).run([x]).values()
            np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-6)


REFUSED = {
    "another window": (model([1, 4, 4, 1], (2, 2), "SAME", tf.identity, (2, 1)), "not those of a pool of the same window"),
    "an odd size": (model([1, 5, 4, 1], (2, 2), "SAME", tf.identity), "not a multiple of the window"),
    "a pool of other steps": (
        tf.function(
            lambda x: unpooling((2, 2), (1, 1), "SAME", [1, 4, 4, 1])(*tf.nn.max_pool_with_argmax(x, (2, 2), (1, 1), "SAME"))
        ).get_concrete_function(tf.TensorSpec([1, 4, 4, 1])),
        "strides [1, 1] differ",
    ),
    "places from outside": (
        tf.function(
            lambda x, i: unpooling((2, 2), (2, 2), "SAME", [1, 4, 4, 1])(x, i)
        ).get_concrete_function(tf.TensorSpec([1, 2, 2, 1]), tf.TensorSpec([1, 2, 2, 1], tf.int64)),
        "not the result of tf.nn.max_pool_with_argmax",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_the_pair_does_not_do_is_refused(kind: str) -> None:
    function, reason = REFUSED[kind]
    with pytest.raises(litesmith.ConverterError) as caught:
        litesmith.convert(function, keep_composites=[NAME])
    assert reason in str(caught.value)
    assert "leave addons:MaxUnpooling2D out" in caught.value.problems[0].fix
    litesmith.convert(function)


def test_only_what_is_known_is_kept() -> None:
    with pytest.raises(UsageError, match=r"my\.op cannot be kept"):
        litesmith.convert(model([1, 4, 4, 1], (2, 2), "SAME", tf.identity), keep_composites=["my.op"])
