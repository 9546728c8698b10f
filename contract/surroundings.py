"""What lies around the sheet, or the field of a form, that a digit was written on: a desk, a printed box."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cc3d
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contract import border
from contract.arrays import Grey, Mask
from contract.border import FAR

SMALLEST = 48
"""Shorter side of the smallest image in which a sheet is looked for, pixels."""

FINE, CELLS = 768, 96
"""Longer sides, at most: of what is looked at, pixels, and of the grid on which places are told from each other."""

MARKED = 0.15
"""Share of a cell's pixels that differ from what is around, at least, where there is something else."""

LARGE = 45
"""Sides of a sheet, at least, in hundredths of the image's."""

FEW = 1000
"""Rows and columns that are enough of a larger image."""

SPAN, ROWS = 84, 88
"""Hundredths of the longest row, at least, that so many hundredths of a sheet's rows have."""

STRAIGHT = 0.95
"""Share of a rectangle, turned and cut off by the image's edges, that a sheet covers. A 0 covers 0.8 of one."""

UPRIGHT = 0.45
"""Share of the upright rectangle around it that a sheet covers, however it is turned. Most digits cover less."""

CORNER, SHARP = 0.1, 0.65
"""Side of a corner, as a share of the sheet's, and how much of it is sheet, at least: a fat pen leaves round ones."""

SEEN = 0.25
"""Share of a side that does not lie at the image's edge, at least, where it is seen."""

TURNS = np.radians(np.arange(-45, 45, 3))
"""Angles that are tried."""

THICKEST = 0.1
"""Widest line around a sheet, as a share of the grid."""

CLEAN = 0.08
"""Share of the cells along such a line that differ from the paper, at most, where it ends: strokes may touch it."""

OUTERMOST, LONGEST = 2, 4
"""Cells that the tips of wedges may be wide and long."""

ACROSS = 0.7
"""From edge to edge, of the sheet."""

SPECK = 4
"""Cells."""

SAMPLE = 5000
"""Pixels through which a plane is put."""

WRITING = 0.3
"""Longer side of what is written on a sheet, at least, as a share of the sheet's."""

STROKE, BLOTS = 0.2, 0.02
"""Width of its strokes, at most, as a share of the sheet's shorter side, but for such a share of the ink at joints."""


class Piece(NamedTuple):
    """What is left of an image, and where it was."""

    image: Grey
    """uint8 [height, width]."""
    top: int = 0
    left: int = 0
    times: int = 1
    """Pixels of the whole, in either direction, that one of this was made of; `top` and `left` are in them."""


def without_surroundings(image: Grey) -> Grey:
    """`image`, uint8 [height, width], less what lies around a sheet in it, or a box; most are returned as they are."""
    return sheet(image).image


def sheet(image: Grey) -> Piece:
    """The sheet in `image`, or the box; of most images that is all.

    Large ones become smaller. What is not on the sheet becomes paper: a plane through the greys of the sheet.
    """
    if min(image.shape) < SMALLEST or not _may_be_around(image):
        return Piece(image)
    times = -(-max(image.shape) // FINE)
    fine = np.asarray(Image.fromarray(image).reduce(times)) if times > 1 else image
    step = -(-max(fine.shape) // CELLS)
    if min(fine.shape) < SMALLEST:
        return Piece(image)
    for around in _around(fine):
        found = ~reached(~_differing(fine, around, step))
        rectangle = _opened(found)
        if not _is_rectangle(rectangle, found):
            continue
        paper = _plane(fine, pixels(rectangle, fine, step))
        marked = _differing(fine, paper, step)
        inner = _within_lines(rectangle, marked)
        if inner is None or not _is_written(written := marked & inner, inner):
            continue
        within = pixels(inner, fine, step)
        boxed = abs(np.median(paper) - np.median(around)) <= FAR
        if _reaches_across(written, inner) if boxed else _is_hole(within & _far(fine, paper), fine, around):
            continue
        inner = _without_tips(inner, _differing(fine, paper, step, least=0))
        return _part(fine, pixels(inner, fine, step), paper, times)
    return Piece(image)


def _may_be_around(image: Grey) -> bool:
    """False of most drawings: their border is of one grey, most is near to it, and few rows of ink are equally long.

    native.c asks the same, and reads these itself.
    """
    edge = border.edge(image)
    if not border.is_plain(edge):
        return True
    step = max(1, max(image.shape) // FEW)
    image = image[::step, ::step]
    inked = image != edge[0]
    rows = np.flatnonzero(inked.any(axis=1))
    if not len(rows):
        return False
    inked = inked[rows[0] : rows[-1] + 1]
    first, after = inked.argmax(axis=1), image.shape[1] - inked[:, ::-1].argmax(axis=1)
    spans = np.where(inked.any(axis=1), after - first, 0)
    columns = inked.any(axis=0)
    width = np.flatnonzero(columns)
    extent = int(width[-1]) + 1 - int(width[0])
    large = 100 * len(inked) >= LARGE * len(image) and 100 * extent >= LARGE * image.shape[1]
    boxed = large and 100 * np.count_nonzero(100 * spans >= SPAN * extent) >= ROWS * len(inked)
    return bool(boxed or 2 * np.count_nonzero(_far(image, edge[0, ...])) >= image.size)


def _around(image: Grey) -> Iterator[Grey]:
    """What may lie around a sheet: the grey of the border, or that of the corners, if it is another."""
    paper, _ = border.paper(image)
    yield paper
    corner = np.median(image[[0, 0, -1, -1], [0, -1, 0, -1]])
    if abs(corner - np.median(paper)) > FAR:
        yield np.asarray(corner).astype(np.uint8)


def _plane(image: Grey, sheet: Mask) -> Grey:
    """Through the greys of `image` that lie in `sheet`, but for what is written there."""
    down, across = np.nonzero(sheet)
    some = slice(None, None, max(1, len(down) // SAMPLE))
    terms = np.stack((np.ones(len(down[some])), across[some], down[some]), axis=1, dtype=np.float32)
    greys = image[down[some], across[some]].astype(np.float32)
    paper = np.abs(greys - np.median(greys)) <= 2 * FAR
    for _ in range(2):
        factors, *_ = np.linalg.lstsq(terms[paper], greys[paper])
        paper = np.abs(greys - terms @ factors) <= FAR
    return border.plane(image, factors)


def _differing(image: Grey, grey: Grey, step: int, least: float = MARKED) -> Mask:
    """Where `image` is far from `grey`, in cells of `step` pixels."""
    far = _far(image, grey)
    shares = np.asarray(Image.fromarray(far.astype(np.uint8) * np.uint8(255)).reduce(step))
    differing: Mask = shares > least * 255
    return differing


def _far(image: Grey, grey: Grey) -> Mask:
    far: Mask = np.maximum(image, grey) - np.minimum(image, grey) > FAR
    return far


def pixels(cells: Mask, image: Grey, step: int) -> Mask:
    return np.kron(cells, np.ones((step, step), np.bool_))[: len(image), : image.shape[1]]


def reached(free: Mask) -> Mask:
    """The cells that are reached from the edges of the image through free ones."""
    parts = cc3d.connected_components(free, connectivity=4)
    return free & np.isin(parts, border.edge(parts))


def _is_rectangle(sheet: Mask, found: Mask) -> bool:
    """Whether it is a large one, turned by whatever angle and cut off by the edges, of which three sides are seen.

    Its corners, which `_opened` blunts, are as they were `found`.
    """
    down, across = np.nonzero(sheet)
    if not len(down) or sheet.all():
        return False
    height, width = np.ptp(down) + 1, np.ptp(across) + 1
    if min(height / len(sheet), width / sheet.shape[1]) < LARGE / 100 or len(down) < UPRIGHT * height * width:
        return False
    rows, columns = np.indices(sheet.shape, np.float32)
    inner = np.zeros(sheet.shape, np.bool_)
    inner[1:-1, 1:-1] = True
    for turn in TURNS:
        axes = np.cos(turn) * columns + np.sin(turn) * rows, np.cos(turn) * rows - np.sin(turn) * columns
        ends = [(axis[sheet].min(), axis[sheet].max()) for axis in axes]
        inside = np.logical_and.reduce([(a >= low) & (a <= high) for a, (low, high) in zip(axes, ends, strict=True)])
        if sheet.sum() < STRAIGHT * inside.sum():
            continue
        seen = [
            np.count_nonzero(sheet & inner & (np.abs(axis - end) <= 1)) >= SEEN * np.ptp(other)
            for axis, both, other in zip(axes, ends, reversed(ends), strict=True)
            for end in both
        ]
        sharp = (found[corner].mean() >= SHARP for corner in _corners(axes, ends) if corner.any())
        if sum(seen) >= 3 and all(sharp):
            return True
    return False


def _corners(axes: Sequence[NDArray[np.float32]], ends: Sequence[tuple[float, float]]) -> Iterator[Mask]:
    """The cells at each of the rectangle's four that lie in the image."""
    near = [
        [(np.abs(axis - end) <= CORNER * (both[1] - both[0])) & (axis >= both[0]) & (axis <= both[1]) for end in both]
        for axis, both in zip(axes, ends, strict=True)
    ]
    return (one & other for one in near[0] for other in near[1])


def _within_lines(sheet: Mask, marked: Mask) -> Mask | None:
    """The sheet less its edge, and less a line that runs around it."""
    for _ in range(max(1, round(THICKEST * max(sheet.shape)))):
        smaller = _smaller(sheet)
        edge, sheet = sheet & ~smaller, smaller
        if not sheet.any():
            return None
        if marked[edge].mean() <= CLEAN:
            return _smaller(sheet)
    return None


def _smaller(sheet: Mask) -> Mask:
    """By the cells that have one beside them, above or below that is none of the sheet; edges of the image are not."""
    padded = np.pad(sheet, 1, mode="edge")
    smaller: Mask = np.logical_and.reduce(
        [sheet, padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
    )
    return smaller


def _opened(sheet: Mask) -> Mask:
    """Less what is `SPECK` cells across or less, as a grain of the desk."""
    for _ in range(SPECK // 2):
        sheet = _smaller(sheet)
    for _ in range(SPECK // 2):
        sheet = ~_smaller(~sheet)
    return sheet


def _without_tips(sheet: Mask, differing: Mask) -> Mask:
    """Less the edges of the image, and the tips of wedges along them: what is left of thin surroundings."""
    sheet = sheet.copy()
    sheet[[0, -1]] = sheet[:, [0, -1]] = False
    tips = differing.copy()
    tips[OUTERMOST:-OUTERMOST, OUTERMOST:-OUTERMOST] = False
    for _ in range(LONGEST):
        sheet = sheet & ~(tips & ~_smaller(sheet))
    return sheet


def _is_written(marked: Mask, sheet: Mask) -> bool:
    """Whether something of a digit's size stands there, in strokes: what looks out of a fat 0 is none."""
    down, across = np.nonzero(marked)
    sides = _sides(sheet)
    if not len(down) or max(np.ptp(down), np.ptp(across)) + 1 < WRITING * max(sides):
        return False
    wide = marked
    for _ in range(round(STROKE * min(sides) / 2)):
        wide = _smaller(wide)
    return bool(wide.sum() <= BLOTS * marked.sum())


def _reaches_across(marked: Mask, sheet: Mask) -> bool:
    """Whether it goes from edge to edge: an 8 of straight lines is no box with a line in it."""
    touching = np.nonzero(marked & ~_smaller(sheet))
    sides = _sides(sheet)
    return any(len(axis) > 0 and np.ptp(axis) >= ACROSS * side for axis, side in zip(touching, sides, strict=True))


def _sides(sheet: Mask) -> tuple[int, int]:
    """Rows and columns that have some of it."""
    return int(np.count_nonzero(sheet.any(axis=1))), int(np.count_nonzero(sheet.any(axis=0)))


def _is_hole(written: Mask, image: Grey, around: Grey) -> bool:
    """Whether it is of the same grey as all around, which is of one: a fat 0 of straight lines is no dark sheet."""
    near = written & ~_far(image, around)
    return border.is_plain(border.edge(image)) and bool(2 * np.count_nonzero(near) >= np.count_nonzero(written))


def _part(image: Grey, inner: Mask, paper: Grey, times: int) -> Piece:
    """What lies in `inner`, on that paper, of an image that was made smaller so many times."""
    rows, columns = (np.flatnonzero(inner.any(axis=axis)) for axis in (1, 0))
    place = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return Piece(np.where(inner, image, paper)[place], times * int(rows[0]), times * int(columns[0]), times)
