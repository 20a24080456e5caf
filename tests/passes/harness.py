"""Table-driven tests of passes: IR text before, IR text after, the same results, nothing left to do."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import dedent

import numpy as np
import pytest

from litesmith.ir.graph import Program
from litesmith.ir.parser import parse_program
from litesmith.ir.printer import print_program
from litesmith.ir.verify import verify
from litesmith.ops import OPS
from litesmith.passes.driver import AnyPass, PassResult, run_pass
from tests.passes.interpret import random_inputs, run


@dataclass(frozen=True)
class Rewrite:
    """A program and what the passes must make of it."""

    name: str
    before: str
    after: str
    tolerance: float = 1e-5


@dataclass(frozen=True)
class Unchanged:
    """A program the passes must leave alone, and the reason they give (None: the pattern is not there)."""

    name: str
    before: str
    reason: str | None = None


def parsed(text: str) -> Program:
    """The program a text says, checked."""
    program = parse_program(dedent(text), OPS)
    verify(program)
    return program


def normalized(text: str) -> str:
    """The text as the printer would write it."""
    return print_program(parse_program(dedent(text), OPS))


def require_text(got: str, expected: str) -> None:
    """Fails with a line by line difference unless the texts are equal."""
    if got != expected:
        difference = difflib.unified_diff(expected.splitlines(), got.splitlines(), "expected", "got", lineterm="")
        pytest.fail("\n".join(difference), pytrace=False)


def apply(passes: Sequence[AnyPass], program: Program) -> list[PassResult]:
    """Runs each pass once, in order, and verifies the IR after each."""
    results = []
    for pass_ in passes:
        results.append(run_pass(pass_, program))
        verify(program)
    return results


def check_rewrite(passes: Sequence[AnyPass], case: Rewrite) -> None:
    """The passes turn ``before`` into ``after``, which computes the same and is left alone the second time."""
    program = parsed(case.before)
    inputs = random_inputs(program)
    expected = run(program.main, inputs)
    apply(passes, program)
    require_text(print_program(program), normalized(case.after))
    check_same(run(program.main, inputs), expected, case.tolerance)
    again = apply(passes, program)
    assert not any(r.modified for r in again), [r.name for r in again if r.modified]


def check_unchanged(passes: Sequence[AnyPass], case: Unchanged) -> None:
    """The passes change nothing and give the reason."""
    program = parsed(case.before)
    text = print_program(program)
    results = apply(passes, program)
    require_text(print_program(program), text)
    reasons = [reason for r in results for _, reason in r.declined]
    if case.reason is None:
        assert reasons == []
    else:
        assert any(case.reason in r for r in reasons), reasons


def check_same(got: Sequence[np.ndarray], expected: Sequence[np.ndarray], tolerance: float) -> None:
    """Equal shapes and dtypes; floats within ``tolerance`` of the expected range, anything else exactly."""
    assert len(got) == len(expected)
    for a, e in zip(got, expected, strict=True):
        assert (a.shape, a.dtype) == (e.shape, e.dtype)
        if e.dtype.kind != "f":
            np.testing.assert_array_equal(a, e)
            continue
        finite = e[np.isfinite(e)]
        scale = max(1e-3, float(np.ptp(finite)), float(np.abs(finite).max())) if finite.size else 1.0
        np.testing.assert_allclose(a, e, rtol=0, atol=tolerance * scale)


def rewrites(passes: Sequence[AnyPass], *cases: Rewrite):
    """A test function over rewrite cases."""

    @pytest.mark.parametrize("case", cases, ids=lambda c: c.name)
    def test(case: Rewrite) -> None:
        check_rewrite(passes, case)

    return test


def unchanged(passes: Sequence[AnyPass], *cases: Unchanged):
    """A test function over cases that must be left alone."""

    @pytest.mark.parametrize("case", cases, ids=lambda c: c.name)
    def test(case: Unchanged) -> None:
        check_unchanged(passes, case)

    return test
