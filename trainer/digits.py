"""Sets of digits, and what pictures are made of them.

A `Maker` gets a set of digits, as MNIST has them, and the place of one; it makes a picture, uint8 [28, 28], normalised.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.arrays import Grey
from contract.normalisation import SIZE, BlankImageError, normalise


@dataclass(frozen=True)
class Digits:
    """Images uint8 [n, 28, 28], ink 255 on paper 0; labels uint8 [n], 0 to 9, or `NO_DIGIT`."""

    images: Grey
    labels: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.images)

    def at(self, places: NDArray[np.int64]) -> "Digits":
        """Those of them that stand at `places`."""
        return Digits(self.images[places], self.labels[places])


Maker = Callable[[Digits, int, np.random.Generator], Grey]


def plain(digits: Digits, place: int, _: np.random.Generator) -> Grey:
    return normalise(digits.images[place])


def made(maker: Maker, digits: Digits, places: NDArray[np.int64], seed: int) -> Grey:
    """One picture for each place, uint8 [n, 28, 28]; nothing but paper where the normalisation sees nothing."""

    def one(place: int) -> Grey:
        try:
            return maker(digits, place, np.random.default_rng((seed, place)))
        except BlankImageError:
            return np.zeros((SIZE, SIZE), np.uint8)

    return np.stack([one(int(place)) for place in places])
