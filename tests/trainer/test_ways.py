"""Digits from strokes: each in all its ways, and no two alike."""

import numpy as np
import pytest

from trainer.digits import Digits, made
from trainer.ways import CANVAS, WAYS, drawn, picture

EVERY = [(digit, name) for digit, ways in WAYS.items() for name in ways]


def test_all_ten_have_ways() -> None:
    assert list(WAYS) == list(range(10))
    assert all(len(ways) >= 3 for ways in WAYS.values())


@pytest.mark.parametrize(("digit", "name"), EVERY)
def test_way_is_ink_on_paper_and_never_the_same(digit: int, name: str) -> None:
    rng = np.random.default_rng(1)
    pictures = [picture(WAYS[digit][name], rng) for _ in range(20)]
    assert len({one.tobytes() for one in pictures}) == 20
    for one in pictures:
        assert one.shape == (CANVAS, CANVAS)
        edges = np.concatenate((one[0], one[-1], one[:, 0], one[:, -1]))
        assert edges.min() == 255
        rows, columns = np.nonzero(one < 128)
        assert 0.45 * CANVAS < max(np.ptp(rows), np.ptp(columns)) < 0.9 * CANVAS


def test_label_alone_decides_which_digit_is_drawn() -> None:
    def both(label: int) -> Digits:
        return Digits(np.zeros((2, 0, 0), np.uint8), np.full(2, label, np.uint8))

    ones, eights = (made(drawn, both(label), np.arange(2), 3) for label in (1, 8))
    assert ones.shape == (2, 28, 28)
    assert not np.array_equal(ones, eights)
    assert np.array_equal(ones, made(drawn, both(1), np.arange(2), 3))


def test_between_two_paths_all_are_drawn() -> None:
    """The flag of a 1 reaches from a tenth to nearly all of its height."""
    short, long = WAYS[1]["with a flag"][0], WAYS[1]["with a long flag"][1]
    widths = []
    rng = np.random.default_rng(2)
    for _ in range(40):
        columns = np.nonzero((picture((short, long), rng) < 128).any(axis=0))[0]
        widths.append(np.ptp(columns))
    assert max(widths) > 2 * min(widths)
