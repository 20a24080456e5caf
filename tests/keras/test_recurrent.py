"""Recurrent layers: every way to call them, with masks, states and unknown lengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L  # noqa: N812

import litesmith
from litesmith.runtime import Runner, compare
from tests.keras.parity import BACKEND, arrays, case_rng, f32, ints, randomize

Make = Callable[[], Any]
UNITS, FEATURES, STEPS = 4, 3, 6
SERIES = (STEPS, FEATURES)


@dataclass(frozen=True)
class Row:
    """A model and the inputs of calls that follow one another; the source goes on from its state as the file does.

    calls: for each, the flat inputs.
    """

    name: str
    make: Make
    calls: Sequence[Sequence[Any]]
    tol: float = 1e-5


def batches(*shape: int, sizes: Sequence[int] = (2, 1, 5)) -> list[list[Any]]:
    """Calls with one float input in batches of several sizes."""
    return [[f32(n, *shape)] for n in sizes]


def row(name: str, make: Make, shape: Sequence[int | None] = SERIES, calls: Any = None, **options: Any) -> Row:
    """A functional model of one layer, with an input for each state it is given."""

    def model() -> Any:
        x = keras.Input(shape)
        return keras.Model(x, make()(x))

    return Row(name, model, calls or batches(*(d or STEPS for d in shape)), **options)


KINDS: dict[str, Callable[..., Any]] = {
    "SimpleRNN": L.SimpleRNN,
    "LSTM": L.LSTM,
    "GRU": L.GRU,
    "GRU_before": lambda *args, **options: L.GRU(*args, reset_after=False, **options),
}

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "sequences": {"return_sequences": True},
    "state": {"return_state": True},
    "both": {"return_state": True, "return_sequences": True},
    "backwards": {"go_backwards": True, "return_sequences": True},
    "backwards_state": {"go_backwards": True, "return_state": True},
    "unroll": {"unroll": True, "return_sequences": True},
    "no_bias": {"use_bias": False},
    "dropout": {"dropout": 0.5, "recurrent_dropout": 0.3, "return_sequences": True},
    "relu": {"activation": "relu"},
    "gelu": {"activation": "gelu"},
    "linear": {"activation": None},
    "own_activation": {"activation": lambda x: keras.ops.tanh(x) * 0.5},
    "named_like_one": {"activation": "softsign"},
    "seeded": {"bias_initializer": "ones", "return_sequences": True},
}
GATES = {"hard_sigmoid": {"recurrent_activation": "hard_sigmoid"}, "relu_gate": {"recurrent_activation": "relu"}}


def _variants() -> list[Row]:
    made = []
    for kind, cls in KINDS.items():
        variants = VARIANTS if kind == "SimpleRNN" else {**VARIANTS, **GATES}
        made += [row(f"{kind}-{name}", lambda c=cls, o=o: c(UNITS, **o)) for name, o in variants.items()]
        made.append(_lengths(f"{kind}-lengths", lambda c=cls: c(UNITS, return_sequences=True)))
        made.append(_lengths(f"{kind}-lengths_backwards", lambda c=cls: c(UNITS, go_backwards=True)))
        made.append(row(f"{kind}-one_step", lambda c=cls: c(UNITS, return_sequences=True), (1, FEATURES)))
    return made


def _lengths(name: str, make: Make) -> Row:
    """A row with an unknown number of steps."""
    calls = [[f32(n, t, FEATURES)] for n, t in ((2, 6), (1, 1), (5, 3))]
    return row(name, make, (None, FEATURES), calls)


# -- states that are given ---------------------------------------------------------------------------------------------


def _given(cls: Callable[..., Any], count: int, **options: Any) -> Make:
    def model() -> Any:
        x, states = keras.Input(SERIES), [keras.Input((UNITS,)) for _ in range(count)]
        return keras.Model([x, *states], cls(UNITS, **options)(x, initial_state=states if count > 1 else states[0]))

    return model


def _states(count: int) -> list[list[Any]]:
    return [[f32(n, *SERIES), *(f32(n, UNITS, low=-1 - i) for i in range(count))] for n in (2, 1, 5)]


def _encoder_decoder() -> Any:
    source, target = keras.Input((None, FEATURES)), keras.Input((None, FEATURES))
    _, *state = L.LSTM(UNITS, return_state=True)(source)
    return keras.Model([source, target], L.LSTM(UNITS, return_sequences=True)(target, initial_state=state))


INITIAL = [
    *(
        Row(f"initial_state-{kind}-{name}", _given(cls, 2 if kind == "LSTM" else 1, **options), _states(1 + (kind == "LSTM")))
        for kind, cls in KINDS.items()
        for name, options in (("plain", {}), ("both", VARIANTS["both"]), ("unroll", VARIANTS["unroll"]))
    ),
    Row(
        "initial_state-encoder_decoder",
        _encoder_decoder,
        [[f32(n, s, FEATURES), f32(n, t, FEATURES)] for n, s, t in ((2, 4, 5), (1, 1, 3), (5, 6, 2))],
    ),
]  # fmt: skip


# -- masks -------------------------------------------------------------------------------------------------------------


def _padded(n: int) -> Any:
    """Series with steps that are masked at the end, at the start, in the middle; the last of the batch has no other."""
    x = f32(n, *SERIES)
    for i in range(n):
        x[i, case_rng(f"{n}.{i}").random(STEPS) < 0.4] = 0.0
    x[-1] = 0.0
    return x


def _tokens(n: int) -> Any:
    made = ints(n, STEPS, low=0, high=4)
    made[-1] = 0
    return made


def _masking(make: Make) -> Make:
    return lambda: keras.Sequential([keras.Input(SERIES), L.Masking(0.0), make()])


def _embedded(make: Make) -> Make:
    return lambda: keras.Sequential([keras.Input((STEPS,), dtype="int32"), L.Embedding(4, 3, mask_zero=True), make()])


def _explicit(make: Make) -> Make:
    def model() -> Any:
        x, mask = keras.Input(SERIES), keras.Input((STEPS,), dtype="bool")
        return keras.Model([x, mask], make()(x, mask=mask))

    return model


def _bools(n: int) -> Any:
    made = case_rng(f"mask{n}").random((n, STEPS)) < 0.6
    made[-1] = False
    return made


FORMS: dict[str, tuple[Callable[[Make], Make], Callable[[int], list[Any]]]] = {
    "masking": (_masking, lambda n: [_padded(n)]),
    "embedding": (_embedded, lambda n: [_tokens(n)]),
    "explicit": (_explicit, lambda n: [f32(n, *SERIES), _bools(n)]),
}
MASKED = {
    "plain": {},
    "both": VARIANTS["both"],
    "backwards": VARIANTS["backwards"],
    "zero_output": {"return_sequences": True, "zero_output_for_mask": True},
    "unroll": VARIANTS["unroll"],
}

MASKS = [
    Row(f"{form}-{kind}-{name}", wrap(lambda c=cls, o=options: c(UNITS, **o)), [data(n) for n in (2, 1, 5)])
    for form, (wrap, data) in FORMS.items()
    for kind, cls in KINDS.items()
    for name, options in MASKED.items()
    if form == "masking" or name == "both"
]


# -- wrappers and cells ------------------------------------------------------------------------------------------------


class Leaky(L.Layer):
    """A cell of the user's own."""

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.state_size = units

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], self.state_size), initializer="glorot_uniform")

    def call(self, x: Any, states: Any, training: bool = False) -> Any:
        h = 0.9 * states[0] + keras.ops.tanh(x @ self.kernel)
        return h, [h]


def _bidirectional(**options: Any) -> Make:
    kind = options.pop("kind", L.LSTM)
    wrapped = {k: options.pop(k) for k in ("return_sequences", "return_state", "stateful") if k in options}
    return lambda: L.Bidirectional(kind(UNITS, **wrapped), **options)


MERGES = ("concat", "sum", "mul", "ave", None)
WRAPPED = [
    *(
        row(f"Bidirectional-{merge}-{'sequences' if whole else 'last'}", _bidirectional(merge_mode=merge, return_sequences=whole))
        for merge in MERGES
        for whole in (False, True)
    ),
    row("Bidirectional-state", _bidirectional(return_state=True)),
    row("Bidirectional-GRU-both", _bidirectional(kind=L.GRU, return_state=True, return_sequences=True)),
    row("Bidirectional-two_kinds", lambda: L.Bidirectional(L.LSTM(UNITS), backward_layer=L.GRU(UNITS, go_backwards=True))),
    _lengths("Bidirectional-lengths", _bidirectional(return_sequences=True)),
    *(
        Row(f"Bidirectional-{form}", wrap(_bidirectional(return_sequences=True)), [data(n) for n in (2, 1, 5)])
        for form, (wrap, data) in FORMS.items()
    ),
    row("RNN-stacked", lambda: L.RNN([L.LSTMCell(4), L.GRUCell(3), L.SimpleRNNCell(2)], return_state=True)),
    row("RNN-custom_cell", lambda: L.RNN(Leaky(UNITS), return_sequences=True)),
    _lengths("RNN-custom_cell-lengths", lambda: L.RNN(Leaky(UNITS), return_sequences=True)),
    Row("RNN-custom_cell-masking", _masking(lambda: L.RNN(Leaky(UNITS), return_sequences=True)), [[_padded(n)] for n in (2, 1, 5)]),
    Row("RNN-stacked-masking", _masking(lambda: L.RNN([L.LSTMCell(4), L.GRUCell(3)])), [[_padded(n)] for n in (2, 1, 5)]),
    *(
        row(f"ConvLSTM{rank}D-{name}", lambda r=rank, o=o: getattr(L, f"ConvLSTM{r}D")(2, 2, **o), (3, *[4] * rank, 2))
        for rank in (1, 2)
        for name, o in {
            "sequences": VARIANTS["sequences"], "both": VARIANTS["both"], "backwards": VARIANTS["backwards"],
            "same": {"padding": "same", "recurrent_activation": "sigmoid"}, "strides": {"strides": 2},
            "no_bias": VARIANTS["no_bias"],
        }.items()
    ),
    row("TimeDistributed-dense", lambda: L.TimeDistributed(L.Dense(2)), SERIES),
    _lengths("TimeDistributed-lengths", lambda: L.TimeDistributed(L.Dense(2, activation="relu"))),
    row("TimeDistributed-rnn", lambda: L.TimeDistributed(L.LSTM(2)), (2, *SERIES)),
    row("TimeDistributed-normalized", lambda: L.TimeDistributed(L.BatchNormalization()), SERIES),
    Row("TimeDistributed-masking", _masking(lambda: L.TimeDistributed(L.Dense(2))), [[_padded(n)] for n in (2, 1, 5)]),
]  # fmt: skip


# -- states that stay --------------------------------------------------------------------------------------------------


def _stateful(make: Make, shape: Sequence[int] = SERIES, mask: bool = False) -> Make:
    def model() -> Any:
        layers = [keras.Input(batch_shape=(2, *shape)), *([L.Masking(0.0)] if mask else []), make()]
        return keras.Sequential(layers)

    return model


def _kept(name: str, make: Make, shape: Sequence[int] = SERIES) -> Row:
    return Row(f"stateful-{name}", _stateful(make, shape), [[f32(2, *shape, low=low)] for low in (-2, -1, 0)])


STATEFUL = [
    *(_kept(kind, lambda c=cls: c(UNITS, stateful=True)) for kind, cls in KINDS.items()),
    *(
        _kept(f"{kind}-{name}", lambda c=cls, o=options: c(UNITS, stateful=True, **o))
        for kind, cls in KINDS.items()
        for name, options in (("both", VARIANTS["both"]), ("unroll", VARIANTS["unroll"]), ("backwards", VARIANTS["backwards"]))
    ),
    _kept("RNN-stacked", lambda: L.RNN([L.LSTMCell(4), L.GRUCell(3)], stateful=True)),
    _kept("ConvLSTM1D", lambda: L.ConvLSTM1D(2, 2, stateful=True), (3, 4, 2)),
    _kept("Bidirectional", lambda: L.Bidirectional(L.LSTM(UNITS, stateful=True))),
    Row("stateful-masking", _stateful(lambda: L.LSTM(UNITS, stateful=True), mask=True), [[_padded(2)]] * 3),
    _kept("two", lambda: keras.Sequential([L.LSTM(4, stateful=True, return_sequences=True), L.GRU(3, stateful=True)])),
]  # fmt: skip


class Sampled(keras.Model):
    """Draws at inference too: the seed is a variable, each call goes on where the one before ended."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent = L.LSTM(UNITS, dropout=0.5)

    def call(self, x: Any) -> Any:
        return self.recurrent(x, training=True)


def _built(model: Any, *shape: int | None) -> Any:
    model.build((None, *shape))
    return model


INTEGERS = [[ints(n, *SERIES, low=-3, high=4)] for n in (2, 1, 5)]
SPECIAL = [
    Row("integers", lambda: keras.Sequential([keras.Input(SERIES, dtype="int32"), L.LSTM(UNITS)]), INTEGERS),
    Row("called_for_training", lambda: _built(Sampled(), *SERIES), batches(*SERIES, sizes=(2, 2, 5))),
]


TABLE = [*_variants(), *INITIAL, *MASKS, *WRAPPED, *STATEFUL, *SPECIAL]


def check_row(row: Row) -> None:
    """Raises AssertionError where one of the calls is not what Keras computes."""
    model = row.make()
    randomize(model)
    runner = Runner(litesmith.convert(model).content)
    for number, inputs in enumerate(row.calls):
        expected = arrays(model(inputs if len(inputs) > 1 else inputs[0], training=False))
        got = list(runner.run([np.asarray(a) for a in inputs]).values())
        assert len(got) == len(expected)
        for have, want in zip(got, expected, strict=True):
            result = compare(have, want, row.tol)
            assert result.passed, f"call {number}: {result.reason} ({result.relative:.2e} of the range)"


def _marks(row: Row) -> list[Any]:
    """Every idea has quick rows with LSTM; those that repeat it with a kindred layer are slow."""
    return [pytest.mark.slow] if any(kind in row.name for kind in ("SimpleRNN", "GRU_before", "ConvLSTM2D-")) else []


@pytest.mark.parametrize("row", [pytest.param(r, id=r.name, marks=_marks(r)) for r in TABLE])
def test_recurrent(row: Row) -> None:
    check_row(row)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="a SavedModel of TensorFlow")
def test_convolutions_over_an_unknown_number_of_steps_from_a_saved_model(tmp_path: Any) -> None:
    """What Keras (3.15) traces takes as many steps as the batch has rows, so the two are equal here."""
    import tensorflow as tf

    images = keras.Input((None, 6, 6, 2), name="x")
    keras.Model(images, L.TimeDistributed(L.Conv2D(3, 3))(images)).export(str(tmp_path), verbose=False)
    saved, runner = tf.saved_model.load(str(tmp_path)), Runner(litesmith.convert(tmp_path).content)
    for count in (3, 1, 4):
        x = f32(count, count, 6, 6, 2)
        (got,) = runner.run([x]).values()
        np.testing.assert_allclose(got, saved.serve(x).numpy(), atol=1e-5)
