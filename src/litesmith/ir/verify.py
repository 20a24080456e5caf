"""The verifier: the invariants every pass must leave intact, and the check that kernels take what is there."""

from __future__ import annotations

from collections.abc import Iterator

from litesmith.errors import Problem
from litesmith.ir.builder import infer_types
from litesmith.ir.dims import Dim, Sym
from litesmith.ir.graph import Graph, Op, Program, Value
from litesmith.ir.opdef import Trait
from litesmith.ir.printer import print_graph
from litesmith.ir.types import TensorType

FUSED_ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6")
"""The fused activations kernels heed; TANH and SIGN_BIT, which the schema has too, they silently leave out."""

LARGEST_DIMENSION = 2**31 - 1


class InvalidIRError(AssertionError):
    """An invariant of the IR is broken: a defect of the project, never of the user's model."""


def verify(program: Program, types: bool = True) -> None:
    """Checks every graph: order, users, operand counts, attributes and (``types``) inferred result types.

    Raises InvalidIRError naming each broken operation inside the printed graph.
    """
    for graph in program.all_graphs():
        broken = list(_broken(graph, types))
        if broken:
            raise InvalidIRError("\n".join([*broken, print_graph(graph, origins=True)]))
    for signature in program.signatures:
        if not any(signature.graph is g for g in program.graphs):
            raise InvalidIRError(f"signature {signature.key!r} names a graph that is no entry graph")
        if max(signature.inputs.values(), default=-1) >= len(signature.graph.inputs):
            raise InvalidIRError(f"signature {signature.key!r} has an input out of range")
        if max(signature.outputs.values(), default=-1) >= len(signature.graph.outputs):
            raise InvalidIRError(f"signature {signature.key!r} has an output out of range")


def _broken(graph: Graph, types: bool) -> Iterator[str]:
    defined: set[Value] = set(graph.inputs)
    for op in graph.ops:
        for reason in _broken_op(op, graph, defined):
            yield f"{op.name}: {reason}"
        if types and op.defn.infer is not None:
            yield from _broken_types(op)
        defined.update(op.results)
    for value in graph.outputs:
        if not value.is_const and value not in defined:
            yield f"output {value!r} is not defined"


def _broken_op(op: Op, graph: Graph, defined: set[Value]) -> Iterator[str]:
    if op.graph is not graph:
        yield "belongs to another graph"
    if len(op.operands) > len(op.defn.inputs) and not op.defn.is_variadic:
        yield f"has {len(op.operands)} operands, takes {len(op.defn.inputs)}"
    for index, operand in enumerate(op.defn.inputs):
        absent = index >= len(op.operands) or op.operands[index] is None
        if absent and not operand.optional and not operand.variadic:
            yield f"lacks operand {operand.name!r}"
    for value in op.inputs:
        if not value.is_const and not value.is_variable and value not in defined:
            yield f"uses {value!r} before it is defined"
        if op not in value.users:
            yield f"is no user of its operand {value!r}"
    if set(op.attrs) != set(op.defn.defaults):
        yield f"has attributes {sorted(op.attrs)}, declared are {sorted(op.defn.defaults)}"
    if not op.defn.has_variadic_results and len(op.results) != len(op.defn.results):
        yield f"has {len(op.results)} results, declared are {len(op.defn.results)}"


def _broken_types(op: Op) -> Iterator[str]:
    for result, expected in zip(op.results, infer_types(op), strict=True):
        if not compatible(result.type, expected):
            yield f"{op.name}: result is {result.type}, inferred is {expected}"


def compatible(actual: TensorType, inferred: TensorType) -> bool:
    """Whether two types can describe the same tensor: same dtype and rank, no two different ints in one dimension."""
    if actual.dtype is not inferred.dtype:
        return False
    if actual.shape is None or inferred.shape is None:
        return True
    if len(actual.shape) != len(inferred.shape):
        return False
    return all(_same(a, i) for a, i in zip(actual.shape, inferred.shape, strict=True))


def _same(left: Dim, right: Dim) -> bool:
    return left == right or isinstance(left, Sym) or isinstance(right, Sym)


def kernel_problems(program: Program) -> list[Problem]:
    """Every operation whose kernel would not take its operands, each with its origin, the reason and a way out.

    Of an element type that many operations of one source node do not take, the first is told.
    """
    found = [p for graph in program.all_graphs() for p in (*_size_problems(graph), *_all_kernel_problems(graph))]
    return list({(p.code, p.op, p.node, p.line, p.reason.split(_NOT_TAKEN)[0]): p for p in reversed(found)}.values())[::-1]


def _size_problems(graph: Graph) -> Iterator[Problem]:
    for value in (*graph.inputs, *graph.constants(), *(r for op in graph.ops for r in op.results)):
        if any(isinstance(d, int) and not 0 <= d <= LARGEST_DIMENSION for d in value.type.shape or ()):
            reason = f"a dimension of {value.type} does not fit into the int32 the format has for it"
            origin = value.op.origin if value.op is not None else None
            where = (origin.op, origin.label, origin.line) if origin is not None else ("", value.name, "")
            yield Problem("LS013", reason, "make the tensor smaller", *where)


def _all_kernel_problems(graph: Graph) -> Iterator[Problem]:
    for op in graph.ops:
        yield from problems_of(op)


def problems_of(op: Op) -> Iterator[Problem]:
    """What the kernel of one operation would not take."""
    for index, value in enumerate(op.operands):
        declared = op.defn.operand_at(index)
        if value is None or declared.dtypes is None or value.type.dtype in declared.dtypes:
            continue
        taken = ", ".join(sorted(t.text for t in declared.dtypes))
        yield _problem(op, f"{value.type.dtype}{_NOT_TAKEN}{op.name} as {declared.name!r} ({taken})")
    reason = op.defn.check(op) if op.defn.check is not None else None
    if reason is not None:
        yield _problem(op, f"{op.name}: {reason}", _OTHER_FIX)
    activation = op.attrs.get("fused_activation_function", "NONE")
    if op.defn.traits & Trait.FUSES_ACTIVATION and activation not in FUSED_ACTIVATIONS:
        yield _problem(op, f"{op.name}: the kernel ignores the fused activation {activation}", "make it an operation")


_NOT_TAKEN = " is not taken by "
DEFAULT_FIX = "cast the operand to a type the kernel takes"
_OTHER_FIX = "give it operands the kernel takes, or say it with other operations"


def _problem(op: Op, reason: str, fix: str = DEFAULT_FIX) -> Problem:
    origin = op.origin
    return Problem("LS012", reason, fix, origin.op or op.name, origin.label, origin.line)
