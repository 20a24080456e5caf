"""Every operator that is lowered has a row of parity, and no row costs more ops than the official converter's.

SLOW=1 pytest tests/tf/test_lowering_coverage.py
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet

tf = pytest.importorskip("tensorflow")

from benchmarks.evaluate import op_histogram  # noqa: E402
from litesmith.frontends.tensorflow.lowering import LOWERINGS  # noqa: E402
from tests.tf import test_random, test_tf1  # noqa: E402
from tests.tf.parity import Case, Table, litesmith_convert, trace  # noqa: E402

pytestmark = [pytest.mark.tf, pytest.mark.slow]

FAMILIES = "array gradients image indexing math matrix nn normalization quantization reduction signal".split()
"""Families whose rows are compared with the official converter's, in ``test_lowering_<family>.py``."""

ELSEWHERE: dict[str, str] = {
    **dict.fromkeys(("BatchNormWithGlobalNormalization", "TopK"), "test_removed_ops.py: no graph of today has them"),
    **dict.fromkeys(("ResourceScatterNdMul", "ScatterNdMul"), "the registry has them no more"),
    **dict.fromkeys(("LookupTableInsertV2", "LookupTableRemoveV2"), "test_tables.py: refused"),
    "InitializeTableFromTextFileV2": "test_tables.py: an initializer's",
    "MutableDenseHashTableV2": "refused unless an initializer fills it",
    "XlaCallModule": "tests/stablehlo/test_saved_models.py",
}
"""Operators that no row has, and where they are tested or why not."""


def cases(family: str) -> list[Case]:
    """The rows of a family."""
    rows: list[Case] = importlib.import_module(f"tests.tf.test_lowering_{family}").CASES
    return rows


def all_cases() -> Iterator[Case]:
    """The rows of every table in this folder that have to convert."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path.name == Path(__file__).name:
            continue
        for value in vars(importlib.import_module(f"tests.tf.{path.stem}")).values():
            marks = getattr(value, "pytestmark", ()) if inspect.isfunction(value) else ()
            for mark in (m for m in marks if m.name == "parametrize"):
                rows = (row.values[0] for row in mark.args[1] if isinstance(row, ParameterSet))
                yield from (row for row in rows if isinstance(row, Case) and not row.raises)


def all_graphs() -> Iterator[Any]:
    """The graphs of these rows, of TensorFlow 1's and of draws."""
    for case in all_cases():
        function = trace(case)
        if not isinstance(function, Exception):
            yield function.graph
    yield from (test_tf1.built(model)[0] for model in test_tf1.MODELS)
    draws = [partial(draw.fn, 9) for draw in test_random.DRAWS]
    seeded = [partial(draw, tf.constant([1, 2])) for draw in test_random.SEEDED.values()]
    yield from (tf.function(draw).get_concrete_function().graph for draw in (*draws, *seeded))


@cache
def traced_ops() -> frozenset[str]:
    """Every operator in these graphs; ``complex Op`` where an operand is complex."""
    return frozenset(op for graph in all_graphs() for op in _ops_of(graph))


def _ops_of(graph: Any) -> Iterator[str]:
    functions = {f.signature.name: f for f in graph.as_graph_def().library.function}
    for op in graph.get_operations():
        yield op.type
        if any(x.dtype.is_complex for x in op.inputs):
            yield f"complex {op.type}"
    for definition in functions.values():
        yield from (node.op for node in definition.node_def)


@pytest.mark.parametrize("op", sorted({lowering.names[0] for lowering in LOWERINGS.values()}))
def test_has_a_row(op: str) -> None:
    """A new operator without one fails here, and so does an exception that is none. Old names share a lowering."""
    names = LOWERINGS[op].names
    has_row = not traced_ops().isdisjoint(names)
    assert has_row != (not ELSEWHERE.keys().isdisjoint(names)), f"no row has the operator {op}, or ELSEWHERE is wrong"


# -- number of ops ----------------------------------------------------------------------------------------------------

PRECISE = "accurate relative to the result, where a sum with 1 loses it, and without overflow"
RANKS = "older runtimes take slices of five dimensions; changes of shape copy nothing"
MORE: dict[str, str] = {
    "reshape empty": "a tensor without elements is reshaped, where it could be a constant",
    **dict.fromkeys(("softplus", "log1p", "expm1", "xlog1py", "log sigmoid", "mish", "sigmoid cross entropy"), PRECISE),
    **dict.fromkeys(("slice rank 6", "strided rank 6"), RANKS),
    "atan2 all dynamic": "ATAN2 does not broadcast: the official file reads beyond an operand",
    "equal uint8": "EQUAL takes no uint8: the official file stops",
    "reverse axes": "REVERSE_V2 takes neighbouring axes: the official file stops",
    "div_no_nan wide": "changes of shape, which copy nothing, in the place of broadcasts",
    "sorted sum": "SEGMENT_SUM takes no gaps between ids: the official file stops",
    "gather_nd whole": "GATHER_ND takes no empty index: the official file stops",
    "nms padded": "the function leaves out boxes without a positive coordinate, the kernel does not",
    "nms": "the result has the boxes that are left; the official file's is padded",
    **dict.fromkeys(("rfft", "stft odd"), "RFFT2D takes powers of two: the official file of other sizes does not load"),
    "matmul int8 to int32": "as an exact float product; the kernel for integers is not used",
    "logsumexp rank 6": "changes of shape around a broadcast of six dimensions",
    "strided ellipsis fed": "the bounds of the dimensions that the ellipsis stands for are joined to those given",
    "batch_to_space 3d": "changes of shape around a transpose and a slice of six dimensions",
}
"""Rows that may cost more ops than the official converter's file, and why: by the start of their name."""


TOGETHER = 8
"""Rows in one SavedModel: the official converter loads all of it for each."""


@pytest.mark.parametrize("family", FAMILIES)
def test_no_more_ops_than_the_official_converter(family: str) -> None:
    """Counts of all rows both convert."""
    rows = [case for case in cases(family) if not case.raises and not case.name.startswith(tuple(MORE))]
    worse = []
    for start in range(0, len(rows), TOGETHER):
        some = rows[start : start + TOGETHER]
        table = Table([Case(f"{n} {c.name}", c.fn, c.inputs, c.spec) for n, c in enumerate(some)])
        for case in table.cases:
            counts = table.compare(case, litesmith_convert, official_convert)
            if counts is None:
                continue
            ours, theirs = map(op_histogram, counts)
            if sum(ours.values()) > sum(theirs.values()):
                worse.append(f"{case.name}: {ours}, officially {theirs}")
    assert not worse, "\n".join(worse)


def official_convert(directory: str, signature: str) -> bytes:
    """The official converter with its default options."""
    made: bytes = tf.lite.TFLiteConverter.from_saved_model(directory, signature_keys=[signature]).convert()
    return made
