"""Layer normalization of a gate, as the fused LSTM applies it.

    %m = MEAN(%z, [-1]) {keep_dims=True}
    %d = SUB(%z, %m)
    %v = MEAN(SQUARED_DIFFERENCE(%z, %m), [-1]) {keep_dims=True}
    %n = MUL(%d, RSQRT(ADD(%v, 1e-8)))

The kernel adds 1e-8 to the variance; with any other number it computes something else.
"""

from __future__ import annotations

import numpy as np

from litesmith.decompositions.recurrent import NORM_EPSILON
from litesmith.ir.graph import Op, Value
from litesmith.ops.reduction import MEAN
from litesmith.passes.recurrent.affine import UnclearError
from litesmith.passes.rules import find, patterns

_CENTERED = "SUB(%z, MEAN(%z, $axes))"
_SQUARES = ("SQUARED_DIFFERENCE(%z, MEAN(%z, $axes))", f"SQUARE({_CENTERED})", f"MUL({_CENTERED}, {_CENTERED})")
_FORMS = tuple(
    form.format(_CENTERED, f"ADD(MEAN({squares.replace('$axes', '$same_axes')}, $features), $epsilon)")
    for squares in _SQUARES
    for form in ("MUL({}, RSQRT({}))", "DIV({}, SQRT({}))")
)
PATTERNS = patterns(*_FORMS)


def normalization_input(value: Value) -> Value | None:
    """What a value is the layer normalization of; None where it is none. Raises UnclearError for another epsilon."""
    for match in find(value, PATTERNS):
        epsilon = match.number("$epsilon")
        if epsilon is None or not all(_averages_features(op) for op in match.ops if op.defn is MEAN):
            continue
        if not np.isclose(epsilon, NORM_EPSILON, rtol=1e-3, atol=0):
            raise UnclearError(
                f"the epsilon of a layer normalization is {epsilon:g}, the operator's {NORM_EPSILON:g}"
            )
        return match["%z"]
    return None


def _averages_features(mean: Op) -> bool:
    x, axes = mean.inputs
    return (
        bool(mean.attrs["keep_dims"]) and axes.is_small_const and axes.numpy().ravel().tolist() in ([-1], [x.rank - 1])
    )
