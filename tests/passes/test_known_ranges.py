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
    ),
    Unchanged(
        "an_index_that_may_be_negative",
        """
        graph main(%x: float32[10], %i: int32[3]) {
          %0 = LESS(%i, int32[](0)) : bool[3]
          %1 = ADD(%i, int32[](10)) : int32[3]
          %2 = SELECT_V2(%0, %1, %i) : int32[3]
          %3 = MINIMUM(%2, int32[](9)) : int32[3]
          %4 = GATHER(%x, %3) : float32[3]
          return %4
        }
        """,
    ),
    Unchanged(
        "a_sum_that_goes_round",
        """
        graph main(%i: uint8[3]) {
          %0 = CAST(%i) {in_data_type=uint8, out_data_type=int8} : int8[3]
          %1 = LESS(%0, int8[](0)) : bool[3]
          %2 = CAST(%i) {in_data_type=uint8, out_data_type=int32} : int32[3]
          %3 = ADD(%2, int32[](2147483500)) : int32[3]
          %4 = LESS(%3, int32[](0)) : bool[3]
          return %1, %4
        }
        """,
    ),
    Unchanged(
        "no_elements",
        """
        graph main(%i: int32[2], %n: int32[0]) {
          %0 = STRIDED_SLICE(%i, int32[1](2), int32[1](2), int32[1](1)) : int32[0]
          %1 = CONCATENATION(%0, %n) {axis=0} : int32[0]
          %2 = REDUCE_MAX(%1, int32[1](0)) : int32[]
          %3 = LESS(%2, int32[](0)) : bool[]
          return %3
        }
        """,
    ),
    Unchanged(
        "a_counter_without_bound",
        """
        graph main(%go: bool[]) {
          %0, %1 = WHILE(int32[](0), %go) {cond_subgraph=@cond, body_subgraph=@body} : int32[], bool[]
          return %0
        }
        graph cond(%i: int32[], %go: bool[]) {
          return %go
        }
        graph body(%i: int32[], %go: bool[]) {
          %0 = ADD(%i, int32[](1)) : int32[]
          %1 = GREATER_EQUAL(%i, int32[](0)) : bool[]
          return %0, %1
        }
        """,
    ),
    Unchanged(
        "a_conjunction_over_no_elements",
        """
        graph main(%x: bool[n, 3]) {
          %0 = LOGICAL_NOT(%x) : bool[n, 3]
          %1 = LOGICAL_AND(%x, bool[](True)) : bool[n, 3]
          %2 = LOGICAL_OR(%0, %1) : bool[n, 3]
          %3 = REDUCE_ALL(%2, int32[1](0)) : bool[3]
          return %3
        }
        """,
    ),
)

test_indices = rewrites(
    (KNOWN_RANGES, *SIMPLIFY, DEAD_CODE),
    Rewrite(
        "the_place_of_the_largest",
        """
        graph main(%x: float32[b, 10], %t: float32[10, 4]) {
          %0 = ARG_MAX(%x, int32[](1)) {output_type=int32} : int32[b]
          %1 = LESS(%0, int32[](0)) : bool[b]
          %2 = ADD(%0, int32[](10)) : int32[b]
          %3 = SELECT_V2(%1, %2, %0) : int32[b]
          %4 = MAXIMUM(%3, int32[](0)) : int32[b]
          %5 = MINIMUM(%4, int32[](9)) : int32[b]
          %6 = EQUAL(%5, %3) : bool[b]
          %7 = RESHAPE(%6, int32[2](-1, 1)) : bool[b, 1]
          %8 = GATHER(%t, %5) : float32[b, 4]
          %9 = SELECT_V2(%7, %8, float32[](nan)) : float32[b, 4]
          return %9
        }
        """,
        """
        graph main(%x: float32[b, 10], %t: float32[10, 4]) {
          %0 = ARG_MAX(%x, int32[](1)) {output_type=int32} : int32[b]
          %9 = GATHER(%t, %0) : float32[b, 4]
          return %9
        }
        """,
    ),
    Rewrite(
        "a_place_in_two_dimensions",
        """
        graph main(%x: float32[5], %t: float32[4, 5]) {
          %0 = ARG_MIN(%x, int32[](0)) {output_type=int32} : int32[]
          %1 = PACK(int32[](0), %0) {values_count=2} : int32[2]
          %2 = MAXIMUM(%1, int32[1](0)) : int32[2]
          %3 = MINIMUM(%2, int32[2](0, 4)) : int32[2]
          %4 = SLICE(%t, %3, int32[2](4, 1)) : float32[4, 1]
          return %4
        }
        """,
        """
        graph main(%x: float32[5], %t: float32[4, 5]) {
          %0 = ARG_MIN(%x, int32[](0)) {output_type=int32} : int32[]
          %1 = PACK(int32[](0), %0) {values_count=2} : int32[2]
          %4 = SLICE(%t, %1, int32[2](4, 1)) : float32[4, 1]
          return %4
        }
        """,
    ),
    Rewrite(
        "a_limit_that_adds_a_dimension",
        """
        graph main(%x: float32[5]) {
          %0 = ARG_MAX(%x, int32[](0)) {output_type=int32} : int32[]
          %1 = MAXIMUM(%0, int32[1](0)) : int32[1]
          return %1
        }
        """,
        """
        graph main(%x: float32[5]) {
          %0 = ARG_MAX(%x, int32[](0)) {output_type=int32} : int32[]
          %1 = RESHAPE(%0, int32[1](1)) : int32[1]
          return %1
        }
        """,
    ),
    Rewrite(
        "a_counter",
        """
        graph main(%x: float32[8, 3]) {
          %0, %1, %2 = WHILE(int32[](0), float32[3](0, 0, 0), %x) {cond_subgraph=@cond, body_subgraph=@body} : int32[], float32[3], float32[8, 3]
          %3 = GREATER(%0, int32[](8)) : bool[]
          return %1, %3
        }
        graph cond(%i: int32[], %s: float32[3], %x: float32[8, 3]) {
          %0 = LESS(%i, int32[](8)) : bool[]
          return %0
        }
        graph body(%i: int32[], %s: float32[3], %x: float32[8, 3]) {
          %0 = LESS(%i, int32[](0)) : bool[]
          %1 = ADD(%i, int32[](8)) : int32[]
          %2 = SELECT_V2(%0, %1, %i) : int32[]
          %3 = MINIMUM(%2, int32[](7)) : int32[]
          %4 = GATHER(%x, %3) : float32[3]
          %5 = ADD(%s, %4) : float32[3]
          %6 = ADD(%i, int32[](1)) : int32[]
          return %6, %5, %x
        }
        """,
        """
        graph main(%x: float32[8, 3]) {
          %0, %1, %2 = WHILE(int32[](0), float32[3](0, 0, 0), %x) {cond_subgraph=@cond, body_subgraph=@body} : int32[], float32[3], float32[8, 3]
          return %1, bool[](False)
        }
        graph cond(%i: int32[], %s: float32[3], %x: float32[8, 3]) {
          %0 = LESS(%i, int32[](8)) : bool[]
          return %0
        }
        graph body(%i: int32[], %s: float32[3], %x: float32[8, 3]) {
          %4 = GATHER(%x, %i) : float32[3]
          %5 = ADD(%s, %4) : float32[3]
          %6 = ADD(%i, int32[](1)) : int32[]
          return %6, %5, %x
        }
        """,
    ),
    Rewrite(
        "a_counter_that_goes_down_to_a_size",
        """
        graph main(%n: int32[1]) {
          %0, %1 = WHILE(int32[](9), %n) {cond_subgraph=@cond, body_subgraph=@body} : int32[], int32[1]
          return %0
        }
        graph cond(%i: int32[], %n: int32[1]) {
          %0 = GREATER_EQUAL(%i, int32[](2)) : bool[]
          %1 = REDUCE_ANY(bool[1](True), int32[1](0)) : bool[]
          %2 = LOGICAL_AND(%0, %1) : bool[]
          return %2
        }
        graph body(%i: int32[], %n: int32[1]) {
          %0 = MAXIMUM(%i, int32[](2)) : int32[]
          %1 = ABS(%0) : int32[]
          %2 = FLOOR_MOD(%1, int32[](10)) : int32[]
          %3 = SUB(%2, int32[](3)) : int32[]
          %4 = SUB(%i, int32[](3)) : int32[]
          return %4, %n
        }
        """,
        """
        graph main(%n: int32[1]) {
          %0, %1 = WHILE(int32[](9), %n) {cond_subgraph=@cond, body_subgraph=@body} : int32[], int32[1]
          return %0
        }
        graph cond(%i: int32[], %n: int32[1]) {
          %0 = GREATER_EQUAL(%i, int32[](2)) : bool[]
          return %0
        }
        graph body(%i: int32[], %n: int32[1]) {
          %4 = SUB(%i, int32[](3)) : int32[]
          return %4, %n
        }
        """,
    ),
)
