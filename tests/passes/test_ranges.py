"""What `passes.ranges` says of a value holds for what the value is: random integer programs, evaluated."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from litesmith.ir.builder import Builder
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Graph, Program, Value
from litesmith.ir.types import TensorType
from litesmith.ops import OPS
from litesmith.passes.known_ranges import KNOWN_RANGES
from litesmith.passes.ranges import Ranges, type_range
from tests.passes.harness import apply
from tests.passes.interpret import run

INPUTS = (DType.INT32, DType.INT8, DType.UINT8, DType.BOOL)


class Steps:
    """Draws one operation after the other; every tensor broadcasts against [3, 3]."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.graph = Graph()
        for index, dtype in enumerate(INPUTS):
            self.graph.add_input(TensorType(dtype, (3, 3)), f"x{index}")
        self.b = Builder(self.graph, OPS)
        narrow = self.graph.inputs[1:3]
        self.values: list[Value] = [self.graph.inputs[0], self.graph.inputs[3], *map(self.widened, narrow)]

    def program(self, count: int = 30) -> Program:
        kinds: list[Callable[[], Value]] = [
            *(partial(self.binary, n) for n in ("add", "sub", "mul", "minimum", "maximum")),
            *(
                partial(self.binary, n)
                for n in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")
            ),
            *(partial(self.logical, n) for n in ("logical_and", "logical_or")),
            *(partial(self.truths_reduced, n) for n in ("reduce_all", "reduce_any")),
            *(partial(self.reduced, n) for n in ("reduce_max", "reduce_min")),
            *(self.constant, self.negated, self.chosen, self.remainder, self.magnitude, self.reversed, self.transposed),
            *(self.counted, self.placed, self.joined, self.packed, self.gathered, self.padded, self.split),
        ]
        for _ in range(count):
            self.values.append(kinds[self.rng.integers(len(kinds))]())
        self.graph.outputs = [v for v in self.values if not v.is_const]
        return Program([self.graph])

    def pick(self, dtype: DType) -> Value:
        found = [v for v in self.values if v.type.dtype is dtype]
        return found[self.rng.integers(len(found))]

    def integers(self) -> Value:
        return self.pick(DType.INT32)

    def full(self) -> Value:
        made: Value = self.b.broadcast_to(self.integers(), [3, 3])
        return made

    def widened(self, value: Value) -> Value:
        made: Value = self.b.cast(value, in_data_type=value.type.dtype, out_data_type=DType.INT32)
        return made

    def axis(self, rank: int = 2) -> int:
        return int(self.rng.integers(rank))

    def binary(self, name: str) -> Value:
        return getattr(self.b, name)(self.integers(), self.integers())

    def logical(self, name: str) -> Value:
        return getattr(self.b, name)(self.pick(DType.BOOL), self.pick(DType.BOOL))

    def truths_reduced(self, name: str) -> Value:
        return getattr(self.b, name)(self.pick(DType.BOOL), [self.axis()], keep_dims=True)

    def reduced(self, name: str) -> Value:
        return getattr(self.b, name)(self.integers(), [self.axis()], keep_dims=True)

    def constant(self) -> Value:
        shape = [(3, 3), (1, 3), (3, 1), (1, 1)][self.rng.integers(4)]
        return self.b.constant(self.rng.integers(-6, 7, shape).astype(np.int32))

    def negated(self) -> Value:
        return self.b.logical_not(self.pick(DType.BOOL))

    def chosen(self) -> Value:
        return self.b.select_v2(self.pick(DType.BOOL), self.integers(), self.integers())

    def remainder(self) -> Value:
        return self.b.floor_mod(self.integers(), np.int32(self.rng.integers(1, 9)))

    def magnitude(self) -> Value:
        return self.b.abs(self.integers())

    def reversed(self) -> Value:
        return self.b.reverse_v2(self.integers(), [self.axis()])

    def transposed(self) -> Value:
        return self.b.transpose(self.full(), [1, 0])

    def counted(self) -> Value:
        return self.widened(self.pick(DType.BOOL))

    def placed(self) -> Value:
        return self.b.reshape(self.b.arg_max(self.full(), self.axis(), output_type=DType.INT32), [1, 3])

    def joined(self) -> Value:
        return self.b.slice(self.b.concatenation(self.full(), self.full(), axis=0), [self.axis(4), 0], [3, 3])

    def packed(self) -> Value:
        axis = self.axis(3)
        both = self.b.pack(self.full(), self.full(), axis=axis, values_count=2)
        return self.b.unpack(both, num=2, axis=axis)[self.axis()]

    def gathered(self) -> Value:
        return self.b.gather(self.full(), self.rng.integers(0, 3, 3).astype(np.int32), axis=self.axis())

    def padded(self) -> Value:
        return self.b.slice(self.b.pad(self.full(), [[1, 1], [0, 2]]), [self.axis(3), self.axis(3)], [3, 3])

    def split(self) -> Value:
        return self.b.split(self.axis(), self.full(), num_splits=3)[self.axis(3)]


def inputs(seed: int) -> list[np.ndarray]:
    """Values at the ends of the types and around zero."""
    rng = np.random.default_rng(seed)
    made = []
    for dtype in INPUTS:
        limits = (0, 1) if dtype is DType.BOOL else (np.iinfo(dtype.numpy).min, np.iinfo(dtype.numpy).max)
        near = np.clip(rng.integers(-9, 10, (3, 3)), *limits)
        made.append(np.where(rng.random((3, 3)) < 0.3, rng.choice(limits, (3, 3)), near).astype(dtype.numpy))
    return made


@pytest.mark.parametrize("seed", range(150))
def test_values_are_in_their_ranges(seed: int) -> None:
    program = Steps(seed).program()
    graph, found = program.main, Ranges(program)
    for draw in range(4):
        for value, got in zip(graph.outputs, run(graph, inputs(draw)), strict=True):
            known = found[value]
            assert known is not None
            assert np.all(known.low <= got) and np.all(got <= known.high), value.op


def test_something_is_known() -> None:
    """More than half of the results have a narrower range than their type."""
    programs = [Steps(seed).program() for seed in range(20)]
    narrower = [is_narrower(Ranges(p), v) for p in programs for v in p.main.outputs]
    assert np.mean(narrower) > 0.5


def is_narrower(ranges: Ranges, value: Value) -> bool:
    known, whole = ranges[value], type_range(value.type)
    assert known is not None and whole is not None
    return bool(np.any(known.low > whole.low) or np.any(known.high < whole.high))


@pytest.mark.parametrize("seed", range(150))
def test_folding_keeps_every_result(seed: int) -> None:
    program = Steps(seed).program()
    wanted = [run(program.main, inputs(draw)) for draw in range(4)]
    apply((KNOWN_RANGES,), program)
    for draw, want in enumerate(wanted):
        for expected, got in zip(want, run(program.main, inputs(draw)), strict=True):
            np.testing.assert_array_equal(got, expected)
