"""Selective registration: C++ and Micro sources, and the files as C arrays."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from litesmith.analyze.registration import (
    UsedOperator,
    c_array,
    macro_name,
    micro_methods,
    micro_resolver,
    registration_source,
    used_operators,
)
from litesmith.cli import main
from litesmith.errors import UnsupportedError
from litesmith.formats.tflite import write_model
from litesmith.formats.tflite.listing import list_model
from litesmith.ops import OPS, micro
from tests.analyze.one_op import one_op

ADD = "%x: float32[3], %y: float32[3]", "ADD(%x, %y) : float32[3]"
WIDE = "%x: int64[3], %y: int64[3]", "ADD(%x, %y) : int64[3]"
MINE = "%x: float32[3]", 'CUSTOM(%x) {custom_code="MyOp"} : float32[3]'
FLEX = "%x: float32[3]", 'CUSTOM(%x) {custom_code="FlexSvd"} : float32[3]'


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    paths = []
    for number, model in enumerate((ADD, WIDE, MINE, FLEX)):
        path = tmp_path / f"{number}.tflite"
        path.write_bytes(write_model(one_op(*model)))
        paths.append(str(path))
    return paths


def test_the_union_of_models(files: list[str]) -> None:
    used = used_operators(map(list_model, files))
    assert used == [
        UsedOperator("ADD", "", 1, 4),
        UsedOperator("CUSTOM", "FlexSvd", 1, 1),
        UsedOperator("CUSTOM", "MyOp", 1, 1),
    ]


def test_cpp(files: list[str]) -> None:
    text = registration_source(used_operators(map(list_model, files)), "tflite", "mine")
    assert '#include "tflite/op_resolver.h"' in text
    assert "TfLiteRegistration* Register_MY_OP();" in text
    add = "resolver->AddBuiltin(::tflite::BuiltinOperator_ADD, ::tflite::ops::builtin::Register_ADD(), 1, 4);"
    assert add in text
    assert 'resolver->AddCustom("MyOp", ::tflite::ops::custom::Register_MY_OP());' in text
    assert "Flex" not in text
    assert text.count("{") == text.count("}")
    assert "namespace mine {" in text


@pytest.mark.parametrize(
    ("code", "name"),
    [("MyOp", "MY_OP"), ("TFLite_Detection_PostProcess", "TFLITE_DETECTION_POST_PROCESS"), ("odml.rope", "ODML_ROPE")],
)
def test_names_in_cpp(code: str, name: str) -> None:
    assert macro_name(code) == name


def test_strange_names_stay_inside_their_string() -> None:
    text = registration_source([UsedOperator("CUSTOM", 'a"); evil("\n\\', 1, 1)])
    (line,) = [line for line in text.splitlines() if "AddCustom" in line]
    assert re.search(r'AddCustom\("(?:[^"\\]|\\\d{3})*",', line)


def test_micro_methods_that_do_not_follow_the_rule() -> None:
    text = micro_resolver([UsedOperator("CUMSUM", "", 1, 1), UsedOperator("PADV2", "", 1, 1)])
    assert "AddCumSum();" in text
    assert "AddPadV2();" in text
    assert "kNumberOperators = 2;" in text


def test_micro_refuses_what_it_lacks() -> None:
    with pytest.raises(UnsupportedError, match="no method for MyOp"):
        micro_resolver([UsedOperator("CUSTOM", "MyOp", 1, 1)])


def test_declarations_and_methods_agree() -> None:
    known = {name for name in micro_methods() if not name.startswith("CUSTOM ")}
    assert known == {name for name, defn in OPS.items() if defn.micro is not None and name != "CUSTOM"}
    custom = {name.removeprefix("CUSTOM ") for name in micro_methods() if name.startswith("CUSTOM ")}
    assert custom == set(micro.CUSTOM_CODES)


def test_c_array() -> None:
    text = "\n".join(c_array(bytes(range(20)), "my-model"))
    assert bytes(int(b, 16) for b in re.findall(r"0x(\w\w)", text)) == bytes(range(20))
    assert "my_model[]" in text
    assert "my_model_len = 20;" in text


def test_the_command(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ops", *files]) == 0
    assert main(["ops", files[0], "--micro"]) == 0
    assert "AddAdd();" in capsys.readouterr().out
    assert main(["ops", *files, "--micro"]) == 1
    capsys.readouterr()
    assert main(["ops", *files, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["operators"]) == 3
    assert main(["ops", files[0], "--c-array"]) == 0
    assert main(["ops", files[0], "--cpp", "--micro"]) == 2
    assert main(["ops"]) == 2
    assert main(["ops", "none.tflite"]) == 1


def test_view_says_what_is_missing(
    files: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("litesmith.cli.view._find", lambda name: None)
    assert main(["view", files[0]]) == 2
    assert "pip install" in capsys.readouterr().err


@pytest.mark.parametrize("name", ("netron", "model-explorer"))
def test_view_starts_a_viewer(name: str, files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[list[str]] = []
    monkeypatch.setattr("litesmith.cli.view._find", lambda found: f"/bin/{found}" if found == name else None)

    def run(line: list[str]) -> int:
        lines.append(line)
        return 0

    monkeypatch.setattr("litesmith.cli.view._run", run)
    assert main(["view", files[0], "--port", "9000"]) == 0
    assert lines[0][0] == f"/bin/{name}"
    assert files[0] in lines[0]
    assert "9000" in lines[0]
    assert ("--node_data_paths" in lines[0]) == (name == "model-explorer")
