"""Derivatives that models compute themselves: saliency maps, steps of training, gradients as features.

Each takes what flows back and an operand or the result of the function, in the order its TensorFlow operator has them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from litesmith.decompositions.gather import select
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.lowering.math import SELU_ALPHA, SELU_SCALE
from litesmith.frontends.tensorflow.lowering.operands import like
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.ir import Builder, Sym, Value


def _positive(b: Builder, x: Value) -> Value:
    return b.greater(x, like(b, 0, x))


# -- of activations, from the operand or the result of the function ----------------------------------------------------


@lowers("ReluGrad")
def relu_grad(b: Builder, gradients: Value, features: Value) -> Value:
    return select(b, _positive(b, features), gradients, like(b, 0, gradients))


@lowers("Relu6Grad")
def relu6_grad(b: Builder, gradients: Value, features: Value) -> Value:
    inside = b.logical_and(_positive(b, features), b.less(features, like(b, 6, features)))
    return select(b, inside, gradients, like(b, 0, gradients))


@lowers("LeakyReluGrad")
def leaky_relu_grad(b: Builder, gradients: Value, features: Value, *, alpha: float = 0.2) -> Value:
    return select(b, _positive(b, features), gradients, b.mul(gradients, like(b, alpha, gradients)))


@lowers("EluGrad")
def elu_grad(b: Builder, gradients: Value, outputs: Value) -> Value:
    """Below 0 the derivative exp(x) is the result + 1."""
    below = b.mul(gradients, b.add(outputs, like(b, 1, outputs)))
    return select(b, b.less(outputs, like(b, 0, outputs)), below, gradients)


@lowers("SeluGrad")
def selu_grad(b: Builder, gradients: Value, outputs: Value) -> Value:
    below = b.mul(gradients, b.add(outputs, like(b, SELU_SCALE * SELU_ALPHA, outputs)))
    above = b.mul(gradients, like(b, SELU_SCALE, gradients))
    return select(b, b.less(outputs, like(b, 0, outputs)), below, above)


@lowers("SoftplusGrad")
def softplus_grad(b: Builder, gradients: Value, features: Value) -> Value:
    return b.mul(gradients, b.logistic(features))


@lowers("SoftsignGrad")
def softsign_grad(b: Builder, gradients: Value, features: Value) -> Value:
    return b.div(gradients, b.square(b.add(b.abs(features), like(b, 1, features))))


# -- of functions, from their result y ---------------------------------------------------------------------------------


def _sigmoid(b: Builder, y: Value) -> Value:
    return b.mul(y, b.sub(like(b, 1, y), y))


def _tanh(b: Builder, y: Value) -> Value:
    return b.sub(like(b, 1, y), b.square(y))


def _sqrt(b: Builder, y: Value) -> Value:
    return b.div(like(b, 0.5, y), y)


def _rsqrt(b: Builder, y: Value) -> Value:
    return b.mul(b.mul(b.square(y), y), like(b, -0.5, y))


def _reciprocal(b: Builder, y: Value) -> Value:
    return b.neg(b.square(y))


def _times(derivative: Callable[[Builder, Value], Value]) -> Callable[[Builder, Value, Value], Value]:
    def lowering(b: Builder, y: Value, dy: Value) -> Value:
        if y.type.dtype.is_complex:
            raise UnsupportedError("derivatives of complex functions have no kernel", "differentiate real functions")
        return b.mul(dy, derivative(b, y))

    return lowering


FROM_RESULTS = (
    lowers("SigmoidGrad")(_times(_sigmoid)),
    lowers("TanhGrad")(_times(_tanh)),
    lowers("SqrtGrad")(_times(_sqrt)),
    lowers("RsqrtGrad")(_times(_rsqrt)),
    lowers("ReciprocalGrad", "InvGrad")(_times(_reciprocal)),
)

# -- of broadcasting ---------------------------------------------------------------------------------------------------


@lowers("BiasAddGrad")
def bias_add_grad(b: Builder, out_backprop: Value, *, data_format: str = "NHWC") -> Value:
    """The sum over all but the channels."""
    channels = 1 if data_format.startswith("NC") else out_backprop.rank - 1
    return b.sum(out_backprop, np.array([a for a in range(out_backprop.rank) if a != channels], np.int32))


@lowers("BroadcastGradientArgs", outputs=("r0", "r1"))
def broadcast_gradient_args(b: Builder, s0: Value, s1: Value) -> tuple[Value, Value]:
    """The dimensions each of two shapes was broadcast in.

    One of unknown size is taken not to be 1 where the other shape has the same; else it cannot be told.
    """
    if s0.sym is None or s1.sym is None:
        raise UnsupportedError("the gradient of a broadcast between shapes of unknown rank", "give the inputs a rank")
    rank = max(len(s0.sym), len(s1.sym))
    left, right = ([1] * (rank - len(s)) + list(s) for s in (s0.sym, s1.sym))
    pairs = list(zip(left, right, strict=True))
    if any(d != e and 1 not in (d, e) and (isinstance(d, Sym) or isinstance(e, Sym)) for d, e in pairs):
        raise UnsupportedError("a dimension of unknown size may have to be broadcast", "give it a fixed size")
    sides = ([a for a, (d, e) in enumerate(pairs) if (d, e)[side] == 1 and d != e] for side in (0, 1))
    ones = [a for a, (d, e) in enumerate(pairs) if d == e == 1]
    r0, r1 = (b.constant(np.array(sorted([*axes, *ones]), s0.type.dtype.numpy)) for axes in sides)
    return r0, r1
