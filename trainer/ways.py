"""Digits from strokes, as people of many schools write them: nobody's handwriting, and no training has seen these.

A way of writing a digit is one SVG path in a box of 100 by 100, or two between which all are written.
"""

from math import comb
from typing import Any

import numpy as np
from fontTools.pens.recordingPen import RecordingPen
from fontTools.svgLib.path import parse_path
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from contract.arrays import Grey
from contract.normalisation import normalise
from trainer.digits import Digits
from trainer.redrawing import shape

Points = NDArray[np.float64]
"""[n, 2], x and y from the upper left."""

FINE = 3
"""Pixels drawn for each one of the picture, in either direction."""

CANVAS = 120
"""Side of the picture, pixels."""

STEPS = 16
"""Straight pieces of a curve."""

WOBBLE = 0.025
"""Standard deviation of each of the nine waves that bend a digit, in either direction, as a share of its box."""

OVAL = "M50 0A35 50 0 0 0 50 100A35 50 0 0 0 50 0"
FIVE = "C45 30 82 42 80 70C78 102 30 106 12 88"

WAYS: dict[int, dict[str, tuple[str, ...]]] = {
    0: {
        "round": (OVAL,),
        "narrow": ("M50 0A18 50 0 0 0 50 100A18 50 0 0 0 50 0",),
        "open at the top": ("M40 2A36 50 0 1 0 52 0", "M32 5A36 50 0 1 0 76 15"),
        "crossed at the top": ("M66 -6C40 0 14 20 15 52C16 84 34 100 52 100C74 100 86 74 84 46C82 20 66 4 44 -2",),
        "slashed": (OVAL + "M36 70L64 30", OVAL + "M10 97L97 3"),
        "dotted": (OVAL + "M50 49L50 51",),
    },
    1: {
        "stroke": ("M50 0L50 100",),
        "with a flag": ("M38 10L50 0L50 100", "M20 38L50 0L50 100"),
        "with a long flag": ("M15 45L50 0L50 100", "M-8 90L50 0L50 100"),
        "with a bent flag": ("M20 35Q40 25 50 0L50 100",),
        "with a foot": ("M50 0L50 100M35 100L65 100", "M50 0L50 100M20 100L80 100"),
        "with flag and foot": ("M38 4L50 0L50 100M35 100L65 100", "M18 38L50 0L50 100M20 100L80 100"),
    },
    2: {
        "round": ("M20 22C22 -6 80 -8 79 27C78 55 40 70 15 100L85 100",),
        "with a loop": ("M20 22C22 -6 80 -8 78 30C76 60 40 98 15 98C-2 98 5 76 22 78C45 81 60 104 88 95",),
        "angular": ("M15 5L80 0L15 100L85 100",),
        "in one swing": ("M12 25C30 -18 105 -5 62 58C45 80 25 95 10 100C40 84 60 106 90 90",),
    },
    3: {
        "round": ("M15 12C30 -8 75 -4 74 24C73 45 50 48 42 48C60 47 84 52 84 74C84 104 30 106 10 88",),
        "flat at the top": ("M15 0L80 0L44 42C70 38 84 55 83 72C81 104 30 106 12 88",),
        "without a rest": ("M15 5C90 -5 92 35 36 45C100 45 98 105 10 98",),
        "with a loop": (
            "M15 12C30 -8 75 -4 74 24C73 42 40 58 32 50C30 42 44 46 48 47C70 50 84 58 84 76C84 104 30 106 10 88",
        ),
    },
    4: {
        "open": ("M15 0L10 60L90 60M68 0L65 100", "M35 0L10 60L90 60M68 30L65 100"),
        "closed": ("M65 100L65 0L5 65L92 65",),
        "round": ("M15 0C10 70 50 60 76 45M80 0L75 100",),
        "with a short bar": ("M60 0L10 65L70 65M60 35L60 100",),
    },
    5: {
        "angular": ("M80 0L25 0L20 42" + FIVE,),
        "round": ("M80 2C20 -5 10 45 50 45C105 50 90 105 15 97",),
        "square": ("M80 0L20 0L20 45L75 45L75 100L15 100",),
        "its bar apart": ("M25 2L20 42" + FIVE + "M28 0L85 -4", "M25 6L20 42" + FIVE + "M38 -8L90 -14"),
    },
    6: {
        "bent": ("M70 0C15 30 8 60 12 74C16 104 82 106 82 72C82 40 24 36 12 70",),
        "straight": ("M40 0L14 70C16 104 82 106 80 72C78 40 26 40 14 66",),
        "curled": ("M75 12C50 -10 10 20 10 70C12 106 82 106 80 74C78 46 34 46 22 66",),
        "with a small bowl": ("M60 0C25 40 24 66 25 82C27 105 66 105 65 82C64 62 32 62 26 80",),
        "open": (
            "M70 0C15 30 8 60 12 74C16 104 82 106 82 72C82 44 38 38 18 60",
            "M70 0C15 30 8 60 12 74C16 104 82 106 82 72C82 44 56 42 40 50",
        ),
    },
    7: {
        "plain": ("M10 0L85 0L40 100",),
        "barred": ("M10 0L85 0L40 100M40 50L78 49", "M10 0L85 0L40 100M20 50L100 48"),
        "with a serif": ("M10 12L10 0L85 0L40 100", "M10 25L10 0L85 0L40 100"),
        "barred, with a serif": ("M10 18L10 0L85 0L40 100M35 50L85 48",),
        "with a wave": ("M5 15C30 -15 50 20 90 0C50 50 45 70 45 100",),
    },
    8: {
        "in one stroke": ("M75 12C60 -10 10 0 25 35C35 50 92 56 90 80C86 108 10 106 12 78C14 52 86 40 75 12",),
        "of two rings": (
            "M50 2A26 24 0 0 0 50 50A26 24 0 0 0 50 2M50 50A33 26 0 0 0 50 102A33 26 0 0 0 50 50",
            "M50 -6A26 24 0 0 0 50 42A26 24 0 0 0 50 -6M50 50A33 26 0 0 0 50 102A33 26 0 0 0 50 50",
        ),
        "open at the top": ("M80 0C40 -10 10 10 30 40C50 55 96 62 90 82C84 106 12 106 12 80C12 52 80 40 90 16",),
    },
    9: {
        "bent": ("M81 26C78 -10 16 -8 15 28C16 64 76 64 81 26C81 50 78 70 70 100",),
        "straight": ("M81 26C78 -10 16 -8 15 28C16 64 76 64 81 26M81 2L81 100",),
        "hooked": ("M81 26C78 -10 16 -8 15 26C16 60 76 60 81 26C86 112 60 112 15 92",),
        "a 6 turned": ("M86 30C82 -8 16 -8 15 30C16 66 82 66 86 30C88 66 62 88 30 100",),
        "open": (
            "M80 14C60 -10 16 -6 15 28C16 62 60 62 78 44M81 10C81 50 78 70 70 100",
            "M70 6C50 -10 16 -2 15 28C16 60 50 60 70 48M81 10C81 50 78 70 70 100",
        ),
    },
}
"""Of each digit, by a name."""


def drawn(digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """Not the digit at `place` but its label, written in any of its ways, with any pen, by a hand that is not firm."""
    ways = list(WAYS[int(digits.labels[place])].values())
    return normalise(picture(ways[rng.integers(len(ways))], rng))


def picture(way: tuple[str, ...], rng: np.random.Generator) -> Grey:
    """Dark on light, uint8 [`CANVAS`, `CANVAS`]."""
    between = rng.uniform()
    hand, ends = _Hand(rng), zip(_strokes(way[0]), _strokes(way[-1]), strict=True)
    written = [hand.moved((1 - between) * first + between * last) for first, last in ends]
    every = np.concatenate(written)
    low, high = every.min(axis=0), every.max(axis=0)
    pen, size = rng.uniform(0.015, 0.08) * CANVAS, rng.uniform(0.5, 0.75) * CANVAS
    corner = (CANVAS - (low + high) / (high - low).max() * size) / 2 + rng.uniform(-0.08, 0.08, 2) * CANVAS
    paper = Image.new("L", (CANVAS * FINE,) * 2, 255)
    brush = ImageDraw.Draw(paper)
    for stroke in written:
        points = [tuple(point) for point in FINE * (stroke / (high - low).max() * size + corner)]
        brush.line(points, 0, round(pen * FINE))
        for point in points:
            brush.circle(point, pen * FINE / 2, 0)
    return np.asarray(paper.resize((CANVAS, CANVAS), Image.Resampling.BOX))


class _Hand:
    """Turns, slants, stretches and bends what is written in the box, each digit otherwise."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._shape = shape(rng.uniform(-0.18, 0.18), rng.uniform(-0.25, 0.25), rng.uniform(0.75, 1.15))
        self._waves = rng.normal(0, WOBBLE, (2, 3, 3))

    def moved(self, stroke: Points) -> Points:
        across, down = (np.cos(np.pi * np.outer(axis, range(3))) for axis in stroke.T / 100)
        bent = stroke / 100 + np.einsum("imn,pm,pn->pi", self._waves, across, down)
        moved: Points = bent @ self._shape
        return moved


def _strokes(path: str) -> list[Points]:
    """What is drawn without lifting the pen, [n, 2] each, the same n for paths of the same commands."""
    pen = RecordingPen()
    parse_path(path, pen)
    strokes: list[list[Any]] = []
    for command, points in pen.value:
        if command == "moveTo":
            strokes.append([np.array(points, float)])
        elif command in ("lineTo", "curveTo", "qCurveTo"):
            strokes[-1].append(_bezier(np.array([strokes[-1][-1][-1], *points])))
    return [np.concatenate(pieces) for pieces in strokes]


def _bezier(controls: Points) -> Points:
    """Points of the curve with these control points, [n, 2], without its first."""
    t = np.linspace(0, 1, STEPS + 1)[1:, np.newaxis]
    degree = len(controls) - 1
    weights = [comb(degree, k) * t**k * (1 - t) ** (degree - k) for k in range(degree + 1)]
    curve: Points = np.hstack(weights) @ controls
    return curve
