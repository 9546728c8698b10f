"""What numbers are written on: rows of the benchmark, and of the tests, none of which training sees."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from contract.arrays import Grey
from trainer.mishaps import emphasised, in_dust, ruled
from trainer.strings import HEIGHT

Paper = Callable[[Grey, np.random.Generator], Grey]


def _of_two_greys(ink: tuple[int, int, int], paper: tuple[int, int, int]) -> Paper:
    def on_paper(image: Grey, _: np.random.Generator) -> Grey:
        share = image[..., np.newaxis] / 255
        coloured = (share * np.array(paper) + (1 - share) * np.array(ink)).astype(np.uint8)
        return np.asarray(Image.fromarray(coloured).convert("L"))

    return on_paper


def _jpeg(image: Grey, quality: int) -> Grey:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("L"))


def _blurred(image: Grey, sigma: float) -> Grey:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma)))


def _noisy(image: Grey, sigma: float, rng: np.random.Generator) -> Grey:
    noisy: Grey = (image + rng.normal(0, sigma, image.shape)).clip(0, 255).astype(np.uint8)
    return noisy


def _photographed(image: Grey, rng: np.random.Generator) -> Grey:
    height, width = image.shape
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j]
    light = 1 - 0.5 * (0.5 + (np.cos(angle) * x + np.sin(angle) * y) / np.sqrt(2))
    return _jpeg(_noisy((_blurred(image, 1.5) * light).astype(np.uint8), 12, rng), 40)


def _ruled(image: Grey, rng: np.random.Generator, *, squared: bool) -> Grey:
    """With lines of a pixel or two, of any grey, some 0.6 to 1.5 digits apart."""
    step, thick, grey = round(HEIGHT * rng.uniform(0.6, 1.5)), int(rng.integers(1, 3)), int(rng.integers(90, 200))
    return ruled(image, step, thick, grey, rng, squared=squared)


def _on_dusty_sheet(image: Grey, rng: np.random.Generator) -> Grey:
    return in_dust(30, 4)(np.pad(image, 3 * HEIGHT, constant_values=255), rng)


PAPERS: dict[str, Paper] = {
    "white paper": lambda image, _: image,
    "light ink on dark paper": lambda image, _: 255 - image,
    "grey paper, ink 40 levels from it": _of_two_greys((120,) * 3, (160,) * 3),
    "coloured ink and paper, 60 levels apart": _of_two_greys((40, 80, 150), (170, 120, 160)),
    "photograph: half the light lost, noise 12, blur 1.5, JPEG 40": _photographed,
    "JPEG quality 10": lambda image, _: _jpeg(image, 10),
    "blur 3": lambda image, _: _blurred(image, 3),
    "noise 40": lambda image, rng: _noisy(image, 40, rng),
    "ruled": lambda image, rng: _ruled(image, rng, squared=False),
    "squared": lambda image, rng: _ruled(image, rng, squared=True),
    "three digits' heights of paper around it, 30 grains of dust of 1 to 4 pixels": _on_dusty_sheet,
    "underlined, or in a ring or a box by hand": emphasised,
}
