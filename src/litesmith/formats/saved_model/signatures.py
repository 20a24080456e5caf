"""The signatures of a model as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from litesmith.formats.saved_model.dtypes import DType, dtype_of
from litesmith.formats.saved_model.tensor_proto import tensor_shape, to_array

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import SignatureDef, TensorInfo, TensorProto

Shape = tuple[int | None, ...] | None

# Signatures by which a model stores its initialization and training step, not something to call.
INIT_OP = "__saved_model_init_op"
TRAIN_OP = "__saved_model_train_op"


@dataclass(frozen=True)
class SignatureTensor:
    """One input or output.

    name: its name in the signature; tensor_name: ``node:0`` in the graph (empty when encoding is not ``dense``);
    shape: None for an unknown dimension, None altogether for an unknown rank;
    encoding: ``dense``, ``sparse`` (COO) or ``composite`` (ragged and other extension types).
    """

    name: str
    tensor_name: str
    dtype: DType
    shape: Shape
    encoding: str = "dense"

    def __str__(self) -> str:
        dims = "?" if self.shape is None else ", ".join("?" if d is None else str(d) for d in self.shape)
        kind = "" if self.encoding == "dense" else f" ({self.encoding})"
        return f"{self.name}: {self.dtype.name}[{'...' if self.shape is None else dims}]{kind}"


@dataclass(frozen=True)
class Signature:
    """A way to call the model. Inputs and outputs are ordered by name, the order in which TensorFlow passes them."""

    key: str
    inputs: Mapping[str, SignatureTensor]
    outputs: Mapping[str, SignatureTensor]
    method_name: str = ""
    defaults: Mapping[str, TensorProto] = field(default_factory=dict, repr=False)

    def default(self, name: str) -> np.ndarray[Any, Any] | None:
        """The value an input takes when the caller gives none; None when it has to be given."""
        return to_array(self.defaults[name]) if name in self.defaults else None


def read_signature(key: str, proto: SignatureDef) -> Signature:
    return Signature(
        key,
        {name: _tensor(name, proto.inputs[name]) for name in sorted(proto.inputs)},
        {name: _tensor(name, proto.outputs[name]) for name in sorted(proto.outputs)},
        proto.method_name,
        dict(proto.defaults),
    )


def _tensor(name: str, info: TensorInfo) -> SignatureTensor:
    encodings = {"coo_sparse": "sparse", "composite_tensor": "composite"}
    encoding = encodings.get(info.WhichOneof("encoding") or "name", "dense")
    return SignatureTensor(name, info.name, dtype_of(info.dtype), tensor_shape(info.tensor_shape), encoding)
