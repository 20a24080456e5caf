"""The rewriter, with and without TFX: what it writes, honours and refuses."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from litesmith.runtime import Runner
from litesmith.tfx import LitesmithRewriter, converters, rewriter, rewriter_factory
from tests.graphs import DIGITS, unsupported_model

IMAGES = np.load(DIGITS / "heldout.npz")["images"].astype(np.float32)
EXPECTED = np.load(DIGITS / "reference.npz")["serving_default/outputs/output_0"]
SOURCE = DIGITS / "saved_model"


def rewrite(target: Path, source: Path = SOURCE, kind: str = "LitesmithRewriter", **arguments: object) -> Path:
    instance = rewriter_factory.create_rewriter(kind, name="mine", **arguments)
    converters.rewrite_saved_model(str(source), str(target), instance, rewriter.ModelType.TFLITE_MODEL)
    return target / str(arguments.get("filename", "tflite"))


def scores(path: Path) -> np.ndarray:
    return next(iter(Runner(path).run([IMAGES]).values()))


def operators(path: Path) -> set[str]:
    import litesmith

    return set(litesmith.convert(path, verify=False).operators)


@pytest.mark.parametrize("kind", [rewriter_factory.TFLITE_REWRITER, rewriter_factory.LITESMITH_REWRITER])
def test_the_calls_of_the_guides(tmp_path, kind):
    path = rewrite(tmp_path / "out", kind=kind, enable_experimental_new_converter=True)
    np.testing.assert_allclose(scores(path), EXPECTED, atol=1e-5)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["tflite"]


def test_assets_are_copied(tmp_path):
    source = tmp_path / "model"
    shutil.copytree(SOURCE, source)
    for name in ("assets/vocabulary/words.txt", "assets.extra/tf_serving_warmup_requests"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    cases: tuple[tuple[dict[str, object], set[str]], ...] = (
        ({}, {"tflite", "assets", "assets.extra"}),
        ({"copy_assets_extra": False}, {"tflite", "assets"}),
        ({"copy_assets": False, "filename": "m.tflite"}, {"m.tflite", "assets.extra"}),
    )
    for arguments, expected in cases:
        target = tmp_path / f"out{len(expected)}{len(arguments)}"
        rewrite(target, source, **arguments)
        assert {p.name for p in target.iterdir()} == expected
    assert (tmp_path / "out30" / "assets" / "vocabulary" / "words.txt").read_text() == "assets/vocabulary/words.txt"


QUANTIZED = {
    "recipe": {"quantize": "int8", "calibrate": IMAGES[:60]},
    "representative dataset": {"quantize": "int8", "representative_dataset": [[i[None]] for i in IMAGES[:60]]},
    "optimizations": {"quantization_optimizations": ["DEFAULT"],
                      "representative_dataset": lambda: ([i[None]] for i in IMAGES[:60])},
    "full integer": {"quantization_enable_full_integer": True, "representative_dataset": [[i[None]] for i in IMAGES[:60]]},
}  # fmt: skip


@pytest.mark.parametrize("name", QUANTIZED)
def test_quantization_is_honoured(tmp_path, name):
    path = rewrite(tmp_path / "out", **QUANTIZED[name])
    assert path.stat().st_size < 20_000
    labels = np.load(DIGITS / "heldout.npz")["labels"]
    assert (scores(path).argmax(axis=1) == labels).mean() > 0.96
    assert {"QUANTIZE", "DEQUANTIZE"} <= operators(path)


def test_types_of_weights(tmp_path):
    class Float16:  # as tf.float16 names itself
        name = "float16"

    path = rewrite(tmp_path / "out", quantization_optimizations=["DEFAULT"], quantization_supported_types=[Float16()])
    np.testing.assert_allclose(scores(path), EXPECTED, atol=5e-3)
    assert path.stat().st_size < 30_000


def test_signatures(tmp_path):
    path = rewrite(tmp_path / "out", signature_key="serving_default")
    assert [s.key for s in Runner(path).signatures] == ["serving_default"]
    assert Runner(rewrite(tmp_path / "all")).signatures[0].key == "serving_default"


REFUSED = {
    "unknown argument": ({"optimise": True}, SOURCE, "unknown arguments optimise; litesmith.convert takes: .*quantize"),
    "no samples": ({"quantization_enable_full_integer": True}, SOURCE, "needs a representative_dataset"),
    "two recipes": ({"quantize": "int8", "quantization_optimizations": ["DEFAULT"]}, SOURCE, "quantize cannot be combined"),
    "unknown signature": ({"signature_key": "train"}, SOURCE, "mine failed to .*'train'"),
    "no SavedModel": ({}, SOURCE.parent, "holds no saved_model.pb"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_a_value_error(tmp_path, name):
    arguments, source, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        rewrite(tmp_path / "out", source, **arguments)
    assert not (tmp_path / "out" / "tflite").exists()


def test_every_problem_is_in_the_error(tmp_path):
    with pytest.raises(ValueError, match=r"(?s)tf\.Frobnicate.*tf\.Spence") as caught:
        rewrite(tmp_path / "out", unsupported_model(tmp_path / "model"))
    assert type(caught.value) is ValueError
    assert not (tmp_path / "out").exists()


def test_other_types_of_models(tmp_path):
    instance = LitesmithRewriter("mine")
    kinds = rewriter.ModelType
    for source, target in ((kinds.TFLITE_MODEL, kinds.TFLITE_MODEL), (kinds.SAVED_MODEL, kinds.TFJS_MODEL)):
        with pytest.raises(ValueError, match="MODEL"):
            instance.perform_rewrite(
                rewriter.ModelDescription(source, str(SOURCE)), rewriter.ModelDescription(target, str(tmp_path))
            )
    with pytest.raises(ValueError, match="same path"):
        converters.rewrite_saved_model(str(SOURCE), str(SOURCE), instance)
    with pytest.raises(ValueError, match=r"NoSuchRewriter|nosuchrewriter"):
        rewriter_factory.create_rewriter("NoSuchRewriter", name="x")


def test_source_and_target_may_be_bytes(tmp_path):
    instance = LitesmithRewriter(name="mine", filename="m")
    instance.perform_rewrite(
        rewriter.ModelDescription(rewriter.ModelType.SAVED_MODEL, str(SOURCE).encode()),
        rewriter.ModelDescription(rewriter.ModelType.ANY_MODEL, str(tmp_path).encode()),
    )
    assert (tmp_path / "m").exists()


def test_remote_paths_go_through_the_file_access_of_tfx(tmp_path, monkeypatch):
    """A file system of which the operating system knows nothing."""
    from litesmith.tfx import rewriter as module
    from litesmith.tfx.base import _LocalFiles

    class Remote(_LocalFiles):
        pass

    def local(path: str) -> str:
        return str(path).replace("mem://bucket", str(tmp_path / "bucket"))

    def translated(function):
        return staticmethod(lambda *args, **options: function(*map(local, args), **options))

    for name in ("open", "exists", "isdir", "makedirs", "copy", "rename"):
        setattr(Remote, name, translated(getattr(_LocalFiles, name)))
    Remote.walk = staticmethod(lambda top: (  # type: ignore[method-assign]
        (folder.replace(str(tmp_path / "bucket"), "mem://bucket"), folders, files)
        for folder, folders, files in _LocalFiles.walk(local(top))
    ))  # fmt: skip
    monkeypatch.setattr(module, "fileio", Remote)
    shutil.copytree(SOURCE, tmp_path / "bucket" / "model")
    instance = LitesmithRewriter(name="mine")
    kinds = rewriter.ModelType
    instance.perform_rewrite(
        rewriter.ModelDescription(kinds.SAVED_MODEL, "mem://bucket/model"),
        rewriter.ModelDescription(kinds.TFLITE_MODEL, "mem://bucket/out"),
    )
    np.testing.assert_allclose(scores(tmp_path / "bucket" / "out" / "tflite"), EXPECTED, atol=1e-5)
