"""Walks a TensorFlow graph once, in order, and lowers every node it needs.

Functions are inlined where they are called, unless a composite lowering takes them whole. What cannot be lowered is
noted and its dependants are examined only, so that one import reports every problem of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from litesmith.errors import ConverterError, LitesmithError, Problem, UnsupportedError
from litesmith.frontends import operator_plugins
from litesmith.frontends.frame import POISON, Import, Place, Poison
from litesmith.frontends.registry import EXPORT_AGAIN
from litesmith.frontends.tensorflow.attributes import Attribute, decode
from litesmith.frontends.tensorflow.composites import Body, lower_whole
from litesmith.frontends.tensorflow.control_v1 import (
    EXIT,
    GROUPED,
    WITHOUT_INPUTS,
    ControlFlow,
    control_flow_of,
    needed_nodes,
    node_name,
    nodes_by_name,
    tensor_key,
)
from litesmith.frontends.tensorflow.examine import examine, examine_functions
from litesmith.frontends.tensorflow.nodes import lower_node, refusal_of
from litesmith.frontends.tensorflow.registry import Lowering
from litesmith.frontends.tensorflow.resources import (
    Results,
    RuntimeTable,
    State,
    Table,
    Variable,
)
from litesmith.frontends.tensorflow.sizes import decided_sizes
from litesmith.frontends.tensorflow.stand_ins import Doubts, stand_ins
from litesmith.ir import Builder, DType, Graph, Origin, TensorType, Value
from litesmith.ir.budget import spend_call
from litesmith.ir.dims import symbol_names
from litesmith.ops.common import unknown_dim

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import AttrValue, FunctionDef, NodeDef
    from litesmith.frontends.tensorflow.attributes import Attrs
    from litesmith.frontends.tensorflow.resources import Item

DAMAGED = "export the model again; if it is whole, report this with the model"
"""The way out where a lowering meets what TensorFlow would not have written."""

_ONE_LIST = frozenset({"ConcatOffset", "ConcatOffsetV2"})
"""Operators whose one output, a list, is called something else than ``output``."""

MAX_DEPTH = 64
"""Function calls nested deeper than this are refused (the graph is recursive or hostile)."""


@dataclass
class Model:
    """What an import needs to know of the source model.

    functions: FunctionDefs by name; variable: the variable of a node's (container, shared name); lines: the user's
    source line of a (function, node), when the model carries it; initializer: nodes and those of them that fill
    tables when the model is loaded; assets: name of a file -> its content; files: tensor -> name of the file it holds.
    """

    functions: Mapping[str, FunctionDef]
    variable: Callable[[str, NodeDef], Variable]
    lines: Callable[[str, str], str] = lambda function, node: ""
    initializer: tuple[Iterable[NodeDef], Sequence[str]] | None = None
    assets: Mapping[bytes, bytes] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)


Unknown: TypeAlias = Callable[[str], Lowering[..., Results] | None]


@dataclass
class Session(Import):
    """State of one import that all graphs share.

    mutable: variables known to be assigned, which stay variables; assigned: those found to be assigned during this
    import (it is done again with them when they were not known).
    """

    model: Model
    lowerings: Mapping[str, Lowering[..., Results]]
    mutable: frozenset[str] = frozenset()
    assigned: dict[str, Variable] = field(default_factory=dict)
    handles: dict[tuple[Graph, str], Value] = field(default_factory=dict)
    on_unknown: Unknown | None = None
    """A lowering for an operator that has none, where there shall be one (custom operators)."""
    select: Callable[[Context, NodeDef, Sequence[Item], Attrs], Sequence[Item] | Poison] | None = None
    """Lowers a node where Select TF operators are allowed (see `select_ops`)."""
    output_place: Callable[[NodeDef, Attrs, str], int | None] = lambda node, attrs, output: None
    """The number of a node's named output, where its declaration knows it."""
    select_state: dict[str, State] = field(default_factory=dict)
    """Variables and tables that are TensorFlow's as a whole, by name."""
    select_functions: dict[str, Graph] = field(default_factory=dict)
    """Functions that Select TF operators call, by name."""
    called: set[Hashable] = field(default_factory=set)
    """Names of the functions that were inlined."""
    is_initializing: bool = False
    """Whether this import runs the model's initializer, to see what it fills tables with."""
    sizes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Sizes an earlier import found decided, by the entry point's graph and the name of the unknown."""
    decided: dict[tuple[str, str], int] = field(default_factory=dict)
    """Those this import found (it is done again with them)."""
    entry: Graph | None = None
    """The graph of the entry point being imported."""
    tables: dict[tuple[object, ...], tuple[int, RuntimeTable]] = field(default_factory=dict)
    """The tables of the converted model and their numbers, by content."""
    examined: set[str] = field(default_factory=set)
    """Functions behind an operator that could not be lowered, which were looked into."""
    doubts: Doubts = field(default_factory=Doubts)
    """What stands for the results of nodes that could not be lowered, and what follows from it."""

    def note(self, error: ConverterError, origin: Origin) -> None:
        """Keeps what stands in the way, where it does whatever stands for what could not be lowered before."""
        if counted := [p for p in error.problems if self.doubts.counts(p)]:
            super().note(error if len(counted) == len(error.problems) else ConverterError(counted), origin)

    def table(self, name: str, key_dtype: DType, value_dtype: DType) -> Table:
        """The lookup table of this name, filled as the model's initializer does."""
        tables = self.model.tables
        if not tables and not self.is_initializing:
            run_initializer(self)
        if name not in tables:
            tables[name] = Table(name, key_dtype, value_dtype)
        return tables[name]

    def lowering_of(self, op: str) -> Lowering[..., Results] | None:
        """The lowering of an operator; None for a function of the model and for what cannot be lowered."""
        found = self.lowerings.get(op)
        if found is None and (plugin := operator_plugins.lowering_of(op)) is not None:
            return Lowering(plugin.names, plugin.function)
        if found is None and self.on_unknown is not None and op not in self.model.functions:
            return self.on_unknown(op)
        return found

    def decide_sizes(self, graph: Graph, op: str, inputs: Sequence[Item], attrs: Attrs) -> None:
        """Keeps what a node that every run reaches tells of the sizes of the inputs."""
        if graph is not self.entry or self.doubts.level:
            return
        for name, size in decided_sizes(op, inputs, attrs).items():
            if any(name in symbol_names(d) for v in graph.inputs for d in v.dims):
                self.decided.setdefault((graph.name, name), size)

    left_out: dict[str, dict[str, None]] = field(default_factory=dict)
    """Operator -> nodes that do something the converted model does not do."""

    def notes(self) -> list[str]:
        """What is left out, in sentences for the user."""
        left_out = [f"tf.{op} is left out: {_list_names(list(nodes))}" for op, nodes in self.left_out.items()]
        return [*left_out, *self.remarks]

    set_aside: dict[Problem, None] = field(default_factory=dict)
    """Problems of entry points that are left out, where others are imported."""
    remarks: dict[str, None] = field(default_factory=dict)
    """Further sentences for the user."""


@dataclass
class Context(Place):
    """What a lowering may use besides its operands: the builder, the session, where it is."""

    session: Session
    at_node: NodeDef | None = None
    function: str = ""
    active: frozenset[str] = field(default=frozenset(), kw_only=True)
    """The functions that are being inlined here, one in another."""
    scope: Scope | None = None

    @property
    def node(self) -> NodeDef:
        """The node being lowered."""
        assert self.at_node is not None
        return self.at_node

    def call(self, function: str, args: Sequence[Item], attrs: Attrs | None = None) -> Sequence[Item]:
        """Inlines a function of the model here and returns its results."""
        return call_function(self, function, args, attrs or {})

    def read(self, variable: Variable) -> Value:
        """The variable's value here: a constant unless the model assigns it."""
        if self.session.is_initializing and variable.first is not None:
            return variable.first
        if variable.name in self.session.mutable:
            return self.b.read_variable(self.handle(variable), result_types=[_type_of(variable)])
        if variable.value is None:
            if variable.initial is None:
                raise UnsupportedError(f"variable {variable.name!r} has no value", "initialize and save it")
            variable.value = Value.constant(variable.initial, variable.label or variable.name)
        return variable.value

    def leave_out(self) -> None:
        """Notes that the node being lowered does something the converted model does not do."""
        prefix = self.scope.prefix if self.scope is not None else ""
        self.session.left_out.setdefault(self.node.op, {})[f"{prefix}{self.node.name}"] = None

    def handle(self, variable: Variable) -> Value:
        """The VAR_HANDLE of a variable the model assigns, one in each graph."""
        self.session.assigned[variable.name] = variable
        key = (self.b.graph, variable.name)
        if key not in self.session.handles:
            self.session.handles[key] = self.b.var_handle(container="", shared_name=variable.name)
        return self.session.handles[key]

    def table(self, table: RuntimeTable) -> Value:
        """The HASHTABLE of a table, one in each graph."""
        number, _ = self.session.tables.setdefault(table.content, (FIRST_TABLE + len(self.session.tables), table))
        key = (self.b.graph, f"table {number}")
        if key not in self.session.handles:
            self.session.handles[key] = make_table(self.b, number, table)
        return self.session.handles[key]

    def definition(self, function: str) -> FunctionDef:
        """The FunctionDef of this name. Raises UnsupportedError when the model has none."""
        found = self.session.model.functions.get(function)
        if found is None:
            raise UnsupportedError(f"function {function!r} is not in the model's library", "export the model again")
        return found


def _list_names(names: Sequence[str], shown: int = 3) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(map(repr, names[:shown])) + more


FIRST_TABLE = 1 << 20
"""Number of the first table: the runtime numbers variables and tables together, variables from 0."""


def make_table(b: Builder, number: int, table: RuntimeTable) -> Value:
    """The HASHTABLE that is a table's handle in one graph."""
    return b.hashtable(table_id=number, key_dtype=table.key_dtype, value_dtype=table.value_dtype)


def run_initializer(session: Session) -> None:
    """Imports the model's initializer into a graph nobody sees, so that the tables it fills are known.

    What else it does, and what of it cannot be lowered, is of no interest here.
    """
    if session.model.initializer is None:
        return
    nodes, names = session.model.initializer
    inner = Session(session.model, session.lowerings, is_initializing=True, doubts=Doubts(is_allowed=False))
    scope = Scope(Context(Builder(Graph("initializer"), session.opset), inner), nodes)
    for reference, file in session.model.files.items():
        scope.feed_tensor(reference, Value.constant(np.array(file, object), dtype=DType.STRING))
    scope.run([f"^{name}" for name in names])


def call_function(context: Context, name: str, args: Sequence[Item], attrs: Attrs) -> Sequence[Item]:
    """Inlines one call. Results are in the order of the function's declared outputs."""
    if context.depth > MAX_DEPTH:
        raise UnsupportedError(f"calls of {name!r} are nested too deeply", "remove the recursion")
    if name in context.active:
        raise UnsupportedError(f"function {name!r} calls itself", "remove the recursion")
    definition = context.definition(name)
    spend_call(context.session.called, name, len(definition.node_def))
    taken = lower_whole(context, definition, args, lambda given: _import_body(context, definition, given))
    if taken is not None:
        return taken
    scope = Scope(
        replace(context, at_node=None, function=name, depth=context.depth + 1, active=context.active | {name}),
        definition.node_def,
        call_attrs=attrs,
    )
    declared_args = definition.signature.input_arg
    if len(declared_args) != len(args):
        reason = f"function {name!r} takes {len(declared_args)} arguments and is called with {len(args)}"
        raise UnsupportedError(reason, EXPORT_AGAIN)
    for declared, value in zip(declared_args, args, strict=True):
        scope.feed(declared.name, [value])
    wanted = [definition.ret[out.name] for out in definition.signature.output_arg]
    scope.run([*wanted, *(f"^{node}" for node in definition.control_ret.values())])
    return [scope.result(reference) for reference in wanted]


def _import_body(context: Context, definition: FunctionDef, args: Sequence[Item]) -> Body:
    """A function's body in a graph nobody sees; what stands in its way is of no interest there."""
    session = context.session
    graph = Graph(definition.signature.name)
    inner = Session(session.model, session.lowerings, opset=session.opset, on_unknown=session.on_unknown)
    inner.called, inner.doubts.is_allowed = session.called, False
    scope = Scope(Context(Builder(graph, session.opset), inner, depth=context.depth + 1), definition.node_def)
    for declared, value in zip(definition.signature.input_arg, args, strict=True):
        inside = graph.add_input(value.type) if isinstance(value, Value) and not value.is_const else value
        scope.feed(declared.name, [inside])
    wanted = [definition.ret[out.name] for out in definition.signature.output_arg]
    try:
        scope.run(wanted)
        results = [scope.result(reference) for reference in wanted]
    except ConverterError:
        results = [POISON for _ in wanted]
    return Body(graph.inputs, results)


def _type_of(variable: Variable) -> TensorType:
    """The type of what a variable holds: of its first value, whose shape every assigned one has to have."""
    if variable.initial is not None:
        return TensorType(variable.dtype, variable.initial.shape)
    shape = None if variable.shape is None else tuple(unknown_dim() if d < 0 else d for d in variable.shape)
    return TensorType(variable.dtype, shape)


class Scope:
    """The nodes of one GraphDef or FunctionDef while it is imported: names to results."""

    def __init__(
        self,
        context: Context,
        nodes: Iterable[NodeDef],
        call_attrs: Attrs | None = None,
        prefix: str = "",
    ) -> None:
        self.context = context
        self.nodes = nodes_by_name(nodes)
        self.results: dict[str, Sequence[Item] | Poison] = {}
        self.fed: dict[str, Item] = {}
        self.call_attrs = call_attrs or {}
        self.prefix = prefix
        self.flow: ControlFlow | None = None
        self._knows_flow = False
        self.is_inside: Callable[[str], bool] | None = None

    def part(self, context: Context, is_inside: Callable[[str], bool]) -> Scope:
        """A scope of the same nodes for a branch or loop body: it imports only what lies inside."""
        other = copy(self)
        other.context, other.is_inside = context, is_inside
        other.results, other.fed = {}, {}
        return other

    @cached_property
    def nodes_by_input(self) -> dict[str, list[NodeDef]]:
        """Nodes by the name of the node that gives their first input."""
        found: dict[str, list[NodeDef]] = {}
        for node in self.nodes.values():
            if node.input:
                found.setdefault(node_name(node.input[0]), []).append(node)
        return found

    def feed(self, name: str, values: Sequence[Item]) -> None:
        """Gives the results of a node (or function argument) instead of importing it."""
        self.results[name] = list(values)

    def feed_tensor(self, reference: str, value: Item) -> None:
        """Gives one tensor (``node:0``) instead of importing it."""
        self.fed[tensor_key(reference)] = value

    def run(self, wanted: Sequence[str]) -> None:
        """Imports everything the wanted references (``node:0``, ``node:out:0``, ``^node``) depend on, inputs first."""
        if not self._knows_flow:
            self.flow, self._knows_flow = control_flow_of(needed_nodes(self.nodes, wanted)), True
        stack: list[tuple[str, Iterator[str]]] = [("", iter(wanted))]
        open_nodes: set[str] = set()
        while stack:
            name, needs = stack[-1]
            reference = next((r for r in needs if self._is_needed(r)), None)
            if reference is not None:
                needed = node_name(reference)
                if needed in open_nodes:
                    raise UnsupportedError(f"node {needed!r} depends on itself", "export the model again", node=needed)
                open_nodes.add(needed)
                stack.append((needed, self._needs(self._node(needed))))
                continue
            stack.pop()
            open_nodes.discard(name)
            if name and name not in self.results:
                self._import(self.nodes[name])

    def _is_needed(self, reference: str) -> bool:
        name = node_name(reference)
        if name in self.results or (not reference.startswith("^") and tensor_key(reference) in self.fed):
            return False
        return not reference.startswith("^") or self.is_inside is None or self.is_inside(name)

    def _needs(self, node: NodeDef) -> Iterator[str]:
        """What has to be imported before a node. Asked for step by step, as one may decide whether another is."""
        if self.flow is not None and node.op in GROUPED and not self.flow.is_loop_merge(node):
            yield from self._group_needs(node)
        else:
            yield from (r for r in node.input if node.op not in WITHOUT_INPUTS or r.startswith("^"))

    def _group_needs(self, node: NodeDef) -> Iterator[str]:
        """What a conditional or loop of TensorFlow 1 takes from outside."""
        assert self.flow is not None
        if node.op in EXIT:
            loop = self.flow.loop(self.flow.frame_of_exit(node.name))
            yield from loop.needs
            return
        predicate = self.flow.predicate(node.name)
        yield predicate
        known = self.known_side(predicate)
        if known is not None:
            yield self.flow.sides[node.name][known]
            return
        merges = self.flow.merges_with(node.name)
        for side in (0, 1):
            yield from self.flow.branch(merges, side).fed.values()

    def known_side(self, predicate: str) -> int | None:
        """The side a predicate that is known takes; None for one that is not."""
        value = self.result(predicate)
        return int(bool(value.numpy())) if isinstance(value, Value) and value.is_const else None

    def _node(self, name: str) -> NodeDef:
        if (node := self.nodes.get(name)) is None:
            raise UnsupportedError(f"node {name!r} is not in the graph", "export the model again", node=name)
        return node

    def result(self, reference: str) -> Item:
        """The value behind a reference. Raises UnsupportedError where it cannot be told which of several is meant."""
        key = tensor_key(reference)
        if key in self.fed:
            return self.fed[key]
        name, *rest = reference.split(":")
        outputs = self.results[name]
        if isinstance(outputs, Poison):
            return POISON
        if len(rest) == 2 and rest[0] != "output":
            return self._named_output(name, outputs, rest[0], int(rest[1]))
        return self._output(name, outputs, int(rest[-1]) if rest else 0)

    def _output(self, name: str, outputs: Sequence[Item], index: int) -> Item:
        """One of a node's results; where it has none of this number, what depends on it cannot be made."""
        if 0 <= index < len(outputs):
            return outputs[index]
        op = f"tf.{self.nodes[name].op}" if name in self.nodes else ""
        reason = f"output {index} is used, and it has {len(outputs)}"
        self.context.session.problems[Problem("LS011", reason, EXPORT_AGAIN, op, f"{self.prefix}{name}")] = None
        return POISON

    def _named_output(self, name: str, outputs: Sequence[Item], output: str, index: int) -> Item:
        node = self.nodes.get(name)
        lowering = self.context.session.lowering_of(node.op) if node is not None else None
        definition = self.context.session.model.functions.get(node.op) if node is not None else None
        if lowering is None and definition is not None:
            names = [o.name for o in definition.signature.output_arg]
            if output in names:
                return self._output(name, outputs, names.index(output) + index)
        if lowering is None or output not in lowering.outputs:
            place = self.context.session.output_place(node, self._attrs(node), output) if node is not None else None
            if place is not None:
                return self._output(name, outputs, place + index)
            if len(outputs) > 1 and node is not None and node.op not in _ONE_LIST:
                raise UnsupportedError(f"output {output!r} of {node.op} is not known", "report this model", node=name)
            return self._output(name, outputs, index)
        return self._output(name, outputs, lowering.outputs.index(output) + index)

    def _attrs(self, node: NodeDef) -> dict[str, Attribute]:
        return {
            name: self.call_attrs.get(value.placeholder)
            if value.WhichOneof("value") == "placeholder"
            else decode(value)
            for name, value in node.attr.items()
            if not name.startswith("_") and self._has_value(value)
        }

    def _has_value(self, attr: AttrValue) -> bool:
        kind = attr.WhichOneof("value")
        return kind is not None and (kind != "placeholder" or attr.placeholder in self.call_attrs)

    def _inputs(self, node: NodeDef) -> Sequence[Item]:
        """A node's inputs; none where the lowering asks for them itself or needs none."""
        is_group = self.flow is not None and node.op in GROUPED
        if is_group or node.op in WITHOUT_INPUTS:
            return []
        return [self.result(r) for r in node.input if not r.startswith("^")]

    def _import(self, node: NodeDef) -> None:
        origin = self._origin(node)
        context = replace(self.context, at_node=node, layer=origin.layer, scope=self)
        doubts = context.session.doubts
        level = doubts.level
        with context.b.at(origin):
            try:
                results = self._lower(context, node)
            except ConverterError as error:
                context.session.note(error, origin)
                results = self._stand_ins(context, node)
        if doubts.level and not isinstance(results, Poison):
            doubts.add(results)
        doubts.level = level
        self.results[node.name] = results
        if not isinstance(results, Poison):
            _name_results(node.name, results)

    def _lower(self, context: Context, node: NodeDef) -> Sequence[Item] | Poison:
        """The results of a node; `POISON` where an operand could not be made. Raises ConverterError otherwise."""
        try:
            inputs = self._inputs(node)
            attrs = self._attrs(node)
            if any(value is POISON for value in inputs):
                return examine(context, node.op, inputs, attrs, refusal_of)
            if context.session.doubts.values:
                context.session.doubts.level = context.session.doubts.of(inputs)
            context.session.decide_sizes(context.b.graph, node.op, inputs, attrs)
            return (context.session.select or lower_node)(context, node, inputs, attrs)
        except LitesmithError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # A damaged graph has operands and attributes that TensorFlow would not let into a node.
            reason = f"its lowering fails: {type(error).__name__}: {error}"
            raise ConverterError(Problem("LS090", reason, DAMAGED)) from error

    def _stand_ins(self, context: Context, node: NodeDef) -> Sequence[Item] | Poison:
        """What stands for the results of a node that could not be lowered."""
        try:
            attrs, inputs = self._attrs(node), self._inputs(node)
            if context.session.doubts.level:
                examine_functions(context, [POISON] * len(inputs), attrs)
            return stand_ins(context, node, attrs, inputs)
        except (LitesmithError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return POISON

    def place_of(self, node: NodeDef) -> str:
        """What problems call the place of a node."""
        return self._origin(node).label

    def _origin(self, node: NodeDef) -> Origin:
        line = self.context.session.model.lines(self.context.function, node.name)
        name = f"{self.prefix}{node.name}"
        layer = "/".join(filter(None, [self.context.layer, self.context.session.layer_of(name)]))
        return Origin(f"tf.{node.op}", name, layer, line)


def _name_results(name: str, results: Sequence[Item]) -> None:
    for value in results:
        if isinstance(value, Value) and not value.is_const and not value.name and value.op is not None:
            value.name = name
