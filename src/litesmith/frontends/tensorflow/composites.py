"""Functions that stand for an operation: ``tf.function(experimental_implements=…)``.

Such a function has a name, or a name and attributes, in its ``_implements`` attribute. Exporters often give it a body
that computes nothing (zeros): it stands there for a kernel that TensorFlow does not have. So a name that is known
becomes the operator it means (`BUILT_IN`), one marked ``tfl_fusable_op`` the custom operator of that name, and any
other is inlined only where its body computes from its arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from litesmith.errors import UnsupportedError
from litesmith.formats.tflite.flexbuffer import write_map
from litesmith.frontends import plugins
from litesmith.frontends.frame import POISON
from litesmith.frontends.tensorflow.attributes import FunctionName, decode, number_of
from litesmith.frontends.tensorflow.recurrent_functions import kind_of, lower_recurrent
from litesmith.ir import Builder, DType, Graph, Op, TensorType, Value
from litesmith.ops.common import unknown_dim

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import FunctionDef
    from litesmith.frontends.tensorflow.attributes import Attrs
    from litesmith.frontends.tensorflow.importer import Context
    from litesmith.frontends.tensorflow.resources import Item

IMPLEMENTS = "_implements"
FUSABLE = "tfl_fusable_op"

_SHAPES_ONLY = frozenset({"SHAPE", "RANK", "ZEROS_LIKE"})
"""Operators whose result does not depend on the elements of their operands."""


@dataclass(frozen=True)
class Implemented:
    """What a function says it implements."""

    name: str
    attrs: Attrs


def implementation_of(definition: FunctionDef) -> Implemented | None:
    """What a FunctionDef says it implements, None where it says nothing."""
    if IMPLEMENTS not in definition.attr:
        return None
    value = decode(definition.attr[IMPLEMENTS])
    if isinstance(value, FunctionName):
        return Implemented(value.name, value.attrs)
    return Implemented(str(value), {})


@dataclass(frozen=True)
class Body:
    """A function's body, imported where nobody sees it: its arguments that are no constants, and its results."""

    arguments: Sequence[Value]
    results: Sequence[Item]

    @property
    def types(self) -> list[TensorType]:
        """The types of the results, of unknown rank where they cannot be made."""
        return [r.type if isinstance(r, Value) else TensorType(DType.FLOAT32, None) for r in self.results]


def lower_implemented(
    b: Builder, what: Implemented, args: Sequence[Item], import_body: Callable[[], Body]
) -> list[Value] | None:
    """The results of a call of a function that implements something; None where its body is to be inlined.

    Raises UnsupportedError where it stands for an operation nobody knows.
    """
    lowering = BUILT_IN.get(what.name)
    tensors = [a for a in args if isinstance(a, Value)]
    if lowering is not None and len(tensors) == len(args):
        results = lowering(b, what, tensors)
        if results is not None:
            return results
    if what.attrs.get(FUSABLE):
        options = _options({k: v for k, v in what.attrs.items() if k != FUSABLE}, what.name)
        return _custom(b, what.name, args, import_body().types, options)
    if _computes(import_body()):
        return None
    raise UnsupportedError(
        f"the function stands for the operation {what.name!r}, which is not known, and its body computes nothing from "
        "its arguments",
        f"give its lowering: litesmith.convert(..., composites={{{what.name!r}: lambda b, *tensors: …}}), or mark it as a "
        f"custom operator with the attribute {FUSABLE}",
        code="LS013",
    )


def _computes(body: Body, combine: Callable[[Iterable[bool]], bool] = all) -> bool:
    """Whether every (or any) result of the body depends on the elements of its arguments, or it has no arguments."""
    inputs = {id(v) for v in body.arguments}
    results = [r for r in body.results if isinstance(r, Value)]
    if not inputs or len(results) < len(body.results):
        return True  # what cannot be lowered is reported where it is inlined
    return combine(_depends(result, inputs) for result in results)


def _depends(result: Value, inputs: set[int]) -> bool:
    pending, seen = [result], set[int]()
    while pending:
        value = pending.pop()
        if id(value) in inputs:
            return True
        if id(value) not in seen and value.op is not None and not _is_placeholder(value.op):
            pending += value.op.inputs
        seen.add(id(value))
    return False


def _is_placeholder(op: Op) -> bool:
    """Whether an operation gives the same for all elements of its operands: a size, or ``x * 0``, ``x - x``."""
    if op.name == "SUB":
        return op["x"] is op["y"]
    if op.name in ("MUL", "LOGICAL_AND"):
        return any(v.is_small_const and not v.numpy().any() for v in op.inputs)
    return op.name in _SHAPES_ONLY


def _custom(b: Builder, name: str, args: Sequence[Item], types: Sequence[TensorType], options: bytes) -> list[Value]:
    if any(t.shape is None for t in types):
        raise UnsupportedError(
            f"becomes the custom operator {name!r}, but the rank of a result is not known",
            "give the results a shape in the source (set_shape)",
        )
    operands = [a for a in args if isinstance(a, Value)]
    if len(operands) < len(args):
        raise UnsupportedError(f"a resource goes to the custom operator {name!r}", "read the resource before using it")
    return list(b.custom(*operands, custom_code=name, custom_options=options, result_types=list(types)))


def _options(attrs: Attrs, name: str) -> bytes:
    """The attributes as a FlexBuffer map. Raises UnsupportedError for kinds that no kernel can be told."""
    plain = {k: v for k, v in attrs.items() if isinstance(v, (bool, int, float, str))}
    if wrong := sorted({*attrs} - {*plain}):
        raise UnsupportedError(
            f"attribute {wrong[0]!r} of the custom operator {name!r} is not a number, boolean or text",
            "give it another form in experimental_implements",
        )
    return write_map(plain)


# --- the table -----------------------------------------------------------------------------------------------------


def _are(args: Sequence[Value], dtype: DType, rank: int) -> bool:
    return all(a.type.dtype is dtype and a.type.shape is not None and a.rank == rank for a in args)


def _embedding_matmul(b: Builder, what: Implemented, args: Sequence[Value]) -> list[Value] | None:
    return [b.embedding_lookup(args[1], args[0])] if len(args) == 2 else None


def _suppression(b: Builder, what: Implemented, args: Sequence[Value]) -> list[Value] | None:
    """Boxes [n, 4], scores [n], limit, overlap, least score, …; batches of boxes keep the body."""
    if len(args) < 5 or args[0].type.shape is None or args[0].rank != 2:
        return None
    return list(b.non_max_suppression_v4(*args[:5]))


def _dense_image_warp(b: Builder, what: Implemented, args: Sequence[Value]) -> list[Value] | None:
    if len(args) != 2 or not _are(args, DType.FLOAT32, 4):
        return None
    return _custom(b, "DenseImageWarp", args, [args[0].type], b"")


_DETECTION_NUMBERS = (
    "max_detections max_classes_per_detection num_classes nms_score_threshold nms_iou_threshold y_scale x_scale h_scale "
    "w_scale"
).split()


def _detection_post_process(b: Builder, what: Implemented, args: Sequence[Value]) -> list[Value]:
    """Box encodings [1, n, >= 4], class predictions [1, n, classes], anchors [n, 4] (y, x, height, width), float32.

    Results, all float32: boxes [1, m, 4], classes [1, m], scores [1, m], count [1], with m = max_detections *
    max_classes_per_detection. The body's types do not count: exporters have scalars there.
    """
    missing = [name for name in _DETECTION_NUMBERS if name not in what.attrs]
    if missing or len(args) != 3:
        lack = f"lacks the attributes {', '.join(missing)}" if missing else f"takes 3 operands, got {len(args)}"
        raise UnsupportedError(f"{what.name} {lack}", "give all of its attributes in experimental_implements")
    places = int(number_of(what.attrs, "max_detections")) * int(number_of(what.attrs, "max_classes_per_detection"))
    attrs = {k: number_of(what.attrs, k) if k.endswith(("threshold", "_scale")) else v for k, v in what.attrs.items()}
    shapes: list[tuple[int, ...]] = [(1, places, 4), (1, places), (1, places), (1,)]
    types = [TensorType(DType.FLOAT32, shape) for shape in shapes]
    return _custom(b, what.name, args, types, _options({**attrs, "use_regular_nms": _flag(attrs)}, what.name))


def _flag(attrs: Attrs) -> int:
    return int(bool(attrs.get("use_regular_nms", False)))


def _tokens(b: Builder, what: Implemented, args: Sequence[Value]) -> list[Value] | None:
    """Texts of rank 0 to 2; results: the words of all texts and, by rank, row splits."""
    if len(args) != 1 or args[0].type.dtype is not DType.STRING or args[0].type.shape is None or args[0].rank > 2:
        return None
    words = TensorType(DType.STRING, (unknown_dim(),))
    splits = [TensorType(DType.INT64, (unknown_dim(),)) for _ in range(args[0].rank)]
    return _custom(b, what.name, args, [words, *splits], b"")


def _ngrams(b: Builder, what: Implemented, args: Sequence[Value]) -> list[Value] | None:
    """Texts, or words with row splits; the results have the same form."""
    if not args or args[0].type.dtype is not DType.STRING or args[0].type.shape is None:
        return None
    words = TensorType(DType.STRING, (*args[0].dims[:-1], unknown_dim()))
    return _custom(b, what.name, args, [words, *(a.type for a in args[1:])], _options(what.attrs, what.name))


def _projection(b: Builder, what: Implemented, args: Sequence[Value]) -> list[Value] | None:
    """Words and row splits [n + 1]; result: features [n, number of seeds] float32."""
    seeds = what.attrs.get("hash_seed")
    if len(args) != 2 or not isinstance(seeds, list) or "buckets" not in what.attrs:
        return None
    rows = args[1].dims[0] - 1
    options = write_map({"hash_seed": seeds, "buckets": int(number_of(what.attrs, "buckets"))})
    return _custom(b, what.name, args, [TensorType(DType.FLOAT32, (rows, len(seeds)))], options)


BUILT_IN: Mapping[str, Callable[[Builder, Implemented, Sequence[Value]], list[Value] | None]] = {
    "embedding_matmul": _embedding_matmul,
    "non_max_suppression_padded_v2": _suppression,
    "addons:DenseImageWarp": _dense_image_warp,
    "TFLite_Detection_PostProcess": _detection_post_process,
    "tftext:WhitespaceTokenizer": _tokens,
    "tftext:Ngrams": _ngrams,
    "tftext:custom:SgnnProjection": _projection,
}
"""What functions of these names become; None as the result means that the body is inlined."""


# -- calls --------------------------------------------------------------------------------------------------------------


def lower_whole(
    context: Context,
    definition: FunctionDef,
    args: Sequence[Item],
    import_body: Callable[[Sequence[Item]], Body],
) -> Sequence[Item] | None:
    """Results of a function that somebody lowers whole, told by what it implements or by its own name; else None."""
    if any(value is POISON for value in args):
        return _as_unknown_composite(context, definition, args)
    what = implementation_of(definition)
    attrs = what.attrs if what else {}
    composite = context.session.composite
    if composite is not None:
        for name in _names_of(definition):
            results = composite(context.b, name, args, attrs)
            if results is not None:
                return list(results)
    names = _implemented_names(definition)
    results = plugins.lower_first(names, context.b, args, attrs, len(definition.signature.output_arg))
    if results is not None:
        return list(results)
    kind = kind_of(names)
    if kind is not None:
        return _recurrent(context, definition, kind, args, import_body)
    return None if what is None else lower_implemented(context.b, what, args, lambda: import_body(args))


def _recurrent(
    context: Context,
    definition: FunctionDef,
    kind: str,
    args: Sequence[Item],
    import_body: Callable[[Sequence[Item]], Body],
) -> Sequence[Item] | None:
    """A function that stands for a recurrent layer; None where its body is inlined, with a remark where it does not fit."""
    attrs = {name: decode(definition.attr[name]) for name in ("time_major", "go_backwards") if name in definition.attr}
    body = import_body(args)
    computes = _computes(body, any)
    evaluate = (lambda given: import_body(given).results) if computes else None
    made = lower_recurrent(context.b, kind, attrs, args, evaluate, len(definition.signature.output_arg))
    if isinstance(made, list):
        return made
    if made:
        context.session.remarks[f"{_implemented_names(definition)[0]} keeps its body: {made}"] = None
    return None


def _names_of(definition: FunctionDef) -> list[str]:
    """What a composite lowering is asked for: what the function implements, and its own name."""
    return [*_implemented_names(definition), python_name(definition.signature.name)]


def _implemented_names(definition: FunctionDef) -> list[str]:
    what = implementation_of(definition)
    api = decode(definition.attr["api_implements"]) if "api_implements" in definition.attr else None
    return [str(n) for n in (what.name if what else None, api) if n is not None]


def _as_unknown_composite(context: Context, definition: FunctionDef, args: Sequence[Item]) -> Sequence[Item] | None:
    """The same where an argument could not be made: nothing can be lowered, but the body is not to be looked at."""
    names = _implemented_names(definition)
    whole = implementation_of(definition) is not None or any(map(plugins.registered_lowering, names))
    composite = context.session.composite
    aside = context.into(Graph("examined")).b
    if composite is not None:
        for name in _names_of(definition):
            try:
                whole = whole or composite(aside, name, args, {}) is not None
            except Exception:  # whatever a lowering makes of an argument that is none, it takes the call
                whole = True
    return [POISON] * len(definition.signature.output_arg) if whole else None


def python_name(function: str) -> str:
    """The Python function's name, out of ``__inference_name_12``."""
    return re.sub(r"^__inference_|_\d+$", "", function) or function
