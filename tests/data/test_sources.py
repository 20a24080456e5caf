"""Data sets of every format, with what is wrong in them told."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest

from litesmith.data import Batch, DataError, open_data
from litesmith.data.columns import ragged_column
from litesmith.data.examples import serialize_example
from litesmith.data.tfrecord import write_records
from litesmith.errors import MissingFileError, UsageError

X = np.arange(20, dtype=np.float32).reshape(10, 2)
N = np.arange(10)


def write_examples(path, rows=range(10)):
    with path.open("wb") as file:
        write_records(file, (serialize_example({"x": X[i], "n": N[i], "s": f"s{i}"}) for i in rows))


def write_npz(path):
    np.savez(path, x=X, n=N)


def write_csv(path):
    path.write_text("n,f,s\n" + "".join(f"{i},{i / 2},s{i}\n" for i in N))


def joined(data, size=4):
    batches = list(pickle.loads(pickle.dumps(data)).batches(size))
    assert all(len(column) == batch.size <= size for batch in batches for column in batch.columns.values())
    return {name: np.concatenate([batch.columns[name] for batch in batches]) for name in batches[0].columns}


def test_tfrecords(tmp_path):
    write_examples(tmp_path / "a-0", range(6))
    write_examples(tmp_path / "a-1", range(6, 10))
    for source in (tmp_path / "a-*", [tmp_path / "a-0", tmp_path / "a-1"], tmp_path):
        data = open_data(source)
        assert (data.format, len(data.shards)) == ("tfrecord", 2)
        found = joined(data)
        np.testing.assert_array_equal(found["x"], X)
        np.testing.assert_array_equal(found["n"][:, 0], N)


def test_arrays_and_files_of_numpy(tmp_path):
    write_npz(tmp_path / "d.npz")
    np.save(tmp_path / "x.npy", X)
    for source in ({"x": X, "n": N}, tmp_path / "d.npz"):
        found = joined(open_data(source))
        np.testing.assert_array_equal(found["x"], X)
        np.testing.assert_array_equal(found["n"], N)
    np.testing.assert_array_equal(joined(open_data(tmp_path / "x.npy"))["x"], X)


def test_many_rows_are_several_shards():
    data = open_data({"n": np.arange(150_000)})
    assert len(data.shards) == 3
    np.testing.assert_array_equal(joined(data, 1 << 16)["n"], np.arange(150_000))


def test_csv(tmp_path):
    write_csv(tmp_path / "d.csv")
    found = joined(open_data(tmp_path / "d.csv"))
    assert [found[name].dtype.kind for name in ("n", "f", "s")] == ["i", "f", "O"]
    np.testing.assert_array_equal(found["f"], N / 2)
    assert found["s"].tolist() == [f"s{i}" for i in N]


def test_csv_with_empty_cells(tmp_path):
    (tmp_path / "d.csv").write_text("n,s\n1,a\n,b\n3,\n")
    (batch,) = open_data(tmp_path / "d.csv").batches(8)
    assert [None if v is None else int(v) for v in batch.columns["n"]] == [1, None, 3]
    with pytest.raises(DataError, match=r"label 'n' is missing in .*record 1"):
        batch.column("n", "label")


def test_parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pa.table({"n": N, "x": list(X), "s": [f"s{i}" for i in N]})
    parquet.write_table(table, tmp_path / "d.parquet", row_group_size=6)
    data = open_data(tmp_path / "d.parquet")
    assert len(data.shards) == 2
    found = joined(data)
    np.testing.assert_array_equal(found["x"], X)
    np.testing.assert_array_equal(found["n"], N)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        open_data(tmp_path / "bad.parquet")


def test_images_as_arrays(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(3):
            np.save(tmp_path / name / f"{i}.npy", np.full((4, 5), i, np.uint8))
    data = open_data(tmp_path)
    found = joined(data)
    assert (data.format, found["image"].shape) == ("images", (6, 4, 5, 1))
    assert found["label"].tolist() == [0, 0, 0, 1, 1, 1]
    assert found["class"].tolist()[2:4] == ["cat", "dog"]


def test_images_as_pictures(tmp_path):
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "a").mkdir()
    image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(tmp_path / "a" / "0.png")
    image.fromarray(np.zeros((8, 8), np.uint8)).convert("RGB").save(tmp_path / "a" / "1.png")
    with pytest.raises(DataError, match=r"1\.png: the image has shape \[8, 8, 3\], where \[4, 6, 3\] came before"):
        list(open_data(tmp_path).batches(8))
    (batch,) = open_data(tmp_path, image_size=(2, 3)).batches(8)
    assert batch.columns["image"].shape == (2, 2, 3, 3)


def test_columns_asked_for(tmp_path):
    write_examples(tmp_path / "a.tfrecord")
    write_npz(tmp_path / "d.npz")
    write_csv(tmp_path / "d.csv")
    for name in ("a.tfrecord", "d.npz", "d.csv"):
        assert set(joined(open_data(tmp_path / name, columns=["n"]))) == {"n"}


# -- what is wrong ----------------------------------------------------------------------------------------------------


def test_bad_records_are_counted_and_named(tmp_path):
    out = io.BytesIO()
    write_records(out, [serialize_example({"n": 1}), b"\xff\xff\xff", serialize_example({"n": 3}), b"\xff"])
    (tmp_path / "a").write_bytes(out.getvalue())
    data = open_data(tmp_path / "a")
    with pytest.raises(DataError, match=r"record 1: not a tf\.Example"):
        list(data.batches(2))
    with pytest.raises(DataError, match=r"record 3: .*\n.*allow more bad records"):
        list(data.batches(2, skip=1))
    batches = list(data.batches(2, skip=2))
    assert [len(batch.skipped) for batch in batches] == [1, 1]
    assert batches[0].place(1).endswith("record 2")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d.npz", b"PK nothing", "cannot be read as NumPy arrays"),
        ("d.npy", b"", "cannot be read as NumPy arrays"),
        ("d.csv", b"", "no header"),
        ("d.csv", b"a,b\n1\n", "record 0 has 1 cells, the header 2"),
        ("d.csv", b"a\n\xff\n", "cannot be read as CSV"),
        ("d.csv", b"a\n" + b"1\n" * 1000 + b"x\n", "record 1000: column 'a' holds 'x' where int values came before"),
    ],
)  # fmt: skip
def test_damaged_files(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(open_data(tmp_path / name).batches(2000))


def test_pickles_are_not_read(tmp_path):
    np.save(tmp_path / "d.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(DataError):
        open_data(tmp_path / "d.npy")


def test_what_is_not_there(tmp_path):
    for name in ("nothing", "nothing-*.csv"):
        with pytest.raises(MissingFileError, match="no such file"):
            open_data(tmp_path / name)
    with pytest.raises(UsageError, match="unknown data format 'tar'"):
        open_data(tmp_path, format="tar")
    with pytest.raises(UsageError, match="equal first dimensions"):
        open_data({"a": [1, 2], "b": [1]})


def test_columns_that_do_not_do():
    batch = Batch({"x": ragged_column([np.zeros(2), np.zeros(3)])}, 2, "f", 10)
    with pytest.raises(DataError, match="feature 'y' is missing; the data have: x"):
        batch.column("y")
    with pytest.raises(DataError, match=r"feature 'x' has shape \[3\] in f, record 11, where \[2\] came before"):
        batch.column("x")
