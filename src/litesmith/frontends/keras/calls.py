"""How a model is called: its inputs as flat tensors with names, and its outputs back as flat tensors."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litesmith.errors import UsageError
from litesmith.ir import Dim, DType, Sym

Shapes = Mapping[str, Sequence[int | None]]

_FIX = "build the model, or give an example of its inputs: convert(model, example)"


@dataclass(frozen=True)
class Spec:
    """One input: its name, shape (named sizes where unknown) and dtype."""

    name: str
    dims: tuple[Dim, ...]
    dtype: DType

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape with None for unknown sizes."""
        return tuple(d if isinstance(d, int) else None for d in self.dims)


@dataclass(frozen=True)
class Calling:
    """A model and the structure of its inputs. ``specs`` are the leaves of ``structure`` in order."""

    model: Any
    keras: Any
    structure: Sequence[Any]
    specs: Sequence[Spec]

    def __call__(self, *tensors: Any) -> Any:
        """The model's outputs for its flat inputs."""
        args = self.keras.tree.pack_sequence_as(self.structure, list(tensors))
        return self.model(*args, **_inference(self.model))

    def output_names(self, outputs: Any) -> list[str]:
        """A name for each leaf of the outputs: the keys of a dict, the model's own names, else ``output_0`` …"""
        leaves = self.keras.tree.flatten(outputs)
        if isinstance(outputs, Mapping) and len(outputs) == len(leaves):
            return sorted(map(str, outputs))
        declared = getattr(self.model, "output_names", None)
        if declared and len(declared) == len(leaves) == len(set(declared)):
            return [str(n) for n in declared]
        return [f"output_{i}" for i in range(len(leaves))]


def _inference(model: Any) -> dict[str, Any]:
    try:
        parameters = inspect.signature(model.call).parameters
    except (TypeError, ValueError):
        return {}
    return {"training": False} if "training" in parameters else {}


def calling(model: Any, keras: Any, args: Sequence[Any], shapes: Shapes) -> Calling:
    """How to call ``model``: from example arguments, its symbolic inputs, or what it was built with.

    Raises UsageError where none of them tells, or where ``shapes`` does not fit.
    """
    structure = list(args) if args else _declared_inputs(model, keras)
    leaves = keras.tree.flatten(structure)
    names = _names(structure, leaves, model, keras)
    unknown = sorted(set(shapes) - set(names))
    if unknown:
        raise UsageError(f"input_shapes names {unknown[0]!r}; the model's inputs are {', '.join(names)}")
    specs = [_spec(name, leaf, shapes.get(name)) for name, leaf in zip(names, leaves, strict=True)]
    return Calling(model, keras, structure, specs)


@dataclass(frozen=True)
class _Built:
    """An input known only by the shape the model was built with."""

    shape: tuple[int | None, ...]
    dtype: str
    name: str = ""


def _declared_inputs(model: Any, keras: Any) -> list[Any]:
    for name in ("input", "inputs"):
        try:
            declared = getattr(model, name, None)
        except (AttributeError, ValueError, RuntimeError):  # a layer that was never called has none
            declared = None
        if declared is not None and keras.tree.flatten(declared):
            alone = name == "inputs" and isinstance(declared, list) and len(declared) == 1
            return declared if alone else [declared]
    built = _build_shapes(model)
    if not built:
        raise UsageError(f"the inputs of {model.name!r} are unknown\n      Fix: {_FIX}")
    dtype = str(getattr(model, "input_dtype", None) or "float32")
    return [keras.tree.map_shape_structure(lambda shape: _Built(tuple(shape), dtype), built)]


def _build_shapes(model: Any) -> Any:
    config = model.get_build_config() if getattr(model, "built", False) and hasattr(model, "get_build_config") else None
    if not config:
        return None
    return config.get("input_shape") or config.get("shapes_dict")


def _names(structure: Sequence[Any], leaves: Sequence[Any], model: Any, keras: Any) -> list[str]:
    """Names of the inputs: keys of a dict, names of symbolic inputs, else parameters of ``call``."""
    if len(structure) == 1 and isinstance(structure[0], Mapping) and len(structure[0]) == len(leaves):
        return sorted(map(str, structure[0]))
    symbolic = [str(getattr(leaf, "name", "") or "") for leaf in leaves]
    if all(symbolic) and len(set(symbolic)) == len(symbolic):
        return [n.partition(":")[0] for n in symbolic]
    parameters = [p for p in inspect.signature(model.call).parameters if p not in ("training", "mask")]
    if len(structure) == len(leaves) <= len(parameters):
        return parameters[: len(leaves)]
    return [f"input_{i}" for i in range(len(leaves))]


def _spec(name: str, leaf: Any, given: Sequence[int | None] | None) -> Spec:
    declared = [None if d is None else int(d) for d in leaf.shape]
    if given is not None and len(given) != len(declared):
        raise UsageError(f"input {name!r} has {len(declared)} dimensions; the shape {list(given)} does not fit")
    chosen = declared if given is None else [None if d is None or d < 0 else int(d) for d in given]
    stem = re.sub(r"\W", "_", name)
    dims = tuple(
        d if d is not None else Sym.named("batch" if i == 0 else f"in_{stem}_{i}") for i, d in enumerate(chosen)
    )
    return Spec(name, dims, _dtype(leaf.dtype))


def _dtype(dtype: Any) -> DType:
    name = getattr(dtype, "name", None) or str(dtype)
    try:
        return DType.parse(name)
    except KeyError:
        raise UsageError(f"inputs of type {name} cannot be converted") from None
