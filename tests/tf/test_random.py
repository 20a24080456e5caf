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
    ("stateless truncated normal", lambda: tf.random.stateless_truncated_normal([3], seed=[1, 2])),
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


# -- what a seed decides ----------------------------------------------------------------------------------------------

SEEDED: dict[str, Callable[[Any], Any]] = {
    "uniform": lambda s: tf.random.stateless_uniform([3, 5], s),
    "uniform in a range": lambda s: tf.random.stateless_uniform([2, 3], s, -2.0, 5.0),
    "normal": lambda s: tf.random.stateless_normal([7, 3], s),
    "integers": lambda s: tf.random.stateless_uniform([11], s, -5, 1000, tf.int32),
    "all integers": lambda s: tf.random.stateless_uniform([6], s, None, None, tf.int32),
    "open size": lambda s: tf.random.stateless_normal([tf.abs(s[0]) % 7 + 1], [3, 4]),
    "known seed": lambda s: tf.random.stateless_normal([4, 4], [3, 4]) + tf.cast(s[0], tf.float32),
    "old uniform": lambda s: tf.raw_ops.StatelessRandomUniform(shape=[5], seed=s),
    "old normal": lambda s: tf.raw_ops.StatelessRandomNormal(shape=[5], seed=s),
    "old integers": lambda s: tf.raw_ops.StatelessRandomUniformInt(shape=[5], seed=s, minval=-3, maxval=9),
    "old, all integers": lambda s: tf.raw_ops.StatelessRandomUniformFullInt(shape=[5], seed=s, dtype=tf.int32),
    "in a function": lambda s: tf.function(lambda t: tf.random.stateless_uniform([4], t))(s),
    "with the algorithm": lambda s: _with_algorithm(*tf.raw_ops.StatelessRandomGetKeyCounterAlg(seed=s)),
    "with the algorithm apart": lambda s: _with_algorithm(
        *tf.raw_ops.StatelessRandomGetKeyCounter(seed=s), tf.raw_ops.StatelessRandomGetAlg()
    ),
}
SEEDS = ([1, 2], [-5, 123456789], [2**31 - 1, 0])


def _with_algorithm(key: Any, counter: Any, alg: Any) -> Any:
    return tf.raw_ops.StatelessRandomUniformV2(shape=[9], key=key, counter=counter, alg=alg)


@pytest.mark.parametrize("dtype", (tf.int32, tf.int64), ids=lambda d: d.name)
@pytest.mark.parametrize("name", SEEDED)
def test_the_sequence_of_a_seed(name: str, dtype: Any) -> None:
    function = tf.function(SEEDED[name], input_signature=[tf.TensorSpec([2], dtype)]).get_concrete_function()
    model = litesmith.convert(function)
    for seed in SEEDS:
        given = np.array(seed, dtype.as_numpy_dtype)
        expected = function(tf.constant(given)).numpy()
        for _ in range(3):
            (got,) = model(given).values()
            assert got.shape == expected.shape
            if expected.dtype == np.int32:
                assert got.tolist() == expected.tolist()
            else:
                np.testing.assert_allclose(got, expected, rtol=0, atol=2e-6)


def test_seeded_numbers_of_other_types_are_refused() -> None:
    function = tf.function(lambda s: tf.random.stateless_uniform([4], s, dtype=tf.float16))
    with pytest.raises(ConverterError, match="draw float32 and cast"):
        litesmith.convert(function.get_concrete_function(tf.TensorSpec([2], tf.int32)))
