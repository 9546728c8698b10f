"""What a caller sends → a grey image, uint8 [height, width]."""

import base64
import binascii
import io
import warnings
from contextlib import suppress
from math import inf

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from contract.arrays import Grey
from service import png
from service.patience import ENDLESS, Normaliser, Patience, TakesLongError
from service.problems import BrokenImage, InvalidRequest, ProblemError, TooLarge
from service.screening import Head, screen

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
"""Formats that Pillow reads by itself; those that start other programs or load plug-ins are left out."""

WHITESPACE = b" \t\r\n\f\v"
"""What base64 may be broken by."""

SLOW_CODECS, SLOW_PIXELS = {"ppm", "ppm_plain", "bmp_rle"}, 2_000_000
"""Decoders that Pillow has in Python, and what they are given at most."""

LEAST_SIDE = 16
"""Pixels that a row counts as, at least, and a column, which Exif may turn into one: Pillow takes twelve bytes for it,
however short it is, in each copy."""

FLAT = 32
"""Grey levels: where an image has fewer, its colours may tell more."""

MOST_BURNT = 15
"""Pixels that a sensor may have burnt in, one in ten thousand at most: far lighter than all others."""

SHEET = 0.78
"""Share of its bounding box that a sheet covers, at least: a round one covers π/4, a bold 9 0.77."""

Image.MAX_IMAGE_PIXELS = None  # Pillow refuses at another number; `Decoder` has ours
warnings.filterwarnings("ignore", module="PIL")  # each would be kept, of images that nobody looks after

Source = bytes | str | list[list[float]] | Grey

IN_COLOUR = 2**17
"""Pixels in colours, or transparent, that become grey in a few milliseconds."""


class Decoder:
    """Decodes the images of one request and counts their pixels against its limits.

    What takes more than the `patience` it leaves alone, and raises `TakesLongError`.
    """

    def __init__(self, max_image_pixels: int, max_request_pixels: int, patience: Patience = ENDLESS) -> None:
        self.max_image_pixels = max_image_pixels
        self.pixels_left = max_request_pixels
        self._hurried = patience.hurried
        self._quick_left, self._colour_left = patience.pixels, IN_COLOUR if patience.hurried else inf
        self._normalise = Normaliser(patience)

    def decode(self, image: Source) -> Grey:
        """The grey image in a file's bytes, its base64 or data URL, rows of grey values 0 to 255, or that image.

        Colour becomes grey; transparency is composited; EXIF rotation is obeyed; an animation is its first frame.
        Raises `BrokenImage`, `InvalidRequest` or `TooLarge`.
        """
        if isinstance(image, list):
            return self._rows(image)
        if isinstance(image, np.ndarray):
            self._count(image.shape[1], image.shape[0])
            return image
        return self._file(image if isinstance(image, bytes) else _base64(image))

    def _rows(self, rows: list[list[float]]) -> Grey:
        width = len(rows[0]) if rows else 0
        if width == 0:
            raise InvalidRequest("The array is empty: send rows of grey values.")
        for number, row in enumerate(rows):
            if len(row) != width:
                raise InvalidRequest(
                    f"Row {number} has {len(row)} values, row 0 has {width}: rows must be equally long."
                )
        self._count(width, len(rows))
        values = np.array(rows, np.float32)
        if 0 < values.max() <= 1:
            raise InvalidRequest("The values stop at 1; grey values from 0 to 255 are meant: multiply by 255.")
        return np.rint(values).astype(np.uint8)

    def picture(self, image: Source) -> Grey:
        """What `normalise` makes of that image, uint8 [28, 28]. Raises `BlankImageError` too."""
        shape = png.shape(image) if isinstance(image, bytes) else None
        if not isinstance(image, bytes) or shape is None or shape[2] > 1:
            return self._normalise(self.decode(image))
        self._count(shape[1], shape[0])
        picture = png.normalised(image, shape, self._normalise)
        return self._normalise(self._by_pillow(image, shape)) if picture is None else picture

    def _file(self, content: bytes) -> Grey:
        if not content:
            raise BrokenImage("The image is empty: send a file's bytes, with curl by --data-binary @FILE.")
        if shape := png.shape(content):
            self._count(shape[1], shape[0])
            self._colour_left -= shape[1] * shape[0] if shape[2] > 1 else 0
            if self._colour_left < 0:
                raise TakesLongError
            if (pixels := png.pixels(content, shape)) is not None:
                return _grey_pixels(pixels)
        return self._by_pillow(content, shape)

    def _by_pillow(self, content: bytes, counted: png.Shape | None) -> Grey:
        """`counted`: the shape whose pixels were counted already, if any."""
        if self._hurried:
            raise TakesLongError
        try:
            tile = screen(content)
            head = Head(content)
            with Image.open(head, formats=FORMATS) as image:
                head.end()
                if counted is None or image.size != (counted[1], counted[0]):
                    self._count(*image.size)
                if all(tile):
                    self._count(*tile)
                self._require_room(image)
                self._require_time(image)
                in_colour = image.format in ("JPEG", "MPO") and image.mode == "RGB"
                grey = _grey(image, without_colour=True)
            if in_colour and np.ptp(grey) < FLAT:
                with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                    return _grey(image)
            return grey
        except (ProblemError, TakesLongError):
            raise
        except UnidentifiedImageError as error:
            raise BrokenImage from error
        except Exception as error:  # Pillow's decoders raise what they like on broken files
            raise BrokenImage(f"The image cannot be decoded ({error}): it is damaged or cut short.") from error

    def _require_room(self, image: ImageFile.ImageFile) -> None:
        most = self.max_image_pixels // 2
        if image.format == "WEBP" and image.width * image.height > most:  # its decoder keeps it thrice
            raise TooLarge(f"A WebP may have {most} pixels: send a smaller one, or a PNG.")

    def _require_time(self, image: ImageFile.ImageFile) -> None:
        slow = any(tile.codec_name in SLOW_CODECS for tile in image.tile)
        if slow and image.width * image.height > SLOW_PIXELS:
            raise TooLarge(f"An image of this kind may have {SLOW_PIXELS} pixels: send a PNG.")

    def _count(self, width: int, height: int) -> None:
        pixels = max(width, LEAST_SIDE) * max(height, LEAST_SIDE)
        if pixels > self.max_image_pixels:
            less = f" Each side counts as {LEAST_SIDE} pixels at least." if min(width, height) < LEAST_SIDE else ""
            raise TooLarge(f"The image has {width}×{height} pixels, at most {self.max_image_pixels} may be sent.{less}")
        self.pixels_left -= pixels
        if self.pixels_left < 0:
            raise TooLarge("The images of this request have too many pixels together: send fewer at a time.")
        self._quick_left -= pixels
        if self._quick_left < 0:
            raise TakesLongError


def _base64(text: str) -> bytes:
    text = text.lstrip()
    if text[:5].lower() == "data:":
        _, comma, text = text.partition(",")
        if not comma:
            raise BrokenImage("The data URL has no comma: behind it follows the image in base64.")
    try:
        return base64.b64decode(text.encode().translate(None, WHITESPACE), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BrokenImage("The string is not base64: send an encoded image in base64, or a data URL.") from error


def _grey(image: Image.Image, *, without_colour: bool = False) -> Grey:
    if without_colour:
        image.draft("L", image.size)  # of a JPEG, in half the time
    image.load()
    vars(image).pop("_decoder", None)  # WebP's, with two canvases of the image's size
    with suppress(Exception):  # Pillow raises what it likes on a damaged Exif: the image stays as it is
        ImageOps.exif_transpose(image, in_place=True)
    if image.mode in ("F", "LAB", "HSV"):
        raise BrokenImage(f"The image is of mode {image.mode}, which is not read: save it as grey or RGB.")
    if image.mode.startswith("I"):  # 16 bits, which Pillow may hold in 32, or 32
        levels = np.asarray(image)
        low = min(0, int(levels.min()))
        unused = max(0, (_lightest(levels) - low).bit_length() - 8)  # some use few of the bits
        return ((levels >> unused) - (low >> unused)).clip(0, 255).astype(np.uint8)
    if image.has_transparency_data:
        image = image if image.mode in ("RGBA", "LA") else image.convert("RGBA")
        image = image.convert("RGB") if image.getchannel("A").getextrema() == (255, 255) else _composited(image)
    return np.asarray(_by_colour(image, image.convert("L")))


def _by_colour(image: Image.Image, grey: Image.Image) -> Image.Image:
    """`grey`, or, where its levels hardly differ, the colours of `image` along the axis on which they do.

    Ink may be as light as its paper: red on green.
    """
    levels = np.ptp(grey.getextrema())
    if levels >= FLAT or image.mode in ("1", "L", "LA"):
        return grey
    colours = image.convert("RGB")
    some = np.asarray(colours.reduce(max(1, max(colours.size) // 256)), np.float32)
    paper = np.median(np.concatenate((some[0], some[-1], some[:, 0], some[:, -1])), axis=0)
    off = (some - paper).reshape(-1, 3)
    axis = np.linalg.eigh(off.T @ off)[1][:, -1] / 2
    if np.ptp(off @ axis) < 2 * levels:
        return grey
    return colours.convert("L", (*axis.tolist(), 128 - float(axis @ paper)))


def _grey_pixels(pixels: Grey) -> Grey:
    """The same of `pixels`, uint8 [height, width, channels]."""
    height, width, channels = pixels.shape
    if channels == 1:
        return pixels[..., 0]
    mode = ("L", "LA", "RGB", "RGBA")[channels - 1]
    return _grey(Image.frombuffer(mode, (width, height), pixels, "raw", mode, 0, 1))


def _lightest(levels: NDArray[np.int32]) -> int:
    """But for some pixels, which a sensor may have burnt in."""
    burnt = min(MOST_BURNT, levels.size // 10_000)
    return int(np.partition(levels, -1 - burnt, axis=None)[-1 - burnt])


def _composited(image: Image.Image) -> Image.Image:
    """`image`, of mode LA or RGBA, on white paper, or on black where what can be seen is itself light.

    An opaque sheet with ink on it brings its own paper: then the margin around it gets the sheet's colour.
    """
    sketch = image.reduce(max(1, max(image.size) // 256))
    opacity = np.asarray(sketch.getchannel("A"))
    if not opacity.any():
        return Image.new("L", image.size, 255)
    shown = opacity > opacity.max() // 2  # thin or translucent ink, too
    colours = sketch.convert("RGB")
    seen, greys = np.asarray(colours)[shown], np.asarray(colours.convert("L"))[shown]
    sheet = _is_sheet(shown, seen)
    if sheet and np.ptp(greys) < FLAT:
        paper = Image.new("RGB", image.size, tuple(np.median(seen, axis=0).astype(int).tolist()))
    else:
        typical = int(np.median(greys))
        paper = Image.new("L", image.size, typical if sheet else 0 if typical > 127 else 255)
    paper.paste(image.convert(paper.mode), mask=image.getchannel("A"))
    return paper


def _is_sheet(shown: NDArray[np.bool_], seen: Grey) -> bool:
    """Whether what can be seen, uint8 [n, 3], fills its bounding box, and is of more than one colour."""
    rows, columns = np.nonzero(shown)
    box = int(np.ptp(rows) + 1) * int(np.ptp(columns) + 1)
    return len(seen) > SHEET * box and int(np.ptp(seen, axis=0).max()) > 64
