"""Back to floats: a quantized program as the float one it stands for."""

from __future__ import annotations

from litesmith.errors import Problem, QuantizationError
from litesmith.formats.metadata.programs import Interface, follow
from litesmith.ir import Builder, Constant, DType, Graph, Op, Program, TensorType, Value
from litesmith.ir.clone import clone
from litesmith.ir.folding import NO_FOLDING
from litesmith.ir.types import Blockwise
from litesmith.ops import OPS
from litesmith.quantize.ranges import real
from litesmith.quantize.sparse import expand_sparse, store_sparsely

STORED = (DType.INT8, DType.UINT8, DType.INT16, DType.INT4, DType.UINT4, DType.INT2, DType.INT32, DType.INT64)


def is_quantized(program: Program) -> bool:
    """Whether activations of a program are quantized."""
    return any(
        r.type.quant is not None and r.type.quant.scale.size and r.type.dtype in STORED
        for graph in program.all_graphs()
        for op in graph.ops
        for r in op.results
    )


def dequantize_program(program: Program) -> Program:
    """The float program: every quantized tensor holds the real numbers it stood for, and nothing is rounded between.

    Raises QuantizationError for operators whose meaning on floats is another one.
    """
    copy = clone(program).program
    sparse = expand_sparse(copy)
    constants: dict[int, Value] = {}
    problems: list[Problem] = []
    for graph in copy.all_graphs():
        for value in graph.inputs:
            _make_float(value)
        for op in list(graph.ops):
            _rewrite(graph, op, constants, problems)
        graph.outputs = [_float_constant(v, constants) if _is_quantized(v) and v.is_const else v for v in graph.outputs]
    if problems:
        raise QuantizationError(problems)
    if sparse:
        store_sparsely(copy)
    follow(copy, Interface.of(program))
    return copy


def _is_quantized(value: Value) -> bool:
    quant = value.type.quant
    return quant is not None and value.type.dtype in STORED and bool(quant.scale.size or quant.details is not None)


def _make_float(value: Value) -> None:
    if _is_quantized(value) and not value.is_const:
        value.type = TensorType(DType.FLOAT32, value.type.shape)


def _rewrite(graph: Graph, op: Op, constants: dict[int, Value], problems: list[Problem]) -> None:
    quantized = any(_is_quantized(v) for v in (*op.inputs, *op.results))
    for index, value in enumerate(op.operands):
        if value is not None and value.is_const and (_is_quantized(value) or _is_widened(op, value)):
            op.set_operand(index, _float_constant(value, constants))
    for result in op.results:
        _make_float(result)
    if op.name in ("QUANTIZE", "DEQUANTIZE") and op["x"].type.dtype is DType.FLOAT32:
        _drop(graph, op)
        return
    if op.name == "CAST" and quantized:
        reason = "a CAST of a quantized tensor reads its stored integers, which the float model does not have"
        problems.append(Problem("LS045", reason, "convert the float source", op.name, op.origin.label))
    for name in ("quantized_bias_type", "asymmetric_quantize_inputs"):
        if name in op.attrs:
            op.attrs[name] = op.defn.defaults[name]


def widen_weights(program: Program) -> None:
    """Constants that are narrow beside float activations become floats, in place: they are to be stored anew."""
    constants: dict[int, Value] = {}
    for graph in program.all_graphs():
        for op in list(graph.ops):
            floats = [v for v in (*op.inputs, *op.results) if v.type.dtype is DType.FLOAT32]
            if op.name == "DEQUANTIZE" and op["x"].is_const:
                graph.replace_value(op.results[0], _float_constant(op["x"], constants))
                graph.erase(op)
                continue
            for index, value in enumerate(op.operands if floats else ()):
                if value is not None and value.is_const and _is_quantized(value):
                    op.set_operand(index, _float_constant(value, constants))
            if "asymmetric_quantize_inputs" in op.attrs and floats:
                op.attrs["asymmetric_quantize_inputs"] = False


def _is_widened(op: Op, value: Value) -> bool:
    return op.name == "DEQUANTIZE" and value.type.dtype is DType.FLOAT16


def _drop(graph: Graph, op: Op) -> None:
    """An operation between a tensor and itself."""
    source, (result,) = op["x"], op.results
    entry = result.output_uses and (source in graph.inputs or source.is_const)
    if entry:  # an output that is an input is not copied by every runtime
        b = Builder(graph, OPS, op, op.origins, NO_FOLDING)
        copy: Value = b.reshape(source, b.shape(source))
        copy.name = result.name
        graph.replace_value(result, copy)
    else:
        if result.output_uses and result.name and source.op is not None:
            source.name = result.name
        graph.replace_value(result, source)
    graph.erase(op)


def _float_constant(value: Value, constants: dict[int, Value]) -> Value:
    if id(value) not in constants:
        const, kind = value.const, value.type
        assert const is not None

        def floats() -> object:
            array = const.array()
            if kind.quant is None:
                return array.astype("float32")
            details = kind.quant.details
            if isinstance(details, Blockwise):
                scales = details.scales.array().astype("float32")
                return (array.astype("float32").reshape(*scales.shape, details.block_size) * scales[..., None]).reshape(
                    array.shape
                )
            return real(array, kind.quant)

        lazy = Constant.lazy(DType.FLOAT32, const.shape, floats)  # type: ignore[arg-type]
        constants[id(value)] = Value(TensorType(DType.FLOAT32, const.shape), value.name, lazy)
    return constants[id(value)]
