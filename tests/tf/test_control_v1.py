"""Graphs of TensorFlow 1 by hand: what belongs to which branch and loop, what is refused. No framework needed."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from litesmith.errors import ConverterError, UnsupportedError
from litesmith.formats.saved_model import protos
from litesmith.frontends.tensorflow.control_v1 import ControlFlow, tensor_key
from litesmith.frontends.tensorflow.graph_def import frozen_entry, import_entries
from litesmith.ir import Program
from litesmith.passes import pipeline
from tests.passes.interpret import run

FLOAT, INT, BOOL = 1, 3, 10
COND = """
x Placeholder
n Placeholder
limit Const
Greater Greater n limit
pred_id Identity Greater
pivot Switch Greater Greater
switch_t Identity pivot:1
x_in Switch x pred_id
twice AddV2 x_in:1 x_in:1
minus Neg x_in
Merge Merge minus twice
out Identity Merge
"""
LOOP = """
x Placeholder
n Placeholder
zero Const
one Const
i_enter Enter zero
a_enter Enter x
n_enter Enter n
i_merge Merge i_enter i_next
a_merge Merge a_enter a_next
Less Less i_merge n_enter
loop LoopCond Less
i_switch Switch i_merge loop
a_switch Switch a_merge loop
i_body Identity i_switch:1
one_in Enter one
i_more AddV2 i_body one_in
a_more AddV2 a_switch:1 a_switch:1
i_next NextIteration i_more
a_next NextIteration a_more
i_exit Exit i_switch
out Exit a_switch
"""


def graph(text: str, **attrs: dict[str, protos.AttrValue]) -> protos.GraphDef:
    """A GraphDef from lines of ``name op inputs``; integers where the name is one of a counter, floats elsewhere."""
    nodes = []
    for line in text.strip().splitlines():
        name, op, *inputs = line.split()
        node = protos.NodeDef(name=name, op=op, input=inputs)
        kind = INT if name in ("n", "limit", "zero", "one") else FLOAT
        if op in ("Placeholder", "Const"):
            node.attr["dtype"].type = kind
        if op == "Placeholder":
            node.attr["shape"].shape.SetInParent()
            if kind == FLOAT:
                node.attr["shape"].shape.dim.add(size=2)
        if op == "Const":
            node.attr["value"].tensor.dtype = kind
            node.attr["value"].tensor.tensor_shape.SetInParent()
            node.attr["value"].tensor.tensor_content = struct.pack("<i", 1 if name == "one" else 0)
        if op == "Enter":
            node.attr["frame_name"].s = b"frame"
            node.attr["is_constant"].b = name in ("n_enter", "one_in")
        for key, value in attrs.get(name, {}).items():
            node.attr[key].CopyFrom(value)
        nodes.append(node)
    return protos.GraphDef(node=nodes)


def imported(text: str, **options: dict[str, protos.AttrValue]) -> Program:
    program = import_entries([frozen_entry(graph(text, **options), ["x", "n"], ["out"])])
    pipeline.run(program, check=True)
    return program


X = np.array([1.0, -2.0], np.float32)


@pytest.mark.parametrize(("n", "expected"), [(1, 2 * X), (0, -X), (-1, -X)])
def test_a_conditional(n: int, expected: np.ndarray) -> None:
    program = imported(COND)
    assert program.histogram() == {"ADD": 1, "GREATER": 1, "IF": 1, "NEG": 1}
    np.testing.assert_array_equal(run(program.main, [X, np.array(n, np.int32)])[0], expected)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_a_loop(n: int) -> None:
    program = imported(LOOP)
    assert program.histogram() == {"ADD": 2, "LESS": 1, "WHILE": 1}
    np.testing.assert_array_equal(run(program.main, [X, np.array(n, np.int32)])[0], X * 2.0**n)


def test_a_known_predicate_leaves_one_branch() -> None:
    known = COND.replace("Greater Greater n limit", "Greater Const") + "unused Identity n\n"
    value = protos.AttrValue()
    value.tensor.dtype = BOOL
    value.tensor.bool_val.append(True)
    program = imported(known, Greater={"dtype": protos.AttrValue(type=BOOL), "value": value})
    assert program.histogram() == {"ADD": 1}


def test_where_nodes_live() -> None:
    flow = ControlFlow.of({n.name: n for n in graph(COND).node})
    assert flow is not None
    assert flow.branches["twice"] == {("Greater:0", 1)}
    assert flow.branches["minus"] == {("Greater:0", 0)}
    assert flow.branches["Merge"] == flow.branches["out"] == frozenset()
    assert flow.branch(["Merge"], 1).fed == {"x_in:1": "x:0"}
    loop = ControlFlow.of({n.name: n for n in graph(LOOP).node})
    assert loop is not None
    assert loop.frames["a_more"] == {"frame"}
    assert loop.frames["out"] == frozenset()
    assert loop.loop("frame").invariants == {"n_enter:0": "n:0", "one_in:0": "one:0"}
    assert loop.loop("frame").unchanged == [False, False]


def test_plain_graphs_are_not_analysed() -> None:
    assert ControlFlow.of({n.name: n for n in graph("x Placeholder\ny Neg x").node}) is None


@pytest.mark.parametrize(
    ("reference", "key"),
    [("x", "x:0"), ("x:1", "x:1"), ("s:output_true:0", "s:1"), ("s:output_false:0", "s:0"), ("y:z:0", "y:z:0")],
)
def test_references(reference: str, key: str) -> None:
    assert tensor_key(reference) == key


DAMAGED = {
    "a Merge of unrelated tensors": (COND.replace("Merge Merge minus twice", "Merge Merge x x"), "joins no two branches"),
    "a Switch nobody merges": (COND.replace("out Identity Merge", "out Identity x_in"), "outside its branch"),
    "a loop without a condition": (LOOP.replace("a_merge loop", "a_merge Less"), "not one of its variables"),
    "a cycle": (COND.replace("x_in Switch x pred_id", "x_in Switch out pred_id"), "depends on itself"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_graphs_are_refused(name: str) -> None:
    text, reason = DAMAGED[name]
    with pytest.raises((ConverterError, UnsupportedError), match=reason):
        imported(text)
