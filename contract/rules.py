"""Ruled and squared paper: what is written there, without the lines, which go from edge to edge."""

import numpy as np
from numpy.typing import NDArray

from contract.arrays import Grey

FULL = 0.9
"""Share of a row that is ink where it is a line of the paper."""


def without_rules(ink: Grey, fewest: int = 0, thickest: float = 1) -> Grey:
    """`ink` without the lines of ruled or squared paper, uint8 [height, width]; strokes are closed again.

    There are lines only if there are so many or more, the edges' not counted, of such a share of the side in the mean.
    """
    mask = (ink > ink.max() // 4).astype(np.uint8)
    ruled = mask.mean(axis=1) >= FULL
    if not _are_rules(ruled, fewest, thickest):
        return ink
    cleaned = closed(ink, ruled)
    squared = mask.mean(axis=0) >= FULL
    return closed(cleaned.T, squared).T if _are_rules(squared, fewest, thickest) else cleaned


def _are_rules(full: NDArray[np.bool_], fewest: int, thickest: float) -> bool:
    """Whether these rows, or columns, are lines."""
    at_edges = int(full[0]) + int(full[-1])
    lines = (np.count_nonzero(full[1:] != full[:-1]) - at_edges) // 2
    return bool(full.any() and lines >= fewest and np.count_nonzero(full) <= thickest * len(full) * (lines + at_edges))


def closed(ink: Grey, ruled: NDArray[np.bool_]) -> Grey:
    """`ink` without its `ruled` rows and their edges, but where there is ink on both sides."""
    begun, near = ruled.copy(), ruled.copy()
    begun[1:] &= ~ruled[:-1]
    near[1:] |= ruled[:-1]
    near[:-1] |= ruled[1:]
    thick = np.count_nonzero(ruled) // np.count_nonzero(begun)
    rows = near[:, np.newaxis]
    cleared = np.where(rows, 0, ink).astype(np.uint8)
    above, below = cleared.copy(), cleared.copy()
    reach, within = min(int(thick) + 3, len(ink)), 1
    while within < reach:  # each row the darkest of so many above, or below, it
        step = min(within, reach - within)
        np.maximum(above[step:], above[:-step], out=above[step:])
        np.maximum(below[:-step], below[step:], out=below[:-step])
        within += step
    return np.where(rows, np.minimum(above, below), ink).astype(np.uint8)
