"""Dimensions: ints, or integer expressions over named unknown sizes.

A symbolic dimension is kept as a polynomial in *atoms*; an atom is a named size (``batch``) or an operation a
polynomial cannot say (``floordiv(h, 2)``). Equal expressions compare equal, so the same symbol is the same unknown
size everywhere. Arithmetic that comes out constant gives a plain int back.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from hashlib import blake2b
from typing import Any, ClassVar, TypeAlias, Union
from weakref import WeakValueDictionary

Dim: TypeAlias = Union[int, "Sym"]
Monomial: TypeAlias = tuple[tuple["Atom", int], ...]

_LONGEST_KEY = 160
"""Characters of an atom's key; longer expressions are told apart by a hash."""

_HEAVIEST_TEXT = 400
"""Names and calls of the largest expression that is printed whole."""


class Atom:
    """A named size, or a call of one of `FUNCTIONS` on dimensions.

    Equal atoms are one object, so that comparing expressions costs nothing however deep they are nested. A call of
    an associative function (`max`, `min`, `bcast`) holds all its arguments in order, each once.
    """

    __slots__ = ("__weakref__", "_hash", "args", "key", "name", "non_negative")

    _known: ClassVar[WeakValueDictionary[tuple[str, tuple[Dim, ...]], Atom]] = WeakValueDictionary()

    name: str
    args: tuple[Dim, ...]
    _hash: int
    key: str
    """A text of bounded length that tells atoms apart: the expression itself where it is short."""
    non_negative: bool
    """Whether it is certainly at least 0, taking every named size to be at least 0."""

    def __new__(cls, name: str, args: tuple[Dim, ...] = ()) -> Atom:
        found = cls._known.get((name, args))
        if found is None:
            found = super().__new__(cls)
            found.name, found.args, found._hash = name, args, hash((name, args))
            text = f"{name}({', '.join(map(dim_key, args))})" if args else name
            found.key = text if len(text) <= _LONGEST_KEY else f"{name}_{blake2b(text.encode()).hexdigest()[:24]}"
            signs = [non_negative(arg) for arg in args]
            found.non_negative = any(signs) if name == "max" else all(signs)
            found = cls._known.setdefault((name, args), found)
        return found

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[type[Atom], tuple[str, tuple[Dim, ...]]]:
        return Atom, (self.name, self.args)

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.args))})" if self.args else self.name


class Sym:
    """A symbolic dimension: a polynomial with integer coefficients. Immutable; never a plain constant."""

    __slots__ = ("_hash", "_key", "_terms", "weight")

    def __init__(self, terms: dict[Monomial, int]) -> None:
        self._terms = terms
        self._hash = hash(frozenset(terms.items()))
        self._key: str | None = None
        self.weight: int = sum(1 + sum(map(dim_weight, atom.args)) for m in terms for atom, _ in m)
        """How many names and calls its text has, which is exponential in the depth where parts are used twice."""

    def __reduce__(self) -> tuple[type[Sym], tuple[dict[Monomial, int]]]:
        return Sym, (self._terms,)

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

    def __add__(self, other: Dim) -> Dim:
        return _combine(self, other, 1)

    __radd__ = __add__

    def __sub__(self, other: Dim) -> Dim:
        return _combine(self, other, -1)

    def __rsub__(self, other: Dim) -> Dim:
        return _combine(-self, other, 1)

    def __neg__(self) -> Dim:
        return self * -1

    def __mul__(self, other: Dim) -> Dim:
        if not _is_dim(other):
            return NotImplemented
        product: dict[Monomial, int] = {}
        for left, a in self._terms.items():
            for right, c in _terms(other).items():
                key = _monomial_product(left, right)
                product[key] = product.get(key, 0) + a * c
        return _collapse(product)

    __rmul__ = __mul__

    def __floordiv__(self, other: Dim) -> Dim:
        return floordiv(self, other) if _is_dim(other) else NotImplemented

    def __rfloordiv__(self, other: Dim) -> Dim:
        return floordiv(other, self) if _is_dim(other) else NotImplemented

    def __mod__(self, other: Dim) -> Dim:
        return modulo(self, other) if _is_dim(other) else NotImplemented

    def __rmod__(self, other: Dim) -> Dim:
        return modulo(other, self) if _is_dim(other) else NotImplemented

    def __str__(self) -> str:
        """The expression; of one that is nested so deep that its text would be very long, its key."""
        return self._text(str) if self.weight <= _HEAVIEST_TEXT else self.key

    @property
    def key(self) -> str:
        """A text of bounded length for each part that tells expressions apart."""
        if self._key is None:
            self._key = self._text(lambda atom: atom.key)
        return self._key

    def _text(self, text_of: Callable[[Atom], str]) -> str:
        text = ""
        for monomial, coefficient in sorted(self._terms.items(), key=lambda t: _order(t[0])):
            factors = [text_of(atom) for atom, power in monomial for _ in range(power)]
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
    return (-sum(power for _, power in monomial), " ".join(atom.key for atom, _ in monomial))


def _monomial_product(left: Monomial, right: Monomial) -> Monomial:
    powers = dict(left)
    for atom, power in right:
        powers[atom] = powers.get(atom, 0) + power
    return tuple(sorted(powers.items(), key=lambda item: item[0].key))


def _combine(left: Dim, right: Dim, sign: int) -> Dim:
    if not _is_dim(right):
        return NotImplemented  # type: ignore[no-any-return] # for the operators that return what this returns
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
    return _extremum("max", left, right)


def minimum(left: Dim, right: Dim) -> Dim:
    """The smaller of two dimensions; symbols are known to be at least 0."""
    return _extremum("min", left, right)


def _extremum(name: str, left: Dim, right: Dim) -> Dim:
    """The extremum of what both hold, without what another certainly exceeds."""
    kept: list[Dim] = []
    for dim in (*_members(name, left), *_members(name, right)):
        if not any(_exceeds(name, other, dim) for other in kept):
            kept = [other for other in kept if not _exceeds(name, dim, other)]
            kept.append(dim)
    return kept[0] if len(kept) == 1 else _call(name, *sorted(kept, key=dim_key))


def _exceeds(name: str, left: Dim, right: Dim) -> bool:
    """Whether the left one makes the right one needless in a ``max`` or ``min``."""
    difference: Dim = left - right if name == "max" else right - left
    return non_negative(difference)


def _members(name: str, dim: Dim) -> tuple[Dim, ...]:
    """The arguments of a call of this function, else the dimension itself."""
    dim = _canonical(dim)
    if isinstance(dim, Sym) and len(dim.terms) == 1:
        ((monomial, coefficient),) = dim.terms.items()
        if coefficient == 1 and len(monomial) == 1 and monomial[0][1] == 1 and monomial[0][0].name == name:
            return monomial[0][0].args or (dim,)
    return (dim,)


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
    members = {*_members("bcast", left), *_members("bcast", right)}
    return _call("bcast", *sorted(members, key=dim_key))


def non_negative(dim: Dim) -> bool:
    """Whether the dimension is certainly at least 0, taking every named size to be at least 0."""
    if isinstance(dim, int):
        return dim >= 0
    return all(c >= 0 for c in dim.terms.values()) and all(atom.non_negative for atom in dim.atoms)


def dim_key(dim: Dim) -> str:
    """A text of bounded length that tells dimensions apart, to sort them by."""
    return dim.key if isinstance(dim, Sym) else str(dim)


def dim_weight(dim: Dim) -> int:
    """How many names and calls the text of a dimension has."""
    return dim.weight if isinstance(dim, Sym) else 0


def _canonical(dim: Dim) -> Dim:
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


ASSOCIATIVE = frozenset({"max", "min", "bcast"})
"""Functions that take any number of arguments in any order, each of them once."""


def product(dims: Sequence[Dim]) -> Dim:
    """The product of all dimensions; 1 for none."""
    total: Dim = 1
    for dim in dims:
        total = total * dim
    return total


def symbol_names(dim: Dim) -> Iterator[str]:
    """Names of all the unknown sizes an expression depends on, nested ones included; each once."""
    return (atom.name for atom in _arguments_first(dim) if not atom.args)


def substitute(dim: Dim, sizes: dict[str, Dim]) -> Dim:
    """The dimension with named sizes replaced."""
    done: dict[Atom, Dim] = {}
    for atom in _arguments_first(dim):
        if atom.args:
            done[atom] = reduce(FUNCTIONS[atom.name], (_replace_atoms(arg, done) for arg in atom.args))
        else:
            done[atom] = sizes.get(atom.name, Sym({((atom, 1),): 1}))
    return _replace_atoms(dim, done)


def _arguments_first(dim: Dim) -> Iterator[Atom]:
    """The atoms of a dimension, each once and behind those in its arguments."""
    pending = [(atom, False) for atom in _atoms(dim)]
    left: set[Atom] = set()
    while pending:
        atom, entered = pending.pop()
        if entered:
            left.add(atom)
            yield atom
        elif atom not in left:
            pending.append((atom, True))
            pending += [(inner, False) for arg in atom.args for inner in _atoms(arg) if inner not in left]


def _atoms(dim: Dim) -> set[Atom]:
    return dim.atoms if isinstance(dim, Sym) else set()


def _replace_atoms(dim: Dim, by: dict[Atom, Dim]) -> Dim:
    if isinstance(dim, int):
        return dim
    total: Dim = 0
    for monomial, coefficient in dim.terms.items():
        factors = (by[atom] for atom, power in monomial for _ in range(power))
        total = total + product((coefficient, *factors))
    return total


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
        case ast.Call(func=ast.Name(id=name), args=args) if len(args) == 2 or (name in ASSOCIATIVE and args):
            return reduce(FUNCTIONS[name], map(_evaluate, args))
    raise ValueError(f"unexpected {type(node).__name__}")


_BINARY: dict[type[ast.operator], Callable[[Any, Any], Dim]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: floordiv,
    ast.Mod: modulo,
}
