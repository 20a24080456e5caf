"""Complex numbers and Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from tests.tf.parity import Case, f32, parity_test  # noqa: E402

raw = tf.raw_ops


def both(z: Any) -> Any:
    return tf.math.real(z), tf.math.imag(z)


def of_parts(fn: Any) -> Any:
    """A function of one complex number, from its two parts to the parts of the result."""

    def run(real: Any, imag: Any) -> Any:
        made = fn(tf.complex(real, imag))
        return both(made) if made.dtype.is_complex else made

    return run


def of_two(fn: Any) -> Any:
    """A function of two complex numbers."""

    def run(a: Any, b: Any, c: Any, d: Any) -> Any:
        return both(fn(tf.complex(a, b), tf.complex(c, d)))

    return run


PARTS = [f32(3, 4), f32(3, 4, seed=1)]
FOUR = [f32(3, 4), f32(3, 4, seed=1), f32(4, seed=2), f32(4, seed=3)]
BATCH = dict(spec=[(None, 4), (None, 4)], also=[[f32(5, 4), f32(5, 4, seed=1)]])
CONSTANT = np.complex64([1 + 2j, -0.5j, 3, -1 + 1j])

ONE: dict[str, Any] = {
    "real": tf.math.real,
    "imag": tf.math.imag,
    "abs": tf.abs,
    "angle": tf.math.angle,
    "conj": tf.math.conj,
    "neg": tf.negative,
    "square": tf.square,
    "exp": tf.exp,
    "log": tf.math.log,
    "cast to real": lambda z: tf.cast(z, tf.float32),
    "identity": tf.identity,
    "reshape": lambda z: tf.reshape(z, [2, -1]),
    "transpose": tf.transpose,
    "adjoint": tf.linalg.adjoint,
    "expand": lambda z: z[:, None],
    "slice": lambda z: z[..., 1:3],
    "concat": lambda z: tf.concat([z, z * 2], 1),
    "stack": lambda z: tf.stack([z, tf.math.conj(z)]),
    "unstack": lambda z: tf.unstack(z, axis=1)[2],
    "split": lambda z: tf.split(z, 2, axis=1)[1],
    "pad": lambda z: tf.pad(z, [[0, 0], [1, 2]]),
    "gather": lambda z: tf.gather(z, [3, 0], axis=1),
    "reverse": lambda z: tf.reverse(z, [1]),
    "roll": lambda z: tf.roll(z, 1, 1),
    "tile": lambda z: tf.tile(z, [1, 2]),
    "sum": lambda z: tf.reduce_sum(z, 1),
    "mean": lambda z: tf.reduce_mean(z, 0),
    "zeros": tf.zeros_like,
    "add constant": lambda z: z + CONSTANT,
    "times constant": lambda z: z * CONSTANT,
    "times real": lambda z: z * tf.cast(np.float32([1, 2, 3, 4]), tf.complex64),
    "over constant": lambda z: z / CONSTANT,
    "matmul constant": lambda z: tf.matmul(z, tf.constant(np.outer(CONSTANT, CONSTANT))),
    "squeeze": lambda z: tf.squeeze(tf.expand_dims(z, 1), 1),
    "part": lambda z: tf.slice(z, [0, 1], [-1, 2]),
    "broadcast": lambda z: tf.broadcast_to(z[:1], [5, 4]),
    "elements": lambda z: tf.gather_nd(z, [[0, 1], [2, 3]]),
    "split sizes": lambda z: tf.split(z, [1, 3], axis=1)[1],
    "cumsum": lambda z: tf.cumsum(z, axis=1),
    "sizes": lambda z: tf.abs(z[0, 0]) * tf.cast(tf.shape(z)[0] + tf.size(z), tf.float32),
    "shape": lambda z: tf.cast(tf.shape(z), tf.float32) + tf.abs(z)[0, 0],
}
NUMBERS = [
    case
    for name, fn in ONE.items()
    for case in (
        Case(name, of_parts(fn), PARTS),
        *(
            []
            if name in ("reshape", "transpose", "adjoint", "mean", "shape")
            else [Case(f"{name} dynamic", of_parts(fn), PARTS, **BATCH)]
        ),
    )
] + [
    *(
        Case(name, of_two(fn), FOUR)
        for name, fn in {
            "add": tf.add,
            "sub": tf.subtract,
            "mul": tf.multiply,
            "div": tf.divide,
            "add v1": lambda x, y: raw.Add(x=x, y=y),
        }.items()
    ),
    Case("add real", lambda a, b, c: both(tf.complex(a, b) + tf.cast(c, tf.complex64)), [*PARTS, f32(2, 3, 4)]),
    Case("real minus", lambda a, b, c: both(tf.cast(c, tf.complex64) - tf.complex(a, b)), [*PARTS, f32(2, 3, 4)]),
    Case("matmul", of_two(tf.matmul), [f32(2, 3), f32(2, 3, seed=1), f32(3, 4), f32(3, 4, seed=1)]),
    Case(
        "matmul adjoint",
        of_two(lambda x, y: tf.matmul(x, y, adjoint_b=True)),
        [f32(2, 2, 3), f32(2, 2, 3, seed=1), f32(2, 4, 3), f32(2, 4, 3, seed=1)],
    ),
    Case(
        "einsum",
        of_two(lambda x, y: tf.einsum("ij,jk->ik", x, y)),
        [f32(2, 3), f32(2, 3, seed=1), f32(3, 4), f32(3, 4, seed=1)],
    ),
    Case("einsum of one", of_parts(lambda z: tf.einsum("ij->j", z)), PARTS),
    Case(
        "where", lambda a, b, c: both(tf.where(c > 0, tf.complex(a, b), tf.complex(b, a))), [*PARTS, f32(3, 4, seed=5)]
    ),
    Case("polar", lambda r, t: both(tf.complex(r * tf.cos(t), r * tf.sin(t))), PARTS),
    Case("angle of real", tf.math.angle, [np.float32([1, -1, 0])]),
    Case("made in the model", tf.complex, PARTS),
    Case("transformed in the model", lambda x, y: tf.signal.fft(tf.complex(x, y)), PARTS),
    Case("product", lambda x, y: tf.complex(x, y) * tf.complex(y, 2 * x), PARTS),
    Case(
        "in the middle is refused",
        lambda a, b: both(tf.sin(tf.complex(a, b))),
        PARTS,
        raises="LS012",
        says="tf.math.real",
    ),
    Case("cast", lambda x: tf.cast(x, tf.complex64), [f32(3)]),
]
test_numbers = parity_test(NUMBERS)

POWERS, OTHERS = (1, 2, 8, 64), (3, 5, 12, 100)
TRANSFORMS = [
    *(Case(f"rfft {n}", lambda x: both(tf.signal.rfft(x)), [f32(3, n)]) for n in (*POWERS, *OTHERS)),
    *(Case(f"rfft to {n}", lambda x, n=n: both(tf.signal.rfft(x, [n])), [f32(3, 10)]) for n in (6, 8, 16, 20)),
    Case("rfft tensor", tf.signal.rfft, [f32(3, 16)]),
    Case("rfft vector", lambda x: tf.abs(tf.signal.rfft(x)), [f32(16)]),
    Case("rfft dynamic", lambda x: tf.abs(tf.signal.rfft(x)), [f32(3, 16)], spec=[(None, 16)], also=[[f32(5, 16)]]),
    Case("rfft dynamic odd", lambda x: tf.abs(tf.signal.rfft(x)), [f32(3, 15)], spec=[(None, 15)], also=[[f32(5, 15)]]),
    Case(
        "rfft of unknown size is refused",
        lambda x: tf.abs(tf.signal.rfft(x, [16])),
        [f32(3, 16)],
        spec=[(None, None)],
        raises="LS001",
        says="fixed",
    ),
    *(
        Case(f"rfft2d {h}x{w}", lambda x: both(tf.signal.rfft2d(x)), [f32(2, h, w)])
        for h, w in ((4, 8), (6, 5), (4, 5))
    ),
    Case("rfft2d to", lambda x: both(tf.signal.rfft2d(x, [8, 8])), [f32(2, 6, 5)]),
    Case("rfft3d", lambda x: both(tf.signal.rfft3d(x)), [f32(2, 4, 3, 5)]),
    *(
        Case(f"{name} {n}", of_parts(fn), [f32(3, n), f32(3, n, seed=1)])
        for name, fn in {"fft": tf.signal.fft, "ifft": tf.signal.ifft}.items()
        for n in (1, 2, 8, 12, 100)
    ),
    *(
        Case(name, of_parts(fn), [f32(2, 4, 6), f32(2, 4, 6, seed=1)])
        for name, fn in {"fft2d": tf.signal.fft2d, "ifft2d": tf.signal.ifft2d}.items()
    ),
    *(
        Case(name, of_parts(fn), [f32(2, 3, 4, 6), f32(2, 3, 4, 6, seed=1)])
        for name, fn in {"fft3d": tf.signal.fft3d, "ifft3d": tf.signal.ifft3d}.items()
    ),
    Case("fft of real", lambda x: both(tf.signal.fft(tf.cast(x, tf.complex64))), [f32(3, 8)]),
    *(
        Case(f"irfft {n}", of_parts(lambda z, n=n: tf.signal.irfft(z, [n])), [f32(3, 5), f32(3, 5, seed=1)])
        for n in (8, 9, 6, 12)
    ),
    Case("irfft2d", of_parts(tf.signal.irfft2d), [f32(2, 4, 5), f32(2, 4, 5, seed=1)]),
    Case("irfft3d", of_parts(tf.signal.irfft3d), [f32(2, 4, 3, 5), f32(2, 4, 3, 5, seed=1)]),
    Case("there and back", lambda x: tf.signal.irfft(tf.signal.rfft(x)), [f32(3, 16)]),
    Case(
        "convolution",
        lambda x: tf.signal.irfft(tf.signal.rfft(x, [32]) * tf.signal.rfft(f32(16, seed=7), [32]), [32]),
        [f32(3, 16)],
    ),
    Case("stft", lambda x: tf.abs(tf.signal.stft(x, 16, 8)), [f32(2, 64)]),
    Case("stft odd", lambda x: tf.abs(tf.signal.stft(x, 12, 5, fft_length=12, pad_end=True)), [f32(2, 50)]),
    Case("istft", lambda x: tf.signal.inverse_stft(tf.signal.stft(x, 16, 8), 16, 8), [f32(2, 64)]),
    Case(
        "spectrogram",
        lambda x: tf.math.log(
            tf.tensordot(
                tf.square(tf.abs(tf.signal.stft(x, 32, 16))), tf.signal.linear_to_mel_weight_matrix(8, 17, 8000), 1
            )
            + 1e-3
        ),
        [f32(2, 128)],
    ),
    Case("mfcc", lambda x: tf.signal.mfccs_from_log_mel_spectrograms(x)[..., :5], [f32(2, 3, 16)]),
    Case("dct", tf.signal.dct, [f32(3, 8)]),
    Case("idct", tf.signal.idct, [f32(3, 8)]),
    Case("frames", lambda x: tf.signal.frame(x, 6, 4), [f32(2, 22)]),
    Case("overlap and add", lambda x: tf.signal.overlap_and_add(x, 3), [f32(2, 5, 6)]),
    Case("hann", lambda x: x * tf.signal.hann_window(16), [f32(16)], ops=1),
    Case("kaiser", lambda x: x * tf.signal.kaiser_window(16), [f32(16)], ops=1),
    Case("fftshift", lambda x: tf.signal.fftshift(x, 1), [f32(2, 7)]),
    Case("fnet mixing", lambda x: tf.math.real(tf.signal.fft2d(tf.cast(x, tf.complex64))), [f32(2, 6, 8)]),
]
test_transforms = parity_test(TRANSFORMS)

CASES = [*NUMBERS, *TRANSFORMS]
