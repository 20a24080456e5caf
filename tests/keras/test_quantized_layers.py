"""Quantized layers keep their integers: calibrated ones (GPTQ, AWQ), large ones, and models that hold them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L  # noqa: N812

import litesmith
from litesmith.errors import LitesmithError
from tests.keras.parity import Case, call, check, check_answers, check_ops, f32, ints, rows, sample, stored_types

pytestmark = pytest.mark.skipif(
    not hasattr(keras.quantizers, "AWQConfig"), reason="this Keras has no layers quantized by calibration"
)

TOLERANCE = 1e-5
"""Of the output's range: float sums in another order."""

FEATURES, UNITS = 64, 96
SCALE = 12
"""Bytes of a scale and its zero point."""


def rng(name: str) -> np.random.Generator:
    return np.random.default_rng(sum(name.encode()))


# -- calibrated layers ------------------------------------------------------------------------------------------------


def calibrate(layer: Any, in_order: bool = True) -> None:
    """Gives a layer with a policy of GPTQ or AWQ the variables that calibration would."""
    mode, bits, group = str(layer.dtype_policy.name).split("_")[0].split("/")
    draw, count = rng(layer.name), 1 << int(bits)
    for variable in layer.weights:
        name, shape = variable.path.rsplit("/", 1)[1], variable.shape
        if name == "kernel":
            values = draw.integers(0, 256 if bits == "4" else count, shape)
        elif name in ("kernel_zero", "zero_point"):
            values = draw.integers(0, count, shape)
        elif name == "g_idx":
            values = np.arange(shape[0]) / (int(group) if int(group) > 0 else shape[0])
            values = values if in_order else draw.permutation(values)
        elif name == "awq_scales":
            values = draw.uniform(0.5, 2, shape)
        else:
            values = draw.uniform(0.01, 0.1, shape)
        variable.assign(values.astype(variable.dtype))
    setattr(layer, f"is_{mode}_calibrated", True)


def _dense(policy: str, in_order: bool = True, units: int = UNITS, features: int = FEATURES) -> Any:
    model = keras.Sequential([keras.Input((features,)), L.Dense(units, dtype=policy, name=f"dense_{units}")])
    calibrate(model.layers[0], in_order)
    return model


def _heads(policy: str, in_order: bool = True) -> Any:
    split = L.EinsumDense("abc,cde->abde", (None, 4, 16), bias_axes="de", dtype=policy, name="split")
    join = L.EinsumDense("abde,dec->abc", (None, FEATURES), bias_axes="c", dtype=policy, name="join")
    model = keras.Sequential([keras.Input((5, FEATURES)), split, join])
    for layer in model.layers:
        calibrate(layer, in_order)
    return model


BY_CHANNEL, BY_BLOCK = {"DEQUANTIZE": 1, "FULLY_CONNECTED": 1}, {"DEQUANTIZE": 1, "RESHAPE": 1, "FULLY_CONNECTED": 1}
CALIBRATED = {
    "gptq/4/-1": (4, UNITS, BY_CHANNEL),
    "gptq/4/16": (4, UNITS * 4, BY_BLOCK),
    "gptq/4/24": (4, UNITS * 3, {"PAD": 1, **BY_BLOCK}),
    "gptq/8/-1": (8, UNITS, BY_CHANNEL),
    "gptq/8/32": (8, UNITS * 2, BY_BLOCK),
    "gptq/3/-1": (4, UNITS, BY_CHANNEL),
    "gptq/2/16": (4, UNITS * 4, BY_BLOCK),
    "awq/4/-1": (4, UNITS, {"MUL": 1, **BY_CHANNEL}),
    "awq/4/16": (4, UNITS * 4, {"MUL": 1, **BY_BLOCK}),
}
"""Policy -> bits a weight takes in the file, number of scales, operators."""
FILE = 2_000
"""Bytes of a file besides its weights."""


def _calibrated(policy: str, bits: int, scales: int, ops: dict[str, int]) -> Case:
    return Case(
        f"dense-{policy}",
        lambda: _dense(f"{policy}_from_float32"),
        (FEATURES,),
        tol=TOLERANCE,
        ops=ops,
        at_most=sum(ops.values()),
        weights=False,
        largest=FILE + UNITS * FEATURES * bits // 8 + scales * SCALE + 4 * UNITS,
        stored=f"int{bits}",
    )


CASES = [
    *(_calibrated(policy, *expected) for policy, expected in CALIBRATED.items()),
    *(
        Case(
            f"dense-{policy}-out_of_order",
            lambda p=policy: _dense(f"{p}_from_float32", in_order=False),
            (FEATURES,),
            tol=TOLERANCE,
            ops={"GATHER": 1, **BY_BLOCK},
            weights=False,
            largest=FILE + UNITS * FEATURES * bits // 8 + UNITS * 4 * SCALE + 800,
            stored=f"int{bits}",
        )
        for policy, bits in (("gptq/4/16", 4), ("gptq/8/16", 8))
    ),
    *(
        Case(
            f"dense-{policy}-61_by_93{'' if in_order else '-out_of_order'}",
            lambda p=policy, o=in_order: _dense(f"{p}_from_float32", in_order=o, units=93, features=61),
            (61,),
            tol=TOLERANCE,
            ops={"PAD": 1, "GATHER": int(not in_order), "MUL": int(policy.startswith("awq")), **BY_BLOCK},
            weights=False,
            largest=FILE + 93 * (32 + 4 * SCALE + 4) + 400,
            stored="int4",
        )
        for policy, in_order in (("gptq/4/16", True), ("gptq/4/16", False), ("awq/4/16", True))
    ),
    *(
        Case(
            f"heads-{policy}",
            lambda p=policy: _heads(f"{p}_from_float32"),
            (5, FEATURES),
            tol=TOLERANCE,
            ops={"DEQUANTIZE": 2, "FULLY_CONNECTED": 2, **({"MUL": 2} if policy.startswith("awq") else {})},
            at_most=8,
            weights=False,
            largest=2 * FILE + 2 * (FEATURES * FEATURES // 2 + FEATURES * 4 * SCALE),
            stored="int4",
        )
        for policy in ("gptq/4/-1", "gptq/4/16", "awq/4/-1", "awq/4/16")
    ),
    Case(
        "dense-gptq/4/16-bfloat16",
        lambda: _dense("gptq/4/16_from_mixed_bfloat16"),
        (FEATURES,),
        tol=2.0**-7,  # Keras rounds each product to 8 bits
        ops=BY_BLOCK,
        weights=False,
        stored="int4",
    ),
]


@rows(CASES)
def test_calibrated(case: Case) -> None:
    check(case)


class Bytes:
    """A tokenizer for the calibration."""

    def tokenize(self, text: str) -> Any:
        return np.frombuffer(text.encode(), np.uint8).astype("int32") % 50


def _language_model(mode: str, config: Any) -> tuple[Any, Any]:
    keras.utils.set_random_seed(0)
    inputs, tokens = keras.Input((None, 32)), keras.Input((8,), dtype="int32")
    block = keras.Model(inputs, L.Dense(32)(L.Dense(32, activation="relu")(inputs)))
    embedding = L.Embedding(50, 32)
    model = keras.Model(tokens, block(embedding(tokens)))
    model.get_quantization_layer_structure = lambda mode: {
        "pre_block_layers": [embedding],
        "sequential_blocks": [block],
    }
    text = ["the quick brown fox jumps over the lazy dog"]
    model.quantize(mode, config=config(text, Bytes(), num_samples=2, sequence_length=8, group_size=16))
    return model


@pytest.mark.slow
@rows(
    [
        Case(
            mode,
            lambda m=mode, c=config: _language_model(m, getattr(keras.quantizers, c)),
            ints(2, 8, high=50),
            tol=TOLERANCE,
            ops={"DEQUANTIZE": 2, "FULLY_CONNECTED": 2},
            weights=False,
            largest=2 * (FILE + 32 * 32 // 2 + 64 * SCALE) + 50 * 32 * 4,
            stored="float32 int4",  # the embedding is not quantized
        )
        for mode, config in (("gptq", "GPTQConfig"), ("awq", "AWQConfig"))
    ]
)
def test_quantized_with_data(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("policy", ["gptq/4/16", "awq/4/16"])
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_files_without_the_calibration(policy: str, suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"model{suffix}"
    _dense(f"{policy}_from_float32").save(file)
    try:
        keras.saving.load_model(file)(f32(2, FEATURES))
    except (ValueError, AttributeError):
        with pytest.raises(
            LitesmithError, match=r"(gptq and awq layers|not calibrated)[\s\S]*Fix|Fix[\s\S]*gptq and awq"
        ):
            litesmith.convert(file)
    else:  # a Keras that keeps it
        assert litesmith.convert(file).content


# -- kernels of more than a megabyte as floats ------------------------------------------------------------------------

WIDE, DEEP = 1_200, 512


def _quantized(make: Callable[[], Any], config: Callable[[Any], Any]) -> Any:
    model = make()
    model.quantize(config=config(keras.quantizers))
    return model


def _wide() -> Any:
    return keras.Sequential([keras.Input((WIDE,)), L.Dense(DEEP)])


def _wide_heads() -> Any:
    return keras.Sequential([keras.Input((3, WIDE)), L.EinsumDense("abc,cde->abde", (None, 8, 64), bias_axes="de")])


def _wide_tokens() -> Any:
    tokens, embedding = keras.Input((6,), dtype="int32"), L.ReversibleEmbedding(WIDE, DEEP)
    return keras.Model(tokens, embedding(embedding(tokens), reverse=True))


INT8, WEIGHTS_ONLY = (lambda q: q.Int8QuantizationConfig()), (lambda q: q.Int8QuantizationConfig(None, None))
BLOCKS, CHANNELS = (lambda q: q.Int4QuantizationConfig()), (lambda q: q.Int4QuantizationConfig(block_size=-1))
ACTIVATIONS = lambda q: q.Int4QuantizationConfig(block_size=-1, activation_quantizer=q.AbsMaxQuantizer())  # noqa: E731
FULL = WIDE * DEEP
LARGE = [
    ("dense-int8", _wide, INT8, (WIDE,), FULL, "int8"),
    ("dense-int8_weights", _wide, WEIGHTS_ONLY, (WIDE,), FULL + DEEP * SCALE, "int8"),
    ("dense-int4_blocks", _wide, BLOCKS, (WIDE,), FULL // 2 + DEEP * (10 * SCALE + 40), "int4"),
    ("dense-int4_channels", _wide, CHANNELS, (WIDE,), FULL // 2 + DEEP * SCALE, "int4"),
    ("dense-int4_activations", _wide, ACTIVATIONS, (WIDE,), FULL // 2 + DEEP * 4, "int4"),
    ("heads-int8_weights", _wide_heads, WEIGHTS_ONLY, (3, WIDE), FULL + DEEP * SCALE, "int8"),
    ("heads-int4_blocks", _wide_heads, BLOCKS, (3, WIDE), FULL // 2 + DEEP * (10 * SCALE + 40), "int4"),
    ("heads-int4_activations", _wide_heads, ACTIVATIONS, (3, WIDE), FULL // 2 + DEEP * SCALE, "int4"),
    ("tokens-int8", _wide_tokens, INT8, ints(2, 6, high=WIDE), FULL + WIDE * 8, "float32 int8"),
    ("tokens-int4_channels", _wide_tokens, CHANNELS, ints(2, 6, high=WIDE), FULL // 2 + WIDE * 20, "float32 int4"),
    (
        "tokens-int4_blocks",
        _wide_tokens,
        BLOCKS,
        ints(2, 6, high=WIDE),
        FULL // 2 + WIDE * 4 * (SCALE + 8),
        "float32 int4 int8",
    ),
    (
        "dense-gptq",
        lambda: _dense("gptq/4/128_from_float32", units=DEEP, features=WIDE),
        None,
        (WIDE,),
        WIDE * DEEP // 2 + 10 * DEEP * SCALE + 80 * DEEP // 2,
        "int4",
    ),
    (
        "dense-awq",
        lambda: _dense("awq/4/48_from_float32", units=DEEP, features=WIDE),
        None,
        (WIDE,),
        FULL // 2 + 25 * DEEP * SCALE + 4 * WIDE,
        "float32 int4",
    ),
]
"""Name, model, configuration, inputs, bytes of the weights, types they are stored in (float32: vectors)."""


@rows(
    [
        Case(
            name,
            (lambda m=make, c=config: _quantized(m, c)) if config is not None else make,
            inputs,
            tol=TOLERANCE,
            weights=False,
            largest=size + 8_000,
            stored=stored,
        )
        for name, make, config, inputs, size, stored in LARGE
    ]
)
def test_large(case: Case) -> None:
    check(case)


# -- kernels in other orders ------------------------------------------------------------------------------------------

EQUATIONS: dict[str, tuple[str, Any, int]] = {
    "outputs_first": ("abc,dc->abd", (None, 48), 48 * FEATURES),
    "heads_first": ("abc,dce->abde", (None, 4, 16), FEATURES * FEATURES),
    "two_inputs": ("abc,bcd->ad", (32,), 5 * FEATURES * 32),
    "one_for_each_step": ("abc,bcd->abd", (5, 32), 5 * FEATURES * 32),
}
"""Equation, shape of the output, number of weights. Keras scales 4-bit kernels in another shape than it uses them in."""


def _einsum(name: str, config: Callable[[Any], Any]) -> Any:
    equation, shape, _ = EQUATIONS[name]
    layer = L.EinsumDense(equation, shape)
    return _quantized(lambda: keras.Sequential([keras.Input((5, FEATURES)), layer]), config)


@rows(
    [
        Case(
            f"{name}-{mode}",
            lambda n=name, c=config: _einsum(n, c),
            (5, FEATURES),
            tol=TOLERANCE,
            ops={"DEQUANTIZE": 1},
            weights=False,
            largest=FILE + EQUATIONS[name][2] * bits // 8 + EQUATIONS[name][2] // 16 * SCALE + activations,
            stored=f"int{bits}",
        )
        for name in EQUATIONS
        for mode, config, bits, activations in (
            ("int8", INT8, 8, 3_000),
            ("int8_weights", WEIGHTS_ONLY, 8, 500),
            ("int4_blocks", lambda q: q.Int4QuantizationConfig(block_size=16), 4, 1_000),
            ("int4_channels", CHANNELS, 4, 1_000),
            ("int4_activations", ACTIVATIONS, 4, 3_000),
        )
    ]
)
def test_kernels_in_other_orders(case: Case) -> None:
    check(case)


# -- models that hold quantized layers --------------------------------------------------------------------------------


def _partly() -> Any:
    model = keras.Sequential([keras.Input((FEATURES,)), L.Dense(UNITS, activation="relu"), L.Dense(FEATURES)])
    model.layers[0].quantize("int8")
    return model


def _shared(mode: str) -> Any:
    inputs, layer = keras.Input((FEATURES,)), L.Dense(FEATURES)
    model = keras.Model(inputs, layer(keras.ops.relu(layer(inputs))))
    config = WEIGHTS_ONLY if mode == "int8" else BLOCKS
    model.quantize(config=config(keras.quantizers))
    return model


def _nested() -> Any:
    inner = keras.Sequential([keras.Input((FEATURES,)), L.Dense(FEATURES, activation="relu")])
    inputs = keras.Input((FEATURES,))
    model = keras.Model(inputs, L.Dense(32)(inner(inputs)))
    model.quantize("int8")
    return model


def _lora(mode: str, heads: bool = False) -> Any:
    layer = L.EinsumDense("ab,bcd->acd", (4, 16), bias_axes="cd") if heads else L.Dense(UNITS)
    model = keras.Sequential([keras.Input((FEATURES,)), layer])
    model.quantize(mode)
    layer.enable_lora(4)
    layer.lora_kernel_b.assign(rng("lora").normal(0, 0.1, layer.lora_kernel_b.shape))
    return model


def _attention(config: Callable[[Any], Any]) -> Any:
    inputs = keras.Input((5, FEATURES))
    return _quantized(lambda: keras.Model(inputs, L.MultiHeadAttention(4, 16)(inputs, inputs)), config)


def _by_map() -> Any:
    policies = keras.dtype_policies.DTypePolicyMap()
    policies["a"] = keras.dtype_policies.get("int8_from_float32")
    policies["b"] = keras.dtype_policies.get("int4/-1_from_float32")
    inputs = x = keras.Input((FEATURES,))
    for name in "abc":
        x = L.Dense(FEATURES, dtype=policies, name=name)(x)
    model = keras.Model(inputs, x)
    for variable in model.weights:
        if variable.dtype == "int8":
            variable.assign(rng(variable.path).integers(-127, 128, variable.shape).astype("int8"))
        elif "scale" in variable.path:
            variable.assign(rng(variable.path).uniform(50, 300, variable.shape))
    return model


def _language_model_of_hub(config: Callable[[Any], Any]) -> Any:
    models = pytest.importorskip("keras_hub").models
    sizes = dict(vocabulary_size=100, num_layers=2, num_heads=4, hidden_dim=64, intermediate_dim=128)
    return _quantized(lambda: models.GPT2Backbone(**sizes, max_sequence_length=16), config)


TOKENS = {"padding_mask": np.ones((2, 16), "int32"), "token_ids": ints(2, 16, high=100)}


def _in_a_sequential_over_time() -> Any:
    model = keras.Sequential([keras.Input((FEATURES,)), L.Dense(32)])
    model.quantize("int8")
    return keras.Sequential([keras.Input((5, FEATURES)), L.TimeDistributed(model)])


def _beside_convolutions() -> Any:
    made = [L.Conv2D(16, 3), L.Conv2D(16, 3, groups=4), L.Flatten(), L.Dense(32)]
    model = keras.Sequential([keras.Input((8, 8, 8)), *made])
    model.quantize("int8")
    return model


SQUARE = FEATURES * FEATURES
MODELS = [
    Case("partly", _partly, (FEATURES,), stored="float32 int8", largest=FILE + UNITS * FEATURES * 5 + 4_000),
    Case("shared-int8", lambda: _shared("int8"), (FEATURES,), ops={"DEQUANTIZE": 1, "FULLY_CONNECTED": 2},
         stored="int8", largest=FILE + SQUARE + FEATURES * SCALE),
    Case("shared-int4", lambda: _shared("int4"), (FEATURES,), ops={"DEQUANTIZE": 1, "FULLY_CONNECTED": 2},
         stored="int4", largest=FILE + SQUARE // 2 + FEATURES * SCALE),
    Case("nested", _nested, (FEATURES,), ops={"DEQUANTIZE": 2, "FULLY_CONNECTED": 2}, stored="int8",
         largest=FILE + SQUARE * 3 // 2 + 6_000),
    Case("lora-int8", lambda: _lora("int8"), (FEATURES,), ops={"DEQUANTIZE": 1, "FULLY_CONNECTED": 3}, stored="int8",
         largest=FILE + UNITS * FEATURES + 16 * (UNITS + FEATURES) + 4_000),
    Case("lora-int4", lambda: _lora("int4"), (FEATURES,), ops={"DEQUANTIZE": 1, "FULLY_CONNECTED": 3}, stored="int4",
         largest=FILE + UNITS * FEATURES // 2 + 16 * (UNITS + FEATURES) + UNITS * SCALE + 1_000),
    Case("lora-heads", lambda: _lora("int8", heads=True), (FEATURES,), ops={"DEQUANTIZE": 1}, stored="float32 int8",
         largest=FILE + SQUARE + 16 * (FEATURES + FEATURES) + 16_000),
    Case("attention-int8", lambda: _attention(INT8), (5, FEATURES), ops={"DEQUANTIZE": 4}, stored="int8",
         largest=FILE + 4 * SQUARE + 13_000),
    Case("attention-int8_weights", lambda: _attention(WEIGHTS_ONLY), (5, FEATURES), ops={"DEQUANTIZE": 4},
         stored="int8", largest=FILE + 4 * SQUARE + 6_000),
    Case("attention-int4", lambda: _attention(BLOCKS), (5, FEATURES), ops={"DEQUANTIZE": 4}, stored="int4",
         largest=FILE + 2 * SQUARE + 8_000),
    Case("by_map", _by_map, (FEATURES,), ops={"DEQUANTIZE": 2, "FULLY_CONNECTED": 3}, stored="float32 int4 int8",
         largest=FILE + SQUARE * 11 // 2 + 4_000),
    Case("in_a_sequential_over_time", _in_a_sequential_over_time, (5, FEATURES), ops={"DEQUANTIZE": 1}, stored="int8"),
    *(
        Case(f"hub-{name}", lambda c=config: _language_model_of_hub(c), TOKENS, slow=True, ops={"DEQUANTIZE": count},
             stored=f"float32 int{bits}", largest=largest)
        for name, config, bits, count, largest in (
            ("int8", WEIGHTS_ONLY, 8, 12, 110_000),
            ("int4", CHANNELS, 4, 13, 75_000),
        )
    ),
    Case("beside_convolutions", _beside_convolutions, (8, 8, 8), ops={"DEQUANTIZE": 1}, stored="float32 int8"),
]  # fmt: skip
MODELS = [replace(case, weights=False, tol=TOLERANCE) for case in MODELS]


@rows(MODELS)
def test_models(case: Case) -> None:
    check(case)


UNREADABLE = ("hub", "attention", "by_map", "in_a_sequential_over_time")
"""Models Keras 3.15 writes files of that it cannot read, or cannot write at all."""


@rows([case for case in MODELS if not case.name.startswith(UNREADABLE)])
def test_files(case: Case, tmp_path: Path) -> None:
    """A `.keras` file; Keras merges the matrices of LoRA into the integers when it writes one."""
    file = tmp_path / "model.keras"
    case.make().save(file)
    inputs = sample(case.inputs)
    expected = call(keras.saving.load_model(file), inputs)
    converted = litesmith.convert(file)
    check_ops(replace(case, ops={}), converted.program)
    assert case.largest is None or len(converted.content) <= case.largest
    check_answers(converted.content, inputs, expected, case.tol)


# -- what stays floats, and is told -------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["gptq/8/4", "gptq/4/2"])
def test_small_groups_stay_floats(policy: str) -> None:
    model = _dense(f"{policy}_from_float32")
    inputs = sample((FEATURES,))
    converted = litesmith.convert(model)
    assert stored_types(converted.program) == "float32"
    (note,) = converted.notes
    assert f"dense_{UNITS}" in note
    assert "are floats in the file: the blocks are small" in note
    check_answers(converted.content, inputs, call(model, inputs), TOLERANCE)


def test_integers_are_not_told() -> None:
    assert litesmith.convert(_dense("gptq/4/16_from_float32")).notes == []


# -- what is refused --------------------------------------------------------------------------------------------------


def _float8() -> Any:
    model = keras.Sequential([keras.Input((FEATURES,)), L.Dense(UNITS, name="narrow"), L.Dense(4, name="wide")])
    model.layers[0].quantize("float8")
    return model


def _over_time() -> Any:
    model = keras.Sequential([keras.Input((5, FEATURES)), L.TimeDistributed(L.Dense(32))])
    model.quantize("int8")
    return model


REFUSED = [
    Case(
        "float8", _float8, (FEATURES,), refused=r'keras\.Dense at ".*narrow": its float8 policy[\s\S]*Fix: quantize it'
    ),
    Case("float8-file", _float8, (FEATURES,), refused=r"float8_e4m3fn, which no kernel takes"),
    Case("over_time", _over_time, (5, FEATURES), refused=r"without its scales[\s\S]*Fix: use the wrapped layer"),
]


@rows([replace(case, weights=False) for case in REFUSED])
def test_refused(case: Case) -> None:
    check(case)


def test_all_float8_layers_are_named() -> None:
    model = keras.Sequential([keras.Input((FEATURES,)), L.Dense(UNITS, name="one"), L.Dense(4, name="other")])
    model.quantize("float8")
    with pytest.raises(LitesmithError) as caught:
        litesmith.convert(model)
    assert [problem.node.rpartition("/")[2] for problem in caught.value.problems] == ["other", "one"] or [
        problem.node.rpartition("/")[2] for problem in caught.value.problems
    ] == ["one", "other"]
