"""Processes killed while they write a model: ``python -m benchmarks.kills [--count N]``.

Each child writes two models in turn over one file until it is killed, by SIGKILL, SIGTERM or SIGHUP. After each kill the
file is one of the two, whole, and after the next write nothing else is in its folder.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import litesmith
from tests.graphs import dense_model

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)


def _write_for_ever(models: list[litesmith.Model], path: Path) -> None:
    for number in SIGNALS:
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
    while True:
        for model in models:
            model.save(path)


def kill(models: list[litesmith.Model], path: Path, rng: random.Random) -> str:
    """What is wrong after one kill; nothing where all is as it should be."""
    child = os.fork()
    if not child:
        _write_for_ever(models, path)
    time.sleep(rng.uniform(0.001, 0.1))
    number = rng.choice(SIGNALS)
    os.kill(child, number)
    os.waitpid(child, 0)
    if path.read_bytes() not in {model.content for model in models}:
        return f"the file is neither model after {number.name}"
    left = len(list(path.parent.iterdir())) - 1
    models[0].save(path)
    if [p.name for p in path.parent.iterdir()] != [path.name]:
        return "something is left after the next write"
    return "something was left by the kill" if left else ""


def main() -> int:
    """Kills as often as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as folder:
        sources = [dense_model(Path(folder, name)) for name in ("one", "other")]
        models = [litesmith.convert(source, verify=False) for source in sources]
        models[1].metadata = {"name": "other"}
        target = Path(folder, "target")
        target.mkdir()
        models[0].save(target / "m.tflite")
        rng = random.Random(count)
        ends = Counter(kill(models, target / "m.tflite", rng) for _ in range(count))
    faults = {text: n for text, n in ends.items() if text and "by the kill" not in text}
    print(f"{count} kills: {dict(ends)}")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
