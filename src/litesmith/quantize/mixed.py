"""Mixed precision by a budget of size and of time: which layers are float32, as the recipe has them, or of 4 bits.

Each layer with weights has up to three forms, each with the noise it adds to the output, the bytes of its weights, and the
cost of its kernel (`costs.py`: figures, not a clock, so that the same input gives the same file). Starting from the recipe,
layers take the form that gives most of what is missing for the least noise, until the file fits; then what is left over is
spent on the layers whose floats take most noise away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from litesmith.errors import Problem, QuantizationError
from litesmith.formats.tflite import write_model
from litesmith.ir import DType, Op
from litesmith.quantize.budget import LOOKED_AT, Point
from litesmith.quantize.costs import conversion_cost, float_cost, integer_cost
from litesmith.quantize.debugger import costs_alone
from litesmith.quantize.fidelity import CAP, FloatAnswers
from litesmith.quantize.plan import STATIC, Keys
from litesmith.quantize.quantized import Quantized
from litesmith.quantize.recipe import Recipe, Rule
from litesmith.quantize.roles import weight_operands
from litesmith.quantize.samples import Call
from litesmith.quantize.variables import ACCESSES

FLOAT, NARROW = "float32", "int8-int4"
ATTEMPTS = 6
"""Files made, each nearer to the budget than the figures of the one before say."""


@dataclass(frozen=True)
class Form:
    """What a layer may be. noise: it adds to the output, as a share of the signal; size: of its weights, in bytes."""

    mode: str
    noise: float
    size: float
    cost: float


@dataclass
class Layer:
    """A layer with weights: its result's name, and its forms by mode; mode: the one it has."""

    name: str
    forms: dict[str, Form]
    mode: str

    @property
    def now(self) -> Form:
        """The form it has."""
        return self.forms[self.mode]


Again = Callable[[Recipe], Quantized]


def within_size_and_time(result: Quantized, samples: Sequence[Call], again: Again) -> Quantized:
    """The quantization nearest to the float model that keeps the recipe's budgets; ``curve`` says what was tried.

    again: quantizes by another recipe. Raises QuantizationError where no choice keeps them.
    """
    plain, recipe = result, replace(result.recipe, integer_layers=True)  # the budgets say which are floats
    most, share = recipe.budget_size or float("inf"), recipe.budget_time or float("inf")
    result = again(_without_budgets(recipe))
    layers = _layers(result, samples, again)
    exact = FloatAnswers(write_model(result.float_program), samples)
    others = _other_costs(result, layers)
    time_left = share * _float_total(result) - others
    size = len(write_model(result.program))
    aim, points, best = most - (size - sum(y.now.size for y in layers)), [_point(result, layers, exact)], None
    for _ in range(ATTEMPTS):
        _choose(layers, aim, time_left)
        smaller = again(_as_recipe(recipe, layers))
        points.append(_point(smaller, layers, exact))
        if points[-1].size <= most:
            best = smaller
            break
        aim -= points[-1].size - most
    if best is not None and sum(y.now.cost for y in layers) > time_left:
        best = None
    if (best is None or points[-1].sqnr < exact.compare(write_model(plain.program)).mean) and _keeps(plain, most, share):
        best = plain
    if best is None:
        raise _budget_error(recipe, points, sum(y.now.cost for y in layers) + others, _float_total(result))
    best.curve = tuple(points)
    return best


def _keeps(result: Quantized, size: float, share: float) -> bool:
    """Whether what the recipe alone gives keeps the budgets."""
    return len(write_model(result.program)) <= size and _other_costs(result, ()) <= share * _float_total(result)


def _layers(result: Quantized, samples: Sequence[Call], again: Again) -> list[Layer]:
    ops = dict(Keys(result.float_program).all)
    keys = [k for k, p in result.plan.ops.items() if p.form == STATIC and p.weights is not None and k.startswith("0:")]
    keys = [key for key in keys if ops[key].results[0].name]
    looked = samples[:LOOKED_AT]
    noises = costs_alone(result, looked, keys)
    mode = result.recipe.mode
    narrow = again(replace(_without_budgets(result.recipe), mode=NARROW)) if mode == "int8" else None
    smaller = costs_alone(narrow, looked, keys) if narrow is not None else {}
    found = []
    for key in keys:
        op, plan = ops[key], result.plan.ops[key]
        count = float(sum(const.size for name in weight_operands(op) if (const := op[name].const) is not None))
        cost = integer_cost(op, plan.activations)
        forms = [Form(mode, _noise(noises[key]), count, cost), Form(FLOAT, 0.0, 4 * count, _float_cost(op))]
        if narrow is not None and narrow.plan.ops[key].weights is DType.INT4:
            forms.append(Form(NARROW, _noise(smaller[key]), count / 2, cost))
        found.append(Layer(op.results[0].name, {form.mode: form for form in forms}, mode))
    return found


def _noise(decibels: float) -> float:
    return float(10 ** (-min(decibels, CAP) / 10))


def _float_cost(op: Op) -> float:
    """Of the float kernel between integer layers."""
    return float_cost(op) + conversion_cost(op["x"], False) + conversion_cost(op.results[0], True)


def _float_total(result: Quantized) -> float:
    return sum(float_cost(op) for op in result.float_program.main.ops)


def _other_costs(result: Quantized, layers: Sequence[Layer]) -> float:
    """Of what is no layer with forms."""
    names = {layer.name for layer in layers}
    total = 0.0
    for key, op in Keys(result.float_program).all:
        plan = result.plan.ops[key]
        if key.startswith("0:") and op.results and op.results[0].name not in names:
            is_integer = plan.form == STATIC and op.name not in ACCESSES
            total += integer_cost(op, plan.activations) if is_integer else float_cost(op)
    return total


# -- choosing ---------------------------------------------------------------------------------------------------------


def _choose(layers: Sequence[Layer], size: float, cost: float) -> None:
    """Changes forms until the sums fit, then for less noise as long as they do."""
    while (over := _sum(layers, "size") - size) > 0 and _best_step(layers, "size", over):
        pass
    while (over := _sum(layers, "cost") - cost) > 0 and _best_step(layers, "cost", over):
        pass
    while _spend(layers, size - _sum(layers, "size"), cost - _sum(layers, "cost")):
        pass


def _sum(layers: Sequence[Layer], figure: str) -> float:
    return float(sum(getattr(layer.now, figure) for layer in layers))


def _best_step(layers: Sequence[Layer], figure: str, over: float) -> bool:
    """Gives a layer the form that saves most of a figure for the noise; False where none saves anything."""
    steps = [
        ((form.noise - y.now.noise) / min(saved, over), i, form.mode)
        for i, y in enumerate(layers)
        for form in y.forms.values()
        if (saved := getattr(y.now, figure) - getattr(form, figure)) > 0
    ]
    return _take_step(layers, min(steps, default=None))


def _spend(layers: Sequence[Layer], size: float, cost: float) -> bool:
    """Gives a layer the form that takes most noise away for the bytes, where it fits."""
    steps = [
        ((form.noise - y.now.noise) / max(form.size - y.now.size, 1.0), i, form.mode)
        for i, y in enumerate(layers)
        for form in y.forms.values()
        if form.noise < y.now.noise and form.size - y.now.size <= size and form.cost - y.now.cost <= cost
    ]
    return _take_step(layers, min(steps, default=None))


def _take_step(layers: Sequence[Layer], step: tuple[float, int, str] | None) -> bool:
    if step is not None:
        layers[step[1]].mode = step[2]
    return step is not None


# -- making -----------------------------------------------------------------------------------------------------------


def _without_budgets(recipe: Recipe) -> Recipe:
    return replace(recipe, budget_size=None, budget_time=None, budget_sqnr=None)


def _as_recipe(recipe: Recipe, layers: Sequence[Layer]) -> Recipe:
    rules = [Rule(match=f"re:^{re.escape(y.name)}$", mode=y.mode) for y in layers if y.mode != recipe.mode]
    return replace(_without_budgets(recipe), rules=(*recipe.rules, *rules))


def _point(result: Quantized, layers: Sequence[Layer], exact: FloatAnswers) -> Point:
    model = write_model(result.program)
    floats = sum(layer.mode == FLOAT for layer in layers)
    return Point(floats, len(model), exact.compare(model).mean)


def _budget_error(recipe: Recipe, points: Sequence[Point], cost: float, whole: float) -> QuantizationError:
    size = min(p.size for p in points)
    reason = (
        f"no choice of layers keeps the budget: the smallest file found has {size:,} bytes "
        f"(budget_size {recipe.budget_size}), at {cost / whole:.2f} of the float model's cost "
        f"(budget_time {recipe.budget_time})"
    )
    return QuantizationError([Problem("LS047", reason, "allow more, or leave one of the two budgets out")])
