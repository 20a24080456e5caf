"""``tf.lite.experimental.Analyzer``: prints what is in a `.tflite` file."""

from __future__ import annotations

import os
from pathlib import Path

from litesmith.errors import UsageError


class Analyzer:
    """Shows subgraphs, operators, tensors and signatures of a model."""

    @staticmethod
    def analyze(
        model_path: str | os.PathLike[str] | None = None,
        model_content: bytes | None = None,
        gpu_compatibility: bool = False,
        **kwargs: object,
    ) -> None:
        """Prints the model in a file, or in bytes.

        gpu_compatibility: whether operators the GPU delegate does not take are marked. experimental_use_mlir: prints
        the IR as text instead. Raises a ValueError where neither is given, FormatError for a damaged model.
        """
        if not model_path and not model_content:
            raise UsageError("neither `model_path` nor `model_content` is provided")
        source = Path(model_path) if model_path else model_content or b""
        print(f"=== {model_path or 'TFLite ModelAnalyzer'} ===\n")
        print(analysis_text(source, gpu_compatibility, bool(kwargs.get("experimental_use_mlir"))))


def analysis_text(source: Path | bytes, gpu: bool, ir: bool) -> str:
    """What `Analyzer.analyze` prints of a model."""
    from litesmith.analyze import analyze_file
    from litesmith.analyze.layout import layout_lines
    from litesmith.formats.tflite import read_model
    from litesmith.formats.tflite.listing import list_model
    from litesmith.ir.printer import print_program

    if ir:
        return print_program(read_model(source))
    return "\n".join(layout_lines(list_model(source), analyze_file(source), gpu))
