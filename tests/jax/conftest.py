"""Everything here needs JAX."""

import pytest

pytest.importorskip("jax")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/jax/" in item.nodeid or item.path.parent.name == "jax":
            item.add_marker(pytest.mark.jax)
