"""Whether a converter's attributes ask for something this version does: asked before and after the conversion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from litesmith.errors import ConverterError, Problem
from litesmith.ir.graph import Program
from litesmith.lite.attributes import ALIASES, FLOAT_FIX, Attribute
from litesmith.lite.options import OpsSet, TargetSpec, members
from litesmith.ops.gpu import gpu_reason

if TYPE_CHECKING:
    from litesmith.frontends.tensorflow.select_ops import SelectOps
    from litesmith.lite.converter import ConverterBase

_OF_EVERY_MODEL = frozenset({"CUSTOM", "IF", "WHILE", "CALL", "CALL_ONCE"})
"""Operators that a model of Select TF operators alone has besides: those that run its subgraphs."""


def refusals(converter: ConverterBase, attributes: Sequence[Attribute]) -> list[Problem]:
    """A problem for each attribute that asks for another model than this version makes."""
    return [
        *_attribute_problems(converter, attributes),
        *_target_problems(converter.target_spec),
        *_assertion_problems(converter),
    ]


def _attribute_problems(converter: ConverterBase, attributes: Sequence[Attribute]) -> Iterator[Problem]:
    asked: dict[tuple[str, str], list[str]] = {}
    for attribute in attributes:
        wish = None if attribute.name in ALIASES else attribute.refusal(getattr(converter, attribute.name))
        if wish:
            asked.setdefault((wish, attribute.fix), []).append(attribute.name)
    for (wish, fix), names in asked.items():
        yield Problem("LS030", f"{', '.join(names)} asks for {wish}, which this version does not support", fix)


def _assertion_problems(converter: ConverterBase) -> Iterator[Problem]:
    if converter._get("_experimental_preserve_assert_op") and not allows_select_ops(converter):
        reason = "_experimental_preserve_assert_op: only Select TF operators hold assertions"
        yield Problem("LS030", reason, "add OpsSet.SELECT_TF_OPS to target_spec.supported_ops")


def _target_problems(spec: TargetSpec) -> Iterator[Problem]:
    ops = members(OpsSet, spec.supported_ops)
    if OpsSet.EXPERIMENTAL_STABLEHLO_OPS in ops:
        yield _target("supported_ops", "StableHLO operators in the file")
    elif not ops:
        yield _target("supported_ops", "a model without any operators")
    for unknown in sorted(_backends(spec) - {"GPU"}):
        fix = 'it checks for "GPU" alone; experimental.Analyzer and `litesmith analyze` tell of the others'
        yield _target("experimental_supported_backends", f"a check for {unknown!r}", fix)


def _target(name: str, wish: str, fix: str = FLOAT_FIX) -> Problem:
    return Problem("LS030", f"target_spec.{name} asks for {wish}, which this version does not support", fix)


def _backends(spec: TargetSpec) -> set[str]:
    return {str(name).upper() for name in getattr(spec, "experimental_supported_backends", None) or ()}


def check_backends(converter: ConverterBase, program: Program) -> None:
    """Raises ConverterError, naming every operation that a backend the user asked for would leave to the CPU."""
    if "GPU" not in _backends(converter.target_spec):
        return
    problems = []
    for op in (op for graph in program.all_graphs() for op in graph.ops):
        reason = gpu_reason(op)
        if reason is not None:
            is_open = "not static" in reason
            fix = "fix the sizes of the inputs (input_shapes)" if is_open else "leave experimental_supported_backends out"
            where = {"op": op.name, "layer": op.origin.label, "line": op.origin.line}
            problems.append(Problem("LS031", f"the GPU delegate does not take it: {reason}", fix, **where))
    if problems:
        raise ConverterError(problems)


def check_result(converter: ConverterBase, program: Program) -> None:
    """Raises ConverterError where the result has operators that an attribute rules out."""
    counts = program.histogram()
    problems = []
    built_in = sorted({*counts} - _OF_EVERY_MODEL) if forces_select_ops(converter) else []
    if built_in:
        reason = f"supported_ops has no built-in operators, but the model needs {', '.join(built_in)}"
        problems.append(Problem("LS031", reason, "add OpsSet.TFLITE_BUILTINS"))
    if not converter.experimental_enable_resource_variables and counts.get("VAR_HANDLE"):
        reason = "the model assigns variables, and experimental_enable_resource_variables is False"
        problems.append(Problem("LS031", reason, "set it to True, or make the model's state an input and an output"))
    if converter.unfold_batchmatmul and counts.get("BATCH_MATMUL"):
        reason = f"{counts['BATCH_MATMUL']} BATCH_MATMUL remain, which this version does not unfold"
        problems.append(Problem("LS031", reason, "set unfold_batchmatmul=False; every runtime since 2.1 has it"))
    if problems:
        raise ConverterError(problems)


def select_ops(converter: ConverterBase) -> SelectOps | None:
    """Which operators may become Select TF operators; None where none may."""
    if not allows_select_ops(converter):
        return None
    from litesmith.frontends.tensorflow.select_ops import SelectOps

    named = frozenset(map(str, converter.target_spec.experimental_select_user_tf_ops or ()))
    everything = bool(getattr(converter, "_experimental_allow_all_select_tf_ops", False))
    kept = frozenset({"Assert"} if converter._get("_experimental_preserve_assert_op") else ())
    return SelectOps(lambda op: None, named, everything, forces_select_ops(converter), kept)


def allows_select_ops(converter: ConverterBase) -> bool:
    """Whether the user allows Select TF operators."""
    spec = converter.target_spec
    return OpsSet.SELECT_TF_OPS in members(OpsSet, spec.supported_ops) or bool(
        list(spec.experimental_select_user_tf_ops or ())
    )


def forces_select_ops(converter: ConverterBase) -> bool:
    """Whether the user allows Select TF operators alone."""
    return members(OpsSet, converter.target_spec.supported_ops) == {OpsSet.SELECT_TF_OPS}
