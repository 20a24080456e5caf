from litesmith.passes.dead_code import DEAD_CODE
from litesmith.passes.known_ranges import KNOWN_RANGES
from litesmith.passes.simplify import PASSES as SIMPLIFY
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged

test_known_ranges = rewrites(
    (KNOWN_RANGES, *SIMPLIFY, DEAD_CODE),
    Rewrite(
        "dropout_that_keeps_everything",
        """
        graph main(%x: float32[b, 3]) {
          %s = SHAPE(%x) {out_type=int32} : int32[2]
          %0 = RANDOM_UNIFORM(%s) : float32[b, 3]
          %1 = GREATER_EQUAL(%0, float32[](0)) : bool[b, 3]
          %2 = SELECT_V2(%1, %x, float32[](0)) : float32[b, 3]
          return %2
        }
        """,
        """
        graph main(%x: float32[b, 3]) {
          return %x
        }
        """,
    ),
    Rewrite(
        "scaled_and_compared_from_the_left",
        """
        graph main(%x: float32[2], %y: float32[2]) {
          %0 = RANDOM_UNIFORM(int32[1](2)) : float32[2]
          %1 = MUL(%0, float32[](-2)) : float32[2]
          %2 = SUB(float32[](1), %1) : float32[2]
          %3 = GREATER(float32[](1), %2) : bool[2]
          %4 = SELECT_V2(%3, %x, %y) : float32[2]
          return %4
        }
        """,
        """
        graph main(%x: float32[2], %y: float32[2]) {
          return %y
        }
        """,
    ),
    Rewrite(
        "floor_of_one_and_a_draw",
        """
        graph main(%x: float32[2]) {
          %0 = RANDOM_UNIFORM(int32[1](2)) : float32[2]
          %1 = ADD(%0, float32[](1)) : float32[2]
          %2 = FLOOR(%1) : float32[2]
          %3 = MUL(%x, %2) : float32[2]
          return %3
        }
        """,
        """
        graph main(%x: float32[2]) {
          return %x
        }
        """,
    ),
)

test_left_alone = unchanged(
    (KNOWN_RANGES,),
    Unchanged(
        "a_draw_that_decides",
        """
        graph main(%x: float32[2]) {
          %0 = RANDOM_UNIFORM(int32[1](2)) : float32[2]
          %1 = GREATER_EQUAL(%0, float32[](0.5)) : bool[2]
          %3 = SELECT_V2(%1, %x, float32[](0)) : float32[2]
          return %3, %1
        }
        """,
    ),
    Unchanged(
        "a_choice_that_broadcasts",
        """
        graph main(%x: float32[1], %s: int32[1]) {
          %0 = RANDOM_UNIFORM(%s) : float32[b]
          %1 = GREATER_EQUAL(%0, float32[](0)) : bool[b]
          %2 = SELECT_V2(%1, %x, float32[](0)) : float32[b]
          return %2
        }
        """,
        "broadcast",
    ),
)
