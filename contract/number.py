"""A line of writing and what all networks say of it → the number.

The line network says which digits there are, and where. What reads single digits is asked too, where a digit's ink
touches no other's: it knows those better, and the two seldom make the same mistake. On ink that was cut from others it
has no say; with one it reads fewer numbers of validation digits right. Whether there is a digit at all is first for the
line network to say: what is a slash beside other digits is a 1 without them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.arrays import Floats, Logits
from contract.artifact import Calibration
from contract.line import Strip
from contract.parts import Part, apart
from contract.spelling import NO_DIGIT, joined, spell

SURE = 0.9
"""What the line network gives a digit for being one, from which on those for single digits may make it more: with no
such rule a plain 71 is not accepted, whose 1 is a straight line; with one from 0 on, more numbers with marks are."""

BEYOND = 0.1
"""By what share of the others' height a slash or a bar reaches beyond them, above and below, at least."""

LEAST = 1e-12
"""Probability that nothing falls below, so that logarithms and quotients are numbers."""


@dataclass(frozen=True)
class Number:
    """n digits, from left to right."""

    parts: list[Part]
    probabilities: Floats
    """Of the ten digits, [n, 10]; rows sum to 1."""
    scores: Floats
    """What acceptance goes by, [n]: that it is one thing, a digit, and this one; 0 of what may be a mark, or beside."""
    confidence: float
    """Probability that all of it is right, if it is a number at all."""
    legible: bool
    """Whether at least half of what is there are digits."""

    def text(self) -> str:
        return "".join(map(str, self.probabilities.argmax(axis=1)))


def number(
    line: Strip,
    frames: list[Logits],
    temperature: float,
    read: Callable[[NDArray[np.uint8]], Logits],
    single: Calibration,
) -> Number:
    """The number in `line`.

    `frames`, each [128, 12], are what the line network says of its windows, with its `temperature`; `read` is
    what reads single digits, normalised images uint8 [n, 28, 28] → logits [n, 11], with its calibration `single`.
    """
    spelling = spell(joined(frames, line.ink.shape[1]), temperature)
    legible = spelling.likelihoods.argmax(axis=1) < NO_DIGIT
    if not legible.any():
        return Number([], np.zeros((0, NO_DIGIT)), np.zeros(0), 0.0, legible=False)
    parts = apart(line, spelling)
    logits = read(np.stack([part.image for part in parts]))
    alone = np.array([part.alone for part in parts])

    digits = spelling.likelihoods[:, :NO_DIGIT]
    counted, whole = digits.sum(axis=1), spelling.likelihoods.sum(axis=1)  # one digit; one thing, and no more
    by_line = digits / counted[:, np.newaxis].clip(min=LEAST)
    by_digit, shares = single.judged(logits)
    product = (by_line + LEAST) * np.where(alone[:, np.newaxis], by_digit + LEAST, 1)
    probabilities = product / product.sum(axis=1, keepdims=True)
    best = probabilities.max(axis=1)
    a_digit = counted / whole.clip(min=LEAST)
    surest = np.maximum(a_digit, np.where(alone, shares / by_digit.max(axis=1), 0))
    scores, confidence = best * whole * np.where(a_digit >= SURE, surest, a_digit), float(np.prod(best * whole))
    scores[[part.pointed for part in parts] | _may_be_marks(parts, probabilities.argmax(axis=1))] = 0
    return Number(parts, probabilities, scores, confidence, legible=bool(legible.mean() >= 1 / 2))


def _may_be_marks(parts: list[Part], digits: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether one is read as a 1, [n], and reaches far beyond the others, above and below, as slashes and bars do."""
    _, tops, _, bottoms = np.array([part.box for part in parts]).T
    found: NDArray[np.bool_] = (digits == 1) & (len(parts) > 1)
    for place in np.flatnonzero(found):
        top, bottom = (np.median(np.delete(ends, place)) for ends in (tops, bottoms))
        found[place] = min(top - tops[place], bottoms[place] - bottom) >= BEYOND * (bottom - top)
    return found
