"""Small image files that claim, or become, very large images."""

import struct
import zlib

PNG_HEADER = b"\x89PNG\r\n\x1a\n"


def png(width: int, height: int, pixels: bytes) -> bytes:
    """A grey PNG whose header says `width`×`height`, whatever `pixels`, zlib-compressed, holds."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return PNG_HEADER + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


Tag = int | float | bytes


def tiff_with_tile_of(width: Tag, length: Tag) -> bytes:
    """A 16×16 TIFF in strips, with tags that only tiles have."""
    tags: list[tuple[int, Tag]] = [
        (256, 16),  # width
        (257, 16),  # length
        (258, 8),  # bits
        (259, 1),  # not compressed
        (262, 1),  # black is zero
        (273, 8),  # strip offset
        (278, 16),  # rows of a strip
        (279, 256),  # bytes of a strip
        (322, width),
        (323, length),
    ]
    start = 8 + 256 + 2 + 12 * len(tags) + 4
    directory, behind = struct.pack("<H", len(tags)), b""
    for tag, value in tags:
        if isinstance(value, int):
            directory += struct.pack("<HHIi", tag, 9 if value < 0 else 4, 1, value)
        else:
            content = struct.pack("<d", value) if isinstance(value, float) else value
            kind, count = (12, 1) if isinstance(value, float) else (2, len(value))
            directory += struct.pack("<HHII", tag, kind, count, start + len(behind))
            behind += content
    return struct.pack("<2sHI", b"II", 42, 8 + 256) + bytes(256) + directory + bytes(4) + behind


TILES: dict[str, tuple[Tag, Tag]] = {
    "text, a million times": (b"9" * 100_000, 10_000),
    "less than nothing": (-(2**31), 100),
    "no number": (float("nan"), 100),
    "one side only": (16, b"16\0"),
}
"""Sizes of tiles that are none."""


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
