"""What stands beside the writing, along an edge or from one to another: a margin's line, an app's panel, a desk."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from contract import border
from contract.arrays import Grey, Mask

WHOLE = 0.95
"""Share of a side that a band along it covers, at least."""

THICK, CROOKED = 0.08, 0.25
"""Thickness of a line from edge to edge, as a share of its length, and by what share of that thickness nearly all of it
departs from a straight one, at most."""

GROWN, MOST = 0.006, 0.6
"""By what share of the longer side it is painted over beyond its edges, at least; and of the picture, at most."""

CLEAR, LEAST = 0.03, 0.06
"""Distance of the writing from all edges, and its longer side, at least, as shares of the picture's."""

FEW = 4
"""Lines from one edge to the opposite one, at most."""

SIDES: tuple[Any, ...] = (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1])


def bands(ink: Grey) -> Mask | None:
    """Where such things are in `ink`, uint8 [height, width], paper 0; None where there are none, as in most images."""
    least = int(ink.max()) // 4
    whole = [float((ink[side] > least).mean()) for side in SIDES]
    if max(whole) < WHOLE and not (whole[0] and whole[1]) and not (whole[2] and whole[3]):
        return None
    labels = border.components(ink > least)
    found = {
        int(np.bincount(labels[side]).argmax()) for side, share in zip(SIDES, whole, strict=True) if share >= WHOLE
    }
    found |= {label for label in _from_top_to_bottom(labels) if _is_line(labels == label)}
    found |= {label for label in _from_top_to_bottom(labels.T) if _is_line((labels == label).T)}
    found -= {0}
    return np.isin(labels, list(found)) if found else None


def painted_over(image: Grey, band: Mask) -> Grey | None:
    """`image`, uint8 [height, width], with paper where `band` is, which may be smaller; None if that is too much."""
    mask = _as_large_as(image, band)
    by = max(2, round(GROWN * max(image.shape)))
    near = mask.reduce(by).point(lambda level: 255 * (level > 0)).filter(ImageFilter.MaxFilter(3))
    grown = near.resize((near.width * by, near.height * by), Image.Resampling.NEAREST)
    wide = np.asarray(grown)[: image.shape[0], : image.shape[1]] > 0
    free = ~border.edge(wide)
    if not free.any() or wide.mean() > MOST:
        return None
    return np.where(wide, np.uint8(np.median(border.edge(image)[free])), image)


def stands_beside(ink: Grey, place: tuple[slice, slice], band: Mask) -> bool:
    """Whether the `ink` that is written at that `place` is clear of the edges, of some size, not around a `band`."""
    sides = ink.shape
    clear = all(
        side.start >= CLEAR * length and length - side.stop >= CLEAR * length
        for side, length in zip(place, sides, strict=True)
    )
    large = max(side.stop - side.start for side in place) >= LEAST * max(sides)
    around = any(
        all(side.start <= (part.start + part.stop) / 2 < side.stop for side, part in zip(place, box, strict=True))
        for box in border.boxes(border.components(np.asarray(_as_large_as(ink, band)) > 0))
    )
    return clear and large and not around


def _as_large_as(image: Grey, band: Mask) -> Image.Image:
    return Image.fromarray(band).convert("L").resize(image.shape[::-1], Image.Resampling.NEAREST)


def _from_top_to_bottom(labels: NDArray[np.uint32]) -> list[int]:
    """The components that reach both; none, where they are many, as of a pattern."""
    found = [int(label) for label in np.intersect1d(labels[0], labels[-1]) if label]
    return found if len(found) <= FEW else []


def _is_line(mask: Mask) -> bool:
    """Whether what goes down `mask` is thin and straight."""
    widths = mask.sum(axis=1)
    thick = float(np.median(widths))
    if not widths.all() or thick > THICK * len(mask):
        return False
    middles = (mask.argmax(axis=1) + mask.shape[1] - mask[:, ::-1].argmax(axis=1)) / 2
    rows = np.arange(len(mask))
    off = np.abs(np.polyval(np.polyfit(rows, middles, 1), rows) - middles)
    return bool(np.percentile(off, 97) <= max(1.5, CROOKED * thick))
