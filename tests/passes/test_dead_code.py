from litesmith.passes.dead_code import PASSES
from tests.passes.harness import Rewrite, rewrites

test_removed = rewrites(
    PASSES,
    Rewrite(
        "chain",
        """
        graph main(%x: float32[n, 4]) {
          %0 = RSQRT(%x) : float32[n, 4]
          %1 = NEG(%0) : float32[n, 4]
          %2 = EXP(%x) : float32[n, 4]
          return %2
        }
        """,
        """
        graph main(%x: float32[n, 4]) {
          %2 = EXP(%x) : float32[n, 4]
          return %2
        }
        """,
    ),
)
