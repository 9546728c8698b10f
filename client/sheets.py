"""Sheets of paper: what is on one, and which of them lay on the table before."""

import io
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import cast

from PIL import Image, ImageOps, ImageStat

from client.ink import Point

MOST_BYTES, MOST_PIXELS = 20_000_000, 100_000_000
"""Of a picture that is opened; what the service takes is for the service to say."""

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
"""Formats that the service takes: of some others Pillow starts programs."""

MOST_SCANS = 100
"""Of a JPEG, each of which takes as long as an image; a camera's has some ten."""

SCAN = re.compile(rb"\xff\xda\0(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
"""Where one begins, of one to four components."""

Image.MAX_IMAGE_PIXELS = None  # Pillow warns at another number; `photo` has ours

SIDE = 2000
"""Longest side of a photo as it is looked at, pixels."""

SHEETS = 100
"""Sheets that are remembered: as often can be undone."""

SHEET = 0.78
"""Share of its bounding box that a sheet covers, at least: a round one covers π/4, a bold 9 0.77."""

REMEMBERED = 200_000_000
"""Bytes of the photos among them."""


@dataclass(frozen=True)
class Stroke:
    points: tuple[Point, ...]
    """One at least."""
    width: float


@dataclass(frozen=True)
class Photo:
    """A picture from elsewhere, as it came."""

    content: bytes
    media_type: str

    def image(self, most: int | None = None) -> Image.Image:
        """As it is to be looked at, upright, in colours; no side longer than `most`. Raises `UnreadableImageError`."""
        try:
            with Image.open(io.BytesIO(self.content), formats=FORMATS) as image:
                if most is not None:
                    image.draft("RGB", (most, most))
                image.load()
                with suppress(Exception):  # Pillow raises what it likes on a damaged Exif: the image stays as it is
                    ImageOps.exif_transpose(image, in_place=True)
                upright = _of_8_bits(image) if image.mode.startswith("I") else image
                if upright.has_transparency_data:
                    upright = _on_paper(upright.convert("RGBA"))
                shown = upright.convert("RGB")
        except Exception as error:  # a broken file can make a decoder raise anything
            raise UnreadableImageError(f"the image is broken: {error}") from error
        if most is not None:
            shown.thumbnail((most, most))
        return shown


def _of_8_bits(image: Image.Image) -> Image.Image:
    """`image`, of 16 bits or 32, which Pillow would cut at white; some use few of them. As the service reads it."""
    levels = image.convert("I")
    darkest, lightest = cast("tuple[int, int]", levels.getextrema())
    low = min(0, darkest)
    factor = 0.5 ** max(0, (lightest - low).bit_length() - 8)
    return levels.point(lambda level: level * factor - low * factor).convert("L")


def _on_paper(image: Image.Image) -> Image.Image:
    """`image`, of mode RGBA, on white, or on black where what can be seen is light; an opaque sheet, on its own paper.

    As the service reads it.
    """
    alpha = image.getchannel("A")
    least = cast("tuple[int, int]", alpha.getextrema())[1] / 2
    visible = alpha.point(lambda opacity: 255 * (opacity > least))
    paper = 255
    if box := visible.getbbox():
        seen = ImageStat.Stat(image.convert("L"), visible)
        grey, colours = seen.median[0], ImageStat.Stat(image.convert("RGB"), visible).extrema
        in_colours = any(lightest - darkest > 64 for darkest, lightest in colours)
        is_sheet = in_colours and seen.count[0] > SHEET * (box[2] - box[0]) * (box[3] - box[1])
        paper = grey if is_sheet else 0 if grey > 127 else 255
    return Image.alpha_composite(Image.new("RGBA", image.size, (paper,) * 3), image)


class UnreadableImageError(Exception):
    """The text says why."""


@lru_cache(maxsize=2)
def preview(photo: Photo) -> Image.Image:
    """`photo` as it is looked at, reduced. Raises `UnreadableImageError`."""
    return photo.image(SIDE)


def photo(content: bytes) -> Photo:
    """Raises `UnreadableImageError`."""
    if len(content) > MOST_BYTES:
        raise UnreadableImageError(f"it has more than {MOST_BYTES // 1_000_000} megabytes")
    if content.startswith(b"\xff\xd8") and any(islice(SCAN.finditer(content), MOST_SCANS, None)):
        raise UnreadableImageError("it has too many parts")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            pixels, media_type = image.width * image.height, image.get_format_mimetype()
    except Exception as error:  # a broken file can make a decoder raise anything
        raise UnreadableImageError("it is no image, or of a kind that is not known here") from error
    if pixels > MOST_PIXELS:
        raise UnreadableImageError(f"it has more than {MOST_PIXELS // 1_000_000} megapixels")
    return Photo(content, media_type or "image/unknown")


def open_photo(file: Path) -> Photo:
    """Raises `UnreadableImageError`, `OSError`."""
    if file.stat().st_size > MOST_BYTES:
        raise UnreadableImageError(f"it has more than {MOST_BYTES // 1_000_000} megabytes")
    return photo(file.read_bytes())


Strokes = tuple[Stroke, ...]
Sheet = Strokes | Photo
EMPTY: Strokes = ()


class History:
    """The sheets so far, one after each change; undo goes back, redo forth."""

    def __init__(self) -> None:
        self._sheets: list[Sheet] = [EMPTY]
        self._at = 0

    @property
    def sheet(self) -> Sheet:
        return self._sheets[self._at]

    @property
    def strokes(self) -> Strokes:
        """What a pen goes on with: a photo is not drawn on, a new sheet is taken."""
        return () if isinstance(self.sheet, Photo) else self.sheet

    def take(self, sheet: Sheet) -> None:
        """Go on with `sheet`; what was undone before is gone."""
        self._sheets[self._at + 1 :] = [sheet]
        while len(self._sheets) > SHEETS or self._bytes() > REMEMBERED:
            del self._sheets[0]
        self._at = len(self._sheets) - 1

    def _bytes(self) -> int:
        return sum(len(sheet.content) for sheet in self._sheets if isinstance(sheet, Photo))

    @property
    def undoable(self) -> bool:
        return self._at > 0

    @property
    def redoable(self) -> bool:
        return self._at + 1 < len(self._sheets)

    def undo(self) -> bool:
        """Whether there was something to undo."""
        return self._go(-1)

    def redo(self) -> bool:
        """Whether there was something to do again."""
        return self._go(+1)

    def _go(self, step: int) -> bool:
        if not 0 <= self._at + step < len(self._sheets):
            return False
        self._at += step
        return True


def extent(strokes: Sequence[Stroke]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the ink of `strokes`, of which there is one at least."""
    across = [(x, stroke.width / 2) for stroke in strokes for x, _ in stroke.points]
    down = [(y, stroke.width / 2) for stroke in strokes for _, y in stroke.points]
    return (
        min(x - reach for x, reach in across),
        min(y - reach for y, reach in down),
        max(x + reach for x, reach in across),
        max(y + reach for y, reach in down),
    )
