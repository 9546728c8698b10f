"""Light that falls unevenly on paper: a shadow's edge, a lamp's spot, a lens that darkens the corners."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image, ImageFilter

from contract.arrays import Grey

FINE, SKETCH = 1000, 100
"""Longer sides, pixels: of the result, at most, and of what light is looked at on."""

STROKE = 0.16
"""Widest stroke that is told from a shadow, of that side."""

NIGHT = 16
"""Light by which nothing is seen, grey levels."""

WHITE = np.uint8(255)

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
    coarse = picture.reduce(max(1, max(picture.size) // SKETCH)).filter(ImageFilter.MedianFilter(3))
    reach = max(2, int(max(coarse.size) * STROKE) // 2)
    closed = WHITE - _lightest(WHITE - _lightest(np.asarray(coarse), reach), reach)
    light = np.asarray(
        Image.fromarray(closed).filter(ImageFilter.GaussianBlur(1)).resize(picture.size, Image.Resampling.BILINEAR)
    )
    seen = np.rint(np.asarray(picture) * (np.float32(PAPER) / np.maximum(light, NIGHT)))
    return np.where(light <= NIGHT, PAPER, seen).clip(0, 255).astype(np.uint8)


def _lightest(image: Grey, reach: int) -> Grey:
    """Of the square around each pixel, `reach` to either side. Pillow's filter takes thirty times as long."""
    for axis in (0, 1):
        margins = [(reach, reach) if axis == across else (0, 0) for across in (0, 1)]
        image = sliding_window_view(np.pad(image, margins, mode="edge"), 2 * reach + 1, axis).max(axis=-1)
    return image
