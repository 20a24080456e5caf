"""Trains the example model on scikit-learn's digits and saves it with reference data beside it.

Run it with TensorFlow and scikit-learn installed: ``python examples/digits/train.py``. It writes

- ``saved_model/``: a small convolutional network with batch normalization, the batch left open;
- ``heldout.npz``: the 360 digits it was not trained on (``images`` [360, 8, 8, 1] float32, ``labels`` [360] int64);
- ``reference.npz``: TensorFlow's own outputs for them, in the form `litesmith verify --against` reads.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = Path(__file__).parent


def build() -> keras.Model:
    """The network: 8x8 grey images in 0..16 to ten probabilities."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Rescaling(1 / 16),
            layers.Conv2D(16, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.DepthwiseConv2D(3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(6.0),
            layers.Conv2D(32, 1, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
        ],
        name="digits",
    )


def main() -> None:
    """Trains, saves, and prints the accuracy on the held-out digits."""
    keras.utils.set_random_seed(7)
    data = load_digits()
    images = data.images[..., np.newaxis].astype(np.float32)
    train_x, test_x, train_y, test_y = train_test_split(
        images, data.target, test_size=360, random_state=7, stratify=data.target
    )
    model = build()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(train_x, train_y, batch_size=32, epochs=40, verbose=2)
    shutil.rmtree(HERE / "saved_model", ignore_errors=True)
    model.export(str(HERE / "saved_model"), verbose=False)
    shutil.rmtree(HERE / "saved_model" / "assets", ignore_errors=True)
    loaded = tf.saved_model.load(str(HERE / "saved_model")).signatures["serving_default"]
    ((name, _),) = loaded.structured_input_signature[1].items()
    ((result, outputs),) = loaded(**{name: tf.constant(test_x)}).items()
    np.savez_compressed(HERE / "heldout.npz", images=test_x.astype(np.uint8), labels=test_y.astype(np.uint8))
    arrays = {f"serving_default/inputs/{name}": test_x, f"serving_default/outputs/{result}": outputs.numpy()}
    np.savez_compressed(HERE / "reference.npz", **arrays)
    print("held-out accuracy:", float((outputs.numpy().argmax(1) == test_y).mean()))


if __name__ == "__main__":
    main()
