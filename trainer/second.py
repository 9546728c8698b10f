"""The second network of a version, which is asked about the images that the first one is not sure of."""

import sys
import time
from dataclasses import dataclass

import keras

from trainer.augmentation import Redraw
from trainer.dataset import SECOND_SHARES, normalised, training_set
from trainer.digits import Digits
from trainer.export import scaled, to_int8
from trainer.network import build_second
from trainer.optimizer import Muon, cycle
from trainer.recipe import Recipe
from trainer.revision import source_revision

BATCH = 256
PEAK_RATE = 1e-2
WEIGHT_DECAY = 0.01
EXAMPLES = 1000
"""Pictures of the training set, some of each kind, from which the int8 ranges are taken."""


@dataclass(frozen=True)
class Fitted:
    """The network, as trained and as served, and how it came to be."""

    network: keras.Model
    tflite: bytes
    shown: int
    """Pictures in one epoch."""
    seconds: float
    """Wall-clock time of the training alone."""
    revision: str
    epochs: int


def fit(training: Digits, validation: Digits, recipe: Recipe) -> Fitted:
    """The training alone: one cycle of the learning rate over pictures made of `training`; both as MNIST has them."""
    revision = source_revision()
    keras.utils.set_random_seed(recipe.seed)
    seen = training_set(training, recipe.seed, SECOND_SHARES)
    unseen = normalised(validation, "validation")
    network = build_second()
    steps = recipe.second_epochs * -(-len(seen) // BATCH)
    model = keras.Sequential([Redraw(recipe.seed), network])
    model.compile(
        optimizer=Muon(
            cycle(PEAK_RATE, steps, steps // 5),
            adam_lr_ratio=0.5,
            weight_decay=WEIGHT_DECAY,
            adam_weight_decay=WEIGHT_DECAY,
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    started = time.monotonic()
    model.fit(
        scaled(seen.images),
        seen.labels,
        batch_size=BATCH,
        epochs=recipe.second_epochs,
        validation_data=(scaled(unseen.images), unseen.labels),
        validation_batch_size=1000,
        verbose=1 if sys.stdout.isatty() else 2,
    )
    seconds = round(time.monotonic() - started, 1)
    examples = seen.images[:: -(-len(seen) // EXAMPLES)]
    return Fitted(network, to_int8(network, examples), len(seen), seconds, revision, recipe.second_epochs)
