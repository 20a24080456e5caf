"""Operations whose kernel does not take an element type are computed in a wider one that it takes.

    %1 = LOGISTIC(%x)                                  %x: float16[4]
⇒
    %2 = CAST(%x) {out_data_type=float32}
    %3 = LOGISTIC(%2)
    %1 = CAST(%3) {out_data_type=float16}

float16 and bfloat16 are computed in float32, small integers in int32 (uint32 in int64), bool in int8. Legal because the
wider type holds every number of the narrow one and CAST brings integers back modulo 2^n, as the narrow arithmetic
would. There is no wider type for float64, int64 and uint64: they are left for `kernel_problems` to report.

Between two operations that were widened the number stays in the wider type:

    %1 = CAST(%x) {out_data_type=float16}              both made by this pass, %x: float32[4]
    %2 = CAST(%1) {out_data_type=float32}
⇒
    %x

so that a chain in float16 is rounded to float16 where it ends, not after every operation. A cast the model itself asks
for always rounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from litesmith.decompositions.shapes import cast
from litesmith.errors import UnsupportedError
from litesmith.ir.builder import Builder, infer_types
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Op, Value
from litesmith.ops.common import dtypes, is_quantized
from litesmith.passes.driver import EVERY, Declined, Outcome, Pass
from litesmith.passes.rules import Match, Rule, rules_pass

_SMALL = (DType.INT32, DType.INT64)

WIDER: Mapping[DType, tuple[DType, ...]] = {
    DType.FLOAT16: (DType.FLOAT32,),
    DType.BFLOAT16: (DType.FLOAT32,),
    DType.INT8: _SMALL,
    DType.UINT8: _SMALL,
    DType.INT16: _SMALL,
    DType.UINT16: _SMALL,
    DType.UINT32: (DType.INT64,),
    DType.BOOL: (DType.INT8, *_SMALL),
}
"""Types that hold every number of a type, the cheapest first."""

_HALF = dtypes("float16 bfloat16")
NAME = "kernel-types"


def _takes(op: Op, values: list[Value | None]) -> bool:
    """Whether the kernel takes the operation with these operands."""
    for index, value in enumerate(values):
        allowed = op.defn.operand_at(index).dtypes
        if value is not None and allowed is not None and value.type.dtype not in allowed:
            return False
    if op.defn.check is None:
        return True
    trial = Op(op.defn, values, op.attrs)
    trial.results = list(op.results)
    return op.defn.check(trial) is None


def _wider_operands(op: Op, narrow: DType, wide: DType) -> list[Value | None]:
    """The operands with those of the narrow type standing for wide ones (types only)."""
    return [
        Value(v.type.with_dtype(wide)) if v is not None and v.type.dtype is narrow and _allows(op, i, wide) else v
        for i, v in enumerate(op.operands)
    ]


def _allows(op: Op, index: int, dtype: DType) -> bool:
    allowed = op.defn.operand_at(index).dtypes
    return allowed is None or dtype in allowed


def _candidates(op: Op) -> Iterator[tuple[DType, DType]]:
    """(narrow, wide) pairs worth trying: the types of the operands the kernel may not take."""
    for narrow in dict.fromkeys(v.type.dtype for v in op.inputs):
        for wide in WIDER.get(narrow, ()):
            yield narrow, wide


def widen(op: Op, b: Builder) -> Outcome:
    """An operation on a type its kernel does not take, in a wider type."""
    if op.defn.infer is None or op.subgraphs or any(is_quantized(v) for v in (*op.inputs, *op.results)):
        return None
    if any(v.is_variable for v in op.inputs):
        return None
    if _takes(op, list(op.operands)):
        return None
    for narrow, wide in _candidates(op):
        if _takes(op, _wider_operands(op, narrow, wide)):
            return _in_wider_type(op, b, narrow, wide)
    return Declined("no wider type is taken by the kernel")


def _in_wider_type(op: Op, b: Builder, narrow: DType, wide: DType) -> Outcome:
    operands = [
        cast(b, v, wide) if v is not None and v.type.dtype is narrow and _allows(op, i, wide) else v
        for i, v in enumerate(op.operands)
    ]
    try:
        types = infer_types(Op(op.defn, operands, op.attrs))
    except UnsupportedError as error:
        return Declined(str(error))
    shaped = [t.with_shape(r.type.shape) for t, r in zip(types, op.results, strict=True)]
    results = b.emit(op.defn, operands, result_types=shaped, **op.attrs)
    return [cast(b, m, r.type.dtype) for m, r in zip(results, op.results, strict=True)]


def keep_wide(match: Match) -> str | None:
    """Only of what this pass narrowed, and back to the type it had."""
    by_pass = all(NAME in origin.passes for cast in match.ops for origin in cast.origins)
    same = match["%x"].type.dtype is match.root.result.type.dtype
    return None if by_pass and same and match.root["x"].type.dtype in _HALF else ""


KERNEL_TYPES = Pass(NAME, (EVERY,), widen)
KEEP_WIDE = rules_pass("keep-wide", Rule("CAST(CAST(%x)) => %x", keep_wide), after=(NAME,))
PASSES = (KERNEL_TYPES, KEEP_WIDE)
