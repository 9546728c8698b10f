"""Ways of writing that MNIST's writers hardly have: a 1 with a flag, a 7 with a bar across."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from contract.normalisation import SIZE, normalise
from trainer.digits import Digits, Grey

FINE = 8
"""Pixels drawn for each one of the image, in either direction."""

Point = NDArray[np.float64]


def habitual(digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """A 1 with a flag, a 7 with a bar; other digits as they are."""
    image = normalise(digits.images[place])
    changes: dict[int, Callable[[Grey, np.random.Generator], Grey]] = {1: flagged, 7: barred}
    change = changes.get(int(digits.labels[place]))
    return change(image, rng) if change else image


def flagged(one: Grey, rng: np.random.Generator, shortest: float = 0.2, longest: float = 0.6) -> Grey:
    """A normalised 1, uint8 [28, 28], with a flag from its top down to the left, normalised again.

    The flag is as thick as the stroke, `shortest` to `longest` times as long as the 1 is high, and falls by 35 to 65
    degrees.
    """
    rows, columns = np.nonzero(one > 127)
    height = np.ptp(rows) + 1
    pen = max(1.5, one.sum() / 255 / height)
    tip = np.array([columns[rows == rows.min()].mean() + 0.5, rows.min() + pen / 2])
    angle = np.radians(rng.uniform(35, 65))
    end = tip + rng.uniform(shortest, longest) * height * np.array([-np.cos(angle), np.sin(angle)])
    return _with_line(one, tip, end, pen)


def barred(seven: Grey, rng: np.random.Generator) -> Grey:
    """A normalised 7, uint8 [28, 28], with a short bar across its stem at half its height, normalised again."""
    rows, columns = np.nonzero(seven > 127)
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    row = round(rows.min() + rng.uniform(0.42, 0.62) * height)
    across = columns[rows == row]
    if len(across) == 0:
        return seven
    pen = max(1.5, np.median([np.count_nonzero(rows == r) for r in range(row, rows.max() + 1)]))
    half = rng.uniform(0.2, 0.4) * width * np.array([1, rng.uniform(-0.3, 0.15)])
    middle = np.array([across.mean() + 0.5, row + 0.5])
    return _with_line(seven, middle - half, middle + half, min(pen, 4))


def _with_line(image: Grey, start: Point, end: Point, pen: float) -> Grey:
    margin = SIZE // 2  # the line may leave the image
    paper = Image.new("L", ((SIZE + 2 * margin) * FINE,) * 2)
    paper.paste(Image.fromarray(image).resize((SIZE * FINE, SIZE * FINE)), (margin * FINE, margin * FINE))
    draw = ImageDraw.Draw(paper)
    points = [tuple((point + margin) * FINE) for point in (start, end)]
    draw.line(points, fill=255, width=round(pen * FINE))
    for point in points:
        draw.circle(point, pen * FINE / 2, fill=255)
    return normalise(np.asarray(paper))
