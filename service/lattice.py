"""Which runs of pieces are the digits: the network reads each candidate, and the best way through all of them wins.

As in LeCun et al. 1998, "Gradient-Based Learning Applied to Document Recognition", section V. A way's score is the sum
of its candidates' scores, each a weighted sum of `FEATURES`; what a way leaves out as dirt costs too. With the scores
as logarithms, ways have probabilities; sums of these over ways are had by the forward and backward recursions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from contract.normalisation import DIGIT, MIN_PEN, centred, thickened
from service.decoding import Grey
from service.line import Box, Line, Piece, resized

WIDEST = 1.45
"""Of several pieces that may be one digit, as a share of the digits' height."""

SHORTEST = 0.35
"""Height of what may be a digit, as a share of the others'."""

FEATURES = ("digit", "margin", "no digit", "doubt", "short", "wide", "slim", "strokes", "gap", "cut")
WEIGHTS = np.array([-2.78, 0.19, -0.3, 0.02, -1.97, -6.3, 0.31, -0.53, -4.76, -0.39])
"""Fitted to numbers written with training digits, by `python -m benchmarks.number_weights`."""

DIRT, DIRT_AREA = 2.12, 1.5
"""What it costs to leave a piece out, and what more as large as `LARGE`; fitted with the weights."""

LARGE = 0.15
"""Ink of a typical digit, as a share of its squared height."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """The pieces from `start` to before `end`, as one digit."""

    start: int
    end: int
    box: Box
    image: Grey
    """Normalised."""
    strokes: float
    """How many components there are beyond the first, less as far as they lie above each other."""
    gap: float
    """Paper between them, as a share of the digits' height."""
    cut: float
    """Pens that the cuts at its sides go through."""


def candidates(line: Line) -> list[Candidate]:
    """All runs of pieces that may be a digit."""
    found = []
    for start in range(len(line.pieces)):
        for end in range(start + 1, len(line.pieces) + 1):
            run = line.pieces[start:end]
            left, top, right, bottom = box = _around([piece.box for piece in run])
            if len(run) > 1 and right - left > WIDEST * line.height:
                break
            if bottom - top >= SHORTEST * line.height:
                image = _normalised(_joined(run, box), line.pen)
                found.append(Candidate(start, end, box, image, *_composition(run, line.height)))
    return found


def features(found: Sequence[Candidate], logits: NDArray[np.float32], height: float) -> Floats:
    """Of each candidate, [n, 10]; `logits`, [n, 11], are the network's."""
    ranked = np.sort(logits[:, :10].astype(float), axis=1)
    shares = logits - logits.max(axis=1, keepdims=True)
    doubt = np.log(np.exp(shares.astype(float)).sum(axis=1)) - (ranked[:, -1] - logits.max(axis=1))
    boxes = np.array([one.box for one in found], float)
    width, tall = np.log((boxes[:, 2:] - boxes[:, :2]) / height).T
    return np.stack(
        [
            np.ones(len(found)),
            np.clip(ranked[:, -1] - ranked[:, -2], 0, 12),
            np.clip(logits[:, 10] - ranked[:, -1], -14, 8),
            np.clip(doubt, 0, 5),
            np.clip(-tall, 0, 2),
            np.clip(width, 0, 2),
            np.clip(-width, 0, 3),
            [one.strokes for one in found],
            [min(one.gap, 3) for one in found],
            [one.cut for one in found],
        ],
        axis=1,
    )


@dataclass(frozen=True)
class Way:
    chosen: list[int]
    """Candidates, from left to right."""
    probability: float
    """Beside all other ways."""
    shares: list[float]
    """Probability that a way goes through the candidate, for each chosen one."""


def best_way(found: Sequence[Candidate], scores: Floats, areas: Floats) -> Way:
    """The likeliest way past all pieces; `areas`, [pieces], are shares of a typical digit's ink."""
    count = len(areas)
    steps = [
        *((one.start, one.end, number) for number, one in enumerate(found)),
        *((place, place + 1, None) for place in range(count)),
    ]
    worth = np.concatenate((scores, -DIRT - DIRT_AREA * np.minimum(areas, 1))).tolist()
    ending: list[list[int]] = [[] for _ in range(count + 1)]
    starting: list[list[int]] = [[] for _ in range(count + 1)]
    for step, (start, end, _) in enumerate(steps):
        ending[end].append(step)
        starting[start].append(step)

    best, last = [0.0] * (count + 1), [0] * (count + 1)
    before, behind = [0.0] * (count + 1), [0.0] * (count + 1)
    for end in range(1, count + 1):
        totals = [best[steps[step][0]] + worth[step] for step in ending[end]]
        best[end] = max(totals)
        last[end] = ending[end][totals.index(best[end])]
        before[end] = np.logaddexp.reduce([before[steps[step][0]] + worth[step] for step in ending[end]])
    for start in reversed(range(count)):
        behind[start] = np.logaddexp.reduce([behind[steps[step][1]] + worth[step] for step in starting[start]])

    chosen, shares, place = [], [], count
    while place:
        start, end, number = steps[last[place]]
        if number is not None:
            chosen.append(number)
            shares.append(float(np.exp(before[start] + scores[number] + behind[end] - before[count])))
        place = start
    return Way(chosen[::-1], float(np.exp(best[count] - before[count])), shares[::-1])


def _around(boxes: Sequence[Box]) -> Box:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _joined(run: Sequence[Piece], box: Box) -> Grey:
    if len(run) == 1:
        return run[0].ink
    joined = np.zeros((box[3] - box[1], box[2] - box[0]), np.uint8)
    for piece in run:
        left, top, right, bottom = piece.box
        part = joined[top - box[1] : bottom - box[1], left - box[0] : right - box[0]]
        np.maximum(part, piece.ink, out=part)
    return joined


def _composition(run: Sequence[Piece], height: float) -> tuple[float, float, float]:
    """Strokes, gap and cut of a candidate."""
    extents: dict[int, tuple[int, int]] = {}
    here = {(piece.component, piece.number) for piece in run}
    cut = 0.0
    for piece in run:
        left, right = extents.get(piece.component, (piece.box[0], piece.box[2]))
        extents[piece.component] = min(left, piece.box[0]), max(right, piece.box[2])
        if piece.number and (piece.component, piece.number - 1) not in here:
            cut += piece.cut
    strokes = gap = 0.0
    ordered = sorted(extents.values())
    for (left, right), (next_left, next_right) in pairwise(ordered):
        common = (min(right, next_right) - next_left) / max(1, min(right - left, next_right - next_left))
        strokes += 1 - min(1.0, max(0.0, common))
        gap += max(0, next_left - right) / height
    return strokes, gap, cut


def _normalised(ink: Grey, pen: float) -> Grey:
    """As `contract.normalisation` does it with an image of one digit, but on the line's grid."""
    if pen < MIN_PEN:
        ink = thickened(resized(ink, ink.shape[1], ink.shape[0]))  # a faint speck has no width before
    height, width = ink.shape
    factor = DIGIT / max(height, width)
    digit = resized(ink, max(1, round(width * factor)), max(1, round(height * factor)))
    return centred(digit)


def areas(line: Line) -> Floats:
    """Ink of each piece, as a share of a typical digit's."""
    return np.array([piece.area for piece in line.pieces]) / (LARGE * line.height**2)
