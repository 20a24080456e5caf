"""Evaluations from model and data to values, thresholds and files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from litesmith.data import DataError
from litesmith.data.examples import serialize_example
from litesmith.data.tfrecord import read_records, write_records
from litesmith.errors import LitesmithError, MissingFileError, UsageError
from litesmith.evaluate import evaluate, protos
from litesmith.evaluate.keys import MetricKey
from litesmith.evaluate.predict import fit_type
from litesmith.runtime import Runner, TensorInfo


def values(result):
    return {key: {str(k): v for k, v in m.items() if isinstance(v, float)} for key, m in result.metrics.items()}


def test_accuracy_is_what_a_few_lines_of_numpy_say(digits, heldout):
    (scores,) = Runner(digits).run([heldout["image"]]).values()
    right = scores.argmax(axis=1) == heldout["label"]
    result = evaluate(digits, heldout, slices=["parity", "parity*half", "half=1"], batch_size=100)
    assert result.value("sparse_categorical_accuracy") == right.mean()
    for key in result.metrics:
        mask = np.all([heldout[name] == value for name, value in key] or [np.ones(len(right), bool)], axis=0)
        assert result.value("sparse_categorical_accuracy", key) == right[mask].mean()
        assert result.value("example_count", key) == result.counts[key] == mask.sum()
    assert len(result.metrics) == 1 + 2 + 4 + 1


def test_results_do_not_depend_on_batches(digits, heldout):
    options = {"weight": "weight", "slices": ["parity"]}
    one, other = (evaluate(digits, heldout, batch_size=size, **options) for size in (360, 17))
    assert values(one) == values(other)


def test_tfrecords_give_what_arrays_give(digits, heldout, tmp_path):
    with (tmp_path / "data.tfrecord").open("wb") as file:
        write_records(file, ({n: c[i] for n, c in heldout.items()} and serialize_example(
            {n: c[i] for n, c in heldout.items()}) for i in range(360)))  # fmt: skip
    options = {"slices": ["parity", "half"], "weight": "weight"}
    assert values(evaluate(digits, tmp_path / "data.tfrecord", **options)) == values(evaluate(digits, heldout, **options))


def test_a_model_against_a_baseline(digits, heldout):
    result = evaluate(
        {"new": digits, "old": digits}, heldout, baseline="old",
        thresholds=["accuracy change >= 0", "sqnr >= 30", "label_flip_rate <= 0"],
    )  # fmt: skip
    assert result.blessed
    assert result.value("sqnr", model="new") == np.inf
    assert result.value("max_output_error", model="new") == 0
    assert abs(result.value("output_cosine", model="new") - 1) < 1e-12
    assert result.metrics[()][MetricKey("sparse_categorical_accuracy", "new", is_diff=True)] == 0


@pytest.mark.parametrize(
    ("thresholds", "failing"),
    [
        (["accuracy >= 0.9 @ overall"], []),
        (["accuracy >= 0.99 @ overall"], ["overall"]),
        (["accuracy >= 0.975"], ["parity=odd"]),
        (["accuracy >= 0.975 @ parity=even", "example_count <= 360"], []),
        (["accuracy >= 0.975 @ parity"], ["parity=odd"]),
        (["accuracy >= 0.5 @ country"], ["no slice country"]),
    ],
)
def test_thresholds(digits, heldout, tmp_path, thresholds, failing):
    from litesmith.evaluate.engine import failure_texts

    result = evaluate(digits, heldout, slices=["parity"], thresholds=thresholds, output=tmp_path / "out")
    lines = failure_texts(result.validation)
    assert [line.split(":")[0].split(" in ")[0] for line in lines] == failing
    assert result.blessed == (not failing)
    assert (tmp_path / "out" / ("NOT_BLESSED" if failing else "BLESSED")).exists()


def test_a_configuration_of_tfma(digits, heldout, tmp_path):
    (tmp_path / "c.pbtxt").write_text("""
        model_specs { label_key: "label" example_weight_key: "weight" }
        slicing_specs {} slicing_specs { feature_keys: "parity" }
        metrics_specs {
          metrics { class_name: "SparseCategoricalAccuracy"
                    threshold { value_threshold { lower_bound { value: 0.9 } } } }
          metrics { class_name: "AUC" config: '"num_thresholds": 200' }
          aggregate { micro_average: true }
        }
        options { min_slice_size { value: 180 } }
    """)
    result = evaluate(digits, heldout, config=tmp_path / "c.pbtxt", output=tmp_path / "out")
    assert (list(result.counts.values()), result.omitted) == ([360, 182], 1)
    again = evaluate(digits, heldout, config=tmp_path / "out" / "eval_config.json")
    assert values(again) == values(result)
    assert 0.95 < result.value("auc") <= 1


def test_the_folder_holds_what_was_computed(digits, heldout, tmp_path):
    result = evaluate(digits, heldout, slices=["parity"], output=tmp_path / "out")
    messages = [
        protos.MetricsForSlice.FromString(record)
        for _, record in read_records(tmp_path / "out" / "metrics-00000-of-00001.tfrecord")
    ]
    assert len(messages) == 3
    stored = {entry.key.name: entry.value.double_value.value for entry in messages[0].metric_keys_and_values}
    assert stored["sparse_categorical_accuracy"] == result.value("sparse_categorical_accuracy")
    report = json.loads((tmp_path / "out" / "result.json").read_text())
    assert [part["name"] for part in report["slices"]] == ["overall", "parity=even", "parity=odd"]


def test_only_an_earlier_result_is_replaced(digits, heldout, tmp_path):
    evaluate(digits, heldout, output=tmp_path / "out")
    evaluate(digits, heldout, output=tmp_path / "out", thresholds=["accuracy >= 1"])
    assert (tmp_path / "out" / "NOT_BLESSED").exists() and not (tmp_path / "out" / "BLESSED").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="something else than a result"):
        evaluate(digits, heldout, output=tmp_path / "mine")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine", "out"]


def test_the_report_is_one_page(digits, heldout, tmp_path):
    pytest.importorskip("jinja2")
    names = {**heldout, "parity": np.array(["<b>&", "odd"], object)[heldout["label"] % 2]}
    evaluate(digits, names, slices=["parity"], html=tmp_path / "r.html", thresholds=["accuracy >= 0.99"])
    page = (tmp_path / "r.html").read_text()
    assert "NOT BLESSED" in page and "parity=&lt;b&gt;&amp;" in page and "<b>&" not in page
    assert "http:" not in page and "https:" not in page and "src=" not in page


def test_binary_and_regression_have_metrics_of_their_own(tmp_path):
    model = one_output(tmp_path / "m.tflite")
    x = np.linspace(-3, 3, 50, dtype=np.float32)[:, None]
    data = {"x": x, "label": (x[:, 0] > 0.2).astype(np.int64)}
    result = evaluate(model, data, task="binary", html=None, output=tmp_path / "out")
    assert result.value("auc") > 1 - 1e-9 and 0.8 < result.value("binary_accuracy") < 1
    result = evaluate(model, {"x": x, "label": 1 / (1 + np.exp(-x[:, 0]))}, task="regression")
    assert result.value("root_mean_squared_error") < 1e-6
    with pytest.raises(UsageError, match="do not tell the task"):
        evaluate(model, data)


def one_output(path):
    import litesmith
    from tests.formats.saved_model.bundle import write_model
    from tests.graphs import FLOAT, meta_graph, node, placeholder, signature

    x = placeholder("x", None, 1)
    meta = meta_graph([x, node("y", "Sigmoid", "x", T=FLOAT)], {"serving_default": signature({"x": x}, {"y": "y:0"})})
    return litesmith.convert(write_model(path.parent / "saved", meta), verify=False).save(path)


# -- models and features ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (np.float32([0.24, 0.26, 100, -100, np.nan]), [0, 1, 127, -128, 0]),
        (np.array([1, -1, 5], np.int64), [2, -2, 10]),
        (np.array([1, 2], np.int8), [1, 2]),
    ],
    ids=["rounded and clipped", "integers are numbers", "int8 as it is"],
)
def test_features_of_quantized_inputs(given, stored):
    from litesmith.data import Batch

    tensor = TensorInfo("x", "int8", (-1,), 0, 0.5, 0)
    assert fit_type(given, tensor, Batch({}, len(given))).tolist() == stored


def test_integers_must_fit_the_input():
    from litesmith.data import Batch

    tensor = TensorInfo("x", "int32", (-1,), 0)
    batch = Batch({}, 2, "f", 5)
    assert fit_type(np.array([1.0, 2.0]), tensor, batch).dtype == np.int32
    for bad in (2.0**31, 1.5, np.nan):
        with pytest.raises(DataError, match="f, record 6: the feature for x"):
            fit_type(np.array([1.0, bad]), tensor, batch)


def test_inputs_may_have_other_names(digits, heldout):
    data = {"pixels": heldout["image"].reshape(360, 64), "label": heldout["label"]}
    with pytest.raises(DataError, match=r"no feature 'image' .*; the data have: label, pixels\n.*--input image=FEATURE"):
        evaluate(digits, data)
    result = evaluate(digits, data, inputs={"image": "pixels"})
    assert values(result) == values(evaluate(digits, heldout))


def test_a_fixed_batch_runs_in_parts(heldout, tmp_path):
    import litesmith
    from tests.graphs import DIGITS

    fixed = litesmith.convert(DIGITS / "saved_model", input_shapes={"image": [7, 8, 8, 1]}, verify=False)
    free = litesmith.convert(DIGITS / "saved_model", verify=False)
    found = [
        evaluate(m.save(tmp_path / f"{i}.tflite"), heldout, batch_size=50).value("sparse_categorical_crossentropy")
        for i, m in enumerate((fixed, free))
    ]
    assert abs(found[0] - found[1]) < 1e-6


# -- what is wrong ----------------------------------------------------------------------------------------------------


def changed(heldout, **columns):
    return {**heldout, **columns}


WRONG = {
    "label outside": (lambda h: changed(h, label=np.where(np.arange(360) == 300, 10, h["label"])), {},
                      "label 10 in example 300, where there are 10 classes"),
    "no label": (lambda h: {"image": h["image"]}, {}, "label 'label' is missing; the data have: image"),
    "text as label": (lambda h: changed(h, label=h["parity"]), {}, "label 'label' is not numeric"),
    "wrong shape": (lambda h: changed(h, image=h["image"][:, :4]), {}, r"shape \[4, 8, 1\] an example"),
    "unknown metrics": (lambda h: h, {"metrics": ["Acuracy", "Nothing", "AUC"]},
                        r"unknown metric 'Acuracy' \(did you mean Accuracy\?\); unknown metric 'Nothing'"),
    "unknown option": (lambda h: h, {"metrics": ['AUC:{"curves": 1}']}, "does not take curves; it takes class_id, curve,"),
    "broken option": (lambda h: h, {"metrics": ["AUC:{"]}, "its config is not JSON"),
    "needed option": (lambda h: h, {"metrics": ["PrecisionAtRecall"]}, "needs recall in its config"),
    "signature": (lambda h: h, {"config": protos.EvalConfig(
        model_specs=[protos.ModelSpec(signature_name="train", label_key="label")],
        metrics_specs=[protos.MetricsSpec(metrics=[protos.MetricConfig(class_name="AUC")])])},
        "no signature 'train'; the model has: 'serving_default'"),
    "threshold": (lambda h: h, {"thresholds": ["accuracy > 0.9"]}, "write it like 'auc >= 0.9'"),
    "threshold of nothing": (lambda h: h, {"thresholds": ["auc >= 0.9"]}, "no such metric is computed"),
    "baseline": (lambda h: h, {"baseline": "x"}, "must be one of two or more models"),
    "empty": (lambda h: {n: c[:0] for n, c in h.items()}, {}, "no examples to evaluate"),
    "slice by nothing": (lambda h: h, {"slices": ["nosuch"]}, "no example lies in the slice nosuch"),
    "empty slice": (lambda h: h, {"slices": ["parity", "parity=neither"]}, "no example lies in the slice parity=neither"),
    "runner without Beam": (lambda h: h, {"runner": "NoSuchRunner"}, "Beam|NoSuchRunner"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_and_nothing_written(digits, heldout, tmp_path, name):
    change, options, message = WRONG[name]
    with pytest.raises(LitesmithError, match=message):
        evaluate(digits, change(heldout), output=tmp_path / "out", html=tmp_path / "r.html", **options)
    assert not list(tmp_path.iterdir())


def test_a_model_named_twice(digits, heldout):
    with pytest.raises(UsageError, match="named twice"):
        evaluate([digits, digits], heldout)


def test_no_model(heldout, tmp_path):
    with pytest.raises(MissingFileError, match="no such model"):
        evaluate(tmp_path / "none.tflite", heldout)


def test_configurations_that_ask_for_more_than_there_is(digits, heldout, tmp_path):
    (tmp_path / "c.pbtxt").write_text("""
        model_specs { label_key: "label" }
        slicing_specs { slice_keys_sql: "SELECT" }
        metrics_specs { metrics { class_name: "NDCG" } query_key: "q" }
        options { compute_confidence_intervals { value: true } }
    """)
    with pytest.raises(UsageError) as caught:
        evaluate(digits, heldout, config=tmp_path / "c.pbtxt")
    assert all(word in str(caught.value) for word in ("slice_keys_sql", "query_key", "confidence_intervals", "'NDCG'"))
    (tmp_path / "c.pbtxt").write_text("model_specs { lable_key: 'x' }")
    with pytest.raises(LitesmithError, match=r"c\.pbtxt: not an EvalConfig \(1:15"):
        evaluate(digits, heldout, config=tmp_path / "c.pbtxt")


def test_bad_records_up_to_a_number(digits, heldout, tmp_path):
    records = [serialize_example({n: heldout[n][i] for n in ("image", "label")}) for i in range(20)]
    records[5] = records[9] = b"\xff"
    with (tmp_path / "d").open("wb") as file:
        write_records(file, records)
    for allowed in (0, 1):
        with pytest.raises(DataError, match=r"record [59]"):
            evaluate(digits, tmp_path / "d", skip_bad_records=allowed)
    result = evaluate(digits, tmp_path / "d", skip_bad_records=2)
    assert (result.value("example_count"), len(result.skipped)) == (18, 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs signals of POSIX")
def test_a_killed_run_leaves_nothing(digits, tmp_path):
    script = """
import sys, numpy as np
from litesmith.evaluate import evaluate
print("started", flush=True)
data = {"image": np.zeros((400_000, 8, 8, 1), np.float32), "label": np.zeros(400_000, np.int64)}
evaluate(sys.argv[1], data, output=sys.argv[2], html=sys.argv[2] + ".html", batch_size=8)
"""
    import litesmith

    source = str(Path(litesmith.__file__).parents[1])
    process = subprocess.Popen([sys.executable, "-c", script, str(digits), str(tmp_path / "out")], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": source})  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list(tmp_path.iterdir())
