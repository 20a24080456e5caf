"""The written file: structure as the schema's own classes see it, shared and aligned buffers, names, streaming."""

from __future__ import annotations

import os
import struct
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from litesmith.formats.tflite import read_model, write_file, write_model
from litesmith.ir import Constant, DType, Op, Origin, Program, Quantization, TensorType, Value, tensor
from litesmith.ir.types import Blockwise
from litesmith.ops import OPS
from tests.formats.tflite import programs
from tests.formats.tflite.programs import BATCH, F32, PROGRAMS, entry, graph, normal

INSIDE, BEHIND = 2**31, 0
PLACES = pytest.mark.parametrize("external_over", [INSIDE, BEHIND], ids=["inside", "behind"])


def unpacked(data: bytes) -> schema.ModelT:
    assert schema.Model.ModelBufferHasIdentifier(data, 0)
    return schema.ModelT.InitFromPackedBuf(data)


def buffer_spans(data: bytes) -> list[tuple[int, int]]:
    """First byte and size of each buffer in the file."""
    model = schema.Model.GetRootAs(data)
    spans = []
    for buffer in map(model.Buffers, range(model.BuffersLength())):
        if buffer.Offset() > 1:
            spans.append((buffer.Offset(), buffer.Size()))
        else:
            place = buffer._tab.Offset(4)
            spans.append((buffer._tab.Vector(place), buffer.DataLength()) if place else (0, 0))
    return spans


def with_constants(*constants: Constant | np.ndarray) -> Program:
    """A program whose outputs are constants, named c0, c1, …"""
    g, b = graph()
    y = b.neg(g.add_input(tensor(F32, (1,)), "x"))
    return entry(g, [y, *(Value.constant(c, f"c{i}") for i, c in enumerate(constants))])


def buffers_of(data: bytes) -> list[int]:
    """The buffer of each constant of `with_constants`."""
    tensors = {t.name: t.buffer for t in unpacked(data).subgraphs[0].tensors}
    return [tensors[f"c{i}".encode()] for i in range(len(tensors) - 2)]


# -- structure --------------------------------------------------------------------------------------------------------


def test_tables_as_the_schema_classes_see_them():
    model = unpacked(write_model(programs.convolution()))
    assert (model.version, model.description) == (3, b"litesmith")
    codes = [(c.deprecatedBuiltinCode, c.builtinCode, c.version) for c in model.operatorCodes]
    assert codes == [(3, 3, 1), (17, 17, 1), (22, 22, 1), (25, 25, 1)]
    (main,) = model.subgraphs
    assert main.name == b"main"
    image, reshaped = main.tensors[main.inputs[0]], main.tensors[main.outputs[0]]
    assert (image.name, image.type, image.buffer, image.hasRank) == (b"image", 0, 0, True)
    assert (image.shape.tolist(), image.shapeSignature.tolist()) == ([1, 8, 8, 3], [-1, 8, 8, 3])
    assert (reshaped.shape.tolist(), reshaped.shapeSignature.tolist()) == ([1, 16], [-1, 16])
    conv, pool, _, softmax = main.operators
    assert isinstance(conv.builtinOptions, schema.Conv2DOptionsT)
    options = conv.builtinOptions
    assert (options.padding, options.strideW, options.strideH, options.dilationWFactor) == (0, 2, 1, 1)
    assert pool.builtinOptions.filterWidth == 2
    assert softmax.builtinOptions.beta == 0.5
    weights = main.tensors[conv.inputs[1]]
    assert weights.shapeSignature is None
    assert weights.shape.tolist() == [4, 3, 3, 3]
    stored = np.asarray(model.buffers[weights.buffer].data, np.uint8).view(np.float32)
    np.testing.assert_array_equal(stored, normal(4, 3, 3, 3).ravel())


def test_signatures_as_the_schema_classes_see_them():
    model = unpacked(write_model(programs.variables()))
    found = [
        (s.signatureKey, s.subgraphIndex, [(m.name, m.tensorIndex) for m in s.inputs]) for s in model.signatureDefs
    ]
    assert found == [(b"up", 0, [(b"by", 0)]), (b"down", 1, [(b"by", 0)])]
    assert [g.name for g in model.subgraphs] == [b"up", b"down", b"init"]
    assert model.subgraphs[0].operators[0].builtinOptions.initSubgraphIndex == 2


def test_custom_operator_as_the_schema_classes_see_it():
    model = unpacked(write_model(programs.custom()))
    (code,) = model.operatorCodes
    assert (code.builtinCode, code.customCode, code.version) == (32, b"MyOp", 2)
    (op,) = model.subgraphs[0].operators
    assert bytes(op.customOptions) == b"\1\2\3"
    assert op.inputs.tolist() == [0, -1, 0]


def test_intermediates_and_state_as_the_schema_classes_see_them():
    (main,) = unpacked(write_model(programs.intermediates())).subgraphs
    (op,) = main.operators
    first, absent, last = op.intermediates
    assert absent == -1
    assert main.tensors[first].quantization.scale.tolist() == [0.25]
    assert main.tensors[last].type == 0
    assert [t.name for t in main.tensors if t.isVariable] == [b"h", b"c"]


def test_operator_numbers_beyond_a_byte():
    codes = [
        (c.deprecatedBuiltinCode, c.builtinCode) for c in unpacked(write_model(programs.stablehlo())).operatorCodes
    ]
    assert (127, OPS["STABLEHLO_COMPOSITE"].code) in codes


def test_unknown_rank_is_marked():
    tensors = unpacked(write_model(programs.unknown_rank())).subgraphs[0].tensors
    assert [(t.name, t.hasRank) for t in tensors] == [(b"x", False), (b"custom", False), (b"custom:1", True)]


def test_a_negative_zero_is_no_default():
    g, _ = graph()
    x = g.add_input(tensor(F32, (1,)), "x")
    op = programs.raw_op(OPS["LEAKY_RELU"], [x], [tensor(F32, (1,))], g, alpha=-0.0)
    back = read_model(write_model(entry(g, op.results)))
    assert np.signbit(next(back.main.ops).attrs["alpha"])


def test_attribute_that_does_not_fit_is_named():
    g, _ = graph()
    x = g.add_input(tensor(F32, (1,)), "x")
    op = programs.raw_op(OPS["CONCATENATION"], [x], [tensor(F32, (1,))], g, fused_activation_function="SWISH")
    with pytest.raises(ValueError, match=r"CONCATENATION: attribute 'fused_activation_function' .* 'SWISH'"):
        write_model(entry(g, op.results))


# -- metadata ---------------------------------------------------------------------------------------------------------


def test_minimal_runtime_is_the_newest_an_operation_needs():
    def version(program: Program) -> bytes:
        model = unpacked(write_model(program))
        (found,) = (m for m in model.metadata if m.name == b"min_runtime_version")
        return bytes(model.buffers[found.buffer].data)

    assert version(programs.convolution()) == b"1.5.0".ljust(16, b"\0")
    newer = programs.convolution()
    newer.metadata["min_runtime_version"] = b"2.10.0"
    assert version(newer) == b"2.10.0".ljust(16, b"\0")
    older = programs.convolution()
    older.metadata["min_runtime_version"] = b"1.4.9"
    assert version(older) == b"1.5.0".ljust(16, b"\0")


@PLACES
def test_metadata_survives(external_over: int):
    program = programs.convolution()
    program.metadata["CONVERSION_METADATA"] = b"\1\2\3"
    program.metadata["empty"] = b""
    program.description = "grün"
    back = read_model(write_model(program, external_over=external_over))
    assert back.metadata["CONVERSION_METADATA"] == b"\1\2\3"
    assert back.metadata["empty"] == b""
    assert back.description == "grün"


# -- buffers ----------------------------------------------------------------------------------------------------------


@PLACES
@pytest.mark.parametrize("name", PROGRAMS)
def test_buffers_are_aligned_and_inside(name: str, external_over: int):
    data = write_model(PROGRAMS[name](), external_over=external_over)
    spans = buffer_spans(data)
    assert spans[0] == (0, 0)
    assert all(start % 16 == 0 and start + size <= len(data) for start, size in spans if size)
    taken = sorted((start, start + size) for start, size in set(spans) if size)
    assert all(end <= start for (_, end), (start, _) in pairwise(taken))


def test_weights_lie_behind_the_flatbuffer_above_the_limit():
    program = programs.convolution()
    size = len(write_model(program))
    inside = write_model(program, external_over=size + 2**12)
    behind = write_model(program, external_over=size // 2)
    assert all(b.offset == 0 for b in unpacked(inside).buffers)
    external = [b for b in unpacked(behind).buffers if b.offset]
    assert len(external) == 3
    assert all(b.data is None for b in external)
    for left, right in zip(read_model(inside).main.constants(), read_model(behind).main.constants(), strict=True):
        np.testing.assert_array_equal(left.numpy(), right.numpy())


EQUAL = normal(64, 64)
ALIKE = EQUAL.copy()
ALIKE[17, 3] += 1  # where no sample is taken

SHARING: dict[str, tuple[list[Any], list[int]]] = {
    "one constant": ([c := Constant.of(EQUAL), c], [1, 1]),
    "equal arrays": ([EQUAL, EQUAL.copy()], [1, 1]),
    "equal but for one element": ([EQUAL, ALIKE, EQUAL.copy()], [1, 2, 1]),
    "same bytes in another shape and type": ([EQUAL, EQUAL.view(np.int32).reshape(8, 512)], [1, 1]),
    "view that is not contiguous": ([EQUAL, EQUAL.T.copy().T], [1, 1]),
    "0.0 and -0.0": ([np.zeros(8, np.float32), -np.zeros(8, np.float32)], [1, 2]),
    "not a number": ([np.full(8, np.nan, np.float32)] * 2, [1, 1]),
    "same size, other width": ([np.zeros(8, np.int32), np.zeros(4, np.int64)], [1, 2]),
    "strings": ([np.array(texts, object) for texts in ([b"a", b"b"], ["a", "b"], [b"ab", b""])], [1, 1, 2]),
    "int4 and int8": ([np.zeros(2, ml_dtypes.int4), np.zeros(1, np.int8)], [1, 2]),
    "no elements": ([np.zeros((0, 2), np.float32), np.zeros(3, np.int8)], [2, 1]),
}  # fmt: skip


@pytest.mark.parametrize("case", SHARING)
def test_equal_bytes_share_a_buffer(case: str):
    constants, expected = SHARING[case]
    assert buffers_of(write_model(with_constants(*constants))) == expected


@PLACES
def test_lazy_constants_share_bytes(external_over: int):
    made = []

    def lazy(array: np.ndarray) -> Constant:
        def recipe() -> np.ndarray:
            made.append(array)
            return array.copy()

        return Constant.lazy(F32, array.shape, recipe)

    program = with_constants(lazy(EQUAL), Constant.of(EQUAL), lazy(ALIKE), lazy(EQUAL))
    data = write_model(program, external_over=external_over)
    spans = [buffer_spans(data)[i] for i in buffers_of(data)]
    assert spans[0] == spans[1] == spans[3] != spans[2]
    assert len(made) == 3, "each is computed once"
    _, *back = read_model(data).main.outputs
    for value, expected in zip(back, (EQUAL, EQUAL, ALIKE, EQUAL), strict=True):
        np.testing.assert_array_equal(value.numpy(), expected)


def test_recipe_that_breaks_its_promise_is_refused():
    broken = Constant.lazy(F32, (2,), lambda: np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="lazy constant gave"):
        write_model(with_constants(broken))


BIG = 3000  # more than one chunk of float32 rows

LAYOUTS = {
    "contiguous": lambda a: a,
    "transposed": lambda a: a.T,
    "strided": lambda a: a[::2, 1::3],
    "reversed": lambda a: a[::-1, ::-1],
    "broadcast": lambda a: np.broadcast_to(a[0], (1500, BIG)),
    "leading ones": lambda a: a.T[None, None],
    "cut": lambda a: a[:, : BIG - 1],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.int4], ids=["float32", "int4"])
def test_any_memory_layout_is_written_in_order(layout: str, dtype: type):
    source = np.arange(BIG * BIG, dtype=np.int32).reshape(BIG, BIG) % 15 - 7
    array = LAYOUTS[layout](source.astype(dtype))
    _, value = read_model(write_model(with_constants(array))).main.outputs
    np.testing.assert_array_equal(value.numpy().astype(np.int32), LAYOUTS[layout](source))


def test_blockwise_and_custom_quantization_survive():
    scales = Constant.of(normal(4, 2).astype(np.float16))
    kinds: list[Blockwise | bytes] = [Blockwise(scales, None, 32), Blockwise(scales, scales, 32, (1, 32)), b"opaque"]
    none = (np.zeros(0, np.float32), np.zeros(0, np.int64))
    values = []
    for i, details in enumerate(kinds):
        values.append(Value.constant(np.arange(4 * 64, dtype=np.int8).reshape(4, 64) % 7 + i, f"w{i}"))
        values[-1].type = TensorType(DType.INT8, (4, 64), Quantization(*none, 0, details=details))
    g, b = graph()
    program = entry(g, [b.neg(g.add_input(tensor(F32, (1,)), "x")), *values])
    (main,) = unpacked(write_model(program)).subgraphs
    found = {t.name: t.quantization.details for t in main.tensors if t.quantization}
    assert main.tensors[found[b"w0"].scales].name == b"w0_scales"
    assert (found[b"w0"].blockSize, found[b"w1"].zeroPoints) == (32, found[b"w1"].scales)
    back = [v.type.quant.details for v in read_model(write_model(program)).main.outputs[1:] if v.type.quant]
    assert isinstance(back[0], Blockwise)
    assert back[0].zero_points is None
    np.testing.assert_array_equal(back[0].scales.array(), scales.array())
    assert isinstance(back[1], Blockwise)
    assert back[1].block_shape == (1, 32)
    assert back[2] == b"opaque"


# -- names ------------------------------------------------------------------------------------------------------------


def test_names_are_unique_and_say_where_a_tensor_comes_from():
    g, b = graph()
    x = g.add_input(tensor(F32, (BATCH, 2)), "x")
    nameless = g.add_input(tensor(F32, (2,)))
    with b.at(Origin("tf.Relu", "node", "block/relu")):
        y = b.relu(x)
        z = b.relu6(b.add(y, nameless))
    y.name = "x"
    out = b.neg(z)
    out.name = "x"
    program = entry(g, [out])
    (main,) = unpacked(write_model(program)).subgraphs
    names = {i: t.name.decode() for i, t in enumerate(main.tensors)}
    assert list(names.values()) == ["x", "input", "x_2", "block/relu", "block/relu_1", "x_1"]


# -- files ------------------------------------------------------------------------------------------------------------


class BrokenError(Exception):
    pass


def broken() -> np.ndarray:
    raise BrokenError


def test_failure_leaves_the_old_file_whole(tmp_path: Path):
    target = tmp_path / "m.tflite"
    target.write_bytes(b"old")
    with pytest.raises(BrokenError):
        write_file(with_constants(EQUAL, Constant.lazy(F32, (2,), broken)), target)
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["m.tflite"]


def test_file_may_replace_the_one_it_is_made_from(tmp_path: Path):
    target = tmp_path / "m.tflite"
    write_file(programs.convolution(), target)
    before = target.read_bytes()
    target.chmod(0o640)
    write_file(read_model(target), target)
    assert read_model(target).main.histogram() == read_model(before).main.histogram()
    assert target.stat().st_mode & 0o777 == 0o640


def test_no_more_than_one_constant_is_alive():
    alive = peak = 0

    class Tracked(np.ndarray):
        def __del__(self) -> None:
            nonlocal alive
            alive -= self.base is None

    def make(seed: int) -> np.ndarray:
        nonlocal alive, peak
        array = np.ndarray.__new__(Tracked, (256, 256), np.float32)
        array[...] = seed
        alive, peak = alive + 1, max(peak, alive + 1)
        return array

    write_model(with_constants(*(Constant.lazy(F32, (256, 256), partial(make, s)) for s in range(8))))
    assert (alive, peak) == (0, 1)


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's account of memory")
@pytest.mark.parametrize("kind", ["memmap", "transposed"])
def test_mapped_weights_do_not_stay_in_memory(kind: str, tmp_path: Path):
    size, count = 6 << 20, 16
    weights = tmp_path / "weights.bin"
    with weights.open("wb") as file:
        for i in range(count):
            file.write(np.random.default_rng(i).integers(0, 256, size, np.uint8).tobytes())
    mapped = np.memmap(weights, np.int32, "r").reshape(count, 1024, -1)
    peaks: list[int] = []

    def probe() -> np.ndarray:
        peaks.append(resident())
        return np.array([len(peaks)], np.int32)

    constants: list[Constant] = []
    for part in mapped:
        constants += [Constant.of(part.T if kind == "transposed" else part), Constant.lazy(DType.INT32, (1,), probe)]
    program = with_constants(*constants)
    before = resident()
    write_file(program, tmp_path / "m.tflite")
    assert max(peaks) - before < 4 * size
    _, *values = read_model(tmp_path / "m.tflite").main.outputs
    for index, part in enumerate(mapped):
        assert np.array_equal(values[2 * index].numpy(), part.T if kind == "transposed" else part)


def test_file_ends_with_the_last_buffer():
    data = write_model(with_constants(np.arange(5, dtype=np.int8)))
    assert data.endswith(struct.pack("<I5b", 5, 0, 1, 2, 3, 4))
    assert isinstance(next(read_model(data).main.ops), Op)
