"""Exports a JAX function, converts the bytes, runs the file three times and compares with `jax.jit`."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax import export

from litesmith.formats.tflite import write_model
from litesmith.frontends.stablehlo import import_exported
from litesmith.ir import Program
from litesmith.ir.verify import kernel_problems, verify
from litesmith.passes import pipeline
from litesmith.runtime.runner import Runner
from tests.arrays import assert_close
from tests.jax.parity import Case, specifications


def exported(case: Case, *platforms: str) -> Any:
    """The case's function, exported with the case's unknown sizes."""
    return export.export(jax.jit(case.function), platforms=platforms or ("cpu",))(*specifications(case))


def converted(made: Any) -> Program:
    """The optimized program of an exported function that went through its serialized form."""
    program = import_exported(export.deserialize(made.serialize()))
    verify(program)
    pipeline.run(program, check=True)
    problems = kernel_problems(program)
    assert not problems, "\n".join(map(str, problems))
    return program


def check(case: Case) -> None:
    """Raises AssertionError where one of three runs is not what JAX computes."""
    program = converted(exported(case))
    expected = [np.asarray(v) for v in jax.tree_util.tree_leaves(jax.jit(case.function)(*case.args))]
    runner = Runner(write_model(program))
    fed = [np.asarray(v) for v in jax.tree_util.tree_leaves(tuple(case.args))]
    for _ in range(3):
        got = list(runner.run(fed).values())
        assert len(got) == len(expected)
        for have, want in zip(got, expected, strict=True):
            assert_close(have, want, case.tolerance)
