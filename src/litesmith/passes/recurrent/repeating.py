"""A step several times: in one body of the loop, or all of them without the loop.

    %1 = WHILE(0, …)   body(%i): one step, %i + 1
⇒
    %1 = WHILE(0, …)   body(%i): four steps, %i + 4            `join_steps`
⇒
    one step after the other, without a WHILE                  `unroll`

A turn of a loop has a price of its own: the condition, and a copy of every variable that changes, of collected outputs
whole. Several steps in one body pay it once. Legal where the number of steps is known (and for a body of several, a
multiple of them).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from litesmith.decompositions.shapes import reshape
from litesmith.ir.builder import Builder
from litesmith.ir.dims import Dim
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Graph, Op, Value
from litesmith.ops import OPS
from litesmith.ops.joining import UNPACK
from litesmith.passes.driver import erase_dead, replace_result
from litesmith.passes.kernel_types import WIDER
from litesmith.passes.recurrent.loops import Row, Scan

# -- one step again ---------------------------------------------------------------------------------------------------


def replay(b: Builder, outputs: Sequence[Value], known: Mapping[Value, Value]) -> list[Value]:
    """What the outputs of a graph are where these of its values are known: its operations, made again."""
    values = dict(known)
    needed = _dependencies(outputs, known)
    for op in next((o.graph.ops for o in needed if o.graph is not None), ()):
        if op not in needed:
            continue
        operands = [None if v is None else values.get(v, v) for v in op.operands]
        types = [r.type for r in op.results] if op.defn.infer is None else None
        b.origins = op.origins
        results = b.emit(op.defn, operands, result_types=types, **op.attrs)
        values.update(zip(op.results, results, strict=True))
    return [values.get(v, v) for v in outputs]


def _dependencies(outputs: Sequence[Value], known: Mapping[Value, Value]) -> set[Op]:
    """The operations the outputs depend on, where some values are known already."""
    needed: set[Op] = set()
    stack = list(outputs)
    while stack:
        value = stack.pop()
        if value in known or value.op is None or value.op in needed:
            continue
        needed.add(value.op)
        stack.extend(value.op.inputs)
    return needed


# -- several steps in one body ----------------------------------------------------------------------------------------

BATCHED_UNITS = 64
"""Up to so many features in the states, several steps in one body are faster …"""

FEWEST_STEPS = 16
"""… where there are more steps than these."""

COLLECTED = 1 << 14
"""Elements of collected outputs from which on their copies, one in each turn, cost more than anything else …"""

MUCH_COLLECTED = 1 << 16
"""… and from which on they no longer fit into the fast caches."""


def steps_in_body(scan: Scan) -> int:
    """How many steps one body had better have."""
    if not isinstance(scan.length, int) or scan.length <= FEWEST_STEPS or not scan.carried:
        return 1
    states = [scan.body.inputs[i].type for i in scan.carried]
    if not all(t.is_static and t.rank >= 1 for t in states):
        return 1
    collected = max((_size(scan, i) for i in scan.collected), default=0)
    if collected >= COLLECTED:
        return _divisor(scan.length, 16 if collected >= MUCH_COLLECTED else 8)
    batch_1 = all(t.count == t.dims[-1] for t in states)
    units = max(int(t.dims[-1]) for t in states if isinstance(t.dims[-1], int))
    return _divisor(scan.length, 4) if batch_1 and units <= BATCHED_UNITS else 1


def _size(scan: Scan, variable: int) -> int:
    size = scan.body.inputs[variable].type.count
    return size if isinstance(size, int) else 0


def _divisor(length: int, most: int) -> int:
    """The largest number of steps up to ``most`` that divides the length."""
    return next(n for n in range(most, 0, -1) if length % n == 0)


def join_steps(scan: Scan, steps: int) -> None:
    """Puts so many steps, a divisor of their number, into the body."""
    old, body = scan.body, Graph(scan.body.name)
    b = Builder(body, OPS)
    inputs = [body.add_input(v.type, v.name) for v in old.inputs]
    values = list(inputs)
    for step in range(steps):
        known = dict(zip(old.inputs, values, strict=True))
        for index in scan.counters:
            known[old.inputs[index]] = _plus(b, inputs[index], step)
        values = replay(b, old.outputs, known)
    for index in scan.counters:
        values[index] = _plus(b, inputs[index], steps)
    body.outputs = values
    erase_dead(body, list(body.reversed_ops))
    scan.op.attrs["body_subgraph"] = body


def _plus(b: Builder, value: Value, number: int) -> Value:
    total: Value = b.add(value, np.array(number, value.type.dtype.numpy)) if number else value
    return total


# -- all steps, one after the other -----------------------------------------------------------------------------------


MOST_UNROLLED = 64
"""Steps beyond which ``auto`` unrolls nothing, however small they are."""

UNROLLED_BYTES = 5 << 18
"""Memory up to which steps are faster one after the other: about what a core has to itself."""

BYTES_PER_OPERATION = 1 << 9
"""What an operation of small tensors takes of the caches, roughly, beside its weights."""


def is_faster_unrolled(scan: Scan) -> bool:
    """Whether the steps had better stand one after the other: few, with weights of which each step packs a copy."""
    if not isinstance(scan.length, int) or not 0 < scan.length <= MOST_UNROLLED:
        return False
    if not scan.rows or not scan.carried:
        return False
    if not all(scan.body.inputs[i].type.shape for i in scan.carried):
        return False
    return scan.length * _bytes_of_step(scan) <= UNROLLED_BYTES


def _bytes_of_step(scan: Scan) -> int:
    """Memory of one step: its operations, and the weights of those that do not leave the loop (`hoisting`)."""
    total = 0
    for op in scan.body.ops:
        total += BYTES_PER_OPERATION
        if not any(v in scan.rows for v in op.inputs):
            total += sum(v.const.nbytes for v in op.inputs if v.const is not None)
    return total


def unroll(scan: Scan) -> str | None:
    """Puts the steps of a loop in its place. Returns why not, where that cannot be."""
    if not isinstance(scan.length, int) or not scan.length:
        return "the number of steps is not known"
    for dtype, name in _row_operators(scan):
        if not _takes(name, dtype):
            return f"{name} takes no {dtype}"
    op, graph = scan.op, scan.op.graph
    assert graph is not None
    b = Builder(graph, OPS, before=op)
    values = _run_steps(b, scan, scan.length)
    for index, result in enumerate(op.results):
        replace_result(graph, result, values[index])
    erase_dead(graph, [op])
    return None


def _row_operators(scan: Scan) -> Iterator[tuple[DType, str]]:
    """Element types of the rows that steps take and give, and the operator that takes them apart or together."""
    for row in scan.rows.values():
        yield scan.outer(row.variable).type.dtype, "UNPACK"
    for collected in scan.collected.values():
        yield collected.row.type.dtype, "PACK"


def _takes(name: str, dtype: DType) -> bool:
    """Whether the kernel takes the element type, or a wider one in its place (`kernel_types`)."""
    taken = OPS[name].inputs[0].dtypes
    return taken is None or any(kind in taken for kind in (dtype, *WIDER.get(dtype, ())))


def _run_steps(b: Builder, scan: Scan, steps: int) -> list[Value]:
    """The loop's variables after all steps."""
    body = scan.body
    rows = {value: _rows(b, scan, value, row, steps) for value, row in scan.rows.items()}
    outputs = [scan.collected[i].row if i in scan.collected else v for i, v in enumerate(body.outputs)]
    values = [scan.outer(index) for index in range(len(outputs))]
    collected: dict[int, list[Value]] = {index: [] for index in scan.collected}
    for step in range(steps):
        known = dict(zip(body.inputs, values, strict=True)) | {value: parts[step] for value, parts in rows.items()}
        for index in scan.counters:
            known[body.inputs[index]] = b.constant(np.array(step, values[index].type.dtype.numpy))
        after = replay(b, outputs, known)
        for index, parts in collected.items():
            parts.append(_reshape_rank(b, after[index], body.inputs[index].dims[1:]))
        values = [values[i] if i in collected else v for i, v in enumerate(after)]
    b.origins = scan.op.origins
    for index, parts in collected.items():
        values[index] = b.pack(*(parts[::-1] if scan.collected[index].reverse else parts), axis=0)
    return values


def _rows(b: Builder, scan: Scan, value: Value, row: Row, steps: int) -> list[Value]:
    """What each step takes of a tensor."""
    b.origins = scan.op.origins
    parts = b.emit(UNPACK, [scan.outer(row.variable)], num=steps, axis=row.axis)
    shaped = [_reshape_rank(b, v, value.dims) for v in parts]
    return shaped[::-1] if row.reverse else shaped


def _reshape_rank(b: Builder, value: Value, dims: Sequence[Dim]) -> Value:
    return value if value.rank == len(dims) else reshape(b, value, [*dims], value)
