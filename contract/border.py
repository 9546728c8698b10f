"""An image's border, as a sample of the paper that something was written on."""

from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray

from contract.arrays import Grey

EVEN = 2
"""Greatest deviation of the border, in grey levels, at which the paper is taken to be of one grey."""

QUIET = 16
"""At this ratio of the ink's contrast to the paper's noise, in standard deviations, noise disturbs no longer."""

COARSE = 24
"""An image with no longer side may be filled by the digit: its border is no sample of the paper's noise."""

FAR = 24
"""Grey levels from the paper, from which on something else lies there: no noise or faint shadow."""


def edge(image: NDArray[Any]) -> NDArray[Any]:
    """The values of the outermost rows and columns: top, bottom, left, right."""
    y, x = _places(len(image)), _places(image.shape[1])
    return np.concatenate((image[0, x], image[-1, x], image[y, 0], image[y, -1]))


def components(mask: NDArray[np.bool_]) -> NDArray[Any]:
    """Numbers from 1 on for what hangs together in `mask`, also by corners alone; 0 for the rest.

    As bytes: in a mask of booleans cc3d 4.1 numbers some of the background, too, as other components or as none.
    """
    labels: NDArray[Any] = cc3d.connected_components(mask.view(np.uint8), connectivity=8)
    return labels


def boxes(labels: NDArray[Any]) -> list[tuple[slice, slice]]:
    """Rows and columns of each of the `components`."""
    found: list[tuple[slice, slice]] = cc3d.statistics(labels)["bounding_boxes"][1:]
    return found


def measured(labels: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Of n `components` the first row and column, [n, 2], those behind the last, and the pixels, [n]."""
    found = cc3d.statistics(labels, no_slice_conversion=True)
    sides = found["bounding_boxes"][1:].astype(np.int64)
    return sides[:, ::2], sides[:, 1::2] + 1, found["voxel_counts"][1:].astype(np.int64)


def is_plain(edge: NDArray[Any]) -> bool:
    """Whether such an `edge` is of one grey."""
    return np.array_equal(edge[1:], edge[:-1])


def is_dark(image: Grey) -> bool:
    """Whether the border is nearer to the darkest grey of `image` than to its lightest."""
    grey = np.median(edge(image).astype(np.float32))
    return bool(grey - image.min() < image.max() - grey)


def terms(image: Grey) -> NDArray[np.float32]:
    """Of a plane over `image`, at the places of its `edge`: 1, column, row; [n, 3]."""
    height, width = image.shape
    y, x = _places(height), _places(width)
    rows, columns = np.arange(0, height, y.step), np.arange(0, width, x.step)
    down = np.concatenate((np.full(len(columns), 0), np.full(len(columns), height - 1), rows, rows))
    right = np.concatenate((columns, columns, np.full(len(rows), 0), np.full(len(rows), width - 1)))
    return np.stack((np.ones_like(down), right, down), axis=1, dtype=np.float32)


def plane(image: Grey, factors: NDArray[np.float32]) -> Grey:
    """With such `factors` of the `terms`, all over `image`."""
    slope = factors[0] + factors[2] * np.arange(len(image), dtype=np.float32)
    greys = slope[:, np.newaxis] + factors[1] * np.arange(image.shape[1], dtype=np.float32)
    clipped: Grey = greys.clip(0, 255).astype(np.uint8)
    return clipped


def paper(image: Grey) -> tuple[Grey, float]:
    """The paper's grey, uint8 [] or [height, width], and the standard deviation of its noise.

    Where light falls unevenly the grey is a plane, but for the part of the border that ink touches.
    """
    border = edge(image).astype(np.float32)
    grey = np.median(border)
    spread = deviation(border - grey)
    if spread <= EVEN:
        return np.asarray(grey).astype(np.uint8), spread
    of_paper = np.abs(border - grey) <= 3 * spread
    each = terms(image)
    factors, *_ = np.linalg.lstsq(each[of_paper], border[of_paper])
    return plane(image, factors), deviation(border - each @ factors)


def deviation(residues: NDArray[np.float32]) -> float:
    """Standard deviation by the median, which a minority of outliers does not move (of normal noise, 1.4826 MAD)."""
    return 1.4826 * float(np.median(np.abs(residues)))


def _places(length: int) -> slice:
    """Where a border of `length` pixels is looked at: everywhere, or at 1,000 places or more of a long one."""
    return slice(None, None, max(1, length // 1000))
