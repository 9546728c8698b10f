"""Where images come from: files, folders, tar archives, lists of them, standard input; one at a time, in order."""

import bz2
import gzip
import lzma
import os
import stat
import sys
import tarfile
import zlib
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from errno import EIO, ELOOP, ENOENT
from functools import partial
from pathlib import Path, PurePath
from typing import BinaryIO, Self, cast

SUFFIXES = {
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
    *(".pbm", ".pgm", ".ppm", ".pnm"),
}
"""Of files that are taken for images in folders and archives."""

COMPRESSIONS: dict[bytes, Callable[[Path], object]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
    b"\x5d\x00\x00": lzma.open,
}
"""First bytes of compressed archives, and what opens them; unlike tarfile's, these read on where a stream ends."""

BROKEN = (tarfile.TarError, EOFError, ValueError, zlib.error, lzma.LZMAError)
"""What is raised by archives that are damaged; bz2 raises an `OSError`."""

MOST_BYTES = 16 * 2**20
"""Of one image; services take 10 MiB unless told otherwise, and it has to fit into memory."""


@dataclass(frozen=True)
class Source:
    """One image that is still to be read."""

    name: str
    load: Callable[[], bytes]
    """Its bytes; to be called before the next source is asked for, or not at all. Raises `OSError`."""


class _Archive(tarfile.TarFile):
    """One whose damage is told: tarfile takes a damaged header, but for the first, for the archive's end."""

    class tarinfo(tarfile.TarInfo):  # noqa: N801  # tarfile names it so
        @classmethod
        def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
            try:
                return super().fromtarfile(archive)
            except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # typeshed does not know it
                raise
            except tarfile.EmptyHeaderError as error:  # type: ignore[attr-defined]  # typeshed does not know it
                raise tarfile.ReadError("it has no end mark") from error
            except tarfile.HeaderError as error:
                raise tarfile.ReadError(f"what is at byte {archive.offset} cannot be understood") from error


class _Ending:
    """A file whose end is told: tarfile reads on behind it, for as long as a damaged header says."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._ended = 0

    def read(self, size: int) -> bytes:
        """Raises `EOFError` where it has told of its end twice."""
        content = self._file.read(size)
        self._ended = 0 if content else self._ended + 1
        if self._ended > 2:
            raise EOFError("it ends within an image")
        return content


def named(arguments: Iterable[str]) -> Iterator[Source]:
    """The images that `arguments` name: "-" is standard input, a folder is all images in it."""
    for argument in arguments:
        if argument == "-":
            yield Source(argument, lambda: _bounded(sys.stdin.buffer.read(MOST_BYTES + 1)))
        elif _is_folder(argument):
            yield from images_in(Path(argument)) or [_without_images(argument)]
        elif _is_archive(argument):
            yield from _archive(Path(argument))
        else:
            yield _file(argument)


def images_in(folder: Path) -> list[Source]:
    """The images in `folder` and the folders in it, by name; then folders not entered. Hidden ones are left out."""
    found: list[Path] = []
    closed: list[OSError] = []
    for place, folders, names in os.walk(folder, onerror=closed.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        links = filter(os.path.islink, (str(Path(place, name)) for name in folders))
        closed += (
            OSError(ELOOP, "is a link to a folder, which is not followed: name it itself", link) for link in links
        )
        found += (Path(place, name) for name in names if _is_image(PurePath(name)))
    return [*(_file(str(path)) for path in sorted(found) if _may_be_read(path)), *map(_fault, closed)]


def listed(file: str) -> list[str]:
    """The names in a list, one a line; "-" is standard input. Raises `OSError`."""
    content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):  # as PowerShell writes it
        content = content.decode("utf-16", errors="replace").encode()
    lines = content.removeprefix(BOM_UTF8).decode(errors="surrogateescape").split("\n")
    return [line.removesuffix("\r") for line in lines if line.strip()]


def count(arguments: Iterable[str]) -> int | None:
    """How many images there are; None where only reading an archive would tell."""
    total = 0
    for argument in arguments:
        if _is_archive(argument):
            return None
        total += max(1, len(images_in(Path(argument)))) if _is_folder(argument) else 1
    return total


def _is_image(path: PurePath) -> bool:
    return path.suffix.lower() in SUFFIXES and not any(part.startswith(".") and part != ".." for part in path.parts)


def _may_be_read(path: Path) -> bool:
    """False for pipes and the like. What cannot be looked at counts as a file: opening it will say why."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True


def _is_folder(name: str) -> bool:
    try:
        return name != "" and Path(name).is_dir()
    except (OSError, ValueError):
        return False


def _is_archive(name: str) -> bool:
    try:
        path = Path(name)
        return path.suffix.lower() not in SUFFIXES and path.is_file() and tarfile.is_tarfile(path)
    except (OSError, ValueError, EOFError, zlib.error):
        return False  # reading it will say what is wrong


def _file(name: str) -> Source:
    def load() -> bytes:
        try:
            with Path(name).open("rb") as file:
                return _bounded(file.read(MOST_BYTES + 1))
        except ValueError as error:
            raise OSError(f"is no name of a file: {error}") from error

    return Source(name, load)


def _fault(error: OSError) -> Source:
    def load() -> bytes:
        raise error

    return Source(str(error.filename), load)


def _without_images(name: str) -> Source:
    return _fault(OSError(ENOENT, "holds no image", name))


def _archive(path: Path) -> Iterator[Source]:
    """The images in it, in its order, as a stream: it may be larger than memory and disk."""
    found = False
    try:
        with _unpacked(path) as file, _Archive.open(fileobj=cast("BinaryIO", _Ending(file)), mode="r|") as archive:
            for member in archive:
                if not member.isdir() and _is_image(PurePath(member.name)):
                    found = True
                    yield Source(f"{path}:{member.name}", partial(_member, archive, member))
    except (*BROKEN, OSError) as error:
        yield _fault(OSError(EIO, f"is damaged, there may be more images in it: {error}", str(path)))
        return
    if not found:
        yield _without_images(str(path))


def _unpacked(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        start = file.read(max(map(len, COMPRESSIONS)))
    opened = next(
        (opened for magic, opened in COMPRESSIONS.items() if start.startswith(magic)), partial(open, mode="rb")
    )
    return cast("BinaryIO", opened(path))


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if not member.isfile():
        raise OSError("is a link or the like, which a stream cannot follow")
    try:
        file = archive.extractfile(member)
        content = file.read(MOST_BYTES + 1) if file else b""
    except (*BROKEN, OSError) as error:
        raise OSError(f"cannot be read from the archive: {error}") from error
    return _bounded(content)


def _bounded(content: bytes) -> bytes:
    if len(content) > MOST_BYTES:
        raise OSError(f"has more than {MOST_BYTES >> 20} MiB: too much for an image")
    return content
