"""What `import_jax` makes of functions: names, signatures, element types at the boundary, refusals, origins."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

import litesmith
from litesmith.errors import ConverterError, TracingError, UsageError
from litesmith.formats.tflite import write_model
from litesmith.frontends.jax import JaxFunction, import_jax, import_signatures
from litesmith.frontends.jax.types import dim_of
from litesmith.ir import DType, Sym, tensor
from litesmith.runtime.runner import Runner
from tests.arrays import f32, i32
from tests.jax.parity import enable_x64

X, Y = f32(2, 3), f32(2, 3, seed="y")


class Point(NamedTuple):
    x: Any
    y: Any


class Scaled:
    """An object that is called, and methods of it."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, image: Any) -> Any:
        return image * self.factor

    def shifted(self, image: Any, *, by: Any) -> Any:
        return self(image) + by

    @functools.partial(jax.jit, static_argnums=0)
    def jitted(self, image: Any) -> Any:
        return self(image)


def _names(function: Any, *args: Any, **kwargs: Any) -> tuple[list[str], list[str]]:
    (signature,) = import_jax(function, args, None, kwargs).signatures
    return list(signature.inputs), list(signature.outputs)


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "inputs", "outputs"),
    [
        (lambda x, y: x + y, (X, Y), {}, ["x", "y"], ["output_0"]),
        (lambda *xs: xs[0] + xs[1], (X, Y), {}, ["xs_0", "xs_1"], ["output_0"]),
        (lambda x, **more: x + more["bias"], (X,), {"bias": Y}, ["x", "bias"], ["output_0"]),
        (jax.jit(lambda x, n, y: x * n + y, static_argnums=1), (X, 2, Y), {}, ["x", "y"], ["output_0"]),
        (functools.partial(lambda a, x: x * a, 2.0), (X,), {}, ["x"], ["output_0"]),
        (functools.partial(jax.jit(lambda x, n: x * n, static_argnums=1), n=2), (X,), {}, ["x"], ["output_0"]),
        (Scaled(2.0), (X,), {}, ["image"], ["output_0"]),
        (Scaled(2.0).shifted, (X,), {"by": Y}, ["image", "by"], ["output_0"]),
        (Scaled(2.0).jitted, (X,), {}, ["image"], ["output_0"]),
        (lambda x, act, mode: act(x) if mode == "go" else x, (X, jnp.sin, "go"), {}, ["x"], ["output_0"]),
        (lambda pair: Point(pair.y, pair.x), (Point(X, Y),), {}, ["pair_x", "pair_y"], ["output_0", "output_1"]),
        (lambda x: (x, x + 1), (X,), {}, ["x"], ["output_0", "output_1"]),
        (lambda d: {"sum": d["a"] + d["b"], "a": d["a"]}, ({"a": X, "b": Y},), {}, ["a", "b"], ["a", "sum"]),
        (lambda d, e: d["a"] + e["a"], ({"a": X}, {"a": Y}), {}, ["d_a", "e_a"], ["output_0"]),
        (lambda p, *, mask: p[0] * mask, ([X, Y],), {"mask": X}, ["p_0", "p_1", "mask"], ["output_0"]),
        (lambda x: {"layers": [x, {"w": x * 2}]}, (X,), {}, ["x"], ["layers_0", "layers_1_w"]),
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


def _power(x: Any, n: int, mode: str = "up", *, mask: Any = None) -> Any:
    y = x**n if mode == "up" else x**-n
    return {"power": y if mask is None else y * mask}


@pytest.mark.parametrize(
    ("function", "args", "options", "want"),
    [
        (_power, (X, 2), {"static_argnums": 1}, X**2),
        (_power, (X, 2), {"static_argnums": (1,), "kwargs": {"mask": Y}}, X**2 * Y),
        (_power, (X,), {"static_argnames": "n", "kwargs": {"n": 3, "mask": Y}}, X**3 * Y),
        (_power, (X,), {"static_argnames": ("n", "mode"), "kwargs": {"n": 2, "mode": "down"}}, X**-2.0),
        (jax.jit(_power, static_argnums=(1, 2)), (X, 2, "down"), {}, X**-2.0),
        (jax.jit(_power, static_argnames=("n",)), (X,), {"kwargs": {"n": 2}}, X**2),
        (_power, (X, 2), {"static_argnums": 1, "input_names": ["base"], "output_names": ["power"]}, X**2),
    ],
)
def test_static_and_keyword_arguments(function: Any, args: Any, options: Any, want: Any) -> None:
    model = litesmith.convert(function, *args, **options)
    fed = [a for a in (*args, *options.get("kwargs", {}).values()) if isinstance(a, np.ndarray)]
    assert list(model.program.signatures[0].inputs)[0] == options.get("input_names", ["x"])[0]
    np.testing.assert_allclose(model(*fed)["power"], want, rtol=1e-5)


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


def test_several_functions_by_convert() -> None:
    """A list or a dict of functions is a file of several signatures, each with its own arguments."""
    table = jnp.asarray(f32(300, 300))
    encode, decode = (lambda x: x @ table), (lambda z, scale: {"x": jnp.tanh(z) @ table * scale})
    x, z = f32(2, 300), f32(3, 300)
    model = litesmith.convert(
        {"encode": encode, "decode": decode}, {"decode": (z,), "encode": (x,)}, kwargs={"decode": {"scale": X[0, :1]}}
    )
    assert list(model.program.signatures[1].inputs) == ["z", "scale"]
    assert len(model.content) < 1.5 * table.nbytes
    np.testing.assert_allclose(model(x, signature="encode")["output_0"], encode(x), rtol=1e-4, atol=1e-4)
    got = model(z=z, scale=X[0, :1], signature="decode")["x"]
    np.testing.assert_allclose(got, decode(z, X[0, :1])["x"], rtol=1e-4, atol=1e-4)
    listed = litesmith.convert([jnp.sin, jnp.cos], [(X,), (X,)], signature_keys=["a", "b"])
    np.testing.assert_allclose(listed(X, signature="b")["output_0"], np.cos(X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("source", "args", "options", "message"),
    [
        ([jnp.sin, jnp.cos], (X,), {}, "2 functions need as many keys and argument lists"),
        ([jnp.sin, jnp.cos], (X, X), {}, "several functions take one more argument"),
        ([jnp.sin, jnp.cos], ([X, X],), {}, r"Fix: convert\(\[f, g\]"),
        ({"a": jnp.sin}, ([(X,)],), {"signature_keys": ["b"]}, "the functions have keys already"),
        ({"a": jnp.sin}, ([(X,)],), {"kwargs": {"b": {}}}, "keyword arguments for b, but the functions are a"),
        ({"a": jnp.sin}, ([(X,)],), {"static_argnums": 0}, r"jax.jit\(function, static_argnums"),
    ],
)
def test_several_functions_that_do_not_fit(source: Any, args: Any, options: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        litesmith.convert(source, *args, **options)


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


def test_bounds_of_sizes() -> None:
    """What an operation asks of a size is taken for granted where the size is named here; else it is to be said."""
    table, n = jnp.asarray(f32(6, 3)), Sym.named("n")

    def function(x: Any) -> Any:
        return x + jax.lax.dynamic_slice(table, (0, 0), x.shape)

    runner = Runner(write_model(import_jax(function, (tensor(DType.FLOAT32, (n, 3)),))))
    for size in (2, 6):
        np.testing.assert_array_equal(runner.run([f32(size, 3)])["output_0"], f32(size, 3) + table[:size])
    spec = jax.ShapeDtypeStruct(export.symbolic_shape("n, 3"), "float32")
    with pytest.raises(TracingError, match=r'symbolic_shape\("…", constraints=\["n <= 6"\]\)'):
        import_jax(function, (spec,))
    bounded = export.symbolic_shape("n, 3", constraints=["n <= 6"])
    assert import_jax(function, (jax.ShapeDtypeStruct(bounded, "float32"),)).main.inputs[0].dims == (n, 3)


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
def test_element_types_at_the_boundary(dtype: str, stored: DType) -> None:
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


def test_a_module_without_its_variables_is_refused() -> None:
    from flax import linen

    with pytest.raises(TracingError, match=r"Fix: .*functools.partial\(model.apply, variables\)"):
        import_jax(linen.Dense(3), (X,))


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


def test_complex_results() -> None:
    x, scale = f32(3, 8), np.complex64(1 - 2j)
    runner = Runner(
        write_model(import_jax(lambda x, c: {"fft": jnp.fft.fft(x) * c, "of": c, "in": 1j * x[0]}, (x, scale)))
    )
    got = runner.run([x, scale])
    np.testing.assert_allclose(got["fft"], np.fft.fft(x) * scale, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(got["of"], scale)
    np.testing.assert_array_equal(got["in"], 1j * x[0])


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
