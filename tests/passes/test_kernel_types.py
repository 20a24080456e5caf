"""Operations computed in a wider type, because their kernel does not take the narrow one."""

from litesmith.passes.kernel_types import PASSES
from tests.passes.harness import Rewrite, Unchanged, apply, parsed, rewrites, unchanged

test_rewrites = rewrites(
    PASSES,
    Rewrite(
        "half",
        """graph main(%x: float16[4]) {
          %y = EXP(%x) : float16[4]
          return %y
        }""",
        """graph main(%x: float16[4]) {
          %0 = CAST(%x) {in_data_type=float16, out_data_type=float32} : float32[4]
          %1 = EXP(%0) : float32[4]
          %y = CAST(%1) {in_data_type=float32, out_data_type=float16} : float16[4]
          return %y
        }""",
        tolerance=1e-3,
    ),
    Rewrite(
        "small_integers",
        """graph main(%x: uint8[4], %y: uint8[4]) {
          %z = SUB(%x, %y) : uint8[4]
          return %z
        }""",
        """graph main(%x: uint8[4], %y: uint8[4]) {
          %0 = CAST(%x) {in_data_type=uint8, out_data_type=int32} : int32[4]
          %1 = CAST(%y) {in_data_type=uint8, out_data_type=int32} : int32[4]
          %2 = SUB(%0, %1) : int32[4]
          %z = CAST(%2) {in_data_type=int32, out_data_type=uint8} : uint8[4]
          return %z
        }""",
    ),
    Rewrite(
        "result_of_another_type",
        """graph main(%x: uint16[4], %y: uint16[4]) {
          %z = LESS(%x, %y) : bool[4]
          return %z
        }""",
        """graph main(%x: uint16[4], %y: uint16[4]) {
          %0 = CAST(%x) {in_data_type=uint16, out_data_type=int32} : int32[4]
          %1 = CAST(%y) {in_data_type=uint16, out_data_type=int32} : int32[4]
          %z = LESS(%0, %1) : bool[4]
          return %z
        }""",
    ),
)

test_left_alone = unchanged(
    PASSES,
    Unchanged("taken", "graph main(%x: float32[4]) {\n%y = LOGISTIC(%x) : float32[4]\nreturn %y\n}"),
    Unchanged("int16_add", "graph main(%x: int16[4]) {\n%y = ADD(%x, %x) : int16[4]\nreturn %y\n}"),
    Unchanged("double", "graph main(%x: float64[4]) {\n%y = LOGISTIC(%x) : float64[4]\nreturn %y\n}", "no wider type"),
    Unchanged("long_divided", "graph main(%x: int64[4]) {\n%y = DIV(%x, %x) : int64[4]\nreturn %y\n}", "no wider type"),
)


def test_a_chain_stays_wide() -> None:
    program = parsed("graph main(%x: bfloat16[4]) {\n%0 = EXP(%x) : bfloat16[4]\n%1 = SIN(%0) : bfloat16[4]\nreturn %1\n}")
    apply(PASSES, program)
    assert program.main.histogram() == {"CAST": 2, "EXP": 1, "SIN": 1}
