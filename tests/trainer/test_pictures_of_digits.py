"""What is made of digits: redrawn ones, corrupted ones, and what is no digit."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.normalisation import BlankImageError, normalise
from trainer import nondigits
from trainer.clutter import cluttered
from trainer.conditions import REDRAWN
from trainer.corruptions import CORRUPTIONS, corrupt
from trainer.digits import Digits, Maker, made, plain
from trainer.fonts import HANDWRITTEN, face, glyph
from trainer.habits import habitual
from trainer.mnist import Mnist
from trainer.outliers import TURNS, no_digit
from trainer.redrawing import Look, draw, redrawn, strokes


@pytest.fixture(scope="module")
def digits(mnist: Mnist) -> Digits:
    return Digits(mnist.train_images[:60], mnist.train_labels[:60])


def overlap(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Cosine of two images; 0 where one is empty."""
    x, y = a.astype(float).ravel(), b.astype(float).ravel()
    return float(x @ y / max(1, np.linalg.norm(x) * np.linalg.norm(y)))


def test_redrawn_digit_normalises_to_nearly_the_same_picture(digits: Digits, rng: np.random.Generator) -> None:
    drawings = [draw(strokes(image), Look(300, 30), rng).convert("L") for image in digits.images]
    again = [normalise(np.asarray(drawing)) for drawing in drawings]
    same = [overlap(a, normalise(b)) for a, b in zip(again, digits.images, strict=True)]
    assert np.median(same) > 0.85


@pytest.mark.parametrize("pen", [1, 5, 24])
def test_pen_is_as_wide_as_asked(digits: Digits, pen: int, rng: np.random.Generator) -> None:
    line = np.zeros((28, 28), np.uint8)
    line[4:24, 13:15] = 255
    picture = np.asarray(draw(strokes(line), Look(400, pen, size=0.5), rng).convert("L"))
    widths = np.count_nonzero(picture < 128, axis=1)
    assert np.median(widths[widths > 0]) == pytest.approx(pen, abs=1)
    rows = np.nonzero(widths)[0]
    assert np.ptp(rows) + 1 == pytest.approx(200, abs=3)


def test_digit_lies_anywhere_on_the_canvas_and_never_beyond(digits: Digits, rng: np.random.Generator) -> None:
    middles = []
    for image in digits.images[:40]:
        ink = np.asarray(draw(strokes(image), Look(200, 6, size=0.5), rng).convert("L")) < 128
        assert ink[1:-1, 1:-1].sum() == ink.sum()
        middles.append([places.mean() for places in np.nonzero(ink)])
    assert np.ptp(middles, axis=0).min() > 60


@pytest.mark.parametrize("change", [{"slant": 0.4}, {"aspect": 0.6}, {"turn": 0.3}, {"blur": 6.0}, {"noise": 40.0}])
def test_each_severity_changes_the_picture(digits: Digits, change: dict[str, Any]) -> None:
    drawing = strokes(digits.images[0])
    usual = np.asarray(draw(drawing, Look(300, 8), np.random.default_rng(1)))
    changed = np.asarray(draw(drawing, replace(Look(300, 8), **change), np.random.default_rng(1)))
    assert (usual != changed).mean() > 0.005


def test_empty_paper_has_no_strokes() -> None:
    with pytest.raises(BlankImageError):
        strokes(np.zeros((28, 28), np.uint8))


@pytest.mark.parametrize("name", REDRAWN)
def test_every_condition_still_shows_the_digit(digits: Digits, name: str) -> None:
    images = made(REDRAWN[name], digits, np.arange(20), 1)
    usual = [normalise(digit) for digit in digits.images]
    same = [overlap(image, digit) for image, digit in zip(images, usual, strict=False)]
    others = [overlap(image, digit) for image, digit in zip(images, usual[20:], strict=False)]
    assert np.median(same) > np.median(others) + 0.1


def test_mnist_c_has_fifteen_corruptions() -> None:
    assert len(CORRUPTIONS) == 15


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruption_changes_the_picture_and_repeats_with_its_seed(digits: Digits, name: str) -> None:
    picture = digits.images[7] / 255
    first = CORRUPTIONS[name](picture, np.random.default_rng(3)).clip(0, 1)
    assert first.shape == (28, 28)
    assert 0.01 < np.abs(first - picture).mean() < 0.7
    assert np.array_equal(first, CORRUPTIONS[name](picture, np.random.default_rng(3)).clip(0, 1))


def test_corruptions_do_what_their_names_say(digits: Digits) -> None:
    picture, rng = digits.images[7] / 255, np.random.default_rng(3)
    striped = CORRUPTIONS["stripe"](picture, rng)
    assert np.array_equal(striped[:, 7:21], picture[:, 7:21])
    assert np.allclose(striped[:, :7] + picture[:, :7], 1)
    assert np.allclose(striped[:, 21:] + picture[:, 21:], 1)
    assert np.allclose(CORRUPTIONS["brightness"](picture, rng), picture + 0.5)
    moved = CORRUPTIONS["translate"](picture, np.random.default_rng(0))
    assert {abs(round(float(b - a))) for a, b in zip(middle(picture), middle(moved), strict=True)} == {3}
    assert set(np.unique(CORRUPTIONS["canny edges"](picture, rng))) == {0, 1}
    flipped = CORRUPTIONS["impulse noise"](picture, rng) != picture
    assert 0.05 < flipped.mean() < 0.2
    scaled = CORRUPTIONS["scale"](picture, rng)
    assert np.ptp(np.nonzero(scaled > 0.3)[0]) == pytest.approx(0.7 * np.ptp(np.nonzero(picture > 0.3)[0]), abs=1.5)


def middle(picture: NDArray[np.float64]) -> list[float]:
    """Row and column of the centre of mass."""
    return [float((places * picture).sum() / picture.sum()) for places in np.mgrid[:28, :28]]


def test_corrupted_digits_are_normalised(digits: Digits) -> None:
    images = made(partial(corrupt, "spatter"), digits, np.arange(20), 1)
    assert np.median([overlap(a, normalise(b)) for a, b in zip(images, digits.images, strict=False)]) > 0.8


@pytest.mark.parametrize("maker", [plain, redrawn, habitual, cluttered, no_digit])
def test_makers_repeat_with_their_seed(digits: Digits, maker: Maker) -> None:
    first, again = (made(maker, digits, np.arange(30), 5) for _ in range(2))
    assert first.shape == (30, 28, 28)
    assert np.array_equal(first, again)


def test_digits_that_stay_digits_when_turned_are_not_shown_as_none(digits: Digits) -> None:
    assert not {0, 8} & set(TURNS)
    assert not any(turn.__name__ == "half_turn" for label in (1, 6, 9) for turn in TURNS.get(label, ()))


def test_blank_paper_is_mostly_refused(digits: Digits) -> None:
    images = made(nondigits.blank, digits, np.arange(60), 1)
    assert (images.max(axis=(1, 2)) == 0).mean() > 0.9


@pytest.mark.parametrize("kind", [nondigits.scribble, nondigits.shape])
def test_drawn_non_digits_are_seen(digits: Digits, kind: Maker) -> None:
    images = made(kind, digits, np.arange(40), 1)
    assert (images.max(axis=(1, 2)) > 0).all()
    assert len(np.unique(images, axis=0)) == 40


def test_letters_are_drawn_with_every_font(digits: Digits) -> None:
    if not HANDWRITTEN.is_here():
        pytest.skip(f"fonts are missing: apt-get install {HANDWRITTEN.packages}")
    images = made(nondigits.letter, digits, np.arange(40), 1)
    assert (images.max(axis=(1, 2)) > 0).mean() > 0.9
    for path in HANDWRITTEN.paths():
        missing = glyph(face(path), "\U0010ffff").tobytes()
        assert missing not in {glyph(face(path), letter).tobytes() for letter in nondigits.LETTERS}
    assert not set(nondigits.LETTERS) & set(nondigits.LOOKALIKES)


def test_photographs_are_fashion_mnist() -> None:
    photographs = nondigits.photographs()
    if photographs is None:
        pytest.skip(f"not installed: apt-get install {nondigits.FASHION_PACKAGE}")
    assert photographs.images.mean() == pytest.approx(73.1466, abs=1e-3)
