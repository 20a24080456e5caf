"""Numbers as people read them."""

from __future__ import annotations


def human_bytes(count: float) -> str:
    """A size as people read it: ``312 B``, ``4.1 kB``, ``1.2 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
