"""Fake quantization."""

from __future__ import annotations

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from tests.tf.parity import Case, f32, parity_test  # noqa: E402

raw = tf.raw_ops
X = f32(3, 4)
TIES = np.float32([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 200, -200]) * np.float32(2 / 255)
WEIGHTS = f32(4, 5, seed=3)


def fake(x, low=-1.0, high=1.0, **more):
    return tf.quantization.fake_quant_with_min_max_vars(x, low, high, **more)


LOWS, HIGHS = [-1.0, -2.0, -3.0, -1.0], [1.0, 1.0, 2.0, 3.0]


def by_column(x):
    """With a range for each column, which TensorFlow has no kernel for on CPUs."""
    columns = [
        tf.quantization.quantize_and_dequantize_v2(column, low, high, range_given=True)
        for column, low, high in zip(tf.unstack(x, axis=1), LOWS, HIGHS, strict=True)
    ]
    return tf.stack(columns, 1)


CASES = [
    Case("vars", fake, [X], spec=[(None, 4)], also=[[f32(7, 4)]], ops={"FAKE_QUANT": 1}),
    Case("vars ties", lambda x: fake(x, -1.0, 1.0), [TIES]),
    *(Case(f"vars {bits} bits", lambda x, n=bits: fake(x, num_bits=n), [X]) for bits in (2, 4, 8, 12, 16)),
    Case("vars narrow", lambda x: fake(x, narrow_range=True), [X]),
    Case("vars positive", lambda x: fake(x, 0.0, 6.0), [X * 4]),
    Case("vars without zero", lambda x: fake(x, 1.0, 3.0), [X * 2]),
    Case("vars below zero", lambda x: fake(x, -3.0, -1.0), [X * 2]),
    Case("vars nudged", lambda x: fake(x, -0.37, 1.21), [X]),
    Case("vars nothing", lambda x: fake(x, 0.0, 0.0), [X]),
    Case("args", lambda x: tf.quantization.fake_quant_with_min_max_args(x, -1.5, 3.0), [X], ops={"FAKE_QUANT": 1}),
    *(
        Case(
            f"there and back {name}",
            lambda x, options=options: tf.quantization.quantize_and_dequantize_v2(x, **options),
            [np.append(X, TIES[:4]).astype(np.float32).reshape(4, 4) * 1.7],
            tol=tol,
        )
        for name, tol, options in (
            ("signed", None, dict(input_min=-1.0, input_max=1.3, range_given=True)),
            ("by the low side", None, dict(input_min=-2.0, input_max=1.0, range_given=True)),
            ("unsigned", None, dict(input_min=0.0, input_max=2.0, signed_input=False, range_given=True)),
            ("half up", None, dict(input_min=-1.0, input_max=1.0, range_given=True, round_mode="HALF_UP")),
            ("4 bits narrow", None, dict(input_min=-1.0, input_max=1.0, num_bits=4, range_given=True, narrow_range=True)),
        )
    ),
    Case(
        "there and back by channel",
        lambda x: raw.QuantizeAndDequantizeV2(
            input=x, input_min=LOWS, input_max=HIGHS, range_given=True, axis=1
        ),
        [X * 2],
        reference=by_column,
    ),
    Case(
        "there and back v2",
        lambda x: raw.QuantizeAndDequantizeV2(input=x, input_min=-1.0, input_max=1.0, range_given=True),
        [X],
    ),
    Case(
        "there and back v3",
        lambda x: raw.QuantizeAndDequantizeV3(input=x, input_min=-1.0, input_max=1.5, num_bits=6),
        [X],
    ),
    Case(
        "there and back without a range is refused",
        lambda x: raw.QuantizeAndDequantizeV2(input=x, input_min=0.0, input_max=0.0),
        [X],
        raises="LS001",
        says="range_given=True",
    ),
    Case("args default", lambda x: raw.FakeQuantWithMinMaxArgs(inputs=x), [X * 4]),
    Case("args narrow", lambda x: tf.quantization.fake_quant_with_min_max_args(x, -1.5, 3.0, 4, True), [X]),
    Case(
        "per channel",
        lambda x: tf.quantization.fake_quant_with_min_max_vars_per_channel(
            x, np.float32([-1, -0.5, 0, -2]), np.float32([1, 0.7, 2, 0])
        ),
        [X],
    ),
    Case("weights", lambda x: tf.matmul(x, fake(tf.constant(WEIGHTS), narrow_range=True)), [X], ops=1),
    Case("fed range is refused", fake, [X, np.float32(-1), np.float32(1)], raises="LS001", says="freeze"),
]
test_quantization = parity_test(CASES)
