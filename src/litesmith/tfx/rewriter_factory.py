"""``rewriter_factory`` of TFX with litesmith as the converter to TensorFlow Lite."""

from __future__ import annotations

from typing import Any

from litesmith.tfx.base import HAS_TFX
from litesmith.tfx.rewriter import BaseRewriter, LitesmithRewriter

LITESMITH_REWRITER = "LitesmithRewriter"
TFLITE_REWRITER = "TFLiteRewriter"
TFJS_REWRITER = "TFJSRewriter"

_OURS = {LITESMITH_REWRITER.lower(), TFLITE_REWRITER.lower()}


def create_rewriter(rewriter_type: str, *args: Any, **kwargs: Any) -> BaseRewriter:
    """A rewriter by the name of its class: `LitesmithRewriter` for `LITESMITH_REWRITER` and `TFLITE_REWRITER`, TFX's for
    others. Raises ValueError for an unknown one."""
    if rewriter_type.lower() in _OURS:
        return LitesmithRewriter(*args, **kwargs)
    if not HAS_TFX:
        raise ValueError(f"no rewriter {rewriter_type!r}; without TFX there are: {LITESMITH_REWRITER}, {TFLITE_REWRITER}")
    from tfx.components.trainer.rewriting import rewriter_factory

    rewriter: BaseRewriter = rewriter_factory.create_rewriter(rewriter_type, *args, **kwargs)
    return rewriter
