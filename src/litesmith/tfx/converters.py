"""``converters`` of TFX up to 1.15, which its guides still call."""

from __future__ import annotations

import os

from litesmith.tfx.rewriter import BaseRewriter, ModelDescription, ModelType


def rewrite_saved_model(
    src: str | os.PathLike[str],
    dst: str | os.PathLike[str],
    rewriter_inst: BaseRewriter,
    dst_model_type: ModelType = ModelType.TFLITE_MODEL,
) -> None:
    """Rewrite the SavedModel at src into dst with a rewriter. Raises ValueError."""
    source, target = os.fspath(src), os.fspath(dst)
    if source == target:
        raise ValueError("the source and the destination are the same path")
    rewriter_inst.perform_rewrite(ModelDescription(ModelType.SAVED_MODEL, source), ModelDescription(dst_model_type, target))
