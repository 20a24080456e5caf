from litesmith.passes.dilated_convolution import PASSES
from litesmith.passes.simplify import SIMPLIFY
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged

KERNEL = "float32[1, 3, 3, 1](1, 2, 3, 4, 5, 6, 7, 8, 9)"
PLAIN = "padding=VALID, stride_w=1, stride_h=1"
TWO = "dilation_w_factor=2, dilation_h_factor=2"


def spaced(paddings: str, phase: str, crops: str, size: str, result: str, attrs: str = PLAIN) -> str:
    """[1, size, size, 1] through blocks of 2 and a 3x3 convolution of phases of ``phase`` = in, out."""
    inside, outside = phase.split()
    return f"""
    graph main(%x: float32[1, {size}, {size}, 1]) {{
      %0 = SPACE_TO_BATCH_ND(%x, int32[2](2, 2), int32[2, 2]({paddings}, {paddings})) : float32[4, {inside}, {inside}, 1]
      %1 = CONV_2D(%0, {KERNEL}, float32[1](0)) {{{attrs}}} : float32[4, {outside}, {outside}, 1]
      %2 = BATCH_TO_SPACE_ND(%1, int32[2](2, 2), int32[2, 2]({crops}, {crops})) : float32[1, {result}, {result}, 1]
      return %2
    }}
    """


def dilated(size: str, result: str, attrs: str) -> str:
    return f"""
    graph main(%x: float32[1, {size}, {size}, 1]) {{
      %0 = CONV_2D(%x, {KERNEL}, float32[1](0)) {{{attrs}, {TWO}}} : float32[1, {result}, {result}, 1]
      return %0
    }}
    """


SAME = "stride_w=1, stride_h=1"

test_recognised = rewrites(
    (*PASSES, SIMPLIFY),
    Rewrite("same", spaced("2, 3", "5 3", "0, 1", "5", "5"), dilated("5", "5", SAME)),
    Rewrite("valid", spaced("0, 1", "4 2", "0, 1", "7", "3"), dilated("7", "3", PLAIN)),
    Rewrite("own_same_padding", spaced("0, 1", "3 3", "0, 1", "5", "5", SAME), dilated("5", "5", SAME)),
    Rewrite(
        "other_padding_is_explicit",
        spaced("2, 1", "4 2", "0, 0", "5", "4"),
        f"""
        graph main(%x: float32[1, 5, 5, 1]) {{
          %0 = PAD(%x, int32[4, 2](0, 0, 2, 1, 2, 1, 0, 0)) : float32[1, 8, 8, 1]
          %1 = CONV_2D(%0, {KERNEL}, float32[1](0)) {{{PLAIN}, {TWO}}} : float32[1, 4, 4, 1]
          return %1
        }}
        """,
    ),
    Rewrite(
        "one_dimension",
        """
        graph main(%x: float32[2, 6, 2]) {
          %0 = SPACE_TO_BATCH_ND(%x, int32[1](2), int32[1, 2](4, 0)) : float32[4, 5, 2]
          %1 = EXPAND_DIMS(%0, int32[](1)) : float32[4, 1, 5, 2]
          %2 = CONV_2D(%1, float32[1, 1, 3, 2](1, 2, 3, 4, 5, 6), float32[1](0)) {padding=VALID, stride_w=1, stride_h=1} : float32[4, 1, 3, 1]
          %3 = SQUEEZE(%2) {squeeze_dims=[1]} : float32[4, 3, 1]
          %4 = BATCH_TO_SPACE_ND(%3, int32[1](2), int32[1, 2](0, 0)) : float32[2, 6, 1]
          return %4
        }
        """,
        """
        graph main(%x: float32[2, 6, 2]) {
          %0 = RESHAPE(%x, int32[4](2, 1, 6, 2)) : float32[2, 1, 6, 2]
          %1 = PAD(%0, int32[4, 2](0, 0, 0, 0, 4, 0, 0, 0)) : float32[2, 1, 10, 2]
          %2 = CONV_2D(%1, float32[1, 1, 3, 2](1, 2, 3, 4, 5, 6), float32[1](0)) {padding=VALID, stride_w=1, stride_h=1, dilation_w_factor=2} : float32[2, 1, 6, 1]
          %3 = RESHAPE(%2, int32[3](2, 6, 1)) : float32[2, 6, 1]
          return %3
        }
        """,
    ),
)

test_declined = unchanged(
    PASSES,
    Unchanged("crops_the_operand", spaced("0, 1", "4 2", "1, 1", "7", "2"), "do not cancel"),
    Unchanged(
        "strided",
        spaced("2, 3", "5 2", "0, 1", "5", "3", "padding=VALID, stride_w=2, stride_h=2"),
        "has a stride",
    ),
    Unchanged(
        "other_block",
        f"""
        graph main(%x: float32[1, 4, 4, 1]) {{
          %0 = SPACE_TO_BATCH_ND(%x, int32[2](2, 2), int32[2, 2](2, 2, 2, 2)) : float32[4, 4, 4, 1]
          %1 = CONV_2D(%0, {KERNEL}, float32[1](0)) {{{PLAIN}}} : float32[4, 2, 2, 1]
          %2 = BATCH_TO_SPACE_ND(%1, int32[2](1, 2), int32[2, 2](0, 0, 0, 0)) : float32[2, 2, 4, 1]
          return %2
        }}
        """,
        "the blocks differ",
    ),
)
