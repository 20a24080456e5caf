"""``litesmith metadata``: what each command does, prints and returns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from litesmith.cli import main
from litesmith.formats.metadata import read_described
from tests.formats.metadata.test_metadata import model

DOCUMENT = """
name: Digits
author: somebody
subgraph_metadata:
  - input_tensor_metadata:
      - name: image
        content: {content_properties_type: FeatureProperties, content_properties: {}}
    output_tensor_metadata:
      - name: digit
        associated_files: [{name: names.txt, type: TENSOR_AXIS_LABELS}]
"""


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Runs a command line beside a model, labels and a document; gives the exit code and both outputs."""
    monkeypatch.chdir(tmp_path)
    Path("m.tflite").write_bytes(model())
    Path("labels.txt").write_text("a\nb\nc\nd\n")
    Path("names.txt").write_text("A\nB\nC\nD\n")
    Path("meta.yaml").write_text(DOCUMENT)

    def call(*args: str) -> tuple[int, str, str]:
        code = main(["metadata", *args])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_there_and_back(run) -> None:
    assert run("show", "m.tflite")[:2] == (0, "m.tflite has no metadata\n")
    assert run("add", "m.tflite", "-o", "d.tflite", "--from", "meta.yaml")[0] == 0
    assert read_described("m.tflite").metadata is None
    code, out, _ = run("show", "d.tflite")
    assert code == 0
    assert all(text in out for text in ("Digits", "somebody", "image", "Feature", "names.txt", "TENSOR_AXIS_LABELS"))
    document = json.loads(run("show", "d.tflite", "--json")[1])
    assert document["name"] == "Digits"
    assert document["min_parser_version"] == "1.0.0"
    assert run("extract", "d.tflite", "out")[0] == 0
    assert Path("out/names.txt").read_text() == "A\nB\nC\nD\n"
    assert run("add", "m.tflite", "-o", "again.tflite", "--from", "out/metadata.json")[0] == 0
    assert Path("again.tflite").read_bytes() == Path("d.tflite").read_bytes()
    assert run("remove", "d.tflite")[0] == 0
    assert read_described("d.tflite").metadata is None
    assert not read_described("d.tflite").files


def test_labels_alone(run) -> None:
    assert run("add", "m.tflite", "--label", "labels.txt")[0] == 0
    assert read_described("m.tflite").files == {"labels.txt": b"a\nb\nc\nd\n"}
    assert run("add", "m.tflite", "--label", "names.txt")[0] == 0
    assert sorted(read_described("m.tflite").files) == ["names.txt"]
    Path("names_de.txt").write_text("Ä\nB\nC\nD\n", encoding="utf-8")
    assert run("add", "m.tflite", "--label", "names.txt", "--label", "names_de.txt")[0] == 0
    document = json.loads(run("show", "m.tflite", "--json")[1])
    recorded = document["subgraph_metadata"][0]["output_tensor_metadata"][0]["associated_files"]
    assert [(f["name"], f.get("locale")) for f in recorded] == [("names.txt", None), ("names_de.txt", "de")]


def test_a_document_is_completed(run) -> None:
    Path("short.yaml").write_text("author: me\n")
    assert run("add", "m.tflite", "--from", "short.yaml", "--label", "labels.txt")[0] == 0
    metadata = read_described("m.tflite").metadata
    assert metadata is not None
    assert metadata.author == "me"
    assert [t.name for t in metadata.subgraph_metadata[0].input_tensor_metadata] == ["x"]


def test_validate(run) -> None:
    assert run("validate", "m.tflite", "--for", "mediapipe")[0] == 1
    assert run("add", "m.tflite", "--from", "meta.yaml")[0] == 0
    assert run("validate", "m.tflite", "--for", "codegen")[:2] == (0, "codegen reads m.tflite\n")
    Path("meta.yaml").write_text(DOCUMENT.replace("FeatureProperties", "ImageProperties"))
    assert run("add", "m.tflite", "--from", "meta.yaml")[0] == 0
    code, out, _ = run("validate", "m.tflite", "--for", "mediapipe", "--json")
    assert code == 1
    assert json.loads(out)["findings"][0]["reason"].startswith("an image of shape")


def test_the_schema_is_printed(run) -> None:
    code, out, _ = run("schema")
    assert code == 0
    assert json.loads(out)["$ref"] == "#/$defs/ModelMetadata"


WRONG = [
    (("add", "m.tflite", "--label", "short.txt"), "there are 1 labels, the output"),
    (("add", "m.tflite", "--label", "latin.txt"), "latin.txt is not UTF-8 text"),
    (("add", "m.tflite", "--from", "none.yaml"), "cannot read none.yaml"),
    (("add", "m.tflite", "--from", "unknown.yaml"), "did you mean author?"),
    (("add", "m.tflite", "--from", "broken.yaml"), "is neither YAML nor JSON"),
    (("add", "m.tflite", "--from", "lost.yaml"), "there is no file 'lost.txt'"),
    (("add", "m.tflite", "--from", "few.yaml"), "short.txt has 1 labels, the output"),
    (("add", "m.tflite", "--from", "future.yaml"), "min_parser_version: '9.0.0' is none up to 1.5.0"),
    (("add", "m.tflite", "-o", "no/d.tflite", "--label", "labels.txt"), "cannot write no/d.tflite"),
    (("remove", "m.tflite", "-o", "/dev/null"), "device, pipe or socket"),
    (("extract", "m.tflite", "out"), "has neither metadata nor associated files"),
    (("show", "none.tflite"), "no such file"),
    (("show", "labels.txt"), "labels.txt"),
]


@pytest.mark.parametrize(("args", "reason"), WRONG)
def test_mistakes_leave_the_file_alone(run, args: tuple[str, ...], reason: str) -> None:
    before = Path("m.tflite").read_bytes()
    Path("short.txt").write_text("a\n")
    Path("latin.txt").write_bytes(b"\xe4\n" * 4)
    Path("unknown.yaml").write_text("autor: x\n")
    Path("broken.yaml").write_text("{")
    Path("lost.yaml").write_text(DOCUMENT.replace("names.txt", "lost.txt"))
    Path("few.yaml").write_text(DOCUMENT.replace("names.txt", "short.txt"))
    Path("future.yaml").write_text("min_parser_version: 9.0.0")
    code, _, err = run(*args)
    assert code in (1, 2)
    assert reason in err
    assert Path("m.tflite").read_bytes() == before
