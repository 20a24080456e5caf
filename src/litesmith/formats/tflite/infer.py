"""Types of a file's tensors where the file leaves dimensions open: inferred from the operands, else fresh symbols."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

from litesmith.errors import FormatError, UnsupportedError
from litesmith.ir import Op, Sym, TensorType
from litesmith.ir.builder import infer_types, known_elements
from litesmith.ir.constant import Array
from litesmith.ir.dims import Dim
from litesmith.ir.graph import SMALL

UNKNOWN = Sym.named("_")
"""Stands for a dimension the file leaves open, until it is named or inferred."""

_LARGEST_EXPRESSION = 40
"""Terms and calls a dimension may consist of; larger ones become symbols of their own."""


class Inference:
    """Names the open dimensions of one file.

    ranks_are_marked: whether the file says of which tensors the rank is known. Older ones do not; there, a tensor
    without dimensions is a scalar.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self.ranks_are_marked = False

    def see(self, marks: Iterable[bool]) -> None:
        """Learns from the has_rank fields of some tensors."""
        self.ranks_are_marked = self.ranks_are_marked or any(marks)

    def name_dimensions(self, type_: TensorType) -> TensorType:
        """The type with each open dimension a symbol of its own."""
        if type_.is_static or type_.shape is None:
            return type_
        return type_.with_shape(self._fresh() if d == UNKNOWN else d for d in type_.shape)

    def complete(self, op: Op) -> None:
        """Fills in the open dimensions of an operation's results, and what is known of the elements of small ones."""
        inferred = self._infer(op)
        for index, value in enumerate(op.results):
            value.type = self._merge(value.type, inferred[index] if inferred is not None else None)
        if inferred is not None and any(_is_small_index(t) for t in inferred):
            for value, elements in zip(op.results, self._elements(op), strict=False):
                if elements is not None and value.type.is_static and elements.shape == value.type.static_shape:
                    value.sym = elements

    def _fresh(self) -> Sym:
        return Sym.named(f"d{next(self._numbers)}")

    def _infer(self, op: Op) -> list[TensorType] | None:
        """What the declaration infers, where the file leaves something open or elements may become known."""
        open_results = any(not value.type.is_static for value in op.results)
        if op.defn.infer is None or not (open_results or _may_be_known(op)) or not _is_modest(op):
            return None
        try:
            types = infer_types(op)
        except UnsupportedError:
            return None
        except _INCONSISTENT as error:
            raise FormatError(f"the operands of {op.name} are inconsistent ({error})") from error
        return types if len(types) == len(op.results) else None

    def _elements(self, op: Op) -> Sequence[Array | None]:
        try:
            return known_elements(op, [r.type for r in op.results])
        except (UnsupportedError, *_INCONSISTENT):
            return ()

    def _merge(self, declared: TensorType, inferred: TensorType | None) -> TensorType:
        """The declared type, its open dimensions as inferred where that says something simple."""
        if declared.is_static:
            return declared
        known = None if inferred is None or inferred.dtype is not declared.dtype else inferred.shape
        shape = known if declared.shape is None else declared.shape
        if shape is None:
            return declared
        if known is None or len(known) != len(shape):
            known = (UNKNOWN,) * len(shape)
        return declared.with_shape(self._dim(d, k) for d, k in zip(shape, known, strict=True))

    def _dim(self, declared: Dim, inferred: Dim) -> Dim:
        if isinstance(declared, int):
            return declared
        if inferred == UNKNOWN or _complexity(inferred) > _LARGEST_EXPRESSION or not _fits(inferred):
            return self._fresh()
        return inferred


_MOST_RESULTS = 1 << 12
"""Results an operation can have for them to be inferred."""

_INCONSISTENT = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError)
"""What inference stumbles over when operands contradict each other, which only a damaged file has."""


def _may_be_known(op: Op) -> bool:
    """Whether symbolic evaluation could tell elements: small integer results made of operands not all constant."""
    if op.defn.symbolic is None or not all(_is_small_index(value.type) for value in op.results):
        return False
    return any(not v.type.is_static or (v.sym is not None and not v.is_const) for v in op.inputs)


def _is_modest(op: Op) -> bool:
    """Whether there are as few results as inference takes; a damaged file may claim 2**31."""
    counts = op.attrs.values() if op.defn.has_variadic_results else ()
    return all(count <= _MOST_RESULTS for count in counts if isinstance(count, int))


def _is_small_index(type_: TensorType) -> bool:
    return type_.dtype.is_integer and type_.is_static and math.prod(type_.static_shape) <= SMALL


def _fits(dim: Dim) -> bool:
    return not isinstance(dim, int) or 0 <= dim < 2**31


def _complexity(dim: Dim) -> int:
    """Terms and calls of a dimension, counted until there are too many."""
    count, stack = 0, [dim]
    while stack and count <= _LARGEST_EXPRESSION:
        part = stack.pop()
        count += 1
        if isinstance(part, Sym):
            count += len(part.terms)
            stack += [arg for atom in part.atoms for arg in atom.args]
    return count
