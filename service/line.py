"""A line of writing → its pieces of ink: connected components, cut where they may be more than one digit.

Cuts are seams: the ways from top to bottom that cross the least ink (Avidan & Shamir 2007, section 3), so that they
pass between slanted and interlocking digits. There are too many of them; the lattice decides which are between digits.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from contract.normalisation import BlankImageError, evened, extent, inked, pen_width
from service.decoding import Grey

HEIGHT = 88
"""Of the line on the grid that it is taken apart on, pixels: digits have some 80, as when one is normalised."""

WIDEST = 100 * HEIGHT
"""Wider lines are no numbers, grid pixels."""

MOST_COMPONENTS = 400

INKED, SOLID = 64, 100
"""Grey levels from which on there is ink, and ink that connects."""

NARROW = 0.55
"""Width up to which a component is not cut, as a share of the digits' height."""

SPACING = 0.17
"""Least distance between two cuts, as a share of the digits' height."""

THROUGH = 2.6
"""Most ink that a cut goes through, widths of the pen."""

OVERLAP = 0.35
"""Widths of the pen that both sides of a cut keep of the other's ink: where strokes meet it is both's."""

ASLANT = 0.05
"""What a step of a seam to the side costs, in pixels of ink."""

LEVELS = (0.3, 0.5, 0.7)
"""Heights at which cuts are looked for, as shares of the component's."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom: pixels, the last two excluded."""


@dataclass(frozen=True)
class Piece:
    """Ink on the grid, uint8 [bottom - top, right - left]."""

    ink: Grey
    box: Box
    component: int
    number: int
    """From the left, within the component."""
    cut: float
    """Widths of the pen that the cut at its left goes through; 0 where it is the component's own edge."""
    area: int
    """Pixels with ink."""


@dataclass(frozen=True)
class Line:
    pieces: list[Piece]
    """From left to right."""
    pen: float
    """Width of its strokes, grid pixels."""
    height: float
    """Of its digits, grid pixels."""
    left: float
    top: float
    scale: float
    """These three lead from the grid to the caller's pixels."""

    def place(self, box: Box) -> Box:
        """`box` of the grid in the caller's pixels."""
        left, top, right, bottom = (side * self.scale for side in box)
        return (
            int(left + self.left),
            int(top + self.top),
            int(np.ceil(right + self.left)),
            int(np.ceil(bottom + self.top)),
        )


class UnreadableError(ValueError):
    """There is something on the paper, but no number; the text says what."""


def find_line(image: Grey) -> Line:
    """The line of writing in `image`, uint8 [height, width]. Raises `BlankImageError`, `UnreadableError`."""
    ink = without_rules(inked(image))
    reduced = image.shape[1] / ink.shape[1]
    mask = ink > ink.max() // 4
    if not mask.any():
        raise BlankImageError
    top, bottom = extent(np.add.reduce(mask, axis=1, dtype=np.uint32))
    left, right = extent(np.add.reduce(mask[top:bottom], axis=0, dtype=np.uint32))
    factor = HEIGHT / (bottom - top)
    width = max(1, round((right - left) * factor))
    if width > WIDEST:
        raise UnreadableError("the line is too long for a number")
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    grid = evened(stretched(cv2.resize(ink[top:bottom, left:right], (width, HEIGHT), interpolation=way)))
    pen = pen_width(grid)
    pieces, height = _pieces(grid, pen)
    return Line(pieces, pen, height, left * reduced, top * reduced, reduced / factor)


def stretched(ink: NDArray[np.integer[Any] | np.floating[Any]]) -> Grey:
    """`ink`, uint8, with its darkest level 255."""
    return np.asarray(cv2.convertScaleAbs(ink, alpha=255 / max(1, int(ink.max()))), np.uint8)


def without_rules(ink: Grey) -> Grey:
    """`ink` without the lines of ruled or squared paper; strokes that cross them are closed again."""
    mask = (ink > ink.max() // 4).astype(np.uint8)
    ruled = _runs(mask, (ink.shape[1] // 3, 1))
    if np.count_nonzero(ruled.any(axis=0)) < 0.9 * ink.shape[1]:
        return ink
    cleaned = _closed(ink, ruled, upright=True)
    squared = _runs(mask, (1, ink.shape[0] // 2))
    if np.count_nonzero(squared.any(axis=1)) < 0.9 * ink.shape[0]:
        return cleaned
    return _closed(cleaned, squared, upright=False)


def _runs(mask: Grey, size: tuple[int, int]) -> Grey:
    """What of `mask` belongs to straight runs at least as long as `size`, width and height."""
    kernel = np.ones((max(1, size[1]), max(1, size[0])), np.uint8)
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel), np.uint8)


def _closed(ink: Grey, lines: Grey, *, upright: bool) -> Grey:
    """`ink` without `lines`, but where there is ink on both sides of one."""
    thick = 2 * int(np.median(lines.sum(axis=0 if upright else 1)[lines.any(axis=0 if upright else 1)])) + 3
    wider = cv2.dilate(lines, np.ones((3, 1) if upright else (1, 3), np.uint8)) > 0
    cleared = np.where(wider, 0, ink).astype(np.uint8)
    bridge = np.ones((thick, 1) if upright else (1, thick), np.uint8)
    closed: Grey = np.where(wider, cv2.morphologyEx(cleared, cv2.MORPH_CLOSE, bridge), cleared)
    return closed


def _pieces(grid: Grey, pen: float) -> tuple[list[Piece], float]:
    """The pieces in `grid` from left to right, and the height of its digits."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((grid > SOLID).astype(np.uint8), connectivity=8)
    if count > MOST_COMPONENTS:
        raise UnreadableError("there is too much on the paper for a number")
    large = [k for k in range(1, count) if stats[k, cv2.CC_STAT_AREA] >= max(6, 0.25 * pen**2)]
    heights = [stats[k, cv2.CC_STAT_HEIGHT] for k in large]
    height = float(np.median([tall for tall in heights if tall > 0.4 * HEIGHT] or [HEIGHT]))
    pieces = []
    for k in large:
        left, top, width, tall, _ = stats[k].tolist()
        window = np.s_[top : top + tall, left : left + width]
        ink = np.where(labels[window] == k, grid[window], 0).astype(np.uint8)
        cuts = _cuts(ink, height, pen) if width > NARROW * height else []
        pieces += _parts(ink, (left, top), k, cuts, pen)
    pieces.sort(key=lambda piece: piece.box[0] + piece.box[2])
    return pieces, height


def _parts(
    ink: Grey, corner: tuple[int, int], component: int, cuts: list[tuple[float, NDArray[np.int64]]], pen: float
) -> list[Piece]:
    """`ink` between its `cuts`, from left to right."""
    rows, columns = ink.shape
    paths = [np.full(rows, -1), *(path for _, path in cuts), np.full(rows, columns)]
    prices = [0.0, *(price for price, _ in cuts)]
    x, reach = np.arange(columns), OVERLAP * pen
    parts: list[Piece] = []
    price = 0.0
    for before, after, through in zip(paths, paths[1:], prices, strict=False):
        price = max(price, through)
        first, last = before[:, np.newaxis], after[:, np.newaxis]
        between = np.where((x > first) & (x <= last), ink, 0) > INKED
        if np.count_nonzero(between) < max(4, 0.3 * pen**2):
            continue
        part = np.where((x > first - reach) & (x <= last + reach), ink, 0).astype(np.uint8) if cuts else ink
        left, top, width, height = cv2.boundingRect((part > INKED).astype(np.uint8))
        box = corner[0] + left, corner[1] + top, corner[0] + left + width, corner[1] + top + height
        cropped = part[top : top + height, left : left + width]
        parts.append(Piece(cropped, box, component, len(parts), price, int(np.count_nonzero(between))))
        price = 0.0
    return parts


def _cuts(ink: Grey, height: float, pen: float) -> list[tuple[float, NDArray[np.int64]]]:
    """Seams through `ink` from left to right: the pens they go through, and their column in each row."""
    half = cv2.resize(ink, (max(1, ink.shape[1] // 2), max(1, ink.shape[0] // 2)), interpolation=cv2.INTER_AREA)
    cost = half / np.float32(255) + np.float32(0.002)  # of two ways through paper, the shorter
    down, up = _sums(cost), _sums(cost[::-1])[::-1]
    spacing = max(2, round(SPACING * height / 2))
    found: list[tuple[float, NDArray[np.int64]]] = []
    for level in LEVELS:
        row = int(level * (len(cost) - 1))
        through = (down[row] + up[row] - cost[row]) * (2 / pen)
        for column in _valleys(through, spacing):
            if through[column] <= THROUGH:
                path = np.concatenate((_way(down[row::-1], column)[::-1], _way(up[row:], column)[1:]))
                found.append((float(through[column]), path))
    found.sort(key=lambda cut: cut[0])
    kept: list[tuple[float, NDArray[np.int64]]] = []
    for price, path in found:
        if all(np.abs(path - other).mean() >= 0.7 * spacing for _, other in kept):
            kept.append((price, path))
    kept.sort(key=lambda cut: float(cut[1].mean()))
    rows = np.minimum(np.arange(ink.shape[0]) // 2, len(cost) - 1)
    return [(price, 2 * path[rows]) for price, path in kept]


def _sums(cost: NDArray[np.float32]) -> NDArray[np.float32]:
    """The least cost of a seam from the first row to each place."""
    sums = cost.copy()
    padded = np.full(cost.shape[1] + 2, np.inf, np.float32)
    for row in range(1, len(cost)):
        padded[1:-1] = sums[row - 1]
        sums[row] += np.minimum(padded[1:-1], np.minimum(padded[:-2], padded[2:]) + np.float32(ASLANT))
    return sums


def _way(sums: NDArray[np.float32], column: int) -> NDArray[np.int64]:
    """The columns of the cheapest seam from the first row of `sums` at `column` on, towards where sums are less."""
    columns = sums.shape[1]
    way = [column]
    for row in sums[1:]:
        here = way[-1]
        near = range(max(0, here - 1), min(columns, here + 2))
        way.append(min(near, key=lambda x: row[x] + (ASLANT if x != here else 0)))
    return np.array(way)


def _valleys(through: NDArray[np.float32], spacing: int) -> list[int]:
    """Columns where `through` is least, the lowest first, none nearer to another than `spacing`."""
    free = np.ones(len(through), bool)
    free[:2] = free[-2:] = False
    valleys = []
    for column in np.argsort(through).tolist():
        if free[column]:
            valleys.append(column)
            free[max(0, column - spacing) : column + spacing + 1] = False
    return valleys
