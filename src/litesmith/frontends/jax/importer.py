"""Walks a jaxpr once, in order, and lowers every equation the outputs need.

Calls are inlined. What cannot be lowered is noted and an unknown value of its type stands in for it, so that one import
reports every problem of the function.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast, overload

import numpy as np

from litesmith.decompositions.shapes import broadcast_to
from litesmith.errors import ConverterError, UnsupportedError
from litesmith.frontends.frame import POISON, Import, Place, Poison
from litesmith.frontends.jax.live import Atom, Aval, ElementType, Equation, Jaxpr, OpenJaxpr, open_up
from litesmith.frontends.jax.registry import Lowering
from litesmith.frontends.jax.types import Complex, Item, Results, Tensor, aval_dims, constant_of, is_key, tensor_type
from litesmith.ir import Builder, Dim, DType, Origin, Sym, Value
from litesmith.ir.budget import spend_call
from litesmith.ir.constant import Array
from litesmith.ir.dims import symbol_names

MAX_DEPTH = 200


@dataclass
class Session(Import):
    """State of one import that all graphs share.

    names: of closed-over arrays, by identity; constants: made of them, by identity (``kept`` keeps them alive); cases:
    lowerings of primitives for real and for complex operands.
    """

    lowerings: Mapping[str, Lowering[..., Results]]
    complex_lowerings: Mapping[str, Lowering[..., Results]]
    refused: Mapping[str, tuple[str, str]]
    names: dict[int, str] = field(default_factory=dict)
    constants: dict[tuple[int, str], Tensor] = field(default_factory=dict)
    kept: list[object] = field(default_factory=list)
    keep_composites: Sequence[str] = field(default=(), kw_only=True)
    """Patterns of names of composites that stay operators of their own."""
    layer_of: Callable[[str], str] = field(default=lambda scope: scope, kw_only=True)
    called: set[Hashable] = field(default_factory=set, kw_only=True)
    """The functions that were inlined, by identity."""

    def constant(self, array: Array, dtype: ElementType) -> Tensor:
        """The constant of a closed-over array, one for each array. JAX may take it for a narrower type than it has."""
        key = id(array), str(dtype)
        if key not in self.constants:
            narrowed = array if array.dtype == dtype else np.asarray(array).astype(dtype)
            self.constants[key] = constant_of(narrowed, self.names.get(id(array), ""))
            self.kept.append(array)
        return self.constants[key]

    def constants_of(self, jaxpr: Jaxpr) -> list[Tensor]:
        """Those a jaxpr is closed over; an open one has none."""
        consts = getattr(jaxpr, "consts", None) or ()
        variables = open_up(jaxpr).constvars
        return [self.constant(_array(c), v.aval.dtype) for c, v in zip(consts, variables, strict=False)]


@dataclass
class Context(Place):
    """What a lowering may use besides its operands."""

    session: Session
    avals_in: Sequence[Aval] = ()
    avals_out: Sequence[Aval] = ()
    line: str = ""

    @property
    def aval(self) -> Aval:
        """Abstract value of the only result."""
        return self.avals_out[0]

    @property
    def dims(self) -> tuple[Dim, ...]:
        """Shape of the only result."""
        return aval_dims(self.avals_out[0])

    @property
    def dtype(self) -> DType:
        """Element type the only result travels as."""
        return tensor_type(self.avals_out[0]).dtype

    def call(self, jaxpr: Jaxpr, args: Sequence[Item]) -> list[Item]:
        """Inlines a jaxpr (open or closed) here and returns its results."""
        inner = open_up(jaxpr)
        if self.depth > MAX_DEPTH:
            raise UnsupportedError("calls are nested too deeply", "remove the recursion")
        spend_call(self.session.called, id(inner), len(inner.eqns))
        deeper = replace(self, depth=self.depth + 1)
        return import_jaxpr(deeper, inner, self.session.constants_of(jaxpr), args)

    def unknown_sizes(self, functions: Sequence[Jaxpr]) -> set[str]:
        """Names of all unknown sizes that occur in the shapes of these jaxprs, called ones included."""
        names: set[str] = set()
        queue = [open_up(f) for f in functions]
        for jaxpr in queue:
            for eqn in jaxpr.eqns:
                for atom in (*eqn.invars, *eqn.outvars):
                    for dim in aval_dims(atom.aval) if hasattr(atom.aval, "shape") else ():
                        names.update(symbol_names(dim))
                for param in eqn.params.values():
                    inner = param if isinstance(param, (tuple, list)) else (param,)
                    queue.extend(open_up(p) for p in inner if hasattr(open_up(p), "eqns"))
        return names

    @overload
    def expand(self, value: Value, aval: Aval) -> Value: ...
    @overload
    def expand(self, value: Tensor, aval: Aval) -> Tensor: ...
    def expand(self, value: Tensor, aval: Aval) -> Tensor:
        """The value broadcast to its full shape."""
        return expand(self.b, value, aval)


def _array(value: object) -> Array:
    return cast(Array, value) if hasattr(value, "dtype") else np.asarray(value)


def expand(b: Builder, value: Tensor, aval: Aval) -> Tensor:
    """A value broadcast to the full shape of its abstract value."""
    if isinstance(value, Complex):
        return value.each(lambda part: _expand(b, part, aval))
    return _expand(b, value, aval)


def _expand(b: Builder, value: Value, aval: Aval) -> Value:
    dims = aval_dims(aval)
    return value if value.type.shape == dims else broadcast_to(b, value, dims)


def import_jaxpr(context: Context, jaxpr: OpenJaxpr, consts: Sequence[Item], args: Sequence[Item]) -> list[Item]:
    """Lowers the equations of an open jaxpr and returns the values of its outputs (`POISON` for what failed)."""
    env: dict[Atom, Item] = dict(zip(jaxpr.constvars, consts, strict=True))
    env.update(zip(jaxpr.invars, args, strict=True))

    def read(atom: Atom) -> Item:
        if hasattr(atom, "val"):
            return constant_of(np.asarray(atom.val, atom.aval.dtype))
        return env[atom]

    for eqn in _needed_equations(jaxpr):
        env.update(zip(eqn.outvars, import_equation(context, eqn, read), strict=True))
    return [read(v) for v in jaxpr.outvars]


_IGNORED_EFFECTS = frozenset({"debug_callback", "debug_print"})


def _needed_equations(jaxpr: OpenJaxpr) -> list[Equation]:
    """The equations the outputs depend on, and those with effects, in order."""
    live = {v for v in jaxpr.outvars if not hasattr(v, "val")}
    kept = []
    for eqn in reversed(jaxpr.eqns):
        has_effect = bool(eqn.effects) and eqn.primitive.name not in _IGNORED_EFFECTS
        if has_effect or any(v in live for v in eqn.outvars):
            kept.append(eqn)
            live.update(a for a in eqn.invars if not hasattr(a, "val"))
    return kept[::-1]


# -- one equation -----------------------------------------------------------------------------------------------------


def import_equation(context: Context, eqn: Equation, read: Callable[[Atom], Item]) -> Sequence[Item]:
    """The results of an equation; ``read`` gives its operands. What stands in the way is noted (see `stand_in`)."""
    layer = _join(context.layer, str(eqn.source_info.name_stack))
    line = source_line(eqn) or context.line
    path = context.session.layer_of(layer)
    origin = Origin(f"jax.{eqn.primitive.name}", eqn.primitive.name, path, line)
    inner = replace(
        context,
        avals_in=[a.aval for a in eqn.invars],
        avals_out=[v.aval for v in eqn.outvars],
        layer=layer,
        line=line,
    )
    with context.b.at(origin):
        try:
            operands = [read(a) for a in eqn.invars]
            tensors = [v for v in operands if not isinstance(v, Poison)]
            if len(tensors) < len(operands):
                return [stand_in(v.aval) for v in eqn.outvars]
            return lower_primitive(inner, eqn.primitive.name, eqn.params, tensors)
        except ConverterError as error:
            context.session.note(error, origin)
            return [stand_in(v.aval) for v in eqn.outvars]


def stand_in(aval: Aval) -> Item:
    """An unknown value in place of what could not be made; `POISON` where no tensor is of its type."""
    try:
        made = [Value(tensor_type(aval)) for _ in range(1 + _is_complex(aval))]
    except (ConverterError, AttributeError, TypeError, ValueError):
        return POISON
    return Complex(*made) if len(made) == 2 else made[0]


def _join(outer: str, inner: str) -> str:
    return "/".join(part for part in (outer, inner) if part)


def source_line(eqn: Equation) -> str:
    """The user's line an equation comes from (``model.py:41``), empty where JAX does not know."""
    from jax.extend.source_info_util import summarize

    text = str(summarize(eqn.source_info))
    found = re.match(r"(?:.*[/\\])?([^/\\]+?):(\d+)", text)
    return f"{found[1]}:{found[2]}" if found else ""


def lower_primitive(context: Context, name: str, params: Mapping[str, object], operands: Sequence[Tensor]) -> list[Item]:
    """The results of a primitive whose operands and results have the context's abstract values.

    Operands may still have to be broadcast to theirs, and so may results. Raises UnsupportedError where the primitive
    has no lowering, and AssertionError where a lowering makes another type than it should.
    """
    lowering = context.session.lowerings.get(name)
    if lowering is not None and lowering.complex is None:
        return _apply(context, lowering, name, params, operands)
    is_complex = any(isinstance(v, Complex) for v in operands) or any(_is_complex(a) for a in context.avals_out)
    table = context.session.complex_lowerings if is_complex else context.session.lowerings
    lowering = table.get(name)
    if lowering is None and is_complex and name in context.session.lowerings and _works_in_parts(name):
        return _in_parts(context, context.session.lowerings[name], name, params, operands)
    if lowering is None:
        raise _refusal(context.session, name, is_complex)
    return _apply(context, lowering, name, params, operands)


def _is_complex(aval: Aval) -> bool:
    return not is_key(aval) and getattr(getattr(aval, "dtype", None), "kind", "") == "c"


def _refusal(session: Session, name: str, is_complex: bool) -> UnsupportedError:
    if is_complex and name in session.lowerings:
        return UnsupportedError(
            f"{name} of complex numbers has no lowering", "write it with real and imaginary parts", code="LS010"
        )
    reason, fix = session.refused.get(
        name,
        ("has no lowering to built-in operators", "replace the operation, or add a lowering (docs/add-an-op.md)"),
    )
    return UnsupportedError(reason, fix, code="LS010")


def _apply(
    context: Context, lowering: Lowering[..., Results], name: str, params: Mapping[str, object], operands: Sequence[Tensor]
) -> list[Item]:
    empty = _empty_results(context)
    if empty is not None:
        return empty
    if not lowering.broadcasts:
        operands = [context.expand(v, a) for v, a in zip(operands, context.avals_in, strict=True)]
    positional = lowering.bind_inputs(operands)
    keywords = lowering.bind_attrs(params)
    made = lowering.function(context if lowering.parameters.wants_context else context.b, *positional, **keywords)
    results = list(made) if isinstance(made, Sequence) else [made]
    if len(results) != len(context.avals_out):
        raise AssertionError(f"{name} made {len(results)} results, expected {len(context.avals_out)}")
    for value, aval in zip(results, context.avals_out, strict=True):
        _check_result(name, value, aval)
    return results


def _empty_results(context: Context) -> list[Item] | None:
    """Results without elements, whatever computes them; None where some have elements."""
    shapes = [aval_dims(a) if hasattr(a, "shape") else () for a in context.avals_out]
    if not shapes or not all(0 in dims and all(isinstance(d, int) for d in dims) for dims in shapes):
        return None
    made = [
        Value.constant(np.zeros(d, tensor_type(a).dtype.numpy)) for d, a in zip(shapes, context.avals_out, strict=True)
    ]
    return [Complex(v, v) if _is_complex(a) else v for v, a in zip(made, context.avals_out, strict=True)]


def _check_result(name: str, value: Item, aval: Aval) -> None:
    """A result has the type its abstract value says, broadcasting aside. A mismatch is a defect of the lowering."""
    if isinstance(value, Poison) or not hasattr(aval, "shape"):
        return
    expected = tensor_type(aval)
    for part in (value.real, value.imag) if isinstance(value, Complex) else (value,):
        fits = part.type.dtype is expected.dtype and _broadcasts_to(part.dims, expected.dims)
        if not fits:
            raise AssertionError(f"{name} made {part.type}, expected {expected}")
    if isinstance(value, Value) and value.op is not None and not value.name:
        value.name = name


def _broadcasts_to(dims: Sequence[Dim], full: Sequence[Dim]) -> bool:
    """Whether a shape may stand for another: sizes that differ are 1, or not known."""
    if len(dims) not in (0, len(full)):
        return False
    return all(d in (1, f) or isinstance(d, Sym) or isinstance(f, Sym) for d, f in zip(dims, full, strict=False))


# -- complex numbers, part by part ------------------------------------------------------------------------------------

_PARTWISE = frozenset(
    """add sub neg add_any broadcast_in_dim reshape squeeze transpose rev concatenate slice dynamic_slice
    dynamic_update_slice gather reduce_sum cumsum copy select_n split expand_dims device_put scatter-add stack unstack
    optimization_barrier copy_p stop_gradient tile pad scatter scatter_add scatter-sub scatter_sub""".split()
)


def _works_in_parts(name: str) -> bool:
    return name in _PARTWISE


def _in_parts(
    context: Context, lowering: Lowering[..., Results], name: str, params: Mapping[str, object], operands: Sequence[Tensor]
) -> list[Item]:
    """A linear primitive, applied to the real and to the imaginary parts."""
    made = [
        _apply(context, lowering, name, params, [getattr(v, part) if isinstance(v, Complex) else v for v in operands])
        for part in ("real", "imag")
    ]
    return [Complex(real, imag) for real, imag in zip(*made, strict=True)]
