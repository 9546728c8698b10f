"""What is nearly a digit: that the one thing was done to it that makes it none."""

import numpy as np
import pytest
from scipy import ndimage

from trainer.digits import Digits, Grey
from trainer.mnist import Mnist
from trainer.nearly import INKED, LEAST_LOOP, doubled, misplaced, opened
from trainer.signs import SHARES, SOLID


@pytest.fixture(scope="module")
def digits(mnist: Mnist) -> Digits:
    return Digits(mnist.train_images[:2000], mnist.train_labels[:2000])


def loops(glyph: Grey) -> int:
    """Pieces of paper that its ink encloses, specks apart."""
    pieces, _ = ndimage.label(np.pad(glyph, 1) < INKED)
    return int((np.bincount(pieces.ravel())[2:] >= LEAST_LOOP).sum())


def test_opened_digits_have_no_loop_left(digits: Digits) -> None:
    whole = digits.images[digits.labels == 0]
    assert np.mean([loops(zero) == 1 for zero in whole]) > 0.8
    rng = np.random.default_rng(1)
    assert np.mean([loops(opened(digits, 0, 0, rng)) == 0 for _ in range(200)]) > 0.95


def test_doubled_digits_are_as_symmetrical_as_no_4_is(digits: Digits) -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        both = doubled(digits, 0, 0, rng)
        assert np.array_equal(both, np.flipud(both)) or np.array_equal(both, np.fliplr(both))


def test_ones_with_a_misplaced_flag_are_wider_than_any_upright_one(digits: Digits) -> None:
    rng = np.random.default_rng(1)
    widths = [glyph.shape[1] / glyph.shape[0] for glyph in (misplaced(digits, 0, 0, rng) for _ in range(100))]
    assert np.mean(np.array(widths) > 0.4) > 0.9


def test_few_digits_are_enough(digits: Digits) -> None:
    few = digits.at(np.array([np.flatnonzero(digits.labels == label)[0] for label in range(10)]))
    for make in (opened, doubled, misplaced):
        assert make(few, 0, 0, np.random.default_rng(1)).any()


def test_what_is_solid_is_among_what_is_made() -> None:
    assert set(SOLID) < set(SHARES)
