"""Which form a recurrent layer takes.

The limits are measured (docs/recurrent.md; ``make bench BENCH_ARGS="--scenarios rnn"``).
"""

from __future__ import annotations

from typing import NamedTuple

from litesmith._util.rnn_forms import AUTO, COMPACT, FUSED, LOOP
from litesmith.decompositions.recurrent.description import RecurrentLayer

FUSED_UNITS = 16
"""At batch 1 the fused operator is the fastest up to so many units …"""

FUSED_UNITS_SEQUENCE = 24
"""… where all outputs are wanted, up to so many: the loop has to collect them …"""

COLLECTED = 1 << 16
"""… and where so many numbers are collected, always: the loop copies them all in each turn."""


class Choice(NamedTuple):
    """A form, and why it is the one."""

    form: str
    reason: str


def choose(layer: RecurrentLayer, sequence: bool, asked: str = AUTO) -> Choice:
    """The form of a layer that has a fused one and is not unrolled. sequence: whether all outputs are wanted."""
    if asked not in (AUTO, COMPACT):
        return Choice(asked, f"rnn={asked!r}")
    if layer.batch != 1 or not isinstance(layer.steps, int):
        return Choice(LOOP, "the fused operator takes the sequences of a batch one by one, the loop all at once")
    if sequence and layer.steps * layer.outputs >= COLLECTED:
        return Choice(FUSED, "a loop copies the collected outputs in each step")
    limit = FUSED_UNITS_SEQUENCE if sequence else FUSED_UNITS
    if layer.units <= limit:
        return Choice(FUSED, f"the fused operator is the fastest up to {limit} units")
    return Choice(LOOP, f"the loop is faster for more than {limit} units")
