"""The fifteen corruptions of MNIST-C, written anew.

N. Mu, J. Gilmer, "MNIST-C: A Robustness Benchmark for Computer Vision", arXiv:1906.02337. The severities, and what the
paper leaves open, are those of the authors' generator (google-research/mnist-c). Known differences: motion blur is a
Gaussian along a line, theirs ImageMagick's; shear is today's scikit-image's, which keeps the height; nothing is rounded
to whole grey levels on the way.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import feature, filters, transform
from skimage.util import random_noise

from contract.arrays import Grey
from contract.normalisation import normalise
from trainer.digits import Digits

Picture = NDArray[np.float64]
"""[28, 28] in 0 to 1, ink 1."""

SIDE = 28
MIDDLE = 13.5


def _shot_noise(x: Picture, rng: np.random.Generator) -> Picture:
    return rng.poisson(x * 3) / 3


def _impulse_noise(x: Picture, rng: np.random.Generator) -> Picture:
    return _picture(random_noise(x, mode="s&p", amount=0.17, rng=rng))


def _glass_blur(x: Picture, rng: np.random.Generator) -> Picture:
    shuffled = filters.gaussian(x, 0.7)
    for _ in range(2):
        for row in range(SIDE - 1, 1, -1):
            for column in range(SIDE - 1, 1, -1):
                if rng.random() < 0.5:
                    down, right = rng.integers(-1, 1, 2)
                    here, there = (row, column), (row + down, column + right)
                    shuffled[here], shuffled[there] = shuffled[there], shuffled[here]
    return _picture(filters.gaussian(shuffled, 0.7))


def _motion_blur(x: Picture, rng: np.random.Generator) -> Picture:
    radius, deviation = 10, 3
    angle = np.radians(rng.uniform(-45, 45))
    steps = np.arange(2 * radius + 1)
    weights = np.exp(-(steps**2) / (2 * deviation**2))
    moved = [ndimage.shift(x, (step * np.sin(angle), step * np.cos(angle)), order=1) for step in steps]
    return _picture(np.tensordot(weights / weights.sum(), moved, axes=1))


def _shear(x: Picture, rng: np.random.Generator) -> Picture:
    return _warped(x, shear=0.4 * rng.choice([-1, 1]))


def _scale(x: Picture, _: np.random.Generator) -> Picture:
    return _warped(x, scale=1 / 0.7)


def _rotate(x: Picture, rng: np.random.Generator) -> Picture:
    return _warped(x, rotation=0.4 * rng.choice([-1, 1]))


def _brightness(x: Picture, _: np.random.Generator) -> Picture:
    return x + 0.5


def _translate(x: Picture, rng: np.random.Generator) -> Picture:
    return _picture(ndimage.shift(x, 3 * rng.choice([-1, 1], 2), order=1))


def _stripe(x: Picture, _: np.random.Generator) -> Picture:
    striped = x.copy()
    striped[:, :7], striped[:, 21:] = 1 - x[:, :7], 1 - x[:, 21:]
    return striped


def _fog(x: Picture, rng: np.random.Generator) -> Picture:
    strength, decay = 3, 1.4
    return _picture((x + strength * _plasma(rng, decay)) * x.max() / (x.max() + strength))


def _spatter(x: Picture, rng: np.random.Generator) -> Picture:
    drops = filters.gaussian(rng.normal(0.65, 0.3, x.shape), 1) > 0.65
    mud = filters.gaussian(drops.astype(float), 1.5)
    mud[mud < 0.8] = 0
    return _picture(x * (1 - mud) + 63 / 255 * mud)


def _dotted_line(x: Picture, rng: np.random.Generator) -> Picture:
    first, last = rng.integers(0, 27, 2)
    line = _line((0, first), (27, last))
    line[:, np.arange(SIDE) % 4 < 2] = 0
    return x + line


def _zigzag(x: Picture, rng: np.random.Generator) -> Picture:
    start = np.array([2, rng.integers(0, 27)])
    end = np.array([25, start[1] + rng.integers(-5, 5)])
    length = np.hypot(*(end - start))
    along = (end - start) / length
    across = np.array([-along[1], along[0]])
    turns = np.arange(2, length, 4)
    tops = [start + turn * along + 2 * (-1) ** i * across for i, turn in enumerate(turns)]
    points = [start, *tops, end]
    return x + sum(_line(a, b) for a, b in pairwise(points))


def _canny_edges(x: Picture, _: np.random.Generator) -> Picture:
    return _picture(feature.canny(x))


def _picture(values: object) -> Picture:
    return np.asarray(values, np.float64)


def _warped(x: Picture, **affine: float) -> Picture:
    """`x` under skimage's affine map from where it goes to where it comes from, about the middle of the picture."""
    about = transform.AffineTransform(**affine).params[:2, :2]
    offset = MIDDLE - about @ (MIDDLE, MIDDLE)
    matrix = np.vstack((np.column_stack((about, offset)), (0, 0, 1)))
    return _picture(transform.warp(x, transform.AffineTransform(matrix)))


def _line(start: NDArray[np.float64] | tuple[float, float], end: NDArray[np.float64] | tuple[float, float]) -> Picture:
    """A line from left to right between two points (column, row): dark in the middle, gone at 1.45 pixels."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    slope = (end[1] - start[1]) / (end[0] - start[0])
    distance = np.abs(rows - start[1] - slope * (columns - start[0])).clip(0, 2.299)
    line = (np.log(1 - distance / 2.3) + 1).clip(0, 1)
    line[(columns < np.floor(start[0])) | (columns >= np.ceil(end[0]))] = 0
    return _picture(line)


def _plasma(rng: np.random.Generator, decay: float) -> Picture:
    """Clouds in 0 to 1 by the diamond-square algorithm, cut from a map of 256×256 that wraps round."""
    side = 256
    clouds = np.zeros((side, side))
    step, wobble = side, 100.0

    def middle(total: Picture) -> Picture:
        return total / 4 + wobble * rng.uniform(-wobble, wobble, total.shape)

    while step >= 2:
        half = step // 2
        corners = clouds[::step, ::step]
        total = corners + np.roll(corners, -1, axis=0)
        centres = middle(total + np.roll(total, -1, axis=1))
        clouds[half::step, half::step] = centres
        clouds[::step, half::step] = middle(
            corners + np.roll(corners, -1, axis=1) + centres + np.roll(centres, 1, axis=0)
        )
        clouds[half::step, ::step] = middle(
            corners + np.roll(corners, -1, axis=0) + centres + np.roll(centres, 1, axis=1)
        )
        step, wobble = half, wobble / decay
    clouds = clouds - clouds.min()
    return _picture(clouds[:SIDE, :SIDE] / clouds.max())


CORRUPTIONS: dict[str, Callable[[Picture, np.random.Generator], Picture]] = {
    "shot noise": _shot_noise,
    "impulse noise": _impulse_noise,
    "glass blur": _glass_blur,
    "motion blur": _motion_blur,
    "shear": _shear,
    "scale": _scale,
    "rotate": _rotate,
    "brightness": _brightness,
    "translate": _translate,
    "stripe": _stripe,
    "fog": _fog,
    "spatter": _spatter,
    "dotted line": _dotted_line,
    "zigzag": _zigzag,
    "canny edges": _canny_edges,
}


def corrupt(name: str, digits: Digits, place: int, rng: np.random.Generator) -> Grey:
    """One of MNIST's images, corrupted by one of `CORRUPTIONS` and normalised."""
    picture = CORRUPTIONS[name](digits.images[place] / 255, rng)
    return normalise((picture.clip(0, 1) * 255).astype(np.uint8))
