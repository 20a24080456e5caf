"""Vocabulary files: the text a lookup table is filled from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.errors import UnsupportedError
from litesmith.ir import DType
from litesmith.ir.constant import Array

WHOLE_LINE, LINE_NUMBER = -2, -1


def read_vocabulary(
    content: bytes, columns: Sequence[tuple[int, DType]], delimiter: str = "\t", limit: int = -1
) -> list[Array]:
    """One array for each column (its index, or `WHOLE_LINE` or `LINE_NUMBER`; its element type).

    limit: how many lines count, -1 for all. Raises UnsupportedError for a file TensorFlow would not take.
    """
    lines = content.replace(b"\r", b"").split(b"\n")
    lines = lines[:-1] if lines and not lines[-1] else lines
    lines = lines if limit < 0 else lines[:limit]
    if any(not line for line in lines):
        raise UnsupportedError("a vocabulary file has an empty line", "remove it")
    return [_column(lines, index, dtype, delimiter.encode()) for index, dtype in columns]


def _column(lines: Sequence[bytes], index: int, dtype: DType, delimiter: bytes) -> Array:
    if index == LINE_NUMBER:
        return np.arange(len(lines)).astype(dtype.numpy)
    try:
        texts = list(lines) if index == WHOLE_LINE else [line.split(delimiter)[index] for line in lines]
        if dtype is DType.STRING:
            return np.array(texts, object)
        return np.array([(float if dtype.is_float else int)(text) for text in texts], dtype.numpy)
    except (ValueError, IndexError) as error:
        raise UnsupportedError(f"a vocabulary file is not as the table says: {error}", "correct the file") from None
