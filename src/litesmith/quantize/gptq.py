"""Weights rounded one after another, each making up for the errors of those before: less noise in a layer's result than
rounding each to the nearest makes (the method of GPTQ, layer by layer).

The noise that a rounding error of one weight adds depends on what the weight is multiplied with. So the products of each
layer's inputs with each other are summed over samples, as the quantized model sees them, and the weights of a row are
rounded in the order of how much they matter; what is left of each is handed on to the rest of the row.
"""

from __future__ import annotations

import numpy as np

from litesmith.ir.constant import Array

DAMPING = 0.01
BLOCK = 128
PRUNED = 0.3
"""From this share of zeros on, weights were pruned."""


def round_rows(rows: Array, products: Array, scales: Array, most: int) -> Array:
    """Rows of weights as whole numbers of steps.

    rows: [units, length]; products: [length, length], sums of products of the inputs; scales: [units, 1] or [units, length].
    Where weights were pruned, their zeros stay zeros.
    """
    length = rows.shape[1]
    order = np.argsort(-np.diag(products), kind="stable")
    hessian = products[np.ix_(order, order)].copy()
    dead = np.diag(hessian) <= 0
    hessian[dead, dead] = 1.0
    hessian[np.diag_indices(length)] += DAMPING * float(np.mean(np.diag(hessian)))
    try:
        inverse = np.linalg.cholesky(np.linalg.inv(hessian)).T
    except np.linalg.LinAlgError:
        return np.asarray(np.clip(np.rint(rows / scales), -most, most))
    left = rows[:, order].astype(np.float64)
    zeros = left == 0
    sizes = np.broadcast_to(scales, rows.shape)[:, order]
    is_pruned = zeros.mean() >= PRUNED
    steps = np.zeros_like(left)
    for start in range(0, length, BLOCK):
        end = min(start + BLOCK, length)
        errors = np.zeros((len(rows), end - start))
        for i in range(start, end):
            steps[:, i] = np.clip(np.rint(left[:, i] / sizes[:, i]), -most, most)
            if is_pruned:
                steps[zeros[:, i], i] = 0
            error = (left[:, i] - steps[:, i] * sizes[:, i]) / inverse[i, i]
            left[:, i:end] -= np.outer(error, inverse[i, i:end])
            errors[:, i - start] = error
        left[:, end:] -= errors @ inverse[start:end, end:]
    found = np.empty_like(steps)
    found[:, order] = steps
    return found
