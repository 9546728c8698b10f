"""A store in a folder.

A version is written beside its place under a name that starts with a dot, flushed to disk, checked, and renamed into
place; it leaves in the same way.
"""

import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from contract.artifact import MANIFEST, Draft, Manifest
from contract.store import ABANDONED, NAME, PIN, Store, completed, fingerprint, manifest_text

WORKSPACE = ".workspace-"


class FolderStore(Store):
    """The versions under `root`/digits. Nothing is created before something is published."""

    def __init__(self, root: Path | str) -> None:
        self.folder = Path(root) / NAME
        self.place = str(self.folder)
        self._was_there = False

    def versions(self) -> list[int]:
        try:
            entries = [entry for entry in os.scandir(self.folder) if entry.is_dir()]
        except FileNotFoundError:
            if self._was_there:  # it is away, like a volume that is not mounted any more
                raise
            return []
        self._was_there = True
        names = [entry.name for entry in entries]
        return sorted(int(name) for name in names if name.isascii() and name.isdigit() and name[0] != "0")

    def require_writable(self) -> None:
        self._make()
        with self._workspace():
            pass

    def publish(self, source: Path, draft: Draft) -> Manifest:
        self._make()
        with self._workspace() as staging:
            for file in sorted(source.iterdir()):
                _copy(file, staging / file.name)
            files = {file.name: fingerprint(file.read_bytes()) for file in sorted(source.iterdir())}
            if files != {file.name: fingerprint(file.read_bytes()) for file in sorted(staging.iterdir())}:
                raise OSError(f"what was written to {staging} cannot be read back unchanged")
            while True:
                manifest = completed(draft, max(self.versions(), default=0) + 1, files)
                _write(staging / MANIFEST, manifest_text(manifest))
                _flush(staging)
                target = self.folder / str(manifest.version)
                try:
                    staging.rename(target)
                except OSError:
                    if not target.is_dir():
                        raise
                    continue  # another publisher was first: the next number, then
                with suppress(OSError):  # it is published: readers see it
                    _flush(self.folder)
                return manifest

    def unpin(self) -> None:
        (self.folder / PIN).unlink(missing_ok=True)

    def _make(self) -> None:
        if not self._was_there:
            self.folder.mkdir(parents=True, exist_ok=True)

    def _get(self, name: str) -> bytes:
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError as error:
            if self._was_there and not self.folder.is_dir():
                raise OSError(f"{self.folder} is away") from error
            raise

    def _put_pin(self, text: str) -> None:
        with self._workspace() as staging:
            _write(staging / PIN, text)
            (staging / PIN).replace(self.folder / PIN)
            _flush(self.folder)

    def _remove(self, version: int) -> None:
        self._discard(self.folder / str(version))

    def _remove_abandoned(self) -> None:
        for leftover in list(self.folder.glob(f"{WORKSPACE}*")):
            # Moved first: what a publisher has just renamed is no leftover, whatever the clock says.
            with suppress(FileNotFoundError):
                if time.time() - leftover.stat().st_mtime > ABANDONED:
                    self._discard(leftover)

    def _discard(self, folder: Path) -> None:
        """Take it away at one blow, then its files; on a full disk, too, where nothing new can be made."""
        gone = self.folder / f"{WORKSPACE}{uuid.uuid4()}"
        folder.rename(gone)
        if gone.is_symlink() or gone.is_file():
            gone.unlink()
        shutil.rmtree(gone, ignore_errors=True)

    @contextmanager
    def _workspace(self) -> Iterator[Path]:
        """A folder beside the versions that no reader takes for one; what is left in it goes at the end."""
        folder = Path(tempfile.mkdtemp(prefix=WORKSPACE, dir=self.folder))
        folder.chmod(0o755)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    _flush(target)


def _write(target: Path, text: str) -> None:
    target.write_text(text, encoding="utf-8")
    _flush(target)


def _flush(path: Path) -> None:
    """Have the disk hold the content of a file, or the entries of a folder, before going on."""
    if os.name == "nt" and path.is_dir():  # Windows opens no folder
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)  # Windows flushes what may be written to
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
