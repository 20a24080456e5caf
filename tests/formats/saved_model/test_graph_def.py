"""Frozen graphs, and what is not one."""

from __future__ import annotations

import pytest
from google.protobuf import text_format

from litesmith.errors import FormatError
from litesmith.formats.saved_model import protos, read_graph_def
from litesmith.formats.saved_model.graph_def import split_input


def graph():
    nodes = [
        protos.NodeDef(name="x", op="Placeholder", attr={"dtype": protos.AttrValue(type=1)}),
        protos.NodeDef(name="y", op="Relu", input=["x"]),
    ]
    return protos.GraphDef(node=nodes)


def test_binary_and_text(tmp_path):
    (tmp_path / "g.pb").write_bytes(graph().SerializeToString())
    (tmp_path / "g.pbtxt").write_text(text_format.MessageToString(graph()) + "field_of_the_future: 3\n")
    for name in ("g.pb", "g.pbtxt"):
        assert read_graph_def(tmp_path / name) == graph()


BAD = [
    ("missing.pb", None, "no such file"),
    ("empty.pb", b"", "empty"),
    ("cut.pb", graph().SerializeToString()[:-3], "corrupt GraphDef"),
    ("noise.pb", b"\xff" * 100, "corrupt GraphDef"),
    ("saved_model.pb", protos.SavedModel(saved_model_schema_version=1).SerializeToString(), "not a GraphDef"),
    ("noise.pbtxt", b"node { name 3 }", "text format"),
    ("latin.pbtxt", b"\xff\xfe", "cannot be read as text"),
    ("nameless.pb", protos.GraphDef(node=[protos.NodeDef(op="Relu")]).SerializeToString(), "not a GraphDef"),
]


@pytest.mark.parametrize(("name", "data", "message"), BAD, ids=[row[0] for row in BAD])
def test_other_files_are_refused(tmp_path, name, data, message):
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(FormatError, match=message):
        read_graph_def(tmp_path / name)


def test_a_directory_is_refused(tmp_path):
    with pytest.raises(FormatError, match="as a SavedModel"):
        read_graph_def(tmp_path)


OPERANDS = [
    ("x", ("x", 0)),
    ("x:3", ("x", 3)),
    ("scope/x:out:2", ("scope/x", 2)),
    ("^x", ("x", -1)),
]


@pytest.mark.parametrize(("text", "expected"), OPERANDS)
def test_split_input(text, expected):
    assert split_input(text) == expected
