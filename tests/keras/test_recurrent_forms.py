"""The forms of recurrent layers: each computes what the layer does, in every invocation, whatever was asked before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L  # noqa: N812

import litesmith
from litesmith.formats.tflite import read_model
from litesmith.runtime import Runner, compare
from tests.keras.parity import BACKEND, case_rng

UNITS, FEATURES, STEPS = 6, 4, 7
BATCHES, LENGTHS = (2, 1, 5, 5, 2), (7, 5, 5, 9, 7)
TOLERANCE = 1e-5

FIXED_1, FIXED_3, BATCH, BATCH_AND_TIME, TIME = (1, STEPS), (3, STEPS), (None, STEPS), (None, None), (1, None)

Shape = tuple[int | None, int | None]
Make = Callable[[Any], Any]


@dataclass(frozen=True)
class Row:
    """A model of one input sequence, and the shapes (batch, steps) it is tried with.

    fused: the operators of its fused form with a batch of 1, {} where they are not counted; None where a loop stays. states: further inputs, the initial
    states. files: whether it is tried as a SavedModel too. weights: the largest one; many units with large weights are
    chaotic, so that the last bit of a step grows from one to the next.
    """

    name: str
    make: Make
    fused: Mapping[str, int] | None = None
    shapes: Sequence[Shape] = (FIXED_1, FIXED_3, BATCH, BATCH_AND_TIME)
    states: int = 0
    files: bool = True
    weights: float = 0.8


LSTM, PAIR, RNN, RNN_PAIR = (
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "BIDIRECTIONAL_SEQUENCE_LSTM",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
    "BIDIRECTIONAL_SEQUENCE_RNN",
)
SEQUENCES = {"return_sequences": True}
BOTH = {"return_sequences": True, "return_state": True}
ZEROS = {"SPLIT": 1}
LAST = {"STRIDED_SLICE": 1}


def layer(kind: Any, **options: Any) -> Make:
    return lambda x: kind(UNITS, **options)(x)


def two_ways(kind: Any, merge: str | None, **options: Any) -> Make:
    return lambda x: L.Bidirectional(kind(UNITS, **options), merge_mode=merge)(x)


def given(kind: Any, **options: Any) -> Make:
    return lambda x: kind(UNITS, **options)(x[0], initial_state=list(x[1:]))


def stacked(*makes: Make) -> Make:
    def make(x: Any) -> Any:
        for one in makes:
            x = one(x)
        return x

    return make


def masked(x: Any) -> Any:
    """Some steps of random input have a value that is masked."""
    return L.Masking()(keras.ops.where(x[..., :1] > 0.5, 0.0, x))


def attention(x: Any) -> Any:
    y = L.LSTM(UNITS, **SEQUENCES)(x)
    return L.GlobalAveragePooling1D()(L.Attention()([y, y]))


def encoder_decoder(x: Any) -> Any:
    _, *state = L.LSTM(UNITS, return_state=True)(x)
    return L.LSTM(UNITS, **SEQUENCES)(x, initial_state=state)


class Leaky(L.Layer):
    """A cell of the user's own."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.state_size = units

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], self.state_size))

    def call(self, x: Any, states: Any, training: bool = False) -> Any:
        h = 0.9 * states[0] + keras.ops.tanh(x @ self.kernel)
        return h, [h]


MERGES = {"sum": "ADD", "mul": "MUL", "concat": "CONCATENATION"}

ROWS = [
    Row("LSTM", layer(L.LSTM), {LSTM: 1, **ZEROS, **LAST}, (*Row("", str).shapes, TIME)),
    Row("LSTM-sequence", layer(L.LSTM, **SEQUENCES), {LSTM: 1, **ZEROS}, (*Row("", str).shapes, TIME)),
    Row("LSTM-states", layer(L.LSTM, **BOTH), {LSTM: 1, "SPLIT": 2, "CONCATENATION": 1, **LAST}),
    Row("LSTM-backwards", layer(L.LSTM, go_backwards=True, **SEQUENCES), {LSTM: 1, "REVERSE_V2": 1, **ZEROS}),
    Row("LSTM-no_bias", layer(L.LSTM, use_bias=False), {LSTM: 1, **ZEROS, **LAST}),
    Row("LSTM-given", given(L.LSTM, **SEQUENCES), {LSTM: 1, "SLICE": 2}, states=2),
    Row("LSTM-classifier", stacked(layer(L.LSTM), lambda x: L.Dense(3, activation="softmax")(x)),
        {LSTM: 1, **ZEROS, **LAST, "FULLY_CONNECTED": 1, "SOFTMAX": 1}),
    Row("LSTM-stacked", stacked(layer(L.LSTM, **SEQUENCES), layer(L.LSTM)), {LSTM: 2, "SPLIT": 2, **LAST}),
    Row("LSTM-stateful", layer(L.LSTM, stateful=True, **SEQUENCES), {LSTM: 1}, (FIXED_1, FIXED_3)),
    Row("LSTM-stateful_last", layer(L.LSTM, stateful=True), {LSTM: 1, **LAST}, (FIXED_1, FIXED_3)),
    *(
        Row(f"LSTM-both_ways_{m}", two_ways(L.LSTM, m, **SEQUENCES), {PAIR: 1, "SPLIT": 1, MERGES[m]: 1})
        for m in MERGES
    ),
    Row("LSTM-both_ways_ave", two_ways(L.LSTM, "ave", **SEQUENCES), {PAIR: 1, "SPLIT": 1, "ADD": 1, "DIV": 1}),
    Row("LSTM-both_ways_none", two_ways(L.LSTM, None, **SEQUENCES), {PAIR: 1, "SPLIT": 1}),
    Row("LSTM-both_ways_last", two_ways(L.LSTM, "concat"), {PAIR: 1, "SPLIT": 1, "STRIDED_SLICE": 2, "CONCATENATION": 1}),
    Row("LSTM-both_ways_unlike", lambda x: L.Bidirectional(L.LSTM(UNITS), backward_layer=L.LSTM(4, go_backwards=True))(x),
        {LSTM: 2, "SPLIT": 2, "REVERSE_V2": 1, "STRIDED_SLICE": 2, "CONCATENATION": 1}, (FIXED_1, BATCH)),
    Row("LSTM-both_ways_states", two_ways(L.LSTM, "concat", **BOTH), {}),
    Row("LSTM-both_ways_stateful", two_ways(L.LSTM, "concat", stateful=True, **SEQUENCES),
        {PAIR: 1, "CONCATENATION": 1}, (FIXED_1, FIXED_3)),
    Row("SimpleRNN", layer(L.SimpleRNN), {RNN: 1, "SLICE": 1, **LAST}),
    Row("SimpleRNN-relu", layer(L.SimpleRNN, activation="relu", **SEQUENCES), {RNN: 1, "SLICE": 1}),
    Row("SimpleRNN-linear", layer(L.SimpleRNN, activation=None, **SEQUENCES), {RNN: 1, "SLICE": 1}),
    Row("SimpleRNN-stateful", layer(L.SimpleRNN, stateful=True, **SEQUENCES), {RNN: 1}, (FIXED_1, FIXED_3)),
    Row("SimpleRNN-both_ways", two_ways(L.SimpleRNN, "concat", **SEQUENCES), {RNN_PAIR: 1, "SPLIT": 1, "CONCATENATION": 1}),
    Row("GRU", layer(L.GRU, **BOTH)),
    Row("GRU-before", layer(L.GRU, reset_after=False)),
    Row("GRU-both_ways", two_ways(L.GRU, "concat", **SEQUENCES)),
    Row("LSTM-hard_sigmoid", layer(L.LSTM, recurrent_activation="hard_sigmoid")),
    Row("masked", stacked(masked, layer(L.LSTM, **SEQUENCES))),
    Row("masked-GRU_both_ways", stacked(masked, two_ways(L.GRU, "concat")), shapes=(FIXED_1, BATCH_AND_TIME)),
    Row("masked-stateful", stacked(masked, layer(L.LSTM, stateful=True)), shapes=(FIXED_3,)),
    Row("GRU-stateful", layer(L.GRU, stateful=True, **BOTH), shapes=(FIXED_1, FIXED_3)),
    Row("LSTM-stateful_stream", layer(L.LSTM, stateful=True), {}, ((1, 1),)),
    Row("ConvLSTM2D", stacked(L.Reshape((-1, 2, 2, 1)), L.ConvLSTM2D(2, 2), L.Flatten()), shapes=(FIXED_1, BATCH_AND_TIME)),
    Row("attention", attention, {}, (FIXED_1, BATCH_AND_TIME)),
    Row("encoder_decoder", encoder_decoder, {}, (FIXED_1, BATCH, BATCH_AND_TIME)),
    Row("own_cell", lambda x: L.RNN(Leaky(UNITS), **SEQUENCES)(x), shapes=(FIXED_1, BATCH_AND_TIME)),
    Row("cells", lambda x: L.RNN(L.StackedRNNCells([L.LSTMCell(UNITS), L.GRUCell(UNITS)]))(x)),
]  # fmt: skip

MORE_ON_JAX = {"LSTM-stateful_last": {"RESHAPE": 1}} if BACKEND == "jax" else {}
"""Keras on JAX collects all outputs of a stateful layer, and takes the last of them."""

FORMS = ("fused", "loop", "unrolled")
CASES = [(row, shape) for row in ROWS for shape in row.shapes]


def case_name(value: Any) -> str:
    if isinstance(value, Row):
        return value.name
    return value if isinstance(value, str) else "x".join("n" if d is None else str(d) for d in value)


def model_of(row: Row, shape: Shape) -> Any:
    batch, steps = shape
    x = keras.Input((steps, FEATURES), batch_size=batch)
    states = [keras.Input((UNITS,), batch_size=batch) for _ in range(row.states)]
    model = keras.Model([x, *states] if states else x, row.make([x, *states] if states else x))
    rng = case_rng(row.name)
    model.set_weights([rng.uniform(-row.weights, row.weights, w.shape).astype(np.float32) for w in model.get_weights()])
    return model


def calls_of(model: Any) -> list[list[np.ndarray]]:
    """Five calls, the batch and the length changing between them where they may."""
    rng = case_rng("calls")
    sizes = [(batch, steps) for batch, steps in zip(BATCHES, LENGTHS, strict=True)]
    return [
        [
            rng.normal(size=[size if d is None else d for size, d in zip((*pair, 0), t.shape, strict=False)])
            .astype(np.float32)
            for t in model.inputs
        ]
        for pair in sizes
    ]  # fmt: skip


def expected_of(model: Any, calls: Sequence[Sequence[np.ndarray]]) -> list[list[np.ndarray]]:
    """What the model itself computes, from its first state on."""
    stateful = [p for p in model._flatten_layers() if getattr(p, "stateful", False) and hasattr(p, "cell")]
    for part in stateful:
        part.reset_states()
    run = model if stateful or BACKEND != "jax" else model.predict_on_batch  # which JAX compiles as a whole
    results = [run(list(call) if len(call) > 1 else call[0]) for call in calls]
    return [[np.asarray(keras.ops.convert_to_numpy(t)) for t in keras.tree.flatten(r)] for r in results]


def check_runs(
    content: bytes, calls: Sequence[Any], expected: Sequence[Any], order: Sequence[str] = (), resets: bool = True
) -> None:
    """The file computes what is expected, with and without delegates, and again after the runtime has reset it, where it
    can: not a variable of computed size."""
    assert "VAR_HANDLE" not in read_model(content).histogram()  # which the runtime does not reset
    for kernels in ("default", "builtin"):
        runner = Runner(content, kernels=kernels)
        for _ in range(2):
            for call, wanted in zip(calls, expected, strict=True):
                outputs = runner.run(list(call))
                got = [outputs[name] for name in order] if order else list(outputs.values())
                assert len(got) == len(wanted)
                for g, w in zip(got, wanted, strict=True):
                    report = compare(g, w, TOLERANCE)
                    assert not report.mismatches, f"{kernels}: {report}"
            if resets:
                runner._interpreter.reset_all_variables()


@pytest.mark.parametrize(("row", "shape"), CASES, ids=case_name)
def test_forms(row: Row, shape: Shape) -> None:
    model = model_of(row, shape)
    calls = calls_of(model)
    expected = expected_of(model, calls)
    expected_of(model, [])
    for form in FORMS:
        made = litesmith.convert(model, rnn=form)
        loops = bool(made.operators.get("WHILE"))
        if form == "fused":
            if shape == FIXED_1 and row.fused:
                assert made.operators == dict(sorted({**row.fused, **MORE_ON_JAX.get(row.name, {})}.items()))
            assert (row.fused is None) == loops, made.notes
        if form == "unrolled":
            assert loops == (shape[1] is None)
        assert form == "loop" or loops == bool(made.notes)
        check_runs(made.content, calls, expected, resets=row.name != "encoder_decoder" or shape == FIXED_1)


FILES = [
    r for r in ROWS if (r.fused or r.name in ("GRU", "GRU-before", "masked", "ConvLSTM2D")) and r.files and not r.states
]


@pytest.mark.skipif(BACKEND != "tensorflow", reason="a SavedModel of Keras")
@pytest.mark.parametrize("shape", [FIXED_1, BATCH], ids=case_name)
@pytest.mark.parametrize("row", FILES, ids=case_name)
def test_saved_model(row: Row, shape: Shape, tmp_path: Path) -> None:
    if shape not in row.shapes:
        pytest.skip("a stateful layer has a batch of known size")
    model = model_of(row, shape)
    calls = calls_of(model)
    expected = expected_of(model, calls)
    expected_of(model, [])
    spec = keras.InputSpec(shape=model.inputs[0].shape, dtype="float32")
    model.export(tmp_path / "saved", verbose=False, input_signature=[spec])
    for form in ("fused", "unrolled") if shape == FIXED_1 else ("fused",):
        made = litesmith.convert(tmp_path / "saved", rnn=form)
        if shape == FIXED_1 and row.fused and form == "fused":
            assert made.operators == dict(sorted(row.fused.items()))
        assert ("WHILE" in made.operators) == (form == "fused" and row.fused is None), made.notes
        names = sorted(tensor.name for tensor in Runner(made.content).signature().outputs)
        check_runs(made.content, calls, expected, names)


STREAMS = {"LSTM": (L.LSTM, 2), "GRU": (L.GRU, 1), "SimpleRNN": (L.SimpleRNN, 1)}


@pytest.mark.skipif(BACKEND != "tensorflow", reason="a SavedModel of Keras")
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize(("kind", "states"), STREAMS.values(), ids=STREAMS)
def test_states_handed_from_call_to_call(kind: Any, states: int, steps: int, tmp_path: Path) -> None:
    """A model for streams: it takes the states the last call returned."""
    model = model_of(Row("stream", given(kind, **BOTH), states=states), (1, steps))
    specs = [keras.InputSpec(shape=t.shape, dtype="float32", name=t.name) for t in model.inputs]
    model.export(tmp_path / "saved", verbose=False, input_signature=[specs])
    parts = [case_rng("stream").normal(size=(1, steps, FEATURES)).astype(np.float32) for _ in range(4)]
    for form in FORMS:
        runner = Runner(litesmith.convert(tmp_path / "saved", rnn=form).content)
        names = sorted(tensor.name for tensor in runner.signature().outputs)
        carried = expected = [np.zeros((1, UNITS), np.float32)] * states
        for x in parts:
            outputs = runner.run([x, *carried])
            y, *carried = (outputs[name] for name in names)
            wanted, *expected = (np.asarray(t) for t in model([x, *expected]))
            for got, right in zip((y, *carried), (wanted, *expected), strict=True):
                report = compare(got, right, TOLERANCE)
                assert not report.mismatches, f"{form}: {report}"


SAVED = {
    "LSTM": (lambda: [L.LSTM(UNITS, stateful=True, **SEQUENCES)], LSTM),
    "GRU": (lambda: [L.GRU(UNITS, stateful=True)], "WHILE"),
    "stacked": (lambda: [L.LSTM(UNITS, stateful=True, **SEQUENCES), L.SimpleRNN(UNITS, stateful=True)], RNN),
    "both ways": (lambda: [L.Bidirectional(L.LSTM(UNITS, stateful=True))], LSTM),
}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("layers", "operator"), SAVED.values(), ids=SAVED)
def test_a_stateful_layer_starts_from_the_saved_state(
    layers: Callable[[], list[Any]], operator: str, batch: int, tmp_path: Path
) -> None:
    """Which the file goes back to when the runtime resets it."""
    model = model_of(Row("saved", stacked(*layers())), (batch, STEPS))
    calls = calls_of(model)
    model(calls[0][0])
    sources: list[Any] = [model]
    if BACKEND == "tensorflow":
        spec = keras.InputSpec(shape=model.inputs[0].shape, dtype="float32")
        model.export(tmp_path / "saved", verbose=False, input_signature=[spec])
        sources.append(tmp_path / "saved")
    files = [litesmith.convert(source, rnn=form) for source in sources for form in FORMS]
    assert operator in files[0].operators
    expected = [[np.asarray(keras.ops.convert_to_numpy(model(call[0])))] for call in calls]
    for made in files:
        check_runs(made.content, calls, expected)


LONG = {
    "four steps": (layer(L.LSTM, **SEQUENCES), (1, 32), 4),
    "three steps": (layer(L.GRU, **BOTH), (1, 33), 3),
    "last output": (layer(L.GRU), (1, 20), 4),
    "collecting much": (lambda x: L.GRU(80, **SEQUENCES)(x), (3, 80), 8),
    "a prime": (layer(L.GRU, **SEQUENCES), (1, 31), 1),
    "stacked cells": (lambda x: L.RNN(L.StackedRNNCells([L.LSTMCell(UNITS), L.GRUCell(UNITS)]))(x), (1, 24), 4),
    "backwards": (layer(L.GRU, go_backwards=True, **SEQUENCES), (1, 24), 4),
}


@pytest.mark.parametrize(("make", "shape", "steps"), LONG.values(), ids=LONG)
def test_several_steps_in_a_body(make: Make, shape: Shape, steps: int) -> None:
    model = model_of(Row("long", make, weights=0.2), shape)
    calls = calls_of(model)
    made = litesmith.convert(model, rnn="loop")
    body = next(g for g in made.program.all_graphs() if g.name.endswith("body"))
    assert body.histogram()["GATHER"] == steps
    check_runs(made.content, calls, expected_of(model, calls))


@pytest.mark.parametrize("shape", [BATCH, BATCH_AND_TIME], ids=case_name)
def test_behind_a_tensor_whose_size_is_computed(shape: Shape) -> None:
    row = Row("loop first", stacked(layer(L.GRU, **SEQUENCES), layer(L.LSTM, **BOTH)))
    model = model_of(row, shape)
    calls = calls_of(model)
    made = litesmith.convert(model, rnn="fused")
    assert {LSTM, "WHILE"} <= set(made.operators)
    check_runs(made.content, calls, expected_of(model, calls))


def test_a_written_state_survives_another_conversion() -> None:
    row = next(r for r in ROWS if r.name == "LSTM-states")
    model = model_of(row, FIXED_1)
    calls = calls_of(model)
    once = litesmith.convert(model, rnn="fused")
    again = litesmith.convert(once.content)
    assert again.operators == once.operators
    check_runs(again.content, calls, expected_of(model, calls))
