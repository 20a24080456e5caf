"""The interpreter of another Python: for models that need what only another runtime has (Select TF operators)."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from litesmith.errors import UsageError
from litesmith.runtime import _remote_worker as worker
from litesmith.runtime.inputs import Array


class RemoteInterpreter:
    """The part of the interpreter's interface that `Runner` uses, in a process of another Python.

    python: its executable, whose environment has TensorFlow or ai-edge-litert. Raises UsageError where it does not
    start, RuntimeError with the interpreter's message where that refuses something.
    """

    def __init__(self, python: str | os.PathLike[str], model: bytes | Path, threads: int) -> None:
        self._folder: Any = None
        if isinstance(model, bytes):
            self._folder = tempfile.TemporaryDirectory(prefix="litesmith-")
            path = Path(self._folder.name) / "model.tflite"
            path.write_bytes(model)
        else:
            path = model
        command = [os.fspath(python), os.fspath(worker.__file__)]
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**environment, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
            )
        except OSError as error:
            raise UsageError(f"{python} does not start: {error.strerror or error}") from error
        self._ask({"method": "load", "path": str(path), "threads": threads})

    def _ask(self, header: Mapping[str, Any], arrays: Mapping[str, Array] | None = None) -> dict[str, Array]:
        try:
            worker.write_message(self._process.stdin, header, arrays or {})
            answer, results = worker.read_message(self._process.stdout)
        except (BrokenPipeError, ValueError) as error:
            raise RuntimeError("the process that runs the model has ended") from error
        if answer is None:
            raise RuntimeError("the process that runs the model has ended")
        if not answer["ok"]:
            raise RuntimeError(answer["error"])
        return {name: _strings(array) for name, array in results.items()}

    def resize_tensor_input(self, index: int, shape: Sequence[int]) -> None:
        """As of the interpreter."""
        self._ask({"method": "resize_tensor_input", "index": int(index), "shape": [int(d) for d in shape]})

    def allocate_tensors(self) -> None:
        """As of the interpreter."""
        self._ask({"method": "allocate_tensors"})

    def set_tensor(self, index: int, value: Array) -> None:
        """As of the interpreter."""
        self._ask({"method": "set_tensor", "index": int(index)}, {"value": value})

    def invoke(self) -> None:
        """As of the interpreter."""
        self._ask({"method": "invoke"})

    def get_tensor(self, index: int) -> Array:
        """As of the interpreter."""
        return self._ask({"method": "get_tensor", "index": int(index)})["value"]

    def get_signature_runner(self, key: str) -> Callable[..., dict[str, Array]]:
        """As of the interpreter."""
        return lambda **arrays: self._ask({"method": "signature", "key": key}, arrays)

    def __del__(self) -> None:
        process = getattr(self, "_process", None)
        if process is not None and process.stdin is not None:
            process.stdin.close()
            process.kill()  # it keeps nothing, and TensorFlow takes seconds to leave by itself
            process.wait()


def _strings(array: Array) -> Array:
    return array.astype(object) if array.dtype.kind == "S" else array
