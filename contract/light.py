"""Light that falls unevenly on paper: a shadow's edge, a lamp's spot, a lens that darkens the corners."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Grey = NDArray[np.uint8]

FINE, COARSE = 1000, 100
"""Longer sides, pixels: of the result, at most, and of what light is looked at on."""

STROKE = 0.16
"""Widest stroke that is told from a shadow, of that side."""

DARK = 16
"""Light by which nothing is seen, grey levels."""

PAPER = 230
"""What becomes of the paper's grey."""


def evenly_lit(image: Grey) -> Grey:
    """`image`, uint8 [height, width], dark ink on lighter paper, with the light on each place divided out.

    Large ones become smaller. The light is what a morphological closing leaves: what is narrow, and darker than all
    around it, is ink.
    """
    picture = Image.fromarray(image)
    if max(image.shape) > FINE:
        picture = picture.reduce(-(-max(image.shape) // FINE))
    coarse = picture.reduce(max(1, max(picture.size) // COARSE)).filter(ImageFilter.MedianFilter(3))
    stroke = max(5, int(max(coarse.size) * STROKE) | 1)
    closed = coarse.filter(ImageFilter.MaxFilter(stroke)).filter(ImageFilter.MinFilter(stroke))
    light = np.asarray(closed.filter(ImageFilter.GaussianBlur(1)).resize(picture.size, Image.Resampling.BILINEAR))
    seen = np.rint(np.asarray(picture) * (np.float32(PAPER) / np.maximum(light, DARK)))
    return np.where(light <= DARK, PAPER, seen).clip(0, 255).astype(np.uint8)
