"""The rewrite driver: runs one pass over a program to its fixed point.

A local pass is a `Pass`: a name, the operators it looks at (its roots) and a function from one root to what replaces
it. The driver keeps a worklist of roots for each graph, hands out a builder that inserts before the root, replaces the
results, erases what died and looks again at the neighbourhood of each change. A pass that needs the whole program at
once (common subexpressions, layouts) is a `ProgramPass`.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from litesmith.ir.builder import Builder
from litesmith.ir.dims import Dim, Sym
from litesmith.ir.folding import ROUNDED_ONCE
from litesmith.ir.graph import Graph, Op, Origin, Program, Value
from litesmith.ir.opdef import OpDef, Trait
from litesmith.ir.types import Shape, TensorType
from litesmith.ir.verify import InvalidIRError, compatible
from litesmith.ops import OPS

REWRITES_PER_OP = 32
"""A pass that rewrites more often than this, for each operation it started with, reaches no fixed point."""


class UnsettledWarning(RuntimeWarning):
    """Passes undo each other. The program is right, but may hold operations it could do without."""


@dataclass(frozen=True)
class Declined:
    """A pass saw its pattern but must not rewrite it, and says why."""

    reason: str


Outcome: TypeAlias = Value | Sequence["Value | None"] | Declined | None
"""What a rewrite gives: the new result, one new value for each result (None where unused), a reason, or nothing."""


EVERY = "*"
"""As a root: every operation."""


@dataclass(frozen=True)
class Pass:
    """A local rewrite.

    name: kebab-case. roots: operators (or their names) and traits it starts from, or `EVERY`. rewrite: the replacement of
    a root's results; it may insert operations with the builder and must not change existing ones. after: passes that have
    to run before. rules: the texts of its rules, where it is made of them (`passes.rules`). quantized: whether it is legal
    for roots with quantized results, too. notes: what a user should know of a run, in sentences.
    """

    name: str
    roots: tuple[OpDef | Trait | str, ...]
    rewrite: Callable[[Op, Builder], Outcome]
    after: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    quantized: bool = False
    notes: Callable[[PassResult], Sequence[str]] | None = None


@dataclass(frozen=True)
class ProgramPass:
    """A rewrite of a whole program; ``rewrite`` returns how many changes it made."""

    name: str
    rewrite: Callable[[Program], int]
    after: tuple[str, ...] = ()


AnyPass: TypeAlias = Pass | ProgramPass


@dataclass
class PassResult:
    """What one run of a pass did: number of rewrites, number of roots looked at, and what it declined and why,
    what the user should know."""

    name: str
    rewrites: int = 0
    looked_at: int = 0
    declined: list[tuple[Op, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def modified(self) -> bool:
        """Whether the program changed."""
        return self.rewrites > 0

    def explain(self) -> str:
        """One line for each declined rewrite: the operator, where it came from, the reason."""
        return "\n".join(f"{self.name}: {op.name} {op.origin}: {reason}" for op, reason in self.declined)


def run_pass(pass_: AnyPass, program: Program) -> PassResult:
    """Runs one pass over every graph of the program, to its fixed point.

    Warns with UnsettledWarning when there is none within `REWRITES_PER_OP` rewrites for each operation.
    """
    result = PassResult(pass_.name)
    if isinstance(pass_, ProgramPass):
        result.rewrites = pass_.rewrite(program)
        return result
    for graph in program.all_graphs():
        _GraphRun(pass_, graph, result).run()
    result.notes += pass_.notes(result) if pass_.notes is not None else ()
    return result


class _GraphRun:
    """One local pass over one graph."""

    def __init__(self, pass_: Pass, graph: Graph, result: PassResult) -> None:
        self.pass_ = pass_
        self.graph = graph
        self.result = result
        self.names = {str(r) for r in pass_.roots if not isinstance(r, Trait)}
        self.traits = [r for r in pass_.roots if isinstance(r, Trait)]
        self.roots: dict[OpDef, bool] = {}
        self.queue: deque[Op] = deque()
        self.queued: set[Op] = set()
        self.declined: dict[Op, str] = {}

    def run(self) -> None:
        self.add(self.graph.ops)
        budget = REWRITES_PER_OP * (len(self.graph) + REWRITES_PER_OP)
        while self.queue:
            op = self.queue.popleft()
            self.queued.discard(op)
            if op.graph is not self.graph:
                continue
            self.result.looked_at += 1
            if self.rewrite(op):
                self.result.rewrites += 1
                budget -= 1
            if budget < 0:
                reason = f"pass {self.pass_.name} reaches no fixed point in graph {self.graph.name!r}"
                warnings.warn(UnsettledWarning(reason), stacklevel=2)
                break
        self.result.declined += [(op, why) for op, why in self.declined.items() if op.graph is self.graph]

    def is_root(self, op: Op) -> bool:
        known = self.roots.get(op.defn)
        if known is None:
            known = op.name in self.names or EVERY in self.names or any(op.defn.traits & t for t in self.traits)
            self.roots[op.defn] = known
        return known

    def add(self, ops: Iterable[Op | None]) -> None:
        for op in ops:
            if op is not None and op not in self.queued and self.is_root(op):
                self.queued.add(op)
                self.queue.append(op)

    def rewrite(self, op: Op) -> bool:
        if touches_variables(op):
            return False
        if not self.pass_.quantized and any(v.type.quant is not None for v in op.results):
            return False
        previous = op.prev
        b = Builder(self.graph, OPS, op, op.origins, ROUNDED_ONCE)
        outcome = self.pass_.rewrite(op, b)
        fresh = list(between(self.graph, previous, op))
        self.declined.pop(op, None)
        if isinstance(outcome, Declined):
            self.declined[op] = outcome.reason
        if outcome is None or isinstance(outcome, Declined):
            erase_dead(self.graph, fresh)
            return False
        values = [outcome] if isinstance(outcome, Value) else list(outcome)
        if all(new is old for new, old in zip(values, op.results, strict=True)):
            return False
        self.substitute(op, values, fresh)
        return True

    def substitute(self, op: Op, values: Sequence[Value | None], fresh_ops: Sequence[Op]) -> None:
        fresh = set(fresh_ops)
        for old, new in zip(op.results, values, strict=True):
            if new is not None:
                replace_result(self.graph, old, new, refine=new.op in fresh)
        erased = erase_dead(self.graph, [*fresh_ops, op])
        if op.graph is self.graph:
            raise InvalidIRError(f"pass {self.pass_.name} leaves a result of {op.name} without replacement")
        merge_origins(fresh_ops, [e for e in erased if e not in fresh], op, self.pass_.name)
        self.look_again(values, fresh_ops, erased)

    def look_again(self, values: Sequence[Value | None], fresh: Sequence[Op], erased: Sequence[Op]) -> None:
        self.add(m for m in fresh if m.graph is self.graph)
        for new in values:
            if new is not None and new.op is not None:
                self.add([new.op])
            self.add(new.users if new is not None and not new.is_const else ())
        for value in (v for e in erased for v in e.inputs if v.op is not None):
            self.add([value.op])
            self.add(value.users if len(value.users) == 1 else ())


def touches_variables(op: Op) -> bool:
    """Whether an operation reads or writes a variable tensor: it is to run, once, where it stands."""
    return any(v.is_variable for v in (*op.inputs, *op.results))


def between(graph: Graph, previous: Op | None, end: Op) -> Iterator[Op]:
    """The operations after ``previous`` (None: the first of the graph) and before ``end``."""
    op = next(graph.ops) if previous is None else previous.next
    while op is not None and op is not end:
        yield op
        op = op.next


def replace_result(graph: Graph, old: Value, new: Value, refine: bool = False) -> None:
    """Makes users of ``old`` use ``new``; the name moves along, and with ``refine`` what was known of the shape.

    Raises InvalidIRError when the two cannot be the same tensor.
    """
    if old is new:
        return
    if not compatible(new.type, old.type):
        raise InvalidIRError(f"{old.type} cannot be replaced by {new.type}")
    if refine:
        new.type = _refine_type(new.type, old.type)
        if new.sym is None:
            new.sym = old.sym
    if not new.name and new.op is not None:
        new.name = old.name
    graph.replace_value(old, new)


def _refine_type(new: TensorType, old: TensorType) -> TensorType:
    if old.shape is None or new.shape is None:
        return new if old.shape is None else new.with_shape(old.shape)
    return new.with_shape(_refine_shape(new.shape, old.shape))


def _refine_shape(new: Shape, old: Shape) -> tuple[Dim, ...]:
    return tuple(o if isinstance(n, Sym) else n for n, o in zip(new, old, strict=True))


def has_effects(op: Op) -> bool:
    """Whether the operation, or one in a subgraph it calls, does more than compute its results."""
    if op.defn.traits & Trait.STATEFUL and (not op.defn.traits & Trait.REMOVABLE or _keeps_for_others(op)):
        return True
    return any(has_effects(inner) for graph in op.subgraphs for inner in graph.ops)


def _keeps_for_others(op: Op) -> bool:
    """Whether an operation leaves in its own variable what another one reads in the next invocation."""
    if len(op.results) != 1:
        return False
    states = (v for v in op.inputs if v.is_variable and v.op is None)
    return any(user is not op and op.result not in user.inputs for v in states for user in v.users)


def is_dead(op: Op) -> bool:
    """Whether nobody would notice the operation missing."""
    return not any(r.users or r.output_uses for r in op.results) and not has_effects(op)


def erase_dead(graph: Graph, candidates: Iterable[Op]) -> list[Op]:
    """Erases the dead among these operations and whatever dies with them. Returns what was erased."""
    erased: list[Op] = []
    stack = list(candidates)
    while stack:
        op = stack.pop()
        if op.graph is not graph or not is_dead(op):
            continue
        graph.erase(op)
        erased.append(op)
        stack.extend(v.op for v in op.inputs if v.op is not None)
    return erased


MAX_ORIGINS = 64
"""So many places an operation remembers: thousands of equal operations may become one."""


def merge_origins(fresh: Iterable[Op], gone: Sequence[Op], root: Op, name: str) -> None:
    """New operations come from all that they replace: producers first, the root last."""
    others = [o for op in gone if op is not root for o in op.origins]
    merged = _distinct_origins(o.through(name) for o in [*others, *root.origins])
    for op in fresh:
        op.origins = merged


def _distinct_origins(origins: Iterable[Origin]) -> tuple[Origin, ...]:
    found: dict[tuple[str, str, str, str], Origin] = {}
    for origin in origins:
        found.setdefault((origin.op, origin.node, origin.layer, origin.line), origin)
    distinct = tuple(found.values())
    return distinct if len(distinct) <= MAX_ORIGINS else (*distinct[: MAX_ORIGINS - 1], distinct[-1])
