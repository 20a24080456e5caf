from litesmith.passes.shape_values import PASSES
from tests.passes.harness import Rewrite, rewrites

ELEMENT = "STRIDED_SLICE(%s, int32[1]({}), int32[1]({}), int32[1](1)) {{shrink_axis_mask=1}} : int32[]"

test_shorter = rewrites(
    PASSES,
    Rewrite(
        "packed_sizes",
        f"""
        graph main(%x: float32[n, t, 8], %y: float32[1, 1, 1, 1]) {{
          %s = SHAPE(%x) {{out_type=int32}} : int32[3]
          %1 = {ELEMENT.format(0, 1)}
          %2 = {ELEMENT.format(1, 2)}
          %3 = PACK(%1, %2, int32[](2), int32[](4)) {{values_count=4}} : int32[4]
          %4 = BROADCAST_TO(%y, %3) : float32[n, t, 2, 4]
          return %4
        }}
        """,
        """
        graph main(%x: float32[n, t, 8], %y: float32[1, 1, 1, 1]) {
          %s = SHAPE(%x) {out_type=int32} : int32[3]
          %1 = STRIDED_SLICE(%s, int32[1](0), int32[1](2), int32[1](1)) : int32[2]
          %2 = CONCATENATION(%1, int32[2](2, 4)) : int32[4]
          %3 = BROADCAST_TO(%y, %2) : float32[n, t, 2, 4]
          return %3
        }
        """,
    ),
    Rewrite(
        "the_shape_itself",
        f"""
        graph main(%x: float32[n, 5], %y: float32[1, 1]) {{
          %s = SHAPE(%x) {{out_type=int32}} : int32[2]
          %1 = {ELEMENT.format(0, 1)}
          %2 = PACK(%1, int32[](5)) {{values_count=2}} : int32[2]
          %3 = BROADCAST_TO(%y, %2) : float32[n, 5]
          return %3
        }}
        """,
        """
        graph main(%x: float32[n, 5], %y: float32[1, 1]) {
          %s = SHAPE(%x) {out_type=int32} : int32[2]
          %1 = BROADCAST_TO(%y, %s) : float32[n, 5]
          return %1
        }
        """,
    ),
    Rewrite(
        "one_size_read_twice",
        """
        graph main(%x: float32[n, 5], %y: float32[n, 3], %z: float32[1, 1]) {
          %0 = SHAPE(%x) {out_type=int32} : int32[2]
          %1 = STRIDED_SLICE(%0, int32[1](0), int32[1](1), int32[1](1)) : int32[1]
          %2 = CONCATENATION(%1, int32[1](7)) : int32[2]
          %3 = BROADCAST_TO(%z, %2) : float32[n, 7]
          %4 = SHAPE(%y) {out_type=int32} : int32[2]
          %5 = STRIDED_SLICE(%4, int32[1](0), int32[1](1), int32[1](1)) : int32[1]
          %6 = CONCATENATION(%5, int32[1](9)) : int32[2]
          %7 = BROADCAST_TO(%z, %6) : float32[n, 9]
          return %3, %7
        }
        """,
        """
        graph main(%x: float32[n, 5], %y: float32[n, 3], %z: float32[1, 1]) {
          %0 = SHAPE(%x) {out_type=int32} : int32[2]
          %1 = STRIDED_SLICE(%0, int32[1](0), int32[1](1), int32[1](1)) : int32[1]
          %2 = CONCATENATION(%1, int32[1](7)) : int32[2]
          %3 = BROADCAST_TO(%z, %2) : float32[n, 7]
          %4 = CONCATENATION(%1, int32[1](9)) : int32[2]
          %5 = BROADCAST_TO(%z, %4) : float32[n, 9]
          return %3, %5
        }
        """,
    ),
    Rewrite(
        "as_short_as_any",
        """
        graph main(%x: float32[n, t, 8], %y: float32[1, 1, 1, 1]) {
          %s = SHAPE(%x) {out_type=int64} : int64[3]
          %0 = CAST(%s) {in_data_type=int64, out_data_type=int32} : int32[3]
          %1 = STRIDED_SLICE(%0, int32[1](0), int32[1](2), int32[1](1)) : int32[2]
          %2 = CONCATENATION(%1, int32[2](2, 4)) : int32[4]
          %3 = BROADCAST_TO(%y, %2) : float32[n, t, 2, 4]
          %4 = CAST(%s) {in_data_type=int64, out_data_type=float32} : float32[3]
          return %3, %4
        }
        """,
        """
        graph main(%x: float32[n, t, 8], %y: float32[1, 1, 1, 1]) {
          %s = SHAPE(%x) {out_type=int64} : int64[3]
          %0 = CAST(%s) {in_data_type=int64, out_data_type=int32} : int32[3]
          %1 = STRIDED_SLICE(%0, int32[1](0), int32[1](2), int32[1](1)) : int32[2]
          %2 = CONCATENATION(%1, int32[2](2, 4)) : int32[4]
          %3 = BROADCAST_TO(%y, %2) : float32[n, t, 2, 4]
          %4 = CAST(%s) {in_data_type=int64, out_data_type=float32} : float32[3]
          return %3, %4
        }
        """,
    ),
    Rewrite(
        "size_of_what_nobody_else_needs",
        """
        graph main(%x: float32[n, 4]) {
          %0 = RESHAPE(%x, int32[3](-1, 2, 2)) : float32[n, 2, 2]
          %1 = SHAPE(%0) {out_type=int32} : int32[3]
          %2 = GATHER(%1, int32[](0)) : int32[]
          return %2
        }
        """,
        """
        graph main(%x: float32[n, 4]) {
          %0 = SHAPE(%x) {out_type=int32} : int32[2]
          %1 = STRIDED_SLICE(%0, int32[1](0), int32[1](1), int32[1](1)) {shrink_axis_mask=1} : int32[]
          return %1
        }
        """,
    ),
    Rewrite(
        "size_of_what_stays_with_its_shape",
        """
        graph main(%x: float32[n], %y: float32[m]) {
          %0 = CONCATENATION(%x, %y) : float32[n+m]
          %1 = SHAPE(%0) {out_type=int32} : int32[1]
          %2 = GATHER(%1, int32[](0)) : int32[]
          return %2
        }
        """,
        """
        graph main(%x: float32[n], %y: float32[m]) {
          %0 = CONCATENATION(%x, %y) : float32[n+m]
          %1 = SHAPE(%0) {out_type=int32} : int32[1]
          %2 = GATHER(%1, int32[](0)) : int32[]
          return %2
        }
        """,
    ),
    Rewrite(
        "known_at_last",
        """
        graph main(%x: float32[2, 5], %y: float32[1, 1]) {
          %0 = SHAPE(%x) {out_type=int32} : int32[2]
          %1 = ADD(%0, int32[](1)) : int32[2]
          %2 = BROADCAST_TO(%y, %1) : float32[3, 6]
          return %2
        }
        """,
        """
        graph main(%x: float32[2, 5], %y: float32[1, 1]) {
          %0 = BROADCAST_TO(%y, int32[2](3, 6)) : float32[3, 6]
          return %0
        }
        """,
    ),
)


def test_left_alone() -> None:
    from litesmith.ir.printer import print_program
    from tests.passes.harness import apply, parsed, require_text

    text = """
    graph main(%x: float32[n, t, 8], %y: float32[1, 1, 1]) {
      %s = SHAPE(%x) {out_type=int32} : int32[3]
      %1 = STRIDED_SLICE(%s, int32[1](0), int32[1](2), int32[1](1)) : int32[2]
      %2 = CONCATENATION(%1, int32[1](2)) : int32[3]
      %3 = BROADCAST_TO(%y, %2) : float32[n, t, 2]
      return %3
    }
    """
    program = parsed(text)
    before = print_program(program)
    learnt, _, rebuilt = apply(PASSES, program)
    assert learnt.rewrites == 3
    assert not rebuilt.modified
    assert any("no shorter chain" in why for _, why in rebuilt.declined)
    require_text(print_program(program), before)
