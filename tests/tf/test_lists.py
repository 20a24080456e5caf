"""Recurrent layers as TensorFlow saves them: loops over lists, right at the first call and at every one after it."""

from __future__ import annotations

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")

from tests.tf.parity import Case, f32, parity_test  # noqa: E402

L = keras.layers
SHORT, LONG = f32(2, 5, 4), f32(3, 7, 4)
FIXED, BATCH, FREE = (2, 5, 4), (None, 5, 4), (None, None, 4)
ALSO = {FIXED: [], BATCH: [f32(1, 5, 4), f32(3, 5, 4)], FREE: [f32(1, 3, 4), LONG]}


class Model(tf.Module):
    """A layer, or a model, as a module that is saved."""

    def __init__(self, layer, *shapes, masked=False):
        super().__init__()
        inputs = [keras.Input(s[1:], batch_size=s[0]) for s in shapes]
        first = [L.Masking(0.0)(inputs[0])] if masked else inputs[:1]
        called = layer(*first) if len(inputs) == 1 else layer(*first, initial_state=inputs[1:])
        self.model = keras.Model(inputs, called)

    def __call__(self, *args):
        return self.model(list(args) if len(args) > 1 else args[0])


def with_gaps(x):
    """The array with steps of zeros, which a mask leaves out: at the beginning, in the middle, at the end."""
    x = x.copy()
    x[0, 0] = x[-1, 2] = 0
    x[0, -2:] = 0
    return x


def rows(name, layer, shapes=(FIXED, BATCH, FREE), masked=False, **options):
    for shape in shapes:
        arrays = [SHORT, *ALSO[shape]]
        arrays = [with_gaps(a) for a in arrays] if masked else arrays
        yield Case(
            f"{name} {shape}",
            Model(layer(), shape, masked=masked),
            arrays[:1],
            spec=[shape],
            also=[[a] for a in arrays[1:]],
            **options,
        )


LAYERS = {
    "LSTM": lambda: L.LSTM(6),
    "LSTM sequence and state": lambda: L.LSTM(6, return_sequences=True, return_state=True),
    "LSTM backwards": lambda: L.LSTM(6, go_backwards=True, return_sequences=True),
    "LSTM of other activations": lambda: L.LSTM(6, activation="relu", recurrent_activation="hard_sigmoid"),
    "GRU": lambda: L.GRU(6),
    "GRU reset before": lambda: L.GRU(6, reset_after=False, return_sequences=True),
    "SimpleRNN": lambda: L.SimpleRNN(6, return_sequences=True),
    "bidirectional LSTM": lambda: L.Bidirectional(L.LSTM(4, return_sequences=True)),
    "bidirectional GRU, summed": lambda: L.Bidirectional(L.GRU(4), merge_mode="sum"),
    "stacked cells": lambda: L.RNN([L.LSTMCell(5), L.GRUCell(3)], return_sequences=True),
}
MASKED = ("LSTM sequence and state", "GRU", "SimpleRNN", "bidirectional LSTM", "LSTM backwards")
FRAMES = (2, 3, 5, 5, 2)


class Cell(keras.Layer):
    """A cell of the user's: a decaying sum."""

    state_size = output_size = 4

    def call(self, inputs, states):
        (state,) = states
        made = state * 0.5 + inputs
        return made * 2.0, [made]


def initial_state(batch):
    shapes = [(batch, 5, 4), (batch, 6), (batch, 6)]
    arrays = [SHORT, f32(2, 6), f32(2, 6, seed=1)]
    return Case(f"initial state {batch}", Model(L.LSTM(6), *shapes), arrays, spec=shapes)


test_layers = parity_test([case for name, layer in LAYERS.items() for case in rows(name, layer)])
test_masks = parity_test([c for n in MASKED for c in rows(f"masked {n}", LAYERS[n], (FIXED, FREE), masked=True)])
test_others = parity_test(
    [
        *rows("unrolled", lambda: L.LSTM(6, unroll=True), (FIXED, BATCH)),
        *rows("time distributed", lambda: L.TimeDistributed(L.Dense(3)), (FIXED, FREE)),
        *rows("a cell of the user", lambda: L.RNN(Cell(), return_sequences=True)),
        *rows("LSTM that keeps its state", lambda: L.LSTM(6, stateful=True, return_sequences=True), (FIXED,)),
        *rows("GRU that keeps its state", lambda: L.GRU(6, stateful=True), (FIXED,)),
        *rows("masked LSTM that keeps its state", lambda: L.LSTM(6, stateful=True), (FIXED,), masked=True),
        initial_state(2),
        initial_state(None),
        Case("ConvLSTM", Model(L.ConvLSTM2D(3, 3, padding="same", return_sequences=True), FRAMES), [f32(*FRAMES)]),
        Case("ConvLSTM, unknown batch", Model(L.ConvLSTM2D(3, 3), (None, *FRAMES[1:])), [f32(*FRAMES)],
             spec=[(None, *FRAMES[1:])], also=[[f32(1, *FRAMES[1:])]]),
    ]
)  # fmt: skip

# -- lists by hand ----------------------------------------------------------------------------------------------------

raw = tf.raw_ops


def pushed_and_popped(x):
    items = raw.EmptyTensorList(element_shape=[3], max_num_elements=-1, element_dtype=tf.float32)
    for k in range(3):
        items = raw.TensorListPushBack(input_handle=items, tensor=x[k])
    items, last = raw.TensorListPopBack(input_handle=items, element_shape=[3], element_dtype=tf.float32)
    return last, raw.TensorListStack(input_handle=items, element_shape=[3], element_dtype=tf.float32)


def gathered_and_scattered(x):
    items = raw.TensorListScatterV2(tensor=x, indices=[2, 0, 3, 1], element_shape=[3], num_elements=-1)
    found = raw.TensorListGather(input_handle=items, indices=[1, 3], element_shape=[3], element_dtype=tf.float32)
    return found, raw.TensorListLength(input_handle=items)


def split_and_joined(x):
    items = raw.TensorListSplit(tensor=x, element_shape=[2, 3], lengths=tf.constant([2, 2], tf.int64))
    both = raw.TensorListConcatLists(input_a=items, input_b=items, element_dtype=tf.float32)
    joined = raw.TensorListConcatV2(
        input_handle=both, element_shape=[2, 3], leading_dims=tf.constant([], tf.int64), element_dtype=tf.float32
    )
    return joined.tensor, joined.lengths, raw.TensorListElementShape(input_handle=both, shape_type=tf.int32)


def resized(x, n):
    items = raw.TensorListFromTensor(tensor=x, element_shape=[3])
    items = raw.TensorListResize(input_handle=items, size=n)
    return raw.TensorListStack(input_handle=items, element_shape=[3], element_dtype=tf.float32)


def of_rows_that_grow(x):
    rows = tf.TensorArray(tf.float32, 3, infer_shape=False, element_shape=[None])
    for k in tf.range(3):
        rows = rows.write(k, x[: k + 1, 0])
    return rows.read(2)


SIZES = [[f32(4, 3), np.array(k, np.int32)] for k in (1, 4, 6)]

test_lists = parity_test(
    [
        Case("pushed and popped", pushed_and_popped, [f32(4, 3)]),
        Case("gathered and scattered", gathered_and_scattered, [f32(4, 3)]),
        Case("split and joined", split_and_joined, [f32(4, 3)]),
        Case("resized", resized, [f32(4, 3), np.array(2, np.int32)], also=SIZES),
        Case("of rows that grow", of_rows_that_grow, [f32(4, 3)], raises="LS001", says="list"),
    ]
)
