"""Everything here needs JAX, whose bindings read StableHLO."""

import pytest

pytest.importorskip("jax")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == "stablehlo":
            item.add_marker(pytest.mark.jax)
