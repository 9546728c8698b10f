"""What the line network says of each frame of a strip → the digits that are written there, and how sure that is.

The network was trained by connectionist temporal classification (Graves et al. 2006): every frame names a digit, "no
digit" or nothing, repetitions count once. The strip is parted half-way between the digits so found; each part then has
a probability to say one digit, and no more, which is a sum over all ways to place it there.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from contract.line import SHARED

NO_DIGIT = 10
"""A network's output that says "no digit", behind those of the ten digits."""

FRAME = 2
"""Pixels of the strip in one frame."""

NOTHING = NO_DIGIT + 1
"""The output that says that nothing begins or goes on here, behind the digits and "no digit"."""

OUTPUTS = NOTHING + 1

Floats = NDArray[np.float64]


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
    centres = _centres(logits.argmax(axis=1))
    middles = (centres[1:] + centres[:-1]) / 2
    edges = np.array([0, *np.ceil(middles), len(logits)], int)
    parts = [_likelihoods(shares[first:last]) for first, last in pairwise(edges)]
    found = np.array(parts[: len(centres)]).reshape(-1, NOTHING)
    return Spelling(found, edges * float(FRAME), (centres + 0.5) * FRAME)


def _centres(best: NDArray[np.int64]) -> Floats:
    """The middle of each run of frames that name the same."""
    starts = np.flatnonzero(np.diff(best, prepend=-1))
    ends = np.append(starts[1:], len(best)) - 1
    centres: Floats = ((starts + ends) / 2)[best[starts] != NOTHING]
    return centres


def _likelihoods(shares: Floats) -> Floats:
    """Of each symbol, [11]: the probability that the frames, logarithms [n, 12], name it, once, and nothing else."""
    before, within = 0.0, np.full(NOTHING, -np.inf)
    after = within
    for frame in shares:
        nothing, named = frame[NOTHING], frame[:NOTHING]
        after = np.logaddexp(after, within) + nothing
        within = np.logaddexp(within, before) + named
        before += nothing
    likelihoods: Floats = np.exp(np.logaddexp(within, after))
    return likelihoods
