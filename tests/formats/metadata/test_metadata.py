"""Metadata: every table there and back, the versions parsers need, documents, and what the model's file becomes."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import litesmith
from litesmith.errors import FormatError, LitesmithError, MissingFileError, UsageError
from litesmith.formats.metadata import SCHEMA, decode, encode, from_document, json_schema, read_described, to_document
from litesmith.formats.metadata import schema as s
from litesmith.formats.metadata.codec import unknown_fields
from litesmith.formats.metadata.fields import SlotField, slot_fields
from litesmith.formats.metadata.versions import min_parser_version
from litesmith.formats.tflite import read_model, write_model
from litesmith.formats.tflite.encoder import REF, Encoder
from litesmith.ir import Builder, DType, Graph, Program, Signature, tensor
from litesmith.ops import OPS
from litesmith.runtime import Runner
from tests.formats.tflite.test_fuzz import mutations

LABELS = s.AssociatedFile("labels.txt", "classes", s.AssociatedFileType.TENSOR_AXIS_LABELS, "en")


def model(outputs: int = 1) -> bytes:
    """A model of one input and this many outputs."""
    graph = Graph("main")
    x = graph.add_input(tensor(DType.FLOAT32, (1, 4)), "x")
    b = Builder(graph, OPS)
    graph.outputs = [b.add(x, np.full((1, 4), i + 1, np.float32)) for i in range(outputs)]
    names = {f"y{i}": i for i in range(outputs)}
    return write_model(Program([graph], [Signature("serving_default", graph, {"x": 0}, names)]))


def metadata(outputs: int = 1, **fields: Any) -> s.ModelMetadata:
    """Metadata that fit `model`, with labels on the first output."""
    results = tuple(
        s.TensorMetadata(f"y{i}", associated_files=(LABELS,) if i == 0 else ()) for i in range(outputs)
    )
    graph = s.SubGraphMetadata(input_tensor_metadata=(s.TensorMetadata("x"),), output_tensor_metadata=results)
    return s.ModelMetadata("model", subgraph_metadata=(graph,), **fields)


FILES = {"labels.txt": b"a\nb\nc\nd\n"}


def described(content: bytes | None = None, outputs: int = 1, **fields: Any) -> bytes:
    out = io.BytesIO()
    source = read_described(content or model(outputs))
    source.with_metadata(metadata(outputs, **fields), FILES).write(out)
    return out.getvalue()


# --- every table ---------------------------------------------------------------------------------------------------


def tables() -> list[type[Any]]:
    return list(s.Table.__subclasses__())


def values(field: SlotField, depth: int) -> st.SearchStrategy[Any]:
    text = st.text(st.characters(blacklist_categories=("Cs",)), max_size=5)
    floats = st.floats(width=32, allow_nan=False)
    whole = st.integers(0, 2**32 - 1) if field.code == "I" else st.integers(-(2**31), 2**31 - 1)
    number = {"f": floats, "?": st.booleans()}.get(field.code, whole)
    simple = {"text": text, "octets": st.binary(max_size=20), "scalar": number}
    several = {"texts": text, "scalars": number}
    if field.kind in simple:
        return simple[field.kind]
    if field.kind in several:
        return st.lists(several[field.kind], max_size=3).map(tuple)
    if field.kind == "enum":
        return st.sampled_from(list(field.members[0]))
    nested = st.one_of([instances(m, depth + 1) for m in field.members])
    return st.lists(nested, max_size=2).map(tuple) if field.kind == "tables" else st.none() | nested


def instances(kind: type[Any], depth: int = 0) -> st.SearchStrategy[Any]:
    return st.builds(kind, **{f.name: values(f, depth) for f in slot_fields(kind)})


@pytest.mark.parametrize("kind", tables(), ids=lambda t: t.__name__)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_every_table_comes_back(kind: type[Any], data: st.DataObject) -> None:
    table = data.draw(instances(kind))
    assert decode(encode(table), kind) == table
    assert unknown_fields(encode(table), kind) == []
    assert from_document(json.loads(json.dumps(to_document(table))), kind) == table


def test_slots_are_those_of_the_schema() -> None:
    assert [(f.key, f.slot) for f in slot_fields(s.TensorMetadata)] == [
        ("name", 0), ("description", 1), ("dimension_names", 2), ("content", 3), ("process_units", 4), ("stats", 5),
        ("associated_files", 6),
    ]  # fmt: skip
    assert [(f.key, f.slot) for f in slot_fields(s.Content)] == [("content_properties", 0), ("range", 2)]
    assert [f.key for f in slot_fields(s.SentencePieceTokenizerOptions)] == ["sentencePiece_model", "vocab_file"]


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (s.ImageSize(-1, 2), "ImageSize.width cannot hold"),
        (s.ImageSize(2**32, 2), "ImageSize.width cannot hold"),
        (s.ValueRange(2**31, 0), "ValueRange.min cannot hold"),
        (s.BoundingBoxProperties((0, -1)), "BoundingBoxProperties.index cannot hold"),
    ],
)
def test_numbers_that_do_not_fit(table: s.Table, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        encode(table)


# --- versions ------------------------------------------------------------------------------------------------------


def with_graph(**fields: Any) -> s.ModelMetadata:
    return s.ModelMetadata(subgraph_metadata=(s.SubGraphMetadata(**fields),))


VERSIONS = [
    ("1.0.0", s.ModelMetadata("m")),
    ("1.0.0", with_graph(associated_files=(LABELS,))),
    ("1.0.1", s.ModelMetadata(associated_files=(s.AssociatedFile("v", type=s.AssociatedFileType.VOCABULARY),))),
    ("1.1.0", with_graph(input_process_units=(s.ProcessUnit(),))),
    ("1.1.0", with_graph(input_process_units=(s.ProcessUnit(s.BertTokenizerOptions((s.AssociatedFile(version="2"),))),))),
    ("1.2.0", with_graph(output_tensor_groups=(s.TensorGroup("g"),))),
    ("1.2.1", with_graph(input_tensor_metadata=(
        s.TensorMetadata(process_units=(s.ProcessUnit(s.RegexTokenizerOptions(" ")),)),))),
    ("1.3.0", with_graph(input_tensor_metadata=(s.TensorMetadata(content=s.Content(s.AudioProperties(16000, 1))),))),
    ("1.4.0", s.ModelMetadata(associated_files=(s.AssociatedFile("i", type=s.AssociatedFileType.SCANN_INDEX_FILE),))),
    ("1.4.1", s.ModelMetadata(associated_files=(s.AssociatedFile("i", version="1"),))),
    ("1.5.0", with_graph(custom_metadata=(s.CustomMetadata("c", b"1"),))),
]  # fmt: skip


@pytest.mark.parametrize(("version", "table"), VERSIONS)
def test_min_parser_version(version: str, table: s.ModelMetadata) -> None:
    assert min_parser_version(table) == version


# --- documents -----------------------------------------------------------------------------------------------------

MISTAKES = [
    ({"nam": "x"}, "nam: is not a field of ModelMetadata; did you mean name"),
    ({"name": 3}, "name: expected a text, got 3"),
    ([], "the document: expected a mapping, got list"),
    ({"associated_files": [{"type": "TENSOR_AXIS_LABEL"}]}, r"associated_files\[0\].type.*did you mean TENSOR_AXIS_LABELS"),
    ({"subgraph_metadata": {}}, "subgraph_metadata: expected a list, got dict"),
    ({"subgraph_metadata": [{"custom_metadata": [{"data": "?"}]}]}, "expected bytes as base64"),
    ({"subgraph_metadata": [{"input_process_units": [{"options": {}}]}]}, "says nothing without options_type"),
    ({"subgraph_metadata": [{"input_process_units": [{"options_type": "Norm"}]}]}, "is none of NormalizationOptions"),
    ({"subgraph_metadata": [{"input_tensor_metadata": [{"stats": {"max": [True]}}]}]}, r"max\[0\]: expected a number"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "reason"), MISTAKES)
def test_mistakes_in_documents(document: Any, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        from_document(document)


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        from_document({"nam": 1, "author": 2, "license": 3})
    assert all(word in str(caught.value) for word in ("nam:", "author:", "license:"))


def test_the_json_schema_that_comes_with_the_package_is_up_to_date() -> None:
    assert json.loads(SCHEMA.read_text()) == json_schema(), "run make docs"
    assert from_document({"$schema": str(SCHEMA), "name": "x"}) == s.ModelMetadata("x")


def test_the_json_schema_describes_every_table() -> None:
    assert set(json_schema()["$defs"]) == {t.__name__ for t in tables()}


# --- the model's file ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outputs", [1, 4])
def test_the_model_stays_what_it_was(outputs: int) -> None:
    content, x = model(outputs), np.arange(4, dtype=np.float32)[None]
    made = described(content, outputs)
    back = read_described(made)
    assert back.metadata == dataclasses.replace(metadata(outputs), min_parser_version="1.0.0")
    assert back.files == FILES
    before, after = Runner(content).run({"x": x}), Runner(made).run({"x": x})
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert zipfile.ZipFile(io.BytesIO(made)).read("labels.txt") == FILES["labels.txt"]
    assert described(content, outputs) == made


def test_written_unchanged_the_bytes_are_the_same() -> None:
    made, out = described(), io.BytesIO()
    read_described(made).write(out)
    assert out.getvalue() == made


def test_no_numbers_are_numbers_that_stay() -> None:
    made = described(version="1")
    before = read_described(made)
    assert before.metadata is not None
    graph = before.metadata.subgraph_metadata[0]
    image = replace(graph.input_tensor_metadata[0], stats=s.Stats((float("nan"),), (float("-inf"),)))
    changed = replace(before.metadata, subgraph_metadata=(replace(graph, input_tensor_metadata=(image,)),))
    out = io.BytesIO()
    before.with_metadata(changed).write(out)
    again = io.BytesIO()
    read_described(out.getvalue()).write(again)
    assert again.getvalue() == out.getvalue()


def test_what_is_replaced_or_removed_is_gone() -> None:
    made = described(author="Somebody Secret")
    assert b"Somebody Secret" in made
    for other in (None, metadata()):
        out = io.BytesIO()
        read_described(made).with_metadata(other, {} if other is None else FILES).write(out)
        assert b"Somebody Secret" not in out.getvalue()
        assert read_described(out.getvalue()).metadata == (
            None if other is None else dataclasses.replace(other, min_parser_version="1.0.0")
        )


def test_weights_behind_the_flatbuffer_stay_where_they_are_found() -> None:
    graph = Graph("main")
    x = graph.add_input(tensor(DType.FLOAT32, (1, 4)), "x")
    graph.outputs = [Builder(graph, OPS).add(x, np.arange(4, dtype=np.float32)[None])]
    program = Program([graph], [Signature("serving_default", graph, {"x": 0}, {"y0": 0})])
    made = described(write_model(program, external_over=0))
    y = Runner(made).run({"x": np.zeros((1, 4), np.float32)})["y0"]
    assert np.array_equal(y, np.arange(4, dtype=np.float32)[None])
    assert read_described(made).files == FILES


def test_converting_keeps_metadata_and_files(tmp_path: Any) -> None:
    source, target = tmp_path / "a.tflite", tmp_path / "b.tflite"
    source.write_bytes(described())
    litesmith.convert(source).save(target)
    back = read_described(target)
    assert back.metadata == read_described(source).metadata
    assert back.files == FILES
    assert zipfile.ZipFile(target).read("labels.txt") == FILES["labels.txt"]
    assert read_described(write_model(read_model(source), external_over=0)).files == FILES


REFUSED = [
    ("two outputs described", 1, metadata(2), FILES, "the model has 1 outputs, the metadata describe 2"),
    ("no subgraph", 1, s.ModelMetadata("m"), {}, "expected one entry, got 0"),
    ("no labels", 1, metadata(), {}, "there is no file 'labels.txt'"),
    ("no base name", 1, metadata(associated_files=(s.AssociatedFile("../x"),)), FILES, "expected a base name"),
]


@pytest.mark.parametrize(("outputs", "table", "files", "reason"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_metadata_that_do_not_fit(outputs: int, table: s.ModelMetadata, files: dict[str, bytes], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        read_described(model(outputs)).with_metadata(table, files)


def test_a_newer_schema_survives_and_is_not_edited() -> None:
    encoder = Encoder()
    root = encoder.table([(0, REF, encoder.string("m")), (20, "I", 7)])
    content = bytes(encoder.finish(root, b"M001"))
    assert unknown_fields(content) == ["ModelMetadata.20"]
    from litesmith.formats.metadata.codec import TFLITE_METADATA
    from litesmith.formats.metadata.grafting import graft

    made = b"".join(graft(np.frombuffer(model(), np.uint8), TFLITE_METADATA, content))
    back, out = read_described(made), io.BytesIO()
    back.write(out)
    assert out.getvalue() == made
    with pytest.raises(FormatError, match=r"newer schema.*\n.*upgrade litesmith"):
        back.with_metadata(metadata(), FILES)


def test_a_parser_of_the_future_is_asked_for() -> None:
    from litesmith.formats.metadata.codec import TFLITE_METADATA
    from litesmith.formats.metadata.grafting import graft

    content = encode(s.ModelMetadata("m", min_parser_version="99.0.0"))
    made = b"".join(graft(np.frombuffer(model(), np.uint8), TFLITE_METADATA, content))
    with pytest.raises(FormatError, match=r"need a parser of version '99.0.0', this is 1.5.0"):
        read_described(made)


def test_a_missing_file(tmp_path: Any) -> None:
    with pytest.raises(MissingFileError):
        read_described(tmp_path / "none.tflite")


# --- archives ------------------------------------------------------------------------------------------------------


def archived(members: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    out.write(model())
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return out.getvalue()


HOSTILE = [
    ("path", archived([("../../etc/passwd", b"x")]), "expected a base name"),
    ("absolute", archived([("/etc/passwd", b"x")]), "expected a base name"),
    ("drive", archived([("C:x", b"x")]), "expected a base name"),
    ("deflated", archived([("a", b"x" * 1000)], zipfile.ZIP_DEFLATED), "compressed or encrypted"),
    ("bomb", archived([("a", bytes(10**6))], zipfile.ZIP_DEFLATED), "compressed or encrypted"),
]


@pytest.mark.parametrize(("content", "reason"), [h[1:] for h in HOSTILE], ids=[h[0] for h in HOSTILE])
def test_archives_that_are_refused(content: bytes, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        read_described(content)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name() -> None:
    with pytest.raises(FormatError, match="there are two associated files 'a'"):
        read_described(archived([("a", b"1"), ("a", b"2")]))


@pytest.mark.parametrize("part", ["metadata", "file", "archive"])
def test_damaged_files_end_in_our_errors(part: str) -> None:
    content = encode(read_described(described()).metadata) if part == "metadata" else described()
    start = read_described(content).model.size if part == "archive" else 0
    ends = {"read": 0, "refused": 0}
    for tail in mutations(content[start:], 1500, part):
        damaged = content[:start] + tail
        try:
            if part == "metadata":
                to_document(decode(damaged))
                unknown_fields(damaged)
            else:
                back = read_described(damaged)
                back.inputs()
                back.write(io.BytesIO())
            ends["read"] += 1
        except LitesmithError:
            ends["refused"] += 1
    assert min(ends.values()) > 0
