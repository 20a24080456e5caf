"""Small programs of many kinds, to be written and read back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import ml_dtypes
import numpy as np

from litesmith.ir import (
    Builder,
    Constant,
    DType,
    Graph,
    Op,
    OpDef,
    Program,
    Quantization,
    Signature,
    Sym,
    TensorType,
    Value,
    tensor,
)
from litesmith.ops import OPS

F32, I32 = DType.FLOAT32, DType.INT32
BATCH = Sym.named("batch")


def graph(name: str = "main") -> tuple[Graph, Builder]:
    """An empty graph and a builder that appends to it."""
    made = Graph(name)
    return made, Builder(made, OPS)


def entry(made: Graph, outputs: Sequence[Value], key: str = "serving_default") -> Program:
    """The program of one graph and one signature; inputs are called by their names, outputs y0, y1, …"""
    made.outputs = outputs
    inputs = {v.name: i for i, v in enumerate(made.inputs)}
    return Program([made], [Signature(key, made, inputs, {f"y{i}": i for i in range(len(outputs))})])


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def raw_op(defn: OpDef, operands: Sequence[Value | None], types: Sequence[TensorType], into: Graph, **attrs) -> Op:
    """An operation as it is, neither folded nor inferred."""
    op = Op(defn, operands, {**defn.defaults, **attrs})
    for index, type_ in enumerate(types):
        value = Value(type_)
        value.op, value.index = op, index
        op.results.append(value)
    into.insert(op)
    return op


def convolution() -> Program:
    g, b = graph()
    x = g.add_input(tensor(F32, (BATCH, 8, 8, 3)), "image")
    y = b.conv_2d(x, normal(4, 3, 3, 3), normal(4), padding="SAME", stride_w=2, stride_h=1)
    y = b.max_pool_2d(y, filter_width=2, filter_height=2, stride_w=2, stride_h=2)
    return entry(g, [b.softmax(b.reshape(y, [-1, 16]), beta=0.5)])


def shapes_at_run_time() -> Program:
    g, b = graph()
    x = g.add_input(tensor(F32, (BATCH, Sym.named("time"), 4)), "x")
    shape = b.shape(x, out_type=I32)
    steps = b.strided_slice(shape, [1], [2], [1], shrink_axis_mask=1)
    return entry(g, [b.reshape(x, b.pack(-1, b.mul(steps, 4))), shape])


def strings() -> Program:
    g, b = graph()
    words = Value.constant(np.array([b"ab", b"", "grün".encode(), b"c\0d"], object), "words")
    chosen = b.gather(words, g.add_input(tensor(I32, (2,)), "i"), axis=0)
    return entry(g, [chosen, words])


def packed(dtype: type, values: Sequence[int]) -> Program:
    """A constant of narrow integers, cast at run time."""
    g, b = graph()
    x = g.add_input(tensor(F32, (1,)), "x")
    const = Value.constant(np.array(values, dtype), "narrow")
    attrs = dict(in_data_type=const.type.dtype, out_data_type=F32)
    cast = raw_op(OPS["CAST"], [const], [tensor(F32, (len(values),))], g, **attrs)
    return entry(g, [b.add(cast.result, x)])


def plain_constants() -> Program:
    """A constant output of every type the runtime takes as one."""
    g, b = graph()
    x = g.add_input(tensor(F32, (1,)), "x")
    numpy_types = "float32 float16 float64 int8 uint8 int16 uint16 int32 uint32 int64 uint64 bool complex64".split()
    rng = np.random.default_rng(0)
    constants = [Value.constant(rng.integers(0, 2, (2, 3)).astype(t), t) for t in numpy_types]
    return entry(g, [b.neg(x), *constants])


def without_elements() -> Program:
    """A scalar by RESHAPE to no dimensions, whose shape operand is a constant without elements."""
    g, b = graph()
    x = g.add_input(tensor(F32, (1,)), "x")
    return entry(g, [b.reshape(x, np.zeros(0, np.int32))])


def quantized() -> Program:
    g, b = graph()
    x = g.add_input(tensor(F32, (2, 4)), "x")
    quant = Quantization(np.array([0.5], np.float32), np.array([-3]), 0, (-1.0,), (1.0,))
    q = raw_op(OPS["QUANTIZE"], [x], [TensorType(DType.INT8, (2, 4), quant)], g).result
    weights = Value.constant(np.arange(12, dtype=np.int8).reshape(3, 4), "weights")
    scales = Quantization(np.array([0.1, 0.2, 0.3], np.float32), np.zeros(3, np.int64), 0)
    weights.type = TensorType(DType.INT8, (3, 4), scales)
    made = raw_op(OPS["FULLY_CONNECTED"], [q, weights, None], [TensorType(DType.INT8, (2, 3), quant)], g)
    return entry(g, [b.dequantize(made.result)])


def state() -> Program:
    """A recurrent layer, whose state is a variable tensor."""
    g, _ = graph()
    x = g.add_input(tensor(F32, (1, 2, 3)), "x")
    weights = [Value.constant(normal(4, n, seed=n)) for n in (3, 4)]
    operands = [x, *weights, Value.constant(normal(4)), Value.variable(tensor(F32, (1, 4)), "h")]
    made = raw_op(OPS["UNIDIRECTIONAL_SEQUENCE_RNN"], operands, [tensor(F32, (1, 2, 4))], g)
    made.attrs["fused_activation_function"] = "TANH"
    return entry(g, made.results)


def control_flow() -> Program:
    """WHILE: doubles x until it exceeds 100; the body shares a constant with the caller."""
    g, b = graph()
    two = Value.constant(normal(64) * 0 + 2, "two")
    x = g.add_input(tensor(F32, (64,)), "x")
    condition, cb = graph("condition")
    value = condition.add_input(tensor(F32, (64,)))
    condition.outputs = [cb.less(cb.reduce_max(value, [0]), np.float32(100))]
    body, bb = graph("body")
    body.outputs = [bb.mul(body.add_input(tensor(F32, (64,))), two)]
    (looped,) = b.while_(b.mul(b.abs(x), two), cond_subgraph=condition, body_subgraph=body)
    return entry(g, [looped])


def variables() -> Program:
    """Two signatures that share a resource variable; its initial value is set once."""
    init, ib = graph("init")
    handle = ib.var_handle(shared_name="counter")
    ib.assign_variable(handle, np.array([5.0], np.float32))
    graphs = []
    for name, sign in (("up", 1.0), ("down", -1.0)):
        g, b = graph(name)
        b.call_once(init_subgraph=init)
        x = g.add_input(tensor(F32, (1,)), "x")
        handle = b.var_handle(shared_name="counter")
        (now,) = b.emit(OPS["READ_VARIABLE"], (handle,), result_types=[tensor(F32, (1,))])
        total = b.add(now, b.mul(x, np.float32(sign)))
        b.assign_variable(handle, total)
        g.outputs = [total]
        graphs.append(g)
    return Program(graphs, [Signature(g.name, g, {"by": 0}, {"total": 0}) for g in graphs])


def outputs_in_odd_places() -> Program:
    """An input that is an output, one value in two places, a constant output, an unused input."""
    g, b = graph()
    x = g.add_input(tensor(F32, (2,)), "x")
    g.add_input(tensor(F32, (3,)), "unused")
    y = b.neg(x)
    return entry(g, [x, y, y, Value.constant(normal(2), "fixed")])


RUNNABLE: dict[str, Callable[[], Program]] = {
    "convolution": convolution,
    "shapes_at_run_time": shapes_at_run_time,
    "strings": strings,
    "int4": lambda: packed(ml_dtypes.int4, [-8, 7, 3, -1, 5]),
    "plain_constants": plain_constants,
    "without_elements": without_elements,
    "quantized": quantized,
    "state": state,
    "control_flow": control_flow,
    "variables": variables,
    "outputs_in_odd_places": outputs_in_odd_places,
}
"""Programs the runtime takes."""


def custom() -> Program:
    g, _ = graph()
    x = g.add_input(tensor(F32, (2,)), "x")
    attrs = dict(custom_code="MyOp", custom_options=b"\1\2\3", custom_version=2)
    return entry(g, raw_op(OPS["CUSTOM"], [x, None, x], [tensor(F32, (2,)), tensor(I32, (1,))], g, **attrs).results)


def unknown_rank() -> Program:
    g, _ = graph()
    x = g.add_input(tensor(F32, None), "x")
    return entry(g, raw_op(OPS["CUSTOM"], [x], [tensor(F32, None), tensor(F32, ())], g, custom_code="C").results)


def intermediates() -> Program:
    g, _ = graph()
    inputs = OPS["UNIDIRECTIONAL_SEQUENCE_LSTM"].inputs
    x = g.add_input(tensor(F32, (1, 2, 3)), "x")
    weights = [None if p.optional else Value.constant(normal(4, 3)) for p in inputs[1:-6]]
    states = [Value.variable(tensor(F32, (1, 4)), name) for name in ("h", "c")]
    scale = Quantization(np.array([0.25], np.float32), np.array([0]))
    made = raw_op(
        OPS["UNIDIRECTIONAL_SEQUENCE_LSTM"],
        [x, *weights, *states, None, None, None, None],
        [tensor(F32, (1, 2, 4))],
        g,
        intermediates=(TensorType(DType.INT16, (), scale), None, tensor(F32, ())),
    )
    return entry(g, made.results)


def stablehlo() -> Program:
    """Options of the second union, vectors of int64, wide enumerations, several called graphs."""
    g, _ = graph()
    x = g.add_input(tensor(F32, (2, 3)), "x")
    like = [tensor(F32, (3, 2))]
    y = raw_op(OPS["STABLEHLO_TRANSPOSE"], [x], like, g, permutation=(1, 0)).result
    called, b = graph("called")
    called.outputs = [b.neg(called.add_input(tensor(F32, (3, 2))))]
    attrs = dict(name="mine", decomposition_subgraph=called, composite_attributes=b"xyz", version=3)
    made = raw_op(OPS["STABLEHLO_COMPOSITE"], [y], like, g, **attrs)
    compared = raw_op(OPS["STABLEHLO_COMPARE"], [y, y], [tensor(DType.BOOL, (3, 2))], g)
    return entry(g, [made.result, compared.result])


def exotic_types() -> Program:
    g, b = graph()
    x = g.add_input(tensor(F32, (1,)), "x")
    values = np.arange(-2, 2)
    types = [ml_dtypes.int2, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2, np.complex128]
    constants = [Value.constant(values.astype(t), np.dtype(t).name) for t in types]
    constants.append(Value.constant((values + 2).astype(ml_dtypes.uint4), "uint4"))
    return entry(g, [b.neg(x), *constants])


def lazy() -> Program:
    g, b = graph()
    x = g.add_input(tensor(F32, (1, 300)), "x")
    for seed in (0, 0, 1):
        recipe = partial(normal, 300, 300, seed=seed)
        x = b.fully_connected(x, Value.constant(Constant.lazy(F32, (300, 300), recipe)), None)
    return entry(g, [x])


PROGRAMS: dict[str, Callable[[], Program]] = {
    **RUNNABLE,
    "custom": custom,
    "unknown_rank": unknown_rank,
    "intermediates": intermediates,
    "stablehlo": stablehlo,
    "exotic_types": exotic_types,
    "lazy": lazy,
}
