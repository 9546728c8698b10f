"""Lines and curves, and what a pen makes of them."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from trainer.strings import DIGIT, Glyph

FINE = 4
"""Pixels drawn for each one of the picture, in either direction."""

PENS = 1.5, 4
"""Widths, pixels, beside MNIST's digits."""

Stroke = NDArray[np.float64]
"""A line or a curve: points as x and y [n, 2] in heights of a digit, whose foot is at 0 and whose top is at 1."""


def curve(start: tuple[float, float], end: tuple[float, float], bulge: float) -> Stroke:
    """An arc from one to the other that is so far to the right of the straight line half-way."""
    (x, y), (across, up) = start, np.subtract(end, start)
    t = np.linspace(0, 1, 12)
    return np.stack((x + t * across + 4 * t * (1 - t) * bulge, y + t * up), axis=1)


def ring(middle: tuple[float, float], radius: float) -> Stroke:
    angles = np.linspace(0, 2 * np.pi, 16)
    return middle + radius * np.stack((np.cos(angles), np.sin(angles)), axis=1)


def drawn(strokes: list[Stroke], rng: np.random.Generator) -> Glyph:
    """With some pen."""
    pen = round(FINE * rng.uniform(*PENS))
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    width, height = (np.ceil((high - low) * DIGIT) * FINE + 4 * pen).astype(int).tolist()
    picture = Image.new("L", (width, height))
    brush = ImageDraw.Draw(picture)
    for stroke in strokes:
        places = [(x, height - y) for x, y in ((stroke - low) * DIGIT * FINE + 2 * pen).tolist()]
        brush.line(places, 255, pen, joint="curve")
        for place in (places[0], places[-1]):
            brush.circle(place, pen / 2, 255)
    smaller = picture.resize((width // FINE, height // FINE), Image.Resampling.BOX)
    return Glyph(np.asarray(smaller), low[1] - pen / 2 / DIGIT / FINE)
