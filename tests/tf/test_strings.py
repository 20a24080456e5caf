"""Strings: what the kernels move and compare, and clear words about the rest."""

from __future__ import annotations

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from tests.tf.parity import Case, parity_test  # noqa: E402

W = np.array([b"red", b"green", b"", b"red"], object)
V = np.array([b"red", b"x", b"yellow", b"z"], object)
N = np.array(1, np.int32)
BOTH = {"also": [[W, -N], [W, N], [W, -N]]}


def swapped(x, y, n):
    return tf.while_loop(lambda i, a, b: i < n, lambda i, a, b: (i + 1, b, a), (0, x, y))


def constant_in_a_loop(x, n):
    return tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, tf.constant(["abc", "q", "", "z"])), (0, x))


test_moved = parity_test(
    [
        Case("constant", lambda x: (tf.constant(["a", "bc"]), x), [W]),
        Case("compared", lambda x, y: (tf.equal(x, y), tf.not_equal(x, y)), [W, V]),
        Case("compared with one", lambda x: tf.equal(x, "red"), [W], spec=[(None,)], also=[[W[:2]]]),
        Case("gathered", lambda x: (tf.gather(x, [2, 0]), tf.gather_nd(x, [[2], [0]])), [W]),
        Case("labels", lambda p: tf.gather(tf.constant(["a", "b"]), tf.argmax(p, -1)), [np.eye(2, dtype=np.float32)]),
        Case("reshaped", lambda x: (tf.reshape(x, [2, 2]), x[:, None]), [W]),
        Case("sliced", lambda x: (x[1:3], x[::2], x[1]), [W]),
        Case("split", lambda x: (tf.split(x, 2), tf.unstack(x)), [W]),
        Case("repeated", lambda x: (tf.tile(x, [2]), tf.fill([3], x[0])), [W]),
        Case("measured", lambda x: (tf.shape(x), tf.size(x)), [W], spec=[(None,)]),
        Case("mapped to bool", lambda x: tf.map_fn(lambda r: tf.equal(r, "red"), x, fn_output_signature=tf.bool), [W]),
        Case("chosen", lambda x, n: tf.cond(n > 0, lambda: x, lambda: tf.constant(["a", "b", "c", "d"])), [W, N],
             **BOTH),
        Case("one chosen", lambda x, n: tf.cond(n > 0, lambda: x[0], lambda: tf.constant("abc")), [W, N], **BOTH),
        Case("constants chosen", lambda n: tf.cond(n > 0, lambda: tf.constant(["q"]), lambda: tf.constant(["abc"])),
             [N], also=[[-N], [N], [-N]]),
        Case("swapped in a loop", swapped, [W, V, N], also=[[W, V, -N], [V, W, N + 1]]),
        Case("constant in a loop", constant_in_a_loop, [W, N], **BOTH),
    ]
)  # fmt: skip

KERNEL = {"raises": "LS012", "says": "string is not taken"}
TEXT = {"raises": "LS010", "says": "text processing"}

test_refused = parity_test(
    [
        Case("joined tensors", lambda x, y: tf.concat([x, y], 0), [W, V], **KERNEL),
        Case("stacked", lambda x, y: tf.stack([x, y]), [W, V], **KERNEL),
        Case("selected", lambda x, y: tf.where(tf.equal(x, y), x, y), [W, V], **KERNEL),
        Case("transposed", lambda x: tf.transpose(tf.reshape(x, [2, 2])), [W], **KERNEL),
        Case("mapped", lambda x: tf.map_fn(lambda r: r, x), [W], **KERNEL),
        Case("numbers as text", tf.strings.as_string, [N], **TEXT),
        Case("lower case", tf.strings.lower, [W], **TEXT),
        Case("joined text", lambda x: tf.strings.join([x, "s"]), [W], **TEXT),
        Case("parsed", lambda x: tf.io.parse_tensor(x[0], tf.float32), [W], raises="LS010", says="serialized data"),
        Case("images", lambda x: tf.io.decode_jpeg(x[0]), [W], raises="LS010", says="decoded"),
        Case("Python", lambda x: tf.py_function(lambda v: v, [x], tf.string), [W], raises="LS010", says="Python code"),
    ]
)
