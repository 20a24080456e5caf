"""Running a .tflite model on the LiteRT interpreter, with names, shapes and dtypes checked."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from litesmith._util.files import require_file
from litesmith.errors import Problem, UsageError, VerificationError
from litesmith.runtime.inputs import Array, Inputs, check_inputs
from litesmith.runtime.model_file import ModelFacts, SignatureInfo, read_facts

ModelSource: TypeAlias = bytes | bytearray | memoryview | str | os.PathLike[str]

KERNELS = {
    "default": "AUTO",
    "builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    "reference": "BUILTIN_REF",
}


class Runner:
    """A loaded model.

    model: the file's bytes, or its path (the file is then memory-mapped, not read). threads: of the CPU
    kernels. kernels: ``default`` (XNNPACK where it applies, as in applications), ``builtin`` (the built-in
    kernels alone) or ``reference`` (the slow reference kernels). python: the executable of another environment, whose
    interpreter runs the model. signatures: the entry points; a model that
    declares none has one whose key is "" and whose names are those of the tensors. facts: what else the file
    says. on_step: called before each step in the runtime with the words for its failure.

    Not safe for use from several threads at once. Raises FormatError when there is no such file, UsageError
    for wrong options and VerificationError when the runtime refuses the model.
    """

    def __init__(
        self,
        model: ModelSource,
        threads: int = 1,
        *,
        kernels: str = "default",
        python: str | os.PathLike[str] | None = None,
        on_step: Callable[[str], None] | None = None,
    ) -> None:
        if threads < 1:
            raise UsageError(f"threads must be at least 1, got {threads}")
        if kernels not in KERNELS:
            raise UsageError(f"kernels must be one of {', '.join(KERNELS)}, got {kernels!r}")
        self.threads, self.kernels, self._on_step = threads, kernels, on_step
        self._python = python
        self._model: bytes | Path = source_of(model)
        self._interpreter: Any = self._load()
        self.facts: ModelFacts = self._read_facts()
        self.signatures: tuple[SignatureInfo, ...] = self.facts.signatures
        self._shapes: dict[int, tuple[int, ...]] = {}  # of the main graph's inputs, by tensor
        self._allocated = False

    def signature(self, key: str | None = None) -> SignatureInfo:
        """The signature of this key; for None the only one, or ``serving_default`` among several."""
        known = {s.key: s for s in self.signatures}
        if key is None:
            key = self.signatures[0].key if len(known) == 1 else "serving_default"
        if key not in known:
            raise UsageError(f"no signature {key!r}; the model has: {', '.join(map(repr, known))}")
        return known[key]

    def run(self, inputs: Inputs = (), signature: str | None = None) -> dict[str, Array]:
        """Run once and return copies of the outputs by name, in the order of the signature.

        inputs: arrays by name, or a sequence in the order of the signature. Arrays must have the dtype of the
        input; Python numbers and lists take it. Unknown sizes take the array's. Raises UsageError when names,
        dtypes or shapes do not fit and VerificationError when the runtime fails. Models with state keep it
        for the next run; the runtime loses it when an input changes its shape.
        """
        info = self.signature(signature)
        arrays = check_inputs(info, inputs)
        if info.subgraph:
            return self._run_signature(info, arrays)
        self._prepare(info, arrays)
        self._invoke()
        with self._errors("LS902", "cannot give its outputs"):
            return {tensor.name: self._output(tensor.index) for tensor in info.outputs}

    def _output(self, index: int) -> Array:
        """A copy of one output. The runtime's interface does not hand out those without elements."""
        try:
            copied: Array = self._interpreter.get_tensor(index)
        except ValueError:
            details = next((d for d in self._interpreter.get_output_details() if d["index"] == index), None)
            if details is None or 0 not in details["shape"]:
                raise
            copied = np.empty(details["shape"], details["dtype"])
        return copied

    def tensor_name(self, index: int) -> str:
        """The name of a tensor that is an input or output of the main graph."""
        details = [*self._interpreter.get_input_details(), *self._interpreter.get_output_details()]
        return str(next(d["name"] for d in details if d["index"] == index))

    def repeater(self, inputs: Inputs = (), signature: str | None = None) -> Callable[[], object]:
        """A function that runs the model on these inputs and leaves the outputs where they are, to be
        timed."""
        info = self.signature(signature)
        arrays = check_inputs(info, inputs)
        if info.subgraph:
            return lambda: self._run_signature(info, arrays)
        self._prepare(info, arrays)
        return self._invoke

    def reset(self) -> None:
        """Back to the state after loading: variables, resources and shapes."""
        self._interpreter = self._load()
        self._shapes, self._allocated = {}, False

    def _load(self) -> Any:
        if self._python is not None:
            from litesmith.runtime.remote import RemoteInterpreter

            with self._errors("LS901", "does not load"):
                return RemoteInterpreter(self._python, self._model, self.threads)
        interpreter = _runtime()
        in_memory = isinstance(self._model, bytes)
        with self._errors("LS901", "does not load"):
            return interpreter.Interpreter(
                model_path=None if in_memory else str(self._model),
                model_content=self._model if in_memory else None,
                num_threads=self.threads,
                experimental_op_resolver_type=getattr(interpreter.OpResolverType, KERNELS[self.kernels]),
            )

    def _read_facts(self) -> ModelFacts:
        with self._errors("LS901", "has inconsistent tables"):
            if isinstance(self._model, bytes):
                return read_facts(self._model)
            with self._model.open("rb") as file:
                return read_facts(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))

    def _prepare(self, info: SignatureInfo, arrays: Mapping[str, Array]) -> None:
        """Give the main graph its inputs, by tensor index: any name will do, and unchanged shapes cost
        nothing."""
        with self._errors("LS902", "does not allocate for these input shapes"):
            for tensor in info.inputs:
                self._resize(tensor.index, arrays[tensor.name].shape)
            if not self._allocated:
                self._interpreter.allocate_tensors()
                self._allocated = True
        with self._errors("LS902", "does not take its inputs"):
            for tensor in info.inputs:
                self._interpreter.set_tensor(tensor.index, arrays[tensor.name])

    def _resize(self, index: int, shape: tuple[int, ...]) -> None:
        if self._shapes.get(index) != shape:
            self._shapes[index], self._allocated = shape, False
            self._interpreter.resize_tensor_input(index, shape)

    def _invoke(self) -> None:
        with self._errors("LS902", "fails as it runs"):
            self._interpreter.invoke()

    def _run_signature(self, info: SignatureInfo, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Run another subgraph, which the public interface reaches by signature only.

        The signature runner is not kept: while one is alive, the interpreter refuses to run its main graph.
        """
        if "self" in arrays:
            raise UsageError(
                f"signature {info.key!r}: the runtime cannot pass an input named 'self'; rename it"
            )
        with self._errors("LS902", f"fails as its signature {info.key!r} runs"):
            results = self._interpreter.get_signature_runner(info.key)(**arrays)
        return {tensor.name: results[tensor.name] for tensor in info.outputs}

    @contextmanager
    def _errors(self, code: str, what: str) -> Iterator[None]:
        """Turn what the runtime raises into a VerificationError that says which step failed."""
        if self._on_step is not None:
            self._on_step(what)
        try:
            yield
        except MemoryError as error:
            raise VerificationError(Problem("LS908", f"the model {what}: there is not enough memory")) from error
        except _RAISED as error:
            raise VerificationError(_problem(code, what, str(error))) from error


_RAISED = (LookupError, OverflowError, OSError, RuntimeError, TypeError, ValueError, struct.error)
"""What the runtime's interface and the reading of tables raise where a model is not what it should be."""
NO_RUNTIME = "the LiteRT runtime is not installed"


def _runtime() -> Any:
    try:
        from ai_edge_litert import interpreter
    except ImportError as error:
        fix = "pip install ai-edge-litert, on a platform it has wheels for; converting does not need it"
        raise UsageError(f"{NO_RUNTIME} ({error})\n      Fix: {fix}") from error
    return interpreter


def has_runtime() -> bool:
    """Whether models can be run here."""
    return find_spec("ai_edge_litert") is not None


def _problem(code: str, what: str, message: str) -> Problem:
    message = " ".join(message.split())
    if "unresolved custom op" in message or "Select TensorFlow op" in message:
        fix = "run it where these operators are registered"
        return Problem("LS903", f"the model needs operators this runtime does not have: {message}", fix)
    return Problem(code, f"the model {what} in the LiteRT runtime: {message}")


def source_of(model: ModelSource) -> bytes | Path:
    """The bytes or the path of a model. Raises FormatError when there is no such file."""
    if isinstance(model, bytes | bytearray | memoryview):
        return bytes(model)
    return require_file(model)
