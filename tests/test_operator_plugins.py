"""Operators that plug-ins lower or declare."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import litesmith
from litesmith.errors import ConverterError, UsageError
from litesmith.formats.tflite.flexbuffer import read_map
from litesmith.frontends import operator_plugins, plugin_registry
from tests.graphs import FLOAT, node, placeholder, saved_model, signature


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plug-ins of one test only."""
    for registry in (operator_plugins.OPERATORS, operator_plugins.CUSTOM_OPERATORS):
        monkeypatch.setattr(registry, "decorated", {})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    x = placeholder("x", 2, 3)
    nodes = [x, node("acme", "AcmeScale", "x", T=FLOAT, factor=3.0, mode="n")]
    return saved_model(tmp_path, nodes, {"serving_default": signature({"x": x}, {"y": "acme:0"})})


def test_a_lowering(model: Path) -> None:
    @litesmith.operator("AcmeScale")
    def scale(b: Any, x: Any, *, factor: float = 1.0, bias: float = 2.0) -> Any:
        return b.add(b.mul(x, factor), bias)

    converted = litesmith.convert(model)
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    (y,) = converted(x).values()
    np.testing.assert_allclose(y, 3 * x + 2, rtol=0, atol=1e-6)


def test_a_declaration(model: Path) -> None:
    @litesmith.custom_operator("AcmeScale")
    def scale(x: Any, *, factor: float = 1.0) -> Any:
        return x.with_shape((7,))

    program = litesmith.convert(model, verify=False).program
    (op,) = program.main.ops
    assert op.attrs["custom_code"] == "AcmeScale"
    assert read_map(op.attrs["custom_options"]) == {"factor": 3.0}
    assert str(op.results[0].type) == "float32[7]"
    assert litesmith.check(model).foreign == ("AcmeScale",)


def test_all_attributes(model: Path) -> None:
    @litesmith.custom_operator("AcmeScale")
    def scale(*types: Any, **attrs: Any) -> Any:
        return [types[0]]

    (op,) = litesmith.convert(model, verify=False).program.main.ops
    assert read_map(op.attrs["custom_options"]) == {"T": 0, "factor": 3.0, "mode": "n"}


def test_entry_points(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("AcmeScale", "tests.test_operator_plugins:negated", operator_plugins.OPERATORS.group)
    monkeypatch.setattr(plugin_registry, "installed_plugins", lambda group: {p.name: p for p in [point] if p.group == group})
    assert litesmith.convert(model, verify=False).operators == {"NEG": 1}
    broken = EntryPoint("AcmeScale", "tests.no_such_module:f", operator_plugins.OPERATORS.group)
    monkeypatch.setattr(plugin_registry, "installed_plugins", lambda group: {"AcmeScale": broken})
    with pytest.raises(ConverterError, match="cannot be loaded"):
        litesmith.convert(model, verify=False)


def negated(b: Any, x: Any) -> Any:
    """A lowering an entry point names."""
    return b.neg(x)


def test_failures_are_told(model: Path) -> None:
    @litesmith.operator("AcmeScale")
    def scale(b: Any, x: Any) -> Any:
        return 1 // 0

    with pytest.raises(ConverterError, match=r"LS001 tf\.AcmeScale.*ZeroDivisionError"):
        litesmith.convert(model, verify=False)


def test_wrong_results_are_told(model: Path) -> None:
    @litesmith.custom_operator("AcmeScale")
    def scale(x: Any) -> Any:
        return "float32"

    with pytest.raises(ConverterError, match="gives a str"):
        litesmith.convert(model, verify=False)


def test_two_of_one_name_are_refused() -> None:
    litesmith.operator("AcmeScale")(negated)
    litesmith.operator("AcmeScale")(negated)
    with pytest.raises(UsageError, match="has a function already"):
        litesmith.operator("AcmeScale")(lambda b, x: x)


def test_own_lowerings_stay(tmp_path: Path) -> None:
    x = placeholder("x", 2, 3)
    nodes = [x, node("y", "Relu", "x", T=FLOAT)]
    path = saved_model(tmp_path, nodes, {"serving_default": signature({"x": x}, {"y": "y:0"})})
    litesmith.operator("Relu")(negated)
    assert litesmith.convert(path, verify=False).operators == {"RELU": 1}
