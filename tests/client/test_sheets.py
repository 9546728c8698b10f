"""Pictures that are opened, and the sheets of a window's history."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

import client.sheets
from client.sheets import History, Photo, UnreadableImageError, photo
from service.decoding import Decoder
from tests.pictures import saved

Colour = int | tuple[int, ...]


def stroke(mode: str, paper: Colour, pen: Colour) -> Image.Image:
    image = Image.new(mode, (60, 60), paper)
    ImageDraw.Draw(image).line((30, 10, 30, 50), pen, 6)
    return image


def sheet(paper: int, pen: int) -> Image.Image:
    """One that lies in the middle of a transparent picture."""
    whole = Image.new("RGBA", (60, 60))
    whole.paste(stroke("RGBA", (paper,) * 3 + (255,), (pen,) * 3 + (255,)).resize((40, 40)), (10, 10))
    return whole


@pytest.mark.parametrize(
    ("image", "paper", "pen"),
    [
        (stroke("I;16", 60_000, 3_000), 234, 11),
        (stroke("I;16", 4_000, 200), 250, 12),
        (stroke("LA", (0, 0), (0, 255)), 255, 0),
        (stroke("RGBA", (255, 255, 255, 0), (255, 255, 255, 255)), 0, 255),
        (stroke("RGBA", (255, 255, 255, 0), (255, 255, 255, 110)), 0, 110),
        (stroke("RGBA", (0, 0, 0, 0), (0, 0, 0, 0)), 255, 255),
        (sheet(255, 20), 255, 20),
        (sheet(20, 255), 20, 255),
        (sheet(180, 40), 180, 40),
    ],
)
def test_a_picture_is_seen_as_the_service_reads_it(image: Image.Image, paper: int, pen: int) -> None:
    shown = photo(saved(image)).image()
    assert shown.mode == "RGB"
    assert shown.getpixel((5, 5)) == (paper,) * 3
    assert shown.getpixel((30, 30)) == (pen,) * 3
    read = Decoder(10_000, 10_000).decode(saved(image))
    assert np.abs(np.asarray(shown.convert("L")).astype(int) - read).max() <= 1


def test_damaged_exif_does_not_spoil_a_photo() -> None:
    description, turned = struct.pack("<HHIf", 0x010E, 11, 1, 1.5), struct.pack("<HHII", 0x0112, 3, 1, 6)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + description + turned + bytes(4)
    file = io.BytesIO()
    Image.new("L", (60, 40), 255).save(file, "JPEG", exif=exif)
    with pytest.raises(Exception, match="float"):  # a description that is a number cannot be written again
        ImageOps.exif_transpose(Image.open(file))
    assert photo(file.getvalue()).image().getpixel((5, 5)) == (255, 255, 255)


def test_what_would_start_a_program_or_take_hours_is_not_opened() -> None:
    drawn = Image.new("L", (60, 40), 255)
    file = io.BytesIO()
    drawn.save(file, "EPS")
    with pytest.raises(UnreadableImageError, match="of a kind that is not known here"):
        photo(file.getvalue())
    scans = saved(drawn, "JPEG", progressive=True)
    place = scans.index(b"\xff\xda")
    assert photo(scans).image()
    with pytest.raises(UnreadableImageError, match="too many parts"):
        photo(scans[:place] + 100 * scans[place:])
    assert photo(saved(drawn, "JPEG") + 200 * b"\xff\xda and a film").image()


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
