"""Damaged exported functions and modules: a program, or the project's error; whatever MLIR does to its process."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest
from jax import export

import litesmith
from litesmith.errors import LitesmithError
from tests.formats.saved_model.test_fuzz import mutations


def _function(x: jax.Array, n: jax.Array) -> jax.Array:
    def body(i: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.tanh(y @ jnp.ones((4, 4)) * i)

    return jax.lax.cond(n > 0, lambda v: jax.lax.fori_loop(0, 3, body, v), jnp.sort, x)[:, 1:]


@pytest.fixture(scope="module")
def sources() -> dict[str, bytes]:
    args = jax.ShapeDtypeStruct((3, 4), jnp.float32), jax.ShapeDtypeStruct((), jnp.int32)
    exported = export.export(jax.jit(_function))(*args)
    text = str(exported.mlir_module()).encode()
    return {"exported": bytes(exported.serialize()), "bytecode": exported.mlir_module_serialized, "text": text}


def _converts(data: bytes) -> bool:
    try:
        litesmith.convert(data, verify=False)
    except LitesmithError:
        return False
    return True


@pytest.mark.parametrize("kind", ["exported", "bytecode", "text"])
def test_damaged_sources(sources, kind):
    assert _converts(sources[kind])
    assert not all([_converts(d) for d in mutations(sources[kind], 5, seed=5)])  # noqa: C419 (all of them)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["exported", "bytecode", "text"])
def test_many_damaged_sources(sources, kind):
    for data in mutations(sources[kind], 40, seed=6):
        _converts(data)


@pytest.mark.parametrize(
    "text",
    [
        "module { func.func private @main(%a: tensor<4xf32>) -> tensor<4xf32> }",
        "module { func.func private @main(tensor<4xf32>) -> tensor<4xf32> }",
        "module { }",
    ],
)
def test_a_module_needs_a_main_with_a_body(text):
    with pytest.raises(LitesmithError, match=r"has no body|no function called main|cannot be read"):
        litesmith.convert(text.encode())


def test_a_function_that_is_called_needs_a_body():
    text = """module {
      func.func @main(%a: tensor<4xf32>) -> tensor<4xf32> {
        %0 = func.call @f(%a) : (tensor<4xf32>) -> tensor<4xf32>
        return %0 : tensor<4xf32>
      }
      func.func private @f(tensor<4xf32>) -> tensor<4xf32>
    }"""
    with pytest.raises(LitesmithError, match="'f' has no body"):
        litesmith.convert(text.encode())


def test_calls_that_double(monkeypatch):
    monkeypatch.setattr("litesmith.ir.budget.MAX_INLINED", 2000)
    called = "\n".join(
        f"""func.func private @f{i}(%a: tensor<f32>) -> tensor<f32> {{
          %0 = func.call @f{i + 1}(%a) : (tensor<f32>) -> tensor<f32>
          %1 = func.call @f{i + 1}(%0) : (tensor<f32>) -> tensor<f32>
          return %1 : tensor<f32>
        }}"""
        for i in range(40)
    )
    text = f"""module {{
      func.func @main(%a: tensor<f32>) -> tensor<f32> {{
        %0 = func.call @f0(%a) : (tensor<f32>) -> tensor<f32>
        return %0 : tensor<f32>
      }}
      {called}
      func.func private @f40(%a: tensor<f32>) -> tensor<f32> {{
        %0 = stablehlo.negate %a : tensor<f32>
        return %0 : tensor<f32>
      }}
    }}"""
    with pytest.raises(LitesmithError, match="LS015"):
        litesmith.convert(text.encode())


@pytest.mark.parametrize("op", ["sine", "transpose", "dot"])
def test_splats_of_gigabytes_are_left_to_the_runtime(op):
    side = "tensor<60000x60000xf32>"
    made = {
        "sine": f"stablehlo.sine %c : {side}",
        "transpose": f"stablehlo.transpose %c, dims = [1, 0] : ({side}) -> {side}",
        "dot": f"stablehlo.dot_general %c, %c, contracting_dims = [1] x [0] : ({side}, {side}) -> {side}",
    }[op]
    text = f"""module {{
      func.func @main(%x: tensor<f32>) -> tensor<f32> {{
        %c = stablehlo.constant dense<0.5> : {side}
        %r = {made}
        %z = stablehlo.constant dense<0.0> : tensor<f32>
        %s = stablehlo.reduce(%r init: %z) applies stablehlo.add across dimensions = [0, 1]
          : ({side}, tensor<f32>) -> tensor<f32>
        %y = stablehlo.add %x, %s : tensor<f32>
        return %y : tensor<f32>
      }}
    }}"""
    assert len(litesmith.convert(text.encode(), verify=False).content) < 10_000
