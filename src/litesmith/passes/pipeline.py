"""The pipeline: its stages, repeated until nothing changes."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
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
    nested_selects,
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

PIPELINE: Mapping[str, tuple[AnyPass, ...]] = {
    "dead code": (
        *dead_code.PASSES,
        *dead_variables.PASSES,
        *variable_reads.PASSES,
        *subgraph_variables.PASSES,
        *empty_variables.PASSES,
    ),
    "what is known": (
        *kernel_types.PASSES,
        *shape_values.PASSES,
        *simplify.PASSES,
        *identities.PASSES,
        *known_ranges.PASSES,
        *casts.PASSES,
        *partitions.PASSES,
        *common_subexpressions.PASSES,
        *nested_selects.PASSES,
    ),
    "layouts and shapes": (
        *layout.PASSES,
        *new_dimensions.PASSES,
        *unit_dimensions.PASSES,
        *transpose_absorption.PASSES,
        *reshapes.PASSES,
        *shrunk_slices.PASSES,
        *packs.PASSES,
        *unpacks.PASSES,
    ),
    "compound operations": (
        *means.PASSES,
        *negations.PASSES,
        *clamps.PASSES,
        *leaky_relu.PASSES,
        *unary_functions.PASSES,
        *softmax.PASSES,
        *powers.PASSES,
        *l2_normalization.PASSES,
        *squared_difference.PASSES,
        *broadcast_rank.PASSES,
        *broadcasts.PASSES,
    ),
    "fusions": (
        *fully_connected.PASSES,
        *bias_fusion.PASSES,
        *dilated_convolution.PASSES,
        *scale_folding.PASSES,
        *constant_chains.PASSES,
        *pad_fusion.PASSES,
        *activation_fusion.PASSES,
    ),
    "finishing": (
        *integral_products.PASSES,
        *integer_weights.PASSES,
        *equal_weights.PASSES,
        *integer_tables.PASSES,
        *unfolding.PASSES,
        *boundary_copies.PASSES,
        *full_slices.PASSES,
    ),
}
"""Stages of passes, in the order they run; recurrent loops take their form in between, when nothing changes any more."""

FINISHING = PIPELINE["finishing"]
"""What runs once: no simplifications, which the others would undo."""

PASSES = tuple(p for name, stage in PIPELINE.items() if name != "finishing" for p in stage)
"""What is repeated."""

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
    without: Collection[str] = (),
) -> list[PassResult]:
    """Runs the passes over the program, in place, until none changes anything. Running it again changes nothing.

    rnn: the form of recurrent layers, one of `decompositions.recurrent.FORMS`.
    resources: whether the states layers keep stay in resource variables, which may be integers.
    dump: called with the pass's name and the program after each pass that changed something.
    check: verify the IR after each such pass (for tests and debugging; it costs more than most passes).
    without: names of passes that are left out.
    Returns the result of every run, in order. Raises InvalidIRError when a pass breaks the IR; warns with
    UnsettledWarning, and leaves it at that, when passes undo each other for `ROUNDS` rounds.
    """
    kept = [p for p in passes if p.name not in without]
    results = _settle(program, dump, check, kept)
    if passes is PASSES:
        formed = forms.run(program, rnn, resources)
        results += formed
        for result in (r for r in formed if r.modified):
            _report_change(result, program, dump, check)
        if any(r.modified for r in formed):
            results += _settle(program, dump, check, kept)
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
                _report_change(result, program, dump, check)
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
            _report_change(result, program, dump, check)
        program.notes += [note for note in result.notes if note not in program.notes]
    return results


def _report_change(result: PassResult, program: Program, dump: Dump | None, check: bool) -> None:
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
