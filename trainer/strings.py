"""Numbers written with MNIST's digits: side by side, uneven, slanted; apart, touching or overlapping; on any paper."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from trainer.digits import Digits

Grey = NDArray[np.uint8]

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


Paper = Callable[[Grey, np.random.Generator], Grey]


def _of_two_greys(ink: tuple[int, int, int], paper: tuple[int, int, int]) -> Paper:
    def on_paper(image: Grey, _: np.random.Generator) -> Grey:
        share = image[..., np.newaxis] / 255
        coloured = (share * np.array(paper) + (1 - share) * np.array(ink)).astype(np.uint8)
        return np.asarray(Image.fromarray(coloured).convert("L"))

    return on_paper


def _jpeg(image: Grey, quality: int) -> Grey:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("L"))


def _blurred(image: Grey, sigma: float) -> Grey:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma)))


def _noisy(image: Grey, sigma: float, rng: np.random.Generator) -> Grey:
    noisy: Grey = (image + rng.normal(0, sigma, image.shape)).clip(0, 255).astype(np.uint8)
    return noisy


def _photographed(image: Grey, rng: np.random.Generator) -> Grey:
    height, width = image.shape
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j]
    light = 1 - 0.5 * (0.5 + (np.cos(angle) * x + np.sin(angle) * y) / np.sqrt(2))
    return _jpeg(_noisy((_blurred(image, 1.5) * light).astype(np.uint8), 12, rng), 40)


def _ruled(image: Grey, rng: np.random.Generator, *, squared: bool) -> Grey:
    """With lines of a pixel or two, of any grey, some 0.6 to 1.5 digits apart."""
    ruled = image.copy()
    step, thick, grey = round(HEIGHT * rng.uniform(0.6, 1.5)), int(rng.integers(1, 3)), rng.integers(90, 200)
    for row in range(int(rng.integers(0, step)), len(image), step):
        ruled[row : row + thick] = np.minimum(ruled[row : row + thick], grey)
    if squared:
        for column in range(int(rng.integers(0, step)), image.shape[1], step):
            ruled[:, column : column + thick] = np.minimum(ruled[:, column : column + thick], grey)
    return ruled


PAPERS: dict[str, Paper] = {
    "white paper": lambda image, _: image,
    "light ink on dark paper": lambda image, _: 255 - image,
    "grey paper, ink 40 levels from it": _of_two_greys((120,) * 3, (160,) * 3),
    "coloured ink and paper, 60 levels apart": _of_two_greys((40, 80, 150), (170, 120, 160)),
    "photograph: half the light lost, noise 12, blur 1.5, JPEG 40": _photographed,
    "JPEG quality 10": lambda image, _: _jpeg(image, 10),
    "blur 3": lambda image, _: _blurred(image, 3),
    "noise 40": lambda image, rng: _noisy(image, 40, rng),
    "ruled": lambda image, rng: _ruled(image, rng, squared=False),
    "squared": lambda image, rng: _ruled(image, rng, squared=True),
}
