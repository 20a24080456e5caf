"""What a verification finds out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from litesmith.errors import Problem, VerificationError
from litesmith.runtime.compare import Comparison


@dataclass(frozen=True)
class MadeUp:
    """How the inputs of a call were made up: the arguments of `random_inputs`."""

    signature: str
    batch: int
    size: int
    kind: str


@dataclass(frozen=True)
class VerificationReport:
    """What was found out about a model.

    problems: everything wrong with it. comparisons: of the outputs with the reference, in order of the calls.
    signatures: keys of those that were run. invocations: runs in a row of each call. skipped: why the model
    was not run, though nothing is known to be wrong with it (it needs operators that only another runtime
    has, or more time or memory than a check on made-up inputs is worth). made_up: how the inputs were made where
    there was no reference.
    """

    problems: tuple[Problem, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    signatures: tuple[str, ...] = ()
    invocations: int = 0
    skipped: str = ""
    made_up: tuple[MadeUp, ...] = ()

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


def to_json(report: VerificationReport) -> dict[str, Any]:
    """The report as JSON has it."""
    return asdict(report)


def from_json(data: Mapping[str, Any]) -> VerificationReport:
    """The report of `to_json`."""
    return VerificationReport(
        tuple(Problem(**p) for p in data["problems"]),
        tuple(Comparison(**{**c, "shape": tuple(c["shape"])}) for c in data["comparisons"]),
        tuple(data["signatures"]),
        data["invocations"],
        data["skipped"],
        tuple(MadeUp(**m) for m in data["made_up"]),
    )
