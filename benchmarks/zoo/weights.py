"""Seeded non-trivial weights for Keras models whose activations stay in a sane range."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

CENTRE = 0.3
"""How much of the mean pooled statistics subtract. At 1, a deep network of random weights is chaotic (each ReLU layer
makes small differences 1.2 times larger); at 0, its answers hardly depend on the image."""


def randomize(
    model: keras.Model,
    sample: np.ndarray | list[np.ndarray] | dict[str, np.ndarray],
    seed: int = 0,
    branches: float = 1.0,
    shift: float = 1.0,
    pooled: bool = False,
) -> None:
    """Give every variable of ``model`` a non-default value.

    Kernels keep the (seeded) initializer, scaled up where no normalization follows would let signals vanish; biases,
    gammas, betas and layer scales are drawn; batch-norm statistics are measured on ``sample`` and then perturbed, so
    that they are far from 0 and 1 and still match the activations. ``branches`` scales what residual branches add: very
    deep networks of random weights answer the rounding of their first layer with noise unless it is below 1. ``shift``
    scales how far the statistics are from the measured ones. ``pooled`` draws statistics that amplify no rounding: all
    channels of a layer have near the same variance (that of a single channel, measured on a few small images, may be
    close to 0), and only a part of the mean is subtracted.
    """
    rng = np.random.default_rng(seed)
    for layer in leaf_layers(model):
        _draw(layer, rng)
        _scale_branch(layer, branches)
    _measure_batch_norm(model, sample, rng, shift, pooled)
    _spread_classifier(model, sample)


def leaf_layers(model: keras.Model) -> list[keras.Layer]:
    """Every layer that owns variables directly, nested ones included."""
    return [layer for layer in model._flatten_layers() if layer.weights and layer is not model]


def _draw(layer: keras.Layer, rng: np.random.Generator) -> None:
    own = {variable.name: variable for variable in layer._trainable_variables}
    for name, variable in own.items():
        value = _value(name, tuple(variable.shape), type(layer).__name__, rng)
        if value is not None:
            variable.assign(value)


_BRANCH_ENDS = ("project_bn", "project_BN", "_3_bn", "_3_conv")
"""How keras.applications calls the last layer of a residual branch."""


def _scale_branch(layer: keras.Layer, factor: float) -> None:
    if factor == 1.0 or not layer.name.endswith(_BRANCH_ENDS):
        return
    for variable in layer._trainable_variables:
        if variable.name == "gamma" or (variable.name in ("kernel", "bias") and not layer.name.endswith("bn")):
            variable.assign(np.asarray(variable) * factor)


def _value(name: str, shape: tuple[int, ...], layer: str, rng: np.random.Generator) -> np.ndarray | None:
    if name == "bias":
        return rng.normal(0.0, 0.1, shape)
    if name == "beta":
        return rng.normal(0.0, 0.3, shape)
    if name == "gamma":
        # A ConvNeXt layer scale starts at 1e-6, which would hide the whole block from the comparison.
        return rng.uniform(0.3, 0.8, shape) if layer == "LayerScale" else rng.uniform(0.6, 1.4, shape)
    if name == "embeddings":
        return rng.normal(0.0, 0.7, shape)
    return None


def _measure_batch_norm(
    model: keras.Model, sample: Any, rng: np.random.Generator, shift: float, pooled: bool
) -> None:
    norms = [layer for layer in leaf_layers(model) if isinstance(layer, keras.layers.BatchNormalization)]
    if not norms:
        return
    saved = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
    _train_once(model, sample)
    for layer, momentum in zip(norms, saved, strict=True):
        layer.momentum = momentum
        _perturb_statistics(layer, rng, shift, pooled)


def _train_once(model: keras.Model, sample: Any) -> None:
    """One training step without an optimizer. Compiled as a whole on JAX, where each operation is compiled otherwise."""
    if keras.backend.backend() != "jax":
        model(sample, training=True)
        return
    import jax

    trainable, state = [[v.value for v in vs] for vs in (model.trainable_variables, model.non_trainable_variables)]
    step = jax.jit(lambda before: model.stateless_call(trainable, before, sample, training=True)[1])
    for variable, value in zip(model.non_trainable_variables, step(state), strict=True):
        variable.assign(value)


def _perturb_statistics(
    layer: keras.layers.BatchNormalization, rng: np.random.Generator, shift: float, pooled: bool
) -> None:
    mean, variance = np.asarray(layer.moving_mean), np.asarray(layer.moving_variance)
    if pooled:
        variance = np.full_like(variance, (variance + ((1 - CENTRE) * mean) ** 2).mean())
        mean = CENTRE * mean
    variance = np.maximum(variance, 1e-2 * variance.mean() + 1e-4)
    layer.moving_mean.assign(mean + 0.15 * shift * np.sqrt(variance) * rng.standard_normal(mean.shape))
    layer.moving_variance.assign(variance * rng.uniform(0.8, 1.25, variance.shape) ** shift)


def _spread_classifier(model: keras.Model, sample: Any) -> None:
    """Scale the last Dense kernel so that the logits differ by a few units: neither flat nor saturated softmax."""
    last = model.layers[-1]
    if not isinstance(last, keras.layers.Dense) or last.activation is not keras.activations.softmax:
        return
    features = np.asarray(keras.Model(model._inputs_struct, last.input).predict(sample, verbose=0))
    spread = float(np.std(features @ np.asarray(last.kernel), axis=-1).mean())
    last.kernel.assign(np.asarray(last.kernel) * (1.5 / max(spread, 1e-6)))


def double_variance(model: keras.Model) -> None:
    """Undo the halving of the variance by each ReLU in a network without normalization (VGG)."""
    for layer in leaf_layers(model):
        if isinstance(layer, keras.layers.Conv2D):
            layer.kernel.assign(np.asarray(layer.kernel) * np.sqrt(2.0))
