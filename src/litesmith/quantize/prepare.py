"""What is done to a float program before it is quantized: trained ranges are taken, forms chosen that integers suit."""

from __future__ import annotations

import numpy as np

from litesmith.decompositions.grids import spell_out
from litesmith.errors import UsageError
from litesmith.ir import Builder, DType, Op, Program, Sym, Value
from litesmith.ops.activation import ELU, HARD_SWISH, PRELU, RELU_0_TO_1, RELU_N1_TO_1
from litesmith.ops.elementwise import ADD_N, SQUARED_DIFFERENCE
from litesmith.ops.indexing import GATHER
from litesmith.ops.pooling import AVERAGE_POOL_2D
from litesmith.ops.unary import NEG, SQUARE, ZEROS_LIKE
from litesmith.passes.driver import Outcome, Pass, run_pass
from litesmith.quantize.calibrate import Calibration, is_observed, tensor_keys
from litesmith.quantize.dequantize import widen_weights
from litesmith.quantize.equalize import equalize
from litesmith.quantize.ranges import Range, representable
from litesmith.quantize.recipe import Recipe, find_mode
from litesmith.quantize.rotate import rotations
from litesmith.quantize.trained import Trained, take_trained_ranges


def prepare(program: Program, recipe: Recipe) -> dict[int, Trained]:
    """Rewrites a program in place; but for rounding to trained grids it computes the same as before.

    Returns the trained ranges by the ``id`` of their tensor.
    """
    if recipe.is_static:
        widen_weights(program)
    trained = take_trained_ranges(program) if recipe.is_static else {}
    spell_out(program)
    if recipe.equalize and not trained:
        equalize(program)
    trained |= _input_grids(program, recipe)
    for one in _forms(recipe):
        run_pass(one, program)
    return trained


NARROW = (DType.INT8, DType.INT4, DType.INT2)


def _forms(recipe: Recipe) -> list[Pass]:
    modes = [find_mode(name) for name in (recipe.mode, *(r.mode for r in recipe.rules))]
    is_wide = any(m.activations is DType.INT16 for m in modes)
    pools = [POOLS] if not is_wide and recipe.is_static else []
    if recipe.integer_only:
        return [*pools, PRODUCTS, SQUARES, NEGATIVES, SUMS, ZEROS, *([WIDE] if is_wide else [])]
    narrow = any(not m.is_static and m.weights in NARROW for m in modes)
    rotated = [rotations(recipe)] if narrow and recipe.rotate else []
    return [*pools, _tables(recipe), *rotated] if narrow else pools


def _tables(recipe: Recipe) -> Pass:
    """Rows of a large constant table, picked by a GATHER, which would copy integers as they are."""

    def rewrite(op: Op, b: Builder) -> Outcome:
        mode = recipe.mode_of(op)
        if mode.is_static or mode.weights not in NARROW:
            return None
        table, ids = op["x"], op["indices"]
        is_table = table.const is not None and table.type.dtype is DType.FLOAT32 and table.rank == 2
        if not is_table or op.attrs["axis"] or op.attrs["batch_dims"] or ids.type.shape is None:
            return None
        if table.const is None or table.const.size < recipe.smallest_weights:
            return None
        if sum(isinstance(d, Sym) for d in ids.dims) > 1:
            return None
        flat = ids if ids.rank == 1 else b.reshape(ids, np.array([-1], np.int32))
        flat = flat if flat.type.dtype is DType.INT32 else b.cast(flat, out_data_type=DType.INT32)
        rows = b.embedding_lookup(flat, table)
        if ids.rank == 1:
            return rows
        shape = [-1 if isinstance(d, Sym) else d for d in (*ids.dims, table.dims[1])]
        return b.reshape(rows, np.array(shape, np.int32))

    return Pass("lookup-tables", (GATHER,), rewrite)


def _square_of_difference(op: Op, b: Builder) -> Outcome:
    """SQUARED_DIFFERENCE has no kernel for 16 bits, and a slow one for 8: a SUB times itself."""
    difference = b.sub(op["x"], op["y"])
    return b.mul(difference, difference)


def _square(op: Op, b: Builder) -> Outcome:
    """SQUARE has no integer kernel."""
    return b.mul(op["x"], op["x"])


def _sum(op: Op, b: Builder) -> Outcome:
    """ADD_N has no integer kernel."""
    total, *rest = op.inputs
    for value in rest:
        total = b.add(total, value)
    return total


def _zeros(op: Op, b: Builder) -> Outcome:
    """ZEROS_LIKE has no integer kernel."""
    return b.mul(op["x"], np.float32(0)) if op["x"].type.dtype is DType.FLOAT32 else None


def _replace_for_16_bits(op: Op, b: Builder) -> Outcome:
    """What has no kernel of 16 bits that is right, said by what has."""
    x, zero = op["x"], np.float32(0)
    if x.type.dtype is not DType.FLOAT32:
        return None
    if op.defn is PRELU:
        return b.add(b.relu(x), b.mul(b.minimum(x, zero), op["alpha"]))
    if op.defn is ELU:
        return b.add(b.relu(x), b.sub(b.exp(b.minimum(x, zero)), np.float32(1)))
    if op.defn is HARD_SWISH:
        return b.mul(b.mul(x, b.add(x, np.float32(3), fused_activation_function="RELU6")), np.float32(1 / 6))
    return b.minimum(b.maximum(x, np.float32(-1) if op.defn is RELU_N1_TO_1 else zero), np.float32(1))


SQUARES = Pass("squares", (SQUARE,), _square)
SUMS = Pass("sums-of-many", (ADD_N,), _sum)
WIDE = Pass("forms-of-16-bits", (PRELU, ELU, HARD_SWISH, RELU_N1_TO_1, RELU_0_TO_1), _replace_for_16_bits)
ZEROS = Pass("zeros", (ZEROS_LIKE,), _zeros)


def _replace_negative(op: Op, b: Builder) -> Outcome:
    """NEG has no integer kernel that is right for the least integer."""
    if op["x"].type.dtype is not DType.FLOAT32:
        return None
    return b.mul(op["x"], np.float32(-1))


def _mean_of_all(op: Op, b: Builder) -> Outcome:
    """The average of a whole image is a MEAN, whose kernel of 8 bits is up to three times as fast and scales as it likes."""
    x, result, attrs = op["x"], op.results[0], op.attrs
    if x.type.shape is None or result.type.shape is None or attrs["fused_activation_function"] != "NONE":
        return None
    whole = tuple(x.dims[1:3]) == (attrs["filter_height"], attrs["filter_width"])
    if not whole or tuple(result.dims[1:3]) != (1, 1) or attrs["padding"] != "VALID":
        return None
    mean: Value = b.mean(x, np.array([1, 2], np.int32), keep_dims=True)
    mean.name = result.name  # by which a saved calibration knows it
    return mean


POOLS = Pass("pools-of-whole-images", (AVERAGE_POOL_2D,), _mean_of_all)
NEGATIVES = Pass("negatives", (NEG,), _replace_negative)
PRODUCTS = Pass("squares-of-differences", (SQUARED_DIFFERENCE,), _square_of_difference)


def _input_grids(program: Program, recipe: Recipe) -> dict[int, Trained]:
    """Inputs whose grid the recipe says."""
    found: dict[int, Trained] = {}
    for name, scale, zero in recipe.input_grids:
        places = {id(s.graph.inputs[s.inputs[name]]) for s in program.signatures if name in s.inputs}
        places |= {id(v) for graph in program.graphs for v in graph.inputs if v.name == name}
        if not places:
            known = ", ".join(repr(v.name) for graph in program.graphs for v in graph.inputs)
            raise UsageError(f"the model has no input {name!r}; it has {known}")
        found |= dict.fromkeys(places, Trained(scale, zero, 255))
    return found


def with_default_range(program: Program, seen: Calibration, default: tuple[float, float]) -> Calibration:
    """A calibration in which tensors that showed no range have this one."""
    known = tensor_keys(program)
    values = [v for g in program.all_graphs() for v in (*g.inputs, *(r for op in g.ops for r in op.results))]
    ranges = {known[id(v)]: Range(*default) for v in values if is_observed(v)}
    return Calibration({**ranges, **{k: r for k, r in seen.ranges.items() if not r.is_empty}}, seen.samples, seen.trained)


def with_trained_ranges(program: Program, seen: Calibration, trained: dict[int, Trained]) -> Calibration:
    """A calibration with the trained ranges, also of tensors that only hold what others hold."""
    keys = tensor_keys(program)
    ranges = dict(seen.ranges)
    settled = {keys[i]: t for i, t in trained.items() if i in keys}
    ranges |= {key: t.range for key, t in settled.items()}
    ops = [op for graph in program.all_graphs() for op in graph.ops]
    for op in (*ops, *reversed(ops)):
        known = [ranges[keys[id(v)]] for v in _tied_tensors(op) if keys.get(id(v), "") in ranges]
        for value in _tied_tensors(op) if known else ():
            if id(value) in keys:
                ranges.setdefault(keys[id(value)], known[0])
    for op in ops:
        _add_fixed(op, keys, ranges)
    return Calibration(ranges, seen.samples, settled)


def _tied_tensors(op: Op) -> list[Value]:
    """The tensors of an operation that hold the same numbers."""
    rule = op.defn.quant
    if rule is None or not rule.same_scale:
        return []
    return [v for v in (*op.inputs, *op.results) if v.type.dtype is DType.FLOAT32 and not v.is_const]


def _add_fixed(op: Op, keys: dict[int, str], ranges: dict[str, Range]) -> None:
    """Results whose range the operator itself says."""
    rule = op.defn.quant
    if rule is not None and DType.INT8 in rule.fixed:
        for result in op.results:
            ranges.setdefault(keys[id(result)], representable(*rule.fixed[DType.INT8], DType.INT8))
