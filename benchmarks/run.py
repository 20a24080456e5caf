"""litesmith and the official converter side by side, in fresh processes, taking turns.

    python -m benchmarks [--models NAME ...] [--repeats 3] [--quick] [--json FILE] [--tf-python P] [--core-python P]

``--tf-python`` is an interpreter with TensorFlow; ``--core-python`` has litesmith's core dependencies only (by default
those of the Makefile's environments). Models are built once into ``benchmarks/.cache``. A converter that fails becomes
a row with its error.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from benchmarks import report, scenarios
from benchmarks.models import NAMES, UNBATCHED, variant_name
from benchmarks.process import Usage, measure, medians

HERE = Path(__file__).resolve().parent
CACHE = HERE / ".cache"
LATEST = HERE / "results" / "latest"
QUICK = ("ds_cnn", "mobilenet_v2", "transformer", "captures_only")
# Dynamic batches that tell most: shape chains, flattening, attention, resizing.
DYNAMIC = ("mobilenet_v2", "efficientnet_b0", "unet", "transformer", "dynamic_sequence", "preprocessing")


def variants(names: list[str], batch: str) -> list[tuple[str, int | None]]:
    """(name, batch) of what is to be measured; ``batch`` is "fixed", "dynamic", "both" or "some"."""
    fixed = [(name, 1) for name in names] if batch != "dynamic" else []
    moving = {"fixed": (), "some": DYNAMIC}.get(batch, NAMES)
    return [*fixed, *((name, None) for name in names if name in moving and name not in UNBATCHED)]


def build(name: str, batch: int | None, tf_python: str, zoo: Path) -> str:
    """Build a SavedModel and its reference if missing; returns the error, "" when it is there."""
    size = "dynamic" if batch is None else str(batch)
    return measure([tf_python, "-m", "benchmarks.models", "--out", str(zoo), "--only", name, "--batch", size]).error


def compare(directory: Path, name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The record of one model: ``{"name", "litesmith": {...}, "official": {...}}``."""
    source = str(directory / "saved_model")
    targets = {side: CACHE / f"{side}.tflite" for side in report.SIDES}
    commands = {
        "litesmith": [arguments.core_python, "-m", "litesmith", "convert", source, "-o", str(targets["litesmith"])],
        "official": [arguments.tf_python, "-m", "benchmarks.official", source, str(targets["official"])],
    }
    runs: dict[str, list[Usage]] = {side: [] for side in report.SIDES}
    for _ in range(arguments.repeats):
        for side, command in commands.items():
            targets[side].unlink(missing_ok=True)
            runs[side].append(measure(command, scenarios.SOURCE if side == "litesmith" else None))
    record: dict[str, Any] = {"name": name}
    for side in report.SIDES:
        usage = medians(runs[side])
        record[side] = usage.as_dict() | {"failure": usage.error}
        del record[side]["error"]
    _describe(record, targets, directory / "reference.npz", arguments)
    return record


def _describe(record: dict[str, Any], targets: dict[str, Path], reference: Path, arguments: argparse.Namespace) -> None:
    """Add size, ops, error and latency of what was converted, by one process that holds both."""
    converted = [side for side in report.SIDES if not record[side]["failure"]]
    if not converted:
        return
    command = [arguments.core_python, "-m", "benchmarks.evaluate", str(targets[converted[0]]), str(reference)]
    command += ["--against", str(targets[converted[1]])] if len(converted) > 1 else []
    looked = measure([*command, "--seconds", "0.5" if arguments.quick else "3"])
    for side, facts in zip(converted, json.loads(looked.stdout) if not looked.error else [], strict=False):
        record[side] |= facts
    if looked.error:
        record[converted[0]]["failure"] = f"the result cannot be evaluated: {looked.error}"


def environment(arguments: argparse.Namespace) -> dict[str, Any]:
    """Where and with what it was measured."""
    version = "import importlib.metadata as m; print(m.version('{}'))"
    return {
        "date": time.strftime("%Y-%m-%d"), "cpu": _cpu(), "cores": os.cpu_count(), "python": platform.python_version(),
        "tensorflow": measure([arguments.tf_python, "-c", version.format("tensorflow")]).stdout.strip(),
        "keras": measure([arguments.tf_python, "-c", version.format("keras")]).stdout.strip(),
        "litert": measure([arguments.core_python, "-c", version.format("ai-edge-litert")]).stdout.strip(),
        "repeats": arguments.repeats,
    }  # fmt: skip


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def measure_models(arguments: argparse.Namespace, console: Console) -> Iterator[dict[str, Any]]:
    """The records, one by one, each printed as a line; with a progress bar on a terminal."""
    zoo = arguments.zoo or CACHE / "zoo"
    wanted = variants(arguments.models, arguments.batch)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("", total=len(wanted))
        for name, batch in wanted:
            shown = variant_name(name, batch)
            progress.update(task, description=shown)
            failure = build(name, batch, arguments.tf_python, zoo)
            if failure:
                console.print(f"{shown}: not built: {failure}", style="red", markup=False)
            else:
                record = compare(zoo / shown, shown, arguments)
                console.print(report.summary(record), markup=False)
                yield record
            progress.advance(task)


def measure_scenarios(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """The scenarios asked for; one that fails is printed and left out."""
    tasks = {
        "import": lambda: scenarios.import_time(arguments.core_python),
        "large_weights": lambda: scenarios.large_weights(CACHE, arguments.core_python, arguments.tf_python),
        "live_keras": lambda: scenarios.live_keras(arguments.tf_python),
        "install": lambda: scenarios.install_size(CACHE),
        "rnn": lambda: scenarios.recurrent(arguments.tf_python),
        "growth": lambda: scenarios.growth(arguments.core_python),
    }
    results = {}
    for name in arguments.scenarios:
        try:
            results[name] = tasks[name]()
        except RuntimeError as error:
            console.print(f"{name}: {error}", style="red", markup=False)
    return results


_SCENARIOS = ("import", "large_weights", "live_keras", "install")


def _interpreter(environment: str) -> str:
    """The interpreter of one of the Makefile's environments; this one where it was not made."""
    python = HERE.parent / environment / "bin" / "python"
    return str(python) if python.exists() else sys.executable


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tf-python", default=_interpreter(".venv-tf"))
    parser.add_argument("--core-python", default=_interpreter(".venv"))
    parser.add_argument("--models", nargs="*", metavar="NAME", help=f"of: {', '.join(NAMES)}; none for scenarios only")
    parser.add_argument("--batch", choices=("fixed", "dynamic", "both", "some"), default="some")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scenarios", nargs="*", choices=(*_SCENARIOS, "growth", "rnn"))
    parser.add_argument("--json", type=Path, help="where to keep the result besides benchmarks/results")
    parser.add_argument("--zoo", type=Path, help="where built models are (default benchmarks/.cache/zoo)")
    parser.add_argument("--quick", action="store_true", help="four models, one repeat, import time only")
    arguments = parser.parse_args()
    if unknown := set(arguments.models or ()) - set(NAMES):
        parser.error(f"unknown models: {', '.join(sorted(unknown))}")
    if arguments.models is None:
        arguments.models = list(QUICK if arguments.quick else NAMES)
    if arguments.scenarios is None:
        arguments.scenarios = ["import"] if arguments.quick else list(_SCENARIOS)
    if arguments.quick:
        arguments.repeats = 1
        arguments.batch = "fixed"
    return arguments


def main() -> int:
    """Measure, print, keep. Exit code 1 when a model misses a per-model figure."""
    arguments, console = _arguments(), Console(width=None if sys.stdout.isatty() else 150)
    CACHE.mkdir(exist_ok=True)
    LATEST.parent.mkdir(exist_ok=True)
    records: list[dict[str, Any]] = []
    result: dict[str, Any] = {"environment": environment(arguments), "models": records, "scenarios": {}}
    kept = [LATEST.with_name(f"{time.strftime('%Y%m%d-%H%M%S')}.json"), *([arguments.json] if arguments.json else [])]
    for record in measure_models(arguments, console):
        records.append(record)
        write(result, kept)  # what was measured survives an interruption
    result["scenarios"] = measure_scenarios(arguments, console)
    # A quick or partial run must not replace the published summary.
    if set(arguments.models) == set(NAMES) and not arguments.quick:
        kept.append(LATEST.with_suffix(".json"))
        LATEST.with_suffix(".md").write_text(report.markdown(result))
    write(result, kept)
    console.print(report.rich_table(records))
    missed = report.shortfalls(records)
    for line in (*report.scenario_lines(result["scenarios"]), *missed):
        console.print(line, markup=False)
    return 1 if missed else 0


def write(result: dict[str, Any], paths: list[Path]) -> None:
    """Keep the result with its geometric means as JSON."""
    text = json.dumps(result | {"geometric_means": report.geometric_means(result["models"])}, indent=1) + "\n"
    for path in paths:
        path.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
