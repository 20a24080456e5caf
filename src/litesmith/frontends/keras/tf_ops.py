"""TensorFlow functions that Keras 2 saved inside functional models, in the operations of Keras 3.

Parameters have TensorFlow's names, because the saved calls use them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, Protocol

from litesmith.errors import FormatError
from litesmith.frontends.keras.legacy import TF_OP

Function = Callable[..., object]


def functions(ops: ModuleType) -> Mapping[str, Function]:
    """``keras.ops`` by the name TensorFlow exports a function under."""
    binary = {
        "add": ops.add, "subtract": ops.subtract, "multiply": ops.multiply, "divide": ops.divide,
        "truediv": ops.divide, "maximum": ops.maximum, "minimum": ops.minimum, "pow": ops.power,
        "greater": ops.greater, "less": ops.less, "equal": ops.equal, "floordiv": ops.floor_divide,
        "squared_difference": lambda x, y: ops.square(x - y),
    }  # fmt: skip
    reflected = {"radd": ops.add, "rsub": ops.subtract, "rmul": ops.multiply, "rtruediv": ops.divide}
    unary = {
        "abs": ops.abs, "exp": ops.exp, "log": ops.log, "sqrt": ops.sqrt, "rsqrt": ops.rsqrt, "square": ops.square,
        "negative": ops.negative, "sigmoid": ops.sigmoid, "tanh": ops.tanh, "sin": ops.sin, "cos": ops.cos,
        "floor": ops.floor, "ceil": ops.ceil, "sign": ops.sign, "softplus": ops.softplus, "erf": ops.erf,
    }  # fmt: skip
    reductions = {"mean": ops.mean, "sum": ops.sum, "max": ops.max, "min": ops.min, "prod": ops.prod}
    table: dict[str, Function] = {}
    for name, function in binary.items():
        table |= dict.fromkeys((f"math.{name}", name, f"__operators__.{name}"), lambda x, y, f=function: f(x, y))
    for name, function in reflected.items():
        table[f"__operators__.{name}"] = lambda x, y, f=function: f(y, x)
    for name, function in unary.items():
        table |= dict.fromkeys((f"math.{name}", name), lambda x, f=function: f(x))
    for name, function in reductions.items():
        reduce = lambda input_tensor, axis=None, keepdims=False, f=function: f(input_tensor, axis, keepdims=keepdims)  # noqa: E731
        table |= dict.fromkeys((f"math.reduce_{name}", f"reduce_{name}"), reduce)
    table |= {"__operators__.neg": ops.negative, "__operators__.getitem": _getitem}
    return table | _activations(ops) | _shapes(ops)


def _activations(ops: ModuleType) -> dict[str, Function]:
    named = {
        "relu": ops.relu, "relu6": ops.relu6, "elu": ops.elu, "selu": ops.selu, "silu": ops.silu, "swish": ops.silu,
        "sigmoid": ops.sigmoid, "tanh": ops.tanh, "softplus": ops.softplus, "softsign": ops.softsign,
    }  # fmt: skip
    return {
        **{f"nn.{name}": lambda features, f=function: f(features) for name, function in named.items()},
        "nn.softmax": lambda logits, axis=-1: ops.softmax(logits, axis=axis),
        "nn.log_softmax": lambda logits, axis=-1: ops.log_softmax(logits, axis=axis),
        "nn.gelu": lambda features, approximate=False: ops.gelu(features, approximate=approximate),
        "nn.leaky_relu": lambda features, alpha=0.2: ops.leaky_relu(features, negative_slope=alpha),
    }


def _shapes(ops: ModuleType) -> dict[str, Function]:
    return {
        "reshape": lambda tensor, shape: ops.reshape(tensor, shape),
        "concat": lambda values, axis: ops.concatenate(values, axis=axis),
        "stack": lambda values, axis=0: ops.stack(values, axis=axis),
        "transpose": lambda a, perm=None: ops.transpose(a, perm),
        "expand_dims": lambda input, axis=None: ops.expand_dims(input, axis),
        "squeeze": lambda input, axis=None: ops.squeeze(input, axis),
        "tile": lambda input, multiples: ops.tile(input, multiples),
        "cast": lambda x, dtype: ops.cast(x, dtype),
        "pad": lambda tensor, paddings: ops.pad(tensor, paddings),
        "identity": lambda input: ops.add(input, 0),
        "stop_gradient": lambda input: ops.stop_gradient(input),
        "clip_by_value": lambda t, clip_value_min, clip_value_max: ops.clip(t, clip_value_min, clip_value_max),
        "linalg.matmul": lambda a, b: ops.matmul(a, b),
        "math.argmax": lambda input, axis=0: ops.argmax(input, axis),
        "split": lambda value, num_or_size_splits, axis=0: ops.split(value, _points(num_or_size_splits), axis),
    }


def _points(sizes: int | Sequence[int]) -> int | list[int]:
    """Where TensorFlow's sizes split, as Keras wants to be told."""
    if isinstance(sizes, int):
        return sizes
    return [sum(sizes[: i + 1]) for i in range(len(sizes) - 1)]


class Sliced(Protocol):
    """A tensor that can be indexed."""

    def __getitem__(self, index: tuple[object, ...]) -> object: ...


def _getitem(tensor: Sliced, slice_spec: object) -> object:
    spec = slice_spec if isinstance(slice_spec, list) else [slice_spec]
    return tensor[tuple(_index(item) for item in spec)]


def _index(item: object) -> object:
    if isinstance(item, Mapping):
        return slice(item.get("start"), item.get("stop"), item.get("step"))
    return Ellipsis if item in ("...", "Ellipsis") else item


_WITHOUT_MEANING = ("name",)


def tf_op_layer(keras: ModuleType) -> type:
    """The layer class that stands for Keras 2's own."""
    table = functions(keras.ops)
    base: Any = keras.layers.Layer

    class TFOpLambda(base):  # type: ignore[misc]
        """One TensorFlow function, called with the saved arguments."""

        def __init__(self, function: str, arguments: Mapping[str, object] | None = None, **options: object) -> None:
            super().__init__(**options)
            if function not in table:
                fix = "save the model as a SavedModel and convert that"
                raise FormatError(f"it calls tf.{function}, which Keras 3 cannot run without TensorFlow", fix=fix)
            self.function = function
            self.arguments = dict(arguments or {})

        def call(self, *args: object, **kwargs: object) -> object:
            """The function's result."""
            given = {k: v for k, v in {**self.arguments, **kwargs}.items() if k not in _WITHOUT_MEANING}
            return table[self.function](*args, **given)

        def get_config(self) -> dict[str, object]:
            """As saved."""
            return {**super().get_config(), "function": self.function, "arguments": self.arguments}

    TFOpLambda.__name__ = TF_OP
    return TFOpLambda
