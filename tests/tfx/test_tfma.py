"""TFX finds the rewriter, and TFMA evaluates what it writes, with its own extractor and with ours."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.tfx

tfx = pytest.importorskip("tfx")
tfma = pytest.importorskip("tensorflow_model_analysis")

from google.protobuf import text_format  # noqa: E402
from tensorflow_model_analysis.proto import config_pb2  # noqa: E402

from litesmith.data.examples import serialize_example  # noqa: E402
from litesmith.data.tfrecord import write_records  # noqa: E402
from litesmith.evaluate import evaluate  # noqa: E402
from litesmith.tfx import LitesmithRewriter, converters  # noqa: E402
from tests.evaluate.cases import CASES, assert_equal, our_values, tfma_values  # noqa: E402
from tests.graphs import DIGITS  # noqa: E402

CONFIG = """
    model_specs { name: "candidate" model_type: "tf_lite" label_key: "label" }
    slicing_specs {} slicing_specs { feature_keys: "parity" }
    metrics_specs {
      metrics { class_name: "ExampleCount" }
      metrics { class_name: "SparseCategoricalAccuracy"
                threshold { value_threshold { lower_bound { value: 0.975 } } } }
      metrics { class_name: "SparseCategoricalCrossentropy" }
      metrics { class_name: "MultiClassConfusionMatrixPlot" }
    }
"""
BASELINE = """
    model_specs { name: "baseline" model_type: "tf_generic" signature_name: "serving_default" label_key: "label"
                  is_baseline: true }
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Directories of the example model as TFX's Trainer leaves them."""
    folder = tmp_path_factory.mktemp("models")
    images = np.load(DIGITS / "heldout.npz")["images"].astype(np.float32)
    for name, options in (("float", {}), ("int8", {"quantize": "int8", "calibrate": images[:100]})):
        converters.rewrite_saved_model(str(DIGITS / "saved_model"), str(folder / name), LitesmithRewriter(name, **options))
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    file = np.load(DIGITS / "heldout.npz")
    path = tmp_path_factory.mktemp("data") / "digits.tfrecord"
    with path.open("wb") as out:
        write_records(out, (
            serialize_example({"image": image.astype(np.float32), "label": int(label), "parity": ("even", "odd")[label % 2]})
            for image, label in zip(file["images"], file["labels"], strict=True)
        ))  # fmt: skip
    return str(path)


def analyze(config, shared, data, output, extractors=None):
    tfma.run_model_analysis(eval_shared_model=shared, eval_config=config, data_location=data, output_path=str(output),
                            extractors=extractors)  # fmt: skip
    return values(tfma.load_eval_result(str(output))), tfma.load_validation_result(str(output))


def values(result, model=""):
    found = {}
    for key, outputs in result.slicing_metrics:
        metrics = outputs[""][""]
        found[key] = {name: value["doubleValue"] for name, value in metrics.items() if "doubleValue" in value}
    return found


def shared(folder, config, name):
    return tfma.default_eval_shared_model(str(folder), model_name=name, eval_config=config)


def same(ours, theirs, tolerance=1e-6):
    assert set(ours) == set(theirs)
    for key, metrics in theirs.items():
        assert set(ours[key]) == set(metrics)
        for name, value in metrics.items():
            assert abs(ours[key][name] - value) <= tolerance, (key, name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_metrics_equal_those_of_tfma(case):
    assert_equal(our_values(case), tfma_values(case))


def test_the_factory_of_tfx_finds_the_rewriter():
    from tfx.components.trainer.rewriting import rewriter, rewriter_factory

    found = rewriter_factory.create_rewriter("LitesmithRewriter", name="mine")
    assert type(found) is LitesmithRewriter
    assert rewriter.BaseRewriter in LitesmithRewriter.__bases__
    stock = rewriter_factory.create_rewriter(rewriter_factory.TFLITE_REWRITER, name="stock")
    assert type(stock).__name__ == "TFLiteRewriter"


# TFMA runs the built-in kernels, we run XNNPACK as applications do: quantized results differ by a step here and there.
@pytest.mark.parametrize(("kind", "tolerance"), [("float", 1e-6), ("int8", 1e-3)])
def test_tfma_evaluates_the_file_with_its_extractor_and_with_ours(models, data, tmp_path, kind, tolerance):
    """And so do we, with the same values."""
    from litesmith.tfx.extractor import default_extractors

    config = text_format.Parse(CONFIG, config_pb2.EvalConfig())
    model = shared(models / kind, config, "candidate")
    stock, verdict = analyze(config, model, data, tmp_path / "stock")
    ours, other = analyze(config, model, data, tmp_path / "ours", default_extractors(config, model))
    same(ours, stock, tolerance)
    assert verdict.validation_ok == other.validation_ok
    result = evaluate(models / kind / "tflite", data, config=config, output=tmp_path / "litesmith")
    same(values(tfma.load_eval_result(str(tmp_path / "litesmith"))), stock, tolerance)
    assert result.blessed == verdict.validation_ok
    assert tfma.load_validation_result(str(tmp_path / "litesmith")).validation_ok == verdict.validation_ok


def test_tfma_opens_our_folder(models, data, tmp_path):
    config = text_format.Parse(CONFIG, config_pb2.EvalConfig())
    evaluate(models / "float" / "tflite", data, config=config, output=tmp_path / "out")
    analyze(config, shared(models / "float", config, "candidate"), data, tmp_path / "stock")
    ours, theirs = (tfma.load_eval_result(str(tmp_path / name)) for name in ("out", "stock"))
    assert ours.config.slicing_specs == theirs.config.slicing_specs
    assert ours.config.metrics_specs[0].metrics == theirs.config.metrics_specs[0].metrics
    assert {tuple(k): v for k, v in ours.plots} == {tuple(k): v for k, v in theirs.plots}
    verdicts = [tfma.load_validation_result(str(tmp_path / name)) for name in ("out", "stock")]
    failures = [
        [(str(s.slice_key), str(f.metric_key), str(f.metric_threshold), round(f.metric_value.double_value.value, 6))
         for s in verdict.metric_validations_per_slice for f in s.failures]
        for verdict in verdicts
    ]  # fmt: skip
    assert failures[0] == failures[1] and failures[0]


def test_a_file_and_its_saved_model_in_one_run(models, data, tmp_path):
    from litesmith.tfx.extractor import default_extractors

    config = text_format.Parse(BASELINE + CONFIG, config_pb2.EvalConfig())
    both = [shared(models / "float", config, "candidate"), shared(DIGITS / "saved_model", config, "baseline")]
    with pytest.raises(NotImplementedError):
        tfma.default_extractors(eval_shared_model=both, eval_config=config)
    output = str(tmp_path / "out")
    tfma.run_model_analysis(eval_shared_model=both, eval_config=config, data_location=data, output_path=output,
                            extractors=default_extractors(config, both))  # fmt: skip
    found = [values(tfma.load_eval_result(output, model_name=name)) for name in ("candidate", "baseline")]
    for name in ("sparse_categorical_accuracy", "sparse_categorical_crossentropy"):
        assert abs(found[0][()][name] - found[1][()][name]) < 1e-6


def test_missing_features_are_errors(models, tmp_path):
    from litesmith.tfx.extractor import default_extractors

    with (tmp_path / "data").open("wb") as file:
        write_records(file, [serialize_example({"picture": np.zeros(64, np.float32), "label": 1, "parity": "odd"})] * 3)
    config = text_format.Parse(CONFIG, config_pb2.EvalConfig())
    model = shared(models / "float", config, "candidate")
    analyze(config, model, str(tmp_path / "data"), tmp_path / "stock")  # silently fills in -1
    with pytest.raises(Exception, match="no feature 'image' for the model's input"):
        analyze(config, model, str(tmp_path / "data"), tmp_path / "ours", default_extractors(config, model))
