"""Numbers written with MNIST's digits: side by side, uneven, slanted; apart, touching or overlapping."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from trainer.digits import Digits, Grey

Box = tuple[int, int, int, int]
"""Left, top, right, bottom: pixels, the last two excluded."""

HEIGHT = 40
"""Of the box that MNIST scaled its digits to, pixels, before they are made uneven."""

SIZES, BASELINE, SLANT = 0.25, 0.15, 0.3
"""Most that a digit's size departs from 1, its foot from the line, as a share of its height; tangent of the slant."""

MARGIN = 20
"""Pixels of paper around the number."""

INKED = 64
"""Grey level from which on two digits touch."""

GAPS = ("wide", "narrow", "touching", "overlapping")


@dataclass(frozen=True)
class Number:
    """A picture uint8 [height, width], dark on white, and what it says."""

    image: Grey
    text: str
    boxes: list[Box]
    """Of each digit's ink."""


def number(digits: Digits, length: int, gap: str, rng: np.random.Generator) -> Number:
    """`length` of `digits` at random in one line."""
    places = rng.integers(0, len(digits), length)
    line, boxes = written(list(digits.images[places]), gap, rng.uniform(-SLANT, SLANT), rng)
    return Number(255 - line, "".join(str(label) for label in digits.labels[places]), boxes)


def written(glyphs: list[Grey], gap: str, slant: float, rng: np.random.Generator) -> tuple[Grey, list[Box]]:
    """Digits as MNIST has them, uint8 [28, 28], one after the other: the line, ink 255, and where they stand in it."""
    line = np.zeros((4 * HEIGHT, HEIGHT * (len(glyphs) + 2) * 2), np.uint8)
    end = MARGIN
    boxes: list[Box] = []
    for image in glyphs:
        glyph = _glyph(image, rng.uniform(1 - SIZES, 1 + SIZES), slant)
        height, width = glyph.shape
        top = round(2.5 * HEIGHT + rng.uniform(-BASELINE, BASELINE) * height) - height
        left = _place(line, glyph, top, end, gap, rng) if boxes else end
        window = line[top : top + height, left : left + width]
        np.maximum(window, glyph, out=window)
        end = max(end, left + width)
        boxes.append((left, top, left + width, top + height))
    sides = np.array(boxes)
    (left, top), (right, bottom) = sides[:, :2].min(axis=0), sides[:, 2:].max(axis=0)
    moved = (sides - np.tile((left - MARGIN, top - MARGIN), 2)).tolist()
    return np.pad(line[top:bottom, left:right], MARGIN), [(a, b, c, d) for a, b, c, d in moved]


def _glyph(image: Grey, size: float, slant: float) -> Grey:
    """The digit alone, cut out, `size` times as large as others, leaning by `slant`."""
    factor = HEIGHT / 20 * size
    side = round(28 * factor)
    wide = Image.fromarray(np.pad(image, ((0, 0), (14, 14))))
    lean = wide.transform(wide.size, Image.Transform.AFFINE, (1, slant, -slant * 14, 0, 1, 0), Image.Resampling.BICUBIC)
    glyph = np.asarray(lean.resize((2 * side, side), Image.Resampling.BICUBIC))
    rows, columns = np.nonzero(glyph > INKED)
    return glyph[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _place(line: Grey, glyph: Grey, top: int, end: int, gap: str, rng: np.random.Generator) -> int:
    """The column where `glyph` begins; touching and overlapping ones are slid to the left until ink meets."""
    if gap == "wide":
        return end + round(HEIGHT * rng.uniform(0.3, 0.8))
    if gap == "narrow":
        return end + round(HEIGHT * rng.uniform(0.05, 0.2))
    there = line[top : top + len(glyph)] > INKED
    left = end + 2
    while left > MARGIN and not (there[:, left : left + glyph.shape[1]] & (glyph > INKED)).any():
        left -= 1
    return left - (round(0.15 * glyph.shape[1]) if gap == "overlapping" else 0)
