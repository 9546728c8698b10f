"""What is no digit, for a model to learn the difference: made of digits, or of nothing."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from contract.arrays import Grey
from contract.normalisation import SIZE, normalise
from trainer.digits import Digits
from trainer.redrawing import random_look, redraw

SIDE = 4 * SIZE
"""Of pictures that are drawn large and made small, pixels."""


def no_digit(digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """Digits turned, joined, laid over, beside or within each other so that they are none; signs, stains, textures."""
    return normalised(NO_DIGITS[rng.choice(len(NO_DIGITS), p=NO_DIGIT_SHARES)], digits, place, rng)


def no_part(digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """The same, but no two digits beside each other: what is no part of a number either."""
    makers = [make for make in NO_DIGITS if make is not beside]
    return normalised(makers[rng.integers(len(makers))], digits, place, rng)


def normalised(
    make: Callable[..., Grey], digits: Digits, place: int, rng: np.random.Generator, redrawn: float = 0.5
) -> Grey:
    """What is made, as it is or, a share of it, `redrawn`."""
    other = int(rng.choice(np.flatnonzero(np.isin(digits.labels, CROOKED))))
    glyph = make(digits, place, other, rng)
    if rng.random() >= redrawn:
        return normalise(glyph)
    return redraw(glyph, random_look(rng), rng)


def _upside_down(image: Grey) -> Grey:
    return image[::-1]


def _mirrored(image: Grey) -> Grey:
    return image[:, ::-1]


def _left(image: Grey) -> Grey:
    return np.rot90(image)


def _right(image: Grey) -> Grey:
    return np.rot90(image, -1)


def half_turn(image: Grey) -> Grey:
    return np.rot90(image, 2)


TURNS: dict[int, tuple[Callable[[Grey], Grey], ...]] = {
    1: (_left,),
    2: (_left, _right),
    3: (_left, _right, _mirrored, half_turn),
    4: (_left, _right, _mirrored, _upside_down, half_turn),
    5: (_left, _right),
    6: (_left, _right, _mirrored, _upside_down),
    7: (_left, _upside_down, half_turn),
    9: (_left, _right, _mirrored, _upside_down),
}
"""What makes no digit of a digit. A 0 or an 8 stays one, a 2 in the mirror is a 5 or nearly so."""

CROOKED = (2, 3, 4, 5, 6, 7, 9)
"""Digits that a quarter of a turn makes unreadable."""


def turned(digits: Digits, place: int, other: int, rng: np.random.Generator) -> Grey:
    label = int(digits.labels[place])
    if label not in TURNS:
        return joined(digits, place, other, rng)
    turns = TURNS[label]
    return turns[rng.integers(len(turns))](digits.images[place])


def joined(digits: Digits, place: int, other: int, rng: np.random.Generator) -> Grey:
    """One half of a digit, and one half of another that was turned by a quarter."""
    joined: Grey = digits.images[place].copy()
    if digits.labels[place] not in CROOKED:
        return overlaid(digits, place, other, rng)
    cut = int(rng.integers(12, 17))
    joined[cut:] = np.rot90(digits.images[other], rng.choice([-1, 1]))[cut:]
    return joined


def overlaid(digits: Digits, place: int, other: int, rng: np.random.Generator) -> Grey:
    """A digit and another one turned by a quarter."""
    both: Grey = np.maximum(digits.images[place], np.rot90(digits.images[other], rng.choice([-1, 1])))
    return both


def beside(digits: Digits, place: int, other: int, rng: np.random.Generator) -> Grey:
    """Two digits next to each other, or one over the other: a number is no digit."""
    first, second = cropped(digits.images[place]), cropped(digits.images[other])
    axis = int(rng.random() < 0.8)
    gap = int(rng.integers(0, 6))
    size = max(first.shape[1 - axis], second.shape[1 - axis])
    parts = [np.pad(part, _margins(part, size, 1 - axis)) for part in (first, second)]
    between = np.zeros((size, gap) if axis else (gap, size), np.uint8)
    return np.pad(np.concatenate((parts[0], between, parts[1]), axis=axis), 2)


def nested(digits: Digits, place: int, other: int, rng: np.random.Generator) -> Grey:
    """A 0 with a small digit in it, but no 1: that is a slash."""
    if digits.labels[place] == 1:
        place = other
    nested: Grey = digits.images[rng.choice(np.flatnonzero(digits.labels == 0))].copy()
    inner = Image.fromarray(cropped(digits.images[place]))
    scale = rng.uniform(0.25, 0.55)
    size = max(2, round(inner.width * scale)), max(2, round(inner.height * scale))
    small = np.asarray(inner.resize(size, Image.Resampling.BOX))
    row, column = (14 + rng.integers(-1, 2, 2) - np.array(small.shape) // 2).clip(0)
    window = nested[row : row + size[1], column : column + size[0]]
    np.maximum(window, small, out=window)
    return nested


def _margins(part: Grey, size: int, axis: int) -> list[tuple[int, int]]:
    lacking = size - part.shape[axis]
    margin = (lacking // 2, lacking - lacking // 2)
    return [margin if i == axis else (0, 0) for i in range(2)]


def cropped(image: Grey) -> Grey:
    rows, columns = np.nonzero(image)
    return image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def sign(_: Digits, __: int, ___: int, rng: np.random.Generator) -> Grey:
    """A made-up sign: three to six strokes, straight or bent, many of which begin where another one ends."""
    return strokes_between(lambda: rng.uniform(10, SIDE - 10, 2), 3, rng)


def strokes_between(point: Callable[[], NDArray[np.float64]], fewest: int, rng: np.random.Generator) -> Grey:
    """Such strokes, `fewest` to six, from one `point` to another."""
    picture = Image.new("L", (SIDE, SIDE))
    brush = ImageDraw.Draw(picture)
    pen = int(rng.integers(4, 9))
    end = point()
    for _ in range(int(rng.integers(fewest, 7))):
        start = end if rng.random() < 0.6 else point()
        end = point()
        bend = (start + end) / 2 + (rng.normal(0, 18, 2) if rng.random() < 0.5 else 0)
        t = np.linspace(0, 1, 24)[:, np.newaxis]
        curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end
        brush.line([tuple(point) for point in curve.tolist()], 255, pen, joint="curve")
    return shrunk(np.asarray(picture))


def outline(rng: np.random.Generator) -> NDArray[np.float64]:
    """An irregular one around 0, that closes: across and down, [n, 2], pixels."""
    corners = int(rng.integers(4, 13))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radius = rng.uniform(12, 46, corners)
    stretch = np.exp(rng.uniform(-0.9, 0.9, 2) / 2)
    shape: NDArray[np.float64] = radius[:, np.newaxis] * np.stack((np.cos(angles), np.sin(angles)), axis=1) * stretch
    return shape


def _stain(_: Digits, __: int, ___: int, rng: np.random.Generator) -> Grey:
    """An irregular closed outline, smooth or angular, filled or not."""
    points = [tuple(point) for point in (SIDE / 2 + outline(rng)).tolist()]
    picture = Image.new("L", (SIDE, SIDE))
    brush = ImageDraw.Draw(picture)
    if rng.random() < 0.5:
        brush.line([*points, points[0]], 255, int(rng.integers(4, 12)), joint="curve")
        return shrunk(np.asarray(picture))
    brush.polygon(points, fill=255)
    if rng.random() < 0.6:
        soft = ndimage.gaussian_filter(np.asarray(picture, np.float64), rng.uniform(1, 5))
        return shrunk(np.where(soft > 127, 255, 0).astype(np.uint8))
    return shrunk(np.asarray(picture))


def texture(_: Digits, __: int, ___: int, rng: np.random.Generator) -> Grey:
    """Smooth or coarse blotches, with all greys or cut off at one."""
    field = blotches(rng)
    if rng.random() < 0.6:
        field = np.where(field > rng.uniform(0.4, 0.8), 1.0, 0.0)
    if rng.random() < 0.5:
        field = np.pad(field, 20)
    return shrunk((field * 255).astype(np.uint8))


def blotches(rng: np.random.Generator) -> NDArray[np.float64]:
    """[SIDE, SIDE] in 0 to 1."""
    field = ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), rng.uniform(1, 12))
    smooth: NDArray[np.float64] = (field - field.min()) / np.ptp(field)
    return smooth


def shrunk(picture: Grey) -> Grey:
    return np.asarray(Image.fromarray(picture).resize((SIZE, SIZE), Image.Resampling.BOX))


NO_DIGITS = (turned, joined, overlaid, beside, nested, sign, _stain, texture)
NO_DIGIT_SHARES = (0.18, 0.15, 0.08, 0.11, 0.1, 0.2, 0.13, 0.05)
