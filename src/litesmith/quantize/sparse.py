"""Pruned weights stored sparsely: the zeros are left out of the file.

    %w = FULLY_CONNECTED weights [256, 256], 80 % zeros     stored: the rest, and where it lies
    %1 = CONV_2D(%x, %w, %b)                                %d = DENSIFY(%w); CONV_2D(%x, %d, %b)

What the runtime does with such weights, measured with and without XNNPACK (LiteRT 2.3, x86-64):

- DENSIFY beside floats, and of int8 weights that a DEQUANTIZE makes floats: right, and as fast as dense weights, of which it
  makes a copy as the model is loaded. DENSIFY of int8 before an int8 CONV_2D: the same.
- DENSIFY of int8 before a FULLY_CONNECTED on integers, or any kernel that takes int8 weights beside floats: XNNPACK refuses
  the whole file. The sparse kernel of FULLY_CONNECTED takes blocks of 16 along a row (others: garbage or refused), beside
  floats with one scale for all (it reads the first one only). For one row of input it is faster than the dense one beside
  floats, and beside integers where few blocks are left; for more rows up to nine times slower.

Weights are stored so where this makes the file smaller and no kernel slower; else they stay dense. Of weights of less
than a kilobyte neither counts.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from litesmith.formats.tflite.sparsity import Dimension, Sparsity
from litesmith.ir import Builder, Constant, DType, Graph, Op, Program, Value
from litesmith.ir.constant import Array
from litesmith.ir.folding import NO_FOLDING
from litesmith.ops import OPS
from litesmith.ops.convolution import CONV_2D
from litesmith.ops.matmul import FULLY_CONNECTED

LAYERS = (FULLY_CONNECTED, CONV_2D)
BLOCKS = (1, 4, 16)
KERNEL_BLOCK = 16
"""What the sparse kernel of FULLY_CONNECTED takes of int8 weights."""

LEAST_ZEROS = 0.3
WORTH = 0.9
"""Weights are stored sparsely that take at most this part of their dense bytes, and `OVERHEAD` bytes less."""

OVERHEAD = 256
"""Bytes of a sparse tensor's tables."""

TINY = 1024
"""Bytes of weights whose size and speed do not matter: they are stored as asked for."""

SLACK = 16
"""Larger blocks are taken for so many bytes more: they have fewer places to read."""

DENSEST = {DType.FLOAT32: 0.5, DType.INT8: 0.12}
"""The share of blocks, by type of the input, up to which the sparse kernel is no slower than the dense one."""


def store_sparsely(program: Program) -> int:
    """Stores pruned weights sparsely, in place; returns how many."""
    return sum(_store(place) for place in list(_places(program)))


def expand_sparse(program: Program) -> bool:
    """Makes sparse constants dense, in place, so that they can be rewritten; returns whether there were any."""
    found = False
    dense: dict[int, Value] = {}
    for graph in program.all_graphs():
        for op in list(graph.ops):
            for index, value in enumerate(op.operands):
                if value is not None and value.const is not None and value.const.sparsity is not None:
                    op.set_operand(index, _dense_constant(value, dense))
                    found = True
            if op.name == "DENSIFY" and op["x"].is_const:
                graph.replace_value(op.results[0], op["x"])
                graph.erase(op)
    return found


def _dense_constant(value: Value, known: dict[int, Value]) -> Value:
    if id(value) not in known:
        const = value.const
        assert const is not None
        known[id(value)] = Value(value.type, value.name, Constant.lazy(const.dtype, const.shape, const.array))
    return known[id(value)]


# -- where ------------------------------------------------------------------------------------------------------------


class _Place:
    """Weights, and who takes them. user, index: the first operation that reads them, and the operand; layers: those they
    are weights of."""

    def __init__(self, graph: Graph, value: Value, layers: list[Op]) -> None:
        self.graph, self.value, self.layers = graph, value, layers
        self.is_widened = any(user.name == "DEQUANTIZE" for user in value.users)

    @property
    def takes_integers(self) -> bool:
        """Whether kernels read the weights as integers."""
        return self.value.type.dtype is DType.INT8 and not self.is_widened


def _places(program: Program) -> Iterator[_Place]:
    for graph in program.all_graphs():
        seen: set[int] = set()
        for op in graph.ops:
            for value in op.inputs:
                if value.is_const and id(value) not in seen:
                    seen.add(id(value))
                    layers = _layers(value)
                    if layers and all(user.graph is graph for user in value.users):
                        yield _Place(graph, value, layers)


def _layers(value: Value) -> list[Op]:
    """The layers a constant is the weights of, itself or by way of a DEQUANTIZE; none where it is anything else, too."""
    found: list[Op] = []
    for user in value.users:
        through = user.results[0] if user.name == "DEQUANTIZE" else value
        takers = through.users if through is not value else [user]
        if through.output_uses:
            return []
        for op in takers:
            if op.defn not in LAYERS or op.defn.weights is None or op[op.defn.weights.operand] is not through:
                return []
            found.append(op)
    return [] if value.output_uses else found


def _store(place: _Place) -> bool:
    value, const = place.value, place.value.const
    assert const is not None
    direct = place.takes_integers and any(op.name == "FULLY_CONNECTED" for op in place.layers)
    sparsity = _sparsity(place, direct)
    if sparsity is None:
        return False
    for op in place.layers if direct else ():
        op.attrs["asymmetric_quantize_inputs"] = False  # the sparse kernel sums up rows as if they were dense
    sparse = Constant.lazy(const.dtype, const.shape, const.array)
    sparse.sparsity = sparsity
    stored = Value(value.type, value.name, sparse)
    users = list(value.users)
    target = stored if direct else _densify(place.graph, stored, users[0])
    for user in users:
        for index, operand in enumerate(user.operands):
            if operand is value:
                user.set_operand(index, target)
    return True


def _sparsity(place: _Place, direct: bool) -> Sparsity | None:
    """How the weights are stored; None where they are not pruned, or no kernel takes them so."""
    const = place.value.const
    assert const is not None
    if const.dtype not in (DType.FLOAT32, DType.FLOAT16, DType.INT8) or const.sparsity is not None:
        return None
    if place.takes_integers and not direct and any(op["x"].type.dtype is not DType.INT8 for op in place.layers):
        return None
    array = const.array()
    if array.ndim < 2 or (array == 0).mean() < LEAST_ZEROS or (direct and not _kernel_takes(place, array)):
        return None
    return smallest_sparsity(array, (KERNEL_BLOCK,) if direct else BLOCKS)


def _densify(graph: Graph, stored: Value, user: Op) -> Value:
    b = Builder(graph, OPS, next(iter(graph.ops)), user.origins, NO_FOLDING)
    (dense,) = b.emit(OPS["DENSIFY"], [stored], result_types=[stored.type])
    dense.name = f"{stored.name}/dense" if stored.name else ""
    return dense


def _kernel_takes(place: _Place, array: Array) -> bool:
    """Whether the sparse kernel of FULLY_CONNECTED is right for all layers that share the weights, and no slower."""
    if array.shape[1] % KERNEL_BLOCK:
        return False
    is_tiny = array.nbytes < TINY
    share = float((array.reshape(len(array), -1, KERNEL_BLOCK) != 0).any(axis=2).mean())
    quant = place.value.type.quant
    for op in place.layers:
        x = op["x"].type
        limit = DENSEST.get(x.dtype)
        if x.dtype is DType.FLOAT32 and quant is not None and quant.per_channel:
            return False
        if op.name != "FULLY_CONNECTED" or limit is None or x.shape is None:
            return False
        one_row = x.is_static and int(np.prod(x.static_shape)) == array.shape[1]
        if not is_tiny and (share > limit or not one_row):
            return False
    return True


# -- how --------------------------------------------------------------------------------------------------------------


def smallest_sparsity(array: Array, blocks: tuple[int, ...] = BLOCKS) -> Sparsity | None:
    """How an array takes the fewest bytes, in blocks along its last axis; None where that is not worth it."""
    fitting = [block for block in blocks if array.shape[-1] % block == 0]
    found = [compress_rows(array, block) for block in fitting]
    if not found:
        return None
    least = min(map(_bytes, found))
    if array.nbytes >= TINY and least + OVERHEAD > WORTH * array.nbytes:
        return None
    return next(s for s in reversed(found) if _bytes(s) <= least + SLACK)


def _bytes(sparsity: Sparsity) -> int:
    vectors = [v for level in sparsity.levels for v in (level.segments, level.indices) if v is not None]
    return sparsity.stored_bytes + sum(int(v.nbytes) for v in vectors)


def compress_rows(array: Array, block: int = 1) -> Sparsity:
    """The last axis compressed, row by row, in blocks of so many elements."""
    *outer, length = array.shape
    rows = (array.reshape(-1, length // block, block) != 0).any(axis=2)
    segments = np.concatenate([[0], np.cumsum(rows.sum(axis=1))])
    levels = [*(Dimension(size) for size in outer), Dimension(0, _narrow(segments), _narrow(np.nonzero(rows)[1]))]
    order, rank = list(range(array.ndim)), array.ndim
    if block > 1:
        levels.append(Dimension(block))
        order.append(rank)
    return Sparsity(tuple(order), (rank - 1,) if block > 1 else (), tuple(levels), array.shape, array.itemsize)


def _narrow(vector: Array) -> Array:
    """As the narrowest type the schema has."""
    largest = int(vector.max(initial=0))
    kind = next(k for k, limit in ((np.uint8, 255), (np.uint16, 65535), (np.int32, 2**31 - 1)) if largest <= limit)
    return vector.astype(kind)
