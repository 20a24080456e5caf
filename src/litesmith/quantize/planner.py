"""From a recipe and what calibration saw to a plan."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

import numpy as np

from litesmith.errors import Problem, QuantizationError
from litesmith.ir import DType, Op, Program, Value
from litesmith.ir.opdef import Kernel, Trait
from litesmith.quantize import fused_lstm
from litesmith.quantize.calibrate import Calibration
from litesmith.quantize.costs import float_cost, integer_cost
from litesmith.quantize.groups import Groups
from litesmith.quantize.islands import choose_islands
from litesmith.quantize.plan import HYBRID, STATIC, TABLE, WIDENED, WITHIN, Keys, OpPlan, Plan
from litesmith.quantize.ranges import LIMITS, Range, range_of
from litesmith.quantize.recipe import Mode, Recipe, find_mode
from litesmith.quantize.roles import (
    float_operands,
    is_mask,
    large_constants,
    weight_operands,
    weight_type,
)
from litesmith.quantize.tables import LONG, SLOW, TABLE_TYPES, Functions
from litesmith.quantize.trained import grid_scales
from litesmith.quantize.variables import integer_variables

SLOW_HYBRID = 1.5
"""A kernel that takes integer weights beside floats and is slower than this is worse than floats made of the weights."""

FEW_BITS = (DType.INT4, DType.INT2)
SMALLEST_WIDENED = 0.25
"""The share of the smallest weights that are worth integers from which on weights of 8 bits save more than they cost."""

ALL_FLOATS = (
    "no part of the model is faster on integers: activations stay floats, weights are integers "
    "(integer_layers=True or integer_only=True in the recipe makes activations integers)"
)

INTEGER_WEIGHTS = (DType.INT8, DType.INT4, DType.INT2, DType.UINT8)


def make_plan(
    program: Program, recipe: Recipe, calibration: Calibration | None = None, avoid: Collection[str] = ()
) -> Plan:
    """The plan of quantizing a program.

    avoid: keys of operations that are to stay floats whatever the recipe says (their kernels refused them).
    Raises QuantizationError where everything has to be integers and something has no integer kernel.
    """
    return _Planner(program, recipe, calibration or Calibration(), frozenset(avoid)).plan()


class _Planner:
    def __init__(self, program: Program, recipe: Recipe, seen: Calibration, avoid: frozenset[str]) -> None:
        self.recipe, self.seen, self.avoid = recipe, seen, avoid
        self.keys = Keys(program)
        self.program = program
        self.reasons: dict[Op, str] = {}

    def plan(self) -> Plan:
        static = {op: mode.activations for op, mode in self._modes() if self._may_be_integers(op, mode)}
        sides = self._sides(static)
        plan = Plan()
        for key, op in self.keys.all:
            plan.ops[key] = self._op_plan(op, self.recipe.mode_of(op), sides.get(op), op in static)
        if static and not any(sides.values()):
            plan.notes.append(ALL_FLOATS)
        self._plan_variables(plan)
        if self.recipe.integer_only:
            self._plan_tables(plan)
            self._require_integers(plan)
        Groups(self.program, self.keys, self.recipe, self.range_of, self.seen.trained).fill(plan)
        return plan

    def _modes(self) -> Iterator[tuple[Op, Mode]]:
        for key, op in self.keys.all:
            mode = self.recipe.mode_of(op)
            if mode.is_static and key not in self.avoid:
                yield op, mode

    def _sides(self, static: dict[Op, DType]) -> dict[Op, DType | None]:
        results = (r for _, op in self.keys.all for r in op.results)
        is_trained = any(self.keys.tensors.get(id(r), "") in self.seen.trained for r in results)  # not an input's grid alone
        if self.recipe.integer_only or not self.recipe.islands or is_trained:
            return dict(static)  # trained ranges clamp, too: nothing that has one may stay a float
        recipe = self.recipe
        is_for_integers = {recipe.input_type, recipe.output_type} != {DType.FLOAT32}
        is_for_size = find_mode(recipe.mode).weights in FEW_BITS  # floats would have weights of 8 bits
        keeps_layers = recipe.integer_layers or is_for_integers or is_for_size
        return choose_islands(static, (op for _, op in self.keys.all), keeps_layers)

    # -- what may be integers -----------------------------------------------------------------------------------------

    def _may_be_integers(self, op: Op, mode: Mode) -> bool:
        reason = self._obstacle(op, mode)
        if reason:
            self.reasons[op] = reason
        return not reason

    def _obstacle(self, op: Op, mode: Mode) -> str:
        """Why an operation cannot work on integers; empty where it can."""
        rule = op.defn.quant
        kernel = rule.kernels.get(mode.activations) if rule is not None else None
        if rule is None or kernel is None:
            return f"{op.name} has no kernel for {mode.activations}"
        floats = float_operands(op)
        if not floats and not rule.weights:
            return "it has no float operands"
        weights = weight_operands(op)
        if weights and weight_type(kernel, mode) is None:
            return f"{op.name} has no kernel for {mode.activations} with {mode.weights} weights"
        if not weights and rule.weights and op.name not in ("FULLY_CONNECTED", "BATCH_MATMUL", "PRELU"):
            return "its weights are computed"
        if rule.bias is not None and op.get(rule.bias) is not None and not op[rule.bias].is_const:
            return "its bias is computed"
        if any(v.type.dtype is not DType.FLOAT32 for v in floats):
            return "its operands are no 32-bit floats"
        values = [v for v in (*floats, *op.results) if v.type.dtype is DType.FLOAT32]
        lstm = fused_lstm.obstacle(op) if op.name == fused_lstm.NAME else ""
        return lstm or self._domain_obstacle(op) or self._range_obstacle(values)

    def _domain_obstacle(self, op: Op) -> str:
        """Why the integer kernel could fail as the model runs."""
        rule = op.defn.quant
        name = None if rule is None else rule.not_negative or rule.not_zero
        if rule is None or name is None:
            return ""
        value = op[name]
        seen = self.range_of(value)
        if seen.low < 0 and not (op.name == "DIV" and value.is_const):
            return f"{op.name} of negative numbers fails in integers"
        if rule.not_zero is not None and value.const is not None:
            array = np.abs(value.const.array())
            if array.size and array.min() < array.max() / 64:
                return "its divisor becomes 0 in integers"
        return ""

    def _range_obstacle(self, values: Iterable[Value]) -> str:
        for value in values:
            seen = self.range_of(value)
            if seen.is_empty and not value.is_const:
                return "it did not run on the calibration data"
            if not seen.is_finite and not seen.is_empty:
                return "it holds infinite numbers"
            if not self.recipe.integer_only and is_mask(seen):
                return "it holds a mask: numbers that stand for minus infinity"
        return ""

    def range_of(self, value: Value) -> Range:
        """What a tensor holds."""
        if value.const is not None:
            return range_of(value.const.array())
        return self.seen.ranges.get(self.keys.tensors.get(id(value), ""), Range())

    # -- forms --------------------------------------------------------------------------------------------------------

    def _op_plan(self, op: Op, mode: Mode, side: DType | None, could: bool) -> OpPlan:
        label = op.origin.label or (op.results[0].name if op.results else "")
        weights = weight_operands(op)
        plan = OpPlan(op.name, label)
        if side is not None:
            assert op.defn.quant is not None
            kernel = op.defn.quant.kernels[side]
            kind = self._weight_type(op, kernel, mode) if weights else None
            return replace(
                plan, form=STATIC, activations=side, weights=kind, per_channel=kernel.per_channel and self._by_channel(op)
            )
        why = "floats are faster here" if could else self.reasons.get(op, "")
        if mode.weights is DType.FLOAT16 and (weights or large_constants(op)):
            return replace(plan, form=WIDENED, weights=DType.FLOAT16)
        if mode.weights in (DType.FLOAT32, DType.FLOAT16) or not weights:
            return replace(plan, why=why)
        if not could and not self._is_worth_it(op):  # what was to be integers has integer weights, whatever their size
            return self._small_beside_floats(op, mode, plan)
        return replace(self._beside_floats(op, mode, plan), why=why)

    def _weight_type(self, op: Op, kernel: Kernel, mode: Mode) -> DType | None:
        """The element type of weights beside integers: 4 bits where they were trained on a grid of so many."""
        kind = weight_type(kernel, mode)
        if op.name == "DEPTHWISE_CONV_2D" and kind is DType.INT4 and self.recipe.islands:
            return DType.INT8  # few weights, and a kernel of 4 bits that takes ten times as long
        if not self.recipe.low_bit_weights or kind is not DType.INT8 or DType.INT4 not in kernel.weights:
            return kind
        by_channel = kernel.per_channel and self._by_channel(op)
        return DType.INT4 if _on_grids(op, by_channel, LIMITS[DType.INT4][1]) else kind

    def _is_worth_it(self, op: Op, share: float = 1.0) -> bool:
        sizes = [const.size for name in weight_operands(op) if (const := op[name].const) is not None]
        if sum(sizes) >= self.recipe.smallest_weights * share:
            return True
        return self.recipe.low_bit_weights and _on_grids(op, self._by_channel(op), LIMITS[DType.INT8][1])

    def _beside_floats(self, op: Op, mode: Mode, plan: OpPlan) -> OpPlan:
        """Integer weights beside float activations."""
        kernel = op.defn.quant.kernels.get(DType.FLOAT32) if op.defn.quant is not None else None
        kind = mode.weights if mode.weights in INTEGER_WEIGHTS[:3] else DType.INT8
        # no kernel beside floats rounds its input to 16 bits; and small ones lose more by rounding it than they gain
        wide = mode.activations is DType.INT16 or (mode.is_static and _is_fast_in_floats(op))
        if kernel is not None and mode.compute and not wide and kernel.time <= SLOW_HYBRID:
            kind = kind if kind in kernel.weights else DType.INT8
            by_channel = self._by_channel(op) and _channels_of_hybrid(op)
            return replace(plan, form=HYBRID, weights=kind, per_channel=by_channel)
        if op.name in ONLY_HYBRID:
            widens_itself = op.name == "EMBEDDING_LOOKUP"
            if kernel is None or not (mode.compute or widens_itself):
                return plan
            kind = kind if kind in kernel.weights else DType.INT8
            by_channel = self._by_channel(op) and widens_itself
            return replace(plan, form=HYBRID, weights=kind, per_channel=by_channel)
        if mode.is_static or (op.name == "DEPTHWISE_CONV_2D" and mode.compute):
            kind = DType.INT8  # those of 4 bits are made floats anew in each run
        return replace(plan, form=WIDENED, weights=kind, per_channel=self.recipe.per_channel)

    def _small_beside_floats(self, op: Op, mode: Mode, plan: OpPlan) -> OpPlan:
        """Where weights are of 4 bits and fewer, small ones of 8 take no more room than their layer is worth in floats."""
        if mode.weights not in FEW_BITS or op.name in ONLY_HYBRID or not self._is_worth_it(op, SMALLEST_WIDENED):
            return plan
        return replace(plan, form=WIDENED, weights=DType.INT8, per_channel=self.recipe.per_channel)

    def _by_channel(self, op: Op) -> bool:
        return self.recipe.per_channel and (self.recipe.per_channel_dense or op.name != "FULLY_CONNECTED")

    def _plan_variables(self, plan: Plan) -> None:
        """Variables as integers where that is asked for: what reads and assigns them moves integers."""
        if not (self.recipe.variables or self.recipe.integer_only):
            return
        for variable in integer_variables((op for _, op in self.keys.all), self.range_of):
            types = {self.recipe.mode_of(op).activations for op in variable.accesses}
            if types not in ({DType.INT8}, {DType.INT16}, {DType.UINT8}):
                continue
            for op in variable.accesses:
                key = self.keys.op(op)
                plan.ops[key] = replace(plan.ops[key], form=STATIC, activations=next(iter(types)), why="")

    def _plan_tables(self, plan: Plan) -> None:
        """Functions of one tensor that have no integer form, or a long one, as tables."""
        chosen: list[tuple[Op, list[Op]]] = []
        others: set[Op] = set()
        for last, steps in Functions(self.keys.graphs).ends():
            dtype = self.recipe.mode_of(last).activations
            pays = len(steps) >= LONG or any(op in self.reasons or _takes_long(op, dtype) for op in steps)
            fits = dtype in TABLE_TYPES and last.results[0].type.dtype is DType.FLOAT32
            if fits and pays and not self._range_obstacle([last.results[0], *steps[0].inputs]):
                chosen.append((last, steps))
            else:
                others.update(steps)
        for last, steps in chosen:
            for op in steps:
                key = self.keys.op(op)
                if op not in others and plan.ops[key].form != TABLE:
                    plan.ops[key] = replace(plan.ops[key], form=WITHIN, weights=None, why="it is a step of a table")
            key, dtype = self.keys.op(last), self.recipe.mode_of(last).activations
            plan.ops[key] = replace(plan.ops[key], form=TABLE, activations=dtype, weights=None, why="as a table")

    # -- integers only ------------------------------------------------------------------------------------------------

    def _require_integers(self, plan: Plan) -> None:
        problems = []
        for key, op in self.keys.all:
            floats = [v for v in (*op.inputs, *op.results) if v.type.dtype is DType.FLOAT32]
            is_done = plan.ops[key].form in (STATIC, TABLE, WITHIN)
            if not floats or is_done or op.name in PASSED_THROUGH or op.defn.traits & Trait.ASKS_SHAPE:
                continue
            reason = self.reasons.get(op) or "its recipe leaves it float"
            fix = "allow float operators beside the integer ones (leave out integer_only / add TFLITE_BUILTINS)"
            where = (op.name, plan.ops[key].layer, op.origin.line)
            problems.append(Problem("LS043", f"integers only were asked for, and {reason}", fix, *where))
        if problems:
            raise QuantizationError(problems)


def _takes_long(op: Op, dtype: DType) -> bool:
    kernel = op.defn.quant.kernels.get(dtype) if op.defn.quant is not None else None
    return kernel is not None and kernel.time >= SLOW


def _on_grids(op: Op, by_channel: bool, steps: int) -> bool:
    """Whether all weights of a layer lie on grids of so many steps on each side of 0."""
    assert op.defn.quant is not None
    for name in weight_operands(op):
        axis = op.defn.quant.weights[name] if by_channel else None
        const = op[name].const
        if const is None or grid_scales(const.array(), axis, steps) is None:
            return False
    return True


ONLY_HYBRID = (
    "EMBEDDING_LOOKUP", "UNIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_LSTM", "LSTM", "RNN",
    "UNIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_RNN", "SVDF",
)  # fmt: skip
"""Operators whose integer weights are worth nothing as floats again: they are read once, or in many operands."""

PASSED_THROUGH = ("WHILE", "IF", "QUANTIZE", "DEQUANTIZE", "CAST", "CALL_ONCE")
"""Operators that only hand tensors on, or do not read their elements, or stand between floats and numbers of another
type."""


SMALL_DENSE = 16_384
"""Weights of a dense layer up to which its float kernel is no slower than the one that rounds its input."""


def _is_fast_in_floats(op: Op) -> bool:
    if op.name == "CONV_2D":
        return float_cost(op) < integer_cost(op, DType.INT8)
    const = op["weights"].const if op.name == "FULLY_CONNECTED" else None
    return const is not None and const.size <= SMALL_DENSE


def _channels_of_hybrid(op: Op) -> bool:
    return op.name not in ONLY_HYBRID or op.name == "EMBEDDING_LOOKUP"
