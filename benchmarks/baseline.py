"""The official converter's result on every built model, kept beside it as ``official.tflite`` and ``official.json``.

python -m benchmarks.baseline --zoo DIR --tf-python PATH [--only VARIANT ...]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.process import measure


def baseline(directory: Path, tf_python: str) -> dict[str, Any]:
    """Convert ``directory/saved_model`` officially and describe the result; failures become an ``failure`` entry."""
    target = directory / "official.tflite"
    target.unlink(missing_ok=True)
    usage = measure([tf_python, "-m", "benchmarks.official", str(directory / "saved_model"), str(target)])
    facts: dict[str, Any] = usage.as_dict() | {"failure": usage.error}
    del facts["error"]
    if not usage.error:
        looked = measure([sys.executable, "-m", "benchmarks.evaluate", str(target), str(directory / "reference.npz")])
        facts |= {"failure": looked.error} if looked.error else json.loads(looked.stdout)[0]
    (directory / "official.json").write_text(json.dumps(facts, indent=1))
    return facts


def main() -> None:
    """Fill in what is missing; one line a model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", type=Path, required=True)
    parser.add_argument("--tf-python", required=True)
    parser.add_argument("--only", nargs="+")
    arguments = parser.parse_args()
    built = sorted((path.parent for path in arguments.zoo.glob("*/model.json")), key=lambda p: p.stat().st_mtime)
    for directory in built:
        chosen = not arguments.only or directory.name in arguments.only
        if chosen and not directory.name.endswith(".partial") and not (directory / "official.json").is_file():
            facts = baseline(directory, arguments.tf_python)
            shown = {key: facts.get(key) for key in ("cpu", "peak_mb", "op_count", "error", "failure")}
            print(directory.name, json.dumps(shown), flush=True)


if __name__ == "__main__":
    main()
