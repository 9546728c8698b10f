"""What people draw under what they wrote, or around it: a line, a ring, a box by hand. The writing without that."""

import cc3d
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from contract.arrays import Grey, Mask
from contract.border import boxes, components, measured
from contract.surroundings import pixels, reached

CELLS, COARSEST, PIECES = 640, 16, 100
"""Longer side of the grid on which it is looked for, pixels in a cell's side, and strokes and grains, at most. native.c
knows the first: where cells have several pixels, all is left to Python."""

FLAT, WIDE = 0.22, 0.35
"""Height of a line as a share of its width, at most, and its width as one of the tallest stroke's height, at least."""

TALL, APART = 0.6, 0.08
"""Height of what is underlined, as a share of the tallest stroke's, at least, and its distance from the line, as one of
the height of all."""

FRINGE = 4
"""How far the soft edge of a line reaches, pixels."""

DUST = 0.1
"""Longer side of what is overlooked, as a share of the tallest stroke's height, at most."""

INNER = 0.35
"""Height of what stands in a ring, at least, as a share of the ring's, or width, where it is more than one stroke."""

HOLLOW = 0.6
"""Height and width of what lies in a ring, at least, as shares of its own: a panel with a digit cut out is no ring."""

CONVEX = 0.9
"""Share of rows and columns of what lies in a ring that are in one piece, at least: fewer are where ink touches it."""

STRAIGHT = 0.05
"""Ratio of variances, across and along, the pen's left out, up to which a stroke is straight, or a dot: a 0 with such a
one in it is slashed or dotted."""

SLANT = 1.5
"""Width of a slash, as a multiple of its height, at most."""

ROUND, ANGULAR = 0.7, 0.87
"""Shares of the rectangle around it that lie in a ring, and in a box, at least; in an ellipse it is 0.79."""

LOOP = 0.6
"""Height and width of the hole in a loop, as shares of its own, at least; in a 6 or a 9 it is lower."""

OPEN = 0.05
"""How far a ring may be open, as a share of its longer side."""

Sides = NDArray[np.int64]


def without_emphasis(ink: Grey, place: tuple[slice, slice]) -> Grey:
    """`ink`, uint8 [height, width], without a line under what is written at its `place`, or a ring around it.

    Where there is no such thing it is returned as it is.
    """
    part = ink[place]
    if (step := -(-max(part.shape) // CELLS)) > COARSEST:
        return ink
    mask = part > int(ink.max()) // 4
    cells = np.asarray(Image.fromarray(mask).convert("L").reduce(step)) > 0 if step > 1 else mask
    labels = components(cells)
    if not 1 < labels.max() <= PIECES:
        return ink
    first, after, _ = measured(labels)
    found = [*_lines(labels, first, after), *_rings(labels, first, after)]
    if not found:
        return ink
    gone = pixels(np.isin(labels, found), part, step)
    wide = np.asarray(Image.fromarray(gone).convert("L").filter(ImageFilter.BoxBlur(FRINGE))) > 0
    rest = ink.copy()
    rest[place][wide & ~(mask & ~gone)] = 0
    return rest


def _lines(labels: NDArray[np.uint32], first: Sides, after: Sides) -> list[int]:
    """Those flat ones that are as wide as all else, which is above them, some way off, and some of it tall."""
    high, wide = (after - first).T
    tallest = high.max()
    flat = (high <= FLAT * wide) & (wide >= WIDE * tallest)
    large = ~flat & (np.maximum(high, wide) > DUST * tallest)
    if not flat.any() or not large.any():
        return []
    tall = large & (high >= TALL * tallest)
    (top, left), (bottom, right) = first[large].min(axis=0), after[large].max(axis=0)
    least = APART * (bottom - top)
    found = []
    for place in np.flatnonzero(flat & (first[:, 1] <= left) & (after[:, 1] >= right)).tolist():
        here = labels[:, first[place, 1] : after[place, 1]]
        line, others = here == place + 1, np.insert(large, 0, False)[here]
        both = others.any(axis=0) & line.any(axis=0)
        gaps = line.argmax(axis=0) + others[::-1].argmax(axis=0) - len(here)
        above = np.insert(tall & (after[:, 0] <= after[place, 0]), 0, False)[here].any()
        if above and gaps[both].min(initial=len(here)) >= least:
            found.append(place + 1)
    return found


def _rings(labels: NDArray[np.uint32], first: Sides, after: Sides) -> list[int]:
    """The largest of all, if it goes around all others and is no stroke of a digit."""
    sides = after - first
    ring = int(sides.prod(axis=1).argmax())
    least = INNER * sides[ring]
    boxed = (first > first[ring]).all(axis=1) & (after < after[ring]).all(axis=1)
    if (sides[boxed].sum(axis=0) < least).all():  # as in most drawings
        return []
    others = sides.max(axis=1) > DUST * sides[ring, 0]
    others[ring] = False
    written = np.flatnonzero(others)
    within = _within(labels == ring + 1, round(OPEN * sides[ring].max() / 2))
    inner = np.bincount(labels[within], minlength=len(sides) + 1)[1:] > 0
    thin = (_extent(within) >= HOLLOW * sides[ring]).all()
    if not thin or not len(written) or not inner[written].all():
        return []
    extent = after[written].max(axis=0) - first[written].min(axis=0)
    large = extent[0] >= least[0] or (len(written) > 1 and extent[1] >= least[1])
    if not large or not _is_round(within):
        return []
    places = boxes(labels)
    pieces = [labels[places[place]] == place + 1 for place in written.tolist()]
    slashed = len(pieces) == 1 and _is_straight(pieces[0]) and _filled(within) < ANGULAR
    return [] if slashed or all(map(_is_loop, pieces)) else [ring + 1]


def _within(ring: Mask, reach: int) -> Mask:
    """What it goes around, if it is open nowhere by more than twice that `reach`."""
    ink = Image.fromarray(np.pad(ring, reach + 1)).convert("L")
    wide = np.asarray(ink.filter(ImageFilter.BoxBlur(reach))) > 0
    within: Mask = ~wide & ~reached(~wide)
    return within[reach + 1 : -reach - 1, reach + 1 : -reach - 1]


def _is_round(mask: Mask) -> bool:
    """Whether nearly all rows and columns of it are in one piece, and it fills as much as an ellipse or a rectangle."""
    runs = [np.count_nonzero(np.diff(one, axis=1, prepend=False) & one, axis=1) for one in (mask, mask.T)]
    whole = all(np.mean(some[some > 0] == 1) >= CONVEX for some in runs if some.any())
    return whole and _filled(mask) >= ROUND


def _filled(mask: Mask) -> float:
    """Share of the rectangle around it."""
    return float(mask.sum()) / max(1.0, float(_extent(mask).prod()))


def _extent(mask: Mask) -> Sides:
    """Rows and columns that have some of it, [2]."""
    return np.array([np.count_nonzero(mask.any(axis=axis)) for axis in (1, 0)])


def _is_loop(piece: Mask) -> bool:
    """Whether it is a ring itself, as the inner edge of a stroke where both are drawn; a 6 is more than that."""
    holes = cc3d.connected_components(_within(piece, 0), connectivity=4)
    hole = holes == 1 + np.bincount(holes.ravel(), minlength=2)[1:].argmax()
    return bool((_extent(hole) >= LOOP * np.array(piece.shape)).all())


def _is_straight(stroke: Mask) -> bool:
    """Whether it is a straight bar that is not flat, or a dot, with whatever pen."""
    height, width = stroke.shape
    if width > SLANT * height:
        return False
    across, along = np.linalg.eigvalsh(np.cov(np.array(np.nonzero(stroke))))
    length = np.sqrt(12 * along)
    pen = np.count_nonzero(stroke) / length
    return bool(across - pen**2 / 12 <= STRAIGHT * along)
