"""Plain PNG files, quickly; of all others Pillow knows more.

Plain is what drawing programs and canvases write: 8 bits a channel, no palette, no interlace, and nothing in the file
but its header and its pixels (PNG, third edition, https://www.w3.org/TR/png-3/).
"""

import struct
import zlib
from collections.abc import Callable

import deflate
import numpy as np

from contract import native
from contract.arrays import Grey
from contract.normalisation import by_native

BEGIN = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
"""The signature, and the header's length and name."""

SIZES = struct.Struct(">16xII")
KIND = slice(24, 29)
"""Bits a channel, colour type, three kinds of coding."""

CHANNELS = {b"\x08%c\0\0\0" % colour: channels for colour, channels in {0: 1, 2: 3, 4: 2, 6: 4}.items()}
"""Of each kind that is plain: grey, RGB, and both with transparency."""

HEADER = slice(12, 29)
"""What its checksum is of."""

CHUNK = struct.Struct(">I4s")
CHECKSUM = struct.Struct(">I")
END = b"\0\0\0\0IEND\xaeB`\x82"

MOST_PIXELS = 2**20
"""Of larger ones too much would be in memory at a time."""

_NATIVE = native.load()


Shape = tuple[int, int, int]
"""Height, width, channels."""


def shape(content: bytes) -> Shape | None:
    """Of what looks like a plain PNG; None of anything else."""
    if _NATIVE is None or not content.startswith(BEGIN) or (channels := CHANNELS.get(content[KIND])) is None:
        return None
    width, height = SIZES.unpack_from(content)
    return (height, width, channels) if 0 < width * height <= MOST_PIXELS else None


def pixels(content: bytes, shape: Shape) -> Grey | None:
    """uint8 [height, width, channels] of a file of that `shape`; None where it is not plain after all, or damaged.

    As good as: what is packed wrongly is read where its checksums and its length are right.
    """
    rows = _rows(content, shape)
    return None if rows is None else _unfiltered(rows, shape)


def normalised(content: bytes, shape: Shape, normalise: Callable[[Grey], Grey]) -> Grey | None:
    """What `normalise` makes of a grey file of that `shape`, mostly in one go; None as there. Raises as it does."""
    height, width, _ = shape
    if (rows := _rows(content, shape)) is None:
        return None
    if (picture := by_native("digits_png", rows, height, width)) is not None:
        return picture
    pixels = _unfiltered(rows, shape)
    return None if pixels is None else normalise(pixels[..., 0])


def _rows(content: bytes, shape: Shape) -> bytearray | None:
    """As they were packed: each row of pixels behind its filter."""
    height, width, channels = shape
    length = height * (width * channels + 1)
    if (packed := _data(content)) is None:
        return None
    try:
        rows = deflate.zlib_decompress(packed, length)
    except deflate.DeflateError:
        return None
    return rows if len(rows) == length else None


def _unfiltered(rows: bytearray, shape: Shape) -> Grey | None:
    height, width, channels = shape
    result = np.empty(shape, np.uint8)
    place = native.address(rows), height, width * channels, channels, native.address(result)
    return result if _NATIVE and _NATIVE.digits_unfilter(*place) == native.DONE else None


def _data(content: bytes) -> bytes | None:
    """What the IDAT chunks hold, where there is nothing else behind the header, and all checksums are right."""
    if not content.endswith(END) or _checksum(content, HEADER.stop) != zlib.crc32(content[HEADER]):
        return None
    parts = []
    place, last = HEADER.stop + CHECKSUM.size, len(content) - len(END)
    while place < last:
        length, kind = CHUNK.unpack_from(content, place)
        end = place + CHUNK.size + length
        if kind != b"IDAT" or end >= last:
            return None
        if _checksum(content, end) != zlib.crc32(content[place + 4 : end]):
            return None
        parts.append(content[place + CHUNK.size : end])
        place = end + CHECKSUM.size
    return b"".join(parts) if place == last else None


def _checksum(content: bytes, place: int) -> int:
    found: int = CHECKSUM.unpack_from(content, place)[0]
    return found
