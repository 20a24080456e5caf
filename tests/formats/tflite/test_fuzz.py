"""The reader fed with damaged files: the project's error or a program, in bounded time and memory; nothing else."""

from __future__ import annotations

import random
import resource
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from litesmith.errors import FormatError
from litesmith.formats.tflite import read_model, write_model
from litesmith.ir import Program
from tests.formats.tflite.programs import PROGRAMS
from tests.formats.tflite.test_round_trip import MODELS

MEMORY = 300 << 20  # growth of the process over a whole test, far below what a believed length would take
TABLES = 60_000  # bytes at the head of a file that hold its tables


def mutations(data: bytes, count: int, seed: str) -> Iterator[bytes]:
    """Flipped bits, bytes and words put in, words copied, and ends cut off; mostly in the tables."""
    rng = random.Random(seed)
    words = [0, 1, 2**31 - 1, 2**31, 2**32 - 1, len(data), len(data) - 4]
    for _ in range(count):
        out = bytearray(data)
        for _ in range(rng.choice([1, 1, 2, 4, 16])):
            at = rng.randrange(min(len(out), TABLES) - 4)
            word, kind = at & ~3, rng.randrange(5)
            if kind == 0:
                out[at] ^= 1 << rng.randrange(8)
            elif kind == 1:
                out[at] = rng.choice([0, 1, 127, 128, 255])
            elif kind == 2:
                struct.pack_into("<I", out, word, rng.choice([*words, rng.randrange(64), rng.randrange(2**32)]))
            elif kind == 3:
                other = rng.randrange(min(len(out), TABLES) - 4) & ~3
                out[word : word + 4] = out[other : other + 4]
            else:
                out[word : word + 2] = struct.pack("<H", rng.randrange(64))
        yield bytes(out[: rng.randrange(len(out))] if rng.random() < 0.05 else out)


def use(program: Program) -> None:
    """Touches what a user of the program would."""
    for graph in program.all_graphs():
        for value in graph.constants():
            if value.const is not None and value.const.nbytes < 1 << 22:
                value.numpy()


def survives(data: bytes) -> bool:
    """Whether the reader takes the data. Anything but a program and a FormatError gets out."""
    try:
        use(read_model(data))
    except FormatError:
        return False
    return True


def check(sources: dict[str, bytes], count: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    taken = [survives(m) for name, data in sources.items() for m in mutations(data, count, name)]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before < MEMORY
    assert any(taken)
    assert not all(taken)


@pytest.mark.parametrize("external_over", [2**31, 0], ids=["inside", "behind"])
def test_damaged_programs(external_over: int):
    check({name: write_model(make(), external_over=external_over) for name, make in PROGRAMS.items()}, 60)


@pytest.mark.skipif(not MODELS, reason="no model files here")
def test_damaged_real_models():
    check({p.stem: Path(p).read_bytes() for p in MODELS}, 60)


@pytest.mark.slow
def test_damaged_programs_at_length():
    check({name: write_model(make()) for name, make in PROGRAMS.items()}, 3000)


def test_every_cut_is_noticed():
    data = write_model(PROGRAMS["quantized"]())
    assert [cut for cut in range(len(data)) if survives(data[:cut])] == []
