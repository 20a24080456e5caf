"""Every lowering agrees with TensorFlow's own declaration of the operators it lowers.

A FunctionDef refers to outputs by name, and a SavedModel leaves out attributes that have their default, so a wrong name
or default lowers to something else without any error.
"""

from __future__ import annotations

import pytest

tf = pytest.importorskip("tensorflow")

from tensorflow.python.framework import op_def_registry  # noqa: E402

from litesmith.frontends.tensorflow.attributes import decode  # noqa: E402
from litesmith.frontends.tensorflow.lowering import LOWERINGS  # noqa: E402

pytestmark = pytest.mark.tf

DECLARED = {op: op_def_registry.get(op) for op in LOWERINGS}
KNOWN = sorted(op for op, declared in DECLARED.items() if declared is not None)


@pytest.mark.parametrize("op", KNOWN)
def test_outputs_have_their_names(op: str) -> None:
    names = tuple(arg.name for arg in DECLARED[op].output_arg)
    if len(names) > 1:
        expected = LOWERINGS[op].outputs
        assert expected, f"{op} has the outputs {names}"
        shared = min(len(expected), len(names))
        assert expected[:shared] == names[:shared], f"{op} has the outputs {names}"


@pytest.mark.parametrize("op", KNOWN)
def test_defaults_are_tensorflows(op: str) -> None:
    declared = {a.name: a for a in DECLARED[op].attr}
    shared = {a.name for other in LOWERINGS[op].names if DECLARED.get(other) for a in DECLARED[other].attr}
    for name, default in LOWERINGS[op].parameters.attrs.items():
        assert name in shared, f"{op} has no attribute {name!r}"
        if name in declared and declared[name].HasField("default_value") and default is not None:
            theirs = decode(declared[name].default_value)
            assert _same(default, theirs), f"{op}.{name} is {theirs!r} by default, not {default!r}"


def _same(mine: object, theirs: object) -> bool:
    if isinstance(mine, (tuple, list)) or isinstance(theirs, (tuple, list)):
        return list(mine) == list(theirs)  # type: ignore[call-overload]
    if isinstance(mine, float):
        return abs(mine - float(theirs)) <= 1e-6 * abs(mine)  # type: ignore[arg-type]
    return mine == theirs


@pytest.mark.parametrize("op", KNOWN)
def test_inputs_are_as_many(op: str) -> None:
    inputs = LOWERINGS[op].parameters.inputs
    takes_a_list = any(declared.is_list for declared in inputs)
    if not takes_a_list:
        assert len(inputs) == len(DECLARED[op].input_arg), [a.name for a in DECLARED[op].input_arg]
