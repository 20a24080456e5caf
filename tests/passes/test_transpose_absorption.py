from litesmith.passes.transpose_absorption import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged

test_absorbed = rewrites(
    PASSES,
    Rewrite(
        "global_pool",
        """
        graph main(%x: float32[n, 3, 5, 2]) {
          %0 = TRANSPOSE(%x, int32[4](0, 3, 1, 2)) : float32[n, 2, 3, 5]
          %1 = MEAN(%0, int32[2](-1, 2)) : float32[n, 2]
          return %1
        }
        """,
        """
        graph main(%x: float32[n, 3, 5, 2]) {
          %0 = MEAN(%x, int32[2](1, 2)) : float32[n, 2]
          return %0
        }
        """,
    ),
    Rewrite(
        "matrices",
        """
        graph main(%x: float32[n, 3, 5], %y: float32[n, 4, 3]) {
          %0 = TRANSPOSE(%x, int32[3](0, 2, 1)) : float32[n, 5, 3]
          %1 = TRANSPOSE(%y, int32[3](0, 2, 1)) : float32[n, 3, 4]
          %2 = BATCH_MATMUL(%0, %1) : float32[n, 5, 4]
          return %2
        }
        """,
        """
        graph main(%x: float32[n, 3, 5], %y: float32[n, 4, 3]) {
          %0 = BATCH_MATMUL(%x, %y) {adj_x=True, adj_y=True} : float32[n, 5, 4]
          return %0
        }
        """,
    ),
    Rewrite(
        "product_and_operand",
        """
        graph main(%x: float32[n, 3, 5], %y: float32[n, 4, 2, 3]) {
          %0 = RESHAPE(%y, int32[3](-1, 8, 3)) : float32[n, 8, 3]
          %2 = BATCH_MATMUL(%0, %x) : float32[n, 8, 5]
          %3 = TRANSPOSE(%2, int32[3](0, 2, 1)) : float32[n, 5, 8]
          return %3
        }
        """,
        """
        graph main(%x: float32[n, 3, 5], %y: float32[n, 4, 2, 3]) {
          %0 = RESHAPE(%y, int32[3](-1, 8, 3)) : float32[n, 8, 3]
          %3 = BATCH_MATMUL(%x, %0) {adj_x=True, adj_y=True} : float32[n, 5, 8]
          return %3
        }
        """,
    ),
    Rewrite(
        "adjoint_joins_the_transpose",
        """
        graph main(%x: float32[n, 3, 4, 5], %y: float32[n, 4, 3, 6]) {
          %0 = TRANSPOSE(%x, int32[4](0, 2, 1, 3)) : float32[n, 4, 3, 5]
          %1 = BATCH_MATMUL(%0, %y) {adj_x=True} : float32[n, 4, 5, 6]
          return %1
        }
        """,
        """
        graph main(%x: float32[n, 3, 4, 5], %y: float32[n, 4, 3, 6]) {
          %0 = TRANSPOSE(%x, int32[4](0, 2, 3, 1)) : float32[n, 4, 5, 3]
          %1 = BATCH_MATMUL(%0, %y) : float32[n, 4, 5, 6]
          return %1
        }
        """,
    ),
    Rewrite(
        "flattened_features",
        """
        graph main(%x: float32[n, 2, 2, 2]) {
          %0 = TRANSPOSE(%x, int32[4](0, 3, 1, 2)) : float32[n, 2, 2, 2]
          %1 = RESHAPE(%0, int32[2](-1, 8)) : float32[n, 8]
          %2 = FULLY_CONNECTED(%1, float32[2, 8](1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)) : float32[n, 2]
          return %2
        }
        """,
        """
        graph main(%x: float32[n, 2, 2, 2]) {
          %0 = RESHAPE(%x, int32[2](-1, 8)) : float32[n, 8]
          %1 = FULLY_CONNECTED(%0, float32[2, 8](1, 5, 2, 6, 3, 7, 4, 8, 9, 13, 10, 14, 11, 15, 12, 16)) : float32[n, 2]
          return %1
        }
        """,
    ),
)

test_left_alone = unchanged(
    PASSES,
    Unchanged(
        "order_of_the_rest_changes",
        """
        graph main(%x: float32[n, 3, 5, 2]) {
          %0 = TRANSPOSE(%x, int32[4](0, 3, 1, 2)) : float32[n, 2, 3, 5]
          %1 = MEAN(%0, int32[1](3)) : float32[n, 2, 3]
          return %1
        }
        """,
    ),
    Unchanged(
        "kept_dimensions",
        """
        graph main(%x: float32[n, 3, 5, 2]) {
          %0 = TRANSPOSE(%x, int32[4](0, 3, 1, 2)) : float32[n, 2, 3, 5]
          %1 = MEAN(%0, int32[2](2, 3)) {keep_dims=True} : float32[n, 2, 1, 1]
          return %1
        }
        """,
    ),
    Unchanged(
        "weights_computed",
        """
        graph main(%x: float32[n, 2, 3], %w: float32[4, 6]) {
          %0 = TRANSPOSE(%x, int32[3](0, 2, 1)) : float32[n, 3, 2]
          %1 = RESHAPE(%0, int32[2](-1, 6)) : float32[n, 6]
          %2 = FULLY_CONNECTED(%1, %w) : float32[n, 4]
          return %2
        }
        """,
        "weights are not constant",
    ),
    Unchanged(
        "rows_mixed",
        """
        graph main(%x: float32[2, n, 2]) {
          %0 = TRANSPOSE(%x, int32[3](1, 0, 2)) : float32[n, 2, 2]
          %1 = RESHAPE(%0, int32[2](-1, 4)) : float32[n, 4]
          %2 = FULLY_CONNECTED(%1, float32[1, 4](1, 2, 3, 4)) : float32[n, 1]
          return %2
        }
        """,
        "more than the features",
    ),
)
