"""Which runtimes and delegates take a model, from which release on, and why they leave the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from litesmith.analyze import memory
from litesmith.analyze.report import GPU, MICRO, XNNPACK, GraphFacts, OpFacts, Reason, Runtime
from litesmith.formats.tflite.requirements import release
from litesmith.ir import Op, Program
from litesmith.ops.gpu import gpu_reason
from litesmith.ops.micro import micro_reason
from litesmith.ops.xnnpack import xnnpack_reason

FLEX = "Flex"
"""What the names of Select TF operators begin with."""

CHECKS: dict[str, Callable[[Op], str | None]] = {GPU: gpu_reason, XNNPACK: xnnpack_reason, MICRO: micro_reason}

_IN_WHEEL = ("TFLite_Detection_PostProcess", "AudioSpectrogram", "Mfcc", "NumericVerify", "aeq.hadamard_rotation")
"""Custom operators the LiteRT wheel resolves."""

_PLACES = 3

FLEX_ENDS = (
    "Select TF operators need the Flex delegate: TensorFlow's pip packages up to 2.18 run them, later ones and LiteRT's do "
    "not; on Android add tensorflow-lite-select-tf-ops"
)


def stays_off(op: Op) -> dict[str, str]:
    """Why delegates and Micro leave an operation, by key."""
    return {key: reason for key, check in CHECKS.items() if (reason := _ask(check, op)) is not None}


def _ask(check: Callable[[Op], str | None], op: Op) -> str | None:
    try:
        return check(op)
    except (ValueError, IndexError, KeyError):
        return "the rank of an operand is unknown"


def custom_code(op: Op) -> str:
    """Name of a custom operator; empty for a built-in one."""
    return str(op.attrs["custom_code"]) if op.name == "CUSTOM" else ""


def judge(program: Program, graphs: Sequence[GraphFacts]) -> tuple[Runtime, ...]:
    """Every runtime's verdict."""
    ops = [op for graph in graphs for op in graph.operators]
    codes = {custom_code(op) for g in program.all_graphs() for op in g.ops} - {""}
    flex = sorted(c for c in codes if c.startswith(FLEX))
    custom = sorted(codes - set(flex))
    return (
        _standard(ops, custom, flex),
        _play_services(ops, custom, flex),
        _delegate("XNNPACK (CPU)", XNNPACK, ops, "what it leaves runs on the plain CPU kernels"),
        _delegate("GPU delegate", GPU, ops, "what it leaves runs on the CPU; every change of place costs time"),
        _compiled_model(program, ops),
        _micro(program, ops),
    )


def minimum(ops: Iterable[OpFacts]) -> str:
    """The newest of the releases that operations need."""
    return max((op.since for op in ops), key=release, default="")


def _reasons(ops: Iterable[OpFacts], reason_of: Callable[[OpFacts], str | None]) -> tuple[Reason, ...]:
    groups: dict[tuple[str, str], list[str]] = {}
    for op in ops:
        if reason := reason_of(op):
            groups.setdefault((op.name, reason), []).append(op.layer)
    reasons = [
        Reason(name, reason, len(places), tuple(dict.fromkeys(p for p in places if p))[:_PLACES])
        for (name, reason), places in groups.items()
    ]
    return tuple(sorted(reasons, key=lambda r: -r.count))


def _standard(ops: Sequence[OpFacts], custom: Sequence[str], flex: Sequence[str]) -> Runtime:
    unknown = [c for c in custom if c not in _IN_WHEEL]
    notes = [f"needs kernels of your own: {', '.join(unknown)}"] if unknown else []
    notes += [FLEX_ENDS] if flex else []
    runs = "no" if unknown or flex else "yes"
    taken = sum(not _is_foreign(op, unknown) for op in ops)
    return Runtime("LiteRT", runs, minimum(ops), taken, len(ops), (), "; ".join(notes))


def _is_foreign(op: OpFacts, unknown: Sequence[str]) -> bool:
    return op.name in unknown or op.name.startswith(FLEX)


def _play_services(ops: Sequence[OpFacts], custom: Sequence[str], flex: Sequence[str]) -> Runtime:
    barred = {*custom, *flex}
    reasons = _reasons(ops, lambda op: "only built-in operators run there" if op.name in barred else None)
    note = "its release is that of the device's Play services, which update themselves"
    taken = len(ops) - sum(r.count for r in reasons)
    return Runtime("Google Play services", "no" if reasons else "yes", minimum(ops), taken, len(ops), reasons, note)


def _delegate(name: str, key: str, ops: Sequence[OpFacts], note: str) -> Runtime:
    reasons = _reasons(ops, lambda op: op.stays_off.get(key))
    left = sum(r.count for r in reasons)
    runs = "yes" if not left else "part" if left < len(ops) else "no"
    return Runtime(name, runs, "", len(ops) - left, len(ops), reasons, note if left else "")


def _compiled_model(program: Program, ops: Sequence[OpFacts]) -> Runtime:
    variables = any(v.is_variable for g in program.all_graphs() for op in g.ops for v in (*g.inputs, *op.inputs))
    gpu = _delegate("CompiledModel (GPU)", GPU, ops, "")
    if variables:
        return replace(gpu, runs="no", reasons=(), note="it takes no variable tensors")
    if gpu.runs == "yes":
        return gpu
    note = "it takes a model only where the GPU takes every operation: see GPU delegate"
    return replace(gpu, runs="no", reasons=(), note=note)


def _micro(program: Program, ops: Sequence[OpFacts]) -> Runtime:
    reasons = _reasons(ops, lambda op: op.stays_off.get(MICRO))
    left = sum(r.count for r in reasons)
    note = f"activations take {memory.arena(program, memory.MICRO):,} bytes of its arena"
    return Runtime("TFLite Micro", "no" if left else "yes", "", len(ops) - left, len(ops), reasons, "" if left else note)
