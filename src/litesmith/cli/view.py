"""``litesmith view``."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from litesmith.cli.output import click_echo
from litesmith.errors import UsageError

_INSTALL = "install one: pip install 'litesmith[view]' (Netron), or pip install ai-edge-model-explorer"


@click.command("view")
@click.argument("file", type=click.Path())
@click.option("--with", "viewer", type=click.Choice(("model-explorer", "netron")), help="Default: the one that is there.")
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Port of the viewer.")
@click.option("--browse/--no-browse", default=True, show_default=True, help="Open a browser.")
def command(file: str, viewer: str | None, port: int, browse: bool) -> int:
    """Show the graph of FILE (a .tflite model) in Model Explorer or Netron, whichever is installed.

    In Model Explorer our overlays lie over the graph: cost, memory, and what keeps operators off delegates.
    """
    from litesmith.analyze import analyze_file

    report = analyze_file(file)  # tells of a damaged file before a viewer does
    programs = {name: found for name in ("model-explorer", "netron") if (found := _find(name))}
    chosen = viewer or next(iter(programs), None)
    if chosen not in programs:
        raise UsageError(f"{f'{chosen} is not' if chosen else 'neither Model Explorer nor Netron is'} installed; {_INSTALL}")
    if chosen == "netron":
        options = ["--port", str(port), *(["--browse"] if browse else [])]
        return _run([programs[chosen], *options, file])
    from litesmith.analyze.overlays import write_overlays

    with tempfile.TemporaryDirectory(prefix="litesmith-view-") as folder:
        overlays = ",".join(map(str, write_overlays(report, Path(folder), Path(file).stem)))
        options = ["--port", str(port), "--node_data_paths", overlays, *([] if browse else ["--no_open_in_browser"])]
        return _run([programs[chosen], file, *options])


def _find(name: str) -> str | None:
    """The program, beside this Python or on the path."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.is_file() else shutil.which(name)


def _run(line: list[str]) -> int:
    click_echo(f"running {' '.join(line)}")
    try:
        return subprocess.run(line, check=False).returncode
    except KeyboardInterrupt:
        return 0
