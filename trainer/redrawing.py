"""Digits drawn again: the strokes of a small picture, drawn with any pen on any canvas and any paper.

A scan of 28×28 pixels says little about what people send: photographs of paper, drawings with a mouse, hair-thin and
fat pens. Enlarged, thinned to its skeleton and drawn anew, every digit can be had in all of these.
"""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from skimage.morphology import skeletonize

from contract.arrays import Grey
from contract.normalisation import BlankImageError, normalise
from trainer.digits import Digits

Colour = tuple[int, int, int]

FINE = 4
"""Pixels that the skeleton is sought on for each one of the picture, in either direction."""

INKED = 96
"""Grey level from which on an enlarged picture counts as ink: pale joints still hold together."""

SMOOTHING = 6
"""Rounds in which every point of the skeleton moves half the way to the middle of its neighbours."""

EDGE = 1
"""Pixels of paper that are left at every edge of the canvas, at least."""

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


@dataclass(frozen=True)
class Strokes:
    """A skeleton: points float [n, 2] as x, y, the longer side of their extent 1; links int [m, 2] between them."""

    points: NDArray[np.float64]
    links: NDArray[np.int64]


@dataclass(frozen=True)
class Look:
    """How strokes are drawn. Lengths are pixels, greys levels of 255."""

    canvas: int
    pen: float
    size: float = 0.7
    """The digit's longer side, pen included, as a share of the canvas."""
    slant: float = 0
    """Tangent."""
    aspect: float = 1
    """Width is multiplied by this."""
    turn: float = 0
    """Radians."""
    ink: Colour = BLACK
    paper: Colour = WHITE
    shade: float = 0
    """Share of the light that is lost at the darker side of the canvas."""
    blur: float = 0
    """Standard deviation of a Gaussian, pixels."""
    noise: float = 0
    """Standard deviation of the sensor's noise."""
    quality: int | None = None
    """JPEG's."""
    coarse: int | None = None
    """Side of the picture in the end, the digit filling it, as old scanners have it."""
    stretch: float = 0
    """Share of the way to a square that such a digit is stretched."""


def strokes(image: Grey) -> Strokes:
    """The skeleton of a digit, uint8 [height, width] with ink 255 on paper 0. Raises `BlankImageError`."""
    enlarged = Image.fromarray(image).resize((image.shape[1] * FINE, image.shape[0] * FINE), Image.Resampling.BICUBIC)
    inked = skeletonize(np.asarray(enlarged) > INKED)
    rows, columns = np.nonzero(inked)
    if not len(rows):
        raise BlankImageError
    number = np.full(inked.shape, -1)
    number[rows, columns] = np.arange(len(rows))
    links = np.concatenate([_neighbours(number, down, right) for down, right in ((0, 1), (1, 0), (1, 1), (1, -1))])
    points = _smoothed(np.stack((columns, rows), axis=1).astype(float), links)
    return Strokes((points - points.min(axis=0)) / max(1, np.ptp(points, axis=0).max()), links)


def _neighbours(number: NDArray[np.int64], down: int, right: int) -> NDArray[np.int64]:
    """Pairs of numbered pixels [m, 2] of which the second lies `down` and `right` of the first."""
    moved = np.roll(number, (-down, -right), axis=(0, 1))
    moved[len(moved) - down :] = -1
    if right:
        moved[:, -1 if right > 0 else 0] = -1
    both = (number >= 0) & (moved >= 0)
    return np.stack((number[both], moved[both]), axis=1)


def _smoothed(points: NDArray[np.float64], links: NDArray[np.int64]) -> NDArray[np.float64]:
    """`points` without the stairs of the pixel grid; the ends of strokes stay where they are."""
    ends = np.concatenate((links, links[:, ::-1]))
    degree = np.bincount(ends[:, 0], minlength=len(points))[:, np.newaxis]
    for _ in range(SMOOTHING):
        total = np.zeros_like(points)
        np.add.at(total, ends[:, 0], points[ends[:, 1]])
        points = np.where(degree > 1, (points + total / np.maximum(degree, 1)) / 2, points)
    return points


def draw(strokes: Strokes, look: Look, rng: np.random.Generator) -> Image.Image:
    """A picture of `strokes`, RGB, somewhere on the canvas."""
    picture = Image.new("RGB", (look.canvas, look.canvas), look.paper)
    pen, points = look.pen, _placed(strokes.points, look, rng)
    brush = ImageDraw.Draw(picture)
    width = max(1, round(pen))
    for start, end in points[strokes.links]:
        brush.line((*start, *end), fill=look.ink, width=width)
    if width > 2:
        for x, y in points:
            brush.ellipse((x - pen / 2, y - pen / 2, x + pen / 2 - 1, y + pen / 2 - 1), fill=look.ink)
    if look.blur:
        picture = picture.filter(ImageFilter.GaussianBlur(look.blur))
    if look.shade or look.noise:
        picture = _photographed(picture, look, rng)
    if look.quality is not None:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=look.quality)
        picture = Image.open(file).convert("RGB")
    return _coarse(picture, points, look) if look.coarse else picture


def _coarse(picture: Image.Image, points: NDArray[np.float64], look: Look) -> Image.Image:
    """The part of `picture` that the strokes through `points` fill, reduced to a square of few pixels."""
    low, high = points.min(axis=0) - look.pen / 2, points.max(axis=0) + look.pen / 2
    lacking = (high - low).max() - (high - low)
    left, top = (low - (1 - look.stretch) * lacking / 2).astype(int)
    right, bottom = np.ceil(high + (1 - look.stretch) * lacking / 2).astype(int)
    cut = Image.new("RGB", (int(right - left), int(bottom - top)), look.paper)
    cut.paste(picture, (-int(left), -int(top)))
    return cut.resize((look.coarse or 1,) * 2, Image.Resampling.BOX)


def redraw(image: Grey, look: Look, rng: np.random.Generator) -> Grey:
    """`image` drawn again and normalised, uint8 [28, 28]. Raises `BlankImageError`."""
    return normalise(np.asarray(draw(strokes(image), look, rng).convert("L")))


def redrawn(digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """With any pen on any paper."""
    return redraw(digits.images[place], random_look(rng), rng)


def random_look(rng: np.random.Generator) -> Look:
    """Any pen from a hair to a quarter of the digit, any paper, any light."""
    canvas = round(np.exp(rng.uniform(np.log(48), np.log(220))))
    size = rng.uniform(0.5, 0.97)
    ink, paper = _colours(rng)
    rough, coarse = rng.random() < 0.35, rng.random() < 0.2
    return Look(
        canvas=canvas,
        pen=max(1.0, size * canvas * np.exp(rng.uniform(np.log(0.02), np.log(0.28)))),
        size=size,
        slant=rng.uniform(-0.3, 0.3),
        aspect=np.exp(rng.uniform(-0.45, 0.35)),
        turn=rng.uniform(-0.15, 0.15),
        ink=ink,
        paper=paper,
        shade=rng.uniform(0, 0.5) if rough and not coarse else 0,
        blur=canvas * rng.uniform(0, 0.025) if rng.random() < 0.3 else 0,
        noise=rng.uniform(0, 20) if rough and not coarse else 0,
        quality=int(rng.integers(10, 60)) if rough and not coarse else None,
        coarse=int(rng.integers(8, 21)) if coarse else None,
        stretch=rng.uniform(0, 0.7) if coarse else 0,
    )


def _colours(rng: np.random.Generator) -> tuple[Colour, Colour]:
    """Ink and paper whose red, green and blue together differ by more than 3 × 90 levels."""
    while True:
        ink, paper = rng.integers(0, 256, (2, 3))
        if abs(int(ink.sum()) - int(paper.sum())) > 3 * 90:
            return tuple(ink.tolist()), tuple(paper.tolist())


def shape(turn: float, slant: float, aspect: float) -> NDArray[np.float64]:
    """What points [n, 2] are multiplied by to be stretched and slanted, then turned: a `Look`'s measures."""
    cos, sin = np.cos(turn), np.sin(turn)
    matrix: NDArray[np.float64] = np.array([[aspect, 0], [-slant, 1]]) @ np.array([[cos, sin], [-sin, cos]])
    return matrix


def _placed(points: NDArray[np.float64], look: Look, rng: np.random.Generator) -> NDArray[np.float64]:
    """The points on the canvas, pixels."""
    shaped = points @ shape(look.turn, look.slant, look.aspect)
    shaped -= shaped.min(axis=0)
    room = max(2.0, look.size * look.canvas - look.pen)
    shaped *= room / max(shaped.max(), 1e-6)
    free = look.canvas - shaped.max(axis=0) - look.pen - 2 * EDGE
    corner = EDGE + look.pen / 2 + rng.uniform(0, 1, 2) * np.maximum(free, 0)
    placed: NDArray[np.float64] = shaped + corner
    return placed


def _photographed(picture: Image.Image, look: Look, rng: np.random.Generator) -> Image.Image:
    """`picture` in a light that fades from one side to the other, as a noisy sensor sees it."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-0.5 : 0.5 : look.canvas * 1j, -0.5 : 0.5 : look.canvas * 1j]
    light = 1 - look.shade * (0.5 + (np.cos(angle) * x + np.sin(angle) * y) / np.sqrt(2))
    seen = np.asarray(picture) * light[..., np.newaxis] + rng.normal(0, look.noise, (look.canvas, look.canvas, 1))
    return Image.fromarray(seen.clip(0, 255).astype(np.uint8))
