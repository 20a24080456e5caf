"""Where integers are worth their conversions: which operations that could be integers stay floats.

Starting from integers everywhere, an operation changes sides where that lowers the cost of itself and of the conversions
around it, until none does. Layers with weights stay integers (that is what was asked for), unless their integer kernel is
far slower than the float one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from litesmith.ir import DType, Op, Value
from litesmith.ir.opdef import Trait
from litesmith.quantize.costs import conversion_cost, elements, float_cost, integer_cost

ROUNDS = 12
FAR_SLOWER = 4.0
"""A layer stays float whose integer kernel takes more than this times as long."""

TOLERANCE = 1.02
"""Floats are preferred where they cost no more than this: they are exact."""

Sides = dict[Op, "DType | None"]


def choose_islands(candidates: Mapping[Op, DType], graph_ops: Iterable[Op], keeps_layers: bool = False) -> Sides:
    """For each operation that could be integers, its type, or None where it stays float.

    keeps_layers: whether layers are integers also where the whole model would be faster in floats.
    """
    sides: Sides = dict(candidates)
    compounds = _compounds(candidates)
    for op, dtype in candidates.items():
        if op in compounds or _spreads(op) or _is_far_slower(op, dtype):
            sides[op] = None
    ops = list(graph_ops)
    order = [op for op in ops if op in candidates and not _has_weights(op) and sides[op] is not None]
    as_integers = _settle(sides, order, candidates)
    as_floats = _settle({**sides, **dict.fromkeys(order)}, order, candidates)
    for part in _components(order):
        if _total(part, candidates, as_floats) <= _total(part, candidates, as_integers) * TOLERANCE:
            as_integers.update({op: as_floats[op] for op in part})
    _free_lonely_layers(as_integers)
    _free_small_depthwise(as_integers)
    return as_integers if keeps_layers else _free_slow_layers(as_integers, candidates, ops, dict.fromkeys(order))


LEAST_COST = 15_000.0
"""Cost of a float model (a microsecond or two) from which on it matters that integers are no slower."""


NO_SLOWER = 1.05
"""Integers may cost this much of what floats do."""


def _free_slow_layers(sides: Sides, candidates: Mapping[Op, DType], ops: list[Op], movable: Collection[Op]) -> Sides:
    """Where integers would be slower than the float model (small images, few channels), the layers that lose most by them
    are floats, with integer weights in the file: as many as it takes. movable: what may change sides with them."""
    whole = _total(ops, candidates, {})
    is_narrow = all(dtype is DType.INT8 for dtype in candidates.values())
    if not is_narrow or whole < LEAST_COST or _total(ops, candidates, sides) <= whole * NO_SLOWER:
        return sides
    losses = {op: integer_cost(op, candidates[op]) - float_cost(op) for op in sides if sides[op] and _has_weights(op)}
    slow = sorted((op for op in losses if losses[op] > 0), key=lambda op: -losses[op])
    ways, count = [sides], 1
    while count < 2 * len(slow):
        ways.append(_settle({**sides, **dict.fromkeys(slow[:count])}, movable, candidates))
        if _total(ops, candidates, ways[-1]) <= whole * NO_SLOWER:
            return ways[-1]
        count *= 2
    every = [op for op in ops if op in movable or (op in candidates and _has_weights(op))]
    ways.append(_settle({}, every, candidates))
    return min(ways, key=lambda way: _total(ops, candidates, way))


def _settle(sides: Sides, order: Collection[Op], candidates: Mapping[Op, DType]) -> Sides:
    """Sides that no operation wants to change alone."""
    sides = dict(sides)
    for _ in range(ROUNDS):
        changed = False
        for op in (*order, *reversed([*order])):
            best = _best_side(op, candidates[op], sides)
            changed |= best is not sides.get(op)
            sides[op] = best
        if not changed:
            break
    return sides


def _components(order: list[Op]) -> Iterator[list[Op]]:
    """The operations that may change sides, in groups that tensors join: a whole LayerNorm is cheaper in floats where each
    part of it alone is not."""
    waiting = dict.fromkeys(order)
    while waiting:
        first, _ = waiting.popitem()
        part, queue = [first], [first]
        while queue:
            for other in _neighbours(queue.pop()):
                if other in waiting:
                    del waiting[other]
                    part.append(other)
                    queue.append(other)
        yield part


def _neighbours(op: Op) -> Iterator[Op]:
    for value in op.inputs:
        if value.op is not None:
            yield value.op
    for result in op.results:
        yield from result.users


def _total(part: list[Op], candidates: Mapping[Op, DType], sides: Sides) -> float:
    """The cost of these operations and of the conversions of their tensors, each once."""
    total = 0.0
    values: dict[int, Value] = {}
    for op in part:
        total += float_cost(op) if sides.get(op) is None else integer_cost(op, candidates[op])
        values |= {id(v): v for v in (*op.inputs, *op.results)}
    return total + sum(_all_conversions(v, sides) for v in values.values())


def _free_lonely_layers(sides: Sides) -> None:
    """A layer between operations on floats alone computes beside floats, its weights stay integers: its kernel rounds its
    input itself, no slower than two conversions would, and its result not at all. (Loops carry floats: theirs are such.)
    No kernel rounds its input to 16 bits."""
    narrow = [op for op, side in sides.items() if side in (DType.INT8, DType.UINT8) and _has_weights(op)]
    sides.update(dict.fromkeys([op for op in narrow if _is_among_floats(op, sides)]))


def _is_among_floats(op: Op, sides: Sides) -> bool:
    users = [user for result in op.results for user in result.users]
    makers = [v.op for v in op.inputs if v.op is not None]
    return bool(users) and not any(sides.get(other) is not None for other in (*users, *makers))


SMALL = (2_000, 20_000)
"""Elements between which the float DEPTHWISE_CONV_2D and two conversions take 0.7 to 0.9 times as long as that of int8,
which takes 1.6 to 1.9 times as long as the float one where all is in the cache. With larger images it is the faster one."""


def _free_small_depthwise(sides: Sides) -> None:
    """Small depthwise layers between integer layers compute on floats, their weights stay integers in the file."""
    found = []
    for op, dtype in sides.items():
        if op.name != "DEPTHWISE_CONV_2D" or dtype is not DType.INT8:
            continue
        users, maker = op.results[0].users, op["x"].op
        between = maker is not None and all(_is_integer_layer(o, sides) for o in (maker, *users)) and len(users) > 0
        size = max(elements(op["x"]), elements(op.results[0]))
        if between and not op.results[0].output_uses and SMALL[0] <= size <= SMALL[1]:
            found.append(op)
    sides.update(dict.fromkeys(found))


def _is_integer_layer(op: Op, sides: Sides) -> bool:
    return _has_weights(op) and sides.get(op) is DType.INT8


PARTS = 4
"""So many element-wise operations that came from one of the source are a function that was written out."""


def _compounds(candidates: Mapping[Op, DType]) -> set[Op]:
    """The parts of functions that were written out (softplus, erf, lgamma): rounding each part to integers loses what they
    compute, so that they are floats whole, and their result is what is rounded."""
    parts: dict[tuple[str, str], list[Op]] = {}
    for op in candidates:
        if op.defn.traits & Trait.ELEMENTWISE and not _has_weights(op) and op.origin.node:
            parts.setdefault((op.origin.op, op.origin.node), []).append(op)
    return {op for group in parts.values() if len(group) >= PARTS for op in group}


def _spreads(op: Op) -> bool:
    return op.defn.quant is not None and op.defn.quant.spreads


def _is_far_slower(op: Op, dtype: DType) -> bool:
    return _has_weights(op) and op.defn.quant is not None and op.defn.quant.kernels[dtype].time > FAR_SLOWER


def _has_weights(op: Op) -> bool:
    return op.defn.quant is not None and bool(op.defn.quant.weights)


def _best_side(op: Op, dtype: DType, sides: Sides) -> DType | None:
    as_integers = integer_cost(op, dtype) + _conversions(op, dtype, sides)
    as_floats = float_cost(op) + _conversions(op, None, sides)
    return None if as_floats <= as_integers * TOLERANCE else dtype


def _conversions(op: Op, side: DType | None, sides: Sides) -> float:
    """Cost of the conversions of this operation's tensors, if it were on this side."""

    def side_of(other: Op) -> DType | None:
        return side if other is op else sides.get(other)

    values = {id(v): v for v in (*op.inputs, *op.results)}.values()
    return sum(_conversions_by(v, side_of) for v in values)


def _all_conversions(value: Value, sides: Sides) -> float:
    return _conversions_by(value, sides.get)


def _conversions_by(value: Value, side_of: Callable[[Op], DType | None]) -> float:
    if value.type.dtype is not DType.FLOAT32 or value.is_const:
        return 0.0
    return _conversions_of(value, side_of(value.op) if value.op is not None else None, side_of)


def _conversions_of(value: Value, home: DType | None, side_of: Callable[[Op], DType | None]) -> float:
    wanted = {side_of(user) for user in value.users if not user.defn.traits & Trait.ASKS_SHAPE}
    if value.output_uses:
        wanted.add(None)
    return sum(conversion_cost(value, to_integers=w is not None) for w in wanted if w is not home)
