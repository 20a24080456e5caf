"""The `.tflite` format: reads files into programs and writes programs to files."""

from litesmith.formats.tflite.reader import read_model
from litesmith.formats.tflite.writer import write_file, write_model

__all__ = ["read_model", "write_file", "write_model"]
