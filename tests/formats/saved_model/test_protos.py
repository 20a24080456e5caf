"""The message classes: generated files up to date, private descriptors, a clear error for unknown names."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool

from litesmith.formats.saved_model import protos

TOOL = Path(__file__).parents[3] / "tools" / "generate_protos.py"


def test_committed_files_are_those_of_the_proto():
    pytest.importorskip("grpc_tools")
    tool = runpy.run_path(str(TOOL))
    generated = tool["compile_protos"]()
    for path, theirs in generated.items():
        ours = path.read_bytes()
        if path.suffix == ".pyi":  # the stub's wording depends on the protoc version
            assert ours.splitlines()[:1] == theirs.splitlines()[:1]
            assert ours.count(b"class ") == theirs.count(b"class ")
        else:
            assert ours == theirs


def test_the_default_pool_knows_nothing_of_them():
    name = protos.NodeDef.DESCRIPTOR.full_name
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName(name)


def test_names():
    assert protos.DT_FLOAT == protos.DataType.Value("DT_FLOAT") == 1
    assert protos.NodeDef.ExperimentalDebugInfo(original_node_names=["a"]).original_node_names == ["a"]
    assert protos.NodeDef is protos.NodeDef
    with pytest.raises(AttributeError, match="defines no 'Nothing'"):
        _ = protos.Nothing  # type: ignore[attr-defined]
