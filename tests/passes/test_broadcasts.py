from litesmith.passes.broadcasts import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged
from tests.passes.texts import graph

X = "%x: float32[2, 3, 4], %y: float32[4]"

test_dropped = rewrites(
    PASSES,
    Rewrite(
        "broadcast_to",
        graph(X, "BROADCAST_TO(%y, int32[3](2, 3, 4)) : float32[2, 3, 4]", "SUB(%x, %0) : float32[2, 3, 4]"),
        graph(X, "SUB(%x, %y) : float32[2, 3, 4]"),
    ),
    Rewrite(
        "tile",
        graph(
            "%x: float32[n, 3], %y: float32[1, 3]",
            "SHAPE(%x) {out_type=int32} : int32[2]",
            "STRIDED_SLICE(%0, int32[1](0), int32[1](1), int32[1](1)) : int32[1]",
            "CONCATENATION(%1, int32[1](1)) : int32[2]",
            "TILE(%y, %2) : float32[n, 3]",
            "ADD(%3, %x) : float32[n, 3]",
        ),
        graph("%x: float32[n, 3], %y: float32[1, 3]", "ADD(%y, %x) : float32[n, 3]"),
    ),
    Rewrite(
        "leading_ones",
        graph(
            "%x: float32[2, 3, 4], %y: float32[1, 4]",
            "RESHAPE(%y, int32[3](1, 1, 4)) : float32[1, 1, 4]",
            "MUL(%x, %0) : float32[2, 3, 4]",
        ),
        graph("%x: float32[2, 3, 4], %y: float32[1, 4]", "MUL(%x, %y) : float32[2, 3, 4]"),
    ),
    Rewrite(
        "fill",
        graph("%x: float32[2, 3]", "FILL(int32[2](2, 3), float32[](4)) : float32[2, 3]", "MUL(%x, %0) : float32[2, 3]"),
        graph("%x: float32[2, 3]", "MUL(%x, float32[](4)) : float32[2, 3]"),
    ),
)

test_kept = unchanged(
    PASSES,
    Unchanged(
        "both_smaller",
        graph(
            "%x: float32[1, 4], %y: float32[4]",
            "BROADCAST_TO(%y, int32[2](3, 4)) : float32[3, 4]",
            "ADD(%x, %0) : float32[3, 4]",
        ),
        "would be smaller",
    ),
    Unchanged(
        "a_kernel_that_does_not_broadcast",
        graph(
            "%x: float32[n, 4], %y: float32[1, 4], %s: int32[2]",
            "BROADCAST_TO(%y, %s) : float32[n, 4]",
            "ADD_N(%x, %0, %x) : float32[n, 4]",
        ),
    ),
    Unchanged(
        "real_tile",
        graph("%x: float32[6], %y: float32[3]", "TILE(%y, int32[1](2)) : float32[6]", "ADD(%x, %0) : float32[6]"),
    ),
)
