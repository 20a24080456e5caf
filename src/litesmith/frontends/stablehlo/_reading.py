"""The process in which `guard` reads a module first: it ends as reading ends."""

from __future__ import annotations

import sys
from contextlib import suppress

from litesmith.errors import LitesmithError
from litesmith.frontends.stablehlo.module import read_module


def main() -> None:
    with suppress(LitesmithError):
        read_module(sys.stdin.buffer.read())
