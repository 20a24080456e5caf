"""SavedModels that hold StableHLO modules, written by ``make_data.py``."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest

import litesmith
from litesmith.errors import ConverterError
from litesmith.formats.saved_model import SavedModel
from litesmith.frontends.tensorflow.saved_model import import_saved_model

DATA = Path(__file__).parent / "data"

pytestmark = pytest.mark.skipif(
    tuple(int(n) for n in jax.__version__.split(".")[:2]) < (0, 5), reason="the data are of a newer StableHLO"
)


@pytest.mark.parametrize("name", ["keras_dense", "jax2tf_step"])
def test_answers_as_jax(name: str) -> None:
    model = litesmith.convert(DATA / name, signature_keys=["serving_default"])
    known = dict(np.load(DATA / f"{name}.npz"))
    fed = {k.removeprefix("in_"): v for k, v in known.items() if k.startswith("in_")}
    for _ in range(3):
        got = model(**fed)
        for key, have in got.items():
            want = known[key]
            assert have.shape == want.shape
            assert have.dtype == want.dtype
            np.testing.assert_allclose(have, want, atol=1e-5 * np.abs(want).max(), rtol=0)
        assert set(got) == {k for k in known if not k.startswith("in_")}


def test_any_batch() -> None:
    """Rows of one batch do not depend on the others."""
    model = litesmith.convert(DATA / "keras_dense", signature_keys=["serving_default"])
    x = np.load(DATA / "keras_dense.npz")
    (name,) = [k for k in x if k.startswith("in_")]
    (alone,), (together,) = model(x[name][:1]).values(), model(x[name]).values()
    np.testing.assert_allclose(alone, together[:1], atol=1e-6)


def test_state_handed_on_is_no_state() -> None:
    operators = litesmith.convert(DATA / "keras_dense").operators
    assert not {"ASSIGN_VARIABLE", "READ_VARIABLE", "VAR_HANDLE"} & set(operators)
    assert sum(operators.values()) <= 5


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda a: a["module"].__setattr__("s", a["module"].s[:500]), "cannot be read"),
        (lambda a: a["has_token_input_output"].__setattr__("b", True), "calling convention"),
        (lambda a: a["function_list"].list.func.add(name="f"), "TensorFlow functions"),
    ],
    ids=["damaged", "tokens", "calls back"],
)
def test_problems_are_the_projects(change: object, says: str) -> None:
    model = SavedModel.open(DATA / "jax2tf_step")
    for function in model.functions.values():
        for node in function.node_def:
            if node.op == "XlaCallModule":
                change(node.attr)  # type: ignore[operator]
    with pytest.raises(ConverterError, match=says) as caught:
        import_saved_model(model)
    assert all(p.op == "tf.XlaCallModule" for p in caught.value.problems)
