"""What befalls a picture between the pen and the reader: light that falls unevenly, rims, dots, repeated pixels.

A `Mishap` makes a grey picture, uint8 [height, width], of another one. No training has seen these programs.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainer.digits import Grey

Light = NDArray[np.float64]

Mishap = Callable[[Grey, np.random.Generator], Grey]

NOISE = 3
"""Standard deviation of the sensor's, grey levels."""

PENUMBRA = 0.03
"""Half of a shadow's edge, of the picture's longer side."""


def shadow(loss: float) -> Mishap:
    """Something between lamp and paper takes that share of the light on one side of a line."""

    def light(x: Light, y: Light, rng: np.random.Generator) -> Light:
        angle = rng.uniform(0, 2 * np.pi)
        beyond: Light = np.cos(angle) * x + np.sin(angle) * y - rng.uniform(-0.35, 0.35)
        return 1 - loss / (1 + np.exp(-beyond / PENUMBRA))

    return _in(light)


def dark_corners(loss: float) -> Mishap:
    """A lens takes that share of the light in the corners, less nearer to the middle."""
    return _in(lambda x, y, _: 1 - 2 * loss * (x**2 + y**2))


def spotlight(loss: float) -> Mishap:
    """A lamp lights a part of the paper, the rest has that share less."""

    def light(x: Light, y: Light, rng: np.random.Generator) -> Light:
        across, down = rng.uniform(-0.3, 0.3, 2)
        spot: Light = np.exp(-((x - across) ** 2 + (y - down) ** 2) / 0.18)
        return 1 - loss * (1 - spot)

    return _in(light)


def _in(light: Callable[..., Light]) -> Mishap:
    def lit(picture: Grey, rng: np.random.Generator) -> Grey:
        height, width = picture.shape
        y, x = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j]
        seen = picture * light(x, y, rng) + rng.normal(0, NOISE, picture.shape)
        return seen.clip(0, 255).astype(np.uint8)

    return lit


def with_rim(picture: Grey, rng: np.random.Generator) -> Grey:
    """Lines of another grey at one to four of its sides, up to a fifth of it."""
    noisy = (picture * (220 / 255) + rng.normal(0, NOISE, picture.shape)).clip(0, 255)
    widths = rng.permutation([1, *rng.integers(0, 2, 3)]).reshape(2, 2) * rng.integers(
        2, max(picture.shape) // 5, (2, 2)
    )
    rim = rng.choice([0, 40, 100, 255])
    return np.pad(noisy, widths, constant_values=rim).astype(np.uint8)


def in_dots(picture: Grey, rng: np.random.Generator) -> Grey:
    """Black and white dots (Floyd and Steinberg 1976) for paper of 130 to 240 levels."""
    grey = (picture * (rng.uniform(130, 240) / 255)).astype(np.uint8)
    return np.asarray(Image.fromarray(grey).convert("1").convert("L"))


def repeated(times: int) -> Mishap:
    """Each pixel so often, across and down."""
    return lambda picture, _: np.kron(picture, np.ones((times, times), np.uint8))
