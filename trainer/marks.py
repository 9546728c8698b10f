"""Marks that stand among digits and are none: slashes, bars, brackets, points, signs of arithmetic and of money."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFont

from contract.arrays import Grey
from trainer.digits import Digits
from trainer.fonts import HANDWRITTEN, MARGIN, face, glyph, of_matplotlib
from trainer.nondigits import LETTERS, drawable
from trainer.printed import FONTS
from trainer.strings import DIGIT, GAPS, SLANT, Glyph, written
from trainer.strokes import FINE, Stroke, curve, drawn, ring

TYPESET = 0.3
"""Share of the marks that a font draws."""

CHARACTERS = "/\\()[]{}<>-+=%&#*$£€.,:;?!@"
"""No upright bar: in many fonts it is hardly higher than a 1."""

KINDS = {
    "slash": "/\\",
    "bar or bracket": "|()[]",
    "sign of arithmetic": "+-=*",
    "other sign": "%€$&#?",
    "point or comma": ".,:",
    "letter": LETTERS,
}
"""Of the report: what people write among digits, and letters."""

Drawing = Callable[[np.random.Generator], list[Stroke]]


def mark(rng: np.random.Generator) -> Glyph:
    """Any of them, drawn with some pen, or by one of the fonts to learn from."""
    if rng.random() >= TYPESET:
        return drawn(DRAWINGS[rng.integers(len(DRAWINGS))](rng), rng)
    choices = drawable(tuple(of_matplotlib(name) for name in FONTS), CHARACTERS)
    return from_font(*choices[rng.integers(len(choices))])


def marked(digits: Digits, kind: str, rng: np.random.Generator) -> Grey:
    """A number of 2 to 7 of `digits` and a mark of this kind among them, dark on white: uint8 [height, width].

    The mark is drawn by a font that no training has seen: some of `HANDWRITTEN`, which must be here.
    """
    glyphs = [Glyph(image) for image in digits.images[rng.integers(0, len(digits), rng.integers(2, 8))]]
    choices = drawable(tuple(HANDWRITTEN.paths()), KINDS[kind])
    glyphs.insert(int(rng.integers(len(glyphs) + 1)), from_font(*choices[rng.integers(len(choices))]))
    ink, _ = written(glyphs, GAPS[rng.integers(2)], rng.uniform(-SLANT, SLANT), rng)
    return 255 - ink


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


def _slash(rng: np.random.Generator) -> list[Stroke]:
    """From below the line to above the digits: one that ends with them may be a 1."""
    low, high = rng.uniform(0.2, 0.5, 2)
    lean = rng.uniform(0.1, 0.7) * (1 + low + high) * rng.choice([1, 1, 1, -1])
    return [curve((0, -low), (lean, 1 + high), rng.normal(0, 0.03))]


def _bar(rng: np.random.Generator) -> list[Stroke]:
    low, high = rng.uniform(0.3, 0.6, 2)
    bar = curve((0, -low), (rng.normal(0, 0.06), 1 + high), rng.normal(0, 0.02))
    return [bar, np.add(bar, (rng.uniform(0.15, 0.3), 0))] if rng.random() < 1 / 4 else [bar]


def _bracket(rng: np.random.Generator) -> list[Stroke]:
    """Round or square, to open or to close."""
    low, high = rng.uniform(-0.3, 0), 1 + rng.uniform(0, 0.3)
    side = rng.choice([-1, 1])
    if rng.random() < 2 / 3:
        return [curve((0, low), (rng.normal(0, 0.05), high), side * rng.uniform(0.18, 0.35))]
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
    return [across, curve((x, y - half), (x + rng.normal(0, 0.05), y + half), 0)]


def _times(rng: np.random.Generator) -> list[Stroke]:
    wide, high = rng.uniform(0.3, 0.7, 2)
    low = rng.uniform(0, 1 - high)
    return [
        curve((0, low), (wide, low + high), rng.normal(0, 0.03)),
        curve((0, low + high), (wide, low), rng.normal(0, 0.03)),
    ]


def _percent(rng: np.random.Generator) -> list[Stroke]:
    lean, radius = rng.uniform(0.4, 0.8), rng.uniform(0.1, 0.2)
    rings = [ring((0.1, rng.uniform(0.7, 0.95)), radius), ring((lean, rng.uniform(0.05, 0.3)), radius)]
    return [curve((0, rng.uniform(-0.15, 0.1)), (lean, rng.uniform(0.9, 1.15)), 0), *rings]


def _point(rng: np.random.Generator) -> list[Stroke]:
    """A point on the line, or a comma, or two over each other; too large for dust."""
    radius = rng.uniform(0.02, 0.08)
    point = [ring((0, rng.uniform(0, 0.1)), radius)]
    if rng.random() < 1 / 2:
        tail = rng.uniform(0.1, 0.3)
        point.append(curve((0, 0), (-tail / 2, -tail), 0))
    return [*point, ring((0, rng.uniform(0.4, 0.7)), radius)] if rng.random() < 1 / 3 else point


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


def _level(rng: np.random.Generator, height: float) -> Stroke:
    return curve((0, height), (rng.uniform(0.3, 0.8), height + rng.normal(0, 0.05)), rng.normal(0, 0.02))
