"""Forms of models: how layers are put together, and how inputs and outputs are nested, named and ordered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as L  # noqa: N812

import litesmith
from litesmith.errors import LitesmithError
from litesmith.runtime import Runner, compare
from tests.keras.parity import arrays, f32, ints, randomize

ops = keras.ops
SIZES = (2, 1, 5)


@dataclass(frozen=True)
class Form:
    """One row.

    make: returns the model. inputs: for a size of batch, what the model is called with. names: of the file's inputs
    and outputs, in the order of the model's leaves, where they are promised. example: whether the model is converted
    with its inputs as an example. refused: what the error must say.
    """

    name: str
    make: Callable[[], Any]
    inputs: Callable[[int], Any] = lambda n: f32(n, 4)
    names: tuple[Sequence[str], Sequence[str]] | None = None
    example: bool = False
    refused: str = ""
    tol: float = 1e-5


def given(*names: str, dtype: str = "float32") -> list[Any]:
    """Symbolic inputs [N, 4] with names."""
    return [keras.Input((4,), name=name, dtype=dtype) for name in names]


def three(n: int) -> list[Any]:
    """Values for three inputs that are told apart by them."""
    return [f32(n, 4, low=low) for low in (-2, -1, 0)]


# -- classes of the user's own -----------------------------------------------------------------------------------------


class Block(L.Layer):
    """A layer that holds others."""

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.inner, self.norm = L.Dense(units, activation="relu", name="inner"), L.LayerNormalization(name="norm")

    def call(self, x: Any) -> Any:
        return self.norm(self.inner(x))


class Net(keras.Model):
    """Layers in a list, used by an index."""

    def __init__(self) -> None:
        super().__init__(name="net")
        self.blocks = [Block(4, name=f"block_{i}") for i in range(3)]
        self.head = L.Dense(2, name="head")

    def call(self, x: Any, training: bool = False) -> Any:
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)


class Answers(keras.Model):
    """A dict of outputs, not in the order of its keys."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = L.Dense(3)

    def call(self, inputs: Any) -> Any:
        x = self.dense(inputs["z"] - inputs["a"])
        return {"zeta": x, "alpha": ops.relu(x)}


class Nested(keras.Model):
    """Tuples and dicts in one another."""

    def call(self, inputs: Any) -> Any:
        first, rest = inputs
        return [rest["b"] * 2.0, {"c": first - rest["a"], "d": (first, rest["a"] + 1.0)}]


class Arguments(keras.Model):
    """Several arguments, one of them with a default."""

    def call(self, left: Any, right: Any, scale: float = 3.0) -> Any:
        return (left - right) * scale


class Counting(keras.Model):
    """Assigns a variable whenever it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")

    def call(self, x: Any) -> Any:
        self.count.assign(self.count + 1.0)
        return x * self.count


class Fails(L.Layer):
    """Computes what no file can hold."""

    def call(self, x: Any) -> Any:
        return x + ops.real(ops.eig(x[:, :, None] * x[:, None, :])[0])


def _built(model: Any, shape: Any) -> Any:
    model.build(shape)
    return model


# -- functional models -------------------------------------------------------------------------------------------------


def _shared() -> Any:
    a, b = given("a", "b")
    shared = L.Dense(3, activation="tanh")
    return keras.Model([a, b], L.Subtract()([shared(a), shared(b)]))


def _twice() -> Any:
    (x,) = given("x")
    layer = L.Dense(4, activation="relu")
    return keras.Model(x, layer(layer(x)))


def _encoder() -> Any:
    (x,) = given("x")
    return keras.Model(x, Block(4, name="block_3")(x), name="encoder")


def _nested() -> Any:
    (x,) = given("x")
    inner = keras.Sequential([_encoder(), L.Dense(3)], name="inner")
    return keras.Model(x, L.Dense(2)(inner(x)))


def _nested_twice() -> Any:
    a, b = given("a", "b")
    inner = _encoder()
    return keras.Model([a, b], L.Concatenate()([inner(b), inner(a)]))


def _cut() -> Any:
    """A part of a larger model, from its middle."""
    whole = keras.Sequential([keras.Input((6,)), L.Dense(4, name="first"), L.ReLU(name="middle"), L.Dense(3)])
    return keras.Model(whole.get_layer("first").output, [whole.outputs[0], whole.get_layer("middle").output])


def _order() -> Any:
    a, b, c = given("zz", "aa", "mm")
    return keras.Model([c, a, b], [b - c, a * 2.0, a - b])


def _unused() -> Any:
    a, b, c = given("a", "unused", "c")
    return keras.Model([a, b, c], a - c)


def _through() -> Any:
    a, b = given("a", "b")
    return keras.Model([a, b], [b, a + b, a])


def _same() -> Any:
    (x,) = given("x")
    y = L.Dense(3)(x)
    return keras.Model(x, [y, y, ops.relu(y)])


def _dict_inputs() -> Any:
    a, b, c = given("n1", "n2", "n3")
    return keras.Model({"z": a, "a": b, "m": c}, {"second": a - b, "first": c * 2.0})


def _nested_inputs() -> Any:
    a, b, c = given("a", "b", "c")
    return keras.Model([a, {"q": b, "p": [c]}], {"x": [a - b], "w": (c, b * 2.0)})


def _named_layers() -> Any:
    (x,) = given("x")
    return keras.Model(x, [L.Dense(2, name="score")(x), L.Dense(3, name="box")(x)])


def _scalars() -> Any:
    x, scale = keras.Input((4,), name="x"), keras.Input((), name="scale")
    return keras.Model([x, scale], x * ops.expand_dims(scale, -1))


def _one_scalar() -> Any:
    x, scale = keras.Input((4,), name="x"), keras.Input(batch_shape=(), name="scale")
    return keras.Model([x, scale], x * scale)


def _integers() -> Any:
    x, y = given("x", "y", dtype="int32")
    return keras.Model([x, y], [x // y, ops.mod(x, y), ops.cast(x, "float32") / 3.0])


def _branches() -> Any:
    """Operations of keras.ops straight on symbolic tensors."""
    (x,) = given("x")
    y = ops.where(x > 0, ops.sqrt(ops.abs(x)), ops.expm1(x))
    return keras.Model(x, ops.concatenate([ops.flip(y, 1), ops.cumsum(y, 1)[:, ::2]], axis=1))


def _refused() -> Any:
    (x,) = given("x")
    inner = keras.Sequential([keras.Input((4,)), Fails(name="block_3")], name="encoder")
    return keras.Model(x, inner(x))


FUNCTIONAL = [
    Form("shared", _shared, lambda n: three(n)[:2], (["a", "b"], [])),
    Form("twice", _twice),
    Form("nested", _nested),
    Form("nested_twice", _nested_twice, lambda n: three(n)[:2]),
    Form("cut", _cut),
    Form("order", _order, three, (["mm", "zz", "aa"], [])),
    Form("unused_input", _unused, three, (["a", "unused", "c"], [])),
    Form("output_is_input", _through, lambda n: three(n)[:2]),
    Form("same_output_twice", _same),
    Form("dict", _dict_inputs, lambda n: dict(zip("zam", three(n), strict=True)), (["a", "m", "z"], ["first", "second"])),
    Form("nested_inputs", _nested_inputs, lambda n: [three(n)[0], {"q": three(n)[1], "p": [three(n)[2]]}]),
    Form("named_outputs", _named_layers, names=(["x"], ["score", "box"])),
    Form("scalar_of_each", _scalars, lambda n: [f32(n, 4), f32(n)], (["x", "scale"], [])),
    Form("one_scalar", _one_scalar, lambda n: [f32(n, 4), np.float32(1.5)], (["x", "scale"], [])),
    Form("integers", _integers, lambda n: [ints(n, 4, low=-9), ints(n, 4, low=1, high=5)], tol=1e-6),
    Form("operations", _branches),
    Form("refused", _refused, refused="encoder/block_3"),
]  # fmt: skip

OTHER = [
    Form("sequential", lambda: keras.Sequential([keras.Input((4,)), Block(4), L.Dense(2)])),
    Form("sequential_late", lambda: _built(keras.Sequential([Block(4), L.Dense(2)]), (None, 4))),
    Form("sequential_nested", lambda: keras.Sequential([keras.Input((4,)), keras.Sequential([Block(4)]), L.Dense(2)])),
    Form("subclassed_built", lambda: _built(Net(), (None, 4))),
    Form("subclassed_example", Net, example=True),
    Form("subclassed_unbuilt", Net, refused="inputs of 'net' are unknown"),
    Form("layer_example", lambda: Block(3), example=True),
    Form(
        "subclassed_dict", Answers, lambda n: {"z": f32(n, 4), "a": f32(n, 4, low=0)}, (["a", "z"], ["alpha", "zeta"]),
        example=True,
    ),
    Form("subclassed_nested", Nested, lambda n: (three(n)[0], {"a": three(n)[1], "b": three(n)[2]}), example=True),
    Form("assigned", lambda: _built(Counting(), (None, 4))),
]  # fmt: skip


def check_form(form: Form) -> None:
    """Raises AssertionError where an answer or a name is not the model's, or a refusal is not as expected."""
    model = form.make()
    example = (form.inputs(2),) if form.example else ()
    if form.refused:
        with pytest.raises(LitesmithError, match=form.refused):
            _ = litesmith.convert(model, *example).content
        return
    if form.example:
        model(form.inputs(2))
    randomize(model)
    converted = litesmith.convert(model, *example)
    if form.names:
        check_names(converted.program.signatures[0], *form.names)
    runner = Runner(converted.content)
    for size in SIZES:
        inputs = form.inputs(size)
        expected = arrays(model(inputs))
        got = list(runner.run([np.asarray(a) for a in keras.tree.flatten(inputs)]).values())
        assert len(got) == len(expected)
        for have, want in zip(got, expected, strict=True):
            result = compare(have, want, form.tol)
            assert result.passed, f"batch {size}: {result.reason} ({result.relative:.2e} of the range)"


def check_names(signature: Any, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Raises AssertionError where names, in the order of the leaves, are others; no outputs: none are promised."""
    assert _in_order(signature.inputs) == list(inputs)
    assert not outputs or _in_order(signature.outputs) == list(outputs)


def _in_order(places: Mapping[str, int]) -> list[str]:
    return sorted(places, key=lambda name: places[name])


@pytest.mark.parametrize("form", [*FUNCTIONAL, *OTHER], ids=lambda f: f.name)
def test_form(form: Form) -> None:
    check_form(form)


def test_several_arguments() -> None:
    model, data = Arguments(), three(2)[:2]
    converted = litesmith.convert(model, *data)
    assert _in_order(converted.program.signatures[0].inputs) == ["left", "right"]
    for size in SIZES:
        left, right, _ = three(size)
        (got,) = Runner(converted.content).run([left, right]).values()
        np.testing.assert_allclose(got, (left - right) * 3.0, rtol=1e-6)


def test_operations_know_their_layers() -> None:
    converted = litesmith.convert(_nested())
    layers = {op.origin.layer for op in converted.program.signatures[0].graph.ops}
    assert any(layer.endswith("encoder/block_3/inner") for layer in layers), layers
