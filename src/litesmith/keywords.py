"""The keywords of `convert`, typed, so that editors complete them and type checkers find mistakes in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypedDict

from litesmith._util.naming import Shapes, suggestion
from litesmith.errors import UsageError
from litesmith.ir.graph import Program

Dump = Callable[[str, Program], None]
CompositeLowering = Callable[..., Any]


class Keywords(TypedDict, total=False):
    """The keywords of `convert`: the fields of `Options`."""

    signature_keys: Sequence[str] | str | None
    tags: Sequence[str] | str | None
    input_shapes: Shapes | Sequence[Any]
    verify: bool
    reference: Any
    input_names: Sequence[str] | None
    output_names: Sequence[str] | None
    kwargs: Mapping[str, Any]
    static_argnums: int | Sequence[int] | None
    static_argnames: str | Sequence[str] | None
    safe_mode: bool
    custom_objects: Mapping[str, Any]
    dump: Dump | None
    explain: Callable[[Sequence[str]], None] | None
    composites: Mapping[str, CompositeLowering]
    allow_custom_ops: bool
    select_tf_ops: bool | Sequence[str]
    keep_composites: Sequence[str]
    external_weights: bool
    without_passes: Sequence[str]
    rnn: str
    quantize: Any
    calibrate: Any
    exclude: Sequence[str]
    plan: Any
    requantize: bool
    metadata: Any


def check_keywords(options: Iterable[str], known: Sequence[str]) -> None:
    """Raises UsageError for a keyword that is no option, telling the nearest one or where it is said."""
    for name in options:
        if name in _ATTRIBUTES:
            fix = f"\n      Fix: converter = litesmith.TFLiteConverter.from_…(…); converter.{name} = …"
            raise UsageError(f"{name!r} is not an option of convert but an attribute of TFLiteConverter{fix}")
        if name not in known:
            near = suggestion(name, [*known, *_ATTRIBUTES])
            raise UsageError(f"convert() has no option {name!r}{near}; the options are {', '.join(known)}")


_ATTRIBUTES = (
    *("optimizations", "representative_dataset", "target_spec", "inference_input_type", "inference_output_type"),
    *("inference_type", "target_ops", "quantized_input_stats", "experimental_new_quantizer"),
)
"""Attributes of `TFLiteConverter` that are likely to be tried as options."""
