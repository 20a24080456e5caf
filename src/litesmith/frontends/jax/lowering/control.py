"""Calls, conditionals and loops."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

from litesmith.decompositions import rnn
from litesmith.decompositions.gather import select
from litesmith.decompositions.shapes import full, reshape, size_value
from litesmith.errors import UnsupportedError
from litesmith.frontends import plugins
from litesmith.frontends.frame import POISON, Poison
from litesmith.frontends.jax.importer import Context
from litesmith.frontends.jax.live import Atom, Aval, Jaxpr, Size, is_jaxpr, open_up
from litesmith.frontends.jax.lowering import resize, searching
from litesmith.frontends.jax.lowering.kept_composites import attributes_of, is_kept, keep
from litesmith.frontends.jax.registry import lowers
from litesmith.frontends.jax.types import Complex, Item, Tensor, dim_of, tensor_type
from litesmith.ir import Builder, DType, Graph, Sym, TensorType, Value


class HiPrimitive(Protocol):
    """A primitive that says itself which others it stands for."""

    in_tree: object
    expand: Callable[..., object]


class Groups(Protocol):
    """How the operands of a loop are grouped."""

    def unpack(self) -> Sequence[Sequence[object]]: ...


_JAXPRS = ("jaxpr", "call_jaxpr", "fun_jaxpr", "call")


@lowers(
    "jit",
    "pjit",
    "closed_call",
    "core_call",
    "call",
    "remat",
    "remat2",
    "checkpoint",
    "custom_jvp_call",
    "custom_jvp_call_jaxpr",
    "custom_vjp_call",
    "custom_vjp_call_jaxpr",
    "composite",
    "xla_call",
    "shard_map",
    "custom_vmap_call",
    "eval_jaxpr",
    broadcasts=True,
    complex=None,
)
def call(ctx: Context, args: list[Tensor], **params: object) -> list[Item]:
    """A call is inlined; a composite by its decomposition, resizes of images and searches as kernels that do it."""
    jaxpr = next((params[name] for name in _JAXPRS if params.get(name) is not None), None)
    if not is_jaxpr(jaxpr):
        raise UnsupportedError("a call whose jaxpr JAX does not provide", "use a supported version of JAX")
    lowering = plugins.registered_lowering(str(params.get("name", ""))) if _is_composite(params) else None
    if _is_composite(params) and is_kept(ctx, str(params.get("name", ""))):
        return keep(ctx, jaxpr, [ctx.expand(v, a) for v, a in zip(args, ctx.avals_in, strict=True)], params)
    if ctx.session.composite is not None or lowering is not None:
        full = [ctx.expand(v, a) for v, a in zip(args, ctx.avals_in, strict=True)]
        taken = _whole(ctx, lowering, full, params)
        if taken is not None:
            return list(taken)
    if params.get("name") in resize.NAMES:
        image = resize.lower_resize(ctx, jaxpr, args)
        if image is not None:
            return [image]
    if params.get("name") == searching.NAME:
        places = searching.lower_search(ctx, jaxpr, args)
        if places is not None:
            return [places]
    return ctx.call(jaxpr, args)


def _is_composite(params: Mapping[str, object]) -> bool:
    return "attributes" in params


def _whole(
    ctx: Context, lowering: plugins.Lowering | None, args: list[Tensor], params: Mapping[str, object]
) -> Sequence[Item] | None:
    """The results of a call that somebody lowers whole; None where nobody does."""
    name, attrs = str(params.get("name", "")), attributes_of(params)
    taken = ctx.session.composite(ctx.b, name, args, attrs) if ctx.session.composite is not None else None
    if taken is None and lowering is not None:
        taken = plugins.lower(lowering, ctx.b, name, args, attrs)
    return taken


@lowers("custom_lin")
def custom_lin(ctx: Context, args: list[Tensor]) -> list[Item]:
    raise UnsupportedError("a linear function is not evaluated", "convert the function, or jax.grad of it", code="LS010")


# -- what travels in and out of a subgraph ----------------------------------------------------------------------------


def _flat(values: Sequence[Item]) -> list[Value]:
    """Tensors of the values, complex ones as two."""
    return [p for v in values for p in _parts(v)]


def _parts(value: Item) -> tuple[Value, ...]:
    if isinstance(value, Complex):
        return value.real, value.imag
    assert isinstance(value, Value)
    return (value,)


def _like(values: Sequence[Item], tensors: Sequence[Value]) -> list[Tensor]:
    """Values of the same kinds made of other tensors."""
    source = iter(tensors)
    return [Complex(next(source), next(source)) if isinstance(v, Complex) else next(source) for v in values]


def _is_const(value: Item) -> bool:
    return all(v.is_const for v in _flat([value]))


def _expand_results(ctx: Context, values: Sequence[Item], avals: Sequence[Aval]) -> list[Item]:
    """Results of a subgraph in their full shapes."""
    return [v if isinstance(v, Poison) else ctx.expand(v, a) for v, a in zip(values, avals, strict=True)]


def _hidden_sizes(ctx: Context, jaxprs: Sequence[Jaxpr], values: Sequence[Item]) -> list[Value]:
    """Unknown sizes the subgraphs may need that no tensor passed in has: int32 scalars to pass in, too."""
    shown = {d for v in _flat(values) if not v.is_const for d in v.dims}
    needed = [Sym.named(n) for n in sorted(ctx.unknown_sizes(jaxprs)) if Sym.named(n) not in shown]
    return [size_value(ctx.b, n) for n in needed]


def _inner_inputs(graph: Graph, values: Sequence[Value]) -> list[Value]:
    """Inputs of a graph for these values; what is known of their elements is known inside."""
    made = []
    for value in values:
        inner = graph.add_input(value.type)
        if value.rank == 0 and value.sym is not None and isinstance(value.sym.item(), Sym):
            inner.sym = value.sym
        made.append(inner)
    return made


# -- conditionals -----------------------------------------------------------------------------------------------------


@lowers("cond", complex=None)
def cond(ctx: Context, index: Value, args: list[Tensor], *, branches: Sequence[Jaxpr]) -> Sequence[Item]:
    if index.is_const:
        chosen = min(max(int(index.numpy()), 0), len(branches) - 1)
        return ctx.call(branches[chosen], args)
    return _cond_from(ctx, index, args, branches, 0)


def _cond_from(ctx: Context, index: Value, args: list[Tensor], branches: Sequence[Jaxpr], first: int) -> Sequence[Item]:
    """An IF between the first of the remaining branches and the others; between those the other side chooses."""
    if first == len(branches) - 1:
        return ctx.call(branches[first], args)
    last_two = first == len(branches) - 2
    live = [a for a in args if not _is_const(a)]
    sizes = _hidden_sizes(ctx, branches[first:], live)
    passed = [*_flat(live), *sizes, *([] if last_two else [index])]

    def side(
        name: str, run: Callable[[Context, list[Tensor], Value | None], Sequence[Item]]
    ) -> tuple[Graph, list[Item]]:
        graph = ctx.session.new_graph(name)
        tensors = _inner_inputs(graph, passed)
        renewed = iter(_like(live, tensors))
        inner_args = [a if _is_const(a) else next(renewed) for a in args]
        inner = ctx.into(graph)
        results = _expand_results(inner, run(inner, inner_args, None if last_two else tensors[-1]), ctx.avals_out)
        if all(r is not POISON for r in results):
            graph.outputs = _flat(results)
        return graph, results

    low, low_results = side(f"branch_{first}", lambda c, a, i: c.call(branches[first], a))
    high, high_results = side(
        f"branches_from_{first + 1}",
        lambda c, a, i: c.call(branches[first + 1], a) if i is None else _cond_from(c, i, a, branches, first + 1),
    )
    if any(r is POISON for r in (*low_results, *high_results)):
        return [POISON] * len(ctx.avals_out)
    condition = _beyond(ctx.b, index, first)
    types = [v.type for v in _flat(high_results)]
    results = ctx.b.emit(
        ctx.session.opset["IF"], [condition, *passed], result_types=types, then_subgraph=high, else_subgraph=low
    )
    return _like(high_results, results)


def _beyond(b: Builder, index: Value, first: int) -> Value:
    """Whether the index is above ``first``; the bool itself where the index is made of one."""
    below = index.op
    if first == 0 and below is not None and below.name == "CAST" and below["x"].type.dtype is DType.BOOL:
        return below["x"]
    if index.type.dtype is DType.BOOL:
        return index
    return b.greater(index, b.constant(np.array(first, index.type.dtype.numpy)))


# -- loops ------------------------------------------------------------------------------------------------------------


@lowers("while", complex=None)
def while_(
    ctx: Context, args: list[Tensor], *, cond_jaxpr: Jaxpr, body_jaxpr: Jaxpr, cond_nconsts: int, body_nconsts: int
) -> Sequence[Item]:
    """Of a loop mapped over a batch, each element stays as it is from where its own condition is false."""
    cond_consts, body_consts = args[:cond_nconsts], args[cond_nconsts : cond_nconsts + body_nconsts]
    init = args[cond_nconsts + body_nconsts :]
    outer = [*cond_consts, *body_consts]
    live = [v for v in outer if not _is_const(v)]
    carried = _flat(init)
    sizes = _hidden_sizes(ctx, [cond_jaxpr, body_jaxpr], [*init, *live])
    state = [*carried, *_flat(live), *sizes]
    failed = False
    decided = getattr(_outvars(cond_jaxpr)[0], "aval", None)  # conditions of StableHLO are scalars
    batched = decided is not None and bool(decided.shape)

    def bind(tensors: list[Value]) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Constants of the condition and the body, and the loop's variables."""
        _know_sizes(tensors[len(carried) :], state[len(carried) :])
        renewed = iter(_like(live, tensors[len(carried) : len(state) - len(sizes)]))
        consts = [v if _is_const(v) else next(renewed) for v in outer]
        variables = _like(init, tensors[: len(carried)])
        for i in _unchanged_variables(body_jaxpr, body_nconsts):
            mine, theirs = variables[i], init[i]
            if isinstance(mine, Value) and isinstance(theirs, Value):
                _know_sizes([mine], [theirs])
        return consts[:cond_nconsts], consts[cond_nconsts:], variables

    def condition(b: Builder, tensors: list[Value]) -> Value:
        nonlocal failed
        consts, _, variables = bind(tensors)
        (made,) = _at(ctx, b).call(cond_jaxpr, [*consts, *variables])
        failed = failed or made is POISON
        return _any(b, made) if isinstance(made, Value) else b.constant(np.array(False))

    def body(b: Builder, tensors: list[Value]) -> list[Value]:
        nonlocal failed
        cond_values, consts, variables = bind(tensors)
        inner = _at(ctx, b)
        made = _expand_results(inner, inner.call(body_jaxpr, [*consts, *variables]), ctx.avals_out)
        failed = failed or any(v is POISON for v in made)
        if batched and not failed:
            (goes_on,) = _flat(inner.call(cond_jaxpr, [*cond_values, *variables]))
            following = zip(_flat(made), _flat(variables), strict=True)
            return [*(_select_going_on(b, goes_on, new, old) for new, old in following), *tensors[len(carried) :]]
        return [*(tensors[: len(carried)] if failed else _flat(made)), *tensors[len(carried) :]]

    results = rnn.loop(ctx.b, condition, body, state, ctx.session.new_graph("while").name)
    if failed:
        return [POISON] * len(init)
    return _like(init, results[: len(carried)])


def _any(b: Builder, condition: Value) -> Value:
    """Whether any element of a batch goes on."""
    return b.reduce_any(condition, np.arange(condition.rank, dtype=np.int32)) if condition.rank else condition


def _select_going_on(b: Builder, goes_on: Value, new: Value, old: Value) -> Value:
    """The new elements of a batch where they go on, else the old ones; the batch's dimensions are the first."""
    return select(b, reshape(b, goes_on, [*goes_on.dims, *[1] * (new.rank - goes_on.rank)]), new, old)


def _unchanged_variables(body_jaxpr: Jaxpr, consts: int) -> list[int]:
    """The variables of a loop that its body hands on as they are."""
    inner = open_up(body_jaxpr)
    return [i for i, (x, y) in enumerate(zip(inner.invars[consts:], inner.outvars, strict=True)) if x is y]


def _at(ctx: Context, b: Builder) -> Context:
    """The same place with another builder."""
    inner = ctx.into(b.graph)
    inner.b = b
    return inner


def _know_sizes(inner: Sequence[Value], outer: Sequence[Value]) -> None:
    """Sizes passed in as scalars are known inside as what they are outside."""
    for mine, theirs in zip(inner, outer, strict=True):
        if theirs.rank == 0 and theirs.sym is not None and isinstance(theirs.sym.item(), Sym):
            mine.sym = theirs.sym


@lowers("call_hi_primitive", broadcasts=True, complex=None)
def call_hi_primitive(ctx: Context, args: list[Tensor], *, _prim: HiPrimitive) -> list[Item]:
    """A primitive that says itself which others it stands for."""
    import jax

    specs = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in ctx.avals_in]
    inner = jax.tree_util.tree_unflatten(_prim.in_tree, specs)
    return ctx.call(jax.make_jaxpr(_prim.expand)(*inner), args)


@lowers("scan", complex=None)
def scan(
    ctx: Context,
    args: list[Tensor],
    *,
    jaxpr: Jaxpr,
    length: Size,
    reverse: bool,
    num_consts: int = 0,
    num_carry: int = 0,
    ft_in: Groups | None = None,
) -> list[Item]:
    """Newer versions of JAX say how the operands are grouped (constants, carry, rows), older ones how many there are."""
    if ft_in is not None:
        num_consts, num_carry, _ = (len(group) for group in ft_in.unpack())
    consts, init = args[:num_consts], args[num_consts : num_consts + num_carry]
    xs = args[num_consts + num_carry :]
    steps = dim_of(length)
    if steps == 1:
        return _scan_once(ctx, consts, init, xs, jaxpr)
    if steps == 0:
        return [*init, *(_nothing(ctx, a) for a in ctx.avals_out[num_carry:])]
    live = [v for v in consts if not _is_const(v)]
    sizes = _hidden_sizes(ctx, [jaxpr], [*init, *live, *xs])
    carry_avals = ctx.avals_out[:num_carry]
    row_avals = [v.aval for v in _outvars(jaxpr)[num_carry:]]
    kinds = _kinds(row_avals)
    captured = [*_flat(live), *sizes]
    failed = False

    def step(b: Builder, index: Value, carry: list[Value], inputs: list[Value]) -> tuple[list[Value], list[Value]]:
        nonlocal failed
        inner = _at(ctx, b)
        rows = _like(xs, inputs)
        _know_sizes(inputs[len(_flat(xs)) :], captured)
        renewed = iter(_like(live, inputs[len(_flat(xs)) :]))
        bound = [v if _is_const(v) else next(renewed) for v in consts]
        made = inner.call(jaxpr, [*bound, *_like(init, carry), *rows])
        if any(v is POISON for v in made):
            failed = True
            return carry, [b.constant(np.zeros((), t.dtype.numpy)) for t in kinds]
        made = _expand_results(inner, made, [*carry_avals, *row_avals])
        return _flat(made[:num_carry]), _flat(made[num_carry:])

    name = ctx.session.new_graph("scan").name
    carry, rows = rnn.scan(ctx.b, step, _flat(init), _flat(xs), steps, reverse, captured, name, kinds)
    if failed:
        return [POISON] * len(ctx.avals_out)
    return [*_like(init, carry), *_by_kind(row_avals, rows)]


def _outvars(jaxpr: Jaxpr) -> Sequence[Atom]:
    return open_up(jaxpr).outvars


def _nothing(ctx: Context, aval: Aval) -> Tensor:
    """The rows of a loop of no steps."""
    declared = tensor_type(aval)
    empty = full(ctx.b, declared.dims, 0, declared.dtype)
    return Complex(empty, empty) if _is_complex(aval) else empty


def _kinds(avals: Sequence[Aval]) -> list[TensorType]:
    """Types of the tensors that carry these abstract values."""
    return [t for a in avals for t in [tensor_type(a)] * (2 if _is_complex(a) else 1)]


def _is_complex(aval: Aval) -> bool:
    return getattr(aval.dtype, "kind", "") == "c"


def _by_kind(avals: Sequence[Aval], tensors: Sequence[Value]) -> list[Item]:
    source = iter(tensors)
    return [Complex(next(source), next(source)) if _is_complex(a) else next(source) for a in avals]


def _scan_once(ctx: Context, consts: list[Tensor], init: list[Tensor], xs: list[Tensor], jaxpr: Jaxpr) -> list[Item]:
    """A loop of one step is the step."""

    rows = _like(xs, [reshape(ctx.b, x, x.dims[1:]) for x in _flat(xs)])
    made = ctx.call(jaxpr, [*consts, *init, *rows])
    if any(v is POISON for v in made):
        return [POISON] * len(ctx.avals_out)
    made = _expand_results(ctx, made, [v.aval for v in _outvars(jaxpr)])
    stacked = [reshape(ctx.b, v, [1, *v.dims]) for v in _flat(made[len(init) :])]
    return [*made[: len(init)], *_like(made[len(init) :], stacked)]
