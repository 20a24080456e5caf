"""Programs, graphs, operations and values.

A graph is a list of operations in an order that respects their data flow. Values are in static single assignment form:
each is a graph input, a constant or one result of one operation, and knows its users.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from litesmith.ir.constant import Array, Constant
from litesmith.ir.dims import Dim
from litesmith.ir.types import TensorType

if TYPE_CHECKING:
    from litesmith.ir.opdef import OpDef

SMALL = 1024
"""Constants up to this many elements are looked into freely (shapes, scalars, per-channel vectors)."""


@dataclass(frozen=True)
class Origin:
    """Where an operation came from.

    op: source operator (``tf.Conv2D``); node: its name; layer: layer path; line: user's source line; passes: the
    rewrites that touched it since.
    """

    op: str = ""
    node: str = ""
    layer: str = ""
    line: str = ""
    passes: tuple[str, ...] = ()

    def through(self, name: str) -> Origin:
        """The same origin, touched by the pass called ``name``."""
        return self if name in self.passes else replace(self, passes=(*self.passes, name))

    @property
    def label(self) -> str:
        """The most telling name of the place: layer, else node."""
        return self.layer or self.node

    def __str__(self) -> str:
        where = f' "{self.label}"' if self.label else ""
        return f"{self.op}{where}{f' ({self.line})' if self.line else ''}"


class Value:
    """A tensor of the graph. Compared by identity.

    type: its `TensorType`; name: tensor name, may be empty; const: its elements when constant; op and index: the
    operation it is a result of; users: operations that take it, each once, in the order they were added; is_variable:
    whether it is a variable tensor, which no operation makes: zero at first, then what its user left in it.
    """

    __slots__ = ("_sym", "const", "index", "is_variable", "name", "op", "output_uses", "type", "users")

    def __init__(self, type: TensorType, name: str = "", const: Constant | None = None) -> None:
        self.type = type
        self.name = name
        self.const = const
        self.op: Op | None = None
        self.index = 0
        self.is_variable = False
        self.users: dict[Op, int] = {}  # and in how many operand slots of theirs it is
        self.output_uses = 0
        self._sym: Array | None = None

    @staticmethod
    def constant(data: Any, name: str = "", dtype: Any = None) -> Value:
        """A constant value from an array (or anything NumPy takes) or from a `Constant`."""
        const = data if isinstance(data, Constant) else Constant.of(data, dtype)
        return Value(TensorType(const.dtype, const.shape), name, const)

    @staticmethod
    def variable(type: TensorType, name: str = "") -> Value:
        """A variable tensor: zero before the first invocation, then kept from one to the next."""
        value = Value(type, name)
        value.is_variable = True
        return value

    @property
    def is_const(self) -> bool:
        """Whether the elements are known."""
        return self.const is not None

    @property
    def is_small_const(self) -> bool:
        """Whether the elements are known and few enough to be looked at freely."""
        return self.const is not None and self.const.size <= SMALL

    def numpy(self) -> Array:
        """The elements of a constant. Raises ValueError for any other value."""
        if self.const is None:
            raise ValueError(f"value {self.name!r} is not constant")
        return self.const.array()

    @property
    def sym(self) -> Array | None:
        """Known elements of a small integer tensor: an object array of ints and symbols, or None."""
        if self._sym is None and self.is_small_const and (self.type.dtype.is_integer):
            self._sym = self.numpy().astype(object)
        return self._sym

    @sym.setter
    def sym(self, elements: Array | None) -> None:
        self._sym = elements

    @property
    def dims(self) -> tuple[Dim, ...]:
        """The shape. Raises ValueError where the rank is unknown."""
        return self.type.dims

    @property
    def rank(self) -> int:
        """Number of dimensions. Raises ValueError where it is unknown."""
        return self.type.rank

    def _gain(self, user: Op) -> None:
        self.users[user] = self.users.get(user, 0) + 1

    def _lose(self, user: Op) -> None:
        count = self.users.get(user, 0) - 1
        if count > 0:
            self.users[user] = count
        else:
            self.users.pop(user, None)

    @property
    def use_count(self) -> int:
        """How many operand slots and graph outputs refer to this value."""
        return self.output_uses + sum(self.users.values())

    @property
    def only_user(self) -> Op | None:
        """The one operation that uses this value in one slot, when it is no graph output; else None."""
        if self.output_uses or len(self.users) != 1:
            return None
        (user,) = self.users
        return user if sum(v is self for v in user.operands) == 1 else None

    def __repr__(self) -> str:
        return f"%{self.name or '?'}: {self.type}"


class Op:
    """An operation: a declaration applied to operands with attributes.

    Operands are flat (a variadic operand takes the last slots); an optional one that is absent is None. ``attrs`` holds
    every attribute of the declaration; a subgraph attribute's value is the `Graph` itself.
    """

    __slots__ = ("_operands", "attrs", "defn", "graph", "next", "origins", "prev", "results")

    def __init__(
        self,
        defn: OpDef,
        operands: Sequence[Value | None],
        attrs: dict[str, Any],
        origins: tuple[Origin, ...] = (),
    ) -> None:
        self.defn = defn
        self._operands: list[Value | None] = list(operands)
        self.attrs = attrs
        self.origins = origins
        self.results: list[Value] = []
        self.graph: Graph | None = None
        self.prev: Op | None = None
        self.next: Op | None = None

    @property
    def name(self) -> str:
        """Name of the operator, ``CONV_2D``."""
        return self.defn.name

    @property
    def operands(self) -> Sequence[Value | None]:
        """All operand slots. Change them with `set_operand`."""
        return self._operands

    @property
    def slots(self) -> list[Value | None]:
        """Operand slots as a file has them: absent ones at the end only where the kernel counts them."""
        if self.defn.is_variadic:
            return list(self._operands)
        present = max((index + 1 for index, value in enumerate(self._operands) if value is not None), default=0)
        count = len(self.defn.inputs) if self.defn.all_slots else present
        return [*self._operands, *[None] * count][: max(count, present)]

    @property
    def inputs(self) -> list[Value]:
        """The operands that are present."""
        return [v for v in self._operands if v is not None]

    @property
    def result(self) -> Value:
        """The one result. Raises ValueError where there are several."""
        (only,) = self.results
        return only

    def get(self, name: str) -> Value | None:
        """The operand of this declared name, None where it is absent."""
        index = self.defn.operand_index(name)
        return self._operands[index] if index < len(self._operands) else None

    def __getitem__(self, name: str) -> Value:
        """The operand of this declared name. Raises KeyError where it is absent."""
        value = self.get(name)
        if value is None:
            raise KeyError(f"{self.name} has no operand {name!r} here")
        return value

    def set_operand(self, index: int, value: Value | None) -> None:
        """Replaces one operand and keeps the users of both values right; absent slots are added as needed."""
        while len(self._operands) <= index:
            self._operands.append(None)
        old = self._operands[index]
        self._operands[index] = value
        if self.graph is None:
            return
        if old is not None:
            old._lose(self)
        if value is not None:
            value._gain(self)

    def set_operands(self, values: Sequence[Value | None]) -> None:
        """Replaces all operands."""
        attached = self.graph is not None
        if attached:
            self._detach_users()
        self._operands = list(values)
        if attached:
            self._attach_users()

    def _attach_users(self) -> None:
        for value in self.inputs:
            value._gain(self)

    def _detach_users(self) -> None:
        for value in self.inputs:
            value.users.pop(self, None)

    @property
    def subgraphs(self) -> list[Graph]:
        """The graphs this operation calls."""
        if not self.defn.calls_graphs:
            return []
        attrs = self.attrs.values()
        groups = [a if isinstance(a, (tuple, list)) else (a,) for a in attrs]
        return [g for group in groups for g in group if isinstance(g, Graph)]

    @property
    def origin(self) -> Origin:
        """The first origin; an empty one when there is none."""
        return self.origins[0] if self.origins else Origin()

    def __repr__(self) -> str:
        return f"<{self.name} {self.attrs}>"


class Graph:
    """A subgraph: inputs, operations in order, outputs. Operations form a linked list, so edits are O(1)."""

    def __init__(self, name: str = "main") -> None:
        self.name = name
        self.inputs: list[Value] = []
        self._outputs: list[Value] = []
        self._first: Op | None = None
        self._last: Op | None = None
        self._count = 0

    def add_input(self, type: TensorType, name: str = "") -> Value:
        """Appends a graph input."""
        value = Value(type, name)
        self.inputs.append(value)
        return value

    @property
    def outputs(self) -> Sequence[Value]:
        """Output values in order; one value may stand in several places."""
        return self._outputs

    @outputs.setter
    def outputs(self, values: Iterable[Value]) -> None:
        for value in self._outputs:
            value.output_uses -= 1
        self._outputs = list(values)
        for value in self._outputs:
            value.output_uses += 1

    def __len__(self) -> int:
        return self._count

    @property
    def ops(self) -> Iterator[Op]:
        """Operations in order. Erasing the current operation while iterating is allowed."""
        op = self._first
        while op is not None:
            following = op.next
            yield op
            op = following

    @property
    def reversed_ops(self) -> Iterator[Op]:
        """Operations from last to first. Erasing the current operation while iterating is allowed."""
        op = self._last
        while op is not None:
            preceding = op.prev
            yield op
            op = preceding

    def insert(self, op: Op, before: Op | None = None) -> None:
        """Adds an operation before another one, or at the end."""
        after = before.prev if before is not None else self._last
        op.graph, op.prev, op.next = self, after, before
        if after is None:
            self._first = op
        else:
            after.next = op
        if before is None:
            self._last = op
        else:
            before.prev = op
        self._count += 1
        op._attach_users()

    def erase(self, op: Op) -> None:
        """Removes an operation nobody uses. Raises ValueError while a result is still used."""
        if any(r.users or r.output_uses for r in op.results):
            raise ValueError(f"{op.name} is still used")
        self._unlink(op)
        op._detach_users()

    def move(self, op: Op, before: Op | None) -> None:
        """Moves an operation before another one, or to the end. The caller keeps the data-flow order."""
        self._unlink(op)
        self.insert(op, before)

    def _unlink(self, op: Op) -> None:
        if op.prev is None:
            self._first = op.next
        else:
            op.prev.next = op.next
        if op.next is None:
            self._last = op.prev
        else:
            op.next.prev = op.prev
        self._count -= 1
        op.graph = op.prev = op.next = None

    def replace_value(self, old: Value, new: Value) -> None:
        """Makes every user of ``old``, graph outputs included, use ``new``."""
        if old is new:
            return
        for op, count in list(old.users.items()):
            index = -1
            for _ in range(count):
                index = op.operands.index(old, index + 1)  # values are compared by identity
                op.set_operand(index, new)
        if old.output_uses:
            self.outputs = [new if v is old else v for v in self._outputs]

    def constants(self) -> Iterator[Value]:
        """Every constant value used in this graph, once, in order of first use."""
        seen: set[int] = set()
        used = [v for op in self.ops for v in op.inputs]
        for value in [*used, *self._outputs]:
            if value.is_const and id(value) not in seen:
                seen.add(id(value))
                yield value

    def histogram(self) -> dict[str, int]:
        """How often each operator occurs here (subgraphs not counted), by name."""
        counts: dict[str, int] = {}
        for op in self.ops:
            counts[op.name] = counts.get(op.name, 0) + 1
        return dict(sorted(counts.items()))


@dataclass
class Signature:
    """An entry point. ``inputs`` and ``outputs`` map its names to positions in the graph's inputs and outputs."""

    key: str
    graph: Graph
    inputs: dict[str, int]
    outputs: dict[str, int]


@dataclass
class Program:
    """A whole model: its entry graphs (the first is the main one), signatures and metadata entries.

    Subgraphs called by operations are reached through their attributes; `all_graphs` lists everything once. notes: what
    the source does and this program leaves out, or does otherwise, in sentences for the user; they are not written to
    the file. files: those that travel behind the model (labels, vocabularies), by name.
    """

    graphs: list[Graph] = field(default_factory=list)
    signatures: list[Signature] = field(default_factory=list)
    metadata: dict[str, bytes] = field(default_factory=dict)
    description: str = "litesmith"
    notes: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def main(self) -> Graph:
        """The first entry graph."""
        return self.graphs[0]

    def all_graphs(self) -> list[Graph]:
        """Entry graphs first, then every graph called from them, in order of first call."""
        found: dict[int, Graph] = {id(g): g for g in self.graphs}
        queue = list(found.values())
        for graph in queue:
            for op in graph.ops:
                for called in op.subgraphs:
                    if id(called) not in found:
                        found[id(called)] = called
                        queue.append(called)
        return queue

    def histogram(self) -> dict[str, int]:
        """How often each operator occurs in all graphs, by name."""
        counts: dict[str, int] = {}
        for graph in self.all_graphs():
            for name, count in graph.histogram().items():
                counts[name] = counts.get(name, 0) + count
        return dict(sorted(counts.items()))
