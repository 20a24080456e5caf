"""Functions that stand for an operation: known names, custom operators, bodies that compute, bodies that do not."""

from __future__ import annotations

import numpy as np
import pytest

import litesmith
from litesmith.formats.tflite.flexbuffer import read_map

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.tf

BOXES, DETECTIONS = 20, 5


def attr(key: str, kind: str, value: object) -> str:
    return f' attr {{ key: "{key}" value {{ {kind}: {value} }} }}'


def implements(name: str, *attrs: tuple[str, str, object]) -> str:
    return f'name: "{name}"' + "".join(attr(*a) for a in attrs)


POST = implements(
    "TFLite_Detection_PostProcess",
    ("max_detections", "i", DETECTIONS), ("max_classes_per_detection", "i", 1), ("use_regular_nms", "b", "false"),
    ("nms_score_threshold", "f", 0.1), ("nms_iou_threshold", "f", 0.5), ("num_classes", "i", 3),
    ("y_scale", "f", 10.0), ("x_scale", "f", 10.0), ("h_scale", "f", 5.0), ("w_scale", "f", 5.0),
)  # fmt: skip


def converted(body, what: str, *shapes: tuple[int, ...], save=None, **options):
    """A function that calls ``body`` as what it implements, converted."""
    inner = tf.function(lambda *tensors: body(*tensors), experimental_implements=what)

    @tf.function(input_signature=[tf.TensorSpec(s, tf.float32, name=f"x{i}") for i, s in enumerate(shapes)])
    def outer(*args):
        results = inner(*args)
        return {f"y{i}": tf.identity(r) for i, r in enumerate(results if isinstance(results, tuple) else (results,))}

    if save is None:
        return litesmith.convert(outer.get_concrete_function(), **options)
    module = tf.Module()
    module.f = outer
    tf.saved_model.save(module, str(save), signatures=outer)
    return litesmith.convert(str(save), **options)


def options_of(model, code: str) -> bytes:
    (op,) = [op for g in model.program.all_graphs() for op in g.ops if op.name == "CUSTOM"]
    assert op.attrs["custom_code"] == code
    return op.attrs["custom_options"]


def detections(encodings, scores, anchors):
    """What the operator computes: decoded boxes, the best class of each, suppression, in order of the scores."""
    y, x = (encodings[:, i] / 10.0 * anchors[:, i + 2] + anchors[:, i] for i in (0, 1))
    height, width = (0.5 * np.exp(encodings[:, i] / 5.0) * anchors[:, i] for i in (2, 3))
    boxes = np.stack([y - height, x - width, y + height, x + width], 1)
    best = scores.max(1)
    kept = tf.image.non_max_suppression(boxes, best, DETECTIONS, 0.5, 0.1).numpy()
    return boxes[kept], scores.argmax(1)[kept], best[kept]


@pytest.mark.parametrize("saved", [False, True])
def test_detection_post_processing_with_a_placeholder_body(saved, tmp_path) -> None:
    rng = np.random.default_rng(0)
    anchors = np.concatenate([rng.random((BOXES, 2)), 0.1 + 0.2 * rng.random((BOXES, 2))], 1).astype(np.float32)

    def body(encodings, scores, anchors):
        return tuple(tf.constant(0.0) for _ in range(4))

    model = converted(
        body, POST, (1, BOXES, 4), (1, BOXES, 3), (BOXES, 4), save=tmp_path / "m" if saved else None
    )
    options = read_map(options_of(model, "TFLite_Detection_PostProcess"))
    assert options["max_detections"] == DETECTIONS
    assert options["use_regular_nms"] == 0
    assert options["y_scale"] == 10.0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        encodings = rng.normal(size=(1, BOXES, 4)).astype(np.float32)
        scores = rng.random((1, BOXES, 3)).astype(np.float32)
        results = model(x0=encodings, x1=scores, x2=anchors)
        boxes, classes, best, count = (results[f"y{i}"] for i in range(4))
        wanted = detections(encodings[0], scores[0], anchors)
        found = int(count[0])
        assert found == len(wanted[0])
        assert np.allclose(boxes[0, :found], wanted[0], atol=1e-5)
        assert np.array_equal(classes[0, :found], wanted[1])
        assert np.allclose(best[0, :found], wanted[2], atol=1e-6)


FUSABLE = implements("MyFancyOp", ("tfl_fusable_op", "b", "true"), ("alpha", "f", 0.5), ("n", "i", 3), ("s", "s", '"t"'))


@pytest.mark.parametrize("body", [tf.zeros_like, lambda x: tf.nn.relu(x) + 1.0], ids=["placeholder", "computes"])
def test_fusable(body) -> None:
    model = converted(lambda x: body(x), FUSABLE, (2, 4), verify=False)
    assert read_map(options_of(model, "MyFancyOp")) == {"alpha": 0.5, "n": 3, "s": "t"}
    assert str(model.program.main.outputs[0].type) == "float32[2, 4]"


PLACEHOLDERS = {
    "zeros_like": tf.zeros_like,
    "fill": lambda x: tf.fill(tf.shape(x), 2.0),
    "constant": lambda x: tf.constant(1.0),
    "times zero": lambda x: x * 0.0 + 1.0,
    "less itself": lambda x: tf.reduce_sum(x - x, 1),
    "sum of nothing": lambda x: tf.reduce_sum(x) * tf.zeros([4]),
    "one result of two": lambda x: (tf.nn.relu(x), tf.zeros_like(x)),
    "inside a call": lambda x: tf.function(tf.function(lambda y: tf.zeros([2, 4])))(x),
    "inside a branch": lambda x: tf.cond(tf.constant(True), lambda: tf.zeros_like(x), lambda: tf.zeros_like(x)),
}


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_a_placeholder_nobody_knows_is_refused(name) -> None:
    with pytest.raises(litesmith.ConverterError, match=r"LS013.*'my.op', which is not known") as caught:
        converted(PLACEHOLDERS[name], "my.op", (2, 4))
    assert "composites=" in caught.value.problems[0].fix


def test_a_body_that_computes_is_inlined() -> None:
    model = converted(lambda x: tf.nn.relu(x) + 1.0, "my.op", (2, 4))
    x = np.array([[-1, 0, 1, 2]] * 2, np.float32)
    assert np.array_equal(model(x0=x)["y0"], np.maximum(x, 0) + 1)


def test_a_function_of_no_arguments_is_inlined() -> None:
    inner = tf.function(lambda: tf.constant(2.0), experimental_implements="my.constant")
    f = tf.function(lambda x: x * inner(), input_signature=[tf.TensorSpec((3,), tf.float32)])
    assert np.array_equal(next(iter(litesmith.convert(f.get_concrete_function())(np.ones(3, np.float32)).values())), [2, 2, 2])


def test_lowerings_get_the_attributes() -> None:
    what = implements("my.scale", ("factor", "f", 3.0), ("other", "i", 1))

    def scale(b, x, *, factor):
        return b.mul(x, np.float32(factor))

    for lowering in (scale, lambda b, x, **attrs: b.mul(x, np.float32(attrs["factor"] * attrs["other"]))):
        model = converted(tf.zeros_like, what, (2, 4), composites={"my.scale": lowering})
        assert np.array_equal(model(x0=np.ones((2, 4), np.float32))["y0"], np.full((2, 4), 3))


def test_embedding_and_suppression() -> None:
    def lookup(table, ids):
        return tf.gather(table, tf.cast(ids, tf.int32))

    table = np.arange(12, dtype=np.float32).reshape(4, 3)
    f = tf.function(lookup, experimental_implements="embedding_matmul")
    outer = tf.function(lambda i: f(table, i), input_signature=[tf.TensorSpec((2,), tf.int32)])
    model = litesmith.convert(outer.get_concrete_function())
    assert "EMBEDDING_LOOKUP" in model.operators
    assert np.array_equal(next(iter(model(np.array([3, 1], np.int32)).values())), table[[3, 1]])


def test_attributes_that_no_kernel_can_be_told() -> None:
    what = implements("Op", ("tfl_fusable_op", "b", "true"), ("shape", "shape", "{ dim { size: 1 } }"))
    with pytest.raises(litesmith.ConverterError, match="attribute 'shape' of the custom operator 'Op'"):
        converted(tf.zeros_like, what, (2, 4))
