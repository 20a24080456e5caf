import itertools

import numpy as np
import pytest

from litesmith.passes.constant_chains import PASSES
from tests.passes.harness import Rewrite, Unchanged, apply, check_same, parsed, rewrites, unchanged
from tests.passes.interpret import random_inputs, run
from tests.passes.texts import elementwise, graph

A, C = "float32[4](1, 2, 4, 8)", "float32[](2)"
FORMS = ("{op}(%x, {a})", "{op}({a}, %x)")

test_joined = rewrites(
    PASSES,
    Rewrite(
        "factors", elementwise(f"MUL(%x, {A})", f"DIV(%0, {C})"), elementwise("MUL(%x, float32[4](0.5, 1, 2, 4))")
    ),
    Rewrite(
        "activation_of_the_last",
        elementwise(f"SUB({A}, %x)", f"ADD(%0, {C}) {{fused_activation_function=RELU}}"),
        elementwise("SUB(float32[4](3, 4, 6, 10), %x) {fused_activation_function=RELU}"),
    ),
    Rewrite(
        "integers",
        elementwise("MUL(%x, int32[](3))", "MUL(int32[](5), %0)", type="int32[n, 4]"),
        elementwise("MUL(%x, int32[](15))", type="int32[n, 4]"),
    ),
    Rewrite(
        "three",
        elementwise(f"ADD(%x, {A})", f"SUB(%0, {C})", f"SUB({C}, %1)"),
        elementwise("SUB(float32[4](3, 2, 0, -4), %x)"),
    ),
)


@pytest.mark.parametrize(
    ("first", "second", "left", "right"),
    [(f, s, i, j) for pair in (("ADD", "SUB"), ("MUL", "DIV")) for f, s in itertools.product(pair, pair)
     for i, j in itertools.product(FORMS, FORMS)],
)  # fmt: skip
def test_every_combination(first: str, second: str, left: str, right: str) -> None:
    steps = left.format(op=first, a=A), right.format(op=second, a=C).replace("%x", "%0")
    program = parsed(elementwise(*steps))
    inputs = [x + np.float32(3) for x in random_inputs(program)]
    expected = run(program.main, inputs)
    apply(PASSES, program)
    assert len(program.main) == 1
    check_same(run(program.main, inputs), expected, 1e-6)


test_behind_moves = rewrites(
    PASSES,
    Rewrite(
        "number",
        graph(
            "%x: float32[n, 2, 3]",
            "MUL(%x, float32[](6)) : float32[n, 2, 3]",
            "TRANSPOSE(%0, int32[3](0, 2, 1)) : float32[n, 3, 2]",
            "RESHAPE(%1, int32[2](-1, 6)) : float32[n, 6]",
            "DIV(%2, float32[](2)) : float32[n, 6]",
        ),
        graph(
            "%x: float32[n, 2, 3]",
            "TRANSPOSE(%x, int32[3](0, 2, 1)) : float32[n, 3, 2]",
            "RESHAPE(%0, int32[2](-1, 6)) : float32[n, 6]",
            "MUL(%1, float32[](3)) : float32[n, 6]",
        ),
    ),
)


test_kept = unchanged(
    PASSES,
    Unchanged("rounding", elementwise("ADD(%x, float32[](12582912))", "SUB(%0, float32[](12582912))"), "cancel"),
    Unchanged(
        "vector_behind_moves",
        graph(
            "%x: float32[n, 6]",
            "MUL(%x, float32[6](1, 2, 3, 4, 5, 6)) : float32[n, 6]",
            "RESHAPE(%0, int32[3](-1, 2, 3)) : float32[n, 2, 3]",
            "DIV(%1, float32[](2)) : float32[n, 2, 3]",
        ),
    ),
    Unchanged("overflow", elementwise("MUL(%x, float32[](1e30))", "MUL(%0, float32[](1e30))"), "over- or underflows"),
    Unchanged("underflow", elementwise("MUL(%x, float32[](1e-30))", "MUL(%0, float32[](1e-30))"), "over- or underflows"),
    Unchanged(
        "growth",
        graph(
            "%x: float32[2, 2]",
            "ADD(%x, float32[2, 1](1, 2)) : float32[2, 2]",
            "ADD(%0, float32[2](1, 2)) : float32[2, 2]",
        ),
        "more elements",
    ),
    Unchanged("activation", elementwise(f"ADD(%x, {A}) {{fused_activation_function=RELU}}", f"ADD(%0, {C})")),
    Unchanged("integer_division", elementwise("DIV(%x, int32[](3))", "DIV(%0, int32[](5))", type="int32[n, 4]")),
    Unchanged("other_family", elementwise(f"MUL(%x, {A})", f"ADD(%0, {C})")),
)
