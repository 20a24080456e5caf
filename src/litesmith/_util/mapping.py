"""Memory-mapped files that do not fill the memory: pages that were read are handed back to the system.

Pages of a mapped file count as memory of the process once they are touched. Weights are read once, so whoever has read
some lets them go; they stay in the system's cache and come back without reading the disk.
"""

from __future__ import annotations

import mmap
import os
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from litesmith._util.files import require_file

_opened: weakref.WeakValueDictionary[int, mmap.mmap] = weakref.WeakValueDictionary()


def map_file(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """The bytes of a file as a read-only array, mapped.

    Raises FormatError for what is no file, OSError where it cannot be read.
    """
    require_file(path)
    with Path(path).open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return np.empty(0, np.uint8)
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    _opened[id(mapped)] = mapped
    return np.frombuffer(mapped, np.uint8)


def release_pages(array: NDArray[np.generic] | None = None) -> None:
    """Hands back the pages of the files mapped by `map_file`, and of the read-only mapping this array views, if any."""
    if not hasattr(mmap, "MADV_DONTNEED"):
        return
    mappings = list(_opened.values())
    own = _mapping_of(array) if array is not None else None
    if own is not None and not any(own is m for m in mappings):
        mappings.append(own)
    for mapping in mappings:
        if not mapping.closed:
            mapping.madvise(mmap.MADV_DONTNEED)


def _mapping_of(array: NDArray[np.generic]) -> mmap.mmap | None:
    """The mapping under an array's base; None for none, and for one whose changes would be lost with its pages."""
    base: Any = array
    while base is not None and not isinstance(base, mmap.mmap):
        if isinstance(base, np.memmap) and base.mode != "r":
            return None
        base = base.obj if isinstance(base, memoryview) else getattr(base, "base", None)
    return base if base is not None and memoryview(base).readonly else None
