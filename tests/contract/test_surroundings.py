"""Sheets on desks and printed boxes: the network sees what was written in them."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from contract.arrays import Grey
from contract.normalisation import normalise
from contract.surroundings import reached, without_surroundings
from contract.undoing import undone
from tests.conftest import DATA
from trainer.mnist import Mnist

SEVEN = Image.open(DATA / "7.png").convert("L").resize((200, 200))


def likeness(image: Grey, turn: float = 0) -> float:
    """Correlation of what the network sees of `image` with what it sees of the 7, turned by so many degrees."""
    seven = np.asarray(SEVEN.rotate(turn, Image.Resampling.BICUBIC, fillcolor=255))
    return float(np.corrcoef(normalise(image).ravel(), normalise(seven).ravel())[0, 1])


def on_desk(desk: int, turn: float, side: int = 320, place: tuple[int, int] = (40, 30), noise: float = 3) -> Grey:
    """The 7 on paper of 215 levels, lit from the left."""
    sheet = Image.fromarray((np.asarray(SEVEN) * 0.6 + 62).astype(np.uint8))
    mask = Image.new("L", sheet.size, 255)
    picture = Image.new("L", (side, side), desk)
    sheet, mask = (one.rotate(turn, Image.Resampling.BICUBIC, expand=True) for one in (sheet, mask))
    picture.paste(sheet, place, mask)
    seen = np.asarray(picture) * np.linspace(1, 0.85, side) + np.random.default_rng(1).normal(0, noise, (side, side))
    image: Grey = seen.clip(0, 255).astype(np.uint8)
    return image


def boxed(image: Image.Image, ink: int, width: int, turn: float = 0) -> Image.Image:
    wide = image.width * 3 // 2
    box = Image.new("L", (wide, wide), 255)
    ImageDraw.Draw(box).rectangle((wide // 15, wide // 15, wide * 14 // 15, wide * 14 // 15), outline=ink, width=width)
    box = box.rotate(turn, Image.Resampling.BICUBIC, fillcolor=255)
    box.paste(image, (wide // 6, wide // 6))
    return box


@pytest.mark.parametrize("turn", [0, 4, 15, -30])
@pytest.mark.parametrize("desk", [10, 90, 150])
def test_desk_is_left_out(desk: int, turn: float) -> None:
    assert likeness(on_desk(desk, turn), turn) > 0.85


@pytest.mark.parametrize(("turn", "beyond"), [(5, 9), (-12, 18)])
def test_sheet_may_reach_beyond_the_picture(turn: float, beyond: int) -> None:
    assert likeness(on_desk(30, turn, side=200, place=(-beyond, -beyond), noise=0), turn) > 0.85


def test_grain_of_a_desk_is_no_part_of_the_sheet() -> None:
    assert likeness(on_desk(60, 10, noise=9), 10) > 0.85


@pytest.mark.parametrize("turn", [0, 1, -2])
@pytest.mark.parametrize("width", [1, 3, 9])
@pytest.mark.parametrize("ink", [0, 150])
@pytest.mark.parametrize("flip", [0, 255], ids=["dark ink", "light ink"])
def test_box_is_left_out(ink: int, width: int, turn: float, flip: int) -> None:
    assert likeness(np.asarray(boxed(SEVEN, ink, width, turn)) ^ np.uint8(flip)) > 0.9


def test_large_pictures_and_small_ones() -> None:
    assert likeness(np.asarray(boxed(SEVEN, 0, 4).resize((2400, 2400)))) > 0.9
    assert likeness(np.asarray(boxed(SEVEN, 0, 8).resize((60, 60), Image.Resampling.BOX))) > 0.9


@pytest.mark.parametrize("side", [60, 280, 900])
def test_digits_are_no_boxes(mnist: Mnist, side: int) -> None:
    for digit in mnist.train_images[:100]:
        image = np.asarray(Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC))
        assert undone(image) is image


@pytest.mark.parametrize("width", [2, 6, 20, 40, 55])
@pytest.mark.parametrize("bar", [False, True], ids=["0", "8"])
def test_square_digits_are_no_boxes(width: int, bar: bool) -> None:
    sheet = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(sheet).rounded_rectangle((40, 10, 160, 190), max(8, width // 2), outline=0, width=width)
    if bar:
        ImageDraw.Draw(sheet).line((40, 100, 160, 100), 0, width)
    digit = np.asarray(sheet)
    assert without_surroundings(digit) is digit


def test_edge_of_a_shadow_is_no_edge_of_a_sheet() -> None:
    down, across = np.mgrid[-1:1:200j, -1:1:200j]
    for turn in np.radians(range(0, 180, 20)):
        light = np.where(np.cos(turn) * across + np.sin(turn) * down > -0.3, 0.3, 1)
        image = (np.asarray(SEVEN) * 0.8 * light).astype(np.uint8)
        assert without_surroundings(image) is image


def test_empty_sheets_and_boxes_are_left_as_they_are() -> None:
    sheet = np.asarray(boxed(Image.new("L", (200, 200), 255), 0, 4))
    assert without_surroundings(sheet) is sheet
    desk = np.full((200, 200), 40, np.uint8)
    desk[30:170, 20:180] = 220
    assert without_surroundings(desk) is desk


@pytest.mark.parametrize("shape", [(48, 40000), (40000, 50), (48, 48)])
def test_strips_are_no_sheets(shape: tuple[int, int]) -> None:
    strip = np.full(shape, 255, np.uint8)
    strip[0, 0], strip[10:40, 20:40] = 254, 0
    assert without_surroundings(strip) is strip


def test_way_through_a_maze_is_found() -> None:
    ways = np.zeros((97, 97), np.bool_)
    ways[1::2, 1:96] = ways[2::4, 95] = ways[4::4, 1] = True
    ways[[0, -1]] = False
    ways[0, 1] = True
    shut = ways.copy()
    shut[50] = False
    assert np.array_equal(reached(ways), ways)
    assert np.array_equal(reached(shut)[:50], ways[:50])
    assert not reached(shut)[50:].any()


@pytest.mark.parametrize("flip", [0, 255], ids=["dark ink", "light ink"])
@pytest.mark.parametrize("width", [22, 40, 44])
def test_square_digits_with_sharp_corners_are_no_dark_sheets(width: int, flip: int) -> None:
    sheet = Image.new("L", (200, 200), 255)
    pen = ImageDraw.Draw(sheet)
    for box in ((50, 20, 150, 100 + width // 2), (50, 100 - width // 2, 150, 180)):
        pen.rectangle(box, outline=0, width=width)
    eight = np.asarray(sheet) ^ np.uint8(flip)
    assert without_surroundings(eight) is eight
