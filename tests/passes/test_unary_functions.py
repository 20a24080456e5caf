import pytest

from litesmith.ir.builder import Builder
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Graph, Program
from litesmith.ir.types import tensor
from litesmith.ops import OPS
from litesmith.passes.unary_functions import PASSES
from tests.passes.harness import Rewrite, Unchanged, apply, check_same, rewrites, unchanged
from tests.passes.interpret import random_inputs, run
from tests.passes.texts import elementwise

SIXTH, ROOT = "float32[](0.166666672)", "float32[](0.797884583)"
RELU6 = ("ADD(%x, float32[](3))", "RELU6(%0)")
CUBE = "MUL(%0, float32[](0.0447149985))"
TANH = ("ADD(%x, %1)", f"MUL(%2, {ROOT})", "TANH(%3)", "ADD(%4, float32[](1))")

test_recognised = rewrites(
    PASSES,
    *(
        Rewrite(f"hard_swish/{name}", elementwise(*steps), elementwise("HARD_SWISH(%x)"))
        for name, steps in {
            "factor_last": (*RELU6, "MUL(%x, %1)", f"MUL(%2, {SIXTH})"),
            "factor_first": (*RELU6, f"MUL(%1, {SIXTH})", "MUL(%x, %2)"),
            "divided": (*RELU6, "MUL(%1, %x)", "DIV(%2, float32[](6))"),
            "fused": ("ADD(%x, float32[](3)) {fused_activation_function=RELU6}", f"MUL(%0, {SIXTH})", "MUL(%x, %1)"),
            "hard_sigmoid": (
                f"MUL(%x, {SIXTH})", "ADD(%0, float32[](0.5))", "RELU_0_TO_1(%1)", "MUL(%2, %x)",
            ),
        }.items()
    ),
    *(
        Rewrite(f"gelu_tanh/{name}", elementwise(*steps), elementwise("GELU(%x) {approximate=True}"))
        for name, steps in {
            "power": ("POW(%x, float32[](3))", CUBE, *TANH, "MUL(%x, float32[](0.5))", "MUL(%6, %5)"),
            "outer_half": ("POW(%x, float32[](3))", CUBE, *TANH, "MUL(%5, float32[](0.5))", "MUL(%x, %6)"),
        }.items()
    ),
    Rewrite(
        "elu",
        elementwise("EXP(%x)", "SUB(%0, float32[](1))").replace(
            "return %1",
            "%2 = GREATER(%x, float32[](0)) : bool[n, 4]\n%3 = SELECT_V2(%2, %x, %1) : float32[n, 4]\nreturn %3",
        ),
        elementwise("ELU(%x)"),
    ),
)  # fmt: skip

test_left_alone = unchanged(
    PASSES,
    Unchanged("other_shift", elementwise("ADD(%x, float32[](2.9))", "RELU6(%0)", "MUL(%x, %1)", f"MUL(%2, {SIXTH})")),
    Unchanged("swish", elementwise("LOGISTIC(%x)", "MUL(%x, %0)")),
    Unchanged("two_variables", elementwise("ADD(%y, float32[](3))", "RELU6(%0)", "MUL(%x, %1)", f"MUL(%2, {SIXTH})", inputs=("x", "y"))),
    Unchanged("per_channel", elementwise("ADD(%x, float32[4](3, 3, 3, 2))", "RELU6(%0)", "MUL(%x, %1)", f"MUL(%2, {SIXTH})")),
)


@pytest.mark.parametrize("form", ["erf", "erfc"])
def test_the_decomposed_error_function(form: str) -> None:
    from litesmith.decompositions import special

    graph = Graph()
    x = graph.add_input(tensor(DType.FLOAT32, (3, 64)), "x")
    b = Builder(graph, OPS)
    if form == "erf":
        y = b.mul(b.mul(x, 0.5), b.add(special.erf(b, b.div(x, 1.4142135)), 1.0))
    else:
        y = b.mul(b.mul(x, 0.5), special.erfc(b, b.mul(b.neg(x), 0.70710677)))
    graph.outputs = [y]
    program = Program([graph])
    inputs = random_inputs(program, -6, 6)
    expected = run(graph, inputs)
    apply(PASSES, program)
    assert program.histogram() == {"GELU": 1}
    assert next(graph.ops).attrs["approximate"] is False
    check_same(run(graph, inputs), expected, 1e-6)


@pytest.mark.parametrize("form", ["softplus", "naive"])
def test_mish(form: str) -> None:
    from litesmith.decompositions import special

    graph = Graph()
    x = graph.add_input(tensor(DType.FLOAT32, (3, 64)), "x")
    b = Builder(graph, OPS)
    soft = special.softplus(b, x) if form == "softplus" else b.log(b.add(b.exp(b.minimum(x, 20.0)), 1.0))
    graph.outputs = [b.mul(x, b.tanh(soft))]
    program = Program([graph])
    inputs = random_inputs(program, -6, 6)
    expected = run(graph, inputs)
    apply(PASSES, program)
    assert sum(program.histogram().values()) == (6 if form == "naive" else 7)
    check_same(run(graph, inputs), expected, 1e-6)
