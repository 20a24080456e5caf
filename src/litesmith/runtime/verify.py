"""Verifying a model: it loads, allocates, runs, answers the same each time, and agrees with reference
data."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from litesmith.errors import Problem, UsageError, VerificationError
from litesmith.runtime.compare import TOLERANCE, Comparison, compare_outputs, identical
from litesmith.runtime.inputs import RANGES, Array, random_inputs
from litesmith.runtime.model_file import NOT_EXCHANGED, SignatureInfo
from litesmith.runtime.reference import Record, Reference
from litesmith.runtime.runner import NO_RUNTIME, ModelSource, Runner, has_runtime

# Sizes tried for unknown dimensions when inputs have to be made up: (leading, others).
_SIZES = ((2, 8), (2, 64), (8, 8), (1, 1), (2, 60))
_MADE_UP_BYTES = 1 << 29
_NO_KERNEL = "LS903"
_RUNS = "fails as it runs"


@dataclass(frozen=True)
class VerificationReport:
    """What was found out about a model.

    problems: everything wrong with it. comparisons: of the outputs with the reference, in order of the calls.
    signatures: keys of those that were run. invocations: runs in a row of each call. skipped: why the model
    was not run, though nothing is known to be wrong with it (it needs operators that only another runtime
    has).
    """

    problems: tuple[Problem, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    signatures: tuple[str, ...] = ()
    invocations: int = 0
    skipped: str = ""

    @property
    def ok(self) -> bool:
        """Whether the model ran and nothing is wrong with it."""
        return not self.problems and not self.skipped

    @property
    def max_error(self) -> float:
        """The largest error relative to its output's range; 0.0 without reference."""
        return max((c.relative for c in self.comparisons), default=0.0)

    def raise_if_failed(self) -> None:
        """Raise VerificationError with all problems, if there are any."""
        if self.problems:
            raise VerificationError(self.problems)


def verify(
    model: ModelSource,
    reference: Reference | str | os.PathLike[str] | None = None,
    invocations: int = 3,
    tol: float = TOLERANCE,
    *,
    steps: int = 0,
    stateful: bool | None = None,
    threads: int = 1,
    python: str | os.PathLike[str] | None = None,
) -> VerificationReport:
    """Verify a model given as bytes or path.

    reference: calls with inputs and expected outputs, or where they lie (see `litesmith.runtime.reference`);
    without it, every signature runs on made-up inputs, and only failures, changing answers and outputs that
    are all NaN show. invocations: runs of each call, which have to agree with each other. tol, steps: see
    `compare`. stateful: whether the model keeps anything between calls by design; then the calls are made in
    order, and it is the whole sequence that is repeated, from the initial state. None: it does when the file
    has variables. python: see `Runner`.

    Raises UsageError when the reference does not fit the model's signatures, FormatError when a file cannot
    be read.
    """
    if invocations < 1:
        raise UsageError(f"invocations must be at least 1, got {invocations}")
    if not has_runtime():
        return VerificationReport(skipped=f"{NO_RUNTIME} (ai-edge-litert)")
    if isinstance(reference, str | os.PathLike):
        reference = Reference.load(reference)
    try:
        runner = Runner(model, threads, python=python)
        if reason := _not_exchanged(runner) or ("" if reference is not None else _too_large(runner)):
            return VerificationReport(skipped=reason)
        keeps_state = runner.facts.variables if stateful is None else stateful
        calls = list(reference) if reference is not None else _made_up_calls(runner)
        groups = [calls] if keeps_state else [[call] for call in calls]
        checks = [_check(runner, group, invocations, tol, steps, reset=keeps_state) for group in groups]
    except VerificationError as error:
        if all(problem.code == _NO_KERNEL for problem in error.problems):
            return VerificationReport(skipped=str(error))
        if reference is None and any(_RUNS in problem.reason for problem in error.problems):
            return VerificationReport(skipped=f"it takes none of the inputs made up for the check: {error}")
        return VerificationReport(problems=error.problems)
    return VerificationReport(
        tuple(problem for problems, _ in checks for problem in problems),
        tuple(comparison for _, comparisons in checks for comparison in comparisons),
        tuple(dict.fromkeys(runner.signature(call.signature).key for call in calls)),
        invocations,
    )


def _check(
    runner: Runner, calls: list[Record], invocations: int, tol: float, steps: int, *, reset: bool
) -> tuple[list[Problem], list[Comparison]]:
    """Make the calls in order, all of them `invocations` times (from the initial state when `reset`)."""
    first = _answers(runner, calls)
    problems, comparisons = [], []
    for call, answer in zip(calls, first, strict=True):
        node = runner.signature(call.signature).key
        compared = compare_outputs(answer, call.outputs, tol, steps=steps)
        comparisons += compared
        problems += [_disagreement(c, tol).located(node=f"{node}/{c.name}") for c in compared if not c.passed]
        problems += [_ALL_NAN.located(node=f"{node}/{name}") for name in _all_nan(answer, call.outputs)]
    for number in range(2, invocations + 1):
        if reset:
            runner.reset()
        if not runner.facts.random and not all(map(identical, first, _answers(runner, calls))):
            return [*problems, _changed(number, reset)], comparisons
    return problems, comparisons


def _answers(runner: Runner, calls: list[Record]) -> list[dict[str, Array]]:
    return [runner.run(call.inputs, call.signature) for call in calls]


_ALL_NAN = Problem(
    "LS905",
    "every element of this output is NaN",
    "look for weights that were not found or not read; where the model takes special inputs only, give such as reference",
)


def _all_nan(answer: Mapping[str, Array], expected: Mapping[str, Array]) -> list[str]:
    """Names of the outputs that say nothing, though the reference (if any) does not say that they should."""
    return [name for name, value in answer.items() if name not in expected and _nothing_but_nan(value)]


def _nothing_but_nan(array: Array) -> bool:
    return array.size > 0 and array.dtype.kind in "fc" and bool(np.isnan(array).all())


def _disagreement(comparison: Comparison, tol: float) -> Problem:
    c = comparison
    error = f"error {c.relative:.2e} of the range, {tol:.0e} is allowed; " if 0 < c.relative < np.inf else ""
    return Problem("LS906", f"differs from the reference: {error}{c.reason}")


def _changed(number: int, reset: bool) -> Problem:
    again = "from the initial state" if reset else "on the same inputs"
    fix = "" if reset else "if it is meant to keep state between runs, verify it as stateful"
    return Problem("LS904", f"results differ at invocation {number}, {again}", fix)


def _not_exchanged(runner: Runner) -> str:
    """Why no call can be made; empty where inputs and outputs are arrays the runtime's interface knows."""
    for signature in runner.signatures:
        for what, tensors in (("input", signature.inputs), ("output", signature.outputs)):
            for tensor in tensors:
                if tensor.type in NOT_EXCHANGED:
                    return f"{what} {tensor.name!r} is {tensor.type}, of which Python can give the runtime no arrays"
    return ""


def _too_large(runner: Runner) -> str:
    """Why no inputs are made up; empty where they are of a size that is no burden."""
    for signature in runner.signatures:
        size = sum(t.dtype.itemsize * prod(max(d, 1) for d in t.shape or ()) for t in signature.inputs)
        if size > _MADE_UP_BYTES:
            return f"the inputs of signature {signature.key!r} take {size / 1e9:.1f} GB; give reference data to run it"
    return ""


def _made_up_calls(runner: Runner) -> list[Record]:
    """A call of every signature on inputs it runs on."""
    calls = [_made_up_call(runner, signature) for signature in runner.signatures]
    if runner.facts.variables:
        runner.reset()
    return calls


def _made_up_call(runner: Runner, signature: SignatureInfo) -> Record:
    """A call the model takes, with outputs that say something, if there is one among those tried.

    What a model can be called with is not told by its file: unknown sizes depend on each other, integers may be
    divisors or indices, a logarithm wants positive numbers. Raises the runtime's first refusal when it takes no call.
    """
    unknown = any(-1 in (tensor.shape or ()) for tensor in signature.inputs)
    refusals: list[VerificationError] = []
    poor: list[Record] = []
    for batch, size in _SIZES if unknown else _SIZES[:1]:
        for kind in RANGES:
            inputs = random_inputs(signature, batch=batch, size=size, kind=kind)
            try:
                answer = runner.run(inputs, signature.key)
            except VerificationError as error:
                refusals.append(error)
                continue
            record = Record(signature.key, inputs, {})
            if not any(map(_nothing_but_nan, answer.values())):
                return record
            poor.append(record)
    if poor:
        return poor[0]
    raise VerificationError([_with_way_out(problem) for problem in refusals[0].problems])


def _with_way_out(problem: Problem) -> Problem:
    """A refusal may be due to the inputs that were made up."""
    fix = "give inputs the model takes, with expected outputs, as reference data (reference=…, --reference)"
    return problem if problem.fix else replace(problem, fix=fix)
