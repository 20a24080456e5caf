"""Small files that ask for more than there is: the project's error, or a file that leaves the work to the runtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import litesmith
from litesmith.errors import ConverterError
from litesmith.frontends.tensorflow.lowering.indexing import _bin_starts
from litesmith.ir.budget import own_budget, require_room, spend_emitted
from tests.formats.saved_model.bundle import write_model
from tests.graphs import FLOAT, Type, attribute, constant, meta_graph, node, placeholder, saved_model, signature

INT = Type("int32")
SIDE = 60_000


def array(name: str, *values: Any, dtype: str = "int32") -> Any:
    return constant(name, np.array(values[0] if len(values) == 1 else values, dtype))


def functions(path: Path, count: int, body: Callable[[int], Sequence[Any]], first: Any) -> Path:
    """Functions f0, f1 … of one tensor x to the node ``y``; ``first``: the node of the graph that uses f0."""
    x = placeholder("x", 3)
    meta = meta_graph([x, *first], {"serving_default": signature({"x": x}, {"y": "y:0"})})
    for level in range(count):
        function = meta.graph_def.library.function.add()
        function.signature.name = f"f{level}"
        function.signature.input_arg.add(name="x", type="DT_FLOAT")
        function.signature.output_arg.add(name="y", type="DT_FLOAT")
        function.node_def.extend(body(level))
        function.ret["y"] = "y:output:0"
    return write_model(path, meta)


def calling(name: str, op: str, *inputs: str, **called: str) -> Any:
    made = node(name, op, *inputs)
    for attr, function in called.items():
        made.attr[attr].func.name = function
    return made


def condition() -> list[Any]:
    return [
        array("all", [0]),
        array("zero", 0.0, dtype="float32"),
        node("sum", "Sum", "x", "all:output:0", T=FLOAT, Tidx=INT),
        node("p", "Less", "sum:output:0", "zero:output:0", T=FLOAT),
    ]


def branching(then: str, otherwise: str) -> list[Any]:
    made = calling("y", "If", "p:z:0", "x", then_branch=then, else_branch=otherwise)
    made.attr["Tcond"].type = 10
    made.attr["Tin"].list.type.append(1)
    made.attr["Tout"].list.type.append(1)
    return [*condition(), made]


CALL = [calling("y", "PartitionedCall", "x", f="f0")]


def test_branches_that_call_themselves(tmp_path):
    source = functions(tmp_path / "m", 1, lambda level: branching("f0", "f0"), CALL)
    with pytest.raises(ConverterError, match="function 'f0' calls itself"):
        litesmith.convert(source)


def test_branches_that_double(tmp_path, monkeypatch):
    def body(level: int) -> Sequence[Any]:
        if level == 24:
            return [node("y", "Neg", "x", T=FLOAT)]
        return branching(f"f{level + 1}", f"f{level + 1}")

    monkeypatch.setattr("litesmith.ir.budget.MAX_INLINED", 2000)
    with pytest.raises(ConverterError, match="LS015"):
        litesmith.convert(functions(tmp_path / "m", 25, body, CALL))


def test_a_cycle_of_identities_in_a_loop(tmp_path):
    def body(level: int) -> Sequence[Any]:
        if level == 1:
            return [*condition(), node("y", "Identity", "p:z:0", T=Type("bool"))]
        return [node("y", "Identity", "z:output:0", T=FLOAT), node("z", "Identity", "y:output:0", T=FLOAT)]

    loop = calling("y", "While", "x", body="f0", cond="f1")
    loop.attr["T"].list.type.append(1)
    with pytest.raises(ConverterError, match="depends on itself"):
        litesmith.convert(functions(tmp_path / "m", 2, body, [loop]))


def test_conditionals_of_tensorflow_1_one_in_another(tmp_path):
    """Each Switch hands on what the one before did, under a predicate that is handed on, too."""
    x, p = placeholder("x", 3), placeholder("p", dtype="bool")
    nodes = [x, p, node("q0", "Identity", "p", T=Type("bool"))]
    for i in range(60):
        nodes += [node(f"s{i}", "Switch", f"q{i}", f"q{i}", T=Type("bool"))]
        nodes += [node(f"q{i + 1}", "Identity", f"s{i}:1", T=Type("bool"))]
    nodes += [
        node("s", "Switch", "x", "q60", T=FLOAT),
        node("n", "Neg", "s:0", T=FLOAT),
        node("y", "Merge", "n", "s:1", T=FLOAT, N=2),
    ]
    saved = saved_model(tmp_path / "m", nodes, {"serving_default": signature({"x": x, "p": p}, {"y": "y:0"})})
    with pytest.raises(ConverterError):
        litesmith.convert(saved)


# -- constants --------------------------------------------------------------------------------------------------------


def summed(*nodes: Any, axes: Sequence[int] = (0, 1)) -> list[Any]:
    return [
        *nodes,
        array("axes", list(axes)),
        node("sum", "Sum", "big", "axes", T=FLOAT, Tidx=INT),
        node("y", "AddV2", "x", "sum", T=FLOAT),
    ]


def splat(name: str, *shape: int) -> Any:
    made = node(name, "Const", dtype=FLOAT)
    tensor = made.attr["value"].tensor
    tensor.CopyFrom(attribute(np.zeros((), np.float32)).tensor)
    tensor.ClearField("tensor_content")
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    tensor.float_val.append(0.5)
    return made


def filled(name: str) -> list[Any]:
    return [
        array(f"{name}/dims", SIDE, SIDE),
        array(f"{name}/value", 0.5, dtype="float32"),
        node(name, "Fill", f"{name}/dims", f"{name}/value", T=FLOAT, index_type=INT),
    ]


LEFT_TO_THE_RUNTIME: dict[str, list[Any]] = {
    "range": summed(
        array("a", 0.0, dtype="float32"),
        array("b", 2e9, dtype="float32"),
        array("c", 1.0, dtype="float32"),
        node("big", "Range", "a", "b", "c", Tidx=FLOAT),
        axes=[0],
    ),
    "tile": summed(
        constant("a", np.ones((100, 100), np.float32)),
        array("m", 1000, 1000),
        node("big", "Tile", "a", "m", T=FLOAT, Tmultiples=INT),
    ),
    "matmul of fills": summed(*filled("a"), node("big", "MatMul", "a", "a", T=FLOAT)),
    "splat": summed(splat("big", SIDE // 3, SIDE // 3)),
    "gather": summed(
        splat("a", 2, SIDE),
        constant("i", np.ones(SIDE, np.int32)),
        array("axis", 0),
        node("big", "GatherV2", "a", "i", "axis", Tparams=FLOAT, Tindices=INT, Taxis=INT),
    ),
}
REFUSED: dict[str, list[Any]] = {
    "linspace": summed(
        array("a", 0.0, dtype="float32"),
        array("b", 1.0, dtype="float32"),
        array("n", 2_000_000_000),
        node("big", "LinSpace", "a", "b", "n", T=FLOAT, Tidx=INT),
        axes=[0],
    ),
    "bins": [
        array("range", 0.0, 1.0, dtype="float32"),
        array("n", 500_000_000),
        node("h", "HistogramFixedWidth", "x", "range", "n", T=FLOAT, dtype=INT),
        node("y", "Cast", "h", SrcT=INT, DstT=FLOAT),
    ],
}


def graph(path: Path, nodes: Sequence[Any]) -> Path:
    x = placeholder("x", 4)
    return saved_model(path, [x, *nodes], {"serving_default": signature({"x": x}, {"y": "y:0"})})


@pytest.mark.parametrize("name", LEFT_TO_THE_RUNTIME)
def test_gigabytes_are_not_folded(tmp_path, name):
    model = litesmith.convert(graph(tmp_path / "m", LEFT_TO_THE_RUNTIME[name]), verify=False)
    assert len(model.content) < 1 << 20


@pytest.mark.parametrize("name", REFUSED)
def test_gigabytes_that_converting_would_compute_are_refused(tmp_path, name):
    with pytest.raises(ConverterError, match=r"LS015.*GB.*\n.*Fix: make it smaller"):
        litesmith.convert(graph(tmp_path / "m", REFUSED[name]))


@pytest.mark.parametrize(
    ("low", "high", "count"), [(-1, 1, 4), (0, 1, 5), (-1, 0, 3), (-1e-40, 1e-40, 4), (0.1, 3e38, 7)]
)
def test_bins_begin_at_the_least_number_in_them(low, high, count):
    low, high = float(np.float32(low)), float(np.float32(high))
    step = (high - low) / count
    for number, start in enumerate(_bin_starts(low, high, count), 1):
        before = np.nextafter(np.float32(start), np.float32(-np.inf))
        assert int((start - low) / step) >= number
        assert int((float(before) - low) / step) < number


# -- the budget itself ------------------------------------------------------------------------------------------------


def test_operations_are_counted_in_an_import_only(monkeypatch):
    monkeypatch.setattr("litesmith.ir.budget.MAX_EMITTED", 10)
    spend_emitted(100)
    with own_budget(), pytest.raises(ConverterError, match=r"LS015.*more than 10 operations"):
        spend_emitted(11)
    with own_budget():
        spend_emitted(10)


def test_room_has_a_limit():
    require_room(1 << 20, "a table")
    with pytest.raises(ConverterError, match=r"LS015.*a table would take 2\.0 GB"):
        require_room(2 * 10**9, "a table")


@pytest.mark.parametrize("error", [MemoryError("Unable to allocate 9 GiB"), RecursionError("maximum recursion depth")])
def test_what_python_itself_cannot_hold_is_an_error_of_the_project(tmp_path, monkeypatch, error):
    def fail(*args: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr("litesmith.passes.pipeline.run", fail)
    with pytest.raises(ConverterError, match="LS015"):
        litesmith.convert(graph(tmp_path / "m", [node("y", "Neg", "x", T=FLOAT)]))
