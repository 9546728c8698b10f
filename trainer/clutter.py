"""Digits with something in the way."""

import numpy as np
from scipy import ndimage

from contract.normalisation import SIZE, normalise
from trainer.digits import Digits, Grey


def cluttered(digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """With specks all over, a straight line through it, inverted edges, or only its outline."""
    image = digits.images[place]
    clutter = CLUTTERS[rng.integers(len(CLUTTERS))]
    return normalise(clutter(image, rng))


def _specked(image: Grey, rng: np.random.Generator) -> Grey:
    specks = rng.random(image.shape)
    share = rng.uniform(0.02, 0.2)
    salted = np.where(specks < share / 2, 255, image)
    return np.where(specks > 1 - share / 2, 0, salted).astype(np.uint8)


def _lined(image: Grey, rng: np.random.Generator) -> Grey:
    angle = rng.normal(0, 0.4) if rng.random() < 0.7 else rng.uniform(0, np.pi)
    y, x = np.mgrid[:SIZE, :SIZE] - rng.uniform(4, SIZE - 5, 2)[:, np.newaxis, np.newaxis]
    distance = np.abs(np.cos(angle) * y - np.sin(angle) * x)
    line = (rng.uniform(0.8, 1.6) - distance).clip(0, 1) * 255
    first, last = np.sort(rng.integers(-6, SIZE + 6, 2))
    shown = np.arange(SIZE)
    line[:, (shown < first) | (shown > max(last, first + 8))] = 0
    crossed: Grey = np.maximum(image, line.astype(np.uint8))
    return crossed


def _half_inverted(image: Grey, rng: np.random.Generator) -> Grey:
    """One edge of the picture, or two that face each other, in negative."""
    side, width = int(rng.integers(4)), int(rng.integers(4, 9))
    changed = np.rot90(image, side).copy()
    changed[:, :width] = 255 - changed[:, :width]
    if rng.random() < 0.6:
        changed[:, -width:] = 255 - changed[:, -width:]
    return np.rot90(changed, -side)


def _outlined(image: Grey, rng: np.random.Generator) -> Grey:
    size = int(rng.integers(2, 4))
    return np.asarray(ndimage.grey_dilation(image, size) - ndimage.grey_erosion(image, 2))


CLUTTERS = (_specked, _lined, _half_inverted, _outlined)
