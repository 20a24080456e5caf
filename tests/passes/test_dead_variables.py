from litesmith.passes.dead_variables import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged

test_variables = rewrites(
    PASSES,
    Rewrite(
        "a_seed_nobody_draws_from",
        """
        graph main(%x: float32[2]) {
          CALL_ONCE() {init_subgraph=@init}
          %0 = VAR_HANDLE() {shared_name="seed"} : resource[]
          %1 = READ_VARIABLE(%0) : int32[2]
          %2 = ADD(%1, int32[2](0, 1)) : int32[2]
          ASSIGN_VARIABLE(%0, %2)
          return %x
        }
        graph init() {
          %0 = VAR_HANDLE() {shared_name="seed"} : resource[]
          ASSIGN_VARIABLE(%0, int32[2](1, 2))
          return
        }
        """,
        """
        graph main(%x: float32[2]) {
          return %x
        }
        """,
    ),
    Rewrite(
        "two_that_only_feed_each_other",
        """
        graph main(%x: float32[2]) {
          %0 = VAR_HANDLE() {shared_name="a"} : resource[]
          %1 = VAR_HANDLE() {shared_name="b"} : resource[]
          %2 = READ_VARIABLE(%0) : float32[2]
          ASSIGN_VARIABLE(%1, %2)
          %3 = READ_VARIABLE(%1) : float32[2]
          ASSIGN_VARIABLE(%0, %3)
          return %x
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
    PASSES,
    Unchanged(
        "an_output_depends_on_it_through_another",
        """
        graph main(%x: float32[2]) {
          %0 = VAR_HANDLE() {shared_name="a"} : resource[]
          %1 = VAR_HANDLE() {shared_name="b"} : resource[]
          %2 = READ_VARIABLE(%0) : float32[2]
          ASSIGN_VARIABLE(%1, %2)
          ASSIGN_VARIABLE(%0, %x)
          %3 = READ_VARIABLE(%1) : float32[2]
          return %3
        }
        """,
    ),
    Unchanged(
        "another_entry_point_reads_it",
        """
        graph main(%x: float32[2]) {
          %0 = VAR_HANDLE() {shared_name="a"} : resource[]
          ASSIGN_VARIABLE(%0, %x)
          return %x
        }
        graph other() {
          %0 = VAR_HANDLE() {shared_name="a"} : resource[]
          %1 = READ_VARIABLE(%0) : float32[2]
          return %1
        }
        """,
    ),
    Unchanged(
        "the_handle_is_an_output",
        """
        graph main(%x: float32[2]) {
          %0 = VAR_HANDLE() {shared_name="a"} : resource[]
          ASSIGN_VARIABLE(%0, %x)
          return %0
        }
        """,
    ),
)
