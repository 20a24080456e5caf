"""The pipeline: all passes in order, repeated until nothing changes."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from typing import TypeAlias

from litesmith.ir.graph import Program
from litesmith.ir.verify import InvalidIRError, verify
from litesmith.passes import (
    activation_fusion,
    bias_fusion,
    boundary_copies,
    broadcast_rank,
    broadcasts,
    casts,
    clamps,
    common_subexpressions,
    constant_chains,
    dead_code,
    dead_variables,
    dilated_convolution,
    empty_variables,
    equal_weights,
    full_slices,
    fully_connected,
    identities,
    integer_tables,
    integer_weights,
    integral_products,
    kernel_types,
    known_ranges,
    l2_normalization,
    layout,
    leaky_relu,
    means,
    negations,
    nested_choices,
    new_dimensions,
    packs,
    pad_fusion,
    partitions,
    powers,
    reshapes,
    scale_folding,
    shape_values,
    shrunk_slices,
    simplify,
    softmax,
    squared_difference,
    subgraph_variables,
    transpose_absorption,
    unary_functions,
    unfolding,
    unit_dimensions,
    unpacks,
    variable_reads,
)
from litesmith.passes.driver import AnyPass, PassResult, UnsettledWarning, run_pass
from litesmith.passes.recurrent import forms

MODULES = (
    dead_code,
    dead_variables,
    variable_reads,
    subgraph_variables,
    empty_variables,
    kernel_types,
    shape_values,
    simplify,
    identities,
    known_ranges,
    casts,
    partitions,
    common_subexpressions,
    nested_choices,
    layout,
    new_dimensions,
    unit_dimensions,
    transpose_absorption,
    reshapes,
    shrunk_slices,
    packs,
    unpacks,
    means,
    negations,
    clamps,
    leaky_relu,
    unary_functions,
    softmax,
    powers,
    l2_normalization,
    squared_difference,
    broadcast_rank,
    broadcasts,
    fully_connected,
    bias_fusion,
    dilated_convolution,
    scale_folding,
    constant_chains,
    pad_fusion,
    activation_fusion,
)
"""The files that hold passes, in the order they run."""

PASSES: tuple[AnyPass, ...] = tuple(p for module in MODULES for p in module.PASSES)
"""Every pass, in the order they run."""

FINISHING: tuple[AnyPass, ...] = (
    *integral_products.PASSES,
    *integer_weights.PASSES,
    *equal_weights.PASSES,
    *integer_tables.PASSES,
    *unfolding.PASSES,
    *boundary_copies.PASSES,
    *full_slices.PASSES,
)
"""What runs once, when nothing changes any more: no simplifications, which the passes would undo."""

ROUNDS = 16
"""More rounds than this mean that two passes undo each other."""

_LOG = logging.getLogger(__name__)

Dump: TypeAlias = Callable[[str, Program], None]


def run(
    program: Program,
    dump: Dump | None = None,
    check: bool = False,
    passes: Sequence[AnyPass] = PASSES,
    rnn: str = "auto",
    resources: bool = False,
) -> list[PassResult]:
    """Runs the passes over the program, in place, until none changes anything. Running it again changes nothing.

    rnn: the form of recurrent layers, one of `decompositions.recurrent.FORMS`.
    resources: whether the states layers keep stay in resource variables, which may be integers.
    dump: called with the pass's name and the program after each pass that changed something.
    check: verify the IR after each such pass (for tests and debugging; it costs more than most passes).
    Returns the result of every run, in order. Raises InvalidIRError when a pass breaks the IR; warns with
    UnsettledWarning, and leaves it at that, when passes undo each other for `ROUNDS` rounds.
    """
    results = _settle(program, dump, check, passes)
    if passes is PASSES:
        formed = forms.run(program, rnn, resources)
        results += formed
        for result in (r for r in formed if r.modified):
            _after(result, program, dump, check)
        if any(r.modified for r in formed):
            results += _settle(program, dump, check, passes)
    return [*results, *_finish(program, dump, check)]


def _settle(program: Program, dump: Dump | None, check: bool, passes: Sequence[AnyPass]) -> list[PassResult]:
    results: list[PassResult] = []
    clean: set[str] = set()
    for _ in range(ROUNDS):
        for pass_ in passes:
            if pass_.name in clean:
                continue
            result = run_pass(pass_, program)
            results.append(result)
            if result.modified:
                clean.clear()
                _after(result, program, dump, check)
            clean.add(pass_.name)
        if len(clean) == len(passes):
            break
    else:
        reason = f"the passes reach no fixed point in {ROUNDS} rounds: {_last_to_change(results)} still change"
        warnings.warn(UnsettledWarning(reason), stacklevel=2)
    return results


def _finish(program: Program, dump: Dump | None, check: bool) -> list[PassResult]:
    results = [run_pass(pass_, program) for pass_ in FINISHING]
    for result in results:
        if result.modified:
            _after(result, program, dump, check)
        program.notes += [note for note in result.notes if note not in program.notes]
    return results


def _after(result: PassResult, program: Program, dump: Dump | None, check: bool) -> None:
    _LOG.debug("pass %s changed the program", result.name)
    if dump is not None:
        dump(result.name, program)
    if check:
        try:
            verify(program)
        except InvalidIRError as error:
            raise InvalidIRError(f"after pass {result.name}: {error}") from error


def _last_to_change(results: Sequence[PassResult]) -> str:
    return ", ".join(sorted({r.name for r in results[-len(PASSES) :] if r.modified}))


def explain(results: Sequence[PassResult]) -> list[str]:
    """What each pass declined in its last run, and why: one line each, in the order of the passes."""
    last = {result.name: result for result in results}
    return [line for result in last.values() for line in dict.fromkeys(result.explain().splitlines())]


def named(name: str) -> AnyPass:
    """The pass of this name. Raises KeyError where there is none."""
    return {p.name: p for p in PASSES}[name]
