"""The modern face: `convert` and the `Model` it returns."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from litesmith.errors import ConverterError, Problem, UsageError
from litesmith.ir.graph import Program

Dump = Callable[[str, Program], None]
Shapes = Mapping[str, Sequence[int | None]]


@dataclass(frozen=True)
class Options:
    """How to convert.

    signature_keys, tags: what to take of a SavedModel (default: all signatures, the tag ``serve``).
    input_shapes: input name -> shape (None for an unknown size), replacing the model's.
    verify: whether the result is loaded and run before it is handed out. reference: calls with expected outputs (see
    `litesmith.runtime.Reference`) or the path of such a file; the result must agree with them.
    dump: called with a name and the program after the import and after each pass that changed something.
    """

    signature_keys: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    input_shapes: Shapes = field(default_factory=dict)
    verify: bool = True
    reference: Any = None
    dump: Dump | None = None


class Model:
    """A converted model. ``program`` is its IR; its file is made when asked for, and verified then."""

    def __init__(self, program: Program, options: Options | None = None) -> None:
        self.program = program
        self.options = options or Options()
        self._content: bytes | None = None

    @property
    def content(self) -> bytes:
        """The bytes of the `.tflite` file. Raises VerificationError when the runtime does not agree with them."""
        if self._content is None:
            from litesmith.formats.tflite import write_model

            content = write_model(self.program)
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
            write_file(self.program, target, check=self._verify if self.options.verify else None)
        except OSError as error:
            raise UsageError(f"cannot write {target}: {error.strerror or error}") from error
        return target

    def verify(self, reference: Any = None, **options: Any) -> Any:
        """Runs the model, three times in a row, and compares it with the reference if one is given.

        reference: a `runtime.Reference`, the path of one, or None. Returns a `runtime.VerificationReport`.
        """
        from litesmith.runtime import verify

        return verify(self.content, reference, **options)

    def _verify(self, model: bytes | Path) -> None:
        from litesmith.runtime import verify

        verify(model, self.options.reference).raise_if_failed()

    def __call__(self, *inputs: Any, signature: str | None = None, **named: Any) -> dict[str, Any]:
        """Runs a signature on arrays in order or by name; returns its outputs by name."""
        from litesmith.runtime import Runner

        return Runner(self.content).run(named or inputs, signature)

    @property
    def operators(self) -> dict[str, int]:
        """How often each operator occurs."""
        return self.program.histogram()


def convert(
    source: Any,
    *args: Any,
    signature_keys: Sequence[str] | None = None,
    tags: Sequence[str] | None = None,
    input_shapes: Shapes | None = None,
    verify: bool = True,
    reference: Any = None,
    dump: Dump | None = None,
) -> Model:
    """Converts a model to LiteRT.

    source: the directory of a SavedModel. Options are those of `Options`. Raises ConverterError listing everything that
    stands in the way, FormatError for a damaged file, UsageError for a request that makes no sense.
    """
    options = Options(
        tuple(signature_keys) if signature_keys else None,
        tuple(tags) if tags else None,
        dict(input_shapes or {}),
        verify,
        reference,
        dump,
    )
    return Model(optimize(import_source(source, args, options), options), options)


def import_source(source: Any, args: Sequence[Any], options: Options) -> Program:
    """The program of any source `convert` takes, before any pass."""
    if isinstance(source, (str, os.PathLike)):
        return _import_path(Path(source), options)
    raise UsageError(f"cannot convert a {type(source).__name__}: give the directory of a SavedModel")


def _import_path(path: Path, options: Options) -> Program:
    from litesmith.formats.saved_model import SavedModel
    from litesmith.frontends.tensorflow.saved_model import import_saved_model

    model = SavedModel.open(path, options.tags)
    return import_saved_model(model, options.signature_keys, options.input_shapes)


def optimize(program: Program, options: Options) -> Program:
    """Runs the passes and checks that the kernels take what is left. Raises ConverterError where they do not."""
    from litesmith.ir.verify import kernel_problems
    from litesmith.passes import pipeline

    if options.dump is not None:
        options.dump("import", program)
    pipeline.run(program, options.dump)
    problems: list[Problem] = kernel_problems(program)
    if problems:
        raise ConverterError(problems)
    return program
