"""`check`: a model judged before it is converted."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litesmith._util.damage import told_as_damage
from litesmith.api import Options, optimized_program, options_of
from litesmith.ir.graph import Program

if TYPE_CHECKING:
    from litesmith.analyze.check import CheckReport


def check(source: Any, *args: Any, **options: Any) -> CheckReport:
    """Judges a model before it is converted: the path it goes, what each operator becomes, what it costs and runs on.

    Arguments: see `convert`; nothing is verified and no more weights are read than that takes. Raises FormatError for a
    damaged file, UsageError for a request that makes no sense.
    """
    from litesmith.analyze.check import judge_source
    from litesmith.ir.budget import own_limits
    from litesmith.ops.common import own_unknown_dims

    chosen = options_of({**options, "verify": False, "reference": None})
    of_file = isinstance(source, (str, os.PathLike, bytes, bytearray, memoryview))

    def attempt(further: Mapping[str, Any]) -> Program:
        with own_unknown_dims(), own_limits():
            return optimized_program(source, args, replace(chosen, **further))

    with told_as_damage(of_file):
        return judge_source(_name_of(source), attempt, *_source_facts(source, chosen))


def _name_of(source: Any) -> str:
    if isinstance(source, (str, os.PathLike)):
        return Path(source).name or str(source)
    return str(getattr(source, "name", None) or getattr(source, "__name__", None) or type(source).__name__)


def _source_facts(source: Any, options: Options) -> tuple[Mapping[str, int], Sequence[str]]:
    """How often each operator occurs in a SavedModel, and the keys of its signatures; nothing for other sources."""
    if not isinstance(source, (str, os.PathLike)) or not any(
        (Path(source) / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt")
    ):
        return {}, ()
    from litesmith.formats.saved_model import SavedModel
    from litesmith.formats.saved_model.summary import op_histogram

    model = SavedModel.open(Path(source), options.tags)
    keys = [options.signature_keys] if isinstance(options.signature_keys, str) else options.signature_keys
    return op_histogram(model), list(keys or model.signatures)
