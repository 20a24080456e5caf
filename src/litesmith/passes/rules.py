"""Rewrites that are pure patterns, as text.

    Rule("MUL(NEG(%a), NEG(%b)) => MUL(%a, %b)")

A pattern is an operation, its operands patterns: ``%a`` is any value, ``$c`` a constant, a number a small constant that
is this number everywhere, ``A|B(…)`` one operator or the other. A name used twice means the same value; operands of a
commutative operator are tried both ways, and those of ``MAXIMUM~(…)``. The replacement is an operation or a value;
``{alpha=$c}`` behind it sets an attribute, to a literal, to the one number that a constant is everywhere, or with
``{keep_dims=SUM.keep_dims}`` to what the first SUM of the pattern has. What no text says is made by a function, and told
in the first line of its documentation.

What is the same for all rules is done here:

- operations inside the pattern have no fused activation, and that of the root goes to the replacement; where that takes
  none, there is nothing to rewrite;
- no rewrite makes more operations than it removes: what other users keep alive is not removed;
- where an operand of the pattern is left out, the result must have the shape of the rest;
- the kernels take what is made.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import OpDef, Trait
from litesmith.ops import OPS
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import Kind, activation, is_any, is_float, is_number, scalar


@dataclass(frozen=True)
class Name:
    """``%a`` or ``$c``."""

    text: str


@dataclass(frozen=True)
class Attribute:
    """``SUM.keep_dims``: what an operation of the pattern has."""

    operator: OpDef
    name: str


@dataclass(frozen=True)
class Call:
    """An operator, or one of several, on operands; ``any_order``: in either order."""

    operators: tuple[OpDef, ...]
    operands: tuple[Term, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    any_order: bool = False


Term: TypeAlias = Name | float | Call


@dataclass(frozen=True)
class Match:
    """A place where a pattern is: values by name (``m["%x"]``), the operations it covers, the root first."""

    values: Mapping[str, Value]
    ops: tuple[Op, ...]

    def __getitem__(self, name: str) -> Value:
        return self.values[name]

    @property
    def root(self) -> Op:
        """The operation whose result is replaced."""
        return self.ops[0]

    def op(self, *kinds: Kind) -> Op:
        """The first operation of the pattern, from the root on, that is one of these operators or has a trait."""
        return next(op for op in self.ops if is_any(op, *kinds))

    def number(self, name: str) -> float | None:
        """The number that a constant is everywhere."""
        got = scalar(self.values[name])
        return None if got is None else float(got)


Where: TypeAlias = Callable[[Match], "str | None"]
"""Why a pattern is not rewritten here, or None; an empty text where it is not even worth telling."""

Make: TypeAlias = "Callable[[Match, Builder], Value | Declined | None]"
"""What a pattern becomes, where the text of a rule has none."""


@dataclass(frozen=True)
class Rule:
    """``pattern => replacement``; see the module. floats: of float32 values only. make: in place of a replacement."""

    text: str
    where: Where = lambda match: None
    floats: bool = False
    make: Make | None = None
    pattern: Call = field(init=False, repr=False)
    replacement: Term | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        before, arrow, after = self.text.partition("=>")
        pattern, replacement = parse_term(before), parse_term(after) if self.make is None else None
        unknown = _names(replacement) - _names(pattern) if replacement is not None else set()
        if bool(arrow) != (self.make is None) or not isinstance(pattern, Call) or unknown:
            raise ValueError(f"no rule: {self.text}")
        object.__setattr__(self, "pattern", pattern)
        object.__setattr__(self, "replacement", replacement)

    @property
    def keeps_operands(self) -> bool:
        """Whether all operands of the pattern are operands of the replacement, which then has the same shape."""
        kept = set() if self.replacement is None else _leaves(self.replacement)
        return set(_leaves(self.pattern)) <= {leaf for leaf in kept if isinstance(leaf, Name)}

    def __str__(self) -> str:
        maker = "" if self.make is None else f" => {(self.make.__doc__ or '').partition(chr(10))[0].rstrip('.')}"
        return f"{self.text}{maker}"

    def rewrite(self, op: Op, b: Builder) -> Outcome:
        """What the first match that nothing speaks against becomes; else the last reason."""
        declined: Declined | None = None
        for match in matches(self.pattern, op):
            if self.floats and not is_float(op.result, *(v for n, v in match.values.items() if n[0] == "%")):
                continue
            reason = self.where(match)
            outcome = _replace(self, match, b) if reason is None else Declined(reason)
            if isinstance(outcome, Value):
                return outcome
            declined = outcome if outcome is not None and outcome.reason else declined
        return declined


def rules_pass(name: str, *rules: Rule, after: tuple[str, ...] = ()) -> Pass:
    """A pass that tries these rules in order."""

    def rewrite(op: Op, b: Builder) -> Outcome:
        declined: Outcome = None
        for rule in by_root[op.defn]:
            outcome = rule.rewrite(op, b)
            if isinstance(outcome, Value):
                return outcome
            declined = declined or outcome
        return declined

    roots = tuple(dict.fromkeys(name for rule in rules for name in rule.pattern.operators))
    by_root = {root: [rule for rule in rules if root in rule.pattern.operators] for root in roots}
    return Pass(name, roots, rewrite, after, rules=tuple(map(str, rules)))


# -- text -------------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(r"\s*([%$]\w+|-?inf|-?[\d.]+(?:e-?\d+)?|[A-Z][A-Z0-9_|]*~?|[(),]|\{[^}]*\})")


def parse_term(text: str) -> Term:
    """A pattern or replacement. Raises ValueError for a text that is none, or names an operator that does not exist."""
    tokens = _TOKEN.findall(text)
    if re.sub(r"\s", "", text) != re.sub(r"\s", "", "".join(tokens)):
        raise ValueError(f"cannot be read: {text}")
    try:
        term, rest = _term(tokens)
    except IndexError:
        raise ValueError(f"cannot be read, something is missing: {text}") from None
    if rest:
        raise ValueError(f"cannot be read from {rest[0]!r} on: {text}")
    return term


def _term(tokens: Sequence[str]) -> tuple[Term, Sequence[str]]:
    first, rest = tokens[0], tokens[1:]
    if first[0] in "%$":
        return Name(first), rest
    if not first[0].isupper():
        return float(first), rest
    names = first.rstrip("~").split("|")
    if rest[:1] != ["("] or not OPS.keys() >= set(names):
        raise ValueError(f"no operator: {first}")
    operands: list[Term] = []
    while rest[0] != ")":
        operand, rest = _term(rest[1:])
        operands.append(operand)
    rest = rest[1:]
    attrs: Mapping[str, Any] = {}
    if rest and rest[0].startswith("{"):
        attrs, rest = _attributes(rest[0]), rest[1:]
    return Call(tuple(OPS[name] for name in names), tuple(operands), attrs, first.endswith("~")), rest


def _attributes(text: str) -> dict[str, Any]:
    pairs = (pair.split("=") for pair in text[1:-1].split(","))
    return {name.strip(): _attribute(value.strip()) for name, value in pairs}


def _attribute(text: str) -> Any:
    if text.startswith("$"):
        return Name(text)
    operator, dot, name = text.partition(".")
    return Attribute(OPS[operator], name) if dot and operator in OPS else ast.literal_eval(text)


def _leaves(term: Term) -> Iterator[Name | float]:
    """The names and numbers among the operands, and theirs."""
    if not isinstance(term, Call):
        yield term
        return
    for operand in term.operands:
        yield from _leaves(operand)


def _names(term: Term) -> set[str]:
    attrs = term.attrs.values() if isinstance(term, Call) else ()
    return {leaf.text for leaf in (*_leaves(term), *attrs) if isinstance(leaf, Name)}


# -- matching ---------------------------------------------------------------------------------------------------------


Through: TypeAlias = "Callable[[Value], Value]"
"""What a value is, where a pattern looks through what leaves it as it is."""


def matches(pattern: Call, op: Op) -> Iterator[Match]:
    """All ways in which the pattern is found at this operation."""
    for values, ops in _match_op(pattern, op, {}, _identity):
        yield Match(values, ops)


def find(value: Value, patterns: Sequence[Call], through: Through | None = None, **known: Value) -> Iterator[Match]:
    """All ways in which a value is one of these patterns. known: what a name stands for (``c=value`` for ``%c``)."""
    for pattern in patterns:
        for values, ops in _match(pattern, value, {f"%{n}": v for n, v in known.items()}, through or _identity):
            yield Match(values, ops)


def patterns(*texts: str) -> tuple[Call, ...]:
    """Patterns without replacements, for `find`."""
    return tuple(term for text in texts if isinstance(term := parse_term(text), Call))


_Found: TypeAlias = "tuple[dict[str, Value], tuple[Op, ...]]"


def _identity(value: Value) -> Value:
    return value


def _match(term: Term, value: Value | None, known: dict[str, Value], through: Through) -> Iterator[_Found]:
    if value is None:
        return
    value = through(value)
    if isinstance(term, float):
        if is_number(value, term) if abs(term) != float("inf") else scalar(value) == term:
            yield known, ()
    elif isinstance(term, Name):
        fits = known.get(term.text, value) is value and (value.is_const or term.text[0] == "%")
        if fits:
            yield {**known, term.text: value}, ()
    elif value.op is not None and len(value.op.results) == 1 and activation(value.op) == "NONE":
        yield from _match_op(term, value.op, known, through)


def _match_op(term: Call, op: Op, known: dict[str, Value], through: Through) -> Iterator[_Found]:
    if op.defn not in term.operators or any(op.attrs.get(n) != v for n, v in term.attrs.items()):
        return
    if len(op.operands) != len(term.operands):
        return
    orders = [op.operands]
    if (term.any_order or op.defn.traits & Trait.COMMUTATIVE) and len(op.operands) == 2:
        orders.append(op.operands[::-1])
    for operands in orders:
        pairs = list(zip(term.operands, operands, strict=True))
        for values, ops in _match_all(pairs, known, through):
            yield values, (op, *ops)


def _match_all(
    pairs: Sequence[tuple[Term, Value | None]], known: dict[str, Value], through: Through
) -> Iterator[_Found]:
    if not pairs:
        yield known, ()
        return
    for values, ops in _match(*pairs[0], known, through):
        for all_values, more in _match_all(pairs[1:], values, through):
            yield all_values, (*ops, *more)


# -- rewriting --------------------------------------------------------------------------------------------------------


def _replace(rule: Rule, match: Match, b: Builder) -> Value | Declined | None:
    root = match.root
    fused = activation(root)
    takes = isinstance(rule.replacement, Call) and rule.replacement.operators[0].traits & Trait.FUSES_ACTIVATION
    if fused != "NONE" and not takes:
        return None
    if rule.make is not None:
        return rule.make(match, b)
    assert rule.replacement is not None
    fresh: list[Op] = []
    count = len(b.graph)
    result = _build(rule.replacement, match, b, fresh, {"fused_activation_function": fused} if takes else {})
    if len(b.graph) - count > len(_dying_ops(match)):
        return Declined(has_other_users(match) or "it would take more operations")
    refused = next(filter(None, (op.defn.check(op) for op in fresh if op.defn.check is not None)), None)
    if refused is not None:
        return Declined(refused)
    before = root.result.type.shape
    if not rule.keeps_operands and (before is None or result.type.shape != before):
        return Declined("what is left out broadcasts the operand")
    return result


def _build(term: Term, match: Match, b: Builder, fresh: list[Op], attrs: Mapping[str, Any]) -> Value:
    if isinstance(term, Name):
        return match[term.text]
    if isinstance(term, float):
        return b.constant(term, match.root.result.type.dtype)
    operands = [_build(operand, match, b, fresh, {}) for operand in term.operands]
    given = {name: _resolve(value, match) for name, value in term.attrs.items()}
    result = b.apply(term.operators[0], *operands, **attrs, **given)
    if result.op is not None:
        fresh.append(result.op)
    return result


def _resolve(value: Any, match: Match) -> Any:
    """An attribute of the replacement."""
    if isinstance(value, Attribute):
        return match.op(value.operator).attrs[value.name]
    return match.number(value.text) if isinstance(value, Name) else value


def has_other_users(match: Match) -> str | None:
    """As `Rule.where`: only where everything of the pattern goes."""
    removed = _dying_ops(match)
    kept = next((op for op in match.ops if op not in removed), None)
    return None if kept is None else f"the {kept.name} has other users"


def _dying_ops(match: Match) -> set[Op]:
    """The operations of the pattern that nothing needs any more when the root is replaced."""
    removed = {match.root}
    for op in match.ops[1:]:
        if not op.result.output_uses and all(user in removed for user in op.result.users):
            removed.add(op)
    return removed
