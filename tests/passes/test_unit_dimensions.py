from litesmith.passes.dead_code import DEAD_CODE
from litesmith.passes.unit_dimensions import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged

test_unit_dimensions = rewrites(
    (*PASSES, DEAD_CODE),
    Rewrite(
        "added_moved_and_dropped",
        """
        graph main(%x: float32[b, t, 2, 8]) {
          %0 = EXPAND_DIMS(%x, int32[](3)) : float32[b, t, 2, 1, 8]
          %1 = TRANSPOSE(%0, int32[5](0, 2, 1, 3, 4)) : float32[b, 2, t, 1, 8]
          %2 = SQUEEZE(%1) {squeeze_dims=[3]} : float32[b, 2, t, 8]
          return %2
        }
        """,
        """
        graph main(%x: float32[b, t, 2, 8]) {
          %2 = TRANSPOSE(%x, int32[4](0, 2, 1, 3)) : float32[b, 2, t, 8]
          return %2
        }
        """,
    ),
    Rewrite(
        "added_at_another_place",
        """
        graph main(%x: float32[b, 1, t, s]) {
          %0 = EXPAND_DIMS(%x, int32[](2)) : float32[b, 1, 1, t, s]
          %1 = TRANSPOSE(%0, int32[5](0, 1, 3, 2, 4)) : float32[b, 1, t, 1, s]
          return %1
        }
        """,
        """
        graph main(%x: float32[b, 1, t, s]) {
          %1 = EXPAND_DIMS(%x, int32[](3)) : float32[b, 1, t, 1, s]
          return %1
        }
        """,
    ),
    Rewrite(
        "added_and_dropped_again",
        """
        graph main(%x: float32[b, t]) {
          %0 = EXPAND_DIMS(%x, int32[](2)) : float32[b, t, 1]
          %1 = EXPAND_DIMS(%0, int32[](1)) : float32[b, 1, t, 1]
          %2 = SQUEEZE(%1) {squeeze_dims=[3]} : float32[b, 1, t]
          %3 = SQUEEZE(%2) {squeeze_dims=[1]} : float32[b, t]
          %4 = NEG(%3) : float32[b, t]
          return %4, %2
        }
        """,
        """
        graph main(%x: float32[b, t]) {
          %0 = EXPAND_DIMS(%x, int32[](1)) : float32[b, 1, t]
          %1 = NEG(%x) : float32[b, t]
          return %1, %0
        }
        """,
    ),
    Rewrite(
        "dropped_and_added_elsewhere",
        """
        graph main(%x: float32[b, t]) {
          %0 = EXPAND_DIMS(%x, int32[](2)) : float32[b, t, 1]
          %1 = SQUEEZE(%0) {squeeze_dims=[2]} : float32[b, t]
          %2 = EXPAND_DIMS(%1, int32[](0)) : float32[1, b, t]
          return %2
        }
        """,
        """
        graph main(%x: float32[b, t]) {
          %2 = EXPAND_DIMS(%x, int32[](0)) : float32[1, b, t]
          return %2
        }
        """,
    ),
)

test_left_alone = unchanged(
    PASSES,
    Unchanged(
        "more_than_one_dimension_added",
        """
        graph main(%x: float32[b, t]) {
          %0 = EXPAND_DIMS(%x, int32[](2)) : float32[b, t, 1]
          %1 = EXPAND_DIMS(%0, int32[](0)) : float32[1, b, t, 1]
          return %1
        }
        """,
    ),
    Unchanged(
        "sizes_that_move",
        """
        graph main(%x: float32[b, t, s]) {
          %0 = EXPAND_DIMS(%x, int32[](2)) : float32[b, t, 1, s]
          %1 = TRANSPOSE(%0, int32[4](1, 0, 2, 3)) : float32[t, b, 1, s]
          return %1
        }
        """,
    ),
)
