"""SavedModel directories: a real one, and small ones put together from protos to show one thing each."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format

from litesmith.errors import FormatError, UsageError
from litesmith.formats.saved_model import SavedModel, protos
from litesmith.formats.saved_model.checkpoint import OBJECT_GRAPH_KEY
from tests.formats.saved_model.bundle import CheckpointWriter, write_model

KWS = Path(os.environ.get("LITESMITH_MODELS", "/work/shared/models")) / "mlperf_tiny" / "kws_ref_model"
needs_kws = pytest.mark.skipif(not KWS.is_dir(), reason="the MLPerf Tiny models are not here")


def shape(*sizes: int):
    return protos.TensorShapeProto(dim=[protos.TensorShapeProto.Dim(size=size) for size in sizes])


def node(name: str, op: str, *inputs: str, **attributes):
    return protos.NodeDef(name=name, op=op, input=inputs, attr=attributes)


def text(value: str):
    return protos.AttrValue(s=value.encode())


def strings(name: str, *values: str):
    tensor = protos.TensorProto(dtype=7, tensor_shape=shape(len(values)), string_val=[v.encode() for v in values])
    return node(name, "Const", dtype=protos.AttrValue(type=7), value=protos.AttrValue(tensor=tensor))


def meta_graph(*tags: str, nodes=(), **fields):
    graph = protos.MetaGraphDef(meta_info_def={"tags": tags, "tensorflow_version": "2.0.0"}, **fields)
    graph.graph_def.node.extend(nodes)
    return graph


# ---- a real model -------------------------------------------------------------------------------------


@needs_kws
def test_keyword_spotting_model():
    model = SavedModel.open(KWS)
    assert model.tags == {"serve"}
    assert model.is_tf2
    assert model.tensorflow_version == "2.3.2"
    assert [str(t) for t in model.signatures["serving_default"].inputs.values()] == ["input_1: float32[?, 49, 10, 1]"]
    assert [str(t) for t in model.signatures["serving_default"].outputs.values()] == ["dense: float32[?, 12]"]
    assert model.init_op == "NoOp"
    assert len(model.variables) == 141
    for variable in model.variables:
        by_node = model.variable_array(variable.node_id)
        assert by_node.shape == variable.shape
        assert by_node.dtype == variable.dtype.numpy
        assert all(np.array_equal(model.variable_array(name), by_node) for name in variable.graph_nodes)
        assert np.array_equal(model.variable_array(variable.key), by_node)


@needs_kws
def test_keyword_spotting_captures():
    model = SavedModel.open(KWS)
    function = model.signature_functions["serving_default"]
    captures = model.captures(function)
    arguments = model.functions[function].signature.input_arg
    assert [capture.argument for capture in captures] == list(range(1, len(arguments)))
    assert {capture.kind for capture in captures} == {"variable"}
    first = captures[0]
    assert (first.name, first.argument_name) == ("conv2d/kernel", arguments[1].name)
    assert model.variable_array(first.node_id).shape == (10, 4, 1, 64)


@needs_kws
def test_keyword_spotting_summary():
    summary = SavedModel.open(KWS).summary()
    assert summary.tags == ("serve",)
    assert summary.tag_sets == (("serve",),)
    assert [signature.key for signature in summary.signatures] == ["serving_default"]
    assert summary.ops["DepthwiseConv2dNative"] > 0
    assert list(summary.ops.values()) == sorted(summary.ops.values(), reverse=True)
    assert summary.variable_bytes == sum(v.nbytes for v in summary.variables) == 289720
    assert summary.graph_bytes == (KWS / "saved_model.pb").stat().st_size
    assert summary.checkpoint_bytes > summary.variable_bytes
    assert (summary.assets, summary.asset_bytes) == ((), 0)


# ---- the directory and its tag sets ---------------------------------------------------------------------


def test_text_format(tmp_path):
    proto = protos.SavedModel(
        saved_model_schema_version=1, meta_graphs=[meta_graph("serve", nodes=[node("a", "NoOp")])]
    )
    (tmp_path / "saved_model.pbtxt").write_text(text_format.MessageToString(proto))
    assert list(SavedModel.open(tmp_path).nodes) == ["a"]


TWO = [meta_graph("serve", nodes=[node("s", "NoOp")]), meta_graph("serve", "gpu", nodes=[node("g", "NoOp")])]
TAGS = [
    (TWO, None, "s"),
    (TWO, "serve", "s"),
    (TWO, ["serve"], "s"),
    (TWO, {"gpu", "serve"}, "g"),
    (TWO[1:], None, "g"),
    ([meta_graph(nodes=[node("n", "NoOp")])], (), "n"),
]


@pytest.mark.parametrize(("graphs", "tags", "expected"), TAGS)
def test_the_meta_graph_is_chosen_by_its_tags(tmp_path, graphs, tags, expected):
    model = SavedModel.open(write_model(tmp_path, *graphs), tags)
    assert list(model.nodes) == [expected]
    assert model.tag_sets == [frozenset(graph.meta_info_def.tags) for graph in graphs]


BAD_TAGS = [
    (TWO, "gpu", r"no meta graph with the tags \{'gpu'\}; it has \{'serve'\}, \{'gpu', 'serve'\}"),
    (TWO, (), r"no meta graph with the tags \{\}"),
    ([TWO[1], TWO[1]], None, r"no meta graph with the tags \{'serve'\}"),
    ([TWO[0], TWO[0]], None, r"more than one meta graph"),
]


@pytest.mark.parametrize(("graphs", "tags", "message"), BAD_TAGS)
def test_other_tags_are_a_usage_error(tmp_path, graphs, tags, message):
    with pytest.raises(UsageError, match=message):
        SavedModel.open(write_model(tmp_path, *graphs), tags)


BAD_FILES = [
    (b"", "empty"),
    (b"\xff" * 50, "corrupt SavedModel"),
    (protos.SavedModel(saved_model_schema_version=1).SerializeToString(), "with a meta graph"),
    (protos.SavedModel(saved_model_schema_version=9, meta_graphs=TWO).SerializeToString(), "schema version 1"),
    (protos.SavedModel(meta_graphs=TWO).SerializeToString()[:-2], "corrupt SavedModel"),
]


@pytest.mark.parametrize(("data", "message"), BAD_FILES)
def test_damaged_files_are_refused(tmp_path, data, message):
    (tmp_path / "saved_model.pb").write_bytes(data)
    with pytest.raises(FormatError, match=message):
        SavedModel.open(tmp_path)


def test_what_is_not_a_saved_model_is_refused(tmp_path):
    with pytest.raises(FormatError, match=r"does not exist"):
        SavedModel.open(tmp_path / "nowhere")
    with pytest.raises(FormatError, match=r"no saved_model\.pb"):
        SavedModel.open(tmp_path)
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(FormatError, match="is not a directory"):
        SavedModel.open(tmp_path / "file")
    (tmp_path / "saved_model.cpb").write_bytes(b"x")
    with pytest.raises(FormatError, match="chunked"):
        SavedModel.open(tmp_path)


# ---- signatures -------------------------------------------------------------------------------------------


def signature_graph():
    info = protos.TensorInfo
    signature = protos.SignatureDef(
        inputs={
            "b": info(name="b:0", dtype=1, tensor_shape=shape(-1, 3)),
            "a": info(name="a:0", dtype=7, tensor_shape=protos.TensorShapeProto(unknown_rank=True)),
            "s": info(coo_sparse={"values_tensor_name": "v:0"}, dtype=3),
        },
        outputs={"y": info(name="y:0", dtype=14, tensor_shape=shape())},
        method_name="tensorflow/serving/predict",
        defaults={"b": protos.TensorProto(dtype=1, tensor_shape=shape(1, 3), float_val=[2])},
    )
    init = protos.SignatureDef(outputs={"__saved_model_init_op": info(name="setup:0")})
    signatures = {"main": signature, "__saved_model_init_op": init, "__saved_model_train_op": init}
    return meta_graph("serve", signature_def=signatures)


def test_signatures(tmp_path):
    model = SavedModel.open(write_model(tmp_path, signature_graph()))
    assert list(model.signatures) == ["main"]
    signature = model.signature("main")
    assert [str(value) for value in signature.inputs.values()] == [
        "a: string[...]",
        "b: float32[?, 3]",
        "s: int32[] (sparse)",
    ]
    assert str(signature.outputs["y"]) == "y: bfloat16[]"
    assert signature.inputs["b"].tensor_name == "b:0"
    assert signature.default("b").tolist() == [[2, 2, 2]]
    assert signature.default("a") is None
    assert model.init_op == "setup"
    with pytest.raises(UsageError, match="no signature 'other'; it has 'main'"):
        model.signature("other")


def test_a_model_of_nothing(tmp_path):
    model = SavedModel.open(write_model(tmp_path, meta_graph("serve")))
    assert (model.signatures, model.variables, model.functions, model.assets) == ({}, [], {}, [])
    assert (model.checkpoint, model.init_op, model.debug_info, model.is_tf2) == (None, "", None, False)
    with pytest.raises(UsageError, match="no variable 'w'"):
        model.variable_array("w")
    assert model.summary().ops == {}


@pytest.mark.parametrize(
    ("collections", "expected"),
    [({"legacy_init_op": ["a"]}, "a"), ({"legacy_init_op": ["a"], "saved_model_main_op": ["b"]}, "b")],
)
def test_initialization_of_tf1_models(tmp_path, collections, expected):
    fields = {name: protos.CollectionDef(node_list={"value": value}) for name, value in collections.items()}
    assert SavedModel.open(write_model(tmp_path, meta_graph("serve", collection_def=fields))).init_op == expected


# ---- variables of TF1-style models --------------------------------------------------------------------------

W = np.arange(12, dtype=np.float32).reshape(4, 3)
B = np.arange(3, dtype=np.float32)


def variable(name: str, *sizes: int, op: str = "VarHandleOp", shared: str = ""):
    attributes = {"dtype": protos.AttrValue(type=1), "shape": protos.AttrValue(shape=shape(*sizes))}
    return node(name, op, shared_name=text(shared), **attributes)


def restore_nodes():
    """A graph that puts ``old/w`` in w (by two nodes of one name), slices of ``parts`` in p0 and p1, ``b`` in b."""
    return [
        variable("w", 4, 3, shared="shared_w"),
        variable("w_again", 4, 3, shared="shared_w"),
        variable("p0", 1, 3),
        variable("p1", 3, 3),
        variable("b", 3, op="VariableV2"),
        variable("never_restored", 3),
        strings("names", "old/w", "parts", "parts", "b"),
        strings("slices", "", "4 3 0,1:-", "4 3 1,3:-", ""),
        node("file", "Const"),
        node("RestoreV2", "RestoreV2", "file", "names", "slices"),
        node("value", "Identity", "RestoreV2"),
        node("a0", "AssignVariableOp", "w", "value"),
        node("a1", "AssignVariableOp", "p0", "RestoreV2:1"),
        node("a2", "AssignVariableOp", "p1", "RestoreV2:2"),
        node("a3", "Assign", "b", "RestoreV2:3"),
        node("restore_shard", "NoOp", "^a0", "^a1", "^a2", "^a3"),
        node("restore_all", "NoOp", "^restore_shard"),
        # Another restore, of a warm start, that loading the model does not run:
        strings("other_names", "elsewhere"),
        node("other", "RestoreV2", "file", "other_names", "slices"),
        node("a4", "AssignVariableOp", "never_restored", "other"),
    ]


def tf1_model(path: Path, nodes) -> SavedModel:
    writer = CheckpointWriter()
    writer.add("old/w", W)
    writer.add_sliced("parts", W, [((0, 1), (0, -1)), ((1, 3), (0, -1))])
    writer.add("b", B)
    saver = protos.SaverDef(restore_op_name="restore_all", version=2)
    return SavedModel.open(write_model(path, meta_graph("serve", nodes=nodes, saver_def=saver), checkpoint=writer))


def test_variables_follow_the_restore_graph(tmp_path):
    model = tf1_model(tmp_path, restore_nodes())
    assert [v.name for v in model.variables] == ["shared_w", "p0", "p1", "b", "never_restored"]
    for name, expected in {"shared_w": W, "w": W, "w_again": W, "p0": W[:1], "p1": W[1:], "b": B}.items():
        assert np.array_equal(model.variable_array(name), expected)
        assert model.variable_array(name).shape == expected.shape
    with pytest.raises(FormatError, match="'never_restored' has no value"):
        model.variable_array("never_restored")
    with pytest.raises(UsageError, match="shared_w, p0, p1, b, never_restored"):
        model.variable_array("nope")


def test_without_a_restore_graph_names_decide(tmp_path):
    model = tf1_model(tmp_path, [variable("b", 3, op="VariableV2"), variable("x", 4, 3, shared="old/w")])
    assert np.array_equal(model.variable_array("b"), B)
    assert np.array_equal(model.variable_array("x"), W)


def test_a_value_of_another_shape_is_refused(tmp_path):
    model = tf1_model(tmp_path, [variable("b", 4, op="VariableV2")])
    with pytest.raises(FormatError, match=r"'b' is declared as float32 \(4,\), its tensor 'b' is float32 \(3,\)"):
        model.variable_array("b")


def test_a_circle_of_identities_is_refused(tmp_path):
    nodes = [n for n in restore_nodes() if n.name != "value"]
    model = tf1_model(tmp_path, [*nodes, node("value", "Identity", "value")])
    with pytest.raises(FormatError, match="circle"):
        _ = model.variables


def test_a_variable_restored_twice_is_refused(tmp_path):
    nodes = restore_nodes()
    next(n for n in nodes if n.name == "a3").input[0] = "w_again"
    with pytest.raises(FormatError, match="'shared_w' is restored from several tensors: b, old/w"):
        _ = tf1_model(tmp_path, nodes).variables


def test_checkpoints_of_the_first_format_are_refused(tmp_path):
    saver = protos.SaverDef(restore_op_name="x", version=1)
    path = write_model(tmp_path, meta_graph("serve", saver_def=saver), checkpoint=CheckpointWriter())
    with pytest.raises(FormatError, match=r"V1 format.*\n.*Fix: load and save"):
        _ = SavedModel.open(path).checkpoint


def test_a_missing_index_is_refused(tmp_path):
    model = tf1_model(tmp_path, restore_nodes())
    (tmp_path / "variables" / "variables.index").unlink()
    with pytest.raises(FormatError, match="no such file"):
        model.variable_array("b")


# ---- objects of TF2 models ----------------------------------------------------------------------------------

Reference = protos.TrackableObjectGraph.TrackableObject.ObjectReference


def object_model(path: Path, bound=(1, 2, 3, 4, 5)) -> SavedModel:
    """The function f captures one object of each kind; the checkpoint numbers its objects in another way."""
    kinds = [
        {"user_object": {}},
        {"variable": {"dtype": 1, "shape": shape(4, 3), "name": "w"}},
        {"constant": {"operation": "c"}},
        {"asset": {"asset_file_def_index": 0}},
        {"resource": {}},
        {"captured_tensor": {"name": "t", "concrete_function": "g"}},
        {"function": {"concrete_functions": ["f"]}},
        {"bare_concrete_function": {"concrete_function_name": "f"}},
        {"user_object": {}},
    ]
    objects = protos.SavedObjectGraph(
        nodes=[protos.SavedObject(**kind) for kind in kinds],
        concrete_functions={"f": protos.SavedConcreteFunction(bound_inputs=bound)},
    )
    names = ["", "w", "c", "a", "table", "t", "call"]
    objects.nodes[0].children.extend(Reference(node_id=i, local_name=names[i]) for i in range(1, 7))
    objects.nodes[0].children.append(Reference(node_id=8, local_name="signatures"))
    objects.nodes[8].children.append(Reference(node_id=7, local_name="main"))
    objects.nodes[4].children.append(Reference(node_id=7, local_name="_initialize"))

    stored = protos.TrackableObjectGraph()
    stored.nodes.add().children.append(Reference(node_id=2, local_name="w"))
    stored.nodes.add()
    stored.nodes.add().attributes.add(name="VARIABLE_VALUE", checkpoint_key="w/.ATTRIBUTES/VARIABLE_VALUE")
    value = np.empty((), np.object_)
    value[()] = stored.SerializeToString()
    writer = CheckpointWriter()
    writer.add("w/.ATTRIBUTES/VARIABLE_VALUE", W)
    writer.add(OBJECT_GRAPH_KEY, value)

    function = protos.FunctionDef(signature={"name": "f"})
    function.signature.input_arg.extend([protos.OpDef.ArgDef(name=f"arg{i}") for i in range(6)])
    constant = strings("c", "hello")
    graph = meta_graph("serve", nodes=[constant], object_graph_def=objects, asset_file_def=[{"filename": "v.txt"}])
    graph.graph_def.library.function.append(function)
    (path / "assets").mkdir(parents=True)
    (path / "assets" / "v.txt").write_text("a\nb\n")
    return SavedModel.open(write_model(path, graph, checkpoint=writer))


def test_captures_of_every_kind(tmp_path):
    model = object_model(tmp_path)
    captures = model.captures("f")
    assert [c.kind for c in captures] == ["variable", "constant", "asset", "resource", "captured_tensor"]
    assert [c.argument_name for c in captures] == [f"arg{i}" for i in range(1, 6)]
    assert [c.name for c in captures] == ["w", "c", "", "", "t"]
    assert np.array_equal(model.variable_array(captures[0].node_id), W)
    assert captures[0].key == "w/.ATTRIBUTES/VARIABLE_VALUE"
    assert model.constant_array(captures[1].node_id).tolist() == [b"hello"]
    assert model.constant_array("c").tolist() == [b"hello"]
    assert model.asset(captures[2].node_id).path.read_text() == "a\nb\n"
    assert model.resource_functions(captures[3].node_id) == {"_initialize": "f"}
    assert model.signature_functions == {"main": "f"}
    assert model.concrete_functions(6) == model.concrete_functions(7) == ["f"]
    assert model.concrete_functions(1) == []


def test_wrong_references_are_refused(tmp_path):
    model = object_model(tmp_path, bound=[77])
    with pytest.raises(FormatError, match="node 77 of 9"):
        model.captures("f")
    with pytest.raises(UsageError, match="no function 'g'"):
        model.captures("g")
    with pytest.raises(UsageError, match="node 2 of the object graph is not a variable"):
        model.variable_array(2)
    with pytest.raises(FormatError, match="no constant"):
        model.constant_array(3)
    with pytest.raises(FormatError, match="not one of the 1 assets"):
        model.asset(1)


def test_more_captures_than_arguments_are_refused(tmp_path):
    with pytest.raises(FormatError, match="6 arguments and 7 captures"):
        object_model(tmp_path, bound=[1] * 7).captures("f")


# ---- assets -------------------------------------------------------------------------------------------------


def asset_model(path: Path, filename: str) -> SavedModel:
    return SavedModel.open(write_model(path, meta_graph("serve", asset_file_def=[{"filename": filename}])))


@pytest.mark.parametrize("filename", ["../secret", "/etc/passwd", "a/../../../secret", "..\\secret", "", "a\0b"])
def test_assets_outside_the_directory_are_refused(tmp_path, filename):
    (tmp_path / "secret").write_text("s")
    with pytest.raises(FormatError, match="outside the model's directory"):
        _ = asset_model(tmp_path / "model", filename).assets


def test_links_out_of_the_directory_are_refused(tmp_path):
    (tmp_path / "secret").write_text("s")
    (tmp_path / "model" / "assets").mkdir(parents=True)
    (tmp_path / "model" / "assets" / "v").symlink_to(tmp_path / "secret")
    with pytest.raises(FormatError, match="link out of the directory"):
        _ = asset_model(tmp_path / "model", "v").assets


def test_missing_assets_are_refused(tmp_path):
    with pytest.raises(FormatError, match=r"'v\.txt' is missing"):
        _ = asset_model(tmp_path, "v.txt").assets


def test_assets_of_tf1_models(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "v.txt").write_text("x")
    asset = protos.AssetFileDef(tensor_info={"name": "path:0"}, filename="v.txt").SerializeToString()
    collection = protos.CollectionDef(any_list={"value": [{"type_url": "t/tensorflow.AssetFileDef", "value": asset}]})
    graph = meta_graph("serve", collection_def={"saved_model_assets": collection})
    (found,) = SavedModel.open(write_model(tmp_path, graph)).assets
    assert (found.tensor_name, found.filename, found.path.read_text()) == ("path:0", "v.txt", "x")
