"""The examples run, for real: a whole pipeline, and the module of the public guide."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.tfx

pytest.importorskip("tfx")

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(path: Path):
    spec = importlib.util.spec_from_file_location(f"example_{path.parent.name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.timeout(1200)
def test_the_pipeline_trains_rewrites_evaluates_compares_and_pushes(tmp_path):
    import tensorflow_model_analysis as tfma

    from litesmith.runtime import Runner

    found = load(EXAMPLES / "tfx_digits" / "pipeline.py").run(tmp_path)
    assert found["blessings"] == dict.fromkeys(("saved_model", "lite", "comparison"), "BLESSED")
    floats, int8 = found["model"] / "float" / "tflite", found["model"] / "tflite"
    assert int8.stat().st_size < floats.stat().st_size / 2
    assert [t.name for t in Runner(int8).signature("serving_default").inputs] == ["image"]
    (pushed,) = found["pushed"]
    assert (pushed / "tflite").read_bytes() == int8.read_bytes()
    for folder in found["evaluations"]:
        assert tfma.load_eval_result(str(folder)).slicing_metrics or "comparison" in str(folder)


@pytest.mark.timeout(600)
def test_the_guide_runs_with_its_imports_changed(tmp_path):
    result = load(EXAMPLES / "mnist_guide" / "run.py").run(tmp_path)
    assert result.value("sparse_categorical_accuracy") > 0.8
    assert {p.name for p in (tmp_path / "served").iterdir()} <= {"tflite", "assets"}
