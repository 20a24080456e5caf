"""KerasHub architectures, small, from their configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import pytest

import litesmith
from tests.keras.parity import BACKEND, arrays, case_rng, check_answers, randomize

hub = pytest.importorskip("keras_hub")

TOLERANCE = 1e-5
BATCH = 2
STEPS = 6
"""Tokens in a sequence, where the model leaves it open."""

FIXED = (STEPS,)

WORDS = 20
TRANSFORMER = dict(num_layers=2, num_heads=2, hidden_dim=8, intermediate_dim=16)
TEXT = dict(vocabulary_size=WORDS, max_sequence_length=8, **TRANSFORMER)


@dataclass(frozen=True)
class Architecture:
    """make: the model. shapes: sizes (without batch) of inputs where they are not `STEPS`.

    given: sizes the conversion is told, where the model compares lengths, which JAX only can with known ones; others are
    found to be equal or bounded.
    """

    name: str
    make: Callable[[], Any]
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    given: tuple[int, ...] = ()
    tol: float = TOLERANCE


def resnet(image: int = 32) -> Any:
    return hub.models.ResNetBackbone(
        input_conv_filters=[64], input_conv_kernel_sizes=[7], stackwise_num_filters=[64, 16, 16, 16],
        stackwise_num_blocks=[1, 1, 1, 1], stackwise_num_strides=[1, 2, 2, 2], block_type="basic_block",
        image_shape=(image, image, 3),
    )  # fmt: skip


def mix_transformer(image: int = 32) -> Any:
    return hub.models.MiTBackbone(
        layerwise_depths=[1, 1], num_layers=2, layerwise_num_heads=[1, 2], layerwise_sr_ratios=[2, 1],
        max_drop_path_rate=0.1, layerwise_patch_sizes=[7, 3], layerwise_strides=[4, 2], image_shape=(image, image, 3),
        hidden_dims=[8, 16],
    )  # fmt: skip


def deep_lab() -> Any:
    return hub.models.DeepLabV3Backbone(
        image_encoder=resnet(64), spatial_pyramid_pooling_key="P4", low_level_feature_key="P2", upsampling_size=4,
        dilation_rates=[2, 3], projection_filters=6, image_shape=(64, 64, 3),
    )  # fmt: skip


def segment_anything() -> Any:
    encoder = hub.models.ViTDetBackbone(
        hidden_size=16, num_layers=2, intermediate_dim=32, num_heads=2, global_attention_layer_indices=[1],
        patch_size=16, num_output_channels=8, window_size=2, image_shape=(64, 64, 3),
    )  # fmt: skip
    prompts = hub.layers.SAMPromptEncoder(
        hidden_size=8, image_embedding_size=(4, 4), input_image_size=(64, 64), mask_in_channels=16
    )
    decoder = hub.layers.SAMMaskDecoder(
        num_layers=2, hidden_size=8, intermediate_dim=16, num_heads=2, embedding_dim=8, num_multimask_outputs=3,
        iou_head_depth=2, iou_head_hidden_dim=8,
    )  # fmt: skip
    backbone = hub.models.SAMBackbone(image_encoder=encoder, prompt_encoder=prompts, mask_decoder=decoder)
    return hub.models.SAMImageSegmenter(backbone=backbone)


def vision() -> Any:
    return hub.models.ViTBackbone(
        image_shape=(32, 32, 3), patch_size=(8, 8), num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=16
    )


def masked_language_model() -> Any:
    return hub.models.BertTextClassifier(backbone=hub.models.BertBackbone(**TEXT), num_classes=3)


def language_model() -> Any:
    return hub.models.GPT2CausalLM(backbone=hub.models.GPT2Backbone(**TEXT))


def whisper() -> Any:
    return hub.models.WhisperBackbone(
        vocabulary_size=WORDS, num_mels=4, max_encoder_sequence_length=16, max_decoder_sequence_length=8, **TRANSFORMER
    )


ARCHITECTURES = (
    Architecture("BERT", lambda: hub.models.BertBackbone(**TEXT)),
    Architecture("BERT-classifier", masked_language_model),
    Architecture("DistilBERT", lambda: hub.models.DistilBertBackbone(**TEXT)),
    Architecture("RoBERTa", lambda: hub.models.RobertaBackbone(**TEXT)),
    Architecture("GPT-2", lambda: hub.models.GPT2Backbone(**TEXT)),
    Architecture("GPT-2-language-model", language_model),
    Architecture("ALBERT", lambda: hub.models.AlbertBackbone(embedding_dim=4, **TEXT)),
    Architecture("BART", lambda: hub.models.BartBackbone(**TEXT)),
    Architecture("T5", lambda: hub.models.T5Backbone(vocabulary_size=WORDS, **TRANSFORMER)),
    Architecture("Whisper", whisper, {"encoder_features": (16, 4)}),
    Architecture("Gemma", lambda: hub.models.GemmaBackbone(
        WORDS, num_layers=2, num_query_heads=2, num_key_value_heads=1, hidden_dim=8, intermediate_dim=16, head_dim=4)),
    Architecture("Llama", lambda: hub.models.LlamaBackbone(
        WORDS, num_layers=2, num_query_heads=2, num_key_value_heads=1, hidden_dim=8, intermediate_dim=16)),
    Architecture("ViT", vision),
    Architecture("MiT", mix_transformer),
    Architecture("SegFormer", lambda: hub.models.SegFormerBackbone(image_encoder=mix_transformer(64), projection_filters=8)),
    Architecture("ResNet", resnet),
    Architecture("DeepLabV3", deep_lab),
    Architecture("SAM", segment_anything, {"points": (2, 2), "labels": (2,), "boxes": (1, 2, 2), "masks": (0, 16, 16, 1)}, FIXED),
)  # fmt: skip


def sample(row: Architecture, name: str, tensor: Any) -> np.ndarray:
    """Random values of an input: tokens, segments, masks with padding at the end, or floats."""
    rng = case_rng(row.name + name)
    shape = (BATCH, *row.shapes.get(name, tuple(STEPS if d is None else d for d in tensor.shape[1:])))
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    if name.endswith("padding_mask"):
        return (np.arange(shape[1]) < np.array([[shape[1]], [shape[1] - 2]])).astype(dtype)
    if dtype.startswith("int"):
        return rng.integers(0, 2 if "segment" in name or "label" in name else WORDS, shape).astype(dtype)
    high = 60.0 if name in ("points", "boxes") else 1.0
    return rng.uniform(0.0, high, shape).astype(dtype)


def inputs_of(row: Architecture, model: Any) -> Any:
    """Random inputs in the structure the model takes."""
    if isinstance(model.input, Mapping):
        return {name: sample(row, name, tensor) for name, tensor in model.input.items()}
    return sample(row, "image", model.input)


def shapes_of(row: Architecture, model: Any) -> dict[str, list[Any]]:
    """The shapes the conversion is told: those of the row where there are any, else with ``given`` where one is unknown."""
    if not row.given:
        return {}
    return {
        name: [None, *row.shapes.get(name, tuple(row.given[0] if d is None else d for d in tensor.shape[1:]))]
        for name, tensor in model.input.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("row", ARCHITECTURES, ids=lambda row: row.name)
def test_architecture(row: Architecture) -> None:
    model = row.make()
    randomize(model)
    inputs = inputs_of(row, model)
    expected = arrays(model(inputs, training=False))
    converted = litesmith.convert(model, input_shapes=shapes_of(row, model))
    check_answers(converted.content, inputs, expected, row.tol)
    if BACKEND == "jax" and not row.given:
        smaller = keras.tree.map_structure(lambda x: x[:1, :-2] if x.shape[1:] == (STEPS,) else x[:1], inputs)
        expected = arrays(model(smaller, training=False))
        check_answers(converted.content, smaller, expected, row.tol)
