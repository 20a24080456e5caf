"""The rewrite: a program becomes what the plan says, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from litesmith.ir import Builder, DType, Graph, Op, Program, Quantization, TensorType, Value
from litesmith.ir.constant import Array, Constant
from litesmith.ir.folding import NO_FOLDING
from litesmith.ir.opdef import Trait
from litesmith.ops import OPS
from litesmith.quantize import biases, fused_lstm
from litesmith.quantize.costs import is_clamp_of_bytes
from litesmith.quantize.groups import call_ties
from litesmith.quantize.plan import HYBRID, STATIC, TABLE, WIDENED, WITHIN, Keys, OpPlan, Plan, TensorPlan
from litesmith.quantize.ranges import LIMITS, parameters, quantization, quantize_array, range_of
from litesmith.quantize.recipe import Recipe
from litesmith.quantize.roles import float_operands, large_constants, weight_operands
from litesmith.quantize.tables import Functions, look_up
from litesmith.quantize.trained import grid_scales
from litesmith.quantize.variables import ACCESSES, float_variables
from litesmith.quantize.weights import Form, blockwise, halve, quantize_constant, weight_quantization


@dataclass
class Improvements:
    """What is known of layers beyond their plan, by the key of the operation.

    rounded: integer weights found in a better way than by rounding each. shifts: what is added to biases, by channel.
    on_grid: whether weights may lie on grids that training settled.
    """

    rounded: dict[str, Array] = field(default_factory=dict)
    shifts: Mapping[str, Array] = field(default_factory=dict)
    on_grid: bool = False


def rewrite(program: Program, plan: Plan, recipe: Recipe, improved: Improvements | None = None) -> dict[int, str]:
    """Rewrites a program in place by a plan made of it (or of its equal).

    Returns the key in the plan of each operation, by its ``id``; operations that were added have none.
    """
    return _Rewriter(program, plan, recipe, improved or Improvements()).run()


class _Rewriter:
    def __init__(self, program: Program, plan: Plan, recipe: Recipe, improved: Improvements) -> None:
        self.program, self.plan, self.recipe, self.improved = program, plan, recipe, improved
        self.keys = Keys(program)
        self.variables = float_variables(op for _, op in self.keys.all)
        self.activations = {id(op): {id(v) for v in float_operands(op)} for _, op in self.keys.all}
        has_tables = any(op.form == TABLE for op in plan.ops.values())
        self.functions = Functions(self.keys.graphs if has_tables else ())
        self.home: dict[int, DType] = {}
        self.replaced: dict[int, Value] = {}
        self.converted: dict[tuple[int, DType, int], Value] = {}
        self.constants: dict[tuple[int, DType, bytes, int], Value] = {}

    def run(self) -> dict[int, str]:
        known = self.known = {id(op): key for key, op in self.keys.all}
        self._set_boundaries()
        for graph in self.keys.graphs:
            for op in list(graph.ops):
                self._rewrite(graph, op, known[id(op)])
            self._finish(graph)
        return known

    # -- boundaries of graphs -----------------------------------------------------------------------------------------

    def _set_boundaries(self) -> None:
        """Inputs that are integers from the start: those of the model where asked for, and of bodies of loops."""
        self.outputs: dict[tuple[int, int], DType] = {}
        for graph in self.program.graphs:
            for value in graph.inputs:
                self._give_home(value, self.recipe.input_type)
            for index, value in enumerate(graph.outputs):
                if value.type.dtype is DType.FLOAT32 and self.recipe.output_type is not DType.FLOAT32:
                    self.outputs[(id(graph), index)] = self.recipe.output_type
        if self.recipe.integer_only:
            self._set_call_boundaries()

    def _set_call_boundaries(self) -> None:
        called = [graph for _, op in self.keys.all for graph in op.subgraphs]
        for graph in called:  # before any type changes: what a body hands on is an input of it
            for index, value in enumerate(graph.outputs):
                dtype = self._planned_type(value)
                if dtype is not DType.FLOAT32:
                    self.outputs[(id(graph), index)] = dtype
        for graph in called:
            for value in graph.inputs:
                self._give_home(value, self._planned_type(value))

    def _planned_type(self, value: Value) -> DType:
        key = self.keys.tensors.get(id(value), "")
        found = [d for d in (DType.INT8, DType.INT16, DType.UINT8) if (key, d) in self.plan.tensors]
        return found[0] if found and value.type.dtype is DType.FLOAT32 else DType.FLOAT32

    def _give_home(self, value: Value, dtype: DType) -> None:
        """From here on the tensor is integers with its planned parameters."""
        if dtype is DType.FLOAT32 or value.type.dtype is not DType.FLOAT32 or value.is_const:
            return
        planned = self._parameters(value, dtype)
        value.type = _with_parameters(value.type, planned)
        self.home[id(value)] = dtype

    def _finish(self, graph: Graph) -> None:
        outputs = list(graph.outputs)
        for index, value in enumerate(outputs):
            wanted = self.outputs.get((id(graph), index), DType.FLOAT32)
            if value.type.dtype is DType.FLOAT32 or id(value) in self.home:
                outputs[index] = output = self._convert(Builder(graph, OPS), value, wanted)
                if output is not value and value not in graph.inputs and not value.is_const and value.name:
                    output.name, value.name = value.name, f"{value.name}/{value.type.dtype}"
        graph.outputs = outputs
        for op in graph.reversed_ops:
            plan = self.plan.ops.get(self.known.get(id(op), ""))
            if plan is not None and plan.form == WITHIN and not any(r.users or r.output_uses for r in op.results):
                graph.erase(op)

    # -- operations ---------------------------------------------------------------------------------------------------

    def _rewrite(self, graph: Graph, op: Op, key: str) -> None:
        plan = self.plan.ops.get(key)
        b = Builder(graph, OPS, op, op.origins, NO_FOLDING)
        if plan is not None and plan.form == STATIC:
            if op.name in ACCESSES:
                self._access(b, op, plan.activations)
            else:
                self._integers(b, op, key, plan)
            return
        if plan is not None and plan.form == TABLE:
            self._tabulate(b, op, plan.activations)
            return
        if op.defn.traits & Trait.ASKS_SHAPE or (plan is not None and plan.form == WITHIN):
            return
        calls = self._call_rows(op) if self.recipe.integer_only else {}
        for index, value in enumerate(op.operands):
            if value is not None and (id(value) in self.home or index in calls):
                op.set_operand(index, self._convert(b, value, calls.get(index, DType.FLOAT32)))
        if calls:
            for result in op.results:
                self._give_home(result, self._planned_type(result))
        if plan is not None and plan.form in (HYBRID, WIDENED) and plan.weights is not None:
            self._narrow_weights(b, op, key, plan)

    def _call_rows(self, op: Op) -> dict[int, DType]:
        """The operands of a loop or branch that are integers inside."""
        if not op.subgraphs:
            return {}
        first = 1 if op.name == "IF" else 0
        rows = list(call_ties(op))[: len(op.operands) - first]
        types = {first + i: self._home_type(row[1]) for i, row in enumerate(rows)}
        return {i: d for i, d in types.items() if d is not DType.FLOAT32}

    def _home_type(self, value: Value) -> DType:
        return self.home.get(id(value), DType.FLOAT32)

    def _access(self, b: Builder, op: Op, dtype: DType) -> None:
        """Reads or assigns a variable of integers."""
        for result in op.results:
            self._give_result(result, dtype)
        if op.name == "ASSIGN_VARIABLE":
            value = op["value"]
            shared = self._variable_parameters(op, dtype) if value.is_const else None
            op.set_operand(op.defn.operand_index("value"), self._convert(b, value, dtype, shared))

    def _variable_parameters(self, op: Op, dtype: DType) -> TensorPlan:
        """The parameters of the variable an operation assigns a constant to: those of any tensor it shares them with."""
        values = next(v.values for v in self.variables if op in v.accesses)
        return next(self._parameters(v, dtype) for v in values if id(v) in self.keys.tensors)

    def _integers(self, b: Builder, op: Op, key: str, plan: OpPlan) -> None:
        dtype = plan.activations
        weights = weight_operands(op)
        activations = self.activations[id(op)]
        tied = self._constant_parameters(op, dtype)
        for index, value in enumerate(op.operands):
            if value is not None and (id(value) in activations or id(value) in self.home):
                if id(value) in activations:
                    op.set_operand(index, self._convert(b, value, dtype, tied))
                else:
                    op.set_operand(index, self._convert(b, value, DType.FLOAT32))
        divisor = op.defn.quant.not_zero if op.defn.quant is not None else None
        if divisor is not None and not op[divisor].is_const:
            self._keep_above_zero(b, op, divisor)
        for result in op.results:
            self._give_result(result, dtype)
        self._set_layer(op, weights, key, plan)
        if "pot_scale_int16" in op.attrs:
            op.attrs["pot_scale_int16"] = False
        if is_clamp_of_bytes(op, dtype):
            self._clamp_by_range(b, op)

    def _set_layer(self, op: Op, weights: list[str], key: str, plan: OpPlan) -> None:
        """Weights and biases as integers."""
        rule = op.defn.quant
        assert rule is not None
        for name in weights:
            axis = rule.weights[name] if plan.per_channel else None
            self._set_weights(op, name, key, Form(plan.weights or DType.INT8, axis))
        if rule.bias is not None and op.get(rule.bias) is not None:
            self._set_bias(op, key, plan)
        if op.name == fused_lstm.NAME:
            fused_lstm.set_states(op)

    def _keep_above_zero(self, b: Builder, op: Op, name: str) -> None:
        """The operand, at least a step above 0: the kernel fails at 0."""
        value = op[name]
        quant, dtype = value.type.quant, value.type.dtype
        assert quant is not None
        step = np.array(int(quant.zero_point[0]) + 1, dtype.numpy)
        least = Value(TensorType(dtype, (), quant), "", Constant.of(step, dtype))
        (clamped,) = b.emit(OPS["MAXIMUM"], [value, least], result_types=[value.type])
        op.set_operand(op.defn.operand_index(name), clamped)

    def _give_result(self, result: Value, dtype: DType) -> None:
        if result.type.dtype is not DType.FLOAT32:
            return
        planned = self.plan.fixed.get((self.keys.tensors[id(result)], dtype)) or self._parameters(result, dtype)
        result.type = _with_parameters(result.type, planned)
        self.home[id(result)] = dtype

    def _clamp_by_range(self, b: Builder, op: Op) -> None:
        """A clamp is a QUANTIZE into the range of its result; nothing at all where its operand has that range."""
        (result,), x = op.results, op["x"]
        dtype = result.type.dtype
        if x.op is not None and x.type.dtype is dtype and _has_plan(x, self._parameters(result, dtype)):
            self._replace(op, x)
            return
        (clamped,) = b.emit(OPS["QUANTIZE"], [x], result_types=[result.type])
        self._replace(op, clamped)

    def _tabulate(self, b: Builder, op: Op, dtype: DType) -> None:
        """A function of one tensor, read from a table."""
        (result,) = op.results
        root = self.functions.root(result)
        x = self._convert(b, self.replaced.get(id(root), root), dtype)
        planned = self.plan.fixed.get((self.keys.tensors[id(result)], dtype)) or self._parameters(result, dtype)
        looked_up = look_up(b, self.functions, op, x, _with_parameters(result.type, planned))
        self.home[id(result)] = dtype
        self._replace(op, looked_up)

    def _replace(self, op: Op, fresh: Value) -> None:
        """The operation's result by another tensor of its parameters."""
        (result,) = op.results
        self.replaced[id(result)] = fresh
        fresh.name = result.name if result.output_uses or not fresh.name else fresh.name
        assert op.graph is not None
        self.home[id(fresh)] = self.home[id(result)]
        self.keys.tensors[id(fresh)] = self.keys.tensors[id(result)]
        op.graph.replace_value(result, fresh)
        for user in fresh.users:
            if id(result) in self.activations.get(id(user), ()):
                self.activations[id(user)].add(id(fresh))
        op.graph.erase(op)

    def _constant_parameters(self, op: Op, dtype: DType) -> TensorPlan | None:
        """The parameters of constants beside tensors that they share them with."""
        rule = op.defn.quant
        if rule is None or not rule.same_scale:
            return None
        result = next((r for r in op.results if r.type.dtype is DType.FLOAT32), None)
        return None if result is None else self._parameters(result, dtype)

    # -- tensors ------------------------------------------------------------------------------------------------------

    def _parameters(self, value: Value, dtype: DType) -> TensorPlan:
        return self.plan.tensors[(self.keys.tensors[id(value)], dtype)]

    def _convert(self, b: Builder, value: Value, dtype: DType, tied: TensorPlan | None = None) -> Value:
        """The tensor in an element type, converted once for all who take it so."""
        if value.is_const and value.type.dtype is DType.FLOAT32:
            return value if dtype is DType.FLOAT32 else self._constant(value, dtype, tied)
        home = self.home.get(id(value), DType.FLOAT32)
        wanted = None if dtype is DType.FLOAT32 else self._parameters(value, dtype)
        if home is dtype and (wanted is None or _has_plan(value, wanted)):
            return value
        key = (id(value), dtype, id(b.graph))
        if key not in self.converted:
            self.converted[key] = self._conversion(b, value, wanted)
        return self.converted[key]

    def _conversion(self, b: Builder, value: Value, wanted: TensorPlan | None) -> Value:
        origins = value.op.origins if value.op is not None else b.origins
        at = Builder(b.graph, OPS, _op_after(b.graph, value) or b.before, origins, NO_FOLDING)
        if wanted is None:
            converted: Value = at.dequantize(value)
        else:
            (converted,) = at.emit(OPS["QUANTIZE"], [value], result_types=[_with_parameters(value.type, wanted)])
        converted.name = f"{value.name}/{'float' if wanted is None else wanted.dtype.text}" if value.name else ""
        return converted

    def _constant(self, value: Value, dtype: DType, tied: TensorPlan | None) -> Value:
        assert value.const is not None
        if tied is None:
            symmetric = dtype is DType.INT16
            scale, zero = parameters(range_of(value.const.array()), dtype, symmetric)
        else:
            scale, zero = tied.scale, tied.zero_point
        quant = quantization(scale, zero)
        key = (id(value), dtype, quant.scale.tobytes(), zero)
        if key not in self.constants:
            const = value.const
            lazy = Constant.lazy(dtype, const.shape, lambda: quantize_array(const.array(), quant, dtype))
            self.constants[key] = Value(TensorType(dtype, const.shape, quant), value.name, lazy)
        return self.constants[key]

    # -- weights ------------------------------------------------------------------------------------------------------

    def _set_weights(self, op: Op, name: str, key: str, form: Form) -> Quantization:
        value = op[name]
        assert value.const is not None
        quant = self._weight_scales(op, value, form)
        rounded = self.improved.rounded.get(key)
        which = id(rounded) if rounded is not None else id(value)
        cached = (which, form.dtype, quant.scale.tobytes(), form.axis if form.axis is not None else -1)
        if cached not in self.constants:
            self.constants[cached] = quantize_constant(value, form, quant, rounded)
        op.set_operand(op.defn.operand_index(name), self.constants[cached])
        return quant

    def _weight_scales(self, op: Op, value: Value, form: Form) -> Quantization:
        assert value.const is not None
        array = value.const.array()
        trained = self.improved.on_grid and form.dtype in (DType.INT8, DType.INT4)
        coarsest = self.recipe.low_bit_weights
        grid = grid_scales(array, form.axis, LIMITS[form.dtype][1], coarsest) if trained else None
        quant = weight_quantization(array, form) if grid is None else quantization(grid, 0, form.axis or 0)
        least = biases.least_weight_scales(op, len(quant.scale))
        return quant if least is None else replace(quant, scale=np.maximum(quant.scale, least))

    def _set_bias(self, op: Op, key: str, plan: OpPlan) -> None:
        rule = op.defn.quant
        assert rule is not None
        assert rule.bias is not None
        bias, kind = biases.quantize_bias(op, plan, self.recipe, self.improved.shifts.get(key))
        op.set_operand(op.defn.operand_index(rule.bias), bias)
        if plan.activations is DType.INT16 and "quantized_bias_type" in op.attrs:
            op.attrs["quantized_bias_type"] = kind

    def _narrow_weights(self, b: Builder, op: Op, key: str, plan: OpPlan) -> None:
        rule = op.defn.quant
        assert plan.weights is not None
        if plan.weights is DType.FLOAT16:
            weights = [op.defn.operand_index(name) for name in weight_operands(op)]
            for index in dict.fromkeys([*weights, *large_constants(op)]):
                value = op.operands[index]
                assert value is not None
                op.set_operand(index, self._widen(b, self._halve(value)))
            return
        assert rule is not None
        for name in weight_operands(op):
            if self._takes_blocks(op, plan):
                op.set_operand(op.defn.operand_index(name), self._blocks(op[name], plan.weights, key))
                continue
            axis = rule.weights[name]
            axis = _output_axis(op, name) if axis is None and op.name == "BATCH_MATMUL" else axis
            self._set_weights(op, name, key, Form(plan.weights, axis if plan.per_channel else None))
            narrow = op[name]
            if plan.form == WIDENED:
                narrow = self._widen(b, narrow)
            op.set_operand(op.defn.operand_index(name), narrow)
        self._shift_float_bias(op, key)
        if plan.form == HYBRID and "asymmetric_quantize_inputs" in op.attrs and op.name != "UNIDIRECTIONAL_SEQUENCE_LSTM":
            op.attrs["asymmetric_quantize_inputs"] = True

    def _blocks(self, value: Value, dtype: DType, key: str) -> Value:
        return blockwise(value, dtype, self.recipe.block_size, self.improved.rounded.get(key))

    def _shift_float_bias(self, op: Op, key: str) -> None:
        shift = self.improved.shifts.get(key)
        name = op.defn.quant.bias if op.defn.quant is not None else None
        old = op.get(name) if name is not None else None
        if shift is None or name is None or old is None or old.const is None:
            return
        shifted = (old.const.array().astype(np.float64) + shift.reshape(old.const.shape)).astype(np.float32)
        op.set_operand(op.defn.operand_index(name), Value(old.type, old.name, Constant.of(shifted)))

    def _takes_blocks(self, op: Op, plan: OpPlan) -> bool:
        """Whether the weights have a scale for each block: of 4 bits, in dense layers whose rows are whole blocks."""
        block = self.recipe.block_size
        dense = op.name == "FULLY_CONNECTED" and plan.form == HYBRID and plan.weights is DType.INT4
        return bool(block) and dense and op["weights"].type.static_shape[1] % block == 0

    def _halve(self, value: Value) -> Value:
        key = (id(value), DType.FLOAT16, b"", 0)
        if key not in self.constants:
            self.constants[key] = halve(value)
        return self.constants[key]

    def _widen(self, b: Builder, narrow: Value) -> Value:
        key = (id(narrow), DType.FLOAT32, id(b.graph))
        if key not in self.converted:
            first = next(iter(b.graph.ops), None)
            at = Builder(b.graph, OPS, first, b.origins, NO_FOLDING)
            self.converted[key] = at.dequantize(narrow)
        return self.converted[key]


def _output_axis(op: Op, name: str) -> int:
    """The axis of a product's columns, which each have a scale."""
    rank = op[name].rank
    return rank - 2 if op.attrs["adj_y"] else rank - 1


def _with_parameters(kind: TensorType, planned: TensorPlan) -> TensorType:
    return replace(kind, dtype=planned.dtype, quant=quantization(planned.scale, planned.zero_point))


def _has_plan(value: Value, planned: TensorPlan) -> bool:
    quant = value.type.quant
    same = quant is not None and np.float32(planned.scale) == quant.scale[0] and planned.zero_point == quant.zero_point[0]
    return bool(same)


def _op_after(graph: Graph, value: Value) -> Op | None:
    """The operation before which a conversion of the tensor stands: the next one after what makes it."""
    return next(iter(graph.ops), None) if value.op is None else value.op.next
