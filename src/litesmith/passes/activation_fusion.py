"""An activation function moves into the operation before it.

    %1 = CONV_2D(%x, w, b)
    %2 = RELU6(%1)
⇒
    %2 = CONV_2D(%x, w, b) {fused_activation_function=RELU6}

For every operator that declares it honours a fused activation. Only RELU, RELU6 and RELU_N1_TO_1: the schema also
names TANH and SIGN_BIT, but the float kernels ignore them. Data movements between go behind,
since an activation looks at one element at a time. Declined where the operation has an activation already or other
users (computing it twice costs more than the activation).
"""

from __future__ import annotations

from litesmith.ir.builder import Builder
from litesmith.ir.graph import Op
from litesmith.ir.opdef import Trait
from litesmith.ops.activation import RELU, RELU6, RELU_N1_TO_1
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import activation, before_movements, is_float, rebuild


def fuse_activation(op: Op, b: Builder) -> Outcome:
    """RELU, RELU6 or RELU_N1_TO_1 after an operation that can take it in."""
    moved = before_movements(op["x"], keep_order=False)
    target = moved.value.op
    if target is None or not target.defn.traits & Trait.FUSES_ACTIVATION:
        return None
    if not is_float(op.result, moved.value):
        return Declined("only float32 results take a fused activation")
    if moved.value.use_count != 1:
        return Declined("the operation before has other users")
    if activation(target) != "NONE":
        return Declined(f"the operation before has the activation {activation(target)}")
    return moved.replay(b, rebuild(b, target, fused_activation_function=op.name))


ACTIVATION_FUSION = Pass(
    "activation-fusion",
    (RELU, RELU6, RELU_N1_TO_1),
    fuse_activation,
    after=("bias-fusion",),
)
PASSES = (ACTIVATION_FUSION,)
