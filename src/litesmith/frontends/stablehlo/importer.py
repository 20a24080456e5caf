"""Walks a StableHLO module once, in order, and lowers every operation the results need.

Functions are inlined where they are called. Most operations are primitives of JAX under another name, and are lowered
by `Context.primitive` as those are. Sizes the module does not know come from the values themselves: every value is
bound to the shape it has here, symbols included, so that the arithmetic a polymorphic module does on its dimensions
vanishes. What cannot be lowered is noted and its dependants skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, overload

import numpy as np

from litesmith.decompositions.shapes import equal_dims, shape_vector, size_value
from litesmith.errors import ConverterError, UnsupportedError
from litesmith.frontends.frame import POISON, Poison
from litesmith.frontends.jax import importer as jax_importer
from litesmith.frontends.jax.live import Aval as JaxAval
from litesmith.frontends.jax.live import ElementType, Equation, Jaxpr
from litesmith.frontends.jax.types import Complex, Item, Tensor, constant_of
from litesmith.frontends.stablehlo.attributes import Type
from litesmith.frontends.stablehlo.interpreter import evaluate
from litesmith.frontends.stablehlo.module import Function, Location, Module, Operation, Region, Variable
from litesmith.frontends.stablehlo.registry import Lowering
from litesmith.ir import Builder, Dim, DType, Origin, Sym, Value
from litesmith.ir.budget import spend_call
from litesmith.ir.constant import Array
from litesmith.ir.dims import symbol_names

MAX_DEPTH = 64
"""Calls nested deeper than this are refused (the module is recursive or hostile)."""


@dataclass(frozen=True)
class Aval:
    """What is known of a value here: its shape, unknown sizes as symbols, and its element type in the module."""

    shape: tuple[Dim, ...]
    dtype: Any


Held: TypeAlias = Item | Array | None
"""What stands for a value: an array where its element type is one no kernel takes; nothing
for a token."""


@dataclass(frozen=True)
class Bound:
    """A value and its `Aval`; the value may still have to be broadcast to it."""

    value: Held
    aval: Aval


Results: TypeAlias = Bound | Held | Sequence[Bound | Held]
"""What a lowering gives: results that are whole, or bound to a shape; one, several or none."""


@dataclass
class Session(jax_importer.Session):
    """State of one import: that of JAX's, the module, and the lowerings of its operations."""

    module: Module = field(default_factory=lambda: Module({}))
    own_lowerings: Mapping[str, Lowering[..., Results]] = field(default_factory=dict)
    own_refused: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(eq=False)
class Closure:
    """A region as a function: of the ``live`` values it captures, then of its arguments.

    fixed: captured values that need not be passed, being constants or computed from sizes. made: shapes of its results,
    once it was called.
    """

    region: Region
    live: Sequence[Variable]
    live_values: Sequence[Tensor]
    fixed: Mapping[Variable, Bound]
    dtypes: Mapping[Variable, ElementType]
    expected: Sequence[Aval] | None = None
    made: list[Aval] = field(default_factory=list)

    @property
    def eqns(self) -> Sequence[Equation]:
        return ()

    @property
    def invars(self) -> list[Variable]:
        return [*self.live, *self.region.arguments]

    @property
    def outvars(self) -> list[Variable]:
        return self.region.results


@dataclass
class Context(jax_importer.Context):
    """What a lowering may use besides its operands; for the lowerings of JAX primitives it is a context of theirs."""

    avals_in: Sequence[Aval] = ()
    avals_out: Sequence[Aval] = ()
    env: Mapping[Variable, Bound] = field(default_factory=dict)
    operation: Operation | None = None

    @property
    def aval(self) -> Aval:
        """What is known of the only result."""
        return self.avals_out[0]

    @property
    def stable(self) -> Session:
        """The session, which knows the module."""
        assert isinstance(self.session, Session)
        return self.session

    @property
    def result_types(self) -> list[Type]:
        """The types of the operation's results as the module has them."""
        assert self.operation is not None
        return [v.type for v in self.operation.results]

    def primitive(self, name: str, operands: Sequence[Tensor], **params: object) -> Item:
        """The result of a JAX primitive of the operation's own operands and result types."""
        (made,) = self.lower(name, operands, **params)
        return made

    def lower(self, name: str, operands: Sequence[Tensor], **params: object) -> list[Item]:
        """The results of a JAX primitive, as a list."""
        return jax_importer.lower_primitive(self, name, params, operands)

    def reorder(self, order: Sequence[int]) -> Context:
        """The same place with the operands in another order, or only some of them."""
        return replace(self, avals_in=[self.avals_in[i] for i in order])

    def first(self, count: int) -> Context:
        """The same place with the first operands only."""
        return self.reorder(range(count))

    def of(self, operands: Sequence[Aval], results: Sequence[Aval]) -> Context:
        """The same place with other abstract values, for primitives of other operands."""
        return replace(self, avals_in=list(operands), avals_out=list(results))

    def whole(self, bound: Bound) -> Held:
        """The value broadcast to its shape."""
        value = bound.value
        return self.expand(value, bound.aval) if isinstance(value, (Value, Complex)) else value

    def inline(self, function: Function, args: Sequence[Bound]) -> list[Bound]:
        """The results of a function called here."""
        if self.depth > MAX_DEPTH:
            raise UnsupportedError("calls are nested too deeply", "remove the recursion")
        if len(args) != len(function.body.arguments):
            raise UnsupportedError(f"{function.name} is called with {len(args)} arguments", "export the model again")
        env = dict(zip(function.body.arguments, args, strict=True))
        return import_region(replace(self, depth=self.depth + 1), function.body, env)

    def function(self, name: str) -> Function:
        """The function of this name. Raises UnsupportedError when the module has none."""
        found = self.stable.module.functions.get(name.lstrip("@"))
        if found is None:
            raise UnsupportedError(f"function {name!r} is not in the module", "export the model again")
        if not found.has_body:
            raise UnsupportedError(f"function {name!r} has no body", "export the model again")
        return found

    def closure(
        self, region: Region, expected: Sequence[Aval] | None = None, captured: Sequence[Variable] | None = None
    ) -> Closure:
        """A region with what it captures here (or ``captured``); ``expected``: the shapes its results must have."""
        bound = {v: self.env[v] for v in (region.captured if captured is None else captured)}
        fixed = {v: b for v, b in bound.items() if _is_fixed(b)}
        live = [v for v in bound if v not in fixed]
        dtypes = {v: bound[v].aval.dtype for v in live}
        return Closure(region, live, tensors_of(self.whole(bound[v]) for v in live), fixed, dtypes, expected)

    def call(self, jaxpr: Jaxpr | Closure, args: Sequence[Item]) -> list[Item]:
        """The results of a closure, whole; jaxprs of JAX itself are inlined as there."""
        if not isinstance(jaxpr, Closure):
            return super().call(jaxpr, args)
        env = {v: _renew(self.b, b) for v, b in jaxpr.fixed.items()}
        for variable, value in zip(jaxpr.invars, args, strict=True):
            env[variable] = Bound(value, aval_of(value, jaxpr.dtypes.get(variable, variable.type.dtype)))
        made = import_region(replace(self, depth=self.depth + 1), jaxpr.region, env)
        values = items_of(map(self.whole, made))
        jaxpr.made = [b.aval for b in made]
        if jaxpr.expected is not None and POISON not in values:
            require_same_shapes(jaxpr.made, jaxpr.expected, "a loop changes the shape of its variable")
        return values

    @overload
    def expand(self, value: Value, aval: JaxAval) -> Value: ...
    @overload
    def expand(self, value: Tensor, aval: JaxAval) -> Tensor: ...
    def expand(self, value: Tensor, aval: JaxAval) -> Tensor:
        """The value broadcast to its full shape; as it is where the module does not say the shape."""
        known = not any(d == UNRESOLVED for d in aval.shape)
        return jax_importer.expand(self.b, value, aval) if known else value

    def unknown_sizes(self, functions: Sequence[Jaxpr | Closure]) -> set[str]:
        """Names of the sizes that closures compute with."""
        names: set[str] = set()
        for function in functions:
            assert isinstance(function, Closure)
            for bound in function.fixed.values():
                known = bound.value.sym if isinstance(bound.value, Value) and not bound.value.is_const else None
                for element in () if known is None else known.flat:
                    names.update(symbol_names(element))
        return names


def items_of(values: Iterable[Held]) -> list[Item]:
    """Values that may travel through a subgraph. Raises UnsupportedError for a constant that no kernel takes."""
    return [_item(v) for v in values]


def _item(value: Held) -> Item:
    if isinstance(value, (Value, Complex, Poison)):
        return value
    raise UnsupportedError("a token or a uint64 constant goes through a subgraph", "use 32-bit integers there")


def tensors_of(values: Iterable[Held]) -> list[Tensor]:
    """The same for values that could all be made."""
    return [v for v in items_of(values) if not isinstance(v, Poison)]


UNRESOLVED = Sym.named("unresolved")
"""Stands for a size that the module does not say and that is not known before the operation is lowered."""


def require_same_shapes(got: Sequence[Aval], expected: Sequence[Aval], reason: str) -> None:
    """Raises UnsupportedError where shapes are not certainly the same."""
    for mine, theirs in zip(got, expected, strict=True):
        same = len(mine.shape) == len(theirs.shape)
        if not same or not all(equal_dims(m, t) for m, t in zip(mine.shape, theirs.shape, strict=True)):
            raise UnsupportedError(f"{reason}: {theirs.shape} and {mine.shape}", "use fixed shapes")


def aval_of(value: Held, dtype: ElementType) -> Aval:
    """The abstract value of a whole value."""
    part = value.real if isinstance(value, Complex) else value
    return Aval(part.dims if isinstance(part, Value) else (), dtype)


def _is_fixed(bound: Bound) -> bool:
    value = bound.value
    if isinstance(value, Complex):
        return value.real.is_const and value.imag.is_const
    return not isinstance(value, Value) or value.is_const or _is_size(value)


def _is_size(value: Value) -> bool:
    """Whether every element is a known expression of sizes."""
    return value.sym is not None and value.rank <= 1 and value.type.dtype is DType.INT32


def _renew(b: Builder, bound: Bound) -> Bound:
    """A fixed value for another graph."""
    value = bound.value
    if not isinstance(value, Value) or value.is_const or value.sym is None:
        return bound
    elements = list(value.sym.flat)
    made = shape_vector(b, elements) if value.rank else size_value(b, elements[0])
    return Bound(made, bound.aval)


# -- regions ----------------------------------------------------------------------------------------------------------


def import_region(context: Context, region: Region, env: dict[Variable, Bound]) -> list[Bound]:
    """Lowers the operations of a region and returns its results (values `POISON` for what failed)."""
    spend_call(context.stable.called, id(region), len(region.operations))
    inner = replace(context, env=env)
    for operation in needed_operations(region):
        env.update(zip(operation.results, _import_operation(inner, operation), strict=True))
    return [env[v] for v in region.results]


_WITHOUT_EFFECT = frozenset({"shape_assertion", "Sharding", "annotate_device_placement"})


def _has_effect(operation: Operation) -> bool:
    if operation.name != "stablehlo.custom_call":
        return operation.name in ("stablehlo.outfeed", "stablehlo.send")
    target = operation.attrs.get("call_target_name")
    return bool(operation.attrs.get("has_side_effect")) and target not in _WITHOUT_EFFECT


def needed_operations(region: Region) -> list[Operation]:
    """The operations the results depend on, and those with effects, in order."""
    live = set(region.results)
    kept = []
    for operation in reversed(region.operations):
        if _has_effect(operation) or any(v in live for v in operation.results):
            kept.append(operation)
            live.update(operation.operands)
            live.update(v for r in operation.regions for v in r.captured)
    return kept[::-1]


# -- one operation ----------------------------------------------------------------------------------------------------


def _import_operation(context: Context, operation: Operation) -> list[Bound]:
    place = Location(operation.location.stack or context.layer, operation.location.line or context.line)
    origin = Origin(operation.name, _node(operation, place), layer_of(place.stack), place.line)
    operands = [context.env[v] for v in operation.operands]
    captured = [context.env[v] for r in operation.regions for v in r.captured]
    if any(o.value is POISON for o in (*operands, *captured)):
        return _stand_ins(operation, operands)
    here = replace(
        context,
        operation=operation,
        layer=place.stack,
        line=place.line,
        avals_in=[o.aval for o in operands],
        avals_out=[_expected_aval(v.type, operands) for v in operation.results],
    )
    with context.b.at(origin):
        try:
            return _lower(here, operation, operands)
        except ConverterError as error:
            context.session.note(error, origin)
            return _stand_ins(operation, operands)


def _stand_ins(operation: Operation, operands: Sequence[Bound]) -> list[Bound]:
    """Unknown values in place of what could not be made; `POISON` where the module does not say of what shape."""
    avals = [_expected_aval(v.type, operands) for v in operation.results]
    known = [a.dtype is not None and UNRESOLVED not in a.shape for a in avals]
    return [
        Bound(jax_importer.stand_in(a), a) if is_known else Bound(POISON, Aval((), None))
        for a, is_known in zip(avals, known, strict=True)
    ]


def _node(operation: Operation, place: Location) -> str:
    return place.stack.rsplit("/", 1)[-1] or operation.name.rsplit(".", 1)[-1]


def layer_of(stack: str) -> str:
    """The layer path in a name stack: without the functions that are compiled, and without the primitive."""
    *path, _ = stack.split("/") if stack else [""]
    return "/".join(p for p in path if not re.fullmatch(r"(jit|pjit|jvp|transpose|vmap|checkpoint|remat)\(.*\)", p))


def _expected_aval(declared: Type, operands: Sequence[Bound]) -> Aval:
    """What is known of a result before it is made: unknown sizes are those of operands of the same rank, if any."""
    shape: list[Dim] = []
    for axis, size in enumerate(declared.shape):
        same = [o.aval.shape[axis] for o in operands if len(o.aval.shape) == len(declared.shape)]
        fixed = [d for d in same if isinstance(d, int)]
        shape.append(size if size is not None else next(iter([*fixed, *same]), UNRESOLVED))
    return Aval(tuple(shape), declared.dtype)


def find_lowering(session: Session, operation: Operation) -> tuple[str, Lowering[..., Results]]:
    """The lowering of an operation, and the name it has there. Raises UnsupportedError where there is none."""
    name = operation.name
    if name == "stablehlo.custom_call":
        name = f"@{operation.attrs.get('call_target_name')}"
    if name == "stablehlo.composite" and operation.attrs.get("name") in session.own_lowerings:
        name = str(operation.attrs["name"])
    lowering = session.own_lowerings.get(name)
    if lowering is None:
        what = "is a custom call nothing is known of" if name.startswith("@") else "has no lowering"
        reason, fix = session.own_refused.get(name, (f"{name.lstrip('@')} {what}", "replace the operation"))
        raise UnsupportedError(reason, fix, code="LS010", op=name.replace("@", "custom_call "))
    return name, lowering


def _lower(context: Context, operation: Operation, operands: Sequence[Bound]) -> list[Bound]:
    host = _on_the_host(operation, operands)
    if host is not None:
        return [host]
    name, lowering = find_lowering(context.stable, operation)
    _require_types(operation)
    values = [o.value if lowering.broadcasts else context.whole(o) for o in operands]
    if not lowering.broadcasts:
        context.avals_out = [_unresolved_aval(v.type) for v in operation.results]
    attrs = operation.attrs
    if name == operation.attrs.get("name"):
        attrs = operation.attrs.get("composite_attributes") or {}
    keywords = lowering.bind_attrs({**attrs, "regions": operation.regions})
    made = lowering(
        context if lowering.parameters.wants_context else context.b, *lowering.bind_inputs(values), **keywords
    )
    results = list(made) if isinstance(made, Sequence) else [] if made is None else [made]
    if len(results) != len(operation.results):
        raise AssertionError(f"{name} made {len(results)} results, expected {len(operation.results)}")
    rows = zip(results, operation.results, context.avals_out, strict=True)
    return [_bound(name, r, v.type, aval) for r, v, aval in rows]


def _on_the_host(operation: Operation, operands: Sequence[Bound]) -> Bound | None:
    """A constant of an element type no kernel takes (an array in place of a value), or one computed from such."""
    types = [v.type for v in (*operation.operands, *operation.results)]
    if len(operation.results) != 1 or not any(t.dtype == np.uint64 for t in types):
        return None
    arrays = [a for a in map(_array, operands) if a is not None]
    if len(arrays) < len(operands):
        return None
    made = evaluate(operation, arrays)
    if made is None:
        return None
    declared = operation.results[0].type
    aval = Aval(tuple(made.shape), declared.dtype)
    return Bound(made if declared.dtype == np.uint64 else constant_of(np.ascontiguousarray(made)), aval)


def _array(bound: Bound) -> Array | None:
    """The elements of a constant in the module's element type, or None."""
    if isinstance(bound.value, np.ndarray):
        return bound.value
    if not isinstance(bound.value, Value) or not bound.value.is_small_const or bound.aval.dtype.kind not in "biu":
        return None
    shape = [d for d in bound.aval.shape if isinstance(d, int)]
    if len(shape) < len(bound.aval.shape):
        return None
    return np.broadcast_to(bound.value.numpy().astype(bound.aval.dtype), shape)


def _require_types(operation: Operation) -> None:
    for variable in operation.results:
        if variable.type.dtype is None and "token" not in variable.type.text and "tuple" not in variable.type.text:
            reason = f"the type {variable.type.text} is not taken by the kernels"
            raise UnsupportedError(reason, "export the model with float32 and integer tensors", code="LS012")


def _unresolved_aval(declared: Type) -> Aval:
    return Aval(tuple(UNRESOLVED if d is None else d for d in declared.shape), declared.dtype)


def _bound(name: str, made: Bound | Held, declared: Type, aval: Aval) -> Bound:
    """A result with its shape: as the module says, else as the lowering knows, else as the value has it."""
    if isinstance(made, Bound):
        return made
    if made is POISON or declared.dtype is None:
        return Bound(made, aval)
    whole = aval_of(made, declared.dtype).shape
    if len(whole) not in (0, len(aval.shape)):
        raise AssertionError(f"{name} made rank {len(whole)}, expected {declared.text}")
    given = whole or [UNRESOLVED] * len(aval.shape)
    shape = tuple(g if a == UNRESOLVED else a for a, g in zip(aval.shape, given, strict=True))
    if UNRESOLVED in shape:
        raise AssertionError(f"{name} made no shape for {declared.text}")
    return Bound(made, Aval(shape, declared.dtype))
