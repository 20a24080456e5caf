from litesmith.passes.empty_variables import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged

test_loops = rewrites(
    PASSES,
    Rewrite(
        "an_array_that_grows",
        """
        graph main(%x: float32[1, 2], %k: int32[]) {
          %0, %1 = WHILE(%k, float32[0, 2]()) {cond_subgraph=@cond, body_subgraph=@body} : int32[], float32[n, 2]
          return %1
        }
        graph cond(%i: int32[], %v: float32[n, 2]) {
          %0 = LESS(%i, int32[](3)) : bool[]
          return %0
        }
        graph body(%i: int32[], %v: float32[n, 2]) {
          %0 = ADD(%i, int32[](1)) : int32[]
          %1 = CONCATENATION(%v, float32[1, 2](1, 2)) {axis=0} : float32[n+1, 2]
          return %0, %1
        }
        """,
        """
        graph main(%x: float32[1, 2], %k: int32[]) {
          %0, %1 = WHILE(%k, float32[1, 2](0, 0)) {cond_subgraph=@cond, body_subgraph=@body} : int32[], float32[n+1, 2]
          %2 = STRIDED_SLICE(%1, int32[2](0, 0), int32[2](-1, 0), int32[2](1, 1)) {begin_mask=3, end_mask=2} : float32[n, 2]
          return %2
        }
        graph cond(%i: int32[], %v: float32[n+1, 2]) {
          %0 = STRIDED_SLICE(%v, int32[2](0, 0), int32[2](-1, 0), int32[2](1, 1)) {begin_mask=3, end_mask=2} : float32[n, 2]
          %1 = LESS(%i, int32[](3)) : bool[]
          return %1
        }
        graph body(%i: int32[], %v: float32[n+1, 2]) {
          %0 = STRIDED_SLICE(%v, int32[2](0, 0), int32[2](-1, 0), int32[2](1, 1)) {begin_mask=3, end_mask=2} : float32[n, 2]
          %1 = ADD(%i, int32[](1)) : int32[]
          %2 = CONCATENATION(%0, float32[1, 2](1, 2)) : float32[n+1, 2]
          %3 = CONCATENATION(%2, float32[1, 2](0, 0)) : float32[n+2, 2]
          return %1, %3
        }
        """,
    ),
)

test_left_alone = unchanged(
    PASSES,
    Unchanged(
        "starts_with_something",
        """
        graph main(%k: int32[]) {
          %0, %1 = WHILE(%k, float32[1](5)) {cond_subgraph=@cond, body_subgraph=@body} : int32[], float32[n]
          return %1
        }
        graph cond(%i: int32[], %v: float32[n]) {
          %0 = LESS(%i, int32[](3)) : bool[]
          return %0
        }
        graph body(%i: int32[], %v: float32[n]) {
          %0 = ADD(%i, int32[](1)) : int32[]
          %1 = CONCATENATION(%v, float32[1](2)) : float32[n+1]
          return %0, %1
        }
        """,
    ),
)
