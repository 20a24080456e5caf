"""Broadcasts of a rank the kernel does not take."""

from litesmith.passes.broadcast_rank import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged

test_rewrites = rewrites(
    PASSES,
    Rewrite(
        "merged",
        """graph main(%x: float32[2, 3, 4, 5, 6], %y: float32[5, 6]) {
          %z = LESS(%x, %y) : bool[2, 3, 4, 5, 6]
          return %z
        }""",
        """graph main(%x: float32[2, 3, 4, 5, 6], %y: float32[5, 6]) {
          %0 = RESHAPE(%x, int32[2](24, 30)) : float32[24, 30]
          %1 = RESHAPE(%y, int32[2](1, 30)) : float32[1, 30]
          %2 = LESS(%0, %1) : bool[24, 30]
          %z = RESHAPE(%2, int32[5](2, 3, 4, 5, 6)) : bool[2, 3, 4, 5, 6]
          return %z
        }""",
    ),
    Rewrite(
        "unknown_batch",
        """graph main(%x: float32[n, 3, 4, 5, 6], %y: float32[1]) {
          %z = POW(%x, %y) : float32[n, 3, 4, 5, 6]
          return %z
        }""",
        """graph main(%x: float32[n, 3, 4, 5, 6], %y: float32[1]) {
          %0 = RESHAPE(%x, int32[1](-1)) : float32[360*n]
          %1 = POW(%0, %y) : float32[360*n]
          %z = RESHAPE(%1, int32[5](-1, 3, 4, 5, 6)) : float32[n, 3, 4, 5, 6]
          return %z
        }""",
    ),
    Rewrite(
        "unknown_sizes",
        """graph main(%x: float32[n, t, 4, 5, 6], %y: float32[]) {
          %z = GREATER(%x, %y) : bool[n, t, 4, 5, 6]
          return %z
        }""",
        """graph main(%x: float32[n, t, 4, 5, 6], %y: float32[]) {
          %0 = RESHAPE(%x, int32[1](-1)) : float32[120*n*t]
          %1 = RESHAPE(%y, int32[1](1)) : float32[1]
          %2 = GREATER(%0, %1) : bool[120*n*t]
          %3 = SHAPE(%x) {out_type=int32} : int32[5]
          %z = RESHAPE(%2, %3) : bool[n, t, 4, 5, 6]
          return %z
        }""",
    ),
    Rewrite(
        "broadcast_before",
        """graph main(%x: float32[2, 1, 2, 1, 2], %y: float32[2, 1, 2, 1]) {
          %z = FLOOR_MOD(%x, %y) : float32[2, 2, 2, 2, 2]
          return %z
        }""",
        """graph main(%x: float32[2, 1, 2, 1, 2], %y: float32[2, 1, 2, 1]) {
          %0 = BROADCAST_TO(%x, int32[5](2, 2, 2, 2, 2)) : float32[2, 2, 2, 2, 2]
          %1 = BROADCAST_TO(%y, int32[5](2, 2, 2, 2, 2)) : float32[2, 2, 2, 2, 2]
          %z = FLOOR_MOD(%0, %1) : float32[2, 2, 2, 2, 2]
          return %z
        }""",
    ),
)

test_left_alone = unchanged(
    PASSES,
    Unchanged("taken", "graph main(%x: float32[2, 3], %y: float32[3]) {\n%z = POW(%x, %y) : float32[2, 3]\nreturn %z\n}"),
    Unchanged(
        "same_shapes",
        "graph main(%x: int32[1, 2, 1, 2, 1, 2]) {\n%z = FLOOR_DIV(%x, %x) : int32[1, 2, 1, 2, 1, 2]\nreturn %z\n}",
    ),
)
