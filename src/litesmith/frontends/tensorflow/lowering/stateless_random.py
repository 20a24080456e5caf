"""Random numbers that a seed decides: the sequence TensorFlow draws on processors, bit by bit, by Philox.

A group of four words is drawn for each counter; number i of a tensor is word i % 4 of group i // 4.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from litesmith.decompositions.bits import int32, shift_left, shift_right_logical
from litesmith.decompositions.philox import counters, philox, to_unsigned
from litesmith.decompositions.shapes import bitcast, cast, reshape
from litesmith.errors import UnsupportedError
from litesmith.frontends.tensorflow.registry import lowers
from litesmith.frontends.tensorflow.resources import RandomWords
from litesmith.ir import Builder, DType, Value

if TYPE_CHECKING:
    from litesmith.frontends.tensorflow.resources import Item

PHILOX = 1
_AUTO = 3
_MIX = (0x3EC8F720, 0x02461E29)
"""The key TensorFlow mixes seeds with."""


# -- keys -------------------------------------------------------------------------------------------------------------


def _seed_words(b: Builder, seed: Value) -> list[Value]:
    """The four words of a seed, two integers of 32 or 64 bits."""
    if seed.type.dtype is DType.INT32:
        low = b.unpack(seed, num=2, axis=0)
        return [w for word in low for w in (word, b.right_shift(word, int32(b, 31)))]
    if seed.type.dtype is not DType.INT64:
        raise UnsupportedError(f"a seed of type {seed.type.dtype} is not taken", "use int32 or int64")
    rows = b.unpack(bitcast(b, seed, DType.INT32), num=2, axis=0)
    return [word for row in rows for word in b.unpack(row, num=2, axis=0)]


def _key_and_counter(b: Builder, seed: Value) -> tuple[RandomWords, RandomWords]:
    """Key and counter of a seed."""
    words = philox(b, [int32(b, k) for k in _MIX], _seed_words(b, seed))
    zero = int32(b, 0)
    return RandomWords((words[0], words[1])), RandomWords((zero, zero, words[2], words[3]))


@lowers("StatelessRandomGetKeyCounter", outputs=("key", "counter"))
def key_counter(b: Builder, seed: Value) -> tuple[RandomWords, RandomWords]:
    return _key_and_counter(b, seed)


@lowers("StatelessRandomGetKeyCounterAlg", outputs=("key", "counter", "alg"))
def key_counter_algorithm(b: Builder, seed: Value) -> tuple[RandomWords, RandomWords, Value]:
    return *_key_and_counter(b, seed), int32(b, PHILOX)


@lowers("StatelessRandomGetAlg")
def algorithm(b: Builder) -> Value:
    return int32(b, PHILOX)


def _words(b: Builder, item: Item, count: int) -> Sequence[Value]:
    """The words of a key or counter, which may be a constant of uint64."""
    if isinstance(item, RandomWords):
        return item.words
    if isinstance(item, Value) and item.is_small_const:
        numbers = item.numpy().astype(np.uint64).view(np.uint32)
        if numbers.size >= count:
            return [int32(b, int(n)) for n in numbers[:count]]
    raise UnsupportedError("the key of the generator is not known", "draw with a seed, or pass the numbers in")


# -- words ------------------------------------------------------------------------------------------------------------


def _require(dtype: DType, wanted: DType, alg: Value | None) -> None:
    if dtype is not wanted:
        raise UnsupportedError(f"stateless random numbers of type {dtype} are not supported", f"draw {wanted} and cast")
    if alg is not None and not (alg.is_const and int(alg.numpy()) in (PHILOX, _AUTO)):
        raise UnsupportedError("the random algorithm is not Philox", 'use alg="philox" or "auto_select"')


def _numbers(
    b: Builder, shape: Value, key: Sequence[Value], counter: Sequence[Value], make: Callable[[list[Value]], list[Value]]
) -> Value:
    """A tensor of what ``make`` gives for the four words of each group."""
    sizes = cast(b, shape, DType.INT32)
    count = b.reduce_prod(sizes, np.array([0], np.int32), keep_dims=False)
    groups = b.floor_div(b.add(count, int32(b, 3)), int32(b, 4))
    index = b.range(int32(b, 0), groups, int32(b, 1))
    made = make(philox(b, key, counters(b, counter, index)))
    flat = b.reshape(b.pack(*made, axis=1), np.array([-1], np.int32))
    used = b.slice(flat, np.array([0], np.int32), reshape(b, count, [1]))
    return b.reshape(used, sizes)


def _fraction(b: Builder, word: Value) -> Value:
    """A float32 in [0, 1) out of the low 23 bits."""
    bits = shift_right_logical(b, shift_left(b, word, int32(b, 9)), int32(b, 9))
    return b.mul(cast(b, bits, DType.FLOAT32), b.constant(np.float32(2.0**-23)))


def _normal(b: Builder, words: list[Value]) -> list[Value]:
    """Box and Muller's transform: sin(2π v) √(-2 log u) and cos(2π v) √(-2 log u) of each two fractions."""
    numbers = []
    for first, second in (words[:2], words[2:]):
        u = b.maximum(_fraction(b, first), b.constant(np.float32(1e-7)))
        angle = b.mul(_fraction(b, second), b.constant(np.float32(2 * math.pi)))
        radius = b.sqrt(b.mul(b.log(u), b.constant(np.float32(-2))))
        numbers += [b.mul(b.sin(angle), radius), b.mul(b.cos(angle), radius)]
    return numbers


def _within(b: Builder, word: Value, low: int, high: int) -> Value:
    """low + word mod (high - low)."""
    remainder = b.floor_mod(to_unsigned(b, word), b.constant(np.array(high - low, np.int64)))
    return b.add(cast(b, remainder, DType.INT32), int32(b, low))


# -- distributions ----------------------------------------------------------------------------------------------------


def _uniform(b: Builder, shape: Value, key: Sequence[Value], counter: Sequence[Value]) -> Value:
    return _numbers(b, shape, key, counter, lambda words: [_fraction(b, w) for w in words])


def _gaussian(b: Builder, shape: Value, key: Sequence[Value], counter: Sequence[Value]) -> Value:
    return _numbers(b, shape, key, counter, lambda words: _normal(b, words))


def _integers(
    b: Builder, shape: Value, key: Sequence[Value], counter: Sequence[Value], minval: Value, maxval: Value
) -> Value:
    if not (minval.is_const and maxval.is_const):
        raise UnsupportedError("the range of a random integer is not known", "use constants for minval and maxval")
    low, high = int(minval.numpy()), int(maxval.numpy())
    return _numbers(b, shape, key, counter, lambda words: [_within(b, w, low, high) for w in words])


@lowers("StatelessRandomUniformV2")
def uniform_v2(
    b: Builder, shape: Value, key: Item, counter: Item, alg: Value, *, dtype: DType = DType.FLOAT32
) -> Value:
    _require(dtype, DType.FLOAT32, alg)
    return _uniform(b, shape, _words(b, key, 2), _words(b, counter, 4))


@lowers("StatelessRandomUniform")
def uniform(b: Builder, shape: Value, seed: Value, *, dtype: DType = DType.FLOAT32) -> Value:
    _require(dtype, DType.FLOAT32, None)
    key, counter = _key_and_counter(b, seed)
    return _uniform(b, shape, key.words, counter.words)


@lowers("StatelessRandomNormalV2")
def normal_v2(b: Builder, shape: Value, key: Item, counter: Item, alg: Value, *, dtype: DType = DType.FLOAT32) -> Value:
    _require(dtype, DType.FLOAT32, alg)
    return _gaussian(b, shape, _words(b, key, 2), _words(b, counter, 4))


@lowers("StatelessRandomNormal")
def normal(b: Builder, shape: Value, seed: Value, *, dtype: DType = DType.FLOAT32) -> Value:
    _require(dtype, DType.FLOAT32, None)
    key, counter = _key_and_counter(b, seed)
    return _gaussian(b, shape, key.words, counter.words)


@lowers("StatelessRandomUniformIntV2")
def integers_v2(
    b: Builder, shape: Value, key: Item, counter: Item, alg: Value, minval: Value, maxval: Value, *, dtype: DType
) -> Value:
    _require(dtype, DType.INT32, alg)
    return _integers(b, shape, _words(b, key, 2), _words(b, counter, 4), minval, maxval)


@lowers("StatelessRandomUniformInt")
def integers(b: Builder, shape: Value, seed: Value, minval: Value, maxval: Value, *, dtype: DType) -> Value:
    _require(dtype, DType.INT32, None)
    key, counter = _key_and_counter(b, seed)
    return _integers(b, shape, key.words, counter.words, minval, maxval)


@lowers("StatelessRandomUniformFullIntV2")
def full_integers_v2(
    b: Builder, shape: Value, key: Item, counter: Item, alg: Value, *, dtype: DType = DType.UINT64
) -> Value:
    _require(dtype, DType.INT32, alg)
    return _numbers(b, shape, _words(b, key, 2), _words(b, counter, 4), lambda words: words)


@lowers("StatelessRandomUniformFullInt")
def full_integers(b: Builder, shape: Value, seed: Value, *, dtype: DType = DType.UINT64) -> Value:
    _require(dtype, DType.INT32, None)
    key, counter = _key_and_counter(b, seed)
    return _numbers(b, shape, key.words, counter.words, lambda words: words)
