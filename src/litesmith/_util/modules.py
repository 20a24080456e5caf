"""The modules of a package whose files are members of one table."""

from __future__ import annotations

import sys
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def modules_of(package: str) -> tuple[ModuleType, ...]:
    """The modules in a package that is being imported, in the order of their names."""
    return tuple(import_module(f"{package}.{found.name}") for found in iter_modules(sys.modules[package].__path__))
