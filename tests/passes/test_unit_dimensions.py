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
        "dropped_and_put_back",
        """
        graph main(%x: float32[b, 1, 7, t]) {
          %0 = SQUEEZE(%x) {squeeze_dims=[1]} : float32[b, 7, t]
          %1 = TRANSPOSE(%0, int32[3](0, 2, 1)) : float32[b, t, 7]
          %2 = EXPAND_DIMS(%1, int32[](1)) : float32[b, 1, t, 7]
          return %2
        }
        """,
        """
        graph main(%x: float32[b, 1, 7, t]) {
          %2 = TRANSPOSE(%x, int32[4](0, 1, 3, 2)) : float32[b, 1, t, 7]
          return %2
        }
        """,
    ),
    Rewrite(
        "dropped_and_put_elsewhere",
        """
        graph main(%x: float32[b, 1, 7, 7]) {
          %0 = RESHAPE(%x, int32[3](-1, 7, 7)) : float32[b, 7, 7]
          %1 = TRANSPOSE(%0, int32[3](0, 2, 1)) : float32[b, 7, 7]
          %2 = RESHAPE(%1, int32[4](-1, 7, 7, 1)) : float32[b, 7, 7, 1]
          return %2
        }
        """,
        """
        graph main(%x: float32[b, 1, 7, 7]) {
          %2 = TRANSPOSE(%x, int32[4](0, 3, 2, 1)) : float32[b, 7, 7, 1]
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

test_changes = rewrites(
    (*PASSES, DEAD_CODE),
    Rewrite(
        "around_operations_on_each_element",
        """
        graph main(%x: float32[b, t, 2, 8]) {
          %0 = EXPAND_DIMS(%x, int32[](3)) : float32[b, t, 2, 1, 8]
          %1 = MUL(%0, float32[](0.5)) : float32[b, t, 2, 1, 8]
          %2 = SOFTMAX(%1) {beta=1.0} : float32[b, t, 2, 1, 8]
          %3 = TRANSPOSE(%2, int32[5](3, 0, 1, 2, 4)) : float32[1, b, t, 2, 8]
          return %3
        }
        """,
        """
        graph main(%x: float32[b, t, 2, 8]) {
          %0 = MUL(%x, float32[](0.5)) : float32[b, t, 2, 8]
          %1 = SOFTMAX(%0) {beta=1.0} : float32[b, t, 2, 8]
          %3 = EXPAND_DIMS(%1, int32[](0)) : float32[1, b, t, 2, 8]
          return %3
        }
        """,
    ),
    Rewrite(
        "two_instead_of_three",
        """
        graph main(%x: float32[b, t, s]) {
          %0 = EXPAND_DIMS(%x, int32[](1)) : float32[b, 1, t, s]
          %1 = EXPAND_DIMS(%0, int32[](2)) : float32[b, 1, 1, t, s]
          %2 = TRANSPOSE(%1, int32[5](2, 0, 1, 3, 4)) : float32[1, b, 1, t, s]
          return %2
        }
        """,
        """
        graph main(%x: float32[b, t, s]) {
          %0 = EXPAND_DIMS(%x, int32[](0)) : float32[1, b, t, s]
          %2 = EXPAND_DIMS(%0, int32[](2)) : float32[1, b, 1, t, s]
          return %2
        }
        """,
    ),
    Rewrite(
        "a_transpose_before_a_reshape",
        """
        graph main(%x: float32[b, 2, 8, t]) {
          %0 = EXPAND_DIMS(%x, int32[](3)) : float32[b, 2, 8, 1, t]
          %1 = TRANSPOSE(%0, int32[5](0, 4, 1, 3, 2)) : float32[b, t, 2, 1, 8]
          %2 = RESHAPE(%1, int32[2](-1, 16)) : float32[b*t, 16]
          return %2
        }
        """,
        """
        graph main(%x: float32[b, 2, 8, t]) {
          %0 = TRANSPOSE(%x, int32[4](0, 3, 1, 2)) : float32[b, t, 2, 8]
          %2 = RESHAPE(%0, int32[2](-1, 16)) : float32[b*t, 16]
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
        "more_dimensions_than_the_kernel_broadcasts",
        """
        graph main(%x: float32[2, 3, 4, 5, 6]) {
          %0 = RESHAPE(%x, int32[2](24, 30)) : float32[24, 30]
          %1 = LESS(%0, float32[](0.5)) : bool[24, 30]
          %2 = RESHAPE(%1, int32[5](2, 3, 4, 5, 6)) : bool[2, 3, 4, 5, 6]
          return %2
        }
        """,
        "the kernel does not take the shape before",
    ),
    Unchanged(
        "rows_of_another_length",
        """
        graph main(%x: float32[b, 2, t]) {
          %0 = RESHAPE(%x, int32[2](-1, 2)) : float32[b*t, 2]
          %1 = SOFTMAX(%0) {beta=1.0} : float32[b*t, 2]
          %2 = RESHAPE(%1, int32[1](-1)) : float32[2*b*t]
          return %2
        }
        """,
        "the last dimension changes",
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
