"""The form of an operator declaration: everything the project knows of one operator, in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Flag, auto
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from litesmith.ir.dims import Dim
from litesmith.ir.dtypes import DType
from litesmith.ir.types import TensorType

if TYPE_CHECKING:
    from litesmith.ir.builder import Builder
    from litesmith.ir.constant import Array
    from litesmith.ir.graph import Op, Value
    from litesmith.ir.intervals import Interval, Intervals

DTypes: TypeAlias = frozenset[DType]


class Trait(Flag):
    """What passes may take for granted about an operator."""

    NONE = 0
    ELEMENTWISE = auto()
    """Each result element depends on the operand elements at the same (broadcast) place only."""
    COMMUTATIVE = auto()
    """The two operands may be exchanged."""
    STATEFUL = auto()
    """Has effects or state: never folded, merged, reordered with other stateful operations or removed."""
    REMOVABLE = auto()
    """Though STATEFUL, may be removed when no result is used: it only reads state, or the state is all its own."""
    RANDOM = auto()
    """Not a function of its operands alone: never folded or merged, but may be removed."""
    MOVES_DATA = auto()
    """Data movement: only puts elements of its first operand elsewhere (reshape, transpose, slice, gather …)."""
    ARITHMETIC = auto()
    """A smooth function of its operands: constants are folded in float64 and rounded once, where they are used."""
    FUSES_ACTIVATION = auto()
    """Has a fused_activation_function attribute its kernel honours."""
    CONTRACTS = auto()
    """Sums products of elements (convolutions, matrix products, recurrent layers): what published counts of
    multiply-adds count."""
    REPEATS = auto()
    """Gathers parts of its first operand, some several times. Folded however large the result is: it may be the scales of
    weights, one for each block, repeated for each element."""
    KEEPS_ORDER = auto()
    """Only changes the shape of its first operand: the elements stay in row-major order (RESHAPE, SQUEEZE …)."""
    REDUCES = auto()
    """Makes one element of all along the operand ``axes``, in any order; the attribute ``keep_dims`` leaves size 1."""
    SELECTS = auto()
    """Takes each element from ``x`` where the operand ``condition`` holds, else from ``y``."""
    BY_ROW = auto()
    """Each row along the last dimension depends on the same row of the operand only (SOFTMAX …)."""
    ASKS_SHAPE = auto()
    """Depends on the shape of its operand only, which may be of any type."""


@dataclass(frozen=True)
class Operand:
    """One declared operand. ``dtypes`` is what the kernel takes, None for anything.

    A variadic operand is the last and takes all remaining slots. A ``state`` operand is a variable tensor the
    interpreter keeps between invocations.
    """

    name: str
    dtypes: DTypes | None = None
    optional: bool = False
    variadic: bool = False
    state: bool = False


@dataclass(frozen=True)
class Attr:
    """One attribute: its kind in the options table and its default.

    kind: how the field is stored, and what the IR holds for it:

    - ``bool``, ``int8``, ``uint8``, ``int16``, ``int32``, ``uint32``, ``int64``, ``float``: the number;
    - ``enum8``, ``enum32``: the member's name, stored in 1 or 4 bytes as its place in ``names``;
    - ``enum_type``: a `DType`, stored in 1 byte;
    - ``string``: a str; ``bytes``: a vector of ubyte, as bytes;
    - ``int32s``, ``uint32s``, ``int64s``, ``floats``, ``bools``: a vector, as a tuple of numbers;
    - ``subgraph``: a `Graph` (None where the field is absent), stored as its index in 4 bytes;
      ``subgraphs``: a tuple of them, a vector of int32;
    - ``types``: a tuple of `TensorType` or None, no field of the table (tensors the operator lists besides);
    - ``none``: an unused slot, no attribute of the operation.

    An empty vector or string is not written. No options table of the schema nests another, so no kind does.
    ``slot`` is the field's place in the table where it is not its place in ``attrs``, -1 for an attribute that is no
    field of the table (those of CUSTOM lie in the operator itself). An ``enum_type`` that is no field is the element
    type of the last result.
    """

    kind: str
    default: Any = None
    names: tuple[str, ...] = ()
    slot: int | None = None


@dataclass(frozen=True)
class Kernel:
    """One way the runtime computes an operator on quantized tensors, and rightly: measured, not read.

    time: of the kernel, relative to the float32 one as applications run it. weights: element types of constant weights
    that go with it. per_channel: whether weights may have a scale for each channel; per_tensor: whether they may have one
    for all. biases: element types of the bias.
    """

    time: float = 1.0
    weights: DTypes = frozenset()
    per_channel: bool = True
    per_tensor: bool = True
    biases: DTypes = frozenset()


@dataclass(frozen=True)
class QuantRule:
    """How an operator quantizes.

    weights: operand name -> per-channel axis (None: per-tensor only); bias: the bias operand, whose scale is that of the
    accumulator; same_scale: the results share the scale of the operands in ``ties`` (default: the first); fixed: scale and
    zero point the result must have, by dtype; symmetric: operands whose zero point has to be 0 to be fast; not_negative,
    not_zero: the operand with which integer kernels fail as the model runs where it is negative, or 0; spreads: the results
    spread so far that integers say little of them; float_time: of the float kernel, for each element, relative to an ADD.
    kernels: by element type of the activations; that of FLOAT32 takes integer weights beside float activations.
    """

    weights: Mapping[str, int | None] = field(default_factory=dict)
    bias: str | None = None
    same_scale: bool = False
    ties: tuple[str, ...] = ()
    fixed: Mapping[DType, tuple[float, int]] = field(default_factory=dict)
    symmetric: tuple[str, ...] = ()
    not_negative: str | None = None
    not_zero: str | None = None
    spreads: bool = False
    float_time: float = 1.0
    kernels: Mapping[DType, Kernel] = field(default_factory=dict)


@dataclass(frozen=True)
class WeightsLayout:
    """Of an operator that multiplies ``x`` by weights and adds a ``bias`` along the last dimension of the result.

    operand: the name of the weights; outputs, inputs: their dimensions that count the channels of result and operand.
    """

    operand: str
    outputs: int
    inputs: int


@dataclass(frozen=True)
class Dimensions:
    """Where an operation speaks of dimensions of its operands, so that it can be said in another order of them.

    axis: attributes and constant operands that hold dimension numbers. rows: constant operands with a row for each
    dimension. masks: attributes with a bit for each dimension. others: operands that have none of the dimensions.
    applies: whether the operation keeps its dimensions and names each.
    """

    axis: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    masks: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    applies: Callable[[Op], bool] = lambda op: True


Infer: TypeAlias = "Callable[[Op], Sequence[TensorType]]"
Evaluate: TypeAlias = "Callable[..., Array | Sequence[Array]]"
Symbolic: TypeAlias = "Callable[[Op], Array | Sequence[Array | None] | None]"
Check: TypeAlias = "Callable[[Op], str | None]"
VersionRule: TypeAlias = "Callable[[Op], int]"
IntervalRule: TypeAlias = "Callable[[Op, Intervals], Interval | None]"


@dataclass(frozen=True, eq=False)
class OpDef:
    """Declaration of one operator.

    name, code: its name and number in the schema's ``BuiltinOperator``.
    inputs: operand declarations. results: result names; a trailing ``*`` marks a variadic one.
    options: the options table's name and its number in the ``BuiltinOptions`` union (`options2`: ``BuiltinOptions2``).
    attrs: attributes in schema field order, so their position is their slot. derived: attributes that follow from the
    operands; the builder fills them.
    infer: result types from an operation whose operands are set; raises `UnsupportedError` for operands the
    operator does not take. evaluate: NumPy evaluator, called with one array (None where absent) per operand slot and
    the attributes as keywords. foldable: whether the kernel defines the result for these constant operands (no integer
    division by zero, no index out of range); asked before evaluating. symbolic: known elements of an integer result as
    an object array (a sequence of them for several results), or None.
    simplify: an existing or cheaper value equal to the only result, or None; called before the operation is made.
    version: lowest version carrying the semantics of an operation whose types are set. runtimes: version -> first
    release that runs it. cost: multiply-adds where they are not one for each element that an element-wise operator
    makes. gpu, micro, xnnpack: the reason why the GPU delegate, TFLite Micro or XNNPACK does not take an operation
    (None where it does); None where it takes the operator under no condition.
    weights: where the weights of a linear operation are. dimensions: how the operation is said in another order of
    dimensions, where it can be and is not element-wise. interval: the numbers that result number ``interval_of`` can be,
    given those of the operands; not asked where an activation is fused. source: the one operand whose elements the
    results hold, where `Trait.MOVES_DATA` does not say that it is the first. joined_by: the operator that puts the
    results together again. clamps: the bounds, where the result is the operand within two bounds.
    """

    name: str
    code: int
    inputs: tuple[Operand, ...]
    results: tuple[str, ...] = ("output",)
    attrs: Mapping[str, Attr] = field(default_factory=dict)
    options: tuple[str, int] | None = None
    options2: bool = False
    derived: Mapping[str, Callable[[Op], Any]] = field(default_factory=dict)
    all_slots: bool = False
    """Whether the kernel counts absent operands at the end too, so that a file has to have a slot for them."""
    traits: Trait = Trait.NONE
    infer: Infer | None = None
    evaluate: Evaluate | None = None
    foldable: Callable[[Op], bool] | None = None
    symbolic: Symbolic | None = None
    simplify: Callable[[Builder, Op], Value | None] | None = None
    check: Check | None = None
    """Reason why the kernel would not take this operation (beyond operand dtypes), or None."""
    version: VersionRule | int = 1
    runtimes: Mapping[int, str] = field(default_factory=dict)
    quant: QuantRule | None = None
    cost: Callable[[Op], Dim] | None = None
    gpu: Check | None = None
    micro: Check | None = None
    xnnpack: Check | None = None
    weights: WeightsLayout | None = None
    dimensions: Dimensions | None = None
    interval: IntervalRule | None = None
    interval_of: int = 0
    source: str | None = None
    joined_by: OpDef | None = None
    clamps: tuple[float, float] | None = None

    def __repr__(self) -> str:
        return self.name

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {operand.name: index for index, operand in enumerate(self.inputs)}

    def operand_index(self, name: str) -> int:
        """Position of the operand of this name. Raises KeyError when there is none."""
        return self._indices[name]

    def operand_at(self, index: int) -> Operand:
        """Declaration of the operand in this slot; the variadic one for all slots from its own on."""
        return self.inputs[min(index, len(self.inputs) - 1)]

    @cached_property
    def source_index(self) -> int | None:
        """Position of the operand whose elements the results hold and nothing else; None where there is none."""
        if self.source is not None:
            return self.operand_index(self.source)
        return 0 if self.traits & Trait.MOVES_DATA else None

    @cached_property
    def is_variadic(self) -> bool:
        """Whether the last operand takes any number of values."""
        return bool(self.inputs) and self.inputs[-1].variadic

    @cached_property
    def has_variadic_results(self) -> bool:
        """Whether the number of results depends on the operation."""
        return bool(self.results) and self.results[-1].endswith("*")

    @cached_property
    def calls_graphs(self) -> bool:
        """Whether an attribute holds subgraphs."""
        return any(attr.kind in ("subgraph", "subgraphs") for attr in self.attrs.values())

    @cached_property
    def is_pure(self) -> bool:
        """Whether the results depend on nothing but operands and attributes and nothing else happens."""
        return not self.traits & (Trait.STATEFUL | Trait.RANDOM)

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """Default of every attribute."""
        return {name: attr.default for name, attr in self.attrs.items() if attr.kind != "none"}

    def cost_of(self, op: Op) -> Dim:
        """Multiply-adds of this operation, or what costs as much; 0 for data movement."""
        if self.cost is not None:
            return self.cost(op)
        return op.results[0].type.count if self.traits & Trait.ELEMENTWISE and op.results else 0

    def version_of(self, op: Op) -> int:
        """The version to write for this operation."""
        return self.version if isinstance(self.version, int) else self.version(op)


class OpSet(Mapping[str, OpDef]):
    """An immutable set of declarations, found by operator name."""

    def __init__(self, defns: Sequence[OpDef]) -> None:
        self._by_name = {defn.name: defn for defn in defns}
        self._by_code = {defn.code: defn for defn in defns}
        if len(self._by_name) != len(defns):
            raise ValueError("an operator is declared twice")

    def __getitem__(self, name: str) -> OpDef:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def by_code(self, code: int) -> OpDef | None:
        """The declaration with this schema number, or None."""
        return self._by_code.get(code)
