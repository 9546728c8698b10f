"""Pictures of non-digits, kind by kind, to see how many a model accepts; no training sees what these programs draw."""

import gzip
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from string import ascii_letters

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.interpolate import CubicSpline

from contract.arrays import Grey
from contract.normalisation import normalise
from contract.spelling import NO_DIGIT
from trainer.digits import Digits
from trainer.fonts import HANDWRITTEN, face, glyph, has
from trainer.redrawing import random_look, redraw

CAPITALS = ("bwht/", "humor-sans/")
"""Where the fonts are that have capitals only: their d is a D."""

LOOKALIKES = "BbDGgIiJjlOoQqSsYyZz"
"""Letters that somebody's 0, 1, 2, 4, 5, 6, 7, 8 or 9 looks like; they are left out."""

LETTERS = "".join(sorted(set(ascii_letters) - set(LOOKALIKES)))

FASHION = Path("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz")
FASHION_PACKAGE = "dataset-fashion-mnist"

Points = NDArray[np.float64]


def blank(_: Digits, __: int, rng: np.random.Generator) -> Grey:
    """Paper without anything on it: clean, noisy, or in a fading light."""
    side = int(rng.integers(28, 400))
    y, x = np.mgrid[-0.5 : 0.5 : side * 1j, -0.5 : 0.5 : side * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 - rng.choice([0, 0.3]) * (0.5 + (np.cos(angle) * x + np.sin(angle) * y) / np.sqrt(2))
    paper = rng.uniform(60, 255) * light + rng.normal(0, rng.choice([0, 3, 15]), (side, side))
    return normalise(paper.clip(0, 255).astype(np.uint8))


def scribble(_: Digits, __: int, rng: np.random.Generator) -> Grey:
    """One line without sense, smooth or jagged, through 9 to 24 random points."""
    points = rng.uniform(30, 270, (int(rng.integers(9, 25)), 2))
    if rng.random() < 0.7:
        times = np.arange(len(points))
        points = CubicSpline(times, points)(np.linspace(0, times[-1], 20 * len(points)))
    return _lines([points], rng)


def letter(_: Digits, __: int, rng: np.random.Generator) -> Grey:
    """A letter of a handwriting-like font, redrawn as the digits are."""
    choices = drawable(tuple(HANDWRITTEN.paths()), LETTERS)
    path, character = choices[rng.integers(len(choices))]
    return redraw(glyph(face(path), character), random_look(rng), rng)


def shape(_: Digits, __: int, rng: np.random.Generator) -> Grey:
    """A drawing of one of `SHAPES`, turned by up to 15 degrees."""
    lines = SHAPES[rng.choice(list(SHAPES))]()
    angle = rng.uniform(-np.pi / 12, np.pi / 12)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    size = rng.uniform(60, 120) * np.array([rng.uniform(0.75, 1.25), 1])
    return _lines([150 + (line * size) @ turn.T for line in lines], rng)


def _lines(lines: list[Points], rng: np.random.Generator) -> Grey:
    """Lines through points [n, 2] as x, y on a canvas of 300, with a pen of 2 to 24."""
    pen = round(np.exp(rng.uniform(np.log(2), np.log(24))))
    picture = Image.new("L", (300, 300), 255)
    brush = ImageDraw.Draw(picture)
    for line in lines:
        brush.line([tuple(point) for point in line], 0, pen, joint="curve")
        for x, y in line:
            brush.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=0)
    return normalise(np.asarray(picture))


def _polygon(corners: int, step: int = 1) -> list[Points]:
    turns = np.arange(corners + 1) * step * 2 * np.pi / corners
    return [np.stack((np.sin(turns), -np.cos(turns)), axis=1)]


def _path(*points: tuple[float, float]) -> Points:
    return np.array(points, float)


def _heart() -> list[Points]:
    t = np.linspace(0, 2 * np.pi, 60)
    heart = (16 * np.sin(t) ** 3, -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)))
    return [np.stack(heart, axis=1) / 16]


def _spiral() -> list[Points]:
    t = np.linspace(0, 6 * np.pi, 120)[:, np.newaxis]
    return [t / t.max() * np.concatenate((np.cos(t), np.sin(t)), axis=1)]


def _wave() -> list[Points]:
    t = np.linspace(-1, 1, 80)
    return [np.stack((1.2 * t, 0.5 * np.sin(3 * np.pi * t)), axis=1)]


def _face() -> list[Points]:
    t = np.linspace(0, 2 * np.pi, 60)
    circle = np.stack((np.cos(t), np.sin(t)), axis=1)
    smile = circle[(t > 0.4) & (t < np.pi - 0.4)] * 0.6
    return [circle, smile, _path((-0.35, -0.4), (-0.35, -0.15)), _path((0.35, -0.4), (0.35, -0.15))]


SHAPES: dict[str, Callable[[], list[Points]]] = {
    "triangle": lambda: _polygon(3),
    "square": lambda: [_path((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))],
    "diamond": lambda: _polygon(4),
    "star": lambda: _polygon(5, 2),
    "plus": lambda: [_path((-1, 0), (1, 0)), _path((0, -1), (0, 1))],
    "cross": lambda: [_path((-1, -1), (1, 1)), _path((-1, 1), (1, -1))],
    "equals": lambda: [_path((-1, -0.4), (1, -0.4)), _path((-1, 0.4), (1, 0.4))],
    "arrow": lambda: [_path((-1, 0), (1, 0)), _path((0.4, -0.5), (1, 0), (0.4, 0.5))],
    "house": lambda: [_path((-0.8, 1), (-0.8, -0.2), (0, -1), (0.8, -0.2), (0.8, 1), (-0.8, 1))],
    "grid": lambda: [
        _path((-0.4, -1), (-0.4, 1)),
        _path((0.4, -1), (0.4, 1)),
        _path((-1, -0.4), (1, -0.4)),
        _path((-1, 0.4), (1, 0.4)),
    ],
    "heart": _heart,
    "spiral": _spiral,
    "wave": _wave,
    "face": _face,
}
"""Circles, hexagons and lines are left out: they look like a 0 and a 1. Points in -1 to 1, y down."""


def _lookalike(font: str, letter: str) -> bool:
    """Whether it is one of `LOOKALIKES` as this font, a path, draws it."""
    return letter in LOOKALIKES or (letter.upper() in LOOKALIKES and any(folder in font for folder in CAPITALS))


@cache
def drawable(fonts: tuple[str, ...], characters: str) -> list[tuple[str, str]]:
    """Every font's path with each of the characters that it draws, and not as a lookalike."""
    return [
        (font, character)
        for font in fonts
        for character in characters
        if has(face(font), character) and not _lookalike(font, character)
    ]


def photographs() -> Digits | None:
    """Fashion-MNIST's 10,000 test pictures of clothes (Xiao et al. 2017), where its Debian package is there."""
    try:
        pixels = np.frombuffer(gzip.decompress(FASHION.read_bytes()), np.uint8, offset=16)
        images = pixels.reshape(10_000, 28, 28)
    except (OSError, EOFError, zlib.error, ValueError):
        return None
    return Digits(images, np.full(len(images), NO_DIGIT, np.uint8))
