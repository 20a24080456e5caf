"""A cast of a cast that lost nothing is one cast.

    %1 = CAST(%x) {out_data_type=int64}       %x: int32
    %2 = CAST(%1) {out_data_type=float32}
⇒
    %2 = CAST(%x) {out_data_type=float32}

Legal where the type between holds every number of the first. Where the first and the last type are the same nothing is
left. Rounding casts (to a narrower type, or from int64 to a floating-point type) stay.
"""

from __future__ import annotations

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op
from litesmith.ops.unary import CAST
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import producer


def join_casts(op: Op, b: Builder) -> Outcome:
    """CAST of a CAST."""
    first = producer(op["x"], CAST)
    if first is None:
        return None
    source, between = first["x"].type.dtype, op["x"].type.dtype
    if not holds_all(source, between):
        return Declined(f"{between} does not hold every {source}")
    return b.cast(first["x"], in_data_type=source, out_data_type=op.result.type.dtype)


def holds_all(narrow: DType, wide: DType) -> bool:
    """Whether each number of one type is one of the other."""
    if narrow.numpy.kind not in "biuf" or wide.numpy.kind not in "biuf":
        return False
    if narrow.is_integer and wide.is_float and np.iinfo(narrow.numpy).bits > np.finfo(wide.numpy).nmant:
        return False
    return bool(np.can_cast(narrow.numpy, wide.numpy, "safe"))


CASTS = Pass("casts", (CAST,), join_casts)
PASSES = (CASTS,)
