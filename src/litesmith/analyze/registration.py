"""Selective registration: code and build lines for runtimes that hold only the operators some models use."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from litesmith.analyze.runtimes import FLEX
from litesmith.errors import Problem, UnsupportedError
from litesmith.formats.tflite.listing import Listing

_NOT_NAME = re.compile(r"\W")
_BYTES_A_LINE = 12


@dataclass(frozen=True, order=True)
class UsedOperator:
    """An operator of several models, with the lowest and the highest version they need. code: of a custom one."""

    name: str
    code: str
    lowest: int
    highest: int

    @property
    def title(self) -> str:
        """The custom operator's own name, or the built-in one's."""
        return self.code or self.name


def used_operators(listings: Iterable[Listing]) -> list[UsedOperator]:
    """The operators of all models, each once."""
    versions: dict[tuple[str, str], list[int]] = {}
    for listing in listings:
        for graph in listing.graphs:
            for operator in graph.operators:
                versions.setdefault((operator.name, operator.code), []).append(operator.version)
    return sorted(UsedOperator(*key, min(found), max(found)) for key, found in versions.items())


# -- LiteRT, C++ ------------------------------------------------------------------------------------------------------


def registration_source(operators: Sequence[UsedOperator], prefix: str = "tensorflow/lite", namespace: str = "") -> str:
    """A function that registers these operators: the file that ``gen_op_registration`` writes. Select TF operators are
    left out, as their delegate brings them."""
    includes = ("kernels/builtin_op_kernels.h", "model.h", "op_resolver.h")
    custom = [op for op in operators if op.code and not op.code.startswith(FLEX)]
    lines = [*(f'#include "{prefix}/{name}"' for name in includes), ""]
    if custom:
        lines += ["namespace tflite {", "namespace ops {", "namespace custom {"]
        lines += ["// Forward-declarations for the custom ops."]
        lines += [f"TfLiteRegistration* Register_{macro_name(op.code)}();" for op in custom]
        lines += ["}  // namespace custom", "}  // namespace ops", "}  // namespace tflite", ""]
    if namespace:
        lines += [f"namespace {namespace} {{"]
    lines += ["void RegisterSelectedOps(::tflite::MutableOpResolver* resolver) {"]
    lines += [f"  {_registration(op)};" for op in operators if not op.code.startswith(FLEX)]
    lines += ["}"]
    if namespace:
        lines += [f"}}  // namespace {namespace}"]
    return "\n".join(lines) + "\n"


def macro_name(code: str) -> str:
    """A custom operator's name as part of a C++ name: ``MyOp`` is ``MY_OP``."""
    words = re.sub(r"([a-z])([A-Z])", r"\1_\2", code)
    return _NOT_NAME.sub("_", words).upper()


def _registration(op: UsedOperator) -> str:
    versions = "" if op.lowest == op.highest == 1 else f", {op.lowest}, {op.highest}"
    if op.code:
        return f"resolver->AddCustom({_quote(op.code)}, ::tflite::ops::custom::Register_{macro_name(op.code)}(){versions})"
    kernel = f"::tflite::ops::builtin::Register_{op.name}()"
    return f"resolver->AddBuiltin(::tflite::BuiltinOperator_{op.name}, {kernel}{versions})"


def _quote(text: str) -> str:
    return '"' + "".join(c if 32 <= ord(c) < 127 and c not in '"\\' else _octal(c) for c in text) + '"'


def _octal(character: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogateescape"))


# -- TFLite Micro -----------------------------------------------------------------------------------------------------


@cache
def micro_methods() -> Mapping[str, str]:
    """Methods of Micro's resolver by operator; custom ones by ``CUSTOM`` and their name."""
    text = (files("litesmith.analyze") / "data" / "micro_resolver.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith(("#", "method\t"))]
    return {op: method for method, op in rows}


def micro_method(op: UsedOperator) -> str:
    """The resolver's method for an operator. Raises UnsupportedError where there is none."""
    found = micro_methods().get(f"CUSTOM {op.code}" if op.code else op.name)
    if found is None:
        raise UnsupportedError(
            f"TFLite Micro's resolver has no method for {op.title}",
            "convert with operators that Micro has (litesmith analyze tells which)",
            op=op.title,
        )
    return found


def micro_resolver(operators: Sequence[UsedOperator]) -> str:
    """A header with a resolver of these operators. Raises UnsupportedError naming the first that Micro lacks."""
    calls = "\n".join(f"  micro_op_resolver.{method}();" for method in dict.fromkeys(map(micro_method, operators)))
    count = len(dict.fromkeys(map(micro_method, operators)))
    return f"""#pragma once

#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

constexpr int kNumberOperators = {count};

inline tflite::MicroMutableOpResolver<kNumberOperators> get_resolver() {{
  tflite::MicroMutableOpResolver<kNumberOperators> micro_op_resolver;

{calls}

  return micro_op_resolver;
}}
"""


def missing_from_micro(operators: Iterable[UsedOperator]) -> list[Problem]:
    """A problem for each operator that Micro's resolver has no method for."""
    problems: list[Problem] = []
    for op in operators:
        try:
            micro_method(op)
        except UnsupportedError as error:
            problems += error.problems
    return problems


def c_array(data: bytes, name: str) -> Iterator[str]:
    """Lines of C source that hold a file: an aligned array and its length."""
    symbol = _NOT_NAME.sub("_", name)
    symbol = symbol if not symbol[:1].isdigit() else f"_{symbol}"
    yield "#include <cstdint>"
    yield ""
    yield f"alignas(16) extern const unsigned char {symbol}[] = {{"
    for start in range(0, len(data), _BYTES_A_LINE):
        yield "    " + ", ".join(f"0x{byte:02x}" for byte in data[start : start + _BYTES_A_LINE]) + ","
    yield "};"
    yield f"extern const unsigned int {symbol}_len = {len(data)};"


# -- build lines ------------------------------------------------------------------------------------------------------


def build_lines(models: Sequence[str]) -> dict[str, str]:
    """How to build runtimes that hold these models' operators only."""
    listed = shlex.quote(",".join(models))
    quoted = ", ".join(json.dumps(model, ensure_ascii=False) for model in models)
    return {
        "Android AAR": (
            f"bash tensorflow/lite/tools/build_aar.sh --input_models={listed} --target_archs=arm64-v8a,armeabi-v7a"
        ),
        "Bazel": f'tflite_custom_c_library(name = "selected_tflite", models = [{quoted}])',
        "CMake": (
            "add the C++ registration (litesmith ops --cpp) to your sources, call RegisterSelectedOps(&resolver) on a "
            "tflite::MutableOpResolver, and link tensorflow-lite"
        ),
    }
