"""What `import_jax` makes of functions: names, signatures, element types at the border, refusals, origins."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from litesmith.errors import ConverterError, TracingError, UsageError
from litesmith.formats.tflite import write_model
from litesmith.frontends.jax import JaxFunction, import_jax, import_signatures
from litesmith.frontends.jax.types import dim_of
from litesmith.ir import DType, Sym, tensor
from litesmith.runtime.runner import Runner
from tests.jax.parity import enable_x64, f32, i32

X, Y = f32(2, 3), f32(2, 3, seed="y")


def _names(function: Any, *args: Any, **kwargs: Any) -> tuple[list[str], list[str]]:
    (signature,) = import_jax(function, args, None, kwargs).signatures
    return list(signature.inputs), list(signature.outputs)


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "inputs", "outputs"),
    [
        (lambda x, y: x + y, (X, Y), {}, ["args_0", "args_1"], ["output_0"]),
        (lambda x: (x, x + 1), (X,), {}, ["args_0"], ["output_0", "output_1"]),
        (lambda d: {"sum": d["a"] + d["b"], "a": d["a"]}, ({"a": X, "b": Y},), {}, ["a", "b"], ["a", "sum"]),
        (lambda d, e: d["a"] + e["a"], ({"a": X}, {"a": Y}), {}, ["args_0_a", "args_1_a"], ["output_0"]),
        (lambda p, *, mask: p[0] * mask, ([X, Y],), {"mask": X}, ["args_0_0", "args_0_1", "mask"], ["output_0"]),
        (lambda x: {"layers": [x, {"w": x * 2}]}, (X,), {}, ["args_0"], ["layers_0", "layers_1_w"]),
    ],
)
def test_names_follow_the_pytrees(function: Any, args: Any, kwargs: Any, inputs: Any, outputs: Any) -> None:
    assert _names(function, *args, **kwargs) == (inputs, outputs)


def test_given_names() -> None:
    program = import_jax(lambda x, y: (x, y), (X, Y), input_names=["left", "right"], output_names=["a", "b"])
    assert list(program.signatures[0].inputs) == ["left", "right"]
    assert list(program.signatures[0].outputs) == ["a", "b"]
    with pytest.raises(UsageError, match="2 different input names are needed"):
        import_jax(lambda x, y: x, (X, Y), input_names=["x", "x"])


def test_input_returned_as_it_is() -> None:
    runner = Runner(write_model(import_jax(lambda x, y: (y, x, y * 1), (X, Y))))
    got = list(runner.run([X, Y]).values())
    for have, want in zip(got, (Y, X, Y), strict=True):
        np.testing.assert_array_equal(have, want)


def test_constant_result() -> None:
    runner = Runner(write_model(import_jax(lambda x: (jnp.arange(3), x), (X,))))
    np.testing.assert_array_equal(runner.run([X])["output_0"], np.arange(3))


def test_several_signatures_share_weights() -> None:
    weights = jnp.asarray(f32(300, 300))

    def encode(x: Any) -> Any:
        return x @ weights

    def score(x: Any) -> Any:
        return jnp.tanh(x) @ weights

    x = f32(2, 300)
    program = import_jax([encode, score], [(x,), (x,)])
    assert [s.key for s in program.signatures] == ["encode", "score"]
    data = write_model(program)
    assert len(data) < 1.5 * weights.nbytes
    runner = Runner(data)
    for key, function in (("encode", encode), ("score", score)):
        np.testing.assert_allclose(runner.run([x], key)["output_0"], function(x), rtol=1e-5, atol=1e-5)


def test_keys_of_signatures() -> None:
    entries = {"a": JaxFunction(jnp.sin, (X,)), "b": JaxFunction(jnp.cos, (X,), {}, ["angle"], ["cosine"])}
    program = import_signatures(entries)
    assert list(program.signatures[1].inputs) == ["angle"]
    assert list(program.signatures[1].outputs) == ["cosine"]


def test_named_sizes_of_tensor_types() -> None:
    b = Sym.named("batch")
    program = import_jax(lambda x: jnp.sum(x, 1), (tensor(DType.FLOAT32, (b, 3)),))
    assert program.main.inputs[0].dims == (b, 3)
    assert program.main.outputs[0].dims == (b,)


@pytest.mark.parametrize(
    "text", ["b", "b + 1", "2*b*c - 3", "floordiv(b, 2)", "mod(b + 1, 4)", "max(b, c)", "min(3, b)", "b^2"]
)
def test_symbolic_sizes(text: str) -> None:
    """A JAX size and its counterpart have the same value."""
    from litesmith.ir.dims import substitute

    scope = export.SymbolicScope()
    size = export.symbolic_shape(text, scope=scope)[0]
    want = eval(text.replace("^", "**"), {"b": 5, "c": 7, "floordiv": lambda p, q: p // q, "mod": lambda p, q: p % q})
    assert substitute(dim_of(size), {"b": 5, "c": 7}) == want


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [("float16", DType.FLOAT16), ("bfloat16", DType.BFLOAT16), ("uint32", DType.UINT32), ("int8", DType.INT8)],
)
def test_element_types_at_the_border(dtype: str, stored: DType) -> None:
    program = import_jax(lambda x: x + x, (jnp.zeros((2, 3), dtype),))
    assert program.main.inputs[0].type.dtype is stored
    assert program.main.outputs[0].type.dtype is stored


@pytest.mark.parametrize("dtype", ["float64", "uint16", "uint64", "complex128"])
def test_element_types_that_are_refused(dtype: str) -> None:
    with enable_x64(True), pytest.raises(ConverterError, match=f"{dtype} is not taken by the kernels") as error:
        import_jax(lambda x: x + x, (np.zeros((2, 3), dtype),))
    assert error.value.problems[0].code == "LS012"
    assert "convert to" in error.value.problems[0].fix


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x: x if x.sum() > 0 else -x, "TracerBoolConversionError"),
        (lambda x: np.sin(np.asarray(x)), "TracerArrayConversionError"),
        (lambda x: x @ x, "TypeError: dot_general"),
        (jax.jit(lambda x, n: x * n, static_argnums=1), "missing"),
    ],
)
def test_functions_jax_cannot_trace(function: Any, reason: str) -> None:
    with pytest.raises(
        TracingError, match=rf"JAX cannot trace the function: .*{reason}[\s\S]*Fix: .*functools.partial"
    ):
        import_jax(function, (X,))


def test_a_module_that_changes_itself_is_refused() -> None:
    """In training mode a batch normalization updates its statistics, which the file could not."""
    from flax import nnx

    model = nnx.BatchNorm(3, rngs=nnx.Rngs(0))
    with pytest.raises(UsageError, match=r"changes its variable mean when[\s\S]*Fix: call model.eval\(\) first"):
        import_jax(model, (X,))
    model.eval()
    assert import_jax(model, (X,)).main.inputs[0].dims == (2, 3)


def test_methods_of_a_module() -> None:
    pytest.importorskip("flax", minversion="0.10.6", reason="older loops give parameters back as new ones")
    from flax import nnx

    class Model(nnx.Module):
        def __init__(self) -> None:
            self.cell = nnx.RNN(nnx.GRUCell(3, 4, rngs=nnx.Rngs(0)))

        def encode(self, x: Any) -> Any:
            return self.cell(x)[:, -1]

    model, x = Model(), f32(2, 5, 3)
    (got,) = Runner(write_model(import_jax(model.encode, (x,)))).run([x]).values()
    np.testing.assert_allclose(got, model.encode(x), rtol=1e-5, atol=1e-6)


def test_int64() -> None:
    values = np.array([2**40, -(2**40), 3], np.int64)
    with enable_x64(True):
        program = import_jax(lambda x: (x + 1, x * 2, x.sum()), (values,))
    got = list(Runner(write_model(program)).run([values]).values())
    for have, want in zip(got, (values + 1, values * 2, values.sum()), strict=True):
        np.testing.assert_array_equal(have, want)


def test_complex_result_is_refused() -> None:
    with pytest.raises(ConverterError, match=r"return jnp.real\(y\) and jnp.imag\(y\)"):
        import_jax(jnp.fft.fft, (f32(8),))


def test_callbacks_are_refused() -> None:
    def function(x: Any) -> Any:
        return jax.pure_callback(lambda v: v, jax.ShapeDtypeStruct(x.shape, x.dtype), x)

    with pytest.raises(ConverterError, match="calls Python while the model runs"):
        import_jax(function, (X,))


def test_debug_prints_are_left_out() -> None:
    def function(x: Any) -> Any:
        jax.debug.print("x is {}", x)
        return x * 2

    assert import_jax(function, (X,)).histogram() == {"MUL": 1}


def test_what_nobody_needs_is_not_imported() -> None:
    def function(x: Any) -> Any:
        jnp.linalg.cholesky(jnp.eye(3) + x[0, 0])
        return x * 2

    assert import_jax(function, (X,)).histogram() == {"MUL": 1}


def test_broadcasts_cost_nothing() -> None:
    """A bias is added as it is, not repeated first."""
    program = import_jax(lambda x, y: x * y[:, None] + jnp.arange(4.0), (f32(3, 4), f32(3)))
    assert set(program.histogram()) == {"RESHAPE", "MUL", "ADD"}


def test_origins() -> None:
    def function(x: Any) -> Any:
        with jax.named_scope("encoder"), jax.named_scope("norm"):
            return jnp.tanh(x)

    (op,) = import_jax(function, (X,)).main.ops
    assert op.origin.op == "jax.tanh"
    assert op.origin.layer == "encoder/norm"
    assert op.origin.line.startswith("test_import.py:")


SCALE = jnp.asarray(f32(30))


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda w: functools.partial(lambda p, x: x * p["w"], {"w": w}), "args/0/w"),
        (lambda w: lambda x: x * w, "w"),
        (lambda w: lambda x: x * SCALE, "SCALE"),
        (lambda w: jax.jit(lambda x: x * w), "w"),
    ],
    ids=["partial", "closure", "global", "jit"],
)
def test_names_of_weights(make: Any, name: str) -> None:
    program = import_jax(make(jnp.asarray(f32(30))), (f32(2, 30),))
    assert [v.name for v in program.main.constants()] == [name]


def test_a_wrong_lowering_fails_the_parity_harness(monkeypatch: pytest.MonkeyPatch) -> None:
    from litesmith.frontends.jax import convert
    from litesmith.frontends.jax.lowering import LOWERINGS
    from litesmith.frontends.jax.registry import Lowering
    from tests.jax.parity import Case, check

    wrong = Lowering(("add",), lambda b, x, y: b.sub(x, y), broadcasts=True)
    monkeypatch.setattr(convert, "LOWERINGS", {**LOWERINGS, "add": wrong})
    with pytest.raises(AssertionError, match="of the range"):
        check(Case("wrong", jnp.add, (X, Y)))


def test_state_of_nested_pytrees() -> None:
    """A loop over lists, dicts and tuples as state."""

    def function(x: Any, n: Any) -> Any:
        state = {"total": jnp.zeros(3), "count": [jnp.int32(0), jnp.int32(1)]}

        def body(i: Any, s: Any) -> Any:
            return {"total": s["total"] + jnp.asarray(x)[i % 2], "count": [s["count"][0] + 1, s["count"][1] * 2]}

        return jax.lax.fori_loop(0, n, body, state)

    n = np.int32(5)
    runner = Runner(write_model(import_jax(function, (X, n))))
    want = function(X, n)
    got = runner.run([X, n])
    np.testing.assert_allclose(got["total"], want["total"], rtol=1e-6)
    assert [int(got["count_0"]), int(got["count_1"])] == [5, 32]


def test_state_passed_in_and_out() -> None:
    """Three steps of a model whose caller keeps the state."""
    weights = jnp.asarray(f32(4, 4))

    def step(x: Any, h: Any) -> Any:
        h = jnp.tanh(x @ weights + h)
        return {"y": h.sum(-1), "h": h}

    runner = Runner(write_model(import_jax(step, (f32(2, 4), f32(2, 4, seed="h")))))
    h = want = np.zeros((2, 4), np.float32)
    for k in range(3):
        x = f32(2, 4, seed=str(k))
        got, expected = runner.run([x, h]), step(x, want)
        h, want = got["h"], expected["h"]
        np.testing.assert_allclose(got["y"], expected["y"], rtol=1e-5, atol=1e-6)


def test_integer_inputs_of_every_width() -> None:
    for dtype in ("int8", "uint8", "int16", "int32"):
        values = i32(7, low=0, high=9).astype(dtype)
        runner = Runner(write_model(import_jax(lambda x: x[::-1], (values,))))
        np.testing.assert_array_equal(runner.run([values])["output_0"], values[::-1])
