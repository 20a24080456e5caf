"""The `.tflite` format: writes programs to files."""

from litesmith.formats.tflite.writer import write_file, write_model

__all__ = ["write_file", "write_model"]
