"""The knobs of a training job; apart from the job, so that a command line can show them without TensorFlow."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """What may differ between two jobs."""

    epochs: int
    seed: int = 1
    images: int = 60_000
    """How many of MNIST's training images are used; the first twelfth of them, shuffled, is the validation split."""
    small: bool = False
    """Whether a smaller network is trained, on these images alone, which are hardly changed."""
    numbers: int = 300_000
    """Numbers written for the network that reads lines, which is trained apart."""
    number_epochs: int = 8
    second_epochs: int = 11
    """Of the network that gives a second opinion, which is trained apart too."""
    pictures: int = 1000
    """Pictures in each row of the report."""


FULL = Recipe(epochs=20)
QUICK = Recipe(epochs=1, small=True, pictures=100)
"""Plain MNIST for some seconds: a reader as good as the reference, that does not know what it cannot read."""
