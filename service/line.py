"""A line of writing → its pieces of ink: connected components, cut where they may be more than one digit.

Cuts are seams: the ways from top to bottom that cross the least ink (Avidan & Shamir 2007, section 3), so that they
pass between slanted and interlocking digits. There are too many of them; the lattice decides which are between digits.
"""

from dataclasses import dataclass

import cc3d
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contract.normalisation import BlankImageError, bounds, evened, inked, pen_width
from service.decoding import Grey

HEIGHT = 88
"""Of the line on the grid that it is taken apart on, pixels: digits have some 80, as when one is normalised."""

WIDEST = 100 * HEIGHT
"""Wider lines are no numbers, grid pixels."""

MOST_COMPONENTS = 300
"""Specks aside."""

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
    if not ink.any():
        raise BlankImageError
    rows, columns = bounds(ink)
    factor = HEIGHT / (rows.stop - rows.start)
    width = max(1, round((columns.stop - columns.start) * factor))
    if width > WIDEST:
        raise UnreadableError("the line is too long for a number")
    grid = evened(resized(ink[rows, columns], width, HEIGHT))
    pen = pen_width(grid)
    pieces, height = _pieces(grid, pen)
    return Line(pieces, pen, height, columns.start * reduced, rows.start * reduced, reduced / factor)


def resized(ink: Grey, width: int, height: int) -> Grey:
    """`ink` on another grid, its darkest level 255."""
    way = Image.Resampling.BOX if height < ink.shape[0] or width < ink.shape[1] else Image.Resampling.BICUBIC
    scaled = np.asarray(Image.fromarray(ink).resize((width, height), way))
    darkest = int(scaled.max())
    return scaled if darkest in (0, 255) else (scaled * np.float32(255 / darkest)).astype(np.uint8)


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
    rows = (np.convolve(ruled, np.ones(3), "same") > 0)[:, np.newaxis]
    cleared = np.where(rows, 0, ink).astype(np.uint8)
    above, below = cleared.copy(), cleared.copy()
    for step in range(1, min(int(thick) + 3, len(ink))):
        np.maximum(above[step:], cleared[:-step], out=above[step:])
        np.maximum(below[:-step], cleared[step:], out=below[:-step])
    return np.where(rows, np.minimum(above, below), ink).astype(np.uint8)


def _pieces(grid: Grey, pen: float) -> tuple[list[Piece], float]:
    """The pieces in `grid` from left to right, and the height of its digits."""
    labels = cc3d.connected_components(grid > SOLID, connectivity=8)
    found = cc3d.statistics(labels)
    large = [k for k, size in enumerate(found["voxel_counts"]) if k and size >= max(6, 0.25 * pen**2)]
    if len(large) > MOST_COMPONENTS:
        raise UnreadableError("there is too much on the paper for a number")
    windows = {k: found["bounding_boxes"][k] for k in large}
    heights = [rows.stop - rows.start for rows, _ in windows.values()]
    height = float(np.median([tall for tall in heights if tall > 0.4 * HEIGHT] or [HEIGHT]))
    pieces = []
    for k, (rows, columns) in windows.items():
        ink = np.where(labels[rows, columns] == k, grid[rows, columns], 0).astype(np.uint8)
        cuts = _cuts(ink, height, pen) if ink.shape[1] > NARROW * height else []
        pieces += _parts(ink, (columns.start, rows.start), k, cuts, pen)
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
        here, across = ink[:, near[0] : near[1]], np.arange(*near)
        first, last = before[:, np.newaxis], after[:, np.newaxis]
        area = np.count_nonzero((across > first) & (across <= last) & (here > INKED))
        if area < max(4, 0.3 * pen**2):
            continue
        part = here * ((across > first - reach) & (across <= last + reach)) if cuts else here
        left, top, right, bottom = Image.fromarray(part > INKED).getbbox() or (0, 0, *part.shape[::-1])
        x, y = corner[0] + near[0], corner[1]
        box = x + left, y + top, x + right, y + bottom
        parts.append(Piece(part[top:bottom, left:right], box, component, len(parts), price, int(area)))
        price = 0.0
    return parts


def _cuts(ink: Grey, height: float, pen: float) -> list[tuple[float, NDArray[np.int64]]]:
    """Seams through `ink` from left to right: the pens they go through, and their column in each row."""
    half = np.asarray(Image.fromarray(ink).reduce(2), np.float32)
    cost = np.asarray(half / 255 + 0.002, np.float32)  # of two ways through paper, the shorter
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
