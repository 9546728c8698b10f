"""How much a request may take where others wait: in the event loop, or among small ones."""

from math import inf
from typing import NamedTuple

from contract.arrays import Grey
from contract.normalisation import normalised_by_native, normalised_by_python

QUICK_IMAGES, QUICK_PIXELS = 8, 2**18
"""Of a request that is small."""

BY_PYTHON = 2**12
"""Pixels that Python normalises in a few milliseconds, whatever is on them; native.c takes less for what is clean."""


class Patience(NamedTuple):
    """What a request may take."""

    images: float = inf
    pixels: float = inf
    """Of all of them."""
    hurried: bool = False
    """Whether the event loop waits: nothing then that may take more than a few milliseconds, as a file that only Pillow
    reads, whose head alone may."""


AT_ONCE = Patience(QUICK_IMAGES, QUICK_PIXELS, hurried=True)
SHORT = Patience(QUICK_IMAGES, QUICK_PIXELS)
ENDLESS = Patience()


class TakesLongError(Exception):
    """The request takes more than the patience that there was."""


class Normaliser:
    """`normalise`, as long as the `Patience` for all images of a request lasts."""

    def __init__(self, patience: Patience) -> None:
        self._left = BY_PYTHON if patience.hurried else inf

    def __call__(self, image: Grey) -> Grey:
        """Raises `BlankImageError`, `TakesLongError`."""
        if (picture := normalised_by_native(image)) is not None:
            return picture
        self._left -= image.size
        if self._left < 0:
            raise TakesLongError
        return normalised_by_python(image)
