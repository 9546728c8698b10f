"""Drawn by the program: what MNIST's writers hardly have, a flag or a foot of a 1, a slash in a 0."""

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.normalisation import normalise
from trainer.digits import Digits
from trainer.habits import HABITS, Habit, barred, dotted, flagged, footed, slashed, with_habit


def drawn(*boxes: tuple[slice, slice]) -> NDArray[np.uint8]:
    paper = np.zeros((200, 200), np.uint8)
    for rows, columns in boxes:
        paper[rows, columns] = 255
    return normalise(paper)


def columns(ink: NDArray[np.bool_]) -> tuple[int, int]:
    """First and last column that has some."""
    places = np.nonzero(ink.any(axis=0))[0]
    return int(places[0]), int(places[-1])


def rows(ink: NDArray[np.bool_], begin: float, end: float) -> NDArray[np.bool_]:
    """Those between two shares of the height of what is written."""
    places = np.nonzero(ink.any(axis=1))[0]
    height = np.ptp(places) + 1
    return ink[places[0] + round(begin * height) : places[0] + round(end * height)]


def test_flag_hangs_from_the_top_to_the_left(rng: np.random.Generator) -> None:
    one = drawn((slice(20, 180), slice(90, 110)))
    for _ in range(50):
        result = flagged(one, rng) > 127
        (left, right), stem = columns(rows(result, 0, 0.6)), columns(rows(result, 0.75, 1))
        assert left < stem[0] - 1
        assert right == stem[1]


def test_bar_crosses_the_stem_on_both_sides_at_half_height(rng: np.random.Generator) -> None:
    seven = drawn((slice(20, 40), slice(60, 140)), (slice(20, 180), slice(120, 140)))
    for _ in range(50):
        result = barred(seven, rng) > 127
        (left, right), stem = columns(rows(result, 0.35, 0.75)), columns(rows(result, 0.85, 1))
        assert left < stem[0] < stem[1] < right


def test_foot_lies_under_the_stem_on_both_sides(rng: np.random.Generator) -> None:
    one = drawn((slice(20, 180), slice(90, 110)))
    for _ in range(50):
        result = footed(one, rng) > 127
        (left, right), stem = columns(rows(result, 0.9, 1)), columns(rows(result, 0, 0.6))
        assert left < stem[0] - 1 < stem[1] + 1 < right


@pytest.mark.parametrize("habit", [slashed, dotted])
def test_what_is_in_a_0_is_inside_of_it_and_leaves_its_ring(habit: Habit, rng: np.random.Generator) -> None:
    zero = drawn_ring()
    for _ in range(20):
        result = habit(zero, rng)
        assert result[12:16, 12:16].max() == 255
        assert (result > 127).sum() > (zero > 127).sum() + 3


def test_a_habit_is_its_own_digits_alone(rng: np.random.Generator) -> None:
    zero = drawn_ring()
    digits = Digits(np.stack([zero, zero]), np.array([0, 8], np.uint8))
    for name, (label, _) in HABITS.items():
        seen = [with_habit(name, digits, place, rng) for place in (0, 1)]
        assert np.array_equal(seen[1], normalise(zero))
        assert np.array_equal(seen[0], normalise(zero)) == (label != 0)


def drawn_ring() -> NDArray[np.uint8]:
    y, x = np.mgrid[-100:100, -100:100]
    return normalise(np.where(np.abs(np.hypot(x * 1.3, y) - 70) < 9, 255, 0).astype(np.uint8))
