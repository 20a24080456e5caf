"""The parity harness: a row is a function with inputs; TensorFlow computes what LiteRT has to answer.

    CASES = [Case("negatives", tf.nn.relu, [f32(2, 3)]), Case("batch", tf.nn.relu, [f32(2, 3)], spec=[(None, 3)])]
    test_relu = parity_test(CASES)

The functions of a table are saved together, as signatures of one SavedModel, and converted one by one, so that a row
that fails does not take the others with it. Every row runs three times in a row: integers, booleans and strings have to
be equal, floats within the tolerance of their dtype (relative to the range of the output) unless the row gives its own,
NaN and infinities in the same places, dtypes and shapes the same.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.evaluate import op_histogram
from litesmith.errors import ConverterError
from litesmith.runtime import Runner, compare_outputs

Array = np.ndarray[Any, Any]
Shape = tuple[int | None, ...]
Convert = Callable[[str, str], bytes]

# On CPUs its rewriter takes some moments and scales for a layer normalization, and then answers wrongly.
tf.config.optimizer.set_experimental_options({"remapping": False})

TOLERANCES = {"float32": 1e-5, "float64": 1e-12, "float16": 2e-3, "bfloat16": 2e-2, "complex64": 1e-5}
INVOCATIONS = 3


@dataclass(frozen=True)
class Case:
    """One row.

    fn: takes tensors in the order of ``inputs``, returns a tensor or any nesting of tensors; a `tf.Module` with
    ``__call__`` brings its variables along. spec: the shape of each input with None for unknown dimensions, a missing
    or None entry meaning the array's own. also: further inputs the same file has to answer (other sizes of unknown
    dimensions). tol: of the output's range; by default that of the dtype. ops: how many ops of each kind the file has,
    or how many at most in all. raises: code of a problem the conversion has to report, whose text contains ``says``.
    reference: computes what is expected in the place of ``fn`` where TensorFlow has no kernel (NCHW on a CPU).
    """

    name: str
    fn: Callable[..., Any]
    inputs: Sequence[Any] = ()
    spec: Sequence[Shape | None] = ()
    also: Sequence[Sequence[Any]] = ()
    tol: float | None = None
    ops: Mapping[str, int] | int | None = None
    raises: str = ""
    says: str = ""
    reference: Callable[..., Any] | None = None

    @property
    def arrays(self) -> list[Array]:
        """The inputs as arrays."""
        return [np.asarray(value) for value in self.inputs]

    def rng(self) -> np.random.Generator:
        """A generator seeded by the case's name."""
        return np.random.default_rng(zlib.crc32(self.name.encode()))


def f32(*shape: int, low: float = -2.0, high: float = 2.0, seed: int = 0) -> Array:
    """Seeded uniform float32 values; distinct for distinct shapes."""
    return np.random.default_rng([seed, *shape]).uniform(low, high, shape).astype(np.float32)


def ints(*shape: int, low: int = -9, high: int = 10, dtype: str = "int32", seed: int = 0) -> Array:
    """Seeded integers in [low, high)."""
    return np.random.default_rng([seed, *shape]).integers(low, high, shape).astype(dtype)


def litesmith_convert(directory: str, signature: str) -> bytes:
    """What is tested: one signature by the drop-in converter."""
    from litesmith import TFLiteConverter

    return TFLiteConverter.from_saved_model(directory, signature_keys=[signature]).convert()


class Table:
    """Cases saved together on first use, in a directory that lives as long as the table."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self.cases = tuple(cases)
        names = [case.name for case in self.cases]
        if doubles := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"cases of the same name: {sorted(doubles)}")

    def check(self, case: Case, convert: Convert = litesmith_convert) -> None:
        """Fail unless the converted case answers as TensorFlow does, or is refused as the case expects."""
        key = f"case_{self.cases.index(case)}"
        directory, traced = self._saved
        if isinstance(traced[key], Exception):
            raise traced[key]
        if case.raises:
            with pytest.raises(ConverterError) as raised:
                convert(directory, key)
            _check_problem(case, raised.value)
            return
        content = convert(directory, key)
        _check_ops(case, op_histogram(content))
        _check_answers(case, content, traced[key])

    def compare(self, case: Case, *converters: Convert) -> list[bytes] | None:
        """What each converter makes of a case; None where one of them refuses it."""
        directory, traced = self._saved
        key = f"case_{self.cases.index(case)}"
        if isinstance(traced[key], Exception):
            return None
        try:
            return [convert(directory, key) for convert in converters]
        except Exception:  # any refusal of either converter: there is nothing to compare
            return None

    @cached_property
    def _saved(self) -> tuple[str, dict[str, Any]]:
        """The SavedModel and the traced functions by signature (or the error of a function TensorFlow rejects)."""
        self._directory = tempfile.TemporaryDirectory(prefix="litesmith-parity-")
        module = tf.Module()
        module.owners = [case.fn for case in self.cases if isinstance(case.fn, tf.Module)]
        traced = {f"case_{index}": trace(case) for index, case in enumerate(self.cases)}
        signatures = {key: value for key, value in traced.items() if not isinstance(value, Exception)}
        path = str(Path(self._directory.name) / "saved_model")
        tf.saved_model.save(module, path, signatures=signatures)
        return path, traced


def check(case: Case, convert: Convert = litesmith_convert) -> None:
    """Check one case on its own."""
    Table([case]).check(case, convert)


def parity_test(cases: Sequence[Case]) -> Callable[..., None]:
    """A test function over a table of cases, one test each, marked ``tf``."""
    table = Table(cases)

    @pytest.mark.tf
    @pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in table.cases])
    def test(case: Case) -> None:
        table.check(case)

    return test


def trace(case: Case) -> Any:
    """The concrete function of a row, or the error TensorFlow raises for it."""
    specs = [_spec(case, index, array) for index, array in enumerate(case.arrays)]

    def serve(*tensors: Any) -> dict[str, Any]:
        results = tf.nest.flatten(case.fn(*tensors), expand_composites=True)
        return {f"y{index}": tf.identity(result) for index, result in enumerate(results)}

    try:
        return tf.function(serve, input_signature=specs).get_concrete_function()
    except Exception as error:  # whatever TensorFlow raises is the failure of this row alone, raised when it is checked
        return error


def _spec(case: Case, index: int, array: Array) -> Any:
    given = case.spec[index] if index < len(case.spec) else None
    shape = array.shape if given is None else given
    dtype = tf.string if array.dtype.kind in "SUO" else tf.as_dtype(array.dtype)
    return tf.TensorSpec(shape, dtype, name=f"x{index}")


def _check_problem(case: Case, error: ConverterError) -> None:
    matching = [str(problem) for problem in error.problems if problem.code == case.raises]
    assert matching, f"{case.name}: expected {case.raises}, got {error}"
    assert any(case.says in text for text in matching), f"{case.name}: {case.says!r} is not said by {matching}"


def _check_ops(case: Case, ops: Mapping[str, int]) -> None:
    if isinstance(case.ops, int):
        assert sum(ops.values()) <= case.ops, f"{case.name}: at most {case.ops} ops expected, got {ops}"
    elif case.ops is not None:
        assert dict(ops) == dict(case.ops), f"{case.name}: other ops than expected"


def expected_outputs(case: Case, function: Any, arrays: Sequence[Array]) -> dict[str, Any]:
    """What TensorFlow (or the case's own reference) answers, by output name."""
    if case.reference is None:
        return {name: value.numpy() for name, value in function(*map(tf.constant, arrays)).items()}
    results = tf.nest.flatten(case.reference(*map(tf.constant, arrays)))
    return {f"y{index}": np.asarray(result) for index, result in enumerate(results)}


def _check_answers(case: Case, content: bytes, function: Any) -> None:
    """Three times the same inputs, then the others, on one interpreter; TensorFlow's state moves along."""
    runner = Runner(content)
    others = [[np.asarray(value) for value in inputs] for inputs in case.also]
    for number, arrays in enumerate([case.arrays] * INVOCATIONS + others):
        expected = expected_outputs(case, function, arrays)
        # The signature's own order is the order of the dictionary of names.
        actual = runner.run({f"x{index}": array for index, array in enumerate(arrays)})
        for name, value in expected.items():
            tol = TOLERANCES.get(str(np.asarray(value).dtype), 0.0) if case.tol is None else case.tol
            (result,) = compare_outputs(actual, {name: value}, tol)
            assert result.passed, f"{case.name}, invocation {number}, {name}: {result.reason} ({result})"
