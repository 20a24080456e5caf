"""What `convert` takes: which kind a source is, which options say something about it, and how it is imported."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from litesmith._util.files import file_kind, require_file
from litesmith.errors import FormatError, UsageError
from litesmith.ir.graph import Program

if TYPE_CHECKING:
    from litesmith.api import Options
    from litesmith.formats.saved_model import SavedModel
    from litesmith.frontends.jax.convert import Functions
    from litesmith.frontends.keras.live import Layer
    from litesmith.frontends.stablehlo.live import Exported
    from litesmith.frontends.tensorflow.importer import Unknown
    from litesmith.frontends.tensorflow.select_ops import SelectOps


def import_source(source: object, args: Sequence[object], options: Options) -> Program:
    """The program of any source `convert` takes, before any pass."""
    if isinstance(source, (str, os.PathLike)):
        source = Path(source)
        if source.name in ("saved_model.pb", "saved_model.pbtxt"):
            source = source.parent
        found = _kind_of_path(source)
    else:
        found = _kind_of_object(source)
    found.check(args, options)
    return found.load(source, args, options)


@dataclass(frozen=True)
class Kind:
    """A kind of source. name: what messages call it; takes: the `_CHOICES` that say something about it."""

    name: str
    load: Callable[..., Program]
    takes: frozenset[str]

    def check(self, args: Sequence[object], options: Options) -> None:
        """Raises UsageError for choices that would be left unheard."""
        named = any(isinstance(size, str) for shape in options.shapes.values() for size in shape)
        given = [name for name in _CHOICES if getattr(options, name) or getattr(options, name) == 0]
        given += ["arguments"] * bool(args) + ["names of sizes"] * named
        if unheard := [name for name in given if name not in self.takes]:
            known = ", ".join(sorted(self.takes)) or "nothing but the model"
            raise UsageError(f"{self.name} takes no {' and no '.join(unheard)}; it takes {known}")


_CHOICES = (
    *("tags", "signature_keys", "input_shapes", "input_names", "output_names"),
    *("composites", "select_tf_ops", "keep_composites"),
    *("kwargs", "static_argnums", "static_argnames"),
)
"""Options that choose a part or a form of the source. The others ask for nothing, or of the result."""


def kind(name: str, load: Callable[..., Program], takes: str = "") -> Kind:
    return Kind(name, load, frozenset(part.replace("-", " ") for part in takes.split()))


def _kind_of_path(path: Path) -> Kind:
    exists = file_kind(path)
    if exists == "directory":
        return _SAVED_MODEL
    if exists == "other":
        require_file(path)
    if path.suffix.lower() in _OTHERS:
        raise UsageError(f"{path}: {_OTHERS[path.suffix.lower()]}")
    found = _SUFFIXES.get(path.suffix.lower())
    if found is None and exists:
        found = _kind_of_bytes(_start_of(path))
        if found is None:
            raise UsageError(
                f"{path}: neither its name nor its first bytes tell what it is; give a SavedModel directory, or a file "
                f"ending in {', '.join(_SUFFIXES)}"
            )
    return found or _SAVED_MODEL  # which tells what is missing


def _start_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(8)
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror or error}", path=str(path)) from error


def _kind_of_bytes(start: bytes) -> Kind | None:
    return next((kind for offset, magic, kind in _MAGIC if start[offset : offset + len(magic)] == magic), None)


def _kind_of_object(source: object) -> Kind:
    for is_this, kind in _OBJECTS:
        if is_this(source):
            return kind
    raise UsageError(
        f"cannot convert {type(source).__name__!r} objects: give a SavedModel directory, a Keras model or file, a concrete "
        "function, a jax.export artifact, or a JAX function with example arguments"
    )


# -- files ------------------------------------------------------------------------------------------------------------


def saved_model_hook(model: SavedModel, allow_custom_ops: bool, checksums: bool, select: SelectOps | None) -> Unknown | None:
    """What becomes of a SavedModel's operators without a lowering; also whether its checksums are compared."""
    from litesmith.frontends.tensorflow.custom_ops import custom_ops

    model.checksums = checksums
    if select is not None:
        select.declarations = model.op_defs.get
    return custom_ops(model.op_defs.get) if allow_custom_ops else None


def frozen_graph_hook(allow_custom_ops: bool) -> Unknown | None:
    """What becomes of a frozen graph's operators without a lowering."""
    from litesmith.frontends.tensorflow.custom_ops import custom_ops

    return custom_ops(lambda op: None) if allow_custom_ops else None


def _import_saved_model(path: Path, args: Sequence[object], options: Options) -> Program:
    from litesmith.formats.saved_model import SavedModel
    from litesmith.frontends.tensorflow.saved_model import import_saved_model

    model = SavedModel.open(path, options.tags)
    hook = saved_model_hook(model, options.allow_custom_ops, options.verify, options.select)
    shapes, composite = options.shapes, options.tensorflow_composite
    return import_saved_model(model, options.signature_keys, shapes, hook, composite, options.select)


def _import_frozen_graph(path: Path, args: Sequence[object], options: Options) -> Program:
    from litesmith.formats.saved_model import read_graph_def
    from litesmith.frontends.tensorflow.graph_def import frozen_entry, import_entries

    graph_def = read_graph_def(path)
    entry = frozen_entry(graph_def, options.input_names, options.output_names, options.shapes)
    hook = frozen_graph_hook(options.allow_custom_ops)
    shapes, composite = options.shapes, options.tensorflow_composite
    return import_entries([entry], shapes, select=options.select, composite=composite, on_unknown=hook)


def _import_keras_file(path: Path, args: Sequence[object], options: Options) -> Program:
    from litesmith.frontends.keras import load_model

    return _import_keras(load_model(path, safe_mode=options.safe_mode, custom_objects=options.custom_objects), args, options)


def _import_stablehlo_file(path: Path, args: Sequence[object], options: Options) -> Program:
    from litesmith.frontends.stablehlo import import_path

    return import_path(path, options.shapes)


def _import_tflite(source: Path | bytes, args: Sequence[object], options: Options) -> Program:
    from litesmith.formats.tflite import read_model

    return read_model(source)


# -- objects of other frameworks, told by where their classes come from, so that none of them is imported here ---------


def _is_instance(source: object, module: str, name: str) -> bool:
    return any(c.__module__.split(".")[0] in module.split() and c.__name__ == name for c in type(source).__mro__)


def _is_keras(source: object) -> bool:
    return _is_instance(source, "keras tf_keras", "Layer")


def _is_concrete(source: object) -> bool:
    """Whether these are ConcreteFunctions, or functions of ``tf.function`` that can be made one."""
    functions = source if isinstance(source, (list, tuple)) and source else [source]
    names = ("ConcreteFunction", "Function")
    return all(any(_is_instance(f, "tensorflow", n) for n in names) for f in functions)


def _is_exported(source: object) -> bool:
    return _is_instance(source, "jax", "Exported")


def _is_function(source: object) -> bool:
    """Whether these are functions of one's own: one, a list, or a dict by the keys of their signatures."""
    functions = list(source.values()) if isinstance(source, Mapping) else source
    many = isinstance(functions, (list, tuple)) and bool(functions) and all(callable(f) for f in functions)
    return many or callable(source)


def _is_bytes(source: object) -> TypeGuard[bytes | bytearray | memoryview]:
    return isinstance(source, (bytes, bytearray, memoryview))


def _is_tflite(source: object) -> bool:
    return _is_bytes(source) and _kind_of_bytes(bytes(source[:8])) is _TFLITE


def _import_keras(source: Layer, args: Sequence[object], options: Options) -> Program:
    from litesmith.frontends.keras import import_keras

    return import_keras(source, args, options.shapes, options.allow_custom_ops, options.select)


def _import_concrete(source: object, args: Sequence[object], options: Options) -> Program:
    from litesmith.frontends.tensorflow.concrete import as_concrete, import_concrete_functions

    calls = [(f, ()) for f in source] if isinstance(source, (list, tuple)) else [(source, args)]
    functions = [as_concrete(function, given) for function, given in calls]
    keys, shapes = options.signature_keys, options.shapes
    custom, composite = options.allow_custom_ops, options.tensorflow_composite
    return import_concrete_functions(functions, keys, shapes, custom, composite, options.select)


def _import_exported(source: Exported, args: Sequence[object], options: Options) -> Program:
    from litesmith.frontends.stablehlo import import_exported

    return import_exported(source, options.shapes)


def _import_bytes(source: bytes | bytearray | memoryview, args: Sequence[object], options: Options) -> Program:
    from litesmith.frontends.stablehlo import import_bytes

    return import_bytes(bytes(source), options.shapes)


def _import_function(source: Functions, args: Sequence[object], options: Options) -> Program:
    from litesmith.frontends.jax import import_jax

    if not callable(source) and len(args) != 1:
        raise UsageError(
            "several functions take one more argument: a list of the arguments of each, or a dict of them by key\n"
            "      Fix: convert([f, g], [(x,), (y, z)]), or convert({'f': f, 'g': g}, {'f': (x,), 'g': (y, z)})"
        )
    return import_jax(
        source,
        args if callable(source) else args[0],
        options.signature_keys,
        options.kwargs,
        input_names=options.input_names,
        output_names=options.output_names,
        static_argnums=options.static_argnums,
        static_argnames=options.static_argnames,
        composite=options.composite,
        keep_composites=options.keep_composites,
    )


# -- the kinds --------------------------------------------------------------------------------------------------------

_SAVED_MODEL = kind(
    "a SavedModel",
    _import_saved_model,
    "tags signature_keys input_shapes composites keep_composites select_tf_ops",
)
_GRAPH = kind(
    "a frozen graph",
    _import_frozen_graph,
    "input_names output_names input_shapes composites keep_composites select_tf_ops",
)
_KERAS = kind("a Keras model", _import_keras, "input_shapes names-of-sizes select_tf_ops arguments")
_KERAS_FILE = kind("a Keras file", _import_keras_file, "input_shapes names-of-sizes select_tf_ops")
_STABLEHLO_FILE = kind("a StableHLO file", _import_stablehlo_file, "input_shapes")
_TFLITE = kind("a .tflite file", _import_tflite)

_FUNCTION = kind(
    "a JAX function",
    _import_function,
    "signature_keys input_names output_names kwargs static_argnums static_argnames composites keep_composites "
    "arguments",
)

_CONCRETE = kind(
    "a concrete function",
    _import_concrete,
    "signature_keys input_shapes composites keep_composites select_tf_ops arguments",
)

_SUFFIXES: dict[str, Kind] = {
    ".keras": _KERAS_FILE,
    ".h5": _KERAS_FILE,
    ".hdf5": _KERAS_FILE,
    ".pb": _GRAPH,
    ".pbtxt": _GRAPH,
    **dict.fromkeys((".jax", ".jax_export", ".stablehlo", ".mlirbc", ".mlir"), _STABLEHLO_FILE),
    ".tflite": _TFLITE,
}

_PYTORCH = "a PyTorch model is converted by litert-torch (pip install litert-torch), not by litesmith"
_OTHERS: dict[str, str] = {
    ".onnx": "an ONNX model is converted by onnx2tf (pip install onnx2tf), whose SavedModel litesmith takes",
    **dict.fromkeys((".pt2", ".pt", ".pth"), _PYTORCH),
}
"""Files of other formats: what converts them."""

_MAGIC: tuple[tuple[int, bytes, Kind], ...] = (
    (4, b"TFL3", _TFLITE),
    (0, b"\x89HDF\r\n\x1a\n", _KERAS_FILE),
    (0, b"ML\xefR", _STABLEHLO_FILE),
)

_OBJECTS: tuple[tuple[Callable[[Any], bool], Kind], ...] = (
    (_is_keras, _KERAS),
    (_is_concrete, _CONCRETE),
    (_is_exported, kind("a jax.export artifact", _import_exported, "input_shapes")),
    (_is_tflite, _TFLITE),
    (_is_bytes, kind("a serialized jax.export artifact", _import_bytes, "input_shapes")),
    (_is_function, _FUNCTION),
)
