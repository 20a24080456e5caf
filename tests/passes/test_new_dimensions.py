from litesmith.passes.new_dimensions import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged

test_new_dimensions = rewrites(
    PASSES,
    Rewrite(
        "in_front",
        """
        graph main(%x: float32[4, 8]) {
          %0 = STRIDED_SLICE(%x, int32[2](0, 1), int32[2](0, 3), int32[2](1, 1)) {new_axis_mask=1} : float32[1, 2, 8]
          return %0
        }
        """,
        """
        graph main(%x: float32[4, 8]) {
          %0 = STRIDED_SLICE(%x, int32[1](1), int32[1](3), int32[1](1)) : float32[2, 8]
          %1 = RESHAPE(%0, int32[3](1, 2, 8)) : float32[1, 2, 8]
          return %1
        }
        """,
    ),
    Rewrite(
        "behind_an_ellipsis_of_unknown_sizes",
        """
        graph main(%x: float32[n, m, 8]) {
          %0 = STRIDED_SLICE(%x, int32[3](0, 0, 1), int32[3](0, 0, 3), int32[3](1, 1, 1)) {ellipsis_mask=1, new_axis_mask=2} : float32[n, m, 1, 2]
          return %0
        }
        """,
        """
        graph main(%x: float32[n, m, 8]) {
          %0 = STRIDED_SLICE(%x, int32[2](0, 1), int32[2](0, 3), int32[2](1, 1)) {ellipsis_mask=1} : float32[n, m, 2]
          %1 = EXPAND_DIMS(%0, int32[](2)) : float32[n, m, 1, 2]
          return %1
        }
        """,
    ),
    Rewrite(
        "and_one_taken_away",
        """
        graph main(%x: float32[n, 4, 8]) {
          %0 = STRIDED_SLICE(%x, int32[4](0, 2, 0, 0), int32[4](0, 3, 0, 0), int32[4](1, 1, 1, 1)) {begin_mask=9, end_mask=9, new_axis_mask=4, shrink_axis_mask=2} : float32[n, 1, 8]
          return %0
        }
        """,
        """
        graph main(%x: float32[n, 4, 8]) {
          %0 = STRIDED_SLICE(%x, int32[3](0, 2, 0), int32[3](0, 3, 0), int32[3](1, 1, 1)) {begin_mask=5, end_mask=5, shrink_axis_mask=2} : float32[n, 8]
          %1 = RESHAPE(%0, int32[3](-1, 1, 8)) : float32[n, 1, 8]
          return %1
        }
        """,
    ),
)

test_kept = unchanged(
    PASSES,
    Unchanged(
        "computed_bounds",
        """
        graph main(%x: float32[2, 4], %i: int32[2]) {
          %0 = STRIDED_SLICE(%x, %i, int32[2](2, 2), int32[2](1, 1)) {new_axis_mask=1} : float32[1, _n, 4]
          return %0
        }
        """,
        reason="the bounds are computed",
    ),
    Unchanged(
        "two_of_them_among_unknown_sizes",
        """
        graph main(%x: float32[n, m]) {
          %0 = STRIDED_SLICE(%x, int32[2](0, 0), int32[2](0, 0), int32[2](1, 1)) {new_axis_mask=3} : float32[1, 1, n, m]
          return %0
        }
        """,
        reason="two dimensions are of unknown size",
    ),
)
