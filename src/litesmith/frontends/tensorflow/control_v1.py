"""The control flow of TensorFlow 1 graphs: which nodes belong to which branch or loop.

TensorFlow 1 has no conditional and no loop, only nodes that let tensors pass or not. Switch sends its data to one of
two outputs, by a predicate; what depends on an output lives in that branch; Merge hands on whichever of its inputs
lives. A loop is a frame: Enter brings tensors in; Merge takes them the first time and from NextIteration later;
LoopCond drives a Switch for each variable, whose one output goes to the body and whose other one leaves through Exit.

Nothing is imported here: `ControlFlow` says for every node the branches and frames it lives in, which is what it takes
to cut the graph into the bodies of IF and WHILE.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from litesmith.errors import UnsupportedError
from litesmith.frontends.registry import EXPORT_AGAIN

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import NodeDef

SWITCH = frozenset({"Switch", "RefSwitch"})
MERGE = frozenset({"Merge", "RefMerge"})
ENTER = frozenset({"Enter", "RefEnter"})
EXIT = frozenset({"Exit", "RefExit"})
NEXT = frozenset({"NextIteration", "RefNextIteration"})
GROUPED = MERGE | EXIT
"""Nodes that stand for a result of a whole conditional or loop."""

WITHOUT_INPUTS = frozenset({"Assert", "PrintV2", "NoOp", "ControlTrigger"})
"""Operators whose inputs are not looked at, as they compute nothing a converted model could show."""

Branch: TypeAlias = tuple[str, int]
"""A predicate's tensor and the side: 0 where it is false, 1 where it is true."""

_OUTPUTS = {"output_false": 0, "output_true": 1}


def tensor_key(reference: str) -> str:
    """The one way to write a tensor reference: ``node:0`` for ``node``, the number for the outputs of a Switch."""
    name, *rest = reference.split(":")
    if not rest:
        return f"{name}:0"
    return f"{name}:{_OUTPUTS[rest[0]]}" if rest[0] in _OUTPUTS else reference


def node_name(reference: str) -> str:
    """The node a reference (``node:0``, ``node:out:0``, ``^node``) names."""
    return reference.lstrip("^").split(":")[0]


def nodes_by_name(nodes: Iterable[NodeDef]) -> dict[str, NodeDef]:
    """The nodes of a graph. Raises UnsupportedError where two have one name: which is meant cannot be told."""
    named: dict[str, NodeDef] = {}
    for node in nodes:
        if node.name in named:
            raise UnsupportedError(f"two nodes are called {node.name!r}", EXPORT_AGAIN, code="LS014", node=node.name)
        named[node.name] = node
    return named


def output_index(reference: str) -> int:
    """The number of the output a reference names."""
    return int(tensor_key(reference).rsplit(":", 1)[1])


@dataclass(frozen=True)
class Cut:
    """A part of the graph to become a graph of its own.

    roots: what it returns; inside: whether a node belongs to it; fed: tensors it starts from, each with the reference
    of the tensor outside that is handed in for it.
    """

    roots: tuple[str, ...]
    inside: Callable[[str], bool]
    fed: Mapping[str, str]


@dataclass(frozen=True)
class LoopVariable:
    """A variable of a loop: what it starts from, its Merge, its Switch if any, what it is next, where it leaves."""

    initial: str
    merge: str
    switch: str
    following: str
    exits: tuple[str, ...]


@dataclass
class ControlFlow:
    """Where every node of a graph lives.

    order: the nodes, inputs first. branches: of each node the sides of predicates it depends on. frames: the loops it
    runs in.
    """

    nodes: Mapping[str, NodeDef]
    order: Sequence[str]
    branches: dict[str, frozenset[Branch]] = field(default_factory=dict)
    frames: dict[str, frozenset[str]] = field(default_factory=dict)
    predicates: dict[str, str] = field(default_factory=dict)
    """Merge of a conditional -> its predicate, as `root` names it."""
    tensors: dict[str, str] = field(default_factory=dict)
    """Predicate -> a tensor that has its value."""
    sides: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Merge of a conditional -> its inputs (where the predicate is false, where it is true)."""
    _roots: dict[str, str] = field(default_factory=dict)
    _passed: dict[tuple[str, str, int], str] = field(default_factory=dict)
    """What a Switch hands on of a tensor, by a short name: written out, it would double with each of them."""
    _groups: dict[tuple[str, frozenset[Branch], frozenset[str]], dict[str, int]] = field(default_factory=dict)

    @staticmethod
    def of(nodes: Mapping[str, NodeDef]) -> ControlFlow | None:
        """The analysis of a graph; None where it has no such control flow."""
        if not any(n.op in GROUPED for n in nodes.values()):
            return None
        flow = ControlFlow(nodes, _in_order(nodes))
        for name in flow.order:
            flow._visit(nodes[name])
        return flow

    # -- the analysis -------------------------------------------------------------------------------------------------

    def _visit(self, node: NodeDef) -> None:
        if node.op == "Identity" or (node.op in SWITCH and not self.is_loop_switch(node)):
            for output in (0, 1):
                self.root(f"{node.name}:{output}")  # in order, so that no long way is ever walked
        frames = self._union(self.frames, node)
        if node.op in ENTER:
            frames |= {_frame(node)}
        elif node.op in EXIT:
            frames -= {self.frame_of_exit(node.name)}
        self.frames[node.name] = frames
        is_merge = node.op in MERGE and not self.is_loop_merge(node)
        self.branches[node.name] = self._merged_branches(node) if is_merge else self._all_branches(node)

    def _union(self, table: Mapping[str, frozenset[str]], node: NodeDef) -> frozenset[str]:
        found: frozenset[str] = frozenset()
        for reference in node.input:
            found |= table.get(node_name(reference), frozenset())
        return found

    def _all_branches(self, node: NodeDef) -> frozenset[Branch]:
        found: frozenset[Branch] = frozenset()
        for reference in node.input:
            found |= self.branches_of(reference)
        return found

    def branches_of(self, reference: str) -> frozenset[Branch]:
        """The branches a tensor lives in: those of its node, and the side it leaves a Switch on."""
        name = node_name(reference)
        found = self.branches.get(name, frozenset())
        node = self.nodes.get(name)
        if node is None or node.op not in SWITCH or reference.startswith("^") or self.is_loop_switch(node):
            return found
        predicate = self.root(node.input[1])
        self.tensors.setdefault(predicate, tensor_key(node.input[1]))
        return found | {(predicate, output_index(reference))}

    def root(self, reference: str) -> str:
        """A name for what a tensor is, whichever Identity or Switch handed it on."""
        key = tensor_key(reference)
        if key not in self._roots:
            node = self.nodes.get(node_name(reference))
            root = key
            if node is not None and node.op == "Identity":
                root = self.root(node.input[0])
            elif node is not None and node.op in SWITCH and not self.is_loop_switch(node):
                passed = (self.root(node.input[0]), self.root(node.input[1]), output_index(reference))
                root = self._passed.setdefault(passed, f"?{len(self._passed)}")
            self._roots[key] = root
        return self._roots[key]

    def _merged_branches(self, node: NodeDef) -> frozenset[Branch]:
        references = [r for r in node.input if not r.startswith("^")]
        if len(references) != 2:
            return frozenset()
        first, second = (self.branches_of(r) for r in references)
        decisive = [(predicate, side) for predicate, side in first if (predicate, 1 - side) in second]
        if len(decisive) == 1:
            ((predicate, side),) = decisive
            self.predicates[node.name] = predicate
            self.sides[node.name] = (references[side], references[1 - side])
            first, second = first - {(predicate, side)}, second - {(predicate, 1 - side)}
        return first | second

    def is_loop_merge(self, node: NodeDef) -> bool:
        """Whether a Merge joins the iterations of a loop."""
        return any(self._op_of(r) in NEXT for r in node.input)

    def is_loop_switch(self, node: NodeDef) -> bool:
        """Whether a Switch lets a loop variable on into the body or out of the loop."""
        return self._op_of(node.input[1]) == "LoopCond"

    def _op_of(self, reference: str) -> str:
        node = self.nodes.get(node_name(reference))
        return node.op if node is not None else ""

    @cached_property
    def users(self) -> dict[str, list[NodeDef]]:
        """The nodes that take a tensor of each node."""
        found: dict[str, list[NodeDef]] = {}
        for node in self.nodes.values():
            for name in dict.fromkeys(node_name(r) for r in node.input if not r.startswith("^")):
                found.setdefault(name, []).append(node)
        return found

    # -- conditionals -------------------------------------------------------------------------------------------------

    def predicate(self, merge: str) -> str:
        """The tensor that decides a Merge. Raises UnsupportedError where the graph does not show it."""
        return self.tensors[self._decisive(merge)]

    def _decisive(self, merge: str) -> str:
        if merge not in self.predicates:
            reason = "a Merge joins no two branches of one predicate"
            raise UnsupportedError(reason, "write it with tf.cond", node=merge)
        return self.predicates[merge]

    def merges_with(self, merge: str) -> list[str]:
        """All results of the conditional a Merge belongs to.

        Conditionals one after another may have one predicate; their results depend on each other.
        """
        key = (self._decisive(merge), self.branches[merge], self.frames[merge])
        if key not in self._groups:
            same = [m for m, p in self.predicates.items() if (p, self.branches[m], self.frames[m]) == key]
            self._groups[key] = self._depths(same) if len(same) > 1 else {merge: 1}
        depths = self._groups[key]
        return [m for m, depth in depths.items() if depth == depths[merge]]

    def _depths(self, merges: Sequence[str]) -> dict[str, int]:
        """For each of these, the most of them on a way to it, itself included."""
        counted = set(merges)
        depths: dict[str, int] = {}
        for name in self.order:
            found = max((depths.get(node_name(r), 0) for r in self.nodes[name].input), default=0)
            depths[name] = found + (name in counted)
        return {m: depths[m] for m in merges}

    def branch(self, merges: Sequence[str], side: int) -> Cut:
        """One side of a conditional with these results."""
        predicate = self._decisive(merges[0])
        here = (predicate, side)

        def is_inside(name: str) -> bool:
            return here in self.branches[name] and not self._is_gate(name, predicate)

        roots = tuple(self.sides[m][side] for m in merges)
        fed = {}
        for reference in self._entering(roots, is_inside, ()):
            name = node_name(reference)
            gated = self._is_gate(name, predicate)
            fed[tensor_key(reference)] = tensor_key(self.nodes[name].input[0]) if gated else tensor_key(reference)
        return Cut(roots, is_inside, fed)

    def _is_gate(self, name: str, predicate: str) -> bool:
        node = self.nodes[name]
        return node.op in SWITCH and self.root(node.input[1]) == predicate

    # -- loops --------------------------------------------------------------------------------------------------------

    def frame_of_exit(self, exit_: str) -> str:
        """The frame an Exit leaves. Raises UnsupportedError where the loop is not of the usual form."""
        switch = self.nodes.get(node_name(self.nodes[exit_].input[0]))
        merge = self.nodes.get(node_name(switch.input[0])) if switch is not None and switch.op in SWITCH else None
        enter = next((r for r in merge.input if self._op_of(r) in ENTER), None) if merge is not None else None
        if enter is None:
            raise UnsupportedError("an Exit belongs to no loop", "write it with tf.while_loop", node=exit_)
        return _frame(self.nodes[node_name(enter)])

    def loop(self, frame: str) -> Loop:
        """The loop that runs in a frame."""
        enters = [n for n in self.nodes.values() if n.op in ENTER and _frame(n) == frame]
        variables, constants = [], []
        for enter in enters:
            merges = [u for u in self.users.get(enter.name, ()) if u.op in MERGE]
            variables += [self._variable(enter, merge) for merge in merges]
            if not merges:
                constants.append(enter.name)
        conditions = {node_name(self.nodes[v.switch].input[1]) for v in variables if v.switch}
        if len(conditions) != 1:
            raise UnsupportedError("a loop has no single condition", "write it with tf.while_loop", node=frame)
        (condition,) = conditions
        return Loop(self, frame, tuple(variables), tuple(constants), self.nodes[condition].input[0])

    def _variable(self, enter: NodeDef, merge: NodeDef) -> LoopVariable:
        following = next((r for r in merge.input if self._op_of(r) in NEXT), None)
        if following is None:
            raise UnsupportedError("a loop variable has no next value", "write it with tf.while_loop", node=merge.name)
        users = self.users.get(merge.name, ())
        switch = next((u for u in users if u.op in SWITCH and self.is_loop_switch(u)), None)
        exits = [u.name for u in self.users.get(switch.name, ()) if u.op in EXIT] if switch is not None else []
        value = self.nodes[node_name(following)].input[0]
        return LoopVariable(enter.input[0], merge.name, switch.name if switch else "", value, tuple(exits))

    # -- cutting ------------------------------------------------------------------------------------------------------

    def _entering(self, roots: Iterable[str], is_inside: Callable[[str], bool], stops: Iterable[str]) -> Iterator[str]:
        """The tensors outside that what is inside takes, in order of discovery. ``stops``: tensors taken as given."""
        given = set(stops)
        queue, seen = deque(roots), set(given)
        while queue:
            reference = queue.popleft()
            control = reference.startswith("^")
            key = reference if control else tensor_key(reference)
            if key in seen:
                continue
            seen.add(key)
            name = node_name(reference)
            if name in self.nodes and is_inside(name):
                node = self.nodes[name]
                queue.extend(r for r in node.input if node.op not in WITHOUT_INPUTS or r.startswith("^"))
            elif not control:
                yield reference


@dataclass(frozen=True)
class Loop:
    """A loop: its variables, the Enter nodes of what never changes, and the tensor that says whether to go on."""

    flow: ControlFlow
    frame: str
    variables: tuple[LoopVariable, ...]
    constants: tuple[str, ...]
    condition: str

    @cached_property
    def _gates(self) -> frozenset[str]:
        """The nodes that make the frame: they say where its tensors come from and are no part of what it computes."""
        named = [n for v in self.variables for n in (v.merge, v.switch, node_name(v.initial))]
        conditions = [node_name(self.flow.nodes[v.switch].input[1]) for v in self.variables if v.switch]
        enters = [n.name for n in self.flow.nodes.values() if n.op in ENTER and _frame(n) == self.frame]
        return frozenset([*named, *conditions, *enters])

    def _is_inside(self, name: str) -> bool:
        return self.frame in self.flow.frames[name] and name not in self._gates

    @cached_property
    def invariants(self) -> dict[str, str]:
        """Tensors that stay the same in all iterations, with what is handed in for them.

        They come through an Enter, or from outside directly where a rewriter moved a constant.
        """
        fed = {f"{enter}:0": tensor_key(self.flow.nodes[enter].input[0]) for enter in self.constants}
        own = [key for v in self.variables for key in (f"{v.merge}:0", f"{v.switch}:1")]
        roots = [self.condition, *(v.following for v in self.variables)]
        for reference in self.flow._entering(roots, self._is_inside, [*own, *fed]):
            fed[tensor_key(reference)] = tensor_key(reference)
        return fed

    @property
    def needs(self) -> list[str]:
        """The tensors outside that go in."""
        return list(dict.fromkeys([*(tensor_key(v.initial) for v in self.variables), *self.invariants.values()]))

    def cut(self, roots: Sequence[str]) -> Cut:
        """The part of the loop that computes these tensors, from its variables and what never changes."""
        return Cut(tuple(roots), self._is_inside, self.invariants)

    @cached_property
    def unchanged(self) -> list[bool]:
        """For every variable, whether each iteration hands it on as it came."""
        return [self._source(v.following) in (f"{v.switch}:1", f"{v.merge}:0") for v in self.variables]

    def _source(self, reference: str) -> str:
        key = tensor_key(reference)
        node = self.flow.nodes.get(node_name(key))
        while node is not None and node.op == "Identity":  # no endless way: `_in_order` has refused a cycle
            key = tensor_key(node.input[0])
            node = self.flow.nodes.get(node_name(key))
        return key


def _frame(enter: NodeDef) -> str:
    return str(enter.attr["frame_name"].s.decode("utf-8", "replace"))


def _in_order(nodes: Mapping[str, NodeDef]) -> list[str]:
    """The nodes, inputs first, where the edges back to a loop's beginning do not count."""
    waiting: dict[str, int] = {}
    users: dict[str, list[str]] = {}
    for node in nodes.values():
        sources = dict.fromkeys(node_name(r) for r in node.input)
        backward = node.op in MERGE
        counted = [s for s in sources if s in nodes and not (backward and nodes[s].op in NEXT)]
        waiting[node.name] = len(counted)
        for source in counted:
            users.setdefault(source, []).append(node.name)
    queue = deque(name for name, count in waiting.items() if count == 0)
    order = []
    while queue:
        name = queue.popleft()
        order.append(name)
        for user in users.get(name, ()):
            waiting[user] -= 1
            if waiting[user] == 0:
                queue.append(user)
    if len(order) < len(nodes):
        stuck = next(name for name, count in waiting.items() if count > 0)
        raise UnsupportedError(f"node {stuck!r} depends on itself", "export the model again", node=stuck)
    return order


def control_flow_of(nodes: Mapping[str, NodeDef]) -> ControlFlow | None:
    """The conditionals and loops of a graph, if any. Raises UnsupportedError where they are not complete."""
    try:
        return ControlFlow.of(nodes)
    except LookupError as error:
        raise UnsupportedError(f"a conditional or loop lacks a node or an input ({error})", EXPORT_AGAIN) from error


def needed_nodes(nodes: Mapping[str, NodeDef], wanted: Iterable[str]) -> dict[str, NodeDef]:
    """The nodes that the wanted references depend on: loops of gradients, for one, may not be among them."""
    pending = [node_name(reference) for reference in wanted]
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in found and name in nodes:
            found.add(name)
            pending += [node_name(reference) for reference in nodes[name].input]
    return {name: node for name, node in nodes.items() if name in found}
