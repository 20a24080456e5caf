"""Every operation of StableHLO: a lowering or a refusal; rows for those that JAX's export does not write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from jaxlib.mlir.dialects import chlo, stablehlo

from litesmith.errors import ConverterError
from litesmith.formats.tflite import write_model
from litesmith.frontends.stablehlo.convert import import_module
from litesmith.frontends.stablehlo.lowering import LOWERINGS, REFUSED
from litesmith.frontends.stablehlo.module import read_module
from litesmith.ir.verify import kernel_problems, verify
from litesmith.passes import pipeline
from litesmith.runtime.runner import Runner
from tests.arrays import assert_close, f32

CLIENT_ONLY = {"_asin_acos_kernel", "constant_like", "mulhi", "scan"}
"""Operations of the client dialect that are written nowhere but inside of compilers."""


def _operations(dialect: Any, prefix: str) -> list[str]:
    classes = [v for n, v in vars(dialect).items() if n.endswith("Op") and hasattr(v, "OPERATION_NAME")]
    return sorted({c.OPERATION_NAME for c in classes if c.OPERATION_NAME.startswith(prefix)})


@pytest.mark.parametrize("name", _operations(stablehlo, "stablehlo."))
def test_every_operation_is_lowered_or_refused(name: str) -> None:
    if name != "stablehlo.return" and name != "stablehlo.custom_call":
        assert (name in LOWERINGS) != (name in REFUSED)


@pytest.mark.parametrize("name", _operations(chlo, "chlo."))
def test_every_client_operation_is_lowered_or_refused(name: str) -> None:
    word = name.removeprefix("chlo.")
    if not word.startswith("broadcast_") and word not in CLIENT_ONLY:
        assert (name in LOWERINGS) != (name in REFUSED)


@dataclass(frozen=True)
class Row:
    """The body of a function of ``arguments``, and what it returns for ``inputs``."""

    name: str
    arguments: str
    results: str
    body: str
    inputs: tuple[Any, ...]
    expected: tuple[Any, ...]


def text_of(row: Row) -> str:
    return f"module {{ func.func @main({row.arguments}) -> ({row.results}) {{ {row.body} }} }}"


X, M = f32(2, 3), f32(3, 4, seed="m")
MEAN, VARIANCE = f32(3, seed="mean"), f32(3, low=0.5, high=2)
IMAGE = f32(1, 3, 4)

ROWS = [
    Row(
        "dot",
        "%x: tensor<2x3xf32>, %y: tensor<3x4xf32>",
        "tensor<2x4xf32>",
        """%0 = stablehlo.dot %x, %y : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
        return %0 : tensor<2x4xf32>""",
        (X, M),
        (X @ M,),
    ),
    Row(
        "einsum",
        "%x: tensor<2x3xf32>, %y: tensor<3x4xf32>",
        "tensor<4x2xf32>",
        """%0 = "stablehlo.einsum"(%x, %y) <{einsum_config = "ij,jk->ki"}> : (tensor<2x3xf32>, tensor<3x4xf32>)
          -> tensor<4x2xf32>
        return %0 : tensor<4x2xf32>""",
        (X, M),
        ((X @ M).T,),
    ),
    Row(
        "batch_norm_inference",
        "%x: tensor<2x3xf32>, %s: tensor<3xf32>, %o: tensor<3xf32>, %m: tensor<3xf32>, %v: tensor<3xf32>",
        "tensor<2x3xf32>",
        """%0 = "stablehlo.batch_norm_inference"(%x, %s, %o, %m, %v) <{epsilon = 0.1 : f32, feature_index = 1 : i64}> :
          (tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
        return %0 : tensor<2x3xf32>""",
        (X, f32(3), f32(3, seed="o"), MEAN, VARIANCE),
        ((X - MEAN) / np.sqrt(VARIANCE + np.float32(0.1)) * f32(3) + f32(3, seed="o"),),
    ),
    Row(
        "broadcast",
        "%x: tensor<2x3xf32>",
        "tensor<4x2x3xf32>",
        """%0 = stablehlo.broadcast %x, sizes = [4] : (tensor<2x3xf32>) -> tensor<4x2x3xf32>
        return %0 : tensor<4x2x3xf32>""",
        (X,),
        (np.broadcast_to(X, (4, 2, 3)),),
    ),
    *[
        Row(
            f"if {bool(flag)}",
            "%p: tensor<i1>, %x: tensor<2x3xf32>",
            "tensor<2x3xf32>",
            """%0 = "stablehlo.if"(%p) ({ %1 = stablehlo.negate %x : tensor<2x3xf32>
              stablehlo.return %1 : tensor<2x3xf32> }, { stablehlo.return %x : tensor<2x3xf32> })
              : (tensor<i1>) -> tensor<2x3xf32>
            return %0 : tensor<2x3xf32>""",
            (np.array(flag), X),
            (-X if flag else X,),
        )
        for flag in (True, False)
    ],
    *[
        Row(
            f"case {index}",
            "%i: tensor<i32>, %x: tensor<2x3xf32>",
            "tensor<2x3xf32>",
            """%0 = "stablehlo.case"(%i) ({ %1 = stablehlo.negate %x : tensor<2x3xf32>
              stablehlo.return %1 : tensor<2x3xf32> }, { stablehlo.return %x : tensor<2x3xf32> },
              { %1 = stablehlo.add %x, %x : tensor<2x3xf32> stablehlo.return %1 : tensor<2x3xf32> })
              : (tensor<i32>) -> tensor<2x3xf32>
            return %0 : tensor<2x3xf32>""",
            (np.int32(index), X),
            (made,),
        )
        for index, made in ((0, -X), (1, X), (2, 2 * X), (7, 2 * X), (-1, 2 * X))
    ],
    Row(
        "gather whose vectors are not last",
        "%x: tensor<2x3xf32>, %i: tensor<2x4xi32>",
        "tensor<4xf32>",
        """%0 = "stablehlo.gather"(%x, %i) <{dimension_numbers = #stablehlo.gather<collapsed_slice_dims = [0, 1],
          start_index_map = [0, 1], index_vector_dim = 0>, slice_sizes = array<i64: 1, 1>}>
          : (tensor<2x3xf32>, tensor<2x4xi32>) -> tensor<4xf32>
        return %0 : tensor<4xf32>""",
        (X, np.array([[0, 1, 1, 9], [2, 0, 1, -3]], np.int32)),
        (X[[0, 1, 1, 1], [2, 0, 1, 0]],),
    ),
    Row(
        "convolution with a turned window",
        "%x: tensor<1x3x4xf32>, %k: tensor<2x4x5xf32>",
        "tensor<1x2x5xf32>",
        """%0 = stablehlo.convolution(%x, %k) dim_numbers = [b, 0, f]x[0, i, o]->[b, 0, f], window = {reverse = [true]}
          {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
          : (tensor<1x3x4xf32>, tensor<2x4x5xf32>) -> tensor<1x2x5xf32>
        return %0 : tensor<1x2x5xf32>""",
        (IMAGE, f32(2, 4, 5)),
        (np.stack([IMAGE[0, i] @ f32(2, 4, 5)[1] + IMAGE[0, i + 1] @ f32(2, 4, 5)[0] for i in range(2)])[None],),
    ),
    Row(
        "descending sort",
        "%x: tensor<2x3xf32>",
        "tensor<2x3xf32>",
        """%0 = "stablehlo.sort"(%x) <{dimension = 1 : i64, is_stable = true}> ({
          ^bb0(%a: tensor<f32>, %b: tensor<f32>):
            %1 = stablehlo.compare GT, %a, %b, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
            stablehlo.return %1 : tensor<i1> }) : (tensor<2x3xf32>) -> tensor<2x3xf32>
        return %0 : tensor<2x3xf32>""",
        (X,),
        (-np.sort(-X, 1),),
    ),
    Row(
        "bools are added",
        "%x: tensor<2x3xf32>",
        "tensor<2x3xi1>",
        """%c = stablehlo.constant dense<[[true, false, true], [false, false, true]]> : tensor<2x3xi1>
        %1 = stablehlo.compare GT, %x, %x : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xi1>
        %2 = stablehlo.add %1, %c : tensor<2x3xi1>
        return %2 : tensor<2x3xi1>""",
        (X,),
        (np.array([[True, False, True], [False, False, True]]),),
    ),
    Row(
        "constants the bindings do not show",
        "%x: tensor<2x3xf32>",
        "tensor<2x3xf32>",
        """%a = stablehlo.constant dense<[1.5, -2.0, 0x7F80]> : tensor<3xbf16>
        %b = stablehlo.convert %a : (tensor<3xbf16>) -> tensor<3xf32>
        %c = stablehlo.constant dense<[(1.0, 2.0), (0.5, -1.0), (3.0, 0.0)]> : tensor<3xcomplex<f32>>
        %d = stablehlo.imag %c : (tensor<3xcomplex<f32>>) -> tensor<3xf32>
        %e = stablehlo.add %b, %d : tensor<3xf32>
        %f = stablehlo.broadcast_in_dim %e, dims = [1] : (tensor<3xf32>) -> tensor<2x3xf32>
        %g = stablehlo.add %f, %x : tensor<2x3xf32>
        return %g : tensor<2x3xf32>""",
        (X,),
        (X + np.array([3.5, -3, np.inf], np.float32),),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(row: Row) -> None:
    program = import_module(read_module(text_of(row).encode()))
    verify(program)
    pipeline.run(program, check=True)
    assert not kernel_problems(program)
    runner = Runner(write_model(program))
    for _ in range(3):
        for have, want in zip(runner.run(list(row.inputs)).values(), row.expected, strict=True):
            assert_close(have, np.asarray(want), 1e-5)


REDUCER = """%c = stablehlo.constant dense<0.0> : tensor<f32>
    %0 = stablehlo.reduce(%x init: %c) across dimensions = [1] : (tensor<2x3xf32>, tensor<f32>) -> tensor<2xf32>
    reducer(%a: tensor<f32>, %b: tensor<f32>) {{ %1 = {} stablehlo.return %1 : tensor<f32> }}
    return %0 : tensor<2xf32>"""
COMPARATOR = """%0 = "stablehlo.sort"(%x) <{{dimension = 1 : i64}}> ({{ ^bb0(%a: tensor<f32>, %b: tensor<f32>): {}
    stablehlo.return %1 : tensor<i1> }}) : (tensor<2x3xf32>) -> tensor<2x3xf32>
    return %0 : tensor<2x3xf32>"""


@pytest.mark.parametrize(
    "body, results, says",
    [
        (REDUCER.format("stablehlo.atan2 %a, %b : tensor<f32>"), "tensor<2xf32>", "custom function"),
        (REDUCER.format("stablehlo.add %a, %a : tensor<f32>"), "tensor<2xf32>", "custom function"),
        (
            COMPARATOR.format("%1 = stablehlo.compare LE, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>"),
            "tensor<2x3xf32>",
            "custom comparison",
        ),
        (
            COMPARATOR.format(
                """%n = stablehlo.abs %a : tensor<f32>
                %1 = stablehlo.compare LT, %n, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>"""
            ),
            "tensor<2x3xf32>",
            "custom comparison",
        ),
        (
            "%0 = stablehlo.custom_call @mine(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32> return %0 : tensor<2x3xf32>",
            "tensor<2x3xf32>",
            "nothing is known of",
        ),
    ],
)
def test_refused(body: str, results: str, says: str) -> None:
    row = Row("", "%x: tensor<2x3xf32>", results, body, (), ())
    with pytest.raises(ConverterError, match=says) as caught:
        import_module(read_module(text_of(row).encode()))
    assert caught.value.problems[0].fix
