"""Plain PNG files are read as Pillow reads them; what is not plain, or damaged, is left to Pillow."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from contract import native
from contract.normalisation import normalise
from service import png
from tests import bombs
from tests.bombs import chunk


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    if native.load() is None:
        pytest.skip("native.c is not compiled here: run 'make native'")


def drawing(mode: str, **options: object) -> bytes:
    rng = np.random.default_rng(len(mode))
    levels = np.cumsum(rng.integers(0, 3, (70, 300, len(mode)), dtype=np.uint8), axis=1, dtype=np.uint8)
    file = io.BytesIO()
    Image.frombytes(mode, (300, 70), levels.tobytes()).save(file, "PNG", **options)
    return file.getvalue()


def read(content: bytes) -> np.ndarray | None:
    shape = png.shape(content)
    return None if shape is None else png.pixels(content, shape)


PLAIN = drawing("L")
DATA = PLAIN.index(b"IDAT") - 4
NOTES = PngImagePlugin.PngInfo()
NOTES.add_text("Author", "somebody")


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("level", [0, 1, 9])
def test_a_plain_file_is_read_as_by_pillow(mode: str, level: int) -> None:
    content = drawing(mode, compress_level=level)
    with Image.open(io.BytesIO(content)) as image:
        assert image.mode == mode
        wanted = np.asarray(image).reshape(70, 300, len(mode))
    found = read(content)
    assert found is not None
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize("paper", ["white", "noisy", "scanned small"])
def test_a_grey_file_is_normalised_as_its_pixels_are(paper: str) -> None:
    """In C where that can, which has no word for noise and small scans."""
    rng = np.random.default_rng(1)
    levels = np.full((20, 16) if paper == "scanned small" else (70, 300), 255, np.uint8)
    levels[4:16, 5:9] = 0
    if paper == "noisy":
        levels -= rng.integers(0, 30, levels.shape, np.uint8) * (levels > 30)
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG")
    shape = png.shape(file.getvalue())
    assert shape == (*levels.shape, 1)
    found = png.normalised(file.getvalue(), shape, normalise)
    assert found is not None
    assert np.array_equal(found, normalise(levels))


def test_data_in_several_chunks_are_read() -> None:
    data = PLAIN[DATA + 8 : -16]
    parts = b"".join(chunk(b"IDAT", part) for part in (data[:1], b"", data[1:200], data[200:]))
    found, wanted = read(PLAIN[:DATA] + parts + PLAIN[-12:]), read(PLAIN)
    assert found is not None
    assert wanted is not None
    assert np.array_equal(found, wanted)


OF_OTHER_KINDS = {
    "a JPEG": b"\xff\xd8\xff",
    "a palette": drawing("P"),
    "16 bits": bombs.png(2, 1, zlib.compress(bytes(5)), bits=16),
    "interlaced": bombs.png(2, 1, zlib.compress(bytes(3)), interlaced=1),
    "a header cut short": PLAIN[:20],
    "no pixels": bombs.png(0, 0, zlib.compress(b"")),
    "very many pixels": bombs.png(2**14, 2**14, zlib.compress(b"")),
}


@pytest.mark.parametrize("content", OF_OTHER_KINDS.values(), ids=OF_OTHER_KINDS)
def test_other_kinds_are_told_by_their_header(content: bytes) -> None:
    assert png.shape(content) is None


DAMAGED_OR_MORE = {
    "notes": drawing("L", pnginfo=NOTES),
    "a resolution": drawing("L", dpi=(300, 300)),
    "data cut short": PLAIN[:-100],
    "no end": PLAIN[:-12],
    "a chunk within the end": PLAIN[:-13] + PLAIN[-12:],
    "a wrong checksum": PLAIN[:-13] + bytes([PLAIN[-13] ^ 1]) + PLAIN[-12:],
    "a wrong header": PLAIN[:19] + b"\x2b" + PLAIN[20:],
    "two headers": PLAIN[:33] + PLAIN[8:],
}


@pytest.mark.parametrize("content", DAMAGED_OR_MORE.values(), ids=DAMAGED_OR_MORE)
def test_what_is_not_plain_is_left_to_pillow(content: bytes) -> None:
    assert read(content) is None


@pytest.mark.parametrize("rows", [b"", bytes(70 * 301 - 1), bytes(70 * 301 + 1), b"\7" + bytes(70 * 301 - 1)])
def test_too_few_or_too_many_rows_and_unknown_filters_are_left_to_pillow(rows: bytes) -> None:
    assert read(bombs.png(300, 70, zlib.compress(rows))) is None


def test_a_file_that_unpacks_to_gigabytes_is_left_alone() -> None:
    packing = zlib.compressobj(9)
    data = b"".join(packing.compress(bytes(2**20)) for _ in range(100)) + packing.flush()
    assert read(bombs.png(300, 70, data)) is None
