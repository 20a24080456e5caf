"""Models saved by TensorFlow itself: every variable, signature, capture, table and asset agrees with what it loads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from litesmith.formats.saved_model import Checkpoint, SavedModel, protos, read_graph_def, to_array
from tests.formats.saved_model.test_reader import KWS, needs_kws

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.tf

RNG = np.random.default_rng(11)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def assert_values(model: SavedModel, expected: dict[str, np.ndarray]) -> None:
    """By own name, and by every node of the graph that stands for the variable."""
    by_name = {variable.name: variable for variable in model.variables}
    for name, value in expected.items():
        variable = by_name[name.removesuffix(":0")]
        assert variable.graph_nodes
        for reference in (variable.name, *variable.graph_nodes):
            actual = model.variable_array(reference)
            assert actual.dtype == np.asarray(value).dtype
            assert np.array_equal(actual, value), name


# ---- TF2 ----------------------------------------------------------------------------------------------------------


class Module(tf.Module):  # type: ignore[name-defined]  # the test's own import of TensorFlow has no types
    """Variables of many types and sizes, a constant, a table with its file."""

    def __init__(self, vocabulary: str) -> None:
        super().__init__()
        self.w = tf.Variable(normal(200, 130), name="w")
        self.same_name = [tf.Variable(normal(3), name="v"), tf.Variable(normal(3), name="v")]
        self.half = tf.Variable(tf.cast(normal(5, 2), tf.bfloat16), name="half")
        self.count = tf.Variable(3, dtype=tf.int64, trainable=False, name="count")
        self.flag = tf.Variable([True, False], name="flag")
        self.empty = tf.Variable(tf.zeros([0, 3]), name="empty")
        self.words = tf.Variable([b"a\0", b"", b"ccc"], name="words")
        self.complex = tf.Variable(tf.complex(normal(2), normal(2)), name="complex")
        self.constant = tf.constant(normal(4, 3), name="constant")
        init = tf.lookup.TextFileInitializer(
            vocabulary, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        self.table = tf.lookup.StaticHashTable(init, -1)

    @tf.function(input_signature=[tf.TensorSpec([None, 200], name="x"), tf.TensorSpec([], tf.string, name="word")])
    def main(self, x, word):
        self.count.assign_add(1)
        y = x @ self.w
        y += tf.cast(tf.reduce_sum(self.half), tf.float32) + self.same_name[0][0] + self.same_name[1][1]
        return {"y": y + tf.reduce_sum(self.constant), "index": self.table.lookup(word)}

    @tf.function(input_signature=[tf.TensorSpec([2, None], tf.int32, name="z")])
    def other(self, z):
        return {"doubled": z * 2}


@pytest.fixture(scope="module")
def tf2(tmp_path_factory):
    """(module, directory) of a model with two signatures."""
    folder = tmp_path_factory.mktemp("tf2")
    (folder / "vocabulary.txt").write_text("zero\none\n")
    module = Module(str(folder / "vocabulary.txt"))
    tf.saved_model.save(module, str(folder / "m"), signatures={"main": module.main, "other": module.other})
    (folder / "vocabulary.txt").unlink()
    return module, folder / "m"


def test_tf2_variables(tf2):
    module, path = tf2
    model = SavedModel.open(path)
    names = ("w", "half", "count", "flag", "empty", "words", "complex")
    assert_values(model, {name: getattr(module, name).numpy() for name in names})
    found = sorted(model.variable_array(v.node_id).tolist() for v in model.variables if v.name == "v")
    assert found == sorted(v.numpy().tolist() for v in module.same_name)


def test_tf2_names_shared_by_several_variables_are_not_guessed(tf2):
    module, path = tf2
    model = SavedModel.open(path)
    keys = {f"same_name/{i}/.ATTRIBUTES/VARIABLE_VALUE": variable for i, variable in enumerate(module.same_name)}
    for key, variable in keys.items():
        assert np.array_equal(model.variable_array(key), variable.numpy())
        for node in model.variable(key).graph_nodes:
            assert np.array_equal(model.variable_array(node), variable.numpy())


def test_tf2_signatures(tf2):
    model = SavedModel.open(tf2[1])
    shown = {
        key: [str(tensor) for tensor in [*signature.inputs.values(), *signature.outputs.values()]]
        for key, signature in model.signatures.items()
    }
    assert shown == {
        "main": ["word: string[]", "x: float32[?, 200]", "index: int64[]", "y: float32[?, 130]"],
        "other": ["z: int32[2, ?]", "doubled: int32[2, ?]"],
    }


def test_tf2_captures(tf2):
    module, path = tf2
    model = SavedModel.open(path)
    captures = model.captures(model.signature_functions["main"])
    assert {capture.kind for capture in captures} >= {"variable", "constant", "resource"}
    values = {c.name: model.variable_array(c.node_id) for c in captures if c.kind == "variable" and c.name != "v"}
    assert sorted(values) == ["count", "half", "w"]
    assert all(np.array_equal(value, getattr(module, name).numpy()) for name, value in values.items())
    constants = [model.constant_array(c.node_id) for c in captures if c.kind == "constant"]
    assert any(np.array_equal(value, module.constant.numpy()) for value in constants)
    (table,) = {c.node_id for c in captures if c.kind == "resource"}
    functions = model.resource_functions(table)
    assert {"_create_resource", "_initialize"} <= set(functions)
    (asset,) = [c for c in model.captures(functions["_initialize"]) if c.kind == "asset"]
    assert model.asset(asset.node_id).path.read_text() == "zero\none\n"
    assert [a.filename for a in model.assets] == ["vocabulary.txt"]
    assert model.init_op in model.nodes


def test_tf2_agrees_with_the_restore_graph(tf2):
    """Object graph and restore function are two ways to say where a variable lies."""
    model = SavedModel.open(tf2[1])
    assert model._restored_variables
    for variable in model.variables:
        assert {model._restored_variables[node].key for node in variable.graph_nodes} == {variable.key}


def test_tf2_op_defs_and_summary(tf2):
    model = SavedModel.open(tf2[1])
    assert model.op_defs["MatMul"].attr
    summary = model.summary()
    assert summary.tensorflow_version == tf.__version__
    assert summary.assets == ("vocabulary.txt",)
    assert summary.asset_bytes == len("zero\none\n")
    assert summary.ops["MatMul"] == 1
    assert summary.tf2


def test_a_checkpoint_of_its_own(tf2, tmp_path):
    module, _ = tf2
    prefix = tf.train.Checkpoint(m=module).write(str(tmp_path / "ckpt"))
    ours, theirs = Checkpoint.open(prefix), tf.train.load_checkpoint(prefix)
    names = set(theirs.get_variable_to_shape_map())
    assert set(ours.names()) == names
    for name in names:
        assert ours.tensor(name).tolist() == np.asarray(theirs.get_tensor(name), object).tolist()


def test_a_model_of_nothing_but_a_function(tmp_path):
    module = tf.Module()
    module.f = tf.function(lambda x: x + 1, input_signature=[tf.TensorSpec([3])])
    tf.saved_model.save(module, str(tmp_path), signatures={})
    model = SavedModel.open(tmp_path)
    assert (model.signatures, model.variables) == ({}, [])
    (function,) = [name for name in model.functions if name.startswith("__inference_<lambda>")]
    assert model.captures(function) == []


# ---- Keras --------------------------------------------------------------------------------------------------------


def keras_model():
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("Keras runs on another backend")
    layers = [keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization(), keras.layers.Flatten()]
    model = keras.Sequential([keras.Input((8, 8, 3)), *layers, keras.layers.Dense(5), keras.layers.Dense(2)])
    model.set_weights([np.abs(normal(*w.shape)) + 0.1 for w in model.get_weights()])
    return model


def save_by_export(model, path: str) -> str:
    model.export(path, verbose=False)
    return "serving_default"


def save_with_signatures(model, path: str) -> str:
    serve = tf.function(lambda x: {"y": model(x)}, input_signature=[tf.TensorSpec([None, 8, 8, 3])])
    tf.saved_model.save(model, path, signatures={"serve_it": serve})
    return "serve_it"


@pytest.mark.keras
@pytest.mark.parametrize("save", [save_by_export, save_with_signatures])
def test_keras(tmp_path, save):
    """What the signature captures is exactly the model's weights, in whatever way it was saved."""
    source = keras_model()
    key = save(source, str(tmp_path))
    model = SavedModel.open(tmp_path)
    captures = model.captures(model.signature_functions[key])
    actual = {c.name: model.variable_array(c.node_id) for c in captures}
    expected = {variable.path: np.asarray(variable) for variable in source.variables}
    assert len(captures) == len(actual) == len(expected) == 10
    assert sorted(actual) == sorted(expected)
    assert all(np.array_equal(actual[name], value) for name, value in expected.items())


# ---- TF1 style ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", [True, False], ids=["resource variables", "reference variables"])
def test_tf1(tmp_path, resource):
    """Partitioned variables, a table with an asset, two meta graphs of one checkpoint, an init op."""
    v1 = tf.compat.v1
    (tmp_path / "words.txt").write_text("a\nb\n")
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 10], "x")
        options = {"use_resource": resource, "initializer": v1.random_normal_initializer(seed=3)}
        rows, columns = v1.fixed_size_partitioner(3), v1.fixed_size_partitioner(2, axis=1)
        w = v1.get_variable("scope/w", [10, 4], partitioner=rows, **options)
        c = v1.get_variable("c", [10, 4], partitioner=columns, **options)
        b = v1.get_variable("b", [4], **options)
        file = tf.constant(str(tmp_path / "words.txt"), name="file")
        keys, values = tf.constant(["a", "b"]), tf.constant([0, 1], tf.int64)
        tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), -1)
        y = tf.matmul(x, tf.concat(list(w), 0)) + tf.matmul(x, tf.concat(list(c), 1)) + b
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        builder = v1.saved_model.Builder(str(tmp_path / "m"))
        signature = v1.saved_model.predict_signature_def({"x": x}, {"y": y})
        builder.add_meta_graph_and_variables(
            session, ["serve"], {"serving_default": signature}, [file], main_op=v1.tables_initializer()
        )
        builder.add_meta_graph(["serve", "again"])
        builder.save()
        parts = {v.op.name: session.run(v) for v in [*w, *c, b]}
        whole = {"scope/w": np.concatenate(session.run(list(w)), 0), "c": np.concatenate(session.run(list(c)), 1)}
    model = SavedModel.open(tmp_path / "m")
    assert not model.is_tf2
    assert len(parts) == 6
    assert_values(model, parts)
    assert model.checkpoint is not None
    for name, value in whole.items():
        assert np.array_equal(model.checkpoint.tensor(name), value)
    assert str(model.signatures["serving_default"].inputs["x"]) == "x: float32[?, 10]"
    assert model.nodes[model.init_op].op == "NoOp"
    assert [asset.path.read_text() for asset in model.assets] == ["a\nb\n"]
    assert model.nodes[model.assets[0].tensor_name.removesuffix(":0")].op == "Const"
    assert_values(SavedModel.open(tmp_path / "m", {"serve", "again"}), parts)


@pytest.mark.parametrize("as_text", [False, True])
def test_a_frozen_graph(tmp_path, as_text):
    function = tf.function(lambda x: tf.nn.relu(x) * normal(3), input_signature=[tf.TensorSpec([None, 3])])
    graph = function.get_concrete_function().graph.as_graph_def()
    tf.io.write_graph(graph, str(tmp_path), "g.pbtxt" if as_text else "g.pb", as_text)
    ours = read_graph_def(tmp_path / ("g.pbtxt" if as_text else "g.pb"))
    assert [(node.name, node.op, list(node.input)) for node in ours.node] == [
        (node.name, node.op, list(node.input)) for node in graph.node
    ]


# ---- the formats --------------------------------------------------------------------------------------------------


TYPES = ["float32", "float64", "int32", "uint8", "int16", "int8", "complex64", "int64", "bool", "qint8", "quint8",
         "qint32", "qint16", "quint16", "bfloat16", "uint16", "complex128", "float16", "uint32", "uint64",
         "float8_e5m2", "float8_e4m3fn", "int4", "uint4", "string"]  # fmt: skip


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (40,)], ids=str)
def test_tensor_protos(name, shape):
    dtype = tf.dtypes.as_dtype(name)
    values = np.arange(np.prod(shape, dtype=int)).reshape(shape) % 2
    theirs = np.full(shape, b"x\0", object) if name == "string" else values.astype(dtype.as_numpy_dtype)
    proto = tf.make_tensor_proto(theirs, dtype, shape)
    ours = to_array(protos.TensorProto.FromString(proto.SerializeToString()))
    assert ours.shape == shape
    same = theirs if name == "string" else values
    assert ours.tolist() == np.asarray(same, ours.dtype).tolist()


def test_messages_are_wire_compatible():
    """Every field of ours has the number, type and label that TensorFlow gives it."""
    from tensorflow.core.framework import graph_debug_info_pb2, variable_pb2
    from tensorflow.core.protobuf import saved_model_pb2, tensor_bundle_pb2, trackable_object_graph_pb2

    pending = [
        (protos.SavedModel.DESCRIPTOR, saved_model_pb2.SavedModel.DESCRIPTOR),
        (protos.TrackableObjectGraph.DESCRIPTOR, trackable_object_graph_pb2.TrackableObjectGraph.DESCRIPTOR),
        (protos.BundleHeaderProto.DESCRIPTOR, tensor_bundle_pb2.BundleHeaderProto.DESCRIPTOR),
        (protos.BundleEntryProto.DESCRIPTOR, tensor_bundle_pb2.BundleEntryProto.DESCRIPTOR),
        (protos.GraphDebugInfo.DESCRIPTOR, graph_debug_info_pb2.GraphDebugInfo.DESCRIPTOR),
        (protos.VariableDef.DESCRIPTOR, variable_pb2.VariableDef.DESCRIPTOR),
    ]
    seen = set()
    while pending:
        ours, theirs = pending.pop()
        if ours.full_name in seen:
            continue
        seen.add(ours.full_name)
        for field in ours.fields:
            other = theirs.fields_by_name[field.name]
            assert (field.number, field.type) == (other.number, other.type), field.full_name
            assert field.message_type is not None or field.is_packed == other.is_packed
            assert ours.GetOptions().map_entry == theirs.GetOptions().map_entry
            if field.message_type is not None:
                pending.append((field.message_type, other.message_type))
            if field.enum_type is not None:
                known = field.enum_type.values_by_name
                assert {n: known[n].number for n in known} == {
                    n: other.enum_type.values_by_name[n].number for n in known
                }
    assert len(seen) > 60


BESIDE = """
import sys, numpy as np
{first}
from litesmith.formats.saved_model import SavedModel
model = SavedModel.open(sys.argv[1])
value = model.variable_array("conv2d/kernel")
{second}
loaded = tf.saved_model.load(sys.argv[1])
assert any(np.array_equal(value, v.numpy()) for v in loaded.variables)
from tensorflow.core.framework import node_def_pb2
from litesmith.formats.saved_model import protos
theirs = node_def_pb2.NodeDef.FromString(protos.NodeDef(name="n", op="Relu").SerializeToString())
assert theirs.op == "Relu" and type(theirs) is not protos.NodeDef
assert SavedModel.open(sys.argv[1]).signatures
print("both")
"""


@needs_kws
@pytest.mark.parametrize("tensorflow_first", [True, False])
def test_beside_tensorflow_in_one_process(tensorflow_first):
    load = "import tensorflow as tf"
    script = BESIDE.format(first=load if tensorflow_first else "", second="" if tensorflow_first else load)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "src")}
    done = subprocess.run(
        [sys.executable, "-c", script, str(KWS)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "both", done.stderr
