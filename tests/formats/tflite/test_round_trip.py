"""What is written is read back the same, and runs the same."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from litesmith.formats.tflite import read_model, write_file, write_model
from litesmith.ir import Program, Value
from litesmith.ir.printer import print_program
from litesmith.ir.verify import verify
from litesmith.runtime import Runner, random_inputs
from tests.formats.tflite.programs import PROGRAMS, RUNNABLE

MODELS = sorted(Path(os.environ.get("LITESMITH_MODELS", "/work/shared/models")).glob("**/*.tflite"))
needs_models = pytest.mark.skipif(not MODELS, reason="no model files here")


def constants(program: Program) -> list[np.ndarray]:
    return [v.numpy() for g in program.all_graphs() for v in g.constants()]


def structure(program: Program) -> list[object]:
    """Everything about a program that does not depend on the names of symbols."""
    return [
        [
            g.name,
            [shown(v) for v in g.inputs],
            [(op.name, plain(op.attrs), [v and shown(v) for v in op.slots], [*map(shown, op.results)]) for op in g.ops],
            [shown(v) for v in g.outputs],
        ]
        for g in program.all_graphs()
    ] + [(s.key, s.graph.name, s.inputs, s.outputs) for s in program.signatures]


def plain(attrs: dict) -> dict:
    return {k: getattr(v, "name", [str(e) for e in v] if k == "intermediates" else v) for k, v in attrs.items()}


def shown(value: Value) -> object:
    shape = None if value.type.shape is None else [d if isinstance(d, int) else "?" for d in value.type.shape]
    quant = value.type.quant
    scales = quant and (quant.scale.tolist(), quant.zero_point.tolist(), quant.axis, quant.minimum, quant.maximum)
    return value.type.dtype, shape, scales, value.is_variable, value.is_const


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_survives(name: str):
    program = PROGRAMS[name]()
    data = write_model(program)
    back = read_model(data)
    verify(back)
    assert structure(back) == structure(program)
    for mine, its in zip(constants(program), constants(back), strict=True):
        assert mine.dtype == its.dtype
        assert mine.shape == its.shape
        assert mine.tolist() == its.tolist()
    assert back.description == "litesmith"


@pytest.mark.parametrize("name", PROGRAMS)
def test_second_round_trip_is_identical(name: str):
    once = write_model(read_model(write_model(PROGRAMS[name]())))
    assert write_model(read_model(once)) == once


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_program_same_bytes(name: str, tmp_path: Path):
    data = write_model(PROGRAMS[name]())
    write_file(PROGRAMS[name](), tmp_path / "m.tflite")
    assert write_model(PROGRAMS[name]()) == data == (tmp_path / "m.tflite").read_bytes()


def three_runs(data: bytes | Path) -> list[dict[str, np.ndarray]]:
    runner = Runner(data)
    return [runner.run(random_inputs(s, seed=seed), signature=s.key) for seed in range(3) for s in runner.signatures]


def assert_same_runs(left: bytes | Path, right: bytes | Path) -> None:
    for mine, its in zip(three_runs(left), three_runs(right), strict=True):
        assert list(mine) == list(its)
        for key, value in mine.items():
            np.testing.assert_array_equal(value, its[key])


@pytest.mark.parametrize("name", RUNNABLE)
@pytest.mark.parametrize("external_over", [2**31, 0], ids=["inside", "behind"])
def test_runs_the_same_after_reading_and_writing(name: str, external_over: int, tmp_path: Path):
    first, second = tmp_path / "first.tflite", tmp_path / "second.tflite"
    write_file(RUNNABLE[name](), first, external_over=external_over)
    write_file(read_model(first), second, external_over=external_over)
    assert_same_runs(first, second)
    assert_same_runs(write_model(read_model(first)), second)


@needs_models
@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_real_models_run_the_same(path: Path):
    program = read_model(path)
    verify(program)
    data = write_model(program)
    assert len(data) < path.stat().st_size * 1.02
    assert write_model(read_model(data)) == data
    signatures = Runner(path).signatures
    # Without a signature the tensors' names are the interface; both files have the same.
    assert [t.name for s in signatures for t in s.inputs] == [t.name for s in Runner(data).signatures for t in s.inputs]
    assert_same_runs(path, data)


def test_symbols_are_inferred_through_operators():
    back = read_model(write_model(PROGRAMS["shapes_at_run_time"]()))
    text = print_program(back)
    assert "[d0, d1, 4]" in text
    reshaped, shape = back.main.outputs
    assert [str(d) for d in reshaped.dims] == ["d0", "4*d1"]
    assert shape.sym is not None
    assert [str(e) for e in shape.sym] == ["d0", "d1", "4"]


def test_entry_graphs_are_those_nothing_calls_or_with_a_signature():
    back = read_model(write_model(PROGRAMS["variables"]()))
    assert [g.name for g in back.graphs] == ["up", "down"]
    assert [g.name for g in back.all_graphs()] == ["up", "down", "init"]
