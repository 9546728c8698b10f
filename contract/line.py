"""Any grey image of one line of digits → the strip that the line network was trained on.

What lies around the sheet is left out, and dust; the line's ink becomes as high as the strip, its strokes of one
darkness and no thinner than a pen. What little sticks out above and below is cut, so that digits are larger; nothing is
at the ends.
Trainer and service both call `strip`; whatever changes its result needs a new `VERSION`.
"""

from contextlib import suppress
from dataclasses import dataclass

import cc3d
import numpy as np
from PIL import Image

from contract.arrays import Grey
from contract.normalisation import (
    SPECK,
    BlankImageError,
    bounds,
    evened,
    grown,
    inked,
    pen_width,
    trimmed,
    unemphasised,
    within,
    writing,
)
from contract.rules import FULL, closed, without_rules
from contract.surroundings import Piece
from contract.undoing import cut

VERSION = "strip-5"
"""Stands in every manifest of a model that reads lines."""

HEIGHT = 32
"""Of the strip, pixels."""

WIDTH = 256
"""Of what the network looks at in one go, pixels of the strip: eight digits or so."""

SHARED = 64
"""Of those columns, how many two windows on a longer strip share."""

FINE = 2 * HEIGHT
"""Height while strokes are measured and thickened, pixels."""

MIN_PEN = 5
"""Thinner strokes are thickened to this width, pixels of the fine strip."""

MARGIN = 6
"""Pixels of paper left of the line, of the fine strip: the network overlooks a straight 1 at its very beginning."""

INKED, DUST = 64, 9
"""Grey level from which on there is ink, and pixels of it up to which it is dust, of the fine strip."""

WIDEST = 100 * HEIGHT
"""Wider lines are no numbers, pixels of the strip."""

SHORT = 4
"""Width of a line, as a multiple of its height, up to which that share of its ink sticks out above and below which does
so of a digit; of longer ones no more than of such a line."""

ASIDE = 1.5
"""How far a small mark left or right of a number may be from it, as a multiple of its height, to belong to it."""

PALE = 127
"""Grey level up to which a line is no more than a shadow beside its dust."""

BOXED, FEWEST, THIN = 0.75, 3, 0.05
"""Share of a row that is ink where it is a line of boxes side by side; their upright lines, at least; and how wide they
are, at most, as a share of their height."""


class TooLongError(ValueError):
    """The line is wider than any number would be."""


@dataclass(frozen=True)
class Strip:
    """A line as the network wants it, and where it was."""

    ink: Grey
    """uint8 [32, width], ink 255 on paper 0."""
    fine: Grey
    """The same, uint8 [64 or so, twice the width]."""
    left: float
    top: float
    scale: float
    """A place of the fine strip times `scale`, from `left` and `top` on, is one of the image's, in its pixels."""
    thickened: int = 0
    """Pixels of the fine strip that strokes gained on each side."""


def strip(image: Grey) -> Strip:
    """The line of writing in `image`, uint8 [height, width]. Raises `BlankImageError`, `TooLongError`."""
    piece = cut(image)
    if piece.image is not image:
        with suppress(BlankImageError):
            return _strip(piece)
    return _strip(Piece(image))


def _strip(piece: Piece) -> Strip:
    ink = without_rules(without_boxes(inked(piece.image)))
    if not ink.any():
        raise BlankImageError
    ink, place = unemphasised(ink, ASIDE)
    rows, columns = _line(ink, place)
    fine = _fine(ink[rows, columns])
    inner = writing(fine, ASIDE)
    if inner != (slice(0, FINE), slice(0, fine.shape[1])):  # it is less without the dust that is gone now
        factor = (rows.stop - rows.start) / FINE
        rows, columns = (within(side, span, factor) for side, span in zip((rows, columns), inner, strict=True))
        fine = _fine(ink[rows, columns])
    if fine.max() <= PALE:
        raise BlankImageError
    rounds = max(0, round((MIN_PEN - pen_width(fine)) / 2))
    strokes = np.pad(grown(fine, rounds), ((0, 0), (MARGIN, 0)))
    reduced = piece.times * piece.image.shape[1] / ink.shape[1]
    scale = reduced * (rows.stop - rows.start) / FINE
    left = piece.left + columns.start * reduced - (rounds + MARGIN) * scale
    top = piece.top + rows.start * reduced - rounds * scale
    return Strip(_scaled(strokes, HEIGHT), strokes, left, top, scale, rounds)


def _line(ink: Grey, place: tuple[slice, slice]) -> tuple[slice, slice]:
    """Rows of the line at this `place` of `ink`, without what little sticks out, and all of its columns."""
    rows, columns = place
    mask = ink[place] > ink.max() // 4
    height, width = mask.shape
    return within(rows, trimmed(mask, SPECK * min(1, SHORT * height / width))[0]), columns


def _fine(line: Grey) -> Grey:
    """`line` as the fine strip, strokes of one darkness, specks gone. Raises `BlankImageError`, `TooLongError`."""
    if line.shape[1] * HEIGHT > WIDEST * line.shape[0]:
        raise TooLongError
    fine = evened(_scaled(line, FINE))
    strokes = cc3d.dust((fine > INKED).view(np.uint8), threshold=DUST, connectivity=8)  # as bytes: border.components
    if not strokes.any():
        raise BlankImageError
    return np.where(grown(strokes, 1)[1:-1, 1:-1], fine, 0).astype(np.uint8)


def _scaled(ink: Grey, height: int) -> Grey:
    """`ink` made `height` high, its darkest level 255."""
    width = max(1, round(ink.shape[1] * height / ink.shape[0]))
    way = Image.Resampling.BOX if height < ink.shape[0] else Image.Resampling.BICUBIC
    scaled = np.asarray(Image.fromarray(ink).resize((width, height), way))
    darkest = int(scaled.max())
    return scaled if darkest in (0, 255) else (scaled * np.float32(255 / darkest)).astype(np.uint8)


def without_boxes(ink: Grey) -> Grey:
    """`ink`, of which there is some, without the lines of a row of printed boxes, one for each digit."""
    place = bounds(ink)
    row = ink[place]
    mask, tenth = row > row.max() // 4, len(row) // 10
    ruled, upright = mask.mean(axis=1) >= BOXED, mask.mean(axis=0) >= FULL
    ruled[tenth : len(row) - tenth] = False
    lines = np.count_nonzero(np.diff(upright, prepend=False, append=False)) // 2
    boxed = ruled[:tenth].any() and ruled[len(row) - tenth :].any() and lines >= FEWEST
    if not boxed or np.count_nonzero(upright) > THIN * len(row) * lines:
        return ink
    digits = np.zeros_like(ink)
    digits[place] = closed(closed(row, ruled).T, upright).T
    return digits if digits.any() else ink


def windows(ink: Grey) -> list[Grey]:
    """What the network looks at of a strip, uint8 [32, width], one after the other: uint8 [32, 256], filled up.

    Neighbours share `SHARED` columns, so that no digit is cut in both.
    """
    step = WIDTH - SHARED
    starts = range(0, max(1, ink.shape[1] - SHARED), step)
    filled = np.pad(ink, ((0, 0), (0, starts[-1] + WIDTH - ink.shape[1])))
    return [filled[:, start : start + WIDTH] for start in starts]
