"""Lookup tables: of the runtime, and those made of row numbers and GATHER."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from litesmith.errors import UnsupportedError  # noqa: E402
from litesmith.frontends.tensorflow.vocabulary import LINE_NUMBER, WHOLE_LINE, read_vocabulary  # noqa: E402
from litesmith.ir import DType  # noqa: E402
from tests.tf.parity import Case, parity_test  # noqa: E402

WORDS = np.array([b"red", b"green", b"blue", b"none", b""], object)
NUMBERS = np.array([10, 20, 15, -7, 2**40, 0], np.int64)
SMALL = np.array([10, 20, 15, -7, 2**30, 0], np.int32)


class Lookup(tf.Module):
    """A static table of these keys and values, asked for what it is called with."""

    def __init__(self, keys, values, default, sizes=False):
        super().__init__()
        self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), default)
        self.sizes = sizes

    def __call__(self, x):
        found = self.table.lookup(x)
        return (found, self.table.size()) if self.sizes else found


def table(keys, values, key_dtype, value_dtype, default, **options):
    return Lookup(tf.constant(keys, key_dtype), tf.constant(values, value_dtype), default, **options)


class Vocabulary(tf.Module):
    """A vocabulary file, by word and by line."""

    def __init__(self, directory: Path):
        super().__init__()
        file = directory / "words.txt"
        file.write_bytes(b"red\r\ngreen\nblue\n")
        line, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
        words = tf.lookup.TextFileInitializer(str(file), tf.string, line, tf.int64, number)
        lines = tf.lookup.TextFileInitializer(str(file), tf.int64, number, tf.string, line)
        self.words = tf.lookup.StaticHashTable(words, -1)
        self.lines = tf.lookup.StaticHashTable(lines, "?")

    def __call__(self, x):
        numbers = self.words.lookup(x)
        return numbers, self.lines.lookup(numbers)


class WithState(tf.Module):
    """A table and a counter side by side."""

    def __init__(self):
        super().__init__()
        self.table = table(["red", "blue"], [1, 2], tf.string, tf.int64, -1)
        self.calls = tf.Variable(0, dtype=tf.int64)

    def __call__(self, x):
        self.calls.assign_add(1)
        return self.table(x) + self.calls


class Twice(tf.Module):
    """Two tables of the same content and another one, in a loop."""

    def __init__(self):
        super().__init__()
        self.first = table(["red", "blue"], [1, 2], tf.string, tf.int64, -1)
        self.second = table(["red", "blue"], [1, 2], tf.string, tf.int64, 7)
        self.third = table([1, 2], [5, 6], tf.int64, tf.int64, 0)

    def __call__(self, x):
        total = self.first(x) + self.second(x)
        for _ in tf.range(2):
            total = total + self.third(self.first(x))
        return total


class Changing(tf.Module):
    def __init__(self):
        super().__init__()
        self.table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)

    def __call__(self, x):
        self.table.insert(x, tf.ones_like(x, tf.int64))
        return self.table.lookup(x)


class Buckets(tf.Module):
    def __init__(self):
        super().__init__()
        words = tf.lookup.KeyValueTensorInitializer(tf.constant(["red"]), tf.constant([0], tf.int64))
        self.table = tf.lookup.StaticVocabularyTable(words, 2)

    def __call__(self, x):
        return self.table.lookup(x)


def filled_in_the_graph(x, words=("red", "blue"), anonymous=False, kind="HashTableV2", orders=True):
    """A table made and filled by the nodes that use it."""
    types = {"key_dtype": tf.string, "value_dtype": tf.int64}
    make = tf.raw_ops.AnonymousHashTable if anonymous else getattr(tf.raw_ops, kind)
    names = {} if anonymous else {"shared_name": "inside"}
    held = make(**types, **names)
    fillings = [
        tf.raw_ops.LookupTableImportV2(table_handle=held, keys=tf.constant(keys), values=tf.constant([1, 2], tf.int64))
        for keys in (words, ("red", "blue"))
    ]
    with tf.control_dependencies(fillings if orders else []):
        return tf.raw_ops.LookupTableFindV2(table_handle=held, keys=x, default_value=tf.constant(-1, tf.int64))


def exported(x):
    held = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64, shared_name="exported")
    filling = tf.raw_ops.LookupTableImportV2(table_handle=held, keys=tf.constant(["red"]), values=tf.constant([7], tf.int64))
    with tf.control_dependencies([filling]):
        content = tf.raw_ops.LookupTableExportV2(table_handle=held, Tkeys=tf.string, Tvalues=tf.int64)
        return content.values + tf.size(x, tf.int64)


FAR = [10, 20, 2**40]
LIMITS = [np.iinfo(np.int64).min, np.iinfo(np.int64).max, 20]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("vocabulary")


test_tables = parity_test(
    [
        Case("words to numbers", table(["red", "blue"], [1, 2], tf.string, tf.int64, -1, sizes=True), [WORDS]),
        Case("numbers to words", table([10, 20], ["a", "bc"], tf.int64, tf.string, "?"), [NUMBERS]),
        Case("unknown size", table(["red"], [1], tf.string, tf.int64, -1), [WORDS], spec=[(None,)], also=[[WORDS[:2]]]),
        Case("words in a matrix", table(["red"], [1], tf.string, tf.int64, -1), [WORDS[:4].reshape(2, 2)]),
        Case("words to floats", table(["red", "blue"], [1.5, 2.5], tf.string, tf.float32, -1.0), [WORDS]),
        Case("words to int32", table(["red", "blue"], [1, 2], tf.string, tf.int32, -1), [WORDS]),
        Case("words to words", table(["red", "blue"], ["a", "b"], tf.string, tf.string, "?"), [WORDS]),
        Case("close numbers", table([10, 20, 15], [3, 1, 2], tf.int64, tf.int64, -1, sizes=True), [NUMBERS]),
        Case("far numbers", table(FAR, [3, 1, 2], tf.int64, tf.int64, -1), [NUMBERS]),
        Case("numbers at the limits", table(LIMITS, [3, 1, 2], tf.int64, tf.int64, -1), [np.array([*LIMITS, 0])]),
        Case("close int32", table([10, 20, 15], [3, 1, 2], tf.int32, tf.int32, -1), [SMALL]),
        Case("far int32", table([10, 20, 2**30], [3.0, 1.0, 2.0], tf.int32, tf.float32, -1.0), [SMALL]),
        Case("beside a variable", WithState(), [WORDS]),
        Case("several, in a loop", Twice(), [WORDS]),
        Case("that change", Changing(), [WORDS], raises="LS001", says="changed while the model runs"),
        Case("exported", exported, [WORDS]),
        Case("filled in the graph", filled_in_the_graph, [WORDS]),
        Case("without a name", partial(filled_in_the_graph, anonymous=True), [WORDS]),
        Case(
            "filled twice, not alike",
            partial(filled_in_the_graph, words=("red", "green")),
            [WORDS],
            raises="LS001",
            says="filled twice",
        ),
        Case(
            "filled again and again",
            partial(filled_in_the_graph, kind="MutableHashTableV2"),
            [WORDS],
            raises="LS001",
            says="changed while the model runs",
        ),
        Case("with hash buckets", Buckets(), [WORDS], raises="LS010", says="hash"),
    ]
)


@pytest.mark.tf
def test_vocabulary_file(tmp_path):
    from tests.tf.parity import check

    check(Case("file", Vocabulary(tmp_path), [WORDS]))


@pytest.mark.tf
def test_concrete_function():
    import litesmith

    lookup = table(["red", "blue"], [1, 2], tf.string, tf.int64, -1)
    function = tf.function(lookup.__call__, input_signature=[tf.TensorSpec([5], tf.string)]).get_concrete_function()
    (answer,) = litesmith.convert(function)(WORDS).values()
    assert answer.tolist() == [1, -1, 2, -1, -1]


@pytest.mark.tf
def test_a_frozen_graph_with_its_initializer(tmp_path):
    """The node that fills the table stands in the graph, and nothing the signature needs depends on it."""
    import litesmith

    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.string, [None], name="x")
        tf.identity(filled_in_the_graph(x, orders=False), name="y")
    (tmp_path / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    (answer,) = litesmith.convert(tmp_path / "graph.pb", output_names=["y"])(WORDS).values()
    assert answer.tolist() == [1, -1, 2, -1, -1]


def test_columns_of_a_file():
    content = b"a\t1\r\nb\t2\n"
    keys, values = read_vocabulary(content, [(0, DType.STRING), (1, DType.INT64)])
    assert keys.tolist() == [b"a", b"b"]
    assert values.tolist() == [1, 2]
    keys, values = read_vocabulary(content, [(WHOLE_LINE, DType.STRING), (LINE_NUMBER, DType.INT64)], limit=1)
    assert keys.tolist() == [b"a\t1"]
    assert values.tolist() == [0]


@pytest.mark.parametrize("content", [b"a\n\nb\n", b"a\n", b"a\tx\n"])
def test_a_damaged_file(content):
    with pytest.raises(UnsupportedError, match="vocabulary file"):
        read_vocabulary(content, [(0, DType.STRING), (1, DType.INT64)])
