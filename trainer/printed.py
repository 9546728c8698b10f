"""Digits that nobody wrote and that people send all the same: printed ones, and those of displays."""

from functools import partial

import numpy as np
from PIL import Image, ImageDraw

from contract.arrays import Grey
from contract.normalisation import normalise
from trainer.digits import Digits
from trainer.fonts import DISPLAYS, HANDWRITTEN, PRINT, Collection, face, glyph, of_matplotlib
from trainer.redrawing import random_look, redraw, shape

FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSansMono",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "cmb10",
    "cmr10",
    "cmss10",
    "cmti10",
    "cmtt10",
)
"""Those of matplotlib that draw digits, each otherwise than the others."""

SIZE = 80
"""Height of digits here, pixels."""

CORNERS = np.array([(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)]) / 2
"""Of a display, x and y, in row after row; as wide as high."""

SEGMENTS = {
    "top": (0, 1),
    "upper left": (0, 2),
    "upper right": (1, 3),
    "middle": (2, 3),
    "lower left": (2, 4),
    "lower right": (3, 5),
    "bottom": (4, 5),
}
"""From corner to corner."""

DARK = {
    0: (("middle",),),
    2: (("upper left", "lower right"),),
    3: (("upper left", "lower left"),),
    4: (("top", "lower left", "bottom"),),
    5: (("upper right", "lower left"),),
    6: (("upper right",), ("upper right", "top")),
    7: (("upper left", "middle", "lower left", "bottom"), ("middle", "lower left", "bottom")),
    8: ((),),
    9: (("lower left",), ("lower left", "bottom")),
}
"""Segments of a digit that do not shine, for each way to show it; a 1 is a line, and drawn as that."""


def unwritten(digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """Not the digit at `place` but its label, printed or displayed."""
    return (printed if rng.random() < 0.5 else displayed)(digits, place, rng)


def printed(digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """Its label in one of `FONTS`, as it is or, one of three, redrawn."""
    font = face(of_matplotlib(FONTS[rng.integers(len(FONTS))]), SIZE)
    return _perhaps_redrawn(glyph(font, str(digits.labels[place])), rng)


def displayed(digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """Its label by seven segments, some of which do not meet; the others as they are or, one of three, redrawn."""
    meet = bool(rng.random() < 0.5)
    glyph = _display(int(digits.labels[place]), meet, rng)
    return _perhaps_redrawn(glyph, rng) if meet else normalise(glyph)


def _set_in(fonts: Collection, digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """Its label in one of these fonts, 24 to 120 pixels high, turned by up to 5 degrees."""
    paths = fonts.paths()
    font = face(paths[rng.integers(len(paths))], int(rng.integers(24, 121)))
    turned = Image.fromarray(glyph(font, str(digits.labels[place]))).rotate(
        rng.uniform(-5, 5), Image.Resampling.BICUBIC, expand=True
    )
    return normalise(np.asarray(turned))


PRINTED = {
    f"printed in {len(HANDWRITTEN.files)} fonts that look like handwriting": (
        HANDWRITTEN,
        partial(_set_in, HANDWRITTEN),
    ),
    f"printed in {len(PRINT.files)} fonts of books and screens": (PRINT, partial(_set_in, PRINT)),
    f"shown by seven segments, in {len(DISPLAYS.files)} fonts": (DISPLAYS, partial(_set_in, DISPLAYS)),
}
"""Of the report, what it takes and how it is made; no training has seen these fonts."""


def _perhaps_redrawn(glyph: Grey, rng: np.random.Generator) -> Grey:
    return redraw(glyph, random_look(rng), rng) if rng.random() < 1 / 3 else normalise(glyph)


def _display(label: int, meet: bool, rng: np.random.Generator) -> Grey:
    """Thin or fat segments, upright or slanted as most displays are; ink 255 on paper 0."""
    form = shape(0, rng.uniform(-0.05, 0.25), rng.uniform(0.85, 1.35))
    pen = SIZE * rng.uniform(0.05, 0.2 if meet else 0.12)
    gap = 0 if meet else pen * rng.uniform(0.5, 0.9)
    ways = DARK.get(label, (tuple(SEGMENTS.keys() - {"upper right", "lower right"}),))
    dark = ways[rng.integers(len(ways))]
    picture = Image.new("L", (2 * SIZE, 2 * SIZE))
    brush = ImageDraw.Draw(picture)
    for start, end in (corners for name, corners in SEGMENTS.items() if name not in dark):
        one, other = CORNERS[[start, end]] @ form * SIZE + SIZE / 2
        inwards = gap * (other - one) / np.hypot(*(other - one))
        ends = [tuple(one + inwards), tuple(other - inwards)]
        brush.line(ends, 255, round(pen))
        if meet:
            for point in ends:
                brush.circle(point, pen / 2, 255)
    return np.asarray(picture)
