"""Variables as integers: all that is read from or assigned to a variable shares its scale."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from litesmith.ir import DType, Op, Value
from litesmith.quantize.ranges import Range
from litesmith.quantize.roles import is_mask

ACCESSES = ("READ_VARIABLE", "ASSIGN_VARIABLE")


@dataclass
class Variable:
    """A variable of 32-bit floats. accesses: the operations that read or assign it; values: what they give and take."""

    accesses: list[Op] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)


def float_variables(ops: Iterable[Op]) -> list[Variable]:
    """The variables of which every access is known and of 32-bit floats."""
    found: dict[tuple[str, str], Variable] = {}
    closed: set[tuple[str, str]] = set()
    for op in ops:
        if op.name != "VAR_HANDLE":
            continue
        name = (op.attrs["container"], op.attrs["shared_name"])
        variable = found.setdefault(name, Variable())
        users = list(op.results[0].users)
        if op.results[0].output_uses or not name[1] or any(user.name not in ACCESSES for user in users):
            closed.add(name)  # its handle goes elsewhere, where it is read or assigned, too
            continue
        for user in users:
            variable.accesses.append(user)
            variable.values.append(user.results[0] if user.name == "READ_VARIABLE" else user["value"])
    is_float = {name: all(v.type.dtype is DType.FLOAT32 for v in one.values) for name, one in found.items()}
    return [one for name, one in found.items() if name not in closed and is_float[name] and one.values]


def integer_variables(ops: Iterable[Op], range_of: Callable[[Value], Range]) -> Iterator[Variable]:
    """Those whose numbers were all seen, and are numbers."""
    for variable in float_variables(ops):
        seen = [r for v in variable.values if not v.is_const and not (r := range_of(v)).is_empty]
        if seen and all(r.is_finite and not is_mask(r) for r in seen):
            yield variable
