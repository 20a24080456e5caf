"""Select TF operators of Keras models."""

from __future__ import annotations

import keras
import pytest

import litesmith
from litesmith.analyze.check import Verdict
from litesmith.frontends.tensorflow.select_ops import select_operators

pytestmark = pytest.mark.keras
tf = pytest.importorskip("tensorflow")
if keras.backend.backend() != "tensorflow":
    pytest.skip("TensorFlow operators need Keras on TensorFlow", allow_module_level=True)


@keras.saving.register_keras_serializable("litesmith.tests")
class Lower(keras.layers.Layer):
    """The length of a text in lower case."""

    def call(self, text):
        return tf.strings.length(tf.strings.lower(text))


def test_a_layer_of_text():
    text = keras.Input((3,), dtype="string")
    model = keras.Model(text, keras.ops.cast(Lower()(text), "float32") * 2)
    with pytest.raises(litesmith.ConverterError, match="StringLower"):
        litesmith.convert(model)
    program = litesmith.convert(model, select_tf_ops=True).program
    assert select_operators(program) == ["StringLength", "StringLower"]
    assert program.histogram() == {"CAST": 1, "CUSTOM": 2, "MUL": 1}
    report = litesmith.check(model)
    assert report.verdict is Verdict.SELECT_TF
    assert report.problems[0].node.startswith("lower")
