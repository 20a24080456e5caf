"""What stands behind a refused operator is told the first time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import litesmith
from litesmith import ConverterError

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.tf
raw = tf.raw_ops

TEXT = tf.TensorSpec((None,), tf.string, name="s")
ROWS = tf.TensorSpec((None, 4), tf.float32, name="x")


def vectorized(s: Any) -> Any:
    """Text made lower, split, padded and looked up by hash."""
    words = tf.strings.split(tf.strings.regex_replace(tf.strings.lower(s), "!", "")).to_tensor()
    return tf.strings.to_hash_bucket_fast(words, 8) + 1


def special(s: Any) -> Any:
    """A type that has no kernels, behind a function that has no form."""
    return tf.math.bessel_i0e(tf.strings.to_number(s, tf.float64)) + 1.0


def beside(x: Any) -> Any:
    """What no kernel takes, beside an operator without a form."""
    return tf.math.special.bessel_j0(x), tf.nn.relu(tf.cast(x, tf.float64))


def in_a_loop(x: Any) -> Any:
    start = tf.math.special.bessel_j0(x)
    return tf.while_loop(lambda v: tf.reduce_sum(v) < 9.0, lambda v: [v + tf.math.special.bessel_y0(v)], [start])


def in_a_branch(x: Any) -> Any:
    seen = tf.math.special.bessel_j0(x)
    return tf.cond(tf.reduce_sum(seen) > 0.0, lambda: tf.math.special.bessel_k0(seen), lambda: seen)


def chosen_sizes(s: Any) -> Any:
    """Sizes that would be known if the number were: no problem of their own."""
    count = tf.strings.to_number(s, tf.int32)
    image = tf.zeros([1, 4, 4, 1], tf.int32)
    return tf.reshape(image, count), tf.image.resize(image, count, "bicubic"), tf.image.extract_patches(
        tf.reshape(tf.cast(count, tf.float32), [1, 4, 4, 1]), [1, 2, 2, 1], [1, 1, 1, 1], [1, 1, 1, 1], "VALID"
    )


class Row(NamedTuple):
    function: Callable[..., Any]
    spec: Any
    operators: str


TABLE = {
    "text": Row(
        vectorized, TEXT, "StringLower StaticRegexReplace StringSplitV2 RaggedTensorToTensor StringToHashBucketFast"
    ),
    "a type": Row(special, TEXT, "StringToNumber BesselI0e"),
    "beside it": Row(beside, ROWS, "BesselJ0 Relu"),
    "in a loop": Row(in_a_loop, ROWS, "BesselJ0 BesselY0"),
    "in a branch": Row(in_a_branch, ROWS, "BesselJ0 BesselK0"),
    "sizes that are not known": Row(chosen_sizes, TEXT, "StringToNumber"),
}


@pytest.mark.parametrize("name", TABLE)
def test_all_operators_are_named(name: str) -> None:
    row = TABLE[name]
    function = tf.function(row.function).get_concrete_function(row.spec)
    with pytest.raises(ConverterError) as caught:
        litesmith.convert(function)
    named = list(dict.fromkeys(p.op.removeprefix("tf.") for p in caught.value.problems))
    assert sorted(named) == sorted(row.operators.split())
    assert all(p.fix and p.node for p in caught.value.problems)


def test_one_problem_for_a_type_of_one_node() -> None:
    function = tf.function(lambda x: raw.Betainc(a=x, b=x, x=x)).get_concrete_function(tf.TensorSpec((4,), tf.float64))
    with pytest.raises(ConverterError, match="float64") as caught:
        litesmith.convert(function)
    assert len(caught.value.problems) == 1


def test_a_mistake_in_a_body_is_not_taken_for_a_placeholder() -> None:
    """A composite whose body has an operator without a form is refused for that, not for computing nothing."""

    @tf.function(experimental_implements="some.thing", input_signature=[ROWS])
    def body(x: Any) -> Any:
        return tf.math.special.bessel_j0(x) + x

    function = tf.function(lambda x: body(x) * 2.0).get_concrete_function(ROWS)
    with pytest.raises(ConverterError, match="BesselJ0") as caught:
        litesmith.convert(function)
    assert [p.code for p in caught.value.problems] == ["LS010"]
    assert np.all([p.fix for p in caught.value.problems])
