"""Image files that are very large, or small ones that claim it or become it."""

import io
import struct
import zlib
from pathlib import Path

from PIL import Image

PNG_HEADER = b"\x89PNG\r\n\x1a\n"


def png(
    width: int, height: int, pixels: bytes, *more: bytes, bits: int = 8, colour: int = 0, interlaced: int = 0
) -> bytes:
    """A PNG, grey or of another colour type, with `more` chunks.

    Its header says `width`×`height`, whatever `pixels`, zlib-compressed, holds.
    """
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    return b"".join((PNG_HEADER, chunk(b"IHDR", header), *more, chunk(b"IDAT", pixels), chunk(b"IEND", b"")))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def large_photo() -> bytes:
    """A JPEG of a 7 with more pixels than the service takes."""
    picture = Image.new("L", (8000, 6000), 230)
    with Image.open(Path(__file__).parent / "data" / "7.png") as seven:
        picture.paste(seven.resize((3000, 3000)), (2500, 1500))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80)
    return file.getvalue()


Tag = tuple[int, int, int, bytes]
"""Number, type, count, and a value of four bytes, which may be a place in the file."""

STRIPS = [(256, 4, 16), (257, 4, 16), (258, 4, 8), (259, 4, 1), (262, 4, 1), (273, 4, 8), (278, 4, 16), (279, 4, 256)]
"""Of a grey TIFF, 16×16, in one strip that begins at byte 8: numbers, types, values."""

BEHIND = 500
"""The byte of a TIFF made here from which on there is what its tags have no room for."""


def tiff(*more: Tag, behind: bytes = b"") -> bytes:
    """A black TIFF of 16×16 pixels with these tags, too."""
    own = [(tag, kind, 1, struct.pack("<I", value)) for tag, kind, value in STRIPS]
    tags = sorted({tag[0]: tag for tag in (*own, *more)}.values())
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHI4s", *tag) for tag in tags) + bytes(4)
    return (struct.pack("<2sHI", b"II", 42, 8 + 256) + bytes(256) + directory).ljust(BEHIND, b"\0") + behind


def tiff_with_tile_of(width: tuple[int, int, bytes], length: tuple[int, int, bytes], behind: bytes = b"") -> bytes:
    """A TIFF in strips with tags that only tiles have: types, counts, values."""
    return tiff((322, *width), (323, *length), behind=behind)


def _long(value: int, kind: int = 4) -> tuple[int, int, bytes]:
    return kind, 1, struct.pack("<I", value)


_BEHIND = struct.pack("<I", BEHIND)
SIXTEEN = _long(16)

TILES = {
    "text, a thousand times": tiff_with_tile_of((2, 9000, _BEHIND), _long(10_000), b"9" * 9000),
    "less than nothing": tiff_with_tile_of(_long(2**31, 9), _long(100)),
    "no number": tiff_with_tile_of((12, 1, _BEHIND), SIXTEEN, struct.pack("<d", float("nan"))),
    "one side only": tiff_with_tile_of(SIXTEEN, (2, 3, b"16\0\0")),
    "a kind that Pillow does not see": tiff_with_tile_of(_long(20_000, 17), _long(20_000, 17)),
}
"""TIFFs whose tiles have no size."""


def _jpeg(behind_start: bytes = b"", before_end: bytes = b"") -> bytes:
    file = io.BytesIO()
    Image.new("L", (16, 16), 255).save(file, "JPEG")
    whole = file.getvalue()
    return whole[:2] + behind_start + whole[2:-2] + before_end + whole[-2:]


def _gif(before_picture: bytes) -> bytes:
    file = io.BytesIO()
    Image.new("L", (16, 16), 255).save(file, "GIF")
    whole = file.getvalue()
    start = whole.index(b",\0\0\0\0")
    return whole[:start] + before_picture + whole[start:]


_MEBIBYTE = b"all\0\0" + zlib.compress(bytes(2**20))
"""A name, a method, and that much packed: what profiles and texts of a PNG consist of."""

PNG, TIFF, JPEG, GIF, PGM = "image/png", "image/tiff", "image/jpeg", "image/gif", "image/x-portable-graymap"

SLOW = {
    "PNG of 50 profiles": (
        PNG,
        png(16, 16, zlib.compress(bytes(272)), *[chunk(b"iCCP", _MEBIBYTE)] * 50),
        "many texts",
    ),
    "PNG of 50 texts": (PNG, png(16, 16, zlib.compress(bytes(272)), *[chunk(b"zTXt", _MEBIBYTE)] * 50), "many texts"),
    "TIFF of 300 tags": (TIFF, tiff(*((40_000 + place, 7, 4, bytes(4)) for place in range(300))), "many tags"),
    "TIFF whose tags share their bytes": (
        TIFF,
        tiff(*((40_000 + place, 7, 30_000, _BEHIND) for place in range(8)), behind=bytes(30_000)),
        "many tags",
    ),
    "TIFF of 70,000 strips": (TIFF, tiff((273, 1, 70_000, _BEHIND), behind=bytes(70_000)), "many strips"),
    "TIFF with a tag twice": (
        TIFF,
        tiff()[:264] + b"\2\0" + struct.pack("<HHII", 256, 4, 1, 16) * 2 + bytes(4),
        "twice",
    ),
    "BigTIFF": (TIFF, b"II+\0" + bytes(100), "not BigTIFF"),
    "JPEG of 300 scans": (JPEG, _jpeg(before_end=b"\xff\xda\0\x08\1\1\0\0\x3f\0" * 300), "many parts"),
    "JPEG with 300 Exifs": (JPEG, _jpeg(behind_start=(b"\xff\xe1\0\x10Exif\0\0" + bytes(8)) * 300), "many parts"),
    "JPEG of 12,000 segments": (JPEG, _jpeg(behind_start=b"\xff\xe0\0\2" * 12_000), "many parts"),
    "JPEG padded": (JPEG, _jpeg(behind_start=b"\xff" * 30_000), "many parts"),
    "GIF of 30,000 pieces of text": (GIF, _gif(b"!\xfe" + b"\1a" * 30_000 + b"\0"), "many parts"),
    "the same behind junk": (GIF, _gif(b"\0!\xf9\0\1a\0!\xfe" + b"\1a" * 30_000 + b"\0"), "many parts"),
    "PGM of much space": (PGM, b"P5" + b" " * 30_000 + b"16 16 255\n" + bytes(256), "many parts"),
    "PGM of 2,000 comments": (PGM, b"P2 1 1 255\n" + b"#\n" * 2000 + b"0", "many comments"),
    "PGM of another white": (PGM, b"P5 3200 3200 254\n" + bytes(100), "An image of this kind"),
    "BMP in runs": (
        "image/bmp",
        struct.pack("<2sIHHI", b"BM", 0, 0, 0, 1078)
        + struct.pack("<IiiHHIIiiII", 40, 25_000_000 // 16, 16, 1, 8, 1, 0, 0, 0, 256, 0)
        + bytes(1024)
        + b"\1\0\0\1",
        "An image of this kind",
    ),
}
"""Media types and files that would take a decoder long, each far below the limits, and what is said of them."""


def tiff_with_large_tile() -> bytes:
    """A 16×16 TIFF whose one tile, 20000×20000 and all zeros, takes 400 KB compressed."""
    tile = zlib.compress(bytes(20_000 * 20_000))
    tags = [
        (256, 16),  # width
        (257, 16),  # length
        (258, 8),  # bits
        (259, 8),  # deflate
        (262, 1),  # black is zero
        (322, 20_000),  # tile width
        (323, 20_000),  # tile length
        (324, 8),  # tile offset
        (325, len(tile)),
    ]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return struct.pack("<2sHI", b"II", 42, 8 + len(tile)) + tile + directory + bytes(4)
