"""Judges a source model before it is converted: by which path it goes, what each operator becomes, what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from litesmith.analyze.analysis import analyze_program, title
from litesmith.analyze.refactorings import from_problems, from_program
from litesmith.analyze.report import Finding, Report
from litesmith.analyze.runtimes import FLEX, FLEX_ENDS
from litesmith.errors import ConverterError, Problem, UsageError
from litesmith.ir import Program

_PLACES = 3


class Verdict(Enum):
    """By which path a model goes: the exit code of ``litesmith check`` and what it means."""

    BUILT_IN = (0, "converts to built-in operators; it runs in LiteRT and in Google Play services")
    REFACTOR = (1, "does not convert as it is; it needs the changes below")
    SELECT_TF = (3, "converts with Select TF operators")
    CUSTOM = (4, "converts with custom operators, for which you bring the kernels")

    @property
    def exit_code(self) -> int:
        """What ``litesmith check`` returns."""
        return self.value[0]

    @property
    def text(self) -> str:
        """The verdict in a sentence."""
        return self.value[1]


@dataclass(frozen=True)
class SourceOperator:
    """An operator of the source: how often it occurs, what it becomes (operators and how many), where."""

    name: str
    count: int
    becomes: Mapping[str, int]
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckReport:
    """What is told of a source model.

    problems: what stands in the way of built-in operators alone; foreign: operators that are none; report: of the
    model that the verdict promises, None where nothing converts.
    """

    source: str
    verdict: Verdict
    problems: tuple[Problem, ...]
    findings: tuple[Finding, ...]
    operators: tuple[SourceOperator, ...]
    foreign: tuple[str, ...] = ()
    report: Report | None = None
    notes: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The verdict in words."""
        names = f": {', '.join(self.foreign)}" if self.foreign else ""
        flex = f". {FLEX_ENDS}" if self.verdict is Verdict.SELECT_TF else ""
        return f"{self.source} {self.verdict.text}{names}{flex}"

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dumps`."""
        data = asdict(self)
        data |= {"verdict": self.verdict.name.lower(), "exit_code": self.verdict.exit_code, "summary": self.summary}
        return data | {"report": None if self.report is None else self.report.to_json()}


Attempt = Callable[[Mapping[str, Any]], Program]
"""Converts the source with further options. Raises ConverterError, or UsageError for options it does not take."""

_PATHS: tuple[Mapping[str, Any], ...] = (
    {"select_tf_ops": True},
    {"allow_custom_ops": True},
    {"select_tf_ops": True, "allow_custom_ops": True},
)


def judge_source(
    name: str, attempt: Attempt, counts: Mapping[str, int] | None = None, keys: Sequence[str] = ()
) -> CheckReport:
    """The report of a source. counts: how often each operator occurs in it, where that is known; keys: of its
    signatures. Raises FormatError and UsageError for what is no model."""
    problems: tuple[Problem, ...] = ()
    program: Program | None = None
    try:
        program = attempt({})
    except ConverterError as error:
        problems = error.problems
        program = _other_path(attempt)
    findings = [*from_problems(problems)]
    if problems and program is None and len(keys) > 1:
        findings += _single_signatures(attempt, keys)
    if program is None:
        operators = tuple(SourceOperator(f"tf.{op}", n, {}) for op, n in (counts or {}).items())
        return CheckReport(name, Verdict.REFACTOR, problems, tuple(findings), operators)
    told = {finding.title for finding in findings}
    findings += [finding for finding in from_program(program) if finding.title not in told]
    foreign = sorted({title(op) for g in program.all_graphs() for op in g.ops if op.name == "CUSTOM"})
    return CheckReport(
        name,
        _verdict(foreign),
        problems,
        tuple(findings),
        tuple(_source_operators(program, counts or {})),
        tuple(foreign),
        analyze_program(program, name),
        tuple(program.notes),
    )


def _verdict(foreign: Sequence[str]) -> Verdict:
    if not foreign:
        return Verdict.BUILT_IN
    return Verdict.SELECT_TF if all(code.startswith(FLEX) for code in foreign) else Verdict.CUSTOM


def _other_path(attempt: Attempt) -> Program | None:
    """The program with Select TF operators, else with custom ones; None where neither helps."""
    for options in _PATHS:
        try:
            return attempt(options)
        except (ConverterError, UsageError):
            continue
    return None


def _single_signatures(attempt: Attempt, keys: Sequence[str]) -> list[Finding]:
    """Signatures that convert alone."""
    good = []
    for key in keys:
        try:
            attempt({"signature_keys": [key]})
        except (ConverterError, UsageError):
            continue
        good.append(key)
    if not good:
        return []
    detail = f"of the signatures {', '.join(keys)} these convert: {', '.join(good)}"
    after = f"signature_keys={good}"
    return [Finding("a signature that is not needed stands in the way", detail, (), "problem", "all signatures", after)]


def _source_operators(program: Program, counts: Mapping[str, int]) -> Iterable[SourceOperator]:
    """Source operators with what they became; those that left nothing became constants or vanished."""
    becomes: dict[str, dict[str, int]] = {}
    nodes: dict[str, dict[str, None]] = {}
    for graph in program.all_graphs():
        for op in graph.ops:
            for origin in op.origins:
                totals = becomes.setdefault(origin.op, {})
                totals[title(op)] = totals.get(title(op), 0) + 1
                nodes.setdefault(origin.op, {})[origin.label] = None
    known = {f"tf.{op}": count for op, count in counts.items()}
    for name in sorted({*becomes, *known}):
        places = list(nodes.get(name, {}))
        yield SourceOperator(name, known.get(name, len(places)), becomes.get(name, {}), tuple(places[:_PLACES]))
