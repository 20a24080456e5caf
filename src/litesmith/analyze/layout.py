"""The report of a file as text, in the layout of the official analyzer: tensors and buffers by their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from litesmith._util.text import printable
from litesmith.analyze.report import GPU, Report
from litesmith.formats.tflite.listing import GraphEntry, Listing, OperatorEntry, SignatureEntry, TensorEntry
from litesmith.ir import DType

_RULE = "---------------------------------------------------------------"


def layout_lines(listing: Listing, report: Report, gpu: bool = False) -> Iterator[str]:
    """The lines that ``Analyzer.analyze`` prints. gpu: whether operators that the GPU delegate leaves are marked."""
    yield from _introduction(listing)
    for number, graph in enumerate(listing.graphs):
        yield from _graph(number, graph, report if gpu else None)
    if gpu:
        yield from _gpu_verdict(report)
    yield from _signatures(listing.signatures)
    yield _RULE
    yield from _sizes(listing)
    yield ""


def _introduction(listing: Listing) -> Iterator[str]:
    yield f"Your TFLite model has '{len(listing.graphs)}' subgraph(s). In the subgraph description below,"
    first = next(iter(listing.graphs[0].operators), None) if listing.graphs else None
    if first is None:
        yield "T# represents the Tensor numbers.\n"
        return
    taken = " and ".join(f"tensor #{n}" for n in first.inputs)
    made = " and ".join(f"tensor #{n}" for n in first.outputs)
    yield f"T# represents the Tensor numbers. For example, in Subgraph#0, the {first.title} op takes"
    yield f"{taken} as input and produces {made} as output.\n"


def _graph(number: int, graph: GraphEntry, report: Report | None) -> Iterator[str]:
    inputs, outputs = ([_reference(n, number) for n in numbers] for numbers in (graph.inputs, graph.outputs))
    yield f"Subgraph#{number} {printable(graph.name)}({', '.join(inputs)}) -> [{', '.join(outputs)}]"
    for index, operator in enumerate(graph.operators):
        yield f"  Op#{index} {_operator(operator, graph, number)}"
        reason = report.graphs[number].operators[index].stays_off.get(GPU) if report is not None else None
        if reason:
            yield f"GPU COMPATIBILITY WARNING: {printable(operator.title)}: {reason}"
    yield f"\nTensors of Subgraph#{number}"
    for index, tensor in enumerate(graph.tensors):
        yield f"  {_reference(index, number)}({printable(tensor.name)}) {_tensor(tensor)}"
    yield ""


def _reference(tensor: int, graph: int) -> str:
    return f"T#{graph}_{tensor}" if graph and tensor != -1 else f"T#{tensor}"


def _operator(operator: OperatorEntry, graph: GraphEntry, number: int) -> str:
    operands = [_reference(n, number) + _constant_elements(n, graph) for n in operator.inputs]
    labelled = operator.name in ("IF", "WHILE")
    operands += [f"{role}: Subgraph#{n}" if labelled else f"Subgraph#{n}" for role, n in operator.subgraphs]
    results = [_reference(n, number) for n in operator.outputs]
    return f"{printable(operator.title)}({', '.join(operands)}) -> [{', '.join(results)}]"


def _constant_elements(number: int, graph: GraphEntry) -> str:
    """The first elements of constant int32 tensors, as they stand behind the number."""
    tensor = graph.tensors[number] if 0 <= number < len(graph.tensors) else None
    if tensor is None or tensor.dtype is not DType.INT32 or not tensor.values:
        return ""
    return f"[{_values(tensor)}]"


def _values(tensor: TensorEntry) -> str:
    return ", ".join(map(_value, tensor.values)) + (", ..." if tensor.count > len(tensor.values) else "")


def _tensor(tensor: TensorEntry) -> str:
    shape = list(tensor.signature or tensor.shape or ())
    text = f"shape{'_signature' if tensor.signature else ''}:{shape}, type:{tensor.dtype.name}"
    if not tensor.size:
        return text
    data = f", data:[{_values(tensor)}]" if tensor.values else ""
    return f"{text} RO {tensor.size} bytes, buffer: {tensor.buffer}{data}"


def _value(element: object) -> str:
    return f"{element:.6g}" if isinstance(element, float) or hasattr(element, "is_integer") else str(element)


def _gpu_verdict(report: Report) -> Iterator[str]:
    troubled = {
        number: [str(op.index) for op in graph.operators if GPU in op.stays_off]
        for number, graph in enumerate(report.graphs)
    }
    if not any(troubled.values()):
        yield "\nYour model looks compatible with the GPU delegate."
    for number, nodes in troubled.items():
        if nodes:
            places = ", ".join(nodes)
            yield f"\nGPU COMPATIBILITY WARNING: Subgraph#{number} has GPU delegate compatibility issues at nodes {places}"
    yield ""


def _signatures(signatures: Sequence[SignatureEntry]) -> Iterator[str]:
    if not signatures:
        return
    yield _RULE
    yield f"Your TFLite model has '{len(signatures)}' signature_def(s).\n"
    for number, signature in enumerate(signatures):
        yield f"Signature#{number} key: '{printable(signature.key)}'"
        yield f"- Subgraph: Subgraph#{signature.graph}"
        for heading, tensors in (("Inputs", signature.inputs), ("Outputs", signature.outputs)):
            yield f"- {heading}: "
            for name, tensor in tensors:
                yield f"    '{printable(name)}' : {_reference(tensor, signature.graph)}"
        yield ""


def _sizes(listing: Listing) -> Iterator[str]:
    buffers = sum(b.size for b in listing.buffers)
    zeros = sum(b.size for b in listing.buffers if b.is_zero)

    def line(label: str, size: int) -> str:
        return f"{label}: {size:>10} bytes ({100 * size / max(listing.size, 1):05.2f} %)"

    yield f"              Model size: {listing.size:>10} bytes"
    yield line("    Non-data buffer size", listing.size - buffers)
    yield line("  Total data buffer size", buffers)
    if len(listing.graphs) > 1:
        for number, graph in enumerate(listing.graphs):
            own = sum({t.buffer: t.size for t in graph.tensors}.values())
            yield line(f"          - Subgraph#{number:<3}", own)
    yield line("    (Zero value buffers)", zeros)
    yield "\n* Buffers of TFLite model are mostly used for constant tensors."
    yield "  And zero value buffers are buffers filled with zeros."
    yield "  Non-data buffers area are used to store operators, subgraphs and etc."
    yield "  You can find more details from https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/schema/schema.fbs"
