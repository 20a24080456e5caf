"""The pages of reports as a browser shows them: skipped where there is none (`make test-pages` gets one)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import litesmith
from litesmith.cli import main
from litesmith.evaluate import evaluate
from litesmith.formats.tflite import write_model
from litesmith.ir.parser import parse_program
from litesmith.ops import OPS
from tests.browser import Page, browse, find_browser
from tests.graphs import DIGITS

PROGRAM = find_browser()
NASTY = "</script><script>alert(1)</script><img src=http://a.example/x onerror=alert(2)>\"'&\x1b[31m\u202e\x00{{7*7}}"
SHOWN = "</script><script>alert(1)</script><img src=http://a.example/x onerror=alert(2)>\"'&\\x1b[31m\\u202e\\x00{{7*7}}"

pytestmark = [pytest.mark.browser, pytest.mark.skipif(PROGRAM is None, reason="no browser: set LITESMITH_BROWSER")]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    assert PROGRAM is not None
    with browse(PROGRAM) as opened:
        yield opened


def analyzed(folder: Path) -> Path:
    """The page of a real model."""
    litesmith.convert(DIGITS / "saved_model", verify=False).save(folder / "digits.tflite")
    assert main(["analyze", str(folder / "digits.tflite"), "--html", str(folder / "page.html")]) == 0
    return folder / "page.html"


def nasty_model(folder: Path) -> Path:
    """The page of a model whose every name tries to be more than text."""
    program = parse_program("graph main(%x: float32[b, 4]) {\n  %0 = EXP(%x) : float32[b, 4]\n  return %0\n}\n", OPS)
    program.description = program.main.name = NASTY
    for value in (*program.main.inputs, *program.main.outputs):
        value.name = NASTY
    (folder / "nasty.tflite").write_bytes(write_model(program))
    assert main(["analyze", str(folder / "nasty.tflite"), "--html", str(folder / "page.html")]) == 0
    return folder / "page.html"


def evaluated(folder: Path) -> Path:
    """The page of an evaluation with plots, slices with such names among them."""
    model = litesmith.convert(DIGITS / "saved_model", verify=False).save(folder / "digits.tflite")
    file = np.load(DIGITS / "heldout.npz")
    labels = file["labels"].astype(np.int64)
    data = {
        "image": file["images"].astype(np.float32),
        "label": labels,
        "parity": np.array([NASTY, "odd"], object)[labels % 2],
    }
    metrics = ["accuracy", "MultiClassConfusionMatrixPlot"]
    evaluate(model, data, slices=["parity"], metrics=metrics, thresholds=["accuracy >= 0.99"], html=folder / "page.html")
    return folder / "page.html"


PAGES = [analyzed, nasty_model, evaluated]
WIDER_THAN_THE_WINDOW = """
[...document.querySelectorAll("body *")].filter(e => !e.closest(".scroll, .wide, .drawings, svg")
  && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + " " + e.textContent.slice(0, 40))
"""
TEXT_OUTSIDE_ITS_CELL = """
[...document.querySelectorAll("td, th")].filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent.slice(0, 40))
"""


@pytest.mark.parametrize("make", PAGES)
@pytest.mark.parametrize("width", [1100, 420])
def test_a_page_is_drawn_without_trouble(
    make: Callable[[Path], Path], width: int, page: Page, tmp_path: Path
) -> None:
    path = make(tmp_path)
    page.requests.clear()
    page.trouble.clear()
    page.open(path, width)
    assert page.requests == [path.as_uri()]
    assert page.trouble == []
    assert page.evaluate(WIDER_THAN_THE_WINDOW) == []
    assert page.evaluate(TEXT_OUTSIDE_ITS_CELL) == []
    assert page.evaluate("document.images.length + document.scripts.length") == 1
    assert page.picture().startswith(b"\x89PNG")


@pytest.mark.parametrize("make", [nasty_model, evaluated])
def test_names_are_text(make: Callable[[Path], Path], page: Page, tmp_path: Path) -> None:
    page.open(make(tmp_path))
    assert SHOWN in page.evaluate("document.body.textContent")
    assert not set("\x1b\u202e\x00") & set(page.evaluate("document.documentElement.outerHTML"))


COLUMN = "[...document.querySelectorAll('{}')].map(row => Number(row.cells[{}].dataset.{}))"


@pytest.mark.parametrize(
    ("make", "table", "column", "key"), [(analyzed, "operators", 4, "value"), (evaluated, "metrics", 1, "v")]
)
def test_tables_are_sorted_by_a_click(
    make: Callable[[Path], Path], table: str, column: int, key: str, page: Page, tmp_path: Path
) -> None:
    page.open(make(tmp_path))
    numbers = COLUMN.format(f"#{table} tbody tr", column, key)
    before = page.evaluate(numbers)
    click = f"document.querySelectorAll('#{table} th')[{column}].click()"
    for reverse in (True, False):
        page.evaluate(click)
        assert page.evaluate(numbers) == sorted(before, reverse=reverse)


def test_operators_are_filtered(page: Page, tmp_path: Path) -> None:
    page.open(analyzed(tmp_path))
    page.evaluate("const f = document.getElementById('filter'); f.value = 'softmax'; f.dispatchEvent(new Event('input'))")
    visible = "[...document.querySelectorAll('#operators tbody tr')].filter(r => !r.hidden).map(r => r.cells[1].textContent)"
    assert [name.split()[0] for name in page.evaluate(visible)] == ["SOFTMAX"]
