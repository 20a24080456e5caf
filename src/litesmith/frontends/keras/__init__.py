"""Keras models, live or from files, on Keras 3's TensorFlow and JAX backends and on legacy Keras 2."""

from litesmith.frontends.keras.files import load_model
from litesmith.frontends.keras.importer import import_keras

__all__ = ["import_keras", "load_model"]
