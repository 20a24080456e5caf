"""Converts a Keras model, runs the file in LiteRT three times and compares with the model itself."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import litesmith
from litesmith.errors import LitesmithError
from litesmith.ir import Program
from litesmith.runtime import Runner, compare

Array = np.ndarray[Any, Any]
COUNTS = Path(__file__).with_name("operator_counts.json")
"""How many operators the official converter's file has (TensorFlow 2.21), by row: no row may have more on either backend."""

PRECISE = (
    "accurate where it is small, and without overflow: log(1 + exp(x)) in float32 is 0 below -17, infinite above 88"
)
NAN = "an index out of bounds gives NaN, as JAX has it; GATHER would stop the model"
GROUPS = "CONV_3D takes no groups: the official file does not run"
MORE: Mapping[str, Mapping[str, str]] = {
    "tensorflow": {
        **dict.fromkeys(("Activation-softplus", "Activation-log_sigmoid", "Activation-mish"), PRECISE),
        "Conv3D-groups=2": GROUPS,
    },
    "jax": {
        **dict.fromkeys(("Activation-softplus", "Activation-log_sigmoid", "Activation-mish"), PRECISE),
        **dict.fromkeys(
            ("Embedding", "Embedding-float", "Embedding-mask", "Embedding-uint8", "ReversibleEmbedding"), NAN
        ),
        "ContrastLimitedAdaptiveHistogramEqualization": NAN,
        "Activation-sparsemax": "JAX sorts in a total order, NaN last; TOPK_V2 has none",
        "Conv3D-groups=2": GROUPS,
    },
}
"""Rows that may have more by backend, and why."""

BACKEND = keras.backend.backend()
BATCH = 2
INVOCATIONS = 3
LARGE = 1024


@dataclass(frozen=True)
class Case:
    """One row: a model (or layer), made when the row is run, and the inputs it is called with.

    make: returns the model. inputs: arrays in the nesting the model takes, or the shapes (without batch) of one or more
    float inputs. tol: of the output's range. ops: how often operators must occur; at_most: operators in all. refused:
    what the error must say, where the row is refused. weights: whether random values replace the initial weights of
    the kind that starts at 0 or 1 (biases, statistics). backends: those Keras itself can run the row on.
    largest: bytes the file may have. stored: element types of its constants of 1024 elements or more. example: whether the model is converted with the inputs as an example (it has none of its own).
    """

    name: str
    make: Callable[[], Any]
    inputs: Any = (4,)
    tol: float = 1e-5
    ops: Mapping[str, int] = field(default_factory=dict)
    at_most: int | None = None
    refused: str = ""
    weights: bool = True
    slow: bool = False
    backends: Sequence[str] = ("tensorflow", "jax")
    example: bool = False
    largest: int | None = None
    stored: str | None = None

    @property
    def layer(self) -> str:
        """The layer class a row is about: its name up to the first hyphen."""
        return self.name.partition("-")[0]


def case_rng(name: str) -> np.random.Generator:
    """A generator seeded by a name."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def f32(*shape: int, low: float = -2.0, high: float = 2.0) -> Array:
    """Seeded uniform float32 values."""
    return case_rng(str(shape)).uniform(low, high, shape).astype(np.float32)


def ints(*shape: int, low: int = 0, high: int = 10, dtype: str = "int32") -> Array:
    """Seeded integers in [low, high)."""
    return case_rng(str(shape)).integers(low, high, shape).astype(dtype)


def sample(inputs: Any) -> Any:
    """The inputs of a row: arrays as they are, a shape as random floats with a batch."""
    if isinstance(inputs, tuple) and all(isinstance(d, int) for d in inputs):
        return f32(BATCH, *inputs)
    return inputs


def randomize(model: Any) -> None:
    """Gives the variables that start at 0 or 1 (biases, statistics, scales) values that show in the result."""
    for index, variable in enumerate(model.weights):
        value = np.asarray(variable.numpy() if hasattr(variable, "numpy") else variable)
        if value.dtype.kind == "f" and value.size and np.all(value == value.flat[0]) and value.flat[0] in (0.0, 1.0):
            rng = np.random.default_rng(index)
            variable.assign(value + rng.uniform(0.1, 0.6, value.shape).astype(value.dtype))


def arrays(structure: Any) -> list[Array]:
    """The leaves of an output as arrays."""
    return [np.asarray(keras.ops.convert_to_numpy(t)) for t in keras.tree.flatten(structure)]


def call(model: Any, inputs: Any) -> list[Array]:
    """What the model itself answers, at inference."""
    return arrays(model(inputs, training=False))


def functional(layer: Any, inputs: Any) -> Any:
    """A functional model of one layer with a dynamic batch."""
    data = sample(inputs)
    symbolic = keras.tree.map_structure(lambda a: keras.Input(a.shape[1:], dtype=_dtype(a)), data)
    return keras.Model(symbolic, layer(symbolic))


def _dtype(array: Any) -> str:
    return "string" if array.dtype.kind in "OUS" else array.dtype.name


def check(case: Case) -> None:
    """Raises AssertionError where one of three runs is not what Keras computes, or a refusal is not as expected."""
    model = case.make()
    inputs = sample(case.inputs)
    if not model.built:
        call(model, inputs)
    if case.weights:
        randomize(model)
    expected = call(model, inputs)
    example = (inputs,) if case.example else ()
    if case.refused:
        with pytest.raises(LitesmithError, match=case.refused):
            _ = litesmith.convert(model, *example).content
        return
    converted = litesmith.convert(model, *example)
    check_ops(case, converted.program)
    assert case.largest is None or len(converted.content) <= case.largest, len(converted.content)
    check_answers(converted.content, inputs, expected, case.tol)


def check_ops(case: Case, program: Program) -> None:
    """Raises AssertionError for other operators than the row says."""
    found = program.histogram()
    for name, count in case.ops.items():
        assert found.get(name, 0) == count, f"{name}: {found}"
    most = case.at_most if case.at_most is not None else most_operators(case.name)
    assert most is None or sum(found.values()) <= most, f"at most {most}: {found}"
    assert case.stored is None or stored_types(program) == case.stored, stored_types(program)


def most_operators(name: str) -> int | None:
    """The operators a row may have; None where nothing is known, or with an older Keras, which traces otherwise."""
    known = json.loads(COUNTS.read_text())
    if tuple(map(int, keras.__version__.split(".")[:2])) < tuple(known["keras"]) or name in MORE.get(BACKEND, {}):
        return None
    count: int | None = known["operators"].get(name)
    return count


def stored_types(program: Program) -> str:
    """Element types of the large constants, in alphabetical order."""
    large = (v for graph in program.all_graphs() for v in graph.constants() if v.type.count >= LARGE)
    return " ".join(sorted({str(v.type.dtype) for v in large}))


def check_answers(content: bytes, inputs: Any, expected: Sequence[Array], tol: float) -> None:
    """Raises AssertionError where one of three runs differs."""
    runner = Runner(content)
    given = [np.asarray(a) for a in keras.tree.flatten(inputs)]
    for number in range(INVOCATIONS):
        got = list(runner.run(given).values())
        assert len(got) == len(expected)
        for have, want in zip(got, expected, strict=True):
            result = compare(have, want, tol)
            assert result.passed, f"run {number}: {result.reason} ({result.relative:.2e} of the range)"


def rows(cases: Sequence[Case]) -> Any:
    """The cases as test parameters."""
    return pytest.mark.parametrize("case", [pytest.param(c, id=c.name, marks=_marks(c)) for c in cases])


def layer_rows(cases: Sequence[Case]) -> Any:
    """Rows about layers; those this Keras lacks are skipped."""
    lacking = pytest.mark.skip(reason="this Keras has no such layer")
    params = [
        pytest.param(c, id=c.name, marks=_marks(c) if hasattr(keras.layers, c.layer) else (lacking,)) for c in cases
    ]
    return pytest.mark.parametrize("case", params)


def _marks(case: Case) -> list[Any]:
    marks = [pytest.mark.slow] if case.slow else []
    if BACKEND not in case.backends:
        marks.append(pytest.mark.skip(reason=f"Keras runs it on {', '.join(case.backends)} only"))
    return marks
