from litesmith.passes import unpacks
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged
from tests.passes.texts import graph

X = "%x: float32[n, 2, 8]"
MIDDLE = "{begin_mask=5, end_mask=5"


def taken(index: int, masks: str = MIDDLE + "}", result: str = "n, 1, 8", x: str = "%x") -> str:
    return f"STRIDED_SLICE({x}, int32[3](0, {index}, 0), int32[3](0, {index + 1}, 0), int32[3](1, 1, 1)) {masks} : float32[{result}]"


def shrunk(index: int, x: str = "%x") -> str:
    return taken(index, MIDDLE + ", shrink_axis_mask=2}", "n, 8", x)


def halves(first: str, second: str) -> str:
    return graph(X, first, second, "SUB(%0, %1) : float32[n, 8]")


test_unpacks = rewrites(
    unpacks.PASSES,
    Rewrite(
        "both",
        halves(shrunk(0), shrunk(1)),
        """
        graph main(%x: float32[n, 2, 8]) {
          %0, %1 = UNPACK(%x) {num=2, axis=1} : float32[n, 8], float32[n, 8]
          %2 = SUB(%0, %1) : float32[n, 8]
          return %2
        }
        """,
    ),
    Rewrite(
        "out_of_order",
        halves(shrunk(1), shrunk(0)),
        """
        graph main(%x: float32[n, 2, 8]) {
          %0, %1 = UNPACK(%x) {num=2, axis=1} : float32[n, 8], float32[n, 8]
          %2 = SUB(%1, %0) : float32[n, 8]
          return %2
        }
        """,
    ),
)

test_no_unpacks = unchanged(
    unpacks.PASSES,
    Unchanged("one_is_missing", graph(X, shrunk(1), "NEG(%0) : float32[n, 8]")),
    Unchanged(
        "part_of_another_dimension",
        graph(
            X,
            *(
                f"STRIDED_SLICE(%x, int32[3](0, {i}, 1), int32[3](0, {i + 1}, 8), int32[3](1, 1, 1)) "
                "{begin_mask=1, end_mask=1, shrink_axis_mask=2} : float32[n, 7]"
                for i in range(2)
            ),
            "SUB(%0, %1) : float32[n, 7]",
        ),
    ),
)
