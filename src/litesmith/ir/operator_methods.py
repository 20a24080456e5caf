"""The operators as methods: ``b.reshape(x, [-1, 10])`` emits RESHAPE.

They are found by name among the declarations; their types stand in the stub beside this file, which is made of the
declarations (`make docs`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litesmith.ir.opdef import OpSet


class OperatorMethods:
    """Methods named as the operators, in lower case, with ``_`` behind a word of Python."""

    opset: OpSet
    emit: Callable[..., tuple[Any, ...]]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        defn = self.opset.get(name.rstrip("_").upper())
        if defn is None:
            raise AttributeError(f"no operator {name.upper()}")

        def emit(*operands: Any, **attrs: Any) -> Any:
            results = self.emit(defn, operands, **attrs)
            return results[0] if len(results) == 1 and not defn.has_variadic_results else results

        return emit
