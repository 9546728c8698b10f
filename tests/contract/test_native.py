"""native.c gives the pictures that Python gives, to the last bit, and the pixels that Pillow reads."""

import ctypes
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from contract import native
from contract.arrays import Grey
from contract.normalisation import (
    BlankImageError,
    normalise,
    normalised_by_python,
    placed,
    placed_by_python,
    writing,
    writing_by_python,
)
from tests import bombs
from tests.servers import REPO
from trainer.mnist import Mnist

SHAPES = ("small", "MNIST's", "as large as it is to be", "large", "a strip")


pytestmark = pytest.mark.usefixtures("library")


def drawing(kind: str, rng: np.random.Generator) -> Grey:
    """Random lines on black paper: thick or thin, dark or pale, sharp, soft or with dust."""
    width, height = {
        "small": rng.integers(1, 60, 2),
        "MNIST's": np.array((28, 28)),
        "as large as it is to be": rng.permutation(np.array((20, rng.integers(5, 21)))),
        "large": rng.integers(60, 900, 2),
        "a strip": rng.permutation([rng.integers(1, 5), rng.integers(1, 700)]),
    }[kind].tolist()
    picture = Image.new("L", (width, height))
    pen = ImageDraw.Draw(picture)
    for _ in range(rng.integers(1, 5)):
        points = (rng.random((rng.integers(2, 6), 2)) * (width, height)).tolist()
        thickness = int(rng.integers(1, 2 + min(width, height) // 6))
        pen.line([tuple(point) for point in points], int(rng.integers(1, 256)), thickness)
    if rng.random() < 0.3:
        picture = picture.filter(ImageFilter.GaussianBlur(4 * rng.random()))
    ink = np.asarray(picture)
    if rng.random() < 0.3:
        ink = np.where(rng.random(ink.shape) < 0.02, rng.integers(0, 256), ink).astype(np.uint8)
    return ink


def outcome(make: object, image: Grey) -> bytes | None:
    """The picture; None where there is nothing to see."""
    assert callable(make)
    try:
        picture: Grey = make(image)
    except BlankImageError:
        return None
    return picture.tobytes()


@pytest.mark.parametrize("kind", SHAPES)
def test_ink_is_placed_as_by_python(library: ctypes.CDLL, kind: str) -> None:
    rng = np.random.default_rng(SHAPES.index(kind))
    drawings = [ink for ink in (drawing(kind, rng) for _ in range(400)) if ink.any()]
    here = 0
    for ink in drawings:
        assert outcome(placed, ink) == outcome(placed_by_python, ink), ink.shape
        picture = np.empty((28, 28), np.uint8)
        here += library.digits_place(ink.ctypes.data, *ink.shape, picture.ctypes.data) == native.DONE
    assert here > 200


@pytest.mark.parametrize("kind", SHAPES)
def test_dust_is_told_as_by_python(kind: str) -> None:
    rng = np.random.default_rng(SHAPES.index(kind))
    left_out = 0
    for _ in range(300):
        ink = drawing(kind, rng)
        grains = rng.random(ink.shape) < rng.choice([0, 0.001, 0.01, 0.3])
        ink = np.where(grains, rng.integers(0, 256, ink.shape), ink).astype(np.uint8)
        if ink.any():
            rows, columns = writing(ink)
            assert (rows, columns) == writing_by_python(ink), ink.shape
            mask = ink > ink.max() // 4
            left_out += bool(np.count_nonzero(mask[rows, columns]) < np.count_nonzero(mask))
    assert left_out > 20 or kind != "large"


@pytest.mark.parametrize("paper", [0, 3, 130, 252, 255])
def test_paper_and_ink_are_parted_as_by_python(paper: int) -> None:
    rng = np.random.default_rng(paper)
    for _ in range(100):
        ink = np.pad(drawing("large" if rng.random() < 0.3 else "small", rng), rng.integers(0, 9)).astype(int)
        image = (paper + ink * rng.choice([-1, 1]) // rng.integers(1, 40)).clip(0, 255).astype(np.uint8)
        assert outcome(normalise, image) == outcome(normalised_by_python, image), image.shape


def test_mnist_is_normalised_as_by_python(library: ctypes.CDLL, mnist: Mnist) -> None:
    picture, here = np.empty((28, 28), np.uint8), 0
    for image in mnist.train_images[:300]:
        here += library.digits_normalise(image.ctypes.data, 28, 28, picture.ctypes.data) == native.DONE
        assert outcome(normalise, image) == outcome(normalised_by_python, image)
    assert here > 200


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", range(5))
def test_filtered_rows_become_what_pillow_reads(library: ctypes.CDLL, kind: int, channels: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(kind)
    height, width = 13, 17
    rows = np.insert(rng.integers(0, 256, (height, width * channels), dtype=np.uint8), 0, kind, axis=1)
    file = tmp_path / "filtered.png"
    file.write_bytes(png(width, height, channels, rows.tobytes()))
    with Image.open(file) as image:
        wanted = np.asarray(image).reshape(height, width, channels)
    found = np.empty((height, width, channels), np.uint8)
    arguments = rows.ctypes.data, height, width * channels, channels, found.ctypes.data
    assert library.digits_unfilter(*arguments) == native.DONE
    assert np.array_equal(found, wanted)


def test_an_unknown_filter_is_left_to_others(library: ctypes.CDLL) -> None:
    rows, pixels = bytearray(b"\5\0\0\0\0"), bytearray(4)
    assert library.digits_unfilter(native.address(rows), 1, 4, 1, native.address(pixels)) == native.NOT_HERE


def png(width: int, height: int, channels: int, rows: bytes) -> bytes:
    """A file whose `rows` stand behind their filters already."""
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    return bombs.png(width, height, zlib.compress(rows), colour=colour)


@pytest.mark.parametrize("shape", [(1, 1), (50, 60), (600, 700)])
def test_no_ink_is_blank(shape: tuple[int, int]) -> None:
    for make in (placed, placed_by_python):
        assert outcome(make, np.zeros(shape, np.uint8)) is None


def test_no_image_makes_it_reach_beyond_its_memory(tmp_path: Path) -> None:
    compiler = REPO / ".venv/native/bin/python"
    if not compiler.exists():
        pytest.skip("there is no compiler: run 'make native'")
    checks = ["-O1", "-ffp-contract=off", "-fsanitize=undefined", "-fsanitize-trap=undefined"]
    source, program = Path(__file__).with_name("guarded.c"), tmp_path / "guarded"
    subprocess.run([compiler, "-m", "ziglang", "cc", *checks, "-o", program, source, "-lm"], check=True)
    done = subprocess.run([program, "10000"], capture_output=True, text=True, check=True)
    assert min(int(count) for count in done.stdout.split()) > 0


def copy_of_contract(folder: Path) -> Path:
    """The programs alone, as a checkout has them, and the library's path there."""
    shutil.copytree(native.SOURCE.parent, folder / "contract", ignore=shutil.ignore_patterns("native-*", "__pycache__"))
    return folder / "contract" / native.library().name


def test_a_compiler_that_fails_leaves_nothing_behind_and_says_so(tmp_path: Path) -> None:
    library = copy_of_contract(tmp_path)
    failed = run("-m", "contract.native", folder=tmp_path, CC="false")
    assert failed.returncode == 1
    assert failed.stderr.startswith("native.c was not compiled: ")
    assert not list(library.parent.glob("native-*"))


def test_a_library_that_cannot_be_loaded_is_done_without(tmp_path: Path) -> None:
    copy_of_contract(tmp_path).write_bytes(b"")
    program = "import numpy as np, contract.normalisation as n; print(n.normalise(np.eye(30, dtype='u1') * 255).any())"
    found = run("-c", program, folder=tmp_path)
    assert found.stdout == "True\n"
    assert "cannot be loaded" in found.stderr


def run(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, env=os.environ | environment, cwd=folder, capture_output=True, text=True, check=False
    )
