from itertools import pairwise

from litesmith.passes.casts import PASSES
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged
from tests.passes.texts import graph


def casts(*types: str) -> str:
    """A chain of casts through these types."""
    lines, x = [], "%x"
    for i, (a, b) in enumerate(pairwise(types)):
        lines.append(f"CAST({x}) {{in_data_type={a}, out_data_type={b}}} : {b}[n]")
        x = f"%{i}"
    return graph(f"%x: {types[0]}[n]", *lines, returns=x)


test_joined = rewrites(
    PASSES,
    Rewrite("widened", casts("int32", "int64", "float32"), casts("int32", "float32")),
    Rewrite("there_and_back", casts("float32", "float64", "float32"), casts("float32")),
    Rewrite("bool", casts("bool", "float32", "int32"), casts("bool", "int32")),
    Rewrite("three", casts("int8", "int16", "int32", "int64"), casts("int8", "int64")),
)

test_kept = unchanged(
    PASSES,
    Unchanged("narrowed", casts("float32", "float16", "float32"), "does not hold every"),
    Unchanged("rounded", casts("int32", "float32", "int64"), "does not hold every"),
    Unchanged("truncated", casts("float32", "int32", "float32"), "does not hold every"),
)
