"""TensorFlow's concrete functions as entry points.

Functions, variables and tables are taken through TensorFlow's public attributes; TensorFlow is not imported here.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeGuard

from litesmith.errors import UnsupportedError, UsageError
from litesmith.formats.saved_model import Signature as SourceSignature
from litesmith.formats.saved_model import SignatureTensor
from litesmith.formats.saved_model.dtypes import dtype_of
from litesmith.frontends.frame import Composite
from litesmith.frontends.tensorflow.attributes import tf_dtype
from litesmith.frontends.tensorflow.composites import python_name
from litesmith.frontends.tensorflow.custom_ops import custom_ops
from litesmith.frontends.tensorflow.entries import Shapes
from litesmith.frontends.tensorflow.graph_def import Entry, import_entries
from litesmith.frontends.tensorflow.live import ConcreteFunction, TFTensor, TFVariable
from litesmith.frontends.tensorflow.resources import Table, Variable
from litesmith.frontends.tensorflow.select_ops import SelectOps
from litesmith.ir import Constant, Dim, DType, Program, Value
from litesmith.ir.constant import Array

if TYPE_CHECKING:
    from litesmith.formats.saved_model.protos import OpDef
    from litesmith.frontends.tensorflow.resources import Item


def import_concrete_functions(
    functions: Sequence[ConcreteFunction],
    keys: Sequence[str] | None = None,
    shapes: Shapes | None = None,
    allow_custom_ops: bool = False,
    composite: Composite | None = None,
    select: SelectOps | None = None,
) -> Program:
    """Imports TensorFlow ConcreteFunctions, an entry point each; what several of them capture is stored once.

    keys: their names (default: ``serving_default`` for one, the functions' own for several). allow_custom_ops: whether
    operators without a lowering become custom ones. composite: see `Session`; select: see
    `import_until_stable`. Raises UsageError where the keys do not
    fit or a function takes a resource.
    """
    chosen = list(keys or _keys_of(functions))
    if len(chosen) != len(functions) or len(set(chosen)) != len(chosen):
        raise UsageError(f"{len(functions)} functions need as many different signature keys, got {chosen}")
    captured = Captured()
    entries = [
        concrete_entry(f, k, captured=captured, with_shapes=allow_custom_ops or select is not None)
        for f, k in zip(functions, chosen, strict=True)
    ]
    on_unknown = custom_ops(declarations(functions).get) if allow_custom_ops else None
    if select is not None:
        select.declarations = declarations(functions).get
    return import_entries(entries, shapes, select=select, on_unknown=on_unknown, composite=composite)


def declarations(functions: Sequence[ConcreteFunction]) -> dict[str, OpDef]:
    """The OpDefs of the operators that concrete functions use, by name."""
    export = sys.modules["tensorflow"].compat.v1.train.export_meta_graph
    metas = [export(graph_def=f.graph.as_graph_def(), graph=f.graph) for f in functions]
    return {op.name: op for meta in metas for op in meta.meta_info_def.stripped_op_list.op}


def _keys_of(functions: Sequence[ConcreteFunction]) -> list[str]:
    if len(functions) == 1:
        return ["serving_default"]
    names = [python_name(f.name.decode() if isinstance(f.name, bytes) else str(f.name)) for f in functions]
    return [n if names.count(n) == 1 else f"{n}_{i}" for i, n in enumerate(names)]


NOT_CONCRETE = (
    "This function takes in a list of ConcreteFunction. To get the ConcreteFunction from a Function, "
    "call get_concrete_function."
)


def is_concrete(function: object) -> TypeGuard[ConcreteFunction]:
    """Whether this is a ConcreteFunction."""
    return any(c.__name__ == "ConcreteFunction" for c in type(function).__mro__)


def as_concrete(function: object, args: Sequence[object] = ()) -> ConcreteFunction:
    """The ConcreteFunction itself, or that of a ``tf.function`` for these arguments or for its input signature.

    Raises UsageError where there is none.
    """
    if is_concrete(function):
        return function
    known = bool(args) or getattr(function, "input_signature", None) is not None
    if not known or not hasattr(function, "get_concrete_function"):
        raise UsageError(NOT_CONCRETE)
    concrete: ConcreteFunction = function.get_concrete_function(*args)
    return concrete


def concrete_entry(
    function: ConcreteFunction,
    key: str,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    dims: Mapping[str, Sequence[Dim]] | None = None,
    captured: Captured | None = None,
    with_shapes: bool = False,
) -> Entry:
    """The entry point of a TensorFlow ConcreteFunction, with the names of its own inputs and outputs unless given.

    captured: shared by functions that may capture the same things. with_shapes: whether nodes say the shapes of their
    results, which custom operators need. Raises UsageError where the function takes a
    resource as an argument.
    """
    graph_def = function.graph.as_graph_def(add_shapes=with_shapes)
    captures = {placeholder.name: outside for outside, placeholder in function.graph.captures}
    arguments = [t for t in function.inputs if t.name not in captures]
    names = list(input_names or _argument_names(function, arguments))
    results = list(output_names or _output_names(function))
    for name, tensor in zip(names, arguments, strict=True):
        if tensor.dtype.name in ("resource", "variant"):
            raise UsageError(f"argument {name!r} is a {tensor.dtype.name}: capture it in the function instead")
    shared = captured or Captured()
    return Entry(
        SourceSignature(
            key,
            {n: _concrete_tensor(n, t) for n, t in zip(names, arguments, strict=True)},
            {n: _concrete_tensor(n, t) for n, t in zip(results, function.outputs, strict=True)},
        ),
        list(graph_def.node),
        {f.signature.name: f for f in graph_def.library.function},
        {name: shared.of(function, outside) for name, outside in captures.items()},
        dims or {},
    )


def _argument_names(function: ConcreteFunction, arguments: Sequence[TFTensor]) -> list[str]:
    """Names of the arguments as in a SavedModel's signature; those of the placeholders where it has none."""
    keywords = [str(k) for k in getattr(function, "_arg_keywords", None) or ()]
    if len(keywords) == len(arguments) and len(set(keywords)) == len(keywords):
        return keywords
    return [t.name.partition(":")[0] for t in arguments]


def _output_names(function: ConcreteFunction) -> list[str]:
    """Keys of a dict result; ``output_0``, ``output_1`` … for anything else."""
    structure = function.structured_outputs
    if isinstance(structure, Mapping) and len(structure) == len(function.outputs):
        return sorted(map(str, structure))
    return [f"output_{i}" for i in range(len(function.outputs))]


def _concrete_tensor(name: str, tensor: TFTensor) -> SignatureTensor:
    shape = None if tensor.shape.rank is None else tuple(tensor.shape.as_list())
    return SignatureTensor(name, tensor.name, dtype_of(tensor.dtype.as_datatype_enum), shape)


class Captured:
    """What concrete functions take from outside: variables, tables and constants, each made once."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[TFTensor, Item]] = {}
        self._names: dict[str, int] = {}

    def of(self, function: ConcreteFunction, outside: TFTensor) -> Item:
        """What flows in for a captured tensor. Raises UnsupportedError for what has no counterpart."""
        if id(outside) not in self._made:
            self._made[id(outside)] = (outside, self._make(function, outside))  # kept, so that its id stays its own
        return self._made[id(outside)][1]

    def _make(self, function: ConcreteFunction, outside: TFTensor) -> Item:
        if outside.dtype.name == "resource":
            variable = next((v for v in _variables(function) if v.handle is outside), None)
            if variable is not None:
                return _variable(variable, self._unique(variable.name.partition(":")[0]))
            return Table(str(outside), DType.RESOURCE, DType.RESOURCE, load=lambda *types: _export_table(outside, *types))
        if outside.dtype.name == "variant" or not hasattr(outside, "numpy"):
            raise UnsupportedError(
                f"the function captures {outside.name!r}, a {outside.dtype.name} that has no value outside of it",
                "make it an argument, or compute it inside the function",
            )
        return Value.constant(outside.numpy())

    def _unique(self, name: str) -> str:
        """The name, numbered where another variable has it: variables are told apart by name in the file."""
        count = self._names.get(name, 0)
        self._names[name] = count + 1
        return f"{name}_{count}" if count else name


def _variables(function: ConcreteFunction) -> Sequence[TFVariable]:
    try:
        return list(function.graph.variables)
    except AssertionError as error:
        raise UnsupportedError(
            "a variable the function uses was deleted", "keep the object that owns it, or pass it as trackable_obj"
        ) from error


def _export_table(handle: TFTensor, key_dtype: DType, value_dtype: DType) -> tuple[Array, Array]:
    """Keys and values of a live lookup table. Raises UnsupportedError where the resource is none of these types."""
    tensorflow = sys.modules["tensorflow"]
    types = [tensorflow.as_dtype("string" if d is DType.STRING else d.text) for d in (key_dtype, value_dtype)]
    try:
        found = tensorflow.raw_ops.LookupTableExportV2(table_handle=handle, Tkeys=types[0], Tvalues=types[1])
    except tensorflow.errors.OpError as error:
        raise UnsupportedError(f"a captured resource is not a lookup table: {error.message}", "save the model") from error
    return found.keys.numpy(), found.values.numpy()


def _variable(variable: TFVariable, name: str) -> Variable:
    shape = tuple(-1 if d is None else int(d) for d in variable.shape.as_list())
    dtype = tf_dtype(variable.dtype.base_dtype.as_datatype_enum)
    now = variable.read_value()  # shares the elements, and keeps them when the variable is assigned to
    initial = Constant.lazy(dtype, [d for d in now.shape.as_list() if d is not None], now.numpy)
    return Variable(name, dtype, shape, initial)
