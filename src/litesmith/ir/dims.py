"""Dimensions: ints, or integer expressions over named unknown sizes.

A symbolic dimension is kept as a polynomial in *atoms*; an atom is a named size (``batch``) or an operation a
polynomial cannot say (``floordiv(h, 2)``). Equal expressions compare equal, so the same symbol is the same unknown
size everywhere. Arithmetic that comes out constant gives a plain int back.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias, Union

Dim: TypeAlias = Union[int, "Sym"]
Monomial: TypeAlias = tuple[tuple["Atom", int], ...]


class Atom:
    """A named size, or a call of one of `FUNCTIONS` on dimensions."""

    __slots__ = ("_hash", "args", "name")

    def __init__(self, name: str, args: tuple[Dim, ...] = ()) -> None:
        self.name = name
        self.args = args
        self._hash = hash((name, args))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Atom) and self.name == other.name and self.args == other.args

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.args))})" if self.args else self.name


class Sym:
    """A symbolic dimension: a polynomial with integer coefficients. Immutable; never a plain constant."""

    __slots__ = ("_hash", "_terms")

    def __init__(self, terms: dict[Monomial, int]) -> None:
        self._terms = terms
        self._hash = hash(frozenset(terms.items()))

    @staticmethod
    def named(name: str) -> Sym:
        """The unknown size called ``name`` (an identifier)."""
        return Sym({((Atom(name), 1),): 1})

    @property
    def terms(self) -> dict[Monomial, int]:
        """Coefficient of each monomial; a monomial is a sorted tuple of (atom, power)."""
        return self._terms

    @property
    def atoms(self) -> set[Atom]:
        """Every atom that occurs, at the top level only."""
        return {atom for monomial in self._terms for atom, _ in monomial}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sym) and self._terms == other._terms

    def __hash__(self) -> int:
        return self._hash

    def __add__(self, other: Any) -> Any:
        return _combine(self, other, 1)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return _combine(self, other, -1)

    def __rsub__(self, other: Any) -> Any:
        return _combine(-self, other, 1)

    def __neg__(self) -> Any:
        return self * -1

    def __mul__(self, other: Any) -> Any:
        if not _is_dim(other):
            return NotImplemented
        product: dict[Monomial, int] = {}
        for left, a in self._terms.items():
            for right, c in _terms(other).items():
                key = _monomial_product(left, right)
                product[key] = product.get(key, 0) + a * c
        return _collapse(product)

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Any:
        return floordiv(self, other) if _is_dim(other) else NotImplemented

    def __rfloordiv__(self, other: Any) -> Any:
        return floordiv(other, self) if _is_dim(other) else NotImplemented

    def __mod__(self, other: Any) -> Any:
        return modulo(self, other) if _is_dim(other) else NotImplemented

    def __rmod__(self, other: Any) -> Any:
        return modulo(other, self) if _is_dim(other) else NotImplemented

    def __str__(self) -> str:
        text = ""
        for monomial, coefficient in sorted(self._terms.items(), key=lambda t: _order(t[0])):
            factors = [str(atom) for atom, power in monomial for _ in range(power)]
            if abs(coefficient) != 1 or not factors:
                factors.insert(0, str(abs(coefficient)))
            sign = "-" if coefficient < 0 else "+" if text else ""
            text += sign + "*".join(factors)
        return text

    __repr__ = __str__


def _is_dim(value: object) -> bool:
    return isinstance(value, Sym) or (hasattr(value, "__index__") and not isinstance(value, bool))


def _terms(dim: Dim) -> dict[Monomial, int]:
    return dim.terms if isinstance(dim, Sym) else ({(): int(dim)} if dim else {})


def _order(monomial: Monomial) -> tuple[int, str]:
    return (-sum(power for _, power in monomial), " ".join(str(atom) for atom, _ in monomial))


def _monomial_product(left: Monomial, right: Monomial) -> Monomial:
    powers = dict(left)
    for atom, power in right:
        powers[atom] = powers.get(atom, 0) + power
    return tuple(sorted(powers.items(), key=lambda item: str(item[0])))


def _combine(left: Dim, right: Any, sign: int) -> Any:
    if not _is_dim(right):
        return NotImplemented
    total = dict(_terms(left))
    for monomial, coefficient in _terms(right).items():
        total[monomial] = total.get(monomial, 0) + sign * coefficient
    return _collapse(total)


def _collapse(terms: dict[Monomial, int]) -> Dim:
    terms = {monomial: c for monomial, c in terms.items() if c}
    if not terms:
        return 0
    if list(terms) == [()]:
        return terms[()]
    return Sym(terms)


def _exact_quotient(dim: Sym, divisor: int) -> Dim | None:
    if any(c % divisor for c in dim.terms.values()):
        return None
    return _collapse({m: c // divisor for m, c in dim.terms.items()})


def _quotient(dim: Sym, divisor: Sym) -> Dim | None:
    """dim / divisor where every term is divisible by the single-term divisor, else None."""
    if dim == divisor:
        return 1
    if len(divisor.terms) != 1:
        return None
    ((by, scale),) = divisor.terms.items()
    result: dict[Monomial, int] = {}
    for monomial, c in dim.terms.items():
        powers = dict(monomial)
        for atom, power in by:
            powers[atom] = powers.get(atom, 0) - power
        if min(powers.values(), default=0) < 0 or c % scale:
            return None
        key = tuple((a, p) for a, p in powers.items() if p)
        result[key] = result.get(key, 0) + c // scale
    return _collapse(result)


def floordiv(left: Dim, right: Dim) -> Dim:
    """``left // right`` as a dimension. Raises ZeroDivisionError for a zero divisor."""
    if isinstance(left, int) and isinstance(right, int):
        return left // right
    left, right = _canonical(left), _canonical(right)
    if right == 1:
        return left
    if isinstance(left, Sym):
        exact = _quotient(left, right) if isinstance(right, Sym) else _exact_quotient(left, right)
        if exact is not None:
            return exact
        if isinstance(right, int):
            return _split_floordiv(left, right)
    return _call("floordiv", left, right)


def _split_floordiv(left: Sym, right: int) -> Dim:
    """Takes the multiples of the divisor out: (2*h + 3) // 2 is h + 1 + 1 // 2."""
    whole = _collapse({m: c // right for m, c in left.terms.items()})
    rest = _collapse({m: c % right for m, c in left.terms.items()})
    quotient: Dim = rest // right if isinstance(rest, int) else _call("floordiv", rest, right)
    total: Dim = whole + quotient
    return total


def modulo(left: Dim, right: Dim) -> Dim:
    """``left % right`` (Python's sign rule) as a dimension."""
    if isinstance(left, int) and isinstance(right, int):
        return left % right
    left, right = _canonical(left), _canonical(right)
    if right == 1:
        return 0
    if isinstance(left, Sym):
        exact = _quotient(left, right) if isinstance(right, Sym) else _exact_quotient(left, right)
        if exact is not None:
            return 0
    return _call("mod", left, right)


def maximum(left: Dim, right: Dim) -> Dim:
    """The larger of two dimensions; symbols are known to be at least 0."""
    return _extremum("max", left, right, max)


def minimum(left: Dim, right: Dim) -> Dim:
    """The smaller of two dimensions; symbols are known to be at least 0."""
    return _extremum("min", left, right, min)


def _extremum(name: str, left: Dim, right: Dim, pick: Callable[[int, int], int]) -> Dim:
    difference = left - right
    if isinstance(difference, int):
        larger, smaller = (left, right) if difference >= 0 else (right, left)
        return larger if pick(0, 1) else smaller
    if non_negative(difference) or non_negative(-difference):
        larger, smaller = (left, right) if non_negative(difference) else (right, left)
        return larger if pick(0, 1) else smaller
    first, second = sorted((_canonical(left), _canonical(right)), key=str)
    return _call(name, first, second)


def broadcast(left: Dim, right: Dim) -> Dim:
    """The size two broadcast dimensions agree on. Raises ValueError when they cannot."""
    if left == right or right == 1:
        return left
    if left == 1:
        return right
    if isinstance(left, int) and isinstance(right, int):
        raise ValueError(f"sizes {left} and {right} do not broadcast")
    if isinstance(left, int) or isinstance(right, int):
        return left if isinstance(left, int) else right
    first, second = sorted((left, right), key=str)
    return _call("bcast", first, second)


def non_negative(dim: Dim) -> bool:
    """Whether the dimension is certainly at least 0, taking every named size to be at least 0."""
    if isinstance(dim, int):
        return dim >= 0
    return all(c >= 0 for c in dim.terms.values()) and all(map(_atom_non_negative, dim.atoms))


def _atom_non_negative(atom: Atom) -> bool:
    signs = [non_negative(arg) for arg in atom.args]
    return any(signs) if atom.name == "max" else all(signs)


def _canonical(dim: Any) -> Dim:
    return dim if isinstance(dim, Sym) else int(dim)


def _call(name: str, *args: Dim) -> Sym:
    return Sym({((Atom(name, tuple(args)), 1),): 1})


FUNCTIONS: dict[str, Callable[[Dim, Dim], Dim]] = {
    "floordiv": floordiv,
    "mod": modulo,
    "max": maximum,
    "min": minimum,
    "bcast": broadcast,
}


def product(dims: Sequence[Dim]) -> Dim:
    """The product of all dimensions; 1 for none."""
    total: Dim = 1
    for dim in dims:
        total = total * dim
    return total


def symbol_names(dim: Dim) -> Iterator[str]:
    """Names of all the unknown sizes an expression depends on, nested ones included."""
    if isinstance(dim, int):
        return
    for atom in dim.atoms:
        if not atom.args:
            yield atom.name
        for arg in atom.args:
            yield from symbol_names(arg)


def substitute(dim: Dim, sizes: dict[str, Dim]) -> Dim:
    """The dimension with named sizes replaced."""
    if isinstance(dim, int):
        return dim
    total: Dim = 0
    for monomial, coefficient in dim.terms.items():
        term: Dim = coefficient
        for atom, power in monomial:
            value = _substitute_atom(atom, sizes)
            for _ in range(power):
                term = term * value
        total = total + term
    return total


def _substitute_atom(atom: Atom, sizes: dict[str, Dim]) -> Dim:
    if not atom.args:
        return sizes.get(atom.name, Sym({((atom, 1),): 1}))
    left, right = (substitute(arg, sizes) for arg in atom.args)
    return FUNCTIONS[atom.name](left, right)


def parse_dim(text: str) -> Dim:
    """Reads a dimension as `str` prints it. Raises ValueError when the text is not one."""
    try:
        return _evaluate(ast.parse(text, mode="eval").body)
    except (SyntaxError, KeyError, TypeError) as error:
        raise ValueError(f"not a dimension: {text!r}") from error


def _evaluate(node: ast.expr) -> Dim:
    match node:
        case ast.Constant(value=int() as value):
            return value
        case ast.Name(id=name):
            return Sym.named(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return 0 - _evaluate(operand)
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_evaluate(left), _evaluate(right))
        case ast.Call(func=ast.Name(id=name), args=[left, right]):
            return FUNCTIONS[name](_evaluate(left), _evaluate(right))
    raise ValueError(f"unexpected {type(node).__name__}")


_BINARY: dict[type[ast.operator], Callable[[Any, Any], Dim]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: floordiv,
    ast.Mod: modulo,
}
