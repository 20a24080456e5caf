"""General convolution against a NumPy one that spreads, pads and correlates literally."""

import itertools
from typing import Any

import numpy as np
import pytest

from litesmith.decompositions.convolution import conv_general
from tests.arrays import f32
from tests.decompositions.harness import Case, check

TOLERANCE = 2e-6


def _spread(x, factors):
    shape = [(n - 1) * f + 1 for n, f in zip(x.shape, factors, strict=True)]
    made = np.zeros(shape, x.dtype)
    made[tuple(slice(None, None, f) for f in factors)] = x
    return made


def _fit(x, pads):
    x = np.pad(x, [(max(lo, 0), max(hi, 0)) for lo, hi in pads])
    return x[tuple(slice(max(-lo, 0), n - max(-hi, 0)) for n, (lo, hi) in zip(x.shape, pads, strict=True))]


def _same(size, span, stride):
    total = max((-(-size // stride) - 1) * stride + span - size, 0)
    return total // 2, total - total // 2


def reference(x, w, strides, padding="VALID", lhs_dilation=None, rhs_dilation=None, groups=1, batch_groups=1):
    """x: [N, *spatial, C]; w: [*window, C / groups, units]."""
    count = x.ndim - 2
    ones = [1] * count
    if batch_groups > 1:
        parts = zip(np.split(x, batch_groups, 0), np.split(w, batch_groups, -1), strict=True)
        return np.concatenate([reference(p, q, strides, padding, lhs_dilation, rhs_dilation) for p, q in parts], -1)
    x, w = _spread(x, [1, *(lhs_dilation or ones), 1]), _spread(w, [*(rhs_dilation or ones), 1, 1])
    window = w.shape[:count]
    if padding == "SAME":
        padding = [_same(n, k, s) for n, k, s in zip(x.shape[1:-1], window, strides, strict=True)]
    x = _fit(x, [(0, 0), *(padding if padding != "VALID" else [(0, 0)] * count), (0, 0)])
    sizes = [(n - k) // s + 1 for n, k, s in zip(x.shape[1:-1], window, strides, strict=True)]
    made: Any = np.zeros((x.shape[0], *sizes, w.shape[-1]))
    for at in itertools.product(*map(range, sizes)):
        place = tuple(slice(i * s, i * s + k) for i, s, k in zip(at, strides, window, strict=True))
        for g in range(groups):
            features = slice(g * x.shape[-1] // groups, (g + 1) * x.shape[-1] // groups)
            units = slice(g * w.shape[-1] // groups, (g + 1) * w.shape[-1] // groups)
            patch = x[(slice(None), *place, features)].astype(np.float64)
            made[(slice(None), *at, units)] = np.tensordot(patch, w[..., units].astype(np.float64), count + 1)
    return made.astype(np.float32)


def _conv(name, x, w, strides, *, shapes=(), constant=(1,), expect=None, specs=None, **options):
    x_spec: Any
    w_spec: Any
    out_spec: Any
    x_spec, w_spec, out_spec = specs or (None, None, None)

    def build(b, p, q):
        return conv_general(b, p, q, strides, x_spec=x_spec, w_spec=w_spec, out_spec=out_spec, **options)

    def expected(p, q):
        if specs is None:
            return reference(p, q, strides, **options)
        p = p.transpose(x_spec[0], *x_spec[2:], x_spec[1])
        q = q.transpose(*w_spec[2:], w_spec[1], w_spec[0])
        return reference(p, q, strides, **options).transpose(np.argsort([out_spec[0], *out_spec[2:], out_spec[1]]))

    return Case(name, build, expected, (x, w), TOLERANCE, shapes, constant, expect or {})


IMAGE, FILTER = f32(2, 8, 9, 4), f32(3, 3, 4, 6)
CASES = [
    _conv("valid", IMAGE, FILTER, (1, 1), expect={"CONV_2D": 1, "PAD": 0}),
    _conv("same", IMAGE, FILTER, (1, 1), padding="SAME", expect={"PAD": 0}, shapes=[("n", "h", "w", 4)]),
    _conv("same strided", IMAGE, FILTER, (2, 2), padding="SAME", expect={"PAD": 0}, shapes=[("n", 8, 9, 4)]),
    _conv(
        "same strided dynamic", IMAGE, FILTER, (2, 2), padding="SAME", expect={"PAD": 0}, shapes=[("n", "h", "w", 4)]
    ),
    _conv("explicit same", IMAGE, FILTER, (1, 1), padding=[(1, 1), (1, 1)], expect={"PAD": 0}),
    _conv(
        "torch pads", IMAGE, FILTER, (2, 2), padding=[(1, 1), (1, 1)], expect={"PAD": 1}, shapes=[("n", "h", "w", 4)]
    ),
    _conv("negative pads", IMAGE, FILTER, (1, 2), padding=[(-1, 2), (0, -2)]),
    _conv("atrous", IMAGE, FILTER, (1, 1), padding="SAME", rhs_dilation=(2, 3), expect={"PAD": 0}),
    _conv("groups", IMAGE, f32(3, 3, 2, 6), (1, 1), padding="SAME", groups=2, expect={"CONV_2D": 1}),
    _conv("depthwise", IMAGE, f32(3, 3, 1, 8), (2, 2), padding="SAME", groups=4, expect={"DEPTHWISE_CONV_2D": 1}),
    _conv("live filter", IMAGE, FILTER, (1, 1), padding="SAME", constant=()),
    _conv("batch groups", f32(4, 6, 6, 3), f32(3, 3, 3, 4), (1, 1), batch_groups=2),
    _conv("1d", f32(2, 9, 4), f32(3, 4, 5), (2,), padding="SAME", shapes=[("n", 9, 4)]),
    _conv("1d causal", f32(2, 9, 4), f32(3, 4, 5), (1,), padding=[(4, 0)], rhs_dilation=(2,), shapes=[("n", "t", 4)]),
    _conv("1d depthwise", f32(2, 9, 4), f32(3, 1, 4), (1,), padding="SAME", groups=4, shapes=[("n", "t", 4)]),
    _conv("3d", f32(2, 5, 6, 7, 3), f32(2, 3, 3, 3, 4), (1, 2, 1), padding="SAME", expect={"CONV_3D": 1}),
    _conv("3d groups", f32(2, 5, 6, 7, 4), f32(2, 3, 3, 2, 4), (1, 1, 1), padding=[(1, 1), (0, 0), (1, 2)], groups=2),
    _conv(
        "nchw",
        f32(2, 4, 8, 9),
        f32(6, 4, 3, 3),
        (1, 1),
        padding="SAME",
        specs=((0, 1, 2, 3), (0, 1, 2, 3), (0, 1, 2, 3)),
        expect={"TRANSPOSE": 2},
    ),
    _conv(
        "hwnc",
        f32(8, 9, 2, 4),
        f32(3, 3, 4, 6),
        (1, 1),
        padding="SAME",
        specs=((2, 3, 0, 1), (3, 2, 0, 1), (0, 1, 2, 3)),
    ),
    _conv(
        "transposed same",
        f32(2, 4, 5, 3),
        f32(4, 4, 3, 6),
        (1, 1),
        lhs_dilation=(2, 2),
        padding=[(2, 2), (2, 2)],
        expect={"TRANSPOSE_CONV": 1, "STRIDED_SLICE": 0, "PAD": 0},
    ),
    _conv(
        "transposed dynamic",
        f32(2, 4, 5, 3),
        f32(4, 4, 3, 6),
        (1, 1),
        lhs_dilation=(2, 2),
        padding=[(2, 2), (2, 2)],
        shapes=[("n", "h", "w", 3)],
        expect={"TRANSPOSE_CONV": 1, "PAD": 0},
    ),
    _conv(
        "transposed valid",
        f32(2, 4, 5, 3),
        f32(3, 3, 3, 6),
        (1, 1),
        lhs_dilation=(2, 2),
        padding=[(2, 2), (2, 2)],
        expect={"TRANSPOSE_CONV": 1, "STRIDED_SLICE": 0},
    ),
    _conv(
        "transposed uneven",
        f32(2, 4, 5, 3),
        f32(3, 3, 3, 6),
        (1, 1),
        lhs_dilation=(2, 2),
        padding=[(1, 2), (0, 3)],
        expect={"TRANSPOSE_CONV": 1},
    ),
    _conv(
        "transposed small window",
        f32(2, 4, 5, 3),
        f32(2, 1, 3, 6),
        (1, 1),
        lhs_dilation=(3, 2),
        padding=[(1, 2), (0, 1)],
    ),
    _conv(
        "transposed groups",
        f32(2, 4, 5, 4),
        f32(3, 3, 2, 6),
        (1, 1),
        lhs_dilation=(2, 2),
        padding=[(1, 2), (1, 2)],
        groups=2,
    ),
    _conv(
        "transposed strided", f32(2, 4, 5, 3), f32(3, 3, 3, 6), (2, 1), lhs_dilation=(3, 2), padding=[(1, 1), (1, 1)]
    ),
    _conv("transposed 1d", f32(2, 5, 3), f32(4, 3, 6), (1,), lhs_dilation=(2,), padding=[(2, 2)], shapes=[("n", 5, 3)]),
    _conv(
        "transposed 3d", f32(1, 3, 4, 3, 2), f32(3, 3, 3, 2, 4), (1, 1, 1), lhs_dilation=(2, 2, 2), padding=[(1, 2)] * 3
    ),
]


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_convolution(case: Case) -> None:
    check(case)
