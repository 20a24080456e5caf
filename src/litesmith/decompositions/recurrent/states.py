"""The variable tensors a fused operator keeps its states in, and what writes them before it runs.

A variable tensor may be the result of an operation, which then runs before the fused one in every invocation: what it
writes is what the sequence starts from. Not every operation will do (measured, ai-edge-litert 2.3.0):

- It must compute in every invocation. RESHAPE and CONCATENATION of constants are computed once.
- It must not work in place. ADD, RESHAPE … of a tensor share their operand's memory: the process ends.
- Where a tensor of unknown size stands anywhere before, a variable of known size loses its memory. It is written in front
  of all such tensors, which what is known beforehand can be, or its size is computed, too.

SPLIT and SLICE of constants, SLICE of tensors and FILL are right in LiteRT, with and without delegates, and in Micro.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

import numpy as np

from litesmith.decompositions.recurrent.description import RecurrentLayer
from litesmith.decompositions.shapes import shape_vector
from litesmith.ir import Builder, Dim, DType, Op, Sym, TensorType, Value

LARGEST_STORED = 1 << 13
"""Zeros of one state that are stored in the file, where one SPLIT gives all states."""

LARGEST_LOOKED_AT = 1 << 20
"""Elements of a constant initial state that are looked at to find out whether they are zeros."""


def start(b: Builder, layer: RecurrentLayer, dying: Container[Op] = ()) -> list[Value]:
    """The state operands of a layer's operator, in its order, and in front of it what writes them.

    dying: see `static_problem`.
    """
    shapes = [(layer.batch, size) for size in layer.state_sizes]
    if layer.stateful:
        types = [TensorType(DType.FLOAT32, s) for s in shapes]
        return [Value.variable(t, f"{layer.name}/{n}_state") for t, n in zip(types, ("output", "cell"), strict=False)]
    given = [None if is_zero(v) else v for v in layer.initial[: len(shapes)]]
    if all(v is None or v.is_const for v in given) and not _are_filled(layer, given):
        return _constants(_place(b, None, dying) or b, shapes, given)
    behind = _run_time_size_before(b, dying) is not None
    places = [b if isinstance(layer.batch, Sym) else _place(b, v, dying) or b for v in given]
    rows = zip(places, shapes, given, strict=True)
    return [_write_state(at, shape, v, layer.x, behind) for at, shape, v in rows]


def start_pair(b: Builder, forward: RecurrentLayer, backward: RecurrentLayer) -> list[Value]:
    """The state operands of an operator for two directions that start from zeros."""
    sizes = {*forward.state_sizes, *backward.state_sizes}
    count = 2 * len(forward.state_sizes)
    if forward.stateful or isinstance(forward.batch, Sym) or len(sizes) > 1 or _are_filled(forward, ()):
        return [*start(b, forward), *start(b, backward)]
    b = _place(b, None, ()) or b
    zeros = b.constant(np.zeros((count * int(forward.batch), *sizes), np.float32))
    return _variables(b, "SPLIT", [b.constant(np.array(0, np.int32)), zeros], num_splits=count)


def _are_filled(layer: RecurrentLayer, given: Sequence[Value | None]) -> bool:
    """Whether a layer's zeros are better computed than stored: those of an unknown, or a large, batch."""
    if isinstance(layer.batch, Sym):
        return True
    return not any(given) and layer.batch * max(layer.state_sizes) > LARGEST_STORED


def is_zero(state: Value | None) -> bool:
    """Whether a state is known to be zeros."""
    if state is None:
        return True
    if state.const is not None:
        return state.const.size <= LARGEST_LOOKED_AT and not np.any(state.numpy())
    filled = state.op
    return filled is not None and filled.name == "FILL" and is_zero(filled["value"])


def _constants(b: Builder, shapes: Sequence[tuple[Dim, int]], given: Sequence[Value | None]) -> list[Value]:
    """States known beforehand: parts of one constant, so that one operation writes them all."""
    sizes_of = [(int(n), units) for n, units in shapes if not isinstance(n, Sym)]
    arrays = [np.zeros(s, np.float32) if v is None else v.numpy() for s, v in zip(sizes_of, given, strict=True)]
    if len(arrays) == 2 and arrays[0].shape == arrays[1].shape:
        both = b.constant(np.concatenate(arrays, axis=0))
        return _variables(b, "SPLIT", [b.constant(np.array(0, np.int32)), both], num_splits=2)
    begin = b.constant(np.zeros(2, np.int32))
    sizes = [b.constant(np.array(a.shape, np.int32)) for a in arrays]
    return [_variables(b, "SLICE", [b.constant(a), begin, s])[0] for a, s in zip(arrays, sizes, strict=True)]


def _write_state(b: Builder, shape: tuple[Dim, int], given: Value | None, x: Value, behind: bool) -> Value:
    """behind: whether a tensor stands before whose size is known only as the model runs. Then the size of the variable is
    computed, too; elsewhere it had better not be: ``reset_all_variables`` refuses a model with such a variable."""
    if given is None:
        return _variables(b, "FILL", [shape_vector(b, shape, x), b.constant(np.array(0, np.float32))])[0]
    if isinstance(shape[0], Sym) and not behind and not given.is_const:
        return _variables(b, "PAD", [given, b.constant(np.zeros((2, 2), np.int32))])[0]
    size = shape_vector(b, shape, x)
    return _variables(b, "SLICE", [given, b.constant(np.zeros(2, np.int32)), size])[0]


def _variables(b: Builder, name: str, operands: Sequence[Value], **attrs: Any) -> list[Value]:
    """The results of an operation as variable tensors: it stays one, whatever is known of its operands."""
    made = list(b.emit(b.opset[name], operands, as_is=True, **attrs))
    for value in made:
        value.is_variable = True
    return made


# -- tensors of unknown size ------------------------------------------------------------------------------------------


def static_problem(b: Builder, layer: RecurrentLayer, dying: Container[Op] = ()) -> str | None:
    """Why the states of a layer cannot be kept at this place; None where they can.

    A batch of known size makes variables of known size, which must not be written behind a tensor of unknown size. dying:
    operations before that nobody will use.
    """
    if isinstance(layer.batch, Sym):
        return "a stateful layer has a batch of known size" if layer.stateful else None
    given = () if layer.stateful else layer.initial
    if all(_place(b, None if is_zero(v) else v, dying) is not None for v in given):
        return None
    before = _run_time_size_before(b, dying)
    assert before is not None
    return f"{before.name}, which stands before, has a size that is known only as the model runs"


def _place(b: Builder, given: Value | None, dying: Container[Op]) -> Builder | None:
    """Where a variable of known size can be written: here, or in front of all tensors of unknown size; None nowhere.

    given: what is written, None for zeros.
    """
    if _run_time_size_before(b, dying) is None:
        return b
    source = given.op if given is not None else None
    early = Builder(b.graph, b.opset, before=next(b.graph.ops) if source is None else source.next)
    early.origins = b.origins
    return early if _run_time_size_before(early, dying) is None else None


def _run_time_size_before(b: Builder, dying: Container[Op]) -> Op | None:
    """An operation in front whose result has a size that is known only as the model runs."""
    op = b.before.prev if b.before is not None else next(b.graph.reversed_ops, None)
    while op is not None:
        if op not in dying and _is_sized_at_run_time(op):
            return op
        op = op.prev
    return None


def _is_sized_at_run_time(op: Op) -> bool:
    """Whether the runtime learns the size of a result only as it runs: it depends on elements, not on shapes."""
    if all(r.type.is_static for r in op.results):
        return False
    if op.subgraphs or op.name in _COUNTING:
        return True
    return any(not v.is_const and v.type.dtype in (DType.INT32, DType.INT64) for v in op.inputs)


_COUNTING = frozenset({"WHERE", "UNIQUE", "CUSTOM", "NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5"})
