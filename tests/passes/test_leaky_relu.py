from litesmith.passes.leaky_relu import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged
from tests.passes.texts import elementwise

LEAKY = elementwise("LEAKY_RELU(%x) {alpha=0.25}")
SLOPE, SLOPES = "float32[](0.25)", "float32[4](0.25, 0.5, 2, 3)"
NEGATED = "float32[4](-0.25, -0.5, -2, -3)"


def choice(test: str, positive: str, negative: str) -> str:
    return elementwise(f"MUL(%x, {SLOPE})").replace(
        "return %0",
        f"%1 = {test}(%x, float32[](0)) : bool[n, 4]\n%2 = SELECT_V2(%1, {positive}, {negative}) : float32[n, 4]\nreturn %2",
    )


test_named = rewrites(
    PASSES,
    Rewrite("maximum", elementwise(f"MUL(%x, {SLOPE})", "MAXIMUM(%x, %0)"), LEAKY),
    Rewrite("maximum_left", elementwise(f"MUL({SLOPE}, %x)", "MAXIMUM(%0, %x)"), LEAKY),
    Rewrite("greater", choice("GREATER", "%x", "%0"), LEAKY),
    Rewrite("less", choice("LESS", "%0", "%x"), LEAKY),
    *(
        Rewrite(name, elementwise("RELU(%x)", *steps), elementwise(f"PRELU(%x, {SLOPES})"))
        for name, steps in {
            "minimum": ("MINIMUM(%x, float32[](0))", f"MUL(%1, {SLOPES})", "ADD(%0, %2)"),
            "negated_slope": ("NEG(%x)", "RELU(%1)", f"MUL({NEGATED}, %2)", "ADD(%0, %3)"),
            "subtracted": ("NEG(%x)", "RELU(%1)", f"MUL(%2, {SLOPES})", "SUB(%0, %3)"),
            "negated_product": ("NEG(%x)", "RELU(%1)", f"MUL(%2, {SLOPES})", "NEG(%3)", "ADD(%4, %0)"),
            "same_rank": ("MINIMUM(%x, float32[](0))", "MUL(%1, float32[1, 4](0.25, 0.5, 2, 3))", "ADD(%0, %2)"),
        }.items()
    ),
    Rewrite(
        "one_slope",
        elementwise("RELU(%x)", "MINIMUM(%x, float32[](0))", f"MUL(%1, {SLOPE})", "ADD(%0, %2)"),
        LEAKY,
    ),
)

test_left_alone = unchanged(
    PASSES,
    Unchanged("steep", elementwise("MUL(%x, float32[](2))", "MAXIMUM(%x, %0)"), "not between 0 and 1"),
    Unchanged("other_operand", elementwise(f"MUL(%y, {SLOPE})", "MAXIMUM(%x, %0)", inputs=("x", "y"))),
    Unchanged("swapped_branches", choice("GREATER", "%0", "%x")),
    Unchanged(
        "slopes_for_the_batch",
        elementwise(
            "RELU(%x)",
            "MINIMUM(%x, float32[](0))",
            "MUL(%1, float32[2, 1](1, 2))",
            "ADD(%0, %2)",
            type="float32[2, 4]",
        ),
        "do not broadcast over the batch",
    ),
)
