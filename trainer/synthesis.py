"""What a model is trained on beside MNIST's own pictures, each kind made from those; results are normalised.

A `Maker` gets the training digits and the place of one of them, and makes one more picture, uint8 [28, 28].
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from contract.normalisation import SIZE, BlankImageError, normalise
from trainer import habits
from trainer.redrawing import Colour, Look, draw, strokes

Grey = NDArray[np.uint8]

SIDE = 4 * SIZE
"""Of pictures that are drawn large and made small, pixels."""


@dataclass(frozen=True)
class Digits:
    """Images uint8 [n, 28, 28], ink 255 on paper 0; labels uint8 [n], 0 to 9, or `NO_DIGIT`."""

    images: Grey
    labels: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.images)


Maker = Callable[[Digits, int, np.random.Generator], Grey]


def plain(digits: Digits, place: int, _: np.random.Generator) -> Grey:
    return normalise(digits.images[place])


def redrawn(digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """With any pen on any paper."""
    return _seen(digits.images[place], random_look(rng), rng)


def habitual(digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """A 1 with a flag, a 7 with a bar; other digits as they are."""
    image = normalise(digits.images[place])
    change = {1: habits.flagged, 7: habits.barred}.get(int(digits.labels[place]))
    return change(image, rng) if change else image


def cluttered(digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """With specks all over, a straight line through it, inverted edges, or only its outline."""
    image = digits.images[place]
    clutter = CLUTTERS[rng.integers(len(CLUTTERS))]
    return normalise(clutter(image, rng))


def no_digit(digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """Digits turned, joined, laid over each other or side by side so that they are none; signs, stains, textures."""
    make = NO_DIGITS[rng.choice(len(NO_DIGITS), p=NO_DIGIT_SHARES)]
    other = int(rng.choice(np.flatnonzero(np.isin(digits.labels, CROOKED))))
    glyph = make(digits, place, other, rng)
    if rng.random() < 0.5:
        return normalise(glyph)
    return _seen(glyph, random_look(rng), rng)


def made(maker: Maker, digits: Digits, places: NDArray[np.int64], seed: int) -> Grey:
    """One picture for each place, uint8 [n, 28, 28]; nothing but paper where the normalisation sees nothing."""

    def one(place: int) -> Grey:
        try:
            return maker(digits, place, np.random.default_rng((seed, place)))
        except BlankImageError:
            return np.zeros((SIZE, SIZE), np.uint8)

    return np.stack([one(int(place)) for place in places])


def random_look(rng: np.random.Generator) -> Look:
    """Any pen from a hair to a quarter of the digit, any paper, any light."""
    canvas = round(np.exp(rng.uniform(np.log(48), np.log(220))))
    size = rng.uniform(0.5, 0.97)
    ink, paper = _colours(rng)
    rough = rng.random() < 0.35
    return Look(
        canvas=canvas,
        pen=max(1.0, size * canvas * np.exp(rng.uniform(np.log(0.02), np.log(0.28)))),
        size=size,
        slant=rng.uniform(-0.4, 0.4),
        aspect=np.exp(rng.uniform(-0.5, 0.4)),
        turn=rng.uniform(-0.25, 0.25),
        ink=ink,
        paper=paper,
        shade=rng.uniform(0, 0.5) if rough else 0,
        blur=canvas * rng.uniform(0, 0.025) if rng.random() < 0.3 else 0,
        noise=rng.uniform(0, 20) if rough else 0,
        quality=int(rng.integers(10, 60)) if rough else None,
    )


def _colours(rng: np.random.Generator) -> tuple[Colour, Colour]:
    """Ink and paper at least 90 levels of grey apart."""
    while True:
        ink, paper = rng.integers(0, 256, (2, 3))
        if abs(int(ink.sum()) - int(paper.sum())) > 3 * 90:
            return tuple(ink.tolist()), tuple(paper.tolist())


def _seen(image: Grey, look: Look, rng: np.random.Generator) -> Grey:
    return normalise(np.asarray(draw(strokes(image), look, rng).convert("L")))


def _specked(image: Grey, rng: np.random.Generator) -> Grey:
    specks = rng.random(image.shape)
    share = rng.uniform(0.02, 0.2)
    salted = np.where(specks < share / 2, 255, image)
    return np.where(specks > 1 - share / 2, 0, salted).astype(np.uint8)


def _lined(image: Grey, rng: np.random.Generator) -> Grey:
    angle = rng.normal(0, 0.4) if rng.random() < 0.7 else rng.uniform(0, np.pi)
    y, x = np.mgrid[:SIZE, :SIZE] - rng.uniform(4, SIZE - 5, 2)[:, np.newaxis, np.newaxis]
    distance = np.abs(np.cos(angle) * y - np.sin(angle) * x)
    line = (rng.uniform(0.8, 1.6) - distance).clip(0, 1) * 255
    first, last = np.sort(rng.integers(-6, SIZE + 6, 2))
    shown = np.arange(SIZE)
    line[:, (shown < first) | (shown > max(last, first + 8))] = 0
    crossed: Grey = np.maximum(image, line.astype(np.uint8))
    return crossed


def _half_inverted(image: Grey, rng: np.random.Generator) -> Grey:
    """One edge of the picture, or two that face each other, in negative."""
    side, width = int(rng.integers(4)), int(rng.integers(4, 9))
    changed = np.rot90(image, side).copy()
    changed[:, :width] = 255 - changed[:, :width]
    if rng.random() < 0.6:
        changed[:, -width:] = 255 - changed[:, -width:]
    return np.rot90(changed, -side)


def _outlined(image: Grey, rng: np.random.Generator) -> Grey:
    size = int(rng.integers(2, 4))
    return np.asarray(ndimage.grey_dilation(image, size) - ndimage.grey_erosion(image, 2))


def _upside_down(image: Grey) -> Grey:
    return image[::-1]


def _mirrored(image: Grey) -> Grey:
    return image[:, ::-1]


def _left(image: Grey) -> Grey:
    return np.rot90(image)


def _right(image: Grey) -> Grey:
    return np.rot90(image, -1)


def _half_turn(image: Grey) -> Grey:
    return np.rot90(image, 2)


TURNS: dict[int, tuple[Callable[[Grey], Grey], ...]] = {
    1: (_left,),
    2: (_left, _right),
    3: (_left, _right, _mirrored, _half_turn),
    4: (_left, _right, _mirrored, _upside_down, _half_turn),
    5: (_left, _right),
    6: (_left, _right, _mirrored, _upside_down),
    7: (_left, _upside_down, _half_turn),
    9: (_left, _right, _mirrored, _upside_down),
}
"""What makes no digit of a digit. A 0 or an 8 stays one, a 2 in the mirror is a 5 or nearly so."""

CROOKED = (2, 3, 4, 5, 6, 7, 9)
"""Digits that a quarter of a turn makes unreadable."""


def _turned(digits: Digits, place: int, other: int, rng: np.random.Generator) -> Grey:
    label = int(digits.labels[place])
    if label not in TURNS:
        return _joined(digits, place, other, rng)
    turns = TURNS[label]
    return turns[rng.integers(len(turns))](digits.images[place])


def _joined(digits: Digits, place: int, other: int, rng: np.random.Generator) -> Grey:
    """One half of a digit, and one half of another that was turned by a quarter."""
    joined: Grey = digits.images[place].copy()
    if digits.labels[place] not in CROOKED:
        return _overlaid(digits, place, other, rng)
    cut = int(rng.integers(12, 17))
    joined[cut:] = np.rot90(digits.images[other], rng.choice([-1, 1]))[cut:]
    return joined


def _overlaid(digits: Digits, place: int, other: int, rng: np.random.Generator) -> Grey:
    """A digit and another one turned by a quarter."""
    both: Grey = np.maximum(digits.images[place], np.rot90(digits.images[other], rng.choice([-1, 1])))
    return both


def _beside(digits: Digits, place: int, other: int, rng: np.random.Generator) -> Grey:
    """Two digits next to each other, or one over the other: a number is no digit."""
    first, second = _cropped(digits.images[place]), _cropped(digits.images[other])
    axis = int(rng.random() < 0.8)
    gap = int(rng.integers(0, 6))
    size = max(first.shape[1 - axis], second.shape[1 - axis])
    parts = [np.pad(part, _margins(part, size, 1 - axis)) for part in (first, second)]
    between = np.zeros((size, gap) if axis else (gap, size), np.uint8)
    return np.pad(np.concatenate((parts[0], between, parts[1]), axis=axis), 2)


def _margins(part: Grey, size: int, axis: int) -> list[tuple[int, int]]:
    lacking = size - part.shape[axis]
    margin = (lacking // 2, lacking - lacking // 2)
    return [margin if i == axis else (0, 0) for i in range(2)]


def _cropped(image: Grey) -> Grey:
    rows, columns = np.nonzero(image)
    return image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _sign(_: Digits, __: int, ___: int, rng: np.random.Generator) -> Grey:
    """A made-up sign: three to six strokes, straight or bent, many of which begin where another one ends."""
    picture = Image.new("L", (SIDE, SIDE))
    brush = ImageDraw.Draw(picture)
    pen = int(rng.integers(4, 9))
    end = rng.uniform(10, SIDE - 10, 2)
    for _stroke in range(int(rng.integers(3, 7))):
        start = end if rng.random() < 0.6 else rng.uniform(10, SIDE - 10, 2)
        end = rng.uniform(10, SIDE - 10, 2)
        bend = (start + end) / 2 + (rng.normal(0, 18, 2) if rng.random() < 0.5 else 0)
        t = np.linspace(0, 1, 24)[:, np.newaxis]
        curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end
        brush.line([tuple(point) for point in curve.tolist()], 255, pen, joint="curve")
    return _shrunk(np.asarray(picture))


def _stain(_: Digits, __: int, ___: int, rng: np.random.Generator) -> Grey:
    """A filled outline, smooth or angular."""
    corners = int(rng.integers(4, 13))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radius = rng.uniform(12, 46, corners)
    stretch = np.exp(rng.uniform(-0.9, 0.9, 2) / 2)
    points = SIDE / 2 + radius[:, np.newaxis] * np.stack((np.cos(angles), np.sin(angles)), axis=1) * stretch
    picture = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(picture).polygon([tuple(point) for point in points.tolist()], fill=255)
    if rng.random() < 0.6:
        soft = ndimage.gaussian_filter(np.asarray(picture, np.float64), rng.uniform(1, 5))
        return _shrunk(np.where(soft > 127, 255, 0).astype(np.uint8))
    return _shrunk(np.asarray(picture))


def _texture(_: Digits, __: int, ___: int, rng: np.random.Generator) -> Grey:
    """Smooth or coarse blotches, with all greys or cut off at one."""
    field = ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), rng.uniform(1, 12))
    field = (field - field.min()) / np.ptp(field)
    if rng.random() < 0.6:
        field = field > rng.uniform(0.4, 0.8)
    if rng.random() < 0.5:
        field = np.pad(field, 20)
    return _shrunk((field * 255).astype(np.uint8))


def _shrunk(picture: Grey) -> Grey:
    return np.asarray(Image.fromarray(picture).resize((SIZE, SIZE), Image.Resampling.BOX))


CLUTTERS = (_specked, _lined, _half_inverted, _outlined)

NO_DIGITS = (_turned, _joined, _overlaid, _beside, _sign, _stain, _texture)
NO_DIGIT_SHARES = (0.22, 0.17, 0.08, 0.13, 0.22, 0.1, 0.08)
