"""How a model is called: its inputs as flat tensors with names, and its outputs back as flat tensors."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import cast

import numpy as np

from litesmith._util.naming import THE_INPUT, input_shapes
from litesmith.errors import LitesmithError, UsageError
from litesmith.frontends.keras.live import Layer, Tensor
from litesmith.ir import Dim, DType, Sym

Shapes = Mapping[str, Sequence[int | str | None]]

_EXAMPLE = "give an example of its inputs: convert(model, example)"


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
    """A model and the structure of its inputs: positional and named arguments. ``specs`` are their leaves in order."""

    model: Layer
    keras: ModuleType
    structure: tuple[Sequence[object], Mapping[str, object]]
    specs: Sequence[Spec]

    @property
    def tree(self) -> ModuleType:
        """What flattens and packs structures."""
        return tree_of(self.keras)

    def __call__(self, *tensors: object) -> object:
        """The model's outputs for its flat inputs. Raises UsageError where it cannot be called so."""
        args, named = self.tree.pack_sequence_as(self.structure, list(tensors))
        try:
            return self.model(*args, **named, **_inference(self.model))
        except LitesmithError:
            raise
        except Exception as error:  # the user's code may raise anything
            raise UsageError(self._explain(error)) from error

    def _explain(self, error: Exception) -> str:
        given = ", ".join(f"{s.name}: {s.dtype.text}[{', '.join(map(str, s.dims))}]" for s in self.specs)
        unknown = [s for s in self.specs if None in s.shape[1:]] or [s for s in self.specs if None in s.shape]
        fix = _EXAMPLE
        if unknown:
            sizes = ", ".join(f"{s.name!r}: {_fix_sizes(s.shape)}" for s in unknown)
            fix += (
                f", or set its sizes: input_shapes={{{sizes}}}; unknown ones that are equal have one name: [None, 'n']"
            )
        return f"{self.model.name!r} fails when it is called with {given}: {reason(error)}\n      Fix: {fix}"

    def output_names(self, outputs: object) -> list[str]:
        """A name for each leaf of the outputs: the keys of a dict, the model's own names, else ``output_0`` …"""
        count = len(self.tree.flatten(outputs))
        keys = _keys(outputs, count, self.keras)
        if keys is not None:
            return keys
        declared = getattr(self.model, "output_names", None)
        if declared and len(declared) == count == len(set(declared)):
            return [str(n) for n in declared]
        return [f"output_{i}" for i in range(count)]


def _fix_sizes(shape: Sequence[int | None]) -> list[int | None]:
    """A shape without unknown sizes but that of the batch, where it is not the only one."""
    others = None in shape[1:]
    return [None if d is None and i == 0 and others else 1 if d is None else d for i, d in enumerate(shape)]


def tree_of(keras: ModuleType) -> ModuleType:
    """The functions over nested structures that go with this Keras."""
    if hasattr(keras, "tree"):
        tree: ModuleType = keras.tree
        return tree
    import tensorflow as tf

    nest: ModuleType = tf.nest
    return nest


def reason(error: BaseException) -> str:
    """What an error of Keras says, in one line: its texts put the cause in bold, or after the headline."""
    lines = [re.sub(r"\x1b\[\d*m", "", line).strip() for line in str(error).splitlines()]
    told = [line for line in lines if line and not line.startswith("Exception encountered when calling")]
    return told[0][:300] if told else type(error).__name__


def _keys(structure: object, count: int, keras: ModuleType) -> list[str] | None:
    """The keys of a flat dict in the order of its leaves; None for anything else."""
    if not isinstance(structure, Mapping) or len(structure) != count:
        return None
    numbered = tree_of(keras).pack_sequence_as(structure, list(range(count)))
    return [str(key) for key, _ in sorted(numbered.items(), key=lambda item: item[1])]


def _inference(model: Layer) -> dict[str, object]:
    try:
        parameters = inspect.signature(model.call).parameters
    except (TypeError, ValueError):
        return {}
    return {"training": False} if "training" in parameters else {}


def calling(model: Layer, keras: ModuleType, args: Sequence[object], shapes: Shapes) -> Calling:
    """How to call ``model``: from example arguments, its symbolic inputs, or what it was built with.

    Of examples that are arrays, and of shapes the model was built with, the first dimension is the batch, which is of
    any size; symbolic inputs and specifications are taken as they are. ``shapes`` (input name -> shape) replaces both;
    unknown sizes with the same name in it are the same size.
    Raises UsageError where none of them tells, or where ``shapes`` does not fit.
    """
    structure = _structure(model, keras, args, shapes)
    leaves = tree_of(keras).flatten(structure)
    names = _names(structure, leaves, model, keras)
    shapes = input_shapes(shapes, names)
    specs = [_spec(name, leaf, shapes.get(name)) for name, leaf in zip(names, leaves, strict=True)]
    return Calling(model, keras, structure, specs)


Structure = tuple[Sequence[object], Mapping[str, object]]


@dataclass(frozen=True)
class _Declared:
    """An input known by its shape and type alone."""

    shape: tuple[int | str | None, ...]
    dtype: object
    name: str = ""


def _structure(model: Layer, keras: ModuleType, args: Sequence[object], shapes: Shapes) -> Structure:
    if args:
        return tree_of(keras).map_structure(_any_batch, list(args)), {}
    declared = _symbolic_inputs(model, keras)
    if declared is not None:
        return [declared], {}
    dtype = str(getattr(model, "input_dtype", None) or "float32")
    built = _build_shapes(model)
    if not built:
        return [], _from_shapes(model, dtype, shapes)
    if isinstance(built, Mapping) and all(str(key).endswith("_shape") for key in built):
        named = {str(key).removesuffix("_shape"): value for key, value in built.items()}
        return [], {key: _declared_inputs(value, dtype) for key, value in named.items()}
    return [_declared_inputs(built, dtype)], {}


def _any_batch(leaf: Tensor) -> Tensor | _Declared:
    """An example as an input: what holds numbers says nothing about the size of the batch."""
    if not hasattr(leaf, "shape"):
        return _any_batch(np.asarray(leaf, _default_type(leaf)))
    if not hasattr(leaf, "__array__"):
        return leaf
    return _Declared((None, *leaf.shape[1:]) if len(leaf.shape) else (), leaf.dtype)


def _default_type(leaf: object) -> type[np.generic] | None:
    kind = np.asarray(leaf).dtype.kind
    return {"f": np.float32, "i": np.int32}.get(kind)


def _declared_inputs(shapes: object, dtype: str) -> object:
    """Inputs of these shapes: of one, or of those in a dict or list."""
    if isinstance(shapes, Mapping):
        return {key: _declared_inputs(value, dtype) for key, value in shapes.items()}
    sizes = list(cast("Sequence[object]", shapes))
    if any(isinstance(d, (list, tuple)) or hasattr(d, "as_list") for d in sizes):
        return [_declared_inputs(value, dtype) for value in sizes]
    return _Declared((None, *cast("list[int | None]", sizes[1:])), dtype)


def _from_shapes(model: Layer, dtype: str, shapes: Shapes) -> dict[str, object]:
    """Inputs of a model that was never built, where ``shapes`` names every parameter that is needed."""
    parameters = [p for p in inspect.signature(model.call).parameters.values() if p.name not in _OPTIONS]
    needed = [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    if THE_INPUT in shapes and len(needed) == 1:
        shapes = {needed[0]: shapes[THE_INPUT]}
    if not shapes or not set(needed) <= set(shapes) <= {p.name for p in parameters}:
        fix = f"build it, {_EXAMPLE}, or give the shape of each: input_shapes={{{(needed or ['x'])[0]!r}: [...]}}"
        raise UsageError(f"the inputs of {model.name!r} are unknown\n      Fix: {fix}")
    return {p.name: _Declared(tuple(shapes[p.name]), dtype) for p in parameters if p.name in shapes}


def _symbolic_inputs(model: Layer, keras: ModuleType) -> object:
    """The structure of a functional model's inputs, or of those a layer was called with; None without any."""
    for name in ("input", "inputs"):
        try:
            declared = getattr(model, name, None)
        except (AttributeError, ValueError, RuntimeError):  # a layer that was never called has none
            declared = None
        if declared is not None and tree_of(keras).flatten(declared):
            alone = name == "inputs" and isinstance(declared, list) and len(declared) == 1
            return declared[0] if alone else declared
    return None


def _build_shapes(model: Layer) -> object:
    config = model.get_build_config() if getattr(model, "built", False) and hasattr(model, "get_build_config") else None
    if not config:
        return None
    return config.get("input_shape") or config.get("shapes_dict")


_OPTIONS = ("training", "mask")


def _names(structure: Structure, leaves: Sequence[object], model: Layer, keras: ModuleType) -> list[str]:
    """Names of the inputs: keys of a dict, names of symbolic inputs, else parameters of ``call``."""
    args, named = structure
    keys = _keys(args[0] if args else named, len(leaves), keras) if len(args) + bool(named) == 1 else None
    if keys is not None:
        return keys
    symbolic = [str(getattr(leaf, "name", "") or "") for leaf in leaves]
    if all(symbolic) and len(set(symbolic)) == len(symbolic):
        return [n.partition(":")[0] for n in symbolic]
    declared = [str(getattr(leaf, "name", "") or "") for leaf in tree_of(keras).flatten(_symbolic_inputs(model, keras))]
    if len(declared) == len(leaves) == len(set(declared) - {""}):
        return [n.partition(":")[0] for n in declared]
    parameters = [p for p in inspect.signature(model.call).parameters if p not in _OPTIONS]
    if not named and len(args) == len(leaves) <= len(parameters):
        return parameters[: len(leaves)]
    return [f"input_{i}" for i in range(len(leaves))]


def _spec(name: str, leaf: Tensor | _Declared, given: Sequence[int | str | None] | None) -> Spec:
    known: object = getattr(leaf, "shape", None)
    if known is None or getattr(known, "rank", 0) is None:
        raise UsageError(f"input {name!r} has no shape\n      Fix: {_EXAMPLE}, or a specification with a shape")
    declared = [None if d is None or isinstance(d, str) else int(d) for d in leaf.shape]
    if given is not None and len(given) != len(declared):
        raise UsageError(f"input {name!r} has {len(declared)} dimensions; the shape {list(given)} does not fit")
    chosen: Sequence[int | str | None] = declared if given is None else given
    stem = re.sub(r"\W", "_", name)
    names = ["batch" if i == 0 else f"in_{stem}_{i}" for i in range(len(chosen))]
    return Spec(name, tuple(map(_size, chosen, names)), _dtype(leaf.dtype))


def _size(size: int | str | None, name: str) -> Dim:
    """A size, or a symbol: of the name the user gave it, else of this one."""
    if isinstance(size, str):
        if not size.isidentifier():
            raise UsageError(f"{size!r} is not a valid name of a size; use letters, digits and underscores")
        return Sym.named(f"in_{size}")
    return Sym.named(name) if size is None or size < 0 else int(size)


def _dtype(dtype: object) -> DType:
    name = getattr(dtype, "name", None) or str(dtype)
    try:
        return DType.parse(name)
    except KeyError:
        raise UsageError(f"inputs of type {name} cannot be converted") from None
