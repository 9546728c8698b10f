"""What the trainings of both networks for single digits have in common."""

import sys
from collections.abc import Sequence
from itertools import cycle

import keras
import numpy as np
from numpy.typing import NDArray

from contract.spelling import NO_DIGIT
from trainer.digits import Digits
from trainer.export import scaled

BATCH = 256

ANYTHING = NO_DIGIT + 1
"""The label of pictures of which a network is to say that they may be anything: for one whose logits are added to those
of another, which knows them (outlier exposure, Hendrycks et al. 2019)."""

TARGETS = np.vstack((np.eye(ANYTHING), np.full(ANYTHING, 1 / ANYTHING))).astype(np.float32)
"""Probabilities that a label stands for, [12, 11]."""


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is untyped
    """Whole batches of what is shown in one epoch, in an order that is new each time.

    That is `seen`, and one of the sets of which each has its turn; both normalised.
    """

    def __init__(self, seen: Digits, seed: int, turns: Sequence[Digits] = ()) -> None:
        super().__init__()
        self._seen, self._turns = seen, cycle(turns)
        self._rng = np.random.default_rng(seed)
        self.shown = len(seen) + min(map(len, turns), default=0)
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        turn = next(self._turns, None)
        self._shown = self._seen.and_(turn) if turn else self._seen
        self._order = self._rng.permutation(len(self._shown))

    def __len__(self) -> int:
        return max(1, self.shown // BATCH)

    def __getitem__(self, number: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        batch = self._shown.at(self._order[number * BATCH : (number + 1) * BATCH])
        return scaled(batch.images), TARGETS[batch.labels]


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
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,  # XLA's convolutions take twice as long where there is no AVX-512
    )
    result = model.fit(
        batches,
        epochs=epochs,
        shuffle=False,
        validation_data=(scaled(unseen.images), TARGETS[unseen.labels]),
        validation_batch_size=1000,
        verbose=1 if sys.stdout.isatty() else 2,
    )
    history: dict[str, list[float]] = result.history
    return history
