"""Select TF operators: what has no built-in form stays the TensorFlow operator it is, run by the Flex delegate.

The operator is a CUSTOM one called ``Flex`` and its name, whose options are a FlexBuffer vector of the name and the
serialized NodeDef. Only what has to be one becomes one: a node whose lowering refuses it, one whose built-in form the
kernels do not take, and every node that touches a variable or table of which one user has no built-in form, for the
delegate does not see the runtime's own resources. A function that a node names (of a data set, say) becomes a subgraph
of that name, which the delegate calls back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from litesmith.decompositions.complex_parts import Complex
from litesmith.errors import ConverterError, Problem, UnsupportedError
from litesmith.formats.saved_model import protos
from litesmith.formats.saved_model.dtypes import NUMBERS
from litesmith.formats.tflite.flexbuffer import write_pair
from litesmith.frontends.frame import POISON, Poison
from litesmith.frontends.tensorflow.attributes import Attribute, decode, shape_of, tf_dtype
from litesmith.frontends.tensorflow.custom_ops import Declarations, element_types, with_defaults
from litesmith.frontends.tensorflow.importer import (
    Context,
    Scope,
    Session,
)
from litesmith.frontends.tensorflow.nodes import complex_tensor, lower_node
from litesmith.frontends.tensorflow.resources import State, Table, TensorList, Variable
from litesmith.frontends.tensorflow.select_shapes import inferred_shape
from litesmith.ir import Builder, Dim, DType, Graph, Op, Program, TensorType, Value
from litesmith.ops.common import unknown_dim

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import AttrValue, NodeDef, OpDef
    from litesmith.frontends.tensorflow.attributes import Attrs
    from litesmith.frontends.tensorflow.resources import Item

PREFIX = "Flex"
"""What the names of these operators begin with."""

_HANDLES = (DType.RESOURCE, DType.VARIANT)
_NEVER = frozenset({"PartitionedCall", "StatefulPartitionedCall", "Placeholder", "Const"})

_FORWARDING = frozenset({"Identity", "IdentityN", "NoOp", "StopGradient", "PreventGradient", "Snapshot"})
"""Operators that hand their operands on: they leave nothing."""

_LIST = "select_allowlist.txt"


@cache
def select_allow_list() -> frozenset[str]:
    """The operators the Flex delegate registers, from TensorFlow's ``flex/allowlisted_flex_ops.cc`` (2.21)."""
    folder = files("litesmith.frontends.tensorflow") / "data"
    return frozenset((folder / _LIST).read_text(encoding="utf-8").split())


@cache
def known_declarations() -> dict[str, OpDef]:
    """Results of the operators on the list, from TensorFlow 2.18, for models that do not declare what they use."""
    data = (files("litesmith.frontends.tensorflow") / "data" / "select_declarations.binpb").read_bytes()
    return {op.name: op for op in protos.OpList.FromString(data).op}


@dataclass
class SelectOps:
    """Which operators may be Select TF operators, and what was found to have to be.

    declarations: OpDefs by name; named: operators admitted besides the list; everything: whether every operator is
    admitted; alone: whether there are to be no others, but for control flow, whose branches and bodies are subgraphs.
    kept: operators that stay, where an import else leaves them out.
    forced: (operator, place) of nodes whose built-in form the kernels do not take; resources: names of variables and
    tables that are TensorFlow's as a whole. Both grow from one import to the next.
    """

    declarations: Declarations
    named: frozenset[str] = frozenset()
    everything: bool = False
    alone: bool = False
    kept: frozenset[str] = frozenset()
    forced: set[tuple[str, str]] = field(default_factory=set)
    resources: set[str] = field(default_factory=set)

    def allows(self, op: str) -> bool:
        """Whether an operator may be a Select TF operator."""
        if op in _NEVER:
            return False
        return self.everything or op in self.named or op in select_allow_list()

    def force(self, problems: Iterable[Problem]) -> bool:
        """Keeps which nodes the kernels do not take. Whether that is something new that another import can mend."""
        wanted = {(p.op, p.node) for p in problems if self.allows(p.op.removeprefix("tf."))}
        is_new = bool(wanted - self.forced)
        self.forced |= wanted
        return is_new

    def lower(self, context: Context, node: NodeDef, inputs: Sequence[Item], attrs: Attrs) -> Sequence[Item] | Poison:
        """The results of a node: in built-ins where there is a form, else of a Select TF operator."""
        graph = context.b.graph
        if self._is_forced(context, node, inputs) or (self.alone and self._stays(context, node, inputs)):
            return self._emit(context, node, inputs, attrs)
        before = next(graph.reversed_ops, None)
        try:
            return lower_node(context, node, inputs, attrs)
        except ConverterError:
            if not self.allows(node.op):
                raise  # an operator of another kind, or one the delegate does not have either
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            if not self.allows(node.op) or not any(_is_unranked(v) for v in inputs):
                raise
        _undo(context.session, graph, before)
        return self._emit(context, node, inputs, attrs)

    def _declaration(self, op: str) -> OpDef | None:
        return self.declarations(op) or known_declarations().get(op)

    def _is_forced(self, context: Context, node: NodeDef, inputs: Sequence[Item]) -> bool:
        if not self.allows(node.op):
            return False
        if node.op in self.kept:
            return True
        if any(isinstance(v, Value) and v.type.dtype in _HANDLES and v.op is not None for v in inputs):
            return True
        names = [v.name for v in inputs if isinstance(v, (Variable, Table))]
        if node.op in _RESOURCE_OPS:
            names.append(_resource_name(context, node))
        assert context.scope is not None
        return any(n in self.resources for n in names) or (f"tf.{node.op}", context.scope.place_of(node)) in self.forced

    def _stays(self, context: Context, node: NodeDef, inputs: Sequence[Item]) -> bool:
        """Whether a node stays TensorFlow's where nothing has to. What is known already is folded as ever."""
        if not self.allows(node.op) or node.op in _FORWARDING:
            return False
        if node.op in _TABLES:
            self.resources.add(_resource_name(context, node))
            return True
        if any(isinstance(v, (Variable, Table)) for v in inputs):
            return bool(node.op != "ReadVariableOp")  # of a variable that nothing assigns: a constant
        return node.op != "VarHandleOp" and not (inputs and all(isinstance(v, Value) and v.is_const for v in inputs))

    def _emit(self, context: Context, node: NodeDef, inputs: Sequence[Item], attrs: Attrs) -> Sequence[Item] | Poison:
        found = [self._operand(context, value) for value in inputs]
        operands = [value for value in found if isinstance(value, Value)]
        if len(operands) < len(found):
            return POISON
        declaration = self._declaration(node.op)
        if declaration is None:
            raise UnsupportedError(
                "would be a Select TF operator, but nothing says what types its results have",
                "save the model as a SavedModel, which declares its operators",
            )
        given = with_defaults(declaration, attrs)
        dtypes = [dtype for output in declaration.output_arg for dtype in element_types(output, given)]
        shapes = result_shapes(node, given, [v.type for v in operands], len(dtypes))
        types = [TensorType(dtype, shape) for dtype, shape in zip(dtypes, shapes, strict=True)]
        proto = _node_def(node, attrs, len(operands))
        if node.op in _RESOURCE_OPS:
            _name_resource(context, node, proto)
        _make_functions(self, context, proto)
        options = write_pair(node.op, proto.SerializeToString(deterministic=True))
        return context.b.custom(*operands, custom_code=PREFIX + node.op, custom_options=options, result_types=types)

    def output_place(self, node: NodeDef, attrs: Attrs, output: str) -> int | None:
        """The number of the first tensor of a node's named output; None where it has none of this name."""
        return declared_place(self._declaration(node.op), attrs, output)

    def _operand(self, context: Context, value: Item) -> Value | Poison:
        """The tensor that carries an operand. What the runtime keeps itself is imported again as TensorFlow's own."""
        if isinstance(value, Value):
            return value
        if isinstance(value, Complex):
            return complex_tensor(context.b, value)
        if isinstance(value, TensorList) and value.stacked is not None and not value.is_trial:
            raise UnsupportedError(
                "a list made by built-in operators goes to a Select TF operator", "stack the list before it is used"
            )
        if isinstance(value, (Variable, Table)):
            if value.name not in self.resources:
                self.resources.add(value.name)
                return POISON  # until the next import
            if value.name not in context.session.select_state:
                context.session.select_state[value.name] = _captured_state(value)
            return _handle(context, value.name)
        raise UnsupportedError(
            f"a {type(value).__name__.lower()} goes to a Select TF operator", "read the resource before using it"
        )


def declared_place(declaration: OpDef | None, attrs: Attrs, output: str) -> int | None:
    """The number of the first tensor of an operator's named output; None where it has none of this name."""
    place = 0
    for declared in declaration.output_arg if declaration is not None else ():
        if declared.name == output:
            return place
        place += len(element_types(declared, with_defaults(declaration, attrs)))
    return None


def known_place(node: NodeDef, attrs: Attrs, output: str) -> int | None:
    """The same for operators of TensorFlow."""
    return declared_place(known_declarations().get(node.op), attrs, output)


# -- operands and results ---------------------------------------------------------------------------------------------


def _is_unranked(value: Item) -> bool:
    return isinstance(value, Value) and value.type.shape is None


def result_shapes(node: NodeDef, attrs: Attrs, types: Sequence[TensorType], count: int) -> Sequence[tuple[Dim, ...] | None]:
    """Shapes of the results: those the node declares, those that follow from the operands, else unknown ranks."""
    declared = node.attr["_output_shapes"].list.shape if "_output_shapes" in node.attr else ()
    shapes = [shape_of(s) for s in declared]
    if len(shapes) == count and all(shape is not None for shape in shapes):
        known = [tuple(unknown_dim() if d < 0 else d for d in shape or ()) for shape in shapes]
        follows = inferred_shape(node.op, attrs, types)
        return [follows] if count == 1 and follows is not None and len(follows) == len(known[0]) else known
    follows = inferred_shape(node.op, attrs, types)
    return [follows] + [None] * (count - 1) if follows is not None and count == 1 else [None] * count


def _undo(session: Session, graph: Graph, before: Op | None) -> None:
    """Takes away what a lowering made before it refused."""
    for op in graph.reversed_ops:
        if op is before:
            break
        if not any(r.users or r.output_uses for r in op.results):
            graph.erase(op)
    gone = [key for key, value in session.handles.items() if value.op is not None and value.op.graph is None]
    for key in gone:
        del session.handles[key]


def _node_def(node: NodeDef, attrs: Attrs, inputs: int) -> NodeDef:
    """The NodeDef the delegate needs: operator, attributes, an empty name for each operand."""
    proto = type(node)()
    proto.op = node.op
    proto.input.extend([""] * inputs)
    for name, value in node.attr.items():
        if name.startswith("_"):
            continue
        if value.WhichOneof("value") == "placeholder":
            _set_attr(proto.attr[name], attrs.get(name))
        else:
            proto.attr[name].CopyFrom(value)
    return proto


def _set_attr(proto: AttrValue, value: Attribute) -> None:
    """An attribute that a function's caller gives."""
    if isinstance(value, DType):
        proto.type = NUMBERS[value.text]
    elif isinstance(value, bool):
        proto.b = value
    elif isinstance(value, int):
        proto.i = value
    elif isinstance(value, float):
        proto.f = value
    elif isinstance(value, str):
        proto.s = value.encode()
    else:
        raise UnsupportedError("an attribute given by the caller cannot be passed to a Select TF operator", "inline it")


# -- functions --------------------------------------------------------------------------------------------------------


def _make_functions(select: SelectOps, context: Context, proto: NodeDef) -> None:
    for value in proto.attr.values():
        if value.WhichOneof("value") == "func" and value.func.name:
            _make_function(select, context, value.func.name)


def _make_function(select: SelectOps, context: Context, name: str) -> None:
    """The subgraph of a function, under the function's own name."""
    session = context.session
    if name in session.select_functions:
        return
    definition = context.definition(name)
    graph = Graph(name)
    session.select_functions[name] = graph
    inner = replace(context, b=context.b.on(graph), at_node=None, function=name, depth=context.depth + 1)
    scope = Scope(inner, definition.node_def)
    for index, declared in enumerate(definition.signature.input_arg):
        known = definition.arg_attr[index].attr.get("_output_shapes") if index in definition.arg_attr else None
        shapes = [shape_of(s) for s in known.list.shape] if known is not None else [None]
        shape = None if not shapes or shapes[0] is None else tuple(unknown_dim() if d < 0 else d for d in shapes[0])
        scope.feed(declared.name, [graph.add_input(TensorType(tf_dtype(declared.type), shape), declared.name)])
    wanted = [definition.ret[out.name] for out in definition.signature.output_arg]
    scope.run([*wanted, *(f"^{node}" for node in definition.control_ret.values())])
    results = [scope.result(reference) for reference in wanted]
    graph.outputs = [r for r in results if isinstance(r, Value)]


# -- resources --------------------------------------------------------------------------------------------------------

_RESOURCE_OPS = frozenset({"VarHandleOp", "HashTableV2", "MutableHashTableV2", "MutableDenseHashTableV2"})
"""Operators that make a resource of a name, which the initializer fills."""

_TABLES = _RESOURCE_OPS - {"VarHandleOp"}


def _resource_name(context: Context, node: NodeDef) -> str:
    name = decode(node.attr["shared_name"]) if "shared_name" in node.attr else ""
    shared = str(name or node.name)
    if node.op == "VarHandleOp":
        return context.session.model.variable(shared, node).name
    return shared


def _name_resource(context: Context, node: NodeDef, proto: NodeDef) -> None:
    """Gives a resource the one name that the initializer and every subgraph know it by."""
    session, name = context.session, _resource_name(context, node)
    proto.attr["shared_name"].s = name.encode()
    proto.attr["container"].s = b""
    if node.op == "VarHandleOp":
        item: Variable | Table = session.model.variable(name, node)
    else:
        item = session.table(name, tf_dtype(node.attr["key_dtype"].type), tf_dtype(node.attr["value_dtype"].type))
    session.select_state[name] = State(node.op, write_pair(node.op, proto.SerializeToString(deterministic=True)), item)


def _captured_state(item: Variable | Table) -> State:
    """A resource that no node of the graph makes: a function has captured it."""
    proto = protos.NodeDef(op="VarHandleOp" if isinstance(item, Variable) else "HashTableV2")
    proto.attr["shared_name"].s = item.name.encode()
    if isinstance(item, Variable):
        proto.attr["dtype"].type = NUMBERS[item.dtype.text]
        proto.attr["shape"].shape.unknown_rank = item.shape is None
        for size in item.shape or ():
            proto.attr["shape"].shape.dim.add().size = size
    elif item.keys is None:
        raise UnsupportedError(
            "the content of the captured lookup table is not known", "save the model and convert that"
        )
    else:
        proto.attr["key_dtype"].type = NUMBERS[item.key_dtype.text]
        proto.attr["value_dtype"].type = NUMBERS[item.value_dtype.text]
    return State(proto.op, write_pair(proto.op, proto.SerializeToString(deterministic=True)), item)


def _handle(context: Context, name: str) -> Value:
    key = (context.b.graph, f"select {name}")
    if key not in context.session.handles:
        context.session.handles[key] = make_handle(context.b, context.session.select_state[name])
    return context.session.handles[key]


def make_handle(b: Builder, state: State) -> Value:
    """The operator that makes the handle of a resource."""
    handle: Value
    (handle,) = b.custom(
        custom_code=PREFIX + state.op, custom_options=state.options, result_types=[TensorType(DType.RESOURCE, ())]
    )
    return handle


def initialize(b: Builder, session: Session) -> None:
    """Fills the resources that are TensorFlow's, in the subgraph that runs once."""
    for state in session.select_state.values():
        handle = make_handle(b, state)
        if isinstance(state.item, Variable):
            if state.item.initial is not None:
                value = Value.constant(state.item.initial, state.item.name)
                _run(b, "AssignVariableOp", [handle, value], dtype=state.item.dtype)
            continue
        keys, values = state.item.keys, state.item.values
        if keys is not None and values is not None:
            dtypes = {"Tin": state.item.key_dtype, "Tout": state.item.value_dtype}
            tensors = [b.constant(np.asarray(keys), dtypes["Tin"]), b.constant(np.asarray(values), dtypes["Tout"])]
            _run(b, "LookupTableImportV2", [handle, *tensors], **dtypes)


def _run(b: Builder, op: str, operands: Sequence[Value], **dtypes: DType) -> None:
    proto = protos.NodeDef()
    proto.op = op
    proto.input.extend([""] * len(operands))
    for name, dtype in dtypes.items():
        proto.attr[name].type = NUMBERS[dtype.text]
    options = write_pair(op, proto.SerializeToString(deterministic=True))
    b.custom(*operands, custom_code=PREFIX + op, custom_options=options, result_types=[])


def select_operators(program: Program) -> list[str]:
    """Names of the Select TF operators of a program, without their prefix."""
    codes = {str(op.attrs["custom_code"]) for g in program.all_graphs() for op in g.ops if op.name == "CUSTOM"}
    return sorted(code.removeprefix(PREFIX) for code in codes if code.startswith(PREFIX))
