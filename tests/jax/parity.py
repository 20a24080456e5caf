"""Converts a JAX function, runs the file in LiteRT three times and compares with `jax.jit`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
import pytest
from jax import export

from litesmith.formats.tflite import write_model
from litesmith.frontends.jax import import_jax
from litesmith.frontends.jax.modules import traceable
from litesmith.ir import Program
from litesmith.ir.verify import kernel_problems, verify
from litesmith.passes import pipeline
from litesmith.runtime.runner import Runner
from tests.arrays import assert_close

jax.config.update("jax_platforms", "cpu")


def enable_x64(value: bool) -> Any:
    """A context in which JAX has 64-bit types, or not; older versions have it elsewhere."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(value)
    from jax import experimental

    return experimental.enable_x64(value)


@dataclass(frozen=True)
class Case:
    """One row: a function, its arguments, and the largest error relative to the output's range.

    shapes: of the arguments with names for unknown sizes, where some are (the row then runs with them unknown); ops:
    how often operators must occur in the optimized model; nan: whether NaN and infinities are compared, too.
    """

    name: str
    function: Callable[..., Any]
    args: Sequence[Any]
    tolerance: float = 1e-5
    shapes: Sequence[str] = ()
    ops: dict[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.name


def specifications(case: Case) -> Sequence[Any]:
    """The arguments as the import gets them: the arrays, or abstract ones with symbolic sizes."""
    if not case.shapes:
        return case.args
    names = sorted({w for s in case.shapes for w in s.replace(",", " ").split() if not w.isdigit()})
    sizes = dict(zip(names, export.symbolic_shape(",".join(names)), strict=True))

    def dims(text: str) -> list[Any]:
        return [sizes[w] if w in sizes else int(w) for w in text.replace(",", " ").split()]

    return [jax.ShapeDtypeStruct(dims(s), a.dtype) for s, a in zip(case.shapes, case.args, strict=True)]


def imported(case: Case, optimize: bool = True) -> Program:
    program = import_jax(case.function, specifications(case))
    verify(program)
    if optimize:
        pipeline.run(program, check=True)
    problems = kernel_problems(program)
    assert not problems, "\n".join(map(str, problems))
    return program


def check(case: Case, optimize: bool = True) -> None:
    """Raises AssertionError where one of three runs is not what JAX computes."""
    program = imported(case, optimize)
    found = program.histogram()
    for name, count in case.ops.items() if optimize else ():
        assert found.get(name, 0) == count, f"{name}: {found}"
    expected = [np.asarray(v) for v in jax.tree_util.tree_leaves(jax.jit(traceable(case.function))(*case.args))]
    runner = Runner(write_model(program))
    fed = [np.asarray(v) for v in jax.tree_util.tree_leaves(tuple(case.args))]
    for _ in range(3):
        got = list(runner.run(fed).values())
        assert len(got) == len(expected)
        for have, want in zip(got, expected, strict=True):
            assert_close(have, want, case.tolerance)


def rows(cases: Sequence[Case]) -> Any:
    """The cases as test parameters."""
    return pytest.mark.parametrize("case", cases, ids=repr)
