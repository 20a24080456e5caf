"""The module that ``Evaluator(module_path="litesmith.tfx.evaluator")`` names, for predictions by litesmith's extractor."""

from __future__ import annotations

from typing import Any

from litesmith.tfx.extractor import default_extractors


def custom_extractors(eval_shared_model: Any, eval_config: Any, tensor_adapter_config: Any) -> list[Any]:
    """What TFX's Evaluator asks its module for."""
    return default_extractors(eval_config, eval_shared_model, tensor_adapter_config=tensor_adapter_config)
