"""Small files that would take a decoder's time or memory out of all proportion, told by their bytes.

Pillow shows of a TIFF only the tags that it understands; libtiff, which decodes it, obeys others too.
"""

import struct
from collections.abc import Iterator
from itertools import islice

MOST_SCANS, MOST_METADATA, MOST_COMMENTS = 100, 100, 1000
"""Scans and Exif segments of a JPEG, comments of a plain PNM; a camera's has some ten, one and none."""

MOST_PARTS = 5000
"""Segments of a JPEG and bytes between them, blocks of a GIF's texts, before the image itself."""

MOST_TEXTS = 8
"""Profiles and compressed texts of a PNG, each of which may become a mebibyte."""

START_OF_SCAN = b"\xff\xda"
WITHOUT_LENGTH = {bytes((0xFF, kind)) for kind in (0, 0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE))}
"""Marks of a JPEG: escaped data, restarts, the image's start and end, extensions."""

MOST_STRIPS = 2**16

MOST_TAGS = 200
"""Of a TIFF: a camera's has some thirty, and libtiff compares each with all others."""

TILE_WIDTH, TILE_LENGTH, STRIPS = 322, 323, (273, 279, 324, 325)
"""Tags of TIFF 6.0: a tile's sides; where strips and tiles lie, and how long they are."""

SIDES = {3: "H", 4: "I"}
"""Types that a side may have, SHORT and LONG, as `struct` reads them."""

WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Bytes of one value, by type."""


def screen(content: bytes) -> tuple[int, int]:
    """The width and the length of a TIFF's tiles, which are decoded whole; 0, 0 where there are none.

    Raises `ValueError` for a file that nothing but malice would make, or where a TIFF's directory is damaged.
    """
    match content[:2]:
        case b"\xff\xd8" if content.count(b"\xff\xda") > MOST_SCANS or content.count(b"Exif\0\0") > MOST_METADATA:
            raise ValueError("it has too many parts")
        case b"\xff\xd8":
            _require_few(_jpeg_parts(content))
        case b"GI":
            _require_few(_gif_parts(content))
        case b"\x89P" if sum(content.count(kind) for kind in (b"iCCP", b"zTXt", b"iTXt")) > MOST_TEXTS:
            raise ValueError("it has too many texts")
        case b"P1" | b"P2" | b"P3" if content.count(b"#") > MOST_COMMENTS:
            raise ValueError("it has too many comments")
        case b"II" | b"MM":
            return _tile(content)
    return 0, 0


def _require_few(parts: Iterator[None]) -> None:
    if sum(1 for _ in islice(parts, MOST_PARTS + 1)) > MOST_PARTS:
        raise ValueError("it has too many parts")


def _jpeg_parts(content: bytes) -> Iterator[None]:
    """Once for each step that Pillow takes, in Python, to the first scan."""
    place = 2
    while (mark := content[place : place + 2]) and mark != START_OF_SCAN:
        yield
        if mark[0] != 0xFF or mark == b"\xff\xff":
            place += 1
        elif mark in WITHOUT_LENGTH:
            place += 2
        else:
            place += 2 + max(2, int.from_bytes(content[place + 2 : place + 4]))


def _gif_parts(content: bytes) -> Iterator[None]:
    """Once for each block of the extensions before the first picture."""
    place = 13 + (3 << (content[10] & 7) + 1 if content[10:11] > b"\x7f" else 0)
    while content[place : place + 1] == b"!":
        place += 2
        while length := int.from_bytes(content[place : place + 1]):
            yield
            place += 1 + length
        place += 1


def _tile(content: bytes) -> tuple[int, int]:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(content[:4])
    if order is None:
        raise ValueError("of TIFF only the usual kind is read, not BigTIFF")
    try:
        [start] = struct.unpack_from(f"{order}I", content, 4)
        [count] = struct.unpack_from(f"{order}H", content, start)
        entries = [struct.unpack_from(f"{order}HHI4s", content, start + 2 + 12 * place) for place in range(count)]
    except struct.error:
        raise ValueError("its directory is cut short") from None
    if len({tag for tag, *_ in entries}) < len(entries):
        raise ValueError("a tag stands in it twice")
    held = sum(number * WIDTHS.get(kind, 8) for _, kind, number, _ in entries)
    if len(entries) > MOST_TAGS or held > len(content):  # many tags may share the same bytes
        raise ValueError("it has too many tags, or more in them than in the file")
    sides = {}
    for tag, kind, number, value in entries:
        if tag in STRIPS and number > MOST_STRIPS:
            raise ValueError("it has too many strips")
        if tag in (TILE_WIDTH, TILE_LENGTH):
            [sides[tag]] = struct.unpack_from(order + SIDES[kind], value) if kind in SIDES and number == 1 else [0]
    if 0 in sides.values():
        raise ValueError("its tiles have no size")
    return sides.get(TILE_WIDTH, 0), sides.get(TILE_LENGTH, 0)
