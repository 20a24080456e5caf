from litesmith.passes.negations import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged
from tests.passes.texts import elementwise

XYZ = ("x", "y", "z")

test_moved = rewrites(
    PASSES,
    *(
        Rewrite(name, elementwise(*steps, inputs=XYZ), elementwise(*made, inputs=XYZ))
        for name, steps, made in (
            ("added", ("NEG(%y)", "ADD(%x, %0)"), ("SUB(%x, %y)",)),
            ("added_left", ("NEG(%y)", "ADD(%0, %x)"), ("SUB(%x, %y)",)),
            (
                "subtracted",
                ("NEG(%y)", "SUB(%x, %0) {fused_activation_function=RELU}"),
                ("ADD(%x, %y) {fused_activation_function=RELU}",),
            ),
            ("product_added", ("NEG(%y)", "MUL(%0, %z)", "ADD(%1, %x)"), ("MUL(%y, %z)", "SUB(%x, %0)")),
            ("product_subtracted", ("NEG(%y)", "MUL(%z, %0)", "SUB(%x, %1)"), ("MUL(%y, %z)", "ADD(%x, %0)")),
            ("two_factors", ("NEG(%y)", "NEG(%x)", "MUL(%0, %1)"), ("MUL(%y, %x)",)),
            ("absolute_value", ("EXP(%y)", "ABS(%0)", "ADD(%1, %x)"), ("EXP(%y)", "ADD(%0, %x)")),
            ("absolute_value_of_a_negation", ("NEG(%y)", "ABS(%0)", "ADD(%1, %x)"), ("ABS(%y)", "ADD(%0, %x)")),
            (
                "parts_of_a_sum",
                ("NEG(%y)", "RELU(%0)", "ADD(%x, %1)", "NEG(%2)"),
                ("MINIMUM(%y, float32[](0))", "SUB(%0, %x)"),
            ),
            ("constant_factor", ("NEG(%y)", "MUL(%0, float32[](3))"), ("MUL(%y, float32[](-3))",)),
        )
    ),
)

test_kept = unchanged(
    PASSES,
    Unchanged("shared_sum", elementwise("NEG(%y)", "RELU(%0)", "ADD(%x, %1)", "NEG(%2)", "MUL(%2, %3)", inputs=XYZ), "other users"),
    Unchanged("minuend", elementwise("NEG(%y)", "SUB(%0, %x)", inputs=XYZ)),
    Unchanged("absolute_value", elementwise("RELU(%y)", "ABS(%0)", "ADD(%1, %x)", inputs=XYZ)),
    Unchanged("one_factor", elementwise("NEG(%y)", "MUL(%0, %x)", inputs=XYZ)),
    Unchanged("shared_product", elementwise("NEG(%y)", "MUL(%0, %z)", "ADD(%x, %1)", "MUL(%1, %2)", inputs=XYZ), "other users"),
)
