"""What the trainings of both networks for single digits have in common."""

import math
import sys

import keras
import numpy as np
from numpy.typing import NDArray

from trainer.digits import Digits
from trainer.export import scaled

BATCH = 256

PARTS = 4
"""Epochs after which all of what is shown in turn was shown."""


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is untyped
    """What is shown in one epoch, in an order that is new each time.

    That is `seen`, all of it, and of what is shown `in_turn` a part that is another in each of `PARTS` epochs.
    """

    def __init__(self, seen: Digits, seed: int, in_turn: Digits | None = None) -> None:
        super().__init__()
        self._rng = np.random.default_rng(seed)
        self._all = seen.and_(in_turn) if in_turn else seen
        places = np.arange(len(self._all))
        self._always = places[: len(seen)]
        self._parts = np.array_split(self._rng.permutation(places[len(seen) :]), PARTS)
        self._epochs = 0
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(self.shown / BATCH)

    def __getitem__(self, number: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        batch = self._all.at(self._order[number * BATCH : (number + 1) * BATCH])
        return scaled(batch.images), batch.labels

    def on_epoch_end(self) -> None:
        part = self._parts[self._epochs % PARTS]
        self._order = self._rng.permutation(np.concatenate((self._always, part)))
        self._epochs += 1

    @property
    def shown(self) -> int:
        """Pictures in one epoch, at most."""
        return len(self._always) + len(self._parts[0])


def learn(
    network: keras.Model,
    change: keras.layers.Layer,
    optimizer: keras.optimizers.Optimizer,
    batches: Batches,
    unseen: Digits,
    epochs: int,
) -> dict[str, list[float]]:
    """Train `network` in place on `batches`, each time after a `change`. Returns the history.

    All is normalised; of the validation digits, `unseen`, it only tells how they are read.
    """
    model = keras.Sequential([change, network])
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,  # XLA's convolutions take twice as long where there is no AVX-512
    )
    result = model.fit(
        batches,
        epochs=epochs,
        validation_data=(scaled(unseen.images), unseen.labels),
        validation_batch_size=1000,
        verbose=1 if sys.stdout.isatty() else 2,
    )
    history: dict[str, list[float]] = result.history
    return history
