from litesmith.passes import l2_normalization, softmax
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged
from tests.passes.texts import graph

X = "%x: float32[n, 3, 4]"
FULL, ONE = "float32[n, 3, 4]", "float32[n, 3, 1]"


def shifted(axis: int = -1, one: str = ONE) -> tuple[str, ...]:
    return (
        f"REDUCE_MAX(%x, int32[1]({axis})) {{keep_dims=True}} : {one}",
        f"SUB(%x, %0) : {FULL}",
        f"EXP(%1) : {FULL}",
        f"SUM(%2, int32[1]({axis})) {{keep_dims=True}} : {one}",
    )


test_softmax = rewrites(
    softmax.PASSES,
    Rewrite("softmax", graph(X, *shifted(), f"DIV(%2, %3) : {FULL}"), graph(X, f"SOFTMAX(%x) {{beta=1.0}} : {FULL}")),
    Rewrite(
        "log_softmax",
        graph(X, *shifted(2), f"LOG(%3) : {ONE}", f"SUB(%1, %4) : {FULL}"),
        graph(X, f"LOG_SOFTMAX(%x) : {FULL}"),
    ),
    Rewrite(
        "other_axis",
        graph(X, *shifted(1, "float32[n, 1, 4]"), f"DIV(%2, %3) : {FULL}"),
        graph(
            X,
            "TRANSPOSE(%x, int32[3](0, 2, 1)) : float32[n, 4, 3]",
            "SOFTMAX(%0) {beta=1.0} : float32[n, 4, 3]",
            f"TRANSPOSE(%1, int32[3](0, 2, 1)) : {FULL}",
        ),
    ),
    Rewrite(
        "log_softmax_of_the_first_axis",
        graph(X, *shifted(0, "float32[1, 3, 4]"), "LOG(%3) : float32[1, 3, 4]", f"SUB(%1, %4) : {FULL}"),
        graph(
            X,
            "TRANSPOSE(%x, int32[3](2, 1, 0)) : float32[4, 3, n]",
            "LOG_SOFTMAX(%0) : float32[4, 3, n]",
            f"TRANSPOSE(%1, int32[3](2, 1, 0)) : {FULL}",
        ),
    ),
)

test_no_softmax = unchanged(
    softmax.PASSES,
    Unchanged(
        "two_axes",
        graph(
            X,
            "REDUCE_MAX(%x, int32[2](1, 2)) {keep_dims=True} : float32[n, 1, 1]",
            f"SUB(%x, %0) : {FULL}",
            f"EXP(%1) : {FULL}",
            "SUM(%2, int32[2](1, 2)) {keep_dims=True} : float32[n, 1, 1]",
            f"DIV(%2, %3) : {FULL}",
        ),
        "several axes",
    ),
    Unchanged(
        "without_the_maximum",
        graph(X, f"EXP(%x) : {FULL}", f"SUM(%0, int32[1](-1)) {{keep_dims=True}} : {ONE}", f"DIV(%0, %1) : {FULL}"),
        "is not subtracted first",
    ),
)


def squares(axis: int = -1, one: str = ONE) -> tuple[str, str]:
    return f"SQUARE(%x) : {FULL}", f"SUM(%0, int32[1]({axis})) {{keep_dims=True}} : {one}"


NORMALIZED = graph(X, f"L2_NORMALIZATION(%x) : {FULL}")

test_l2_normalization = rewrites(
    l2_normalization.PASSES,
    Rewrite(
        "rsqrt",
        graph(X, *squares(), f"MAXIMUM(%1, float32[](1e-12)) : {ONE}", f"RSQRT(%2) : {ONE}", f"MUL(%x, %3) : {FULL}"),
        NORMALIZED,
    ),
    Rewrite(
        "sqrt",
        graph(X, *squares(2), f"MAXIMUM(%1, float32[](1e-12)) : {ONE}", f"SQRT(%2) : {ONE}", f"DIV(%x, %3) : {FULL}"),
        NORMALIZED,
    ),
    Rewrite(
        "bounded_length",
        graph(X, *squares(), f"SQRT(%1) : {ONE}", f"MAXIMUM(%2, float32[](1e-6)) : {ONE}", f"DIV(%x, %3) : {FULL}"),
        NORMALIZED,
    ),
)

test_no_l2_normalization = unchanged(
    l2_normalization.PASSES,
    Unchanged(
        "other_epsilon",
        graph(X, *squares(), f"MAXIMUM(%1, float32[](1e-6)) : {ONE}", f"RSQRT(%2) : {ONE}", f"MUL(%x, %3) : {FULL}"),
        "is not bounded",
    ),
    Unchanged(
        "added_epsilon",
        graph(X, *squares(), f"ADD(%1, float32[](1e-12)) : {ONE}", f"RSQRT(%2) : {ONE}", f"MUL(%x, %3) : {FULL}"),
        "is not bounded",
    ),
    Unchanged("no_bound", graph(X, *squares(), f"RSQRT(%1) : {ONE}", f"MUL(%x, %2) : {FULL}"), "is not bounded"),
    Unchanged(
        "other_axis",
        graph(
            X,
            *squares(1, "float32[n, 1, 4]"),
            "MAXIMUM(%1, float32[](1e-12)) : float32[n, 1, 4]",
            "RSQRT(%2) : float32[n, 1, 4]",
            f"MUL(%x, %3) : {FULL}",
        ),
    ),
    Unchanged(
        "length_over_vector",
        graph(X, *squares(), f"MAXIMUM(%1, float32[](1e-12)) : {ONE}", f"SQRT(%2) : {ONE}", f"DIV(%3, %x) : {FULL}"),
    ),
)
