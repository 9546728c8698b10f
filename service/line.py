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

FULL = 0.9
"""Share of a row that is ink where it is a line of ruled paper."""

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
    """`ink` without the lines of ruled or squared paper, which go from edge to edge; strokes are closed again."""
    mask = (ink > ink.max() // 4).astype(np.uint8)
    ruled = mask.mean(axis=1) >= FULL
    if not ruled.any():
        return ink
    cleaned = _closed(ink, ruled)
    squared = mask.mean(axis=0) >= FULL
    return _closed(cleaned.T, squared).T if squared.any() else cleaned


def _closed(ink: Grey, ruled: NDArray[np.bool_]) -> Grey:
    """`ink` without its `ruled` rows and their edges, but where there is ink on both sides."""
    thick = np.count_nonzero(ruled) // np.count_nonzero(np.diff(ruled.astype(int), prepend=0) == 1)
    rows = np.convolve(ruled, np.ones(3), "same") > 0
    cleared = np.where(rows[:, np.newaxis], 0, ink).astype(np.uint8)
    bridged = cv2.morphologyEx(cleared, cv2.MORPH_CLOSE, np.ones((thick + 4, 1), np.uint8))
    return np.where(rows[:, np.newaxis], bridged, ink).astype(np.uint8)


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
    reach = OVERLAP * pen
    parts: list[Piece] = []
    price = 0.0
    for before, after, through in zip(paths, paths[1:], prices, strict=False):
        price = max(price, through)
        near = max(0, int(before.min() - reach)), min(columns, int(after.max() + reach) + 2)
        here, x = ink[:, near[0] : near[1]], np.arange(*near)
        first, last = before[:, np.newaxis], after[:, np.newaxis]
        area = np.count_nonzero(((x > first) & (x <= last)) & (here > INKED))
        if area < max(4, 0.3 * pen**2):
            continue
        part = here * ((x > first - reach) & (x <= last + reach)) if cuts else here
        left, top, width, height = cv2.boundingRect((part > INKED).view(np.uint8))
        x0, y0 = corner[0] + near[0] + left, corner[1] + top
        box = x0, y0, x0 + width, y0 + height
        cropped = part[top : top + height, left : left + width]
        parts.append(Piece(cropped, box, component, len(parts), price, int(area)))
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
        valleys = np.array([x for x in _valleys(through, spacing) if through[x] <= THROUGH], int)
        upwards, downwards = _ways(down[row::-1], valleys)[:, :0:-1], _ways(up[row:], valleys)
        found += zip(through[valleys].tolist(), np.concatenate((upwards, downwards), axis=1), strict=True)
    found.sort(key=lambda cut: cut[0])
    kept: list[tuple[float, NDArray[np.int64]]] = []
    for price, path in found:
        others = np.array([other for _, other in kept])
        if not kept or np.abs(others - path).mean(axis=1).min() >= 0.7 * spacing:
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


def _ways(sums: NDArray[np.float32], columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """The columns, [n, rows], of the cheapest seams from the first row of `sums` at `columns`, towards lesser sums."""
    padded = np.pad(sums, ((0, 0), (1, 1)), constant_values=np.inf)
    steps = np.array([0, -1, 1])
    ways = [columns]
    for row in padded[1:]:
        here = ways[-1] + 1
        near = np.stack((row[here], row[here - 1] + ASLANT, row[here + 1] + ASLANT))
        ways.append(ways[-1] + steps[near.argmin(axis=0)])
    return np.stack(ways, axis=1)


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
