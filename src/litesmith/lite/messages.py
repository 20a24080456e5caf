"""Errors in the words that programs written for ``tf.lite`` look for.

``str(error)`` begins with our own report of every problem. Where operators are the reason, a note follows with the
phrases by which such programs tell the two cases apart, and the operators' names: "Some ops are not supported by the
native TFLite runtime" with "TF Select ops: …" for TensorFlow's operators, "Some ops in the model are custom ops" with
"Custom ops: …" for others.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import litesmith.frontends.tensorflow
from litesmith.errors import ConverterError, Problem

_SELECT = "Some ops are not supported by the native TFLite runtime; TF Select alone has kernels for them."
_CUSTOM = "Some ops in the model are custom ops, which need a kernel of your own."


def explain(error: ConverterError, allow_select: bool) -> ConverterError:
    """The same error with the note; where Select TF operators are allowed, told that these cannot be any."""
    problems = [_about_select(p) if allow_select and _is_select(p) else p for p in error.problems]
    note = _note(problems)
    return ConverterError(problems, note=note) if note else error


def _note(problems: list[Problem]) -> str:
    ops = sorted({p.op.removeprefix("tf.") for p in problems if p.op.startswith("tf.")})
    if not ops:
        return ""
    lines = [f"error: 'tf.{op}' op is neither a custom op nor a flex op" for op in ops]
    for known, words, title in ((True, _SELECT, "TF Select ops"), (False, _CUSTOM, "Custom ops")):
        names = [op for op in ops if (op in tensorflow_ops()) is known]
        if names:
            lines += [words, f"{title}: {', '.join(names)}"]
    return "\n".join(lines)


def _is_select(problem: Problem) -> bool:
    return problem.op.removeprefix("tf.") in tensorflow_ops() and problem.op.startswith("tf.")


def _about_select(problem: Problem) -> Problem:
    reason = f"{problem.reason}; it cannot be a Select TF operator either"
    return replace(problem, reason=reason)


@cache
def tensorflow_ops() -> frozenset[str]:
    """Names of the operators TensorFlow itself has (any other one is the user's)."""
    listed = Path(litesmith.frontends.tensorflow.__file__).parent / "tensorflow_ops.txt"
    return frozenset(listed.read_text().split())
