"""What makes a quantization better once it stands: weights rounded with a view to what they are multiplied with, and biases
that make up for what rounding adds to the mean of a channel.

Both look at the inputs of each layer as the quantized model has them on samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from litesmith.ir import Op, Program, Quantization, Value
from litesmith.ir.constant import Array
from litesmith.ir.types import Blockwise
from litesmith.ops.convolution import DEPTHWISE_CONV_2D
from litesmith.ops.matmul import FULLY_CONNECTED
from litesmith.quantize.gptq import round_rows
from litesmith.quantize.plan import FLOAT, Keys, OpPlan
from litesmith.quantize.quantized import Quantized, is_on_grid
from litesmith.quantize.ranges import LIMITS, real
from litesmith.quantize.rewrite import Improvements
from litesmith.quantize.roles import LAYERS, weights_of
from litesmith.quantize.samples import Call
from litesmith.quantize.weights import Form

LARGEST = 3072
"""Rows of weights longer than this are rounded to the nearest: the sums of products would take too much memory and time."""

ROWS = 20_000
"""Positions of a layer's input whose products are summed, for each sample a share of them."""


@dataclass
class Layer:
    """A layer, and sums over its inputs. op: the float one; narrow: the quantized one.

    total: of the input, over samples (images keep their place); calls: how many. products: of the taps with each other, by
    channel for depthwise layers; None where they are not wanted.
    """

    key: str
    op: Op
    narrow: Op
    form: Form
    total: Array | None = None
    calls: int = 0
    products: Array | None = None

    @property
    def exact(self) -> Array:
        """The float weights."""
        const = self.op[weights_of(self.op)[0]].const
        assert const is not None
        return const.array()

    @property
    def mean(self) -> Array | None:
        """Of the input; images keep their place."""
        return None if self.total is None else np.asarray(self.total / self.calls)

    @property
    def is_depthwise(self) -> bool:
        """Whether each channel has weights of its own."""
        return self.op.defn is DEPTHWISE_CONV_2D


def improvements(quantized: Quantized, samples: Sequence[Call]) -> Improvements:
    """Weights rounded as the recipe wants it. quantized: what rounding to the nearest gives; samples: measured on."""
    found = Improvements(on_grid=is_on_grid(quantized.recipe, quantized.calibration))
    if quantized.recipe.rounding == "gptq":
        layers = [layer for layer in _layers(quantized) if not is_clustered(layer.exact)]
        _look_at_inputs(quantized.program, layers, [y.narrow for y in layers], samples, gptq=True)
        for same in _by_weights([y for y in layers if y.products is not None]):
            same[0].products = np.asarray(sum(y.products for y in same if y.products is not None))
            found.rounded |= dict.fromkeys([y.key for y in same], _round_weights(same[0]))
    return found


def _by_weights(layers: Sequence[Layer]) -> list[list[Layer]]:
    """The layers that take the same integers as weights (steps of a loop that was unrolled, say) in one list each."""
    groups: dict[int, list[Layer]] = {}
    for layer in layers:
        groups.setdefault(id(_stored_weights(layer)), []).append(layer)
    return list(groups.values())


def correct_biases(
    quantized: Quantized, samples: Sequence[Call], again: Callable[[Improvements], Quantized], found: Improvements
) -> Improvements:
    """The same with biases that make up for mean errors. again: quantizes with what was found so far."""
    better = replace(found)
    better.shifts = _shifts(quantized, samples[:CORRECTING], again, better)
    return better


CLUSTERS, EACH = 64, 16
"""At most so many different numbers, each taken so many times in the mean, are clusters: equal weights stay equal."""


def is_clustered(weights: Array) -> bool:
    """Whether weights were clustered, so that they are to be rounded to the nearest, all of a cluster alike."""
    few = np.unique(weights.reshape(-1)[: 4 * CLUSTERS * EACH])
    if few.size > min(CLUSTERS, weights.size / EACH):
        return False
    return bool(np.unique(weights).size <= CLUSTERS)


ROUNDS = 4
"""In how many groups, from the input to the output, the biases are corrected: each sees those before it corrected."""

CORRECTING = 32
"""Samples that biases are corrected on."""


def _shifts(
    quantized: Quantized, samples: Sequence[Call], again: Callable[[Improvements], Quantized], found: Improvements
) -> dict[str, Array]:
    """What makes up for the mean errors of the layers, by key of the layer."""
    shifts: dict[str, Array] = {}
    layers = list(_layers(quantized))
    _look_at_inputs(quantized.float_program, layers, [y.op for y in layers], samples)
    exact = {y.key: y.mean for y in layers}
    count = min(ROUNDS, len(layers))
    for group in np.array_split(np.arange(len(layers)), count) if count else ():
        found.shifts = dict(shifts)
        current = again(found) if (shifts or found.rounded) else quantized
        every = list(_layers(current))
        now = [every[index] for index in group]
        _look_at_inputs(current.program, now, [y.narrow for y in now], samples)
        for place, layer in enumerate(now):
            wanted = exact[layer.key] if place == 0 else layer.mean
            if layer.mean is not None and wanted is not None and wanted.shape == layer.mean.shape:
                shifts[layer.key] = _result(layer, layer.exact, wanted) - _result(layer, _narrow(layer), layer.mean)
    return shifts


def _layers(quantized: Quantized) -> Iterator[Layer]:
    """The layers of the first graph whose weights are integers in the plan."""
    by_key = {quantized.keys[id(op)]: op for op in quantized.program.main.ops if id(op) in quantized.keys}
    for key, op in Keys(quantized.float_program).all:
        plan = quantized.plan.ops.get(key)
        if plan is None or op.defn not in LAYERS or key not in by_key or not has_integer_weights(plan):
            continue
        name, axis = weights_of(op)
        assert plan.weights is not None
        if op[name].const is not None:
            yield Layer(key, op, by_key[key], Form(plan.weights, axis if plan.per_channel else None))


def has_integer_weights(plan: OpPlan) -> bool:
    """Whether an operation's weights are stored as integers."""
    return plan.form != FLOAT and plan.weights is not None and not plan.weights.is_float


def _row_length(layer: Layer) -> int:
    shape = layer.op[weights_of(layer.op)[0]].type.static_shape
    return int(shape[1] * shape[2]) if layer.is_depthwise else int(np.prod(shape[1:]))


# -- inputs over samples ----------------------------------------------------------------------------------------------


def _look_at_inputs(
    program: Program, layers: Sequence[Layer], ops: Sequence[Op], samples: Sequence[Call], gptq: bool = False
) -> None:
    """Sums over samples. ops: the layers' operations in the program that is run."""
    from litesmith.quantize.exchange import RealRunner, with_outputs

    runner = RealRunner(with_outputs(program, [op["x"] for op in ops], "input"))
    share = max(1, ROWS // max(len(samples), 1))
    for layer in layers:
        layer.total, layer.calls = None, 0
    for key, given in samples:
        answer = runner.run(given, key)
        for index, layer in enumerate(layers):
            x = answer.get(f"input/{index}")
            if x is not None and x.size:
                _add(layer, x, share, gptq)


def _add(layer: Layer, x: Array, share: int, gptq: bool) -> None:
    length = _row_length(layer)
    rows = x.reshape(-1, length) if layer.op.defn is FULLY_CONNECTED else x
    mean = rows if len(rows) == 1 else rows.mean(axis=0, keepdims=True, dtype=np.float64)
    if layer.total is None:
        layer.total, layer.calls = mean.astype(np.float64), 1
    elif layer.total.shape == mean.shape:  # images of one size
        layer.total += mean
        layer.calls += 1
    if gptq and 1 < length <= LARGEST:
        _add_products(layer, rows, share, length)


def _add_products(layer: Layer, rows: Array, share: int, length: int) -> None:
    taps = rows[:, None, :] if layer.op.defn is FULLY_CONNECTED else windows(layer.op, rows)
    taps = taps[:: max(1, len(taps) // share)].astype(np.float64)
    if layer.is_depthwise:
        channels = layer.exact.shape[3]
        by_channel = np.repeat(taps, channels // taps.shape[2], axis=2).transpose(2, 1, 0)
        products = by_channel @ by_channel.transpose(0, 2, 1)
    else:
        depth = layer.exact.shape[-1]
        products = np.zeros((length, length))
        for start in range(0, taps.shape[2], depth):  # groups share one sum: each sees a part of the channels
            part = taps[:, :, start : start + depth].reshape(len(taps), -1)
            products += part.T @ part
    layer.products = products if layer.products is None else layer.products + products


def windows(op: Op, x: Array) -> Array:
    """What a filter sees at each position of its input: [positions, taps, channels]."""
    attrs = op.attrs
    size = op["filter"].type.static_shape[1:3]
    strides = (attrs["stride_h"], attrs["stride_w"])
    dilations = (attrs["dilation_h_factor"], attrs["dilation_w_factor"])
    spans = [(n - 1) * d + 1 for n, d in zip(size, dilations, strict=True)]
    pads = [(0, 0)]
    for extent, span, stride in zip(x.shape[1:3], spans, strides, strict=True):
        total = max((-(-extent // stride) - 1) * stride + span - extent, 0) if attrs["padding"] == "SAME" else 0
        pads.append((total // 2, total - total // 2))
    padded = np.pad(x, [*pads, (0, 0)])
    views = np.lib.stride_tricks.sliding_window_view(padded, spans, axis=(1, 2))
    views = views[:, :: strides[0], :: strides[1], :, :: dilations[0], :: dilations[1]]
    count = views.shape[0] * views.shape[1] * views.shape[2]
    return np.ascontiguousarray(views.transpose(0, 1, 2, 4, 5, 3)).reshape(count, size[0] * size[1], x.shape[-1])


# -- weights and biases -----------------------------------------------------------------------------------------------


def _stored_weights(layer: Layer) -> Value:
    """The weights the quantized layer has, as integers; also where they are made floats again beside it."""
    value = layer.narrow[weights_of(layer.op)[0]]
    return value if value.op is None else value.op["x"]


def _scales(layer: Layer) -> Quantization:
    quant = _stored_weights(layer).type.quant
    assert quant is not None
    return quant


def _block_scales(layer: Layer) -> Array | None:
    """[units, length] for weights with a scale for each block; None for others."""
    details = _scales(layer).details
    return np.repeat(details.scales.array(), details.block_size, axis=1) if isinstance(details, Blockwise) else None


def _round_weights(layer: Layer) -> Array:
    assert layer.products is not None
    array, scales = layer.exact, _scales(layer).scale
    most = LIMITS[layer.form.dtype][1]
    if layer.is_depthwise:
        rows = array.reshape(-1, array.shape[-1]).T[:, None, :]  # a row of taps for each channel
        each = np.broadcast_to(scales, (len(rows),)).reshape(-1, 1, 1)
        steps = np.concatenate([round_rows(r, p, s, most) for r, p, s in zip(rows, layer.products, each, strict=True)])
        return steps.T.reshape(array.shape)
    rows = array.reshape(array.shape[0], -1)
    blocks = _block_scales(layer)
    of_rows = np.broadcast_to(scales, (len(rows),)).reshape(-1, 1) if blocks is None else blocks.astype(np.float64)
    return round_rows(rows, layer.products, of_rows, most).reshape(array.shape)


def _narrow(layer: Layer) -> Array:
    """The weights the quantized layer has, as real numbers."""
    const = _stored_weights(layer).const
    assert const is not None
    blocks = _block_scales(layer)
    if blocks is not None:
        return np.asarray(const.array() * blocks.astype(np.float32))
    return real(const.array().astype(np.float32), _scales(layer))


def _result(layer: Layer, weights: Array, mean: Array) -> Array:
    """The mean of each output channel, before bias and activation, for inputs of this mean."""
    wide = weights.astype(np.float64)
    if layer.op.defn is FULLY_CONNECTED:
        return np.asarray(wide @ mean[0])
    taps = windows(layer.op, mean).mean(axis=0)  # [taps, channels]
    if layer.is_depthwise:
        channels = wide.shape[3]
        each = np.repeat(taps, channels // taps.shape[1], axis=1)
        return np.asarray((wide.reshape(-1, channels) * each).sum(axis=0))
    units, depth = wide.shape[0], wide.shape[3]
    groups = taps.shape[1] // depth
    parts = wide.reshape(groups, units // groups, -1, depth)
    return np.asarray(np.einsum("gutc,tgc->gu", parts, taps.reshape(-1, groups, depth)).reshape(units))
