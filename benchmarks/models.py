"""The registry of real models and the command that builds them.

    python -m benchmarks.models --out DIR [--only NAME ...] [--batch 1 --batch dynamic] [--exporter export]

Every variant goes to ``DIR/<name>[-dyn][-sm]/``: ``saved_model/``, ``reference.npz`` (one call as TensorFlow answers
it), ``reference/`` (a session of several calls) and ``model.json``. ``-dyn`` is a dynamic batch, ``-sm`` a model saved
by ``tf.saved_model.save``. One process a model bounds the memory; what is already built is left alone.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.zoo.entry import Entry, Options

# The order is the one in which a full build goes: small and varied first, the big ones last.
NAMES = (
    "ds_cnn", "mobilenet_v2", "unet", "transformer", "preprocessing", "multi_io_dict", "multi_io_list",
    "dynamic_sequence", "two_signatures", "captures_only", "tf1_simple_save", "tf1_resource", "tf1_nchw", "while_loop",
    "cond", "switch_case", "control_flow", "counter", "counter_two_signatures", "nchw", "nchw_keras", "kws_ref_model",
    "mobilenet", "mobilenet_v3_small", "efficientnet_b0", "efficientnet_v2_b0", "resnet50_v2", "densenet121",
    "inception_v3", "nasnet_mobile", "xception", "convnext_tiny", "vgg16",
)  # fmt: skip
UNBATCHED = frozenset({"counter", "counter_two_signatures", "kws_ref_model"})


def registry() -> dict[str, Entry]:
    """All entries by name. Imports TensorFlow and Keras."""
    from benchmarks.zoo import applications, programs, small, tf1

    entries = (*small.ENTRIES, *applications.ENTRIES, *programs.ENTRIES, *tf1.ENTRIES)
    return {entry.name: entry for entry in entries}


def build(name: str, directory: Path, options: Options) -> None:
    """Build one variant into ``directory``, in this process; the directory appears only when it is complete."""
    from benchmarks.zoo.reference import write_reference

    entry = registry()[name]
    partial = directory.with_name(directory.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    start = time.perf_counter()
    entry.save(str(partial / "saved_model"), options)
    ranges = write_reference(entry, str(partial / "saved_model"), str(partial / "reference.npz"))
    described = {
        "name": name, "batch": options.batch, "exporter": options.exporter, "small": options.small,
        "stateful": entry.stateful, "ranges": ranges, "seconds": round(time.perf_counter() - start, 1),
    }  # fmt: skip
    (partial / "model.json").write_text(json.dumps(described, indent=1))
    shutil.rmtree(directory, ignore_errors=True)
    partial.rename(directory)


def variant_name(name: str, batch: int | None, exporter: str = "export", *, small: bool = False) -> str:
    """The directory's name of a variant."""
    parts = ("-small" if small else "", "" if batch is not None else "-dyn", "-sm" if exporter == "saved_model" else "")
    return name + "".join(parts)


def ensure_built(name: str, out: Path, options: Options, python: str = sys.executable) -> Path:
    """Build a variant in a process of its own unless it is there; returns its directory."""
    directory = out / variant_name(name, options.batch, options.exporter, small=options.small)
    if (directory / "model.json").is_file():
        return directory
    batch = "dynamic" if options.batch is None else str(options.batch)
    command = [python, "-m", "benchmarks.models", "--out", str(out), "--here", name, "--batch", batch]
    command += ["--exporter", options.exporter] + ["--small"] * options.small
    quiet = {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(command, env=os.environ | quiet, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{directory.name} cannot be built:\n{done.stderr[-2000:]}")
    return directory


def _batch(text: str) -> int | None:
    return None if text in ("dynamic", "none") else int(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=NAMES, choices=NAMES, metavar="NAME")
    parser.add_argument("--batch", type=_batch, action="append", help="a number or 'dynamic'; may be repeated")
    parser.add_argument("--exporter", choices=("export", "saved_model"), default="export")
    parser.add_argument("--small", action="store_true", help="reduced sizes, for quick tests")
    parser.add_argument("--here", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Build what is missing; exit code 1 when a model could not be built."""
    from benchmarks.zoo.entry import Options

    arguments = _arguments()
    variants = [Options(batch, arguments.exporter, arguments.small) for batch in arguments.batch or [1, None]]
    if arguments.here:
        name = variant_name(arguments.here, variants[0].batch, arguments.exporter, small=arguments.small)
        build(arguments.here, arguments.out / name, variants[0])
        return 0
    failed = 0
    for name in arguments.only:
        for options in variants:
            if options.batch is None and name in UNBATCHED:
                continue
            try:
                print(ensure_built(name, arguments.out.resolve(), options), flush=True)
            except RuntimeError as error:
                failed += 1
                print(error, file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
