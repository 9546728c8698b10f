"""A line whose digits are known → the ink of each of them."""

from dataclasses import dataclass
from itertools import pairwise

import cc3d
import numpy as np

from contract.arrays import Grey
from contract.border import components, measured
from contract.line import FINE, HEIGHT, INKED, Strip
from contract.normalisation import SIZE, normalise, pen_width
from contract.spelling import Spelling

NEAR = 0.6 * FINE
"""Ink farther from every digit is nobody's, pixels of the fine strip."""

NOBODY = -1

LOW, LARGE, SMALL = 0.6, 0.4, 0.6
"""Of a point among digits: how far down its middle is and how long it may be, as shares of the line's height, and how
long it is, at least, as a multiple of the pen's width."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom: pixels, the last two excluded."""


@dataclass(frozen=True)
class Part:
    """One digit of a line."""

    image: Grey
    """Its ink as the network for single digits wants it, uint8 [28, 28]."""
    box: Box
    """In the caller's pixels."""
    alone: bool
    """Whether it has ink, which touches no other digit's."""
    pointed: bool
    """Whether a point or a comma may stand there as well, between this digit and another."""


def apart(line: Strip, spelling: Spelling) -> list[Part]:
    """The digits of `line`, of which there are some.

    A component around one digit's centre is that digit's; one around several is parted half-way between them; one
    around none is of the digit in whose part it lies.
    """
    height = line.fine.shape[0]
    centres, edges = height / HEIGHT * spelling.centres, height / HEIGHT * spelling.edges
    labels = components(line.fine > INKED)
    start, stop, _ = measured(labels)
    first = np.searchsorted(centres, start[:, 1])
    around = np.searchsorted(centres, stop[:, 1]) - first
    row, column = (start + stop).T / 2
    nearest = np.searchsorted(edges[1:-1], column)
    loose = (around == 0) & (np.abs(centres[nearest] - column) > NEAR)
    whole = np.where(around == 1, first, np.where(loose, NOBODY, nearest))

    shared = np.insert(around > 1, 0, False)
    of_column = np.searchsorted(edges[1:-1], np.arange(line.fine.shape[1]), side="right")
    owners = np.where(shared[labels], of_column, np.insert(whole, 0, NOBODY)[labels])
    among = {place for at, count in zip(first, around, strict=True) if count > 1 for place in range(at, at + count)}
    longer = (stop - start).max(axis=1)
    small = (longer <= LARGE * height) & (longer >= SMALL * pen_width(line.fine))
    points = small & (around == 0) & (first > 0) & (first < len(centres)) & (row > LOW * height)
    windows = cc3d.statistics((owners + 1).astype(np.uint16))["bounding_boxes"][1:] + [None] * len(centres)
    parts = []
    for place, (begin, end) in enumerate(pairwise(edges.tolist())):
        window, pen = windows[place], (line.thickened, 0 if place in among else line.thickened)  # a cut is no edge
        if window is None or window[0].start >= window[0].stop:  # none of the ink is its own
            window, pen = (slice(0, height), slice(int(begin), int(end))), (0, 0)
        rows, columns = window
        own = np.where(owners[window] == place, line.fine[window], 0)
        alone, pointed = place not in among and bool(own.any()), place in nearest[points]
        parts.append(Part(_digit(own), _box(line, rows, columns, pen), alone, pointed))
    return parts


def _digit(ink: Grey) -> Grey:
    return normalise(np.pad(ink, 2)) if ink.any() else np.zeros((SIZE, SIZE), np.uint8)


def _box(line: Strip, rows: slice, columns: slice, pen: tuple[int, int]) -> Box:
    """Without the `pen` that strokes gained above and below, left and right: of the ink as it was sent."""
    high, wide = pen
    left, right = (int(line.left + side * line.scale) for side in (columns.start + wide, columns.stop - wide))
    top, bottom = (int(line.top + side * line.scale) for side in (rows.start + high, rows.stop - high))
    return left, top, max(left + 1, right), max(top + 1, bottom)
