"""The modern face: `convert` and the `Model` it returns."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from litesmith._util.damage import told_as_damage
from litesmith._util.naming import Shapes, shapes_by_name
from litesmith._util.progress import tell
from litesmith._util.replacing import check_target
from litesmith._util.rnn_forms import AUTO, COMPACT, check_form
from litesmith._util.text import human_bytes
from litesmith.describe import (
    Signature,
    Summary,
    Tensor,
    default_signature,
    describe,
    html_of,
    summarize,
)
from litesmith.errors import ConverterError, LitesmithError, Problem, UsageError
from litesmith.frontends.frame import Composite
from litesmith.ir.budget import own_limits
from litesmith.ir.graph import Graph, Program
from litesmith.keywords import CompositeLowering, Dump, Keywords, check_keywords
from litesmith.sources import import_source

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from litesmith.formats.metadata.requests import Requested
    from litesmith.formats.metadata.schema import ModelMetadata
    from litesmith.frontends.tensorflow.select_ops import SelectOps
    from litesmith.ir.constant import Array
    from litesmith.quantize.debugger import DebugReport
    from litesmith.quantize.recipe import Recipe
    from litesmith.runtime import Runner, VerificationReport


@dataclass(frozen=True)
class Options:
    """How to convert.

    signature_keys, tags: what to take of a SavedModel (default: all signatures, the tag ``serve``).
    input_shapes: input name -> shape (None for an unknown size), replacing the model's; of a model with one input the
    shape alone. Of Keras models, unknown sizes
    that are equal may have a common name: ``{"ids": [None, "n"], "mask": [None, "n"]}``.
    verify: whether the checksums of the weights are checked, and the result is loaded and run before it is handed out.
    reference: calls with expected outputs (see
    `litesmith.runtime.Reference`) or the path of such a file; the result must agree with them.
    input_names, output_names: tensors of a frozen graph to convert between (default: its placeholders and ends); of a
    JAX function, names for the leaves of its arguments and results (default: parameters, paths and keys).
    kwargs: keyword arguments of a JAX function; of several functions, by the key of the signature.
    static_argnums, static_argnames: arguments of a JAX function that are no inputs of the model, as of ``jax.jit``.
    safe_mode: whether a Keras file may not run code it carries (Lambda layers).
    custom_objects: classes and functions that a Keras file refers to by name.
    dump: called with a name and the program after the import and after each pass that changed something.
    explain: called with the rewrites that were declined and why, a line each, when the passes have run.
    composites: lowerings of functions that are taken whole instead of inlined, by the function's name, or by the one
    that ``tf.function(experimental_implements=…)`` or ``jax.lax.composite`` gives it. A lowering takes the builder and
    the call's tensors, and in keyword parameters the attributes of that name, and gives its results (see
    docs/add-an-op.md). Those that are decorated with `litesmith.composite`, or that installed packages bring, need not be
    given.
    allow_custom_ops: whether TensorFlow operators nobody lowers become custom ones, for kernels of your own.
    keep_composites: patterns (``odml.*``) of names of ``jax.lax.composite`` that stay operators of their own, for
    delegates that know them; every other runtime runs their decomposition. Of TensorFlow ``addons:MaxUnpooling2D`` can
    be kept, with the pool that it undoes: both run in XNNPACK only.
    select_tf_ops: whether TensorFlow operators without a built-in form become Select TF operators, for a runtime with the
    Flex delegate: True for those that TensorFlow's own delegate has; names of operators for those besides.
    external_weights: whether the weights lie behind the FlatBuffer, as they do in files too large for one.
    without_passes: names of rewrites (docs/passes.md) that are left out.
    rnn: the form of recurrent layers: ``fused`` operators, a ``loop``, ``unrolled``, or the fastest (``auto``; see
    docs/recurrent.md).
    quantize: how to quantize: the name of a mode (``dynamic``, ``float16``, ``int8``, ``int16x8``, ``int8-best``, …), a
    `litesmith.Recipe`, its mapping, or the path of one in JSON or YAML (docs/quantize.md).
    calibrate: samples of the inputs, for modes whose activations become integers: a generator function, an iterable,
    arrays, a path (`.npz`, `.npy`, a directory of images), or a `litesmith.quantize.Calibration` or the path of a saved one
    (`.json`).
    exclude: patterns of layers that stay floats.
    plan: a `litesmith.quantize.Plan`, or the path of one, to be carried out as it is.
    requantize: whether a quantized `.tflite` file may be quantized again, by way of floats.
    metadata: what the file says of itself: the path of a YAML or JSON document, such a document, a `ModelMetadata`, one
    of these with a dict of associated files, or a function of the model that returns them (docs/metadata.md).
    """

    signature_keys: Sequence[str] | str | None = None
    tags: Sequence[str] | str | None = None
    input_shapes: Shapes | Sequence[Any] = field(default_factory=dict)
    verify: bool = True
    reference: Any = None
    input_names: Sequence[str] | None = None
    output_names: Sequence[str] | None = None
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    static_argnums: int | Sequence[int] | None = None
    static_argnames: str | Sequence[str] | None = None
    safe_mode: bool = True
    custom_objects: Mapping[str, Any] = field(default_factory=dict)
    dump: Dump | None = None
    explain: Callable[[Sequence[str]], None] | None = None
    composites: Mapping[str, CompositeLowering] = field(default_factory=dict)
    allow_custom_ops: bool = False
    select_tf_ops: bool | Sequence[str] = ()
    keep_composites: Sequence[str] = ()
    external_weights: bool = False
    without_passes: Sequence[str] = ()
    rnn: str = "auto"
    quantize: Any = None
    calibrate: Any = None
    exclude: Sequence[str] = ()
    plan: Any = None
    requantize: bool = False
    metadata: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_shapes", shapes_by_name(self.input_shapes))
        for name in ("signature_keys", "tags", "input_names", "output_names"):
            if isinstance(value := getattr(self, name), str):
                object.__setattr__(self, name, [value])
        check_form(self.rnn)

    @property
    def shapes(self) -> Shapes:
        """``input_shapes`` by name; a bare one is that of `THE_INPUT`."""
        return shapes_by_name(self.input_shapes)

    @property
    def layout(self) -> dict[str, int]:
        """What the writer has to know."""
        return {"external_over": 0} if self.external_weights else {}

    @cached_property
    def select(self) -> SelectOps | None:
        """Which operators may be Select TF operators, None for no operator; it learns from one import to the next."""
        if not self.select_tf_ops:
            return None
        from litesmith.frontends.tensorflow.select_ops import SelectOps

        named = () if isinstance(self.select_tf_ops, bool) else self.select_tf_ops
        return SelectOps(lambda op: None, frozenset(named))

    @property
    def composite(self) -> Composite | None:
        """What an import asks at each call of a function; None where every function is inlined."""
        from litesmith.frontends.plugins import hook

        return hook(self.composites)

    @property
    def tensorflow_composite(self) -> Composite | None:
        """The same of an import from TensorFlow, where the composites that may be kept are known by name."""
        if not self.keep_composites:
            return self.composite
        from litesmith.frontends.plugins import hook
        from litesmith.frontends.tensorflow.unpooling import kept_lowerings

        return hook({**kept_lowerings(self.keep_composites), **self.composites})


class ModelState(TypedDict):
    """What is kept of a `Model` that is pickled."""

    content: bytes
    report: VerificationReport | None
    notes: Sequence[str]
    verify: bool
    external_weights: bool


class Model:
    """A converted model. ``program`` is its IR; its file is made when asked for, and verified then.

    report: what the verification found out (a `runtime.VerificationReport`); None as long as there was none.
    name: what the source is called, for metadata that say nothing else.
    """

    def __init__(self, program: Program, options: Options | None = None, name: str = "") -> None:
        self.program = program
        self.name = name
        self.options = options or Options()
        self.report: VerificationReport | None = None
        self.of_file = False
        self.quantized: Any = None
        self._content: bytes | None = None
        self._runner: Runner | None = None

    @property
    def content(self) -> bytes:
        """The bytes of the `.tflite` file. Raises VerificationError when the runtime does not agree with them."""
        if self._content is None:
            from litesmith.formats.tflite import write_model

            with own_limits(), told_as_damage(self.of_file):
                content = write_model(self.program, **self.options.layout)
            if self.options.verify:
                self._verify(content)
            self._content = content
        return self._content

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the file, streaming the weights, and verifies it before it replaces an older one.

        Raises UsageError where the path cannot be written, VerificationError when the runtime does not agree.
        """
        from litesmith.formats.tflite import write_file

        target = Path(path)
        try:
            check = self._verify if self.options.verify else None
            with own_limits(), told_as_damage(self.of_file):
                write_file(self.program, target, check=check, **self.options.layout)
        except LitesmithError:  # some of them are an OSError, too
            raise
        except OSError as error:
            raise UsageError(f"cannot write {target}: {error.strerror or error}") from error
        return target

    def verify(self, reference: Any = None, **options: Any) -> VerificationReport:
        """Runs the model, three times in a row, and compares it with the reference if one is given.

        reference: a `runtime.Reference`, the path of one, or None. Returns a `runtime.VerificationReport`.
        """
        from litesmith.runtime import verify

        return verify(self.content, reference, **options)

    def debug(self, data: object = None, alone: bool = True) -> DebugReport:
        """The errors of a quantized model's layers, the worst first: a `litesmith.quantize.debugger.DebugReport`.

        data: samples, as for ``calibrate``; None: those it was calibrated with. alone: whether it is measured what each
        layer alone costs the output. Raises UsageError for a float model.
        """
        if self.quantized is None:
            raise UsageError("the model is not quantized; convert it with quantize=")
        from litesmith.quantize.debugger import debug
        from litesmith.quantize.samples import calls_of

        given = data if data is not None else self.options.calibrate
        if given is None:
            raise UsageError("give samples: model.debug(data)")
        return debug(self.quantized, calls_of(self.quantized.float_program, given), alone)

    def _verify(self, model: bytes | Path) -> None:
        from litesmith.nan_outputs import accept_computed_nan
        from litesmith.runtime import verify

        tell("verifying")
        reference = None if self.quantized is not None else self.options.reference
        self.report = accept_computed_nan(verify(model, reference), lambda: self.program, model)
        self.report.raise_if_failed()
        _LOG.info("verified: %s", self.report.skipped or f"{self.report.invocations} invocations in a row")

    def __call__(self, *inputs: Any, signature: str | None = None, **named: Any) -> dict[str, Array]:
        """Runs a signature on arrays in order or by name; returns its outputs by name.

        What the model keeps (its variables) it keeps from one call to the next; `reset` brings back the first values.
        """
        return self._load().run(named or inputs, signature)

    def reset(self) -> None:
        """Forgets what earlier calls have left in the model's variables."""
        self._load().reset()

    def __bytes__(self) -> bytes:
        return self.content

    @property
    def signatures(self) -> tuple[Signature, ...]:
        """The entry points, with names, element types and shapes (None for an unknown size)."""
        return tuple(map(describe, self.program.signatures))

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The inputs of the signature that is called where none is named."""
        return default_signature(self.signatures).inputs

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """The outputs of that signature."""
        return default_signature(self.signatures).outputs

    def summary(self) -> Summary:
        """Signatures, operators and sizes: printed a text, and data by its attributes."""
        return summarize(self.program)

    def __repr__(self) -> str:
        facts = self.summary()
        shown = "; ".join(map(str, facts.signatures[:3])) + ("; …" if len(facts.signatures) > 3 else "")
        return f"<litesmith.Model {shown}; {facts.operator_count} operators, weights {human_bytes(facts.constant_bytes)}>"

    def _repr_html_(self) -> str:
        return html_of(self.summary())

    def __getstate__(self) -> ModelState:
        """The file stands for the program; options that are functions or models stay behind."""
        verify, external = self.options.verify, self.options.external_weights
        return {
            "content": self.content,
            "report": self.report,
            "notes": self.notes,
            "verify": verify,
            "external_weights": external,
        }

    def __setstate__(self, state: ModelState) -> None:
        from litesmith.formats.tflite import read_model

        options = Options(verify=state["verify"], external_weights=state["external_weights"])
        self.__init__(read_model(state["content"]), options)  # type: ignore[misc]
        self._content, self.report = state["content"], state["report"]
        self.program.notes[:] = state["notes"]

    def _load(self) -> Runner:
        from litesmith.runtime import Runner

        if self._runner is None:
            self._runner = Runner(self.content)
        return self._runner

    @property
    def metadata(self) -> ModelMetadata | None:
        """What the file says of itself: names, descriptions, normalization, labels; None where it says nothing.

        May be set to whatever ``convert(metadata=…)`` takes; None takes the metadata and the associated files off.
        """
        from litesmith.formats.metadata.programs import attached_metadata

        return attached_metadata(self.program)

    @metadata.setter
    def metadata(self, request: Any) -> None:
        from litesmith.formats.metadata.programs import attach, give_metadata
        from litesmith.formats.metadata.requests import read_request

        if request is None:
            attach(self.program, None)
        else:
            give_metadata(self.program, read_request(request), self.name)
        self._content = self._runner = None

    @property
    def notes(self) -> list[str]:
        """What the source does and the converted model leaves out (assertions, prints), or does not keep (integer weights
        that are better written as floats), in sentences."""
        return self.program.notes

    @property
    def operators(self) -> dict[str, int]:
        """How often each operator occurs."""
        return self.program.histogram()


def convert(source: object, *args: object, **options: Unpack[Keywords]) -> Model:
    """Converts a model to LiteRT.

    source: the directory of a SavedModel; a Keras model or its file (`.keras`, `.h5`); TensorFlow concrete functions
    (one or a list) or a frozen graph (`.pb`); a function of JAX arrays, with examples or ``jax.ShapeDtypeStruct`` of
    its arguments as ``args``, or several functions as signatures of one file: ``convert([f, g], [(x,), (y, z)])``,
    ``convert({"f": f, "g": g}, {"f": (x,), "g": (y, z)})``; a `jax.export.Exported`, its bytes or a file of them
    (`.jax`, `.jax_export`), a StableHLO module (`.stablehlo`, `.mlirbc`, `.mlir`); a `.tflite` file, which is optimized
    again.
    options: those of `Options`, as keywords.

    Raises ConverterError listing everything that stands in the way, FormatError for a damaged file, UsageError for a
    request that makes no sense.
    """
    from litesmith.ops.common import own_unknown_dims

    chosen = options_of(options)
    requested = read_metadata(chosen)
    if chosen.verify:
        from litesmith.runtime.process import prepare

        prepare()  # it loads the runtime while the model is converted
    of_file = isinstance(source, (str, os.PathLike, bytes, bytearray, memoryview)) and chosen.dump is None
    with own_unknown_dims(), own_limits(), told_as_damage(of_file):
        model = finish(optimized_program(source, args, chosen), chosen, requested, _name_of(source))
    model.of_file = of_file
    return model


def options_of(options: Mapping[str, Any]) -> Options:
    """The options of these keywords. Raises UsageError for one there is none of."""
    check_keywords(options, [f.name for f in fields(Options)])
    return Options(**options)


def optimized_program(source: object, args: Sequence[object], options: Options) -> Program:
    """The optimized program. What the kernels do not take is imported again as Select TF operators, where allowed."""
    while True:
        tell("reading")
        program = import_source(source, args, options)
        _log_size("imported", program)
        tell("optimizing")
        try:
            program = optimize(program, options)
        except ConverterError as error:
            if options.select is None or not options.select.force(error.problems):
                raise
            continue
        _log_size("after the passes", program)
        return program


def finish(program: Program, options: Options, metadata: Requested | None = None, name: str = "") -> Model:
    """The model of an optimized program, quantized where that is asked for.

    metadata: what `read_metadata` gives; name: what the source is called.
    """
    model = Model(program, options, name)
    if options.quantize is not None or options.plan is not None:
        from litesmith.quantize.asked import quantize_as_asked

        model.quantized = quantize_as_asked(program, options)
        model.program = model.quantized.program
    if metadata is not None:
        model.metadata = metadata
    return model


_LOG = logging.getLogger("litesmith")


def _log_size(when: str, program: Program) -> None:
    if _LOG.isEnabledFor(logging.INFO):
        _LOG.info("%s: %d operators in %d graphs", when, sum(program.histogram().values()), len(program.all_graphs()))


def read_metadata(options: Options) -> Requested | None:
    """The metadata that were asked for, read: mistakes in them are told before a long conversion, not after."""
    if options.metadata is None:
        return None
    from litesmith.formats.metadata.requests import read_request

    return read_request(options.metadata)


def _name_of(source: object) -> str:
    """What a source is called: a file or directory, a Keras model, a function."""
    if isinstance(source, (str, os.PathLike)):
        return Path(os.path.abspath(source)).stem
    name = getattr(source, "name", None) or getattr(source, "__name__", "")
    return name if isinstance(name, str) and name.isidentifier() else ""


def export(source: object, path: str | os.PathLike[str], *args: object, **options: Unpack[Keywords]) -> Path:
    """Converts a model and writes it to a `.tflite` file; returns its path. Arguments and errors: see `convert`.

    It is the line for Keras models on the JAX backend, whose own ``model.export(path, format="litert")`` needs
    TensorFlow.
    """
    check_target(path)
    return convert(source, *args, **options).save(path)


def optimize(program: Program, options: Options) -> Program:
    """Runs the passes and checks that the kernels take what is left. Raises ConverterError where they do not."""
    from litesmith.decompositions.grids import spell_out
    from litesmith.formats.metadata.programs import Interface, follow
    from litesmith.ir.verify import kernel_problems
    from litesmith.passes import pipeline

    if options.dump is not None:
        options.dump("import", program)
    recipe = _recipe(options)
    if recipe is None or recipe.mode == "float16":
        spell_out(program)
    names = [[v.name for v in graph.outputs] for graph in program.graphs]
    before = Interface.of(program)
    is_compact = recipe is not None and (recipe.integer_only or not recipe.is_static)
    rnn = COMPACT if options.rnn == AUTO and is_compact else options.rnn
    resources = recipe is not None and (recipe.integer_only or recipe.variables)
    results = pipeline.run(program, options.dump, rnn=rnn, resources=resources, without=options.without_passes)
    if options.explain is not None:
        options.explain(pipeline.explain(results))
    for graph, wanted in zip(program.graphs, names, strict=True):
        _name_outputs(graph, wanted)
    follow(program, before)
    problems: list[Problem] = kernel_problems(program)
    if problems:
        raise ConverterError(problems)
    return program


def _recipe(options: Options) -> Recipe | None:
    """What is asked of a quantization; of one by a plan, the recipe that plans are made by where none is given."""
    if options.quantize is None and options.plan is None:
        return None
    from litesmith.quantize.recipe import as_recipe

    return as_recipe(options.quantize if options.quantize is not None else "int8")


def _name_outputs(graph: Graph, names: Sequence[str]) -> None:
    """Gives what a pass put in an output's place the name of the output."""
    taken = {v.name for v in graph.inputs}
    for value, name in zip(graph.outputs, names, strict=True):
        if value.op is not None and name and name not in taken:
            value.name = name
            taken.add(name)
