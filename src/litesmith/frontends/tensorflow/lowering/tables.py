"""Lookup tables, whose content the model's initializer knows.

The runtime has tables from strings to int64 and back. Every other table is a lookup of a row number, by such a table or
by arithmetic on integer keys, and a GATHER of that row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from litesmith.decompositions.shapes import cast, reshape
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.control_v1 import node_name
from litesmith.frontends.tensorflow.importer import Context
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.frontends.tensorflow.resources import RuntimeTable, Table
from litesmith.frontends.tensorflow.vocabulary import read_vocabulary
from litesmith.ir import Builder, DType, Value
from litesmith.ir.constant import Array

if TYPE_CHECKING:
    from litesmith.frontends.tensorflow.resources import Item

_LOST = "create the table in the model (tf.Module or Keras layer) that is saved, so that its initializer is saved too"
_SPARSE = 4
"""Integer keys that span more than this many times their number (and `_SMALL`) are looked up, not counted."""
_SMALL = 1024
_STATIC = frozenset({"HashTable", "HashTableV2"})
_FILLS = frozenset(
    "LookupTableImportV2 LookupTableImport InitializeTableV2 InitializeTable InitializeTableFromTextFileV2 "
    "InitializeTableFromTextFile".split()
)
"""Operators that fill a table whole."""
_DIRECT = {(DType.STRING, DType.INT64), (DType.INT64, DType.STRING)}


# -- handles ----------------------------------------------------------------------------------------------------------


def _table(resource: Item) -> Table:
    if not isinstance(resource, Table):
        raise UnsupportedError("the resource is not a lookup table of the model", _LOST)
    return resource


@lowers("HashTableV2", "HashTable", "MutableHashTableV2", "MutableHashTable")
def hash_table(
    context: Context,
    *,
    key_dtype: DType,
    value_dtype: DType,
    container: str = "",
    shared_name: str = "",
    use_node_name_sharing: bool = False,
) -> Table:
    table = context.session.table(shared_name or context.node.name, key_dtype, value_dtype)
    table.is_static = context.node.op in _STATIC
    return table


@lowers("AnonymousHashTable")
def anonymous_table(context: Context, *, key_dtype: DType, value_dtype: DType) -> Table:
    return Table(context.node.name, key_dtype, value_dtype, is_static=True)


@lowers("MutableDenseHashTableV2", "MutableDenseHashTable")
def dense_table(
    context: Context,
    keys: list[Value],
    *,
    key_dtype: DType = DType.INT64,
    value_dtype: DType,
    container: str = "",
    shared_name: str = "",
    use_node_name_sharing: bool = False,
    value_shape: tuple[int, ...] = (),
    initial_num_buckets: int = 131072,
    max_load_factor: float = 0.8,
) -> Table:
    return context.session.table(shared_name or context.node.name, key_dtype, value_dtype)


# -- filling ----------------------------------------------------------------------------------------------------------


def _fill(context: Context, resource: Item, keys: Value, values: Value) -> None:
    table = _table(resource)
    if not context.session.is_initializing and not table.is_static:
        raise UnsupportedError("a lookup table is changed while the model runs", "use a table that is only read")
    if not (keys.is_const and values.is_const):
        raise UnsupportedError("the content of a lookup table is computed", "fill it with constants")
    content = keys.numpy().ravel(), values.numpy()
    if table.is_static and table.keys is not None and not _is_same(content, (table.keys, table.values)):
        raise UnsupportedError(f"the lookup table {table.name!r} is filled twice with different content", "use two tables")
    table.keys, table.values = content


def _is_same(one: tuple[Array, Array], other: tuple[Array | None, Array | None]) -> bool:
    return all(b is not None and np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@lowers("LookupTableImportV2", "LookupTableImport", "InitializeTableV2", "InitializeTable")
def import_table(context: Context, table_handle: Item, keys: Value, values: Value) -> None:
    _fill(context, table_handle, keys, values)


@lowers("InitializeTableFromTextFileV2", "InitializeTableFromTextFile")
def import_file(
    context: Context,
    table_handle: Item,
    filename: Value,
    *,
    key_index: int,
    value_index: int,
    vocab_size: int = -1,
    delimiter: str = "\t",
    offset: int = 0,
) -> None:
    table = _table(table_handle)
    if not filename.is_const or offset:
        raise UnsupportedError(
            "a vocabulary file is chosen while the model runs, or read in part", "use one asset file"
        )
    content = context.session.model.assets.get(filename.numpy().item())
    if content is None:
        raise UnsupportedError("a vocabulary file is not among the assets of the model", "save it as an asset")
    columns = ((key_index, table.key_dtype), (value_index, table.value_dtype))
    keys, values = read_vocabulary(content, columns, delimiter, vocab_size)
    _fill(context, table, Value.constant(keys), Value.constant(values))


@lowers("LookupTableInsertV2", "LookupTableInsert")
def insert(context: Context, table_handle: Item, keys: Value, values: Value) -> None:
    raise UnsupportedError("a lookup table is changed while the model runs", "use a table that is only read")


@lowers("LookupTableRemoveV2")
def remove(context: Context, table_handle: Item, keys: Value) -> None:
    raise UnsupportedError("a lookup table is changed while the model runs", "use a table that is only read")


# -- reading ----------------------------------------------------------------------------------------------------------


@lowers("LookupTableSizeV2", "LookupTableSize")
def size(context: Context, table_handle: Item) -> Value:
    keys, _ = _content(context, _table(table_handle))
    return context.b.constant(np.array(len(keys), np.int64))


@lowers("LookupTableExportV2", "LookupTableExport", outputs=("keys", "values"))
def export(context: Context, table_handle: Item) -> tuple[Value, Value]:
    table = _table(table_handle)
    keys, values = _content(context, table)
    return context.b.constant(keys, table.key_dtype), context.b.constant(values, table.value_dtype)


@lowers("LookupTableFindV2", "LookupTableFind")
def find(context: Context, table_handle: Item, keys: Value, default_value: Value) -> Value:
    """The value of each key, or the default. keys: any shape; the result has it, and a value's own shape behind."""
    table = _table(table_handle)
    known, values = _content(context, table, keys.type.dtype, default_value.type.dtype)
    b, dtypes = context.b, (keys.type.dtype, default_value.type.dtype)
    if dtypes in _DIRECT and default_value.rank == 0 and values.ndim == 1 and len(known):
        return b.hashtable_find(context.table(RuntimeTable(*dtypes, known, values)), keys, default_value)
    if default_value.rank != values.ndim - 1:
        raise UnsupportedError("a lookup has a default for each key", "use one default for all keys")
    return _row(b, values, _row_number(context, keys, known), default_value)


def _content(
    context: Context, table: Table, key_dtype: DType | None = None, value_dtype: DType | None = None
) -> tuple[Array, Array]:
    if table.keys is None and table.load is not None:
        table.keys, table.values = table.load(key_dtype or table.key_dtype, value_dtype or table.value_dtype)
    if table.keys is None and table.is_static:
        _fill_from_graph(context)
    if table.keys is None or table.values is None:
        raise UnsupportedError(f"the lookup table {table.name!r} has no content", _LOST)
    return table.keys, table.values


def _fill_from_graph(context: Context) -> None:
    """Fills the table that the node being lowered reads by what the graph holds for it. TensorFlow fails where a static
    table is read before it is filled, so that nothing has to say in which order the two run."""
    scope = context.scope
    handle = node_name(context.node.input[0])
    for filling in scope.nodes_by_input.get(handle, ()) if scope is not None else ():
        if filling.op in _FILLS and scope is not None:
            scope.run([f"^{filling.name}"])


def _row(b: Builder, values: Array, number: Value, default: Value) -> Value:
    """Rows of the values, and the default behind the last."""
    rows = b.constant(values, default.type.dtype)
    last = reshape(b, default, [1, *default.dims])
    return b.gather(b.concatenation(rows, last, axis=0) if len(values) else last, number, axis=0)


def _row_number(context: Context, keys: Value, known: Array) -> Value:
    """The row of each key, int32; for a key the table lacks, the number of rows."""
    b, count = context.b, len(known)
    if not count:
        return b.mul(cast(b, b.zeros_like(keys), DType.INT32), 0)
    if keys.type.dtype is DType.STRING:
        places = RuntimeTable(DType.STRING, DType.INT64, known, np.arange(count, dtype=np.int64))
        missing = b.constant(np.array(count, np.int64))
        return cast(b, b.hashtable_find(context.table(places), keys, missing), DType.INT32)
    if not keys.type.dtype.is_integer:
        raise UnsupportedError(
            f"a lookup table with keys of type {keys.type.dtype} has no kernel", "use integers or strings"
        )
    low, high = int(known.min()), int(known.max())
    limits = np.iinfo(keys.type.dtype.numpy)
    if high - low <= max(_SPARSE * count, _SMALL) and low > limits.min and high < limits.max:
        return _look_up_dense(b, keys, known, low, high)
    return _look_up(context, cast(b, keys, DType.INT64), known)


def _look_up_dense(b: Builder, keys: Value, known: Array, low: int, high: int) -> Value:
    """Keys close to each other: their distance from the least, through a table of rows with a border on both sides."""
    dtype = keys.type.dtype
    clipped = b.minimum(b.maximum(keys, b.constant(low - 1, dtype)), b.constant(high + 1, dtype))
    distance = cast(b, b.sub(clipped, b.constant(low - 1, dtype)), DType.INT32)
    rows = np.full(high - low + 3, len(known), np.int32)
    rows[known.astype(np.int64) - (low - 1)] = np.arange(len(known))
    return b.gather(b.constant(rows), distance, axis=0)


def _look_up(context: Context, keys: Value, known: Array) -> Value:
    """Keys far from each other: by a table to strings, and one from those to row numbers."""
    b, count = context.b, len(known)
    names = np.array([str(i).encode() for i in range(count)], object)
    named = RuntimeTable(DType.INT64, DType.STRING, known.astype(np.int64), names)
    places = RuntimeTable(DType.STRING, DType.INT64, names, np.arange(count, dtype=np.int64))
    found = b.hashtable_find(context.table(named), keys, b.constant(np.array(b"", object), DType.STRING))
    rows = b.hashtable_find(context.table(places), found, b.constant(np.array(count, np.int64)))
    return cast(b, rows, DType.INT32)
