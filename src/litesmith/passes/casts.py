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

from litesmith.ir.dtypes import DType
from litesmith.passes.rules import Match, Rule, rules_pass


def obstacle(match: Match) -> str | None:
    """Why a cast of a cast stays."""
    source, between = match["%x"].type.dtype, match.root["x"].type.dtype
    return None if holds_all(source, between) else f"{between} does not hold every {source}"


def holds_all(narrow: DType, wide: DType) -> bool:
    """Whether each number of one type is one of the other."""
    if narrow.numpy.kind not in "biuf" or wide.numpy.kind not in "biuf":
        return False
    if narrow.is_integer and wide.is_float and np.iinfo(narrow.numpy).bits > np.finfo(wide.numpy).nmant:
        return False
    return bool(np.can_cast(narrow.numpy, wide.numpy, "safe"))


CASTS = rules_pass("casts", Rule("CAST(CAST(%x)) => CAST(%x) {out_data_type=CAST.out_data_type}", obstacle))
PASSES = (CASTS,)
