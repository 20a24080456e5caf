"""What a quantized file of the official converter looks like, where existing code relies on it."""

from __future__ import annotations

from collections.abc import Iterator

from litesmith.ir import DType, Graph, Op, Program, Value
from litesmith.ir.opdef import OpDef
from litesmith.ops.quantization import DEQUANTIZE, QUANTIZE

QUANTIZE_NAME = "tfl.quantize"
"""What the tensor is called that a float input is quantized to."""

_LAYERS = ("tf.Conv", "tf.DepthwiseConv", "tf.MatMul", "tf.BatchMatMul", "tf.Einsum")
_ADDS_BIAS = ("tf.BiasAdd", "tf.Add", "tf.AddV2")


def keep_float_entries(program: Program) -> None:
    """Inputs and outputs of integers that only floats are made of, or that are made of floats, are those floats.

    What ``experimental_new_quantizer = False`` asks for, where ``inference_input_type`` is an integer.
    """
    for graph in program.graphs:
        for value in graph.inputs:
            users = list(value.users)
            if users and not value.output_uses and all(user.defn is DEQUANTIZE for user in users):
                value.type = users[0].results[0].type
                _bypass(graph, users, value)
        _take_operands(graph, QUANTIZE)


def hand_out_integers(program: Program) -> None:
    """Float inputs and outputs that are only converted are the integers they are converted to and from.

    What ``_experimental_qdq_conversion_mode = "STATIC"`` asks for.
    """
    for graph in program.graphs:
        for value in graph.inputs:
            users = list(value.users)
            if len(users) == 1 and not value.output_uses and users[0].defn is QUANTIZE:
                value.type = users[0].results[0].type
                _bypass(graph, users, value)
        _take_operands(graph, DEQUANTIZE)


def _converts(op: Op, defn: OpDef) -> bool:
    """Whether it is such an operation between floats and integers."""
    return op.defn is defn and DType.FLOAT32 in (op["x"].type.dtype, op.results[0].type.dtype)


def _bypass(graph: Graph, ops: list[Op], value: Value) -> None:
    for op in ops:
        graph.replace_value(op.results[0], value)
        graph.erase(op)


def _take_operands(graph: Graph, defn: OpDef) -> None:
    """Each output that such an operation makes is the operation's operand, under the output's name."""
    outputs = list(graph.outputs)
    taken: dict[Op, None] = {}
    for index, value in enumerate(outputs):
        if value.op is None or not _converts(value.op, defn):
            continue
        operand, taken[value.op] = value.op["x"], None
        if not operand.is_const:
            outputs[index] = operand
            if operand.op is not None:
                operand.name = value.name
    graph.outputs = outputs
    for op in taken:
        if not any(r.users or r.output_uses for r in op.results):
            graph.erase(op)


def name_tensors(program: Program) -> None:
    """Weights and biases are called like the node they are weights of, a quantized input ``tfl.quantize``."""
    for graph in program.all_graphs():
        known = {value.name for value in _tensors(graph)}
        for op in graph.ops:
            if op.defn is QUANTIZE and op["x"] in graph.inputs:
                op.results[0].name = _unique(QUANTIZE_NAME, known)
            elif op.defn.quant is not None and op.defn.quant.weights:
                _name_layer(op, known)


def _tensors(graph: Graph) -> Iterator[Value]:
    yield from graph.inputs
    for op in graph.ops:
        yield from op.results


def _name_layer(op: Op, known: set[str]) -> None:
    origins = [o for o in op.origins if o.node]
    others = [o.node for o in origins if o.op not in _ADDS_BIAS]
    node = next((o.node for o in origins if o.op.startswith(_LAYERS)), others[0] if others else "")
    added = next((o.node for o in origins if o.op in _ADDS_BIAS), node)
    rule = op.defn.quant
    assert rule is not None
    bias = "" if rule.bias is None else rule.bias
    named = dict.fromkeys(rule.weights, node) | {bias: f"{added}/ReadVariableOp" if added != node else node}
    for operand, name in named.items():
        value = op.get(operand) if operand else None
        if value is not None and value.op is not None and value.op.defn is DEQUANTIZE:
            value = value.op["x"]
        if value is not None and value.is_const and name and value.name not in known:
            value.name = _unique(name, known)


def _unique(name: str, known: set[str]) -> str:
    """The name, with the first free number behind it where it is taken."""
    found, number = name, 1
    while found in known:
        found, number = f"{name}{number}", number + 1
    known.add(found)
    return found
