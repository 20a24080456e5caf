"""Latency of the forms of a recurrent layer and of the official converter's file: python -m benchmarks.recurrent SECONDS.

Run in the TensorFlow environment, with litesmith on the path. Prints JSON: a record for each row.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

FORMS = ("auto", "fused", "loop", "unrolled")
FEATURES = 64
ROUNDS = 5
MOST_UNROLLED = 64
"""Steps beyond which nobody unrolls."""


@dataclass(frozen=True)
class Row:
    """A layer of Keras with a batch of a fixed size. sequence: whether all outputs are wanted."""

    kind: str
    units: int
    steps: int
    sequence: bool
    batch: int = 1


ROWS = (
    *(Row("LSTM", units, steps, True) for units in (8, 16, 32, 64, 128) for steps in (16, 64)),
    *(Row("LSTM", units, steps, False) for units, steps in ((16, 64), (64, 16), (64, 64))),
    Row("LSTM", 16, 128, True),
    Row("LSTM", 64, 1024, True),
    Row("LSTM", 32, 16, False, batch=8),
    Row("LSTM", 128, 64, False, batch=8),
    Row("GRU", 16, 64, True),
    Row("GRU", 64, 64, False),
    Row("SimpleRNN", 16, 64, True),
)


def files(row: Row) -> dict[str, bytes]:
    """The file of each form, and the official converter's of the same layer of tf_keras, where it makes one."""
    import tensorflow as tf
    import tf_keras

    import litesmith

    layer = getattr(tf_keras.layers, row.kind)(row.units, return_sequences=row.sequence)
    model = tf_keras.Sequential([tf_keras.Input((row.steps, FEATURES), batch_size=row.batch), layer])
    forms = [f for f in FORMS if f != "unrolled" or row.steps <= MOST_UNROLLED]
    contents = {form: litesmith.convert(model, rnn=form, verify=False).content for form in forms}
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    try:
        contents["official"] = converter.convert()
    except Exception as error:  # it has no form for some
        print(f"official, {row}: {error}", file=sys.stderr)
    return contents


def latencies(contents: dict[str, bytes], row: Row, seconds: float) -> dict[str, float]:
    """Microseconds of a core that a call takes, the least of some rounds in which all files take turns."""
    from litesmith.runtime import Runner

    x = np.random.default_rng(0).normal(size=(row.batch, row.steps, FEATURES)).astype(np.float32)
    calls = {content: Runner(content).repeater([x]) for content in contents.values()}  # forms may share a file
    counts = {content: max(3, int(seconds / ROUNDS / _once(call))) for content, call in calls.items()}
    best = dict.fromkeys(calls, np.inf)
    for _ in range(ROUNDS):
        for content, call in calls.items():
            best[content] = min(best[content], _once(call, counts[content]))
    return {name: round(best[content] * 1e6, 1) for name, content in contents.items()}


def _once(call: Callable[[], Any], count: int = 1) -> float:
    call()
    start = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - start) / count


def main(seconds: float) -> None:
    """Measures every row."""
    print(json.dumps([asdict(row) | {"us": latencies(files(row), row, seconds)} for row in ROWS]))


if __name__ == "__main__":
    main(float(sys.argv[1]))
