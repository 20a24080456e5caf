"""Wrappers: the Python one runs, the Java one is compiled and runs on stand-ins, the others are as they were looked at.

``UPDATE_GOLDEN=1`` writes the golden files anew.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litesmith.cli import main
from litesmith.errors import UsageError
from litesmith.formats.metadata import Described, read_described
from litesmith.formats.metadata import schema as s
from litesmith.formats.metadata import tasks as t
from litesmith.formats.metadata.wrappers import LANGUAGES, plan_wrapper, render
from litesmith.formats.metadata.wrappers.naming import comment_text, identifiers, text_literal
from litesmith.ir import DType
from tests.formats.metadata.test_tasks import F32, IMAGE, IMAGE_U8, LABELS, MASKS, SCORES, SCORES_U8, model
from tests.formats.metadata.wrapped import MODELS, save

HERE = Path(__file__).parent
PICTURE = np.array([[[0, 10, 20], [100, 110, 120]], [[200, 210, 255], [64, 128, 192]]], np.uint8)


def load(name: str, folder: Path) -> Any:
    """The wrapper of a model, written and loaded."""
    path = save(name, folder)
    assert main(["metadata", "wrap", str(path), "--language", "python", "-o", str(folder)]) == 0
    source = next(folder.glob("*.py"))
    spec = importlib.util.spec_from_file_location(source.stem, source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[source.stem] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    kind = next(v for k, v in vars(module).items() if isinstance(v, type) and hasattr(v, "run"))
    return kind, path


# --- Python ----------------------------------------------------------------------------------------------------------


def test_pictures_in_and_categories_out(tmp_path: Path) -> None:
    kind, path = load("classifier", tmp_path)
    wrapper = kind(path, locale="de", num_threads=1)
    stored = np.clip(np.trunc((PICTURE - 127.5) / 63.75 * 64 + 128 + 0.5), 0, 255)  # none is negative before the offset
    np.testing.assert_array_equal(wrapper.prepare_image(PICTURE)[0], stored.astype(np.uint8))
    real = ((stored - 128) / 64).mean((0, 1))
    expected = np.clip(np.round(real * 32) - 3, -128, 127)
    found = wrapper.run(PICTURE).probability
    assert [(c.index, c.label, c.display_name) for c in found] == [
        (i, ["red", "green", 'bl"u$e'][i], ["rot", "grün", "blau"][i]) for i in np.argsort(-expected, kind="stable")
    ]
    np.testing.assert_allclose([c.score for c in found], np.sort((expected + 3) / 32)[::-1], atol=1 / 32 + 1e-6, rtol=0)
    assert kind(path).run(PICTURE).probability[0].display_name == found[0].label
    large = np.kron(PICTURE, np.ones((8, 8, 1), np.uint8))
    assert [c.index for c in wrapper.run(large).probability] == [c.index for c in found]
    assert wrapper.labels_of_probability == ["rot", "grün", "blau"]


def test_detections_are_rows(tmp_path: Path) -> None:
    kind, path = load("detector", tmp_path)
    rows = kind(path).run(PICTURE).detection_result
    assert [(row.category, row.score, row.location.tolist()) for row in rows] == [
        ("dog", 0.75, [0, 1 / 16, 2 / 16, 3 / 16]),
        ("cat", 0.5, [4 / 16, 5 / 16, 6 / 16, 7 / 16]),
    ]
    prepared = kind(path).prepare_image(PICTURE)[0]
    np.testing.assert_allclose(prepared, (PICTURE - [1, 2, 3]) / [2, 4, 8], atol=1e-5, rtol=0)


def test_tensors_of_every_kind(tmp_path: Path) -> None:
    kind, path = load("plain", tmp_path)
    first = np.arange(6, dtype=np.float32).reshape(1, 3, 2)
    for _ in range(3):
        got = kind(path).run(first, [-1, 2], [1, 2, 3], [True, False], [4, -5])
        np.testing.assert_allclose(got.out, np.abs((first - [1, 2]) / [2, 4]), atol=1e-6, rtol=0)
        assert got.numbers.tolist() == [[1, 2]]
        assert got.doubled.tolist() == [2, 4, 6]
        assert got.not_.tolist() == [False, True]
        assert [(c.label, c.score) for c in got.points] == [("a", 4.0)]  # -5 is below the threshold
    with pytest.raises(ValueError, match="reshape"):
        kind(path).run(first, [1], [1, 2, 3], [True, False], [4, -5])


def test_another_model_is_refused(tmp_path: Path) -> None:
    kind, _ = load("classifier", tmp_path)
    with pytest.raises(ValueError, match="another model"):
        kind(save("plain", tmp_path))


@pytest.mark.parametrize(
    ("size", "rows"), [((4, 4), [0, 0.25, 0.75, 1]), ((1, 1), [0.5]), ((2, 2), [0, 1])], ids=str
)
def test_pictures_are_resized_between_pixel_centres(size: tuple[int, int], rows: list[float], tmp_path: Path) -> None:
    source = model([("image", F32, (1, *size, 3))], SCORES)
    source = source.with_metadata(*t.image_classifier(source, LABELS, mean=0, std=1))
    text = render(plan_wrapper(source, "m.tflite"), "python")["image_classifier.py"]
    space: dict[str, Any] = {}
    exec(text[text.index("def _resized") :].replace("NDArray[Any]", "object"), {"np": np, **_TYPES}, space)
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[1] = 1
    resized = space["_resized"](picture, *size, 3)
    assert resized.shape == (1, *size, 3)
    np.testing.assert_allclose(resized[0, :, 0, 0], rows, atol=1e-6, rtol=0)
    grey = space["_resized"](np.full((2, 2, 3), 7, np.uint8), 2, 2, 1)
    np.testing.assert_allclose(grey, np.full((1, 2, 2, 1), 7), atol=1e-5, rtol=0)


_TYPES = {"NDArray": np.ndarray, "Any": Any}

# --- every language --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("language", ["kotlin", "swift"])
def test_golden_files(name: str, language: str) -> None:
    for file, text in render(plan_wrapper(MODELS[name](), f"{name}.tflite"), language).items():
        golden = HERE / "golden" / name / language / file
        if os.environ.get("UPDATE_GOLDEN"):
            golden.parent.mkdir(parents=True, exist_ok=True)
            golden.write_text(text, encoding="utf-8")
        assert text == golden.read_text(encoding="utf-8")


EVERY: list[tuple[str, Any]] = [
    *MODELS.items(),
    ("scores as stored", lambda: written(t.image_classifier, (IMAGE_U8, SCORES_U8))),
    ("masks", lambda: written(t.image_segmenter, (IMAGE_U8, MASKS))),
    ("no metadata", lambda: model(IMAGE, SCORES)),
]


@pytest.mark.parametrize("source", [row[1] for row in EVERY], ids=[row[0] for row in EVERY])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_model_in_every_language(source: Any, language: str) -> None:
    texts = render(plan_wrapper(source(), "m.tflite"), language)
    for name, text in texts.items():
        assert "None" not in text or language == "python"
        assert text.isascii() or name == "README.md"
        if name.endswith(".py"):
            ast.parse(text)
        elif not name.endswith(".md"):
            assert all(text.count(a) == text.count(b) for a, b in ("()", "{}", "[]"))


def written(write: Any, kinds: Any) -> Described:
    source = model(*kinds)
    return source.with_metadata(*write(source, LABELS))


# --- Java ------------------------------------------------------------------------------------------------------------

MAIN = """
import java.nio.channels.FileChannel;
import java.nio.file.Paths;
import com.example.model.%(kind)s;
import android.graphics.Bitmap;

public class Main%(kind)s {
  public static void main(String[] args) throws Exception {
    try (FileChannel channel = FileChannel.open(Paths.get(args[0]));
         %(kind)s model = new %(kind)s(channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size())%(options)s)) {
      Bitmap picture = new Bitmap(2, 2, new int[] {%(pixels)s});
      %(kind)s.Outputs outputs = model.run(%(arguments)s);
      %(prints)s
    }
  }
}
"""

JAVA: dict[str, dict[str, Any]] = {
    "classifier": {
        "kind": "ImageClassifier", "options": ', "de", new org.tensorflow.lite.Interpreter.Options()',
        "arguments": "picture",
        "prints": 'for (ImageClassifier.Category c : outputs.probability) '
                  'System.out.println(c.index + " " + c.label + " " + c.displayName + " " + c.score);',
    },
    "detector": {
        "kind": "ObjectDetector", "options": "", "arguments": "picture",
        "prints": "for (ObjectDetector.DetectionResult r : outputs.detectionResult) "
                  'System.out.println(r.category + " " + r.score + " " + java.util.Arrays.toString(r.location));',
    },
    "plain": {
        "kind": "Plain", "options": "",
        "arguments": "new float[] {0, 1, 2, 3, 4, 5}, new int[] {1, 3, 2}, new int[] {-1, 2}, new long[] {1, 2, 3}, "
                     "new boolean[] {true, false}, new int[] {4, -5}",
        "prints": "System.out.println(java.util.Arrays.toString(outputs.out) "
                  "+ java.util.Arrays.toString(outputs.shapeOfOut) "
                  "+ java.util.Arrays.toString(outputs.numbers) + java.util.Arrays.toString(outputs.doubled) "
                  "+ java.util.Arrays.toString(outputs.not) + outputs.points);",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Java wrappers of every model, compiled, warnings being errors."""
    if not shutil.which("javac"):
        pytest.skip("there is no Java compiler")
    folder = tmp_path_factory.mktemp("java")
    sources = list((HERE / "standins").glob("*.java"))
    pixels = [str((255 << 24 | int(r) << 16 | int(g) << 8 | int(b)) - 2**32) for r, g, b in PICTURE.reshape(-1, 3)]
    for number, (name, make) in enumerate(EVERY):
        package = "com.example.model" if name in JAVA else f"p{number}"
        for file, text in render(plan_wrapper(make(), f"{name}.tflite"), "java", package).items():
            sources.append(folder / package / file)
            sources[-1].parent.mkdir(exist_ok=True)
            sources[-1].write_text(text)
        if name in JAVA:
            sources.append(folder / f"Main{JAVA[name]['kind']}.java")
            sources[-1].write_text(MAIN % {**JAVA[name], "pixels": ", ".join(pixels)})
    java = [str(path) for path in sources if path.suffix == ".java"]
    assert output_of("javac", "-Xlint:all", "-Werror", "-d", str(folder / "classes"), *java) == ""
    return folder / "classes"


@pytest.mark.parametrize("name", JAVA)
def test_java(name: str, classes: Path, tmp_path: Path) -> None:
    """What the Java wrapper gives the interpreter, and what it makes of its results, is what the Python one does."""
    kind, path = load(name, tmp_path)
    wrapper = kind(path, **({"locale": "de"} if name == "classifier" else {}))
    given, shown = _run_python(name, wrapper)
    for place in range(len(wrapper._outputs)):
        stored = wrapper._interpreter.get_tensor(wrapper._outputs[place]["index"])
        (tmp_path / f"out{place}").write_bytes(stored.tobytes())
        (tmp_path / f"outshape{place}").write_text(" ".join(map(str, stored.shape)))
    counts = [f"-Dinputs={len(wrapper._inputs)}", f"-Doutputs={len(wrapper._outputs)}"]
    options = [f"-Dfolder={tmp_path}", *counts, "-Dfile.encoding=US-ASCII"]
    assert output_of("java", "-cp", str(classes), *options, f"Main{JAVA[name]['kind']}", str(path)) == shown
    for place, value in enumerate(given):
        assert (tmp_path / f"in{place}").read_bytes() == value.tobytes()
    if name == "plain":
        assert (tmp_path / "shape0").read_text() == "[1, 3, 2]"


def _run_python(name: str, wrapper: Any) -> tuple[list[Any], str]:
    if name == "classifier":
        found = wrapper.run(PICTURE).probability
        lines = [f"{c.index} {c.label} {c.display_name.replace('ü', '?')} {c.score}" for c in found]
        return [wrapper.prepare_image(PICTURE)], "\n".join(lines)
    if name == "detector":
        rows = wrapper.run(PICTURE).detection_result
        lines = [f"{r.category} {r.score} {r.location.tolist()}" for r in rows]
        return [wrapper.prepare_image(PICTURE)], "\n".join(lines)
    first = np.arange(6, dtype=np.float32).reshape(1, 3, 2)
    values = (first, [-1, 2], [1, 2, 3], [True, False], [4, -5])
    got = wrapper.run(*values)
    prepared = [getattr(wrapper, n)(v) for n, v in zip(_prepares(wrapper), values, strict=True)]
    arrays = [got.out.reshape(-1).tolist(), list(got.out.shape), got.numbers[0].tolist(), got.doubled.tolist()]
    text = "".join(map(str, arrays)) + str(got.not_.tolist()).lower()
    return prepared, text + str([f"{c.display_name} ({c.score})" for c in got.points]).replace("'", "")


def _prepares(wrapper: Any) -> list[str]:
    return [name for name in vars(type(wrapper)) if name.startswith("prepare_")]


def output_of(*command: str) -> str:
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


# --- names and refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "language", "expected"),
    [
        (["number of", "class", "2nd", "class"], "python", ["number_of", "class_", "input_2nd", "class_2"]),
        (["number of detections", "class", "größe", "比"], "java", ["numberOfDetections", "classValue", "grosse", "input3"]),
        (["run", "StatefulPartitionedCall:0", "x", "X"], "kotlin", ["runValue", "statefulPartitionedCall0", "x", "x2"]),
    ],
)  # fmt: skip
def test_identifiers(names: list[str], language: str, expected: list[str]) -> None:
    assert identifiers(names, language, "input") == expected


def test_texts_stay_in_their_places() -> None:
    hostile = 'a"""b*/c\\u000ad\n"$x\U0001f600'
    assert comment_text(hostile) == "a'''b* /c/u000ad \"$x\U0001f600"
    assert ast.literal_eval(text_literal(hostile, "python")) == hostile
    assert text_literal(hostile, "kotlin") == r'"a\"\"\"b*/c\\u000ad\n\"\$x\ud83d\ude00"'
    assert text_literal("é", "swift") == r'"\u{e9}"'


def test_hostile_texts_are_no_code(tmp_path: Path) -> None:
    source = written(t.image_classifier, (IMAGE_U8, SCORES))
    assert source.metadata is not None
    text = 'x""" */ } \n import os; os._exit(3) \\u002a\\u002f "'
    graph = source.metadata.subgraph_metadata[0]
    image = replace(graph.input_tensor_metadata[0], name=text, description=text)
    graph = replace(graph, input_tensor_metadata=(image,))
    bad = replace(source.metadata, name=text, description=text, author=text, subgraph_metadata=(graph,))
    for language in LANGUAGES:
        for name, content in render(plan_wrapper(source.with_metadata(bad), 'm"""*/.tflite'), language).items():
            assert Path(name).name == name
            if language == "python" and name.endswith(".py"):
                assert not [n for n in ast.walk(ast.parse(content)) if isinstance(n, ast.Attribute) and n.attr == "_exit"]
            assert "*/ }" not in content


def with_units(place: str, *options: Any) -> Described:
    source = written(t.image_classifier, (IMAGE_U8, SCORES))
    assert source.metadata is not None
    graph = source.metadata.subgraph_metadata[0]
    described = replace(getattr(graph, place)[0], process_units=tuple(s.ProcessUnit(o) for o in options))
    graph = replace(graph, **{place: (described,)})
    return source.with_metadata(replace(source.metadata, subgraph_metadata=(graph,)))


REFUSED: list[tuple[str, Any, str, str]] = [
    ("calibration", lambda: with_units("output_tensor_metadata", s.ScoreCalibrationOptions()), "python", "do not calibrate"),
    ("threshold", lambda: with_units("output_tensor_metadata", s.ScoreThresholdingOptions(float("nan"))), "python", "nan"),
    ("float16", lambda: model([("x", DType.FLOAT16, (1, 2))], SCORES), "java", "no tensors of float16"),
    ("texts", lambda: model_of_texts(), "swift", "no tensors of texts; use --language python"),
]  # fmt: skip


def model_of_texts() -> Described:
    from litesmith.formats.tflite import write_model
    from litesmith.ir import Graph, Program, tensor

    graph = Graph("main")
    graph.outputs = [graph.add_input(tensor(DType.STRING, (1,)), "text")]
    return read_described(write_model(Program([graph])))


@pytest.mark.parametrize(("source", "language", "reason"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_wrappers_that_are_refused(source: Any, language: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        render(plan_wrapper(source(), "m.tflite"), language)


def test_a_package_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save("plain", tmp_path)
    assert main(["metadata", "wrap", str(path), "--language", "java", "-o", str(tmp_path), "--package", "a-b;x"]) != 0
    assert "is not a package" in capsys.readouterr().err
