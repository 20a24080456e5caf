from litesmith.passes.subgraph_variables import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged

test_loops = rewrites(
    PASSES,
    Rewrite(
        "unused_counter_and_constant_weights",
        """
        graph main(%x: float32[2, 2]) {
          %0, %1, %2, %3 = WHILE(int32[](0), int32[](0), %x, float32[2, 2](1, 2, 3, 4)) {cond_subgraph=@cond, body_subgraph=@body} : int32[], int32[], float32[2, 2], float32[2, 2]
          return %2, %3
        }
        graph cond(%i: int32[], %j: int32[], %x: float32[2, 2], %w: float32[2, 2]) {
          %0 = LESS(%j, int32[](3)) : bool[]
          return %0
        }
        graph body(%i: int32[], %j: int32[], %x: float32[2, 2], %w: float32[2, 2]) {
          %0 = ADD(%i, int32[](1)) : int32[]
          %1 = ADD(%j, int32[](1)) : int32[]
          %2 = FULLY_CONNECTED(%x, %w) : float32[2, 2]
          return %0, %1, %2, %w
        }
        """,
        """
        graph main(%x: float32[2, 2]) {
          %1, %2 = WHILE(int32[](0), %x) {cond_subgraph=@cond, body_subgraph=@body} : int32[], float32[2, 2]
          return %2, float32[2, 2](1, 2, 3, 4)
        }
        graph cond(%i: int32[], %x: float32[2, 2]) {
          %0 = LESS(%i, int32[](3)) : bool[]
          return %0
        }
        graph body(%i: int32[], %x: float32[2, 2]) {
          %1 = ADD(%i, int32[](1)) : int32[]
          %2 = FULLY_CONNECTED(%x, float32[2, 2](1, 2, 3, 4)) : float32[2, 2]
          return %1, %2
        }
        """,
    ),
    Rewrite(
        "two_counters_and_two_bounds_that_are_one",
        """
        graph main(%x: float32[2], %n: int32[]) {
          %0, %1, %2, %3, %4 = WHILE(int32[](0), %n, int32[](0), %x, %n) {cond_subgraph=@cond, body_subgraph=@body} : int32[], int32[], int32[], float32[2], int32[]
          %5 = ADD(%0, %2) : int32[]
          return %3, %5
        }
        graph cond(%i: int32[], %n: int32[], %j: int32[], %x: float32[2], %m: int32[]) {
          %0 = LESS(%i, %n) : bool[]
          %1 = LESS(%j, %m) : bool[]
          %2 = LOGICAL_AND(%0, %1) : bool[]
          return %2
        }
        graph body(%i: int32[], %n: int32[], %j: int32[], %x: float32[2], %m: int32[]) {
          %0 = ADD(%i, int32[](1)) : int32[]
          %1 = ADD(%j, int32[](1)) : int32[]
          %2 = CAST(%j) : float32[]
          %3 = ADD(%x, %2) : float32[2]
          return %0, %n, %1, %3, %m
        }
        """,
        """
        graph main(%x: float32[2], %n: int32[]) {
          %0, %1, %3 = WHILE(int32[](0), %n, %x) {cond_subgraph=@cond, body_subgraph=@body} : int32[], int32[], float32[2]
          %5 = ADD(%0, %0) : int32[]
          return %3, %5
        }
        graph cond(%i: int32[], %n: int32[], %x: float32[2]) {
          %0 = LESS(%i, %n) : bool[]
          %1 = LESS(%i, %n) : bool[]
          %2 = LOGICAL_AND(%0, %1) : bool[]
          return %2
        }
        graph body(%i: int32[], %n: int32[], %x: float32[2]) {
          %0 = ADD(%i, int32[](1)) : int32[]
          %2 = CAST(%i) : float32[]
          %3 = ADD(%x, %2) : float32[2]
          return %0, %n, %3
        }
        """,
    ),
    Rewrite(
        "a_variable_another_one_needs",
        """
        graph main(%x: float32[2], %n: int32[]) {
          %0, %1, %2, %3 = WHILE(int32[](0), %x, %x, %n) {cond_subgraph=@cond, body_subgraph=@body} : int32[], float32[2], float32[2], int32[]
          return %1
        }
        graph cond(%i: int32[], %x: float32[2], %y: float32[2], %n: int32[]) {
          %0 = LESS(%i, %n) : bool[]
          return %0
        }
        graph body(%i: int32[], %x: float32[2], %y: float32[2], %n: int32[]) {
          %0 = ADD(%i, int32[](1)) : int32[]
          %1 = ADD(%x, %y) : float32[2]
          %2 = MUL(%y, %y) : float32[2]
          return %0, %1, %2, %n
        }
        """,
        """
        graph main(%x: float32[2], %n: int32[]) {
          %0, %1, %2, %3 = WHILE(int32[](0), %x, %x, %n) {cond_subgraph=@cond, body_subgraph=@body} : int32[], float32[2], float32[2], int32[]
          return %1
        }
        graph cond(%i: int32[], %x: float32[2], %y: float32[2], %n: int32[]) {
          %0 = LESS(%i, %n) : bool[]
          return %0
        }
        graph body(%i: int32[], %x: float32[2], %y: float32[2], %n: int32[]) {
          %0 = ADD(%i, int32[](1)) : int32[]
          %1 = ADD(%x, %y) : float32[2]
          %2 = MUL(%y, %y) : float32[2]
          return %0, %1, %2, %n
        }
        """,
    ),
)

test_branches = rewrites(
    PASSES,
    Rewrite(
        "unused_result_and_constant_operand",
        """
        graph main(%p: bool[], %x: float32[2], %y: float32[2]) {
          %0, %1 = IF(%p, %x, float32[](2), %y) {then_subgraph=@yes, else_subgraph=@no} : float32[2], float32[2]
          return %0
        }
        graph yes(%x: float32[2], %c: float32[], %y: float32[2]) {
          %0 = MUL(%x, %c) : float32[2]
          %1 = EXP(%y) : float32[2]
          return %0, %1
        }
        graph no(%x: float32[2], %c: float32[], %y: float32[2]) {
          return %x, %y
        }
        """,
        """
        graph main(%p: bool[], %x: float32[2], %y: float32[2]) {
          %0 = IF(%p, %x) {then_subgraph=@yes, else_subgraph=@no} : float32[2]
          return %0
        }
        graph yes(%x: float32[2]) {
          %0 = MUL(%x, float32[](2)) : float32[2]
          return %0
        }
        graph no(%x: float32[2]) {
          return %x
        }
        """,
    ),
)

SHARED = """
graph main(%p: bool[], %x: float32[2]) {
  %0, %1 = IF(%p, %x) {then_subgraph=@yes, else_subgraph=@yes} : float32[2], float32[2]
  return %0
}
graph yes(%x: float32[2]) {
  %0 = EXP(%x) : float32[2]
  return %0, %x
}
"""

test_left_alone = unchanged(PASSES, Unchanged("shared_graph", SHARED))
