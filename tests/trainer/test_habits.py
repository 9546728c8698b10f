"""Drawn by the program: a flag makes a European 1 of MNIST's bare stroke, a bar a European 7."""

import numpy as np
from numpy.typing import NDArray

from contract.normalisation import normalise
from trainer.habits import barred, flagged

RNG = np.random.default_rng(0)


def drawn(*boxes: tuple[slice, slice]) -> NDArray[np.uint8]:
    paper = np.zeros((200, 200), np.uint8)
    for rows, columns in boxes:
        paper[rows, columns] = 255
    return normalise(paper)


def test_flag_hangs_from_the_top_to_the_left() -> None:
    result = flagged(drawn((slice(20, 180), slice(90, 110))), RNG)
    stem = np.nonzero(result.max(axis=1) > 127)[0]
    upper, lower = result[stem[: len(stem) // 2]], result[stem[len(stem) // 2 :]]
    assert np.ptp(np.nonzero(upper > 127)[1]) > 1.5 * np.ptp(np.nonzero(lower > 127)[1])
    left_of_stem = np.nonzero(lower.max(axis=0) > 127)[0].min()
    assert upper[:, :left_of_stem].sum() > 5 * upper[:, left_of_stem + 6 :].sum()


def test_bar_crosses_the_stem_on_both_sides_at_half_height() -> None:
    seven = drawn((slice(20, 40), slice(60, 140)), (slice(20, 180), slice(120, 140)))
    result = barred(seven, RNG)
    added = np.nonzero((result.astype(int) - seven > 127).any(axis=1))[0]
    height = np.nonzero(seven.max(axis=1) > 127)[0]
    assert height[0] + 3 < added.mean() < height[-1] - 3
    middle = result[round(added.mean())] > 127
    stem = seven[height[-1] - 2] > 127
    assert np.nonzero(middle)[0].min() < np.nonzero(stem)[0].min() - 1
    assert np.nonzero(middle)[0].max() > np.nonzero(stem)[0].max() + 1
