"""What is nearly a digit: digits to which one thing was done that makes them none. For the second network, and for a
first one that learns on.

Each raises `BlankImageError` where it finds no digit to do that to.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from contract.arrays import Grey
from contract.normalisation import BlankImageError, normalise
from trainer.digits import Digits
from trainer.habits import flagged
from trainer.outliers import cropped, half_turn
from trainer.redrawing import INKED

PEN = 5
"""Pixels around a loop's paper within which its own stroke lies."""

LEAST_LOOP = 14
"""Pixels of paper in a loop that can be opened: a smaller one closes again under a thick pen."""

UPRIGHT = 0.4
"""Width of a 1, as a share of its height, below which a flag does not run along its stroke."""


def opened(digits: Digits, _: int, __: int, rng: np.random.Generator) -> Grey:
    """A 0 with a wide gap anywhere, or a 6 whose loop does not close."""
    label = rng.choice((0, 6))
    digit = np.pad(_some(digits, label, rng, lambda one: _loop(np.pad(one, 1)).sum() >= LEAST_LOOP), 1)
    loop = _loop(digit)
    middle = np.argwhere(loop).mean(axis=0)
    y, x = np.indices(digit.shape) - middle[:, np.newaxis, np.newaxis]
    gap = rng.uniform(-np.pi, np.pi) if label == 0 else rng.uniform(-0.4, -0.1) * np.pi
    off = np.abs((np.arctan2(y, x) - gap + np.pi) % (2 * np.pi) - np.pi)
    lost = (off < rng.uniform(0.8, 1.3)) & (ndimage.distance_transform_edt(~loop) <= PEN)
    return cropped(np.where(lost, 0, digit).astype(np.uint8))


def _loop(digit: Grey) -> NDArray[np.bool_]:
    """The largest piece of paper that the ink encloses, of a picture with paper at its edges."""
    pieces, _ = ndimage.label(digit < INKED)
    sizes = np.bincount(pieces.ravel(), minlength=3)
    loop: NDArray[np.bool_] = pieces == 2 + sizes[2:].argmax()  # 0 is the ink, 1 the paper around it
    return loop


def doubled(digits: Digits, _: int, __: int, rng: np.random.Generator) -> Grey:
    """A 4 and its own image in a mirror, one over the other: symmetrical, as letters are."""
    digit = np.pad(_some(digits, 4, rng), 6)
    axis = int(rng.random() < 0.3)
    moved = (np.maximum(digit, np.roll(np.flip(digit, axis), shift, axis)) for shift in range(-6, 7))
    return cropped(min(moved, key=lambda both: int(both.sum())))


def misplaced(digits: Digits, _: int, __: int, rng: np.random.Generator) -> Grey:
    """An upright 1 with a long flag at the wrong end or side."""
    one = normalise(_some(digits, 1, rng, lambda one: one.shape[1] < UPRIGHT * one.shape[0]))
    turn: Callable[[Grey], Grey] = (np.flipud, np.fliplr, half_turn)[rng.integers(3)]
    return cropped(turn(flagged(one, rng, shortest=0.45, longest=0.9)))


def _some(digits: Digits, label: int, rng: np.random.Generator, fits: Callable[[Grey], bool] = np.any) -> Grey:
    """A digit with this label, cropped, that `fits`. Raises `BlankImageError` where none of twenty does."""
    for place in rng.choice(np.flatnonzero(digits.labels == label), 20):
        if fits(digit := cropped(digits.images[place])):
            return digit
    raise BlankImageError
