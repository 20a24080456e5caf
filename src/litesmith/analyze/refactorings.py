"""Changes to a source model that make it convert, or suit a device better: recognised and explained.

Each is told from the problems of a conversion, or from the converted program.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from litesmith._util.text import count_of, first_name
from litesmith.analyze.report import Finding
from litesmith.errors import Problem
from litesmith.ir import DType, Op, Program, Value
from litesmith.ir.types import shape_text

_PLACES = 5


@dataclass(frozen=True)
class Refactoring:
    """A change. operators: a pattern of source operators whose problems it solves; reason: a pattern of what those
    problems say; before, after: in the user's code."""

    title: str
    detail: str
    before: str
    after: str
    operators: str = ""
    reason: str = ""

    def finding(self, problems: Sequence[Problem]) -> Finding | None:
        """What is to be said of these problems; None where none of them is of this kind."""
        hit = [p for p in problems if self._is_about(p)]
        if not hit:
            return None
        return Finding(self.title, self.detail, _places(hit), "problem", self.before, self.after)

    def _is_about(self, problem: Problem) -> bool:
        op = problem.op.removeprefix("tf.")
        by_operator = bool(self.operators) and re.fullmatch(self.operators, op) is not None
        return by_operator or (bool(self.reason) and re.search(self.reason, problem.reason) is not None)


def _places(problems: Sequence[Problem]) -> tuple[str, ...]:
    names = [f"{p.node} ({p.line})" if p.line else p.node for p in problems]
    return tuple(dict.fromkeys(n for n in names if n))[:_PLACES]


OF_PROBLEMS = (
    Refactoring(
        "Python code runs inside the graph",
        "a converted model has no Python; write the function with TensorFlow operations",
        "tf.py_function(f, [x], tf.float32)",
        "f written with tf operations, called directly",
        "PyFunc|PyFuncStateless|EagerPyFunc|NumpyFunction",
    ),
    Refactoring(
        "text is prepared inside the model",
        "the runtime has no string kernels; tokenize in the application, or allow Select TF operators",
        "tf.strings.lower(text) … tf.strings.split(…)",
        "a signature that takes ids: tf.TensorSpec([None], tf.int32)",
        "String.*|AsString|.*Regex.*|Substr|ReduceJoin|Unicode.*|EncodeBase64|DecodeBase64|UnsortedSegmentJoin",
    ),
    Refactoring(
        "serialized examples are parsed inside the model",
        "export a serving function that takes the parsed tensors",
        "tf.io.parse_example(serialized, spec)",
        "@tf.function(input_signature=[tf.TensorSpec([None, 8])])",
        "Parse.*|DecodeProto.*|EncodeProto|DecodeCSV|DecodeJSONExample|Decode(Padded)?Raw|SerializeTensor",
    ),
    Refactoring(
        "images or sound are decoded inside the model",
        "decode in the application, whose platform does it in hardware, and pass the pixels",
        "tf.io.decode_jpeg(data)",
        "tf.TensorSpec([1, 224, 224, 3], tf.uint8)",
        "Decode(Jpeg|AndCropJpeg|Png|Gif|Bmp|Image|WebP|Wav)|Encode(Jpeg|Png|Wav).*",
    ),
    Refactoring(
        "a random sequence of a seed is drawn",
        "the runtime cannot reproduce TensorFlow's sequence: draw without a seed, or pass the numbers in",
        "tf.random.stateless_uniform(shape, seed)",
        "tf.random.uniform(shape), or an input of random numbers",
        "Stateless.*|Stateful.*|Rng.*|RandomGamma.*|RandomPoisson.*|.*TruncatedNormal|RandomShuffle",
    ),
    Refactoring(
        "a lookup table changes while the model runs",
        "tables of the runtime are constant: fill one before it is saved, or keep it in the application",
        "tf.lookup.experimental.MutableHashTable",
        "tf.lookup.StaticHashTable as an attribute of the saved model",
        "LookupTable(Insert|Remove|Import).*|Anonymous.*Table.*|Mutable.*Table.*",
        "table is changed while the model runs",
    ),
    Refactoring(
        "sparse or ragged tensors are used",
        "the runtime has dense tensors only; carry values and lengths as tensors",
        "tf.RaggedTensor, tf.sparse.SparseTensor",
        "ragged.to_tensor(), tf.sparse.to_dense(…) before the model",
        "Sparse.*|Ragged.*|DeserializeSparse|SerializeSparse|.*ToSparseSetOperation|DenseToDenseSetOperation",
        "is a (sparse|ragged|composite|type_spec) tensor",
    ),
    Refactoring(
        "a step of training is in the graph",
        "export the signature that predicts, or write the step with assignments",
        'signatures={"train": …, "serve": …}',
        'signature_keys=["serve"]',
        "ResourceApply.*|Apply.*|.*Grad(V2|V3)?|.*Backprop.*|SaveV2|RestoreV2",
    ),
    Refactoring(
        "an input pipeline is in the graph",
        "export a signature whose inputs are tensors",
        "iterator.get_next()",
        "@tf.function(input_signature=[…])",
        ".*Dataset(V2)?|.*Iterator.*|FIFOQueue.*|Queue.*|RandomShuffleQueue.*",
    ),
    Refactoring(
        "the graph holds operations of XLA",
        "jax2tf wrote it: convert the JAX function itself",
        "jax2tf.convert(f)",
        "litesmith.convert(f, example)",
        "Xla.*|_XlaRun",
    ),
    Refactoring(
        "files are read or written",
        "a converted model computes only",
        "tf.io.read_file(path)",
        "an input that holds the content",
        "ReadFile|WriteFile|MatchingFiles|.*Reader.*",
    ),
    Refactoring(
        "float64 where float32 would do",
        "hardly any kernel takes float64",
        "tf.cast(x, tf.float64)",
        "tf.cast(x, tf.float32)",
        reason="float64 is not taken",
    ),
    Refactoring(
        "an input has an unknown rank or a size that has to be known",
        "give it a shape when converting",
        "tf.TensorSpec(None)",
        'input_shapes={"x": [1, 224, 224, 3]}',
        reason="unknown rank|needs a fixed|unknown size|is not known",
    ),
    Refactoring(
        "the graph is distributed over devices",
        "export the model for serving on one device",
        "strategy.scope() … save",
        "load the weights into a model of one device, and save that",
        "TPU.*|Collective.*|Nccl.*|_?Send|_?Recv|CrossReplicaSum",
    ),
)
"""What is told from problems."""


def from_problems(problems: Sequence[Problem]) -> list[Finding]:
    """The changes that problems call for."""
    found = (refactoring.finding(problems) for refactoring in OF_PROBLEMS)
    return [finding for finding in found if finding is not None]


# -- what is told from a program --------------------------------------------------------------------------------------


def from_program(program: Program) -> list[Finding]:
    """Changes that would make a program suit more devices."""
    rules: tuple[Callable[[Program], Finding | None], ...] = (
        _unknown_sizes,
        _double_precision,
        _wide_integers,
        _many_dimensions,
        _training_left_on,
        _strings_inside,
        _kept_state,
    )
    return [finding for rule in rules if (finding := rule(program)) is not None]


def _ops(program: Program) -> Iterator[Op]:
    for graph in program.all_graphs():
        yield from graph.ops


def _results(program: Program) -> Iterator[tuple[Value, Op]]:
    return ((value, op) for op in _ops(program) for value in op.results)


def _where(ops: Sequence[Op]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(first_name(op.origin.label) for op in ops if op.origin.label))[:_PLACES]


def _unknown_sizes(program: Program) -> Finding | None:
    shapes = {name: v.type.shape or () for name, v in _inputs(program) if not v.type.is_static}
    if not shapes:
        return None
    count = sum(not r.type.is_static for r, _ in _results(program))
    fixed = {name: [d if isinstance(d, int) else 1 for d in shape] for name, shape in shapes.items()}
    return Finding(
        "sizes of inputs are not known",
        f"{count_of(count, 'tensor has', 'tensors have')} sizes known at run time only: no GPU, no memory plan ahead",
        tuple(shapes)[:_PLACES],
        before=", ".join(f"{name}: {shape_text(shape)}" for name, shape in shapes.items()),
        after=f"input_shapes={fixed}",
    )


def _inputs(program: Program) -> list[tuple[str, Value]]:
    """Inputs by the names that a caller gives them."""
    signature = next((s for s in program.signatures if s.graph is program.main), None)
    if signature is None:
        return [(value.name, value) for value in program.main.inputs]
    return [(name, program.main.inputs[place]) for name, place in signature.inputs.items()]


def _double_precision(program: Program) -> Finding | None:
    ops = [op for value, op in _results(program) if value.type.dtype is DType.FLOAT64]
    if not ops:
        return None
    detail = f"{count_of(len(ops), 'tensor is', 'tensors are')} float64, which hardly any kernel takes and no delegate"
    return Finding("float64 where float32 would do", detail, _where(ops), before="tf.float64", after="tf.float32")


def _wide_integers(program: Program) -> Finding | None:
    ops = [op for value, op in _results(program) if value.type.dtype is DType.INT64]
    inputs = [name for name, value in _inputs(program) if value.type.dtype is DType.INT64]
    if not ops and not inputs:
        return None
    total = len(ops) + len(inputs)
    detail = f"{count_of(total, 'tensor is', 'tensors are')} int64, which the GPU does not take and Micro hardly does"
    places = (*inputs, *_where(ops))[:_PLACES]
    return Finding("int64 where int32 would do", detail, places, before="tf.int64", after="tf.int32")


def _many_dimensions(program: Program) -> Finding | None:
    ops = [op for value, op in _results(program) if value.type.shape is not None and len(value.type.shape) > 4]
    if not ops:
        return None
    most = max(len(r.type.shape or ()) for op in ops for r in op.results)
    count = count_of(len(ops), "tensor has", "tensors have")
    detail = f"{count} up to {most} dimensions; the GPU takes 4, most kernels of Micro 4 or 5"
    after = "tf.reshape neighbours into one dimension where they are not told apart"
    return Finding("more than 4 dimensions", detail, _where(ops), before=f"rank {most}", after=after)


def _training_left_on(program: Program) -> Finding | None:
    ops = [op for op in _ops(program) if _draws_as_in_training(op) or _takes_statistics_of_a_batch(op)]
    if not ops:
        return None
    detail = "dropout, noise or batch statistics are computed as in training: results are random or depend on the batch"
    return Finding(
        "layers run in training mode",
        detail,
        _where(ops),
        "problem",
        before="model(x, training=True)",
        after="model(x, training=False)",
    )


def _draws_as_in_training(op: Op) -> bool:
    random = op.name.startswith("RANDOM_") or "random" in op.origin.op.lower()
    return random and re.search("dropout|noise", op.origin.label, re.I) is not None


def _takes_statistics_of_a_batch(op: Op) -> bool:
    """Whether this is a mean in a batch normalization: when a model predicts, it takes the moving one."""
    of_layer = re.search("batch_?norm", op.origin.label, re.I) is not None
    return op.name == "MEAN" and (of_layer or op.origin.op.startswith("tf.FusedBatchNorm"))


def _strings_inside(program: Program) -> Finding | None:
    ops = [op for value, op in _results(program) if value.type.dtype is DType.STRING]
    if not ops:
        return None
    detail = "strings are made inside the model: neither delegates nor Micro take them"
    return Finding("text is made inside the model", detail, _where(ops), before="tf.string", after="ids as int32")


def _kept_state(program: Program) -> Finding | None:
    ops = [op for op in _ops(program) if op.name in ("VAR_HANDLE", "ASSIGN_VARIABLE")]
    if not ops:
        return None
    detail = "the model keeps variables between runs: the GPU and CompiledModel take none"
    after = "the state as an input and an output"
    return Finding("state is kept inside the model", detail, _where(ops), before="tf.Variable.assign", after=after)
