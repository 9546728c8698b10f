"""The store of model versions: a folder, where each version is published once and never changes.

    models/digits/1/…            the versions, counting up from 1
    models/digits/default.json   {"version": 1} pins; absent, the highest version is the default

A version is written beside its place under a name that starts with a dot, flushed to disk, checked, and renamed into
place. A reader sees all of it or nothing.
"""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from contract.artifact import KERAS, MANIFEST, TFLITE, ArtifactError, Draft, File, Manifest

NAME = "digits"
PIN = "default.json"
WORKSPACE = ".workspace-"
ABANDONED = 3600
"""Seconds after which a workspace belongs to a publisher that died; publishing takes less than one."""


class Pin(BaseModel):
    version: int = Field(ge=1)


class Store:
    """The versions of one model under `root`/digits. Nothing is created before something is published."""

    def __init__(self, root: Path | str) -> None:
        self.folder = Path(root) / NAME

    def versions(self) -> list[int]:
        """The numbers of the published versions, lowest first, whether or not they pass their checks."""
        try:
            names = [entry.name for entry in self.folder.iterdir()]
        except FileNotFoundError:
            return []
        return sorted(int(name) for name in names if name.isascii() and name.isdigit() and name[0] != "0")

    def manifest(self, version: int) -> Manifest:
        """What version `version` says of itself. Raises `ArtifactError`."""
        if not self._place(version).is_dir():
            there = ", ".join(map(str, self.versions())) or "none at all"
            raise ArtifactError(f"there is no version {version} in {self.folder}; there are: {there}")
        try:
            text = (self._place(version) / MANIFEST).read_bytes()
        except OSError as error:
            raise ArtifactError(f"version {version} has no readable {MANIFEST}: {error.strerror}") from error
        try:
            manifest = Manifest.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ArtifactError(f"{MANIFEST} of version {version}: {where}: {first['msg']}") from error
        if (manifest.name, manifest.version) != (NAME, version):
            raise ArtifactError(f"{MANIFEST} of version {version} is of {manifest.name} {manifest.version}")
        for name in (TFLITE, KERAS):
            if name not in manifest.files:
                raise ArtifactError(f"{MANIFEST} of version {version} names no {name}")
        return manifest

    def read(self, manifest: Manifest, name: str) -> bytes:
        """The bytes of one file that `manifest` names, checked. Raises `ArtifactError`, `KeyError` for another name."""
        expected = manifest.files[name]
        try:
            content = (self._place(manifest.version) / name).read_bytes()
        except OSError as error:
            raise ArtifactError(f"{name} of version {manifest.version}: {error.strerror}") from error
        if len(content) != expected.size:
            raise ArtifactError(
                f"{name} of version {manifest.version} has {len(content)} bytes, its manifest says {expected.size}"
            )
        if hashlib.sha256(content).hexdigest() != expected.sha256:
            raise ArtifactError(f"{name} of version {manifest.version} does not have the SHA-256 of its manifest")
        return content

    def verify(self, version: int) -> Manifest:
        """The manifest of version `version`, every file read and checked against it. Raises `ArtifactError`."""
        manifest = self.manifest(version)
        for name in manifest.files:
            self.read(manifest, name)
        return manifest

    def checked(self) -> dict[int, Manifest | ArtifactError]:
        """Of each version, lowest first, its manifest if it passes its checks, else what is wrong with it."""
        found: dict[int, Manifest | ArtifactError] = {}
        for version in self.versions():
            try:
                found[version] = self.verify(version)
            except ArtifactError as error:
                found[version] = error
        return found

    def require_writable(self) -> None:
        """Raises `OSError` where nothing can be published; better known before a training than after it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._workspace():
            pass

    def publish(self, source: Path, draft: Draft) -> Manifest:
        """Copy the files in `source` into the store as the next version. Where it raises `OSError`, nothing is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._workspace() as staging:
            for file in sorted(source.iterdir()):
                _copy(file, staging / file.name)
            files = {file.name: _fingerprint(file) for file in sorted(source.iterdir())}
            if files != {file.name: _fingerprint(file) for file in sorted(staging.iterdir())}:
                raise OSError(f"what was written to {staging} cannot be read back unchanged")
            while True:
                published = {
                    "name": NAME,
                    "version": max(self.versions(), default=0) + 1,
                    "created_at": datetime.now(UTC).replace(microsecond=0),
                    "files": files,
                }
                manifest = Manifest.model_validate(dict(draft) | published)
                _write(staging / MANIFEST, manifest.model_dump_json(indent=2) + "\n")
                _flush(staging)
                try:
                    staging.rename(self._place(manifest.version))
                except OSError:
                    if not self._place(manifest.version).exists():
                        raise
                    continue  # another publisher was first: the next number, then
                _flush(self.folder)
                return manifest

    def pinned(self) -> int | None:
        """The version that `pin` chose, if any. Raises `ArtifactError` where the pin cannot be understood."""
        try:
            return Pin.model_validate_json((self.folder / PIN).read_bytes()).version
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise ArtifactError(f'{PIN} cannot be read; it should be like {{"version": 1}}') from error

    def pin(self, version: int) -> None:
        """Make `version` the default until it is unpinned. Raises `ArtifactError` where it fails its checks."""
        self.verify(version)
        with self._workspace() as staging:
            _write(staging / PIN, Pin(version=version).model_dump_json() + "\n")
            (staging / PIN).replace(self.folder / PIN)
            _flush(self.folder)

    def unpin(self) -> None:
        """Let the highest version be the default again."""
        (self.folder / PIN).unlink(missing_ok=True)

    def prune(self, keep: int) -> list[int]:
        """Remove the versions older than the `keep` newest that pass their checks, and what dead publishers left.

        The pinned one and the most accurate stay. Returns the versions removed. A version leaves whole: it is renamed
        out of sight before its files go.
        """
        for leftover in self.folder.glob(f"{WORKSPACE}*"):
            if time.time() - leftover.stat().st_mtime > ABANDONED:
                shutil.rmtree(leftover)
        whole = {version: found for version, found in self.checked().items() if isinstance(found, Manifest)}
        spared = {self.pinned(), max(whole, key=lambda version: whole[version].metrics.int8.accuracy, default=None)}
        oldest = min(list(whole)[-keep:], default=0)
        removed = [version for version in self.versions() if version < oldest and version not in spared]
        for version in removed:
            with self._workspace() as bin_:
                self._place(version).rename(bin_ / str(version))
        return removed

    def _place(self, version: int) -> Path:
        return self.folder / str(version)

    @contextmanager
    def _workspace(self) -> Iterator[Path]:
        """A folder beside the versions that no reader takes for one; what is left in it goes at the end."""
        folder = Path(tempfile.mkdtemp(prefix=WORKSPACE, dir=self.folder))
        folder.chmod(0o755)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _fingerprint(file: Path) -> File:
    content = file.read_bytes()
    return File(sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    _flush(target)


def _write(target: Path, text: str) -> None:
    target.write_text(text, encoding="utf-8")
    _flush(target)


def _flush(path: Path) -> None:
    """Have the disk hold the content of a file, or the entries of a folder, before going on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
