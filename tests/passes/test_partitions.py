from litesmith.passes.partitions import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged
from tests.passes.texts import graph

ABC = "%a: float32[2, 1], %b: float32[2, 2], %c: float32[2, 3]"
X = "%x: float32[n, 6]"
SPLIT = "%p, %q, %r = SPLIT(int32[](-1), %x) {num_splits=3} : float32[n, 2], float32[n, 2], float32[n, 2]"


def split(*lines: str, returns: str) -> str:
    body = "\n".join([SPLIT, *lines])
    return f"graph main({X}) {{\n{body}\nreturn {returns}\n}}"


test_joined = rewrites(
    PASSES,
    Rewrite(
        "concatenations",
        graph(ABC, "CONCATENATION(%b, %c) {axis=-1} : float32[2, 5]", "CONCATENATION(%a, %0) {axis=1} : float32[2, 6]"),
        graph(ABC, "CONCATENATION(%a, %b, %c) {axis=1} : float32[2, 6]"),
    ),
    Rewrite(
        "integers_without_xnnpack",
        graph(
            "%a: int32[2, 1], %b: int32[2, 2], %c: int32[2, 3]",
            "CONCATENATION(%a, %b, %c) {axis=1} : int32[2, 6]",
            "CONCATENATION(%0, %c, %b, %a) {axis=1} : int32[2, 12]",
        ),
        graph(
            "%a: int32[2, 1], %b: int32[2, 2], %c: int32[2, 3]",
            "CONCATENATION(%a, %b, %c, %c, %b, %a) {axis=1} : int32[2, 12]",
        ),
    ),
    Rewrite(
        "split_and_joined",
        split("%0 = CONCATENATION(%p, %q, %r) {axis=1} : float32[n, 6]", "%1 = NEG(%0) : float32[n, 6]", returns="%1"),
        graph(X, "NEG(%x) : float32[n, 6]"),
    ),
    Rewrite(
        "one_part",
        split("%0 = NEG(%q) : float32[n, 2]", returns="%0"),
        f"graph main({X}) {{\n%q = SLICE(%x, int32[2](0, 2), int32[2](-1, 2)) : float32[n, 2]\n"
        "%0 = NEG(%q) : float32[n, 2]\nreturn %0\n}",
    ),
    Rewrite(
        "slices",
        graph(
            X,
            "SLICE(%x, int32[2](0, 1), int32[2](-1, 4)) : float32[n, 4]",
            "SLICE(%0, int32[2](0, 1), int32[2](2, -1)) : float32[2, 3]",
        ),
        graph(X, "SLICE(%x, int32[2](0, 2), int32[2](2, 3)) : float32[2, 3]"),
    ),
)

test_kept = unchanged(
    PASSES,
    Unchanged(
        "other_axis",
        graph(
            "%a: float32[2, 3], %b: float32[2, 3], %c: float32[2, 6]",
            "CONCATENATION(%a, %b) {axis=1} : float32[2, 6]",
            "CONCATENATION(%0, %c) {axis=0} : float32[4, 6]",
        ),
    ),
    Unchanged("other_order", split("%0 = CONCATENATION(%q, %p, %r) {axis=1} : float32[n, 6]", returns="%0")),
    Unchanged(
        "joined_otherwise",
        split("%0 = CONCATENATION(%p, %q, %r) {axis=0} : float32[3*n, 2]", returns="%0"),
        "along another axis",
    ),
    Unchanged(
        "more_than_xnnpack_joins",
        graph(
            "%a: float32[2, 1], %b: float32[2, 2], %c: float32[2, 3]",
            "CONCATENATION(%a, %b, %c) {axis=1} : float32[2, 6]",
            "CONCATENATION(%0, %c, %b, %a) {axis=1} : float32[2, 12]",
        ),
        "XNNPACK takes the concatenations one by one",
    ),
    Unchanged("two_parts", split(returns="%p, %r")),
)
