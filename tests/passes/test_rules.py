"""Rules as text: what they match, what they make, and why they decline."""

import numpy as np
import pytest

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Value
from litesmith.ops.activation import HARD_SWISH
from litesmith.passes.driver import Declined
from litesmith.passes.rules import Match, Rule, rules_pass
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged
from tests.passes.texts import elementwise, graph


def small(match: Match) -> str | None:
    return None if abs(match.number("$c") or 0) < 10 else "the number is large"


def halved(match: Match, b: Builder) -> Value | Declined:
    """RELU(%a) of half."""
    return b.relu(b.mul(match["%a"], np.float32(0.5))) if match.op(HARD_SWISH).inputs[0].rank > 1 else Declined("a vector")


RULES = (
    rules_pass(
        "of-tests",
        Rule("SUB(EXP(%a), EXP(%a)) => NEG(%a)"),
        Rule("DIV(ABS(%a), $c) => MUL(SQUARE(%a), $c)", small),
        Rule("ADD(NEG(%a), 3) => SUB(3, %a)", floats=True),
        Rule("MAXIMUM|MINIMUM(%a, LEAKY_RELU(%a) {alpha=0.5}) => ELU(%a)"),
        Rule("MINIMUM~(%a, ELU(%a)) => RELU6(%a)"),
        Rule("COS(LEAKY_RELU(%a)) => LEAKY_RELU(ABS(%a)) {alpha=LEAKY_RELU.alpha}"),
        Rule("FLOOR(HARD_SWISH(%a))", make=halved),
    ),
)

test_rewritten = rewrites(
    RULES,
    *(
        Rewrite(name, elementwise(*steps), elementwise(*made), 1e9)
        for name, steps, made in (
            ("same value twice", ("EXP(%x)", "EXP(%x)", "SUB(%0, %1)"), ("NEG(%x)",)),
            ("constant", ("ABS(%x)", "DIV(%0, float32[](2))"), ("SQUARE(%x)", "MUL(%0, float32[](2))")),
            ("number", ("NEG(%x)", "ADD(%0, float32[](3))"), ("SUB(float32[](3), %x)",)),
            ("other order", ("NEG(%x)", "ADD(float32[](3), %0)"), ("SUB(float32[](3), %x)",)),
            ("alternative", ("LEAKY_RELU(%x) {alpha=0.5}", "MINIMUM(%x, %0)"), ("ELU(%x)",)),
            ("either order", ("ELU(%x)", "MINIMUM(%0, %x)"), ("RELU6(%x)",)),
            (
                "attribute of the pattern",
                ("LEAKY_RELU(%x) {alpha=0.25}", "COS(%0)"),
                ("ABS(%x)", "LEAKY_RELU(%0) {alpha=0.25}"),
            ),
            ("made by a function", ("HARD_SWISH(%x)", "FLOOR(%0)"), ("MUL(%x, float32[](0.5))", "RELU(%0)")),
            (
                "activation of the root",
                ("NEG(%x)", "ADD(%0, float32[](3)) {fused_activation_function=RELU}"),
                ("SUB(float32[](3), %x) {fused_activation_function=RELU}",),
            ),
        )
    ),
)

test_left = unchanged(
    RULES,
    Unchanged("another value", elementwise("EXP(%x)", "EXP(%y)", "SUB(%0, %1)", inputs=("x", "y"))),
    Unchanged("no constant", elementwise("ABS(%x)", "DIV(%0, %y)", inputs=("x", "y"))),
    Unchanged("another number", elementwise("NEG(%x)", "ADD(%0, float32[](4))")),
    Unchanged("another attribute", elementwise("LEAKY_RELU(%x) {alpha=0.25}", "MAXIMUM(%x, %0)")),
    Unchanged("not floats", elementwise("NEG(%x)", "ADD(%0, int32[](3))", type="int32[n, 4]")),
    Unchanged("order", elementwise("LEAKY_RELU(%x) {alpha=0.5}", "MAXIMUM(%0, %x)")),
    Unchanged("function", graph("%x: float32[4]", "HARD_SWISH(%x) : float32[4]", "FLOOR(%0) : float32[4]"), "a vector"),
    Unchanged("condition", elementwise("ABS(%x)", "DIV(%0, float32[](20))"), "the number is large"),
    Unchanged(
        "more operations", elementwise("ABS(%x)", "DIV(%0, float32[](2))", "ADD(%0, %1)"), "the ABS has other users"
    ),
    Unchanged(
        "broadcast",
        graph("%x: float32[n, 1]", "NEG(%x) : float32[n, 1]", "ADD(%0, float32[2](3, 3)) : float32[n, 2]"),
        "broadcasts the operand",
    ),
)


@pytest.mark.parametrize(
    "text",
    ["ADD(%x, %y)", "%x => ADD(%x, %x)", "ADD(%x, 0) => %y", "FROBNICATE(%x) => %x", "ADD(%x => %x", "ADD(%x, 0) => %x %x"],
)
def test_what_is_no_rule_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"no rule|no operator|cannot be read"):
        Rule(text)


def test_a_rule_made_by_a_function_tells_what_it_makes() -> None:
    assert str(Rule("FLOOR(HARD_SWISH(%a))", make=halved)) == "FLOOR(HARD_SWISH(%a)) => RELU(%a) of half"
