"""Runs a decomposition in LiteRT, and folded over constants, and compares both with a NumPy reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from litesmith.formats.tflite import write_model
from litesmith.ir import Builder, DType, Graph, Program, Signature, Sym, Value, tensor
from litesmith.ir.verify import kernel_problems, verify
from litesmith.ops import OPS
from litesmith.runtime.runner import Runner
from tests.arrays import Array, assert_close

Decomposition = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """One row: ``build(b, *inputs)`` against ``reference(*arrays)``.

    inputs: arrays; shapes: per input, its declared shape with names for unknown sizes (default: static);
    tolerance: largest error relative to the reference's range, 0 for equality; constant: positions of inputs given as
    constants.
    """

    name: str
    build: Decomposition
    reference: Callable[..., Any]
    inputs: Sequence[Array]
    tolerance: float
    shapes: Sequence[Sequence[int | str]] = ()
    constant: Sequence[int] = ()
    expect: dict[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.name


def _inputs(case: Case, graph: Graph) -> list[Value]:
    made = []
    for index, array in enumerate(case.inputs):
        if index in case.constant:
            made.append(Value.constant(array))
            continue
        declared = case.shapes[index] if index < len(case.shapes) else array.shape
        dims = [Sym.named(d) if isinstance(d, str) else int(d) for d in declared]
        made.append(graph.add_input(tensor(DType.of(array.dtype), dims), f"in{index}"))
    return made


def _values(results: Any) -> list[Value]:
    return list(results) if isinstance(results, (tuple, list)) else [results]


def program_of(case: Case) -> Program:
    """The decomposition as a whole model."""
    graph = Graph()
    values = _inputs(case, graph)
    b = Builder(graph, OPS)
    graph.outputs = _values(case.build(b, *values))
    inputs = {v.name: i for i, v in enumerate(graph.inputs)}
    signature = Signature("serving_default", graph, inputs, {f"out{i}": i for i in range(len(graph.outputs))})
    return Program([graph], [signature])


def check(case: Case) -> None:
    """Runs the case in LiteRT twice and folded once. Raises AssertionError where a result is wrong."""
    expected = [np.asarray(e) for e in _values(case.reference(*case.inputs))]
    program = program_of(case)
    verify(program)
    problems = kernel_problems(program)
    assert not problems, problems
    found = program.histogram()
    for name, count in case.expect.items():
        assert found.get(name, 0) == count, f"{name}: {found}"
    runner = Runner(write_model(program))
    fed = {f"in{i}": a for i, a in enumerate(case.inputs) if i not in case.constant}
    for _ in range(2):
        for got, want in zip(runner.run(fed).values(), expected, strict=True):
            assert_close(got, want, case.tolerance)
    b = Builder(Graph(), OPS)
    folded = _values(case.build(b, *map(Value.constant, case.inputs)))
    for value, want in zip(folded, expected, strict=True):
        if value.is_const:
            assert_close(value.numpy(), want, max(case.tolerance, 1e-6) if want.dtype.kind == "f" else case.tolerance)
