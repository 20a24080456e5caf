"""Sizes of tensors and costs of operations as numbers: dimensions that are not known count as 1."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from litesmith.ir import DType, Graph, Op, Program, TensorType, Value
from litesmith.ir.dims import Dim, Sym, substitute, symbol_names

_HANDLE_BYTES = 4


def number(dim: Dim) -> int:
    """A dimension, or a product of them, with 1 for every unknown size."""
    if isinstance(dim, int):
        return dim
    known = substitute(dim, dict.fromkeys(symbol_names(dim), 1))
    return known if isinstance(known, int) else 1


def element_count(kind: TensorType) -> int:
    """Number of elements; 1 where even the rank is unknown."""
    return 1 if kind.shape is None else number(kind.count)


def tensor_bytes(kind: TensorType, float_bits: int | None = None) -> int:
    """Bytes a tensor takes in memory. float_bits: bits of a float, where they are to count otherwise."""
    bits = kind.dtype.bits
    if float_bits is not None and kind.dtype.is_float:
        bits = float_bits
    if not bits:
        return _HANDLE_BYTES if kind.dtype is DType.RESOURCE else 0
    return -(-element_count(kind) * bits // 8)


def unknown_names(program: Program) -> list[str]:
    """Names of the sizes that are not known, in order of first use."""
    return list(dict.fromkeys(_names(program)))


def _names(program: Program) -> Iterator[str]:
    for graph in program.all_graphs():
        for dim in _dims((*graph.inputs, *(r for op in graph.ops for r in op.results))):
            if isinstance(dim, Sym):
                yield from symbol_names(dim)


def _dims(values: Iterable[Value]) -> Iterator[Dim]:
    for value in values:
        yield from value.type.shape or ()


def multiply_adds(op: Op) -> int:
    """The cost of one operation, without that of subgraphs it calls. 0 where its shapes do not tell."""
    try:
        return max(0, number(op.defn.cost_of(op)))
    except (ValueError, TypeError, IndexError, KeyError, AttributeError):
        return 0  # operands of unknown rank, or fewer than the declaration names


def graph_cost(graph: Graph) -> int:
    """Multiply-adds of a graph: a loop counts once, a conditional as its most costly branch."""
    return sum(multiply_adds(op) + max((graph_cost(g) for g in op.subgraphs), default=0) for op in graph.ops)
