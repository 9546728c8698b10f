"""Small files that would take a decoder's time or memory out of all proportion, told by their bytes.

Pillow shows of a TIFF only the tags that it understands; libtiff, which decodes it, obeys others too.
"""

import io
import re
import struct
from itertools import islice
from math import inf

MOST_SCANS, MOST_METADATA, MOST_COMMENTS = 100, 100, 1000
"""Scans and Exif segments of a JPEG, comments of a plain PNM; a camera's has some ten, one and none."""

SCAN = re.compile(rb"\xff\xda\0(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
"""Where a scan of a JPEG begins, of one to four components: the marker alone stands in any large file by chance."""

MOST_READS = 20_000
"""Pieces in which a file's head may be read: segments of a JPEG, blocks of a GIF, bytes of a PNM. Chunks of a PNG."""

MOST_TEXTS = 8
"""Profiles and compressed texts of a PNG, each of which may become a mebibyte."""

MOST_STRIPS = 2**16

MOST_TAGS = 200
"""Of a TIFF: a camera's has some thirty, and libtiff compares each with all others."""

TILE_WIDTH, TILE_LENGTH, STRIPS = 322, 323, (273, 279, 324, 325)
"""Tags of TIFF 6.0: a tile's sides; where strips and tiles lie, and how long they are."""

SIDES = {3: "H", 4: "I"}
"""Types that a side may have, SHORT and LONG, as `struct` reads them."""

WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Bytes of one value, by type."""


class Head(io.BytesIO):
    """A file's bytes, whose head is read in `MOST_READS` pieces at most: Pillow takes each of them in Python."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._left: float = MOST_READS

    def read(self, size: int | None = -1, /) -> bytes:
        """Raises `ValueError`."""
        self._left -= 1
        if self._left < 0:
            raise ValueError("it has too many parts")
        return super().read(size)

    def end(self) -> None:
        """What is read now is the image itself."""
        self._left = inf


def screen(content: bytes) -> tuple[int, int]:
    """The width and the length of a TIFF's tiles, which are decoded whole; 0, 0 where there are none.

    Raises `ValueError` for a file that nothing but malice would make, or where a TIFF's directory is damaged.
    """
    match content[:2]:
        case b"\xff\xd8" if (
            any(islice(SCAN.finditer(content), MOST_SCANS, None)) or content.count(b"Exif\0\0") > MOST_METADATA
        ):
            raise ValueError("it has too many parts")
        case b"\x89P" if sum(content.count(kind) for kind in (b"iCCP", b"zTXt", b"iTXt")) > MOST_TEXTS:
            raise ValueError("it has too many texts")
        case b"\x89P" if _chunks(content) > MOST_READS:  # Pillow takes each, those behind the pixels too
            raise ValueError("it has too many parts")
        case b"P1" | b"P2" | b"P3" if content.count(b"#") > MOST_COMMENTS:
            raise ValueError("it has too many comments")
        case b"II" | b"MM":
            return _tile(content)
    return 0, 0


def _chunks(content: bytes) -> int:
    """Of a PNG up to its end, counted to one more than it may have."""
    place, count = 8, 0
    while place < len(content) and count <= MOST_READS and content[place + 4 : place + 8] != b"IEND":
        place += 12 + int.from_bytes(content[place : place + 4], "big")
        count += 1
    return count


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
