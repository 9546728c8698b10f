"""More that is no digit, for the second network, and for a first one that learns on."""

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.interpolate import PchipInterpolator

from contract.arrays import Grey
from trainer.digits import Digits
from trainer.fonts import face, glyph, has, of_matplotlib
from trainer.nearly import doubled, misplaced, opened
from trainer.outliers import (
    SIDE,
    beside,
    blotches,
    cropped,
    joined,
    nested,
    normalised,
    outline,
    overlaid,
    shrunk,
    sign,
    strokes_between,
    texture,
    turned,
)

CUT = (0, 2, 4)
"""Digits that are none without their upper part, the 4 without its lower one."""

CHARACTERS = (
    "ԵԹԻԽՀՆՊՓՔՖդխպփֆ"
    "אחעצשת"
    "თლოტქღშჭჯ"
    "بتثجخشصضغ"
    "ЖФЦШЩЮжфцшщю"
    "ΞΣΦΨΩηφψω"
    "∈∉∑∓√∛∜∞∝∠∡∢∬∭∮∴∵∷≈≋≍≎≢≣≬≭⊂⊃⊄⊅⊆⊏⊐⊑⊒⊓⊔⊕⊗⊛⊡⊣⊨⊩⊪⊬⊭⋈⋉⋊⋌⋎⋏⋐⋑⋒⋓⋔⋕"
    "☂☃☄☊☋☎☏☘☝☠☢☣☥☧☫☬☭☮☯☰☱☲☳☴☵☶☷☼♄♅♆♈♉♊♌♍♎♏♐♑♒♓"
    "♔♕♖♗♘♙♚♛♝♞♣♠♪♫♬♯♺♻♿⚑⚒⚓⚕⚖⚗⚘⚙⚛⚜⚠⚢⚣⚤⚥"
    "✁✂✃✄✆✇✈✉✌✍✎✐✑✒✓✔✢✿❀❄❖❡"
)
"""Of other scripts than the Latin one, of mathematics, of maps: what looks like a digit or a Latin letter, and what the
report on shapes counts (hearts, stars, arrows, faces, crosses, triangles), is left out."""

FONTS = ("DejaVuSans", "DejaVuSansMono", "DejaVuSerif", "DejaVuSans-Oblique")
"""Printed ones, that come with matplotlib."""


def more_no_digit(digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """What `outliers.no_digit` makes, what is nearly a digit, more signs and stains, characters of other scripts."""
    makers = list(SHARES)
    shares = np.array(list(SHARES.values()))
    maker = makers[rng.choice(len(makers), p=shares / shares.sum())]
    return normalised(maker, digits, place, rng, redrawn=0 if maker in SOLID else 0.5)


def _cut(digits: Digits, _: int, __: int, rng: np.random.Generator) -> Grey:
    """A bowl or an arch, open to any side, that is left of a 0; what is left of a 2 or a 4."""
    place = rng.choice(np.flatnonzero(np.isin(digits.labels, CUT)))
    label, digit = digits.labels[place], cropped(digits.images[place])
    lacking = round(rng.uniform(0.35, 0.5) * len(digit))
    if label == 4:
        return digit[:-lacking]
    return np.rot90(digit[lacking:], int(rng.integers(4)) if label == 0 else 0)


def _upright(_: Digits, __: int, ___: int, rng: np.random.Generator) -> Grey:
    """A made-up sign whose strokes end at the corners of the picture, in its middle, or half-way between them."""
    return strokes_between(lambda: rng.integers(0, 3, 2).astype(float) * (SIDE / 2 - 15) + 15, 4, rng)


def _character(_: Digits, __: int, ___: int, rng: np.random.Generator) -> Grey:
    """One of `CHARACTERS`, as printed."""
    character = CHARACTERS[rng.integers(len(CHARACTERS))]
    wanted, with_all = (face(of_matplotlib(name)) for name in (FONTS[rng.integers(len(FONTS))], FONTS[0]))
    return glyph(wanted if has(wanted, character) else with_all, character)


def _stain(_: Digits, __: int, ___: int, rng: np.random.Generator) -> Grey:
    """An irregular closed outline, smooth or angular, symmetrical or not; empty, filled, or filled with a texture."""
    edge = outline(rng)
    if rng.random() < 0.4:
        edge = np.concatenate((edge, (edge * (-1, 1))[::-1]))
    points = [tuple(point) for point in (SIDE / 2 + edge).tolist()]
    picture = Image.new("L", (SIDE, SIDE))
    brush = ImageDraw.Draw(picture)
    if rng.random() < 0.35:
        brush.line([*points, points[0]], 255, int(rng.integers(4, 12)), joint="curve")
        return shrunk(np.asarray(picture))
    brush.polygon(points, fill=255)
    stain = np.asarray(picture, np.float64)
    if rng.random() < 0.6:
        stain = np.where(ndimage.gaussian_filter(stain, rng.uniform(1, 5)) > 127, 255.0, 0.0)
    if rng.random() < 0.5:
        stain *= rng.uniform(0.2, 0.6) + blotches(rng)
    return shrunk(stain.clip(0, 255).astype(np.uint8))


def _silhouette(_: Digits, __: int, ___: int, rng: np.random.Generator) -> Grey:
    """A symmetrical thing that stands, its outline smooth or angular, forked from below or not; black, or textured."""
    heights = np.linspace(0, SIDE - 12, int(rng.integers(3, 7)))
    width = SIDE * rng.uniform(0.3, 0.9)
    half = width / 2 * rng.uniform(0.35, 1, len(heights))
    forked = rng.random() < 0.6
    if not forked:
        half[rng.permutation(len(half))[:2]] = width / 2 * np.array((0.4, 1))  # what is as wide everywhere is a 1
    if rng.random() < 0.5:
        smooth = np.linspace(0, heights[-1], 40)
        heights, half = smooth, PchipInterpolator(heights, half)(smooth)
    down = np.stack((SIDE / 2 - half, heights + 6), axis=1)
    outline = np.concatenate((down, ((down - (SIDE, 0)) * (-1, 1))[::-1]))
    picture = Image.new("L", (SIDE, SIDE))
    brush = ImageDraw.Draw(picture)
    brush.polygon([tuple(point) for point in outline.tolist()], fill=255)
    if forked:
        top, foot = SIDE * rng.uniform(0.12, 0.65), half[-1] * rng.uniform(0.15, 0.6)
        crotch = foot * rng.uniform(0, 1)
        fork = [(-crotch, top), (crotch, top), (foot, SIDE), (-foot, SIDE)]
        brush.polygon([(SIDE / 2 + x, y) for x, y in fork], fill=0)
    thing = np.asarray(picture, np.float64)
    if rng.random() < 0.5:
        thing *= rng.uniform(0.1, 0.6) + blotches(rng)
    return shrunk(ndimage.rotate(thing, rng.normal(0, 5), reshape=False, order=1).clip(0, 255).astype(np.uint8))


SHARES = {
    turned: 0.13,
    opened: 0.1,
    doubled: 0.08,
    misplaced: 0.06,
    _cut: 0.07,
    joined: 0.09,
    overlaid: 0.05,
    beside: 0.08,
    nested: 0.06,
    sign: 0.1,
    _upright: 0.05,
    _character: 0.2,
    _stain: 0.11,
    _silhouette: 0.12,
    texture: 0.04,
}
"""How often each is made, in proportion."""

SOLID = (_stain, _silhouette, texture)
"""What is not drawn again, as most of it has no strokes: the skeleton of a tall stain is a 1."""
