"""Marks that stand among digits and are none: slashes, bars, brackets, points, signs of arithmetic and of money."""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from trainer.digits import Digits, Grey
from trainer.fonts import HANDWRITTEN, MARGIN, face, glyph, has, of_matplotlib
from trainer.nondigits import LETTERS, lookalike
from trainer.printed import FONTS
from trainer.strings import DIGIT, GAPS, SLANT, Glyph, written

FINE = 4
"""Pixels drawn for each one of the picture, in either direction."""

TYPESET = 0.3
"""Share of the marks that a font draws."""

CHARACTERS = "/\\|()[]{}<>-+=%&#*$£€.,:;?!@"

KINDS = {
    "slash": "/\\",
    "bar or bracket": "|()[]",
    "sign of arithmetic": "+-=*",
    "other sign": "%€$&#?",
    "point or comma": ".,:",
    "letter": "".join(LETTERS),
}
"""Of the report: what people write among digits, and letters."""

Stroke = NDArray[np.float64]
"""A line or a curve: points as x and y [n, 2] in heights of a digit, whose foot is at 0 and whose top is at 1."""

Drawing = Callable[[np.random.Generator], list[Stroke]]


def mark(rng: np.random.Generator) -> Glyph:
    """Any of them, drawn with some pen, or by one of the fonts to learn from."""
    if rng.random() >= TYPESET:
        return from_strokes(DRAWINGS[rng.integers(len(DRAWINGS))](rng), rng)
    choices = _drawable(tuple(of_matplotlib(name) for name in FONTS), CHARACTERS)
    return from_font(*choices[rng.integers(len(choices))])


def marked(digits: Digits, kind: str, rng: np.random.Generator) -> Grey:
    """A number of 2 to 7 of `digits` and a mark of this kind among them, dark on white: uint8 [height, width].

    The mark is drawn by a font that no training has seen: some of `HANDWRITTEN`, which must be here.
    """
    glyphs = [Glyph(image) for image in digits.images[rng.integers(0, len(digits), rng.integers(2, 8))]]
    choices = _drawable(tuple(HANDWRITTEN.paths()), KINDS[kind])
    glyphs.insert(int(rng.integers(len(glyphs) + 1)), from_font(*choices[rng.integers(len(choices))]))
    ink, _ = written(glyphs, GAPS[rng.integers(2)], rng.uniform(-SLANT, SLANT), rng)
    return 255 - ink


@cache
def _drawable(fonts: tuple[str, ...], characters: str) -> list[tuple[str, str]]:
    """Every font's path with each of the characters that it draws, and not as somebody's digit."""
    return [
        (font, character)
        for font in fonts
        for character in characters
        if has(face(font), character) and not lookalike(font, character)
    ]


def from_font(font: str, character: str) -> Glyph:
    """As this font draws it, a path, beside its 0."""
    large = face(font, DIGIT * FINE)
    (top, foot), (_, below) = _rows(large, "0"), _rows(large, character)
    picture = glyph(large, character)
    height, width = (round(side * DIGIT / (foot - top)) for side in picture.shape)
    smaller = Image.fromarray(picture).resize((width, height), Image.Resampling.BOX)
    return Glyph(np.asarray(smaller), (foot - below) / (foot - top))


def _rows(face: ImageFont.FreeTypeFont, character: str) -> tuple[int, int]:
    """Of its ink the first and the one behind the last, as the font counts them; its box may reach down to the line."""
    inked = np.flatnonzero(glyph(face, character).any(axis=1))
    first = int(face.getbbox(character)[1]) - MARGIN
    return first + int(inked[0]), first + int(inked[-1]) + 1


def from_strokes(strokes: list[Stroke], rng: np.random.Generator) -> Glyph:
    """With some pen."""
    pen = round(FINE * rng.uniform(1.5, 4))
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


def _slash(rng: np.random.Generator) -> list[Stroke]:
    """From below the line to above the digits: one that ends with them may be a 1."""
    low, high = _beyond(rng)
    lean = rng.uniform(0.1, 0.7) * (high - low) * rng.choice([1, 1, 1, -1])
    return [_curve((0, low), (lean, high), rng.normal(0, 0.03))]


def _bar(rng: np.random.Generator) -> list[Stroke]:
    low, high = _beyond(rng)
    lean = rng.normal(0, 0.06)
    bar = _curve((0, low), (lean, high), rng.normal(0, 0.02))
    return [bar, np.add(bar, (rng.uniform(0.15, 0.3), 0))] if rng.random() < 1 / 4 else [bar]


def _bracket(rng: np.random.Generator) -> list[Stroke]:
    """Round or square, to open or to close."""
    low, high = rng.uniform(-0.3, 0), 1 + rng.uniform(0, 0.3)
    side = rng.choice([-1, 1])
    if rng.random() < 2 / 3:
        return [_curve((0, low), (rng.normal(0, 0.05), high), side * rng.uniform(0.18, 0.35))]
    reach = side * rng.uniform(0.25, 0.4)  # that of a 1 is shorter
    return [np.array([(reach, low), (0, low), (rng.normal(0, 0.03), high), (reach, high)])]


def _dash(rng: np.random.Generator) -> list[Stroke]:
    return [_level(rng, rng.uniform(0.35, 0.65))]


def _equals(rng: np.random.Generator) -> list[Stroke]:
    gap = rng.uniform(0.2, 0.4)
    return [_level(rng, 0.5 - gap / 2), _level(rng, 0.5 + gap / 2)]


def _plus(rng: np.random.Generator) -> list[Stroke]:
    across = _level(rng, 0.5)
    half = rng.uniform(0.2, 0.4)
    x, y = across.mean(axis=0)
    return [across, _curve((x, y - half), (x + rng.normal(0, 0.05), y + half), 0)]


def _times(rng: np.random.Generator) -> list[Stroke]:
    wide, high = rng.uniform(0.3, 0.7, 2)
    low = rng.uniform(0, 1 - high)
    return [
        _curve((0, low), (wide, low + high), rng.normal(0, 0.03)),
        _curve((0, low + high), (wide, low), rng.normal(0, 0.03)),
    ]


def _percent(rng: np.random.Generator) -> list[Stroke]:
    lean, radius = rng.uniform(0.4, 0.8), rng.uniform(0.1, 0.2)
    rings = [_ring((0.1, rng.uniform(0.7, 0.95)), radius), _ring((lean, rng.uniform(0.05, 0.3)), radius)]
    return [_curve((0, rng.uniform(-0.15, 0.1)), (lean, rng.uniform(0.9, 1.15)), 0), *rings]


def _point(rng: np.random.Generator) -> list[Stroke]:
    """A point on the line, or a comma, or two over each other."""
    foot = rng.uniform(0, 0.12)
    tail = rng.uniform(0.05, 0.3) if rng.random() < 1 / 2 else 0.02
    point = _curve((0, foot), (-tail / 2, foot - tail), 0)
    return [point, np.add(point, (0, rng.uniform(0.35, 0.6)))] if rng.random() < 1 / 3 else [point]


DRAWINGS: tuple[Drawing, ...] = (
    *(_slash,) * 3,
    *(_bracket,) * 2,
    *(_point,) * 2,
    _bar,
    _dash,
    _equals,
    _plus,
    _times,
    _percent,
)
"""Those most like a digit more than once, to be drawn more often."""


def _beyond(rng: np.random.Generator) -> tuple[float, float]:
    """Foot and top of what is higher than a digit, at both ends."""
    low, high = rng.uniform(0.12, 0.45, 2)
    return -low, 1 + high


def _level(rng: np.random.Generator, height: float) -> Stroke:
    return _curve((0, height), (rng.uniform(0.3, 0.8), height + rng.normal(0, 0.05)), rng.normal(0, 0.02))


def _curve(start: tuple[float, float], end: tuple[float, float], bulge: float) -> Stroke:
    """An arc from one to the other that is so far to the right of the straight line half-way."""
    (x, y), (across, up) = start, np.subtract(end, start)
    t = np.linspace(0, 1, 12)
    return np.stack((x + t * across + 4 * t * (1 - t) * bulge, y + t * up), axis=1)


def _ring(middle: tuple[float, float], radius: float) -> Stroke:
    angles = np.linspace(0, 2 * np.pi, 16)
    return middle + radius * np.stack((np.cos(angles), np.sin(angles)), axis=1)
