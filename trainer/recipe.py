"""The knobs of a training job; apart from the job, so that a command line can show them without TensorFlow."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """What may differ between two jobs."""

    epochs: int = 26
    seed: int = 1
    images: int = 60_000
    """How many of MNIST's training images are used; the first twelfth of them, shuffled, is the validation split."""
