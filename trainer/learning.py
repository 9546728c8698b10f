"""What the trainings of both networks for single digits have in common."""

import sys

import keras
import numpy as np
import tensorflow as tf

from contract.normalisation import SIZE
from contract.spelling import NO_DIGIT
from trainer.digits import Digits

BATCH = 256


def steps(seen: Digits, epochs: int, batch: int = BATCH) -> int:
    """Of the optimizer, in so many `epochs` of what is `seen`."""
    return epochs * -(-len(seen) // batch)


class Reminder(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """Passes logits on, and adds to the loss how far they are from what a network says of the same images.

    That network is frozen. Learning without forgetting (Li & Hoiem 2016); it also keeps a network from being too sure
    of wrong labels.
    """

    def __init__(self, network: keras.Model) -> None:
        super().__init__()
        network.trainable = False
        self._network = network

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        images, logits = inputs
        wanted = tf.nn.softmax(self._network(images, training=False))
        self.add_loss(tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(wanted, logits)))
        return logits


def learn(
    network: keras.Model,
    change: keras.layers.Layer,
    optimizer: keras.optimizers.Optimizer,
    seen: Digits,
    unseen: Digits,
    epochs: int,
    before: keras.Model | None = None,
    batch: int = BATCH,
    smoothing: float = 0,
) -> dict[str, list[float]]:
    """Train `network` in place on what is `seen`, each time after a `change`. Returns the history.

    Both sets are normalised; of the validation digits, `unseen`, it only tells how they are read. What the network
    `before` says of the same pictures counts as much as their labels, which are softened by `smoothing` (Szegedy et al.
    2016).
    """
    image = keras.Input((SIZE, SIZE, 1), dtype="uint8")
    changed = change(keras.layers.Rescaling(1 / 255)(image))
    logits = network(changed)
    model = keras.Model(image, logits if before is None else Reminder(before)([changed, logits]))
    optimizer.build(model.trainable_variables)  # or a step is traced twice
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing),
        metrics=["accuracy"],
        jit_compile=False,  # XLA's convolutions take twice as long where there is no AVX-512
    )
    result = model.fit(
        _batches(seen, batch, shuffled=True),
        epochs=epochs,
        shuffle=False,  # by Keras: the batches are
        validation_data=_batches(unseen, 1000),
        verbose=1 if sys.stdout.isatty() else 2,
    )
    history: dict[str, list[float]] = result.history
    return history


def _batches(digits: Digits, size: int, shuffled: bool = False) -> tf.data.Dataset:
    """Images uint8 [size, 28, 28, 1] and, for their labels, rows of zeros with a 1 [size, 11].

    Nothing tunes itself: what Keras makes of arrays does, and may wait for that more than a second when it ends.
    """
    images, labels = tf.constant(digits.images[..., np.newaxis]), tf.one_hot(digits.labels, NO_DIGIT + 1)
    places = tf.data.Dataset.range(len(digits))
    if shuffled:
        places = places.shuffle(len(digits))
    batches = places.batch(size).map(lambda some: (tf.gather(images, some), tf.gather(labels, some))).prefetch(2)
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.with_options(options)
