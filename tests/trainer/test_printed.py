"""Digits that nobody wrote."""

import numpy as np
import pytest

from contract.normalisation import normalise
from trainer.digits import Digits, Maker, made
from trainer.fonts import face, glyph, of_matplotlib
from trainer.printed import DARK, FONTS, PRINTED, SEGMENTS, _display, displayed, printed, unwritten

TEN = Digits(np.zeros((10, 0, 0), np.uint8), np.arange(10, dtype=np.uint8))


@pytest.mark.parametrize("font", FONTS)
def test_each_font_draws_ten_digits(font: str) -> None:
    drawn = {normalise(glyph(face(of_matplotlib(font)), str(digit))).tobytes() for digit in range(10)}
    assert len(drawn) == 10


def test_fonts_differ() -> None:
    assert len({glyph(face(of_matplotlib(font)), "3").tobytes() for font in FONTS}) == len(FONTS)


@pytest.mark.parametrize("meet", [True, False])
def test_every_digit_of_a_display_is_a_part_of_its_8(meet: bool) -> None:
    """And of six, two, five … segments; the digits differ."""
    ink = [_display(digit, meet, np.random.default_rng(3)) > 127 for digit in range(10)]
    assert all((lit <= ink[8]).all() for lit in ink)
    assert len({lit.tobytes() for lit in ink}) == 10
    for ways in DARK.values():
        assert all(set(dark) < set(SEGMENTS) for dark in ways)
    assert [7 - len(DARK[digit][0]) for digit in (0, 2, 3, 4, 5, 6, 7, 8, 9)] == [6, 5, 5, 4, 5, 6, 3, 7, 6]


@pytest.mark.parametrize("maker", [printed, displayed, unwritten])
def test_pictures_repeat_with_their_seed_and_are_of_many_kinds(maker: Maker) -> None:
    places = np.repeat(np.arange(10), 6)
    digits = TEN.at(places)
    first, again = (made(maker, digits, np.arange(60), 5) for _ in range(2))
    assert np.array_equal(first, again)
    assert len(np.unique(first, axis=0)) > 40


@pytest.mark.parametrize("name", PRINTED)
def test_fonts_of_the_report_have_ten_digits_and_are_none_that_training_has_seen(name: str) -> None:
    fonts, maker = PRINTED[name]
    if not fonts.is_here():
        pytest.skip(f"fonts are missing: apt-get install {fonts.packages}")
    for path in fonts.paths():
        assert len({glyph(face(path), str(digit)).tobytes() for digit in range(10)}) == 10
    shown = made(maker, TEN, np.arange(10), 1)
    assert (shown.max(axis=(1, 2)) > 0).all()
    assert not {face(of_matplotlib(font)).getname()[0] for font in FONTS} & {
        face(path).getname()[0] for path in fonts.paths()
    }
