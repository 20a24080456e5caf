"""The enumerations and small classes of ``tf.lite`` that say what to convert for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, TypeVar, cast

from litesmith.errors import UsageError


class Optimize(Enum):
    """How a model is optimized when it is converted. The two ``OPTIMIZE_FOR_…`` members mean the same as DEFAULT."""

    DEFAULT = "DEFAULT"
    OPTIMIZE_FOR_SIZE = "OPTIMIZE_FOR_SIZE"
    OPTIMIZE_FOR_LATENCY = "OPTIMIZE_FOR_LATENCY"
    EXPERIMENTAL_SPARSITY = "EXPERIMENTAL_SPARSITY"

    def __str__(self) -> str:
        return str(self.value)


class OpsSet(Enum):
    """The operators a converted model may use."""

    TFLITE_BUILTINS = "TFLITE_BUILTINS"
    SELECT_TF_OPS = "SELECT_TF_OPS"
    TFLITE_BUILTINS_INT8 = "TFLITE_BUILTINS_INT8"
    EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8 = (
        "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8"
    )
    EXPERIMENTAL_STABLEHLO_OPS = "EXPERIMENTAL_STABLEHLO_OPS"

    def __str__(self) -> str:
        return str(self.value)

    @staticmethod
    def get_options() -> list[str]:
        """Names of all members."""
        return [str(member) for member in OpsSet]


class RepresentativeDataset:
    """Samples to calibrate with. ``input_gen`` is a function returning a generator of input lists or dicts."""

    def __init__(self, input_gen: Callable[[], Iterable[Any]]) -> None:
        self.input_gen = input_gen


class TargetSpec:
    """What the converted model runs on."""

    def __init__(
        self,
        supported_ops: Iterable[OpsSet] | None = None,
        supported_types: Iterable[Any] | None = None,
        experimental_select_user_tf_ops: Iterable[str] | None = None,
        experimental_supported_backends: Iterable[str] | None = None,
    ) -> None:
        self.supported_ops: Iterable[Any] = (
            set(supported_ops) if supported_ops is not None else {OpsSet.TFLITE_BUILTINS}
        )
        self.supported_types: Iterable[Any] = set(supported_types or ())
        self.experimental_select_user_tf_ops: Iterable[str] = set(experimental_select_user_tf_ops or ())
        self.experimental_supported_backends: Iterable[str] = set(experimental_supported_backends or ())
        self._experimental_supported_accumulation_type: Any = None


_E = TypeVar("_E", bound=Enum)


def members(enum: type[_E], given: object) -> set[_E]:
    """The members meant by what the user gave: ours, TensorFlow's of the same name, or names, one or several.

    Raises UsageError for anything else.
    """
    alone = given is None or isinstance(given, (str, Enum))
    items = [given] if alone and given is not None else list(cast("Iterable[object]", given or ()))
    try:
        return {enum(getattr(item, "value", item)) for item in items}
    except ValueError as error:
        raise UsageError(f"{error}; the members are {', '.join(m.name for m in enum)}") from error
