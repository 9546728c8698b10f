"""Numbers written with MNIST's digits: side by side, uneven, slanted; apart, touching or overlapping."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from contract.arrays import Grey
from trainer.digits import Digits

Box = tuple[int, int, int, int]
"""Left, top, right, bottom: pixels, the last two excluded."""

DIGIT, HEIGHT = 20, 40
"""Of the box that MNIST scaled its digits to, pixels, there and here, before they are made uneven."""

SIZES, BASELINE, SLANT = 0.25, 0.15, 0.3
"""Most that a digit's size departs from 1, its foot from the line, as a share of its height; tangent of the slant."""

MARGIN = 20
"""Pixels of paper around the number."""

INKED = 64
"""Grey level from which on two digits touch."""

GAPS = ("wide", "narrow", "touching", "overlapping")


@dataclass(frozen=True)
class Glyph:
    """What stands in a line."""

    image: Grey
    """As large as beside MNIST's digits: uint8 [height, width], ink 255 on paper 0."""
    rise: float = 0
    """How far its foot is above that of a digit, as a share of a digit's height."""


@dataclass(frozen=True)
class Written:
    """A picture uint8 [height, width], dark on white, and what it says."""

    image: Grey
    text: str
    boxes: list[Box]
    """Of each digit's ink."""


def number(digits: Digits, length: int, gap: str, rng: np.random.Generator) -> Written:
    """`length` of `digits` at random in one line."""
    places = rng.integers(0, len(digits), length)
    line, boxes = written([Glyph(image) for image in digits.images[places]], gap, rng.uniform(-SLANT, SLANT), rng)
    return Written(255 - line, "".join(str(label) for label in digits.labels[places]), boxes)


def written(
    glyphs: list[Glyph], gap: str, slant: float, rng: np.random.Generator, uneven: float = 1
) -> tuple[Grey, list[Box]]:
    """One after the other: the line, ink 255 on paper 0, and where they stand in it; as `uneven` as may be, or less."""
    widest = max(one.image.shape[1] for one in glyphs)
    line = np.zeros((8 * HEIGHT, (len(glyphs) + 2) * round(HEIGHT / DIGIT * 2 * widest)), np.uint8)
    end = MARGIN
    boxes: list[Box] = []
    for one in glyphs:
        size = 1 + uneven * rng.uniform(-SIZES, SIZES)
        glyph = _scaled(one.image, size, slant)
        height, width = glyph.shape
        foot = 4 * HEIGHT + uneven * rng.uniform(-BASELINE, BASELINE) * height - one.rise * size * HEIGHT
        top = round(foot) - height
        left = _place(line, glyph, top, end, boxes[-1], gap, rng) if boxes else end
        window = line[top : top + height, left : left + width]
        np.maximum(window, glyph, out=window)
        end = max(end, left + width)
        boxes.append((left, top, left + width, top + height))
    sides = np.array(boxes)
    (left, top), (right, bottom) = sides[:, :2].min(axis=0), sides[:, 2:].max(axis=0)
    moved = (sides - np.tile((left - MARGIN, top - MARGIN), 2)).tolist()
    return np.pad(line[top:bottom, left:right], MARGIN), [(a, b, c, d) for a, b, c, d in moved]


def _scaled(image: Grey, size: float, slant: float) -> Grey:
    """Its ink alone, cut out, `size` times as large as that of others, leaning by `slant`."""
    tall = round(len(image) * HEIGHT / DIGIT * size)
    middle = len(image) // 2
    wide = Image.fromarray(np.pad(image, ((0, 0), (middle, middle))))
    lean = wide.transform(
        wide.size, Image.Transform.AFFINE, (1, slant, -slant * middle, 0, 1, 0), Image.Resampling.BICUBIC
    )
    glyph = np.asarray(lean.resize((round(lean.width * tall / lean.height), tall), Image.Resampling.BICUBIC))
    rows, columns = np.nonzero(glyph > INKED)
    return glyph[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _place(line: Grey, glyph: Grey, top: int, end: int, before: Box, gap: str, rng: np.random.Generator) -> int:
    """The column where `glyph` begins.

    Touching and overlapping ones are slid to the left until ink meets; its middle stays right of what is `before` it.
    """
    if gap == "wide":
        return end + round(HEIGHT * rng.uniform(0.3, 0.8))
    if gap == "narrow":
        return end + round(HEIGHT * rng.uniform(0.05, 0.2))
    there = line[top : top + len(glyph)] > INKED
    width: int = glyph.shape[1]
    left, least = end + 2, max(MARGIN, (before[0] + before[2] - width + 1) // 2)
    while left > least and not (there[:, left : left + width] & (glyph > INKED)).any():
        left -= 1
    further = round(0.15 * width) if gap == "overlapping" else 0
    return max(least, left - further)
