"""Ranks that a signature leaves open and the operators behind it ask for.

    x: float32 of unknown rank  ─►  Relu  ─►  Conv2D        ⇒        x: float32[?, ?, ?, ?]

With any other rank the source fails. Looked up in the graph before it is imported: operators that the input reaches
unchanged in shape, through calls of functions, but not into branches and loops, which a run may leave out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from litesmith.frontends.tensorflow.attributes import shape_of
from litesmith.frontends.tensorflow.control_v1 import node_name

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import FunctionDef, NodeDef

Shape = tuple[int | None, ...]

_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_KEEP = frozenset(
    "Abs Cast CheckNumerics ClipByValue Elu Erf Exp Floor Identity LeakyRelu Log LogicalNot Neg PreventGradient Relu Relu6 "
    "Rsqrt Selu Sigmoid Sign Sin Softplus Sqrt Square StopGradient Tanh".split()
)
"""Operators whose result has their first operand's shape."""
_BROADCAST = frozenset("Add AddV2 Div FloorDiv Maximum Minimum Mul Pow RealDiv SquaredDifference Sub".split())
"""Operators whose result has an operand's shape where the other one is a constant number."""

_RANKS: Mapping[str, tuple[int | None, ...]] = {
    **dict.fromkeys(("MatMul", "SparseMatMul"), (2, 2)),
    **dict.fromkeys(("Conv2D", "DepthwiseConv2dNative"), (4, 4)),
    **dict.fromkeys(("AvgPool", "MaxPool", "MaxPoolV2", "LRN", "SpaceToDepth", "DepthToSpace", "CropAndResize"), (4,)),
    **dict.fromkeys((f"Resize{way}" for way in ("Area", "Bicubic", "Bilinear", "NearestNeighbor")), (4,)),
    "FusedBatchNorm": (4,),
    "Conv2DBackpropInput": (None, None, 4),
    **dict.fromkeys(("Conv3D", "AvgPool3D", "MaxPool3D"), (5,)),
    "Conv3DBackpropInputV2": (None, None, 5),
}
"""The rank each operand has to have; None for any."""


def demanded_shape(tensor: str, nodes: Iterable[NodeDef], functions: Mapping[str, FunctionDef]) -> Shape | None:
    """The shape (None for unknown sizes) the operators behind a tensor ask for; None where they take several ranks."""
    pending = [(node_name(tensor), _Consumers(nodes))]
    seen: set[tuple[str, _Consumers]] = set()
    while pending:
        name, scope = pending.pop(0)
        if (name, scope) in seen:
            continue
        seen.add((name, scope))
        for node, place in scope.of(name):
            shape = _required_shape(node, place, scope)
            if shape is not None:
                return shape
            pending += _reach_same_shape(node, place, scope, functions)
    return None


def takes_any_rank(tensor: str, nodes: Iterable[NodeDef], functions: Mapping[str, FunctionDef]) -> bool:
    """Whether every use of a tensor is element-wise, a lookup, or asks for its shape or rank only."""
    pending = [(node_name(tensor), _Consumers(nodes))]
    seen: set[tuple[str, _Consumers]] = set()
    while pending:
        name, scope = pending.pop()
        if (name, scope) in seen:
            continue
        seen.add((name, scope))
        for node, place in scope.of(name):
            reached = list(_reached_elements(node, place, scope, functions))
            if not reached and not _takes_any(node, place, scope):
                return False
            pending += reached
    return True


def _takes_any(node: NodeDef, place: int, scope: _Consumers) -> bool:
    """Whether what a node makes does not depend on the rank of an operand."""
    flattened = node.op == "Reshape" and place == 0 and scope.constant_shape(node, 1) is not None
    return flattened or node.op in _ASK or (node.op in _LOOKUPS and place != 1)


_ASK = frozenset({"Shape", "Rank", "Size", "NoOp", "Assert"})
_LOOKUPS = frozenset({"LookupTableFind", "LookupTableFindV2"})
_ELEMENTS = _KEEP | _BROADCAST | _LOOKUPS | frozenset(
    "Acos Acosh Asin Asinh Atan Atanh Ceil Cos Cosh Digamma Equal Erfc Expm1 FloorMod Greater GreaterEqual Inv IsFinite "
    "IsInf IsNan Less LessEqual Lgamma Log1p LogicalAnd LogicalOr Mod NotEqual Reciprocal Rint Round Select SelectV2 "
    "Sinh Softsign Tan ZerosLike OnesLike Snapshot DivNoNan Xlogy Xdivy Atan2".split()
)  # fmt: skip
"""Operators that look at one element after the other, in whatever shape they stand."""


def _reached_elements(
    node: NodeDef, place: int, scope: _Consumers, functions: Mapping[str, FunctionDef]
) -> Iterator[tuple[str, _Consumers]]:
    if node.op in _ELEMENTS:
        yield node.name, scope
    called = functions.get(node.attr["f"].func.name if node.op in _CALLS else node.op)
    if called is not None and place < len(called.signature.input_arg):
        yield called.signature.input_arg[place].name, scope.inside(called)
        yield node.name, scope  # the results may be made of it


class _Consumers:
    """Who uses which node, in one GraphDef or FunctionDef."""

    def __init__(self, nodes: Iterable[NodeDef]) -> None:
        self.nodes = {node.name: node for node in nodes}
        self.users: dict[str, list[tuple[NodeDef, int]]] = {}
        self.called: dict[str, _Consumers] = {}
        for node in self.nodes.values():
            for place, reference in enumerate(r for r in node.input if not r.startswith("^")):
                self.users.setdefault(node_name(reference), []).append((node, place))

    def of(self, name: str) -> list[tuple[NodeDef, int]]:
        """The nodes that use a node, and as which operand."""
        return self.users.get(name, [])

    def constant_shape(self, node: NodeDef, place: int) -> tuple[int, ...] | None:
        """The shape of an operand that is a constant."""
        operand = self.nodes.get(node_name(node.input[place])) if place < len(node.input) else None
        if operand is None or operand.op != "Const":
            return None
        return shape_of(operand.attr["value"].tensor.tensor_shape)

    def inside(self, function: FunctionDef) -> _Consumers:
        """The nodes of a function that is called here."""
        name = function.signature.name
        if name not in self.called:
            self.called[name] = _Consumers(function.node_def)
        return self.called[name]


def _required_shape(node: NodeDef, place: int, scope: _Consumers) -> Shape | None:
    ranks = _RANKS.get(node.op, ())
    rank = ranks[place] if place < len(ranks) else None
    special = _SPECIAL.get(node.op)
    if rank is None and special is not None:
        return special(node, place, scope)
    return None if rank is None else (None,) * rank


def _ensured_shape(node: NodeDef, place: int, scope: _Consumers) -> Shape | None:
    shape = shape_of(node.attr["shape"].shape)
    return None if shape is None else tuple(None if d < 0 else d for d in shape)


def _shape_of_permutation(node: NodeDef, place: int, scope: _Consumers) -> Shape | None:
    order = scope.constant_shape(node, 1) if place == 0 else None
    return (None,) * order[0] if order is not None and len(order) == 1 else None


def _shape_of_equation(node: NodeDef, place: int, scope: _Consumers) -> Shape | None:
    terms = node.attr["equation"].s.decode(errors="replace").replace(" ", "").split("->")[0].split(",")
    return (None,) * len(terms[place]) if place < len(terms) and "." not in terms[place] else None


def _shape_of_layout(node: NodeDef, place: int, scope: _Consumers) -> Shape | None:
    layout = node.attr["data_format"].s or b"NHWC"
    return (None,) * len(layout) if place == 0 else None


_SPECIAL: Mapping[str, Callable[[NodeDef, int, _Consumers], Shape | None]] = {
    "EnsureShape": _ensured_shape,
    "Transpose": _shape_of_permutation,
    "Einsum": _shape_of_equation,
    **dict.fromkeys(("FusedBatchNormV2", "FusedBatchNormV3"), _shape_of_layout),
}


def _reach_same_shape(
    node: NodeDef, place: int, scope: _Consumers, functions: Mapping[str, FunctionDef]
) -> Iterator[tuple[str, _Consumers]]:
    """Where else the operand is, in its own shape: the node's result, or an argument of the function it calls."""
    other_is_number = len(node.input) > 1 and scope.constant_shape(node, 1 - min(place, 1)) == ()
    if (node.op in _KEEP and place == 0) or (node.op in _BROADCAST and other_is_number):
        yield node.name, scope
    called = functions.get(node.attr["f"].func.name if node.op in _CALLS else node.op)
    if called is not None and place < len(called.signature.input_arg):
        yield called.signature.input_arg[place].name, scope.inside(called)
