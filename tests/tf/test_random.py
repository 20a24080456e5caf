"""Random numbers: the distribution, not the sequence, and what has no kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

import litesmith  # noqa: E402
from litesmith.errors import ConverterError  # noqa: E402

pytestmark = pytest.mark.tf
COUNT = 20000
TOLERANCE = 0.05


@dataclass(frozen=True)
class Draw:
    """What is drawn, its mean and standard deviation, the range it stays in."""

    name: str
    fn: Callable[..., Any]
    mean: float
    deviation: float
    low: float = -np.inf
    high: float = np.inf
    whole: bool = False


DRAWS = [
    Draw("uniform", lambda n: tf.random.uniform([n]), 0.5, 12**-0.5, 0, 1),
    Draw("uniform in a range", lambda n: tf.random.uniform([n], -1, 3), 1, 4 * 12**-0.5, -1, 3),
    Draw("normal", lambda n: tf.random.normal([n]), 0, 1),
    Draw("normal around two", lambda n: tf.random.normal([n], 2.0, 0.5), 2, 0.5),
    Draw("integers", lambda n: tf.random.uniform([n], 2, 6, tf.int32), 3.5, 1.25**0.5, 2, 5, True),
    Draw("int64", lambda n: tf.random.uniform([n], -3, 1, tf.int64), -1.5, 1.25**0.5, -3, 0, True),
    Draw(
        "categories",
        lambda n: tf.random.categorical(tf.math.log([[0.5, 0.25, 0.25]]), n)[0],
        0.75,
        0.6875**0.5,
        0,
        2,
        True,
    ),
    Draw("shuffled", lambda n: tf.random.shuffle(tf.range(n)), (COUNT - 1) / 2, COUNT * 12**-0.5, 0, COUNT - 1, True),
    Draw("kept by dropout", lambda n: tf.nn.dropout(tf.ones([n]), 0.25), 1, (1 / 3) ** 0.5, 0, 4 / 3),
]


@pytest.mark.parametrize("draw", DRAWS, ids=lambda d: d.name)
def test_distribution(draw: Draw) -> None:
    function = tf.function(lambda: draw.fn(COUNT), input_signature=[]).get_concrete_function()
    model = litesmith.convert(function)
    calls = [next(iter(model().values())) for _ in range(3)]
    for drawn in calls:
        assert drawn.shape == (COUNT,)
        assert abs(drawn.mean() - draw.mean) < TOLERANCE * draw.deviation
        assert abs(drawn.std() - draw.deviation) < TOLERANCE * draw.deviation
        assert drawn.min() >= draw.low
        assert drawn.max() <= draw.high + 1e-6
        assert not draw.whole or np.array_equal(drawn, np.round(drawn))
    if draw.name == "shuffled":
        assert sorted(calls[0]) == list(range(COUNT))
        assert list(calls[0][:9]) != list(range(9))


REFUSED = [
    ("stateless", lambda: tf.random.stateless_uniform([3], seed=[1, 2])),
    ("stateless normal", lambda: tf.random.stateless_normal([3], seed=[1, 2])),
    ("truncated normal", lambda: tf.random.truncated_normal([3])),
    ("gamma", lambda: tf.random.gamma([3], 1.0)),
    ("poisson", lambda: tf.random.poisson([3], 1.0)),
    ("float16", lambda: tf.random.uniform([3], dtype=tf.float16)),
    ("wide integers", lambda: tf.random.uniform([3], 0, 2**30, tf.int32)),
]


@pytest.mark.parametrize(("name", "fn"), REFUSED, ids=[r[0] for r in REFUSED])
def test_refused(name: str, fn: Callable[[], Any]) -> None:
    function = tf.function(fn, input_signature=[]).get_concrete_function()
    with pytest.raises(ConverterError, match=r"(?i)random") as raised:
        litesmith.convert(function)
    assert all(p.fix and not p.reason.startswith("has no lowering") for p in raised.value.problems)


def test_a_draw_in_a_loop_is_drawn_anew() -> None:
    def rows() -> Any:
        return tf.map_fn(lambda i: tf.random.uniform([4]), tf.range(3), fn_output_signature=tf.float32)

    drawn = next(iter(litesmith.convert(tf.function(rows).get_concrete_function())().values()))
    assert len(np.unique(drawn)) == 12
