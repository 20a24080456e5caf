"""``litesmith demo``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from litesmith._util.text import human_bytes
from litesmith.cli.output import console, print_table
from litesmith.cli.progress import progress
from litesmith.errors import FormatError


@click.command("demo")
@click.option("-o", "--output", default="digits.tflite", show_default=True, help="The .tflite file to write.")
def command(output: str) -> None:
    """Convert and quantize the example model (a small CNN that reads handwritten digits), verify it, print its figures."""
    from litesmith import api

    example = example_directory()
    out = console()
    out.print(f"[bold]litesmith demo[/]: {example / 'saved_model'} → {output}, without TensorFlow\n")
    start = time.perf_counter()
    with progress("Converting and verifying"):
        model = api.convert(example / "saved_model", reference=example / "reference.npz")
        path = model.save(output)
    seconds = time.perf_counter() - start
    report = model.verify(example / "reference.npz")
    out.print(
        f"[green]✓[/] converted and verified in {seconds:.1f} s: {report.invocations} invocations in a row agree with "
        f"TensorFlow's outputs, largest error {report.max_error:.1e} of the range\n"
    )
    print_table("Operators", ("#", "operator", "result", "origin"), _op_rows(model.program.main))
    small = path.with_name(f"{path.stem}_int8.tflite")
    with progress("Quantizing and verifying"):
        narrow = api.convert(example / "saved_model", quantize="int8", calibrate=_calibration_images(example))
        narrow.save(small)
    _print_picture(path, example)
    _print_comparison(example, {"float32": path, "int8": small})
    worst = narrow.quantized.fidelity.worst
    out.print(f"int8 is {worst:.1f} dB from float32 on the calibration digits (signal to noise), file: {small}")


def example_directory() -> Path:
    """Where the example lies: inside the installed package, or in the checkout it runs from.

    Raises FormatError where it is in neither place.
    """
    package = Path(__file__).parent.parent
    for candidate in (package / "examples" / "digits", package.parent.parent / "examples" / "digits"):
        if (candidate / "saved_model").is_dir():
            return candidate
    raise FormatError("the example model is not installed", fix="run the demo from a checkout")


def _op_rows(graph: Any) -> list[tuple[str, ...]]:
    return [
        (str(i), op.name, ", ".join(str(r.type) for r in op.results), " + ".join(_places(op)))
        for i, op in enumerate(graph.ops)
    ]


def _places(op: Any) -> list[str]:
    """Names of the layers an operation was made from."""
    labels = [o.label.split("/")[1] if o.label.count("/") > 1 else o.label for o in op.origins]
    return list(dict.fromkeys(labels))


CALIBRATING = 100
"""Of the held-out digits, so many are calibrated on; accuracy is told of the others, too."""


def _calibration_images(example: Path) -> Any:
    return np.load(example / "heldout.npz")["images"].astype(np.float32)[:CALIBRATING]


def _print_picture(model: Path, example: Path) -> None:
    from litesmith.runtime import Runner

    heldout = np.load(example / "heldout.npz")
    image, label = heldout["images"][:1].astype(np.float32), heldout["labels"][0]
    (scores,) = Runner(model).run([image]).values()
    console().print(_picture(image[0, :, :, 0], f" read as {scores[0].argmax()}, labelled {label}"))


def _print_comparison(example: Path, files: dict[str, Path]) -> None:
    """Accuracy, size and latency of the models side by side."""
    from litesmith.runtime import Runner

    heldout = np.load(example / "heldout.npz")
    images, labels = heldout["images"].astype(np.float32), heldout["labels"]
    sizes = {name: path.stat().st_size for name, path in files.items()}
    saved = sum(f.stat().st_size for f in (example / "saved_model").rglob("*") if f.is_file())
    rows = [("SavedModel directory", human_bytes(saved), "", "", "")]
    for name, path in files.items():
        runner = Runner(path)
        (scores,) = runner.run([images]).values()
        right = int((scores.argmax(axis=1) == labels).sum())
        accuracy = f"{right / len(labels):.1%} ({right} of {len(labels)})"
        ratio = f"{sizes[name] / sizes['float32']:.2f}"
        rows.append((str(path), human_bytes(sizes[name]), ratio, accuracy, f"{_latency(runner, images[:1]):.3f} ms"))
    print_table("Side by side", ("file", ">size", ">of float32", ">held-out digits right", ">latency"), rows)


def _latency(runner: Any, image: Any) -> float:
    """Milliseconds of one invocation, the median of some."""
    invoke = runner.repeater([image])
    times = []
    for _ in range(200):
        start = time.perf_counter()
        invoke()
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1000


def _picture(image: Any, caption: str) -> str:
    """A digit in block characters."""
    shades = " ░▒▓█"
    rows = ["".join(shades[int(p * 4 / 16)] * 2 for p in row) for row in image]
    return "\n" + "\n".join(f"  {r}" for r in rows) + f"\n {caption}\n"
