"""An operator that nothing but its declaration knows of joins layouts, ranges, fusions and quantization."""

from textwrap import dedent

import numpy as np

from litesmith.ir.graph import Program
from litesmith.ir.intervals import of_integers
from litesmith.ir.opdef import Dimensions, Kernel, OpDef, OpSet, QuantRule, Trait
from litesmith.ir.parser import parse_program
from litesmith.ir.printer import print_program
from litesmith.ops import OPS
from litesmith.ops.common import FLOAT, INT8, INT32, dtypes, int32, operands, same_as
from litesmith.passes import activation_fusion, known_ranges, layout, transpose_absorption
from litesmith.passes.driver import AnyPass, run_pass
from litesmith.passes.layout_rules import permutation_of
from litesmith.quantize.calibrate import Calibration, tensor_keys
from litesmith.quantize.plan import STATIC
from litesmith.quantize.planner import make_plan
from litesmith.quantize.ranges import Range
from litesmith.quantize.recipe import Recipe

ROLL = OpDef(
    "ROLL",
    9001,
    operands("x", FLOAT),
    attrs={"axis": int32()},
    infer=same_as("x"),
    traits=Trait.MOVES_DATA,
    dimensions=Dimensions(axis=("axis",)),
    quant=QuantRule(same_scale=True, ties=("",), kernels={next(iter(INT8)): Kernel(0.5)}),
)
DIE = OpDef(
    "DIE", 9002, operands("x", INT32), infer=same_as("x"), interval=lambda op, known: of_integers(1, 6)
)
REDUCE_NORM = OpDef(
    "REDUCE_NORM",
    9003,
    operands("x axes", FLOAT, INT32),
    attrs={"keep_dims": OPS["SUM"].attrs["keep_dims"]},
    infer=OPS["SUM"].infer,
    traits=Trait.REDUCES,
)
NEW = OpSet([*OPS.values(), ROLL, DIE, REDUCE_NORM])


def rewritten(passes: tuple[AnyPass, ...], text: str) -> Program:
    program = parse_program(dedent(text), NEW)
    for one in passes:
        run_pass(one, program)
    return program


def test_it_is_said_in_another_layout() -> None:
    program = rewritten(
        layout.PASSES,
        """
        graph main(%x: float32[2, 3, 5]) {
          %0 = TRANSPOSE(%x, int32[3](0, 2, 1)) : float32[2, 5, 3]
          %1 = ROLL(%0) {axis=1} : float32[2, 5, 3]
          %2 = TRANSPOSE(%1, int32[3](0, 2, 1)) : float32[2, 3, 5]
          return %2
        }
        """,
    )
    (op,) = program.main.ops
    assert permutation_of(op) is None
    assert op.defn is ROLL
    assert op.attrs["axis"] == 2


def test_its_numbers_decide_comparisons() -> None:
    program = rewritten(
        known_ranges.PASSES,
        """
        graph main(%x: int32[4]) {
          %0 = DIE(%x) : int32[4]
          %1 = LESS(%0, int32[](7)) : bool[4]
          return %1
        }
        """,
    )
    assert not list(program.main.ops)
    np.testing.assert_array_equal(program.main.outputs[0].numpy(), True)


def test_a_reduction_takes_a_transpose_in() -> None:
    program = rewritten(
        transpose_absorption.PASSES,
        """
        graph main(%x: float32[2, 3, 5]) {
          %0 = TRANSPOSE(%x, int32[3](0, 2, 1)) : float32[2, 5, 3]
          %1 = REDUCE_NORM(%0, int32[2](1, 2)) : float32[2]
          return %1
        }
        """,
    )
    assert "REDUCE_NORM(%x, int32[2](1, 2))" in print_program(program)


def test_an_activation_goes_past_it() -> None:
    program = rewritten(
        activation_fusion.PASSES,
        """
        graph main(%x: float32[2, 3]) {
          %0 = ADD(%x, %x) : float32[2, 3]
          %1 = ROLL(%0) {axis=1} : float32[2, 3]
          %2 = RELU(%1) : float32[2, 3]
          return %2
        }
        """,
    )
    first, second = program.main.ops
    assert (first.attrs["fused_activation_function"], second.defn) == ("RELU", ROLL)


def test_it_is_quantized() -> None:
    program = parse_program(
        dedent(
            """
            graph main(%x: float32[1, 64]) {
              %0 = ROLL(%x) {axis=1} : float32[1, 64]
              %1 = MUL(%0, %0) : float32[1, 64]
              return %1
            }
            """
        ),
        NEW,
    )
    seen = Calibration({key: Range(-1.0, 1.0) for key in tensor_keys(program).values()}, 1)
    plan = make_plan(program, Recipe(mode="int8", islands=False), seen)
    rolled, squared = plan.ops.values()
    assert (rolled.form, squared.form) == (STATIC, STATIC)
    assert rolled.activations in dtypes("int8")
