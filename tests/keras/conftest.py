"""Everything here needs Keras, on whichever backend KERAS_BACKEND names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

keras = pytest.importorskip("keras", exc_type=ImportError)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == "keras":
            item.add_marker(pytest.mark.keras)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """Names of layers and random weights do not depend on the tests that ran before."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(20240)
    yield
    keras.config.set_dtype_policy("float32")
