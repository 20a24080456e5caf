"""Open sizes of a signature that the operators behind it decide: the file declares them."""

from __future__ import annotations

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

import litesmith  # noqa: E402
from litesmith.errors import ConverterError  # noqa: E402

pytestmark = pytest.mark.tf

RNG = np.random.default_rng(0)
W, B, FILTER = (RNG.normal(size=s).astype(np.float32) for s in ((16, 8), (8,), (3, 3, 16, 1)))
KERNEL = RNG.normal(size=(3, 3, 4, 2)).astype(np.float32)
STATISTICS = {"scale": B, "offset": B, "mean": B, "variance": B * B + 1}
Q = None

# name -> (function, its input's shape, a shape it takes, the input as the file declares it: -1 for any size)
CASES = {
    "matmul": (lambda x: x @ W, [Q, Q], (3, 16), [-1, 16]),
    "matmul transposed": (lambda x: tf.matmul(x, W, transpose_a=True), [Q, Q], (16, 3), [16, -1]),
    "matmul of a reshape": (lambda x: tf.reshape(x, [tf.shape(x)[0], -1]) @ W, [Q, Q, 4], (3, 4, 4), [-1, 4, 4]),
    "batch matmul": (lambda x: tf.matmul(x, W[None]), [Q, Q, Q], (2, 3, 16), [-1, -1, 16]),
    "batch matmul adjoint": (lambda x: tf.matmul(x, W[None], adjoint_b=True), [Q, Q, Q], (2, 3, 8), [-1, -1, 8]),
    "matmul with itself": (lambda x: tf.matmul(x, x, transpose_b=True), [Q, Q], (3, 5), [-1, -1]),
    "einsum": (lambda x: tf.einsum("bij,jk->bik", x, W), [Q, Q, Q], (2, 3, 16), [-1, -1, 16]),
    "einsum ellipsis": (lambda x: tf.einsum("...j,jk->...k", x, W), [Q, Q, Q], (2, 3, 16), [-1, -1, 16]),
    "bias": (lambda x: tf.nn.bias_add(x, B), [Q, Q], (3, 8), [-1, 8]),
    "add may broadcast": (lambda x: x + B, [Q, Q], (3, 8), [-1, -1]),
    "batch norm": (
        lambda x: tf.compat.v1.nn.fused_batch_norm(x, B, B, B, B * B + 1, is_training=False)[0],
        [Q, Q, Q, Q], (2, 3, 3, 8), [-1, -1, -1, 8],
    ),
    "depthwise": (
        lambda x: tf.nn.depthwise_conv2d(x, FILTER, [1, 1, 1, 1], "SAME"), [Q, Q, Q, Q], (2, 5, 5, 16), [-1, -1, -1, 16],
    ),
    "ensure": (lambda x: -tf.ensure_shape(x, [None, 4]), [Q, Q], (3, 4), [-1, 4]),
    "colours": (lambda x: tf.image.rgb_to_hsv(tf.abs(x)), [Q, Q, Q], (4, 5, 3), [-1, -1, 3]),
    "split": (lambda x: tf.split(x, [1, 0, 3], -1)[2], [Q, Q], (4, 4), [-1, 4]),
    "boxes": (
        lambda x: tf.gather(x, tf.image.non_max_suppression(x, x[:, 0], 3)), [Q, Q], (2, 4), [-1, 4],
    ),
    "blocks of three": (lambda x: tf.nn.space_to_depth(x, 3), [1, Q, Q, 2], (1, 6, 9, 2), [1, -1, -1, 2]),
    "unstack": (lambda x: tf.stack(tf.unstack(x, 4, axis=1)), [Q, Q], (3, 4), [-1, 4]),
    "stack": (lambda x: tf.stack([x[0], B]), [Q, Q], (1, 8), [-1, 8]),
    "concat": (lambda x: tf.concat([x, W], 1), [Q, Q], (16, 3), [16, -1]),
    "twice": (lambda x: tf.nn.relu(x @ W) @ W.T, [Q, Q], (3, 16), [-1, 16]),
    "convolution": (lambda x: tf.nn.conv2d(x, KERNEL, 1, "SAME"), [Q, Q, Q, Q], (2, 5, 5, 4), [-1, -1, -1, 4]),
    "transposed convolution": (
        lambda x: tf.nn.conv2d_transpose(x, KERNEL, [1, 10, 10, 4], 2), [1, 5, 5, Q], (1, 5, 5, 2), [1, 5, 5, 2],
    ),
    "rank by a convolution": (
        lambda x: tf.nn.conv2d(tf.nn.relu(x) / 2.0, KERNEL, 1, "SAME"), None, (2, 5, 5, 4), [-1, -1, -1, 4],
    ),
    "rank inside a call": (
        tf.function(lambda x: tf.nn.max_pool2d(tf.abs(x), 2, 2, "SAME")), None, (2, 5, 5, 4), [-1] * 4,
    ),
    "rank by an assertion": (lambda x: -tf.ensure_shape(x, [None, 4]), None, (3, 4), [-1, 4]),
    "rank by an order": (lambda x: tf.transpose(x, [0, 2, 1]), None, (2, 3, 4), [-1, -1, -1]),
    "rank by an equation": (lambda x: tf.einsum("bij,jk->bik", x, W), None, (2, 3, 16), [-1, -1, 16]),
    "rank of a normalized volume": (
        lambda x: tf.raw_ops.FusedBatchNormV3(x=x, **STATISTICS, data_format="NDHWC", is_training=False)[0],
        None, (1, 2, 3, 3, 8), [-1, -1, -1, -1, 8],
    ),
    "in a branch that may not be taken": (
        lambda x: tf.cond(tf.shape(x)[1] > 15, lambda: tf.reduce_sum(x @ W), lambda: tf.reduce_sum(x)),
        [Q, Q], (3, 16), [-1, -1],  # the runtime prepares both branches: it takes no other size, the source does
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_sizes(name, tmp_path):
    function, shape, given, declared = CASES[name]
    serve = tf.function(function, input_signature=[tf.TensorSpec(shape, tf.float32, name="x")])
    tf.saved_model.save(tf.Module(), str(tmp_path / "m"), signatures=serve.get_concrete_function())
    model = litesmith.convert(tmp_path / "m")
    (x,) = model.program.graphs[0].inputs
    assert [d if isinstance(d, int) else -1 for d in x.dims] == declared
    data = RNG.normal(size=given).astype(np.float32)
    for _ in range(3):
        (y,) = model(data).values()
        np.testing.assert_allclose(y, serve(tf.constant(data)), atol=1e-4)


def test_entry_points_have_sizes_of_their_own(tmp_path):
    spec = tf.TensorSpec([None, None], tf.float32, name="x")
    keys = {"wide": lambda x: x @ W, "narrow": lambda x: x @ W.T, "any": lambda x: -x}
    signatures = {k: tf.function(f, input_signature=[spec]).get_concrete_function() for k, f in keys.items()}
    tf.saved_model.save(tf.Module(), str(tmp_path / "m"), signatures=signatures)
    program = litesmith.convert(tmp_path / "m").program
    sizes = {s.key: s.graph.inputs[0].dims[1] for s in program.signatures}
    assert (sizes["wide"], sizes["narrow"]) == (16, 8)
    assert not isinstance(sizes["any"], int)


@pytest.mark.parametrize("function", [lambda x: tf.reduce_sum(x, 0), lambda x: x[:, None], lambda x: tf.matmul(x, W)])
def test_a_rank_nothing_decides_is_asked_for(function):
    serve = tf.function(function, input_signature=[tf.TensorSpec(None, tf.float32, name="x")])
    with pytest.raises(ConverterError, match=r"LS021.*\n.*input_shapes=\{'x': \[...\]\}"):
        litesmith.convert(serve.get_concrete_function())
    made = litesmith.convert(serve.get_concrete_function(), input_shapes={"x": [None, 16]})
    (x,) = made.program.graphs[0].inputs
    assert x.dims[1:] == (16,)
