"""The one error hierarchy of the project.

Every error a user can cause derives from `LitesmithError`. A conversion that cannot be done collects one
`Problem` for each thing that stands in the way and raises them together as a `ConverterError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar


@dataclass(frozen=True)
class Problem:
    """One thing that stands in the way of a conversion.

    code: stable identifier such as ``LS012``; op: source operator (``tf.Foo``, ``jax.sort``, ``CONV_2D``);
    node: its name in the source; layer: the Keras layer or module it is of; line: the user's source line
    (``model.py:41``) when known; reason: what was got and what is expected; fix: a concrete way out.
    """

    code: str
    reason: str
    fix: str = ""
    op: str = ""
    node: str = ""
    line: str = ""
    layer: str = ""

    def locate(self, *, op: str = "", node: str = "", line: str = "", layer: str = "") -> Problem:
        """The same problem with the location fields that are still empty filled in."""
        return replace(
            self,
            op=self.op or op,
            node=self.node or node,
            line=self.line or line,
            layer=self.layer or layer,
        )

    def to_json(self) -> dict[str, str]:
        """As JSON has it: every field, empty where it is not known."""
        return {name: getattr(self, name) for name in ("code", "op", "node", "layer", "line", "reason", "fix")}

    def __str__(self) -> str:
        where = f' at "{self.node}"' if self.node else ""
        line = f" ({self.line})" if self.line else ""
        head = f"{self.code} {self.op}{where}{line}".rstrip()
        fix = f"\n      Fix: {self.fix}" if self.fix else ""
        return f"{head}: {self.reason}{fix}"


class LitesmithError(Exception):
    """Base of every error the project raises on purpose."""

    code: ClassVar[str] = "LS000"


class ConverterError(LitesmithError):
    """The model cannot be converted as asked; ``problems`` lists everything found.

    note: text that follows the problems in ``str(error)``.
    """

    def __init__(self, problems: Sequence[Problem] | Problem | str, note: str = "") -> None:
        if isinstance(problems, str):
            problems = [Problem("LS000", problems)]
        elif isinstance(problems, Problem):
            problems = [problems]
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join([*map(str, self.problems), *([note] if note else [])]))


class UnsupportedError(ConverterError):
    """One construct cannot be expressed. Raised by lowerings and declarations, collected by the importer."""

    def __init__(self, reason: str, fix: str = "", *, code: str = "LS001", op: str = "", node: str = "") -> None:
        super().__init__(Problem(code, reason, fix, op=op, node=node))


class FormatError(LitesmithError):
    """A file is missing, truncated, corrupt or not what it claims to be."""

    code = "LS800"

    def __init__(self, message: str, *, path: str = "", fix: str = "") -> None:
        self.message = message
        self.path = path
        self.fix = fix
        where = f"{path}: " if path else ""
        super().__init__(f"{where}{message}" + (f"\n      Fix: {fix}" if fix else ""))


class MissingFileError(FormatError, FileNotFoundError):
    """A file or directory is not there (also a FileNotFoundError, as programs expect)."""

    code = "LS801"


class UsageError(LitesmithError, ValueError):
    """The caller asked for something that makes no sense (unknown tag, signature, option, shape …)."""

    code = "LS810"


class TracingError(UsageError, TypeError):
    """The framework cannot trace the function the caller gave. A TypeError, too: most often the arguments are wrong."""


class QuantizationError(ConverterError):
    """The model cannot be quantized as asked, or the result lost its meaning."""


class VerificationError(ConverterError):
    """The converted model does not load, does not run or does not agree with its reference."""


def problems_of(error: LitesmithError) -> tuple[Problem, ...]:
    """What an error tells, as data: its problems, or its text as one of them."""
    if isinstance(error, ConverterError):
        return error.problems
    reason, _, fix = str(error).partition("\n      Fix: ")
    return (Problem(error.code, reason, fix),)
