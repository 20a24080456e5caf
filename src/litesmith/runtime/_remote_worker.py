"""The process that runs a model in another Python: only NumPy and an interpreter are needed there.

Each message is a length, a JSON header and an .npz archive of arrays. The header names a method of the interpreter; the
answer holds its arrays, or the error's text.
"""

from __future__ import annotations

import io
import json
import struct
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np


def read_message(stream: Any) -> tuple[Any, dict[str, Any]]:
    """A header and arrays; (None, {}) at the end of the stream."""
    head = stream.read(8)
    if len(head) < 8:
        return None, {}
    header_size, size = struct.unpack("<II", head)
    header = json.loads(stream.read(header_size))
    with np.load(io.BytesIO(stream.read(size)), allow_pickle=False) as archive:
        return header, {name: archive[name] for name in archive.files}


def write_message(stream: Any, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Writes a header and arrays; strings travel as arrays of bytes."""
    archive = io.BytesIO()
    np.savez(archive, **{name: _plain(np.asarray(array)) for name, array in arrays.items()})
    text = json.dumps(header).encode()
    stream.write(struct.pack("<II", len(text), archive.tell()) + text + archive.getvalue())
    stream.flush()


def _plain(array: Any) -> Any:
    if array.dtype.kind != "O":
        return array
    return np.array([e if isinstance(e, bytes) else str(e).encode() for e in array.ravel()], np.bytes_).reshape(array.shape)


def _interpreter(path: str, threads: int) -> Any:
    try:
        from tensorflow.lite.python.interpreter import Interpreter
    except ImportError:
        from ai_edge_litert.interpreter import Interpreter
    return Interpreter(model_path=path, num_threads=threads)


def _call(interpreter: Any, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> Mapping[str, Any]:
    method = header["method"]
    if method == "signature":
        results: Mapping[str, Any] = interpreter.get_signature_runner(header["key"])(**arrays)
        return results
    if method == "resize_tensor_input":
        interpreter.resize_tensor_input(header["index"], header["shape"])
    elif method == "set_tensor":
        interpreter.set_tensor(header["index"], arrays["value"])
    elif method == "get_tensor":
        return {"value": interpreter.get_tensor(header["index"])}
    else:
        {"allocate_tensors": interpreter.allocate_tensors, "invoke": interpreter.invoke}[method]()
    return {}


def main() -> None:
    """Serves one model until its input ends."""
    answers = sys.stdout.buffer
    sys.stdout = sys.stderr  # what a library prints must not come between the messages
    interpreter: Any = None
    results: Mapping[str, Any]
    answer: dict[str, Any]
    while True:
        header, arrays = read_message(sys.stdin.buffer)
        if header is None:
            return
        try:
            if header["method"] == "load":
                interpreter = _interpreter(header["path"], header["threads"])
                results = {}
            else:
                results = _call(interpreter, header, arrays)
            answer = {"ok": True}
        except Exception as error:  # whatever it is, the other process tells it
            answer, results = {"ok": False, "error": f"{type(error).__name__}: {error}"}, {}
        write_message(answers, answer, results)


if __name__ == "__main__":
    main()
