"""Dense layers whose input and weights are rotated before they are rounded, so that no single channel sets the scales.

    %y = FULLY_CONNECTED(%x, %w, %b)
    =>  %r = aeq.hadamard_rotation(%x)        blocks of each row times H, orthogonal, entries ±1/sqrt(n)
        %y = FULLY_CONNECTED(%r, %w × H, %b)

The product stays what it was but for float rounding. The runtime has the rotation as a custom operator, on floats, for
blocks whose length is a power of two. It pays where channels of inputs or weights are far larger than the others.
Source: Ashkboos et al., QuaRot, 2024; tflite/kernels/hadamard_rotation.cc.
"""

from __future__ import annotations

import math

import numpy as np

from litesmith.formats.tflite.flexbuffer import write_map
from litesmith.ir import Builder, Constant, DType, Op, TensorType, Value
from litesmith.ir.constant import Array
from litesmith.passes.driver import Outcome, Pass
from litesmith.quantize.recipe import Recipe

ROTATION = "aeq.hadamard_rotation"
LEAST, MOST = 8, 1024
"""Lengths of blocks that are rotated: shorter ones spread nothing, longer ones take long and spread no better."""


def rotations(recipe: Recipe) -> Pass:
    """Rotates the input of dense layers that get integer weights beside floats."""

    def rewrite(op: Op, b: Builder) -> Outcome:
        x, weights, mode = op["x"], op["weights"], recipe.mode_of(op)
        const, length = weights.const, _block(op)
        if const is None or length < LEAST or mode.is_static or mode.weights.is_float:
            return None
        if x.type.dtype is not DType.FLOAT32 or const.dtype is not DType.FLOAT32 or const.size < recipe.smallest_weights:
            return None
        if x.op is not None and x.op.attrs.get("custom_code") == ROTATION:
            return None
        options = write_map({"hadamard_size": length, "random_binary_vector": [1] * length})
        (rotated,) = b.custom(x, custom_code=ROTATION, custom_options=options, result_types=[x.type])
        turned = Constant.lazy(DType.FLOAT32, const.shape, lambda: rotate(const.array(), length))
        operands = [rotated, Value(TensorType(DType.FLOAT32, const.shape), weights.name, turned), *op.operands[2:]]
        (result,) = b.emit(op.defn, operands, result_types=[op.results[0].type], **op.attrs)
        return result

    return Pass("rotations", ("FULLY_CONNECTED",), rewrite)


def _block(op: Op) -> int:
    """The largest power of two that divides the length of the weights' rows, within bounds."""
    return math.gcd(op["weights"].type.static_shape[-1], MOST)


def rotate(rows: Array, length: int) -> Array:
    """Blocks of the last axis times the orthogonal Hadamard matrix of this size, a power of two."""
    rotated = rows.astype(np.float32).reshape(-1, length)
    half = 1
    while half < length:
        pairs = rotated.reshape(-1, length // (2 * half), 2, half)
        rotated = np.stack([pairs[:, :, 0] + pairs[:, :, 1], pairs[:, :, 0] - pairs[:, :, 1]], axis=2).reshape(-1, length)
        half *= 2
    return np.asarray(rotated * np.float32(length**-0.5), np.float32).reshape(rows.shape)
