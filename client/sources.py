"""Where images come from: files, folders, tar archives, lists of them, standard input; one at a time, in order."""

import mimetypes
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

MOST_BYTES = 64 * 2**20
"""Of one image; no service takes that much, and it has to fit into memory."""


@dataclass(frozen=True)
class Source:
    """One image that is still to be read."""

    name: str
    load: Callable[[], bytes]
    """Its bytes; to be called before the next source is asked for, or not at all. Raises `OSError`."""


def named(arguments: Iterable[str]) -> Iterator[Source]:
    """The images that `arguments` name: "-" is standard input, a folder is all images in it. Raises `OSError`."""
    for argument in arguments:
        path = Path(argument)
        if argument == "-":
            yield Source(argument, lambda: _bounded(sys.stdin.buffer.read(MOST_BYTES + 1)))
        elif path.is_dir():
            yield from (_file(str(one)) for one in images_in(path))
        elif path.is_file() and tarfile.is_tarfile(path):
            yield from _archive(path)
        else:
            yield _file(argument)


def images_in(folder: Path) -> list[Path]:
    """The images in `folder` and the folders in it, by name; hidden ones are left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and (mimetypes.guess_type(path.name)[0] or "").startswith("image/")
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def listed(file: str) -> list[str]:
    """The names in a list, one a line; "-" is standard input. Raises `OSError`."""
    lines = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    return [line for line in lines.splitlines() if line.strip()]


def count(arguments: Iterable[str]) -> int | None:
    """How many images there are; None where only reading an archive would tell."""
    total = 0
    for argument in arguments:
        path = Path(argument)
        if path.is_file() and tarfile.is_tarfile(path):
            return None
        total += len(images_in(path)) if path.is_dir() else 1
    return total


def _file(name: str) -> Source:
    def load() -> bytes:
        with Path(name).open("rb") as file:
            return _bounded(file.read(MOST_BYTES + 1))

    return Source(name, load)


def _archive(path: Path) -> Iterator[Source]:
    """Its files, in their order, as a stream: it may be larger than memory and disk."""
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                if member.isfile():
                    yield Source(f"{path}:{member.name}", partial(_member, archive, member))
            if archive.fileobj is None or not archive.fileobj.read(
                1
            ):  # an empty block, and another one, end a whole one
                raise OSError(f"{path} is cut off: there may have been more images in it")
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise OSError(f"{path} is broken: {error}") from error


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    try:
        file = archive.extractfile(member)
        return _bounded(file.read(MOST_BYTES + 1)) if file else b""
    except tarfile.TarError as error:
        raise OSError(f"cannot be read from the archive: {error}") from error


def _bounded(content: bytes) -> bytes:
    if len(content) > MOST_BYTES:
        raise OSError(f"has more than {MOST_BYTES >> 20} MB: too much for an image")
    return content
