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


def middle(one: Point, other: Point) -> Point:
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def bend(before: Point, point: Point, after: Point) -> list[Point]:
    """The curve past `point`, from the middle of the way to it to the middle of the way on.

    A quadratic Bézier curve with `point` as its control, as drawing programs join them: it never overshoots, however
    unevenly the points come.
    """
    start, end = middle(before, point), middle(point, after)
    steps = max(1, ceil((abs(end[0] - start[0]) + abs(end[1] - start[1])) / STEP))
    return [
        (_bezier(start[0], point[0], end[0], t), _bezier(start[1], point[1], end[1], t))
        for t in (step / steps for step in range(steps + 1))
    ]


def _bezier(start: float, control: float, end: float, t: float) -> float:
    return (1 - t) ** 2 * start + 2 * (1 - t) * t * control + t**2 * end


def smooth(points: Sequence[Point]) -> list[Point]:
    """The line through all `points`, of which there is one at least, bent at each but the first and the last."""
    bends = [bend(*points[i : i + 3]) for i in range(len(points) - 2)]
    return [points[0], *(point for piece in bends for point in piece), points[-1]]


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
        pen.line(fine, fill=INK, width=round(width * FINE) + 1)  # as wide as the circles
    for point in fine:
        pen.circle(point, width * FINE / 2, fill=INK)
    box = (left, top, right, bottom)
    picture.paste(ImageChops.darker(picture.crop(box), tile.reduce(FINE)), box)
    return box
