"""Special functions, sorting, running functions, normalizations, bits, Fourier transforms and recurrent loops."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from litesmith.decompositions import bits, normalization, rnn, special
from litesmith.decompositions.complex_parts import Complex
from litesmith.decompositions.cumulative import cumulative
from litesmith.decompositions.fft import fft, irfft, rfft
from litesmith.decompositions.sort import argsort, sort, topk
from litesmith.formats.tflite import write_model
from litesmith.ir import DType
from litesmith.runtime import Runner
from tests.arrays import f32, i32, rng
from tests.decompositions.harness import Case, check, program_of

INF, NAN = np.inf, np.nan
ENDS = [INF, -INF, NAN, 0.0]


def _grid(low: float, high: float, *more: float) -> Any:
    return np.array([*np.linspace(low, high, 301), 1e-5, -1e-5 if low < 0 else 2e-5, *more], np.float32)


def _vectorized(function: Callable[[float], float]) -> Any:
    def safe(x: float) -> float:
        try:
            return function(x)
        except (ValueError, OverflowError):
            return NAN if x < 0 or function is not math.lgamma else INF

    return lambda x: np.vectorize(safe, otypes=[np.float64])(x.astype(np.float64)).astype(np.float32)


def _wide(function: Callable[[Any], Any]) -> Any:
    return lambda x: function(x.astype(np.float64)).astype(np.float32)


def _erf_inv(x: Any) -> Any:
    from scipy.special import erfinv

    return erfinv(x.astype(np.float64)).astype(np.float32)


def _digamma(x: Any) -> Any:
    from scipy.special import digamma

    return digamma(x.astype(np.float64)).astype(np.float32)


def _lgamma(x: Any) -> Any:
    return np.vectorize(math.lgamma)(x)


def _special(name: str, reference: Any, x: Any, tolerance: float) -> Case:
    return Case(name, getattr(special, name), reference, (x,), tolerance)


SPECIAL = [
    _special("log1p", _wide(np.log1p), _grid(-0.99, 5, *ENDS, -1, -2), 2e-7),
    _special("expm1", _wide(np.expm1), _grid(-5, 5, INF, -INF, 0), 5e-7),
    _special("softplus", _wide(lambda x: np.logaddexp(x, 0)), _grid(-30, 30, INF, -INF, 0), 2e-7),
    _special("mish", _wide(lambda x: x * np.tanh(np.logaddexp(0, x))), _grid(-30, 30, INF, NAN, 1e30, -1e30), 2e-7),
    _special("cbrt", _wide(np.cbrt), _grid(-9, 9, *ENDS), 2e-7),
    _special("tan", _wide(np.tan), _grid(-1.5, 1.5), 2e-6),
    _special("atan", _wide(np.arctan), _grid(-9, 9, *ENDS), 2e-7),
    _special("asin", _wide(np.arcsin), _grid(-1, 1, 2, NAN), 3e-7),
    _special("acos", _wide(np.arccos), _grid(-1, 1, 2, NAN), 3e-7),
    _special("sinh", _wide(np.sinh), _grid(-5, 5, INF, -INF), 1e-6),
    _special("cosh", _wide(np.cosh), _grid(-5, 5, INF, -INF), 1e-6),
    _special("asinh", _wide(np.arcsinh), _grid(-9, 9, 1e20, -1e30, *ENDS), 3e-7),
    _special("acosh", _wide(np.arccosh), _grid(1, 9, 1e20, 0.5, INF, NAN), 3e-7),
    _special("atanh", _wide(np.arctanh), _grid(-0.99, 0.99, 1, -1, 2, NAN), 3e-7),
    _special("erf", _vectorized(math.erf), _grid(-5, 5, *ENDS), 3e-7),
    _special("erfc", _vectorized(math.erfc), _grid(-5, 9, INF, -INF), 3e-7),
    _special("erf_inv", _erf_inv, _grid(-0.999, 0.999, 1, -1, 2, NAN), 3e-6),
    _special("lgamma", _vectorized(math.lgamma), _grid(0.1, 20, 1e10, INF), 3e-6),
    _special("digamma", _digamma, _grid(0.1, 20, 1e10), 3e-6),
    _special("trunc", np.trunc, _grid(-3, 3, INF, -INF, NAN, -0.0), 0),
    _special("is_nan", np.isnan, _grid(-3, 3, *ENDS), 0),
    _special("is_finite", np.isfinite, _grid(-3, 3, *ENDS), 0),
    Case("logaddexp", special.logaddexp, np.logaddexp, (f32(40, low=-9), f32(40, seed="y")), 3e-7),
    Case(
        "logaddexp of infinities",
        special.logaddexp,
        np.logaddexp,
        (np.array([INF, -INF, INF, NAN], np.float32), np.array([INF, -INF, -INF, 0], np.float32)),
        0,
    ),
    Case("remainder", special.truncated_remainder, np.fmod, (f32(50, low=-9, high=9), f32(50, low=1, high=3)), 1e-6),
]


@pytest.mark.parametrize(
    ("name", "reference", "low", "high", "tolerance"),
    [
        ("softplus", lambda x: np.logaddexp(x, 0), -80, 0, 4e-6),
        ("softplus", lambda x: np.logaddexp(x, 0), -20, 100, 1e-6),
        ("log1p", np.log1p, -0.3, 0.3, 6e-7),
        ("log1p", np.log1p, 0.3, 0.6, 6e-7),
        ("mish", lambda x: x * np.tanh(np.logaddexp(0, x)), -16, 40, 1.2e-6),
        ("log1p", np.log1p, 1e-30, 1e-5, 2e-7),
        ("expm1", np.expm1, -1, 1, 4e-7),
        ("expm1", np.expm1, -1e-5, -1e-30, 2e-7),
        ("sinh", np.sinh, -2, 2, 6e-7),
        ("atanh", np.arctanh, -0.5, 0.5, 8e-7),
        ("lgamma", _lgamma, 2.6, 1e3, 3e-6),
    ],
)
def test_accurate_where_small(name: str, reference: Any, low: float, high: float, tolerance: float) -> None:
    """Relative to each element, not to the range: a plain log(1 + exp(x)) is 0 below -17."""
    x = np.linspace(low, high, 4001).astype(np.float32)
    case = Case(name, getattr(special, name), None, (x,), 0)
    (got,) = Runner(write_model(program_of(case))).run({"in0": x}).values()
    want = reference(x.astype(np.float64))
    error = np.abs(got - want) / np.maximum(np.abs(want), 1e-37)
    assert error.max() <= tolerance, f"{error.max():.3g} at {x[error.argmax()]}"


MIXED = np.array([3, -1, NAN, 0.0, INF, -0.0, 2, -INF, 2, -1], np.float32)


def _lexsorted(*columns: Any) -> list[Any]:
    order = np.lexsort(columns[1::-1])
    return [c[order] for c in columns]


SORTS = [
    Case("sort", lambda b, x: sort(b, [x]), lambda x: np.sort(x, kind="stable"), (f32(4, 9),), 0, [("n", "k")]),
    Case("sort special", lambda b, x: sort(b, [x]), lambda x: np.sort(x, kind="stable"), (MIXED,), 0),
    Case("sort first axis", lambda b, x: sort(b, [x], 0), lambda x: np.sort(x, 0), (f32(9, 4),), 0),
    Case("sort int32", lambda b, x: sort(b, [x]), np.sort, (i32(4, 9, low=-(2**31), high=2**31 - 1),), 0),
    Case(
        "sort int32 limits", lambda b, x: sort(b, [x]), np.sort, (np.array([5, -(2**31), 2**31 - 1, 0], np.int32),), 0
    ),
    Case("argsort", argsort, lambda x: np.argsort(x, kind="stable").astype(np.int32), (MIXED,), 0),
    Case(
        "sort three, two keys",
        lambda b, *xs: sort(b, xs, keys=2),
        _lexsorted,
        (i32(30, low=0, high=3), f32(30), np.arange(30, dtype=np.int32)),
        0,
    ),
    Case(
        "top k",
        lambda b, x: topk(b, x, 3),
        lambda x: [-np.sort(-x)[:, :3], np.argsort(-x, kind="stable")[:, :3].astype(np.int32)],
        (f32(4, 9),),
        0,
    ),
    Case(
        "bottom k",
        lambda b, x: topk(b, x, 3, 0, largest=False)[1],
        lambda x: np.argsort(x, 0, kind="stable")[:3].astype(np.int32),
        (f32(9, 4),),
        0,
    ),
]

CUMULATIVES = [
    Case(
        f"cumulative {kind}",
        lambda b, x, k=kind: cumulative(b, x, k, 1),
        lambda x, f=f: f.accumulate(x, 1),
        (f32(2, 7, 3),),
        1e-6,
    )
    for kind, f in {
        "sum": np.add,
        "prod": np.multiply,
        "max": np.maximum,
        "min": np.minimum,
        "logsumexp": np.logaddexp,
    }.items()
] + [
    Case(
        "sum from the end",
        lambda b, x: cumulative(b, x, "sum", 1, reverse=True),
        lambda x: np.cumsum(x[:, ::-1], 1)[:, ::-1],
        (f32(2, 7),),
        1e-6,
        [("n", "t")],
    ),
    Case(
        "product from the end",
        lambda b, x: cumulative(b, x, "prod", 1, reverse=True),
        lambda x: np.cumprod(x[:, ::-1], 1)[:, ::-1],
        (f32(2, 7),),
        1e-6,
    ),
    Case(
        "exclusive product",
        lambda b, x: cumulative(b, x, "prod", 0, exclusive=True),
        lambda x: np.concatenate([[np.float32(1)], np.cumprod(x)[:-1]]).astype(np.float32),
        (f32(7),),
        1e-6,
    ),
    Case("running maximum of int32", lambda b, x: cumulative(b, x, "max", 0), np.maximum.accumulate, (i32(9),), 0),
]


def _layer_norm(x: Any) -> Any:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


NORMALIZATIONS = [
    Case("layer norm", normalization.layer_norm, _layer_norm, (f32(2, 3, 8),), 2e-6, [("n", "t", 8)]),
]


def _word(name: str) -> Any:
    made = rng(name).integers(-(2**31), 2**31 - 1, 40, dtype=np.int64).astype(np.int32)
    made[:6] = [0, -1, 1, -(2**31), 2**31 - 1, 5]
    return made


def _unsigned(function: Callable[..., Any]) -> Any:
    return lambda *xs: function(*(x.view(np.uint32).astype(np.uint64) for x in xs)).astype(np.uint32).view(np.int32)


AMOUNTS = np.array([0, 1, 31, 32, 40, -1, 7, 16], np.int32)
X, Y = _word("x"), _word("y")[::-1].copy()
BITS = [
    Case("and", bits.bit_and, np.bitwise_and, (X, Y), 0),
    Case("or", bits.bit_or, np.bitwise_or, (X, Y), 0),
    Case("not", bits.bit_not, np.invert, (X,), 0),
    Case(
        "rotate",
        lambda b, x: bits.rotate_left(b, x, 13),
        _unsigned(lambda x: (x << np.uint64(13)) | (x >> np.uint64(19))),
        (X,),
        0,
    ),
    Case(
        "shift left",
        bits.shift_left,
        lambda x, y: np.array(
            [np.uint32((int(p) << int(s)) & 0xFFFFFFFF) if 0 <= s < 32 else 0 for p, s in zip(x, y, strict=True)],
            np.uint32,
        ).view(np.int32),
        (X[:8], AMOUNTS),
        0,
    ),
    Case(
        "shift right logical",
        bits.shift_right_logical,
        lambda x, y: np.array(
            [(int(p) & 0xFFFFFFFF) >> int(s) if 0 <= s < 32 else 0 for p, s in zip(x, y, strict=True)], np.uint32
        ).view(np.int32),
        (X[:8], AMOUNTS),
        0,
    ),
    Case(
        "shift right arithmetic",
        bits.shift_right_arithmetic,
        lambda x, y: np.array([int(p) >> (int(s) if 0 <= s < 32 else 31) for p, s in zip(x, y, strict=True)], np.int32),
        (X[:8], AMOUNTS),
        0,
    ),
    Case(
        "population count",
        bits.population_count,
        lambda x: np.array([int(v & 0xFFFFFFFF).bit_count() for v in x.astype(np.int64)], np.int32),
        (X,),
        0,
    ),
    Case(
        "leading zeros",
        bits.count_leading_zeros,
        lambda x: np.array([32 - int(v & 0xFFFFFFFF).bit_length() for v in x.astype(np.int64)], np.int32),
        (X,),
        0,
    ),
]


def both(z: Complex) -> list[Any]:
    return [z.real, z.imag]


def _fft(size: int, axis: int = -1, inverse: bool = False) -> Case:
    shape = (size, 3) if axis == 0 else (3, size)

    def build(b: Any, x: Any, y: Any) -> Any:
        return both(fft(b, Complex(x, y), axis, inverse))

    def reference(x: Any, y: Any) -> Any:
        made = (np.fft.ifft if inverse else np.fft.fft)(x + 1j * y.astype(np.complex128), axis=axis)
        return [made.real.astype(np.float32), made.imag.astype(np.float32)]

    return Case(f"fft {size} {axis} {inverse}", build, reference, (f32(*shape), f32(*shape, seed="i")), 1e-6)


def _real_fft(size: int) -> list[Case]:
    half = f32(2, size // 2 + 1), f32(2, size // 2 + 1, seed="i")
    half[1][:, 0] = 0
    if size % 2 == 0:
        half[1][:, -1] = 0
    forward = lambda x: [np.fft.rfft(x).real.astype(np.float32), np.fft.rfft(x).imag.astype(np.float32)]  # noqa: E731
    return [
        Case(f"rfft {size}", lambda b, x: both(rfft(b, x)), forward, (f32(2, size),), 1e-6),
        Case(
            f"irfft {size}",
            lambda b, x, y: irfft(b, Complex(x, y), size),
            lambda x, y: np.fft.irfft(x + 1j * y.astype(np.complex128), size).astype(np.float32),
            half,
            1e-6,
        ),
    ]


FOURIER = [_fft(8), _fft(60, 0), _fft(96), _fft(7, inverse=True), _fft(256, inverse=True), _fft(127)]
FOURIER += [case for size in (8, 15, 90, 256) for case in _real_fft(size)]


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _numpy_lstm(x: Any, kernel: Any, recurrent: Any) -> list[Any]:
    h = c = np.zeros((x.shape[0], recurrent.shape[0]), np.float32)
    outputs = []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent, 4, -1)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        h = _sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return [np.stack(outputs), h]


def _lstm(b: Any, x: Any, kernel: Any, recurrent: Any) -> Any:
    from litesmith.decompositions.shapes import transpose

    def step(b: Any, index: Any, carry: Any, inputs: Any) -> Any:
        h, c = rnn.lstm_cell(b, inputs[0], carry[0], carry[1], kernel, recurrent, None)
        return [h, c], [h]

    zero = rnn.zero_state(b, x, 4)
    (h, _), (hs,) = rnn.scan(b, step, [zero, zero], [transpose(b, x, [1, 0, 2])], x.dims[1])
    return [hs, h]


def _running(b: Any, x: Any) -> Any:
    def step(b: Any, index: Any, carry: Any, inputs: Any) -> Any:
        total = b.add(carry[0], inputs[0])
        return [total], [total]

    carry, outputs = rnn.scan(b, step, [b.constant(np.zeros(3, np.float32))], [x], x.dims[0], reverse=True)
    return [*carry, *outputs]


WEIGHTS = f32(5, 16, seed="k"), f32(4, 16, seed="r")
LOOPS = [
    Case("lstm", _lstm, _numpy_lstm, (f32(2, 6, 5), *WEIGHTS), 2e-6, constant=[1, 2], expect={"WHILE": 1}),
    Case("lstm of any batch and time", _lstm, _numpy_lstm, (f32(2, 6, 5), *WEIGHTS), 2e-6, [("n", "t", 5)], [1, 2]),
    Case(
        "scan from the end",
        _running,
        lambda x: [x[::-1].cumsum(0)[-1], x[::-1].cumsum(0)[::-1]],
        (f32(6, 3),),
        1e-6,
        [("t", 3)],
    ),
]


@pytest.mark.parametrize("case", [*SPECIAL, *SORTS, *CUMULATIVES, *NORMALIZATIONS, *BITS, *FOURIER, *LOOPS], ids=repr)
def test_function(case: Case) -> None:
    check(case)


def test_threefry_known_answer() -> None:
    """The reference vectors of the Random123 distribution."""
    from litesmith.ir import Builder, Graph
    from litesmith.ops import OPS

    b = Builder(Graph(), OPS)
    words = [bits.int32(b, w) for w in (0x13198A2E, 0x03707344, 0x243F6A88, 0x85A308D3)]
    x, y = bits.threefry(b, words[:2], words[2:])
    assert x.type.dtype is DType.INT32
    assert [hex(int(v.numpy()) & 0xFFFFFFFF) for v in (x, y)] == ["0xc4923a9c", "0x483df7a0"]
