"""Composites that others lower: by decorator, by the entry points of an installed package, and what goes wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import litesmith
from litesmith.decompositions.recurrent import keras_lstm
from litesmith.errors import ConverterError, UsageError
from litesmith.frontends import plugins

tf = pytest.importorskip("tensorflow")

pytestmark = pytest.mark.tf

ROOT = Path(__file__).parents[2]
X = tf.TensorSpec([1, 5], tf.float32, name="x")


@tf.function(experimental_implements='name: "test.gate" attr { key: "slope" value { f: 2.0 } }')
def gate(x: Any) -> Any:
    return 2 * x * tf.clip_by_value(x / 6 + 0.5, 0, 1)


@tf.function(input_signature=[X])
def model(x: Any) -> Any:
    return {"y": gate(x)}


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    known: dict[str, Any] = {}
    monkeypatch.setattr(plugins.COMPOSITES, "decorated", known)
    return known


def test_decorated(registry: dict[str, Any]) -> None:
    @litesmith.composite("test.gate")
    def lower(b: Any, x: Any, *, slope: float) -> Any:
        return b.mul(b.hard_swish(x), np.float32(slope))

    x = np.linspace(-4, 4, 5, dtype=np.float32)[None]
    made = litesmith.convert(model)
    assert made.operators == {"HARD_SWISH": 1, "MUL": 1}
    np.testing.assert_allclose(made(x)["y"], model(x)["y"], atol=1e-5)
    drop_in = litesmith.TFLiteConverter.from_concrete_functions([model.get_concrete_function()])
    assert drop_in.to_model().operators == made.operators


def test_given_comes_before_decorated(registry: dict[str, Any]) -> None:
    litesmith.composite("test.gate")(lambda b, x: b.relu(x))
    made = litesmith.convert(model, composites={"test.gate": lambda b, x: b.hard_swish(x)})
    assert made.operators == {"HARD_SWISH": 1}


def test_a_name_has_one_lowering(registry: dict[str, Any]) -> None:
    litesmith.composite("test.gate")(lambda b, x: x)
    with pytest.raises(UsageError, match="has a lowering already"):
        litesmith.composite("test.gate")(test_decorated)


WRONG = {
    "fails": (lambda b, x: x.nothing, "fails when it is called with", "takes the builder, the tensors"),
    "takes_too_few": (lambda b: None, "fails when it is called with", "takes the builder, the tensors"),
    "gives_no_tensor": (lambda b, x: 3, "gives a int", "return tensors of the builder"),
    "gives_too_many": (lambda b, x: [x, x], "gives 2 results", "return 1, as many"),
    "breaks_the_contract": (
        lambda b, x: keras_lstm(b, x, x, x, x, x, x)[0],
        "x of an LSTM is float32[1, 5], expected rank 3",
        "the gates in the order input, forget, cell, output",
    ),
}


@pytest.mark.parametrize(("lowering", "reason", "fix"), WRONG.values(), ids=WRONG)
def test_what_a_lowering_does_wrong_is_told(registry: dict[str, Any], lowering: Any, reason: str, fix: str) -> None:
    litesmith.composite("test.gate")(lowering)
    with pytest.raises(ConverterError) as caught:
        litesmith.convert(model)
    assert reason in str(caught.value)
    assert fix in str(caught.value)


_USE_PLUGIN = """
import numpy as np, tensorflow as tf, litesmith
@tf.function(experimental_implements='name: "acme.gate" attr { key: "slope" value { f: 2.0 } }')
def gate(x):
    return 2 * x * tf.clip_by_value(x / 6 + 0.5, 0, 1)
model = tf.function(lambda x: {"y": gate(x)}, input_signature=[tf.TensorSpec([1, 5], tf.float32, name="x")])
made = litesmith.convert(model)
x = np.linspace(-4, 4, 5, dtype=np.float32)[None]
np.testing.assert_allclose(made(x)["y"], model(x)["y"], atol=1e-5)
print(sorted(made.operators))
"""


def test_an_installed_package_brings_lowerings(tmp_path: Path) -> None:
    """The example's package, installed as its metadata say."""
    tomllib = pytest.importorskip("tomllib")
    example = ROOT / "examples" / "composite_plugin"
    project = tomllib.loads((example / "pyproject.toml").read_text())["project"]
    installed = tmp_path / "acme_litesmith-0.1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.1.0\n")
    points = project["entry-points"]["litesmith.composites"]
    listed = "\n".join(f"{name} = {value}" for name, value in points.items())
    (installed / "entry_points.txt").write_text(f"[litesmith.composites]\n{listed}\n")
    path = f"import sys; sys.path[:0] = {[str(tmp_path), str(example / 'src')]!r}\n"
    done = subprocess.run([sys.executable, "-c", path + _USE_PLUGIN], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['HARD_SWISH', 'MUL']"


def test_own_rnn() -> None:
    script = ROOT / "examples" / "own_rnn" / "own_rnn.py"
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
