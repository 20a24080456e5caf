"""Functions that other packages bring for a name: by decorator, or by an entry point of a group."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TypeAlias, TypeVar

from litesmith.errors import UnsupportedError, UsageError

Function: TypeAlias = Callable[..., object]
F = TypeVar("F", bound=Function)


class PluginRegistry:
    """What is decorated comes first, then what installed packages name in a group of entry points.

    subject, role: what messages call that which has a name (an operator), and its function (a lowering).
    """

    def __init__(self, group: str, subject: str, role: str) -> None:
        self.group = group
        self.subject = subject
        self.role = role
        self.decorated: dict[str, Function] = {}

    def decorator(self, name: str) -> Callable[[F], F]:
        """Registers the function it decorates. Raises UsageError where the name has another one already."""

        def register(function: F) -> F:
            known = self.decorated.get(name)
            if known is not None and place_of(known) != place_of(function):
                raise UsageError(f"the {self.subject} {name!r} has a {self.role} already, {place_of(known)}")
            self.decorated[name] = function
            return function

        return register

    def find(self, name: str) -> Function | None:
        """The function of a name, None where there is none. Raises UnsupportedError where it cannot be loaded."""
        if name in self.decorated:
            return self.decorated[name]
        point = installed_plugins(self.group).get(name)
        if point is None:
            return None
        try:
            function: Function = point.load()
        except Exception as error:  # the package's code may raise anything
            raise UnsupportedError(
                f"the {self.role} of {name!r}, {point.value}, cannot be loaded: {type(error).__name__}: {error}",
                f"repair or uninstall the package {point.dist.name if point.dist else point.value}",
            ) from error
        return function


def place_of(function: Function) -> str:
    """Where a function stands; the same for one that is defined again when its module is."""
    return f"{function.__module__}.{function.__qualname__}"


@cache
def installed_plugins(group: str) -> Mapping[str, EntryPoint]:
    """The entry points of a group, by name."""
    return {point.name: point for point in entry_points(group=group)}
