"""Running a model on real numbers whatever the types of its inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from litesmith.formats.tflite import write_model
from litesmith.ir import DType, Program, Quantization, Value
from litesmith.ir.clone import clone
from litesmith.ir.constant import Array
from litesmith.quantize.ranges import quantization, quantize_array, real
from litesmith.runtime import Runner, TensorInfo


class RealRunner:
    """A model that takes and gives floats where its file has quantized integers."""

    def __init__(self, model: bytes, threads: int = 1, kernels: str = "default") -> None:
        self.runner = Runner(model, threads, kernels=kernels)

    def run(self, inputs: Mapping[str, Array], signature: str | None = None) -> dict[str, Array]:
        """Outputs by name, quantized ones as the real numbers they stand for."""
        return {name: number for name, (number, _) in self.run_stored(inputs, signature).items()}

    def run_stored(self, inputs: Mapping[str, Array], signature: str | None = None) -> dict[str, tuple[Array, Array]]:
        """Outputs by name: the real numbers, and as the file stores them."""
        info = self.runner.signature(signature)
        given = {t.name: _to_stored(np.asarray(inputs[t.name]), t) for t in info.inputs}
        answer = self.runner.run(given, signature)
        return {t.name: (_to_real(answer[t.name], t), answer[t.name]) for t in info.outputs}


def _to_stored(array: Array, tensor: TensorInfo) -> Array:
    quant = _quantization(tensor)
    if quant is None or array.dtype.kind != "f":
        return array
    return quantize_array(array, quant, DType.of(tensor.dtype))


def _to_real(array: Array, tensor: TensorInfo) -> Array:
    quant = _quantization(tensor)
    return array if quant is None else real(array, quant)


def _quantization(tensor: TensorInfo) -> Quantization | None:
    return quantization(tensor.scale, tensor.zero_point) if tensor.scale else None


def with_outputs(program: Program, values: Sequence[Value], prefix: str) -> bytes:
    """The file of a program whose first graph gives these tensors, too, as ``prefix/0``, ``prefix/1``, ….

    The program is left as it is.
    """
    copy = clone(program)
    graph = copy.program.main
    start = len(graph.outputs)
    graph.outputs = [*graph.outputs, *(copy.values[id(v)] for v in values)]
    for signature in copy.program.signatures:
        if signature.graph is graph:
            signature.outputs.update({f"{prefix}/{i}": start + i for i in range(len(values))})
    return write_model(copy.program)
