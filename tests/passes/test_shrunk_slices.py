from litesmith.passes.dead_code import DEAD_CODE
from litesmith.passes.shrunk_slices import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged

test_shrunk_slices = rewrites(
    (*PASSES, DEAD_CODE),
    Rewrite(
        "all_of_a_dimension_of_size_1",
        """
        graph main(%x: float32[1, b, 8]) {
          %0 = STRIDED_SLICE(%x, int32[3](-1, 0, 0), int32[3](0, 0, 0), int32[3](1, 1, 1)) {begin_mask=6, end_mask=6, shrink_axis_mask=1} : float32[b, 8]
          return %0
        }
        """,
        """
        graph main(%x: float32[1, b, 8]) {
          %0 = RESHAPE(%x, int32[2](-1, 8)) : float32[b, 8]
          return %0
        }
        """,
    ),
    Rewrite(
        "one_step",
        """
        graph main(%x: float32[b, 6, 8]) {
          %0 = STRIDED_SLICE(%x, int32[3](0, 3, 0), int32[3](0, 4, 0), int32[3](1, 1, 1)) {begin_mask=5, end_mask=5} : float32[b, 1, 8]
          %1 = RESHAPE(%0, int32[2](-1, 8)) : float32[b, 8]
          return %1
        }
        """,
        """
        graph main(%x: float32[b, 6, 8]) {
          %1 = STRIDED_SLICE(%x, int32[3](0, 3, 0), int32[3](0, 4, 0), int32[3](1, 1, 1)) {begin_mask=5, end_mask=5, shrink_axis_mask=2} : float32[b, 8]
          return %1
        }
        """,
    ),
    Rewrite(
        "the_first_and_the_last_of_unknown_sizes",
        """
        graph main(%x: int32[n, m]) {
          %0 = STRIDED_SLICE(%x, int32[2](0, -1), int32[2](1, 0), int32[2](1, 1)) {begin_mask=1, end_mask=2} : int32[1, 1]
          %1 = RESHAPE(%0, int32[0]()) : int32[]
          return %1
        }
        """,
        """
        graph main(%x: int32[n, m]) {
          %1 = STRIDED_SLICE(%x, int32[2](0, -1), int32[2](1, 0), int32[2](1, 1)) {shrink_axis_mask=3} : int32[]
          return %1
        }
        """,
    ),
)

test_left_alone = unchanged(
    PASSES,
    Unchanged(
        "an_index_out_of_bounds",
        """
        graph main(%x: float32[1, 8]) {
          %0 = STRIDED_SLICE(%x, int32[2](-5, 0), int32[2](1, 0), int32[2](1, 1)) {begin_mask=2, end_mask=2} : float32[1, 8]
          %1 = RESHAPE(%0, int32[1](8)) : float32[8]
          return %1
        }
        """,
        "out of bounds",
    ),
    Unchanged(
        "backwards",
        """
        graph main(%x: float32[6, 8]) {
          %0 = STRIDED_SLICE(%x, int32[2](3, 0), int32[2](2, 0), int32[2](-1, 1)) {begin_mask=2, end_mask=2} : float32[1, 8]
          %1 = RESHAPE(%0, int32[1](8)) : float32[8]
          return %1
        }
        """,
        "out of bounds",
    ),
    Unchanged(
        "more_than_a_dimension_dropped",
        """
        graph main(%x: float32[6, 8]) {
          %0 = STRIDED_SLICE(%x, int32[2](3, 0), int32[2](4, 0), int32[2](1, 1)) {begin_mask=2, end_mask=2} : float32[1, 8]
          %1 = RESHAPE(%0, int32[2](2, 4)) : float32[2, 4]
          return %1
        }
        """,
    ),
)
