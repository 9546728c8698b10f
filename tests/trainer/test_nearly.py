"""What is nearly a digit: that the one thing was done to it that makes it none."""

import numpy as np
import pytest
from scipy import ndimage

from contract.arrays import Grey
from contract.normalisation import BlankImageError
from trainer.digits import Digits
from trainer.mnist import Mnist
from trainer.nearly import LEAST_LOOP, doubled, misplaced, opened
from trainer.outliers import cropped
from trainer.redrawing import INKED
from trainer.signs import _silhouette


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


def test_digit_to_which_it_cannot_be_done_is_left_out(digits: Digits) -> None:
    ones = digits.at(np.flatnonzero(digits.labels == 1)[:50])
    without_loops = Digits(np.tile(ones.images, (2, 1, 1)), np.repeat(np.array([0, 6], np.uint8), len(ones)))
    with pytest.raises(BlankImageError):
        opened(without_loops, 0, 0, np.random.default_rng(1))
    lying = Digits(np.rot90(ones.images, axes=(1, 2)), ones.labels)
    with pytest.raises(BlankImageError):
        misplaced(lying, 0, 0, np.random.default_rng(1))


def test_silhouettes_are_symmetrical_but_for_their_tilt_and_no_bars(digits: Digits) -> None:
    rng = np.random.default_rng(1)
    glyphs = [cropped(_silhouette(digits, 0, 0, rng)) > INKED for _ in range(100)]
    assert np.mean([(glyph == np.fliplr(glyph)).mean() for glyph in glyphs]) > 0.8
    assert np.mean([glyph.mean() < 0.9 for glyph in glyphs]) > 0.9  # a bar fills its box
