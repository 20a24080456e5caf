"""What the reader takes from files other tools write, and what it refuses, with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from litesmith.errors import FormatError
from litesmith.formats.tflite import read_model, write_model
from litesmith.formats.tflite.decoder import FlatBuffer
from litesmith.formats.tflite.options import read_options
from litesmith.ir import DType, Op, Program, Value
from litesmith.ir import tensor as tensor_type
from litesmith.ops import OPS
from litesmith.runtime import Runner
from tests.formats.tflite import programs


def packed(model: schema.ModelT) -> bytes:
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def model_of(program: Program) -> schema.ModelT:
    return schema.ModelT.InitFromPackedBuf(write_model(program))


Edit = Callable[[Any], object]


def setting(target: Callable[[Any], Any], fields: dict[str, Any]) -> Edit:
    def edit(model: Any) -> None:
        for name, value in fields.items():
            setattr(target(model), name, value)

    return edit


def tensor(index: int, **fields: Any) -> Edit:
    """Sets fields of a tensor of the first subgraph."""
    return setting(lambda m: m.subgraphs[0].tensors[index], fields)


def operator(index: int, **fields: Any) -> Edit:
    return setting(lambda m: m.subgraphs[0].operators[index], fields)


def signature(**fields: Any) -> Edit:
    return setting(lambda m: m.signatureDefs[0], fields)


def external_group(model: Any) -> None:
    model.externalBufferGroups = [schema.ExternalBufferGroupT()]


def double_metadata(model: Any) -> None:
    model.metadata += model.metadata


def named_output(index: int) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = "y", index
    return [entry]


def multi_axis(model: Any) -> None:
    quant = model.subgraphs[0].tensors[0].quantization = schema.QuantizationParametersT()
    quant.detailsType, quant.details = 3, schema.MultiAxisQuantizationT()


def one_scale(model: Any) -> None:
    quant = model.subgraphs[0].tensors[0].quantization = schema.QuantizationParametersT()
    quant.scale = [1.0, 2.0]


# Tensors of `convolution`: 0 image, 1 weights, 2 bias, 3 conv_2d, 4 max_pool_2d, 5 shape operand, 6 reshape, 7 softmax.
REFUSED: dict[str, tuple[Edit, str]] = {
    "schema version": (lambda m: setattr(m, "version", 2), "schema version 2"),
    "no subgraph": (lambda m: setattr(m, "subgraphs", []), "no subgraph"),
    "unknown operator": (lambda m: setattr(m.operatorCodes[0], "builtinCode", 999), "operator number 999"),
    "code out of range": (operator(0, opcodeIndex=9), "code 9 of 4"),
    "tensor out of range": (operator(0, inputs=[99, 1, 2]), "no tensor 99"),
    "negative tensor": (operator(0, inputs=[-2, 1, 2]), "no tensor -2"),
    "missing operand": (operator(0, inputs=[0, -1, 2]), "CONV_2D lacks operand"),
    "too many operands": (operator(0, inputs=[0, 1, 2, 2]), "CONV_2D has 4 operands"),
    "too many results": (operator(0, outputs=[3, 4]), "CONV_2D has 2 results"),
    "used before it is made": (operator(0, inputs=[7, 1, 2]), "nothing has made"),
    "made twice": (operator(1, outputs=[3]), "more than one source"),
    "constant made": (operator(1, outputs=[1]), "more than one source"),
    "input with data": (tensor(0, buffer=1), "more than one source"),
    "no such buffer": (tensor(1, buffer=77), "no buffer 77"),
    "other size": (tensor(1, shape=[4, 3, 3, 4]), "does not hold"),
    "other type": (tensor(1, type=4), "does not hold"),
    "impossible type": (tensor(1, type=13), "does not hold"),
    "unknown type": (tensor(0, type=100), "no element type 100"),
    "negative size": (tensor(0, shape=[-5, 8, 8, 3], shapeSignature=None), "has the shape"),
    "ranks differ": (tensor(0, shapeSignature=[-1, 8]), "differ in rank"),
    "variable with data": (tensor(1, isVariable=True), "has a buffer"),
    "scales without zero points": (one_scale, "2 scales and 0 zero points"),
    "unknown quantization": (multi_axis, "not known (3)"),
    "external tensor": (tensor(1, externalBuffer=1), "another file"),
    "external groups": (external_group, "other files"),
    "options of another": (operator(0, builtinOptionsType=8, builtinOptions=schema.AddOptionsT()), "another"),
    "second union": (operator(0, builtinOptions2Type=20, builtinOptions2=schema.DilateOptionsT()), "another"),
    "custom options": (operator(0, customOptions=[1, 2]), "custom options"),
    "intermediates": (operator(0, intermediates=[3]), "intermediate tensors"),
    "signature graph": (signature(subgraphIndex=4), "subgraph 4 of 1"),
    "signature output": (signature(outputs=named_output(3)), "neither an input nor an output"),
    "metadata twice": (double_metadata, "two metadata entries"),
    "metadata buffer": (lambda m: setattr(m, "metadataBuffer", [1]), "metadata_buffer"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_program_cannot_hold_is_refused(case: str):
    edit, reason = REFUSED[case]
    model = model_of(programs.convolution())
    edit(model)
    with pytest.raises(FormatError, match=re.escape(reason)):
        read_model(packed(model))


def test_unknown_enumeration_member_is_refused():
    model = model_of(programs.convolution())
    model.subgraphs[0].operators[0].builtinOptions.padding = 7
    with pytest.raises(FormatError, match="'padding' has the unknown value 7"):
        read_model(packed(model))


def test_calls_of_graphs_that_are_not_there_are_refused():
    model = model_of(programs.control_flow())
    (loop,) = (o for o in model.subgraphs[0].operators if isinstance(o.builtinOptions, schema.WhileOptionsT))
    loop.builtinOptions.bodySubgraphIndex = 3
    with pytest.raises(FormatError, match="calls subgraph 3 of 3"):
        read_model(packed(model))


def test_field_of_a_newer_schema_is_refused():
    """ADD is declared with two fields; a file from tomorrow has a third."""
    builder = flatbuffers.Builder(64)
    builder.StartObject(3)
    builder.PrependInt8Slot(2, 1, 0)
    table = builder.EndObject()
    builder.Finish(table, file_identifier=b"TFL3")
    root = FlatBuffer(np.frombuffer(bytes(builder.Output()), np.uint8)).root(b"TFL3")
    with pytest.raises(FormatError, match="field 2 of the options of ADD") as raised:
        read_options(root, OPS["ADD"], [])
    assert "upgrade" in str(raised.value)


NOT_A_MODEL = {
    "empty": b"",
    "text": b"not a model at all",
    "other flatbuffer": b"\x08\0\0\0TFL2" + bytes(32),
    "cut": write_model(programs.convolution())[:40],
}


@pytest.mark.parametrize("case", NOT_A_MODEL)
def test_other_files_are_refused(case: str, tmp_path: Path):
    path = tmp_path / "m.tflite"
    path.write_bytes(NOT_A_MODEL[case])
    with pytest.raises(FormatError) as raised:
        read_model(path)
    assert str(raised.value).startswith(str(path))
    with pytest.raises(FormatError):
        read_model(NOT_A_MODEL[case])


def test_missing_file_is_named():
    with pytest.raises(FormatError, match=r"nowhere\.tflite: no such file"):
        read_model("nowhere.tflite")


# -- what other tools write -------------------------------------------------------------------------------------------


def test_file_of_the_schema_classes_is_the_same_program():
    for make in (programs.convolution, programs.control_flow, programs.quantized, programs.state, programs.stablehlo):
        data = write_model(make())
        again = read_model(packed(schema.ModelT.InitFromPackedBuf(data)))
        assert write_model(again) == write_model(read_model(data))


def test_operation_without_its_options_table_has_zeros_as_in_the_runtime():
    g, b = programs.graph()
    x = g.add_input(tensor_type(DType.INT16, (1,)), "x")
    model = model_of(programs.entry(g, [b.add(x, x)]))
    options = model.subgraphs[0].operators[0]
    assert next(read_model(packed(model)).main.ops).attrs["pot_scale_int16"] is True
    options.builtinOptions, options.builtinOptionsType = None, 0
    assert next(read_model(packed(model)).main.ops).attrs["pot_scale_int16"] is False


def without_rank_marks(model: schema.ModelT) -> schema.ModelT:
    for t in (t for g in model.subgraphs for t in g.tensors):
        t.hasRank = False
    return model


def test_rank_is_unknown_only_where_the_file_marks_ranks():
    program = programs.unknown_rank()
    marked = read_model(write_model(program)).main
    assert [v.type.shape for v in (*marked.inputs, *marked.outputs)] == [None, None, ()]
    older = read_model(packed(without_rank_marks(model_of(program)))).main
    assert [v.type.shape for v in (*older.inputs, *older.outputs)] == [(), (), ()]


def test_type_attributes_that_are_no_field_come_from_the_result():
    g, _ = programs.graph()
    x = g.add_input(tensor_type(DType.FLOAT32, (4,)), "x")
    cast = programs.raw_op(OPS["BITCAST"], [x], [tensor_type(DType.UINT32, (4,))], g, out_data_type=DType.UINT32)
    k = Value.constant(np.array(2, np.int32))
    types = [tensor_type(DType.FLOAT32, (2,)), tensor_type(DType.INT16, (2,))]
    top = programs.raw_op(OPS["TOPK_V2"], [x, k], types, g, index_type=DType.INT16)
    ops = list(read_model(write_model(programs.entry(g, [*cast.results, *top.results]))).main.ops)
    assert ops[0].attrs["out_data_type"] is DType.UINT32
    assert ops[1].attrs["index_type"] is DType.INT16


def test_large_custom_options_lie_behind_the_flatbuffer():
    model = model_of(programs.custom())
    (op,) = model.subgraphs[0].operators
    op.customOptions = None
    op.largeCustomOptionsOffset = op.largeCustomOptionsSize = 7
    start = len(packed(model))
    op.largeCustomOptionsOffset, op.largeCustomOptionsSize = start, 5
    back = read_model(packed(model) + b"hello")
    assert next(back.main.ops).attrs["custom_options"] == b"hello"
    with pytest.raises(FormatError, match="not inside the file"):
        read_model(packed(model) + b"hell")


def test_buffer_behind_the_file_is_refused():
    data = write_model(programs.convolution(), external_over=0)
    assert read_model(data).main.histogram()
    with pytest.raises(FormatError, match="not inside the file"):
        read_model(data[:-1])


def test_constants_of_a_file_are_not_read_before_they_are_used(tmp_path: Path):
    path = tmp_path / "m.tflite"
    path.write_bytes(write_model(programs.convolution()))
    value = next(read_model(path).main.constants())
    base: Any = value.numpy()
    while isinstance(base, np.ndarray):
        base = base.base
    assert type(base if not isinstance(base, memoryview) else base.obj).__name__ == "mmap"
    assert not value.numpy().flags.writeable


# -- sparse tensors ---------------------------------------------------------------------------------------------------


def dense_level(size: int) -> Any:
    level = schema.DimensionMetadataT()
    level.format, level.denseSize = schema.DimensionType.DENSE, size
    return level


def sparse_level(segments: list[int], indices: list[int], kind: str = "Int32Vector") -> Any:
    level = schema.DimensionMetadataT()
    level.format = schema.DimensionType.SPARSE_CSR
    for name, values in (("arraySegments", segments), ("arrayIndices", indices)):
        vector = getattr(schema, f"{kind}T")()
        vector.values = values
        setattr(level, name, vector)
        setattr(level, f"{name}Type", getattr(schema.SparseIndexVector, kind))
    return level


ROWS = np.array([[0, 0, 3, 0], [0, 0, 0, 0], [1, 0, 0, 2]], np.float32)
BLOCKS = np.array([[1, 2, 0, 0], [3, 4, 0, 0], [0, 0, 5, 6], [0, 0, 0, 7]], np.float32)

SPARSE: dict[str, tuple[np.ndarray, list[float], list[int], list[int], list[Any]]] = {
    "rows": (ROWS, [3, 1, 2], [0, 1], [], [dense_level(3), sparse_level([0, 1, 1, 3], [2, 0, 3])]),
    "columns": (ROWS, [1, 3, 2], [1, 0], [], [dense_level(4), sparse_level([0, 1, 1, 2, 3], [2, 0, 2], "Uint8Vector")]),
    "blocks": (
        BLOCKS,
        [1, 2, 3, 4, 5, 6, 0, 7],
        [0, 1, 2, 3],
        [0, 1],
        [dense_level(2), sparse_level([0, 1, 2], [0, 1], "Uint16Vector"), dense_level(2), dense_level(2)],
    ),
}


def sparse_model(case: str) -> schema.ModelT:
    dense, stored, order, blocks, levels = deepcopy(SPARSE[case])
    g, b = programs.graph()
    x = g.add_input(tensor_type(DType.FLOAT32, (1,)), "x")
    weights = Value.constant(dense + 100, "weights")
    op: Op = programs.raw_op(OPS["DENSIFY"], [weights], [tensor_type(DType.FLOAT32, dense.shape)], g)
    model = model_of(programs.entry(g, [b.add(op.result, x)]))
    (table,) = (t for t in model.subgraphs[0].tensors if t.name == b"weights")
    table.sparsity = schema.SparsityParametersT()
    table.sparsity.traversalOrder, table.sparsity.dimMetadata = order, levels
    table.sparsity.blockMap = blocks or None
    model.buffers[table.buffer].data = np.array(stored, np.float32).view(np.uint8)
    return model


@pytest.mark.parametrize("case", SPARSE)
def test_sparse_constant_is_dense_in_the_program_and_sparse_in_the_file(case: str):
    data = packed(sparse_model(case))
    program = read_model(data)
    (weights,) = (v for v in program.main.constants() if v.name == "weights")
    np.testing.assert_array_equal(weights.numpy(), SPARSE[case][0])
    again = write_model(program)
    table = next(t for t in schema.ModelT.InitFromPackedBuf(again).subgraphs[0].tensors if t.name == b"weights")
    assert table.sparsity.traversalOrder.tolist() == SPARSE[case][2]
    zero = {"x": np.zeros(1, np.float32)}
    np.testing.assert_array_equal(Runner(again).run(zero)["y0"], SPARSE[case][0])
    np.testing.assert_array_equal(Runner(data).run(zero)["y0"], SPARSE[case][0])
    assert write_model(read_model(again)) == again


def levels_of(model: Any) -> Any:
    return next(t for t in model.subgraphs[0].tensors if t.name == b"weights").sparsity


BROKEN_SPARSITY: dict[str, tuple[Edit, str]] = {
    "order": (lambda s: setattr(s, "traversalOrder", [0, 0]), "do not cover"),
    "levels": (lambda s: s.dimMetadata.pop(), "do not cover"),
    "block": (lambda s: setattr(s, "blockMap", [5]), "do not cover"),
    "size": (lambda s: setattr(s.dimMetadata[0], "denseSize", 0), "without a size"),
    "segments": (lambda s: setattr(s.dimMetadata[1].arraySegments, "values", [0, 1, 3]), "segments"),
    "falling": (lambda s: setattr(s.dimMetadata[1].arraySegments, "values", [0, 9, 1, 3]), "segments"),
    "index": (lambda s: setattr(s.dimMetadata[1].arrayIndices, "values", [2, 0, 4]), "out of range"),
    "no indices": (lambda s: setattr(s.dimMetadata[1], "arrayIndices", None), "lacks"),
}


@pytest.mark.parametrize("case", BROKEN_SPARSITY)
def test_broken_sparsity_is_refused(case: str):
    edit, reason = BROKEN_SPARSITY[case]
    model = sparse_model("rows")
    edit(levels_of(model))
    with pytest.raises(FormatError, match=reason):
        [v.numpy() for v in read_model(packed(model)).main.constants()]
