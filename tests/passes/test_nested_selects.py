from litesmith.passes import nested_selects
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged
from tests.passes.texts import graph

X = "%x: float32[n, 4]"
FULL = "float32[n, 4]"
CONDITION = "GREATER(%x, float32[](0)) : bool[n, 4]"


def selects(*between: str, inner: str = "float32[](0), %x", outer: str = "%x, {}", condition: str = "%0") -> str:
    steps = [CONDITION, f"SELECT_V2({condition}, {inner}) : {FULL}", *(f"{step} : {FULL}" for step in between)]
    return graph(X, *steps, f"SELECT_V2(%0, {outer.format(f'%{len(steps) - 1}')}) : {FULL}")


test_nested = rewrites(
    nested_selects.PASSES,
    Rewrite(
        "behind_a_formula",
        selects("ELU(%1)", "MUL(%2, float32[](0.7))"),
        graph(
            X,
            CONDITION,
            f"ELU(%x) : {FULL}",
            f"MUL(%1, float32[](0.7)) : {FULL}",
            f"SELECT_V2(%0, %x, %2) : {FULL}",
        ),
    ),
    Rewrite(
        "first_branch",
        selects("SQRT(%1)", inner="%x, float32[](1)", outer="{}, %x"),
        graph(X, CONDITION, f"SQRT(%x) : {FULL}", f"SELECT_V2(%0, %1, %x) : {FULL}"),
    ),
)

test_kept = unchanged(
    nested_selects.PASSES,
    Unchanged("a_number_remains", selects("ELU(%1)", inner="%x, float32[](0)")),
    Unchanged("by_vector", selects("MUL(%1, float32[4](1, 2, 3, 4))")),
    Unchanged(
        "other_condition",
        graph(
            X,
            CONDITION,
            "LESS(%x, float32[](0)) : bool[n, 4]",
            f"SELECT_V2(%1, float32[](0), %x) : {FULL}",
            f"ELU(%2) : {FULL}",
            f"SELECT_V2(%0, %x, %3) : {FULL}",
        ),
    ),
)
