"""Einstein summation by pairwise contractions."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.decompositions.matmul import dot_general
from litesmith.decompositions.shapes import reshape, shape_vector, transpose
from litesmith.errors import UnsupportedError
from litesmith.ir import Builder, Dim, Sym, Value
from litesmith.ir.dims import broadcast


@dataclass(frozen=True)
class _Term:
    """A tensor and the label of each of its dimensions."""

    x: Value
    labels: str

    def dim(self, label: str) -> Dim:
        return self.x.dims[self.labels.index(label)]


def einsum(b: Builder, equation: str, operands: Sequence[Value]) -> Value:
    """``equation`` (``"bij,bjk->bik"``) of any number of operands.

    Ellipses, repeated labels (diagonals), labels summed over, broadcast sizes of 1 and the implicit form without
    ``->`` are taken. Raises UnsupportedError for an equation that does not fit the operands.
    """
    inputs, output = parse_equation(equation, [v.rank for v in operands])
    terms = [_diagonal(b, _Term(x, labels)) for x, labels in zip(operands, inputs, strict=True)]
    while len(terms) > 1:
        first, second = _cheapest_pair(terms)
        rest = [t for t in terms if t is not first and t is not second]
        needed = {*output, *"".join(t.labels for t in rest)}
        terms = [*rest, _pair(b, first, second, needed)]
    (last,) = terms
    last = _sum_out(b, last, set(output))
    return transpose(b, last.x, [last.labels.index(label) for label in output])


# -- the equation -----------------------------------------------------------------------------------------------------


def parse_equation(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """Labels of each operand and of the result, ellipses replaced by labels of their own."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(ranks):
        raise UnsupportedError(f"einsum {equation!r} has {len(inputs)} terms for {len(ranks)} operands")
    spare = [c for c in string.ascii_letters if c not in equation]
    widths = [r - len(t.replace("...", "")) for t, r in zip(inputs, ranks, strict=True)]
    width = max((w for t, w in zip(inputs, widths, strict=True) if "..." in t), default=0)
    if len(spare) < width or min(widths) < 0 or any(w and "..." not in t for t, w in zip(inputs, widths, strict=True)):
        raise UnsupportedError(f"einsum {equation!r} does not fit operands of ranks {list(ranks)}")
    batch = "".join(spare[:width])
    expanded = [t.replace("...", batch[width - w :]) for t, w in zip(inputs, widths, strict=True)]
    if arrow:
        return expanded, right.replace("...", batch)
    counts = Counter("".join(t.replace("...", "") for t in inputs))
    return expanded, batch + "".join(sorted(c for c, n in counts.items() if n == 1))


# -- one operand ------------------------------------------------------------------------------------------------------


def _diagonal(b: Builder, term: _Term) -> _Term:
    """Takes the diagonal of every label that occurs twice in one operand."""
    repeated = next((c for c, n in Counter(term.labels).items() if n > 1), None)
    if repeated is None:
        return term
    first = term.labels.index(repeated)
    second = term.labels.index(repeated, first + 1)
    return _diagonal(b, _Term(diagonal(b, term.x, first, second), term.labels[:second] + term.labels[second + 1 :]))


def diagonal(b: Builder, x: Value, first: int, second: int) -> Value:
    """The diagonal of two equal dimensions, put in the place of the first of them.

    [..., n, n] is flattened, padded by n to [..., n * (n + 1)], seen as [..., n, n + 1]; its first column is it.
    """
    size = x.dims[first]
    rest = [a for a in range(x.rank) if a not in (first, second)]
    flat = reshape(b, transpose(b, x, [*rest, first, second]), [*(x.dims[a] for a in rest), size * size], x)
    width = len(rest)
    end = shape_vector(b, [size], x)
    if isinstance(size, Sym):
        paddings = b.pad(b.reshape(end, [1, 1]), np.array([[width, 0], [1, 0]], np.int32))
    else:
        paddings = b.constant(np.array([[0, 0]] * width + [[0, size]], np.int32))
    square = reshape(b, b.pad(flat, paddings), [*(x.dims[a] for a in rest), size, size + 1], x)
    mask = (1 << (width + 1)) - 1
    column = b.strided_slice(
        square,
        [0] * (width + 2),
        [0] * (width + 1) + [1],
        [1] * (width + 2),
        begin_mask=mask,
        end_mask=mask,
        shrink_axis_mask=1 << (width + 1),
    )
    order = list(range(width))
    order.insert(sum(a < first for a in rest), width)
    return transpose(b, column, order)


def _sum_out(b: Builder, term: _Term, needed: set[str]) -> _Term:
    """Sums over the labels nobody needs any more."""
    gone = [i for i, label in enumerate(term.labels) if label not in needed]
    if not gone:
        return term
    summed = sum_over(b, term.x, gone)
    return _Term(summed, "".join(label for label in term.labels if label in needed))


def sum_over(b: Builder, x: Value, axes: Sequence[int], keep_dims: bool = False) -> Value:
    """The sum over some dimensions, by SUM where the kernel takes the element type, else in int32."""
    return b.sum(x, np.array(axes, np.int32), keep_dims=keep_dims)


# -- two operands -----------------------------------------------------------------------------------------------------


def _cheapest_pair(terms: Sequence[_Term]) -> tuple[_Term, _Term]:
    """The two terms whose product has the fewest labels (the first pair, where several have as few)."""
    pairs = [(s, t) for i, s in enumerate(terms) for t in terms[i + 1 :]]
    return min(pairs, key=lambda pair: len({*pair[0].labels, *pair[1].labels}))


def _pair(b: Builder, first: _Term, second: _Term, needed: set[str]) -> _Term:
    left = _sum_out(b, first, needed | set(second.labels))
    right = _sum_out(b, second, needed | set(left.labels))
    left, right = _without_broadcast(b, left, right), _without_broadcast(b, right, left)
    shared = [label for label in left.labels if label in right.labels]
    left = _sum_out(b, left, needed | set(shared))
    right = _sum_out(b, right, needed | set(shared))
    batch = [label for label in shared if label in needed]
    inner = [label for label in shared if label not in needed]
    product = dot_general(
        b,
        left.x,
        right.x,
        ([left.labels.index(c) for c in inner], [right.labels.index(c) for c in inner]),
        ([left.labels.index(c) for c in batch], [right.labels.index(c) for c in batch]),
    )
    labels = "".join(
        [*batch, *(c for c in left.labels if c not in shared), *(c for c in right.labels if c not in shared)]
    )
    return _Term(product, labels)


def _without_broadcast(b: Builder, term: _Term, other: _Term) -> _Term:
    """Drops dimensions of size 1 that the other operand has in another size."""
    for label in term.labels:
        if label in other.labels:
            broadcast(term.dim(label), other.dim(label))
    gone = [i for i, c in enumerate(term.labels) if c in other.labels and term.x.dims[i] == 1 and other.dim(c) != 1]
    if not gone:
        return term
    dims = [d for i, d in enumerate(term.x.dims) if i not in gone]
    return _Term(reshape(b, term.x, dims), "".join(c for i, c in enumerate(term.labels) if i not in gone))
