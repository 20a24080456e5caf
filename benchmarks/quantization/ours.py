"""One quantization by litesmith: ``python -m benchmarks.quantization.ours MODE MODEL_DIR OUT`` (``float32``: none)."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import litesmith


def main(mode: str, directory: str, target: str) -> None:
    """Converts, quantizes, verifies."""
    asked: dict[str, Any] = {}
    if mode != "float32":
        asked = {"quantize": mode, "calibrate": np.load(f"{directory}/calibration.npz")["x"]}
    litesmith.convert(f"{directory}/saved_model", **asked).save(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
