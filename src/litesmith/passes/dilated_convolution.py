"""A convolution between SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND is a dilated convolution.

    %1 = SPACE_TO_BATCH_ND(%x, [2, 2], [[2, 3], [2, 3]])
    %2 = CONV_2D(%1, w, b) {padding=VALID}
    %3 = BATCH_TO_SPACE_ND(%2, [2, 2], [[0, 1], [0, 1]])
⇒
    %3 = CONV_2D(%x, w, b) {padding=SAME, dilation_h_factor=2, dilation_w_factor=2}

Also for one spatial dimension, where reshapes add a second of size 1 around the convolution. Legal for stride 1: each
phase of the input, every block-th element, is convolved by itself, which is what dilation does. What is left of the
paddings after the crops (the convolution's own padding counts once for each phase) becomes VALID when nothing, SAME
when it is what SAME pads, and a PAD otherwise; crops that reach into the operand are declined. Sizes that are unknown
are fine where they cancel.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from litesmith.ir.builder import Builder
from litesmith.ir.dims import Dim
from litesmith.ir.graph import Op, Value
from litesmith.ir.opdef import Trait
from litesmith.ops.convolution import CONV_2D, DEPTHWISE_CONV_2D
from litesmith.ops.padding import BATCH_TO_SPACE_ND, SPACE_TO_BATCH_ND
from litesmith.passes.driver import Declined, Outcome, Pass
from litesmith.passes.match import producer, rebuild, sole_producer, with_operands
from litesmith.passes.pad_fusion import Window, same_padding, windows


class Dilation(NamedTuple):
    """The parts of the pattern. ``unit``: the unit dimension that reshapes put in for the convolution."""

    to_batch: Op
    convolution: Op
    unit: int | None


def dilate(op: Op, b: Builder) -> Outcome:
    """BATCH_TO_SPACE_ND that ends the pattern."""
    found = _match(op)
    if found is None or isinstance(found, Declined):
        return found
    block = [int(n) for n in op["block_shape"].numpy()]
    spatial = _paddings(op, found, block)
    if spatial is None:
        return Declined("the paddings and crops do not cancel to known, non-negative sizes")
    if found.unit is not None:
        block.insert(found.unit - 1, 1)
        spatial.insert(found.unit - 1, (0, 0))
    x = found.to_batch["x"] if found.unit is None else b.expand_dims(found.to_batch["x"], np.int32(found.unit))
    y = _dilate(b, found.convolution, x, block, spatial)
    return y if found.unit is None else b.squeeze(y, squeeze_dims=(found.unit,))


def _match(op: Op) -> Dilation | Declined | None:
    after = sole_producer(op["x"], Trait.KEEPS_ORDER)
    convolution = sole_producer(after.inputs[0] if after is not None else op["x"], CONV_2D, DEPTHWISE_CONV_2D)
    if convolution is None:
        return None
    before = producer(convolution["x"], Trait.KEEPS_ORDER)
    to_batch = producer(before.inputs[0] if before is not None else convolution["x"], SPACE_TO_BATCH_ND)
    if to_batch is None:
        return None
    if not _same_block(op, to_batch):
        return Declined("the blocks differ")
    attrs = convolution.attrs
    if any(attrs[f"{what}"] != 1 for what in ("stride_h", "stride_w", "dilation_h_factor", "dilation_w_factor")):
        return Declined("the convolution has a stride or a dilation")
    if (before is None) != (after is None):
        return Declined("the convolution is reshaped on one side only")
    unit = _unit_dimension(convolution, to_batch, op) if before is not None else None
    if before is not None and unit is None:
        return Declined("the reshapes do more than add a unit dimension")
    return Dilation(to_batch, convolution, unit)


def _same_block(op: Op, to_batch: Op) -> bool:
    blocks = op["block_shape"], to_batch["block_shape"]
    return all(v.is_const for v in blocks) and np.array_equal(blocks[0].numpy(), blocks[1].numpy())


def _unit_dimension(convolution: Op, to_batch: Op, to_space: Op) -> int | None:
    """The spatial unit dimension that the convolution has and the operations around it have not."""
    inside, outside = convolution["x"].dims, to_batch.result.dims
    for axis in (1, 2):
        fits = inside[axis] == 1 and inside[:axis] + inside[axis + 1 :] == outside
        sizes = convolution.result.dims
        if fits and sizes[axis] == 1 and sizes[:axis] + sizes[axis + 1 :] == to_space["x"].dims:
            return axis
    return None


def _paddings(op: Op, found: Dilation, block: list[int]) -> list[tuple[int, int]] | None:
    """What the dilated convolution pads in each blocked dimension."""
    paddings, crops = found.to_batch["paddings"].sym, op["crops"].sym
    own = _own_padding(found.convolution, found.unit)
    if paddings is None or crops is None or own is None or len(own) != len(block):
        return None
    left = [
        (pad[0] + size * extra[0] - crop[0], pad[1] + size * extra[1] - crop[1])
        for pad, crop, size, extra in zip(paddings, crops, block, own, strict=True)
    ]
    if not all(isinstance(n, (int, np.integer)) and n >= 0 for pair in left for n in pair):
        return None
    return [(int(before), int(after)) for before, after in left]


def _own_padding(convolution: Op, unit: int | None) -> list[tuple[int, int]] | None:
    """What the convolution itself pads in each dimension but the one of size 1; None where that is not known."""
    found = windows(convolution)
    if found is None:
        return None
    paddings: list[tuple[int, int]] = []
    for axis, (window, size) in enumerate(zip(found, convolution["x"].dims[1:3], strict=True), start=1):
        padding = same_padding(size, window) if convolution.attrs["padding"] == "SAME" else (0, 0)
        if axis == unit:
            continue
        if padding is None:
            return None
        paddings.append(padding)
    return paddings


def _dilate(b: Builder, convolution: Op, x: Value, block: list[int], spatial: list[tuple[int, int]]) -> Value:
    found = windows(convolution) or []
    spans = [Window((w.span - 1) * d + 1, 1) for w, d in zip(found, block, strict=True)]
    sizes: tuple[Dim, ...] = x.dims[1:3]
    padding = "VALID"
    if [same_padding(s, w) for s, w in zip(sizes, spans, strict=True)] == spatial and any(map(any, spatial)):
        padding = "SAME"
    elif any(map(any, spatial)):
        x = b.pad(x, np.array([(0, 0), *spatial, (0, 0)], np.int32))
    factors = {"dilation_h_factor": block[0], "dilation_w_factor": block[1]}
    return rebuild(b, convolution, with_operands(convolution, x=x), padding=padding, **factors)


DILATED_CONVOLUTION = Pass("dilated-convolution", (BATCH_TO_SPACE_ND,), dilate, after=("bias-fusion",))
PASSES = (DILATED_CONVOLUTION,)
