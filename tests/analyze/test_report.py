"""The report of a file, and every form it is shown in."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import litesmith
from litesmith.analyze import Report, analyze_file
from litesmith.analyze.difference import compare
from litesmith.analyze.layout import layout_lines
from litesmith.analyze.overlays import write_overlays
from litesmith.analyze.page import render_page
from litesmith.analyze.pictures import layer_costs, memory_bars
from litesmith.cli import main
from litesmith.errors import FormatError
from litesmith.formats.tflite import read_model, write_model
from litesmith.formats.tflite.listing import list_model
from litesmith.ir.parser import parse_program
from litesmith.ops import OPS
from tests.analyze.one_op import one_op
from tests.graphs import DIGITS

NASTY = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\x1b[31m\u202e"
BRANCHES = """
graph main(%x: float32[3, 4], %c: bool[]) {
  %0 = IF(%c, %x) {then_subgraph=@then, else_subgraph=@other} : float32[3, 4]
  return %0
}
graph then(%x: float32[3, 4]) {
  %1 = ADD(%x, float32[](1.0)) : float32[3, 4]
  return %1
}
graph other(%x: float32[3, 4]) {
  %1 = EXP(%x) : float32[3, 4]
  %2 = MUL(%1, %1) : float32[3, 4]
  return %2
}
"""


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = DIGITS / "saved_model"
    (name,) = litesmith.convert(source, verify=False).program.signatures[0].inputs
    model = litesmith.convert(source, input_shapes={name: [1, 8, 8, 1]}, verify=False)
    return model.save(tmp_path_factory.mktemp("digits") / "digits.tflite")


@pytest.fixture(scope="module")
def report(digits: Path) -> Report:
    return analyze_file(digits)


@pytest.fixture
def nasty(tmp_path: Path) -> Path:
    program = parse_program("graph main(%x: float32[b, 4]) {\n  %0 = EXP(%x) : float32[b, 4]\n  return %0\n}\n", OPS)
    program.description = NASTY
    program.main.name = NASTY
    for value in (*program.main.inputs, *program.main.outputs):
        value.name = NASTY
    path = tmp_path / "nasty.tflite"
    path.write_bytes(write_model(program))
    return path


def test_costs(report: Report) -> None:
    conv = 8 * 8 * 16 * 9 + 8 * 8 * 32 * 16 + 4 * 4 * 32 * 9 * 32
    assert report.multiply_adds == conv + 8 * 8 * 16 * 9 + 32 * 10
    assert report.cost["CONV_2D"] == conv
    assert report.weights.parameters == sum(
        t.bytes // 4 for op in report.graphs[0].operators for t in op.inputs if t.owner == "constant" and t.dtype == "float32"
    )
    assert report.weights.sizes["int8"] < report.weights.sizes["dynamic_range"] < report.weights.sizes["float32"]
    assert report.weights.sizes["float32"] == pytest.approx(report.size, rel=0.01)


def test_memory(report: Report) -> None:
    assert report.memory.micro_arena == 8 * 8 * (32 + 16) * 4
    assert report.memory.arena_int8 * 4 == pytest.approx(report.memory.arena, rel=0.05)
    assert max(bar.value for bar in memory_bars(report)) <= report.memory.arena
    assert report.memory.largest[0][0].bytes == 8 * 8 * 32 * 4


def test_runtimes(report: Report) -> None:
    runs = {runtime.name: runtime.runs for runtime in report.runtimes}
    assert set(runs.values()) == {"yes"}
    assert report.runtime("LiteRT").minimum == "1.6.0"


def test_branches_count_once() -> None:
    report = analyze_file(write_model(parse_program(BRANCHES, OPS)))
    assert report.cost == {"EXP": 12, "MUL": 12}
    assert report.multiply_adds == 0
    assert report.runtime("GPU delegate").runs == "part"


def test_foreign_operators_need_kernels() -> None:
    lines = 'graph main(%x: float32[3]) {{\n  %0 = CUSTOM(%x) {{custom_code="{}"}} : float32[3]\n  return %0\n}}\n'
    mine, flex, post = (
        analyze_file(write_model(parse_program(lines.format(code), OPS))) for code in ("Mine", "FlexSvd", "Mfcc")
    )
    assert "Mine" in mine.runtime("LiteRT").note
    assert "2.18" in flex.runtime("LiteRT").note
    assert post.runtime("LiteRT").runs == "yes"
    assert [r.runtime("Google Play services").runs for r in (mine, flex, post)] == ["no"] * 3


def test_the_text_is_that_of_the_official_analyzer(digits: Path, report: Report) -> None:
    wrapper = pytest.importorskip("ai_edge_litert._pywrap_analyzer_wrapper")
    assert "\n".join(layout_lines(list_model(digits), report)) == wrapper.ModelAnalyzer(str(digits), True, False).rstrip("\n") + "\n"


def test_json_is_complete(report: Report) -> None:
    data = json.loads(json.dumps(report.to_json()))
    assert data["schema"] == 1
    assert {"graphs", "weights", "memory", "runtimes", "cost", "operators", "signatures"} <= set(data)


class _Page(HTMLParser):
    """Tags and addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [f"{k}={v}" for k, v in attrs if k in ("src", "href", "action") or k.startswith("on")]


def test_the_page_asks_for_nothing(report: Report) -> None:
    text = render_page(report)
    page = _Page(text)
    assert page.addresses == []
    assert page.tags.count("script") == 1
    assert not re.search(r"https?:|url\(|@import", text)
    assert page.tags.count("rect") == len(report.graphs[0].operators)


def test_names_are_text_on_the_page(nasty: Path) -> None:
    text = render_page(analyze_file(nasty))
    page = _Page(text)
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "&lt;img src=x" in text


def test_names_are_text_on_the_terminal(nasty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options in ([], ["--operators"], ["--text"]):
        assert main(["analyze", str(nasty), *options]) == 0
        assert "\x1b" not in capsys.readouterr().out


def test_overlays(report: Report, tmp_path: Path) -> None:
    paths = write_overlays(report, tmp_path, "digits")
    data = {path.name.split(".")[1]: json.loads(path.read_text()) for path in paths}
    costs = data["multiply_adds"]["main"]["results"]
    assert sum(node["value"] for node in costs.values()) == sum(report.cost.values())
    assert data["gpu"]["main"]["results"] == {}


def test_layers_by_cost(report: Report) -> None:
    layers = layer_costs(report)
    assert layers[0][2] == 1.0
    assert [cost for _, cost, _ in layers] == sorted((cost for _, cost, _ in layers), reverse=True)


def test_a_model_does_not_differ_from_itself(digits: Path, report: Report) -> None:
    assert compare(report, report, (read_model(digits), read_model(digits))).is_empty


def test_what_differs(digits: Path, report: Report, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = read_model(digits)
    weights = next(v for v in program.main.constants() if v.const is not None and v.const.size > 100)
    assert weights.const is not None
    other = np.array(weights.const.array())
    other.flat[0] += 1
    weights.const = type(weights.const).of(other)
    path = tmp_path / "other.tflite"
    path.write_bytes(write_model(program))
    difference = compare(report, analyze_file(path), (read_model(digits), read_model(path)))
    assert [change.what for change in difference.weights] == [weights.name]
    assert not difference.operators
    assert main(["analyze", str(path), "--against", str(digits)]) == 0
    assert weights.name in capsys.readouterr().out


def test_a_damaged_file_is_refused(digits: Path, tmp_path: Path) -> None:
    data = digits.read_bytes()
    with pytest.raises(FormatError):
        list_model(data[: len(data) // 2])
    path = tmp_path / "short.tflite"
    path.write_bytes(data[:100])
    assert main(["analyze", str(path)]) == 1


def test_files_are_written(digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, folder = tmp_path / "page.html", tmp_path / "data"
    assert main(["analyze", str(digits), "--html", str(page), "--node-data", str(folder)]) == 0
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert len(list(folder.iterdir())) == 6
    assert main(["analyze", str(digits), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["source"] == "digits.tflite"
    assert main(["analyze", str(digits), "--html", str(tmp_path / "no" / "page.html")]) == 2


@pytest.mark.parametrize("seed", range(8))
def test_damaged_files_give_the_projects_error(seed: int, digits: Path) -> None:
    """Bytes of the tables changed at random: either the report is made, or a FormatError tells why not."""
    generator = np.random.default_rng(seed)
    original = np.frombuffer(digits.read_bytes(), np.uint8)
    for _ in range(60):
        data = original.copy()
        places = generator.integers(0, 4000, generator.integers(1, 6))
        data[places] = generator.integers(0, 256, places.size)
        for read in (list_model, analyze_file):
            try:
                read(data.tobytes())
            except FormatError:
                continue


EXPERIMENTAL = {
    "CONCAT_EMBEDDINGS": "%x: int32[3]|CONCAT_EMBEDDINGS(%x, %x) : float32[3]",
    "CUSTOM": '%x: float32[3]|CUSTOM(%x) {custom_code="Any"} : float32[3]',
    "EMBEDDING_LOOKUP_SPARSE": (
        "%x: int32[3], %y: int32[3, 2], %z: int32[2], %w: float32[3], %v: float32[5, 4]|"
        "EMBEDDING_LOOKUP_SPARSE(%x, %y, %z, %w, %v) : float32[3, 4]"
    ),
    "HASHTABLE_LOOKUP": (
        "%x: int32[3], %y: int32[5], %z: float32[5, 2]|HASHTABLE_LOOKUP(%x, %y, %z) : float32[3, 2], uint8[3]"
    ),
    "LSH_PROJECTION": "%x: float32[2, 3], %y: float32[4, 5]|LSH_PROJECTION(%x, %y) : int32[2]",
    "SKIP_GRAM": "%x: string[1]|SKIP_GRAM(%x) : string[4]",
}


@pytest.mark.parametrize("name", EXPERIMENTAL)
def test_experimental_operators_are_known(name: str) -> None:
    inputs, line = EXPERIMENTAL[name].split("|")
    report = analyze_file(write_model(one_op(inputs, line)))
    (op,) = report.graphs[0].operators
    assert op.name == ("Any" if name == "CUSTOM" else name)
    assert "gpu" in op.stays_off
