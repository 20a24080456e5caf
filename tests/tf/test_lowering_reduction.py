"""Reductions, positions of extrema, running sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from tests.tf.parity import Case, f32, ints, parity_test  # noqa: E402

raw = tf.raw_ops
X = f32(2, 3, 4)
DYNAMIC = dict(spec=[(None, 3, 4)], also=[[f32(5, 3, 4)]])
ALL_DYNAMIC = dict(spec=[(None, None, None)], also=[[f32(5, 2, 6)]])
TRUTH = np.random.default_rng(1).random((2, 3, 4)) > 0.3

REDUCED: dict[str, tuple[Any, tuple[str, ...]]] = {
    "sum": (tf.reduce_sum, ("int8", "uint8", "int16", "int32", "int64", "float16")),
    "mean": (tf.reduce_mean, ("int32", "int64", "float16")),
    "max": (tf.reduce_max, ("int8", "uint8", "int16", "int32", "int64", "float16")),
    "min": (tf.reduce_min, ("int8", "uint8", "int16", "int32", "int64", "float16")),
    "prod": (tf.reduce_prod, ("int8", "int32", "int64", "float16")),
    "norm": (tf.math.reduce_euclidean_norm, ("float16",)),
    "logsumexp": (tf.reduce_logsumexp, ("float16",)),
    "variance": (tf.math.reduce_variance, ("float16",)),
    "std": (tf.math.reduce_std, ("float16",)),
}
AXES: dict[str, Any] = {"all": None, "0": 0, "last": -1, "1 2": [1, 2], "-1 0": [-1, 0], "none": [], "every": [0, 1, 2]}
REDUCTIONS = [
    case
    for name, (fn, dtypes) in REDUCED.items()
    for case in (
        *(Case(f"{name} over {how}", lambda x, fn=fn, a=axes: fn(x, axis=a), [X]) for how, axes in AXES.items()),
        Case(f"{name} kept", lambda x, fn=fn: fn(x, axis=[0, -1], keepdims=True), [X]),
        Case(f"{name} dynamic", lambda x, fn=fn: fn(x, axis=1), [X], **DYNAMIC),
        Case(f"{name} all dynamic", lambda x, fn=fn: fn(x, axis=[0, 2], keepdims=True), [X], **ALL_DYNAMIC),
        Case(f"{name} to scalar", fn, [X], **ALL_DYNAMIC),
        Case(f"{name} of scalar", fn, [np.float32(3)]),
        *(
            Case(
                f"{name} {d}",
                lambda x, fn=fn: fn(x, axis=1),
                [ints(3, 4, dtype=d, low=0 if d[0] == "u" else -9)],
                tol=4e-3,
            )
            for d in dtypes
        ),
        Case(f"{name} rank 6", lambda x, fn=fn: fn(x, axis=[1, 4]), [f32(2, 3, 2, 1, 2, 2)]),
    )
]
test_reductions = parity_test(REDUCTIONS)

MORE = [
    *(
        Case(f"{name} over {how}", lambda x, fn=fn, a=axes: fn(x, axis=a), [TRUTH])
        for name, fn in {"any": tf.reduce_any, "all": tf.reduce_all}.items()
        for how, axes in AXES.items()
    ),
    Case("any dynamic", lambda x: tf.reduce_any(x, 1, keepdims=True), [TRUTH], spec=[(None, None, None)]),
    Case("sum of none", lambda x: tf.reduce_sum(x, 0), [f32(0, 3)]),
    Case("prod of none", lambda x: tf.reduce_prod(x, 0), [f32(0, 3)]),
    Case("any of none", lambda x: tf.reduce_any(x, 0), [np.zeros((0, 3), bool)]),
    Case("all of none", lambda x: tf.reduce_all(x, 0), [np.zeros((0, 3), bool)]),
    Case("max of none", lambda x: tf.reduce_max(x, 0), [f32(0, 3)], ops=0),
    Case("min of none", lambda x: tf.reduce_min(x, 1, keepdims=True), [f32(2, 0, 3)], ops=0),
    Case("max of no integers", lambda x: tf.reduce_max(x, 0), [np.zeros((0, 3), np.int32)], ops=0),
    Case("max of none, other sizes open", lambda x: tf.reduce_max(x, 1), [f32(2, 0, 3)], spec=[(None, 0, 3)]),
    Case("sum infinite", tf.reduce_sum, [np.float32([1, np.inf, 2])]),
    Case("sum nan", tf.reduce_sum, [np.float32([1, np.nan, 2])]),
    Case("max infinite", tf.reduce_max, [np.float32([1, np.inf, -np.inf])]),
    Case("mean int negative", lambda x: tf.reduce_mean(x, 1), [np.int32([[-7, 0], [7, 0], [-1, -2]])]),
    Case("sum int64 axis", lambda x: raw.Sum(input=x, axis=tf.constant([1], tf.int64)), [X]),
    Case("sum double is refused", tf.reduce_sum, [np.float64(X)], raises="LS012", says="float64"),
    Case("bfloat16", lambda x: tf.cast(tf.reduce_mean(tf.cast(x, tf.bfloat16), 1), tf.float32), [X], tol=2e-2),
    Case("l2 loss", tf.nn.l2_loss, [X]),
    Case("l2 loss dynamic", tf.nn.l2_loss, [X], **DYNAMIC),
    Case("l2 loss half", tf.nn.l2_loss, [X.astype(np.float16)]),
    Case("moments", lambda x: tf.nn.moments(x, [0, 2]), [X], **DYNAMIC),
    Case("count nonzero", lambda x: tf.math.count_nonzero(x, 1), [ints(3, 4, low=0, high=2)]),
    Case("zero fraction", tf.math.zero_fraction, [ints(3, 4, low=0, high=2).astype("float32")]),
    Case("max int64 dynamic", lambda x: tf.reduce_max(x, -1), [ints(2, 3, dtype="int64")], spec=[(None, 3)]),
]
test_more = parity_test(MORE)

TIES = np.float32([[1, 3, 3, 2], [5, 5, 0, 5], [-1, -1, -1, -1]])
ARGS = [
    case
    for name, fn in {"argmax": tf.argmax, "argmin": tf.argmin}.items()
    for case in (
        *(Case(f"{name} {axis}", lambda x, fn=fn, axis=axis: fn(x, axis), [X]) for axis in (0, 1, -1)),
        Case(f"{name} dynamic", lambda x, fn=fn: fn(x, -1), [X], **ALL_DYNAMIC),
        Case(f"{name} ties", lambda x, fn=fn: fn(x, 1), [TIES]),
        Case(f"{name} vector", lambda x, fn=fn: fn(x), [f32(7)]),
        *(
            Case(f"{name} {d}", lambda x, fn=fn: fn(x, 1), [ints(3, 4, dtype=d, low=0)])
            for d in ("int8", "uint8", "int16", "int32", "int64", "float16")
        ),
        *(Case(f"{name} to {d}", lambda x, fn=fn, d=d: fn(x, 1, output_type=d), [X]) for d in ("int32", "int64")),
        Case(f"{name} bfloat16", lambda x, fn=fn: fn(tf.cast(x, tf.bfloat16), 1), [TIES]),
    )
] + [
    Case("argmax to int16", lambda x: raw.ArgMax(input=x, dimension=1, output_type=tf.int16), [X]),
    Case("argmax bool", lambda x: raw.ArgMax(input=x, dimension=1), [TRUTH]),
    Case("argmin bool", lambda x: raw.ArgMin(input=x, dimension=1), [TRUTH]),
    Case("argmax large int64", tf.argmax, [np.int64([2**40, 2**40 + 1, -(2**50)])]),
    Case("argmax infinite", tf.argmax, [np.float32([-np.inf, -1e38, np.inf, 3])]),
]
test_args = parity_test(ARGS)

RUNNING = [
    case
    for name, fn in {
        "cumsum": tf.cumsum,
        "cumprod": tf.math.cumprod,
        "cumlogsumexp": tf.math.cumulative_logsumexp,
    }.items()
    for case in (
        *(
            Case(
                f"{name} {axis} {exclusive} {reverse}",
                lambda x, fn=fn, a=axis, e=exclusive, r=reverse: fn(x, axis=a, exclusive=e, reverse=r),
                [X],
            )
            for axis in (0, -1)
            for exclusive in (False, True)
            for reverse in (False, True)
        ),
        Case(f"{name} dynamic", lambda x, fn=fn: fn(x, axis=1), [X], **DYNAMIC),
        Case(f"{name} half", lambda x, fn=fn: fn(x, axis=1), [X.astype(np.float16)], tol=4e-3),
        Case(f"{name} one", lambda x, fn=fn: fn(x, axis=1, exclusive=True), [f32(3, 1)]),
    )
] + [
    *(Case(f"cumsum {d}", tf.cumsum, [ints(5, dtype=d, low=0)]) for d in ("int8", "uint8", "int16", "int32", "int64")),
    *(Case(f"cumprod {d}", tf.math.cumprod, [ints(5, dtype=d, low=1, high=3)]) for d in ("int8", "int32", "int64")),
    Case("cumsum double is refused", tf.cumsum, [f32(5).astype("float64")], raises="LS012", says="float64"),
    Case("cumsum dynamic axis", tf.cumsum, [X], **DYNAMIC),
    *(
        Case(
            f"{name} of unknown size, exclusive {exclusive}, reverse {reverse}",
            lambda x, f=f, e=exclusive, r=reverse: f(x, 1, exclusive=e, reverse=r),
            [f32(2, 7, 3)],
            spec=[(None, None, 3)],
            also=[[f32(3, 1, 3)], [f32(1, 16, 3)]],
        )
        for name, f in (("cumprod", tf.math.cumprod), ("cumulative logsumexp", tf.math.cumulative_logsumexp))
        for exclusive in (False, True)
        for reverse in (False, True)
    ),
    Case("cumsum none", tf.cumsum, [f32(0)]),
]
test_running = parity_test(RUNNING)

CASES = [*REDUCTIONS, *MORE, *ARGS, *RUNNING]
