"""Operators nobody lowers as CUSTOM operators, for a runtime that has a kernel of that name.

The options are a FlexBuffer map of the node's attributes, as the official converter writes it: numbers, truth values,
text, element types as numbers of the schema's ``TensorType``, and lists of numbers or text; other attributes are left
out. Result types are those the model declares: element types by the operator's declaration, shapes by the node's
``_output_shapes``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from litesmith.errors import UnsupportedError
from litesmith.formats.tflite.flexbuffer import Plain, write_map
from litesmith.frontends.tensorflow.attributes import attribute_of_type, decode, list_of_type, shape_of, tf_dtype
from litesmith.frontends.tensorflow.importer import Context
from litesmith.frontends.tensorflow.registry import Lowering
from litesmith.frontends.tensorflow.resources import Results
from litesmith.ir import Dim, DType, TensorType, Value
from litesmith.ops.common import unknown_dim

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import NodeDef, OpDef
    from litesmith.frontends.tensorflow.attributes import Attribute, Attrs

Declarations: TypeAlias = "Callable[[str], OpDef | None]"
"""The OpDef of an operator's name, or None."""


def custom_ops(declarations: Declarations) -> Callable[[str], Lowering[..., Results]]:
    """What an import does with operators without a lowering (see `Session.on_unknown`): each becomes a CUSTOM one.

    The import raises UnsupportedError where the model does not say what types the results have.
    """

    @cache
    def lowering(op: str) -> Lowering[..., Results]:
        declaration = declarations(op)

        def custom(context: Context, operands: list[Value], **attrs: Attribute) -> Sequence[Value]:
            given = with_defaults(declaration, attrs)
            types = _result_types(context.node, declaration, given)
            options = write_map({k: plain for k, v in given.items() if (plain := plain_value(v)) is not None})
            return context.b.custom(*operands, custom_code=op, custom_options=options, result_types=types)

        return Lowering((op,), custom, tuple(o.name for o in declaration.output_arg) if declaration else ())

    return lowering


def with_defaults(declaration: OpDef | None, attrs: Attrs) -> dict[str, Attribute]:
    """Attributes, and the declared defaults of those that a model leaves out."""
    declared = declaration.attr if declaration is not None else ()
    return {**{a.name: decode(a.default_value) for a in declared if a.HasField("default_value")}, **attrs}


def _result_types(node: NodeDef, declaration: OpDef | None, attrs: Attrs) -> list[TensorType]:
    if declaration is None:
        raise UnsupportedError(
            "becomes a custom operator, but nothing says what types its results have",
            "save the model as a SavedModel, which declares its operators",
        )
    dtypes = [dtype for output in declaration.output_arg for dtype in element_types(output, attrs)]
    declared = node.attr["_output_shapes"].list.shape if "_output_shapes" in node.attr else ()
    shapes = [shape_of(s) for s in declared]
    if len(shapes) != len(dtypes) or any(shape is None for shape in shapes):
        raise UnsupportedError(
            "becomes a custom operator, but the rank of a result is not known",
            "give the results a shape in the source (a shape function, or set_shape)",
        )
    return [TensorType(dtype, _dims(shape or ())) for dtype, shape in zip(dtypes, shapes, strict=True)]


def element_types(output: OpDef.ArgDef, attrs: Attrs) -> list[DType]:
    """Element types of one declared output, which may be a list of tensors."""
    if output.type_list_attr:
        return list_of_type(attrs, output.type_list_attr, DType)
    dtype = attribute_of_type(attrs, output.type_attr, DType) if output.type_attr else tf_dtype(output.type)
    return [dtype] * (attribute_of_type(attrs, output.number_attr, int) if output.number_attr else 1)


def _dims(shape: Sequence[int]) -> tuple[Dim, ...]:
    return tuple(unknown_dim() if d < 0 else d for d in shape)


def plain_value(value: object) -> Plain | None:
    """An attribute as the options hold it; None for what they do not hold (shapes, tensors, functions, empty lists)."""
    if isinstance(value, DType):
        return value.value
    if isinstance(value, (bool, int, float, str, bytes)):
        return value
    if not isinstance(value, list) or not value or type(value[0]) not in (int, float, str):
        return None
    plain: Plain = value
    return plain if len({*map(type, value)}) == 1 else None
