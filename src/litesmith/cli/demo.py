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
    """Convert the example model (a small CNN that reads handwritten digits), verify it and print its figures."""
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
    _print_accuracy(path, example)
    _print_sizes(example / "saved_model", path)


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


def _print_accuracy(model: Path, example: Path) -> None:
    from litesmith.runtime import Runner

    heldout = np.load(example / "heldout.npz")
    images, labels = heldout["images"].astype(np.float32), heldout["labels"]
    (scores,) = Runner(model).run([images]).values()
    right = int((scores.argmax(axis=1) == labels).sum())
    console().print(
        f"Accuracy on the {len(labels)} held-out digits: [bold]{right / len(labels):.1%}[/] ({right} right)"
    )
    console().print(_picture(images[0, :, :, 0], f" read as {scores[0].argmax()}, labelled {labels[0]}"))


def _picture(image: Any, caption: str) -> str:
    """A digit in block characters."""
    shades = " ░▒▓█"
    rows = ["".join(shades[int(p * 4 / 16)] * 2 for p in row) for row in image]
    return "\n" + "\n".join(f"  {r}" for r in rows) + f"\n {caption}\n"


def _print_sizes(saved_model: Path, tflite: Path) -> None:
    files = [f for f in saved_model.rglob("*") if f.is_file()]
    total, made = sum(f.stat().st_size for f in files), tflite.stat().st_size
    rows = [
        ("SavedModel directory", human_bytes(total), "1.00"),
        ("  of it weights", human_bytes(sum(f.stat().st_size for f in files if "variables" in f.parts)), ""),
        (str(tflite), human_bytes(made), f"{made / total:.2f}"),
    ]
    print_table("Size", ("file", ">size", ">ratio"), rows)
