"""Operators outside the built-in vocabulary, and codes that name no operation."""

from __future__ import annotations

from litesmith.ir.opdef import Attr, OpDef, Trait
from litesmith.ops import gpu, micro, xnnpack
from litesmith.ops.common import operands

CUSTOM = OpDef(
    "CUSTOM",
    32,
    operands("operands*"),
    results=("results*",),
    attrs={
        "custom_code": Attr("string", "", slot=-1),
        "custom_options": Attr("bytes", b"", slot=-1),
        "custom_version": Attr("int32", 1, slot=-1),
    },
    traits=Trait.STATEFUL,
    version=lambda op: int(op.attrs["custom_version"]),
    gpu=gpu.custom,
    micro=micro.custom,
    xnnpack=xnnpack.custom,
)
"""An operator known by name: ``custom_code`` of the operator code, its options as raw bytes (mostly a FlexBuffer)."""

DELEGATE, PLACEHOLDER_FOR_GREATER_OP_CODES = (
    OpDef(
        name,
        code,
        operands("operands*"),
        results=("results*",),
        traits=Trait.STATEFUL,
        check=lambda op: "it is no operation of a model",
    )
    for name, code in (("DELEGATE", 51), ("PLACEHOLDER_FOR_GREATER_OP_CODES", 127))
)

DEFINITIONS = (CUSTOM, DELEGATE, PLACEHOLDER_FOR_GREATER_OP_CODES)
