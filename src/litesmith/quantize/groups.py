"""Which tensors share scale and zero point, and what these are.

Data movements copy stored numbers, so what goes in and what comes out have the same parameters: tensors that
are tied to each other in this way form a group, whose range holds all of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from litesmith.ir import DType, Op, Program, Value
from litesmith.ops import OPS
from litesmith.ops.elementwise import MAXIMUM, MINIMUM
from litesmith.quantize.plan import STATIC, TABLE, Keys, Plan, TensorPlan
from litesmith.quantize.ranges import Range, parameters, representable
from litesmith.quantize.recipe import Recipe, find_mode
from litesmith.quantize.roles import MASK, clamp_of, float_operands, is_mask
from litesmith.quantize.tables import Functions
from litesmith.quantize.trained import Trained
from litesmith.quantize.variables import ACCESSES, float_variables
from litesmith.quantize.weights import Form, weight_scales

HEADROOM_16 = 2.0
"""Ranges of 16-bit tensors are widened by this: a bit that costs nothing measurable, and data that goes beyond what
calibration saw is not clipped."""

LARGEST_MULTIPLIER = 200.0
"""Of a layer's sums, on their way to its result: XNNPACK takes less than 256."""

SMALLEST_CLAMPED = 6 * 2.0**-30
"""Scale of a clamped result: the clamp has to be a 32-bit number of steps."""

BELOW = 12.0
"""What stands for minus infinity is stored as the least number and so much: its exponential is next to nothing."""

CLIPPED_CONSTANT = 16.0
"""A constant tied to tensors it is so many times as large as is a bound that is never met; it is clipped."""

CUTTING = (MAXIMUM, MINIMUM, *(defn for defn in OPS.values() if defn.clamps is not None))
"""Operators that never let numbers through that their results do not hold."""

Node = tuple[int, DType]


@dataclass
class _Group:
    seen: Range = field(default_factory=Range)
    constants: Range = field(default_factory=Range)
    bound: Range = field(default_factory=Range)
    symmetric: bool = False
    masked: bool = False
    fixed: list[tuple[Value, float, int]] = field(default_factory=list)
    members: list[Value] = field(default_factory=list)


class Groups:
    """The groups of a program under a plan whose operations are settled; `fill` settles its tensors."""

    def __init__(
        self,
        program: Program,
        keys: Keys,
        recipe: Recipe,
        range_of: Callable[[Value], Range],
        trained: Mapping[str, Trained],
    ) -> None:
        self.program, self.keys, self.recipe, self.range_of, self.trained = program, keys, recipe, range_of, trained
        self._parents: dict[Node, Node] = {}
        self._values: dict[int, Value] = {}
        self._symmetric: set[Node] = set()
        self._fixed: dict[Node, tuple[float, int]] = {}
        self._plan = Plan()

    def fill(self, plan: Plan) -> None:
        """Adds the parameters of every tensor that an integer operation takes or gives."""
        self._plan = plan
        for key, op in self.keys.all:
            if plan.ops[key].form == STATIC and op.name not in ACCESSES:
                self._tie(op, plan.ops[key].activations)
        self._add_tables(plan)
        self._tie_variables(plan)
        if self.recipe.integer_only:
            self._tie_calls()
        self._tie_entries()
        groups = self._gather()
        for root, group in groups.items():
            self._settle(plan, root[1], group)
        self._respect_multipliers(plan, groups)

    # -- ties ---------------------------------------------------------------------------------------------------------

    def _tie(self, op: Op, dtype: DType) -> None:
        rule = op.defn.quant
        assert rule is not None
        operands = float_operands(op)
        results = [r for r in op.results if r.type.dtype is DType.FLOAT32]
        for value in (*operands, *results):
            self._find(value, dtype)
        if rule.same_scale:
            tied = [op.get(n) for n in rule.ties] if any(rule.ties) else operands[:1]
            named = [v for v in tied if v is not None and v.type.dtype is DType.FLOAT32]
            variadic = operands if op.defn.is_variadic else named
            self._unite([*variadic, *results], dtype)
        if dtype in rule.fixed:
            for result in results:
                self._fixed[(id(result), dtype)] = rule.fixed[dtype]
        for name in rule.symmetric:
            if op[name].type.dtype is DType.FLOAT32 and not op[name].is_const:
                self._symmetric.add((id(op[name]), dtype))

    def _add_tables(self, plan: Plan) -> None:
        """What is read from tables, and what the tables are of: both have scales of their own."""
        ops = [(op, plan.ops[key].activations) for key, op in self.keys.all if plan.ops[key].form == TABLE]
        functions = Functions(self.keys.graphs if ops else ())
        for op, dtype in ops:
            self._find(op.results[0], dtype)
            self._find(functions.root(op.results[0]), dtype)

    def _tie_calls(self) -> None:
        """Integers only: what loops carry and branches take and give is integers, too."""
        for _, op in self.keys.all:
            for values in call_ties(op):
                if values[0].type.dtype is DType.FLOAT32:
                    self._unite(values, self._activations)

    def _tie_variables(self, plan: Plan) -> None:
        """What is read from a variable and assigned to it, as far as they are integers."""
        for variable in float_variables(op for _, op in self.keys.all):
            op_plan = plan.ops[self.keys.op(variable.accesses[0])]
            if op_plan.form == STATIC:
                self._unite(variable.values, op_plan.activations)

    def _tie_entries(self) -> None:
        """Inputs and outputs that are to be integers."""
        types = (self.recipe.input_type, self.recipe.output_type)
        for graph in self.program.graphs:
            for values, dtype in zip((graph.inputs, graph.outputs), types, strict=True):
                for value in values:
                    if dtype is not DType.FLOAT32 and value.type.dtype is DType.FLOAT32 and not value.is_const:
                        self._find(value, dtype)

    @property
    def _activations(self) -> DType:
        return find_mode(self.recipe.mode).activations

    def _find(self, value: Value, dtype: DType) -> Node:
        node = (id(value), dtype)
        if id(value) not in self._values:
            self._values[id(value)] = value
        if node not in self._parents and (trained := self.trained.get(self.keys.tensors.get(id(value), ""))):
            settled = trained.parameters(dtype)
            if settled is not None:
                self._fixed[node] = settled
        root = node
        while self._parents.setdefault(root, root) != root:
            root = self._parents[root]
        while node != root:
            self._parents[node], node = root, self._parents[node]
        return root

    def _unite(self, values: list[Value], dtype: DType) -> None:
        roots = [self._find(v, dtype) for v in values]
        for root in roots[1:]:
            self._parents[self._find_root(root)] = self._find_root(roots[0])

    def _find_root(self, node: Node) -> Node:
        return self._find(self._values[node[0]], node[1])

    # -- parameters ---------------------------------------------------------------------------------------------------

    def _gather(self) -> dict[Node, _Group]:
        groups: dict[Node, _Group] = {}
        for node in list(self._parents):
            value = self._values[node[0]]
            group = groups.setdefault(self._find_root(node), _Group())
            group.members.append(value)
            group.symmetric |= node in self._symmetric
            if node in self._fixed:
                is_trained = self.keys.tensors.get(id(value), "") in self.trained
                group.fixed.insert(0 if is_trained else len(group.fixed), (value, *self._fixed[node]))
            elif value.is_const:
                group.constants = group.constants.union(self._without_mask(group, self.range_of(value)))
            else:
                self._widen_group(group, value, node[1])
        return groups

    def _widen_group(self, group: _Group, value: Value, dtype: DType) -> None:
        seen = self._range_that_matters(value, dtype)
        if seen.is_empty:
            return
        seen = self._without_mask(group, seen)
        bound = clamp_of(value.op) if value.op is not None else None
        group.bound = group.bound.union(bound if bound is not None else Range(-np.inf, np.inf))
        group.seen = group.seen.union(seen)

    def _range_that_matters(self, value: Value, dtype: DType, depth: int = 8) -> Range:
        """What a tensor holds, but for numbers that all who read it cut off: clipping them changes nothing."""
        seen, users = self.range_of(value), list(value.users)
        if seen.is_empty or value.output_uses or not depth or not all(self._cuts(user, dtype) for user in users):
            return seen
        found = Range()
        for user in users:
            kept = self._range_that_matters(user.results[0], dtype, depth - 1)
            low, high = np.clip([seen.low, seen.high], kept.low, kept.high).tolist()
            found = found.union(seen if kept.is_empty else Range(low, high))
        return seen if found.is_empty else found

    def _cuts(self, op: Op, dtype: DType) -> bool:
        op_plan = self._plan.ops[self.keys.op(op)] if op.defn in CUTTING else None
        return op_plan is not None and op_plan.form == STATIC and op_plan.activations is dtype

    def _respect_multipliers(self, plan: Plan, groups: dict[Node, _Group]) -> None:
        """Scales of results large enough for what XNNPACK multiplies sums by: beyond it refuses the whole file."""
        for key, op in self.keys.all:
            op_plan = plan.ops[key]
            if op_plan.form != STATIC or op_plan.weights is None or op.defn.quant is None or op.defn.quant.bias is None:
                continue
            x, (result,) = plan.tensors.get((self.keys.tensors.get(id(op["x"]), ""), op_plan.activations)), op.results
            at = (self.keys.tensors[id(result)], op_plan.activations)
            (name,) = op.defn.quant.weights
            if x is None or at not in plan.tensors:
                continue
            const = op[name].const
            if const is None:
                continue
            form = Form(op_plan.weights, op.defn.quant.weights[name] if op_plan.per_channel else None)
            least = x.scale * float(weight_scales(const.array(), form).max()) / LARGEST_MULTIPLIER
            if plan.tensors[at].scale < least:
                self._raise_scale(plan, groups[self._find(result, op_plan.activations)], op_plan.activations, least)

    def _raise_scale(self, plan: Plan, group: _Group, dtype: DType, scale: float) -> None:
        for value in group.members:
            key = (self.keys.tensors.get(id(value), ""), dtype)
            if key in plan.tensors and not group.fixed:
                plan.tensors[key] = replace(plan.tensors[key], scale=scale, why="the least the kernel takes")

    @staticmethod
    def _without_mask(group: _Group, seen: Range) -> Range:
        """The range but for what stands for minus infinity (integers only; else a mask stays float)."""
        if not is_mask(seen):
            return seen
        group.masked = True
        return Range() if seen.high < -MASK else Range(min(seen.high, 0.0), seen.high)

    def _settle(self, plan: Plan, dtype: DType, group: _Group) -> None:
        scale, zero, why = self._parameters(dtype, group)
        for value in group.members:
            if not value.is_const:
                plan.tensors[(self.keys.tensors[id(value)], dtype)] = TensorPlan(dtype, scale, zero, why)
        for value, fixed_scale, fixed_zero in group.fixed:
            if (fixed_scale, fixed_zero) != (scale, zero):
                fixed = TensorPlan(dtype, fixed_scale, fixed_zero, "what the kernel gives")
                plan.fixed[(self.keys.tensors[id(value)], dtype)] = fixed

    def _parameters(self, dtype: DType, group: _Group) -> tuple[float, int, str]:
        wide = group.seen.union(_clip_constants(group.constants, group.seen))
        if group.masked and not wide.is_empty:
            wide = Range(wide.low - BELOW, wide.high)
        for _, scale, zero in group.fixed:
            if wide.is_empty or wide.within(representable(scale * 1.01, zero, dtype)):
                if not group.symmetric or zero == 0:
                    return scale, zero, "what the kernel gives"
            else:
                wide = wide.union(representable(scale, zero, dtype))
        headroom = HEADROOM_16 if dtype is DType.INT16 else self.recipe.headroom
        widened = wide.widen(headroom)
        if not group.bound.is_empty:
            low = max(widened.low, min(group.bound.low, wide.low))
            widened = Range(low, min(widened.high, max(group.bound.high, wide.high)))
        scale, zero = parameters(widened, dtype, group.symmetric)
        if any(v.op is not None and clamp_of(v.op) is not None for v in group.members):
            scale = max(scale, SMALLEST_CLAMPED)
        tied = f", of {len(group.members)} tensors that share it" if len(group.members) > 1 else ""
        return scale, zero, f"range [{wide.low:.4g}, {wide.high:.4g}]{tied}"


def _clip_constants(constants: Range, seen: Range) -> Range:
    """The range of constants as far as it matters beside that of the tensors they are tied to."""
    if seen.is_empty or constants.is_empty:
        return constants
    limit = CLIPPED_CONSTANT * max(seen.magnitude, 1e-30)
    return Range(max(constants.low, -limit), min(constants.high, limit)) if constants.magnitude > limit else constants


def call_ties(op: Op) -> Iterator[list[Value]]:
    """The tensors that are one and the same across the boundary of a loop or a branch."""
    if op.name == "WHILE":
        cond, body = op.attrs["cond_subgraph"], op.attrs["body_subgraph"]
        yield from _rows(op.inputs, cond.inputs, body.inputs, body.outputs, op.results)
    elif op.name == "IF":
        graphs = op.subgraphs
        yield from _rows(op.inputs[1:], *(g.inputs for g in graphs))
        yield from _rows(*(g.outputs for g in graphs), op.results)


def _rows(*columns: Any) -> Iterator[list[Value]]:
    yield from ([*row] for row in zip(*columns, strict=True))


