"""Numbers and names as people read them."""

from __future__ import annotations


def human_bytes(count: float) -> str:
    """A size as people read it: ``312 B``, ``4.1 kB``, ``1.2 GB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"


def human_count(count: int) -> str:
    """A large number with a letter for its unit: ``300.8 M``."""
    for limit, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if abs(count) >= limit:
            return f"{count / limit:.1f} {letter}"
    return str(count)


def count_of(number: int, one: str, several: str) -> str:
    """A number with the words that go with it: ``1 tensor is``, ``12 tensors are``."""
    return f"{number:,} {one if number == 1 else several}"


def first_name(text: str) -> str:
    """The first of the names that a fused operation carries, which other converters join by semicolons."""
    return text.partition(";")[0]


def printable(text: str) -> str:
    """A name with control characters written out, so that it cannot change what a terminal or page shows."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
