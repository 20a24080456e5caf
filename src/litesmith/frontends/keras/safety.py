"""What a Keras file may hold: no code unless the user allows it, no sizes that are out of proportion."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

from litesmith.errors import FormatError

MAX_CONFIG = 64 << 20
"""Bytes of configuration read at most; the largest published models have less than 4 MB."""

MAX_RATIO = 200
"""How many times its stored size a part of a file may grow when it is read. Weights hardly shrink at all."""

SMALL = 16 << 20
"""Parts up to this many bytes may grow as they like."""

_CODE = frozenset({"Lambda", "__lambda__", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"})
"""Classes that run code, or load a program, out of the file."""

_PACKAGES = ("keras", "keras_hub", "keras_nlp", "keras_cv", "tf_keras", "builtins")


def read_config(file: Path) -> tuple[dict[str, Any], str]:
    """The model's configuration in a `.keras` or `.h5` file, whose sizes are checked, and the version of Keras it is of.

    Raises FormatError for a damaged file and one that is out of proportion.
    """
    try:
        raw, version = _zip_config(file) if zipfile.is_zipfile(file) else _h5_config(file)
        config = json.loads(raw)
    except (ValueError, KeyError, OSError, RuntimeError, zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        text = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise FormatError(f"it is damaged or no Keras file: {text}", path=str(file), fix=_COMPLETE) from error
    if not isinstance(config, dict):
        raise FormatError("its configuration is no model's", path=str(file), fix=_COMPLETE)
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


def _check_h5(group: Any, file_size: int, seen: set[int] | None = None) -> None:
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


def refuse_code(config: Any, keras: Any, file: Path, known: Container[Any] = ()) -> None:
    """Raises FormatError for a configuration that names code: Lambda layers, classes and functions nobody registered.

    known: names of classes and functions the user gave.
    """
    for part in _objects(config):
        name, module = str(part.get("class_name")), str(part.get("module") or "keras")
        if name in _CODE:
            raise FormatError(
                f"it holds code (a {name.strip('_')} layer)",
                path=str(file),
                fix="if you trust the file, load it with safe_mode=False (--unsafe on the command line)",
            )
        if module.split(".", maxsplit=1)[0] in _PACKAGES:
            continue
        registered = part.get("registered_name", name)  # what Keras looks up before it imports the module
        found = isinstance(registered, str) and keras.saving.get_registered_object(registered) is not None
        if not found and not (isinstance(registered, str) and registered in known):
            raise FormatError(
                f"it needs {module}.{name}, which is not registered with Keras",
                path=str(file),
                fix="convert in Python: import what registers it (keras.saving.register_keras_serializable), or convert "
                "the model that keras.saving.load_model(..., custom_objects=...) gives",
            )


def _objects(config: Any) -> Iterator[dict[str, Any]]:
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
