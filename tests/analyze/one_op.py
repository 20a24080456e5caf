"""Programs of one operation, written as text."""

from __future__ import annotations

import re

from litesmith.ir import Op, Program
from litesmith.ir.parser import parse_program
from litesmith.ops import OPS


def one_op(inputs: str, line: str) -> Program:
    """A program that returns the results of one operation: ``one_op("%x: float32[2]", "ABS(%x) : float32[2]")``."""
    results = len(re.findall(r"\w+\[", line.rpartition(" : ")[2]))
    names = [f"%r{i}" for i in range(results)]
    text = f"graph main({inputs}) {{\n  {', '.join(names)} = {line}\n  return {', '.join(names)}\n}}\n"
    return parse_program(text, OPS)


def only(program: Program) -> Op:
    """The operation of such a program."""
    (op,) = program.main.ops
    return op
