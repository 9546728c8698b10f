"""The network and the recipe that this project is measured against: a school notebook's, rebuilt."""

import time

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

EPOCHS = 10
BATCH = 1000
ACCURACY = 0.9906
"""Of the original, on MNIST's test set."""


def build() -> keras.Model:
    """Grey images [n, 28, 28, 1] in 0 to 1 → probabilities [n, 10]."""
    image = x = keras.Input((28, 28, 1))
    for filters in (28, 56):
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", activation="tanh")(x)
        x = layers.Dropout(0.25)(layers.MaxPooling2D(2)(x))
    x = layers.Dense(128, activation="tanh")(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(10, activation="softmax")(x))


def fit(network: keras.Model, images: NDArray[np.float32], labels: NDArray[np.uint8], epochs: int) -> list[float]:
    """The notebook's training, in place. Returns the seconds of each epoch."""
    network.compile("adam", "categorical_crossentropy", jit_compile=False)  # as in the notebook's day
    watch = _Watch()
    one_hot = keras.utils.to_categorical(labels, 10)
    network.fit(images, one_hot, batch_size=BATCH, epochs=epochs, verbose=2, callbacks=[watch])
    return watch.seconds


class _Watch(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is untyped
    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, *_: object) -> None:
        self._started = time.perf_counter()

    def on_epoch_end(self, *_: object) -> None:
        self.seconds.append(time.perf_counter() - self._started)
