from litesmith.passes.full_slices import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged

test_full_slices = rewrites(
    PASSES,
    Rewrite(
        "fewer_bounds_than_dimensions",
        """
        graph main(%x: float32[n, 4, 8]) {
          %0 = STRIDED_SLICE(%x, int32[1](2), int32[1](3), int32[1](1)) {shrink_axis_mask=1} : float32[4, 8]
          return %0
        }
        """,
        """
        graph main(%x: float32[n, 4, 8]) {
          %0 = STRIDED_SLICE(%x, int32[3](2, 0, 0), int32[3](3, 0, 0), int32[3](1, 1, 1)) {begin_mask=6, end_mask=6, shrink_axis_mask=1} : float32[4, 8]
          return %0
        }
        """,
    ),
    Rewrite(
        "ellipsis_in_front",
        """
        graph main(%x: float32[2, 4, 8]) {
          %0 = STRIDED_SLICE(%x, int32[2](0, 3), int32[2](0, 5), int32[2](1, 1)) {ellipsis_mask=1} : float32[2, 4, 2]
          return %0
        }
        """,
        """
        graph main(%x: float32[2, 4, 8]) {
          %0 = STRIDED_SLICE(%x, int32[3](0, 0, 3), int32[3](0, 0, 5), int32[3](1, 1, 1)) {begin_mask=3, end_mask=3} : float32[2, 4, 2]
          return %0
        }
        """,
    ),
    Rewrite(
        "ellipsis_between_with_masks",
        """
        graph main(%x: float32[2, 4, 8, 6]) {
          %0 = STRIDED_SLICE(%x, int32[3](1, 0, 5), int32[3](2, 0, 2), int32[3](1, 1, -1)) {end_mask=4, ellipsis_mask=2, shrink_axis_mask=1} : float32[4, 8, 6]
          return %0
        }
        """,
        """
        graph main(%x: float32[2, 4, 8, 6]) {
          %0 = STRIDED_SLICE(%x, int32[4](1, 0, 0, 5), int32[4](2, 0, 0, 2), int32[4](1, 1, 1, -1)) {begin_mask=6, end_mask=14, shrink_axis_mask=1} : float32[4, 8, 6]
          return %0
        }
        """,
    ),
    Rewrite(
        "ellipsis_of_nothing",
        """
        graph main(%x: float32[2, 4]) {
          %0 = STRIDED_SLICE(%x, int32[3](0, 0, 1), int32[3](1, 0, 3), int32[3](1, 1, 1)) {ellipsis_mask=2} : float32[1, 2]
          return %0
        }
        """,
        """
        graph main(%x: float32[2, 4]) {
          %0 = STRIDED_SLICE(%x, int32[2](0, 1), int32[2](1, 3), int32[2](1, 1)) : float32[1, 2]
          return %0
        }
        """,
    ),
)

test_kept = unchanged(
    PASSES,
    Unchanged(
        "all_named",
        """
        graph main(%x: float32[2, 4]) {
          %0 = STRIDED_SLICE(%x, int32[2](0, 1), int32[2](1, 3), int32[2](1, 1)) : float32[1, 2]
          return %0
        }
        """,
    ),
    Unchanged(
        "computed_bounds",
        """
        graph main(%x: float32[2, 4], %i: int32[1]) {
          %0 = STRIDED_SLICE(%x, %i, int32[1](2), int32[1](1)) : float32[_n, 4]
          return %0
        }
        """,
    ),
    Unchanged(
        "new_dimensions",
        """
        graph main(%x: float32[2, 4]) {
          %0 = STRIDED_SLICE(%x, int32[1](0), int32[1](0), int32[1](1)) {new_axis_mask=1} : float32[1, 2, 4]
          return %0
        }
        """,
    ),
)
