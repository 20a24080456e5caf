"""Element-wise operators."""

from __future__ import annotations

import numpy as np

from litesmith.ir.builder import symbolically
from litesmith.ir.constant import Array
from litesmith.ir.opdef import OpDef, Trait
from litesmith.ops.common import (
    ACTIVATION,
    FLOAT,
    INDEX,
    INT16,
    QUANTIZED,
    activated,
    boolean,
    broadcasting,
    operands,
)


def _add(x: Array, y: Array, *, fused_activation_function: str = "NONE", pot_scale_int16: bool = True) -> Array:
    return activated(np.add(x, y), fused_activation_function)


ADD = OpDef(
    "ADD",
    0,
    operands("x y", FLOAT | INDEX | QUANTIZED | INT16),
    attrs={"fused_activation_function": ACTIVATION, "pot_scale_int16": boolean(True)},
    options=("AddOptions", 11),
    traits=Trait.ELEMENTWISE | Trait.COMMUTATIVE | Trait.FUSES_ACTIVATION,
    infer=broadcasting(),
    evaluate=_add,
    symbolic=symbolically,
    runtimes={1: "1.5.0"},
    gpu=True,
    micro=True,
)

DEFINITIONS = (ADD,)
