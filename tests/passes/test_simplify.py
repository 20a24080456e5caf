from litesmith.passes.dead_code import DEAD_CODE
from litesmith.passes.simplify import PASSES
from tests.passes.harness import Rewrite, rewrites

test_repeated = rewrites(
    (*PASSES, DEAD_CODE),
    Rewrite(
        "reversed_twice",
        """
        graph main(%x: float32[2, n, 4]) {
          %0 = REVERSE_V2(%x, int32[1](1)) : float32[2, n, 4]
          %1 = REVERSE_V2(%0, int32[1](-2)) : float32[2, n, 4]
          return %1
        }
        """,
        """
        graph main(%x: float32[2, n, 4]) {
          return %x
        }
        """,
    ),
    Rewrite(
        "reversed_behind_a_unit_dimension",
        """
        graph main(%x: float32[1, 7, 4]) {
          %0 = REVERSE_V2(%x, int32[1](1)) : float32[1, 7, 4]
          %1 = RESHAPE(%0, int32[3](7, 1, 4)) : float32[7, 1, 4]
          %2 = REVERSE_V2(%1, int32[1](0)) : float32[7, 1, 4]
          return %2
        }
        """,
        """
        graph main(%x: float32[1, 7, 4]) {
          %0 = RESHAPE(%x, int32[3](7, 1, 4)) : float32[7, 1, 4]
          return %0
        }
        """,
    ),
    Rewrite(
        "reversed_along_another_dimension",
        """
        graph main(%x: float32[1, 4, 4]) {
          %0 = REVERSE_V2(%x, int32[1](1)) : float32[1, 4, 4]
          %1 = RESHAPE(%0, int32[3](4, 1, 4)) : float32[4, 1, 4]
          %2 = REVERSE_V2(%1, int32[1](2)) : float32[4, 1, 4]
          return %2
        }
        """,
        """
        graph main(%x: float32[1, 4, 4]) {
          %0 = REVERSE_V2(%x, int32[1](1)) : float32[1, 4, 4]
          %1 = RESHAPE(%0, int32[3](4, 1, 4)) : float32[4, 1, 4]
          %2 = REVERSE_V2(%1, int32[1](2)) : float32[4, 1, 4]
          return %2
        }
        """,
    ),
    Rewrite(
        "true_and_itself",
        """
        graph main(%x: bool[n]) {
          %0 = LOGICAL_AND(%x, %x) : bool[n]
          return %0
        }
        """,
        """
        graph main(%x: bool[n]) {
          return %x
        }
        """,
    ),
)

test_simplified = rewrites(
    PASSES,
    Rewrite(
        "reshape_pair_and_cast",
        """
        graph main(%x: float32[2, 4]) {
          %0 = RESHAPE(%x, int32[2](4, 2)) : float32[4, 2]
          %1 = CAST(%0) {in_data_type=float32, out_data_type=float32} : float32[4, 2]
          %2 = RESHAPE(%1, int32[1](8)) : float32[8]
          return %2
        }
        """,
        """
        graph main(%x: float32[2, 4]) {
          %0 = RESHAPE(%x, int32[1](8)) : float32[8]
          return %0
        }
        """,
    ),
    Rewrite(
        "transposes_cancel",
        """
        graph main(%x: float32[n, 4, 3]) {
          %0 = TRANSPOSE(%x, int32[3](2, 0, 1)) : float32[3, n, 4]
          %1 = TRANSPOSE(%0, int32[3](1, 2, 0)) : float32[n, 4, 3]
          %2 = NEG(%1) : float32[n, 4, 3]
          return %2, %0
        }
        """,
        """
        graph main(%x: float32[n, 4, 3]) {
          %0 = TRANSPOSE(%x, int32[3](2, 0, 1)) : float32[3, n, 4]
          %1 = NEG(%x) : float32[n, 4, 3]
          return %1, %0
        }
        """,
    ),
    Rewrite(
        "folded",
        """
        graph main(%x: float32[n, 2]) {
          %0 = NEG(float32[2](1, 2)) : float32[2]
          %1 = ADD(%0, float32[](1)) : float32[2]
          %2 = ADD(%x, %1) : float32[n, 2]
          return %2
        }
        """,
        """
        graph main(%x: float32[n, 2]) {
          %0 = ADD(%x, float32[2](0, -1)) : float32[n, 2]
          return %0
        }
        """,
    ),
    Rewrite(
        "no_elements",
        """
        graph main(%x: float32[2, 4], %y: float32[n, 4]) {
          %0 = SLICE(%x, int32[2](0, 1), int32[2](2, 0)) : float32[2, 0]
          %1 = SLICE(%y, int32[2](0, 1), int32[2](-1, 0)) : float32[n, 0]
          return %0, %1
        }
        """,
        """
        graph main(%x: float32[2, 4], %y: float32[n, 4]) {
          %0 = SLICE(%y, int32[2](0, 1), int32[2](-1, 0)) : float32[n, 0]
          return float32[2, 0](), %0
        }
        """,
    ),
)
