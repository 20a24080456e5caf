"""Dimension numbers cost transposes only where the kernels' order is another one, and none between neighbours."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import jax
import numpy as np
import pytest
from jax import lax

from tests.arrays import f32
from tests.jax.parity import Case, check, rows

SIZES = {"N": 2, "H": 8, "W": 6, "C": 3}
WINDOW = {"H": 3, "W": 3}


def _image(layout: str) -> Any:
    return f32(*(SIZES[c] for c in layout))


def _filter(layout: str, inner: int, outer: int, seed: str = "") -> Any:
    return f32(*({**WINDOW, "I": inner, "O": outer}[c] for c in layout), seed=seed)


def _convolution(numbers: tuple[str, str, str], count: int) -> Case:
    """One convolution."""
    x, w = _image(numbers[0]), _filter(numbers[1], 3, 4)

    def run(v: Any) -> Any:
        return lax.conv_general_dilated(v, w, (1, 1), "SAME", dimension_numbers=numbers)

    return Case(f"{'-'.join(numbers)}", run, (x,), ops={"CONV_2D": 1, "TRANSPOSE": count})


def _chain(numbers: tuple[str, str, str], count: int, strided: bool = False) -> Case:
    """Convolution, bias, ReLU, convolution, ReLU, in one layout throughout."""
    x, first, second = _image(numbers[0]), _filter(numbers[1], 3, 4), _filter(numbers[1], 4, 5, "second")
    bias = f32(4).reshape([4 if c == "C" else 1 for c in numbers[2]])
    strides = (2, 2) if strided else (1, 1)

    def run(v: Any) -> Any:
        h = lax.conv_general_dilated(v, first, strides, "SAME", dimension_numbers=numbers)
        h = jax.nn.relu(h + bias)
        return jax.nn.relu(lax.conv_general_dilated(h, second, (1, 1), "VALID", dimension_numbers=numbers))

    name = f"chain {'-'.join(numbers)}{' strided' if strided else ''}"
    ops = {"CONV_2D": 2, "TRANSPOSE": count, "RELU": 0, "ADD": 0, "PAD": 0}
    return Case(name, run, (x,), ops=ops)


def _depthwise(layout: str, kernel: str, count: int) -> Case:
    x, w = _image(layout), _filter(kernel, 1, 6)

    def run(v: Any) -> Any:
        numbers = (layout, kernel, layout)
        return lax.conv_general_dilated(v, w, (1, 1), "SAME", dimension_numbers=numbers, feature_group_count=3)

    return Case(f"depthwise {layout}-{kernel}", run, (x,), ops={"DEPTHWISE_CONV_2D": 1, "TRANSPOSE": count})


KERNELS = ("HWIO", "OIHW", "OHWI", "IOHW")
CONVOLUTIONS = [
    *[_convolution(("NHWC", kernel, "NHWC"), 0) for kernel in KERNELS],
    *[_convolution(("NCHW", kernel, "NCHW"), 2) for kernel in KERNELS],
    _convolution(("NCHW", "OIHW", "NHWC"), 1),
    _convolution(("NHWC", "HWIO", "NCHW"), 1),
    *[_chain(("NHWC", kernel, "NHWC"), 0) for kernel in KERNELS],
    *[_chain(("NCHW", kernel, "NCHW"), 2) for kernel in KERNELS],
    _chain(("CHWN", "IHWO", "CHWN"), 2),
    _chain(("NHWC", "HWIO", "NHWC"), 0, strided=True),
    _chain(("NCHW", "OIHW", "NCHW"), 2, strided=True),
    _depthwise("NHWC", "HWIO", 0),
    _depthwise("NHWC", "OIHW", 0),
    _depthwise("NCHW", "OIHW", 2),
]


@rows(CONVOLUTIONS)
def test_convolutions(case: Case) -> None:
    check(case)


def test_network_of_convolutions_and_pools() -> None:
    """NCHW from end to end: one transpose in, none out, for the mean over the image goes away with the layout."""
    first, second = _filter("OIHW", 3, 4), _filter("OIHW", 4, 4, "second")
    scale, shift = f32(1, 4, 1, 1), f32(1, 4, 1, 1, seed="shift")

    def run(v: Any) -> Any:
        h = lax.conv_general_dilated(v, first, (1, 1), "SAME")
        h = jax.nn.relu(h * scale + shift)
        h = lax.reduce_window(h, -np.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
        return (h + lax.conv_general_dilated(h, second, (1, 1), "SAME")).mean((2, 3))

    check(Case("network", run, (_image("NCHW"),), ops={"CONV_2D": 2, "TRANSPOSE": 1, "MAX_POOL_2D": 1, "MEAN": 1}))


# -- products ---------------------------------------------------------------------------------------------------------


def _product(rank: int, inner: int, kernel_axis: int, count: int) -> Case:
    """A tensor by a constant matrix, over any dimension of either: only the tensor's side may have to be turned."""
    shape = [2, 3, 5][:rank]
    x = f32(*shape)
    w = f32(shape[inner], 4) if kernel_axis == 0 else f32(4, shape[inner])

    def run(v: Any) -> Any:
        return lax.dot_general(v, w, (((inner,), (kernel_axis,)), ((), ())))

    return Case(f"rank {rank} over {inner} and {kernel_axis}", run, (x,), ops={"TRANSPOSE": count})


def _batched(x_last: bool, y_last: bool) -> Case:
    """Live operands of a batch: the kernel turns either."""
    x, y = f32(2, 3, 5) if x_last else f32(2, 5, 3), f32(2, 4, 5) if y_last else f32(2, 5, 4)
    axes = ((2 if x_last else 1,), (2 if y_last else 1,))

    def run(v: Any, w: Any) -> Any:
        return lax.dot_general(v, w, (axes, ((0,), (0,))))

    return Case(f"batch over {axes}", run, (x, y), ops={"BATCH_MATMUL": 1, "TRANSPOSE": 0})


PRODUCTS = [
    *[_product(rank, rank - 1, kernel_axis, 0) for rank in (2, 3) for kernel_axis in (0, 1)],
    *[_product(2, 0, kernel_axis, 1) for kernel_axis in (0, 1)],
    *[_product(3, inner, kernel_axis, 1) for inner in (0, 1) for kernel_axis in (0, 1)],
    *[_batched(x_last, y_last) for x_last in (True, False) for y_last in (True, False)],
]


@rows(PRODUCTS)
def test_products(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_a_turned_constant_costs_nothing(order: tuple[int, ...]) -> None:
    """A constant of rank 3 in every order, contracted over one of its dimensions."""
    w = np.transpose(f32(5, 3, 4), order)
    inner = order.index(0)

    def run(v: Any) -> Any:
        return lax.dot_general(v, w, (((1,), (inner,)), ((), ())))

    check(Case("constant of rank 3", run, (f32(2, 5),), ops={"FULLY_CONNECTED": 1, "TRANSPOSE": 0}))
