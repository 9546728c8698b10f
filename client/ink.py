"""Draws a round pen's line with soft edges."""

from collections.abc import Sequence
from math import ceil, floor

from PIL import Image, ImageChops, ImageDraw

Point = tuple[float, float]
"""Pixels from the left and from the top."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom: pixels, the last two excluded."""

PAPER = 255
INK = 0

FINE = 4
"""Pixels drawn for each one of the picture, in either direction: the edges get 16 shades."""

STEP = 4.0
"""Pixels between two points of a curve."""


def curve(before: Point, start: Point, end: Point, after: Point) -> list[Point]:
    """Points from `start` to `end` on the Catmull-Rom spline through all four (Catmull & Rom 1974, uniform)."""
    steps = max(1, ceil((abs(end[0] - start[0]) + abs(end[1] - start[1])) / STEP))
    return [
        (_spline(before[0], start[0], end[0], after[0], t), _spline(before[1], start[1], end[1], after[1], t))
        for t in (step / steps for step in range(steps + 1))
    ]


def _spline(a: float, b: float, c: float, d: float, t: float) -> float:
    return b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))


def smooth(points: Sequence[Point]) -> list[Point]:
    """The curve through all `points`, of which there is one at least."""
    padded = [points[0], *points, points[-1]]
    pieces = [curve(*padded[i : i + 4]) for i in range(len(points) - 1)]
    return [point for piece in pieces for point in piece] or [points[0]]


def draw(picture: Image.Image, line: Sequence[Point], width: float) -> Box:
    """Draw `line` into `picture`, mode "L"; what lies outside is left out. Returns the box that may have changed."""
    reach = width / 2 + 1
    across, down = [x for x, _ in line], [y for _, y in line]
    left, top = max(0, floor(min(across) - reach)), max(0, floor(min(down) - reach))
    right, bottom = min(picture.width, ceil(max(across) + reach)), min(picture.height, ceil(max(down) + reach))
    if left >= right or top >= bottom:
        return (0, 0, 0, 0)
    tile = Image.new("L", ((right - left) * FINE, (bottom - top) * FINE), PAPER)
    pen = ImageDraw.Draw(tile)
    fine = [((x - left) * FINE, (y - top) * FINE) for x, y in line]
    if len(fine) > 1:
        pen.line(fine, fill=INK, width=round(width * FINE))
    for point in fine:
        pen.circle(point, width * FINE / 2, fill=INK)
    box = (left, top, right, bottom)
    picture.paste(ImageChops.darker(picture.crop(box), tile.reduce(FINE)), box)
    return box
