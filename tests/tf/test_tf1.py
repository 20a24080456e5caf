"""TensorFlow 1: Switch and Merge, frames, TensorArrays and reference variables, in SavedModels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

import litesmith  # noqa: E402
from benchmarks.evaluate import op_histogram  # noqa: E402
from litesmith.runtime import Runner, compare_outputs  # noqa: E402
from tests.tf.parity import f32  # noqa: E402

v1 = tf.compat.v1
pytestmark = pytest.mark.tf

TOLERANCE = 1e-5


@dataclass(frozen=True)
class Model:
    """A graph: ``build`` takes placeholders of the given shapes (None: unknown) and returns outputs.

    calls: input arrays of successive calls, which the file answers as one session does. ops: at most so many operators.
    """

    name: str
    build: Callable[..., Any]
    shapes: Sequence[tuple[int | None, ...]]
    calls: Sequence[Sequence[np.ndarray]]
    dtypes: Sequence[Any] = ()
    ops: int | None = None


def built(model: Model) -> tuple[Any, list[Any], list[Any]]:
    """The graph of a model, its inputs and its outputs."""
    graph = tf.Graph()
    with graph.as_default():
        v1.disable_control_flow_v2()
        try:
            tf.random.set_seed(1)
            dtypes = [*model.dtypes, *[tf.float32] * len(model.shapes)]
            inputs = [v1.placeholder(d, s, f"x{i}") for i, (s, d) in enumerate(zip(model.shapes, dtypes, strict=False))]
            outputs = [tf.identity(o) for o in tf.nest.flatten(model.build(*inputs))]
        finally:
            v1.enable_control_flow_v2()
    return graph, inputs, outputs


def _save(model: Model, path: Path) -> list[list[np.ndarray]]:
    """Saves the model; the outputs of a session for each call."""
    graph, inputs, outputs = built(model)
    ops = {o.type for o in graph.get_operations()}
    assert not ops & {"If", "While", "StatelessIf", "StatelessWhile"}, "the graph has no v1 control flow"
    with graph.as_default(), v1.Session() as session:
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        v1.saved_model.simple_save(
            session,
            str(path),
            {f"x{i}": x for i, x in enumerate(inputs)},
            {f"y{i}": y for i, y in enumerate(outputs)},
        )
        return [session.run(outputs, dict(zip(inputs, arrays, strict=True))) for arrays in model.calls]


def _check(model: Model, path: Path) -> dict[str, int]:
    expected = _save(model, path)
    content = litesmith.TFLiteConverter.from_saved_model(str(path)).convert()
    runner = Runner(content)
    for number, (arrays, outputs) in enumerate(zip(model.calls, expected, strict=True)):
        actual = runner.run({f"x{i}": a for i, a in enumerate(arrays)})
        wanted = {f"y{i}": np.asarray(o) for i, o in enumerate(outputs)}
        for result in compare_outputs(actual, wanted, TOLERANCE):
            assert result.passed, f"call {number}: {result.reason} ({result})"
    return op_histogram(content)


# -- conditionals -----------------------------------------------------------------------------------------------------


def cond(x, n):
    w = v1.get_variable("w", [3], initializer=v1.random_normal_initializer())
    return v1.cond(n > 0, lambda: x * w, lambda: x - 1.0)


def cond_with_several_results(x, n):
    y = x * 2.0
    a, b = v1.cond(n > 0, lambda: (x, y + 1.0), lambda: (y, tf.zeros([2, 3])))
    return a, b, a + b


def cond_in_cond(x, n):
    def positive():
        y = tf.exp(x)
        return v1.cond(n > 2, lambda: y * 2.0, lambda: y + x)

    return v1.cond(n > 0, positive, lambda: -x)


def cond_after_cond(x, n):
    positive = n > 0
    y = v1.cond(positive, lambda: x + 1.0, lambda: x - 1.0)
    return v1.cond(positive, lambda: y * 2.0, lambda: y * 3.0)


def cond_on_a_constant(x):
    training = v1.placeholder_with_default(False, [], "is_training")
    y = v1.cond(training, lambda: x @ tf.linalg.cholesky(tf.eye(3)), lambda: x * 2.0)
    keep = v1.cond(training, lambda: 0.5, lambda: 1.0)
    return v1.cond(tf.logical_and(training, True), lambda: y * 3.0, lambda: y * keep)


def case(x, n):
    return v1.case([(n > 2, lambda: x + 1.0), (n > 0, lambda: x + 2.0)], default=lambda: x + 3.0)


def asserted(x, n):
    with tf.control_dependencies([v1.assert_greater(n, -100, data=["n", tf.strings.as_string(n)])]):
        return x * 2.0


def dropped_out(x):
    y = v1.nn.dropout(x, rate=0.0)
    return v1.nn.dropout(y * 2.0, keep_prob=tf.constant(1.0))


# -- loops ------------------------------------------------------------------------------------------------------------


def loop(x, n):
    w = v1.get_variable("w", [3, 3], initializer=v1.random_normal_initializer())
    return v1.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, tf.tanh(a @ w) + x), (0, x))


def swapping(x, n):
    return v1.while_loop(lambda i, a, b: i < n, lambda i, a, b: (i + 1, b, a), (0, x, x * 2.0))


def at_most(x, n):
    return v1.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, a + 1.0), (0, x), maximum_iterations=2)


def loop_in_loop(x, n):
    def body(i, a):
        _, grown = v1.while_loop(lambda j, v: j < i + 1, lambda j, v: (j + 1, v + x), (0, a))
        return i + 1, grown * 0.5

    return v1.while_loop(lambda i, a: i < n, body, (0, x))


def cond_in_loop(x, n):
    def body(i, a):
        return i + 1, v1.cond(i % 2 > 0, lambda: a + x, lambda: a * 2.0)

    return v1.while_loop(lambda i, a: i < n, body, (0, x))


def loop_in_cond(x, n):
    def looped():
        return v1.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, a * 1.5), (0, x))[1]

    return v1.cond(n > 1, looped, lambda: x)


def arrays(x, n):
    source = tf.TensorArray(tf.float32, 4).unstack(x)
    target = tf.TensorArray(tf.float32, 4, clear_after_read=False)

    def body(i, out):
        return i + 1, out.write(i, source.read(i) * tf.cast(n, tf.float32))

    _, out = v1.while_loop(lambda i, _: i < 4, body, (0, target))
    halves = tf.TensorArray(tf.float32, 2).split(x, [2, 2])
    size = tf.raw_ops.TensorArraySizeV3(handle=halves.handle, flow_in=halves.flow)
    second = halves.read(1)
    with tf.control_dependencies([second]), tf.control_dependencies([halves.close()]):
        return out.stack(), out.size(), out.gather([2, 1]), out.concat(), second * 1.0, tf.identity(size)


def mapped(x):
    return tf.map_fn(lambda row: tf.reduce_sum(row) * row, x), tf.scan(lambda a, row: a * 0.5 + row, x)


class Cell:
    """What `dynamic_rnn` asks of a cell, since Keras 3 has taken TensorFlow's own away: tanh(x W + h U)."""

    state_size = output_size = 5

    def __call__(self, x, state, scope=None):
        w = v1.get_variable("w", [x.shape[-1] + 5, 5], initializer=v1.random_normal_initializer())
        made = tf.tanh(tf.concat([x, state], 1) @ w)
        return made, made

    def zero_state(self, batch, dtype):
        return tf.zeros([batch, 5], dtype)


def dynamic_rnn(x):
    return v1.nn.dynamic_rnn(Cell(), x, dtype=tf.float32)


def dynamic_rnn_with_lengths(x):
    return v1.nn.dynamic_rnn(Cell(), x, sequence_length=tf.fill([tf.shape(x)[0]], 3), dtype=tf.float32)


# -- state ------------------------------------------------------------------------------------------------------------


def counter(x):
    total = v1.get_variable("total", [3], initializer=v1.zeros_initializer(), use_resource=False)
    with tf.control_dependencies([v1.assign_add(total, x)]):
        after = total.read_value()
    return after * 2.0


def counter_of_resources(x):
    total = v1.get_variable("total", [3], initializer=v1.zeros_initializer(), use_resource=True)
    with tf.control_dependencies([v1.assign_sub(total, x)]):
        return total.read_value() * 2.0


def assigned_in_a_branch(x, n):
    total = v1.get_variable("total", [3], initializer=v1.ones_initializer(), use_resource=True)
    with tf.control_dependencies([v1.cond(n > 0, lambda: v1.assign(total, x), lambda: v1.assign_add(total, x))]):
        return total.read_value()


def rows_assigned(x):
    rows = v1.get_variable("rows", [4, 3], initializer=v1.zeros_initializer(), use_resource=False)
    return v1.scatter_update(rows, [2, 0], x)


def frozen_variables(x):
    with v1.variable_scope("net", use_resource=False):
        w = v1.get_variable("w", [3, 2], initializer=v1.random_normal_initializer())
        b = v1.get_variable("b", [2], initializer=v1.random_normal_initializer())
    return tf.nn.relu(x @ w + b)


def looked_up(x):
    rows = v1.get_variable("rows", [4, 3], initializer=v1.random_normal_initializer(), use_resource=True)
    return tf.nn.embedding_lookup(rows, tf.cast(x, tf.int32))


def parts_of_variables(x):
    """One tensor of the checkpoint is stored in slices, each a variable of its own."""
    ways = {"initializer": v1.random_normal_initializer(), "partitioner": v1.fixed_size_partitioner(2)}
    w = v1.get_variable("w", [3, 4], use_resource=True, **ways)
    u = v1.get_variable("u", [4, 2], use_resource=False, **ways)
    return (x @ tf.convert_to_tensor(w)) @ tf.convert_to_tensor(u)


X, N = f32(2, 3), np.array(3, np.int32)
BY_N = [[X, np.array(k, np.int32)] for k in (3, 3, 3, 1, 0, -2, 5)]
TIMES = [[X]] * 3
SEQUENCE = [[f32(2, 4, 3)]] * 3
INT = {"dtypes": [tf.float32, tf.int32]}
FIXED = [(2, 3), ()]
OPEN = [(None, 3), ()]
BY_SIZE = [*BY_N, [f32(5, 3), np.array(2, np.int32)], [f32(1, 3), np.array(0, np.int32)]]

MODELS = [
    Model("cond", cond, FIXED, BY_N, **INT),
    Model("cond of an unknown batch", cond, OPEN, BY_SIZE, **INT),
    Model("cond with several results", cond_with_several_results, FIXED, BY_N, **INT),
    Model("cond in cond", cond_in_cond, FIXED, BY_N, **INT),
    Model("cond after cond", cond_after_cond, FIXED, BY_N, **INT),
    Model("cond on a constant", cond_on_a_constant, [(2, 3)], TIMES, ops=1),
    Model("case", case, FIXED, BY_N, **INT),
    Model("assertion", asserted, FIXED, BY_N, ops=1, **INT),
    Model("dropout that keeps all", dropped_out, [(2, 3)], TIMES, ops=1),
    Model("loop", loop, FIXED, BY_N, **INT),
    Model("loop of an unknown batch", loop, OPEN, BY_SIZE, **INT),
    Model("loop that swaps", swapping, FIXED, BY_N, **INT),
    Model("loop of at most", at_most, FIXED, BY_N, **INT),
    Model("loop in loop", loop_in_loop, FIXED, BY_N, **INT),
    Model("cond in loop", cond_in_loop, FIXED, BY_N, **INT),
    Model("loop in cond", loop_in_cond, FIXED, BY_N, **INT),
    Model("arrays", arrays, [(4, 3), ()], [[f32(4, 3), N]] * 3, **INT),
    Model("map and scan", mapped, [(4, 3)], [[f32(4, 3)]] * 3),
    Model("map and scan of unknown size", mapped, [(None, 3)], [[f32(4, 3)], [f32(4, 3)], [f32(2, 3)]]),
    Model("dynamic_rnn", dynamic_rnn, [(2, 4, 3)], SEQUENCE),
    Model("dynamic_rnn of unknown sizes", dynamic_rnn, [(None, None, 3)], [*SEQUENCE, [f32(3, 6, 3)]]),
    Model("dynamic_rnn with lengths", dynamic_rnn_with_lengths, [(2, 4, 3)], SEQUENCE),
    Model("counter", counter, [(3,)], [[f32(3)]] * 3),
    Model("counter of resources", counter_of_resources, [(3,)], [[f32(3)]] * 3),
    Model("assigned in a branch", assigned_in_a_branch, [(3,), ()],
          [[f32(3), np.array(k, np.int32)] for k in (0, 0, 1, 0)], **INT),
    Model("rows assigned", rows_assigned, [(2, 3)], TIMES),
    Model("variables", frozen_variables, [(2, 3)], TIMES, ops=1),
    Model("parts of variables", parts_of_variables, [(2, 3)], TIMES, ops=2),
    Model("looked up", looked_up, [(2,)], [[np.array([3, 0], np.float32)]] * 3),
]  # fmt: skip


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_model(model: Model, tmp_path: Path) -> None:
    ops = _check(model, tmp_path / "model")
    assert model.ops is None or sum(ops.values()) <= model.ops, ops
