"""Outputs of nothing but NaN: a fault, unless the operators themselves give NaN for the inputs that were made up."""

from __future__ import annotations

import numpy as np
import pytest

import litesmith
from litesmith.cli import main
from litesmith.errors import VerificationError
from litesmith.formats.tflite import read_model, write_model
from litesmith.ir.parser import parse_program
from litesmith.nan_outputs import accept_computed_nan
from litesmith.ops import OPS
from litesmith.runtime import verify

UNDEFINED = """
    graph main(%x: float32[4]) {
      %a = ABS(%x) : float32[4]
      %b = NEG(%a) : float32[4]
      %c = SUB(%b, float32[](1)) : float32[4]
      %y = LOG(%c) : float32[4]
      return %y
    }
"""
LOOP = """
    graph main(%x: float32[4]) {
      %a = ABS(%x) : float32[4]
      %i, %v = WHILE(int32[](0), %a) {cond_subgraph=@cond, body_subgraph=@body} : int32[], float32[4]
      %y = LOG(%v) : float32[4]
      return %y
    }
    graph cond(%k: int32[], %u: float32[4]) { %t = LESS(%k, int32[](3)) : bool[] return %t }
    graph body(%m: int32[], %w: float32[4]) {
      %n = ADD(%m, int32[](1)) : int32[]
      %s = SUB(%w, float32[](9)) : float32[4]
      return %n, %s
    }
"""


@pytest.mark.parametrize("text", [UNDEFINED, LOOP], ids=["chain", "loop"])
def test_nan_that_is_computed_is_accepted(tmp_path, capsys, text):
    content = write_model(parse_program(text, OPS))
    report = verify(content)
    assert [p.code for p in report.problems] == ["LS905"]
    assert accept_computed_nan(report, lambda: read_model(content), content).ok
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    assert litesmith.convert(path).save(tmp_path / "n.tflite").exists()
    assert main(["verify", str(path)]) == 0


def test_nan_of_the_weights_is_a_fault():
    content = write_model(parse_program(UNDEFINED.replace("float32[](1)", "float32[](nan)"), OPS))
    report = verify(content)
    assert accept_computed_nan(report, lambda: read_model(content), content) == report
    assert not report.ok


def test_nan_of_the_runtime_alone_is_a_fault():
    other = write_model(parse_program(UNDEFINED.replace("LOG(%c)", "ABS(%a)"), OPS))
    content = write_model(parse_program(UNDEFINED, OPS))
    report = verify(content)
    assert not accept_computed_nan(report, lambda: read_model(other), content).ok


def test_a_reference_is_believed():
    model = litesmith.convert(write_model(parse_program(UNDEFINED, OPS)))
    x = {"x": np.ones(4, np.float32)}
    model.options = litesmith.api.Options(reference=litesmith.runtime.Reference.of(x, {"y": np.ones(4, np.float32)}))
    with pytest.raises(VerificationError, match="LS906"):
        _ = model.content
