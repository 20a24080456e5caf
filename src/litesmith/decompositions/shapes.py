"""Shapes as tensors: sizes read from live tensors, and the reshapes and broadcasts that need them.

A shape is a tuple of `Dim`. Where a dimension is unknown, the functions here take ``sources``: values whose shapes (or
known elements) the size may be read from. The graph's inputs and, at last, every value of the graph are tried too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir import Builder, Dim, DType, Sym, Value
from litesmith.ir.dims import Atom, substitute, symbol_names
from litesmith.ops.shape import constant_target

# -- sizes as tensors -------------------------------------------------------------------------------------------------


def shape_vector(b: Builder, dims: Sequence[Dim], *sources: Value) -> Value:
    """The shape as an int32 tensor of rank 1: a constant where it is static, else the fewest slices of live shapes.

    Raises UnsupportedError where an unknown size cannot be read from any value of the graph.
    """
    if not any(isinstance(d, Sym) for d in dims):
        return b.constant(np.array(dims, np.int32))
    pieces = list(_pieces(b, tuple(dims), sources))
    vector: Value = pieces[0] if len(pieces) == 1 else b.concatenation(*pieces, axis=0)
    return _known_sizes(vector, dims)


def size_value(b: Builder, dim: Dim, *sources: Value) -> Value:
    """One dimension as an int32 scalar."""
    if not isinstance(dim, Sym):
        return b.constant(np.array(dim, np.int32))
    found = _exact(b, dim, sources)
    scalar = found if found is not None else _compute_dim(b, dim, sources)
    scalar.sym = np.array(dim, dtype=object)
    return scalar


def dim_value(b: Builder, x: Value, axis: int) -> Value:
    """The size of one dimension of ``x`` as an int32 scalar."""
    return size_value(b, x.dims[axis], x)


def element_count(b: Builder, x: Value, dtype: DType = DType.INT32) -> Value:
    """The number of elements of ``x`` as a scalar of this type."""
    return cast(b, size_value(b, x.type.count, x), dtype)


def _known_sizes(vector: Value, dims: Sequence[Dim]) -> Value:
    elements = np.empty(len(dims), dtype=object)
    elements[:] = list(dims)
    vector.sym = elements
    return vector


def _pieces(b: Builder, dims: tuple[Dim, ...], sources: Sequence[Value]) -> Iterator[Value]:
    """Rank-1 tensors that together say the shape: runs of constants, runs sliced from one tensor's shape, sizes."""
    at = 0
    while at < len(dims):
        run = next((i for i in range(at, len(dims)) if isinstance(dims[i], Sym)), len(dims)) - at
        if run:
            yield b.constant(np.array(dims[at : at + run], np.int32))
        else:
            found = _longest_run(b, dims[at:], sources)
            run = found[2] if found is not None else 1
            yield _shape_slice(b, *found) if found is not None else vector_of(b, size_value(b, dims[at], *sources))
        at += run


def _longest_run(b: Builder, dims: tuple[Dim, ...], sources: Sequence[Value]) -> tuple[Value, int, int] | None:
    """(value, first axis, count) of the longest stretch of a shape that begins with these dimensions."""
    best: tuple[Value, int, int] | None = None
    for value in (*sources, *b.graph.inputs):
        shape = () if value.is_const else value.type.shape or ()
        for axis in range(len(shape)):
            count = 0
            while axis + count < len(shape) and count < len(dims) and shape[axis + count] == dims[count]:
                count += 1
            if count and (best is None or count > best[2]):
                best = (value, axis, count)
    return best


def _shape_slice(b: Builder, x: Value, axis: int, count: int) -> Value:
    shape: Value = b.shape(x, out_type=DType.INT32)
    if count == x.rank:
        return shape
    return b.strided_slice(shape, [axis], [axis + count], [1])


def vector_of(b: Builder, *scalars: Value) -> Value:
    """Scalars as the elements of a rank-1 tensor."""
    return b.reshape(scalars[0], [1]) if len(scalars) == 1 else b.pack(*scalars, axis=0)


def _element(b: Builder, vector: Value, index: int) -> Value:
    return b.strided_slice(vector, [index], [index + 1], [1], shrink_axis_mask=1)


def _values(b: Builder, sources: Sequence[Value]) -> Iterator[Value]:
    """Where a size may be read from, the likeliest and cheapest first."""
    yield from sources
    yield from b.graph.inputs
    op = b.before.prev if b.before is not None else next(b.graph.reversed_ops, None)
    while op is not None:
        yield from op.results
        op = op.prev


def _exact(b: Builder, dim: Sym, sources: Sequence[Value], everywhere: bool = False) -> Value | None:
    """The size read from a value that has it as a dimension or as a known element; None where none has."""
    for value in _values(b, sources) if everywhere else (*sources, *b.graph.inputs):
        if value.is_const or value.type.shape is None:
            continue
        if dim in value.type.shape:
            return _element(b, b.shape(value, out_type=DType.INT32), value.type.shape.index(dim))
        if value.sym is not None and value.rank <= 1 and dim in list(value.sym.flat):
            known = cast(b, value, DType.INT32)
            return known if value.rank == 0 else _element(b, known, list(value.sym.flat).index(dim))
    return None


def _compute_dim(b: Builder, dim: Sym, sources: Sequence[Value]) -> Value:
    """The size as arithmetic on others: a sum of products of atoms."""
    if len(dim.terms) == 1 and next(iter(dim.terms.items())) == (((_only_atom(dim), 1),), 1):
        return _atom(b, _only_atom(dim), sources)
    total: Value | None = None
    for monomial, coefficient in dim.terms.items():
        factors = [_atom(b, atom, sources) for atom, power in monomial for _ in range(power)]
        term = b.constant(np.array(coefficient, np.int32)) if coefficient != 1 or not factors else factors.pop()
        for factor in factors:
            term = b.mul(factor, term)
        total = term if total is None else b.add(total, term)
    assert total is not None
    return total


def _only_atom(dim: Sym) -> Atom | None:
    atoms = dim.atoms
    return next(iter(atoms)) if len(atoms) == 1 else None


def _atom(b: Builder, atom: Atom | None, sources: Sequence[Value]) -> Value:
    assert atom is not None
    symbol = Sym({((atom, 1),): 1})
    found = _exact(b, symbol, sources, everywhere=symbol.weight > _HEAVY)
    if found is None and not atom.args:
        found = _solve_for(b, atom, sources)
    if found is None and atom.args:
        return _apply_function(b, atom, sources)
    if found is None:
        found = _exact(b, symbol, sources, everywhere=True)
    if found is None:
        raise UnsupportedError(
            f"the size {atom} is needed as a number and no tensor here has it as a dimension",
            "give the inputs fixed shapes",
        )
    return found


def _solve_for(b: Builder, atom: Atom, sources: Sequence[Value]) -> Value | None:
    """A named size solved from a dimension ``c * name + k``."""
    for value in (*sources, *b.graph.inputs):
        for axis, dim in enumerate(value.type.shape or ()):
            if value.is_const or not isinstance(dim, Sym):
                continue
            scale, rest = dim.terms.get(((atom, 1),), 0), {m: c for m, c in dim.terms.items() if m != ((atom, 1),)}
            if scale and set(rest) <= {()}:
                size = b.sub(_element(b, b.shape(value, out_type=DType.INT32), axis), rest.get((), 0))
                return b.floor_div(size, scale) if scale != 1 else size
    return None


_HEAVY = 16
"""Names and calls of an expression that is rather looked for in the whole graph than computed."""

_OPERATORS = {"floordiv": "floor_div", "mod": "floor_mod", "max": "maximum", "min": "minimum"}


def _apply_function(b: Builder, atom: Atom, sources: Sequence[Value]) -> Value:
    def call(left: Value, right: Value) -> Value:
        if atom.name == "bcast":
            result: Value = b.select_v2(b.equal(left, 1), right, left)
        else:
            result = b.apply(_OPERATORS[atom.name], left, right)
        return result

    return reduce(call, [size_value(b, arg, *sources) for arg in atom.args])


# -- element types ----------------------------------------------------------------------------------------------------


def cast(b: Builder, x: Value, dtype: DType) -> Value:
    """``x`` in another element type (C's conversion, as CAST does it)."""
    if x.type.dtype is dtype:
        return x
    return b.cast(x, in_data_type=x.type.dtype, out_data_type=dtype)


def single(b: Builder, x: Value) -> Value:
    """Half floats (and integers) as float32.

    Raises UnsupportedError for float64 and complex numbers, which float32 cannot stand for.
    """
    if x.type.dtype.is_complex:
        raise UnsupportedError("complex operands have no kernel", "compute with the real and the imaginary part")
    if x.type.dtype is DType.FLOAT64 and not x.is_const:
        raise UnsupportedError("float64 has no kernels", "cast the operand to float32", code="LS012")
    return cast(b, x, DType.FLOAT32)


def bitcast(b: Builder, x: Value, dtype: DType) -> Value:
    """The same bits in another element type; of another width, the last dimension is split or joined."""
    if x.type.dtype is dtype:
        return x
    return b.bitcast(x, out_data_type=dtype)


# -- reshapes ---------------------------------------------------------------------------------------------------------


def reshape(b: Builder, x: Value, dims: Sequence[Dim], *sources: Value) -> Value:
    """``x`` in this shape; a constant target wherever at most one size is unknown."""
    dims = tuple(dims)
    if dims == x.type.shape:
        return x
    target = constant_target(dims)
    if target is None and _without_ones(dims) == _without_ones(x.dims):
        return _move_unit_dimensions(b, x, dims)
    vector = shape_vector(b, dims, x, *sources) if target is None else b.constant(np.array(target, np.int32))
    made: Value = b.reshape(x, vector)
    return with_dims(made, dims)


def _without_ones(dims: Sequence[Dim]) -> list[Dim]:
    return [d for d in dims if d != 1]


def _move_unit_dimensions(b: Builder, x: Value, dims: Sequence[Dim]) -> Value:
    """Dimensions of size 1 taken out by SQUEEZE and put in by EXPAND_DIMS, which need no shape."""
    gone, added, at = [], [], 0
    for axis, dim in enumerate(x.dims):
        while at < len(dims) and dims[at] == 1 and dim != 1:
            added.append(at)
            at += 1
        if dim == 1 and (at == len(dims) or dims[at] != 1):
            gone.append(axis)
        else:
            at += 1
    added += range(at, len(dims))
    if gone:
        x = b.squeeze(x, squeeze_dims=tuple(gone))
    for axis in added:
        x = b.expand_dims(x, np.array(axis, np.int32))
    return with_dims(x, dims)


def with_dims(value: Value, dims: Sequence[Dim]) -> Value:
    """The value, its type saying the sizes as the caller knows them (equal, maybe in another form)."""
    dims = tuple(dims)
    if value.is_const or value.type.shape == dims or value.op is None:
        return value
    if value.users or value.output_uses:
        return value
    value.type = value.type.with_shape(dims)
    return value


def expand_dims(b: Builder, x: Value, *axes: int) -> Value:
    """``x`` with dimensions of size 1 at these places of the result (in increasing order)."""
    dims = list(x.dims)
    for axis in axes:
        dims.insert(axis, 1)
    return reshape(b, x, dims)


def squeeze(b: Builder, x: Value, *axes: int) -> Value:
    """``x`` without these dimensions, which have size 1."""
    gone = {a % x.rank for a in axes}
    return reshape(b, x, [d for i, d in enumerate(x.dims) if i not in gone])


def merge(b: Builder, x: Value, *groups: Sequence[int]) -> Value:
    """``x`` with each group of neighbouring dimensions made one; groups cover all dimensions in order."""
    dims: list[Dim] = []
    for group in groups:
        size: Dim = 1
        for axis in group:
            size = size * x.dims[axis]
        dims.append(size)
    return reshape(b, x, dims)


def transpose(b: Builder, x: Value, perm: Sequence[int]) -> Value:
    """``x`` with its dimensions in the order ``perm``, by as low a rank as the order allows.

    Raises UnsupportedError where more dimensions move independently than the kernel takes.
    """
    perm = [int(p) for p in perm]
    if perm == sorted(perm):
        return x
    if x.rank <= 6:
        return b.transpose(x, np.array(perm, np.int32))
    return _transpose_wide(b, x, perm)


def _transpose_wide(b: Builder, x: Value, perm: list[int]) -> Value:
    """Merges dimensions that stay neighbours, transposes, and splits them again."""
    runs: list[list[int]] = []
    for axis in (p for p in perm if x.dims[p] != 1):
        if runs and runs[-1][-1] + 1 == axis:
            runs[-1].append(axis)
        else:
            runs.append([axis])
    order = sorted(runs)
    result = [x.dims[p] for p in perm]
    if len(runs) > 6:
        raise UnsupportedError(f"a transposition of {len(runs)} separate dimensions", "reshape to fewer dimensions")
    low = [_size_of(x, run) for run in order]
    moved = b.transpose(reshape(b, x, low), np.array([order.index(run) for run in runs], np.int32))
    return reshape(b, moved, result, x)


def _size_of(x: Value, axes: Sequence[int]) -> Dim:
    size: Dim = 1
    for axis in axes:
        size = size * x.dims[axis]
    return size


def move_axis(b: Builder, x: Value, source: int, target: int) -> Value:
    """``x`` with one dimension moved, the others in order."""
    order = [a for a in range(x.rank) if a != source % x.rank]
    order.insert(target % x.rank, source % x.rank)
    return transpose(b, x, order)


# -- broadcasts -------------------------------------------------------------------------------------------------------


def broadcast_to(b: Builder, x: Value, dims: Sequence[Dim], *sources: Value) -> Value:
    """``x`` repeated to this shape by NumPy's rule."""
    dims = tuple(dims)
    if dims == x.type.shape:
        return x
    made: Value = b.broadcast_to(x, shape_vector(b, dims, x, *sources))
    return with_dims(made, dims)


_NOT_FILLED = frozenset({DType.UINT8, DType.UINT16, DType.UINT32, DType.UINT64, DType.FLOAT64})
"""Element types BROADCAST_TO takes and FILL does not."""


def fill(b: Builder, shape: Value, element: Value) -> Value:
    """A tensor of a shape the model computes, with one number everywhere: FILL, or BROADCAST_TO of what it lacks."""
    is_lacking = element.type.dtype in _NOT_FILLED
    return b.broadcast_to(element, shape) if is_lacking else b.fill(shape, element)


def full(b: Builder, dims: Sequence[Dim], value: float | int | bool, dtype: DType, *sources: Value) -> Value:
    """A tensor of this shape with one number everywhere: a constant where it is small."""
    element = b.constant(np.array(value, dtype.numpy))
    return with_dims(fill(b, shape_vector(b, dims, *sources), element), tuple(dims))


def iota(b: Builder, dims: Sequence[Dim], axis: int, dtype: DType, *sources: Value) -> Value:
    """A tensor of this shape whose elements are their index along ``axis``."""
    size = dims[axis]
    if isinstance(size, int) and size <= b.folding.growth_bytes:
        numbers = b.constant(np.arange(size).astype(dtype.numpy))
    else:
        stop = size_value(b, size, *sources)
        made: Value = b.range(b.constant(np.array(0, np.int32)), stop, b.constant(np.array(1, np.int32)))
        numbers = cast(b, with_dims(made, (size,)), dtype)
    column = reshape(b, numbers, [size if i == axis else 1 for i in range(len(dims))], *sources)
    return broadcast_to(b, column, dims, *sources)


def static_int(dim: Dim, what: str, fix: str = "give the input a fixed shape") -> int:
    """The dimension as an int. Raises UnsupportedError, naming what needs it, where it is unknown."""
    if isinstance(dim, Sym):
        raise UnsupportedError(f"{what} needs a fixed size, got the unknown size {dim}", fix)
    return int(dim)


LARGEST_TRIED = 96
"""Sizes up to this are tried to compare two expressions of one unknown size."""


def always(holds: Callable[[int], bool], dim: Dim) -> bool:
    """Whether a property of a dimension holds whatever its one unknown size is (False for several).

    Sizes are sums of quotients by strides and windows, which repeat their pattern; trying enough of them settles it.
    """
    if isinstance(dim, int):
        return holds(dim)
    names = list(dict.fromkeys(symbol_names(dim)))
    if len(names) != 1:
        return False
    tried = (substitute(dim, {names[0]: size}) for size in range(1, LARGEST_TRIED + 1))
    return all(isinstance(value, int) and holds(value) for value in tried)


def equal_dims(left: Dim, right: Dim) -> bool:
    """Whether two dimensions are certainly the same size, however they are written."""
    return left == right or always(lambda difference: difference == 0, left - right)
