"""Plain PNG files, quickly; of all others Pillow knows more.

Plain is what drawing programs and canvases write: 8 bits a channel, no palette, no interlace, and nothing in the file
but its header and its pixels (PNG, third edition, https://www.w3.org/TR/png-3/).
"""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

from contract import native

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER = struct.Struct(">8xI4sIIBBBBB")
CHUNK = struct.Struct(">I4s")
CHECKSUM = struct.Struct(">I")
END = b"\0\0\0\0IEND\xaeB`\x82"

CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
"""Of each colour type: grey, RGB, and both with transparency."""

MOST_PIXELS = 2**20
"""Of larger ones too much would be in memory at a time."""

_NATIVE = native.load()


def size(content: bytes) -> tuple[int, int] | None:
    """Width and height of what looks like a plain PNG; None of anything else."""
    if _NATIVE is None or not content.startswith(SIGNATURE) or len(content) < HEADER.size + CHECKSUM.size:
        return None
    length, kind, width, height, depth, colour, *rest = HEADER.unpack_from(content)
    plain = (length, kind, depth) == (13, b"IHDR", 8) and colour in CHANNELS and not any(rest)
    return (width, height) if plain and 0 < width * height <= MOST_PIXELS else None


def pixels(content: bytes, width: int, height: int) -> NDArray[np.uint8] | None:
    """uint8 [height, width, channels] of a file of that `size`; None where it is not plain after all, or damaged."""
    channels = CHANNELS[content[HEADER.size - 4]]
    packed = _data(content)
    length = height * (width * channels + 1)
    if packed is None or _NATIVE is None:
        return None
    unpacking = zlib_ng.decompressobj()
    try:
        rows = unpacking.decompress(packed, length)
    except zlib_ng.error:  # type: ignore[misc]  # the package types it as a value
        return None
    if len(rows) < length or not unpacking.eof:
        return None
    result = np.empty((height, width, channels), np.uint8)
    outcome = _NATIVE.digits_unfilter(rows, height, width * channels, channels, native.address(result))
    return result if outcome == native.DONE else None


def _data(content: bytes) -> bytes | None:
    """What the IDAT chunks hold, where there is nothing else behind the header, and all checksums are right."""
    parts = []
    place, wanted = len(SIGNATURE), b"IHDR"
    while not content.startswith(END, place):
        try:
            length, kind = CHUNK.unpack_from(content, place)
            end = place + CHUNK.size + length
            [checksum] = CHECKSUM.unpack_from(content, end)
        except struct.error:  # it is cut short
            return None
        if kind != wanted or checksum != zlib.crc32(content[place + 4 : end]):
            return None
        parts.append(content[place + CHUNK.size : end])
        place, wanted = end + CHECKSUM.size, b"IDAT"
    return b"".join(parts[1:])
