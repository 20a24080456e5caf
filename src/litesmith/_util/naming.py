"""Names the user gives: which is meant, and which are near one that is unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from litesmith.errors import UsageError

THE_INPUT = ""
"""Stands for the name of a model's only input where a shape is given without one."""

Shapes = Mapping[str, Sequence[Any]]


def suggestion(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for the nearest known name, empty where none is near."""
    by_lower = {k.lower(): k for k in known}
    close = get_close_matches(name.lower(), by_lower, 1, 0.6)
    return f"; did you mean {by_lower[close[0]]!r}?" if close else ""


def path_suggestion(path: Path) -> str:
    """The same for a path that does not exist, among what lies in its directory."""
    try:
        known = [p.name for p in path.absolute().parent.iterdir()]
    except OSError:
        return ""
    close = get_close_matches(path.name, known, 1, 0.6)
    return f"; did you mean {str(path.parent / close[0])!r}?" if close else ""


def shapes_by_name(shapes: Any) -> Shapes:
    """Shapes by input name; one given bare is that of `THE_INPUT`. Raises UsageError for what is no shape."""
    if shapes is None:
        return {}
    if isinstance(shapes, Mapping):
        wrong = next((s for s in shapes.values() if not _is_shape(s)), None)
        named = shapes
    else:
        wrong, named = (None if _is_shape(shapes) else shapes), {THE_INPUT: shapes}
    if wrong is not None:
        raise UsageError(
            f"{wrong!r} is not a shape: give sizes and None for an unknown one, by the name of the input where the model "
            "has several, as in input_shapes={'image': [1, 224, 224, 3]}"
        )
    return named


def _is_shape(shape: Any) -> bool:
    if not isinstance(shape, Iterable) or isinstance(shape, (str, bytes, Mapping)):
        return False
    return all(d is None or isinstance(d, str) or hasattr(d, "__index__") for d in shape)


def input_shapes(shapes: Shapes, inputs: Iterable[str]) -> Shapes:
    """The shapes by the names of a model's inputs. Raises UsageError where one is for no input, or for one of several."""
    known = list(dict.fromkeys(inputs))
    if THE_INPUT in shapes and THE_INPUT not in known:
        if len(known) != 1:
            listed = ", ".join(sorted(known)) or "none"
            raise UsageError(f"input_shapes is one shape, and the model's inputs are {listed}: give shapes by name")
        shapes = {known[0]: shapes[THE_INPUT]}
    unknown = next((name for name in shapes if name not in known), None)
    if unknown is not None:
        listed = ", ".join(sorted(known)) or "none"
        raise UsageError(f"input_shapes names {unknown!r}; the model's inputs are {listed}{suggestion(unknown, known)}")
    return shapes
