"""Quantization as users ask for it: modes, data, recipes, plans, trained ranges, control flow, errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import litesmith
from litesmith.decompositions.grids import spell_out
from litesmith.errors import LitesmithError, QuantizationError, UsageError
from litesmith.formats.tflite import read_model, write_model
from litesmith.formats.tflite.writer import file_size
from litesmith.ir import Builder, DType, Graph, Program, Signature, TensorType
from litesmith.ops import OPS
from litesmith.ops.quantization import SHIFTED, TO_EVEN, TRAINED_GRID, UP
from litesmith.quantize import Calibration, Plan, Recipe, Rule, as_recipe
from litesmith.quantize.calibrate import calibrate, tensor_keys
from litesmith.quantize.dequantize import dequantize_program
from litesmith.quantize.equalize import equalize
from litesmith.quantize.exchange import RealRunner
from litesmith.quantize.fidelity import compare
from litesmith.quantize.histograms import Histogram, histograms, least_squares, percentile
from litesmith.quantize.quantizer import quantize
from litesmith.quantize.ranges import quantization, quantize_array
from litesmith.quantize.samples import calls_of
from litesmith.runtime import Runner

ROOT = Path(__file__).resolve().parent.parent.parent
DIGITS = ROOT / "examples" / "digits"


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    loaded = np.load(DIGITS / "heldout.npz")
    return loaded["images"].astype(np.float32), loaded["labels"]


@pytest.fixture(scope="module")
def float_model() -> litesmith.Model:
    return litesmith.convert(DIGITS / "saved_model")


# -- modes ------------------------------------------------------------------------------------------------------------

MODES = {  # mode: least SQNR in dB on held-back digits, largest share of the float file's size, points of accuracy lost
    "float16": (60, 0.60, 0),
    "dynamic": (45, 0.42, 0),
    "weight-only": (45, 0.42, 0),
    "dynamic-int4": (25, 0.32, 0.5),
    "weight-only-int4": (25, 0.32, 0.5),
    "int8": (35, 0.40, 0.3),
    "int8-best": (35, 0.40, 0.3),
    "int16x8": (42, 0.40, 0),
    "int8-int4": (18, 0.30, 1.0),
    "uint8": (30, 0.40, 0.5),
}


@pytest.mark.parametrize("mode", MODES)
def test_modes(mode: str, digits: Any, float_model: litesmith.Model) -> None:
    images, labels = digits
    sqnr, share, lost = MODES[mode]
    model = litesmith.convert(DIGITS / "saved_model", quantize=mode, calibrate=images[:100])
    assert len(model.content) <= share * len(float_model.content)
    calls = [("serving_default", {"image": x[None]}) for x in images[150:210]]
    assert compare(float_model.content, model.content, calls).worst >= sqnr
    for kernels in ("default", "builtin"):
        runner = Runner(model.content, kernels=kernels)
        answers = [next(iter(runner.run([images]).values())) for _ in range(3)]
        right = (answers[0].argmax(axis=1) == labels).mean()
        assert (answers[0] == answers[1]).all()
        assert (answers[0] == answers[2]).all()
        assert right >= _accuracy(float_model, images, labels) - lost / 100


def _accuracy(model: litesmith.Model, images: Any, labels: Any) -> float:
    (scores,) = Runner(model.content).run([images]).values()
    return float((scores.argmax(axis=1) == labels).mean())


def test_the_same_input_gives_the_same_bytes(digits: Any) -> None:
    made = [
        litesmith.convert(DIGITS / "saved_model", quantize="int8", calibrate=digits[0][:20]).content for _ in range(2)
    ]
    assert made[0] == made[1]


ENTRY_TYPES = (
    ("int8", "int8", "int8", True),
    ("int8", "uint8", "uint8", True),
    ("int8", "float32", "int8", False),
    ("int16x8", "int16", "int16", True),
)


@pytest.mark.parametrize(("mode", "given", "gives", "only"), ENTRY_TYPES)
def test_types_of_inputs_and_outputs(mode: str, given: str, gives: str, only: bool, digits: Any) -> None:
    images, labels = digits
    recipe = {"mode": mode, "input_type": given, "output_type": gives, "integer_only": only}
    model = litesmith.convert(DIGITS / "saved_model", quantize=recipe, calibrate=images[:50])
    (signature,) = {s.graph: s for s in model.program.signatures}.values()
    assert signature.graph.inputs[0].type.dtype.text == given
    assert signature.graph.outputs[0].type.dtype.text == gives
    floats = [r for op in model.program.main.ops for r in op.results if r.type.dtype is DType.FLOAT32]
    assert not only or not floats
    runner = RealRunner(model.content)
    scores = [runner.run({"image": x[None]}, "serving_default")["output_0"] for x in images[:80]]
    assert (np.concatenate(scores).argmax(axis=1) == labels[:80]).mean() >= 0.95


# -- data -------------------------------------------------------------------------------------------------------------


def _by_lists(x: Any) -> Any:
    def generate() -> Iterator[Any]:
        yield from ([row[None]] for row in x)

    return generate


FORMS = {
    "array": lambda x, path: x,
    "mapping of arrays": lambda x, path: {"image": x},
    "generator of lists": lambda x, path: _by_lists(x),
    "list of dicts": lambda x, path: [{"image": row[None]} for row in x],
    "pairs": lambda x, path: [("serving_default", {"image": row[None]}) for row in x],
    "rows without a batch": lambda x, path: [[row] for row in x],
    "by signature": lambda x, path: {"serving_default": [[row[None]] for row in x]},
    "wider floats": lambda x, path: x.astype(np.float64),
    "npz": lambda x, path: _saved(path / "a.npz", x),
    "npy": lambda x, path: _saved(path / "a.npy", x),
    "directory": lambda x, path: _saved(path / "b.npz", x).parent,
    "object": lambda x, path: litesmith.RepresentativeDataset(_by_lists(x)),
}


def _saved(path: Path, x: Any) -> Path:
    np.savez(path, image=x) if path.suffix == ".npz" else np.save(path, x)
    return path


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_data(form: str, digits: Any, float_model: litesmith.Model, tmp_path: Path) -> None:
    data = FORMS[form](digits[0][:10], tmp_path)
    expected = calibrate(float_model.program, calls_of(float_model.program, digits[0][:10]))
    found = calibrate(float_model.program, calls_of(float_model.program, data))
    assert found.ranges == expected.ranges
    assert found.samples == 10


def test_images_are_read_and_resized(tmp_path: Path, float_model: litesmith.Model) -> None:
    image = pytest.importorskip("PIL.Image")
    image.fromarray(np.full((20, 30), 200, np.uint8)).save(tmp_path / "one.png")
    ((key, inputs),) = calls_of(float_model.program, tmp_path)
    assert key == "serving_default"
    np.testing.assert_array_equal(inputs["image"], np.full((1, 8, 8, 1), 200, np.float32))


BAD_DATA = {
    "empty": (lambda x: [], "empty"),
    "wrong name": (lambda x: [{"picture": x[:1]}], "no 'image' but 'picture'"),
    "wrong shape": (lambda x: x[:, :5], "shape"),
    "wrong count": (lambda x: [[x[:1], x[:1]]], r"provided \(2\)"),
    "nan": (lambda x: x[:2] * np.nan, "NaN"),
    "text": (lambda x: [["a"]], "not an array of numbers"),
    "unknown signature": (lambda x: [("train", {"image": x[:1]})], "train"),
    "a number": (lambda x: 3, "takes samples"),
    "missing file": (lambda x: "nowhere.npz", "cannot read"),
    "unknown kind": (lambda x: str(ROOT / "pyproject.toml"), "is one of"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_data_that_does_not_fit_is_explained(name: str, digits: Any) -> None:
    make, text = BAD_DATA[name]
    with pytest.raises(UsageError, match=text):
        litesmith.convert(DIGITS / "saved_model", quantize="int8", calibrate=make(digits[0]))


def test_a_calibration_is_saved_and_used_again(tmp_path: Path, digits: Any, float_model: litesmith.Model) -> None:
    parts = [calibrate(float_model.program, calls_of(float_model.program, digits[0][i : i + 5])) for i in (0, 5)]
    whole = calibrate(float_model.program, calls_of(float_model.program, digits[0][:10]))
    merged = parts[1].merge(parts[0])
    assert merged.ranges == whole.ranges
    merged.save(tmp_path / "seen.json")
    assert Calibration.load(tmp_path / "seen.json").ranges == whole.ranges
    again = litesmith.convert(DIGITS / "saved_model", quantize="int8", calibrate=str(tmp_path / "seen.json"))
    assert again.operators["QUANTIZE"] >= 1


ESTIMATORS = ("minmax", "moving-average", "percentile", "mse", "entropy")


@pytest.mark.parametrize("ranges", ESTIMATORS)
def test_estimators_of_ranges(ranges: str, digits: Any, float_model: litesmith.Model) -> None:
    model = litesmith.convert(
        DIGITS / "saved_model", quantize={"mode": "int8", "ranges": ranges}, calibrate=digits[0][:40]
    )
    calls = [("serving_default", {"image": x[None]}) for x in digits[0][100:140]]
    assert compare(float_model.content, model.content, calls).worst > 20


def test_outliers_are_left_out_where_that_is_asked_for() -> None:
    data = np.random.default_rng(2).normal(size=(1, 100_000)).astype(np.float32)
    data[0, 0] = 1000
    program = _program(lambda b, x: b.mul(x, np.float32(2)), (1, 100_000))
    calls = [("main", {"x": data})]
    counted = histograms(program, calls)["0:x"]
    seen = calibrate(program, calls).ranges["0:x"]
    assert seen.high == 1000
    assert 3 < percentile(counted, seen).high < 6
    assert least_squares(counted, seen).high < 1000


def test_histograms_of_parts_merge_into_that_of_all() -> None:
    data = np.random.default_rng(2).normal(size=(4, 50)).astype(np.float32)
    parts = [Histogram() for _ in range(2)]
    whole = Histogram()
    whole.add(data)
    for part, rows in zip(parts, (data[:1], data[1:]), strict=True):
        part.add(rows)
    assert parts[1].merge(parts[0]).counts == whole.counts


# -- recipes and plans ------------------------------------------------------------------------------------------------


def test_layers_are_left_out_by_name_and_operator(digits: Any) -> None:
    model = litesmith.convert(DIGITS / "saved_model", quantize="int8", calibrate=digits[0][:10], exclude=["*dense_1*"])
    forms = {op.operator: op.form for op in model.quantized.plan.ops.values()}
    assert forms["FULLY_CONNECTED"] == "float"
    recipe = {"mode": "int8", "rules": [{"op": "conv_2d", "mode": "float32"}, {"match": "re:conv2d_2", "mode": "int8"}]}
    model = litesmith.convert(DIGITS / "saved_model", quantize=recipe, calibrate=digits[0][:10])
    kinds = [op.form for op in model.quantized.plan.ops.values() if op.operator == "CONV_2D"]
    assert kinds == ["float", "float", "integer"]


def test_a_plan_is_printed_saved_edited_and_carried_out(tmp_path: Path, digits: Any) -> None:
    first = litesmith.convert(DIGITS / "saved_model", quantize="int8", calibrate=digits[0][:10])
    plan = first.quantized.plan
    assert "CONV_2D" in str(plan)
    plan.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json").differences(plan) == []
    edited = json.loads((tmp_path / "plan.json").read_text())
    edited["operations"]["0:6"] = {"operator": "FULLY_CONNECTED", "form": "float"}
    (tmp_path / "plan.json").write_text(json.dumps(edited))
    second = litesmith.convert(DIGITS / "saved_model", plan=tmp_path / "plan.json")
    (kind,) = {w.type.dtype for op in second.program.main.ops if op.name == "FULLY_CONNECTED" for w in [op["weights"]]}
    assert kind is DType.FLOAT32
    assert len(plan.differences(second.quantized.plan)) == 1


BAD_RECIPES = {
    "mode": ("int9", "did you mean 'int8'"),
    "option": ({"mode": "int8", "headrom": 1}, "did you mean 'headroom'"),
    "rule": ({"rules": [{"mach": "x"}]}, "did you mean 'match'"),
    "expression": ({"rules": [{"match": "re:("}]}, "not a regular expression"),
    "ranges": ({"ranges": "maxmin"}, "minmax"),
    "type": ({"input_type": "int7"}, "int7"),
    "file": ("nowhere.yaml", "cannot read"),
    "no recipe": ([1], "regex"),
}


@pytest.mark.parametrize("name", BAD_RECIPES)
def test_recipes_that_do_not_fit_are_explained(name: str) -> None:
    given, text = BAD_RECIPES[name]
    with pytest.raises(UsageError, match=text):
        as_recipe(given)


def test_recipes_go_to_files_and_back(tmp_path: Path) -> None:
    recipe = Recipe("int16x8", (Rule("head/*", mode="int8"),), input_type=DType.INT16, headroom=1.1)
    (tmp_path / "r.json").write_text(json.dumps(recipe.to_json()))
    assert as_recipe(tmp_path / "r.json") == recipe
    (tmp_path / "r.yaml").write_text("mode: int8\nrules:\n  - {match: 'head/*', mode: float32}\n")
    assert as_recipe(str(tmp_path / "r.yaml")) == Recipe("int8", (Rule("head/*"),))


def test_recipes_of_ai_edge_quantizer_are_read() -> None:
    weights = {"num_bits": 8, "symmetric": True, "granularity": "CHANNELWISE", "dtype": "INT"}
    static = {
        "regex": ".*", "operation": "*", "algorithm_key": "min_max_uniform_quantize",
        "op_config": {"activation_tensor_config": {"num_bits": 8}, "weight_tensor_config": weights},
    }  # fmt: skip
    apart = {"regex": "head/.*", "operation": "FULLY_CONNECTED", "algorithm_key": "no_quantize"}
    recipe = as_recipe([static, apart])
    assert [r.mode for r in recipe.rules] == ["int8", "float32"]
    assert recipe.rules[1] == Rule("re:head/.*", "FULLY_CONNECTED", "float32")


# -- errors -----------------------------------------------------------------------------------------------------------


def test_integers_need_data() -> None:
    with pytest.raises(QuantizationError, match="LS040"):
        litesmith.convert(DIGITS / "saved_model", quantize="int8")


def test_a_quantized_file_is_not_quantized_again_unless_asked(digits: Any) -> None:
    once = litesmith.convert(DIGITS / "saved_model", quantize="int8", calibrate=digits[0][:20]).content
    with pytest.raises(QuantizationError, match="LS046"):
        litesmith.convert(once, quantize="int8", calibrate=digits[0][:20])
    again = litesmith.convert(once, quantize="int8", calibrate=digits[0][:20], requantize=True)
    assert again.quantized.fidelity.worst > 30


def test_what_has_no_integer_kernel_is_named_all_at_once() -> None:
    program = _program(lambda b, x: b.pow(b.cumsum(x, np.int32(1), exclusive=False, reverse=False), x))
    with pytest.raises(QuantizationError) as error:
        quantize(program, Recipe("int8", integer_only=True), _calls())
    assert [p.op for p in error.value.problems] == ["CUMSUM", "POW"]


def test_a_model_that_lost_its_meaning_is_an_error() -> None:
    def make(b: Builder, x: Any) -> Any:
        return b.sub(b.add(x, np.float32(1e6)), np.float32(1e6))

    with pytest.raises(QuantizationError, match="LS044"):
        quantize(_program(make), Recipe("int8", integer_only=True), _calls())


def _program(make: Any, shape: tuple[int, ...] = (1, 8)) -> Program:
    graph = Graph()
    x = graph.add_input(TensorType(DType.FLOAT32, shape), "x")
    graph.outputs = [make(Builder(graph, OPS), x)]
    return Program([graph], [Signature("main", graph, {"x": 0}, {"y": 0})])


def _calls(shape: tuple[int, ...] = (1, 8), count: int = 8) -> list[Any]:
    rng = np.random.default_rng(5)
    return [("main", {"x": rng.normal(size=shape).astype(np.float32)}) for _ in range(count)]


# -- structures -------------------------------------------------------------------------------------------------------

W = np.random.default_rng(1).normal(size=(8, 8)).astype(np.float32) / 3
ZERO = np.zeros(8, np.float32)


def _while(b: Builder, x: Any) -> Any:
    cond, body = Graph("cond"), Graph("body")
    for graph in (cond, body):
        graph.add_input(TensorType(DType.INT32, ()), "i")
        graph.add_input(TensorType(DType.FLOAT32, (1, 8)), "h")
    c, d = b.on(cond), b.on(body)
    cond.outputs = [c.less(cond.inputs[0], np.int32(3))]
    step = d.tanh(d.fully_connected(body.inputs[1], W, ZERO))
    body.outputs = [d.add(body.inputs[0], np.int32(1)), step]
    types = [TensorType(DType.INT32, ()), TensorType(DType.FLOAT32, (1, 8))]
    made = b.emit(
        OPS["WHILE"], [b.constant(np.int32(0)), x], result_types=types, cond_subgraph=cond, body_subgraph=body
    )
    return made[1]


def _if(b: Builder, x: Any) -> Any:
    branches = [Graph("then"), Graph("else")]
    for graph, factor in zip(branches, (1.0, -2.0), strict=True):
        h = graph.add_input(TensorType(DType.FLOAT32, (1, 8)), "h")
        inner = b.on(graph)
        graph.outputs = [inner.fully_connected(h, W * np.float32(factor), ZERO)]
    total = b.sum(x, np.array([0, 1], np.int32), keep_dims=False)
    (made,) = b.emit(
        OPS["IF"], [b.greater(total, np.float32(0)), x], result_types=[TensorType(DType.FLOAT32, (1, 8))],
        then_subgraph=branches[0], else_subgraph=branches[1],
    )  # fmt: skip
    return made


def _masked(b: Builder, x: Any) -> Any:
    scores = b.fully_connected(x, W, ZERO)
    keep = np.arange(8) < 5
    return b.softmax(b.select_v2(keep[None], scores, np.float32(-1e9)), beta=1.0)


def _shared(b: Builder, x: Any) -> Any:
    w = b.constant(W)
    return b.fully_connected(b.fully_connected(x, w, ZERO), w, ZERO)


def _detection(b: Builder, x: Any) -> Any:
    boxes = b.mul(b.fully_connected(x, W, ZERO), np.float32(100))
    return b.concatenation(boxes, b.logistic(b.fully_connected(x, W, ZERO)), axis=1)


BIASES = np.linspace(-9, 9, 8, dtype=np.float32)
"""Too large for 32 bits in steps of the products of inputs and weights of 1e-5."""


def _large_biases(b: Builder, x: Any) -> Any:
    tiny = np.float32(1e-5)
    filters = (W * tiny).reshape(8, 1, 1, 8)
    images = b.conv_2d(b.reshape(b.mul(x, tiny), np.array([1, 1, 1, 8], np.int32)), filters, BIASES, stride_w=1, stride_h=1)
    return b.fully_connected(b.mul(b.reshape(images, np.array([1, 8], np.int32)), tiny), W * tiny, BIASES)


def _dead_weights(b: Builder, x: Any) -> Any:
    return b.add(b.fully_connected(x, W * np.float32(1e-17), ZERO), b.fully_connected(x, W, ZERO))


STRUCTURES = {
    "large biases": (_large_biases, 40),
    "dead weights": (_dead_weights, 25),
    "loop": (_while, 25), "branch": (_if, 25), "mask": (_masked, 25), "shared weights": (_shared, 25),
    "boxes and scores": (_detection, 30),
    "clamps": (lambda b, x: b.relu(b.fully_connected(b.relu6(x), W, ZERO)), 25),
}  # fmt: skip


@pytest.mark.parametrize("mode", ["dynamic", "float16", "weight-only", "int8", "int16x8"])
@pytest.mark.parametrize("name", STRUCTURES)
def test_structures(name: str, mode: str) -> None:
    make, least = STRUCTURES[name]
    program = _program(make)
    result = quantize(program, replace(as_recipe(mode), smallest_weights=1), _calls())
    model = write_model(result.program)
    assert compare(write_model(program), model, _calls()).worst >= least
    for kernels in ("default", "builtin"):
        runner = Runner(model, kernels=kernels)
        answers = [runner.run(_calls()[0][1]) for _ in range(3)]
        assert all((a["y"] == answers[0]["y"]).all() for a in answers)


@pytest.mark.parametrize("mode", ["int8", "int16x8"])
@pytest.mark.parametrize("name", ["loop", "branch", "mask", "shared weights", "clamps"])
def test_structures_of_integers_only(name: str, mode: str) -> None:
    program = _program(STRUCTURES[name][0])
    result = quantize(program, replace(as_recipe(mode), integer_only=True, least_sqnr=-300), _calls())
    floats = [
        op.name
        for graph in result.program.all_graphs()
        for op in graph.ops
        if op.name not in ("QUANTIZE", "DEQUANTIZE") and any(r.type.dtype is DType.FLOAT32 for r in op.results)
    ]
    assert floats == []
    assert compare(write_model(program), write_model(result.program), _calls()).worst >= 20


@pytest.mark.parametrize("mode", ["int8", "uint8", "int16x8"])
def test_signatures_with_inputs_and_outputs_of_one_name(mode: str) -> None:
    program, calls = Program(), []
    for key, low in (("add", 0.0), ("subtract", 100.0)):
        graph = Graph(key)
        x = graph.add_input(TensorType(DType.FLOAT32, (4,)), f"{key}_x")
        graph.outputs = [Builder(graph, OPS).sub(x, np.float32(low))]
        program.graphs.append(graph)
        program.signatures.append(Signature(key, graph, {"x": 0}, {"y": 0}))
        rng = np.random.default_rng(2)
        calls += [(key, {"x": rng.uniform(low, low + 50, 4).astype(np.float32)}) for _ in range(4)]
    kind = {"int8": DType.INT8, "uint8": DType.UINT8, "int16x8": DType.INT16}[mode]
    recipe = replace(as_recipe(mode), input_type=kind, output_type=kind, integer_only=True)
    result = quantize(program, recipe, calls)
    assert result.fidelity is not None
    assert min(result.fidelity.sqnr.values()) > 35
    assert {s.graph.inputs[0].type.dtype for s in result.program.signatures} == {kind}


def test_calibration_sees_into_loops_and_branches() -> None:
    program = _program(_while)
    seen = calibrate(program, _calls())
    keys = tensor_keys(program)
    (body,) = [g for g in program.all_graphs() if g.name == "body"]
    inside = [seen.ranges[keys[id(op.results[0])]] for op in body.ops if op.results[0].type.dtype is DType.FLOAT32]
    assert all(r.low < 0 < r.high for r in inside)


def _clamped(b: Builder, x: Any) -> Any:
    """A branch of integers to tensors that are all clamped at 0; a divisor that is clamped, and never 0."""
    branches = [Graph("then"), Graph("else")]
    for graph, factor in zip(branches, (1.0, 2.0), strict=True):
        n = graph.add_input(TensorType(DType.INT32, (1, 8)), "n")
        inner = b.on(graph)
        numbers = inner.cast(n, out_data_type=DType.FLOAT32)
        graph.outputs = [inner.mul(numbers, np.float32(factor), fused_activation_function="RELU")]
    whole = b.cast(b.abs(b.mul(x, np.float32(20))), out_data_type=DType.INT32)
    total = b.sum(x, np.array([0, 1], np.int32), keep_dims=False)
    (made,) = b.emit(
        OPS["IF"], [b.greater(total, np.float32(0)), whole], result_types=[TensorType(DType.FLOAT32, (1, 8))],
        then_subgraph=branches[0], else_subgraph=branches[1],
    )  # fmt: skip
    divisor = b.add(b.abs(x), np.float32(1), fused_activation_function="RELU")
    return b.div(b.add(made, np.float32(3), fused_activation_function="RELU6"), divisor)


def test_a_clamp_stands_for_the_least_element() -> None:
    program = _program(_clamped)
    seen, keys = calibrate(program, _calls()), tensor_keys(program)
    ops = [op for graph in program.all_graphs() for op in graph.ops]
    found = [(op, seen.ranges[key]) for op in ops if (key := keys[id(op.results[0])]) in seen.ranges]
    assert [(r.low, r.high) for op, r in found if op.attrs.get("fused_activation_function") == "RELU6"] == [(0, 6)]
    assert any(r.low == 0 < r.high for op, r in found if op.graph.name == "then")
    (divisor,) = (op["y"] for op in ops if op.name == "DIV")
    assert seen.ranges[keys[id(divisor)]].low >= 1


# -- trained ranges, dequantizing, the debugger -----------------------------------------------------------------------


def _nudged(b: Builder, x: Any, low: float, high: float) -> Any:
    return b.fake_quant(x, min=low, max=high, num_bits=8, narrow_range=False)


def _on_grid(first: int, last: int, rounding: int) -> Any:
    """Fake quantization by a TRAINED_GRID from `first` to `last` steps; one of positive numbers starts at 0."""

    def grid(b: Builder, x: Any, low: float, high: float) -> Any:
        start, end = (first, last) if low < 0 else (0, last - first)
        step = np.float32((high - low) / (last - first))
        numbers = dict(least=start * step, greatest=end * step, step=step, inverse=1 / step)
        (made,) = b.emit(TRAINED_GRID, [x], **{k: float(v) for k, v in numbers.items()}, rounding=rounding)
        return made

    return grid


GRIDS = {  # how numbers are rounded in training, and steps from -2 to 2
    "fake quantization": (_nudged, 255),
    "narrow": (_on_grid(-127, 127, SHIFTED), 254),
    "ties to even": (_on_grid(-128, 127, TO_EVEN), 255),
    "ties up": (_on_grid(-128, 127, UP), 255),
}


@pytest.mark.parametrize("name", GRIDS)
def test_trained_ranges_hold_exactly(name: str) -> None:
    fake, steps = GRIDS[name]

    def make(b: Builder, x: Any) -> Any:
        x = fake(b, x, -2.0, 2.0)
        step = np.float32(0.5 / 127)
        grid = np.rint(np.clip(W, -0.5, 0.5) / step).astype(np.float32) * step
        y = b.fully_connected(x, grid, ZERO, fused_activation_function="RELU")
        return fake(b, y, 0.0, 3.0)

    program = _program(make)
    result = quantize(program, Recipe("int8", islands=False), _calls(), check=False)
    spell_out(program)
    runners = Runner(write_model(program)), Runner(write_model(result.program))
    for _, inputs in _calls(count=20):
        exact, narrow = (r.run(inputs)["y"] for r in runners)
        assert np.abs(exact - narrow).max() <= 3.0 / 255 * 1.01
        assert (exact != narrow).mean() < 0.1
    quant = result.program.main.inputs[0].users
    (quantize_op,) = [op for op in quant if op.name == "QUANTIZE"]
    assert quantize_op.results[0].type.quant.scale[0] == np.float32(4 / steps)
    assert result.program.histogram().keys() == {"QUANTIZE", "FULLY_CONNECTED", "DEQUANTIZE"}


def test_dequantizing_gives_the_float_model_back(digits: Any) -> None:
    model = litesmith.convert(DIGITS / "saved_model", quantize="int8", calibrate=digits[0][:50])
    back = dequantize_program(read_model(model.content))
    assert set(back.histogram()) == set(litesmith.convert(DIGITS / "saved_model").operators)
    calls = [("serving_default", {"image": x[None]}) for x in digits[0][:20]]
    assert compare(write_model(back), model.content, calls).worst > 30


def test_the_debugger_names_the_layer_that_costs_most() -> None:
    spread = W.copy()
    spread[0, 0] = 300  # one weight makes the step of all others of this layer coarse

    def make(b: Builder, x: Any) -> Any:
        h = b.tanh(b.fully_connected(x, W, ZERO))
        return b.fully_connected(b.tanh(b.fully_connected(h, spread, ZERO)), W, ZERO)

    result = quantize(_program(make), Recipe("int8", per_channel=False, islands=False, least_sqnr=-50), _calls())
    from litesmith.quantize.debugger import debug

    report = debug(result, _calls())
    assert report.layers[0].operator == "FULLY_CONNECTED"
    assert report.layers[0].key == "0:2"
    assert "exclude" in report.layers[0].advice
    assert json.loads(json.dumps(report.to_json()))["samples"] == 8


@pytest.mark.parametrize("suffix", [".json", ".csv", ".html", ".overlay.json", ".png", ".svg"])
def test_debug_reports_are_saved(suffix: str, tmp_path: Path) -> None:
    if suffix in (".png", ".svg"):
        pytest.importorskip("matplotlib")
    from litesmith.quantize.debugger import debug

    result = quantize(_program(_shared), Recipe("int8", islands=False), _calls())
    path = tmp_path / f"report{suffix}"
    report = debug(result, _calls())
    report.save(path)
    assert path.stat().st_size > 100
    if suffix == ".html":
        assert path.read_text().count("FULLY_CONNECTED") == 2
    if suffix == ".overlay.json":
        (nodes,) = json.loads(path.read_text()).values()
        assert {list(result.program.main.ops)[int(i)].name for i in nodes["results"]} == {"FULLY_CONNECTED"}


def test_every_error_is_the_projects() -> None:
    with pytest.raises(LitesmithError):
        Plan.from_json({"operations": {"0:0": {"operator": "X", "form": "round"}}, "tensors": {}})


DOMAINS = {
    "square root": lambda b, x: b.sqrt(b.abs(x)),
    "reciprocal root": lambda b, x: b.rsqrt(b.add(b.mul(x, x), np.float32(1e-3))),
    "divisor": lambda b, x: b.div(x, b.add(b.abs(x), np.float32(1e-2))),
    "constant divisor": lambda b, x: b.div(x, np.linspace(0.5, 4, 8, dtype=np.float32)[None]),
}


@pytest.mark.parametrize("mode", ["int8", "int16x8"])
@pytest.mark.parametrize("name", DOMAINS)
def test_integer_kernels_never_see_what_they_fail_at(name: str, mode: str) -> None:
    program = _program(DOMAINS[name])
    result = quantize(program, replace(as_recipe(mode), integer_only=True, least_sqnr=-300), _calls())
    runner = Runner(write_model(result.program))
    for x in (np.zeros((1, 8)), np.full((1, 8), 1e-6), np.full((1, 8), -100), np.linspace(-1, 1, 8)[None]):
        assert np.isfinite(runner.run({"x": x.astype(np.float32)})["y"]).all()


@pytest.mark.parametrize("name", ["sqrt", "rsqrt", "log"])
def test_what_can_be_negative_stays_float(name: str) -> None:
    program = _program(lambda b, x: getattr(b, name)(x))
    calls = [("main", {"x": np.linspace(-1, 3, 8, dtype=np.float32)[None]})]
    result = quantize(program, Recipe("int8", islands=False), calls, check=False)
    assert result.plan.ops["0:0"].form == "float"
    assert "negative" in result.plan.ops["0:0"].why


@pytest.mark.parametrize("block", [32, 64])
def test_blocks_of_four_bits(block: int) -> None:
    rng = np.random.default_rng(4)
    weights = (rng.normal(size=(16, 128)) * np.repeat(rng.uniform(0.1, 4, (16, 4)), 32, axis=1)).astype(np.float32)

    def make(b: Builder, x: Any) -> Any:
        return b.fully_connected(x, weights, np.zeros(16, np.float32))

    program, calls = _program(make, (1, 128)), _calls((1, 128))
    found = {}
    for size in (0, block):
        result = quantize(program, Recipe("dynamic-int4", smallest_weights=1, block_size=size), calls, check=False)
        model = write_model(result.program)
        for kernels in ("default", "builtin"):
            answers = [Runner(model, kernels=kernels).run(calls[0][1])["y"] for _ in range(2)]
            assert (answers[0] == answers[1]).all()
        found[size] = compare(write_model(program), model, calls).worst
    assert found[block] > found[0] + (2 if block == 32 else 0.2)


def test_block_sizes_the_kernel_does_not_take_are_refused() -> None:
    with pytest.raises(UsageError, match="32, 64, 128, 256"):
        Recipe("dynamic-int4", block_size=20)


def test_a_budget_of_error_leaves_the_fewest_layers_float() -> None:
    spread = W.copy()
    spread[0, 0] = 300

    def make(b: Builder, x: Any) -> Any:
        h = b.tanh(b.fully_connected(x, W, ZERO))
        return b.fully_connected(b.tanh(b.fully_connected(h, spread, ZERO)), W, ZERO)

    recipe = Recipe("int8", per_channel=False, least_sqnr=-50)
    plain = quantize(_program(make), recipe, _calls())
    assert plain.fidelity.worst < 25
    result = quantize(_program(make), replace(recipe, budget_sqnr=30.0), _calls())
    assert result.fidelity.worst >= 30
    forms = [op.form for op in result.plan.ops.values() if op.operator == "FULLY_CONNECTED"]
    assert forms[1] == "float"
    assert "integer" in forms
    assert result.curve[0].floats == 0
    assert result.curve[-1].sqnr >= 30


# -- where floats are better ------------------------------------------------------------------------------------------


def _layer_norm(b: Builder, x: Any) -> Any:
    y = b.fully_connected(x, W, ZERO)
    centred = b.sub(y, b.mean(y, np.array([1], np.int32), keep_dims=True))
    variance = b.mean(b.mul(centred, centred), np.array([1], np.int32), keep_dims=True)
    scaled = b.mul(centred, b.rsqrt(b.add(variance, np.float32(1e-3))))
    return b.fully_connected(b.add(scaled, np.linspace(-1, 1, 8, dtype=np.float32)[None]), W, ZERO)


def _depthwise(b: Builder, x: Any) -> Any:
    attrs = dict(padding="SAME", stride_w=1, stride_h=1)
    rng = np.random.default_rng(0)
    point = rng.normal(size=(32, 1, 1, 32)).astype(np.float32) / 6
    taps, zero = rng.normal(size=(1, 3, 3, 32)).astype(np.float32) / 3, np.zeros(32, np.float32)
    y = b.conv_2d(x, point, zero, fused_activation_function="RELU", **attrs)
    y = b.depthwise_conv_2d(y, taps, zero, depth_multiplier=1, fused_activation_function="RELU", **attrs)
    y = b.conv_2d(y, point, zero, **attrs)
    return b.average_pool_2d(y, padding="VALID", stride_w=8, stride_h=16, filter_width=8, filter_height=16)


def _narrow_layers(b: Builder, x: Any) -> Any:
    rng = np.random.default_rng(0)
    for _ in range(4):
        point = rng.normal(size=(8, 1, 1, 8)).astype(np.float32) / 3
        x = b.conv_2d(x, point, ZERO, padding="SAME", stride_w=1, stride_h=1, fused_activation_function="RELU")
    return x


def _lonely(b: Builder, x: Any) -> Any:
    y = b.fully_connected(b.cos(x), W, ZERO)
    return b.fully_connected(b.cos(y), W, ZERO)


ISLANDS: dict[str, tuple[Any, tuple[int, ...], Recipe, dict[str, int], float]] = {
    # the model, its input, the recipe: operators of the result, dB
    "a LayerNorm is one island": (
        _layer_norm, (1, 8), Recipe("int8", integer_layers=True), {"QUANTIZE": 1, "DEQUANTIZE": 2}, 30,
    ),
    "small depthwise": (
        _depthwise, (1, 16, 8, 32), Recipe("int8", integer_layers=True), {"QUANTIZE": 2, "DEQUANTIZE": 3, "MEAN": 1}, 25,
    ),
    "few channels": (_narrow_layers, (1, 16, 8, 8), Recipe("int8"), {"QUANTIZE": 0, "DEQUANTIZE": 4}, 35),
    "few channels, as integers": (
        _narrow_layers, (1, 16, 8, 8), Recipe("int8", integer_layers=True), {"QUANTIZE": 1, "DEQUANTIZE": 1}, 25,
    ),
    "small depthwise of integers": (
        _depthwise, (1, 16, 8, 32), Recipe("int8", integer_only=True), {"QUANTIZE": 1, "DEQUANTIZE": 1, "MEAN": 1}, 25,
    ),
    "a pool of 16 bits": (_depthwise, (1, 16, 8, 32), Recipe("int16x8"), {"AVERAGE_POOL_2D": 1}, 35),
    "layers among floats": (_lonely, (1, 8), Recipe("int8"), {"QUANTIZE": 1, "DEQUANTIZE": 2}, 25),
    "layers among floats, of 16 bits": (_lonely, (1, 8), Recipe("int16x8"), {"QUANTIZE": 2}, 35),
}  # fmt: skip


@pytest.mark.parametrize("name", ISLANDS)
def test_where_floats_are_better(name: str) -> None:
    make, shape, recipe, expected, least = ISLANDS[name]
    program, calls = _program(make, shape), _calls(shape)
    result = quantize(program, recipe, calls)
    counts = result.program.histogram()
    assert {op: counts.get(op, 0) for op in expected} == expected
    model = write_model(result.program)
    assert compare(write_model(program), model, calls).worst >= least
    plain = Runner(model, kernels="builtin").run(calls[0][1])["y"]
    assert np.abs(plain - Runner(model).run(calls[0][1])["y"]).max() <= 0.05 * np.abs(plain).max()


@pytest.mark.parametrize("mode", ["dynamic", "dynamic-int4", "weight-only"])
@pytest.mark.parametrize("length", [64, 96])
def test_rotated_inputs(mode: str, length: int) -> None:
    rng = np.random.default_rng(length)
    weights = rng.normal(size=(48, length)).astype(np.float32)
    large = np.where(np.arange(length) % 31 == 0, 30, 1).astype(np.float32)
    program = _program(lambda b, x: b.fully_connected(x, weights, np.zeros(48, np.float32)), (4, length))
    calls = [("main", {"x": rng.normal(size=(4, length)).astype(np.float32) * large}) for _ in range(4)]
    found = {}
    for is_rotated in (False, True):
        result = quantize(program, Recipe(mode, rotate=is_rotated, smallest_weights=1), calls)
        assert ("CUSTOM" in result.program.histogram()) == is_rotated
        runner = Runner(write_model(result.program))
        answers = [runner.run(calls[0][1])["y"] for _ in range(3)]
        assert (answers[0] == answers[1]).all() and (answers[0] == answers[2]).all()
        found[is_rotated] = compare(write_model(program), write_model(result.program), calls).worst
    assert found[True] > found[False] + (1.5 if mode == "dynamic" else -1.5)


def test_the_size_of_a_file_that_is_not_made() -> None:
    program = _program(_layer_norm, (1, 8))
    assert file_size(program) == len(write_model(program))


def test_weights_become_integers_slice_by_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.random.default_rng(0).normal(size=(7, 3, 5)).astype(np.float32)
    for scale, axis in ((0.01, 0), (np.linspace(0.01, 0.02, 7), 0), (np.linspace(0.01, 0.02, 5), 2)):
        quant = quantization(scale, 3, axis)
        whole = quantize_array(array, quant, DType.INT8)
        monkeypatch.setattr("litesmith.quantize.ranges.SLICE", 16)
        assert (quantize_array(array, quant, DType.INT8) == whole).all()
        monkeypatch.undo()


@pytest.mark.parametrize("mode", ["dynamic-int2", "weight-only-int2"])
def test_three_levels(mode: str) -> None:
    levels = np.random.default_rng(0).integers(-1, 2, (8, 8)).astype(np.float32) * np.float32(0.25)
    program = _program(lambda b, x: b.fully_connected(x, levels, ZERO))
    result = quantize(program, Recipe(mode, smallest_weights=1), _calls())
    (layer,) = (op for op in result.program.main.ops if op.name == "FULLY_CONNECTED")
    assert DType.INT2 in {v.type.dtype for op in (layer, *(v.op for v in layer.inputs if v.op)) for v in op.inputs}
    for kernels in ("default", "builtin"):
        exact, found = (Runner(write_model(p), kernels=kernels) for p in (program, result.program))
        for _, inputs in _calls(count=3):
            assert np.abs(exact.run(inputs)["y"] - found.run(inputs)["y"]).max() <= 0.02


def _uneven(b: Builder, x: Any) -> Any:
    """Layers whose channels differ by four orders of magnitude and make up for each other."""
    rng = np.random.default_rng(9)
    sizes = np.exp2(rng.uniform(-7, 7, 8)).astype(np.float32)
    first = rng.normal(size=(8, 3, 3, 4)).astype(np.float32) / 6 * sizes[:, None, None, None]
    step = dict(stride_w=1, stride_h=1)
    y = b.conv_2d(x, first, rng.normal(size=8).astype(np.float32) * sizes, fused_activation_function="RELU", **step)
    y = b.max_pool_2d(y, stride_w=2, stride_h=2, filter_width=2, filter_height=2)
    taps = rng.normal(size=(1, 3, 3, 8)).astype(np.float32) / 3 / sizes
    y = b.depthwise_conv_2d(y, taps, rng.normal(size=8).astype(np.float32), depth_multiplier=1, **step)
    last = rng.normal(size=(6, 1, 1, 8)).astype(np.float32) / 3
    return b.conv_2d(y, last, rng.normal(size=6).astype(np.float32), **step)


def test_equalized_channels_need_one_scale_only() -> None:
    shape = (1, 8, 8, 4)
    program, calls = _program(_uneven, shape), _calls(shape)
    recipe = Recipe("int8", per_channel=False, islands=False, least_sqnr=-300)
    plain, equal = (quantize(program, replace(recipe, equalize=e), calls).fidelity for e in (False, True))
    assert plain is not None
    assert equal is not None
    assert equal.worst > plain.worst + 10
    assert equal.worst > 25
    copy = _program(_uneven, shape)
    assert equalize(copy) == 2
    exact, same = (Runner(write_model(p)).run(calls[0][1])["y"] for p in (program, copy))
    assert (exact == same).all()


def test_weights_that_others_share_are_not_equalized() -> None:
    assert equalize(_program(_shared)) == 0
