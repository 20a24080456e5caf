"""What branches and loop bodies return: permuted inputs, shared values and constants, run by the runtime itself."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from litesmith.formats.tflite import write_model
from litesmith.ir import Builder, Dim, DType, Graph, Program, Signature, Sym, TensorType, Value
from litesmith.ops import OPS
from litesmith.passes.boundary_copies import PASSES, copy_at_boundaries
from litesmith.runtime import Runner
from tests.passes.harness import Rewrite, Unchanged, rewrites, unchanged

INDEX = TensorType(DType.INT32, ())
FIXED = np.array([9, 8])
ENDS = (0, 1, 2, "constant", "shared", "own")
"""What one place returns: an input, a constant, a value other places may return too, or a value of its own."""


def test_every_way_to_return_three_values() -> None:
    for ends in itertools.product(ENDS, repeat=3):
        _check("WHILE", ends, DType.FLOAT32, 2)
        _check("IF", ends, DType.FLOAT32, 2)


@pytest.mark.parametrize("dtype", [DType.INT64, DType.INT32])
@pytest.mark.parametrize("kind", ["WHILE", "IF"])
def test_other_types_and_unknown_sizes(kind: str, dtype: DType) -> None:
    for ends in [(1, 0, 2), (1, 2, 0), ("shared", "shared", 0), (2, "constant", 0), (0, 0, "own")]:
        _check(kind, ends, dtype, 2)
        _check(kind, ends, dtype, Sym.named("m"))


def test_without_copies_the_runtime_mixes_tensors_up() -> None:
    """The reason for the pass; once this fails, it is no longer needed. (A branch may even crash the process.)"""
    with pytest.raises(AssertionError, match="got"):
        _check("WHILE", (1, 0, 2), DType.FLOAT32, 2, copies=False)


def _check(kind: str, ends: Sequence[int | str], dtype: DType, size: Dim, copies: bool = True) -> None:
    program = _program(kind, ends, TensorType(dtype, (size,)))
    if copies:
        copy_at_boundaries(program)
    runner = Runner(write_model(program))
    rng = np.random.default_rng(0)
    for start in (0, 1, 0, 3, 4):
        xs = [rng.integers(1, 4, 2).astype(dtype.numpy) for _ in ends]
        got = runner.run({"i": np.array(start, np.int32), **{f"x{k}": x for k, x in enumerate(xs)}})
        for k, expected in enumerate(_expected(kind, ends, xs, start)):
            assert np.array_equal(got[f"y{k}"], expected), f"{kind} {ends} from {start}, y{k}: got {got[f'y{k}']}"


def _expected(kind: str, ends: Sequence[int | str], xs: list[np.ndarray], start: int) -> list[np.ndarray]:
    def step(v: list[np.ndarray]) -> list[np.ndarray]:
        made = {"constant": FIXED.astype(v[0].dtype), "shared": v[0] + v[-1], "own": v[0] * v[-1]}
        return [v[e] if isinstance(e, int) else made[e] for e in ends]

    if kind == "IF":
        return step(xs) if start < 3 else [-x for x in xs]
    for _ in range(start, 3):
        xs = step(xs)
    return xs


def _program(kind: str, ends: Sequence[int | str], type_: TensorType) -> Program:
    main, first, second = Graph("main"), Graph("first"), Graph("second")
    b = Builder(main, OPS)
    types = [INDEX, *[type_] * len(ends)]
    i, *xs = [main.add_input(t, name) for t, name in zip(types, ["i", "x0", "x1", "x2"], strict=True)]
    if kind == "WHILE":
        inside = [[g.add_input(t) for t in types] for g in (first, second)]
        first.outputs = [b.on(first).less(inside[0][0], 3)]
        second.outputs = [b.on(second).add(inside[1][0], 1), *_ends(b.on(second), ends, inside[1][1:])]
        graphs = {"cond_subgraph": first, "body_subgraph": second}
        results = b.emit(OPS["WHILE"], [i, *xs], result_types=types, **graphs)[1:]
    else:
        inside = [[g.add_input(type_) for _ in ends] for g in (first, second)]
        first.outputs = _ends(b.on(first), ends, inside[0])
        second.outputs = [b.on(second).neg(x) for x in inside[1]]
        graphs = {"then_subgraph": first, "else_subgraph": second}
        results = b.emit(OPS["IF"], [b.less(i, 3), *xs], result_types=types[1:], **graphs)
    main.outputs = results
    inputs = {value.name: index for index, value in enumerate(main.inputs)}
    outputs = {f"y{index}": index for index in range(len(results))}
    return Program([main], [Signature("serving_default", main, inputs, outputs)])


def _ends(b: Builder, ends: Sequence[int | str], xs: Sequence[Value]) -> list[Value]:
    shared = b.add(xs[0], xs[-1]) if "shared" in ends else xs[0]
    made = []
    for end in ends:
        if isinstance(end, int):
            made.append(xs[end])
        elif end == "constant":
            made.append(b.constant(FIXED.astype(xs[0].type.dtype.numpy)))
        else:
            made.append(shared if end == "shared" else b.mul(xs[0], xs[-1]))
    return made


test_loops = rewrites(
    PASSES,
    Rewrite(
        "swapped",
        """
        graph main(%x: float32[2], %y: float32[2], %n: int32[]) {
          %0, %1, %2 = WHILE(%x, %y, %n) {cond_subgraph=@cond, body_subgraph=@body} : float32[2], float32[2], int32[]
          return %0
        }
        graph cond(%x: float32[2], %y: float32[2], %n: int32[]) {
          %0 = LESS(%n, int32[](3)) : bool[]
          return %0
        }
        graph body(%x: float32[2], %y: float32[2], %n: int32[]) {
          %0 = ADD(%n, int32[](1)) : int32[]
          return %y, %x, %0
        }
        """,
        """
        graph main(%x: float32[2], %y: float32[2], %n: int32[]) {
          %0, %1, %2 = WHILE(%x, %y, %n) {cond_subgraph=@cond, body_subgraph=@body} : float32[2], float32[2], int32[]
          return %0
        }
        graph cond(%x: float32[2], %y: float32[2], %n: int32[]) {
          %0 = LESS(%n, int32[](3)) : bool[]
          return %0
        }
        graph body(%x: float32[2], %y: float32[2], %n: int32[]) {
          %0 = ADD(%n, int32[](1)) : int32[]
          %y_copy = CAST(%y) {in_data_type=float32, out_data_type=float32} : float32[2]
          %x_copy = CAST(%x) {in_data_type=float32, out_data_type=float32} : float32[2]
          return %y_copy, %x_copy, %0
        }
        """,
    ),
)

test_left_alone = unchanged(
    PASSES,
    Unchanged(
        "places_of_their_own",
        """
        graph main(%c: bool[], %x: float32[2], %y: float32[2]) {
          %0, %1 = IF(%c, %x, %y) {then_subgraph=@then, else_subgraph=@else} : float32[2], float32[2]
          return %0, %1
        }
        graph then(%x: float32[2], %y: float32[2]) {
          return %x, float32[2](1, 2)
        }
        graph else(%x: float32[2], %y: float32[2]) {
          return %y, %x
        }
        """,
    ),
)
