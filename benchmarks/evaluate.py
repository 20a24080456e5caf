"""What a ``.tflite`` is worth: ops, output error against the reference, latency. Prints JSON.

    python -m benchmarks.evaluate MODEL.tflite REFERENCE.npz [--against OTHER.tflite] [--seconds 2]

It talks to the LiteRT runtime directly, not through litesmith, so that it judges both converters alike.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

INVOCATIONS = 3
Call = dict[str, dict[str, np.ndarray]]
Reference = dict[str, list[Call]]
_NAMES = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}


def op_histogram(content: bytes) -> dict[str, int]:
    """Number of ops by name over all subgraphs of a ``.tflite``; a custom op goes by its custom code."""
    model = schema.Model.GetRootAs(content, 0)
    codes = [_code_name(model.OperatorCodes(i)) for i in range(model.OperatorCodesLength())]
    counts: Counter[str] = Counter()
    for index in range(model.SubgraphsLength()):
        graph = model.Subgraphs(index)
        counts.update(codes[graph.Operators(i).OpcodeIndex()] for i in range(graph.OperatorsLength()))
    return dict(counts.most_common())


def _code_name(code: Any) -> str:
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    return (code.CustomCode() or b"CUSTOM").decode() if number == schema.BuiltinOperator.CUSTOM else _NAMES[number]


def load_reference(path: Path) -> Reference:
    """signature -> its calls in order -> "inputs" | "outputs" -> name -> array.

    ``path`` is an ``.npz`` file with a call of each signature; a directory of the same name without the suffix, if it
    is there, has a session of several calls, a file each.
    """
    steps = path.with_suffix("")
    stored: Reference = {}
    for file in sorted(steps.glob("*.npz")) if steps.is_dir() else [path]:
        for signature, call in _load(file).items():
            stored.setdefault(signature, []).append(call)
    return stored


def _load(path: Path) -> dict[str, Call]:
    calls: dict[str, Call] = {}
    with np.load(path) as archive:
        for key in archive.files:
            signature, kind, name = key.split("/", 2)
            call = calls.setdefault(signature, {"inputs": {}, "outputs": {}})
            call[kind][name] = archive[key]
    return calls


def output_error(path: Path, reference: Reference) -> dict[str, float]:
    """Largest error of each ``signature/output`` over the session (three invocations at least), relative to the range.

    The range is the largest one of the session: a single number that happens to be near zero in one call has none.
    Integers, booleans and strings must be equal; NaN and infinities must stand at the same places: otherwise inf.
    """
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    errors: dict[str, float] = {}
    for signature in sorted(interpreter.get_signature_list()):
        runner, calls = interpreter.get_signature_runner(signature), reference[signature]
        scales = {name: max(output_range(call["outputs"][name]) for call in calls) for name in calls[0]["outputs"]}
        for call in calls if len(calls) > 1 else calls * INVOCATIONS:
            outputs = runner(**call["inputs"])
            for name, expected in call["outputs"].items():
                key, got = f"{signature}/{name}", np.asarray(outputs[name])
                errors[key] = max(errors.get(key, 0.0), absolute_error(got, expected) / scales[name])
    return errors


def absolute_error(got: np.ndarray, expected: np.ndarray) -> float:
    """max |got - expected|; inf when shape, dtype, non-finite values or values that are no floats differ."""
    if got.shape != expected.shape or (got.dtype != expected.dtype and expected.dtype.kind not in "OS"):
        return float("inf")
    if expected.dtype.kind not in "fc":
        return 0.0 if np.array_equal(got, expected) else float("inf")
    finite = np.isfinite(expected)
    if not np.array_equal(got[~finite], expected[~finite], equal_nan=True) or not np.isfinite(got[finite]).all():
        return float("inf")
    return float(np.max(np.abs(got[finite] - _wide(expected[finite])), initial=0.0))


def relative_error(got: np.ndarray, expected: np.ndarray) -> float:
    """The absolute error over the range of ``expected``."""
    return absolute_error(got, expected) / output_range(expected)


def output_range(values: np.ndarray) -> float:
    """max - min of the finite values; if they are all the same, their size; 1 if that is zero or there are none."""
    if values.dtype.kind not in "fc":
        return 1.0
    finite = _wide(values[np.isfinite(values)])
    if not finite.size:
        return 1.0
    spread = float(np.max(finite.real) - np.min(finite.real))
    return spread or float(np.max(np.abs(finite))) or 1.0


def _wide(values: np.ndarray) -> np.ndarray:
    return values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)


def invocation(path: Path, reference: Reference, first: str, by_signature: bool) -> Callable[[], object]:
    """A function that invokes signature ``first`` once; without ``by_signature`` its inputs are already set.

    Inputs can be set beforehand where the first subgraph is the only one with a signature.
    """
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    inputs = reference[first][0]["inputs"]
    if by_signature:
        runner = interpreter.get_signature_runner(first)
        return lambda: runner(**inputs)
    details = interpreter.get_signature_runner(first).get_input_details()
    for name, value in inputs.items():
        interpreter.resize_tensor_input(details[name]["index"], value.shape)
    interpreter.allocate_tensors()
    for name, value in inputs.items():
        interpreter.set_tensor(details[name]["index"], value)
    return interpreter.invoke


def latencies(paths: list[Path], reference: Reference, seconds: float) -> list[float]:
    """Median milliseconds of one invocation of each model, the models taking turns; at least 7 turns."""
    signatures = [set(Interpreter(model_path=str(path)).get_signature_list()) for path in paths]
    by_signature = any(len(names) > 1 for names in signatures)  # all in the same way: the way costs time, too
    first = sorted(set.intersection(*signatures) & set(reference))[0]
    calls = [invocation(path, reference, first, by_signature) for path in paths]
    samples: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    end = time.perf_counter() + seconds
    while len(samples[0]) < 7 or (time.perf_counter() < end and len(samples[0]) < 2000):
        for call, taken in zip(calls, samples, strict=True):
            start = time.perf_counter()
            call()
            taken.append(time.perf_counter() - start)
    return [1000 * median(taken) for taken in samples]


def delegated_share(path: Path) -> float | None:
    """Percent of the first graph's operators that XNNPACK takes; None where the runtime does not allocate the model.

    A partition is what lies between its node's outputs and inputs.
    """
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    try:
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError):
        return None
    nodes = interpreter._get_ops_details()
    maker = {int(t): i for i, n in enumerate(nodes) if n["op_name"] != "DELEGATE" for t in n["outputs"]}
    taken: set[int] = set()
    for node in (n for n in nodes if n["op_name"] == "DELEGATE"):
        given, pending = set(map(int, node["inputs"])), list(map(int, node["outputs"]))
        while pending:
            tensor = pending.pop()
            made_by = maker.get(tensor)
            if tensor not in given and made_by is not None and made_by not in taken:
                taken.add(made_by)
                pending += [int(t) for t in nodes[made_by]["inputs"]]
    count = sum(n["op_name"] != "DELEGATE" for n in nodes)
    return round(100 * len(taken) / count, 1) if count else None


def describe(path: Path, reference: Reference) -> dict[str, Any]:
    """size, op_count, ops, delegated, error, errors of a file.

    ``error`` is None and ``failure`` the reason when it does not run.
    """
    ops = op_histogram(path.read_bytes())
    facts: dict[str, Any] = {"size": path.stat().st_size, "op_count": sum(ops.values()), "ops": ops}
    facts["delegated"] = delegated_share(path)
    try:
        errors = output_error(path, reference)
    except (RuntimeError, ValueError, KeyError) as error:
        return facts | {"error": None, "failure": f"{type(error).__name__}: {error}"[:500]}
    worst = max(errors.values(), default=0.0)
    return facts | {"error": worst if np.isfinite(worst) else "inf", "errors": {k: str(v) for k, v in errors.items()}}


def main() -> None:
    """Describe the model; with ``--against``, both and their interleaved latencies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--seconds", type=float, default=2.0)
    arguments = parser.parse_args()
    reference = load_reference(arguments.reference)
    paths = [arguments.model, *([arguments.against] if arguments.against else [])]
    facts = [describe(path, reference) for path in paths]
    if all(fact["error"] is not None for fact in facts):
        for fact, taken in zip(facts, latencies(paths, reference, arguments.seconds), strict=True):
            fact["latency_ms"] = round(taken, 4)
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
