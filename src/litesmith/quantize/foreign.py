"""Recipes of ai-edge-quantizer, read as ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from litesmith.errors import UsageError
from litesmith.quantize.recipe import Recipe, Rule

FLOATS = ("no_quantize",)
HALVES = ("float_casting",)
BITS = {2: "int4", 4: "int4", 8: "int8", 16: "int16"}


def from_ai_edge(entries: Sequence[Any]) -> Recipe:
    """The recipe that a list of scopes says: where several match an operation, the last one holds, as there.

    Raises UsageError for what is no such list, or asks for a form this quantizer does not have.
    """
    rules, smallest, gptq = [], 0, False
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, Mapping) or "regex" not in entry:
            raise UsageError(f"entry {number} of the recipe is none of ai-edge-quantizer's: it has no 'regex'")
        config = entry.get("op_config") or {}
        mode = _mode(str(entry.get("algorithm_key", "")), config, number)
        smallest = max(smallest, int(config.get("min_weight_elements") or 0))
        gptq |= "gptq" in str(entry.get("algorithm_key", "")).lower()
        operator = str(entry.get("operation", "*"))
        rules.append(Rule(_pattern(str(entry["regex"])), "*" if operator in ("*", "ALL_SUPPORTED") else operator, mode))
    return Recipe("float32", tuple(rules), smallest_weights=smallest, rounding="gptq" if gptq else "nearest")


def _pattern(regex: str) -> str:
    return "*" if regex in (".*", "") else f"re:{regex}"


def _mode(algorithm: str, config: Mapping[str, Any], number: int) -> str:
    if algorithm in FLOATS:
        return "float32"
    weights = config.get("weight_tensor_config") or {}
    if algorithm in HALVES or weights.get("dtype") == "FLOAT":
        return "float16"
    activations = config.get("activation_tensor_config")
    bits = _bits(weights, number) if weights else "int8"
    if activations:
        kind = _bits(activations, number)
        if kind == "int16":
            return "int16x8"
        return "int8-int4" if bits == "int4" else "int8"
    whole = config.get("compute_precision", "INTEGER") == "FLOAT" or bool(config.get("explicit_dequantize"))
    return ("weight-only" if whole else "dynamic") + ("-int4" if bits == "int4" else "")


def _bits(config: Mapping[str, Any], number: int) -> str:
    bits = config.get("num_bits")
    if bits not in BITS:
        raise UsageError(f"entry {number} of the recipe asks for {bits} bits; there are 2, 4, 8 and 16")
    return BITS[bits]
