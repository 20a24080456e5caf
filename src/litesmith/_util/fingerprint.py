"""FarmHash Fingerprint64, the stable 64-bit hash by which the official converter orders inputs and outputs.

Source: the published algorithm of google/farmhash (``farmhashna::Hash64``).
"""

from __future__ import annotations

import struct

_MASK = (1 << 64) - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def fingerprint64(data: bytes | str) -> int:
    """The fingerprint of some bytes (of text: its UTF-8 form), from 0 to 2**64 - 1."""
    raw = data.encode() if isinstance(data, str) else data
    if len(raw) <= 16:
        return _up_to_16(raw)
    if len(raw) <= 32:
        return _up_to_32(raw)
    return _up_to_64(raw) if len(raw) <= 64 else _long(raw)


def _word(raw: bytes, at: int) -> int:
    """Eight bytes; negative places count from the end."""
    return int(struct.unpack_from("<Q", raw, at if at >= 0 else len(raw) + at)[0])


def _rotate(value: int, shift: int) -> int:
    value &= _MASK
    return (value >> shift | value << (64 - shift)) & _MASK


def _mix(value: int) -> int:
    value &= _MASK
    return value ^ value >> 47


def _join(u: int, v: int, factor: int) -> int:
    a = _mix((u ^ v) * factor)
    b = _mix((v ^ a) * factor)
    return b * factor & _MASK


def _up_to_16(raw: bytes) -> int:
    size, factor = len(raw), _K2 + len(raw) * 2
    if size >= 8:
        a, b = _word(raw, 0) + _K2, _word(raw, -8)
        return _join((_rotate(b, 37) * factor + a) & _MASK, (_rotate(a, 25) + b) * factor & _MASK, factor)
    if size >= 4:
        first, last = struct.unpack_from("<I", raw, 0)[0], struct.unpack_from("<I", raw, size - 4)[0]
        return _join(size + (first << 3), last, factor)
    if size == 0:
        return _K2
    y = raw[0] + (raw[size >> 1] << 8)
    z = size + (raw[-1] << 2)
    return _mix(y * _K2 ^ z * _K0) * _K2 & _MASK


def _up_to_32(raw: bytes) -> int:
    factor = _K2 + len(raw) * 2
    a, b, c, d = _word(raw, 0) * _K1, _word(raw, 8), _word(raw, -8) * factor, _word(raw, -16) * _K2
    u = _rotate(a + b, 43) + _rotate(c, 30) + d
    v = a + _rotate(b + _K2, 18) + c
    return _join(u & _MASK, v & _MASK, factor)


def _up_to_64(raw: bytes) -> int:
    factor = _K2 + len(raw) * 2
    a, b, c, d = _word(raw, 0) * _K2, _word(raw, 8), _word(raw, -8) * factor, _word(raw, -16) * _K2
    y = (_rotate(a + b, 43) + _rotate(c, 30) + d) & _MASK
    z = _join(y, (a + _rotate(b + _K2, 18) + c) & _MASK, factor)
    e, f = _word(raw, 16) * factor, _word(raw, 24)
    g, h = (y + _word(raw, -32)) * factor, (z + _word(raw, -24)) * factor
    u = _rotate(e + f, 43) + _rotate(g, 30) + h
    return _join(u & _MASK, (e + _rotate(f + a, 18) + g) & _MASK, factor)


def _weak(raw: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    w, x, y, z = struct.unpack_from("<4Q", raw, at)
    a += w
    b = _rotate(b + a + z, 21)
    total = a + x + y
    return (total + z) & _MASK, (b + _rotate(total, 44) + a) & _MASK


def _long(raw: bytes) -> int:
    x = (81 * _K2 + _word(raw, 0)) & _MASK
    y = (81 * _K1 + 113) & _MASK
    z = _mix(y * _K2 + 113) * _K2 & _MASK
    v, w = (0, 0), (0, 0)
    for at in range(0, (len(raw) - 1) // 64 * 64, 64):
        x, y, z, v, w = _block(raw, at, x, y, z, v, w, _K1, 1)
    factor = (_K1 + ((z & 0xFF) << 1)) & _MASK
    w0 = (w[0] + ((len(raw) - 1) & 63)) & _MASK
    v0 = (v[0] + w0) & _MASK
    w = ((w0 + v0) & _MASK, w[1])
    x, y, z, v, w = _block(raw, len(raw) - 64, x, y, z, (v0, v[1]), w, factor, 9)
    low = _join(v[0], w[0], factor) + _mix(y) * _K0 + z
    return _join(low & _MASK, (_join(v[1], w[1], factor) + x) & _MASK, factor)


def _block(
    raw: bytes, at: int, x: int, y: int, z: int, v: tuple[int, int], w: tuple[int, int], factor: int, weight: int
) -> tuple[int, int, int, tuple[int, int], tuple[int, int]]:
    """One round over 64 bytes."""
    x = _rotate(x + y + v[0] + _word(raw, at + 8), 37) * factor
    y = _rotate(y + v[1] + _word(raw, at + 48), 42) * factor
    x = (x ^ w[1] * weight) & _MASK
    y = (y + v[0] * weight + _word(raw, at + 40)) & _MASK
    z = _rotate(z + w[0], 33) * factor & _MASK
    v = _weak(raw, at, v[1] * factor, x + w[0])
    w = _weak(raw, at + 32, z + w[1], y + _word(raw, at + 16))
    return z, y, x, v, w
