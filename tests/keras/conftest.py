"""Everything here needs Keras, on whichever backend KERAS_BACKEND names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

keras = pytest.importorskip("keras", exc_type=ImportError)


NEWER = {
    "test_layer[RMSNormalization]": "Keras 3.5 has no such layer",
    "test_layer[Pipeline]": "Keras 3.5 has no such layer",
    "test_layer[STFTSpectrogram]": "Keras 3.5 has no such layer",
    "test_option[Activation-glu]": "Keras 3.5 has no such activation",
    "test_preprocessing[Resizing-antialias]": "Keras 3.5 has no such argument",
    "test_foreign[JaxLayer]": "Keras 3.5 wants other names of arguments",
    "test_foreign[JaxLayer-state]": "Keras 3.5 wants other names of arguments",
    "test_layer[MelSpectrogram]": "JAX 0.4.35 does not reflect a batch of unknown size",
    "test_option[Layer]": "JAX 0.4.35 does not squeeze unknown sizes",
    "test_layer[ZeroPadding1D]": "JAX 0.4.35 pads one dimension after the other",
    "test_layer[ZeroPadding2D]": "JAX 0.4.35 pads one dimension after the other",
}
"""Rows that need more than the oldest Keras and JAX that are supported."""

OLDEST = tuple(map(int, keras.version().split(".")[:2])) < (3, 6)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == "keras":
            item.add_marker(pytest.mark.keras)
            if OLDEST and item.name in NEWER:
                item.add_marker(pytest.mark.xfail(reason=NEWER[item.name], strict=True))


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Names of layers and random weights do not depend on the tests that ran before."""
    if keras.backend.backend() == "jax":
        from tests.keras.initial_weights import draw_by_numpy

        draw_by_numpy(monkeypatch.setattr)
    keras.backend.clear_session(free_memory=False)  # the garbage collection took a tenth of the tests' time
    keras.utils.set_random_seed(20240)
    yield
    keras.config.set_dtype_policy("float32")
