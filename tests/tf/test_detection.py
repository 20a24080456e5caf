"""A small single-shot detector, exported as the detection libraries do it: the same boxes as TensorFlow's own steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import litesmith
from litesmith.runtime import Runner

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.tf

SIDE, CLASSES, MOST, OVERLAP, LEAST = 32, 3, 10, 0.5, 0.3
GRIDS, SHAPES = (8, 4), ((0.3, 0.3), (0.5, 0.25), (0.25, 0.5))
Y_SCALE, H_SCALE = 10.0, 5.0


def anchors() -> Any:
    """Boxes around the cells of both grids, [n, 4]: y, x, height, width."""
    return np.array(
        [
            ((y + 0.5) / grid, (x + 0.5) / grid, h * 4 / grid, w * 4 / grid)
            for grid in GRIDS
            for y in range(grid)
            for x in range(grid)
            for h, w in SHAPES
        ],
        np.float32,
    )


def attribute(key: str, value: Any) -> str:
    kind = "b" if isinstance(value, bool) else "i" if isinstance(value, int) else "f"
    return f' attr {{ key: "{key}" value {{ {kind}: {str(value).lower()} }} }}'


def implements(regular: bool) -> str:
    numbers = {
        "max_detections": MOST, "max_classes_per_detection": 1, "detections_per_class": MOST, "use_regular_nms": regular,
        "nms_score_threshold": LEAST, "nms_iou_threshold": OVERLAP, "num_classes": CLASSES,
        "y_scale": Y_SCALE, "x_scale": Y_SCALE, "h_scale": H_SCALE, "w_scale": H_SCALE,
    }  # fmt: skip
    return 'name: "TFLite_Detection_PostProcess"' + "".join(attribute(k, v) for k, v in numbers.items())


def decode(encodings: Any) -> Any:
    """Corners [n, 4] of encoded boxes [1, n, 4]."""
    boxes = tf.constant(anchors())
    middle = encodings[0, :, :2] / Y_SCALE * boxes[:, 2:] + boxes[:, :2]
    half = 0.5 * tf.exp(encodings[0, :, 2:] / H_SCALE) * boxes[:, 2:]
    return tf.concat([middle - half, middle + half], 1)


def suppress_all_classes_together(encodings: Any, scores: Any) -> tuple[Any, ...]:
    """The best class of each box, one suppression over all: what exporters ask for."""
    boxes, best = decode(encodings), tf.reduce_max(scores[0, :, 1:], 1)
    kept = tf.image.non_max_suppression(boxes, best, MOST, OVERLAP, LEAST)
    classes = tf.argmax(scores[0, :, 1:], 1, tf.int32)
    return tf.gather(boxes, kept), tf.gather(classes, kept), tf.gather(best, kept), tf.size(kept)


def suppress_class_by_class(encodings: Any, scores: Any) -> tuple[Any, ...]:
    boxes, best, classes, count = tf.image.combined_non_max_suppression(
        decode(encodings)[None, :, None], scores[:, :, 1:], MOST, MOST, OVERLAP, LEAST, clip_boxes=False
    )
    return boxes[0], classes[0], best[0], count[0]


class Detector(tf.Module):
    """Two feature maps, a head of boxes and a head of classes (the first is the background) on each."""

    def __init__(self, regular: bool, whole: bool) -> None:
        rng = np.random.default_rng(7)
        channels = len(SHAPES) * (4 + CLASSES + 1)

        def weights(*shape: int) -> Any:
            return tf.Variable(rng.normal(0, 2 / np.sqrt(np.prod(shape[:-1])), shape).astype(np.float32))

        self.stem, self.deeper = weights(4, 4, 3, 12), weights(3, 3, 12, 12)
        self.heads = [weights(3, 3, 12, channels), weights(3, 3, 12, channels)]
        self.suppress = suppress_class_by_class if regular else suppress_all_classes_together
        placeholder = tf.function(lambda *_: tuple(tf.constant(0.0) for _ in range(4)), experimental_implements=implements(regular))
        self.post_process = placeholder if not whole else lambda e, s, _: self.suppress(e, s)

    def heads_of(self, image: Any) -> tuple[Any, Any]:
        fine = tf.nn.relu6(tf.nn.conv2d(image, self.stem, 4, "SAME"))
        coarse = tf.nn.relu6(tf.nn.conv2d(fine, self.deeper, 2, "SAME"))
        outputs = [
            tf.reshape(tf.nn.conv2d(x, w, 1, "SAME"), [1, -1, 4 + CLASSES + 1])
            for x, w in zip((fine, coarse), self.heads, strict=True)
        ]
        joined = tf.concat(outputs, 1)
        return joined[:, :, :4], tf.sigmoid(joined[:, :, 4:])

    @tf.function(input_signature=[tf.TensorSpec([1, SIDE, SIDE, 3], tf.float32, name="image")])
    def detect(self, image: Any) -> dict[str, Any]:
        boxes, classes, scores, count = self.post_process(*self.heads_of(image), tf.constant(anchors()))
        return {"boxes": boxes, "classes": classes, "scores": scores, "count": count}


@pytest.mark.parametrize("regular", [False, True], ids=["together", "by class"])
@pytest.mark.parametrize("whole", [False, True], ids=["one operator", "TensorFlow's operators"])
def test_boxes_are_those_of_tensorflow(regular: bool, whole: bool, tmp_path: Path) -> None:
    model = Detector(regular, whole)
    tf.saved_model.save(model, str(tmp_path), signatures=model.detect)
    converted = litesmith.convert(str(tmp_path))
    assert ("CUSTOM" in converted.operators) is not whole
    runners = [Runner(converted.content, kernels=kernels) for kernels in ("default", "builtin")]
    for seed in range(3):
        image = np.random.default_rng(seed).normal(size=(1, SIDE, SIDE, 3)).astype(np.float32)
        boxes, classes, scores, count = (t.numpy() for t in model.suppress(*model.heads_of(tf.constant(image))))
        assert count > 2
        for runner in runners:
            found = {name: np.squeeze(value, 0) if np.ndim(value) and not whole else value for name, value in runner.run([image]).items()}
            assert int(found["count"]) == count
            np.testing.assert_allclose(found["scores"][:count], scores[:count], atol=1e-5)
            np.testing.assert_array_equal(found["classes"][:count], classes[:count])
            np.testing.assert_allclose(found["boxes"][:count], boxes[:count], atol=1e-4)
