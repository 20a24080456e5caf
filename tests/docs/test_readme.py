"""What the README shows is what happens."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

from litesmith.api import Options
from litesmith.cli import COMMANDS, main
from tests.graphs import unsupported_model

README = (Path(__file__).resolve().parent.parent.parent / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
CALLS = re.findall(r"`(litesmith\.convert\([^`]*\))`", README)
SHELL = [
    found
    for block in re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    for found in re.findall(r"^litesmith (\w+)(.*?)(?: {2,}#.*)?$", block, re.MULTILINE)
]


def test_errors_look_as_shown(tmp_path, capsys):
    (shown,) = re.findall(r"^```\n(LS010.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert main(["convert", str(unsupported_model(tmp_path / "model")), "-o", str(tmp_path / "m.tflite")]) == 1
    assert capsys.readouterr().err == shown


@pytest.mark.parametrize("code", [*PYTHON, *CALLS])
def test_calls_use_options_there_are(code):
    known = {f.name for f in fields(Options)}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "convert":
            assert {k.arg for k in node.keywords} <= known


@pytest.mark.parametrize(("command", "rest"), SHELL)
def test_commands_use_options_there_are(command, rest, capsys):
    assert command in COMMANDS
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert all(re.search(rf"{option}\b", text) for option in re.findall(r"(?<!\S)--?[a-z-]+", rest))


def test_every_source_and_command_is_shown():
    assert len(CALLS) >= 8
    assert {command for command, _ in SHELL} == set(COMMANDS) - {"demo"}
