"""What importing the package loads, and what it must never load by itself."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import litesmith

SOURCE = Path(litesmith.__file__).parent
FRAMEWORKS = {"tensorflow", "tf_keras", "keras", "jax", "jaxlib", "flax", "torch", "apache_beam", "tfx"}
MAY_IMPORT_A_FRAMEWORK = ("frontends/jax/", "frontends/keras/", "data/beam.py", "evaluate/", "tfx/")


def modules_after(code: str) -> set[str]:
    """The top-level modules loaded in a fresh interpreter after it ran `code`."""
    env = {**os.environ, "PYTHONPATH": str(SOURCE.parent)}
    script = f"{code}\nimport sys\nprint(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], env=env, check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def third_party_after(code: str) -> set[str]:
    """What `code` loads beyond the standard library and what the environment loads at every start."""
    return modules_after(code) - modules_after("pass") - set(sys.stdlib_module_names)


def module_level_imports(path: Path) -> set[str]:
    """Top-level names of the packages that `path` imports as it is loaded (not inside functions)."""
    pending: list[ast.AST] = [ast.parse(path.read_text())]
    names: set[str] = set()
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            pending += ast.iter_child_nodes(node)
    return names


def test_import_is_nearly_empty() -> None:
    assert third_party_after("import litesmith") == {"litesmith"}


@pytest.mark.parametrize("name", ["LitesmithError", "ConverterError", "UsageError"])
def test_errors_load_no_third_party_package(name: str) -> None:
    assert third_party_after(f"import litesmith; litesmith.{name}") == {"litesmith"}


def test_public_names_resolve_or_name_their_module() -> None:
    for name, module in litesmith._HOME.items():
        if (SOURCE / f"{module}.py").exists() or (SOURCE / module).is_dir():
            assert getattr(litesmith, name) is not None
    assert set(litesmith._HOME) | {"__version__", *litesmith._SUBMODULES} == set(litesmith.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonesuch"):
        _ = litesmith.nonesuch


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, id=str(p.relative_to(SOURCE))) for p in sorted(SOURCE.rglob("*.py"))],
)
def test_no_framework_at_module_level(path: Path) -> None:
    if path.relative_to(SOURCE).as_posix().startswith(MAY_IMPORT_A_FRAMEWORK):
        pytest.skip("imports a framework by purpose")
    assert not module_level_imports(path) & FRAMEWORKS


def test_module_level_imports_sees_what_it_must(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import jax\n"
        "try:\n    import keras.saving\nexcept ImportError:\n    pass\n"
        "class A:\n    from tensorflow import nn\n"
        "def f():\n    import torch\n"
    )
    assert module_level_imports(path) == {"typing", "keras", "tensorflow"}
