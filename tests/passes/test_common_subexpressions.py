from litesmith.passes.common_subexpressions import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged

test_merged = rewrites(
    PASSES,
    Rewrite(
        "chain",
        """
        graph main(%x: float32[n, 4]) {
          %0 = RSQRT(%x) : float32[n, 4]
          %1 = RSQRT(%x) : float32[n, 4]
          %2 = ADD(%0, float32[](1)) : float32[n, 4]
          %3 = ADD(float32[](1), %1) : float32[n, 4]
          %4 = MUL(%2, %3) : float32[n, 4]
          return %4, %2
        }
        """,
        """
        graph main(%x: float32[n, 4]) {
          %0 = RSQRT(%x) : float32[n, 4]
          %2 = ADD(%0, float32[](1)) : float32[n, 4]
          %4 = MUL(%2, %2) : float32[n, 4]
          return %4, %2
        }
        """,
    ),
)

test_kept = unchanged(
    PASSES,
    Unchanged(
        "different_attributes",
        """
        graph main(%x: float32[n, 4]) {
          %0 = LEAKY_RELU(%x) {alpha=0.25} : float32[n, 4]
          %1 = LEAKY_RELU(%x) {alpha=0.5} : float32[n, 4]
          return %0, %1
        }
        """,
    ),
    Unchanged(
        "not_commutative",
        """
        graph main(%x: float32[n, 4], %y: float32[n, 4]) {
          %0 = SUB(%x, %y) : float32[n, 4]
          %1 = SUB(%y, %x) : float32[n, 4]
          return %0, %1
        }
        """,
    ),
)
