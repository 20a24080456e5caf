"""SavedModels written by hand, without TensorFlow, for the tests of what lies above the reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from litesmith.formats.saved_model import protos
from tests.formats.saved_model.bundle import DATA_TYPES, CheckpointWriter, write_model

Shape = Sequence[int | None]
DIGITS = Path(__file__).parent.parent / "examples" / "digits"


class Type(str):
    """An element type as an attribute: ``Type("float32")``."""

    __slots__ = ()

    @property
    def number(self) -> int:
        """Its number in TensorFlow's ``DataType``."""
        return 7 if self == "string" else DATA_TYPES[np.dtype(str(self))]


FLOAT = Type("float32")


def shape_proto(shape: Shape) -> Any:
    """A ``TensorShapeProto``; None is an unknown size."""
    return protos.TensorShapeProto(dim=[protos.TensorShapeProto.Dim(size=-1 if d is None else d) for d in shape])


def attribute(value: Any) -> Any:
    """An ``AttrValue`` of a Python value: a `Type`, text, number, bool, shape (a tuple) or array."""
    if isinstance(value, Type):
        return protos.AttrValue(type=value.number)
    if isinstance(value, np.ndarray):
        tensor = protos.TensorProto(
            dtype=DATA_TYPES[value.dtype], tensor_shape=shape_proto(value.shape), tensor_content=value.tobytes()
        )
        return protos.AttrValue(tensor=tensor)
    kinds: tuple[tuple[type, Any], ...] = (
        (str, lambda v: {"s": v.encode()}),
        (bool, lambda v: {"b": v}),
        (int, lambda v: {"i": v}),
        (float, lambda v: {"f": v}),
        (tuple, lambda v: {"shape": shape_proto(v)}),
        (list, lambda v: {"list": protos.AttrValue.ListValue(i=v)}),
    )
    made = next(make for kind, make in kinds if isinstance(value, kind))
    return protos.AttrValue(**made(value))


def node(name: str, op: str, *inputs: str, **attributes: Any) -> Any:
    """A ``NodeDef``; attributes as Python values."""
    return protos.NodeDef(name=name, op=op, input=inputs, attr={k: attribute(v) for k, v in attributes.items()})


def placeholder(name: str, *shape: int | None, dtype: str = "float32") -> Any:
    """An input of the graph."""
    return node(name, "Placeholder", dtype=Type(dtype), shape=tuple(shape))


def constant(name: str, array: np.ndarray) -> Any:
    """A Const node."""
    return node(name, "Const", dtype=Type(array.dtype.name), value=array)


def variable(name: str, array: np.ndarray) -> tuple[Any, Any]:
    """A variable that is stored under its name, and a node ``<name>/read`` that reads it."""
    handle = node(name, "VarHandleOp", dtype=Type(array.dtype.name), shape=array.shape, shared_name=name, container="")
    return handle, node(f"{name}/read", "ReadVariableOp", name, dtype=Type(array.dtype.name))


def signature(inputs: Mapping[str, Any], outputs: Mapping[str, str]) -> Any:
    """A ``SignatureDef``. inputs: name -> placeholder node; outputs: name -> tensor (``node:0``)."""
    made = protos.SignatureDef(method_name="tensorflow/serving/predict")
    for name, source in inputs.items():
        attr = source.attr
        info = protos.TensorInfo(name=f"{source.name}:0", dtype=attr["dtype"].type, tensor_shape=attr["shape"].shape)
        made.inputs[name].CopyFrom(info)
    for name, tensor in outputs.items():
        made.outputs[name].CopyFrom(protos.TensorInfo(name=tensor, dtype=1))
    return made


def meta_graph(nodes: Sequence[Any], signatures: Mapping[str, Any], tags: Sequence[str] = ("serve",)) -> Any:
    """A ``MetaGraphDef``."""
    made = protos.MetaGraphDef(meta_info_def={"tags": tags, "tensorflow_version": "2.0.0"})
    made.graph_def.node.extend(nodes)
    for key, value in signatures.items():
        made.signature_def[key].CopyFrom(value)
    return made


def saved_model(
    path: Path | str,
    nodes: Sequence[Any],
    signatures: Mapping[str, Any],
    variables: Mapping[str, np.ndarray] | None = None,
    tags: Sequence[str] = ("serve",),
) -> Path:
    """Writes a TF1-style SavedModel of one graph."""
    writer = CheckpointWriter()
    for name, array in (variables or {}).items():
        writer.add(name, array)
    return write_model(Path(path), meta_graph(nodes, signatures, tags), checkpoint=writer if variables else None)


WEIGHTS = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)


def dense_model(path: Path) -> Path:
    """Two signatures that share weights: ``scores`` [?, 4] -> [?, 3], and ``doubled``, its outputs twice."""
    x = placeholder("x", None, 4)
    nodes = [
        x,
        *variable("w", WEIGHTS),
        node("product", "MatMul", "x", "w/read", T=FLOAT),
        node("relu", "Relu", "product", T=FLOAT),
        node("twice", "AddV2", "relu", "relu", T=FLOAT),
    ]
    signatures = {
        "scores": signature({"x": x}, {"y": "relu:0"}),
        "doubled": signature({"x": x}, {"y": "twice:0"}),
    }
    return saved_model(path, nodes, signatures, {"w": WEIGHTS})


def asserting_model(path: Path) -> Path:
    """An operator with four assertions before it."""
    x = placeholder("x", 3)
    checks = [node(f"checks/{i}", "Assert", "x", "x") for i in range(4)]
    doubled = node("y", "AddV2", "x", "x", *(f"^{c.name}" for c in checks), T=FLOAT)
    return saved_model(path, [x, *checks, doubled], {"serving_default": signature({"x": x}, {"y": "y:0"})})


def nested_calls(path: Path, depth: int, times: int = 1) -> Path:
    """Functions of which each but the last calls the next one, ``times`` times in a row."""
    x = placeholder("x", 3)
    meta = meta_graph([x, node("y", "PartitionedCall", "x")], {"serving_default": signature({"x": x}, {"y": "y:0"})})
    meta.graph_def.node[1].attr["f"].func.name = "f0"
    for level in range(depth):
        function = meta.graph_def.library.function.add()
        function.signature.name = f"f{level}"
        function.signature.input_arg.add(name="x", type="DT_FLOAT")
        function.signature.output_arg.add(name="y", type="DT_FLOAT")
        op = "Neg" if level == depth - 1 else f"f{level + 1}"
        for index in range(times):
            function.node_def.append(node(f"n{index}", op, f"n{index - 1}:y:0" if index else "x"))
        function.ret["y"] = f"n{times - 1}:y:0"
    return write_model(path, meta)


def unsupported_model(path: Path) -> Path:
    """Three operators nobody can convert, two of them on one path, and one that could be converted between them."""
    x = placeholder("x", 3, 3)
    nodes = [
        x,
        node("layer/fresnel", "FresnelCos", "x", T=FLOAT),
        node("layer/relu", "Relu", "layer/fresnel", T=FLOAT),
        node("other/frob", "Frobnicate", "x", T=FLOAT),
        node("after/spence", "Spence", "x", T=FLOAT),
    ]
    outputs = {"a": "layer/relu:0", "b": "other/frob:0", "c": "after/spence:0"}
    return saved_model(path, nodes, {"serving_default": signature({"x": x}, outputs)})
