"""Digits with something in the way."""

import numpy as np
from scipy import ndimage

from contract.normalisation import SIZE, normalise
from trainer.digits import Digits, Grey


def cluttered(digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """With specks all over, a line through it, inverted edges, or only its outline."""
    image = digits.images[place]
    clutter = CLUTTERS[rng.integers(len(CLUTTERS))]
    return normalise(clutter(image, rng))


def _specked(image: Grey, rng: np.random.Generator) -> Grey:
    specks = rng.random(image.shape)
    share = rng.uniform(0.02, 0.25)
    salted = np.where(specks < share / 2, 255, image)
    return np.where(specks > 1 - share / 2, 0, salted).astype(np.uint8)


def _lined(image: Grey, rng: np.random.Generator) -> Grey:
    """With a line through it: straight, zigzag or dotted."""
    angle = rng.normal(0, 0.4) if rng.random() < 0.7 else rng.uniform(0, np.pi)
    y, x = np.mgrid[:SIZE, :SIZE] - rng.uniform(4, SIZE - 5, 2)[:, np.newaxis, np.newaxis]
    along, across = np.cos(angle) * x - np.sin(angle) * y, np.cos(angle) * y + np.sin(angle) * x
    turns = along / rng.uniform(2.5, 6)
    if rng.random() < 0.4:
        across = (across + rng.uniform(2, 5) * (np.abs(turns % 2 - 1) - 0.5)) * 0.7
    line = (rng.uniform(0.8, 1.6) - np.abs(across)).clip(0, 1) * 255
    if rng.random() < 0.3:
        line[turns % 1 < 0.5] = 0
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
    """Its outline, soft or one pixel wide."""
    if rng.random() < 0.5:
        return np.asarray(ndimage.grey_dilation(image, int(rng.integers(2, 4))) - ndimage.grey_erosion(image, 2))
    inked = image > rng.integers(60, 140)
    return np.where(inked ^ ndimage.binary_erosion(inked, border_value=1), 255, 0).astype(np.uint8)


CLUTTERS = (_specked, _lined, _half_inverted, _outlined)
