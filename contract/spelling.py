"""What the line network says of each frame of a strip → the digits that are written there, and how sure that is.

The network was trained by connectionist temporal classification (Graves et al. 2006): every frame names a digit, "no
digit" or nothing, repetitions count once. The strip is parted half-way between the digits so found; each part then has
a probability to say one digit, and no more, which is a sum over all ways to place it there.
"""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from contract.arrays import Floats
from contract.line import HEIGHT, SHARED

NO_DIGIT = 10
"""A network's output that says "no digit", behind those of the ten digits."""

FRAME = 2
"""Pixels of the strip in one frame."""

NOTHING = NO_DIGIT + 1
"""The output that says that nothing begins or goes on here, behind the digits and "no digit"."""

OUTPUTS = NOTHING + 1


@dataclass(frozen=True)
class Spelling:
    """What stands in a strip, from left to right: n digits."""

    likelihoods: Floats
    """Of the ten digits and "no digit", [n, 11]: that the digit's part of the strip says just this."""
    edges: Floats
    """Where the parts begin and end, [n + 1], pixels of the strip."""
    centres: Floats
    """Where the digits are, [n], pixels of the strip."""


def joined(frames: list[NDArray[np.float32]], width: int) -> NDArray[np.float32]:
    """The frames, [n, 12], of a strip that was looked at in `windows`: of what two share, each gives one half."""
    half = SHARED // 2 // FRAME
    last = len(frames) - 1
    kept = [part[half * (place > 0) : len(part) - half * (place < last)] for place, part in enumerate(frames)]
    return np.concatenate(kept)[: -(-width // FRAME)]


def spell(logits: NDArray[np.float32], temperature: float) -> Spelling:
    """The likeliest digits; `logits`, [frames, 12], are the network's."""
    scaled = logits.astype(float) / temperature
    shares = scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True)
    centres = _merged(shares, _centres(logits.argmax(axis=1)))
    edges = _edges(centres, len(logits)) if len(centres) else np.zeros(1, int)
    parts = [_likelihoods(shares[start:end]) for start, end in pairwise(edges)]
    return Spelling(np.array(parts).reshape(-1, NOTHING), FRAME * edges.astype(float), (centres + 0.5) * FRAME)


def _centres(best: NDArray[np.int64]) -> Floats:
    """The middle of each run of frames that name the same."""
    starts = np.flatnonzero(np.diff(best, prepend=-1))
    ends = np.append(starts[1:], len(best)) - 1
    centres: Floats = ((starts + ends) / 2)[best[starts] != NOTHING]
    return centres


def _merged(shares: Floats, centres: Floats) -> Floats:
    """Neighbours become one where that is likelier than both of them: the best way may name a digit twice."""

    @cache
    def best(start: int, end: int) -> float:
        return float(_likelihoods(shares[start:end]).max())

    while len(centres) > 1:
        edges = _edges(centres, len(shares)).tolist()
        each = [best(start, end) for start, end in pairwise(edges)]
        near = np.flatnonzero(np.diff(centres) * FRAME <= HEIGHT).tolist()
        gains = [best(edges[place], edges[place + 2]) - each[place] * each[place + 1] for place in near]
        if max(gains, default=0) <= 0:
            break
        first = near[gains.index(max(gains))]
        middle = centres[first : first + 2].mean()
        centres = np.concatenate((centres[:first], [middle], centres[first + 2 :]))
    return centres


def _edges(centres: Floats, frames: int) -> NDArray[np.int64]:
    """Where the parts of these centres begin and end, [n + 1]."""
    return np.array([0, *np.ceil((centres[1:] + centres[:-1]) / 2), frames], int)


def _likelihoods(shares: Floats) -> Floats:
    """Of each symbol, [11]: the probability that a part's frames name it, once, and nothing else.

    `shares`, [frames, 12], are logarithms. Named from frame i to frame j, the part has the probability that all say
    nothing, times how much likelier the symbol is than nothing up to j, divided by the same up to before i.
    """
    nothing = shares[:, NOTHING:]
    up_to = np.cumsum(shares[:, :NOTHING] - nothing, axis=0)
    begun = np.logaddexp.accumulate(-np.vstack((np.zeros(NOTHING), up_to[:-1])), axis=0)
    likelihoods: Floats = np.exp(nothing.sum() + np.logaddexp.reduce(up_to + begun, axis=0))
    return likelihoods
