from litesmith.passes import means, powers, squared_difference
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged
from tests.passes.texts import elementwise, graph

BOTH = (*powers.PASSES, *squared_difference.PASSES)
TWO = ("x", "y")
EPSILON = "MAXIMUM(%x, float32[](1e-12))"

test_named = rewrites(
    BOTH,
    Rewrite("square", elementwise("POW(%x, float32[](2))"), elementwise("SQUARE(%x)")),
    Rewrite("sqrt", elementwise("ABS(%x)", "POW(%0, float32[](0.5))"), elementwise("ABS(%x)", "SQRT(%0)")),
    Rewrite("rsqrt", elementwise(EPSILON, "POW(%0, float32[](-0.5))"), elementwise(EPSILON, "RSQRT(%0)")),
    Rewrite(
        "reciprocal_root",
        elementwise(EPSILON, "SQRT(%0)", "DIV(float32[](1), %1)"),
        elementwise(EPSILON, "RSQRT(%0)"),
    ),
    Rewrite(
        "quotient_by_a_root",
        elementwise(EPSILON, "SQRT(%0)", "DIV(%y, %1) {fused_activation_function=RELU}", inputs=TWO),
        elementwise(EPSILON, "RSQRT(%0)", "MUL(%y, %1) {fused_activation_function=RELU}", inputs=TWO),
    ),
    Rewrite(
        "product_with_a_reciprocal_root_of_what_may_be_zero",
        elementwise("ABS(%x)", "RSQRT(%0)", "MUL(%1, %y) {fused_activation_function=RELU}", inputs=TWO),
        elementwise("ABS(%x)", "SQRT(%0)", "DIV(%y, %1) {fused_activation_function=RELU}", inputs=TWO),
    ),
    Rewrite(
        "product_with_a_power_of_what_may_be_zero",
        elementwise("ABS(%x)", "POW(%0, float32[](-0.5))", "MUL(%y, %1)", inputs=TWO),
        elementwise("ABS(%x)", "SQRT(%0)", "DIV(%y, %1)", inputs=TWO),
    ),
    Rewrite(
        "squared_difference",
        elementwise("SUB(%x, %y)", "POW(%0, float32[](2))", inputs=TWO),
        elementwise("SQUARED_DIFFERENCE(%x, %y)", inputs=TWO),
    ),
    Rewrite(
        "product_of_a_difference",
        elementwise("SUB(%x, %y)", "MUL(%0, %0)", inputs=TWO),
        elementwise("SQUARED_DIFFERENCE(%x, %y)", inputs=TWO),
    ),
)

test_kept = unchanged(
    BOTH,
    Unchanged("other_exponent", elementwise("POW(%x, float32[](3))")),
    Unchanged("integers", elementwise("POW(%x, int32[](2))", type="int32[n, 4]")),
    Unchanged("power_of_zero", elementwise("POW(%x, float32[](-0.5))"), "RSQRT of 0"),
    Unchanged("reciprocal_root_of_zero", elementwise("SQRT(%x)", "DIV(float32[](1), %0)"), "RSQRT of 0"),
    Unchanged(
        "shared_reciprocal_root", elementwise("RSQRT(%x)", "MUL(%y, %0)", "ADD(%0, %1)", inputs=TWO), "other users"
    ),
    Unchanged("shared_root", elementwise("SQRT(%x)", "DIV(%y, %0)", "ADD(%0, %1)", inputs=TWO), "other users"),
    Unchanged("shared_difference", elementwise("SUB(%x, %y)", "SQUARE(%0)", "ADD(%0, %1)", inputs=TWO), "other users"),
    Unchanged("product", elementwise("SUB(%x, %y)", "MUL(%0, %y)", inputs=TWO)),
)

SUM = "SUM(%x, int32[2](1, 2)) : float32[n, 3]"
IMAGE = "%x: float32[n, 5, 7, 3]"

test_means = rewrites(
    means.PASSES,
    Rewrite(
        "factor",
        graph(IMAGE, SUM, "MUL(%0, float32[](0.0285714287)) : float32[n, 3]"),
        graph(IMAGE, SUM.replace("SUM", "MEAN")),
    ),
    Rewrite(
        "divisor_and_kept_dimensions",
        graph(
            IMAGE,
            SUM,
            "RESHAPE(%0, int32[4](-1, 1, 1, 3)) : float32[n, 1, 1, 3]",
            "DIV(%1, float32[](35)) : float32[n, 1, 1, 3]",
        ),
        graph(IMAGE, "MEAN(%x, int32[2](1, 2)) {keep_dims=True} : float32[n, 1, 1, 3]"),
    ),
)

test_no_means = unchanged(
    means.PASSES,
    Unchanged("other_factor", graph(IMAGE, SUM, "MUL(%0, float32[](0.028)) : float32[n, 3]"), "not that of 35 terms"),
    Unchanged(
        "unknown_count",
        graph("%x: float32[n, 3]", "SUM(%x, int32[1](0)) : float32[3]", "DIV(%0, float32[](2)) : float32[3]"),
        "number of terms is unknown",
    ),
    Unchanged(
        "shared_sum", graph(IMAGE, SUM, "DIV(%0, float32[](35)) : float32[n, 3]", returns="%0, %1")
    ),
)
