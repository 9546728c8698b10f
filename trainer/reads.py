"""What turns images into logits: one network, or two that answer as one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np
from numpy.typing import NDArray

from contract import opinion
from contract.arrays import Grey
from contract.artifact import SECOND_KERAS, SECOND_TFLITE, TFLITE, Calibration, Manifest, SecondReader
from contract.store import Store
from trainer.apart import loaded
from trainer.export import Int8Model, float_logits

Read = Callable[[Grey], NDArray[np.float32]]
"""Normalised images, uint8 [n, 28, 28] → logits [n, 11]."""


@dataclass(frozen=True)
class Reads:
    int8: Read
    """As served."""
    float32: Read
    """As trained."""


def alone(network: keras.Model, tflite: bytes) -> Reads:
    return Reads(Int8Model(tflite), partial(float_logits, network))


def together(first: Reads, second: Reads, calibration: Calibration, rule: SecondReader) -> Reads:
    """The first, and the second where the first is not sure."""

    def both(first: Read, second: Read) -> Read:
        return partial(opinion.logits, first=first, second=second, calibration=calibration, rule=rule)

    return Reads(both(first.int8, second.int8), both(first.float32, second.float32))


def published(store: Store, manifest: Manifest) -> Reads:
    """What reads single digits in a published version. Raises `ArtifactError`."""
    first = alone(loaded(store, manifest), store.read(manifest, TFLITE))
    if (rule := manifest.second) is None:
        return first
    second = alone(loaded(store, manifest, SECOND_KERAS), store.read(manifest, SECOND_TFLITE))
    return together(first, second, manifest.calibration, rule)
