"""litesmith, the official converter and ai-edge-quantizer side by side on the same models and samples.

    python -m benchmarks.quantization [--models NAME ...] [--modes MODE ...] [--json FILE]
        [--tf-python P] [--ai-edge-python P] [--core-python P] [--mlperf DIR]

Each quantization is a fresh process, whose CPU time and peak memory count. Models are built once into
``benchmarks/.cache/quantization``. What fails becomes a row with its error. ``int8-best`` is compared with the others' int8.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.process import ROOT, measure
from benchmarks.quantization import table
from benchmarks.quantization.data import PHOTOGRAPHS

CACHE = PHOTOGRAPHS.parent
SOURCE = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PYTHONDONTWRITEBYTECODE": ""}  # the others are installed: compiled once
NAMES = (
    "digits_cnn", "digits_mlp", "digits_transformer", "digits_lstm", "digits_gru", "tiny_resnet8", "tiny_vww", "tiny_kws",
    "tiny_ad", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "resnet50_v2", "unet", "transformer",
)  # fmt: skip
MODES = {
    "dynamic": ("official", "ai_edge"),
    "float16": ("official", "ai_edge"),
    "int8": ("official", "ai_edge"),
    "int8-best": ("official", "ai_edge"),
    "int16x8": ("official", "ai_edge"),
    "weight-only": ("ai_edge",),
    "dynamic-int4": ("ai_edge",),
    "weight-only-int4": ("ai_edge",),
    "int8-int4": ("ai_edge",),
}
"""Of litesmith, and who else has them."""

THEIRS = {"int8-best": "int8"}
"""What a mode is compared with where others have none of the kind."""


def build(name: str, arguments: argparse.Namespace) -> str:
    """Builds a model and its float file where they are missing; returns the error, empty when all is there."""
    directory = CACHE / name
    if not PHOTOGRAPHS.is_file():
        measure([arguments.core_python, "-m", "benchmarks.quantization.data"], SOURCE)
    if not (directory / "held.npz").is_file():
        command = [arguments.tf_python, "-m", "benchmarks.quantization.models", name, str(CACHE)]
        built = measure(command + (["--mlperf", str(arguments.mlperf)] if arguments.mlperf else []), SOURCE)
        if built.error:
            return built.error
    command = [arguments.core_python, "-m", "benchmarks.quantization.ours", "float32", str(directory)]
    return measure([*command, str(directory / "float.tflite")], SOURCE).error


def quantize(name: str, mode: str, who: str, arguments: argparse.Namespace) -> tuple[Path, dict[str, Any]]:
    """One quantization: where the file is, and what it took. What others made is kept from run to run."""
    directory = CACHE / name
    target = directory / f"{who}-{mode}.tflite"
    kept = target.with_suffix(".json")
    if who != "ours" and kept.is_file() and not arguments.fresh:
        return target, dict(json.loads(kept.read_text()))
    python = {"ours": arguments.core_python, "official": arguments.tf_python, "ai_edge": arguments.ai_edge_python}[who]
    target.unlink(missing_ok=True)
    # without its own directory on the path, ai_edge needs nothing of this project but the script
    usage = measure([python, "-m", f"benchmarks.quantization.{who}", mode, str(directory), str(target)], SOURCE)
    found = {"cpu": round(usage.cpu, 2), "peak_mb": round(usage.peak_mb)} | ({"failure": usage.error} if usage.error else {})
    kept.write_text(json.dumps(found))
    return target, found


def compare(name: str, modes: list[str], arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A record for each mode of a model."""
    rows: list[tuple[str, str, Path, dict[str, Any]]] = []
    for mode in modes:
        rows.append((mode, "ours", *quantize(name, mode, "ours", arguments)))
        rows += [(mode, who, *quantize(name, THEIRS.get(mode, mode), who, arguments)) for who in MODES[mode]]
    for mode in modes:  # a mode at a time: few interpreters take turns, and each set knows the float one
        yield _record(name, mode, [row[1:] for row in rows if row[0] == mode], arguments)


def _record(
    name: str, mode: str, rows: list[tuple[str, Path, dict[str, Any]]], arguments: argparse.Namespace
) -> dict[str, Any]:
    directory = CACHE / name
    converted = [(who, path, facts) for who, path, facts in rows if "failure" not in facts]
    record: dict[str, Any] = {"model": name, "mode": mode} | {who: facts for who, _, facts in rows}
    command = [arguments.core_python, "-m", "benchmarks.quantization.evaluate", str(directory / "float.tflite")]
    command += [str(directory / "held.npz"), *(str(path) for _, path, _ in converted), "--seconds", str(arguments.seconds)]
    looked = measure(command, SOURCE)
    if looked.error:
        return record | {"failure": looked.error}
    float_facts, *others = json.loads(looked.stdout)
    for (who, _, facts), figures in zip(converted, others, strict=True):
        record[who] = facts | figures
    return record | {"float": float_facts}


def _interpreter(environment: str) -> str:
    python = ROOT / environment / "bin" / "python"
    return str(python) if python.exists() else sys.executable


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tf-python", default=_interpreter(".venv-tf"))
    parser.add_argument("--ai-edge-python", default=_interpreter(".venv-ai-edge"))
    parser.add_argument("--core-python", default=_interpreter(".venv"))
    parser.add_argument("--mlperf", type=Path, default=os.environ.get("MLPERF_TINY"), help="MLPerf Tiny's trained models")
    parser.add_argument("--models", nargs="*", choices=NAMES, metavar="NAME", help=f"of: {', '.join(NAMES)}")
    parser.add_argument("--modes", nargs="*", choices=MODES, metavar="MODE", help=f"of: {', '.join(MODES)}")
    parser.add_argument("--seconds", type=float, default=1.0, help="for the latency of each file")
    parser.add_argument("--fresh", action="store_true", help="quantize with the others again, too")
    parser.add_argument("--json", type=Path, help="where to keep the figures")
    return parser.parse_args()


def main() -> int:
    """Measures, prints; exit code 1 where litesmith is behind the better of the two."""
    arguments = _arguments()
    CACHE.mkdir(parents=True, exist_ok=True)
    records: list[dict[str, Any]] = []
    for name in arguments.models or NAMES:
        if failure := build(name, arguments):
            print(f"{name}: not built: {failure}", file=sys.stderr)
            continue
        for record in compare(name, arguments.modes or list(MODES), arguments):
            print(table.line(record), flush=True)
            records.append(record)
            if arguments.json:
                arguments.json.write_text(json.dumps(records, indent=1) + "\n")
    print(table.markdown(records))
    behind = [fault for record in records for fault in table.shortfalls(record)]
    print("\n".join(behind))
    return 1 if behind else 0


if __name__ == "__main__":
    sys.exit(main())
