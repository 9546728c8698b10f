"""The conditions under which redrawn digits are reported: each row of the table, its severity in its name.

What is looked for is where reading breaks. Pens and canvases are in pixels, noise and contrast
in grey levels of 255, and the digit lies anywhere on the canvas.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from contract.arrays import Grey
from contract.normalisation import normalise
from trainer.digits import Digits
from trainer.mishaps import (
    Mishap,
    cut_closely,
    dark_corners,
    emphasised,
    in_box,
    in_dots,
    in_dust,
    on_desk,
    on_lines,
    repeated,
    shadow,
    smoothed,
    spotlight,
    with_rim,
)
from trainer.redrawing import WHITE, Look, draw, random_look, strokes

Condition = Callable[[np.random.Generator], Look]


def _pen(pen: float, canvas: int, least_size: float = 0.4, most_size: float = 0.95) -> Condition:
    return lambda rng: Look(canvas, pen, size=rng.uniform(least_size, most_size))


def _with(**changes: Callable[[np.random.Generator], Any]) -> Condition:
    """An 8-pixel pen on a canvas of 300, with `changes`."""

    def look(rng: np.random.Generator) -> Look:
        fields = {name: change(rng) for name, change in changes.items()}
        return replace(Look(300, 8, size=rng.uniform(0.4, 0.95)), **fields)

    return look


def _always(value: object) -> Callable[[np.random.Generator], object]:
    return lambda _: value


def _either(value: float) -> Callable[[np.random.Generator], float]:
    return lambda rng: value * rng.choice([-1, 1])


def _pale(rng: np.random.Generator) -> Look:
    paper, contrast = int(rng.integers(60, 196)), 40 * int(rng.choice([-1, 1]))
    return Look(300, 8, rng.uniform(0.4, 0.95), ink=(paper + contrast,) * 3, paper=(paper,) * 3)


def _coloured(rng: np.random.Generator) -> Look:
    while True:
        ink, paper = rng.integers(0, 256, (2, 3))
        if abs((ink - paper) @ (0.299, 0.587, 0.114)) >= 60:
            return Look(300, 8, rng.uniform(0.4, 0.95), ink=tuple(ink.tolist()), paper=tuple(paper.tolist()))


PHOTOGRAPHED = {"ink": _always((60, 65, 95)), "paper": _always((215, 208, 195))}
PHOTOGRAPH = PHOTOGRAPHED | {
    "shade": _always(0.5),
    "noise": _always(12),
    "blur": _always(1.5),
    "quality": _always(40),
}

CONDITIONS: dict[str, Condition] = {
    "pen 1, canvas 100": _pen(1, 100),
    "pen 1, canvas 300": _pen(1, 300),
    "pen 1, canvas 1000": _pen(1, 1000),
    "pen 4, canvas 100": _pen(4, 100),
    "pen 12, canvas 100, digit 80 to 98 % of it": _pen(12, 100, 0.8, 0.98),
    "pen 24, canvas 100, digit 98 % of it": _pen(24, 100, 0.98, 0.98),
    "pen 8, canvas 300": _pen(8, 300),
    "pen 24, canvas 300": _pen(24, 300, 0.5),
    "pen 24, canvas 1000": _pen(24, 1000),
    "light ink on dark paper": _with(ink=_always(WHITE), paper=_always((25, 25, 25))),
    "grey paper, ink 40 levels from it": _pale,
    "coloured ink and paper, 60 levels apart": _coloured,
    "photograph: half the light lost at one side, noise 12, blur 1.5, JPEG 40": _with(**PHOTOGRAPH),
    "JPEG quality 10": _with(pen=_always(5), quality=_always(10)),
    "blur 6": _with(blur=_always(6)),
    "noise 40": _with(ink=_always((60, 60, 60)), paper=_always((200, 200, 200)), noise=_always(40)),
    "slant 0.4": _with(slant=_either(0.4)),
    "aspect 0.6": _with(aspect=_always(0.6)),
    "aspect 1.5": _with(aspect=_always(1.5)),
    "turned by 15 degrees": _with(turn=_either(np.radians(15))),
    "16 pixels in all, the digit filling them": _with(pen=_always(20), coarse=_always(16)),
    "8 pixels in all, the digit filling them": _with(pen=_always(20), coarse=_always(8)),
    "all of these at random, as in training": random_look,
}
"""An 8-pixel pen, black on white, on a canvas of 300 where a row does not say otherwise; the card has the rest."""

MISHAPS: dict[str, tuple[Condition, Mishap]] = {
    "a shadow's edge, a third of the light lost beyond it": (_with(**PHOTOGRAPHED), shadow(1 / 3)),
    "corners 30 % darker than the middle": (_with(**PHOTOGRAPHED), dark_corners(0.3)),
    "a lamp's spot, half of the light lost around it": (_with(**PHOTOGRAPHED), spotlight(0.5)),
    "a rim of another grey at one to four sides": (_with(ink=_always((60, 60, 60))), with_rim),
    "a sheet on a darker desk, turned by up to 20 degrees": (_with(**PHOTOGRAPHED), on_desk(np.radians(20))),
    "a printed box around it, turned by up to 2 degrees": (_with(), in_box(np.radians(2))),
    "black and white dots on paper of 130 to 240 levels": (_with(), in_dots),
    "16 pixels in all, each repeated 8 times": (_with(pen=_always(20), coarse=_always(16)), repeated(8)),
    "8 pixels in all, each repeated 16 times": (_with(pen=_always(20), coarse=_always(8)), repeated(16)),
    "16 pixels in all, enlarged to 100 without steps": (_with(pen=_always(20), coarse=_always(16)), smoothed(100)),
    "8 pixels in all, enlarged to 100 without steps": (_with(pen=_always(20), coarse=_always(8)), smoothed(100)),
    "cut closely from a photograph, 28 pixels in all": (_with(**PHOTOGRAPH), cut_closely(28)),
    "20 to 50 % of the canvas, among 30 grains of dust of 1 to 5 pixels": (
        _with(size=lambda rng: rng.uniform(0.2, 0.5)),
        in_dust(30, 5),
    ),
    "on ruled or squared paper, lines of 1 or 2 pixels, 20 to 60 apart, of 100 to 210 levels": (_with(), on_lines),
    "underlined, or in a ring or a box by hand, a tenth to three tenths of its height away": (_with(), emphasised),
}
"""The same, and what befalls the picture then."""


def picture(row: str, image: Grey, rng: np.random.Generator) -> Image.Image:
    """The digit in `image`, uint8 [28, 28], under one of `CONDITIONS` or with one of `MISHAPS`."""
    condition, befall = MISHAPS.get(row) or (CONDITIONS[row], None)
    drawn = draw(strokes(image), condition(rng), rng)
    return Image.fromarray(befall(np.asarray(drawn.convert("L")), rng)) if befall else drawn


def seen(row: str, digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """The same, normalised."""
    return normalise(np.asarray(picture(row, digits.images[place], rng).convert("L")))


REDRAWN = {row: partial(seen, row) for row in (*CONDITIONS, *MISHAPS)}
