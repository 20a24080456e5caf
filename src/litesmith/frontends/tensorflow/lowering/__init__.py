"""The lowerings of TensorFlow operators, a file per family."""

from __future__ import annotations

from litesmith._util.modules import modules_of
from litesmith.frontends.tensorflow.registry import collect

FAMILIES = modules_of(__name__)
"""The modules that hold lowerings."""

LOWERINGS = collect(FAMILIES)
"""Every lowering, by TensorFlow operator."""
