"""A line under the writing, or a ring around it, is left behind; what belongs to a digit stays."""

import ctypes

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from contract import native
from contract.arrays import Grey
from contract.emphasis import without_emphasis
from contract.line import strip
from contract.normalisation import inked, normalise, normalised_by_python, placed, placed_by_python, writing
from tests.contract.test_native import outcome
from tests.contract.test_normalisation import drawn, likeness

PLAIN = normalise(drawn(200, 18))

UNDER = [(30, 184), (170, 180)]
WAVY = [(20 + x, round(188 + 4 * np.sin(x / 12))) for x in range(0, 160, 4)]
RING = [(round(98 + 95 * np.cos(turn)), round(100 + 92 * np.sin(turn))) for turn in np.linspace(0, 6.6, 80)]
BOX = [(12, 14), (188, 8), (192, 190), (9, 186), (13, 10)]


def emphasised(*lines: list[tuple[int, int]], times: int = 1, pen: int = 6) -> Grey:
    """A 7 on 200 pixels, 120 high, with more lines; all made so many times as large."""
    page = Image.fromarray(drawn(200, 18)).resize((200 * times, 200 * times))
    for line in lines:
        ImageDraw.Draw(page).line([(times * x, times * y) for x, y in line], 0, pen * times, joint="curve")
    return np.pad(np.asarray(page), 20 * times, constant_values=255)


KINDS = {
    "line": [UNDER],
    "two lines": [UNDER, [(30, 198), (165, 196)]],
    "wave": [WAVY],
    "ring": [RING],
    "box by hand": [BOX],
}


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_line_under_a_digit_and_ring_around_it_are_left_behind(kind: str, times: int) -> None:
    page = emphasised(*KINDS[kind], times=times)
    for make in (normalise, normalised_by_python):
        assert likeness(make(page), PLAIN) > 0.9


@pytest.mark.parametrize("size", [200, 560, 700])
@pytest.mark.parametrize("kind", KINDS)
def test_native_leaves_them_to_python(library: ctypes.CDLL, kind: str, size: int) -> None:
    page = Image.fromarray(255 - emphasised(*KINDS[kind])).resize((size, size), Image.Resampling.NEAREST)
    ink = np.asarray(page).copy()
    picture = np.empty((28, 28), np.uint8)
    assert library.digits_place(ink.ctypes.data, *ink.shape, picture.ctypes.data) == native.NOT_HERE
    for _ in ("whole", "with gaps of a pixel"):
        assert outcome(placed, ink) == outcome(placed_by_python, ink)
        ink[::7, : size // 3] = 0


@pytest.mark.parametrize("kind", ["line", "ring", "box by hand"])
def test_soft_edges_go_with_them(kind: str) -> None:
    page = np.asarray(Image.fromarray(emphasised(*KINDS[kind])).filter(ImageFilter.GaussianBlur(1)))
    pale = np.pad(drawn(200, 18, ink=130), 20, constant_values=255)
    both = np.where(pale < 255, pale, page)
    assert likeness(normalise(both), PLAIN) > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_strip_is_without_them(kind: str) -> None:
    clean, found = strip(emphasised()), strip(emphasised(*KINDS[kind]))
    assert found.ink.shape == clean.ink.shape
    assert (found.left, found.top) == pytest.approx((clean.left, clean.top), abs=1)


FIVE = [(60, 60), (58, 100), (100, 95), (130, 130), (100, 170), (60, 165)]
SEGMENTS = [
    *([(66, y), (134, y)] for y in (30, 100, 170)),
    *([(x, y), (x, y + 54)] for x in (58, 142) for y in (38, 108)),
]
OVAL = [(round(100 + 50 * np.cos(turn)), round(100 + 80 * np.sin(turn))) for turn in np.linspace(0, 6.6, 80)]
DIGITS = {
    "0 with a dot": (6, [OVAL, [(97, 100), (103, 100)]]),
    "0 with a large dot": (6, [OVAL, *([(85, y), (115, y)] for y in range(85, 116, 3))]),
    "0 with a slash": (6, [OVAL, [(85, 140), (115, 60)]]),
    "0 with a short slash, by a thick pen": (18, [OVAL, [(88, 125), (112, 75)]]),
    "5 whose bar is apart": (6, [FIVE, [(75, 48), (140, 45)]]),
    "2 whose foot is apart": (6, [[(60, 60), (100, 40), (140, 70), (80, 150)], [(75, 170), (142, 170)]]),
    "two bars": (6, [[(50, 80), (150, 80)], [(50, 130), (150, 130)]]),
    "8 of seven segments": (10, SEGMENTS),
    "what touches the ring": (6, [RING, [(98, 5), (98, 150)], [(60, 120), (140, 120)]]),
    "a ring beside another stroke": (6, [OVAL, [(95, 70), (110, 100), (95, 130)], [(190, 20), (190, 180)]]),
    "0 of two outlines": (4, [OVAL, [(100 + (x - 100) * 0.6, 100 + (y - 100) * 0.7) for x, y in OVAL]]),
}
"""Pen and strokes."""


@pytest.mark.parametrize("kind", DIGITS)
def test_what_belongs_to_a_digit_stays(kind: str) -> None:
    page = Image.new("L", (220, 220), 255)
    pen, strokes = DIGITS[kind]
    for stroke in strokes:
        ImageDraw.Draw(page).line(stroke, 0, pen, joint="curve")
    ink = inked(np.asarray(page))
    assert without_emphasis(ink, writing(ink)) is ink
