"""Names of the tensors in the file: the values' own, else readable ones made of where their operation came from."""

from __future__ import annotations

from collections.abc import Sequence

from litesmith.ir import Value


def tensor_names(values: Sequence[Value], first: Sequence[Value]) -> list[str]:
    """A name for each value, unique among them. Those in ``first`` (inputs and outputs) have first choice."""
    taken: set[str] = set()
    counters: dict[str, int] = {}
    names: dict[int, str] = {}
    named = [v for v in values if v.name]
    for value in [*first, *named, *values]:
        if id(value) not in names:
            names[id(value)] = _unique(value.name or _default_name(value), taken, counters)
    return [names[id(v)] for v in values]


def _default_name(value: Value) -> str:
    """What an unnamed value is called, before it is made unique."""
    if value.op is not None:
        base = value.op.origin.label or value.op.name.lower()
        return base if value.index == 0 else f"{base}:{value.index}"
    if value.is_const:
        return "const"
    return "state" if value.is_variable else "input"


def _unique(name: str, taken: set[str], counters: dict[str, int]) -> str:
    found = name
    while found in taken:
        counters[name] = counters.get(name, 0) + 1
        found = f"{name}_{counters[name]}"
    taken.add(found)
    return found
