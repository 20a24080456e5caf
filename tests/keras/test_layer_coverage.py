"""Every class of keras.layers has a row, or a reason why it has none."""

from __future__ import annotations

import inspect

import keras
import pytest
from keras import layers as L  # noqa: N812

from tests.keras import test_foreign_layers, test_layer_options, test_layers, test_preprocessing

ROWLESS = {
    "InputSpec": "describes what a layer takes, and is no layer",
    "TorchModuleWrapper": "runs on the torch backend only, which is refused as a whole",
}
"""Classes without a row, and why."""

TABLES = (test_layers, test_layer_options, test_preprocessing, test_foreign_layers)
CLASSES = sorted(name for name in dir(L) if inspect.isclass(getattr(L, name)))
NAMED = {case.layer for module in TABLES for case in module.TABLE}


@pytest.mark.parametrize("name", CLASSES)
def test_has_row(name: str) -> None:
    assert (name in NAMED) != (name in ROWLESS), f"keras.layers.{name} needs a row in tests/keras, or a reason for none"


def test_rows_are_distinct() -> None:
    names = [case.name for module in TABLES for case in module.TABLE]
    assert len(names) == len(set(names)), sorted(n for n in set(names) if names.count(n) > 1)


def test_no_row_is_misnamed() -> None:
    """With the newest Keras, a row whose class does not exist would be skipped for ever."""
    if tuple(map(int, keras.__version__.split(".")[:2])) >= (3, 15):
        assert sorted(NAMED - set(CLASSES)) == []
