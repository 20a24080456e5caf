"""Result shapes of Select TF operators that follow from their operands, for models that do not record them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from litesmith.frontends.tensorflow.attributes import Attrs, attribute_of_type
from litesmith.ir import Dim, TensorType
from litesmith.ir.dims import broadcast
from litesmith.ops.common import unknown_dim

Shape = tuple[Dim, ...]
Rule = Callable[[Attrs, Sequence[TensorType]], Shape | None]


def inferred_shape(op: str, attrs: Attrs, types: Sequence[TensorType]) -> Shape | None:
    """The shape of an operator's first result; None where no rule knows it."""
    rule = _RULES.get(op)
    return None if rule is None else rule(attrs, types)


def _first(attrs: Attrs, types: Sequence[TensorType]) -> Shape | None:
    return types[0].shape


def _broadcast(attrs: Attrs, types: Sequence[TensorType]) -> Shape | None:
    shape: Shape = ()
    for kind in types:
        if kind.shape is None:
            return None
        rank = max(len(shape), len(kind.shape))
        left, right = ((1,) * (rank - len(s)) + s for s in (shape, kind.shape))
        shape = tuple(broadcast(a, b) for a, b in zip(left, right, strict=True))
    return shape


def _scalar(attrs: Attrs, types: Sequence[TensorType]) -> Shape | None:
    return ()


def _image(attrs: Attrs, types: Sequence[TensorType]) -> Shape | None:
    channels = attribute_of_type({"channels": 0, **attrs}, "channels", int)
    return (unknown_dim(), unknown_dim(), channels or unknown_dim())


def _rules() -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    same = (
        "AsString StringLower StringUpper StringStrip StringLength StringToNumber StringToHashBucket "
        "StringToHashBucketFast StringToHashBucketStrong StaticRegexReplace StaticRegexFullMatch RegexReplace "
        "RegexFullMatch Substr EncodeBase64 DecodeBase64 UnicodeTranscode UnicodeScript MatrixInverse Cholesky FFT IFFT "
        "FFT2D IFFT2D FFT3D IFFT3D RandomShuffle CheckNumerics Abs Sin Cos Tan Exp Log Sqrt Rsqrt Relu Neg Tanh Sigmoid "
        "Floor Ceil Round Sign Square Erf Identity Cast Softmax LogSoftmax Roll MatrixExponential MatrixLogarithm "
        "MatrixSquareRoot Ndtri Spence Dawsn Expint FresnelCos FresnelSin BesselJ0 BesselJ1 BesselK0 BesselK0e BesselK1 "
        "BesselK1e BesselY0 BesselY1 LRN DrawBoundingBoxesV2"
    )
    rules |= dict.fromkeys(same.split(), _first)
    rules |= dict.fromkeys("StringJoin Add AddV2 Sub Mul RealDiv Div Maximum Minimum Pow".split(), _broadcast)
    rules |= dict.fromkeys("DecodeJpeg DecodePng DecodeBmp".split(), _image)
    handles = "VarHandleOp HashTableV2 MutableHashTableV2 MutableDenseHashTableV2 EncodeJpeg EncodePng ReadFile"
    rules |= dict.fromkeys(
        [*handles.split(), "TensorSliceDataset", "MapDataset", "BatchDataset", "BatchDatasetV2"], _scalar
    )
    return rules


_RULES = _rules()
