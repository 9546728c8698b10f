"""A picture is seen as the service reads it."""

import io

import pytest
from PIL import Image, ImageDraw

import client.sheets
from client.sheets import History, Photo, photo


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


Colour = int | tuple[int, ...]


def stroke(mode: str, paper: Colour, pen: Colour) -> Image.Image:
    image = Image.new(mode, (60, 60), paper)
    ImageDraw.Draw(image).line((30, 10, 30, 50), pen, 6)
    return image


@pytest.mark.parametrize(
    ("image", "paper", "pen"),
    [
        (stroke("I;16", 60_000, 3_000), 234, 11),
        (stroke("LA", (0, 0), (0, 255)), 255, 0),
        (stroke("RGBA", (255, 255, 255, 0), (255, 255, 255, 255)), 0, 255),
        (stroke("RGBA", (0, 0, 0, 0), (0, 0, 0, 0)), 255, 255),
    ],
)
def test_ink_can_be_seen(image: Image.Image, paper: int, pen: int) -> None:
    shown = photo(png(image)).image()
    assert shown.mode == "RGB"
    assert shown.getpixel((5, 5)) == (paper,) * 3
    assert shown.getpixel((30, 30)) == (pen,) * 3


def test_so_many_photos_are_remembered_as_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.sheets, "REMEMBERED", 250)
    history = History()
    photos = [Photo(bytes([number]) * 100, "image/png") for number in range(5)]
    for taken in photos:
        history.take(taken)
    assert history.sheet is photos[4]
    assert history.undo()
    assert history.sheet is photos[3]
    assert not history.undo()
