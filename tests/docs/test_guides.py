"""The guides work: their blocks are put where they say, in a copy of the tree, and what they promise is run there.

The first line of a Python block says what it is: ``# PATH`` (appended, or a new file), ``# PATH, in NAME`` (inside the
table of that name), ``# PATH, before NAME`` and ``# PATH, after NAME`` (a statement of the file), ``# PATH, after each
"LINE"``; ``# run`` (executed), ``# run with JAX`` (or Equinox, TensorFlow). Shell blocks hold ``make`` lines.
"""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
COPIED = (
    *("src/litesmith", "tests", "tools", "docs", "examples", "benchmarks"),
    *("pyproject.toml", "README.md", "ARCHITECTURE.md"),
)
PLACE = re.compile(r"# (?P<path>[\w./-]+\.py)(?:, (?P<how>in|before|after each|after) (?P<where>.+))?$")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its first line and the rest (for Python), and where it stands in the guide."""

    language: str
    head: str
    body: str
    line: int


def blocks(guide: str) -> Iterator[Block]:
    text = (ROOT / "docs" / guide).read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        head, _, body = match[2].partition("\n")
        yield Block(match[1], head, body, text.count("\n", 0, match.start()) + 1)


# -- putting a block where it says ------------------------------------------------------------------------------------


def statement(text: str, name: str) -> ast.stmt:
    """The statement at the top of a file that defines a name."""
    for node in ast.parse(text).body:
        targets = [t for t in (*getattr(node, "targets", ()), getattr(node, "target", None)) if t is not None]
        names = [getattr(node, "name", None), *(getattr(t, "id", None) for t in targets)]
        if name in names:
            return node
    raise AssertionError(f"nothing defines {name}")


def placed(text: str, body: str, how: str | None, where: str) -> str:
    """The text of a file with the block in it."""
    if how is None:
        return f"{text.rstrip()}\n\n\n{body}" if text else body
    lines = text.splitlines(keepends=True)
    if how == "after each":
        line = where.strip('"')
        assert any(present.strip() == line for present in lines), f"no line {line!r}"
        return "".join(present + body if present.strip() == line else present for present in lines)
    node = statement(text, where)
    assert node.end_lineno is not None
    at = {"before": node.lineno - 1, "after": node.end_lineno, "in": node.end_lineno - 1}[how]
    if how == "in":
        closing = lines[at].partition("#")[0].strip()
        assert closing in (")", "]", "}"), f"{where} does not end with its bracket on a line"
    return "".join([*lines[:at], body, "" if how == "in" else "\n\n", *lines[at:]])


def place(tree: Path, block: Block) -> None:
    found = PLACE.match(block.head)
    assert found is not None, f"line {block.line}: {block.head!r} says neither a place nor run"
    path = tree / found["path"]
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(placed(text, block.body, found["how"], found["where"] or ""), encoding="utf-8")


# -- a tree to work in ------------------------------------------------------------------------------------------------


def copied(tree: Path) -> Path:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__", ".*cache", "results"))
        else:
            shutil.copyfile(source, tree / name)
    return tree


def python(tree: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Runs Python on the copy, without the packages of the tree it was made from."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tree / "src"), str(tree)])}
    environment.pop("PYTEST_XDIST_WORKER", None)
    command = [sys.executable, *args]
    return subprocess.run(command, check=False, cwd=tree, env=environment, capture_output=True, text=True, timeout=280)


def run(tree: Path, *args: str) -> None:
    done = python(tree, *args)
    assert done.returncode == 0, f"{' '.join(args)[:200]}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def run_make(tree: Path, line: str) -> None:
    """A ``make`` line of a guide, without making an environment."""
    words = shlex.split(line)
    assert words[0] == "make", line
    if words[1] == "docs":
        run(tree, "tools/docs.py")
        run(tree, "tools/docs.py", "--check")
    else:
        tests = next(w.removeprefix("TESTS=") for w in words if w.startswith("TESTS="))
        run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", *shlex.split(tests))


TARGETS = {"test": "core", "docs": "core", "test-tf": "TensorFlow", "test-jax": "JAX"}


def follow(tree: Path, guide: str, framework: str) -> int:
    """Does what a guide says: every block placed, and those that need this framework run. How many were run."""
    count = 0
    for block in blocks(guide):
        if block.language == "sh":
            for line in (block.head, *filter(None, block.body.splitlines())):
                if TARGETS[line.split()[1]] == framework:
                    run_make(tree, line)
                    count += 1
        elif block.head.startswith("# run"):
            if (block.head.removeprefix("# run").removeprefix(" with ").strip() or "core") == framework:
                run(tree, "-c", block.body)
                count += 1
        elif block.language == "python":
            place(tree, block)
    return count


# -- the operator of the first guide, taken away ----------------------------------------------------------------------


def drop_statement(name: str) -> Callable[[str], str]:
    def drop(text: str) -> str:
        node = statement(text, name)
        lines = text.splitlines(keepends=True)
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        return "".join([*lines[: first - 1], *lines[node.end_lineno :]])

    return drop


def drop_lines(pattern: str) -> Callable[[str], str]:
    def drop(text: str) -> str:
        lines = text.splitlines(keepends=True)
        kept = [line for line in lines if not re.search(pattern, line)]
        assert len(kept) < len(lines), f"no line has {pattern}"
        return "".join(kept)

    return drop


WITHOUT_ATAN2 = (
    ("src/litesmith/ops/elementwise.py", drop_statement("ATAN2")),
    ("src/litesmith/ops/elementwise.py", drop_lines(r"^ +ATAN2,$")),
    ("src/litesmith/frontends/tensorflow/lowering/math.py", drop_statement("atan2")),
    ("src/litesmith/frontends/jax/lowering/elementwise.py", drop_statement("atan2")),
    ("tests/ops/test_elementwise.py", drop_lines(r'^ +Case\(.*"ATAN2"')),
    ("tests/tf/test_lowering_math.py", drop_lines(r'^ +"atan2": tf\.atan2')),
    ("tests/jax/test_primitives.py", drop_lines(r'^row\("atan2"')),
)


@pytest.fixture
def without_atan2(tmp_path):
    tree = copied(tmp_path)
    for name, change in WITHOUT_ATAN2:
        path = tree / name
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    return tree


def test_the_operator_is_gone_before_it_is_added(without_atan2):
    run(without_atan2, "-c", "from litesmith.ops import OPS; assert 'ATAN2' not in OPS")
    script = next(b.body for b in blocks("add-an-op.md") if b.head == "# run")
    assert "LS010 tf.Atan2" in python(without_atan2, "-c", script).stderr


def test_add_an_op(without_atan2):
    assert follow(without_atan2, "add-an-op.md", "core") == 4


@pytest.mark.tf
def test_add_an_op_with_tensorflow(without_atan2):
    pytest.importorskip("tensorflow")
    assert follow(without_atan2, "add-an-op.md", "TensorFlow") == 2


@pytest.mark.jax
def test_add_an_op_with_jax(without_atan2):
    pytest.importorskip("jax")
    assert follow(without_atan2, "add-an-op.md", "JAX") == 2


@pytest.mark.jax
def test_add_a_jax_primitive(tmp_path):
    pytest.importorskip("jax")
    assert follow(copied(tmp_path), "add-a-jax-primitive.md", "JAX") == 1


def test_write_a_pass(tmp_path):
    assert follow(copied(tmp_path), "write-a-pass.md", "core") == 3


@pytest.mark.jax
@pytest.mark.parametrize(("package", "framework", "count"), [("flax", "JAX", 4), ("equinox", "Equinox", 1)])
def test_jax(tmp_path, package, framework, count):
    pytest.importorskip(package)
    assert follow(copied(tmp_path), "jax.md", framework) == count


GUIDES = ("add-an-op.md", "add-a-jax-primitive.md", "write-a-pass.md", "jax.md", "metadata.md", "quantize.md")


@pytest.mark.parametrize("guide", GUIDES)
def test_guides_are_linted(tmp_path, guide):
    """Every Python block is Python; those that are run are clean, as code is."""
    pytest.importorskip("ruff")
    for block in blocks(guide):
        if block.language != "python":
            continue
        if "," not in block.head:  # what goes into the middle of a file is tried there
            ast.parse(block.body)
        if block.head.startswith("# run"):
            path = tmp_path / f"{Path(guide).stem.replace('-', '_')}_{block.line}.py"
            path.write_text(f"{block.head}\n{block.body}", encoding="utf-8")
    options = ("--config", str(ROOT / "pyproject.toml"), "--ignore", "I001,PLR0402,PLW0108,PT017")
    command = [sys.executable, "-m", "ruff", "check", *options, str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


# -- the means themselves ---------------------------------------------------------------------------------------------

FILE = "import a\n\nTABLE = (\n    1,\n)\n\n\ndef row():\n    pass\n"

PLACES = {
    "appended": (None, "", FILE.rstrip() + "\n\n\nNEW\n"),
    "in a table": ("in", "TABLE", FILE.replace("1,\n", "1,\nNEW\n")),
    "before": ("before", "TABLE", FILE.replace("TABLE", "NEW\n\n\nTABLE")),
    "after": ("after", "row", FILE + "NEW\n\n\n"),
    "after each line": ("after each", '"1,"', FILE.replace("1,\n", "1,\nNEW\n")),
}


@pytest.mark.parametrize("name", PLACES)
def test_blocks_are_placed(name):
    how, where, expected = PLACES[name]
    assert placed(FILE, "NEW\n", how, where) == expected


@pytest.mark.parametrize(("how", "where"), [("in", "row"), ("in", "nope"), ("before", "nope"), ("after each", '"no"')])
def test_places_that_are_not_there(how, where):
    with pytest.raises(AssertionError):
        placed(FILE, "NEW\n", how, where)
