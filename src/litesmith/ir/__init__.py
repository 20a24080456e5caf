"""The intermediate representation: programs of LiteRT operators, with symbolic dimensions and lazy constants."""

from litesmith.ir.builder import Builder
from litesmith.ir.constant import Constant
from litesmith.ir.dims import Dim, Sym
from litesmith.ir.dtypes import DType
from litesmith.ir.graph import Graph, Op, Origin, Program, Signature, Value
from litesmith.ir.opdef import Attr, OpDef, Operand, OpSet, QuantRule, Trait
from litesmith.ir.types import Quantization, TensorType, tensor

__all__ = [
    "Attr",
    "Builder",
    "Constant",
    "DType",
    "Dim",
    "Graph",
    "Op",
    "OpDef",
    "OpSet",
    "Operand",
    "Origin",
    "Program",
    "QuantRule",
    "Quantization",
    "Signature",
    "Sym",
    "TensorType",
    "Trait",
    "Value",
    "tensor",
]
