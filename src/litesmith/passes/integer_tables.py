"""Tables of small integers that are looked up and widened are written as int4.

    %1 = GATHER(q, %i)            q: int8[100, 64] within -8 and 7
    %2 = CAST(%1)
⇒
    %1 = GATHER(q', %i)           q': int4[100, 64] of scale 1
    %2 = DEQUANTIZE(%1)

Embeddings quantized to 4 bits come like this: the rows are widened, not the table. A SELECT_V2 between the two, of what
stands in for a row that is not there, follows the DEQUANTIZE then. Legal because a scale of 1 leaves the integers what
they are. The kernel takes rows of an even number of elements, whole bytes.

This is no simplification, so it runs once, after all passes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.constant import Constant
from litesmith.ir.dtypes import DType
from litesmith.ir.folding import STEPWISE
from litesmith.ir.graph import Op, Value
from litesmith.ir.types import Quantization
from litesmith.ops.comparison import SELECT_V2
from litesmith.ops.indexing import GATHER, gathers_whole_bytes
from litesmith.ops.unary import CAST
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import rebuild, sole_producer, with_operands


def narrow_table(op: Op, b: Builder) -> Outcome:
    """A CAST to float32 of what is looked up in a constant of bytes."""
    select = sole_producer(op["x"], SELECT_V2)
    lookup = sole_producer(op["x"] if select is None else select["x"], GATHER)
    table = lookup["x"].const if lookup is not None else None
    if lookup is None or table is None or table.dtype is not DType.INT8 or op.result.type.dtype is not DType.FLOAT32:
        return None
    if select is not None and not select["y"].is_const:
        return Declined("what stands in for a row is computed")
    reason = _obstacle(lookup, table)
    if reason is not None:
        return Declined(reason)
    narrow = Constant.lazy(DType.INT4, table.shape, lambda: table.array().astype(DType.INT4.numpy))
    stored = Value.constant(narrow, lookup["x"].name)
    stored.type = replace(stored.type, quant=Quantization(np.ones(1, np.float32), np.zeros(1, np.int64)))
    floats: Value = b.dequantize(rebuild(b, lookup, with_operands(lookup, x=stored)))
    if select is None:
        return floats
    other = b.cast(select["y"], in_data_type=DType.INT8, out_data_type=DType.FLOAT32)
    return rebuild(b, select, with_operands(select, x=floats, y=other))


def _obstacle(lookup: Op, table: Constant) -> str | None:
    if table.size < STEPWISE.traced_elements:
        return "the table is small"
    if not gathers_whole_bytes(lookup):
        return "a row is an odd number of elements"
    elements = table.array()
    return "an element does not fit 4 bits" if elements.min() < -8 or elements.max() > 7 else None


INTEGER_TABLES = Pass("integer-tables", (CAST,), narrow_table)
PASSES = (INTEGER_TABLES,)
