"""What stands beside the writing and reaches the edges of its picture is left out."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from contract.arrays import Grey
from contract.bands import bands
from contract.line import strip
from contract.normalisation import inked, normalise
from tests.contract.test_normalisation import drawn, likeness

PLAIN = normalise(drawn(200, 18))


def beside(*polygons: list[tuple[int, int]], ink: int = 40, soft: float = 0) -> Grey:
    """A 7 on a page of 500×300 pixels, with dark areas."""
    page = Image.new("L", (500, 300), 230)
    for polygon in polygons:
        ImageDraw.Draw(page).polygon(polygon, fill=ink)
    page = page.filter(ImageFilter.GaussianBlur(soft))
    seven = Image.fromarray(drawn(200, 18, paper=230, ink=30))
    page.paste(seven.crop((20, 20, 180, 180)), (250, 70))
    return np.asarray(page)


LINE = [(60, 0), (64, 0), (64, 299), (60, 299)]
TILTED = [(60, 0), (65, 0), (85, 299), (80, 299)]
PANEL = [(0, 0), (160, 0), (160, 299), (0, 299)]
WEDGE = [(0, 0), (60, 0), (110, 299), (0, 299)]
BAR = [(0, 0), (499, 0), (499, 59), (0, 59)]


@pytest.mark.parametrize("areas", [[LINE], [TILTED], [PANEL], [WEDGE], [BAR], [LINE, [(450, 0), (455, 0), (455, 299)]]])
def test_digit_is_read_beside_lines_and_panels(areas: list[list[tuple[int, int]]]) -> None:
    assert likeness(normalise(beside(*areas)), PLAIN) > 0.75


@pytest.mark.parametrize("area", [LINE, TILTED, BAR])
def test_noise_changes_nothing_about_that(area: list[tuple[int, int]]) -> None:
    page = beside(area) + np.random.default_rng(1).normal(0, 3, (300, 500))
    assert likeness(normalise(page.clip(0, 255).astype(np.uint8)), PLAIN) > 0.75


def test_soft_edge_of_a_panel_is_one_too() -> None:
    assert likeness(normalise(beside(PANEL, ink=150, soft=4)), PLAIN) > 0.75


def test_line_beside_a_number_is_left_out_of_its_strip() -> None:
    clean, lined = strip(beside()), strip(beside(TILTED))
    assert lined.ink.shape == clean.ink.shape
    assert (lined.left, lined.top) == pytest.approx((clean.left, clean.top), abs=2)


def test_digit_that_reaches_the_edges_stays() -> None:
    one = np.full((100, 100), 255, np.uint8)
    one[:, 48:54] = 0
    assert bands(inked(one)) is not None
    assert np.count_nonzero(inked(one)) == 600
    seven = drawn(200, 18, height=1, corner=0)
    assert np.array_equal(inked(seven), 255 - seven)


def test_stroke_through_a_digit_is_not_beside_it() -> None:
    page = np.asarray(beside()).copy()
    page[148:152] = 30
    struck = inked(page)
    assert struck[149, [5, 490]].all()
