"""Outputs that are all NaN for the inputs made up for a check, because that is what the model computes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from litesmith.errors import Problem
from litesmith.ir.evaluation import NoEvaluatorError, evaluate
from litesmith.ir.graph import Graph, Program
from litesmith.runtime import VerificationReport, random_inputs
from litesmith.runtime.model_file import SignatureInfo, read_facts

_ALL_NAN = "LS905"
_FAILURES = (NoEvaluatorError, ArithmeticError, AssertionError, LookupError, TypeError, ValueError)


def accept_computed_nan(
    report: VerificationReport, program: Callable[[], Program], model: bytes | Path
) -> VerificationReport:
    """The report without the outputs of NaN that the operators' own evaluators give for the same inputs, too."""
    if not any(problem.code == _ALL_NAN for problem in report.problems) or not report.made_up:
        return report
    content = model if isinstance(model, bytes) else model.read_bytes()
    computed = program()
    if _has_nan(computed):
        return report
    left = [p for p in report.problems if p.code != _ALL_NAN or not _is_computed(p, report, computed, content)]
    return replace(report, problems=tuple(left))


def _has_nan(program: Program) -> bool:
    """Whether some weights are NaN, which is what the check is there to find."""
    constants = (v.const for graph in program.all_graphs() for v in graph.constants())
    return any(c is not None and c.dtype.is_float and bool(np.isnan(c.array()).any()) for c in constants)


def _is_computed(problem: Problem, report: VerificationReport, program: Program, content: bytes) -> bool:
    """Whether the evaluators give NaN, too, for the output that a problem names."""
    for call in report.made_up:
        (info,) = (s for s in read_facts(content).signatures if s.key == call.signature)
        names = [output.name for output in info.outputs]
        output = problem.node.removeprefix(f"{call.signature}/")
        if output not in names or output == problem.node:
            continue
        given = random_inputs(info, batch=call.batch, size=call.size, kind=call.kind)
        graph, inputs, outputs = _entry(program, info)
        try:
            results = evaluate(graph, [given[name] for name in inputs])
        except _FAILURES:
            return False
        return bool(np.isnan(results[outputs.index(output)]).all())
    return False


def _entry(program: Program, info: SignatureInfo) -> tuple[Graph, list[str], list[str]]:
    """The graph of a signature, and the names of its inputs and outputs in the graph's order."""
    signature = next((s for s in program.signatures if s.key == info.key), None)
    if signature is None:  # a file without signatures: the main graph, in its order
        return program.main, [i.name for i in info.inputs], [o.name for o in info.outputs]
    return signature.graph, _in_order(signature.inputs), _in_order(signature.outputs)


def _in_order(places: Mapping[str, int]) -> list[str]:
    count = max(places.values(), default=-1) + 1
    names = [""] * count
    for name, place in places.items():
        names[place] = name
    return names
