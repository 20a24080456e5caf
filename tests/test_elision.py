"""Operators that need not be in the file are not: removed, folded or fused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import litesmith
from litesmith.frontends.tensorflow.lowering import LOWERINGS
from tests.graphs import FLOAT, Type, constant, node, placeholder, saved_model, signature
from tools.guide import GONE

INT = Type("int32")
X = placeholder("x", 1, 4, 4, 2)
W = constant("w", np.ones((1, 1, 2, 3), np.float32))
CONV = node("conv", "Conv2D", "x", "w", T=FLOAT, strides=[1, 1, 1, 1], padding="SAME", data_format="NHWC")


def c(name: str, *values: float, dtype: Any = np.float32) -> Any:
    """A constant vector, or a scalar of one value."""
    return constant(name, np.array(values if len(values) > 1 else values[0], dtype))


def unary(op: str, **attrs: Any) -> list[Any]:
    return [node("y", op, "x", T=FLOAT, **attrs)]


def binary(op: str, value: float) -> list[Any]:
    return [c("k", value), node("y", op, "x", "k", T=FLOAT)]


def norm(op: str) -> list[Any]:
    """A batch norm behind a convolution."""
    parts = [c("gamma", 1, 2, 3), c("beta", 0, 1, 0), c("mean", 1, 0, 0), c("variance", 1, 1, 4)]
    if op == "BatchNormWithGlobalNormalization":
        attrs = {"variance_epsilon": 0.001, "scale_after_normalization": True}
        return [CONV, *parts, node("y", op, "conv", "mean", "variance", "beta", "gamma", T=FLOAT, **attrs)]
    attrs = {"epsilon": 0.001, "is_training": False, "data_format": "NHWC"}
    types = {} if op == "FusedBatchNorm" else {"U": FLOAT}
    return [CONV, *parts, node("y", op, "conv", "gamma", "beta", "mean", "variance", T=FLOAT, **attrs, **types)]


def known(op: str, *operands: str, **attrs: Any) -> list[Any]:
    """An operator on constants, whose result is added."""
    values = [c("a", 1, 4), c("b", 2, 3)]
    return [*values, node("k", op, *operands, T=FLOAT, **attrs), node("y", "AddV2", "x", "k", T=FLOAT)]


def reduced(op: str) -> list[Any]:
    return [c("axis", 0, dtype=np.int32), *known(op, "a", "axis", Tidx=INT, keep_dims=False)]


CASES: dict[str, tuple[Sequence[Any], dict[str, int]]] = {
    **{op: (unary(op), {}) for op in "Identity StopGradient PreventGradient Snapshot CheckNumerics".split()},
    "EnsureShape": (unary("EnsureShape", shape=(1, 4, 4, 2)), {}),
    "Cast": ([node("y", "Cast", "x", SrcT=FLOAT, DstT=FLOAT)], {}),
    "PlaceholderWithDefault": (unary("PlaceholderWithDefault", dtype=FLOAT), {}),
    "NoOp": ([node("n", "NoOp"), node("y", "Abs", "x", "^n", T=FLOAT)], {"ABS": 1}),
    "Reshape": ([c("s", 1, 4, 4, 2, dtype=np.int32), node("y", "Reshape", "x", "s", T=FLOAT, Tshape=INT)], {}),
    "Tile": ([c("m", 1, 1, 1, 1, dtype=np.int32), node("y", "Tile", "x", "m", T=FLOAT, Tmultiples=INT)], {}),
    "Mul": (binary("Mul", 1), {}),
    "Sub": (binary("Sub", 0), {}),
    "Div": (binary("Div", 1), {}),
    "RealDiv": (binary("RealDiv", 1), {}),
    "BiasAdd": ([CONV, c("bias", 1, 2, 3), node("y", "BiasAdd", "conv", "bias", T=FLOAT)], {"CONV_2D": 1}),
    "AddV2": ([CONV, c("bias", 1, 2, 3), node("y", "AddV2", "conv", "bias", T=FLOAT)], {"CONV_2D": 1}),
    "Add": ([CONV, c("bias", 1, 2, 3), node("y", "Add", "conv", "bias", T=FLOAT)], {"CONV_2D": 1}),
    "Mul by channels": ([CONV, c("scale", 1, 2, 3), node("y", "Mul", "conv", "scale", T=FLOAT)], {"CONV_2D": 1}),
    "Relu": ([CONV, node("y", "Relu", "conv", T=FLOAT)], {"CONV_2D": 1}),
    "Relu6": ([CONV, node("y", "Relu6", "conv", T=FLOAT)], {"CONV_2D": 1}),
    **{
        op: (norm(op), {"CONV_2D": 1})
        for op in "FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 BatchNormWithGlobalNormalization".split()
    },
    **{op: (known(op, "a"), {"ADD": 1}) for op in "Rsqrt Sqrt Square".split()},
    **{op: (reduced(op), {"ADD": 1}) for op in "Max Min Sum".split()},
    "Maximum, Minimum": (
        [c("six", 6), c("zero", 0), node("m", "Minimum", "x", "six", T=FLOAT), node("y", "Maximum", "m", "zero", T=FLOAT)],
        {"RELU6": 1},
    ),
    "Shape": (
        [node("s", "Shape", "x", T=FLOAT, out_type=INT), node("y", "Reshape", "x", "s", T=FLOAT, Tshape=INT)],
        {},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_gone(name: str, tmp_path: Path) -> None:
    nodes, expected = CASES[name]
    used = [W] if any(n.name == "conv" for n in nodes) else []
    signatures = {"serving_default": signature({"x": X}, {"z": "z:0"})}
    model = saved_model(tmp_path, [X, *used, *nodes, node("z", "Neg", "y", T=FLOAT)], signatures)
    assert litesmith.convert(model, verify=False).operators == {**expected, "NEG": 1}


def test_the_guide_speaks_of_known_operators() -> None:
    assert set(GONE) <= set(LOWERINGS)
    tested = {op for name in CASES for op in name.replace(",", "").split()}
    assert len(set(GONE) & tested) >= 28
