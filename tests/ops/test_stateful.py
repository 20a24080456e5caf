"""Operators with state, subgraphs or chance: what they declare is what the runtime does."""

from collections.abc import Callable

import numpy as np
import pytest

from litesmith.errors import LitesmithError
from litesmith.formats.tflite import write_model
from litesmith.ir import Builder, DType, Graph, Program, Signature, Sym, TensorType, Value, tensor
from litesmith.ir.builder import infer_types
from litesmith.ir.verify import kernel_problems, verify
from litesmith.ops import OPS
from litesmith.runtime.runner import Runner
from tests.arrays import assert_close, f32
from tests.ops.harness import Case, Variable, i32, operation, program_of, run, scalar

F32 = 1e-5
"""Of the range: the kernels approximate tanh and sigmoid."""


def f(*shape) -> TensorType:
    """A float32 type; names are symbols."""
    return tensor(DType.FLOAT32, [Sym.named(d) if isinstance(d, str) else d for d in shape])


def graph_of(name: str, types: list[TensorType], build: Callable[..., object]) -> Graph:
    """A graph of these inputs whose outputs ``build`` makes."""
    graph = Graph(name)
    made = build(Builder(graph, OPS), *(graph.add_input(t, f"{name}{i}") for i, t in enumerate(types)))
    graph.outputs = list(made) if isinstance(made, (tuple, list)) else [made]
    return graph


def runner_of(graph: Graph) -> Runner:
    """The graph as a running model, verified first."""
    inputs = {v.name: i for i, v in enumerate(graph.inputs)}
    outputs = {f"out{i}": i for i in range(len(graph.outputs))}
    program = Program([graph], [Signature("serving_default", graph, inputs, outputs)])
    verify(program)
    assert not kernel_problems(program)
    return Runner(write_model(program))


# -- recurrent layers -------------------------------------------------------------------------------------------------


def sigmoid(x):
    """The logistic function."""
    return 1 / (1 + np.exp(-x))


def lstm(x, weights, recurrent, biases):
    """Outputs [batch, time, units] of an LSTM from zero states; gates in the order input, forget, cell, output."""
    h = c = np.zeros((x.shape[0], biases[0].size), np.float32)
    steps = []
    for t in range(x.shape[1]):
        i, f_, g, o = (x[:, t] @ w.T + h @ r.T + b for w, r, b in zip(weights, recurrent, biases, strict=True))
        c = sigmoid(f_) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        steps.append(h)
    return np.stack(steps, 1)


def rnn(x, weights, recurrent, bias):
    """Outputs of a simple recurrent layer with tanh."""
    h, steps = np.zeros((x.shape[0], bias.size), np.float32), []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ weights.T + h @ recurrent.T + bias)
        steps.append(h)
    return np.stack(steps, 1)


BATCH, TIME, FEATURES, UNITS = 2, 5, 3, 4
X = f32(BATCH, TIME, FEATURES)
STATE = Variable(f(BATCH, UNITS))


def gates(seed: str, *shape: int):
    """Weights for four gates."""
    return [f32(*shape, low=-0.6, high=0.6, seed=f"{seed}{gate}") for gate in range(4)]


def lstm_weights(seed: str):
    """Weights, recurrent weights and biases."""
    return gates(f"{seed}w", UNITS, FEATURES), gates(f"{seed}r", UNITS, UNITS), gates(f"{seed}b", UNITS)


def lstm_operands(x, seed: str):
    """Operands of the fused operators up to the projection."""
    weights, recurrent, biases = lstm_weights(seed)
    return [x, *weights, *recurrent, None, None, None, *biases, None, None]


TANH = dict(fused_activation_function="TANH")
RNN_WEIGHTS = (f32(UNITS, FEATURES, seed="w"), f32(UNITS, UNITS, low=-0.6, high=0.6), f32(UNITS, seed="b"))
BACKWARD = (f32(UNITS, FEATURES, seed="v"), f32(UNITS, UNITS, low=-0.6, high=0.6, seed="v"), f32(UNITS, seed="v"))
STATES = [STATE, STATE]
RECURRENT = (
    (Case("plain", "UNIDIRECTIONAL_SEQUENCE_LSTM", [*lstm_operands(X, ""), *STATES], 0, TANH, range(1, 18)),
     [lstm(X, *lstm_weights(""))]),
    (Case("time_major", "UNIDIRECTIONAL_SEQUENCE_LSTM",
          [*lstm_operands(X.transpose(1, 0, 2).copy(), ""), *STATES], 0, {**TANH, "time_major": True}, range(1, 18)),
     [lstm(X, *lstm_weights("")).transpose(1, 0, 2)]),
    (Case("merged", "BIDIRECTIONAL_SEQUENCE_LSTM",
          [*lstm_operands(X.transpose(1, 0, 2).copy(), ""), *lstm_operands(X, "bw")[1:], *STATES * 2], 0,
          {**TANH, "merge_outputs": True, "time_major": True}, range(1, 35)),
     [np.concatenate([lstm(X, *lstm_weights("")), lstm(X[:, ::-1], *lstm_weights("bw"))[:, ::-1]], -1)
      .transpose(1, 0, 2)]),
    (Case("apart", "BIDIRECTIONAL_SEQUENCE_LSTM",
          [*lstm_operands(X, ""), *lstm_operands(X, "bw")[1:], *STATES * 2], 0,
          {**TANH, "time_major": False}, range(1, 35)),
     [lstm(X, *lstm_weights("")), lstm(X[:, ::-1], *lstm_weights("bw"))[:, ::-1]]),
    (Case("full", "LSTM", [*lstm_operands(X[:, 0].copy(), ""), *STATES], 0, TANH, range(1, 18)),
     [lstm(X[:, :1], *lstm_weights(""))[:, 0]]),
    (Case("plain", "UNIDIRECTIONAL_SEQUENCE_RNN", [X, *RNN_WEIGHTS, STATE], 0, TANH, (1, 2, 3)),
     [rnn(X, *RNN_WEIGHTS)]),
    (Case("step", "RNN", [X[:, 0].copy(), *RNN_WEIGHTS, STATE], 0, TANH, (1, 2, 3)),
     [rnn(X[:, :1], *RNN_WEIGHTS)[:, 0]]),
    (Case("merged", "BIDIRECTIONAL_SEQUENCE_RNN", [X, *RNN_WEIGHTS, STATE, *BACKWARD, STATE], 0,
          {**TANH, "merge_outputs": True}, (1, 2, 3, 5, 6, 7)),
     [np.concatenate([rnn(X, *RNN_WEIGHTS), rnn(X[:, ::-1], *BACKWARD)[:, ::-1]], -1)]),
    (Case("apart", "BIDIRECTIONAL_SEQUENCE_RNN", [X, *RNN_WEIGHTS, STATE, *BACKWARD, STATE], 0, TANH,
          (1, 2, 3, 5, 6, 7)),
     [rnn(X, *RNN_WEIGHTS), rnn(X[:, ::-1], *BACKWARD)[:, ::-1]]),
)  # fmt: skip


@pytest.mark.parametrize("case, expected", RECURRENT, ids=lambda v: repr(v) if isinstance(v, Case) else "")
def test_recurrent_layer(case, expected):
    op = operation(case)
    verify(program_of(op))
    assert not kernel_problems(program_of(op))
    for got, want, result in zip(run(case, op), expected, op.results, strict=True):
        assert_close(got, want.astype(np.float32), F32)
        assert result.type.static_shape == got.shape


def test_merged_outputs_of_batch_major_input_are_refused():
    """The kernel writes them over memory it has not set: results change from run to run."""
    case = Case(
        "batch_major", "BIDIRECTIONAL_SEQUENCE_LSTM",
        [*lstm_operands(X, ""), *lstm_operands(X, "bw")[1:], *STATES * 2], 0,
        {**TANH, "merge_outputs": True, "time_major": False}, range(1, 35),
    )  # fmt: skip
    (problem,) = kernel_problems(program_of(operation(case)))
    assert "time-major" in problem.reason


def test_state_is_kept_between_invocations():
    weights, recurrent, biases = lstm_weights("")
    case = Case("twice", "UNIDIRECTIONAL_SEQUENCE_LSTM", [*lstm_operands(X, ""), *STATES], 0, TANH, range(1, 18))
    runner = Runner(write_model(program_of(operation(case))))
    both = [next(iter(runner.run({"in0": X}).values())) for _ in range(2)]
    whole = lstm(np.concatenate([X, X], 1), weights, recurrent, biases)
    assert_close(np.concatenate(both, 1), whole, F32)


def test_projection_gives_the_units_of_the_output():
    project = f32(2, UNITS, seed="p")
    operands = lstm_operands(X, "")
    operands[5:9] = gates("rp", UNITS, 2)
    operands[16] = project
    case = Case(
        "projected", "UNIDIRECTIONAL_SEQUENCE_LSTM", [*operands, Variable(f(BATCH, 2)), STATE], 0, TANH, range(1, 18)
    )
    op = operation(case)
    assert op.result.type == f(BATCH, TIME, 2)
    assert run(case, op)[0].shape == (BATCH, TIME, 2)


def test_svdf():
    rank, memory, filters = 2, 3, 6
    feature, time, bias = f32(filters, FEATURES), f32(filters, memory), f32(filters // rank)
    state = Variable(f(BATCH, memory * filters))
    case = Case("rank2", "SVDF", [X[:, 0].copy(), feature, time, bias, state], 0, dict(rank=rank), (1, 2, 3))
    op = operation(case)
    newest = X[:, 0] @ feature.T * time[:, -1]  # the memory before is zero
    assert_close(run(case, op)[0], newest.reshape(BATCH, -1, rank).sum(-1) + bias, F32)
    assert op.result.type.static_shape == (BATCH, filters // rank)


# -- variables and tables ---------------------------------------------------------------------------------------------

HELD = ["float32", "float16", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
        "bool", "complex64"]  # fmt: skip


@pytest.mark.parametrize("dtype", HELD)
def test_variable_starts_as_initialized_and_keeps_what_was_assigned(dtype):
    kind = tensor(DType.parse(dtype), (2,))
    init = Graph("init")
    filling = Builder(init, OPS)
    filling.assign_variable(filling.var_handle(shared_name="v"), np.ones(2, kind.dtype.numpy))

    def build(b: Builder, x: Value) -> Value:
        b.call_once(init_subgraph=init)
        handle = b.var_handle(shared_name="v")
        (before,) = b.emit(OPS["READ_VARIABLE"], [handle], result_types=[kind])
        b.assign_variable(handle, x)
        return before

    runner, fed = runner_of(graph_of("main", [kind], build)), np.array([0, 1]).astype(kind.dtype.numpy)
    np.testing.assert_array_equal(runner.run([fed])["out0"], np.ones(2, kind.dtype.numpy))
    np.testing.assert_array_equal(runner.run([fed])["out0"], fed)


def test_every_type_a_variable_may_hold_is_tested():
    assert OPS["ASSIGN_VARIABLE"].inputs[1].dtypes == frozenset(DType.parse(t) for t in HELD)


@pytest.mark.parametrize("key, value", [("string", "int64"), ("int64", "string")])
def test_table_is_filled_once_and_found(key, value):
    def some(dtype: str, count: int):
        return np.array([b"k%d" % i for i in range(count)], object) if dtype == "string" else np.arange(count)

    table = dict(table_id=7, key_dtype=DType.parse(key), value_dtype=DType.parse(value))
    init = Graph("init")
    filling = Builder(init, OPS)
    filling.hashtable_import(filling.hashtable(**table), some(key, 2), some(value, 2))

    def build(b: Builder, keys: Value):
        b.call_once(init_subgraph=init)
        handle = b.hashtable(**table)
        missing = np.array(b"none", object) if value == "string" else np.array(-1)
        return b.hashtable_find(handle, keys, missing), b.hashtable_size(handle)

    runner = runner_of(graph_of("main", [tensor(DType.parse(key), (3,))], build))
    for _ in range(2):
        found, size = runner.run([some(key, 3)]).values()
        assert found.tolist() == [*some(value, 2).tolist(), b"none" if value == "string" else -1]
        assert size.tolist() == [2]


def test_tables_of_other_types_are_refused():
    op = operation(Case("ints", "HASHTABLE", (), 0, dict(table_id=1, key_dtype=DType.INT64, value_dtype=DType.INT64)))
    assert "not one from string" in kernel_problems(program_of(op))[0].reason


# -- control flow -----------------------------------------------------------------------------------------------------


def _less(limit: int):
    return lambda b, i, x: b.less(i, limit)


I32 = tensor(DType.INT32, ())


def test_while_runs_its_body():
    types = [I32, f(2, 3)]
    body = graph_of("body", types, lambda b, i, x: (b.add(i, 1), b.mul(x, 2.0)))
    loop = dict(cond_subgraph=graph_of("cond", types, _less(3)), body_subgraph=body)
    graph = graph_of("main", [f(2, 3)], lambda b, x: b.while_(np.array(0, np.int32), x, **loop)[1])
    assert_close(runner_of(graph).run([f32(2, 3)])["out0"], f32(2, 3) * 8, 0)


def test_sizes_a_loop_changes_are_unknown_after_it():
    types = [I32, f("n", 3)]
    body = graph_of("body", types, lambda b, i, x: (b.add(i, 1), b.concatenation(x, x, axis=0)))
    loop = dict(cond_subgraph=graph_of("cond", types, _less(2)), body_subgraph=body)
    graph = graph_of("main", [f(2, 3)], lambda b, x: b.while_(np.array(0, np.int32), x, **loop)[1])
    rows, columns = graph.outputs[0].dims
    assert isinstance(rows, Sym)
    assert columns == 3
    assert runner_of(graph).run([f32(2, 3)])["out0"].shape == (8, 3)


def test_sizes_a_loop_keeps_are_those_outside():
    types = [I32, f("n", 3)]
    body = graph_of("body", types, lambda b, i, x: (b.add(i, 1), b.neg(x)))
    loop = dict(cond_subgraph=graph_of("cond", types, _less(2)), body_subgraph=body)
    graph = graph_of("main", [f("batch", 3)], lambda b, x: b.while_(np.array(0, np.int32), x, **loop)[1])
    assert graph.outputs[0].dims == (Sym.named("batch"), 3)


@pytest.mark.parametrize("name, flag, chosen", [("if_", np.array(True), 0), ("if_", np.array(False), 1),
                                                ("stablehlo_case", scalar(1), 1)])  # fmt: skip
def test_branches(name, flag, chosen):
    branches = [graph_of("negative", [f("n", 3)], lambda b, x: b.neg(x)),
                graph_of("double", [f("m", 3)], lambda b, x: b.concatenation(x, x, axis=0))]  # fmt: skip
    attrs = dict(branch_subgraphs=tuple(branches)) if name == "stablehlo_case" else {}
    attrs = attrs or dict(then_subgraph=branches[0], else_subgraph=branches[1])
    kind = tensor(DType.of(flag.dtype), ())
    graph = graph_of("main", [kind, f("batch", 3)], lambda b, c, x: getattr(b, name)(c, x, **attrs)[0])
    rows, columns = graph.outputs[0].dims
    assert isinstance(rows, Sym)
    assert rows != Sym.named("batch")
    assert columns == 3
    x = f32(2, 3)
    assert_close(runner_of(graph).run([flag, x])["out0"], [-x, np.concatenate([x, x])][chosen], 0)


def test_branches_that_agree_keep_the_sizes_of_the_caller():
    branches = [graph_of(n, [f("n", 3)], lambda b, x: b.concatenation(x, x, axis=0)) for n in ("left", "right")]
    types = [tensor(DType.BOOL, ()), f("batch", 3)]
    attrs = dict(then_subgraph=branches[0], else_subgraph=branches[1])
    graph = graph_of("main", types, lambda b, c, x: b.if_(c, x, **attrs)[0])
    assert graph.outputs[0].dims == (2 * Sym.named("batch"), 3)


def test_branches_of_different_types_are_refused():
    right = graph_of("right", [f(2)], lambda b, x: b.less(x, 0.0))
    attrs = dict(then_subgraph=graph_of("left", [f(2)], lambda b, x: x), else_subgraph=right)
    with pytest.raises(LitesmithError, match="the branches return"):
        graph_of("main", [f(2)], lambda b, x: b.if_(np.array(True), x, **attrs))


@pytest.mark.parametrize("types", [[I32], [f(2), f(2)]], ids=["type", "number"])
def test_operands_that_do_not_match_the_graphs_are_refused(types):
    graph = graph_of("graph", types, lambda b, *xs: xs)
    with pytest.raises(LitesmithError, match="is called with"):
        graph_of("main", [f(2)], lambda b, x: b.if_(np.array(True), x, then_subgraph=graph, else_subgraph=graph))
    with pytest.raises(LitesmithError, match="is called with"):
        graph_of("main", [f(2)], lambda b, x: b.while_(x, body_subgraph=graph, cond_subgraph=graph))


# -- chance -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, mean, deviation", [("RANDOM_UNIFORM", 0.5, 12**-0.5), ("RANDOM_STANDARD_NORMAL", 0, 1)])
def test_random_numbers_are_drawn_anew(name, mean, deviation):
    case = Case("drawn", name, (i32(100, 100),), 0, dict(seed=3, seed2=4), (0,))
    op = operation(case)
    assert op.result.type == f(100, 100)
    runner = Runner(write_model(program_of(op)))
    first, second = (next(iter(runner.run().values())) for _ in range(2))
    assert not np.array_equal(first, second)
    assert abs(first.mean() - mean) < 0.05
    assert abs(first.std() - deviation) < 0.05


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_multinomial_samples_by_logits(dtype):
    logits = np.log(np.array([[0.1, 0.9], [0.5, 0.5]], np.float32))
    results = None if dtype == "int64" else [tensor(DType.INT32, (2, 1000))]
    case = Case(dtype, "MULTINOMIAL", (logits, scalar(1000)), 0, dict(seed=1), (1,), results=results)
    op = operation(case)
    verify(program_of(op))
    (drawn,) = run(case, op)
    assert drawn.dtype == dtype
    np.testing.assert_allclose(drawn.mean(1), [0.9, 0.5], atol=0.08)


@pytest.mark.parametrize("algorithm, state", [("THREEFRY", 2), ("PHILOX", 3), ("DEFAULT", 3)])
def test_random_bits(algorithm, state):
    key = np.arange(1, state + 1).astype(np.uint64)
    results = [tensor(DType.UINT64, (state,)), tensor(DType.UINT32, (5,))]
    case = Case(algorithm, "STABLEHLO_RNG_BIT_GENERATOR", (key,), 0, dict(algorithm=algorithm), results=results)
    op = operation(case)
    assert [str(t) for t in infer_types(op)] == [str(t) for t in results]
    moved, bits = run(case, op)
    assert not np.array_equal(moved, key)
    assert len(set(bits.tolist())) == 5


# -- text, and what has a subgraph ------------------------------------------------------------------------------------


def test_skip_grams():
    attrs = dict(ngram_size=2, max_skip_size=1)
    case = Case("pairs", "SKIP_GRAM", (np.array([b"a b c"], object),), 0, attrs)
    assert sorted(run(case, operation(case))[0].tolist()) == [b"a b", b"a c", b"b c"]


@pytest.mark.parametrize("kind, count", [("SPARSE", 3), ("DENSE", 6)])
def test_lsh_projection_gives_one_number_a_hash_or_bit(kind, count):
    case = Case(kind, "LSH_PROJECTION", (f32(3, 2), i32(1, 2, 3, 4), f32(4)), 0, dict(type=kind))
    op = operation(case)
    assert run(case, op)[0].shape == op.result.type.static_shape == (count,)


def test_scatter_combines_by_its_subgraph():
    add = graph_of("add", [f(), f()], lambda b, x, y: b.stablehlo_add(x, y))
    attrs = dict(update_window_dims=(1,), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,),
                 index_vector_dim=1, update_computation_subgraph=add)  # fmt: skip
    x, updates = f32(4, 3), f32(2, 3)
    case = Case("rows", "STABLEHLO_SCATTER", (x, i32([[2], [2]]), updates), 0, attrs)
    expected = x.copy()
    expected[2] += updates[0] + updates[1]
    assert_close(run(case, operation(case))[0], expected, 1e-6)


def test_reduce_window_combines_by_its_subgraph():
    largest = graph_of("max", [f(), f()], lambda b, x, y: b.stablehlo_maximum(x, y))
    attrs = dict(window_dimensions=(2, 2), window_strides=(2, 2), base_dilations=(1, 1), window_dilations=(1, 1),
                 padding=(0, 0, 0, 0), body_subgraph=largest)  # fmt: skip
    operands = (f32(4, 4), scalar(-np.inf, np.float32))
    case = Case("max", "STABLEHLO_REDUCE_WINDOW", operands, 0, attrs, (1,), results=[f(2, 2)])
    assert_close(run(case, operation(case))[0], f32(4, 4).reshape(2, 2, 2, 2).max((1, 3)), 0)


EMPTY_MAP = b"\x00\x00\x01\x00\x00\x24\x01"
"""A FlexBuffer map without entries."""


def test_composite_runs_its_decomposition():
    inner = graph_of("inner", [f(2, 3)], lambda b, x: b.neg(x))
    attrs = dict(name="mine.negate", decomposition_subgraph=inner, composite_attributes=EMPTY_MAP)
    case = Case("negate", "STABLEHLO_COMPOSITE", (f32(2, 3),), 0, attrs, results=[f(2, 3)])
    assert_close(run(case, operation(case))[0], -f32(2, 3), 0)
    bare = Case("bare", case.op, case.operands, 0, {**attrs, "composite_attributes": b""}, results=[f(2, 3)])
    assert "composite_attributes" in kernel_problems(program_of(operation(bare)))[0].reason
