"""``tf.lite.experimental.Analyzer``: prints what is in a `.tflite` file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from litesmith.errors import UsageError
from litesmith.ir import Graph, Op, Program, Value


class Analyzer:
    """Shows subgraphs, operators, tensors and signatures of a model."""

    @staticmethod
    def analyze(
        model_path: Any = None,
        model_content: bytes | None = None,
        gpu_compatibility: bool = False,
        **kwargs: Any,
    ) -> None:
        """Prints the model in a file, or in bytes.

        gpu_compatibility: whether operators the GPU delegate does not take are marked. experimental_use_mlir: prints
        the IR as text instead. Raises a ValueError where neither is given, FormatError for a damaged model.
        """
        from litesmith.formats.tflite.reader import read_numbered
        from litesmith.ir.printer import print_program

        if not model_path and not model_content:
            raise UsageError("neither `model_path` nor `model_content` is provided")
        program, tensors = read_numbered(Path(model_path) if model_path else model_content or b"")
        size = Path(model_path).stat().st_size if model_path else len(model_content or b"")
        print(f"=== {model_path or 'TFLite ModelAnalyzer'} ===\n")
        if kwargs.get("experimental_use_mlir"):
            print(print_program(program))
            return
        print("\n".join(report(program, size, gpu_compatibility, tensors)))


def report(
    program: Program, size: int, gpu: bool = False, tensors: Mapping[Value, int] | None = None
) -> Iterator[str]:
    """The lines `Analyzer.analyze` prints. tensors: their numbers in the file; default: in order of first use."""
    graphs = program.all_graphs()
    numbers = {id(g): i for i, g in enumerate(graphs)}
    yield f"Your TFLite model has '{len(graphs)}' subgraph(s). T# are numbers of tensors, Op# of operators.\n"
    for graph in graphs:
        yield from _graph_lines(graph, numbers, gpu, tensors)
    for signature in program.signatures:
        yield from _signature_lines(signature, numbers, tensors)
    yield "---------------------------------------------------------------"
    constants = {id(v.const): v.const.nbytes for g in graphs for v in g.constants() if v.const is not None}
    buffers = sum(constants.values())
    yield f"              Model size: {size:>10} bytes"
    yield f"  Total data buffer size: {buffers:>10} bytes ({100 * buffers / max(size, 1):05.2f} %)"
    unfit = [f"{op.name}: {reason}" for g in graphs for op in g.ops if (reason := gpu_reason(op))]
    if gpu:
        yield "\nGPU COMPATIBILITY: " + ("; ".join(dict.fromkeys(unfit)) if unfit else "all operators")


def gpu_reason(op: Op) -> str:
    """Why the GPU delegate does not take an operation, as far as its declaration tells; empty where it does."""
    if isinstance(op.defn.gpu, str):
        return f"taken only {op.defn.gpu}"
    return "" if op.defn.gpu else "not taken by the GPU delegate"


def _graph_lines(
    graph: Graph, numbers: Mapping[int, int], gpu: bool, tensors: Mapping[Value, int] | None
) -> Iterator[str]:
    index = _index(graph, tensors)
    name = f"Subgraph#{numbers[id(graph)]}"
    yield f"{name} {graph.name}({_list(graph.inputs, index)}) -> [{_list(graph.outputs, index)}]"
    for i, op in enumerate(graph.ops):
        called = "".join(f", Subgraph#{numbers[id(g)]}" for g in op.subgraphs)
        note = f"  <- GPU: {reason}" if gpu and (reason := gpu_reason(op)) else ""
        yield f"  Op#{i} {_op_name(op)}({_list(op.slots, index)}{called}) -> [{_list(op.results, index)}]{note}"
    yield f"\nTensors of {name}"
    for value, i in sorted(index.items(), key=lambda item: item[1]):
        constant = f" RO {value.const.nbytes} bytes" if value.const is not None else ""
        yield f"  T#{i}({value.name}) {_type(value)}{constant}"
    yield ""


def _signature_lines(
    signature: Any, numbers: Mapping[int, int], tensors: Mapping[Value, int] | None
) -> Iterator[str]:
    graph: Graph = signature.graph
    index = _index(graph, tensors)
    yield f"Signature '{signature.key}' of Subgraph#{numbers[id(graph)]}"
    for title, places, values in (
        ("input", signature.inputs, graph.inputs),
        ("output", signature.outputs, graph.outputs),
    ):
        for name, place in places.items():
            yield f"  {title} '{name}': T#{index[values[place]]}"
    yield ""


def _index(graph: Graph, tensors: Mapping[Value, int] | None) -> dict[Value, int]:
    """Every tensor of a graph and its number: as in the file, else inputs first, then in order of first use."""
    found: dict[Value, None] = dict.fromkeys(graph.inputs)
    for op in graph.ops:
        found.update(dict.fromkeys([*op.inputs, *op.results]))
    found.update(dict.fromkeys(graph.outputs))
    return {value: i if tensors is None else tensors[value] for i, value in enumerate(found)}


def _list(values: Sequence[Value | None], index: Mapping[Value, int]) -> str:
    return ", ".join("T#-1" if v is None else f"T#{index[v]}" for v in values)


def _op_name(op: Op) -> str:
    return f"CUSTOM {op.attrs['custom_code']}" if op.name == "CUSTOM" else op.name


def _type(value: Value) -> str:
    """Shape and element type; in the signature of the shape, -1 is an unknown size."""
    shape = value.type.shape
    if shape is None:
        return f"unranked, type:{value.type.dtype.name}"
    known = [d if isinstance(d, int) else 1 for d in shape]
    signature = [d if isinstance(d, int) else -1 for d in shape]
    unknown = f" shape_signature:{signature}," if known != signature else ""
    return f"shape:{known},{unknown} type:{value.type.dtype.name}"
