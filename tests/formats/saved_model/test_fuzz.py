"""Readers fed with damaged files: the project's errors or a result, in bounded time and memory; nothing else."""

from __future__ import annotations

import random
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from litesmith.errors import FormatError, UsageError
from litesmith.formats.saved_model import Checkpoint, SavedModel, protos, read_graph_def, to_array
from litesmith.formats.saved_model.parsing import parse_bytes
from litesmith.formats.saved_model.sstable import read_table
from tests.formats.saved_model.bundle import table
from tests.formats.saved_model.test_checkpoint import written
from tests.formats.saved_model.test_reader import KWS, needs_kws, object_model, restore_nodes, tf1_model

MEMORY = 600 << 20  # growth of the process over a whole test, far below what a believed length would take


def mutations(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Flipped bits, cut ends, removed, doubled and overwritten ranges."""
    rng = random.Random(seed)
    for _ in range(count):
        out = bytearray(data)
        for _ in range(rng.choice([1, 1, 3, 20])):
            at = rng.randrange(len(out)) if out else 0
            size = rng.choice([1, 2, 8, 100])
            kind = rng.randrange(6)
            if kind <= 1 and out:
                out[at] ^= 1 << rng.randrange(8)
            elif kind == 2:
                del out[at:]
            elif kind == 3:
                del out[at : at + size]
            elif kind == 4:
                out[at:at] = out[at : at + size]
            else:
                out[at : at + size] = rng.choice([b"\xff", b"\x00", b"\x7f"]) * len(out[at : at + size])
        yield bytes(out)


@pytest.fixture(autouse=True)
def _bounded_memory():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10 < MEMORY


def survives(action: Callable[..., object], *arguments: object) -> bool:
    """Whether the action gave a result; any error but the project's fails the test."""
    try:
        action(*arguments)
    except (FormatError, UsageError):
        return False
    return True


def exercise(path: Path) -> None:
    """Everything the reader offers, each part even when another one failed."""
    model = SavedModel.open(path, None)
    survives(model.summary)
    for name in ("debug_info", "signature_functions", "init_op", "op_defs", "assets"):
        survives(getattr, model, name)
    for name in model.functions:
        survives(model.captures, name)
    for node_id in range(len(model.object_graph.nodes)):
        for part in (model.constant_array, model.asset, model.concrete_functions, model.resource_functions):
            survives(part, node_id)
    if survives(getattr, model, "variables"):
        for variable in model.variables:
            survives(model.variable_array, variable.name)


def exercise_checkpoint(prefix: Path) -> None:
    checkpoint = Checkpoint.open(prefix)
    survives(getattr, checkpoint, "object_graph")
    for name in checkpoint.names():
        survives(lambda name: checkpoint.tensor(name).tobytes(), name)


MODELS = {
    "objects": object_model,
    "restore graph": lambda path: tf1_model(path, restore_nodes()),
}


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("seed", range(2))
def test_small_models(tmp_path, build, seed):
    build(tmp_path / "m")
    file = tmp_path / "m" / "saved_model.pb"
    results = set()
    for data in mutations(file.read_bytes(), 300, seed):
        file.write_bytes(data)
        results.add(survives(exercise, tmp_path / "m"))
    assert results == {True, False}  # both the reader's refusal and what lies behind it were reached


@needs_kws
def test_a_real_model(tmp_path):
    shutil.copytree(KWS, tmp_path / "m", copy_function=shutil.copyfile)
    file = tmp_path / "m" / "saved_model.pb"
    for data in mutations(file.read_bytes(), 40, 5):
        file.write_bytes(data)
        survives(exercise, tmp_path / "m")


@pytest.mark.parametrize("seed", range(3))
def test_index_files(tmp_path, seed):
    written(tmp_path)
    index = tmp_path / "ckpt.index"
    accepted = 0
    for data in mutations(index.read_bytes(), 200, seed):
        index.write_bytes(data)
        accepted += survives(exercise_checkpoint, tmp_path / "ckpt")
    assert accepted < 20  # checksums see nearly all damage, but for the padding of the footer


@pytest.mark.parametrize("seed", range(3))
def test_index_entries_behind_right_checksums(tmp_path, seed):
    writer = written(tmp_path)
    for i, key in enumerate(sorted(writer.entries)):
        for value in mutations(writer.entries[key], 25, 100 * seed + i):
            (tmp_path / "ckpt.index").write_bytes(table({**writer.entries, key: value}))
            survives(exercise_checkpoint, tmp_path / "ckpt")


@pytest.mark.parametrize("kind", [0, 1], ids=["plain", "snappy"])
def test_blocks_behind_right_checksums(tmp_path, kind):
    """Damaged block contents under a checksum made for them: what an attacker would do."""
    cramjam = pytest.importorskip("cramjam") if kind else None
    writer = written(tmp_path)
    results = set()
    for seed in range(300):
        rng = random.Random(seed)

        def store(content: bytes, rng: random.Random = rng) -> bytes:
            stored = bytes(cramjam.snappy.compress_raw(content)) if cramjam else content
            return next(mutations(stored, 1, rng.randrange(1 << 30))) if rng.random() < 0.5 else stored

        (tmp_path / "ckpt.index").write_bytes(table(writer.entries, 5, store, kind))
        results.add(survives(exercise_checkpoint, tmp_path / "ckpt"))
    assert False in results


@pytest.mark.parametrize("seed", range(2))
def test_data_files(tmp_path, seed):
    written(tmp_path)
    shard = tmp_path / "ckpt.data-00000-of-00001"
    for data in mutations(shard.read_bytes(), 60, seed):
        shard.write_bytes(data)
        survives(exercise_checkpoint, tmp_path / "ckpt")


@pytest.mark.parametrize("seed", range(2))
def test_frozen_graphs(tmp_path, seed):
    graph = protos.GraphDef(node=restore_nodes())
    (tmp_path / "g.pb").write_bytes(graph.SerializeToString())
    for data in mutations(graph.SerializeToString(), 200, seed):
        (tmp_path / "g.pb").write_bytes(data)
        survives(read_graph_def, tmp_path / "g.pb")


def test_tensors():
    rng = random.Random(3)
    shape = {"dim": [{"size": 3}, {"size": 2}]}
    seeds = [
        protos.TensorProto(dtype=1, tensor_shape=shape, tensor_content=bytes(24)),
        protos.TensorProto(dtype=7, tensor_shape=shape, string_val=[b"a", b"b"]),
        protos.TensorProto(dtype=8, tensor_shape=shape, scomplex_val=[1, 2, 3, 4]),
    ]
    for _ in range(1500):
        data = next(mutations(rng.choice(seeds).SerializeToString(), 1, rng.randrange(1 << 30)))
        survives(lambda data: to_array(parse_bytes(protos.TensorProto, data, path="")), data)


def test_noise_is_no_table():
    for seed in range(200):
        data = random.Random(seed).randbytes(seed * 7)
        assert not survives(read_table, data)
