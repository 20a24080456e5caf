"""Which of several quantizations is the nearest to the float model: measured before the last activation.

A SOFTMAX or LOGISTIC at the end is flat where it is sure, so that a few samples would decide, but what
goes into it tells of all.
"""

from __future__ import annotations

from collections.abc import Sequence

from litesmith.formats.tflite import write_model
from litesmith.ir import Op, Value
from litesmith.quantize.fidelity import Comparison, compare
from litesmith.quantize.quantized import Quantized
from litesmith.quantize.samples import Call

LAST = ("SOFTMAX", "LOGISTIC", "LOG_SOFTMAX")


def nearness(result: Quantized, samples: Sequence[Call]) -> float:
    """dB, in the mean over the outputs."""
    pairs = list(_before_activations(result))
    if not pairs:
        return compare(write_model(result.float_program), write_model(result.program), samples).mean
    from litesmith.quantize.exchange import RealRunner, with_outputs

    programs = (result.float_program, result.program)
    columns = [[pair[i] for pair in pairs] for i in range(2)]
    exact, narrow = (RealRunner(with_outputs(p, c, "before")) for p, c in zip(programs, columns, strict=True))
    found = Comparison()
    names = [f"before/{i}" for i in range(len(pairs))]
    for key, inputs in samples:
        wanted, got = exact.run(inputs, key), narrow.run(inputs, key)
        found.add(key, {n: wanted[n] for n in names if n in wanted}, {n: got[n] for n in names if n in got})
    return found.result().mean


def _before_activations(result: Quantized) -> Sequence[tuple[Value, Value]]:
    """What goes into the last activations, in the float program and in the quantized one; nothing unless all end so."""
    graph, narrow = result.float_program.main, result.program.main
    if len(result.program.graphs) > 1 or any(v.op is None or v.op.name not in LAST for v in graph.outputs):
        return []
    places = {id(op): f"0:{i}" for i, op in enumerate(graph.ops)}
    by_key: dict[str, Op] = {result.keys[id(op)]: op for op in narrow.ops if id(op) in result.keys}
    ends = [v.op for v in graph.outputs if v.op is not None]
    if any(places[id(op)] not in by_key for op in ends):
        return []
    return [(op["x"], by_key[places[id(op)]]["x"]) for op in ends]
