from litesmith.passes.pad_fusion import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged


def padded(size: str, padding: str, result: str, stride: int = 1, kernel: int = 3, extra: str = "") -> str:
    """A convolution of a [1, size, size, 1] operand padded by ``padding`` = before, after, total size."""
    before, after, total = padding.split()
    weights = ", ".join("1" for _ in range(kernel * kernel))
    return f"""
    graph main(%x: float32[1, {size}, {size}, 1]) {{
      %0 = PAD(%x, int32[4, 2](0, 0, {before}, {after}, {before}, {after}, 0, 0)) : float32[1, {total}, {total}, 1]
      %1 = CONV_2D(%0, float32[1, {kernel}, {kernel}, 1]({weights}), float32[1](0)) {{padding=VALID, stride_w={stride}, stride_h={stride}{extra}}} : float32[1, {result}, {result}, 1]
      return %1
    }}
    """


def same(size: str, result: str, stride: int = 1, kernel: int = 3, extra: str = "") -> str:
    """The same convolution with SAME padding."""
    weights = ", ".join("1" for _ in range(kernel * kernel))
    return f"""
    graph main(%x: float32[1, {size}, {size}, 1]) {{
      %0 = CONV_2D(%x, float32[1, {kernel}, {kernel}, 1]({weights}), float32[1](0)) {{stride_w={stride}, stride_h={stride}{extra}}} : float32[1, {result}, {result}, 1]
      return %0
    }}
    """


POOL = "stride_w=1, stride_h=1, filter_width=3, filter_height=3"
DILATED = ", dilation_w_factor=2, dilation_h_factor=2"

def averaged(factor: str, size: str = "1, 3, 3, 1", paddings: str = "0, 0, 1, 1, 1, 1, 0, 0", pads: str = "PAD") -> str:
    value = "" if pads == "PAD" else ", float32[](1)"
    return f"""
    graph main(%x: float32[{size}]) {{
      %0 = {pads}(%x, int32[4, 2]({paddings}){value}) : float32[1, 5, 5, 1]
      %1 = AVERAGE_POOL_2D(%0) {{padding=VALID, {POOL}}} : float32[1, 3, 3, 1]
      %2 = MUL(%1, {factor}) {{fused_activation_function=RELU}} : float32[1, 3, 3, 1]
      return %2
    }}
    """


LINE = "stride_w=1, stride_h=1, filter_width=1, filter_height=3"
COUNTS = "2.25, 1.5, 2.25, 1.5, 1, 1.5, 2.25, 1.5, 2.25"
AVERAGED = f"""
graph main(%x: float32[1, 3, 3, 1]) {{
  %0 = AVERAGE_POOL_2D(%x) {{{POOL}, fused_activation_function=RELU}} : float32[1, 3, 3, 1]
  return %0
}}
"""

test_averages = rewrites(
    PASSES,
    Rewrite("average", averaged(f"float32[1, 3, 3, 1]({COUNTS})"), AVERAGED),
    Rewrite("average_lower_rank", averaged(f"float32[3, 3, 1]({COUNTS})"), AVERAGED),
    Rewrite(
        "average_moved",
        f"""
        graph main(%x: float32[n, 4, 1, 2]) {{
          %0 = PAD(%x, int32[4, 2](0, 0, 1, 1, 0, 0, 0, 0)) : float32[n, 6, 1, 2]
          %1 = AVERAGE_POOL_2D(%0) {{padding=VALID, {LINE}}} : float32[n, 4, 1, 2]
          %2 = RESHAPE(%1, int32[3](-1, 4, 2)) : float32[n, 4, 2]
          %3 = MUL(%2, float32[1, 4, 1](1.5, 1, 1, 1.5)) : float32[n, 4, 2]
          return %3
        }}
        """,
        f"""
        graph main(%x: float32[n, 4, 1, 2]) {{
          %0 = AVERAGE_POOL_2D(%x) {{{LINE}}} : float32[n, 4, 1, 2]
          %1 = RESHAPE(%0, int32[3](-1, 4, 2)) : float32[n, 4, 2]
          return %1
        }}
        """,
    ),
)

test_averages_declined = unchanged(
    PASSES,
    Unchanged("other_factor", averaged(f"float32[1, 3, 3, 1](9, {COUNTS[6:]})"), "the factor is another"),
    Unchanged("one_factor", averaged("float32[1, 1, 1, 1](2.25)"), "the factor is another"),
    Unchanged("padded_with_ones", averaged(f"float32[1, 3, 3, 1]({COUNTS})", pads="PADV2")),
    Unchanged(
        "other_padding",
        averaged(f"float32[1, 3, 3, 1]({COUNTS})", "1, 3, 3, 1", "0, 0, 2, 0, 1, 1, 0, 0"),
        "SAME pads otherwise",
    ),
)

test_fused = rewrites(
    PASSES,
    Rewrite("stride_1", padded("5", "1 1 7", "5"), same("5", "5")),
    Rewrite("stride_2_odd", padded("5", "1 1 7", "3", 2), same("5", "3", 2)),
    Rewrite("stride_2_even", padded("6", "0 1 7", "3", 2), same("6", "3", 2)),
    Rewrite("dilated", padded("5", "2 2 9", "5", extra=DILATED), same("5", "5", extra=DILATED)),
    Rewrite("unknown_size", padded("h", "1 1 h+2", "h"), same("h", "h")),
    Rewrite(
        "max_pool",
        f"""
        graph main(%x: float32[1, 4, 4, 1]) {{
          %0 = PADV2(%x, int32[4, 2](0, 0, 1, 1, 1, 1, 0, 0), float32[](-inf)) : float32[1, 6, 6, 1]
          %1 = MAX_POOL_2D(%0) {{padding=VALID, {POOL}}} : float32[1, 4, 4, 1]
          return %1
        }}
        """,
        f"""
        graph main(%x: float32[1, 4, 4, 1]) {{
          %0 = MAX_POOL_2D(%x) {{{POOL}}} : float32[1, 4, 4, 1]
          return %0
        }}
        """,
    ),
)

test_declined = unchanged(
    PASSES,
    Unchanged("other_split", padded("6", "1 0 7", "3", 2), "SAME pads otherwise"),
    Unchanged("stride_2_pads_both_sides", padded("6", "1 1 8", "3", 2), "SAME pads otherwise"),
    Unchanged("too_much", padded("5", "2 2 9", "7"), "SAME pads otherwise"),
    Unchanged("unknown_size_with_a_stride", padded("h", "1 1 h+2", "floordiv(h+1, 2)", 2), "SAME pads otherwise"),
    Unchanged(
        "max_pool_of_zeros",
        f"""
        graph main(%x: float32[1, 4, 4, 1]) {{
          %0 = PAD(%x, int32[4, 2](0, 0, 1, 1, 1, 1, 0, 0)) : float32[1, 6, 6, 1]
          %1 = MAX_POOL_2D(%0) {{padding=VALID, {POOL}}} : float32[1, 4, 4, 1]
          return %1
        }}
        """,
        "does not pad with this value",
    ),
    Unchanged(
        "average_pool",
        f"""
        graph main(%x: float32[1, 4, 4, 1]) {{
          %0 = PAD(%x, int32[4, 2](0, 0, 1, 1, 1, 1, 0, 0)) : float32[1, 6, 6, 1]
          %1 = AVERAGE_POOL_2D(%0) {{padding=VALID, {POOL}}} : float32[1, 4, 4, 1]
          return %1
        }}
        """,
    ),
)
