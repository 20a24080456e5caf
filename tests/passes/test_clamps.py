from litesmith.passes.clamps import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged


def chain(*steps: str) -> str:
    """A graph applying element-wise steps, ``{}`` standing for the value so far."""
    lines, x = [], "%x"
    for i, step in enumerate(steps):
        lines.append(f"%{i} = {step.format(x)} : float32[n, 4]")
        x = f"%{i}"
    body = "\n".join(lines)
    return f"graph main(%x: float32[n, 4]) {{\n{body}\nreturn {x}\n}}"


LOW, HIGH = "MAXIMUM({{}}, float32[]({}))", "MINIMUM({{}}, float32[1]({}))"

test_named = rewrites(
    PASSES,
    *(
        Rewrite(name, chain(*steps), chain(f"{name.split('/')[0]}({{}})"))
        for name, *steps in (
            ("RELU", LOW.format(0)),
            ("RELU6", LOW.format(0), HIGH.format(6)),
            ("RELU6/high_first", HIGH.format(6), LOW.format(0)),
            ("RELU6/of_relu", "RELU({})", HIGH.format(6)),
            ("RELU_N1_TO_1", LOW.format(-1), HIGH.format(1)),
            ("RELU_0_TO_1", LOW.format(0), HIGH.format(1)),
            ("RELU6/narrower", HIGH.format(8), "RELU6({})"),
            ("RELU_0_TO_1/of_relu6", "RELU6({})", HIGH.format(1)),
            ("RELU/wider", LOW.format(-3), "RELU({})"),
        )
    ),
)

def choice(compared: str, limit: str, *before: str, of: str = "%x") -> str:
    """``compared ? limit : the value so far``, where a comparison looks at %x."""
    steps = [f"%{i} = {s} : float32[n, 4]" for i, s in enumerate(before)]
    steps.append(f"%{len(before)} = {compared} : bool[n, 4]")
    value = f"%{len(before) - 1}" if before else of
    steps.append(f"%{len(steps)} = SELECT_V2(%{len(before)}, float32[]({limit}), {value}) : float32[n, 4]")
    body = "\n".join(steps)
    return f"graph main(%x: float32[n, 4]) {{\n{body}\nreturn %{len(steps) - 1}\n}}"


GREATER, LESS = "GREATER(%x, float32[]({}))", "LESS(%x, float32[]({}))"

test_chosen = rewrites(
    PASSES,
    Rewrite("above", choice(GREATER.format(5), "5"), chain("MINIMUM({}, float32[](5))")),
    Rewrite("below", choice(LESS.format(-5), "-5"), chain("MAXIMUM({}, float32[](-5))")),
    Rewrite("mirrored", choice("LESS_EQUAL(float32[](5), %x)", "5"), chain("MINIMUM({}, float32[](5))")),
    Rewrite("below_zero", choice(LESS.format(0), "0"), chain("RELU({})")),
    Rewrite("of_clamp", choice(GREATER.format(1), "1", "MAXIMUM(%x, float32[](-1))"), chain("RELU_N1_TO_1({})")),
)

test_not_chosen = unchanged(
    PASSES,
    Unchanged("other_number", choice(GREATER.format(5), "4")),
    Unchanged("other_side", choice(GREATER.format(5), "nan")),
    Unchanged("beyond_the_clamp", choice(GREATER.format(7), "7", "RELU6(%x)")),
    Unchanged("not_of_the_compared", choice(GREATER.format(1), "1", "EXP(%x)")),
)

test_left_alone = unchanged(
    PASSES,
    Unchanged("no_name", chain(LOW.format(0), HIGH.format(5)).replace("MAXIMUM(%x, float32[](0))", "RELU(%x)"), "[-inf, 5]"),
    Unchanged("nan", chain("MAXIMUM({}, float32[](nan))")),
    Unchanged(
        "integers",
        """
        graph main(%x: int32[n, 4]) {
          %0 = MAXIMUM(%x, int32[](0)) : int32[n, 4]
          return %0
        }
        """,
    ),
    Unchanged(
        "broadcast",
        """
        graph main(%x: float32[n, 1]) {
          %0 = MAXIMUM(%x, float32[2](0, 0)) : float32[n, 2]
          return %0
        }
        """,
    ),
)
