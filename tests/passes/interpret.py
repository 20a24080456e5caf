"""A NumPy interpreter of the IR: runs a program through the evaluators of its operators' declarations.

It is what passes are tested against: a program before and after a rewrite must compute the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from litesmith.ir.dims import Dim, substitute, symbol_names
from litesmith.ir.graph import Graph, Op, Program, Value
from litesmith.ir.types import TensorType

Array = np.ndarray[Any, Any]

SIZES = (3, 2, 5, 4)
"""Sizes the named symbols get, in order of first appearance."""


def run(graph: Graph, inputs: Sequence[Array], state: dict[str, Array] | None = None) -> list[Array]:
    """The graph's outputs for these inputs. state: what variables hold, by name; those not there hold 2."""
    state = {} if state is None else state
    values: dict[Value, Array] = dict(zip(graph.inputs, inputs, strict=True))
    for op in graph.ops:
        operands = [None if v is None else _read(v, values) for v in op.operands]
        for result, array in zip(op.results, _evaluate(op, operands, state), strict=True):
            assert array.ndim == result.rank, f"{op.name}: {array.shape} is no {result.type}"
            assert array.dtype == result.type.dtype.numpy, f"{op.name}: {array.dtype} is no {result.type}"
            for got, dim in zip(array.shape, result.dims, strict=True):
                assert not isinstance(dim, int) or dim == got, f"{op.name}: {array.shape} is no {result.type}"
            values[result] = array
    return [_read(v, values) for v in graph.outputs]


def _read(value: Value, values: dict[Value, Array]) -> Array:
    return value.numpy() if value.is_const else values[value]


def _evaluate(op: Op, operands: Sequence[Array | None], state: dict[str, Array]) -> list[Array]:
    if op.name == "WHILE":
        return _while(op, [o for o in operands if o is not None], state)
    if op.name == "IF":
        condition, *rest = (o for o in operands if o is not None)
        return run(op.attrs["then_subgraph" if condition.item() else "else_subgraph"], rest, state)
    if op.name == "RANDOM_UNIFORM":
        draws = np.random.default_rng(0).integers(0, 1 << 23, tuple(operands[0])) / np.float32(1 << 23)
        return [draws.astype(np.float32)]
    if op.name == "ASSIGN_VARIABLE":
        handle, value = operands
        state[_read_name(handle)] = np.asarray(value)
        return []
    if op.name == "CALL_ONCE":
        return []
    if op.name == "VAR_HANDLE":
        return [np.array(op.attrs["shared_name"], object)]
    if op.name == "READ_VARIABLE":
        unassigned = np.full(op.results[0].type.static_shape, 2, op.results[0].type.dtype.numpy)
        return [state.get(_read_name(operands[0]), unassigned)]
    assert op.defn.evaluate is not None, f"{op.name} has no evaluator"
    with np.errstate(all="ignore"):
        made = op.defn.evaluate(*operands, **op.attrs)
    return [np.asarray(m) for m in made] if isinstance(made, (list, tuple)) else [np.asarray(made)]


def _read_name(handle: Array | None) -> str:
    assert handle is not None
    return str(handle.item())


def _while(op: Op, carried: list[Array], state: dict[str, Array]) -> list[Array]:
    cond, body = op.attrs["cond_subgraph"], op.attrs["body_subgraph"]
    while run(cond, carried, state)[0].item():
        carried = run(body, carried, state)
    return carried


def random_inputs(program: Program, low: float = -2.0, high: float = 2.0) -> list[Array]:
    """Seeded inputs of the main graph; equal symbols get equal sizes."""
    sizes: dict[str, Dim] = {}
    for value in program.main.inputs:
        for dim in value.dims:
            for name in symbol_names(dim):
                sizes.setdefault(name, SIZES[len(sizes) % len(SIZES)])
    return [_random(v.name, v.type, sizes, low, high) for v in program.main.inputs]


def _random(name: str, type_: TensorType, sizes: dict[str, Dim], low: float, high: float) -> Array:
    shape = [int(substitute(d, sizes)) for d in type_.dims]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if type_.dtype.is_float:
        return rng.uniform(low, high, shape).astype(type_.dtype.numpy)
    return rng.integers(0, 2 if type_.dtype.text == "bool" else 5, shape).astype(type_.dtype.numpy)
