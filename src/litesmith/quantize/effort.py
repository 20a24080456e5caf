"""How many samples a quantization is made better and judged with: as many as do not take longer than the rest.

By measured speeds of kernels, not by a clock: the same input gives the same file.
"""

from __future__ import annotations

from litesmith.quantize.costs import float_cost, integer_cost
from litesmith.quantize.plan import STATIC, Keys, Plan
from litesmith.quantize.samples import Call
from litesmith.quantize.variables import ACCESSES

ENOUGH, LEAST = 64, 8
"""Samples for small models, and for the largest ones."""

ENOUGH_TO_LEARN = 200
"""Samples for small models whose weights are rounded by what they are multiplied with."""

AFFORDABLE = 2e8
"""Cost of all runs over the samples, once, in elements of a float32 ADD (a second or two, as the layers are looked at)."""


def representative(samples: list[Call], keys: Keys, plan: Plan, rounding: str) -> list[Call]:
    """So many of the samples, evenly spread, as the quantized model can be run with."""
    cost = 0.0
    for key, op in keys.all:
        op_plan = plan.ops[key]
        is_integer = op_plan.form == STATIC and op.name not in ACCESSES
        cost += integer_cost(op, op_plan.activations) if is_integer else float_cost(op)
    count = int(min(max(AFFORDABLE / max(cost, 1.0), LEAST), ENOUGH_TO_LEARN if rounding == "gptq" else ENOUGH))
    step = max(1, len(samples) // count)
    return samples[::step][:count]
