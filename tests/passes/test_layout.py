from litesmith.ir.graph import Program
from litesmith.passes import pipeline
from litesmith.passes.layout import PASSES, choose_layouts
from litesmith.passes.simplify import SIMPLIFY
from tests.passes.harness import Rewrite, Unchanged, check_same, parsed, rewrites, unchanged
from tests.passes.interpret import random_inputs, run

TO_NCHW = "int32[4](0, 3, 1, 2)"
TO_NHWC = "int32[4](0, 2, 3, 1)"
CONV = "CONV_2D(%{}, float32[2, 1, 1, 2](1, 2, 3, 4), float32[2](0, 0)) {{stride_w=1, stride_h=1}} : float32[n, 3, 5, 2]"


def conv(x: str) -> str:
    return CONV.format(x)


test_layout = rewrites(
    (*PASSES, SIMPLIFY),
    Rewrite(
        "between_neighbours",
        f"""
        graph main(%x: float32[n, 3, 5, 2]) {{
          %0 = TRANSPOSE(%x, {TO_NCHW}) : float32[n, 2, 3, 5]
          %1 = MUL(%0, float32[2, 1, 1](2, 3)) : float32[n, 2, 3, 5]
          %2 = RELU(%1) : float32[n, 2, 3, 5]
          %3 = TRANSPOSE(%2, {TO_NHWC}) : float32[n, 3, 5, 2]
          return %3
        }}
        """,
        """
        graph main(%x: float32[n, 3, 5, 2]) {
          %0 = MUL(%x, float32[1, 1, 2](2, 3)) : float32[n, 3, 5, 2]
          %1 = RELU(%0) : float32[n, 3, 5, 2]
          return %1
        }
        """,
    ),
    Rewrite(
        "away_from_the_convolution",
        f"""
        graph main(%x: float32[n, 3, 5, 2]) {{
          %0 = {conv("x")}
          %1 = TRANSPOSE(%0, {TO_NCHW}) : float32[n, 2, 3, 5]
          %y = ADD(%1, float32[1, 2, 1, 1](2, 3)) : float32[n, 2, 3, 5]
          return %y
        }}
        """,
        f"""
        graph main(%x: float32[n, 3, 5, 2]) {{
          %0 = {conv("x")}
          %1 = ADD(%0, float32[1, 1, 1, 2](2, 3)) : float32[n, 3, 5, 2]
          %y = TRANSPOSE(%1, {TO_NCHW}) : float32[n, 2, 3, 5]
          return %y
        }}
        """,
    ),
    Rewrite(
        "axes_renamed",
        f"""
        graph main(%x: float32[1, 3, 5, 2], %z: float32[1, 3, 5, 4]) {{
          %0 = TRANSPOSE(%x, {TO_NCHW}) : float32[1, 2, 3, 5]
          %1 = TRANSPOSE(%z, {TO_NCHW}) : float32[1, 4, 3, 5]
          %2 = CONCATENATION(%0, %1) {{axis=1}} : float32[1, 6, 3, 5]
          %3 = PAD(%2, int32[4, 2](0, 0, 0, 0, 1, 2, 3, 4)) : float32[1, 6, 6, 12]
          %4, %5 = SPLIT(int32[](-3), %3) {{num_splits=2}} : float32[1, 3, 6, 12], float32[1, 3, 6, 12]
          %6 = MEAN(%4, int32[2](2, -1)) {{keep_dims=True}} : float32[1, 3, 1, 1]
          %7 = MUL(%5, %6) : float32[1, 3, 6, 12]
          %8 = STRIDED_SLICE(%7, int32[4](0, 1, 0, 0), int32[4](0, 0, 5, 9), int32[4](1, 1, 2, 3)) {{begin_mask=1, end_mask=3}} : float32[1, 2, 3, 3]
          %9 = SLICE(%8, int32[4](0, 0, 1, 0), int32[4](-1, 2, 2, -1)) : float32[1, 2, 2, 3]
          %y = TRANSPOSE(%9, {TO_NHWC}) : float32[1, 2, 3, 2]
          return %y
        }}
        """,
        """
        graph main(%x: float32[1, 3, 5, 2], %z: float32[1, 3, 5, 4]) {
          %2 = CONCATENATION(%x, %z) {axis=3} : float32[1, 3, 5, 6]
          %3 = PAD(%2, int32[4, 2](0, 0, 1, 2, 3, 4, 0, 0)) : float32[1, 6, 12, 6]
          %4, %5 = SPLIT(int32[](3), %3) {num_splits=2} : float32[1, 6, 12, 3], float32[1, 6, 12, 3]
          %6 = MEAN(%4, int32[2](1, 2)) {keep_dims=True} : float32[1, 1, 1, 3]
          %7 = MUL(%5, %6) : float32[1, 6, 12, 3]
          %8 = STRIDED_SLICE(%7, int32[4](0, 0, 0, 1), int32[4](0, 5, 9, 0), int32[4](1, 2, 3, 1)) {begin_mask=1, end_mask=9} : float32[1, 3, 3, 2]
          %y = SLICE(%8, int32[4](0, 1, 0, 0), int32[4](-1, 2, -1, 2)) : float32[1, 2, 3, 2]
          return %y
        }
        """,
    ),
    Rewrite(
        "residual_and_squeeze_excite",
        f"""
        graph main(%x: float32[n, 3, 5, 2]) {{
          %0 = {conv("x")}
          %1 = TRANSPOSE(%0, {TO_NCHW}) : float32[n, 2, 3, 5]
          %2 = MEAN(%1, int32[2](2, 3)) {{keep_dims=True}} : float32[n, 2, 1, 1]
          %3 = RESHAPE(%2, int32[4](-1, 1, 1, 2)) : float32[n, 1, 1, 2]
          %4 = CONV_2D(%3, float32[2, 1, 1, 2](1, 2, 3, 4), float32[2](0, 0)) {{stride_w=1, stride_h=1}} : float32[n, 1, 1, 2]
          %5 = RESHAPE(%4, int32[4](-1, 2, 1, 1)) : float32[n, 2, 1, 1]
          %6 = LOGISTIC(%5) : float32[n, 2, 1, 1]
          %7 = MUL(%1, %6) : float32[n, 2, 3, 5]
          %8 = TRANSPOSE(%x, {TO_NCHW}) : float32[n, 2, 3, 5]
          %9 = ADD(%7, %8) : float32[n, 2, 3, 5]
          %10 = TRANSPOSE(%9, {TO_NHWC}) : float32[n, 3, 5, 2]
          %11 = {conv("10")}
          return %11
        }}
        """,
        f"""
        graph main(%x: float32[n, 3, 5, 2]) {{
          %0 = {conv("x")}
          %1 = MEAN(%0, int32[2](1, 2)) {{keep_dims=True}} : float32[n, 1, 1, 2]
          %2 = CONV_2D(%1, float32[2, 1, 1, 2](1, 2, 3, 4), float32[2](0, 0)) {{stride_w=1, stride_h=1}} : float32[n, 1, 1, 2]
          %3 = LOGISTIC(%2) : float32[n, 1, 1, 2]
          %4 = MUL(%0, %3) : float32[n, 3, 5, 2]
          %5 = ADD(%4, %x) : float32[n, 3, 5, 2]
          %6 = {conv("5")}
          return %6
        }}
        """,
    ),
)

test_left_alone = unchanged(
    PASSES,
    Unchanged(
        "nothing_to_win",
        f"""
        graph main(%x: float32[n, 3, 5, 2]) {{
          %0 = TRANSPOSE(%x, {TO_NCHW}) : float32[n, 2, 3, 5]
          %1 = RELU(%0) : float32[n, 2, 3, 5]
          return %1
        }}
        """,
    ),
    Unchanged(
        "softmax_knows_its_axis",
        """
        graph main(%x: float32[3, 5]) {
          %0 = TRANSPOSE(%x, int32[2](1, 0)) : float32[5, 3]
          %1 = SOFTMAX(%0) {beta=1.0} : float32[5, 3]
          %2 = TRANSPOSE(%1, int32[2](1, 0)) : float32[3, 5]
          return %2
        }
        """,
    ),
    Unchanged(
        "two_untransposed_entries",
        """
        graph main(%x: float32[3, 5], %y: float32[5, 3], %z: float32[5, 3]) {
          %0 = TRANSPOSE(%x, int32[2](1, 0)) : float32[5, 3]
          %1 = ADD(%0, %y) : float32[5, 3]
          %2 = ADD(%1, %z) : float32[5, 3]
          return %2
        }
        """,
    ),
)


def test_a_transpose_within_a_region_stays() -> None:
    """What a region transposes for itself moves with it, so that nothing is won."""
    program = parsed("""
    graph main(%x: float32[3, 3]) {
      %0 = TRANSPOSE(%x, int32[2](1, 0)) : float32[3, 3]
      %1 = ADD(%x, %0) : float32[3, 3]
      %2 = TRANSPOSE(%1, int32[2](1, 0)) : float32[3, 3]
      %3 = SUB(%1, %2) : float32[3, 3]
      return %3
    }
    """)
    assert choose_layouts(program) == 0


def test_the_way_back_is_free_only_where_it_moves_nothing() -> None:
    """The way back from 6 x 1 x 2 x 2 moves elements, though in 1 x 2 x 2 x 6 it would not: nothing goes to and fro."""
    program = parsed("""
        graph main(%x: float32[1, 2, 2, 3]) {
          %0 = CONCATENATION(%x, %x) {axis=3} : float32[1, 2, 2, 6]
          %1 = TRANSPOSE(%0, int32[4](3, 0, 1, 2)) : float32[6, 1, 2, 2]
          %2 = SOFTMAX(%1) {beta=1.0} : float32[6, 1, 2, 2]
          %3 = RELU(%0) : float32[1, 2, 2, 6]
          return %2, %3
        }
    """)
    assert choose_layouts(program) == 0


def nchw_network(depth: int) -> str:
    """A chain of convolutions with batch norms, activations and residuals, in NCHW."""
    lines, x = [f"%t0 = TRANSPOSE(%x, {TO_NHWC}) : float32[n, 3, 5, 2]", f"%c0 = {conv('t0')}"], 0
    lines.append(f"%h0 = TRANSPOSE(%c0, {TO_NCHW}) : float32[n, 2, 3, 5]")
    for i in range(1, depth + 1):
        nchw = "float32[n, 2, 3, 5]"
        lines += [
            f"%m{i} = MUL(%h{x}, float32[2, 1, 1](0.5, 0.25)) : {nchw}",
            f"%a{i} = ADD(%m{i}, float32[2, 1, 1](1, 2)) : {nchw}",
            f"%r{i} = RELU(%a{i}) : {nchw}",
            f"%t{i} = TRANSPOSE(%r{i}, {TO_NHWC}) : float32[n, 3, 5, 2]",
            f"%c{i} = {conv(f't{i}')}",
            f"%u{i} = TRANSPOSE(%c{i}, {TO_NCHW}) : {nchw}",
            f"%h{i} = ADD(%u{i}, %r{i}) : {nchw}",
        ]
        x = i
    body = "\n".join(lines)
    return f"graph main(%x: float32[n, 2, 3, 5]) {{\n{body}\nreturn %h{x}\n}}"


def count(program: Program, name: str) -> int:
    return program.histogram().get(name, 0)


def test_a_network_keeps_two_transposes() -> None:
    program = parsed(nchw_network(6))
    inputs = random_inputs(program)
    expected = run(program.main, inputs)
    pipeline.run(program, check=True)
    assert count(program, "TRANSPOSE") == 2
    check_same(run(program.main, inputs), expected, 1e-5)


def test_a_global_pool_takes_the_last_transpose() -> None:
    text = nchw_network(1).replace(
        "return %h1",
        "%p = MEAN(%h1, int32[2](2, 3)) : float32[n, 2]\nreturn %p",
    )
    program = parsed(text)
    inputs = random_inputs(program)
    expected = run(program.main, inputs)
    pipeline.run(program, check=True)
    assert count(program, "TRANSPOSE") == 1
    check_same(run(program.main, inputs), expected, 1e-5)


def test_a_flattening_takes_the_last_transpose() -> None:
    text = nchw_network(1).replace(
        "return %h1",
        "%f = RESHAPE(%h1, int32[2](-1, 30)) : float32[n, 30]\n"
        "%p = FULLY_CONNECTED(%f, float32[4, 30]@w) : float32[n, 4]\nreturn %p",
    )
    program = parsed(text)
    inputs = random_inputs(program)
    expected = run(program.main, inputs)
    pipeline.run(program, check=True)
    assert count(program, "TRANSPOSE") == 1
    check_same(run(program.main, inputs), expected, 1e-5)
