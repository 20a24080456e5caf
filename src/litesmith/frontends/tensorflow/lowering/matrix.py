"""Products of matrices, diagonals, bands."""

from __future__ import annotations

import numpy as np

from litesmith.decompositions.byte_matmul import narrow
from litesmith.decompositions.einsum import einsum
from litesmith.decompositions.gather import select
from litesmith.decompositions.matmul import dot_general
from litesmith.decompositions.shapes import cast, equal_dims, iota, reshape, size_value, static_int
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.lowering.operands import const_ints
from litesmith.frontends.tensorflow.registry import direct, lowers
from litesmith.ir import Builder, Dim, DType, Sym, Value
from litesmith.ir.constant import Array
from litesmith.ir.dims import product

# -- products ---------------------------------------------------------------------------------------------------------


@lowers("Einsum")
def einsum_(b: Builder, inputs: list[Value], *, equation: str) -> Value:
    return einsum(b, equation, inputs)


@lowers("MatMul")
def matmul(
    b: Builder,
    a: Value,
    b_: Value,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
) -> Value:
    """FULLY_CONNECTED with a constant matrix, else BATCH_MATMUL; integers by an exact product and sum."""
    if a.type.dtype.is_integer:
        return _integer_matmul(b, a, b_, transpose_a, transpose_b)
    if b_.is_const and a.type.dtype.is_float:
        rows = b.transpose(a, [1, 0]) if transpose_a else a
        weights = b_ if transpose_b else b.transpose(b_, [1, 0])
        return b.fully_connected(rows, weights, None)
    return b.batch_matmul(a, b_, adj_x=transpose_a, adj_y=transpose_b)


def _integer_matmul(b: Builder, x: Value, y: Value, adj_x: bool, adj_y: bool, dtype: DType | None = None) -> Value:
    """[..., m, k] times [..., k, n] of integers, batch dimensions broadcast: [..., m, 1, k] * [..., 1, n, k] summed."""
    dtype = dtype or x.type.dtype
    if narrow(x) is not None and narrow(y) is not None and (y.rank == 2 or x.dims[:-2] == y.dims[:-2]):
        batch = range(y.rank - 2)
        inner = (x.rank - 2 if adj_x else x.rank - 1,), (y.rank - 1 if adj_y else y.rank - 2,)
        return dot_general(b, x, y, inner, (tuple(batch), tuple(batch)), dtype)
    x, y = cast(b, x, dtype), cast(b, y, dtype)
    rows = _swap_last_two(b, x) if adj_x else x
    columns = y if adj_y else _swap_last_two(b, y)
    left = reshape(b, rows, [*rows.dims[:-1], 1, rows.dims[-1]])
    right = reshape(b, columns, [*columns.dims[:-2], 1, *columns.dims[-2:]])
    multiplied = b.mul(left, right)
    return b.sum(multiplied, [multiplied.rank - 1])


def _swap_last_two(b: Builder, x: Value) -> Value:
    return b.transpose(x, [*range(x.rank - 2), x.rank - 1, x.rank - 2])


@lowers("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3")
def batch_matmul(
    b: Builder, x: Value, y: Value, *, adj_x: bool = False, adj_y: bool = False, Tout: DType | None = None
) -> Value:
    """BATCH_MATMUL; integers by an exact product and sum, in the result's type."""
    if x.type.dtype.is_complex:
        raise UnsupportedError("a product of complex matrices", "multiply real and imaginary parts", code="LS012")
    if x.type.dtype.is_integer:
        return _integer_matmul(b, x, y, adj_x, adj_y, Tout)
    if max(x.rank, y.rank) <= 5:
        return b.batch_matmul(x, y, adj_x=adj_x, adj_y=adj_y)
    left, right = "ji" if adj_x else "ij", "kj" if adj_y else "jk"
    return einsum(b, f"...{left},...{right}->...ik", [x, y])


@lowers("Cross")
def cross(b: Builder, a: Value, b_: Value) -> Value:
    """a × b along the last axis, by two rotated products."""

    def rotate(v: Value, shift: int) -> Value:
        return b.gather(v, np.roll(np.arange(3, dtype=np.int32), -shift), axis=v.rank - 1)

    return b.sub(b.mul(rotate(a, 1), rotate(b_, 2)), b.mul(rotate(a, 2), rotate(b_, 1)))


# -- bands ------------------------------------------------------------------------------------------------------------


@lowers("MatrixBandPart")
def matrix_band_part(b: Builder, input: Value, num_lower: Value, num_upper: Value) -> Value:
    """The elements with ``-num_upper <= row - column <= num_lower``, zero elsewhere; a negative number is no limit."""
    below, above = (_limit(b, v) for v in (num_lower, num_upper))
    if below is None and above is None:
        return input
    rows, columns = input.dims[-2:]
    distance = b.sub(
        iota(b, [rows, 1], 0, DType.INT32, input),
        iota(b, [1, columns], 1, DType.INT32, input),
    )
    kept = _both(b, _limit_distance(b, below, distance), _limit_distance(b, above, b.neg(distance)))
    assert kept is not None
    return select(b, kept, input, b.constant(np.zeros((), input.type.dtype.numpy)))


def _limit(b: Builder, number: Value) -> Value | None:
    return None if number.is_const and int(number.numpy()) < 0 else cast(b, number, DType.INT32)


def _limit_distance(b: Builder, limit: Value | None, distance: Value) -> Value | None:
    if limit is None:
        return None
    within: Value = b.less_equal(distance, limit)
    if limit.is_const:
        return within
    unlimited: Value = b.less(limit, b.constant(np.array(0, np.int32)))
    return b.logical_or(within, unlimited)


def _both(b: Builder, left: Value | None, right: Value | None) -> Value | None:
    if left is None or right is None:
        return right if left is None else left
    return b.logical_and(left, right)


# -- diagonals --------------------------------------------------------------------------------------------------------

MATRICES = (
    direct("MatrixDiag", "MATRIX_DIAG"),
    direct("MatrixSetDiag", "MATRIX_SET_DIAG"),
)


LEFT = "LEFT_LEFT"
"""Where the shorter diagonals lie in versions 1 and 2, which have no such attribute."""


def _band(k: Value) -> tuple[int, int]:
    """Lowest and highest diagonal: 0 is the main one, positive ones lie above it."""
    numbers = const_ints(k, "the diagonals' number")
    return numbers[0], numbers[-1]


def _places(rows: int, columns: int, band: tuple[int, int], align: str) -> list[Array]:
    """For each diagonal of the band, the highest first: the flat place of each of its elements, -1 for padding.

    align: where the shorter of several diagonals lie, of those above and those below the main one.
    """
    low, high = band
    if low > high or low <= -max(rows, 1) or high >= max(columns, 1):
        raise UnsupportedError(f"diagonals {low} to {high} of a {rows} by {columns} matrix", "use diagonals inside it")
    lengths = {d: min(rows + min(d, 0), columns - max(d, 0)) for d in range(low, high + 1)}
    longest = max(lengths.values())
    upper, lower = align.split("_")
    made = []
    for d in range(high, low - 1, -1):
        steps = np.arange(lengths[d])
        flat = (steps + max(-d, 0)) * columns + steps + max(d, 0)
        missing = longest - lengths[d]
        # The main diagonal is always among the longest, so that its alignment does not matter.
        right = (upper if d > 0 else lower) == "RIGHT"
        made.append(np.pad(flat, (missing, 0) if right else (0, missing), constant_values=-1))
    return made


def _flat(b: Builder, x: Value, count: int) -> Value:
    """``x`` with its last ``count`` dimensions made one."""
    kept = x.rank - count
    return reshape(b, x, [*x.dims[:kept], product(x.dims[kept:])])


def _padded_row(b: Builder, flat: Value, padding: Value) -> Value:
    """[..., n] with the padding value as element n."""
    spread = [(0, 0)] * (flat.rank - 1) + [(0, 1)]
    return b.padv2(flat, np.array(spread, np.int32), cast(b, padding, flat.type.dtype))


def _sizes(x: Value, what: str) -> tuple[int, int]:
    return static_int(x.dims[-2], what), static_int(x.dims[-1], what)


@lowers("MatrixDiagPartV3")
def matrix_diag_part_v3(
    b: Builder, input: Value, k: Value, padding_value: Value, *, align: str = "RIGHT_LEFT"
) -> Value:
    return _diag_part(b, input, k, padding_value, align)


@lowers("MatrixDiagPartV2")
def matrix_diag_part_v2(b: Builder, input: Value, k: Value, padding_value: Value) -> Value:
    return _diag_part(b, input, k, padding_value, LEFT)


def _diag_part(b: Builder, input: Value, k: Value, padding_value: Value, align: str) -> Value:
    """One diagonal or a band of them (the highest first), by one GATHER from the flattened matrix."""
    band = _band(k)
    if band[0] == band[1] and isinstance(input.dims[-1], Sym) and equal_dims(*input.dims[-2:]):
        return _diagonal_of_square(b, input, band[0])
    rows, columns = _sizes(input, "taking diagonals")
    places = np.stack(_places(rows, columns, band, align))
    flat = _flat(b, input, 2)
    if (places < 0).any():
        flat = _padded_row(b, flat, padding_value)
        places = np.where(places < 0, rows * columns, places)
    indices = places[0] if band[0] == band[1] else places
    return b.gather(flat, indices.astype(np.int32), axis=flat.rank - 1)


def _diagonal_of_square(b: Builder, input: Value, k: int) -> Value:
    """A diagonal, within the matrix, of square ones of unknown size n: each element n + 1 after the one before."""
    size = input.dims[-1]
    step = b.add(size_value(b, size, input), 1)
    first = k if k >= 0 else -k * size
    places = b.add(b.mul(iota(b, [size - abs(k)], 0, DType.INT32, input), step), size_value(b, first, input))
    flat = _flat(b, input, 2)
    return b.gather(flat, places, axis=flat.rank - 1)


@lowers("MatrixDiagPart")
def main_diagonal(b: Builder, input: Value) -> Value:
    zero = b.constant(np.array(0, np.int32))
    return _diag_part(b, input, zero, zero, LEFT)


def _diagonal_dims(x: Value, band: tuple[int, int]) -> tuple[list[Dim], int, int]:
    """Batch dimensions, number of diagonals and their longest length, of a packed band."""
    if band[0] == band[1]:
        return list(x.dims[:-1]), 1, static_int(x.dims[-1], "a diagonal")
    return list(x.dims[:-2]), static_int(x.dims[-2], "a band"), static_int(x.dims[-1], "a band")


@lowers("MatrixDiagV3")
def matrix_diag_v3(
    b: Builder,
    diagonal: Value,
    k: Value,
    num_rows: Value,
    num_cols: Value,
    padding_value: Value,
    *,
    align: str = "RIGHT_LEFT",
) -> Value:
    return _diag(b, diagonal, k, (num_rows, num_cols), padding_value, align)


@lowers("MatrixDiagV2")
def matrix_diag_v2(
    b: Builder, diagonal: Value, k: Value, num_rows: Value, num_cols: Value, padding_value: Value
) -> Value:
    return _diag(b, diagonal, k, (num_rows, num_cols), padding_value, LEFT)


def _diag(b: Builder, diagonal: Value, k: Value, sizes: tuple[Value, Value], padding_value: Value, align: str) -> Value:
    """A matrix with these diagonals: MATRIX_DIAG for the main one, else one GATHER from the packed band."""
    band = _band(k)
    (rows,), (columns,) = (const_ints(v, "the size of the matrix") for v in sizes)
    zero = padding_value.is_const and not padding_value.numpy().any()
    if band == (0, 0) and rows == columns == -1 and zero:
        return b.matrix_diag(diagonal)
    batch, _, longest = _diagonal_dims(diagonal, band)
    rows, columns = _matrix_sizes(rows, columns, band, longest)
    flat = _flat(b, diagonal, 1 if band[0] == band[1] else 2)
    source = _band_map(rows, columns, band, align, longest)
    if (source < 0).any():
        source = np.where(source < 0, static_int(flat.dims[-1], "a diagonal"), source)
        flat = _padded_row(b, flat, padding_value)
    gathered = b.gather(flat, source.reshape(rows, columns).astype(np.int32), axis=flat.rank - 1)
    return reshape(b, gathered, [*batch, rows, columns], diagonal)


def _matrix_sizes(rows: int, columns: int, band: tuple[int, int], longest: int) -> tuple[int, int]:
    """Sizes of the smallest matrix that holds the band, where they are not given."""
    least_rows, least_columns = longest - min(band[1], 0), longest + max(band[0], 0)
    if rows == -1 and columns == -1:
        size = max(least_rows, least_columns)
        return size, size
    return (least_rows if rows == -1 else rows), (least_columns if columns == -1 else columns)


def _band_map(rows: int, columns: int, band: tuple[int, int], align: str, longest: int) -> Array:
    """For each element of the matrix its place in the flattened band, -1 outside the band."""
    made = np.full(rows * columns, -1)
    for number, places in enumerate(_places(rows, columns, band, align)):
        inside = places >= 0
        made[places[inside]] = number * longest + np.flatnonzero(inside)
    return made


@lowers("MatrixSetDiagV3")
def matrix_set_diag_v3(b: Builder, input: Value, diagonal: Value, k: Value, *, align: str = "RIGHT_LEFT") -> Value:
    return _set_diag(b, input, diagonal, k, align)


@lowers("MatrixSetDiagV2")
def matrix_set_diag_v2(b: Builder, input: Value, diagonal: Value, k: Value) -> Value:
    return _set_diag(b, input, diagonal, k, LEFT)


def _set_diag(b: Builder, input: Value, diagonal: Value, k: Value, align: str) -> Value:
    """The matrix with these diagonals replaced: MATRIX_SET_DIAG for the main one, else one GATHER from both."""
    band = _band(k)
    if band == (0, 0) and diagonal.rank == input.rank - 1:
        return b.matrix_set_diag(input, diagonal)
    rows, columns = _sizes(input, "setting diagonals")
    flat, packed = _flat(b, input, 2), _flat(b, diagonal, 1 if band[0] == band[1] else 2)
    longest = static_int(diagonal.dims[-1], "a diagonal")
    source = _band_map(rows, columns, band, align, longest)
    source = np.where(source < 0, np.arange(rows * columns), source + rows * columns)
    both = b.concatenation(flat, packed, axis=flat.rank - 1)
    gathered = b.gather(both, source.reshape(rows, columns).astype(np.int32), axis=flat.rank - 1)
    return reshape(b, gathered, input.dims, input)


@lowers("Diag")
def diag(b: Builder, diagonal: Value) -> Value:
    """[*dims] becomes [*dims, *dims]."""
    flat = reshape(b, diagonal, [product(diagonal.dims)])
    return reshape(b, b.matrix_diag(flat), [*diagonal.dims, *diagonal.dims], diagonal)


@lowers("DiagPart")
def diag_part(b: Builder, input: Value) -> Value:
    """[*dims, *dims] becomes [*dims]."""
    dims = input.dims[: input.rank // 2]
    size = static_int(product(dims), "a diagonal")
    flat = reshape(b, input, [size * size])
    taken = b.gather(flat, np.arange(0, size * size, size + 1, dtype=np.int32), axis=0)
    return reshape(b, taken, dims)
