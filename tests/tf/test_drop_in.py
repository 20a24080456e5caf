"""Code written for ``tf.lite`` with only the import changed: both converters are given the same program."""

from __future__ import annotations

import os
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
tf = pytest.importorskip("tensorflow")

import litesmith  # noqa: E402
from litesmith._util.fingerprint import fingerprint64  # noqa: E402
from litesmith.formats.tflite import read_model  # noqa: E402
from litesmith.formats.tflite.flexbuffer import read_map  # noqa: E402
from litesmith.lite.attributes import ALIASES, V1, V2  # noqa: E402
from litesmith.runtime import Runner  # noqa: E402

pytestmark = [pytest.mark.tf, pytest.mark.slow]

Converter = Callable[[Any], Any]


class Numbers(tf.Module):  # type: ignore[misc]
    """Two functions that share a weight, with several inputs and outputs."""

    def __init__(self) -> None:
        self.weight = tf.Variable(np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3), name="weight")

    @tf.function(
        input_signature=[
            tf.TensorSpec((1, 4), tf.float32, name="zz"),
            tf.TensorSpec((1, 4), tf.float32, name="aa"),
            tf.TensorSpec((1,), tf.int32, name="number"),
        ]
    )
    def mix(self, zz, aa, number):
        product = tf.matmul(zz, self.weight)
        return {"result": product + tf.cast(number, tf.float32), "difference": zz - aa, "again": number + 1}

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x")])
    def apply(self, x):
        return tf.matmul(x, self.weight), x * 2.0

    @tf.function
    def nested(self, first, second):
        return first["p"] + 2 * first["a"] + second[0] * second[1]

    @tf.function(input_signature=[tf.TensorSpec((2, 3), tf.float32, name="x")])
    def plain(self, x):
        return tf.nn.relu(x), x, x


NUMBERS = Numbers()
PAIR = tf.TensorSpec((2,), tf.float32)
NESTED = NUMBERS.nested.get_concrete_function({"p": PAIR, "a": PAIR}, (PAIR, PAIR))
MIX, APPLY, PLAIN = (f.get_concrete_function() for f in (NUMBERS.mix, NUMBERS.apply, NUMBERS.plain))

CONCRETE: dict[str, Converter] = {
    "owned": lambda lite: lite.TFLiteConverter.from_concrete_functions([MIX], NUMBERS),
    "not owned": lambda lite: lite.TFLiteConverter.from_concrete_functions([MIX]),
    "dynamic batch": lambda lite: lite.TFLiteConverter.from_concrete_functions([APPLY], NUMBERS),
    "dynamic batch, not owned": lambda lite: lite.TFLiteConverter.from_concrete_functions([APPLY]),
    "several": lambda lite: lite.TFLiteConverter.from_concrete_functions([MIX, APPLY], NUMBERS),
    "nested": lambda lite: lite.TFLiteConverter.from_concrete_functions([NESTED], NUMBERS),
    "nested, not owned": lambda lite: lite.TFLiteConverter.from_concrete_functions([NESTED]),
    "passed through": lambda lite: lite.TFLiteConverter.from_concrete_functions([PLAIN], NUMBERS),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved")
    tf.saved_model.save(NUMBERS, str(path), signatures={"zed": MIX, "alpha": APPLY})
    return path


def keras_list() -> Any:
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(3)
    zeta, alpha, mid = (keras.Input(s, name=n) for s, n in (((4,), "zeta"), ((4,), "alpha"), ((2, 3), "mid")))
    dense = keras.layers.Dense(3, name="first")(keras.layers.Concatenate()([zeta, alpha]))
    return keras.Model([zeta, alpha, mid], [dense, keras.layers.Flatten(name="second")(mid)])


@pytest.mark.parametrize("name", CONCRETE)
def test_concrete_functions(name: str) -> None:
    check_same(CONCRETE[name])


@pytest.mark.parametrize("keys", (None, ["zed"], ["zed", "alpha"]))
def test_saved_model(saved: Path, keys: list[str] | None) -> None:
    check_same(lambda lite: lite.TFLiteConverter.from_saved_model(str(saved), signature_keys=keys))


def keras_sequential() -> Any:
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(4)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="relu")])


def keras_dict_of_results() -> Any:
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(5)
    x = keras.Input((4,), name="x")
    return keras.Model(x, {"two": keras.layers.Dense(3)(x), "one": x * 2.0})


def keras_subclassed() -> Any:
    keras = pytest.importorskip("keras")

    class Twice(keras.Model):  # type: ignore[misc]
        def call(self, values):
            return values * 2.0, values - 1.0

    model = Twice()
    model(np.zeros((1, 4), np.float32))
    return model


@pytest.mark.parametrize("make", (keras_list, keras_sequential, keras_dict_of_results, keras_subclassed))
def test_keras(make: Callable[[], Any]) -> None:
    model = make()
    check_same(lambda lite: lite.TFLiteConverter.from_keras_model(model))


def test_keras_export_has_one_signature(tmp_path: Path) -> None:
    keras_list().export(str(tmp_path / "model"))
    check_same(lambda lite: lite.TFLiteConverter.from_saved_model(str(tmp_path / "model")))


def test_first_converter(saved: Path) -> None:
    check_same(lambda lite: lite.compat_v1.TFLiteConverter.from_saved_model(str(saved), signature_key="alpha"))


def test_first_converter_orders_by_tensor_names(tmp_path: Path) -> None:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        z, a, m = (tf.compat.v1.placeholder(tf.float32, (2, 3), name=name) for name in ("zz", "aa", "mm"))
        results = {"q": tf.identity(z - a, name="o1"), "r": tf.identity(a * m, name="b2")}
        inputs = {"x": z, "y": a, "w": m}
        tf.compat.v1.saved_model.simple_save(session, str(tmp_path / "model"), inputs, results)
    arrays: dict[str, Any] = {"input_arrays": ["zz", "aa"], "output_arrays": ["o1"]}
    for options in ({}, arrays):
        check_same(lambda lite, o=options: lite.compat_v1.TFLiteConverter.from_saved_model(str(tmp_path / "model"), **o))


def test_a_constant_as_input() -> None:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, (2, 3), name="x")
        c = tf.constant(np.ones((2, 3), np.float32), name="c")
        y = tf.add(x, c, name="y")
        check_same(lambda lite: lite.compat_v1.TFLiteConverter.from_session(session, [x, c], [y]))


KERAS_2: dict[str, Callable[[Any], Any]] = {
    "list": lambda keras: _two_inputs(keras, list),
    "dict": lambda keras: _two_inputs(keras, dict),
    "sequential": lambda keras: keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]),
}


def _two_inputs(keras: Any, kind: type) -> Any:
    z, a = keras.Input((3,), name="zi"), keras.Input((3,), name="ai")
    results = [keras.layers.Dense(2, name="d1")(z), keras.layers.Dense(4, name="c1")(a)]
    if kind is dict:
        return keras.Model({"zi": z, "ai": a}, {"u": results[0], "b": results[1]})
    return keras.Model([z, a], results)


@pytest.mark.parametrize("name", KERAS_2)
def test_first_converter_takes_keras_2_files(name: str, tmp_path: Path) -> None:
    tf_keras = pytest.importorskip("tf_keras")
    KERAS_2[name](tf_keras).save(tmp_path / "m.h5")
    check_same(lambda lite: lite.compat_v1.TFLiteConverter.from_keras_model_file(str(tmp_path / "m.h5")))
    with tf.Graph().as_default():
        converter = litesmith.compat.v1.lite.TFLiteConverter.from_keras_model_file(str(tmp_path / "m.h5"))
        assert converter.convert()


@pytest.mark.parametrize("legacy", ("0", "1"))
def test_keras_2_files_have_the_outputs_of_keras_2(legacy: str, tmp_path: Path, monkeypatch: Any) -> None:
    tf_keras = pytest.importorskip("tf_keras")
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", legacy)
    model = _two_inputs(tf_keras, list)
    model.save(tmp_path / "m.h5")
    theirs = litesmith.Interpreter(model_content=tf.lite.TFLiteConverter.from_keras_model(model).convert())
    ours = litesmith.Interpreter(
        model_content=litesmith.TFLiteConverter.from_keras_file(str(tmp_path / "m.h5")).convert()
    )
    assert details(ours.get_output_details()) == details(theirs.get_output_details())
    assert ours.get_signature_list() == theirs.get_signature_list()


def test_classes_of_keras_2_come_with_its_files(tmp_path: Path) -> None:
    tf_keras = pytest.importorskip("tf_keras")

    class Doubled(tf_keras.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return inputs * 2.0

    model = tf_keras.Sequential([tf_keras.Input((4,)), Doubled(), tf_keras.layers.Dense(2)])
    model.save(tmp_path / "m.h5")
    x = np.float32([[1, -2, 3, 4]])
    (got,) = litesmith.convert(tmp_path / "m.h5", custom_objects={"Doubled": Doubled})(x).values()
    np.testing.assert_allclose(got, model(x), rtol=1e-5)


def test_arrays_of_a_keras_file(tmp_path: Path) -> None:
    tf_keras = pytest.importorskip("tf_keras")
    _two_inputs(tf_keras, list).save(tmp_path / "m.h5")
    first = litesmith.compat.v1.lite.TFLiteConverter
    arrays: dict[str, Any] = {"input_arrays": ["zi"], "output_arrays": ["d1/BiasAdd"]}
    with pytest.raises(ValueError, match="unsupported with Eager mode"):
        first.from_keras_model_file(str(tmp_path / "m.h5"), **arrays)
    with tf.Graph().as_default():
        made = litesmith.Interpreter(model_content=first.from_keras_model_file(tmp_path / "m.h5", **arrays).convert())
        with pytest.raises(ValueError, match="Invalid tensors 'nope'"):
            first.from_keras_model_file(tmp_path / "m.h5", input_arrays=["nope"])
    assert [d["name"] for d in made.get_input_details()] == ["zi"]
    assert [d["name"] for d in made.get_output_details()] == ["d1/BiasAdd"]
    with pytest.raises(ValueError, match="'nope'"):
        first.from_keras_model_file(tmp_path / "m.h5", input_shapes={"nope": [1, 3]})


def test_mistakes_are_told_when_constructing(saved: Path) -> None:
    first = litesmith.compat.v1.lite.TFLiteConverter
    with pytest.raises(ValueError, match="'nope'"):
        first.from_saved_model(str(saved), signature_key="alpha", input_shapes={"nope": [1, 4]})


def test_graphs_in_the_dot_language() -> None:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, (2, 3), name="x")
        converter = litesmith.compat.v1.lite.TFLiteConverter.from_session(session, [x], [tf.nn.relu(x, name="y")])
    converter.output_format = litesmith.compat.v1.lite.constants.GRAPHVIZ_DOT
    text = converter.convert().decode()
    assert text.startswith("digraph")
    assert 'label="RELU"' in text


# -- authoring --------------------------------------------------------------------------------------------------------


def test_compatible_methods_have_a_check_each() -> None:
    class Model(tf.Module):  # type: ignore[misc]
        def __init__(self, kind: str) -> None:
            self.kind = kind

        @litesmith.experimental.authoring.compatible
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def run(self, x: Any) -> Any:
            return tf.nn.relu(x) if self.kind == "fine" else tf.math.special.spence(tf.math.special.fresnel_cos(x))

    fine, other = Model("fine"), Model("other")
    assert fine.run(tf.constant([-1.0, 1.0])).numpy().tolist() == [0, 1]
    with pytest.warns(UserWarning, match="Select TF Ops"):
        other.run(tf.constant([1.0]))
    assert fine.run.get_compatibility_log() == []
    head, *details = other.run.get_compatibility_log()
    assert head.startswith("COMPATIBILITY WARNING: op 'tf.FresnelCos, tf.Spence' require(s) \"Select TF Ops\"")
    assert [line.split("\n")[0] for line in details] == ["Op: tf.FresnelCos", "Op: tf.Spence"]


def test_session() -> None:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, (2, 3), name="x")
        weight = tf.compat.v1.get_variable("w", initializer=np.eye(3, dtype=np.float32) * 3)
        y = tf.matmul(x, weight, name="y")
        session.run(tf.compat.v1.global_variables_initializer())
        check_same(lambda lite: lite.compat_v1.TFLiteConverter.from_session(session, [x], [y]))


# -- what both make ---------------------------------------------------------------------------------------------------

OFFICIAL = types.SimpleNamespace(TFLiteConverter=tf.lite.TFLiteConverter, compat_v1=tf.compat.v1.lite)
OURS = types.SimpleNamespace(TFLiteConverter=litesmith.TFLiteConverter, compat_v1=litesmith.compat.v1.lite)


def check_same(converter: Converter) -> None:
    """The same inputs and outputs, in the same order and by the same names; the same results; the same signatures."""
    theirs, ours = (litesmith.Interpreter(model_content=converter(lite).convert()) for lite in (OFFICIAL, OURS))
    assert details(ours.get_input_details()) == details(theirs.get_input_details())
    assert details(ours.get_output_details()) == details(theirs.get_output_details())
    for mine, original in zip(run(ours), run(theirs), strict=True):
        np.testing.assert_allclose(mine, original, rtol=1e-5, atol=1e-5)
    expected = theirs.get_signature_list()  # a frozen graph has none there; ours has one more way to call it
    assert not expected or ours.get_signature_list() == expected
    for key in expected:
        runners = [i.get_signature_runner(key) for i in (ours, theirs)]
        names = [[d["name"] for d in r.get_input_details().values()] for r in runners]
        assert names[0] == names[1]


def details(tensors: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(t["name"], t["dtype"], t["shape"].tolist(), t["shape_signature"].tolist()) for t in tensors]


def run(interpreter: Any) -> list[Any]:
    """Outputs of the first graph for numbers told by the inputs' places."""
    interpreter.allocate_tensors()
    rng = np.random.default_rng(5)
    for tensor in interpreter.get_input_details():
        interpreter.set_tensor(tensor["index"], (rng.uniform(-3, 3, tensor["shape"])).astype(tensor["dtype"]))
    interpreter.invoke()
    return [interpreter.get_tensor(t["index"]) for t in interpreter.get_output_details()]


# -- nothing of the original is missing --------------------------------------------------------------------------------

INTERNAL = set(
    "_debug_info _metadata _tflite_metrics _collected_converter_params _saved_model_tags _saved_model_version "
    "_saved_model_exported_names _trackable_obj saved_model_dir _funcs experimental_lower_to_saved_model _graph_def "
    "_input_tensors _output_tensors _control_output_arrays _debug_info_func".split()
)
"""What the original keeps for itself."""


OUR_ATTRIBUTES = {a.name for a in V2 if a.why.startswith("not in the original")}


def test_every_attribute_is_known(saved: Path) -> None:
    theirs = tf.lite.TFLiteConverter.from_concrete_functions([PLAIN], NUMBERS)
    assert set(vars(theirs)) - INTERNAL == {a.name for a in V2} - OUR_ATTRIBUTES
    first = tf.compat.v1.lite.TFLiteConverter.from_saved_model(str(saved), signature_key="alpha")
    assert set(vars(first)) - INTERNAL == {a.name for a in V1} - ALIASES - OUR_ATTRIBUTES


def test_defaults_are_those_of_the_original() -> None:
    theirs = vars(tf.lite.TFLiteConverter.from_concrete_functions([PLAIN], NUMBERS))
    plain = {a.name: a.default for a in V2 if isinstance(a.default, (bool, str, type(None)))}
    types = ("inference_input_type", "inference_output_type")
    different = [n for n, v in plain.items() if n not in (*types, *OUR_ATTRIBUTES, "target_spec") and theirs[n] != v]
    assert different == []


def test_every_flag_is_known() -> None:
    pytest.importorskip("click")
    from tensorflow.lite.python import tflite_convert

    from litesmith.cli.tflite_flags import FLAGS, SOURCES

    theirs = {
        option
        for current in (True, False)
        for action in tflite_convert._get_parser(current)._actions
        for option in action.option_strings
    }
    assert theirs - {"-h", "--help"} == {f.name for f in (*SOURCES, *FLAGS)}


def test_every_public_name_is_there() -> None:
    def names(module: Any) -> set[str]:
        return {n for n in dir(module) if not n.startswith("_")}

    assert names(tf.lite) <= names(litesmith.lite) | {"Interpreter"}
    assert names(tf.lite.experimental) <= set(litesmith.lite.experimental.__all__)
    assert names(tf.compat.v1.lite) - {"OpHint", "toco_convert"} <= set(
        litesmith.compat.v1.lite.__all__
    )
    assert names(tf.compat.v1.lite.constants) <= names(litesmith.compat.v1.lite.constants)
    assert {o.name: o.value for o in tf.lite.OpsSet} == {o.name: o.value for o in litesmith.OpsSet}
    assert {o.name: o.value for o in tf.lite.Optimize} == {o.name: o.value for o in litesmith.Optimize}


# -- errors, metadata, custom operators -------------------------------------------------------------------------------


def lower_case() -> Any:
    function = tf.function(tf.strings.lower)
    return function.get_concrete_function(tf.TensorSpec((3,), tf.string))


def test_errors_are_those_existing_code_catches(saved: Path) -> None:
    converter = litesmith.TFLiteConverter
    with pytest.raises(OSError, match="SavedModel file does not exist at"):
        converter.from_saved_model("/no/such/directory")
    with pytest.raises(ValueError, match=r"Invalid signature key 'no' found. Valid keys are"):
        converter.from_saved_model(str(saved), signature_keys=["no"])
    with pytest.raises(ValueError, match="tags"):
        converter.from_saved_model(str(saved), tags=["no"])
    with pytest.raises(ValueError, match="call get_concrete_function"):
        converter.from_concrete_functions([NUMBERS.nested])
    with pytest.raises(ValueError, match="No ConcreteFunction is specified"):
        converter.from_concrete_functions([])


def test_unsupported_operators_are_named_in_the_known_phrases() -> None:
    converter = litesmith.TFLiteConverter.from_concrete_functions([lower_case()])
    with pytest.raises(litesmith.ConverterError) as raised:
        converter.convert()
    text = str(raised.value)
    assert "Some ops are not supported by the native TFLite runtime" in text
    assert "TF Select ops: StringLower" in text
    assert "'tf.StringLower' op is neither a custom op nor a flex op" in text


def test_select_ops_are_those_that_need_be() -> None:
    converter = litesmith.TFLiteConverter.from_concrete_functions([lower_case()])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    assert [op.attrs["custom_code"] for op in read_model(converter.convert()).main.ops] == ["FlexStringLower"]


def test_select_ops_do_not_hinder_models_that_need_none(saved: Path) -> None:
    converter = litesmith.TFLiteConverter.from_saved_model(str(saved))
    converter.target_spec.supported_ops = {litesmith.OpsSet.TFLITE_BUILTINS, litesmith.OpsSet.SELECT_TF_OPS}
    assert converter.convert()


def test_conversion_metadata_is_read_by_tensorflow(saved: Path) -> None:
    from tensorflow.lite.python.util import get_conversion_metadata

    converter = litesmith.TFLiteConverter.from_saved_model(str(saved))
    content = converter.convert()
    found = get_conversion_metadata(content)
    assert found.environment.tensorflowVersion == f"litesmith {litesmith.__version__}".encode()
    assert (found.environment.apiVersion, found.environment.modelType) == (2, 1)
    assert found.environment.modelHash != 0
    assert content == converter.convert()
    converter.exclude_conversion_metadata = True
    assert get_conversion_metadata(converter.convert()) is None


def test_fingerprint() -> None:
    texts = ["", "a", "abc", "abcdefgh", "0123456789abcdef", *("xyz" * n for n in range(6, 90, 3))]
    expected = tf.fingerprint(texts).numpy().view("<u8").ravel().tolist()
    assert [fingerprint64(t) for t in texts] == expected


CUSTOM: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "one result": (tf.math.special.spence, [tf.TensorSpec((3, 3), tf.float32)]),
    "several results": (lambda x: tf.audio.decode_wav(x)[0], [tf.TensorSpec((), tf.string)]),
    "lists and types": (
        lambda x: tf.raw_ops.FractionalMaxPool(value=x, pooling_ratio=[1.0, 1.5, 1.5, 1.0])[0],
        [tf.TensorSpec((1, 8, 8, 1), tf.float32)],
    ),
}


@pytest.mark.parametrize("owned", (False, True))
@pytest.mark.parametrize("name", CUSTOM)
def test_custom_operators(name: str, owned: bool, tmp_path: Path) -> None:
    function, specs = CUSTOM[name]
    module = tf.Module()
    module.f = tf.function(lambda *args: function(*args))
    concrete = module.f.get_concrete_function(*specs)
    if owned:
        tf.saved_model.save(module, str(tmp_path), signatures=concrete)

    def convert(lite: Any) -> Any:
        made = (
            lite.TFLiteConverter.from_saved_model(str(tmp_path))
            if owned
            else lite.TFLiteConverter.from_concrete_functions([concrete])
        )
        made.allow_custom_ops = True
        return customs(made.convert())

    ours = convert(OURS)
    assert ours
    assert ours == convert(OFFICIAL)


@pytest.mark.parametrize("preserve", [False, True])
def test_assertions_stay_where_asked_for(preserve: bool) -> None:
    @tf.function(input_signature=[tf.TensorSpec((4,), tf.float32)])
    def checked(x):
        tf.debugging.Assert(tf.reduce_all(x < 1.0), [x])
        return x + 1.0

    made = litesmith.TFLiteConverter.from_concrete_functions([checked.get_concrete_function()], checked)
    made.target_spec.supported_ops = [litesmith.OpsSet.TFLITE_BUILTINS, litesmith.OpsSet.SELECT_TF_OPS]
    made._experimental_preserve_assert_op = preserve
    program = made.to_model(verify=False).program
    codes = [op.attrs["custom_code"] for graph in program.all_graphs() for op in graph.ops if op.name == "CUSTOM"]
    assert codes == (["FlexAssert"] if preserve else [])


def test_a_condition_that_is_no_scalar_is_true_unless_it_is_empty() -> None:
    @tf.function(input_signature=[tf.TensorSpec((4,), tf.float32)])
    def chosen(x):
        branches = [tf.function(lambda x, f=f: x * f).get_concrete_function(x) for f in (2.0, 3.0)]
        (result,) = tf.raw_ops.If(
            cond=x < 0.0, input=[x], Tout=[tf.float32], then_branch=branches[0], else_branch=branches[1]
        )
        return result

    content = litesmith.TFLiteConverter.from_concrete_functions([chosen.get_concrete_function()], chosen).convert()
    x = np.linspace(0, 1, 4, dtype=np.float32)
    assert (Runner(content).run([x])["output_0"] == 2 * x).all()
    assert (chosen(x).numpy() == 2 * x).all()


def customs(content: bytes) -> list[Any]:
    """Custom operators of a file: name, options, element types and ranks of the results."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    found = []
    for op in graph.operators:
        code = model.operatorCodes[op.opcodeIndex]
        if code.customCode:
            results = [graph.tensors[i] for i in op.outputs]
            types = [(t.type, len(t.shape)) for t in results]
            found.append((code.customCode, read_map(bytes(op.customOptions)), types))
    return found
