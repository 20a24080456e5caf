"""Complex arithmetic, said in real and imaginary parts.

A lowering named ``complex Op`` takes the place of the one of ``Op`` wherever an operand is complex: a `Complex`, or a
complex64 tensor that a kernel made or the user fed. Operands annotated `Tensor` are either of these, or real.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from litesmith.decompositions.complex_parts import (
    Complex,
    bilinear,
    conjugate,
    exponential,
    imaginary,
    logarithm,
    magnitude,
)
from litesmith.decompositions.complex_parts import divide as divided
from litesmith.decompositions.shapes import broadcast_to, cast, full
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.lowering import array, indexing, math, matrix, reduction, slicing
from litesmith.frontends.tensorflow.registry import Lowering, collect, lowers
from litesmith.frontends.tensorflow.resources import Results, is_complex
from litesmith.ir import Builder, DType, Value

if TYPE_CHECKING:
    from litesmith.frontends.tensorflow.attributes import Attribute, Attrs


Tensor: TypeAlias = Value | Complex
"""What is complex, or may be."""


def parts(b: Builder, z: Tensor) -> Complex:
    """Real and imaginary part."""
    if isinstance(z, Complex):
        return z
    if not z.type.dtype.is_complex:
        return Complex(z)
    if z.is_const:
        elements = z.numpy()
        return Complex(b.constant(np.ascontiguousarray(elements.real)), b.constant(np.ascontiguousarray(elements.imag)))
    return Complex(b.real(z), b.imag(z))


def _together(b: Builder, x: Complex, y: Complex) -> tuple[Complex, Complex]:
    """Both operands in the shape they broadcast to, so that a missing part leaves none of it out."""
    if x.real.type.shape == y.real.type.shape or (x.imag is None) == (y.imag is None):
        return x, y
    wide, _ = math.broadcast_together(b, x.real, y.real)
    dims = wide.dims

    def spread(z: Complex) -> Complex:
        return Complex(z.real, None if z.imag is None else broadcast_to(b, z.imag, dims, wide))

    return spread(x), spread(y)


# -- parts ------------------------------------------------------------------------------------------------------------


@lowers("Complex")
def complex_(b: Builder, real: Value, imag: Value, *, T: DType = DType.FLOAT32, Tout: DType = DType.COMPLEX64) -> Tensor:
    if real.is_const and imag.is_const:
        return b.constant(real.numpy() + 1j * imag.numpy(), Tout)
    return Complex(*math.broadcast_together(b, real, imag))


@lowers("Real", "complex Real")
def real(b: Builder, input: Tensor, *, Tout: DType = DType.FLOAT32) -> Value:
    if isinstance(input, Complex):
        return input.real
    return b.real(input) if is_complex(input) else input


@lowers("Imag", "complex Imag")
def imag(b: Builder, input: Tensor, *, Tout: DType = DType.FLOAT32) -> Value:
    if isinstance(input, Complex):
        return imaginary(b, input)
    return b.imag(input) if is_complex(input) else full(b, input.dims, 0, input.type.dtype, input)


@lowers("ComplexAbs", "complex ComplexAbs")
def complex_abs(b: Builder, x: Tensor, *, Tout: DType = DType.FLOAT32) -> Value:
    """COMPLEX_ABS of a kernel's tensor."""
    if isinstance(x, Value):
        return b.complex_abs(x)
    return magnitude(b, x, scaled=False)


@lowers("Angle", "complex Angle")
def angle(b: Builder, input: Tensor, *, Tout: DType = DType.FLOAT32) -> Value:
    z = parts(b, input)
    return b.atan2(imaginary(b, z), z.real)


@lowers("Conj", "complex Conj")
def conj(b: Builder, input: Tensor) -> Tensor:
    if not is_complex(input):
        return input
    return conjugate(b, parts(b, input))


@lowers("complex Cast")
def cast_(b: Builder, x: Tensor, *, DstT: DType, Truncate: bool = False) -> Tensor:
    if DstT.is_complex:
        return x
    return cast(b, parts(b, x).real, DstT)


# -- arithmetic -------------------------------------------------------------------------------------------------------


def _sum(builtin: str) -> Callable[[Builder, Tensor, Tensor], Complex]:
    def function(b: Builder, x: Tensor, y: Tensor) -> Complex:
        left, right = _together(b, parts(b, x), parts(b, y))
        total = b.apply(builtin, left.real, right.real)
        if right.imag is None:
            return Complex(total, left.imag)
        if left.imag is None:
            return Complex(total, right.imag if builtin == "add" else b.neg(right.imag))
        return Complex(total, b.apply(builtin, left.imag, right.imag))

    return function


SUMS = (lowers("complex Add", "complex AddV2")(_sum("add")), lowers("complex Sub")(_sum("sub")))


@lowers("complex Mul")
def mul(b: Builder, x: Tensor, y: Tensor) -> Complex:
    return bilinear(b, b.mul, parts(b, x), parts(b, y))


@lowers("complex Square")
def square(b: Builder, x: Tensor) -> Complex:
    z = parts(b, x)
    return bilinear(b, b.mul, z, z)


@lowers("complex RealDiv")
def divide(b: Builder, x: Tensor, y: Tensor) -> Complex:
    return divided(b, parts(b, x), parts(b, y), scaled=False)


@lowers("complex Neg")
def neg(b: Builder, x: Tensor) -> Complex:
    return parts(b, x).each(b.neg)


@lowers("complex Exp")
def exp(b: Builder, x: Tensor) -> Complex:
    return exponential(b, parts(b, x))


@lowers("complex Log")
def log(b: Builder, x: Tensor) -> Complex:
    return logarithm(b, parts(b, x), scaled=False)


# -- matrices ---------------------------------------------------------------------------------------------------------


@lowers("complex MatMul")
def matmul(b: Builder, a: Tensor, b_: Tensor, *, transpose_a: bool = False, transpose_b: bool = False) -> Complex:
    def product(x: Value, y: Value) -> Value:
        return matrix.matmul(b, x, y, transpose_a=transpose_a, transpose_b=transpose_b)

    return bilinear(b, product, parts(b, a), parts(b, b_))


@lowers("complex BatchMatMulV2")
def batch_matmul(b: Builder, x: Tensor, y: Tensor, *, adj_x: bool = False, adj_y: bool = False) -> Complex:
    """``adj`` conjugates as well."""

    def product(left: Value, right: Value) -> Value:
        return matrix.batch_matmul(b, left, right, adj_x=adj_x, adj_y=adj_y)

    left, right = parts(b, x), parts(b, y)
    return bilinear(b, product, conjugate(b, left) if adj_x else left, conjugate(b, right) if adj_y else right)


@lowers("complex Einsum")
def einsum(b: Builder, inputs: list[Tensor], *, equation: str) -> Complex:
    if len(inputs) == 1:
        z = parts(b, inputs[0])
        real = matrix.einsum_(b, [z.real], equation=equation)
        return Complex(real, None if z.imag is None else matrix.einsum_(b, [z.imag], equation=equation))
    if len(inputs) != 2:
        raise UnsupportedError("an einsum of more than two complex tensors", "multiply two at a time")

    def product(x: Value, y: Value) -> Value:
        return matrix.einsum_(b, [x, y], equation=equation)

    return bilinear(b, product, parts(b, inputs[0]), parts(b, inputs[1]))


@lowers("complex ConjugateTranspose")
def conjugate_transpose(b: Builder, x: Tensor, perm: Value) -> Complex:
    z = parts(b, x)
    turned = array.transpose(b, z.real, perm)
    return Complex(turned, None if z.imag is None else b.neg(array.transpose(b, z.imag, perm)))


# -- each part on its own ---------------------------------------------------------------------------------------------

_ORDINARY: Mapping[str, Lowering[..., Results]] = collect([array, indexing, math, reduction, slicing])

PARTWISE = (
    "BroadcastTo ConcatV2 Cumsum ExpandDims GatherNd GatherV2 Mean Pack Pad Reshape ReverseV2 Roll SelectV2 Slice Split "
    "SplitV Squeeze StridedSlice Sum Tile Transpose Unpack ZerosLike"
).split()


def _partwise(op: str) -> Lowering[..., Results]:
    ordinary = _ORDINARY[op]

    def function(b: Builder, operands: list[Tensor], **attrs: Attribute) -> list[Complex]:
        numbers = [parts(b, v) if is_complex(v) else v for v in operands]
        reals = [z.real if isinstance(z, Complex) else z for z in numbers]
        results = _run(b, ordinary, reals, attrs)
        if all(z.imag is None for z in numbers if isinstance(z, Complex)):
            joined = [Complex(v) for v in results]
        else:
            imags = [imaginary(b, z) if isinstance(z, Complex) else z for z in numbers]
            pairs = zip(results, _run(b, ordinary, imags, attrs), strict=True)
            joined = [Complex(*pair) for pair in pairs]
        return joined

    return lowers(f"complex {op}", outputs=ordinary.outputs)(function)


def _run(b: Builder, lowering: Lowering[..., Results], operands: Sequence[Value], attrs: Attrs) -> list[Value]:
    results = lowering(b, *lowering.bind_inputs(operands), **lowering.bind_attrs(attrs))
    return [v for v in (results if isinstance(results, (tuple, list)) else [results]) if isinstance(v, Value)]


PARTS = tuple(map(_partwise, PARTWISE))


def _of_shape(op: str) -> Lowering[..., Results]:
    """What asks for the shape only."""
    ordinary = _ORDINARY[op]

    def function(b: Builder, operands: list[Tensor], **attrs: Attribute) -> list[Value]:
        reals = [v.real if isinstance(v, Complex) else v for v in operands]
        return _run(b, ordinary, reals, attrs)

    return lowers(f"complex {op}")(function)


SHAPES = tuple(_of_shape(op) for op in ("Shape", "Size"))
