"""What passes its operand on: operators for gradients, for looking into a graph, and copies."""

from __future__ import annotations

from typing import Any

import pytest

tf = pytest.importorskip("tensorflow")

from tests.tf.parity import Case, f32, parity_test  # noqa: E402

raw = tf.raw_ops
X = f32(2, 3)


def _printed(x: Any) -> Any:
    tf.print("seen", x)
    return raw.Print(input=x, data=[x, x + 1.0], message="seen") * 2.0


test_passed_on = parity_test(
    [
        Case("print", _printed, [X], ops=1),
        Case("no gradient", lambda x: raw.PreventGradient(input=x) * 2.0, [X], ops=1),
        Case("snapshot", lambda x: raw.Snapshot(input=x) * 2.0, [X], ops=1),
        Case("checked", lambda x: tf.debugging.check_numerics(x, "x") * 2.0, [X], ops=1),
        Case("checked by the debugger", lambda x: raw.CheckNumericsV2(tensor=x, message="x") * 2.0, [X], ops=1),
    ]
)
