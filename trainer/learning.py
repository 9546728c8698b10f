"""What the trainings of both networks for single digits have in common."""

import sys

import keras
import tensorflow as tf

from contract.normalisation import SIZE
from trainer.digits import Digits
from trainer.export import scaled

BATCH = 256


def steps(seen: Digits, epochs: int) -> int:
    """Of the optimizer, in so many `epochs` of what is `seen`."""
    return epochs * -(-len(seen) // BATCH)


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
) -> dict[str, list[float]]:
    """Train `network` in place on what is `seen`, each time after a `change`. Returns the history.

    Both sets are normalised; of the validation digits, `unseen`, it only tells how they are read. What the network
    `before` says of the same pictures counts as much as their labels.
    """
    image = keras.Input((SIZE, SIZE, 1))
    changed = change(image)
    logits = network(changed)
    model = keras.Model(image, logits if before is None else Reminder(before)([changed, logits]))
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,  # XLA's convolutions take twice as long where there is no AVX-512
    )
    result = model.fit(
        scaled(seen.images),
        seen.labels,
        batch_size=BATCH,
        epochs=epochs,
        validation_data=(scaled(unseen.images), unseen.labels),
        validation_batch_size=1000,
        verbose=1 if sys.stdout.isatty() else 2,
    )
    history: dict[str, list[float]] = result.history
    return history
