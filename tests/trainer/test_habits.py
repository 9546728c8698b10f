"""Drawn by the program: what MNIST's writers hardly have, a flag or a foot of a 1, a slash in a 0."""

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.normalisation import normalise
from trainer.digits import Digits
from trainer.habits import HABITS, Habit, barred, dotted, flagged, footed, slashed, with_habit

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


def test_foot_lies_under_the_stem_on_both_sides() -> None:
    result = footed(drawn((slice(20, 180), slice(90, 110))), RNG) > 127
    rows = np.nonzero(result.any(axis=1))[0]
    upper, lowest = (np.nonzero(part.any(axis=0))[0] for part in (result[: rows[-1] - 5], result[rows[-1] - 1 :]))
    assert lowest[0] < upper[0] - 1 < upper[-1] + 1 < lowest[-1]


@pytest.mark.parametrize("habit", [slashed, dotted])
def test_what_is_in_a_0_is_inside_of_it_and_leaves_its_ring(habit: Habit) -> None:
    zero = drawn_ring()
    for _ in range(20):
        result = habit(zero, RNG)
        assert result[12:16, 12:16].max() == 255
        assert (result > 127).sum() > (zero > 127).sum() + 3


def test_a_habit_is_its_own_digits_alone() -> None:
    zero = drawn_ring()
    digits = Digits(np.stack([zero, zero]), np.array([0, 8], np.uint8))
    for name, (label, _) in HABITS.items():
        seen = [with_habit(name, digits, place, RNG) for place in (0, 1)]
        assert np.array_equal(seen[1], normalise(zero))
        assert np.array_equal(seen[0], normalise(zero)) == (label != 0)


def drawn_ring() -> NDArray[np.uint8]:
    y, x = np.mgrid[-100:100, -100:100]
    return normalise(np.where(np.abs(np.hypot(x * 1.3, y) - 70) < 9, 255, 0).astype(np.uint8))
