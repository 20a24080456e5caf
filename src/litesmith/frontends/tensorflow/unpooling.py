"""Max unpooling as the pair of custom operators that XNNPACK has kernels for, where that is asked for.

``addons:MaxUnpooling2D`` is a composite whose body is right, but slow: by default it is inlined. The stock runtime has
no kernel of that name; its XNNPACK delegate runs MaxPoolingWithArgmax2D and MaxUnpooling2D together, if the places
between them are declared float32. They are places within a window then, so both operators have to be made at once.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from litesmith.errors import UnsupportedError, UsageError
from litesmith.frontends.tensorflow.lowering.nn import flat_places
from litesmith.ir import Builder, DType, Op, TensorType, Value
from litesmith.ir.constant import Array

_POOLING = "tf.MaxPoolWithArgmax"
_VALID = 2  # the delegate refuses SAME; of images that are multiples of the window both are one
_FIX = "leave addons:MaxUnpooling2D out of keep_composites: its body becomes built-in operators"


def max_unpooling_2d(
    b: Builder,
    updates: Value,
    places: Value,
    *,
    pool_size: Sequence[int],
    strides: Sequence[int] = (),
    padding: str = "SAME",
) -> Value:
    """updates: [N, H, W, C] float32; places: what `tf.nn.max_pool_with_argmax` gave. Result: [N, H * h, W * w, C].

    pool_size, strides: (height, width). Raises UnsupportedError where XNNPACK would not do the same.
    """
    window = tuple(int(size) for size in pool_size)
    if tuple(int(step) for step in strides or window) != window:
        reason = f"strides {list(strides)} differ from the window {list(window)}: XNNPACK has no such kernel"
        raise UnsupportedError(reason, _FIX)
    x, pooled = _pooling(places)
    if x.type.dtype is not DType.FLOAT32 or not x.type.is_static:
        raise UnsupportedError(f"what is pooled is {x.type}; XNNPACK takes float32 of known sizes", _FIX)
    images, height, width, channels = x.type.static_shape
    if height % window[0] or width % window[1]:
        raise UnsupportedError(f"the image, {height} x {width}, is not a multiple of the window {list(window)}", _FIX)
    small = TensorType(DType.FLOAT32, (images, height // window[0], width // window[1], channels))
    if updates.type != small or not _has_places(pooled, flat_places(x, window, window, padding)):
        raise UnsupportedError("the places are not those of a pool of the same window", _FIX)
    options = struct.pack("<10i", _VALID, window[1], window[0], window[1], window[0], 0, 0, 0, 0, 0)
    index, updates = _pool(b, x, pooled[0], updates, options)
    spread: Value
    (spread,) = b.custom(updates, index, custom_code="MaxUnpooling2D", custom_options=options, result_types=[x.type])
    return spread


def _pool(b: Builder, x: Value, pool: Op, updates: Value, options: bytes) -> tuple[Value, Value]:
    """Puts the custom pool in the place of the one it stands for: its places, and the updates that may come from it."""
    of_pool = [op for op in b.graph.ops if op.origin == pool.origin]
    results = [op.result for op in of_pool if len(op.results) == 1 and op.result.type == updates.type]
    best = next((r for r in results if not any(user.origin == pool.origin for user in r.users)), None)
    if best is None or not (best.users or best is updates):
        raise UnsupportedError("nothing uses the largest elements of the pool", _FIX)
    largest, index = b.custom(
        x, custom_code="MaxPoolingWithArgmax2D", custom_options=options, result_types=[updates.type, updates.type]
    )
    assert largest.op is not None
    b.graph.move(largest.op, of_pool[0])
    b.graph.replace_value(best, largest)
    return index, largest if updates is best else updates


_KEPT: Mapping[str, Callable[..., Value]] = {"addons:MaxUnpooling2D": max_unpooling_2d}


def kept_lowerings(names: Sequence[str]) -> dict[str, Callable[..., Value]]:
    """How the composites of these names stay operators of their own. Raises UsageError for one that cannot."""
    if unknown := sorted({*names} - {*_KEPT}):
        known = ", ".join(_KEPT)
        raise UsageError(f"keep_composites: {', '.join(unknown)} cannot be kept; of TensorFlow these can: {known}")
    return {name: _KEPT[name] for name in names}


def _pooling(places: Value) -> tuple[Value, list[Op]]:
    """What was pooled, and the operators the pool became. Raises UnsupportedError where the places are of no pool."""
    op = places.op
    while op is not None and op.origin.op != _POOLING and op.name == "CAST":
        op = op.inputs[0].op
    if op is None or op.origin.op != _POOLING:
        raise UnsupportedError("the places are not the result of tf.nn.max_pool_with_argmax", _FIX)
    whole: dict[int, Op] = {}
    sources: dict[int, Value] = {}
    pending = [op]
    while pending:
        one = pending.pop()
        if id(one) in whole:
            continue
        whole[id(one)] = one
        for value in one.inputs:
            if value.op is not None and value.op.origin == op.origin:
                pending.append(value.op)
            elif not value.is_const:
                sources[id(value)] = value
    if len(sources) != 1:
        raise UnsupportedError("the pool cannot be recognized from its operators", _FIX)
    return next(iter(sources.values())), list(whole.values())


def _has_places(pooled: Sequence[Op], expected: Sequence[Array]) -> bool:
    """Whether the constants of a pool are the places of this window: they tell its size, strides and padding."""
    constants = [
        value.numpy() for op in pooled for value in op.inputs
        if value.is_const and value.type.dtype is DType.INT32 and len(value.type.static_shape) == 4
    ]  # fmt: skip
    return len(constants) == len(expected) and all(
        any(np.array_equal(np.broadcast_to(wanted, c.shape), c) for c in constants) for wanted in expected
    )
