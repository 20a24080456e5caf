"""Recurrent layers and other loops over rows take the form that was asked for: fused, a loop, unrolled."""

from __future__ import annotations

from collections.abc import Callable

from litesmith._util.rnn_forms import AUTO, COMPACT, FUSED, UNROLLED
from litesmith.ir.graph import Op, Program
from litesmith.ops.control import WHILE
from litesmith.passes.driver import PassResult
from litesmith.passes.recurrent import hoisting, repeating
from litesmith.passes.recurrent.affine import UnclearError
from litesmith.passes.recurrent.kept_states import keep_in_tensors
from litesmith.passes.recurrent.loops import Scan, label_of, read_scan
from litesmith.passes.recurrent.raising import raise_loops


def run(program: Program, asked: str, resources: bool = False) -> list[PassResult]:
    """Gives every loop over rows its form. Where the user asked for another than a loop has, a note says why.

    resources: whether states that are kept stay in resource variables.
    """
    results = []
    raised = asked in (AUTO, COMPACT, FUSED)
    if raised and not resources:
        results.append(PassResult("saved-states", keep_in_tensors(program, saved_only=True)))
    if raised:
        results.append(raise_loops(program, asked))
    if not resources:
        results.append(PassResult("kept-states", keep_in_tensors(program)))
    results.append(PassResult(hoisting.NAME, hoisting.hoist(program)))
    if asked in (AUTO, UNROLLED):
        results.append(_unroll(program, small_only=asked == AUTO))
    if asked != UNROLLED:
        results.append(PassResult("joined-steps", sum(_join(scan) for scan in hoisting.own_scans(program))))
    if asked in (FUSED, UNROLLED):
        program.notes += [f"{label_of(op)} stays a loop: {reason}" for r in results for op, reason in r.declined]
    return results


def _unroll(program: Program, small_only: bool) -> PassResult:
    """small_only: whether a loop stays one where that is faster."""
    result = PassResult("unrolled-loops")
    for graph in program.all_graphs():
        for op in list(graph.ops):
            if op.defn is not WHILE:
                continue
            reason = _try_rewrite(op, _unroll_small if small_only else repeating.unroll)
            if reason is None:
                result.rewrites += 1
            else:
                result.declined.append((op, reason))
    return result


def _unroll_small(scan: Scan) -> str | None:
    return repeating.unroll(scan) if repeating.is_faster_unrolled(scan) else "the loop is faster"


def _try_rewrite(op: Op, rewrite: Callable[[Scan], str | None]) -> str | None:
    try:
        return rewrite(read_scan(op))
    except UnclearError as reason:
        return str(reason)


def _join(scan: Scan) -> bool:
    steps = repeating.steps_in_body(scan)
    if steps > 1:
        repeating.join_steps(scan, steps)
    return steps > 1
