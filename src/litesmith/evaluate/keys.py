"""Names of what is computed: metrics, plots and slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

SliceValue: TypeAlias = "int | float | str"
SliceKey: TypeAlias = tuple[tuple[str, SliceValue], ...]
"""(feature, value) pairs in the order of the features; () is all of the data."""

OVERALL: SliceKey = ()


@dataclass(frozen=True)
class SubKey:
    """A part of a model's outputs: one class, the k-th best, or the best top_k."""

    class_id: int | None = None
    k: int | None = None
    top_k: int | None = None

    def __str__(self) -> str:
        parts = {"class_id": self.class_id, "k": self.k, "top_k": self.top_k}
        return ", ".join(f"{name}={value}" for name, value in parts.items() if value is not None)


@dataclass(frozen=True)
class MetricKey:
    """A metric of a model. aggregation: ``micro_average``, ``macro_average``, ``weighted_macro_average`` or empty."""

    name: str
    model_name: str = ""
    output_name: str = ""
    sub_key: SubKey | None = None
    aggregation: str = ""
    example_weighted: bool = False
    is_diff: bool = False

    def diff(self) -> MetricKey:
        """The key of the difference to the baseline."""
        return replace(self, is_diff=True)

    def __str__(self) -> str:
        parts = [self.output_name, str(self.sub_key or ""), self.aggregation, "weighted" if self.example_weighted else ""]
        details = ", ".join(part for part in parts if part)
        name = f"Δ {self.name}" if self.is_diff else self.name
        return f"{name} ({details})" if details else name


def slice_name(key: SliceKey) -> str:
    """A slice as text."""
    return " × ".join(f"{feature}={value}" for feature, value in key) or "overall"


def slice_order(keys: Sequence[SliceKey]) -> list[SliceKey]:
    """The slices in the order in which they are reported: by features, then by values."""
    return sorted(keys, key=lambda key: (len(key), [(f, isinstance(v, str), str(v) if isinstance(v, str) else v)
                                                    for f, v in key]))  # fmt: skip
