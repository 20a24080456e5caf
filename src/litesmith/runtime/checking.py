"""The check itself: a model loads, allocates, runs, answers the same each time, and agrees with reference data.

It runs in this process. `litesmith.runtime.verify` has it done in another one, which may end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import numpy as np

from litesmith.errors import Problem, VerificationError
from litesmith.runtime.compare import Comparison, compare_outputs, identical
from litesmith.runtime.inputs import RANGES, Array, made_up_shape, random_inputs
from litesmith.runtime.model_file import NOT_EXCHANGED, TENSOR_TYPES, SignatureInfo
from litesmith.runtime.reference import Record
from litesmith.runtime.report import MadeUp, VerificationReport
from litesmith.runtime.runner import Runner

# Sizes tried for unknown dimensions when inputs have to be made up: (leading, others).
_SIZES = ((2, 8), (2, 64), (8, 8), (1, 1), (2, 60))
_MADE_UP_BYTES = 1 << 29
_PACKED_BYTES = 1 << 28
"""From this size of a file on, XNNPACK is left out: it packs a second copy of the weights."""

_NO_KERNEL = "LS903"
NO_ROOM = "LS908"
"""Code of what takes more time or memory than it may."""

_RUNS = "fails as it runs"
_ALLOCATES = "does not allocate"


@dataclass(frozen=True)
class Order:
    """What is checked and how. calls: the reference, None where inputs are made up; the rest is as in `verify`."""

    model: bytes | str
    calls: tuple[Record, ...] | None
    invocations: int
    tol: float
    steps: int
    stateful: bool | None
    threads: int
    python: str | None = None

    @property
    def size(self) -> int:
        """Bytes of the model."""
        return len(self.model) if isinstance(self.model, bytes) else os.path.getsize(self.model)


def check(order: Order, on_step: Callable[[str], None] | None = None) -> VerificationReport:
    """Checks a model in this process. on_step: called before each step with words for its failure."""
    kernels = "builtin" if order.size > _PACKED_BYTES else "default"
    source = order.model if isinstance(order.model, bytes) else Path(order.model)
    try:
        return _check(Runner(source, order.threads, kernels=kernels, python=order.python, on_step=on_step), order)
    except VerificationError as error:
        codes = {problem.code for problem in error.problems}
        if codes == {_NO_KERNEL} or (codes == {NO_ROOM} and order.calls is None):
            return VerificationReport(skipped=str(error))
        return VerificationReport(problems=error.problems)
    except _NotTakenError as error:
        return VerificationReport(skipped=str(error))
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("ai_edge_litert"):
            raise
        return VerificationReport(skipped="the LiteRT runtime is not installed (pip install ai-edge-litert)")


def _check(runner: Runner, order: Order) -> VerificationReport:
    reason = _not_exchanged(runner) or ("" if order.calls is not None else _too_large(runner))
    if reason:
        return VerificationReport(skipped=reason)
    keeps_state = runner.facts.variables if order.stateful is None else order.stateful
    made_up: list[MadeUp] = []
    calls = list(order.calls) if order.calls is not None else _made_up_calls(runner, made_up)
    groups = [calls] if keeps_state else [[call] for call in calls]
    checks = [_check_group(runner, group, order, reset=keeps_state) for group in groups]
    return VerificationReport(
        tuple(problem for problems, _ in checks for problem in problems),
        tuple(comparison for _, comparisons in checks for comparison in comparisons),
        tuple(dict.fromkeys(runner.signature(call.signature).key for call in calls)),
        order.invocations,
        made_up=tuple(made_up),
    )


def _check_group(
    runner: Runner, calls: list[Record], order: Order, *, reset: bool
) -> tuple[list[Problem], list[Comparison]]:
    """Make the calls in order, all of them `invocations` times (from the initial state when `reset`)."""
    tol = order.tol
    first = _answers(runner, calls)
    problems, comparisons = [], []
    for call, answer in zip(calls, first, strict=True):
        node = runner.signature(call.signature).key
        compared = compare_outputs(answer, call.outputs, tol, steps=order.steps)
        comparisons += compared
        problems += [_disagreement(c, tol).locate(node=f"{node}/{c.name}") for c in compared if not c.passed]
        problems += [_ALL_NAN.locate(node=f"{node}/{name}") for name in _all_nan(answer, call.outputs)]
    for number in range(2, order.invocations + 1):
        if reset:
            runner.reset()
        if not runner.facts.random and not all(map(identical, first, _answers(runner, calls))):
            return [*problems, _change_problem(number, reset)], comparisons
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


def _change_problem(number: int, reset: bool) -> Problem:
    again = "from the initial state" if reset else "on the same inputs"
    fix = "" if reset else "if it is meant to keep state between runs, verify it as stateful"
    return Problem("LS904", f"results differ at invocation {number}, {again}", fix)


def _not_exchanged(runner: Runner) -> str:
    """Why no call can be made; empty where inputs and outputs are arrays the runtime's interface knows."""
    for signature in runner.signatures:
        for what, tensors in (("input", signature.inputs), ("output", signature.outputs)):
            for tensor in tensors:
                if tensor.type in NOT_EXCHANGED or tensor.type not in TENSOR_TYPES:
                    return f"{what} {tensor.name!r} is {tensor.type}, of which Python can give the runtime no arrays"
    return ""


def _too_large(runner: Runner) -> str:
    """Why no inputs are made up; empty where they are of a size that is no burden."""
    for signature in runner.signatures:
        size = _bytes_of_inputs(signature, *_SIZES[0])
        if size > _MADE_UP_BYTES:
            return f"the inputs of signature {signature.key!r} take {size / 1e9:.1f} GB; give reference data to run it"
    return ""


def _bytes_of_inputs(signature: SignatureInfo, batch: int, size: int) -> int:
    return sum(t.dtype.itemsize * prod(max(d, 1) for d in made_up_shape(t, batch, size)) for t in signature.inputs)


def _made_up_calls(runner: Runner, made_up: list[MadeUp]) -> list[Record]:
    """A call of every signature on inputs it runs on; how they were made is noted in ``made_up``."""
    calls = [_made_up_call(runner, signature, made_up) for signature in runner.signatures]
    if runner.facts.variables:
        runner.reset()
    return calls


def _made_up_call(runner: Runner, signature: SignatureInfo, made_up: list[MadeUp]) -> Record:
    """A call the model takes, with outputs that say something, if there is one among those tried.

    What a model can be called with is not told by its file: unknown sizes depend on each other, integers may be
    divisors or indices, a logarithm wants positive numbers. Raises the runtime's first refusal when it takes no call.
    """
    unknown = any(tensor.shape is None or -1 in tensor.shape for tensor in signature.inputs)
    sizes = [pair for pair in _SIZES if _bytes_of_inputs(signature, *pair) <= _MADE_UP_BYTES]
    refusals: list[VerificationError] = []
    poor: list[tuple[Record, MadeUp]] = []
    for batch, size in sizes if unknown else sizes[:1]:
        for kind in RANGES:
            inputs = random_inputs(signature, batch=batch, size=size, kind=kind)
            try:
                answer = runner.run(inputs, signature.key)
            except VerificationError as error:
                refusals.append(error)
                continue
            call = Record(signature.key, inputs, {}), MadeUp(signature.key, batch, size, kind)
            if not any(map(_nothing_but_nan, answer.values())):
                break
            poor.append(call)
        else:
            continue
        break
    else:
        if not poor:
            raise _refusal(refusals[0], unknown)
        call = poor[0]
    made_up.append(call[1])
    return call[0]


class _NotTakenError(Exception):
    """The model takes none of the inputs that were made up, which need not be its fault."""


def _refusal(error: VerificationError, unknown_sizes: bool) -> Exception:
    """What a refusal of made-up inputs means: a fault where neither values nor made-up sizes can be the reason."""
    reasons = [problem.reason for problem in error.problems]
    if any(_RUNS in reason or (unknown_sizes and _ALLOCATES in reason) for reason in reasons):
        return _NotTakenError(f"it takes none of the inputs made up for the check: {error}")
    fix = "give inputs the model takes, with expected outputs, as reference data (reference=…, --reference)"
    return VerificationError([p if p.fix else replace(p, fix=fix) for p in error.problems])
