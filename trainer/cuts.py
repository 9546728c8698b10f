"""Digits cut out of a number in which they touch: cut well, with traces of their neighbours, or badly.

What reads numbers tries many cuts, and the network tells it which parts are digits (LeCun et al. 1998, section VI,
trains on such parts as well). Neither kind needs a program that cuts: who wrote what is known here.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from contract.normalisation import BlankImageError, normalise
from trainer.digits import Digits, Grey
from trainer.strings import HEIGHT, INKED, Layer, layers

PARTLY_READABLE = (1, 4, 7, 8, 9)
"""Half of one of these may be another digit, as half an 8 is a 3."""


MOST_FOREIGN, LEAST_FOREIGN = 0.2, 0.35
"""Ink that is not the digit's own, as a share of its own: a trace, and more than that."""


def cut_out(digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """A digit between its neighbours, which left something of theirs or took something with them."""
    own, *others = _neighbours(digits, place, rng)
    neighbours = np.maximum.reduce([layer.ink for layer in others])
    if rng.random() < 0.5:
        keep = _near(own.ink, rng.uniform(0, 0.08) * HEIGHT)
        ink = np.maximum(own.ink, np.where(keep, neighbours, 0))
    else:
        slack = rng.uniform(-0.06, 0.1, 2) * HEIGHT
        inside = _between(own, own.left - slack[0], own.right + slack[1], rng)
        ink = np.where(inside, np.maximum(own.ink, neighbours), 0)
    if _foreign(ink, own) > MOST_FOREIGN * np.count_nonzero(own.ink > INKED):
        raise BlankImageError  # that is no digit any more
    return _normalised(ink)


def miscut(digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """No digit: two at once, one and a part of the next, or a part of one."""
    own, other = _neighbours(digits, place, rng)[:2]
    both = np.maximum(own.ink, other.ink)
    left, right = min(own.left, other.left), max(own.right, other.right)
    kind = rng.random()
    if kind < 0.25 and digits.labels[place] not in PARTLY_READABLE:
        cut = own.left + rng.uniform(0.35, 0.65) * (own.right - own.left)
        start, end = (left - HEIGHT, cut) if rng.random() < 0.5 else (cut, right + HEIGHT)
        return _normalised(np.where(_between(own, start, end, rng), own.ink, 0))
    if kind < 0.6:
        share = rng.uniform(0.35, 0.8) * (other.right - other.left)
        after = other.left > own.left
        start, end = (left - HEIGHT, other.left + share) if after else (other.right - share, right + HEIGHT)
        both = np.where(_between(own, start, end, rng), both, 0)
    if _foreign(both, own) < LEAST_FOREIGN * np.count_nonzero(own.ink > INKED):
        raise BlankImageError  # that is still a digit
    return _normalised(both)


def _neighbours(digits: Digits, place: int, rng: np.random.Generator) -> list[Layer]:
    """The digit itself, then the ones at its sides in any order."""
    others = rng.integers(0, len(digits), 2)
    gap = str(rng.choice(["narrow", "touching", "touching", "overlapping"]))
    before, own, after = layers(digits, np.array([others[0], place, others[1]]), gap, rng)
    return [own, before, after] if rng.random() < 0.5 else [own, after, before]


def _foreign(ink: Grey, own: Layer) -> int:
    """Pixels with ink where `own` has none."""
    return int(np.count_nonzero((ink > INKED) & (own.ink <= INKED)))


def _near(ink: Grey, distance: float) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = distance_transform_edt(ink <= INKED) <= distance
    return near


def _between(own: Layer, left: float, right: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """What lies between two cuts from top to bottom, each a little aslant."""
    rows, columns = own.ink.shape
    lean = np.arange(rows)[:, np.newaxis] - own.middle
    x = np.arange(columns)
    first, second = rng.uniform(-0.35, 0.35, 2)
    inside: NDArray[np.bool_] = (x >= left + first * lean) & (x < right + second * lean)
    return inside


def _normalised(ink: Grey) -> Grey:
    rows, columns = np.nonzero(ink > INKED)
    if not len(rows):
        raise BlankImageError
    cut = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return normalise(np.pad(cut, 4))
