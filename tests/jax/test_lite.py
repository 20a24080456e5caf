"""`experimental_from_jax`: functions and inputs as the original takes them."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import litesmith as lite

X = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
Y = np.arange(6, dtype=np.float32).reshape(2, 3)


def difference(params: jax.Array, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    return x @ params - y @ params, x * y


SERVING = functools.partial(difference, jnp.eye(3) * 2)


def test_a_function_with_its_weights_applied() -> None:
    pairs = [("second", jnp.zeros((2, 3))), ("first", jnp.zeros((2, 3)))]
    converter = lite.TFLiteConverter.experimental_from_jax([SERVING], [pairs])
    interpreter = lite.Interpreter(model_content=converter.convert())
    assert [d["name"] for d in interpreter.get_input_details()] == ["second", "first"]
    results = interpreter.get_signature_runner()(second=X, first=Y)
    np.testing.assert_allclose(results["output_0"], 2 * (X - Y), rtol=1e-6)
    np.testing.assert_allclose(results["output_1"], X * Y, rtol=1e-6)


def test_several_functions() -> None:
    functions = [jnp.sin, jnp.cos]
    converter = lite.TFLiteConverter.experimental_from_jax(functions, [[("a", X)], [("b", X)]])
    interpreter = lite.Interpreter(model_content=converter.convert())
    for function, name in zip(functions, "ab", strict=True):
        (result,) = interpreter.get_signature_runner(function.__name__)(**{name: X}).values()
        np.testing.assert_allclose(result, function(X), rtol=1e-5, atol=1e-6)


def test_inputs_that_do_not_fit_the_function() -> None:
    with pytest.raises(TypeError, match="missing"):
        lite.TFLiteConverter.experimental_from_jax([SERVING], [[("x", X)]]).convert()
