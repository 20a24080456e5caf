"""What every command does, prints and returns: 0 done, 1 cannot be converted as asked, 2 wrong usage."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from litesmith import __version__
from litesmith.cli import COMMANDS, main
from litesmith.runtime import Runner
from tests.formats.saved_model.bundle import write_model
from tests.graphs import (
    DIGITS,
    FLOAT,
    WEIGHTS,
    asserting_model,
    constant,
    dense_model,
    meta_graph,
    node,
    placeholder,
    saved_model,
    signature,
    unsupported_model,
)

X = np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4)
Y = np.maximum(X @ WEIGHTS, 0)
OLD = b"the old model"


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Runs a command line in an empty directory; gives the exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*args: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(a) for a in args])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def model(tmp_path):
    return dense_model(tmp_path / "model")


@pytest.fixture
def tflite(run, model):
    assert run("convert", model, "-o", "m.tflite")[0] == 0
    return Path("m.tflite")


# -- convert ----------------------------------------------------------------------------------------------------------


def scores(path: object = "m.tflite", key: str = "scores") -> np.ndarray:
    return Runner(Path(str(path)).read_bytes()).run([X], key)["y"]


def test_convert_writes_a_model_that_runs(run, model):
    code, out, _ = run("convert", model, "-o", "m.tflite")
    assert (code, out) == (0, f"m.tflite: {Path('m.tflite').stat().st_size} bytes, 3 operators\n")
    np.testing.assert_allclose(scores(), Y, rtol=1e-6)
    np.testing.assert_allclose(scores(key="doubled"), 2 * Y, rtol=1e-6)


def test_convert_names_the_file_after_the_source(run, model):
    assert run("convert", model)[0] == 0
    assert Path("model.tflite").exists()


def test_flags_of_tflite_convert(run, model):
    flags = ("--saved_model_dir", model, "--output_file", "m.tflite", "--saved_model_signature_key", "scores",
             "--saved_model_tag_set", "serve")  # fmt: skip
    assert run("convert", *flags)[0] == 0
    np.testing.assert_allclose(scores(), Y, rtol=1e-6)


def test_convert_as_json(run, model):
    code, out, _ = run("convert", model, "-o", "m.tflite", "--json", "--no-verify")
    assert code == 0
    (x,), (y,) = ([{"name": n, "dtype": "float32", "shape": [None, s]}] for n, s in (("x", 4), ("y", 3)))
    assert json.loads(out) == {
        "ok": True,
        "file": "m.tflite",
        "bytes": Path("m.tflite").stat().st_size,
        "operators": {"ADD": 1, "FULLY_CONNECTED": 2},
        "notes": [],
        "signatures": [{"key": key, "inputs": [x], "outputs": [y]} for key in ("doubled", "scores")],
        "verified": False,
        "verification_skipped": "",
    }


def test_what_is_left_out_is_said(run, tmp_path):
    _, _, err = run("convert", asserting_model(tmp_path / "a"), "-o", "m.tflite")
    assert err == "note: tf.Assert is left out: 'checks/0', 'checks/1', 'checks/2' and 1 more\n"


def test_what_could_not_be_verified_is_said(run, tmp_path):
    x = placeholder("x", 2)
    meta = meta_graph([x, node("y", "Frobnicate", "x")], {"s": signature({"x": x}, {"y": "y:0"})})
    declared = meta.meta_info_def.stripped_op_list.op.add(name="Frobnicate")
    declared.input_arg.add(name="x", type="DT_FLOAT")
    declared.output_arg.add(name="y", type="DT_FLOAT")
    meta.graph_def.node[1].attr["_output_shapes"].list.shape.add().dim.add(size=2)
    source = write_model(tmp_path / "c", meta)
    code, out, err = run("convert", source, "-o", "m.tflite", "--allow_custom_ops", "--json")
    found = json.loads(out)
    assert (code, found["verified"]) == (0, False)
    assert "Frobnicate" in found["verification_skipped"]
    assert err.startswith("not verified: ")


@pytest.mark.parametrize("given", [("--signature", "scores"), ("--signature", "scores,doubled"),
                                   ("--signature", "doubled", "--signature", "scores")], ids=len)  # fmt: skip
def test_signatures_are_chosen(run, model, given):
    code, out, _ = run("convert", model, "-o", "m.tflite", "--json", *given)
    wanted = [key for text in given[1::2] for key in text.split(",")]
    assert (code, [s["key"] for s in json.loads(out)["signatures"]]) == (0, wanted)


@pytest.mark.parametrize(("text", "shape"), [("x=2,4", (2, 4)), ("x=?,4", (-1, 4)), ("x=None,4", (-1, 4)),
                                             ("x=[-1, 4]", (-1, 4))])  # fmt: skip
def test_input_shapes(run, model, text, shape):
    assert run("convert", model, "-o", "m.tflite", "--input-shape", text)[0] == 0
    runner = Runner(Path("m.tflite").read_bytes())
    assert tuple(runner.signature("scores").inputs[0].shape) == shape


def test_tags_choose_the_meta_graph(run, tmp_path):
    from tests.formats.saved_model.bundle import write_model

    x = placeholder("x", 2)
    graphs = [
        meta_graph([x, node("y", op, "x", T=FLOAT)], {"s": signature({"x": x}, {"y": "y:0"})}, tags)
        for op, tags in (("Neg", ("serve",)), ("Exp", ("serve", "gpu")))
    ]
    write_model(tmp_path / "two", *graphs)
    for tags, operator in (("serve", "NEG"), ("gpu,serve", "EXP")):
        code, out, _ = run("convert", "two", "--tags", tags, "--json")
        assert (code, json.loads(out)["operators"]) == (0, {operator: 1})


def test_reference_data_are_compared(run, model, tmp_path):
    arrays = {"scores/inputs/x": X, "scores/outputs/y": Y}
    np.savez(tmp_path / "good.npz", **arrays)
    np.savez(tmp_path / "bad.npz", **{**arrays, "scores/outputs/y": Y + 1})
    Path("m.tflite").write_bytes(OLD)
    code, _, err = run("convert", model, "-o", "m.tflite", "--reference", "bad.npz")
    assert (code, Path("m.tflite").read_bytes()) == (1, OLD)
    assert "LS906" in err
    assert run("convert", model, "-o", "m.tflite", "--reference", "good.npz")[0] == 0
    np.testing.assert_allclose(scores(), Y, rtol=1e-6)


def test_declined_rewrites_are_explained(run, model):
    code, out, err = run("convert", model, "-o", "m.tflite", "--explain")
    assert code == 0
    assert "declined rewrites:\n  " in err
    assert "declined" not in out
    code, _, err = run("convert", model, "-o", "m.tflite", "--explain", "--inference_type", "FLOAT")
    assert code == 2
    assert "--explain does not go with flags of tflite_convert" in err


def test_the_ir_is_dumped_after_each_pass_that_changed_something(run, model):
    assert run("convert", model, "-o", "m.tflite", "--dump-ir", "ir/steps")[0] == 0
    files = sorted(p.name for p in Path("ir/steps").iterdir())
    assert files[0] == "000-import.txt"
    assert len(files) > 1
    assert [int(f[:3]) for f in files] == list(range(len(files)))
    assert "graph main(" in (Path("ir/steps") / files[-1]).read_text()


def test_a_tflite_file_is_optimized_again(run, tflite):
    assert run("convert", tflite, "-o", "again.tflite")[0] == 0
    np.testing.assert_allclose(scores("again.tflite"), Y, rtol=1e-6)


def test_a_frozen_graph(run, tmp_path):
    graph = meta_graph([placeholder("x", 2), constant("c", np.float32([3, 4])),
                        node("sum", "AddV2", "x", "c", T=FLOAT), node("y", "Neg", "sum", T=FLOAT)], {})  # fmt: skip
    (tmp_path / "g.pb").write_bytes(graph.graph_def.SerializeToString())
    for flags, expected in (((), [-4, -6]), (("--output_arrays", "sum"), [4, 6])):
        for source in (("--graph_def_file", "g.pb"), ("g.pb",)):
            assert run("convert", *source, "-o", "g.tflite", *flags)[0] == 0
            (made,) = Runner(Path("g.tflite").read_bytes()).run([np.float32([1, 2])]).values()
            assert made.tolist() == expected


def test_every_problem_is_reported_at_once(run, tmp_path):
    code, out, err = run("convert", unsupported_model(tmp_path / "u"), "-o", "u.tflite")
    assert (code, out) == (1, "")
    lines = err.splitlines()
    heads, fixes = lines[0:-1:2], lines[1:-1:2]
    for head, op, place in zip(heads, ("FresnelCos", "Frobnicate", "Spence"),
                               ("layer/fresnel", "other/frob", "after/spence"), strict=True):  # fmt: skip
        assert head.startswith(f'LS010 tf.{op} at "{place}": ')
        assert "kernel" in head or "no lowering" in head
    assert all(f.startswith("      Fix: ") and len(f) > 20 for f in fixes)
    assert lines[-1] == "3 problems; nothing was written."
    assert not Path("u.tflite").exists()


def test_problems_as_json(run, tmp_path):
    code, out, err = run("convert", unsupported_model(tmp_path / "u"), "-o", "u.tflite", "--json")
    told = json.loads(out)
    assert (code, told["ok"]) == (1, False)
    assert [(p["op"], p["node"]) for p in told["problems"]] == [
        ("tf.FresnelCos", "layer/fresnel"),
        ("tf.Frobnicate", "other/frob"),
        ("tf.Spence", "after/spence"),
    ]
    assert all(set(p) == {"code", "op", "node", "layer", "line", "reason", "fix"} for p in told["problems"])
    assert "3 problems" in err


@pytest.mark.parametrize(
    ("args", "code", "problem"),
    [
        (("convert", "nope"), 1, "LS801"),
        (("convert", DIGITS / "saved_model", "--signature", "nope"), 2, "LS810"),
        (("convert",), 2, "LS810"),
        (("show", "nope.tflite"), 1, "LS801"),
        (("verify", "nope.tflite"), 1, "LS801"),
    ],
    ids=str,
)
def test_every_failure_is_json_where_it_was_asked_for(run, args, code, problem):
    done, out, _ = run(*args, "--json")
    told = json.loads(out)
    assert (done, told["ok"], told["problems"][0]["code"]) == (code, False, problem)


def test_near_names_are_suggested(run, model):
    assert "did you mean 'scores'?" in run("convert", model, "--signature", "score")[2]
    assert "did you mean 'model'?" in run("convert", "modle")[2]
    assert "onnx2tf" in run("convert", "m.onnx")[2]
    assert "litert-torch" in run("convert", "m.pt2")[2]


def test_verbose_and_quiet(run, model):
    code, out, err = run("convert", model, "-o", "m.tflite", "-q")
    assert (code, out, err) == (0, "", "")
    code, _, err = run("convert", model, "-o", "m.tflite", "-v")
    assert (code, "after the passes: 3 operators" in err, "pass " in err) == (0, True, False)
    assert "pass " in run("convert", model, "-o", "m.tflite", "-vv")[2]
    assert run("verify", "m.tflite", "--quiet")[:2] == (0, "")


def test_flags_of_tflite_convert_with_a_positional_source(run, model):
    code, _, err = run("convert", model, "-o", "m.tflite", "--enable_v1_converter", "--signature", "scores")
    assert (code, err) == (0, "")
    Path("m.mlir").write_text("module {}")
    code, _, err = run("convert", "m.mlir", "--post_training_quantize")
    assert (code, "flags of tflite_convert take" in err) == (2, True)


def test_tables_fit_80_columns(run, tmp_path):
    x = placeholder("x" * 90, 2)
    nodes = [x, node("y", "Neg", x.name, T=FLOAT)]
    saved_model(tmp_path / "long", nodes, {"key/" * 20: signature({"deep/" * 15 + "x": x}, {"y": "y:0"})})
    _, out, _ = run("show", "long")
    assert max(map(len, out.splitlines())) <= 80
    assert "deep/\n" in out.replace(" ", "")


def test_show_reads_what_convert_reads(run, tmp_path):
    graph = meta_graph([placeholder("x", 2), node("y", "Neg", "x", T=FLOAT)], {})
    (tmp_path / "g.pb").write_bytes(graph.graph_def.SerializeToString())
    code, out, _ = run("show", "g.pb")
    assert (code, "NEG" in out, "x: float32[2]" in out) == (0, True, True)


def test_without_the_runtime_models_convert(run, model, monkeypatch):
    monkeypatch.setattr(import_module("litesmith.runtime.verify"), "has_runtime", lambda: False)
    code, out, err = run("convert", model, "-o", "m.tflite", "--json")
    assert (code, json.loads(out)["verified"]) == (0, False)
    assert "not verified: the LiteRT runtime is not installed" in err


# -- what cannot be done ----------------------------------------------------------------------------------------------


def no_signatures(path: Path) -> Path:
    return saved_model(path, [placeholder("x", 2)], {})


def damaged(name: str, change) -> object:
    """A builder of a model one of whose files is changed."""

    def build(path: Path) -> Path:
        shutil.copytree(DIGITS / "saved_model", path, copy_function=shutil.copyfile)
        file = path / name
        file.write_bytes(change(file.read_bytes()))
        return path

    return build


def flipped(at: float):
    def change(data: bytes) -> bytes:
        place = int(at * len(data))
        return data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :]

    return change


GRAPH, INDEX, SHARD = "saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"

REFUSED = {
    "missing directory": (lambda path: path, (), "does not exist"),
    "empty directory": (lambda path: path.mkdir() or path, (), "no saved_model.pb"),
    "no such signature": (dense_model, ("--signature", "nope"), "no signature 'nope'; it has 'doubled', 'scores'"),
    "one of two signatures": (dense_model, ("--signature", "scores,nope"), "it has 'doubled', 'scores'"),
    "no such tags": (dense_model, ("--tags", "train,gpu"), "{'gpu', 'train'}; it has {'serve'}"),
    "no signatures": (no_signatures, (), "has no signatures"),
    "no such input": (dense_model, ("--input-shape", "z=1,4"), "the model's inputs are x"),
    "shape of another model": (dense_model, ("--input-shape", "x=1,5"), "[1, 5] does not fit"),
    "missing reference": (dense_model, ("--reference", "nope.npz"), "nope.npz: no such file"),
    "unreadable reference": (dense_model, ("--reference", f"{DIGITS / 'train.py'}"), "train.py: "),
    "empty graph file": (damaged(GRAPH, lambda d: b""), (), "saved_model.pb: "),
    "cut graph file": (damaged(GRAPH, lambda d: d[: len(d) // 2]), (), "saved_model.pb: corrupt SavedModel"),
    "text in the graph file": (damaged(GRAPH, lambda d: b"hello" * 50), (), "saved_model.pb: corrupt SavedModel"),
    "cut index": (damaged(INDEX, lambda d: d[: len(d) // 2]), (), "variables.index: "),
    "empty index": (damaged(INDEX, lambda d: b""), (), "variables.index: "),
    "flipped index": (damaged(INDEX, flipped(0.3)), (), "variables.index: "),
    "cut shard": (damaged(SHARD, lambda d: d[: len(d) // 2]), (), "data-00000-of-00001: "),
    "flipped shard": (damaged(SHARD, flipped(0.5)), (), "checksum"),
}


ASKED_WRONG = ("no such signature", "one of two signatures", "no such tags", "no signatures", "no such input",
               "shape of another model")  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_converted(run, tmp_path, name):
    build, flags, message = REFUSED[name]
    source = build(tmp_path / "source")
    Path("m.tflite").write_bytes(OLD)
    before = sorted(os.listdir())
    code, out, err = run("convert", source, "-o", "m.tflite", *flags)
    assert (code, out) == (2 if name in ASKED_WRONG else 1, "")
    assert message in err
    assert "Traceback" not in err
    assert Path("m.tflite").read_bytes() == OLD
    assert sorted(os.listdir()) == before


def test_a_missing_shard(run, tmp_path):
    shutil.copytree(DIGITS / "saved_model", tmp_path / "source", copy_function=shutil.copyfile)
    (tmp_path / "source" / SHARD).unlink()
    code, _, err = run("convert", "source")
    assert (code, "data-00000-of-00001: " in err) == (1, True)


UNWRITABLE = {"missing directory": "nope/m.tflite", "a directory": "model", "under a file": "file/m.tflite"}


@pytest.mark.parametrize("target", UNWRITABLE.values(), ids=UNWRITABLE)
@pytest.mark.parametrize("command", ["convert", "demo"])
def test_outputs_that_cannot_be_written(run, model, target, command):
    Path("file").write_text("")
    before = sorted(os.listdir())
    code, _, err = run(*([command, model] if command == "convert" else [command]), "-o", target)
    assert (code, f"cannot write {target}: " in err) == (2, True)
    assert sorted(os.listdir()) == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads and writes everything")
def test_permissions(run, model):
    Path("locked").mkdir(mode=0o500)
    assert run("convert", model, "-o", "locked/m.tflite")[0] == 2
    (model / GRAPH).chmod(0)
    assert run("convert", model, "-o", "m.tflite")[0] == 1


def test_an_ir_dump_that_cannot_be_written(run, model):
    Path("file").write_text("")
    code, _, err = run("convert", model, "-o", "m.tflite", "--dump-ir", "file/ir")
    assert (code, "cannot write file/ir" in err, Path("m.tflite").exists()) == (2, True, False)


WRONG_USAGE = {
    "no command": ("frobnicate",),
    "no model": ("convert",),
    "two models": ("convert", "a", "--saved_model_dir", "b"),
    "unknown option": ("convert", "a", "--nope"),
    "no value": ("convert", "a", "-o"),
    "shape of no number": ("convert", "a", "--input-shape", "x=1,two"),
    "shape of no name": ("convert", "a", "--input-shape", "1,2"),
    "fewer names than shapes": ("convert", "a", "--input_shapes", "1:2", "--input_arrays", "x"),
    "show nothing": ("show",),
    "IR of a SavedModel": ("show", DIGITS / "saved_model", "--ir"),
    "tags of a file": ("show", "m.tflite", "--tags", "serve"),
    "verify nothing": ("verify",),
    "no invocations": ("verify", "m.tflite", "--invocations", "0"),
    "tolerance of no number": ("verify", "m.tflite", "--tolerance", "small"),
    "negative tolerance": ("verify", "m.tflite", "--tolerance", "-1"),
    "demo of something": ("demo", "else"),
}


@pytest.mark.parametrize("args", WRONG_USAGE.values(), ids=WRONG_USAGE)
def test_wrong_usage(run, args):
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert "Error: " in err


# -- show, verify, demo -----------------------------------------------------------------------------------------------


def test_show_saved_model(run, model):
    code, out, _ = run("show", model)
    assert code == 0
    assert all(text in out for text in ("TF1-style", "doubled", "x: float32[?, 4]", "[4, 3]", "48 B", "MatMul"))
    assert "\x1b" not in out


def test_show_saved_model_as_json(run, model):
    code, out, _ = run("show", model, "--json")
    facts = json.loads(out)
    assert (code, facts["tags"], [s["key"] for s in facts["signatures"]]) == (0, ["serve"], ["doubled", "scores"])
    assert facts["signatures"][0]["inputs"] == [{"name": "x", "dtype": "float32", "shape": [None, 4]}]
    assert facts["variables"] == [{"name": "w", "dtype": "float32", "shape": [4, 3], "key": "w", "bytes": 48}]
    assert facts["operators"]["MatMul"] == 1


def test_show_tflite(run, tflite):
    code, out, _ = run("show", tflite)
    assert (code, "FULLY_CONNECTED" in out, "scores" in out) == (0, True, True)
    code, out, _ = run("show", tflite, "--json")
    assert (code, json.loads(out)["operators"]) == (0, {"ADD": 1, "FULLY_CONNECTED": 2})
    code, out, _ = run("show", tflite, "--ir")
    assert (code, out.count("= FULLY_CONNECTED(")) == (0, 2)


def test_verify(run, tflite, tmp_path):
    np.savez(tmp_path / "good.npz", **{"scores/inputs/x": X, "scores/outputs/y": Y})
    np.savez(tmp_path / "bad.npz", **{"scores/inputs/x": X, "scores/outputs/y": Y + 0.5})
    code, out, _ = run("verify", tflite)
    assert (code, "runs; no reference was given" in out) == (0, True)
    code, out, _ = run("verify", tflite, "--against", "good.npz", "--invocations", "2")
    assert (code, "agrees with 1 outputs, 2 invocations in a row" in out) == (0, True)
    code, _, err = run("verify", tflite, "--against", "bad.npz")
    assert (code, err.splitlines()[-1]) == (1, "1 problem; m.tflite is not verified.")
    assert run("verify", tflite, "--against", "bad.npz", "--tolerance", "10")[0] == 0


def test_verify_as_json(run, tflite, tmp_path):
    np.savez(tmp_path / "bad.npz", **{"scores/inputs/x": X, "scores/outputs/y": Y + 0.5})
    code, out, _ = run("verify", tflite, "--against", "bad.npz", "--json")
    report = json.loads(out)
    assert (code, report["ok"], report["invocations"], len(report["problems"])) == (1, False, 3, 1)
    assert report["max_error"] > 0.1


NO_MODELS = {"missing": None, "empty": b"", "text": b"no FlatBuffer at all", "cut": "half"}


@pytest.mark.parametrize("content", NO_MODELS.values(), ids=NO_MODELS)
@pytest.mark.parametrize("command", ["show", "verify", "convert"])
def test_files_that_are_no_models(run, tflite, command, content):
    if content is not None:
        whole = tflite.read_bytes()
        Path("bad.tflite").write_bytes(whole[: len(whole) // 2] if content == "half" else content)
    flags = ("-o", "out.tflite") if command == "convert" else ()
    code, _, err = run(command, "bad.tflite", *flags)
    assert (code, "Traceback" in err, Path("out.tflite").exists()) == (1, False, False)
    assert len(err) > 20


def test_demo(run):
    code, out, _ = run("demo", "-o", "d.tflite")
    assert code == 0
    assert all(text in out for text in ("CONV_2D", "of 360)", "d.tflite", "d_int8.tflite", "█"))
    assert Path("d.tflite").stat().st_size < 100_000


# -- the command line itself ------------------------------------------------------------------------------------------


def test_version_and_help(run):
    assert run("--version")[:2] == (0, f"litesmith {__version__}\n")
    for args in ((), *((command,) for command in COMMANDS)):
        code, out, _ = run(*args, "--help")
        assert (code, "Usage: litesmith" in out) == (0, True)
    assert all(f"  {command} " in run("--help")[1] for command in COMMANDS)


def test_every_command_is_found_and_documented(run):
    for command, text in COMMANDS.items():
        assert text.endswith(".")
        out = run(command, "-h")[1]
        assert len([line for line in out.splitlines() if line.startswith("  ")]) > 2


def litesmith(*args: object, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "litesmith", *map(str, args)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, **options)


def test_as_a_process(model, tmp_path):
    done = litesmith("convert", model, "-o", tmp_path / "m.tflite")
    assert done.returncode == 0
    assert done.stdout.startswith(str(tmp_path / "m.tflite"))
    assert "\x1b" not in done.stdout + done.stderr
    assert "Converting" not in done.stdout + done.stderr
    assert litesmith("convert").returncode == 2
    assert litesmith("convert", tmp_path / "nope").returncode == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_progress_is_shown_on_a_terminal(model, tmp_path):
    import pty

    outer, inner = pty.openpty()
    command = [sys.executable, "-m", "litesmith", "convert", str(model), "-o", str(tmp_path / "m.tflite")]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=inner, timeout=120, env=environment)
    os.close(inner)
    seen = os.read(outer, 1 << 16).decode()
    os.close(outer)
    assert done.returncode == 0
    assert "Converting" in seen
    assert "\x1b[" in seen
    assert b"Converting" not in done.stdout


def test_standard_output_takes_the_file(model, tmp_path):
    source = Path(__file__).parents[2] / "src"
    environment = {**os.environ, "PYTHONPATH": str(source)}
    command = [sys.executable, "-m", "litesmith", "convert", str(model), "-o", "-"]
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, env=environment, check=True)
    assert done.stdout[4:8] == b"TFL3"
    assert Runner(done.stdout).signatures


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_no_pipe_is_replaced(run, model, tmp_path):
    os.mkfifo(tmp_path / "pipe.tflite")
    code, _, err = run("convert", model, "-o", "pipe.tflite")
    assert code != 0
    assert "device, pipe or socket" in err
    assert (tmp_path / "pipe.tflite").is_fifo()
