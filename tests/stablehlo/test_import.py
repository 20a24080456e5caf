"""Ways in, names, sizes, refusals, damage."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

import litesmith
from litesmith.errors import ConverterError, FormatError, LitesmithError, UsageError
from litesmith.frontends.stablehlo import import_bytes, import_exported, module
from litesmith.ir.budget import own_budget
from tests.arrays import f32
from tests.jax.parity import Case
from tests.stablehlo.parity import converted, exported

DEADLY = Path(__file__).parent / "data" / "deadly.mlirbc"

WEIGHT = f32(6, 3)


def model(x: Any) -> Any:
    with jax.named_scope("head"):
        return {"y": jnp.tanh(x["image"] @ WEIGHT), "size": x["image"].sum(0)}


def artifact(*shape: Any) -> Any:
    return export.export(jax.jit(model), platforms=["cpu"])({"image": jax.ShapeDtypeStruct(shape, jnp.float32)})


@pytest.fixture(scope="module")
def dynamic() -> Any:
    return artifact(*export.symbolic_shape("batch, 6"))


@pytest.mark.parametrize("suffix", [".jax", ".jax_export"])
def test_files(dynamic: Any, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(dynamic.serialize())
    got = litesmith.convert(path)(image=f32(4, 6))
    np.testing.assert_allclose(got["y"], np.tanh(f32(4, 6) @ WEIGHT), atol=1e-5)


@pytest.mark.parametrize("form", ["exported", "bytes", "stablehlo", "mlirbc", "mlir"])
def test_forms(dynamic: Any, tmp_path: Path, form: str) -> None:
    source: Any = {"exported": dynamic, "bytes": bytes(dynamic.serialize())}.get(form)
    if source is None:
        source = tmp_path / f"model.{form}"
        text = dynamic.mlir_module().encode()
        source.write_bytes(text if form == "mlir" else dynamic.mlir_module_serialized)
    made = litesmith.convert(source)
    outputs = made(f32(4, 6)).values()
    (found,) = [v for v in outputs if v.shape == (4, 3)]
    np.testing.assert_allclose(found, np.tanh(f32(4, 6) @ WEIGHT), atol=1e-5)
    (entry,) = made.program.signatures
    assert str(entry.graph.inputs[0].dims[0]) == "batch"


def test_names(dynamic: Any) -> None:
    (signature,) = import_exported(dynamic).signatures
    assert list(signature.inputs) == ["image"]
    assert list(signature.outputs) == ["size", "y"]


def test_origins(dynamic: Any) -> None:
    origins = [o for op in import_exported(dynamic).graphs[0].ops for o in op.origins]
    assert any(o.layer == "head" and o.node == "tanh" and o.line.startswith("test_import.py:") for o in origins)


def test_given_shapes(dynamic: Any) -> None:
    program = litesmith.convert(dynamic, input_shapes={"image": (2, 6)}).program
    assert program.graphs[0].inputs[0].dims == (2, 6)
    assert not {"SHAPE", "PACK"} & set(program.histogram())


@pytest.mark.parametrize(
    "shapes, says", [({"image": (2, 7)}, "does not fit"), ({"other": (2, 6)}, "inputs are image"), ({"image": (2,)}, "fit")]
)
def test_given_shapes_that_do_not_fit(dynamic: Any, shapes: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        litesmith.convert(dynamic, input_shapes=shapes)


def test_arguments_that_are_not_used_stay_inputs() -> None:
    case = Case("unused", lambda x, y, z: z * 2, (f32(2), f32(3), f32(4)))
    assert [v.dims for v in import_exported(exported(case)).graphs[0].inputs] == [(2,), (3,), (4,)]


def test_several_platforms() -> None:
    """The branch of the CPU is taken where the function has one for each platform."""

    def run(x: Any) -> Any:
        return jax.lax.platform_dependent(x, cpu=lambda v: v + 1, tpu=lambda v: v - 1)

    made = export.export(jax.jit(run), platforms=["tpu", "cpu"])(jax.ShapeDtypeStruct((3,), jnp.float32))
    np.testing.assert_array_equal(litesmith.convert(made)(f32(3))["output_0"], f32(3) + 1)


def test_equal_sizes_are_one_symbol() -> None:
    case = Case("two", lambda x, y: x + y, (f32(2, 3), f32(2, 3)), shapes=["b, 3", "b, 3"])
    program = converted(exported(case))
    left, right = (v.dims[0] for v in program.graphs[0].inputs)
    assert left == right
    assert set(program.histogram()) == {"ADD"}


def test_all_problems_at_once() -> None:
    def run(x: Any) -> Any:
        return jnp.linalg.cholesky(x), jax.lax.linalg.lu(x)[0], jnp.tanh(x)

    case = Case("problems", run, (f32(3, 3),))
    with pytest.raises(ConverterError) as caught:
        import_exported(exported(case))
    assert len(caught.value.problems) >= 2
    assert all(p.code == "LS010" and p.fix and "test_import.py" in p.line for p in caught.value.problems)


def test_several_devices_are_refused() -> None:
    class Several:
        nr_devices = 2

    with pytest.raises(ConverterError, match="2 devices"):
        import_exported(Several())


def test_jax_missing(monkeypatch: pytest.MonkeyPatch, dynamic: Any) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jaxlib.mlir.dialects", None)
    with pytest.raises(UsageError, match=r"litesmith\[jax\]"):
        module.read_module(dynamic.mlir_module_serialized)


# -- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [b"", b"\0" * 100, b"ML\xefR", b"ML\xefRgarbage", b"module {", b"module {}", b"func.func @f( }", b"#loc = 1"],
    ids=repr,
)
def test_no_model(data: bytes) -> None:
    with pytest.raises(FormatError):
        import_bytes(data)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(LitesmithError):
        litesmith.convert(tmp_path / "none.jax")


@pytest.mark.parametrize("form", ["serialized", "module"])
def test_damaged(dynamic: Any, form: str) -> None:
    """Bytes flipped or cut anywhere give an error of the project, or a model."""
    whole = bytes(dynamic.serialize() if form == "serialized" else dynamic.mlir_module_serialized)
    rng = random.Random(form)
    for _ in range(6):
        data = bytearray(whole[: rng.randrange(1, len(whole))] if rng.random() < 0.3 else whole)
        for _ in range(rng.randrange(4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            import_bytes(bytes(data))
        except LitesmithError:
            continue


def test_what_ends_the_parser() -> None:
    """Bytes on which the parser of MLIR crashes its process."""
    with pytest.raises(FormatError, match="damaged"):
        import_bytes(DEADLY.read_bytes())


def test_a_module_that_grows_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each function calls the next twice: 2**60 operations."""
    body = "".join(
        f"func.func private @f{i}(%a: tensor<f32>) -> tensor<f32> {{ %0 = func.call @f{i + 1}(%a) : (tensor<f32>) -> "
        f"tensor<f32> %1 = func.call @f{i + 1}(%0) : (tensor<f32>) -> tensor<f32> return %1 : tensor<f32> }}\n"
        for i in range(60)
    )
    last = "func.func private @f60(%a: tensor<f32>) -> tensor<f32> { return %a : tensor<f32> }"
    main = "func.func @main(%a: tensor<f32>) -> tensor<f32> { %0 = func.call @f0(%a) : (tensor<f32>) -> tensor<f32> "
    monkeypatch.setattr("litesmith.ir.budget.MAX_INLINED", 2000)
    with own_budget(), pytest.raises(ConverterError, match=r"LS015.*more than 2000 operations"):
        import_bytes(f"module {{ {main} return %0 : tensor<f32> }}\n{body}{last} }}".encode())


def test_recursion() -> None:
    text = """module { func.func @main(%a: tensor<f32>) -> tensor<f32> {
        %0 = func.call @main(%a) : (tensor<f32>) -> tensor<f32> return %0 : tensor<f32> } }"""
    with pytest.raises(ConverterError, match="nested too deeply"):
        import_bytes(text.encode())
