"""Ways of writing that MNIST's writers hardly have: slashed or dotted 0s, 1s with a flag or a foot, barred 7s."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from contract.arrays import Grey
from contract.normalisation import SIZE, normalise
from trainer.digits import Digits
from trainer.redrawing import random_look, redraw

FINE = 8
"""Pixels drawn for each one of the image, in either direction."""

TICK, SHORT = 0.25, 0.38
"""Lengths of a flag, as shares of the 1's height: one below the first may be nearly level, one below the second need
not be steep, as in print. A longer one that is makes a 7."""

STEPS = 40
"""Points of a line."""

REDRAWN = 0.5
"""Share of the digits with a habit that training sees redrawn with any pen on any paper."""

Point = NDArray[np.float64]

Habit = Callable[[Grey, np.random.Generator], Grey]
"""Normalised digit, uint8 [28, 28] → the same with a line more, normalised again."""


def slashed(zero: Grey, rng: np.random.Generator) -> Grey:
    """A 0 with a line across, from the lower left to the upper right for most, that ends within it or beyond."""
    low, high = _extent(zero)
    angle = np.radians(rng.uniform(25, 65))
    direction = np.array([rng.choice([1, 1, 1, -1]) * np.cos(angle), -np.sin(angle)])
    radius = 1 / np.hypot(*(direction / ((high - low) / 2)))  # of an ellipse, that way
    half = rng.uniform(0.5, 1.4) * radius * direction
    middle = (low + high) / 2 + rng.normal(0, 0.5, 2)
    return _with_line(zero, middle - half, middle + half, _pen(zero))


def dotted(zero: Grey, rng: np.random.Generator) -> Grey:
    """A 0 with a dot in its middle."""
    low, high = _extent(zero)
    middle = (low + high) / 2 + rng.normal(0, 0.7, 2)
    return _with_line(zero, middle, middle + rng.uniform(0.01, 1, 2), _pen(zero) * rng.uniform(1, 1.5))


def flagged(one: Grey, rng: np.random.Generator, shortest: float = 0.2, longest: float = 0.6) -> Grey:
    """A 1 with a flag from its top down to the left.

    The flag is as thick as the stroke, `shortest` to `longest` times as long as the 1 is high, and falls by 35 to 65
    degrees, or less where it is short; it sags by up to a fifth of its length, a fourth then.
    """
    rows, columns = np.nonzero(one > 127)
    height, pen = np.ptp(rows) + 1, _upright_pen(one)
    tip = np.array([columns[rows == rows.min()].mean() + 0.5, rows.min() + pen / 2])
    length = rng.uniform(shortest, longest)
    angle = np.radians(rng.uniform(10 if length < TICK else 18 if length < SHORT else 35, 65))
    end = tip + length * height * np.array([-np.cos(angle), np.sin(angle)])
    return _with_line(one, tip, end, pen, bend=rng.uniform(-0.05, 0.25 if length < SHORT else 0.2))


def footed(one: Grey, rng: np.random.Generator) -> Grey:
    """A 1 on a line of a fourth to three fourths of its height."""
    rows, columns = np.nonzero(one > 127)
    height, pen = np.ptp(rows) + 1, _upright_pen(one)
    end = np.array([columns[rows == rows.max()].mean() + 0.5, rows.max() + 1 - pen / 2])
    along = height * np.array([1, rng.normal(0, 0.08)])
    left, right = rng.uniform(0.12, 0.38, 2)
    return _with_line(one, end - left * along, end + right * along, pen)


def barred(seven: Grey, rng: np.random.Generator) -> Grey:
    """A 7 with a short bar across its stem at half its height."""
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


def _long_flagged(one: Grey, rng: np.random.Generator) -> Grey:
    return flagged(one, rng, shortest=0.1, longest=0.95)


def _footed(one: Grey, rng: np.random.Generator) -> Grey:
    """With a flag as well, or without."""
    return footed(flagged(one, rng, shortest=0.08, longest=0.5) if rng.random() < 0.5 else one, rng)


HABITS: dict[str, tuple[int, Habit]] = {
    "0 with a slash": (0, slashed),
    "0 with a dot": (0, dotted),
    "1 with a flag": (1, _long_flagged),
    "1 with a foot": (1, _footed),
    "7 with a bar": (7, barred),
}
"""Digit and habit, by the name of their row in the report."""

LABELS = sorted({label for label, _ in HABITS.values()})
"""Digits that have some."""


def with_habit(name: str, digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """One of `HABITS`; other digits than its own as they are."""
    image, (label, habit) = normalise(digits.images[place]), HABITS[name]
    return habit(image, rng) if digits.labels[place] == label else image


def habitual(digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """Any habit of the digit, redrawn or as it is; digits that have none as they are."""
    image, label = normalise(digits.images[place]), int(digits.labels[place])
    if label not in LABELS:
        return image
    image = with_any_habit(image, label, rng)
    return redraw(image, random_look(rng), rng) if rng.random() < REDRAWN else image


def with_any_habit(image: Grey, label: int, rng: np.random.Generator) -> Grey:
    """A normalised digit with any of the habits of its label, one of `LABELS`."""
    habits = [habit for of, habit in HABITS.values() if of == label]
    return habits[rng.integers(len(habits))](image, rng)


def _extent(image: Grey) -> tuple[Point, Point]:
    """Corners of what is inked, as x, y."""
    rows, columns = np.nonzero(image > 127)
    return np.array([columns.min(), rows.min()], float), np.array([columns.max(), rows.max()]) + 1.0


def _pen(image: Grey) -> float:
    """Twice the area of what is inked by the length of its edge."""
    inked = image > 127
    edge = int(np.count_nonzero(inked & ~ndimage.binary_erosion(inked)))
    return max(1.5, min(4.0, 2 * int(np.count_nonzero(inked)) / max(1, edge)))


def _upright_pen(one: Grey) -> float:
    """Of a 1: its ink by its height."""
    rows = np.nonzero((one > 127).any(axis=1))[0]
    return max(1.5, float(one.sum()) / 255 / (int(np.ptp(rows)) + 1))


def _with_line(image: Grey, start: Point, end: Point, pen: float, bend: float = 0) -> Grey:
    """With a line more, whose middle lies to the left by this share of its length, seen from its start."""
    margin = SIZE // 2  # the line may leave the image
    paper = Image.new("L", ((SIZE + 2 * margin) * FINE,) * 2)
    paper.paste(Image.fromarray(image).resize((SIZE * FINE, SIZE * FINE)), (margin * FINE, margin * FINE))
    draw = ImageDraw.Draw(paper)
    t, (x, y) = np.linspace(0, 1, STEPS)[:, np.newaxis], end - start
    points = start + t * (end - start) + 4 * t * (1 - t) * bend * np.array([y, -x])
    for point in (points + margin) * FINE:
        draw.circle(tuple(point), pen * FINE / 2, fill=255)
    return normalise(np.asarray(paper))
