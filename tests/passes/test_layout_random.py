"""Random graphs full of transposes: the layouts settle, no transposes are added, and nothing computed changes."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.ir.builder import Builder
from litesmith.ir.dims import Dim, Sym
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Graph, Program, Value
from litesmith.ir.types import TensorType
from litesmith.ops import OPS
from litesmith.passes import pipeline
from tests.passes.harness import check_same
from tests.passes.interpret import random_inputs, run

B, T = Sym.named("b"), Sym.named("t")

SHAPES: tuple[tuple[Dim, ...], ...] = (
    (B, T, 2, 4),
    (B, T, 1, 4),
    (B, 3, 1, 4),
    (1, 3, 2, 4),
    (B, T, 4),
)


class Walk:
    """A chain of operations, now and then joined with what came before in another layout."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        graph = Graph()
        shape = SHAPES[self.rng.integers(len(SHAPES))]
        self.b = Builder(graph, OPS)
        self.program = Program([graph])
        self.values: list[Value] = [graph.add_input(TensorType(DType.FLOAT32, shape), n) for n in ("x", "y")]
        for _ in range(14):
            self.values.append(self.step())
        graph.outputs = self.values[-2:]

    def pick(self) -> Value:
        return self.values[-1 - int(self.rng.integers(min(4, len(self.values))))]

    def step(self) -> Value:
        steps = (
            self.transposed,
            self.transposed,
            self.unary,
            self.joined,
            self.scaled,
            self.reduced,
            self.concatenated,
        )
        others = (self.expanded, self.squeezed, self.multiplied, self.normalized)
        kinds = (*steps, *others)
        return kinds[self.rng.integers(len(kinds))]()

    def transposed(self) -> Value:
        x = self.pick()
        return self.b.transpose(x, self.rng.permutation(x.rank).astype(np.int32))

    def unary(self) -> Value:
        return getattr(self.b, ("tanh", "abs", "relu")[self.rng.integers(3)])(self.pick())

    def normalized(self) -> Value:
        return self.b.softmax(self.pick(), beta=1.0)

    def joined(self) -> Value:
        """Two values, one transposed so that the shapes are the same."""
        x, y = self.pick(), self.pick()
        if sorted(map(str, x.dims)) != sorted(map(str, y.dims)):
            return self.b.neg(x)
        rest = list(range(y.rank))
        perm = []
        for dim in x.dims:
            perm.append(next(i for i in rest if y.dims[i] == dim))
            rest.remove(perm[-1])
        return self.b.add(x, self.b.transpose(y, np.array(perm, np.int32)))

    def scaled(self) -> Value:
        x = self.pick()
        size = x.dims[-1] if isinstance(x.dims[-1], int) else 1
        return self.b.mul(x, self.b.constant(self.rng.uniform(0.5, 1.5, (size,)).astype(np.float32)))

    def reduced(self) -> Value:
        x = self.pick()
        return self.b.mean(x, [int(self.rng.integers(x.rank))], keep_dims=True) if x.rank > 2 else x

    def concatenated(self) -> Value:
        x = self.pick()
        return self.b.concatenation(x, self.b.neg(x), axis=int(self.rng.integers(x.rank)))

    def expanded(self) -> Value:
        x = self.pick()
        return self.b.expand_dims(x, int(self.rng.integers(x.rank + 1))) if x.rank < 5 else x

    def squeezed(self) -> Value:
        x = self.pick()
        ones = [i for i, d in enumerate(x.dims) if d == 1]
        return self.b.squeeze(x, squeeze_dims=(ones[0],)) if ones and x.rank > 3 else x

    def multiplied(self) -> Value:
        x = self.pick()
        return self.b.batch_matmul(x, x, adj_y=True) if x.rank <= 5 else x


@pytest.mark.parametrize("seed", range(300))
def test_layouts_settle(seed: int) -> None:
    program = Walk(seed).program
    before = program.histogram().get("TRANSPOSE", 0)
    inputs = random_inputs(program, -0.5, 0.5)
    expected = run(program.main, inputs)
    pipeline.run(program, check=True)
    assert program.histogram().get("TRANSPOSE", 0) <= before
    check_same(run(program.main, inputs), expected, 1e-5)
