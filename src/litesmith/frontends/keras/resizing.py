"""Upsampling layers: called so that unknown sizes do no harm, and lowered whole to the kernel that does the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import cast

import numpy as np

from litesmith.decompositions.shapes import transpose
from litesmith.frontends.keras.layers import LayerCall, Lower
from litesmith.frontends.keras.live import Tensor, UpSampling2D
from litesmith.ir import Builder, DType, Value

Call = Callable[..., object]


def up_sampling(layer: UpSampling2D, original: Call, keras: ModuleType) -> Call:
    """UpSampling2D by another interpolation than the nearest, of images of unknown size.

    `keras.ops.image.resize` compares the size asked for with 0, which unknown sizes do not allow; what it calls then
    takes them.
    """

    def call(inputs: Tensor) -> object:
        first = layer.data_format == "channels_first"
        places = (2, 3) if first else (1, 2)
        if layer.interpolation == "nearest" or all(isinstance(inputs.shape[i], int) for i in places):
            return original(inputs)
        images = keras.ops.transpose(inputs, (0, 2, 3, 1)) if first else inputs
        sizes = keras.ops.shape(images)
        height, width = sizes[1] * layer.size[0], sizes[2] * layer.size[1]
        resized = _RESIZE[keras.backend.backend()](images, height, width, layer.interpolation)
        resized = keras.ops.cast(resized, keras.backend.standardize_dtype(inputs.dtype))
        return keras.ops.transpose(resized, (0, 3, 1, 2)) if first else resized

    return call


def _on_tensorflow(images: object, height: object, width: object, method: str) -> object:
    import tensorflow as tf

    return tf.image.resize(images, (height, width), method)


def _on_jax(images: Tensor, height: object, width: object, method: str) -> object:
    import jax

    shape = (images.shape[0], height, width, images.shape[3])
    return jax.image.resize(images, shape, method, antialias=False)


_RESIZE: dict[str, Callable[..., object]] = {"tensorflow": _on_tensorflow, "jax": _on_jax}


def lowerings(keras: ModuleType) -> dict[type, Lower]:
    """The lowerings by layer class of this Keras."""
    return {keras.layers.UpSampling2D: _bilinear}


def _bilinear(b: Builder, call: LayerCall, tensors: Sequence[Value]) -> list[Value] | None:
    """RESIZE_BILINEAR, whose pixels have their centers in the middle as Keras' have; None for what it does not do."""
    layer, x = cast(UpSampling2D, call.layer), tensors[0]
    if getattr(layer, "interpolation", "") != "bilinear" or x.type.dtype is not DType.FLOAT32:
        return None
    first = layer.data_format == "channels_first"
    images = transpose(b, x, (0, 2, 3, 1)) if first else x
    sizes = b.strided_slice(b.shape(images, out_type=DType.INT32), [1], [3], [1])
    resized = b.resize_bilinear(images, b.mul(sizes, np.array(layer.size, np.int32)), half_pixel_centers=True)
    return [transpose(b, resized, (0, 3, 1, 2)) if first else resized]
