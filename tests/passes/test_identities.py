from litesmith.passes.identities import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged
from tests.passes.texts import elementwise, graph

test_dropped = rewrites(
    PASSES,
    *(
        Rewrite(name, elementwise("NEG(%x)", f"{step}"), elementwise("NEG(%x)"))
        for name, step in {
            "add": "ADD(%0, float32[](0))",
            "add_left": "ADD(float32[4](0, 0, 0, 0), %0)",
            "sub": "SUB(%0, float32[](0))",
            "maximum": "MAXIMUM(%0, float32[](-inf))",
            "minimum": "MINIMUM(float32[](inf), %0)",
        }.items()
    ),
)

test_kept = unchanged(
    PASSES,
    Unchanged("activation", elementwise("ADD(%x, float32[](0)) {fused_activation_function=RELU}")),
    Unchanged("negation", elementwise("SUB(float32[](0), %x)")),
    Unchanged("other_infinity", elementwise("MAXIMUM(%x, float32[](inf))")),
    Unchanged(
        "broadcast", graph("%x: float32[n, 1]", "ADD(%x, float32[2](0, 0)) : float32[n, 2]"), "broadcasts the operand"
    ),
)
