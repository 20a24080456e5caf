"""XNNPACK's verdict, against what the interpreter delegates."""

from __future__ import annotations

import pytest

from litesmith.formats.tflite import write_model
from litesmith.ir import Program
from litesmith.ops.xnnpack import xnnpack_reason
from tests.analyze.one_op import one_op, only

X = "%x: float32[1, 4, 4, 8]"
XY = f"{X}, %y: float32[1, 4, 4, 8]"
POOL = "{padding=SAME, stride_w=%d, stride_h=%d, filter_width=%d, filter_height=%d}"
CONV = "{padding=SAME, stride_w=1, stride_h=1}"


def _joined(count: int) -> tuple[str, str]:
    names = [f"%x{i}" for i in range(count)]
    inputs = ", ".join(f"{n}: float32[2, 3]" for n in names)
    return inputs, f"CONCATENATION({', '.join(names)}) {{axis=0}} : float32[{2 * count}, 3]"


def _split(count: int) -> tuple[str, str]:
    parts = ", ".join(["float32[2, 3]"] * count)
    return f"%x: float32[2, {3 * count}]", f"SPLIT(int32[](1), %x) {{num_splits={count}}} : {parts}"


CASES: dict[str, tuple[str, str]] = {
    **{
        name: (X, f"{name}(%x) : float32[1, 4, 4, 8]")
        for name in "ABS NEG EXP LOG SIN COS FLOOR CEIL ROUND RSQRT SQRT SQUARE TANH LOGISTIC RELU RELU6 ELU HARD_SWISH SIGN".split()
    },
    **{name: (XY, f"{name}(%x, %y) : float32[1, 4, 4, 8]") for name in "ADD SUB MUL DIV MAXIMUM MINIMUM POW".split()},
    "gelu": (X, "GELU(%x) : float32[1, 4, 4, 8]"),
    "squared difference": (XY, "SQUARED_DIFFERENCE(%x, %y) : float32[1, 4, 4, 8]"),
    "int add": ("%x: int32[3], %y: int32[3]", "ADD(%x, %y) : int32[3]"),
    "add of rank 5": ("%x: float32[1, 2, 2, 2, 2]", "ADD(%x, float32[](1.0)) : float32[1, 2, 2, 2, 2]"),
    "conv": (X, f"CONV_2D(%x, float32[3, 1, 1, 8]@w, float32[3]@b) {CONV} : float32[1, 4, 4, 3]"),
    "computed filter": (
        f"{X}, %w: float32[3, 1, 1, 8]",
        f"CONV_2D(%x, %w, float32[3]@b) {CONV} : float32[1, 4, 4, 3]",
    ),
    "dense": ("%x: float32[2, 4]", "FULLY_CONNECTED(%x, float32[3, 4]@w) : float32[2, 3]"),
    "matmul": ("%x: float32[2, 3, 4], %y: float32[2, 4, 5]", "BATCH_MATMUL(%x, %y) : float32[2, 3, 5]"),
    "max pool": (X, f"MAX_POOL_2D(%x) {POOL % (2, 2, 2, 2)} : float32[1, 2, 2, 8]"),
    "average pool": (X, f"AVERAGE_POOL_2D(%x) {POOL % (2, 2, 2, 2)} : float32[1, 2, 2, 8]"),
    "pool of one": (X, f"MAX_POOL_2D(%x) {POOL % (2, 2, 1, 1)} : float32[1, 2, 2, 8]"),
    "mean": (X, "MEAN(%x, int32[2](1, 2)) {keep_dims=true} : float32[1, 1, 1, 8]"),
    "sum": (X, "SUM(%x, int32[1](3)) : float32[1, 4, 4]"),
    "largest": (X, "REDUCE_MAX(%x, int32[1](3)) : float32[1, 4, 4]"),
    "product": (X, "REDUCE_PROD(%x, int32[1](3)) : float32[1, 4, 4]"),
    "softmax": ("%x: float32[2, 4]", "SOFTMAX(%x) {beta=1.0} : float32[2, 4]"),
    "softmax with beta": ("%x: float32[2, 4]", "SOFTMAX(%x) {beta=2.0} : float32[2, 4]"),
    "leaky": (X, "LEAKY_RELU(%x) {alpha=0.1} : float32[1, 4, 4, 8]"),
    "leaky of zero": (X, "LEAKY_RELU(%x) {alpha=0.0} : float32[1, 4, 4, 8]"),
    "pad": (X, "PAD(%x, int32[4, 2](0, 0, 1, 1, 1, 1, 0, 0)) : float32[1, 6, 6, 8]"),
    "padv2": (X, "PADV2(%x, int32[4, 2](0, 0, 1, 1, 1, 1, 0, 0), float32[](1.0)) : float32[1, 6, 6, 8]"),
    "reshape": (X, "RESHAPE(%x, int32[2](4, 32)) : float32[4, 32]"),
    "transpose": (X, "TRANSPOSE(%x, int32[4](0, 3, 1, 2)) : float32[1, 8, 4, 4]"),
    "slice": (X, "SLICE(%x, int32[4](0, 0, 0, 0), int32[4](1, 2, 2, 8)) : float32[1, 2, 2, 8]"),
    "strided by one": (
        X,
        "STRIDED_SLICE(%x, int32[4](0, 0, 0, 0), int32[4](1, 2, 2, 8), int32[4](1, 1, 1, 1)) : float32[1, 2, 2, 8]",
    ),
    "strided by two": (
        X,
        "STRIDED_SLICE(%x, int32[4](0, 0, 0, 0), int32[4](1, 4, 4, 8), int32[4](1, 2, 2, 1)) : float32[1, 2, 2, 8]",
    ),
    "depth to space": (X, "DEPTH_TO_SPACE(%x) {block_size=2} : float32[1, 8, 8, 2]"),
    "bilinear": (X, "RESIZE_BILINEAR(%x, int32[2](8, 8)) {half_pixel_centers=true} : float32[1, 8, 8, 8]"),
    "nearest": (X, "RESIZE_NEAREST_NEIGHBOR(%x, int32[2](8, 8)) : float32[1, 8, 8, 8]"),
    "cumsum": (X, "CUMSUM(%x, int32[](1)) : float32[1, 4, 4, 8]"),
    "tile": (X, "TILE(%x, int32[4](1, 2, 1, 1)) : float32[1, 8, 4, 8]"),
    "arg max": ("%x: float32[2, 4]", "ARG_MAX(%x, int32[](1)) {output_type=int32} : int32[2]"),
    "less": (XY, "LESS(%x, %y) : bool[1, 4, 4, 8]"),
    **{f"{count} joined": _joined(count) for count in (2, 4, 5, 6)},
    **{f"split in {count}": _split(count) for count in (2, 3, 4, 5)},
}


def _delegated(program: Program) -> bool:
    """Whether nothing is left on the plain kernels."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=write_model(program))
    interpreter.allocate_tensors()
    return any(op["op_name"] == "DELEGATE" for op in interpreter._get_ops_details())


@pytest.mark.parametrize(("inputs", "line"), CASES.values(), ids=CASES)
def test_verdict(inputs: str, line: str) -> None:
    program = one_op(inputs, line)
    reason = xnnpack_reason(only(program))
    assert (reason is None) == _delegated(program), reason
