from litesmith.passes.reshapes import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged
from tests.passes.texts import graph

X, Y = "%x: float32[1, 1, 24, 8]", "%y: float32[1, 1, 24, 8]"
SQUEEZED_X = "RESHAPE(%x, int32[3](1, 24, 8)) : float32[1, 24, 8]"
SQUEEZED_Y = "RESHAPE(%y, int32[3](1, 24, 8)) : float32[1, 24, 8]"
PADDED = "PAD(%0, int32[3, 2](0, 0, 2, 0, 0, 0)) : float32[1, 26, 8]"

test_after = rewrites(
    PASSES,
    Rewrite(
        "sum_of_two",
        graph(f"{X}, {Y}", SQUEEZED_X, SQUEEZED_Y, "ADD(%0, %1) : float32[1, 24, 8]"),
        graph(
            f"{X}, {Y}",
            "ADD(%x, %y) : float32[1, 1, 24, 8]",
            "RESHAPE(%0, int32[3](1, 24, 8)) : float32[1, 24, 8]",
        ),
    ),
    Rewrite(
        "unknown_batch",
        graph(
            "%x: float32[n, 2, 3], %y: float32[n, 2, 3]",
            "RESHAPE(%x, int32[2](-1, 6)) : float32[n, 6]",
            "RESHAPE(%y, int32[2](-1, 6)) : float32[n, 6]",
            "MUL(%0, %1) : float32[n, 6]",
        ),
        graph(
            "%x: float32[n, 2, 3], %y: float32[n, 2, 3]",
            "MUL(%x, %y) : float32[n, 2, 3]",
            "RESHAPE(%0, int32[2](-1, 6)) : float32[n, 6]",
        ),
    ),
    Rewrite(
        "padding_between_two",
        graph(X, SQUEEZED_X, PADDED, "RESHAPE(%1, int32[4](1, 1, 26, 8)) : float32[1, 1, 26, 8]"),
        graph(
            X,
            "PAD(%x, int32[4, 2](0, 0, 0, 0, 2, 0, 0, 0)) : float32[1, 1, 26, 8]",
            "RESHAPE(%0, int32[3](1, 26, 8)) : float32[1, 26, 8]",
            "RESHAPE(%1, int32[4](1, 1, 26, 8)) : float32[1, 1, 26, 8]",
        ),
    ),
)

test_kept = unchanged(
    PASSES,
    Unchanged(
        "other_shapes_before",
        graph(
            "%x: float32[1, 6], %y: float32[2, 3]",
            "RESHAPE(%x, int32[1](6)) : float32[6]",
            "RESHAPE(%y, int32[1](6)) : float32[6]",
            "ADD(%0, %1) : float32[6]",
        ),
    ),
    Unchanged(
        "a_broadcast",
        graph(
            "%x: float32[1, 6], %y: float32[1, 6]",
            "RESHAPE(%x, int32[2](6, 1)) : float32[6, 1]",
            "RESHAPE(%y, int32[1](6)) : float32[6]",
            "ADD(%0, %1) : float32[6, 6]",
        ),
    ),
    Unchanged("padding_that_stays", graph(X, SQUEEZED_X, PADDED)),
    Unchanged(
        "padding_of_joined_dimensions",
        graph(
            "%x: float32[4, 6, 8]",
            "RESHAPE(%x, int32[2](24, 8)) : float32[24, 8]",
            "PAD(%0, int32[2, 2](1, 1, 0, 0)) : float32[26, 8]",
            "RESHAPE(%1, int32[3](2, 13, 8)) : float32[2, 13, 8]",
        ),
        "more than add or drop unit dimensions",
    ),
    Unchanged(
        "padding_of_an_added_dimension",
        graph(
            "%x: float32[4, 6]",
            "RESHAPE(%x, int32[3](4, 1, 6)) : float32[4, 1, 6]",
            "PAD(%0, int32[3, 2](0, 0, 1, 1, 0, 0)) : float32[4, 3, 6]",
            "RESHAPE(%1, int32[2](12, 6)) : float32[12, 6]",
        ),
        "that the RESHAPE added",
    ),
)
