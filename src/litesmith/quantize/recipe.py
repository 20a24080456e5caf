"""Recipes: what is asked of a quantization, layer by layer."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from litesmith.errors import UsageError
from litesmith.ir import DType, Op


@dataclass(frozen=True)
class Mode:
    """What becomes of a layer.

    activations: their element type; FLOAT32 where they stay floats. weights: the element type of its weights.
    compute: whether weights of fewer bits are taken by the kernel itself where it is right and fast; else they are made
    floats again beside it.
    """

    activations: DType = DType.FLOAT32
    weights: DType = DType.FLOAT32
    compute: bool = True

    @property
    def is_static(self) -> bool:
        """Whether activations are integers, so that ranges have to be known."""
        return self.activations is not DType.FLOAT32


MODES: dict[str, Mode] = {
    "float32": Mode(),
    "float16": Mode(weights=DType.FLOAT16),
    "dynamic": Mode(weights=DType.INT8),
    "dynamic-int4": Mode(weights=DType.INT4),
    "dynamic-int2": Mode(weights=DType.INT2),
    "weight-only-int2": Mode(weights=DType.INT2, compute=False),
    "weight-only": Mode(weights=DType.INT8, compute=False),
    "weight-only-int4": Mode(weights=DType.INT4, compute=False),
    "int8": Mode(DType.INT8, DType.INT8),
    "int16x8": Mode(DType.INT16, DType.INT8),
    "int8-int4": Mode(DType.INT8, DType.INT4),
    "uint8": Mode(DType.UINT8, DType.UINT8),
}
"""Names of modes, as ``quantize=`` takes them."""

ALIASES = {
    "float": "float32", "fp32": "float32", "none": "float32",
    "fp16": "float16", "half": "float16",
    "dynamic-range": "dynamic", "dynamic_range": "dynamic", "drq": "dynamic", "default": "dynamic",
    "weights": "weight-only", "weight_only": "weight-only", "weight-only-int8": "weight-only",
    "int16": "int16x8", "16x8": "int16x8", "int4": "int8-int4", "w4a8": "int8-int4",
}  # fmt: skip


def find_mode(name: str) -> Mode:
    """The mode of this name. Raises UsageError, with the nearest known name, where there is none."""
    key = ALIASES.get(name.lower(), name.lower())
    if key not in MODES:
        near = get_close_matches(key, [*MODES, *ALIASES, "int8-best"], 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"there is no quantization {name!r}{hint} The modes are {', '.join([*MODES, 'int8-best'])}")
    return MODES[key]


@dataclass(frozen=True)
class Rule:
    """What holds for some layers.

    match: layer path or tensor name: a shell pattern (``head/*``), or a regular expression after ``re:``. op: an operator
    (``CONV_2D``), a shell pattern too. mode: the name of a mode.
    """

    match: str = "*"
    op: str = "*"
    mode: str = "float32"

    def holds_for(self, op: Op) -> bool:
        """Whether an operation is meant: any of the layers it came from, the nodes, or the tensors it makes."""
        if not fnmatch.fnmatchcase(op.name, self.op.upper()):
            return False
        return self.match == "*" or any(_matches(self.match, name) for name in names_of(op))


def names_of(op: Op) -> list[str]:
    """All names an operation is known by."""
    origins = [name for o in op.origins for name in (o.layer, o.node) if name]
    return list(dict.fromkeys([*origins, *(r.name for r in op.results if r.name)]))


def _matches(pattern: str, name: str) -> bool:
    if pattern.startswith("re:"):
        return re.search(pattern[3:], name) is not None
    return name == pattern or fnmatch.fnmatchcase(name, pattern) or f"/{pattern}/" in f"/{name}/"


RANGES = ("minmax", "moving-average", "percentile", "mse", "entropy")
ROUNDINGS = ("nearest", "gptq")
BLOCKS = (0, 32, 64, 128, 256)


@dataclass(frozen=True)
class Recipe:
    """What is asked of a quantization.

    mode: of layers no rule is about. rules: the last one that holds for an operation decides.
    input_type, output_type: element types of float inputs and outputs of a model with integer activations.
    integer_only: whether everything has to be integers; what has no integer kernel is an error then, not left float.
    per_channel, per_channel_dense: whether weights (those of dense layers) have a scale for each channel.
    smallest_weights: weights of fewer elements stay floats where activations do.
    ranges: how the range of activations is estimated from what was seen. headroom: how far ranges are widened.
    bias_correction: whether biases make up for what rounding the weights adds to a channel's mean.
    equalize: whether channels of layers are brought to one size first; it pays where one scale serves all of them.
    rotate: whether inputs and weights of dense layers beside floats are rotated (a custom operator the runtime has), so that
    no channel that is larger than the others sets their scales.
    rounding: ``nearest``, or ``gptq`` (weights are rounded one after another, each making up for the ones before).
    bias_type: int32 or int64, forced for 16-bit activations; None: int32 wherever the sums provably fit.
    block_size: of blockwise 4-bit weights of dense layers, 0 for a scale for each channel.
    variables: whether variables are integers, too, each with one scale for all that is assigned to it; integers only
    implies it.
    trained_only: whether samples settle no ranges: integers are what fake quantization surrounds, the rest stays float.
    on_grid: whether weights that lie on a grid keep it; trained ranges imply it. low_bit_weights: whether weights that lie
    on a grid of 4 bits are stored so where the kernel takes them beside integers.
    sparse: whether pruned weights are stored sparsely where that makes the file smaller and the runtime takes it.
    islands: whether operators that are slow as integers stay floats between integer ones.
    integer_layers: whether layers are integers also where the whole model is faster in floats (small images, few channels).
    search: whether the headroom is chosen by what keeps most on samples held back.
    budget_sqnr: dB the outputs are to be from the float ones on the samples: the layers that cost them most stay float
    until they are.
    budget_size: bytes the file is to have at most: layers are float32, as the mode has them, or of 4 bits, as is nearest to
    the float model. budget_time: the same of its cost, as a share of the float model's, by measured speeds of kernels.
    default_range: of tensors whose range nothing shows, for trying speed and size without data.
    input_grids: scale and unsigned 8-bit zero point of inputs, with their names, where these are settled.
    least_sqnr: dB; a result whose outputs are further from the float ones on the samples is an error.
    """

    mode: str = "int8"
    rules: tuple[Rule, ...] = ()
    input_type: DType = DType.FLOAT32
    output_type: DType = DType.FLOAT32
    integer_only: bool = False
    per_channel: bool = True
    per_channel_dense: bool = True
    smallest_weights: int = 1024
    ranges: str = "minmax"
    headroom: float = 1.0
    bias_correction: bool = True
    equalize: bool = False
    rotate: bool = False
    rounding: str = "nearest"
    bias_type: DType | None = None
    block_size: int = 0
    variables: bool = False
    trained_only: bool = False
    on_grid: bool = False
    low_bit_weights: bool = False
    sparse: bool = False
    islands: bool = True
    integer_layers: bool = False
    search: bool = False
    least_sqnr: float = 3.0
    budget_sqnr: float | None = None
    budget_size: int | None = None
    budget_time: float | None = None
    default_range: tuple[float, float] | None = None
    input_grids: tuple[tuple[str, float, int], ...] = ()

    def __post_init__(self) -> None:
        for name in (self.mode, *(r.mode for r in self.rules)):
            find_mode(name)
        _one_of("ranges", self.ranges, RANGES)
        _one_of("rounding", self.rounding, ROUNDINGS)
        if self.block_size not in BLOCKS:
            raise UsageError(f"block_size is {self.block_size}; the kernel takes {', '.join(map(str, BLOCKS))}")
        for rule in self.rules:
            if rule.match.startswith("re:"):
                _check_pattern(rule.match[3:])

    @property
    def is_static(self) -> bool:
        """Whether some layer has integer activations, so that calibration data is needed."""
        return any(find_mode(n).is_static for n in (self.mode, *(r.mode for r in self.rules)))

    def mode_of(self, op: Op) -> Mode:
        """What is asked for an operation."""
        for rule in reversed(self.rules):
            if rule.holds_for(op):
                return find_mode(rule.mode)
        return find_mode(self.mode)

    def excluding(self, patterns: Sequence[str]) -> Recipe:
        """The same with the layers of these patterns left in float32."""
        return replace(self, rules=(*self.rules, *(Rule(pattern) for pattern in patterns)))

    def to_json(self) -> dict[str, object]:
        """As JSON or YAML holds it: what differs from the defaults."""
        found: dict[str, Any] = {"mode": self.mode}
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name in ("mode", "rules") or value == one.default:
                continue
            found[one.name] = value.text if isinstance(value, DType) else value
        if self.rules:
            found["rules"] = [{f.name: getattr(r, f.name) for f in fields(r)} for r in self.rules]
        return found

    @staticmethod
    def from_json(data: Any) -> Recipe:
        """From what JSON or YAML holds: ours, or a recipe of ai-edge-quantizer (a list).

        Raises UsageError for names it does not know.
        """
        if isinstance(data, list):
            from litesmith.quantize.foreign import from_ai_edge

            return from_ai_edge(data)
        if not isinstance(data, Mapping):
            raise UsageError(f"a recipe is a mapping of its options, not {type(data).__name__}")
        options = {k.replace("-", "_"): v for k, v in data.items()}
        rules = tuple(Rule(**_check_names("rule", Rule, r)) for r in options.pop("rules", ()) or ())
        options = _check_names("recipe", Recipe, options)
        for name in ("input_type", "output_type", "bias_type"):
            if options.get(name) is not None:
                options[name] = element_type(options[name])
        for name in ("default_range", "input_grids"):
            if options.get(name) is not None:
                options[name] = tuple(tuple(v) if isinstance(v, list) else v for v in options[name])
        return Recipe(**options, rules=rules)


def as_recipe(given: Any) -> Recipe:
    """A recipe from its name, a mapping, a path of a JSON or YAML file, or itself. Raises UsageError for anything else."""
    if isinstance(given, Recipe):
        return given
    if isinstance(given, (Mapping, list)):
        return Recipe.from_json(given)
    text = str(given)
    if Path(text).suffix.lower() in (".json", ".yaml", ".yml"):
        return Recipe.from_json(_read(Path(text)))
    if text.lower() == "int8-best":
        return Recipe("int8", rounding="gptq", search=True)
    few = find_mode(text).weights in (DType.INT4, DType.INT2)  # where the rounding is what counts
    return Recipe(text, rounding="gptq" if few else "nearest")


def _read(path: Path) -> Any:
    try:
        content = path.read_text(encoding="utf-8")
        if path.suffix.lower() == ".json":
            return json.loads(content)
        import yaml

        return yaml.safe_load(content)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read the recipe {path}: {error}") from error
    except Exception as error:
        if type(error).__module__.startswith("yaml"):
            raise UsageError(f"cannot read the recipe {path}: {error}") from error
        raise


_TYPES = {
    "float": DType.FLOAT32, "float32": DType.FLOAT32, "int8": DType.INT8, "uint8": DType.UINT8, "int16": DType.INT16,
    "int32": DType.INT32, "int64": DType.INT64,
}  # fmt: skip


def element_type(given: Any) -> DType:
    """An element type from its name or a type of NumPy or TensorFlow. Raises UsageError for others."""
    if isinstance(given, DType):
        return given
    name = given if isinstance(given, str) else getattr(given, "name", None) or getattr(given, "__name__", str(given))
    if str(name).lower() not in _TYPES:
        raise UsageError(f"{given!r} is not a type of inputs and outputs; they are float32, int8, uint8 or int16")
    return _TYPES[str(name).lower()]


def _check_names(what: str, kind: Any, given: Any) -> dict[str, Any]:
    names = [f.name for f in fields(kind)]
    for name in given:
        if name not in names:
            near = get_close_matches(str(name), names, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"a {what} has no option {name!r}{hint} It has {', '.join(names)}")
    return dict(given)


def _one_of(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise UsageError(f"{name} is {value!r}; it is one of {', '.join(allowed)}")


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise UsageError(f"{pattern!r} is not a regular expression: {error}") from error
