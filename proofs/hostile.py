"""Image files that somebody made to be trouble, and some that are merely odd."""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, PngImagePlugin

from tests.bombs import SLOW, TILES, png, tiff_with_large_tile

Hostile = tuple[str, bytes, bool | None]
"""A name, a file's bytes, and whether the 1 on it is to be read (None: whether or not)."""


def files() -> Iterator[Hostile]:
    one = _one()
    every = {kind: _file(one, kind) for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")}
    for kind, whole in every.items():
        yield f"{kind}", whole, True
        for share in (0.02, 0.3, 0.7, 0.99):
            yield f"{kind} cut at {share:.0%}", whole[: max(1, int(share * len(whole)))], None
        yield f"{kind} with zeros in the middle", whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2), None
        yield f"{kind} with 1 MB behind it", whole + bytes(2**20), None

    yield from _of_odd_sizes()
    yield from _of_many_kinds(one, every["JPEG"])
    yield from _of_no_kind()


def _of_odd_sizes() -> Iterator[Hostile]:
    """Which nobody draws."""
    yield "PNG bomb of 100 megapixels", png(10_000, 10_000, zlib.compress(bytes(100_000_000))), False
    yield "PNG that says 2^31 wide", png(2**31 - 1, 1, zlib.compress(b"\0")), False
    yield "PNG of width 0", png(0, 10, zlib.compress(b"\0")), False
    yield "PNG of height 0", png(10, 0, zlib.compress(b"\0")), False
    yield "TIFF with a tile of 400 megapixels", tiff_with_large_tile(), False
    for name, tile in TILES.items():
        yield f"TIFF with a tile of {name}", tile, False
    for name, (_, content, _) in SLOW.items():
        yield name, content, False
    for name, specks in _specks().items():
        yield f"PNG of {name}", _file(Image.fromarray(specks), "PNG"), None
    for size in ((1, 100_000), (100_000, 1), (1, 1), (2, 25_000_000 // 2)):
        yield f"PNG of {size[0]}×{size[1]}", _file(Image.new("L", size, 255), "PNG"), False
        stripes = Image.new("L", size, 255)
        stripes.paste(0, (0, 0, size[0], max(1, size[1] // 3)))
        yield f"PNG of {size[0]}×{size[1]}, a third black", _file(stripes, "PNG"), None
    turned = Image.Exif()
    turned[0x0112] = 6
    yield "PNG of 25,000,000×1, turned by Exif", _file(Image.new("RGBA", (25_000_000, 1)), "PNG", exif=turned), False
    yield "PGM that says 10^9 rows", b"P5 10 1000000000 255\n" + bytes(100), False
    yield "PGM with negative width", b"P5 -10 10 255\n" + bytes(100), False
    yield (
        "BMP of height -2^31",
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 0, 0, 0, 54, 40, 9, -(2**31), 1, 24, 0, 0, 0, 0, 0, 0),
        None,
    )


def _specks() -> dict[str, NDArray[np.uint8]]:
    """Ink that is gone once it is made small."""
    scan = np.full((2800, 8000), 255, np.uint8)
    scan[50, 50] = scan[2449, 7729] = 0
    column = np.full((200_000, 1), 255, np.uint8)
    column[[0, -1]] = 0
    box = np.full((100, 100), 255, np.uint8)
    box[18:82, 18:82] = 148
    box[19:81, 19:81] = 255
    for row in range(22, 78, 4):
        for place in range(22, 78, 4):
            box[row : row + 2, place : place + 2] = 0
    return {"two specks": scan, "a column with ends": column, "a faint box of dots": box}


def _of_many_kinds(one: Image.Image, scan: bytes) -> Iterator[Hostile]:
    """As cameras, scanners and drawing programs make them, and those who mean harm."""
    yield "JPEG in CMYK", _file(one.convert("CMYK"), "JPEG"), True
    yield "progressive JPEG", _file(one, "JPEG", progressive=True), True
    rotated = Image.Exif()
    rotated[0x0112] = 6  # to be turned by a quarter to the right
    yield "JPEG rotated by EXIF", _file(one.rotate(90, expand=True), "JPEG", exif=rotated), True
    yield "PNG of 16 bits", _file(Image.fromarray(np.asarray(one).astype(np.uint16) * 257), "PNG"), True
    yield "TIFF of 16 bits", _file(Image.fromarray(np.asarray(one).astype(np.uint16) * 257), "TIFF"), True
    yield "TIFF of floats", _file(one.convert("F"), "TIFF"), None
    yield "TIFF of two pages", _file(one, "TIFF", save_all=True, append_images=[one]), True
    yield "PNG of 1 bit", _file(one.convert("1"), "PNG"), True
    yield "PNG with a palette", _file(one.convert("P"), "PNG"), True
    clear = Image.new("RGBA", one.size, (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), mask=Image.eval(one, lambda grey: 255 - grey))
    yield "PNG with ink on nothing", _file(clear, "PNG"), True
    vast = Image.new("RGBA", (5000, 5000), (0, 0, 0, 0))
    vast.paste((0, 0, 0, 255), (2300, 500, 2700, 4500))
    yield "WEBP of 25 megapixels, most of them nothing", _file(vast, "WEBP", lossless=True, method=0, quality=0), False
    for kind in ("GIF", "WEBP", "PNG"):
        frames = [one, one.rotate(2, fillcolor=255)] * 150
        yield f"{kind} of 300 frames", _file(frames[0], kind, save_all=True, append_images=frames[1:], duration=1), True
    progressive = _file(one, "JPEG", progressive=True)
    last = progressive.rindex(b"\xff\xda")
    yield "JPEG of 3,000 scans", progressive[:last] + progressive[last:-2] * 3000 + progressive[-2:], None
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "x" * 20_000_000, zip=True)
    yield "PNG with a text of 20 MB in 20 kB", _file(one, "PNG", pnginfo=text), None
    yield "JPEG with a profile that is none", _file(one, "JPEG", icc_profile=b"\xff" * 60_000), None
    yield "JPEG whose header comes twice", scan[:2] + scan[2:200] * 50 + scan[2:], None
    loop = b"II*\0\x08\0\0\0\0\0\x08\0\0\0"
    yield "TIFF whose directory follows itself", loop, False
    yield "GIF with code sizes of 12 bits and no codes", b"GIF89a\x10\0\x10\0\0\0\0,\0\0\0\0\x10\0\x10\0\0\x0c\0;", None


def _of_no_kind() -> Iterator[Hostile]:
    """Which is read."""
    yield "SVG with an entity bomb", b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "aaaa">]><svg>&a;</svg>', False
    yield "PostScript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n{} loop\n", False
    yield "PDF", b"%PDF-1.7\n", False
    yield "ZIP", b"PK\x03\x04" + bytes(100), False
    yield "zeros", bytes(100_000), False


def _one() -> Image.Image:
    """A 1 on white paper."""
    image = Image.new("L", (200, 280), 255)
    ImageDraw.Draw(image).line([(96, 40), (104, 240)], 0, 22)
    return image


def _file(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
