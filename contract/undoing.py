"""What was done to a picture on its way here, undone: pixels repeated, greys made of dots, a rim of another grey.

What lies around a sheet that was photographed is left out by contract/surroundings.py.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from contract.arrays import Grey
from contract.border import COARSE, FAR, edge, is_plain
from contract.surroundings import Piece, sheet, without_surroundings

FEWEST = 4
"""Places, in either direction, at which such an image changes."""

DOTS = 0.02
"""Share of an image's pixels that differ from all four beside them where its greys are made of dots."""

LOOKED_AT = 512
"""Side of the corner that is looked at for dots, pixels."""

DOT, SMALL = 2, 40
"""Standard deviation of what blurs dots to grey, pixels, and the side below which it is half of that."""

OF_RIM, OF_PAPER = 0.9, 0.97
"""Shares of a line of a rim, and of the border of what lies in it, that are of one grey."""

OF_LINE = 0.995
"""The latter where there may be several digits: if they are cropped closely, a 1 at their end is no rim."""

AT_ONCE = 2**14
"""Pixels, or one row, that are looked at in one go."""

LONGEST = 8192
"""Side of the largest image whose rim is looked for, pixels."""

FEW = 64
"""Rows and columns that are enough to see which grey is usual."""

SOFT = 2
"""Pixels between a rim and what lies in it."""


def undone(image: Grey) -> Grey:
    """What `image`, uint8 [height, width], was before; most are returned as they are."""
    if max(image.shape) <= COARSE:
        return image
    before = unrepeated(image)
    return without_rim(undithered(without_surroundings(image))) if before is image else before


def cut(image: Grey) -> Piece:
    """What is written on of `image`: a sheet on a desk, less the rim that it may have."""
    whole, top, left, times = sheet(image)
    rows, columns = within_rim(whole, OF_LINE)
    if whole is image and whole[rows, columns].shape == whole.shape:
        return Piece(image)
    top, left = top + times * rows.start, left + times * columns.start
    return Piece(np.ascontiguousarray(whole[rows, columns]), top, left, times)


def unrepeated(image: Grey) -> Grey:
    """One pixel of each block of equal ones where `image` is a coarse one that was enlarged so."""
    few = image[:, :: max(1, image.shape[1] // 8)]
    if np.count_nonzero((few[1:] != few[:-1]).any(axis=1)) >= COARSE:  # a photograph's every row
        return image
    if (rows := _blocks(image)) is None or (columns := _blocks(image.T)) is None:
        return image
    return np.ascontiguousarray(image[rows][:, columns])


def _blocks(image: Grey) -> NDArray[np.int64] | None:
    """Where blocks of equal rows begin, if these are as high as each other; those at the edges may have been cut."""
    changed = (image[1:] != image[:-1]).any(axis=1)
    if not FEWEST <= np.count_nonzero(changed) < COARSE:
        return None
    changes = np.flatnonzero(changed) + 1
    heights = np.diff(changes)
    return np.insert(changes, 0, 0) if heights.min() > 1 and np.ptp(heights) <= 1 else None


def undithered(image: Grey) -> Grey:
    """Greys where `image` has two levels only, and dots of one among the other."""
    picture = Image.fromarray(image)
    if not _is_mixed(image) or np.count_nonzero(picture.histogram()) != 2:
        return image
    some = image[:LOOKED_AT, :LOOKED_AT]
    inner = some[1:-1, 1:-1]
    beside = (some[:-2, 1:-1], some[2:, 1:-1], some[1:-1, :-2], some[1:-1, 2:])
    alone = np.logical_and.reduce([inner != other for other in beside])
    if np.count_nonzero(alone) <= DOTS * alone.size:
        return image
    blurred = picture.reduce(2 * DOT) if max(image.shape) > 2 * LOOKED_AT else picture
    return np.asarray(blurred.filter(ImageFilter.GaussianBlur(DOT if max(image.shape) >= SMALL else DOT / 2)))


def _is_mixed(image: Grey) -> bool:
    """Whether the border has more than one grey: dots are all over the paper."""
    return any((line != image[0, 0]).any() for line in (image[0], image[-1], image[:, 0], image[:, -1]))


def without_rim(image: Grey) -> Grey:
    """`image` less the rim that it may have."""
    rows, columns = within_rim(image)
    within = image[rows, columns]
    return image if within.shape == image.shape else np.ascontiguousarray(within)


def within_rim(image: Grey, of_paper: float = OF_PAPER) -> tuple[slice, slice]:
    """Rows and columns less lines at the edges of one other grey, where what is left lies on paper of one grey.

    At least such a share of its border is. As a scanner's lid, a desk, or the padding of another program around a
    sheet; not a 7's bar, whose stroke goes on.
    """
    height, width = image.shape
    whole = slice(0, height), slice(0, width)
    if max(image.shape) > LONGEST:
        return whole
    step = max(1, max(image.shape) // FEW)
    usual = int(np.median(image[::step, ::step]))
    outermost = edge(image)
    if is_plain(outermost) and abs(int(outermost[0]) - usual) <= FAR:
        return whole
    top, bottom = _rim(image, usual), _rim(image[::-1], usual)
    within = image[top : height - bottom]
    left, right = _rim(within.T, usual), _rim(within.T[::-1], usual)
    if not any((top, bottom, left, right)):
        return whole
    rows = slice(top + SOFT * (top > 0), height - bottom - SOFT * (bottom > 0))
    columns = slice(left + SOFT * (left > 0), width - right - SOFT * (right > 0))
    inner = image[rows, columns]
    if not inner.size:
        return whole
    edges = [line.astype(np.int16) for line in (inner[0], inner[-1], inner[:, 0], inner[:, -1])]
    border = np.concatenate(edges)
    paper = np.median(border)
    lines = (image[0], image[-1], image[:, 0], image[:, -1])
    strokes = [
        _goes_on(beside, float(np.median(line)), paper)
        for beside, line, removed in zip(edges, lines, (top, bottom, left, right), strict=True)
        if removed
    ]
    of_one_grey = (np.abs(border - paper) <= FAR).mean() >= of_paper
    return (rows, columns) if of_one_grey and not any(strokes) else whole


def _goes_on(edge: NDArray[np.int16], grey: float, paper: float) -> bool:
    """Whether what was cut off, of that `grey`, was a stroke on `paper`: then it has more of its ink on the `edge`."""
    ink = edge[np.abs(edge - paper).argmax()]
    return bool(abs(ink - paper) > FAR >= abs(ink - grey))


def _rim(image: Grey, usual: int) -> int:
    """How many rows from the top belong to it, at most a quarter of them."""
    most = len(image) // 4
    step = max(1, AT_ONCE // image.shape[1])
    for start in range(0, most, step):
        rows = image[start : min(start + step, most)]
        greys = np.median(rows, axis=1)[:, np.newaxis]
        alike = (np.abs(rows - greys) <= FAR).mean(axis=1) >= OF_RIM
        of_rim = alike & (np.abs(greys[:, 0] - usual) > FAR)
        if not of_rim.all():
            return start + int(of_rim.argmin())
    return most
