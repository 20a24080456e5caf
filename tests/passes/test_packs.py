from litesmith.passes.dead_code import DEAD_CODE
from litesmith.passes.packs import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged

test_packs = rewrites(
    (*PASSES, DEAD_CODE),
    Rewrite(
        "rows",
        """
        graph main(%x: float32[b, 8], %y: float32[b, 8]) {
          %0 = RESHAPE(%x, int32[3](-1, 1, 8)) : float32[b, 1, 8]
          %1 = EXPAND_DIMS(%y, int32[](1)) : float32[b, 1, 8]
          %2 = CONCATENATION(%0, %1, %0) {axis=-2} : float32[b, 3, 8]
          return %2
        }
        """,
        """
        graph main(%x: float32[b, 8], %y: float32[b, 8]) {
          %2 = PACK(%x, %y, %x) {values_count=3, axis=1} : float32[b, 3, 8]
          return %2
        }
        """,
    ),
    Rewrite(
        "numbers_and_a_constant",
        """
        graph main(%x: int32[], %y: int32[]) {
          %0 = RESHAPE(%x, int32[1](1)) : int32[1]
          %1 = RESHAPE(%y, int32[1](1)) : int32[1]
          %2 = CONCATENATION(%0, int32[1](5), %1) {axis=0} : int32[3]
          return %2
        }
        """,
        """
        graph main(%x: int32[], %y: int32[]) {
          %2 = PACK(%x, int32[](5), %y) {values_count=3} : int32[3]
          return %2
        }
        """,
    ),
)

test_left_alone = unchanged(
    PASSES,
    Unchanged(
        "another_dimension",
        """
        graph main(%x: float32[4, 8], %y: float32[4, 8]) {
          %0 = RESHAPE(%x, int32[3](4, 1, 8)) : float32[4, 1, 8]
          %1 = RESHAPE(%y, int32[3](1, 4, 8)) : float32[1, 4, 8]
          %2 = RESHAPE(%x, int32[3](1, 4, 8)) : float32[1, 4, 8]
          %3 = CONCATENATION(%1, %2) {axis=1} : float32[1, 8, 8]
          return %0, %3
        }
        """,
    ),
    Unchanged(
        "a_type_that_is_not_packed",
        """
        graph main(%x: bool[2], %y: bool[2]) {
          %0 = RESHAPE(%x, int32[2](1, 2)) : bool[1, 2]
          %1 = RESHAPE(%y, int32[2](1, 2)) : bool[1, 2]
          %2 = CONCATENATION(%0, %1) {axis=0} : bool[2, 2]
          return %2
        }
        """,
    ),
)
