"""Compile `saved_model.proto` to the descriptor set and the type stub committed beside it.

Needs grpcio-tools (extra `dev`). `--check` writes nothing and fails when the committed files are out of date.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "litesmith" / "formats" / "saved_model"
SOURCE = PACKAGE / "proto" / "saved_model.proto"
DESCRIPTORS = PACKAGE / "proto" / "saved_model.binpb"
STUB = PACKAGE / "protos.pyi"


def compile_protos() -> dict[Path, bytes]:
    """The generated files: path -> content."""
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        arguments = ["protoc", f"-I{SOURCE.parent}", f"--descriptor_set_out={out / 'set.binpb'}", f"--pyi_out={out}"]
        if protoc.main([*arguments, str(SOURCE)]):
            raise SystemExit(f"protoc could not compile {SOURCE}")
        return {
            DESCRIPTORS: (out / "set.binpb").read_bytes(),
            STUB: (out / "saved_model_pb2.pyi").read_bytes(),
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare with the committed files")
    check = parser.parse_args().check
    generated = compile_protos()
    stale = [path for path, content in generated.items() if not path.exists() or path.read_bytes() != content]
    if check:
        for path in stale:
            print(f"{path} is out of date: run tools/generate_protos.py", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_bytes(generated[path])
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
