"""One quantization by ai-edge-quantizer: ``python -m benchmarks.quantization.ai_edge MODE MODEL_DIR OUT``.

It quantizes ``MODEL_DIR/float.tflite``.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from ai_edge_quantizer import qtyping, quantizer, recipe
from ai_edge_quantizer.algorithm_manager import AlgorithmName

STATIC = {"int8": (8, 8), "int16x8": (16, 8), "int8-int4": (8, 4)}


def _tensor(bits: int, symmetric: bool, channels: bool) -> Any:
    kind = qtyping.QuantGranularity.CHANNELWISE if channels else qtyping.QuantGranularity.TENSORWISE
    return qtyping.TensorQuantizationConfig(num_bits=bits, symmetric=symmetric, granularity=kind)


def load_recipe(quantization: Any, mode: str) -> None:
    """The recipe of a mode, as its own collection has it where it does."""
    collected = {
        "dynamic": recipe.dynamic_wi8_afp32, "dynamic-int4": recipe.dynamic_wi4_afp32,
        "weight-only": recipe.weight_only_wi8_afp32, "weight-only-int4": recipe.weight_only_wi4_afp32,
        "int8": recipe.static_wi8_ai8, "int16x8": recipe.static_wi8_ai16,
    }  # fmt: skip
    if mode in collected:
        quantization.load_quantization_recipe(collected[mode]())
        return
    if mode == "float16":
        half = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
        config = qtyping.OpQuantizationConfig(
            weight_tensor_config=half, compute_precision=qtyping.ComputePrecision.FLOAT, explicit_dequantize=True
        )
        key = AlgorithmName.FLOAT_CASTING
    else:
        activations, weights = STATIC[mode]
        config = qtyping.OpQuantizationConfig(
            activation_tensor_config=_tensor(activations, activations == 16, False),
            weight_tensor_config=_tensor(weights, True, True),
            compute_precision=qtyping.ComputePrecision.INTEGER,
            explicit_dequantize=False,
        )
        key = AlgorithmName.MIN_MAX_UNIFORM_QUANT
    every = qtyping.TFLOperationName.ALL_SUPPORTED
    quantization.update_quantization_recipe(regex=".*", operation_name=every, op_config=config, algorithm_key=key)


def main(mode: str, directory: str, target: str) -> None:
    """Calibrates where the mode needs it, and quantizes."""
    quantization = quantizer.Quantizer(f"{directory}/float.tflite")
    load_recipe(quantization, mode)
    samples = np.load(f"{directory}/calibration.npz")["x"]
    calibrated = None
    if quantization.need_calibration:
        calibrated = quantization.calibrate({"serving_default": [{"x": row[None]} for row in samples]})
    quantization.quantize(calibrated).export_model(target, overwrite=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
