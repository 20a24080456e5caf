"""Shape arithmetic: what is known of integer results while sizes are symbols, and what is dropped or simplified."""

import numpy as np
import pytest

from litesmith.ir import Builder, DType, Graph, Sym, TensorType, Value
from litesmith.ir.types import Quantization
from litesmith.ops import OPS
from tests.arrays import f32
from tests.ops.harness import i32, scalar

B, H = Sym.named("b"), Sym.named("h")
INT32 = dict(out_data_type=DType.INT32)


def _graph() -> Builder:
    return Builder(Graph(), OPS)


def _known(b: Builder, *elements) -> Value:
    """A fed int32 vector whose elements are known as symbols."""
    value = b.graph.add_input(TensorType(DType.INT32, (len(elements),)), f"in{len(b.graph.inputs)}")
    value.sym = np.array(elements, dtype=object)
    return value


SYMBOLIC = (
    ("add", lambda b, x: b.add(x, 1), "b+1 h+1 7"),
    ("sub", lambda b, x: b.sub(x, 1), "b-1 h-1 5"),
    ("mul", lambda b, x: b.mul(x, x), "b*b h*h 36"),
    ("div", lambda b, x: b.div(b.mul(x, 2), 2), "b h 6"),
    ("floor_div", lambda b, x: b.floor_div(x, 2), "floordiv(b, 2) floordiv(h, 2) 3"),
    ("floor_mod", lambda b, x: b.floor_mod(b.mul(x, 4), 2), "0 0 0"),
    ("maximum", lambda b, x: b.maximum(x, 0), "b h 6"),
    ("minimum", lambda b, x: b.minimum(x, b.add(x, 1)), "b h 6"),
    ("neg", lambda b, x: b.neg(x), "-b -h -6"),
    ("add_n", lambda b, x: b.add_n(x, x), "2*b 2*h 12"),
    ("cast", lambda b, x: b.cast(x, out_data_type=DType.INT64), "b h 6"),
    ("sum", lambda b, x: b.sum(x, [0]), "b+h+6"),
    ("reduce_prod", lambda b, x: b.reduce_prod(x, [0]), "6*b*h"),
    ("gather", lambda b, x: b.gather(x, [2, 0]), "6 b"),
    ("slice", lambda b, x: b.slice(x, [1], [-1]), "h 6"),
    ("strided_slice", lambda b, x: b.strided_slice(x, [0], [2], [1]), "b h"),
    ("strided_slice_back", lambda b, x: b.strided_slice(x, [0], [0], [-1], begin_mask=1, end_mask=1), "6 h b"),
    ("strided_slice_one", lambda b, x: b.strided_slice(x, [-2], [0], [1], shrink_axis_mask=1), "h"),
    ("concatenation", lambda b, x: b.concatenation(x, i32([7]), axis=0), "b h 6 7"),
    ("pack", lambda b, x: b.pack(*b.unpack(x, num=3), axis=0), "b h 6"),
    ("split", lambda b, x: b.concatenation(*reversed(b.split(0, x, num_splits=3)), axis=0), "6 h b"),
    ("split_v", lambda b, x: b.split_v(x, i32(1, 2), 0)[1], "h 6"),
    ("tile", lambda b, x: b.tile(x, [2]), "b h 6 b h 6"),
    ("broadcast_to", lambda b, x: b.broadcast_to(x, [1, 3]), "b h 6"),
    ("reverse", lambda b, x: b.reverse_v2(x, [0]), "6 h b"),
    ("reshape", lambda b, x: b.reshape(x, [3, 1]), "b h 6"),
    ("expand_dims", lambda b, x: b.expand_dims(x, 0), "b h 6"),
    ("squeeze", lambda b, x: b.squeeze(b.reshape(x, [3, 1]), squeeze_dims=(1,)), "b h 6"),
    ("transpose", lambda b, x: b.transpose(b.reshape(x, [3, 1]), [1, 0]), "b h 6"),
    ("select", lambda b, x: b.select_v2(np.array([True, False, True]), x, 1), "b 1 6"),
    ("broadcast_args", lambda b, x: b.broadcast_args(x, i32(1, 1)), "b h 6"),
    ("rank", lambda b, x: b.mul(b.rank(x), x), "b h 6"),
    ("shape", lambda b, x: b.shape(b.fill(x, 1.5), out_type=DType.INT32), "b h 6"),
    ("equal", lambda b, x: b.equal(x, x), "True True True"),
    ("not_equal", lambda b, x: b.not_equal(x, -1), "True True True"),
    ("less", lambda b, x: b.less(x, 0), "False False False"),
    ("greater_equal", lambda b, x: b.greater_equal(x, 0), "True True True"),
    ("unknown_comparison", lambda b, x: b.less(x, 5), None),
    ("division_by_zero", lambda b, x: b.floor_div(x, 0), None),
    ("activation", lambda b, x: b.sub(x, 5, fused_activation_function="RELU"), None),
    ("negative_division", lambda b, x: b.div(b.sub(x, 9), 2), None),
)


@pytest.mark.parametrize(("make", "expected"), [row[1:] for row in SYMBOLIC], ids=[row[0] for row in SYMBOLIC])
def test_known_elements(make, expected):
    b = _graph()
    made = make(b, _known(b, B, H, 6))
    found = made.numpy().astype(object) if made.is_const else made.sym
    assert (None if found is None else " ".join(map(str, found.flat))) == expected


QUANT = Quantization(np.array([0.5], np.float32), np.array([3], np.int64))
X = TensorType(DType.FLOAT32, (B, 1, 4))
INTS = TensorType(DType.INT32, (B, 4))
ZERO, MINUS_ZERO = scalar(0.0, np.float32), scalar(-0.0, np.float32)

DROPPED = (
    (X, lambda b, x: b.add(x, MINUS_ZERO)),
    (X, lambda b, x: b.add(MINUS_ZERO, x)),
    (X, lambda b, x: b.sub(x, ZERO)),
    (X, lambda b, x: b.mul(x, np.ones((1, 4), np.float32))),
    (X, lambda b, x: b.mul(scalar(1.0, np.float32), x)),
    (X, lambda b, x: b.div(x, scalar(1.0, np.float32))),
    (X, lambda b, x: b.pow(x, scalar(1.0, np.float32))),
    (INTS, lambda b, x: b.add(x, 0)),
    (X, lambda b, x: b.neg(b.neg(x))),
    (X, lambda b, x: b.cast(x, out_data_type=DType.FLOAT32)),
    (X, lambda b, x: b.transpose(x, [0, 1, 2])),
    (X, lambda b, x: b.transpose(b.transpose(x, [2, 0, 1]), [1, 2, 0])),
    (X, lambda b, x: b.reshape(x, [-1, 1, 4])),
    (X, lambda b, x: b.squeeze(b.expand_dims(x, 1), squeeze_dims=(1,))),
    (X, lambda b, x: b.concatenation(x, axis=1)),
    (X, lambda b, x: b.concatenation(x, np.zeros((0, 1, 4), np.float32), axis=0)),
    (X, lambda b, x: b.split(1, x, num_splits=1)[0]),
    (X, lambda b, x: b.add_n(x)),
    (X, lambda b, x: b.slice(x, [0, 0, 0], [-1, 1, -1])),
    (X, lambda b, x: b.strided_slice(x, [0, 0], [0, 1], [1, 1], begin_mask=1, end_mask=1)),
    (X, lambda b, x: b.pad(x, np.zeros((3, 2), np.int32))),
    (X, lambda b, x: b.mirror_pad(x, np.zeros((3, 2), np.int32), mode="REFLECT")),
    (X, lambda b, x: b.tile(x, [1, 1, 1])),
    (X, lambda b, x: b.broadcast_to(x, b.shape(x, out_type=DType.INT32))),
    (X, lambda b, x: b.reverse_v2(x, [1])),
    (X, lambda b, x: b.sum(x, [1], keep_dims=True)),
    (X, lambda b, x: b.reduce_max(x, np.zeros(0, np.int32))),
    (X, lambda b, x: b.select_v2(scalar(True, np.bool_), x, x)),
)


@pytest.mark.parametrize(("type_", "make"), DROPPED)
def test_what_changes_nothing_is_dropped(type_, make):
    b = _graph()
    x = b.graph.add_input(type_, "x")
    assert make(b, x) is x


KEPT = (
    (X, lambda b, x: b.add(x, ZERO), "ADD"),
    (X, lambda b, x: b.mul(x, ZERO), "MUL"),
    (X, lambda b, x: b.mul(x, np.ones((3, 4), np.float32)), "MUL"),
    (TensorType(DType.FLOAT32, (B,)), lambda b, x: b.mul(x, np.ones(1, np.float32)), None),
    (TensorType(DType.FLOAT32, (1,)), lambda b, x: b.mul(x, np.ones((1, 1), np.float32)), "MUL"),
    (X, lambda b, x: b.add(x, MINUS_ZERO, fused_activation_function="RELU"), "ADD"),
    (TensorType(DType.FLOAT32, (B, H, 4)), lambda b, x: b.expand_dims(x, 1), "EXPAND_DIMS"),
    (X, lambda b, x: b.expand_dims(x, 1), "RESHAPE"),
    (X, lambda b, x: b.squeeze(x, squeeze_dims=(1,)), "RESHAPE"),
    (X, lambda b, x: b.transpose(x, [1, 0, 2]), "RESHAPE"),
    (X, lambda b, x: b.transpose(x, [2, 1, 0]), "TRANSPOSE"),
    (X, lambda b, x: b.pack(x, axis=0), "RESHAPE"),
    (X, lambda b, x: b.unpack(x, axis=1, num=1)[0], "RESHAPE"),
    (X, lambda b, x: b.relu(b.relu6(x)), "RELU6"),
    (X, lambda b, x: b.relu6(b.relu(x)), "RELU6"),
    (X, lambda b, x: b.sum(x, [-1, 0, 2]), "SUM"),
    (X, lambda b, x: b.reverse_v2(x, [2]), "REVERSE_V2"),
    (X, lambda b, x: b.select_v2(np.array([[[True]], [[True]]]), x, x), "SELECT_V2"),
)


@pytest.mark.parametrize(("type_", "make", "last"), KEPT)
def test_what_may_change_something_is_kept(type_, make, last):
    b = _graph()
    made = make(b, b.graph.add_input(type_, "x"))
    assert (made.op.name if made.op is not None else None) == last


def test_axes_of_a_reduction_are_distinct_and_ascending():
    b = _graph()
    made = b.sum(b.graph.add_input(X, "x"), [-1, 0, 2])
    assert list(made.op["axes"].numpy()) == [0, 2]


@pytest.mark.parametrize("make", [
    lambda b, x: b.reshape(x, [-1]), lambda b, x: b.transpose(x, [1, 0]), lambda b, x: b.split(1, x, num_splits=2)[0],
    lambda b, x: b.concatenation(x, x, axis=0), lambda b, x: b.maximum(x, x), lambda b, x: b.gather(x, [0, 1])],
)  # fmt: skip
def test_results_that_share_the_scale_are_quantized(make):
    b = _graph()
    x = b.graph.add_input(TensorType(DType.INT8, (B, 4), QUANT), "x")
    assert make(b, x).type.quant == QUANT


def test_numbers_take_the_type_the_operand_is_declared_with():
    b = _graph()
    x = b.graph.add_input(TensorType(DType.FLOAT32, (B, 4)), "x")
    condition = b.graph.add_input(TensorType(DType.BOOL, (B, 4)), "condition")
    assert b.expand_dims(b.abs(x), 1).type.shape == (B, 1, 4)
    assert b.split(1, x, num_splits=2)[0].op["axis"].type.dtype is DType.INT32
    assert b.add(x, 1).op["y"].type.dtype is DType.FLOAT32
    assert b.select_v2(condition, x, 1).op["y"].type.dtype is DType.FLOAT32
    windows = b.reduce_window(x, 0.0, [1, 2], [1, 2], [1, 1], reduce_function="ADD").op
    assert [v.type.dtype for v in windows.operands] == [DType.FLOAT32] * 2 + [DType.INT64] * 3


def test_per_channel_scales_are_not_handed_on():
    b = _graph()
    scales = Quantization(np.array([0.5, 0.25], np.float32), np.zeros(2, np.int64), 1)
    x = b.graph.add_input(TensorType(DType.INT8, (B, 2), scales), "x")
    assert b.transpose(x, [1, 0]).type.quant is None


F, I8, I16 = f32(2, 3), np.zeros((2, 3), np.int8), np.zeros((2, 3), np.int16)
HIGH = f32(1, 2, 1, 2, 1)

VERSIONS = (
    (lambda b, v: b.add(v(F), v(F)), 1),
    (lambda b, v: b.add(v(I16), v(I16)), 5),
    (lambda b, v: b.add(v(np.zeros(2, np.int64)), v(np.zeros(2, np.int64))), 4),
    (lambda b, v: b.sub(v(HIGH), v(F[0, 0])), 3),
    (lambda b, v: b.mul(v(I16), v(I16)), 7),
    (lambda b, v: b.floor_div(v(F), v(F)), 2),
    (lambda b, v: b.maximum(v(HIGH), v(F[0, 0])), 3),
    (lambda b, v: b.transpose(v(HIGH), [4, 3, 2, 1, 0]), 4),
    (lambda b, v: b.transpose(v(F), [1, 0]), 1),
    (lambda b, v: b.gather(v(F), v(np.zeros(2, np.int16))), 6),
    (lambda b, v: b.gather(v(F), v(np.zeros((2, 1), np.int32)), axis=1, batch_dims=1), 5),
    (lambda b, v: b.cast(v(F), out_data_type=DType.FLOAT16), 5),
    (lambda b, v: b.cast(v(F), out_data_type=DType.INT32), 1),
    (lambda b, v: b.strided_slice(v(F), [0], [0], [1], new_axis_mask=1), 6),
    (lambda b, v: b.pad(v(HIGH), np.ones((5, 2), np.int32)), 4),
    (lambda b, v: b.broadcast_to(v(F), [4, 2, 3]), 2),
    (lambda b, v: b.broadcast_to(v(I8), [4, 2, 3]), 3),
    (lambda b, v: b.fill([2], v(scalar(True, np.bool_))), 2),
    (lambda b, v: b.where(v(F)), 2),
    (lambda b, v: b.equal(v(I16), v(I16)), 4),
)


@pytest.mark.parametrize(("make", "version"), VERSIONS)
def test_version_is_the_lowest_that_carries_the_semantics(make, version):
    b = _graph()

    def fed(array):
        return b.graph.add_input(TensorType(DType.of(array.dtype), array.shape), "x")

    op = make(b, fed).op
    assert op.defn.version_of(op) == version
    assert version in op.defn.runtimes
