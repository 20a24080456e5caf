"""Lowers one node: finds its lowering, and gives it the operands in the form that it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from litesmith.decompositions.complex_parts import Complex, join_parts
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.attributes import Attrs
from litesmith.frontends.tensorflow.refused import REFUSED
from litesmith.frontends.tensorflow.registry import Lowering
from litesmith.frontends.tensorflow.resources import Item, Results, TensorList, Variable, is_complex
from litesmith.ir import Builder, DType, Value

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import NodeDef
    from litesmith.frontends.tensorflow.importer import Context, Session

UNKNOWN = (
    "has no lowering to built-in operators",
    "replace the operation, add a lowering (docs/add-an-op.md), or, of a SavedModel, set allow_custom_ops=True",
)
"""Reason and way out for an operator nobody has thought of."""


def lower_node(context: Context, node: NodeDef, inputs: Sequence[Item], attrs: Attrs) -> Sequence[Item]:
    """Lowers one node. Raises UnsupportedError with the reason where that is not possible."""
    lowering = _of_complex(context.session, node.op, inputs) or context.session.lowering_of(node.op)
    if lowering is None:
        if node.op in context.session.model.functions:
            return context.call(node.op, inputs, attrs)
        raise refusal_of(node.op)
    wants = lowering.parameters
    operands = [
        [as_tensor(context, v, i.takes_item) for v in bound]
        if isinstance(bound, list)
        else as_tensor(context, bound, i.takes_item)
        for bound, i in zip(lowering.bind_inputs(inputs), wants.inputs, strict=True)
    ]
    keywords = lowering.bind_attrs(attrs)
    results = lowering(context if wants.wants_context else context.b, *operands, **keywords)
    if results is None:
        return []
    return list(results) if isinstance(results, Sequence) else [results]


def refusal_of(op: str) -> UnsupportedError:
    """The error of an operator without a lowering."""
    reason, fix = REFUSED.get(op, UNKNOWN)
    return UnsupportedError(reason, fix, code="LS010")


def _of_complex(session: Session, op: str, inputs: Sequence[Item]) -> Lowering[..., Results] | None:
    """The lowering for operands of which one is complex (see `lowering.complex_numbers`)."""
    return session.lowerings.get(f"complex {op}") if any(map(is_complex, inputs)) else None


def complex_tensor(b: Builder, value: Complex) -> Value:
    """A complex64 tensor."""
    made: Value = b.cast(value.real, out_data_type=DType.COMPLEX64)
    return made if value.imag is None else join_parts(b, value.real, value.imag)


def _complex_operand(b: Builder, value: Complex) -> Value:
    """A complex64 tensor for a kernel. Raises UnsupportedError where there is an imaginary part."""
    if value.imag is not None:
        raise UnsupportedError(
            "no kernel computes with complex tensors that have an imaginary part",
            "use tf.math.real and tf.math.imag of it, and complex numbers in arithmetic and Fourier transforms only",
            code="LS012",
        )
    return complex_tensor(b, value)


def as_tensor(context: Context, value: Item, takes_item: bool) -> Item:
    """The tensor behind an operand. Raises UnsupportedError for a resource where a tensor is needed."""
    if takes_item or isinstance(value, Value):
        return value
    if isinstance(value, Variable) and value.reference:
        return context.read(value)
    if isinstance(value, TensorList) and value.stacked is not None:
        return value.stacked
    if isinstance(value, Complex):
        return _complex_operand(context.b, value)
    raise UnsupportedError(
        f"a {type(value).__name__.lower()} is used where a tensor is needed",
        "read the resource before using it",
    )
