"""What the line network says of each frame of a strip → the digits that are written there, and how sure that is.

The network was trained by connectionist temporal classification (Graves et al. 2006): every frame names a digit, "no
digit" or nothing, repetitions count once. The strip is parted half-way between the digits so found; each part then has
a probability to say one digit, and no more, which is a sum over all ways to place it there.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.line import HEIGHT, SHARED

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
    centres = _merged(shares, _centres(logits.argmax(axis=1)))
    edges = _edges(centres, len(logits)) if len(centres) else np.zeros(1, int)
    return Spelling(_likelihoods(shares, edges[:-1], edges[1:]), FRAME * edges.astype(float), (centres + 0.5) * FRAME)


def _centres(best: NDArray[np.int64]) -> Floats:
    """The middle of each run of frames that name the same."""
    starts = np.flatnonzero(np.diff(best, prepend=-1))
    ends = np.append(starts[1:], len(best)) - 1
    centres: Floats = ((starts + ends) / 2)[best[starts] != NOTHING]
    return centres


def _merged(shares: Floats, centres: Floats) -> Floats:
    """Neighbours become one where that is likelier than both of them: the best way may name a digit twice."""
    while len(centres) > 1:
        edges = _edges(centres, len(shares))
        each = _likelihoods(shares, edges[:-1], edges[1:]).max(axis=1)
        near = np.flatnonzero(np.diff(centres) * FRAME <= HEIGHT)
        gain = _likelihoods(shares, edges[near], edges[near + 2]).max(axis=1, initial=0) - each[near] * each[near + 1]
        if gain.max(initial=0) <= 0:
            break
        first = near[gain.argmax()]
        middle = centres[first : first + 2].mean()
        centres = np.concatenate((centres[:first], [middle], centres[first + 2 :]))
    return centres


def _edges(centres: Floats, frames: int) -> NDArray[np.int64]:
    """Where the parts of these centres begin and end, [n + 1]."""
    return np.array([0, *np.ceil((centres[1:] + centres[:-1]) / 2), frames], int)


def _likelihoods(shares: Floats, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Floats:
    """Of each symbol in each part, [n, 11]: the probability that its frames name it, once, and nothing else.

    `shares`, [frames, 12], are logarithms; the parts go from `starts` to before `ends`.
    """
    count, longest = len(starts), int((ends - starts).max(initial=0))
    frames = np.full((longest, count, OUTPUTS), -np.inf)  # a part that is shorter goes on with nothing
    frames[..., NOTHING] = 0
    for part, (start, end) in enumerate(zip(starts, ends, strict=True)):
        frames[: end - start, part] = shares[start:end]
    before = np.zeros((count, 1))
    within = after = np.full((count, NOTHING), -np.inf)
    for frame in frames:
        nothing, named = frame[:, NOTHING:], frame[:, :NOTHING]
        after = np.logaddexp(after, within) + nothing
        within = np.logaddexp(within, before) + named
        before = before + nothing
    likelihoods: Floats = np.exp(np.logaddexp(within, after))
    return likelihoods
