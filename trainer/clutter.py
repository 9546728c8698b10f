"""Digits with something in the way."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from contract.arrays import Grey
from contract.normalisation import SIZE, normalise
from trainer.digits import Digits

Clutter = Callable[[Grey, np.random.Generator], Grey]


def cluttered(digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """With specks all over, a straight line through it, inverted edges, or only its outline."""
    return _cluttered(CLUTTERS, digits, place, rng)


def more_cluttered(digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """The same for the second network: more specks, zigzag and dotted lines too, outlines one pixel wide."""
    return _cluttered(MORE_CLUTTERS, digits, place, rng)


def _cluttered(clutters: tuple[Clutter, ...], digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    clutter = clutters[rng.integers(len(clutters))]
    return normalise(clutter(digits.images[place], rng))


def _specked(image: Grey, rng: np.random.Generator) -> Grey:
    return _salted(image, (0.02, 0.2), rng)


def _more_specked(image: Grey, rng: np.random.Generator) -> Grey:
    return _salted(image, (0.05, 0.25), rng)


def _salted(image: Grey, shares: tuple[float, float], rng: np.random.Generator) -> Grey:
    specks = rng.random(image.shape)
    share = rng.uniform(*shares)
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


def _crossed(image: Grey, rng: np.random.Generator) -> Grey:
    """With a line through it, zigzag or not, dotted or not."""
    angle = rng.normal(0, 0.4) if rng.random() < 0.7 else rng.uniform(0, np.pi)
    y, x = np.mgrid[:SIZE, :SIZE] - rng.uniform(4, SIZE - 5, 2)[:, np.newaxis, np.newaxis]
    along, across = np.cos(angle) * x - np.sin(angle) * y, np.cos(angle) * y + np.sin(angle) * x
    turns = along / rng.uniform(2.5, 6)
    if rng.random() < 0.7:
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
    size = int(rng.integers(2, 4))
    return np.asarray(ndimage.grey_dilation(image, size) - ndimage.grey_erosion(image, 2))


def _hard_outlined(image: Grey, rng: np.random.Generator) -> Grey:
    """Its outline, one pixel wide, along one of the greys."""
    inked = image > rng.integers(60, 140)
    return np.where(inked ^ ndimage.binary_erosion(inked, border_value=1), 255, 0).astype(np.uint8)


CLUTTERS: tuple[Clutter, ...] = (_specked, _lined, _half_inverted, _outlined)
MORE_CLUTTERS: tuple[Clutter, ...] = (
    *(_more_specked, _more_specked, _lined, _crossed, _crossed),
    *(_half_inverted, _half_inverted, _outlined, _hard_outlined, _hard_outlined),
)
