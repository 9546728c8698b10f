"""A digit that fills its picture, cropped closely or by an old scanner, and enlarged or blurred since.

Its border is no sample of the paper: ink reaches it, in soft greys that pass for noise or for a shadow. What tells it
from these is seen best on a few pixels: neighbours differ there by more than in a shadow, and by less than in noise.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contract import border
from contract.arrays import Grey
from contract.border import COARSE, QUIET

LEAST = 40
"""Contrast between ink and paper, grey levels."""

SHADE, NOISE = 0.03, 0.85
"""Roughness of what darkens smoothly towards a corner, at most, and of noise, at least."""

WHOLE = 0.7
"""Share of a digit's ink that holds together, at least. Of the paper's grain less does."""

LIGHT = 2
"""Ratio of a border's lightest grey to its darkest up to which there may be nothing but uneven light."""

ON_EDGE = 0.45
"""Share of the border that ink takes, at most. A hard shadow takes more."""

REACHED = 2 / 3
"""How dark, as a share of the darkest, ink is where it reaches the border."""

ON_INK = 0.03
"""Weight of what is darker than the paper, while it is looked for, against what is lighter."""

ROUNDS = 10


def filling(image: Grey, *, surely: bool = False) -> Grey | None:
    """The ink, uint8 [height, width] of `COARSE` pixels or less, paper 0, of a digit that fills `image`; else None.

    `image`, uint8 [height, width], is larger than that. `surely`: judged by its border, whose greys differ by more than
    light would make them, as ink reaches two opposite edges. Else by whether it holds together and is rougher than a
    shadow, which is for images in which nothing else was found.
    """
    greys = border.edge(image).astype(np.float32)
    if border.deviation(greys - np.median(greys)) <= border.EVEN or (surely and LIGHT * greys.min() > greys.max()):
        return None
    coarse = _reduced(image)
    contrast = int(coarse.max()) - int(coarse.min())
    _, unevenness = border.paper(coarse)
    if contrast < LEAST or unevenness * QUIET <= contrast or not (roughness := _roughness(coarse)) < NOISE:
        return None
    ink = _ink(coarse)
    strokes = ink > ink.max() // 3
    if surely:
        return ink if _reach(ink) >= REACHED * ink.max() and border.edge(strokes).mean() <= ON_EDGE else None
    return ink if roughness > SHADE and _largest(strokes) >= WHOLE * np.count_nonzero(strokes) else None


def _reduced(image: Grey) -> Grey:
    factor = COARSE / max(image.shape)
    height, width = (max(2, round(side * factor)) for side in image.shape)
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BOX))


def _roughness(image: Grey) -> float:
    """Half of the mean square of neighbours' differences, as a share of the variance: 1 of noise, 0 of a shadow."""
    values = image.astype(np.float32)
    differences = [float(np.square(np.diff(values, axis=axis)).mean()) for axis in (0, 1)]
    return sum(differences) / 4 / float(values.var())


def _ink(coarse: Grey) -> Grey:
    """What departs from the paper, which is at the border's lighter end, or its darker one, whichever more of it is.

    A plane by asymmetric least squares (Eilers 2003): most of the border may be ink, on one side of the paper.
    """
    greys, each = border.edge(coarse).astype(np.float32), border.terms(coarse)
    sign = 1 if border.is_dark(coarse) else -1
    weights = np.ones_like(greys)
    for _ in range(ROUNDS):
        weighted = each.T * weights
        factors = np.linalg.solve(weighted @ each + 1e-3 * np.eye(3, dtype=np.float32), weighted @ greys)
        weights = np.where(sign * (greys - each @ factors) > 0, np.float32(ON_INK), np.float32(1))
    difference = sign * (coarse.astype(np.int16) - border.plane(coarse, factors))
    return difference.clip(0).astype(np.uint8)


def _reach(ink: Grey) -> int:
    """How dark it is at two opposite edges, at least."""
    return max(min(int(one.max()), int(other.max())) for one, other in ((ink[0], ink[-1]), (ink[:, 0], ink[:, -1])))


def _largest(strokes: NDArray[np.bool_]) -> int:
    """Pixels of the largest part that holds together."""
    return int(np.bincount(border.components(strokes).ravel())[1:].max(initial=0))
