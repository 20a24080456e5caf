"""What a Keras file may hold: no code unless the user allows it, no sizes that are out of proportion."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Container, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from litesmith.errors import FormatError

MAX_CONFIG = 64 << 20
"""Bytes of configuration read at most; the largest published models have less than 4 MB."""

MAX_RATIO = 200
"""How many times its stored size a part of a file may grow when it is read. Weights hardly shrink at all."""

SMALL = 16 << 20
"""Parts up to this many bytes may grow as they like."""

_CODE = frozenset({"Lambda", "__lambda__", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"})
"""Classes that run code, or load a program, out of the file."""

_LIBRARIES = ("keras_hub", "keras_nlp", "keras_cv")
"""Packages of layers that register them with Keras when they are imported."""

_VALUES = frozenset(
    "__tensor__ __keras_tensor__ __numpy__ __bytes__ __tuple__ __ellipsis__ __slice__ __dict__ TensorShape".split()
)
"""Names under which a configuration holds plain values."""

_OLD = frozenset(
    "Functional TFOpLambda SlicingOpLambda TensorFlowOpLayer ClassMethod InstanceMethod InstanceProperty".split()
)
"""Classes of Keras 2 that are read as something else (see `legacy`)."""

_TYPE = "__typespec__"
_SPECS = ("TensorSpec", "RaggedTensorSpec", "SparseTensorSpec")

_FUNCTION_MODULES = (None, "builtins", "keras.activations", "keras.losses", "keras.metrics", "keras.ops")
_FUNCTION_SPACES = ("activations", "losses", "metrics", "initializers", "regularizers", "constraints")
_CLASS_SPACES = ("layers", "models", "initializers", "regularizers", "constraints", "optimizers", "losses", "metrics")
"""Where Keras keeps what a file names without its place, or by a place that Keras 2 had."""


def read_config(file: Path) -> tuple[dict[str, Any], str]:
    """The model's configuration in a `.keras` or `.h5` file, whose sizes are checked, and the version of Keras it is of.

    Raises FormatError for a damaged file and one that is out of proportion.
    """
    try:
        raw, version = _zip_config(file) if zipfile.is_zipfile(file) else _h5_config(file)
        config = json.loads(raw)
    except (ValueError, KeyError, OSError, RuntimeError, zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        text = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise FormatError(f"it is damaged, or not a Keras file: {text}", path=str(file), fix=_COMPLETE) from error
    if not isinstance(config, dict):
        raise FormatError("its configuration is not that of a model", path=str(file), fix=_COMPLETE)
    return config, version


_COMPLETE = "check that the file is complete and was written by Keras"


def _zip_config(file: Path) -> tuple[bytes, str]:
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if member.file_size > SMALL and member.file_size > MAX_RATIO * max(member.compress_size, 1):
                raise ValueError(f"{member.filename} grows to {member.file_size} bytes")
        if archive.getinfo("config.json").file_size > MAX_CONFIG:
            raise ValueError("its configuration is too large")
        metadata = json.loads(archive.read("metadata.json")) if "metadata.json" in archive.namelist() else {}
        return archive.read("config.json"), str(metadata.get("keras_version", ""))


def _h5_config(file: Path) -> tuple[Any, str]:
    import h5py

    with h5py.File(file, "r") as opened:
        _check_h5(opened, file.stat().st_size)
        config = opened.attrs.get("model_config")
        if config is None:
            raise ValueError("it holds weights but no model")
        version = opened.attrs.get("keras_version", "")
        return config, version.decode() if isinstance(version, bytes) else str(version)


class H5Group(Protocol):
    """``h5py.Group``."""

    id: object

    def __iter__(self) -> Iterator[str]: ...
    def __getitem__(self, name: str) -> H5Item: ...
    def get(self, name: str, *, getlink: bool) -> object: ...


class H5Item(Protocol):
    """A dataset or group of a file."""


def _check_h5(group: H5Group, file_size: int, seen: set[int] | None = None) -> None:
    """Every dataset lies in the file itself and is not larger than the file can account for.

    seen: addresses of the groups that were looked at: links to them make cycles, and more paths than can be followed.
    """
    import h5py

    seen = set() if seen is None else seen
    address = h5py.h5o.get_info(group.id).addr
    if address in seen:
        return
    seen.add(address)
    for name in group:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{name} lies in another file or place")
        item = group[name]
        if isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                raise ValueError(f"the data of {name} lie in another file")
            if item.nbytes > SMALL and item.nbytes > MAX_RATIO * file_size:
                raise ValueError(f"{name} grows to {item.nbytes} bytes")
        elif isinstance(item, h5py.Group):
            _check_h5(item, file_size, seen)
        else:
            raise ValueError(f"{name} is no part of a Keras file")


def refuse_code(config: object, keras: ModuleType, file: Path, known: Container[object] = ()) -> None:
    """Raises FormatError for a configuration that names what is not on the list of things a model file may name.

    That are: Keras' own layers, operations, initializers and the like; its own activations and losses; what is
    registered with Keras; and ``known``, the names of classes and functions the user gave. Keras itself imports any
    module a file names, and takes any object out of it.
    """
    for part in _objects(config):
        name, module = str(part.get("class_name")), part.get("module")
        if name in _CODE:
            raise FormatError(
                f"it holds code (a {name.strip('_')} layer)",
                path=str(file),
                fix="if you trust the file, load it with safe_mode=False (--unsafe on the command line)",
            )
        if _is_registered(part, keras, known) or _is_own(part, keras):
            continue
        what = part.get("config") if name == "function" else name
        raise FormatError(
            f"it needs {module or 'keras'}.{what}, which is not registered with Keras",
            path=str(file),
            fix="convert in Python: import what registers it (keras.saving.register_keras_serializable), give it as "
            "custom_objects=, or convert the model that keras.saving.load_model(..., custom_objects=...) gives",
        )


def _is_registered(part: Mapping[str, object], keras: ModuleType, known: Container[object]) -> bool:
    """Whether Keras finds it, by the name it looks up first, among what was registered or given."""
    name = part.get("class_name")
    key = part.get("config") if name == "function" else part.get("registered_name", name)
    if not isinstance(key, str):
        return False
    root = str(part.get("module") or "").partition(".")[0]
    if root in _LIBRARIES and find_spec(root) is not None:
        import_module(root)  # registers its classes
    return key in known or keras.saving.get_registered_object(key) is not None


def _is_own(part: Mapping[str, object], keras: ModuleType) -> bool:
    """Whether it is a class or function of Keras that a model is made of."""
    name, module = str(part.get("class_name")), part.get("module")
    if part.get("registered_name") not in (None, name, "function", part.get("config"), part.get("spec_name")):
        return False  # what Keras looks for where it does not find the name
    if name == _TYPE:
        return part.get("spec_name") in _SPECS and str(module).startswith("tensorflow.python.framework.")
    if name in _VALUES:
        return True
    if name == "function":
        return module in _FUNCTION_MODULES and _is_own_function(part.get("config"), keras)
    if name in _OLD and (not module or _is_of_keras_2(str(module))):
        return True
    found = _own_class(str(module or "keras"), name, keras)
    return isinstance(found, type) and found.__name__ not in _CODE and issubclass(found, _kinds(keras))


def _is_of_keras_2(module: str) -> bool:
    """Whether a module is a place in Keras 2, which Keras 3 does not have."""
    root = module.partition(".")[0]
    return root == "tf_keras" or (root == "keras" and module not in sys.modules)


def _is_own_function(name: object, keras: ModuleType) -> bool:
    if not isinstance(name, str) or name.startswith("_") or name in ("get", "serialize", "deserialize"):
        return False
    return any(callable(vars(getattr(keras, space)).get(name)) for space in _FUNCTION_SPACES)


def _own_class(module: str, name: str, keras: ModuleType) -> object:
    """What Keras has under this name, without importing anything; None for nothing.

    Modules that Keras 2 had are looked up by the name alone, as they are when the file is read.
    """
    if module.partition(".")[0] not in ("keras", "tf_keras"):
        return None
    if module.startswith("keras.src.") and module in sys.modules:
        return vars(sys.modules[module]).get(name)
    space: object = keras
    for step in module.split(".")[1:]:
        space = getattr(space, step, None)
    found = getattr(space, name, None) if isinstance(space, ModuleType) else None
    spaces = (getattr(keras, s, None) for s in _CLASS_SPACES)
    return found or next((c for s in spaces if (c := getattr(s, name, None)) is not None), None)


def _kinds(keras: ModuleType) -> tuple[type, ...]:
    """The base classes of what a model is made of."""
    kinds = [keras.Layer, keras.Model, keras.Operation, keras.DTypePolicy, keras.random.SeedGenerator]
    kinds += [keras.initializers.Initializer, keras.regularizers.Regularizer, keras.constraints.Constraint]
    kinds += [keras.quantizers.Quantizer, keras.optimizers.Optimizer, keras.losses.Loss, keras.metrics.Metric]
    return (*kinds, keras.optimizers.schedules.LearningRateSchedule, *_configurations(keras))


def _configurations(keras: ModuleType) -> list[type]:
    """What newer Keras describes quantization with."""
    spaces = (keras.quantizers, keras.dtype_policies)
    names = ("QuantizationConfig", "DTypePolicyMap", "QuantizedDTypePolicy")
    return [c for s in spaces for n in names if isinstance(c := getattr(s, n, None), type)]


def _objects(config: object) -> Iterator[dict[str, object]]:
    """Every description of an object in a configuration."""
    pending = [config]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            if "class_name" in item:
                yield item
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
