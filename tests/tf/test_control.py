"""Calls, conditionals and loops of TensorFlow 2, run by the runtime three times in a row."""

from __future__ import annotations

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from tests.tf.parity import Case, f32, ints, parity_test  # noqa: E402

SCALAR = np.array(3, np.int32)
NEGATIVE = np.array(-2, np.int32)

# -- conditionals -----------------------------------------------------------------------------------------------------


def cond_captures(x, n):
    w = tf.constant([1.0, 2.0, 3.0])
    return tf.cond(n > 0, lambda: x * w, lambda: x - w)


def cond_returns_inputs(x, y, n):
    return tf.cond(n > 0, lambda: (x, y), lambda: (y, x))


def cond_returns_one_twice(x, n):
    def then():
        s = x + 1.0
        return s, s

    return tf.cond(n > 0, then, lambda: (x, x))


def cond_returns_constants(x, n):
    return tf.cond(n > 0, lambda: (tf.constant([1.0, 2.0]), x), lambda: (tf.constant([3.0, 4.0]), -x))


def cond_shapes_differ(x, n):
    return tf.cond(n > 0, lambda: x[:2], lambda: tf.concat([x, x], 0)) * 2.0


def nested(x, n):
    return tf.cond(n > 0, lambda: tf.cond(n > 2, lambda: x * 2.0, lambda: x + 5.0), lambda: -x)


def through_functions(x, n):
    w = tf.constant([4.0, 5.0, 6.0])

    @tf.function
    def inner(v):
        return tf.cond(n > 0, lambda: v * w, lambda: v)

    @tf.function
    def outer(v):
        return inner(v) + inner(v * 2.0)

    return outer(x)


def constant_condition(x):
    return tf.cond(tf.constant(True), lambda: x * 2.0, lambda: tf.linalg.cholesky(tf.eye(3)) @ x)


def numeric_condition(x, n):
    branches = {"then_branch": _twice.get_concrete_function(), "else_branch": _negated.get_concrete_function()}
    return tf.raw_ops.StatelessIf(cond=n, input=[x], Tout=[tf.float32], **branches)


@tf.function(input_signature=[tf.TensorSpec([3])])
def _twice(x):
    return x * 2.0


@tf.function(input_signature=[tf.TensorSpec([3])])
def _negated(x):
    return -x


def switch(x, n):
    w = tf.constant([1.0, 2.0, 3.0])
    return tf.switch_case(n, [lambda: x * w, lambda: x - w, lambda: tf.abs(x)], default=lambda: tf.zeros([3]))


def switch_many(x, n):
    return tf.switch_case(n, [lambda k=k: x + float(k) for k in range(6)])


def python_case(x, n):
    return tf.case([(n > 2, lambda: x + 1.0), (n > 0, lambda: x + 2.0)], default=lambda: x + 3.0)


def cond_ranks_differ(x, n):
    return tf.reduce_sum(tf.cond(n > 0, lambda: x, lambda: tf.reshape(x, [3, 1])))


OTHERS = [[f32(3), np.array(k, np.int32)] for k in (0, 1, 2, 3, 9, -1)]

test_conditionals = parity_test(
    [
        Case("captures", cond_captures, [f32(3), SCALAR], also=OTHERS),
        Case(
            "returns inputs",
            cond_returns_inputs,
            [f32(3), f32(3, seed=1), SCALAR],
            also=[[f32(3), f32(3, seed=1), NEGATIVE]],
        ),
        Case("returns one twice", cond_returns_one_twice, [f32(3), SCALAR], also=OTHERS),
        Case("returns constants", cond_returns_constants, [f32(3), SCALAR], also=OTHERS),
        Case("shapes differ", cond_shapes_differ, [f32(3), SCALAR], also=OTHERS),
        Case("nested", nested, [f32(3), SCALAR], also=OTHERS),
        Case("through functions", through_functions, [f32(3), SCALAR], also=OTHERS),
        Case("constant condition", constant_condition, [f32(3, 3)], ops=1),
        Case("numeric condition", numeric_condition, [f32(3), SCALAR], also=OTHERS),
        Case("switch", switch, [f32(3), SCALAR], also=OTHERS),
        Case("switch many", switch_many, [f32(3), SCALAR], also=OTHERS),
        Case("case", python_case, [f32(3), SCALAR], also=OTHERS),
        Case("ranks differ", cond_ranks_differ, [f32(3), SCALAR], raises="LS001", says="rank"),
        Case("unknown batch", cond_captures, [f32(2, 3), SCALAR], spec=[(None, 3)], also=[[f32(5, 3), NEGATIVE]]),
    ]
)

# -- loops ------------------------------------------------------------------------------------------------------------


def fibonacci(n):
    return tf.while_loop(lambda i, a, b: i < n, lambda i, a, b: (i + 1, b, a + b), (0, 0, 1))


def rotate(x, y, z, n):
    return tf.while_loop(lambda i, *_: i < n, lambda i, a, b, c: (i + 1, b, c, a), (0, x, y, z))


def carried_twice(x, n):
    def body(i, a, b):
        s = a + b
        return i + 1, s, s

    return tf.while_loop(lambda i, *_: i < n, body, (0, x, x * 2.0))


def captures_and_constants(x, n):
    w = tf.constant(f32(3, 3, seed=5))

    def body(i, a, last):
        return i + 1, tf.tanh(a @ w) + x, tf.constant([7.0])

    return tf.while_loop(lambda i, *_: i < n, body, (0, x, tf.constant([1.0])))


def growing(x, n):
    return tf.while_loop(
        lambda i, a: i < n,
        lambda i, a: (i + 1, tf.concat([a, a[:1] * 2.0], 0)),
        (0, x),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, 3])),
    )


def at_most_two(x, n):
    return tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, a * 2.0), (0, x), maximum_iterations=2)


def tensor_condition(x):
    return tf.while_loop(lambda a: tf.reduce_sum(a) < 100.0, lambda a: (a * 2.0 + 1.0,), (x,))


def one_element_condition(x):
    return tf.while_loop(lambda a: tf.reduce_sum(a, keepdims=True) < [100.0], lambda a: (a * 2.0 + 1.0,), (x,))


def loops_in_loops(x, n):
    def body(i, a):
        _, grown = tf.while_loop(lambda j, v: j < i + 1, lambda j, v: (j + 1, v + x), (0, a))
        return i + 1, tf.cond(i > 1, lambda: grown * 0.5, lambda: grown)

    return tf.while_loop(lambda i, a: i < n, body, (0, x))


def break_and_continue(x, n):
    total = tf.zeros_like(x)
    for i in tf.range(10):
        if i == 3:
            continue
        if i > n:
            break
        total += x * tf.cast(i, tf.float32)
    return total


def continued_by_a_flag(x, n):
    going, i = tf.constant(True), tf.constant(0)
    while going:
        x = x + 1.0
        i += 1
        going = i < n and tf.reduce_sum(x) < 30.0
    return x


def over_rows(x):
    total = tf.zeros([3])
    for row in x:
        total = total * 0.5 + row
    return total


def counts_in_int64(x, n):
    limit = tf.cast(n, tf.int64)
    return tf.while_loop(lambda i, a: i < limit, lambda i, a: (i + 1, a + 1.0), (tf.constant(0, tf.int64), x))


def bools_and_small_ints(n):
    return tf.while_loop(
        lambda i, f, k: i < n,
        lambda i, f, k: (i + 1, tf.logical_not(f), tf.cast(tf.cast(k, tf.int32) + 3, tf.int8)),
        (0, tf.constant(True), tf.constant(1, tf.int8)),
    )


COUNTS = [[np.array(k, np.int32)] for k in (0, 1, 2, 7, -1)]
LOOPS = [[f32(2, 3), np.array(k, np.int32)] for k in (0, 1, 2, 5, -1)]
ROWS = {"spec": [(None, 3)], "also": [[f32(4, 3), SCALAR], [f32(1, 3), NEGATIVE]]}

def beams(scores):
    """The two best of all continuations at each step, kept in a list whose elements have the batch's size."""
    batch, count = tf.shape(scores)[0], 3
    chosen = tf.TensorArray(tf.int32, count, element_shape=[None, 2])

    def body(i, total, chosen):
        every = tf.reshape(total[:, :, None] + scores[:, None], [batch, 10])
        total, places = tf.math.top_k(every, 2)
        return i + 1, total, chosen.write(i, places)

    start = (0, tf.zeros([batch, 2]), chosen)
    open_shapes = (tf.TensorShape([]), tf.TensorShape([None, 2]), tf.TensorShape(None))
    _, total, chosen = tf.while_loop(lambda i, *_: i < count, body, start, shape_invariants=open_shapes)
    return total, chosen.stack()


test_loops = parity_test(
    [
        Case("beams", beams, [f32(2, 5)], spec=[(None, 5)], also=[[f32(3, 5)]]),
        Case("fibonacci", fibonacci, [np.array(9, np.int32)], also=COUNTS),
        Case("rotate", rotate, [f32(3), f32(3, seed=1), f32(3, seed=2), SCALAR]),
        Case("carried twice", carried_twice, [f32(2, 3), SCALAR], also=LOOPS),
        Case("captures and constants", captures_and_constants, [f32(2, 3), SCALAR], also=LOOPS),
        Case("captures, unknown batch", captures_and_constants, [f32(2, 3), SCALAR], **ROWS),
        Case("growing", growing, [f32(2, 3), SCALAR], also=LOOPS),
        Case("growing, unknown batch", growing, [f32(2, 3), SCALAR], **ROWS),
        Case("at most two", at_most_two, [f32(2, 3), SCALAR], also=LOOPS),
        Case("tensor condition", tensor_condition, [f32(2, 3)], also=[[f32(2, 3) + 100]]),
        Case("one element condition", one_element_condition, [f32(3)], also=[[f32(3) + 100]]),
        Case("loops in loops", loops_in_loops, [f32(2, 3), SCALAR], also=LOOPS),
        Case("break and continue", break_and_continue, [f32(2, 3), np.array(5, np.int32)], also=LOOPS),
        Case("continued by a flag", continued_by_a_flag, [f32(2, 3), np.array(5, np.int32)], also=LOOPS),
        Case("over rows", over_rows, [f32(4, 3)]),
        Case("over rows, unknown batch", over_rows, [f32(4, 3)], spec=[(None, 3)], also=[[f32(1, 3)], [f32(7, 3)]]),
        Case("counts in int64", counts_in_int64, [f32(2, 3), SCALAR], also=LOOPS),
        Case("bools and small ints", bools_and_small_ints, [SCALAR], also=COUNTS),
    ]
)

# -- what TensorFlow builds from loops --------------------------------------------------------------------------------


def mapped(x):
    return tf.map_fn(lambda row: tf.reduce_sum(row) * row, x)


def mapped_in_parallel(x):
    return tf.vectorized_map(lambda row: tf.reduce_sum(row) * row, x)


def mapped_to_other_types(x):
    return tf.map_fn(lambda row: (tf.argmax(row), row > 0.0), x, fn_output_signature=(tf.int64, tf.bool))


def mapped_two(x, y):
    return tf.map_fn(lambda rows: rows[0] @ rows[1], (x, y), fn_output_signature=tf.float32)


def scanned(x):
    return tf.scan(lambda a, row: a * 0.5 + row, x)


@tf.function
def written_before(x):
    rows = tf.TensorArray(tf.float32, size=tf.shape(x)[0])
    rows = rows.write(0, x[0] * 3.0)
    for i in tf.range(1, tf.shape(x)[0]):
        rows = rows.write(i, x[i] - 1.0)
    return rows.stack()


def scanned_from(x):
    return tf.scan(lambda a, row: (a[0] + row, a[1] * 0.9), x, (tf.ones([3]), tf.ones([2])), reverse=True)


def folded(x):
    return tf.foldl(lambda a, row: a * 0.5 + row, x), tf.foldr(lambda a, row: a * 0.5 + row, x)


def written_to_an_array(x, n):
    rows = tf.TensorArray(tf.float32, size=0, dynamic_size=True, element_shape=[3])
    for i in tf.range(n):
        rows = rows.write(i, x[0] * tf.cast(i, tf.float32))
    return rows.stack()


def fixed_array(x):
    rows = tf.TensorArray(tf.float32, size=4)
    for i in tf.range(4):
        rows = rows.write(i, x[i % 2] * tf.cast(i, tf.float32))
    return rows.stack(), rows.size()


def unstacked(x):
    rows = tf.TensorArray(tf.float32, size=4).unstack(x)
    out = tf.TensorArray(tf.float32, size=4)
    for i in tf.range(4):
        out = out.write(3 - i, rows.read(i) + 1.0)
    return out.gather([2, 0]), out.concat()


def grown_from_nothing(x):
    array = tf.TensorArray(tf.float32, 0, dynamic_size=True)
    for row in x:
        array = array.write(array.size(), row * 2.0)
    return array.stack()


X = f32(4, 3)
SIZES = {"spec": [(None, 3)], "also": [[f32(1, 3)], [f32(6, 3)]]}

test_higher_order = parity_test(
    [
        Case("map", mapped, [X]),
        Case("map, unknown size", mapped, [X], **SIZES),
        Case("vectorized map", mapped_in_parallel, [X]),
        Case("map to other types", mapped_to_other_types, [X]),
        Case("map to other types, unknown size", mapped_to_other_types, [X], **SIZES),
        Case("map over two", mapped_two, [f32(4, 2, 3), f32(4, 3, 2)]),
        Case("scan", scanned, [X]),
        Case("scan, unknown size", scanned, [X], **SIZES),
        Case("scan, unknown sizes", scanned, [X], spec=[(None, None)], also=[[f32(1, 2)], [f32(6, 5)]]),
        Case("written before the loop", written_before, [X], spec=[(None, None)], also=[[f32(6, 5)]]),
        Case("scan from a state", scanned_from, [X]),
        Case("fold", folded, [X]),
        Case("fold, unknown size", folded, [X], **SIZES),
        Case("array that grows", written_to_an_array, [f32(2, 3), SCALAR], also=LOOPS[1:4]),
        Case("array that grows from nothing", tf.function(grown_from_nothing), [X]),
        Case("array that grows from nothing, unknown size", tf.function(grown_from_nothing), [X], **SIZES),
        Case("fixed array", fixed_array, [f32(2, 3)]),
        Case("unstack, gather, concat", unstacked, [X]),
        Case("ints of the loop", lambda x: tf.map_fn(lambda v: v * v, x), [ints(5)]),
    ]
)
