"""Calls, conditionals and loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from litesmith.errors import UnsupportedError
from litesmith.frontends.frame import POISON
from litesmith.frontends.tensorflow.attributes import FunctionName
from litesmith.frontends.tensorflow.importer import Context
from litesmith.frontends.tensorflow.lowering.lists import complete_list
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.frontends.tensorflow.resources import Item, TensorList
from litesmith.ir import DType, Graph, Sym, TensorType, Value
from litesmith.ops.common import unknown_dim

Build: TypeAlias = Callable[[Context, Sequence[Item]], Sequence[Item]]
"""Builds a branch, a loop's body or its condition in a graph: from its arguments to its results."""


@lowers("PartitionedCall", "StatefulPartitionedCall")
def partitioned_call(context: Context, args: list[Item], *, f: FunctionName) -> Sequence[Item]:
    return context.call(f.name, args, f.attrs)


# -- what travels in and out of a subgraph ----------------------------------------------------------------------------


def _is_captured(item: Item) -> bool:
    """Whether the item is used inside a subgraph directly: a constant, or a resource, which is no tensor at all."""
    return item.is_const if isinstance(item, Value) else not isinstance(item, TensorList)


def tensor_of(item: Item) -> Value:
    """The one tensor that carries an item through a subgraph boundary."""
    if isinstance(item, Value):
        return item
    if isinstance(item, TensorList) and item.stacked is not None:
        return item.stacked
    raise UnsupportedError("a list whose element shape is unknown enters a subgraph", "give the list an element shape")


def _entering(graph: Graph, item: Item, type_: TensorType | None = None) -> TensorList | Value:
    """An item inside a subgraph, as an input that is the same value; what is known of its elements stays known."""
    outside = tensor_of(item)
    inside = graph.add_input(type_ or outside.type)
    inside.sym = outside.sym
    return _rewrap(item, inside)


def _rewrap(item: Item, tensor: Value) -> TensorList | Value:
    """The same kind of thing as ``item`` around another tensor."""
    return replace(item, stacked=tensor) if isinstance(item, TensorList) else tensor


def _common_type(left: TensorType, right: TensorType, what: str) -> TensorType:
    """The type both fit in: sizes that differ become unknown. Raises UnsupportedError for different dtypes or ranks."""
    if left.dtype is not right.dtype or left.shape is None or right.shape is None or left.rank != right.rank:
        raise UnsupportedError(f"{what} changes from {left} to {right}", "keep the element type and the rank the same")
    return left.with_shape(a if a == b else unknown_dim() for a, b in zip(left.dims, right.dims, strict=True))


# -- conditionals -----------------------------------------------------------------------------------------------------


def scalar_bool(context: Context, condition: Value) -> Value:
    """A condition as TensorFlow takes it: a number is true unless it is zero. Raises UnsupportedError for no scalar."""
    if condition.type.shape != ():
        raise UnsupportedError(f"the condition has shape {condition.type}", "make the condition a scalar")
    if condition.type.dtype is DType.BOOL:
        return condition
    if condition.type.dtype is DType.STRING:
        raise UnsupportedError("the condition is a string", "compare it with an empty string")
    return context.b.not_equal(condition, context.b.constant(0, condition.type.dtype))


def function(name: str) -> Build:
    """What calls a function of the model."""
    return lambda context, args: context.call(name, args)


def _branch(context: Context, build: Build, args: Sequence[Item], name: str) -> tuple[Graph, Sequence[Item]]:
    """A branch as a graph over the arguments that are no captures."""
    graph = context.session.new_graph(name)
    inner = context.into(graph)
    bound = [a if _is_captured(a) else _entering(graph, a) for a in args]
    results = build(inner, bound)
    if any(r is POISON for r in results):
        return graph, [POISON] * len(results)
    graph.outputs = [tensor_of(r) for r in results]
    return graph, results


def conditional(context: Context, condition: Value, branches: tuple[Build, Build], args: Sequence[Item]) -> Sequence[Item]:
    """One IF. ``branches``: what is done where the condition, a bool scalar, is true, and where it is false."""
    made = [
        _branch(context, build, args, f"{context.node.name}_{side}")
        for build, side in zip(branches, ("then", "else"), strict=True)
    ]
    (then_graph, then_results), (else_graph, else_results) = made
    if any(r is POISON for r in [*then_results, *else_results]):
        return [POISON] * len(then_results)
    same = [_same_item(t, e) for t, e in zip(then_results, else_results, strict=True)]
    tensors = [i for i, is_same in enumerate(same) if not is_same]
    for graph, results in made:
        graph.outputs = [tensor_of(results[i]) for i in tensors]
    types = [
        _common_type(t.type, e.type, f"result {i} of the branches")
        for i, t, e in zip(tensors, then_graph.outputs, else_graph.outputs, strict=True)
    ]
    operands = [condition, *(tensor_of(a) for a in args if not _is_captured(a))]
    values = context.b.emit(
        context.session.opset["IF"],
        operands,
        result_types=types,
        then_subgraph=then_graph,
        else_subgraph=else_graph,
    )
    results = list(then_results)
    for i, value in zip(tensors, values, strict=True):
        results[i] = _rewrap(then_results[i], value)
    return results


def _same_item(left: Item, right: Item) -> bool:
    """Whether both branches return one resource. Raises UnsupportedError for two different ones."""
    if isinstance(left, (Value, TensorList)) and isinstance(right, (Value, TensorList)):
        return False
    if left is right:
        return True
    raise UnsupportedError("the branches return different resources", "choose between their values instead")


@lowers("If", "StatelessIf")
def if_(
    context: Context,
    cond: Value,
    input: list[Item],
    *,
    then_branch: FunctionName,
    else_branch: FunctionName,
) -> Sequence[Item]:
    known = _known_truth(cond)
    if known is not None:
        taken = then_branch if known else else_branch
        return context.call(taken.name, input, taken.attrs)
    branches = (function(then_branch.name), function(else_branch.name))
    return conditional(context, scalar_bool(context, cond), branches, input)


def _known_truth(condition: Value) -> bool | None:
    """Whether a condition is taken for true: a scalar that is not zero, any other tensor that is not empty.

    None where that is not known.
    """
    if condition.type.shape and condition.type.is_static:
        return 0 not in condition.type.static_shape
    if not condition.is_const or condition.type.dtype is DType.STRING:
        return None
    elements = condition.numpy()
    return bool(elements != 0) if elements.ndim == 0 else elements.size > 0


@lowers("Case", "StatelessCase")
def case(context: Context, branch_index: Value, input: list[Item], *, branches: list[FunctionName]) -> Sequence[Item]:
    last = len(branches) - 1
    if branch_index.is_const:
        index = int(branch_index.numpy())
        return context.call(branches[index if 0 <= index <= last else last].name, input)
    return _case_from(context, branch_index, input, [b.name for b in branches], 0)


def _case_from(context: Context, index: Value, args: list[Item], branches: list[str], first: int) -> Sequence[Item]:
    """An IF on the first of the remaining branches, with the other ones below its else. The last takes what is left."""
    if first == len(branches) - 1:
        return context.call(branches[first], args)
    condition = context.b.equal(index, context.b.constant(first, index.type.dtype))

    def first_branch(inner: Context, bound: Sequence[Item]) -> Sequence[Item]:
        return inner.call(branches[first], bound[1:])

    def rest(inner: Context, bound: Sequence[Item]) -> Sequence[Item]:
        return _case_from(inner, tensor_of(bound[0]), list(bound[1:]), branches, first + 1)

    return conditional(context, condition, (first_branch, rest), [index, *args])


# -- loops ------------------------------------------------------------------------------------------------------------


@dataclass
class _Loop:
    """A while loop being imported.

    items: its variables; carried: positions of those that are no captures; unchanged: which variables every iteration
    hands on as they came.
    """

    context: Context
    items: list[Item]
    carried: list[int]
    types: list[TensorType]
    unchanged: Sequence[bool]

    def bind(self, graph: Graph) -> Sequence[Item]:
        """The loop variables inside a graph: captures as they are, the others as graph inputs."""
        bound = list(self.items)
        for position, type_ in zip(self.carried, self.types, strict=True):
            item = self.items[position]
            stays = self.unchanged[position]
            bound[position] = _entering(graph, item, type_) if stays else _rewrap(item, graph.add_input(type_))
        return bound


def _invariants(context: Context, body: str) -> list[bool]:
    """For every loop variable, whether the body hands it on as it came."""
    definition = context.definition(body)
    nodes = {n.name: n for n in definition.node_def}
    args = [a.name for a in definition.signature.input_arg]

    def source(reference: str) -> str:
        name = reference.split(":", maxsplit=1)[0]
        seen: set[str] = set()
        while name in nodes and nodes[name].op == "Identity" and nodes[name].input and name not in seen:
            seen.add(name)
            name = nodes[name].input[0].split(":")[0]
        return name

    outputs = [definition.ret[o.name] for o in definition.signature.output_arg]
    return [source(out) == arg for out, arg in zip(outputs, args, strict=True)]


@lowers("While", "StatelessWhile")
def while_(context: Context, input: list[Item], *, cond: FunctionName, body: FunctionName) -> Sequence[Item]:
    return loop(context, function(cond.name), function(body.name), input, _invariants(context, body.name))


def loop(context: Context, cond: Build, body: Build, args: Sequence[Item], unchanged: Sequence[bool]) -> Sequence[Item]:
    """One WHILE over the arguments. ``unchanged``: which of them the body is known to hand on as they came."""
    items = _with_element_shapes(context, list(args), unchanged, body)
    carried = [i for i, item in enumerate(items) if not (unchanged[i] and _is_captured(item))]
    for position in carried:
        if not isinstance(items[position], (Value, TensorList)):
            raise UnsupportedError("a resource changes inside the loop", "keep resources the same in every iteration")
    state = _Loop(context, items, carried, [tensor_of(items[i]).type for i in carried], unchanged)
    body_graph = _stable_body(state, body)
    if body_graph is None:
        return [POISON] * len(items)
    cond_graph = context.session.new_graph(f"{context.node.name}_cond")
    inner = context.into(cond_graph)
    (condition,) = cond(inner, state.bind(cond_graph))
    if condition is POISON:
        return [POISON] * len(items)
    cond_graph.outputs = [scalar_bool(inner, tensor_of(condition))]
    results = context.b.emit(
        context.session.opset["WHILE"],
        [tensor_of(items[i]) for i in carried],
        result_types=state.types,
        cond_subgraph=cond_graph,
        body_subgraph=body_graph,
    )
    finished = list(items)
    for position, value in zip(carried, results, strict=True):
        finished[position] = _rewrap(items[position], value)
    return finished


def _stable_body(loop: _Loop, body: Build) -> Graph | None:
    """The body as a graph, imported again with sizes made unknown until every variable keeps its type."""
    for _ in range(1 + sum(t.rank for t in loop.types)):
        graph = loop.context.session.new_graph(f"{loop.context.node.name}_body")
        results = body(loop.context.into(graph), loop.bind(graph))
        made = [results[i] for i in loop.carried]
        if any(r is POISON for r in made):
            return None
        graph.outputs = [tensor_of(r) for r in made]
        joined = [
            _common_type(t, v.type, f"loop variable {i}")
            for i, t, v in zip(loop.carried, loop.types, graph.outputs, strict=True)
        ]
        if all(_unknown_where(t) == _unknown_where(j) for t, j in zip(loop.types, joined, strict=True)):
            return graph
        loop.types = joined
    raise UnsupportedError("the loop variables keep changing their shapes", "use fixed shapes in the loop")


def _unknown_where(type_: TensorType) -> list[bool]:
    return [isinstance(d, Sym) for d in type_.dims]


def _with_element_shapes(context: Context, items: list[Item], unchanged: Sequence[bool], body: Build) -> list[Item]:
    """Lists reserved without an element shape get the one the body gives them, found by a trial import."""
    open_lists = {i: v for i, v in enumerate(items) if isinstance(v, TensorList) and v.stacked is None}
    if not open_lists:
        return items
    graph = Graph("trial")
    inner = context.into(graph)
    problems = dict(context.session.problems)
    bound: list[Item] = []
    for i, item in enumerate(items):
        if i in open_lists:
            bound.append(replace(open_lists[i], is_trial=True))
        elif unchanged[i]:
            bound.append(item if _is_captured(item) else _entering(graph, item))
        else:
            bound.append(_rewrap(item, graph.add_input(tensor_of(item).type)))
    results = body(inner, bound)
    context.session.problems = problems
    for i, reserved in open_lists.items():
        result = results[i]
        element = result.element if isinstance(result, TensorList) else None
        items[i] = complete_list(context, reserved, element, [v for v in items if isinstance(v, Value)])
    return items
