"""Arithmetic that leaves its operand as it is.

The builder drops what is exact to the last bit (multiplying by 1, adding -0.0). Here go the ones that are equal as
numbers: adding 0.0 turns -0.0 into 0.0 and nothing else; the extremum with the infinity that never wins is the operand.
Legal where broadcasting leaves the operand's shape as it is and no activation is fused.
"""

from __future__ import annotations

from litesmith.passes.rules import Rule, rules_pass

IDENTITIES = rules_pass(
    "identities",
    Rule("ADD(%x, 0) => %x", floats=True),
    Rule("SUB(%x, 0) => %x", floats=True),
    Rule("MAXIMUM~(%x, -inf) => %x", floats=True),
    Rule("MINIMUM~(%x, inf) => %x", floats=True),
)
PASSES = (IDENTITIES,)
