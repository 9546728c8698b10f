"""Ones with a flag: MNIST's writers draw a 1 as a bare stroke, much of the world gives it a flag and no foot."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from contract.normalisation import SIZE, normalise

FINE = 8
"""Pixels drawn for each one of the image, in either direction."""


def flagged(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A normalised 1, uint8 [28, 28], with a flag from its top down to the left, normalised again.

    The flag is as thick as the stroke, 20 to 50 % as long as the 1 is high, and falls by 35 to 65 degrees.
    """
    rows, columns = np.nonzero(image > 127)
    height = np.ptp(rows) + 1
    pen = max(1.5, image.sum() / 255 / height)
    tip = np.array([columns[rows == rows.min()].mean() + 0.5, rows.min() + pen / 2])
    angle = np.radians(rng.uniform(35, 65))
    end = tip + rng.uniform(0.2, 0.5) * height * np.array([-np.cos(angle), np.sin(angle)])

    margin = SIZE // 2  # the flag may leave the image
    paper = Image.new("L", ((SIZE + 2 * margin) * FINE,) * 2)
    paper.paste(Image.fromarray(image).resize((SIZE * FINE, SIZE * FINE)), (margin * FINE, margin * FINE))
    draw = ImageDraw.Draw(paper)
    points = [tuple((point + margin) * FINE) for point in (tip, end)]
    draw.line(points, fill=255, width=round(pen * FINE))
    for point in points:
        draw.circle(point, pen * FINE / 2, fill=255)
    return normalise(np.asarray(paper))
