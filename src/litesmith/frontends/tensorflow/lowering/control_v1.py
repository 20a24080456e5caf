"""TensorFlow 1 control flow: conditionals and loops cut out of the graph around their results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from litesmith.errors import UnsupportedError
from litesmith.frontends.frame import POISON
from litesmith.frontends.tensorflow.control_v1 import ControlFlow, Cut, Loop, tensor_key
from litesmith.frontends.tensorflow.importer import Context, Scope
from litesmith.frontends.tensorflow.lowering.control import Build, conditional, loop, scalar_bool, tensor_of
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.ir import DType, Value

if TYPE_CHECKING:
    from litesmith.frontends.tensorflow.resources import Item


def _scope_and_flow(context: Context) -> tuple[Scope, ControlFlow]:
    scope = context.scope
    assert scope is not None
    assert scope.flow is not None
    return scope, scope.flow


def _cut_out(scope: Scope, cut: Cut, arguments: Sequence[str]) -> Build:
    """What imports a part of the graph. ``arguments``: the tensors outside that are handed in, in order."""

    def build(context: Context, args: Sequence[Item]) -> Sequence[Item]:
        items = dict(zip(arguments, args, strict=True))
        part = scope.part(context, cut.inside)
        for inside, outside in cut.fed.items():
            part.feed_tensor(inside, items[outside])
        part.run(cut.roots)
        return [part.result(root) for root in cut.roots]

    return build


@lowers("Switch", "RefSwitch", outputs=("output_false", "output_true"))
def switch(context: Context, data: Item, pred: Value) -> Sequence[Item]:
    """The data on both sides: of a predicate that is known, only the side that lives is asked for."""
    if not pred.is_const:
        raise UnsupportedError("a side of a Switch is used outside its branch", "write it with tf.cond")
    return [data, data]


@lowers("Merge", "RefMerge", outputs=("output", "value_index"))
def merge(context: Context, inputs: list[Item]) -> Sequence[Item]:
    """All results of the conditional at once: an IF, or the side that lives where the predicate is known."""
    scope, flow = _scope_and_flow(context)
    name = context.node.name
    predicate = flow.predicate(name)
    known = scope.result(predicate)
    if known is POISON:
        return [POISON, POISON]
    condition = tensor_of(known)
    side = scope.known_side(predicate)
    if side is not None:
        return [scope.result(flow.sides[name][side]), _index(context, flow, name, side)]
    merges = flow.merges_with(name)
    cuts = [flow.branch(merges, side) for side in (0, 1)]
    outside = list(dict.fromkeys(key for cut in cuts for key in cut.fed.values()))
    args = [scope.result(key) for key in outside]
    if any(item is POISON for item in args):
        results: Sequence[Item] = [POISON] * len(merges)
    else:
        branches = (_cut_out(scope, cuts[1], outside), _cut_out(scope, cuts[0], outside))
        results = conditional(context, scalar_bool(context, condition), branches, args)
    chosen = dict(zip(merges, results, strict=True))
    for other, result in chosen.items():
        scope.feed(other, [result, _live_index(context, flow, other, condition)])
    return [scope.result(f"{name}:{i}") for i in (0, 1)]


def _input_places(flow: ControlFlow, merge_: str) -> tuple[int, int]:
    """Which input of a Merge is the one for false, and which the one for true."""
    first = next(r for r in flow.nodes[merge_].input if not r.startswith("^"))
    false_first = tensor_key(first) == tensor_key(flow.sides[merge_][0])
    return (0, 1) if false_first else (1, 0)


def _index(context: Context, flow: ControlFlow, merge_: str, side: int) -> Value:
    return context.b.constant(_input_places(flow, merge_)[side], DType.INT32)


def _live_index(context: Context, flow: ControlFlow, merge_: str, condition: Value) -> Value:
    """The place of the input that lived, as a number."""
    if_true = _input_places(flow, merge_)[1]
    side = context.b.cast(condition, in_data_type=condition.type.dtype, out_data_type=DType.INT32)
    return side if if_true == 1 else context.b.sub(context.b.constant(1, DType.INT32), side)


@lowers("Exit", "RefExit")
def exit_(context: Context, inputs: list[Item]) -> Item:
    """All results of the loop at once: a WHILE."""
    scope, flow = _scope_and_flow(context)
    found = flow.loop(flow.frame_of_exit(context.node.name))
    if not any(context.node.name in variable.exits for variable in found.variables):
        raise UnsupportedError("a loop returns a tensor that is not one of its variables", "write it with tf.while_loop")
    initial = [scope.result(tensor_key(v.initial)) for v in found.variables]
    others = list(dict.fromkeys(found.invariants.values()))
    args = [*initial, *(scope.result(key) for key in others)]
    results: Sequence[Item] = [POISON] * len(args)
    if not any(item is POISON for item in args):
        condition = _iteration(scope, found, [found.condition], others)
        following = _iteration(scope, found, [v.following for v in found.variables], others)
        unchanged = [*found.unchanged, *[True] * len(others)]
        body = _handing_on(following, len(initial))
        results = loop(context, condition, body, args, unchanged)
    leaving = {name: results[i] for i, variable in enumerate(found.variables) for name in variable.exits}
    for name, result in leaving.items():
        scope.feed(name, [result])
    return leaving[context.node.name]


def _iteration(scope: Scope, found: Loop, roots: Sequence[str], others: Sequence[str]) -> Build:
    """What imports some tensors of a loop. Its arguments are the variables and then what never changes."""
    cut = found.cut(roots)

    def build(context: Context, args: Sequence[Item]) -> Sequence[Item]:
        items = dict(zip(others, args[len(found.variables) :], strict=True))
        part = scope.part(context, cut.inside)
        for inside, outside in cut.fed.items():
            part.feed_tensor(inside, items[outside])
        for variable, item in zip(found.variables, args, strict=False):
            part.feed_tensor(f"{variable.merge}:0", item)
            part.feed_tensor(f"{variable.switch}:1", item)
        part.run(cut.roots)
        return [part.result(root) for root in cut.roots]

    return build


def _handing_on(following: Build, count: int) -> Build:
    """A body that also returns what never changes."""
    return lambda context, args: [*following(context, args), *args[count:]]
