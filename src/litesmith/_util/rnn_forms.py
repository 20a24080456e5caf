"""The names of the forms of recurrent layers, which the faces check and `decompositions.recurrent` makes."""

from __future__ import annotations

from litesmith._util.naming import suggestion
from litesmith.errors import UsageError

AUTO, FUSED, LOOP, UNROLLED = FORMS = ("auto", "fused", "loop", "unrolled")

COMPACT = "compact"
"""What ``auto`` is where the size of the file is the aim (weights alone are quantized) and for integers only, where the
steps of a loop share their scales: none is unrolled."""


def check_form(name: object) -> None:
    """Raises UsageError for what is none of them."""
    if name not in FORMS:
        raise UsageError(f"rnn is {name!r}{suggestion(str(name), FORMS)}; it is one of {', '.join(FORMS)}")
