"""A picture is seen as the service reads it."""

import io
import struct

import pytest
from PIL import Image, ImageDraw, ImageOps

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
        (stroke("I;16", 4_000, 200), 250, 12),
        (stroke("LA", (0, 0), (0, 255)), 255, 0),
        (stroke("RGBA", (255, 255, 255, 0), (255, 255, 255, 255)), 0, 255),
        (stroke("RGBA", (255, 255, 255, 0), (255, 255, 255, 110)), 0, 110),
        (stroke("RGBA", (0, 0, 0, 0), (0, 0, 0, 0)), 255, 255),
    ],
)
def test_ink_can_be_seen(image: Image.Image, paper: int, pen: int) -> None:
    shown = photo(png(image)).image()
    assert shown.mode == "RGB"
    assert shown.getpixel((5, 5)) == (paper,) * 3
    assert shown.getpixel((30, 30)) == (pen,) * 3


def test_damaged_exif_does_not_spoil_a_photo() -> None:
    description, turned = struct.pack("<HHIf", 0x010E, 11, 1, 1.5), struct.pack("<HHII", 0x0112, 3, 1, 6)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + description + turned + bytes(4)
    file = io.BytesIO()
    Image.new("L", (60, 40), 255).save(file, "JPEG", exif=exif)
    with pytest.raises(Exception, match="float"):  # a description that is a number cannot be written again
        ImageOps.exif_transpose(Image.open(file))
    assert photo(file.getvalue()).image().getpixel((5, 5)) == (255, 255, 255)


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
