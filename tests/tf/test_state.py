"""Variables: order of reads and assignments, rows, element types, several signatures."""

from __future__ import annotations

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

import litesmith  # noqa: E402
from litesmith.runtime import Runner  # noqa: E402
from tests.tf.parity import Case, f32, ints, parity_test  # noqa: E402

ROWS = np.array([2, 0], np.int32)
PLACES = [[np.int32(p)] for p in (0, 3, 4, -1, -2)]


def put(use):
    """The variable, of shape [4, 3], after a part of it was assigned."""

    def run(v, *args):
        use(v, *args)
        return v.read_value()

    return run


# name: (assigns a part, inputs, further inputs)
PARTS = {
    "row": (lambda v, x: v[1].assign(x[0]), [f32(4, 3)], ()),
    "last row": (lambda v, x: v[-1].assign(x[0]), [f32(4, 3)], ()),
    "element": (lambda v, x: v[1, 2].assign(x), [np.float32(3)], ()),
    "rows": (lambda v, x: v[1:3].assign(x), [f32(2, 3)], ()),
    "rows by one": (lambda v, x: v[1:3].assign(x), [f32(3)], ()),
    "rows by a number": (lambda v, x: v[:3].assign(x), [np.float32(3)], ()),
    "columns": (lambda v, x: v[..., 1:].assign(x), [f32(4, 2)], ()),
    "all": (lambda v, x: v[:].assign(x), [f32(4, 3)], ()),
    "nothing": (lambda v, x: v[3:1].assign(x), [f32(1, 3)], ()),
    "new dimension": (lambda v, x: v[tf.newaxis, 1:2].assign(x), [f32(1, 1, 3)], ()),
    "steps": (lambda v, x: v[::2, ::-1].assign(x), [f32(2, 3)], ()),
    "steps by one": (lambda v, x: v[::2].assign(x), [f32(1, 3)], ()),
    "row at a place": (lambda v, p: v[p : p + 1].assign(tf.ones([1, 3])), [np.int32(2)], PLACES),
    "element at a place": (lambda v, p: v[p, 1].assign(5.0), [np.int32(2)], [PLACES[0], PLACES[-1]]),
    "rows from a place": (lambda v, p, x: v[p:].assign(x), [np.int32(2), f32(2, 3)], [[np.int32(-2), f32(2, 3, seed=1)]]),
    "rows up to a place": (lambda v, p, x: v[:p].assign(x), [np.int32(2), f32(2, 3)], [[np.int32(-2), f32(2, 3, seed=1)]]),
    "block at places": (
        lambda v, p, q, x: v[p : p + 2, q : q + 2].assign(x),
        [np.int32(1), np.int32(0), f32(2, 2)],
        [[np.int32(0), np.int32(1), f32(2, 2, seed=1)]],
    ),
}
ACCESSES = {"READ_VARIABLE": 1, "ASSIGN_VARIABLE": 2, "VAR_HANDLE": 2, "CALL_ONCE": 1}
"""One read and one assignment of a variable, and its first value."""


class State(tf.Module):
    """A variable and what is done with it."""

    def __init__(self, use, initial=None, dtype=tf.float32, **options):
        super().__init__()
        value = tf.zeros([4, 3], dtype) if initial is None else initial
        self.v = tf.Variable(value, dtype=dtype, **options)
        self.use = use

    def __call__(self, *args):
        return self.use(self.v, *args)


def old_and_new(v, x):
    old = v.read_value()
    v.assign_add(x)
    return old, v.read_value(), old + 1.0


def assigned_twice(v, x):
    v.assign(x)
    first = v * 2.0
    v.assign_sub(first)
    return first, v.value()


def in_a_branch(v, x):
    if tf.reduce_sum(x) > 0.0:
        v.assign(x)
    else:
        v.assign_add(x)
    return v.read_value()


def read_in_a_branch(v, x):
    old = v.read_value()
    v.assign_add(x)
    return tf.cond(tf.reduce_sum(x) > 0.0, lambda: v * 2.0, lambda: old)


def in_a_loop(v, x):
    for _ in tf.range(3):
        v.assign(v * 0.5 + x)
    return v.read_value()


def in_nested_functions(v, x):
    @tf.function
    def inner(y):
        v.assign_add(y)
        return v * 2.0

    @tf.function
    def outer(y):
        return inner(y) + inner(y)

    return outer(x)


def conditionally_never(v, x):
    if tf.reduce_sum(x) > 1e30:
        v.assign(x)
    return v + x


def updated_rows(v, x, rows):
    v.scatter_update(tf.IndexedSlices(x, rows))
    return v.read_value()


def added_rows(v, x, rows):
    v.scatter_add(tf.IndexedSlices(x, rows))
    v.scatter_sub(tf.IndexedSlices(x * 0.25, rows[::-1]))
    return v.read_value()


def extreme_elements(v, x):
    for scatter in (tf.raw_ops.ResourceScatterNdMax, tf.raw_ops.ResourceScatterNdMin):
        scatter(ref=v.handle, indices=[[1, 2], [3, 0]], updates=x)
        x = x - 1.0
    return v.read_value()


def shape_of_a_variable(v, x):
    tf.raw_ops.DisableCopyOnRead(resource=v.handle)
    v.assign_add(x)
    return tf.raw_ops.VariableShape(input=v.handle), v.read_value()


def extreme_rows(v, x, rows):
    v.scatter_max(tf.IndexedSlices(x, rows))
    v.scatter_min(tf.IndexedSlices(x * 0.5, rows))
    v.scatter_mul(tf.IndexedSlices(x, rows))
    return v.read_value()


def updated_elements(v, x):
    v.scatter_nd_update([[0, 1], [2, 2]], x)
    v.scatter_nd_add([[1, 1], [1, 2]], x)
    v.scatter_nd_sub([[3, 1], [1, 2]], x)
    return v.read_value()


def one_number_for_all_rows(v, x):
    tf.raw_ops.ResourceScatterAdd(resource=v.handle, indices=[1, 1, 2], updates=x)
    return v.read_value()


def gathered(v, rows):
    v.assign_add(tf.ones_like(v))
    return tf.gather(v, rows), v.sparse_read(rows), v.gather_nd(rows[:, None])


def growing(v, x):
    v.assign(tf.concat([v, x], 0))
    return tf.shape(v), tf.reduce_sum(v)


def counted(v, x):
    v.assign_add(tf.ones_like(v))
    return tf.cast(v, tf.float32) + x


def flipped(v, x):
    v.assign(tf.logical_not(v))
    return tf.where(v, x, -x)


X = f32(4, 3)
PART = f32(2, 3)

test_variables = parity_test(
    [
        Case("old and new", State(old_and_new), [X]),
        Case("assigned twice", State(assigned_twice), [X]),
        Case("in a branch", State(in_a_branch), [X], also=[[-abs(X)], [abs(X)], [-abs(X)]]),
        Case("read in a branch", State(read_in_a_branch), [X], also=[[-abs(X)], [abs(X)]]),
        Case("in a loop", State(in_a_loop), [X]),
        Case("in nested functions", State(in_nested_functions), [X]),
        Case("assigned on a condition", State(conditionally_never, X), [X]),
        Case("updated rows", State(updated_rows), [PART, ROWS], also=[[PART + 1, ROWS + 1]]),
        Case("added rows", State(added_rows, X), [PART, ROWS]),
        Case("extremes of rows", State(extreme_rows, X), [PART, ROWS]),
        Case("extremes of elements", State(extreme_elements, X), [f32(2)]),
        Case("shape of a variable", State(shape_of_a_variable), [X]),
        Case("updated elements", State(updated_elements, X), [f32(2)]),
        Case("one number for all rows", State(one_number_for_all_rows, X), [f32()]),
        Case("gathered", State(gathered, X), [ROWS]),
        Case("open shape", State(old_and_new, X, shape=tf.TensorShape([None, 3])), [X]),
        Case(
            "growing",
            State(growing, PART, shape=tf.TensorShape([None, 3])),
            [PART],
            raises="LS001",
            says="is assigned a value of shape",
        ),
        Case("int32", State(counted, dtype=tf.int32), [X]),
        Case("int64", State(counted, dtype=tf.int64), [X]),
        Case("int8", State(lambda v, x: (v.assign(x), v.read_value())[1], dtype=tf.int8), [ints(4, 3, dtype="int8")]),
        Case("bool", State(flipped, tf.zeros([4, 3], tf.bool), tf.bool), [X]),
        Case(
            "read again and again",
            State(lambda v, x: (v.assign(v * 2.0 + v), v + v.read_value() * x)[1]),
            [X],
            ops={"ADD": 2, "MUL": 2, **ACCESSES},
        ),
        Case("never assigned", State(lambda v, x: v + x, X), [X], ops=1),
        Case(
            "strings",
            State(lambda v, x: (v.assign(x), v.read_value())[1], tf.constant(["a"]), tf.string),
            [np.array([b"b"], object)],
            raises="LS001",
            says="variable of strings",
        ),
    ]
)


test_parts = parity_test(
    [
        *(Case(name, State(put(use), f32(4, 3, seed=9)), inputs, also=also) for name, (use, inputs, also) in PARTS.items()),
        Case(
            "steps from a place",
            State(put(lambda v, p: v[p::2].assign(1.0))),
            [np.int32(1)],
            raises="LS001",
            says="constant bounds",
        ),
        Case(
            "of a tensor",
            lambda x, y: tf.raw_ops.TensorStridedSliceUpdate(
                input=x, begin=[0, 1], end=[0, 3], strides=[1, 1], value=y, begin_mask=1, end_mask=1
            ),
            [f32(4, 3), f32(4, 2)],
            spec=[(None, 3), (None, 2)],
            also=[[f32(2, 3), f32(2, 2)]],
        ),
        Case(
            "row of a tensor of unknown size",
            lambda x, y: tf.raw_ops.TensorStridedSliceUpdate(
                input=x, begin=[-1], end=[0], strides=[1], value=y, shrink_axis_mask=1
            ),
            [f32(4, 3), f32(3)],
            spec=[(None, 3)],
            also=[[f32(2, 3), f32(3, seed=1)]],
        ),
    ]
)


@pytest.mark.tf
def test_signatures_share_state(tmp_path):
    class Counter(tf.Module):
        def __init__(self):
            super().__init__()
            self.total = tf.Variable([1.0, 2.0])

        @tf.function(input_signature=[tf.TensorSpec([2])])
        def add(self, x):
            return {"total": self.total.assign_add(x)}

        @tf.function(input_signature=[])
        def read(self):
            return {"total": self.total * 1.0}

    counter = Counter()
    tf.saved_model.save(counter, str(tmp_path), signatures={"add": counter.add, "read": counter.read})
    runner = Runner(litesmith.convert(tmp_path).content)
    assert runner.run({}, "read")["total"].tolist() == [1, 2]
    for count in (1, 2, 3):
        assert runner.run({"x": np.ones(2, np.float32)}, "add")["total"].tolist() == [1 + count, 2 + count]
        assert runner.run({}, "read")["total"].tolist() == [1 + count, 2 + count]
    assert Runner(litesmith.convert(tmp_path).content).run({}, "read")["total"].tolist() == [1, 2]


def test_a_model_keeps_its_state_between_calls(tmp_path):
    state = State(lambda v, x: {"y": v.assign_add(x)})
    serve = tf.function(state.__call__, input_signature=[tf.TensorSpec([4, 3], tf.float32, name="x")])
    tf.saved_model.save(state, str(tmp_path / "m"), signatures=serve.get_concrete_function())
    model = litesmith.convert(tmp_path / "m")
    ones = np.ones((4, 3), np.float32)
    assert [float(model(ones)["y"][0, 0]) for _ in range(3)] == [1, 2, 3]
    model.reset()
    assert float(model(ones)["y"][0, 0]) == 1
