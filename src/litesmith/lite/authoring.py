"""``tf.lite.experimental.authoring``: checks while a model is written whether its functions convert."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from litesmith.errors import ConverterError, Problem
from litesmith.lite.converter import TFLiteConverter
from litesmith.lite.messages import tensorflow_ops


class CompatibilityError(Exception):
    """A function cannot be converted, and `compatible` was asked to raise."""


def compatible(
    target: Callable[..., object] | None = None,
    converter_target_spec: Any = None,
    converter_allow_custom_ops: bool | None = None,
    raise_exception: bool = False,
) -> Any:
    """A decorator for a ``tf.function``: its first call also converts it, and warns of every problem there is.

    The decorated function has ``get_compatibility_log()``: the problems as text. Raises CompatibilityError (at the
    call) where ``raise_exception`` is set.
    """

    def decorate(function: Any) -> Compatible:
        return Compatible(function, converter_target_spec, bool(converter_allow_custom_ops), raise_exception)

    return decorate if target is None else decorate(target)


_CUSTOM = (
    "COMPATIBILITY ERROR: op '{}' is(are) not natively supported by TensorFlow Lite. You need to provide a custom "
    "operator. https://www.tensorflow.org/lite/guide/ops_custom"
)
_SELECT = (
    "COMPATIBILITY WARNING: op '{}' require(s) \"Select TF Ops\" for model conversion for TensorFlow Lite. "
    "https://www.tensorflow.org/lite/guide/ops_select"
)


def compatibility_log(problems: Sequence[Problem]) -> list[str]:
    """The problems as the original groups them: one message for all custom operators, one for all of TensorFlow's."""
    ops = [p for p in problems if p.op.startswith("tf.") and p.code == "LS010"]
    select = [p for p in ops if p.op.removeprefix("tf.") in tensorflow_ops()]
    custom = [p for p in ops if p not in select]
    log = [f"COMPATIBILITY ERROR: {p}" for p in problems if p not in ops]
    for text, group in ((_CUSTOM, custom), (_SELECT, select)):
        if group:
            log.append(text.format(", ".join(sorted({p.op for p in group}))))
            log += [f"Op: {p.op}\n  - {p.line or p.node}\n    {p.reason}\n" for p in group]
    return log


class Compatible:
    """A ``tf.function`` that is checked when it is first called."""

    def __init__(self, function: Any, target_spec: Any, allow_custom_ops: bool, raise_exception: bool) -> None:
        functools.update_wrapper(self, function)
        self._bound: WeakKeyDictionary[Any, Compatible] = WeakKeyDictionary()
        self._function = function
        self._target_spec = target_spec
        self._allow_custom_ops = allow_custom_ops
        self._raise_exception = raise_exception
        self._log: list[str] | None = None

    def __get__(self, instance: object, owner: object = None) -> Compatible:
        """The method of an instance, with a check and a log of its own."""
        if instance is None:
            return self
        if instance not in self._bound:
            function = self._function.__get__(instance, owner)
            options = self._target_spec, self._allow_custom_ops, self._raise_exception
            self._bound[instance] = Compatible(function, *options)
        return self._bound[instance]

    def __call__(self, *args: object, **kwargs: object) -> Any:
        """Calls the function; checks it the first time."""
        if self._log is None:
            self._check(self._function.get_concrete_function(*args, **kwargs))
        return self._function(*args, **kwargs)

    def get_concrete_function(self, *args: object, **kwargs: object) -> Any:
        """The function's own ConcreteFunction, checked the first time."""
        concrete = self._function.get_concrete_function(*args, **kwargs)
        if self._log is None:
            self._check(concrete)
        return concrete

    def get_compatibility_log(self) -> list[str]:
        """Every problem found. Raises RuntimeError where the function was not called yet."""
        if self._log is None:
            raise RuntimeError("target compatibility isn't verified yet: call the function first")
        return self._log

    def _check(self, concrete: Any) -> None:
        converter = TFLiteConverter.from_concrete_functions([concrete])
        converter.allow_custom_ops = self._allow_custom_ops
        if self._target_spec is not None:
            converter.target_spec = self._target_spec
        self._log = []
        try:
            converter.convert()
        except ConverterError as error:
            self._log = compatibility_log(error.problems)
            if self._raise_exception:
                told = "\n".join(self._log)
                raise CompatibilityError(f"CompatibilityException at {self._function!r}\n{told}") from error
            warnings.warn("\n".join(self._log), stacklevel=3)
