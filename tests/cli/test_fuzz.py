"""Damaged models converted in process: a file, or the project's error; in bounded memory; never anything else."""

from __future__ import annotations

import random
import resource
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import litesmith
from litesmith.cli import main
from litesmith.errors import LitesmithError
from litesmith.formats.saved_model import protos
from litesmith.frontends.tensorflow.lowering import LOWERINGS
from litesmith.runtime import Reference, verify
from tests.formats.saved_model.test_fuzz import mutations
from tests.graphs import DIGITS, FLOAT, Type, constant, dense_model, node, placeholder, unsupported_model

MEMORY = 400 << 20
"""Growth of the process over a test, far below what a believed size would take."""

NUMBERS = (0, -1, -2, 1, 2, 3, 7, 100, 2**31 - 1, 2**31, 2**40, 2**62, -(2**31), 2**63 - 1)
TEXTS = (b"", b"SAME", b"VALID", b"EXPLICIT", b"NCHW", b"\xff")
OPERATORS = sorted(LOWERINGS)
GRAPH, INDEX, SHARD = "saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"


@pytest.fixture(autouse=True)
def _bounded_memory():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10 < MEMORY


def code_of(source: Path, target: Path) -> int:
    """The exit code of a conversion. The old file has to survive a failure."""
    target.write_bytes(b"old")
    code = main(["convert", str(source), "-o", str(target), "--no-verify"])
    assert code in (0, 1)
    assert (target.read_bytes() == b"old") == (code == 1)
    return code


# -- bytes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [GRAPH, INDEX, SHARD])
def test_damaged_bytes(tmp_path, capsys, name):
    source = shutil.copytree(DIGITS / "saved_model", tmp_path / "m", copy_function=shutil.copyfile)
    file = source / name
    codes = set()
    for data in mutations(file.read_bytes(), 40, seed=len(name)):
        file.write_bytes(data)
        codes.add(code_of(source, tmp_path / "m.tflite"))
    assert 1 in codes


# -- meaning ----------------------------------------------------------------------------------------------------------


def damage(model: Any, rng: random.Random) -> None:
    """Changes a few nodes or signature entries into something that parses and makes little sense."""
    meta = model.meta_graphs[0]
    graphs = [meta.graph_def.node, *(f.node_def for f in meta.graph_def.library.function)]
    for _ in range(rng.choice([1, 1, 2, 3])):
        nodes = rng.choice([g for g in graphs if len(g)])
        rng.choice(DAMAGES)(nodes, rng)
        if rng.random() < 0.1:
            _signature(rng.choice(sorted(meta.signature_def.values(), key=str)), nodes, rng)


def _operator(nodes: Any, rng: random.Random) -> None:
    rng.choice(nodes).op = rng.choice(OPERATORS)


def _input(nodes: Any, rng: random.Random) -> None:
    node = rng.choice(nodes)
    if node.input:
        suffix = rng.choice(["", ":0", ":1", ":output:0", ":y:0"])
        node.input[rng.randrange(len(node.input))] = rng.choice(nodes).name + suffix


def _fewer_inputs(nodes: Any, rng: random.Random) -> None:
    node = rng.choice(nodes)
    if node.input:
        del node.input[rng.randrange(len(node.input))]


def _more_inputs(nodes: Any, rng: random.Random) -> None:
    rng.choice(nodes).input.append(rng.choice(nodes).name)


def _names(nodes: Any, rng: random.Random) -> None:
    one, other = rng.choice(nodes), rng.choice(nodes)
    one.name, other.name = other.name, one.name


def _no_attribute(nodes: Any, rng: random.Random) -> None:
    node = rng.choice(nodes)
    if node.attr:
        del node.attr[rng.choice(sorted(node.attr))]


def _other_attribute(nodes: Any, rng: random.Random) -> None:
    node, other = rng.choice(nodes), rng.choice(nodes)
    name = rng.choice(sorted(other.attr) or ["T"])
    node.attr[name].CopyFrom(other.attr[name])


def _attribute(nodes: Any, rng: random.Random) -> None:
    node = rng.choice(nodes)
    if not node.attr:
        return
    value = node.attr[rng.choice(sorted(node.attr))]
    kind = value.WhichOneof("value")
    if kind in ("type", "i", "s"):
        setattr(value, kind, rng.choice({"type": range(25), "i": NUMBERS, "s": TEXTS}[kind]))
    elif kind == "b":
        value.b = not value.b
    elif kind == "list" and value.list.i:
        value.list.i[rng.randrange(len(value.list.i))] = rng.choice(NUMBERS)
    elif kind == "func":
        value.func.name = "nobody"
    elif kind == "shape":
        _shape(value.shape, rng)
    elif kind == "tensor":
        value.tensor.dtype = rng.choice(range(25)) if rng.random() < 0.3 else value.tensor.dtype
        _shape(value.tensor.tensor_shape, rng)


def _shape(shape: Any, rng: random.Random) -> None:
    if shape.dim:
        shape.dim[rng.randrange(len(shape.dim))].size = rng.choice(NUMBERS)
    else:
        shape.unknown_rank = rng.random() < 0.5


def _signature(signature: Any, nodes: Any, rng: random.Random) -> None:
    tensor = rng.choice([*signature.inputs.values(), *signature.outputs.values()])
    kind = rng.randrange(3)
    if kind == 0:
        tensor.dtype = rng.choice(range(25))
    elif kind == 1:
        tensor.name = f"{rng.choice(nodes).name}:0"
    else:
        _shape(tensor.tensor_shape, rng)


DAMAGES: tuple[Callable[[Any, random.Random], None], ...] = (
    _operator, _operator, _input, _fewer_inputs, _more_inputs, _names, _no_attribute, _other_attribute, _attribute,
    _attribute,
)  # fmt: skip


def digits(path: Path) -> Path:
    return shutil.copytree(DIGITS / "saved_model", path, copy_function=shutil.copyfile)


MODELS = {"digits": (digits, 60), "dense": (dense_model, 150), "unsupported": (unsupported_model, 50)}


@pytest.mark.parametrize("name", MODELS)
def test_damaged_graphs(tmp_path, capsys, name):
    build, count = MODELS[name]
    _damaged_graphs(tmp_path, build, range(count))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_many_damaged_graphs(tmp_path, capsys, block):
    for build, _ in MODELS.values():
        _damaged_graphs(tmp_path / build.__name__, build, range(1000 + 200 * block, 1200 + 200 * block))


def _damaged_graphs(path: Path, build: Callable[[Path], Path], seeds: range) -> None:
    source = build(path / "m")
    whole = (source / GRAPH).read_bytes()
    codes = set()
    for seed in seeds:
        model = protos.SavedModel.FromString(whole)
        damage(model, random.Random(seed))
        (source / GRAPH).write_bytes(model.SerializeToString())
        codes.add(code_of(source, path / "m.tflite"))
    assert 1 in codes


# -- frozen graphs ----------------------------------------------------------------------------------------------------


def conditional_graph() -> Any:
    """A graph of TensorFlow 1 with a conditional, a loop and a function."""
    boolean, integer = Type("bool"), Type("int32")
    x, p = placeholder("x", None, 4), placeholder("p", dtype="bool")
    nodes = [
        x,
        p,
        node("s", "Switch", "x", "p", T=FLOAT),
        node("off", "Neg", "s:0", T=FLOAT),
        node("on", "Relu", "s:1", T=FLOAT),
        node("m", "Merge", "off", "on", T=FLOAT, N=2),
        constant("zero", np.array(0, np.int32)),
        constant("n", np.array(3, np.int32)),
        constant("one", np.array(1, np.int32)),
        node("i/enter", "Enter", "zero", T=integer, frame_name="f", is_constant=False, parallel_iterations=10),
        node("v/enter", "Enter", "m", T=FLOAT, frame_name="f", is_constant=False, parallel_iterations=10),
        node("n/enter", "Enter", "n", T=integer, frame_name="f", is_constant=True, parallel_iterations=10),
        node("i/merge", "Merge", "i/enter", "i/next", T=integer, N=2),
        node("v/merge", "Merge", "v/enter", "v/next", T=FLOAT, N=2),
        node("less", "Less", "i/merge", "n/enter", T=integer),
        node("cond", "LoopCond", "less"),
        node("i/switch", "Switch", "i/merge", "cond", T=integer),
        node("v/switch", "Switch", "v/merge", "cond", T=FLOAT),
        node("i/id", "Identity", "i/switch:1", T=integer),
        node("v/id", "Identity", "v/switch:1", T=FLOAT),
        node("i/one", "Const", "^i/id", dtype=integer, value=np.array(1, np.int32)),
        node("i/add", "Add", "i/id", "i/one", T=integer),
        node("v/tanh", "Tanh", "v/id", T=FLOAT),
        node("i/next", "NextIteration", "i/add", T=integer),
        node("v/next", "NextIteration", "v/tanh", T=FLOAT),
        node("i/exit", "Exit", "i/switch:0", T=integer),
        node("v/exit", "Exit", "v/switch:0", T=FLOAT),
        constant("w", np.eye(4, 3, dtype=np.float32)),
        node("mul", "MatMul", "v/exit", "w", T=FLOAT, transpose_a=False, transpose_b=False),
        constant("begin", np.array([0, 0], np.int32)),
        constant("end", np.array([0, 2], np.int32)),
        constant("steps", np.array([1, 1], np.int32)),
        node("cut", "StridedSlice", "mul", "begin", "end", "steps", T=FLOAT, Index=integer, begin_mask=1, end_mask=1),
        node("y", "Softmax", "cut", T=FLOAT),
        node("q", "Identity", "p", T=boolean),
    ]
    return protos.GraphDef(node=nodes)


FROZEN = {"conditional": conditional_graph}


@pytest.mark.parametrize("name", FROZEN)
def test_frozen_graphs(tmp_path, capsys, name):
    graph = FROZEN[name]()
    path, target = tmp_path / "m.pb", tmp_path / "m.tflite"
    path.write_bytes(graph.SerializeToString())
    assert code_of(path, target) == 0
    codes = set()
    for data in mutations(graph.SerializeToString(), 150, seed=7):
        path.write_bytes(data)
        codes.add(code_of(path, target))
    for seed in range(250):
        _write_damaged(path, graph, seed)
        codes.add(code_of(path, target))
    assert 1 in codes


def _write_damaged(path: Path, graph: Any, seed: int) -> None:
    rng = random.Random(seed)
    damaged = protos.GraphDef()
    damaged.CopyFrom(graph)
    for _ in range(rng.choice([1, 1, 2, 3])):
        rng.choice(DAMAGES)(damaged.node, rng)
    path.write_bytes(damaged.SerializeToString())


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_many_damaged_frozen_graphs(tmp_path, capsys, block):
    graph = conditional_graph()
    for seed in range(10_000 + 500 * block, 10_500 + 500 * block):
        _write_damaged(tmp_path / "m.pb", graph, seed)
        code_of(tmp_path / "m.pb", tmp_path / "m.tflite")


# -- .tflite files ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[bytes]:
    """Files of ours: a small network, and control flow."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "m.pb").write_bytes(conditional_graph().SerializeToString())
    sources = [digits(folder / "digits"), folder / "m.pb"]
    return [litesmith.convert(source, verify=False).content for source in sources]


@pytest.mark.parametrize("index", [0, 1])
def test_damaged_files_are_converted_again_or_refused(tmp_path, capsys, files, index):
    path, target = tmp_path / "m.tflite", tmp_path / "new.tflite"
    codes = set()
    for data in mutations(files[index], 200, seed=index):
        path.write_bytes(data)
        codes.add(code_of(path, target))
    assert 1 in codes


@pytest.mark.parametrize("index", [0, 1])
def test_damaged_files_are_verified_or_not(files, index):
    """What the interpreter does to its process is a finding."""
    for data in mutations(files[index], 60, seed=100 + index):
        with suppress(LitesmithError):
            verify(data, timeout=20)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_many_damaged_files(tmp_path, capsys, files, block):
    path = tmp_path / "m.tflite"
    for content in files:
        for data in mutations(content, 300, seed=1000 + block):
            path.write_bytes(data)
            code_of(path, tmp_path / "new.tflite")
            with suppress(LitesmithError):
                verify(data, timeout=20)


# -- reference data ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_reference_data(tmp_path, save):
    path = tmp_path / "calls.npz"
    arrays = {"inputs/x": np.eye(4, dtype=np.float32), "outputs/y": np.arange(300), "outputs/z": np.array([b"a", b"bc"])}
    save(path, **arrays)
    refused = 0
    for data in mutations(path.read_bytes(), 400, seed=3):
        path.write_bytes(data)
        try:
            Reference.load(path)
        except LitesmithError:
            refused += 1
    assert refused > 100
