"""What the trainings of both networks for single digits have in common."""

import sys

import keras

from trainer.digits import Digits
from trainer.export import scaled

BATCH = 256


def steps(seen: Digits, epochs: int) -> int:
    """Of the optimizer, in so many `epochs` of what is `seen`."""
    return epochs * -(-len(seen) // BATCH)


def learn(
    network: keras.Model,
    change: keras.layers.Layer,
    optimizer: keras.optimizers.Optimizer,
    seen: Digits,
    unseen: Digits,
    epochs: int,
) -> dict[str, list[float]]:
    """Train `network` in place on what is `seen`, each time after a `change`. Returns the history.

    Both sets are normalised; of the validation digits, `unseen`, it only tells how they are read.
    """
    model = keras.Sequential([change, network])
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
