"""Functions of jax.numpy, jax.nn, jax.scipy, jax.ops and jax.image that no other row has."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.arrays import f32, i32
from tests.jax.parity import Case, check, rows

X, Y, LINE = f32(3, 4), f32(3, 4, seed="y"), f32(6)
SORTED = np.sort(f32(6, seed="sorted"))
INTS, PLACES = i32(3, 4, low=-5, high=6), i32(6, low=0, high=4)
BYTES = i32(3, 4, low=0, high=200).astype(np.uint8)
BOOLS = INTS > 0
HOLES = np.array([0, 1, np.nan, 0.5, -0.5], np.float32)
SIGNAL = f32(40)
IMAGE = f32(2, 6, 7, 3, low=0, high=1)
signal, ndimage, special = jax.scipy.signal, jax.scipy.ndimage, jax.scipy.special

FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "percentile": (lambda x: jnp.percentile(x, jnp.array([10.0, 50.0, 90.0]), axis=1), X),
    "quantile": (lambda x, q: jnp.quantile(x, q, axis=0), X, np.float32(0.3)),
    "quantile nearest": (lambda x: jnp.quantile(x, 0.25, method="nearest"), X),
    "nanpercentile": (lambda x: jnp.nanpercentile(x, 30.0), HOLES),
    "nanmedian": (jnp.nanmedian, HOLES),
    "nanstd": (jnp.nanstd, HOLES),
    "nanargmax": (jnp.nanargmax, HOLES),
    "nancumsum": (jnp.nancumsum, HOLES),
    "histogram": (lambda x: jnp.histogram(x, bins=5), X),
    "histogram2d": (lambda x, y: jnp.histogram2d(x, y, bins=3), LINE, SORTED),
    "digitize": (jnp.digitize, X, SORTED),
    "bincount": (lambda x: jnp.bincount(x, length=5), PLACES),
    "interp": (jnp.interp, X, SORTED, LINE),
    "searchsorted": (lambda x, y: jnp.searchsorted(x, y, side="right"), SORTED, LINE),
    "unwrap": (jnp.unwrap, X * 3),
    "gradient": (jnp.gradient, X),
    "convolve": (lambda x, y: jnp.convolve(x, y, mode="same"), LINE, SORTED),
    "correlate": (lambda x, y: jnp.correlate(x, y, "full"), LINE, SORTED[:3].copy()),
    "take_along_axis": (lambda x, i: jnp.take_along_axis(x, i, 1), X, np.abs(INTS) % 4),
    "put_along_axis": (
        lambda x, i, v: jnp.put_along_axis(x, i, v, 1, inplace=False),
        X,
        np.array([[1], [2], [0]], np.int32),
        f32(3, 1),
    ),
    "unique": (lambda x: jnp.unique(x, size=4, return_counts=True, return_inverse=True, return_index=True), PLACES),
    "nonzero": (lambda x: jnp.nonzero(x, size=5, fill_value=0), BOOLS),
    "lexsort": (lambda x, y: jnp.lexsort((x, y)), LINE, PLACES),
    "partition": (lambda x: jnp.sort(jnp.partition(x, 2)[:2]), LINE),
    "roll": (lambda x, n: jnp.roll(x, n, axis=1), X, np.int32(-3)),
    "select": (lambda x: jnp.select([x > 1, x > 0], [x, -x], 9.0), X),
    "choose": (lambda i, x, y: jnp.choose(i, [x, y, x * 2], mode="clip"), np.abs(INTS) % 3, X, Y),
    "piecewise": (lambda x: jnp.piecewise(x, [x < 0, x > 1], [lambda v: -v, lambda v: v * 2, lambda v: v]), X),
    "polyfit": (lambda x, y: jnp.polyfit(x, y, 2), SORTED, LINE),
    "polyval": (jnp.polyval, LINE[:3].copy(), X),
    "ldexp": (jnp.ldexp, X, INTS),
    "frexp": (jnp.frexp, X * 100),
    "packbits": (lambda x: jnp.packbits(x, axis=1, bitorder="little"), BOOLS),
    "unpackbits": (jnp.unpackbits, BYTES),
    "block": (lambda x, y: jnp.block([[x, y], [y, x]]), X, Y),
    "apply_along_axis": (lambda x: jnp.apply_along_axis(jnp.cumsum, 1, x), X),
    "insert": (lambda x: jnp.insert(x, 1, 9.0, axis=1), X),
    "delete": (lambda x: jnp.delete(x, 1, axis=1), X),
    "repeat": (lambda x, r: jnp.repeat(x, r, axis=0, total_repeat_length=7), X, np.array([2, 0, 3], np.int32)),
    "place": (lambda x, m, v: jnp.place(x, m, v, inplace=False), X, BOOLS, LINE),
    "fill_diagonal": (lambda x: jnp.fill_diagonal(x, 7.0, inplace=False), f32(4, 4)),
    "einsum": (lambda x, y, z: jnp.einsum("ab,cb,dc->ad", x, y, z), X, Y, f32(4, 3)),
    "cov": (jnp.cov, X),
    "corrcoef": (jnp.corrcoef, X),
    "trapezoid": (lambda x: jnp.trapezoid(x, dx=0.5), X),
    "geomspace": (lambda x, y: jnp.geomspace(x, y, 5), f32(3, low=0.1), f32(3, low=3, high=4)),
    "union1d": (lambda x, y: jnp.union1d(x, y, size=5), PLACES, PLACES + 1),
    "isin": (jnp.isin, INTS, PLACES),
    "tril_indices": (lambda x: x[jnp.tril_indices(4)], f32(4, 4)),
    "unravel_index": (lambda x: jnp.unravel_index(x, (3, 4)), PLACES),
    "gcd": (jnp.gcd, INTS, INTS[::-1].copy()),
    "lcm": (jnp.lcm, INTS, INTS[::-1].copy()),
    "heaviside": (jnp.heaviside, X, Y),
    "divmod": (jnp.divmod, X, Y),
    "meshgrid": (jnp.meshgrid, LINE, SORTED),
    "segment_max": (lambda x, i: jax.ops.segment_max(x, i, num_segments=5), f32(6, 3), PLACES),
    "segment_prod": (lambda x, i: jax.ops.segment_prod(x, i, num_segments=5), f32(6, 3), PLACES),
    "attention": (
        lambda q, k, v: jax.nn.dot_product_attention(q, k, v, is_causal=True),
        *[f32(2, 5, 2, 4, seed=s) for s in "qkv"],
    ),
    "standardize": (jax.nn.standardize, X),
    "squareplus": (jax.nn.squareplus, X),
    "log1mexp": (jax.nn.log1mexp, f32(9, low=0.1)),
    "sparse_plus": (jax.nn.sparse_plus, X),
    "scale_and_translate": (
        lambda x, s, t: jax.image.scale_and_translate(x, (2, 8, 8, 3), (1, 2), s, t, "linear"),
        IMAGE,
        np.float32([1.2, 0.8]),
        np.float32([0.3, -0.5]),
    ),
    "map_coordinates": (
        lambda x, c: ndimage.map_coordinates(x, [c[0], c[1]], order=1, mode="mirror"),
        X,
        f32(2, 7, low=-2, high=5),
    ),
    "convolve2d": (lambda x, y: signal.convolve2d(x, y, "same"), X, Y[:2, :2].copy()),
    "fftconvolve": (lambda x, y: signal.fftconvolve(x, y, "same"), X, Y[:2, :2].copy()),
    "stft": (lambda x: signal.stft(x, nperseg=8), SIGNAL),
    "welch": (lambda x: signal.welch(x, nperseg=8), SIGNAL),
    "csd": (lambda x: signal.csd(x, x[::-1], nperseg=8), SIGNAL),
    "detrend": (signal.detrend, SIGNAL),
    "ndtri": (special.ndtri, f32(9, low=0.01, high=0.99)),
    "multigammaln": (lambda x: special.multigammaln(x, 2), f32(9, low=1, high=9)),
    "expi": (special.expi, f32(9, low=0.2, high=4)),
    "entr": (special.entr, f32(9, low=0, high=4)),
    "gamma pdf": (lambda x: jax.scipy.stats.gamma.pdf(x, 2.0), f32(9, low=0.1)),
    "beta cdf": (lambda x: jax.scipy.stats.beta.cdf(x, 2.0, 3.0), f32(9, low=0.1, high=0.9)),
    "normal cdf": (jax.scipy.stats.norm.cdf, X),
    "kernel density": (lambda x, y: jax.scipy.stats.gaussian_kde(x)(y), LINE, SORTED),
    "rank": (jax.scipy.stats.rankdata, PLACES),
}


@rows([Case(name, function, args) for name, (function, *args) in FUNCTIONS.items()])
def test_functions(case: Case) -> None:
    check(case)


@pytest.mark.parametrize(
    "mode", ["edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect", "symmetric", "wrap"]
)
def test_padding(mode: str) -> None:
    check(Case(mode, lambda x: jnp.pad(x, ((1, 2), (0, 1)), mode=mode), (X,)))


DISTRIBUTIONS: dict[str, Any] = {
    "bernoulli": lambda k: jax.random.bernoulli(k, 0.3, (7,)),
    "beta": lambda k: jax.random.beta(k, 2.0, 3.0, (5,)),
    "binomial": lambda k: jax.random.binomial(k, 20, 0.4, (5,)),
    "categorical": lambda k: jax.random.categorical(k, jnp.log(jnp.array([0.2, 0.3, 0.5])), shape=(9,)),
    "cauchy": lambda k: jax.random.cauchy(k, (5,)),
    "chisquare": lambda k: jax.random.chisquare(k, 3.0, shape=(5,)),
    "choice": lambda k: jax.random.choice(k, 9, (4,), replace=False),
    "exponential": lambda k: jax.random.exponential(k, (5,)),
    "geometric": lambda k: jax.random.geometric(k, 0.3, (5,)),
    "gumbel": lambda k: jax.random.gumbel(k, (5,)),
    "laplace": lambda k: jax.random.laplace(k, (5,)),
    "logistic": lambda k: jax.random.logistic(k, (5,)),
    "maxwell": lambda k: jax.random.maxwell(k, (5,)),
    "multivariate_normal": lambda k: jax.random.multivariate_normal(k, jnp.zeros(3), jnp.eye(3) + 0.2, (4,)),
    "orthogonal": lambda k: jnp.abs(jax.random.orthogonal(k, 4)),
    "pareto": lambda k: jax.random.pareto(k, 2.0, (5,)),
    "permutation": lambda k: jax.random.permutation(k, 9),
    "poisson": lambda k: jax.random.poisson(k, jnp.array([0.5, 4.0, 30.0])),
    "rademacher": lambda k: jax.random.rademacher(k, (5,)),
    "rayleigh": lambda k: jax.random.rayleigh(k, 2.0, (5,)),
    "t": lambda k: jax.random.t(k, 3.0, (5,)),
    "truncated_normal": lambda k: jax.random.truncated_normal(k, -1.0, 1.0, (5,)),
    "triangular": lambda k: jax.random.triangular(k, 0.0, 0.5, 1.0, (5,)),
    "wald": lambda k: jax.random.wald(k, 1.5, (5,)),
    "weibull": lambda k: jax.random.weibull_min(k, 1.0, 2.0, (5,)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distributions(name: str) -> None:
    """The same numbers as JAX draws, of a seed known when the model runs."""
    draw = DISTRIBUTIONS[name]
    check(Case(name, lambda seed: draw(jax.random.key(seed)), (np.int32(12345),)))
