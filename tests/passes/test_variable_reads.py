"""Variables that are read again, or read after they were assigned."""

from litesmith.passes.variable_reads import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged

test_rewrites = rewrites(
    PASSES,
    Rewrite(
        "read_twice",
        """graph main() {
          %0 = VAR_HANDLE() {shared_name="v"} : resource[]
          %1 = READ_VARIABLE(%0) : float32[2]
          %2 = READ_VARIABLE(%0) : float32[2]
          %3 = ADD(%1, %2) : float32[2]
          return %3
        }""",
        """graph main() {
          %0 = VAR_HANDLE() {shared_name="v"} : resource[]
          %1 = READ_VARIABLE(%0) : float32[2]
          %2 = ADD(%1, %1) : float32[2]
          return %2
        }""",
    ),
    Rewrite(
        "read_after_an_assignment",
        """graph main(%x: float32[2]) {
          %0 = VAR_HANDLE() {shared_name="v"} : resource[]
          %1 = READ_VARIABLE(%0) : float32[2]
          %2 = ADD(%1, %x) : float32[2]
          ASSIGN_VARIABLE(%0, %2)
          %3 = READ_VARIABLE(%0) : float32[2]
          %4 = NEG(%3) : float32[2]
          return %4, %1
        }""",
        """graph main(%x: float32[2]) {
          %0 = VAR_HANDLE() {shared_name="v"} : resource[]
          %1 = READ_VARIABLE(%0) : float32[2]
          %2 = ADD(%1, %x) : float32[2]
          ASSIGN_VARIABLE(%0, %2)
          %3 = NEG(%2) : float32[2]
          return %3, %1
        }""",
    ),
    Rewrite(
        "handles_of_one_name",
        """graph main() {
          %0 = VAR_HANDLE() {shared_name="v"} : resource[]
          %1 = VAR_HANDLE() {shared_name="v"} : resource[]
          ASSIGN_VARIABLE(%0, float32[1](3))
          %2 = READ_VARIABLE(%1) : float32[1]
          return %2
        }""",
        """graph main() {
          %0 = VAR_HANDLE() {shared_name="v"} : resource[]
          ASSIGN_VARIABLE(%0, float32[1](3))
          return float32[1](3)
        }""",
    ),
)

test_left_alone = unchanged(
    PASSES,
    Unchanged(
        "another_variable_and_an_assignment_between",
        """graph main(%x: float32[2]) {
          %0 = VAR_HANDLE() {shared_name="v"} : resource[]
          %1 = VAR_HANDLE() {shared_name="w"} : resource[]
          %2 = READ_VARIABLE(%0) : float32[2]
          ASSIGN_VARIABLE(%0, %x)
          %3 = READ_VARIABLE(%1) : float32[2]
          return %2, %3
        }""",
    ),
    Unchanged(
        "assigned_in_a_branch",
        """
        graph main(%c: bool[], %x: float32[2]) {
          %0 = VAR_HANDLE() {shared_name="v"} : resource[]
          %1 = READ_VARIABLE(%0) : float32[2]
          %2 = IF(%c, %x) {else_subgraph=@no, then_subgraph=@yes} : float32[2]
          %3 = READ_VARIABLE(%0) : float32[2]
          return %1, %2, %3
        }
        graph yes(%x: float32[2]) {
          %0 = VAR_HANDLE() {shared_name="v"} : resource[]
          ASSIGN_VARIABLE(%0, %x)
          return %x
        }
        graph no(%x: float32[2]) {
          return %x
        }
        """,
    ),
    Unchanged(
        "of_another_shape",
        """graph main(%x: float32[n]) {
          %0 = VAR_HANDLE() {shared_name="v"} : resource[]
          ASSIGN_VARIABLE(%0, %x)
          %1 = READ_VARIABLE(%0) : float32[2]
          return %1
        }""",
    ),
)
