"""Random numbers. The kernels draw anew at each invocation; two seeds of 0 mean seeds of chance."""

from __future__ import annotations

import numpy as np

from litesmith.ir.builder import dims_of
from litesmith.ir.dims import Dim
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op
from litesmith.ir.intervals import Interval
from litesmith.ir.opdef import Attr, OpDef, Trait
from litesmith.ir.types import TensorType
from litesmith.ops import costs
from litesmith.ops.common import FLOAT, INT32, operands, unknown_dim, unknown_dims

UNIFORM = Interval(np.asarray(0, np.float32), np.asarray(1 - 2**-23, np.float32))
"""RANDOM_UNIFORM draws multiples of 2^-23 in [0, 1)."""

SEEDS = {"seed": Attr("int64", 0), "seed2": Attr("int64", 0)}


def _infer_random(op: Op) -> list[TensorType]:
    shape = dims_of(op["shape"])
    if shape is None:
        rank = op["shape"].dims[0]
        shape = unknown_dims(op, rank) if isinstance(rank, int) else None
    return [TensorType(DType.FLOAT32, shape)]


RANDOM_UNIFORM, RANDOM_STANDARD_NORMAL = (
    OpDef(
        name,
        code,
        operands("shape", INT32),
        attrs=SEEDS,
        options=("RandomOptions", 114),
        traits=Trait.RANDOM,
        infer=_infer_random,
        runtimes={1: "2.8.0"},
        cost=costs.result_elements,
        interval=interval,
    )
    for name, code, interval in (
        ("RANDOM_UNIFORM", 148, lambda op, known: UNIFORM),
        ("RANDOM_STANDARD_NORMAL", 146, None),
    )
)


def _infer_multinomial(op: Op) -> list[TensorType]:
    """int64 [batch, samples], unless the result was made int32."""
    count = op["num_samples"]
    samples: Dim = int(count.numpy().reshape(())) if count.is_const else unknown_dim("samples")
    dtype = op.results[0].type.dtype if op.results else DType.INT64
    return [TensorType(dtype, (op["logits"].dims[0], samples))]


MULTINOMIAL = OpDef(
    "MULTINOMIAL",
    149,
    operands("logits num_samples", FLOAT, INT32),
    attrs=SEEDS,
    options=("RandomOptions", 114),
    traits=Trait.RANDOM,
    infer=_infer_multinomial,
    check=lambda op: None if op["logits"].rank == 2 else "logits are not of rank 2",
    runtimes={1: "2.8.0"},
    cost=costs.operand_elements,
)

DEFINITIONS = (RANDOM_UNIFORM, RANDOM_STANDARD_NORMAL, MULTINOMIAL)
