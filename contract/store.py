"""The store of model versions, where each is published once and never changes.

    digits/1/…            the versions, counting up from 1
    digits/default.json   {"version": 1} pins; absent, the highest version is the default

A store is named by a URL: a folder, or `s3://bucket/prefix`. A reader sees a whole version or none, and two publishers
at once get two numbers.
"""

import hashlib
import re
import tempfile
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from contract.artifact import (
    KERAS,
    LINE_KERAS,
    LINE_TFLITE,
    MANIFEST,
    SECOND_KERAS,
    SECOND_TFLITE,
    TFLITE,
    ArtifactError,
    Draft,
    File,
    Manifest,
    NotNowError,
)

SCHEME = re.compile("[A-Za-z][A-Za-z0-9+.-]+:/")
"""Of a URL; a drive of Windows has one letter."""

NAME = "digits"
PIN = "default.json"
ABANDONED = 3600
"""Seconds after which what a publisher left unfinished is taken for dead; publishing takes some seconds."""


class Pin(BaseModel):
    version: int = Field(ge=1)


class Store(ABC):
    """The versions of one model. Whatever reaches the store may raise `OSError`."""

    place: str
    """Where it is, for messages."""

    @abstractmethod
    def versions(self) -> list[int]:
        """The numbers of the published versions, lowest first, whether or not they pass their checks."""

    def manifest(self, version: int) -> Manifest:
        """What version `version` says of itself. Raises `ArtifactError`; where it cannot be read now, `NotNowError`."""
        try:
            text = self._get(f"{version}/{MANIFEST}")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ArtifactError(self._lacking(version)) from error
        except OSError as error:
            raise NotNowError(f"{MANIFEST} of version {version}: {reason(error)}") from error
        try:
            manifest = Manifest.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ArtifactError(f"{MANIFEST} of version {version}: {where}: {first['msg']}") from error
        if (manifest.name, manifest.version) != (NAME, version):
            raise ArtifactError(f"{MANIFEST} of version {version} is of {manifest.name} {manifest.version}")
        line = (LINE_TFLITE, LINE_KERAS) if manifest.line else ()
        second = (SECOND_TFLITE, SECOND_KERAS) if manifest.second else ()
        for name in (TFLITE, KERAS, *line, *second):
            if name not in manifest.files:
                raise ArtifactError(f"{MANIFEST} of version {version} names no {name}")
        return manifest

    def _lacking(self, version: int) -> str:
        """What to say where it has no manifest. Raises `NotNowError`."""
        try:
            there = self.versions()
        except OSError as error:
            raise NotNowError(f"{self.place}: {reason(error)}") from error
        if version in there:
            return f"version {version} has no {MANIFEST}"
        numbers = ", ".join(map(str, there)) or "none at all"
        return f"there is no version {version} in {self.place}; there are: {numbers}"

    def read(self, manifest: Manifest, name: str) -> bytes:
        """The bytes of one file that `manifest` names, checked.

        Raises `ArtifactError`; where it cannot be read now, `NotNowError`; `KeyError` for another name.
        """
        expected = manifest.files[name]
        try:
            content = self._get(f"{manifest.version}/{name}")
        except FileNotFoundError as error:
            raise ArtifactError(f"version {manifest.version} has no {name}, which its manifest names") from error
        except OSError as error:
            raise NotNowError(f"{name} of version {manifest.version}: {reason(error)}") from error
        if len(content) != expected.size:
            raise ArtifactError(
                f"{name} of version {manifest.version} has {len(content)} bytes, its manifest says {expected.size}"
            )
        if fingerprint(content) != expected:
            raise ArtifactError(f"{name} of version {manifest.version} does not have the SHA-256 of its manifest")
        return content

    def verify(self, version: int) -> Manifest:
        """The manifest of version `version`, every file read and checked against it. Raises `ArtifactError`."""
        manifest = self.manifest(version)
        self.verify_files(manifest)
        return manifest

    def verify_files(self, manifest: Manifest) -> None:
        """Read and check every file that `manifest` names. Raises `ArtifactError`."""
        for name in manifest.files:
            self.read(manifest, name)

    def copy_files(self, manifest: Manifest, folder: Path) -> None:
        """Write every file that `manifest` names into `folder`. Raises `ArtifactError`, `OSError`."""
        for name in manifest.files:
            (folder / name).write_bytes(self.read(manifest, name))

    def checked(self) -> dict[int, Manifest | ArtifactError]:
        """Of each version, lowest first, its manifest if a service would take it, else what is wrong with it."""
        found: dict[int, Manifest | ArtifactError] = {}
        for version in self.versions():
            try:
                found[version] = manifest = self.verify(version)
                manifest.require_servable()
            except ArtifactError as error:
                found[version] = error
        return found

    @abstractmethod
    def require_writable(self) -> None:
        """Raises `OSError` where nothing can be published; better known before a training than after it."""

    @abstractmethod
    def publish(self, source: Path, draft: Draft) -> Manifest:
        """Copy the files in `source` into the store as the next version. Where it raises `OSError`, nothing is."""

    def pinned(self) -> int | None:
        """The version that `pin` chose, if any. Raises `ArtifactError` where the pin cannot be understood."""
        try:
            return Pin.model_validate_json(self._get(PIN)).version
        except FileNotFoundError:
            return None
        except OSError as error:
            raise NotNowError(f"{PIN}: {reason(error)}") from error
        except ValidationError as error:
            raise ArtifactError(f'{PIN} cannot be read; it should be like {{"version": 1}}') from error

    def pin(self, version: int) -> None:
        """Make `version` the default until it is unpinned. Raises `ArtifactError` where it fails its checks."""
        self.verify(version).require_servable()
        self._put_pin(Pin(version=version).model_dump_json() + "\n")

    @abstractmethod
    def unpin(self) -> None:
        """Let the highest version be the default again."""

    def prune(self, keep: int) -> list[int]:
        """Remove the versions older than the `keep` newest that are whole, and what dead publishers left.

        As many as that stay of those that a service of today takes, too: others may be of a program that is newer, or
        be needed to go back to an older one. The pinned one and the most accurate of either kind stay, the oldest
        of equals: it may be the bundled one. Returns the versions removed. Raises `NotNowError`, and removes nothing,
        where one cannot be read now: it may be the most accurate.
        """
        whole, taken = {}, []
        for version in self.versions():
            try:
                whole[version] = manifest = self.verify(version)
                manifest.require_servable()
                taken.append(version)
            except NotNowError:
                raise
            except ArtifactError:
                continue
        newest = list(whole)[-keep:]
        best = [max(some, key=lambda version: whole[version].metrics.int8.accuracy) for some in (whole, taken) if some]
        spared = {*newest, *taken[-keep:], *best, self.pinned()}
        removed = []
        for version in self.versions():
            if version < min(newest, default=0) and version not in spared and not self._may_be_pinned(version):
                self._remove(version)
                removed.append(version)
        self._remove_abandoned()
        return removed

    def _may_be_pinned(self, version: int) -> bool:
        """By now."""
        try:
            return self.pinned() == version
        except ArtifactError:
            return True

    @abstractmethod
    def _get(self, name: str) -> bytes:
        """The content of the file `name`, like 1/manifest.json. Raises `OSError`."""

    @abstractmethod
    def _put_pin(self, text: str) -> None:
        """Replace the pin at one blow."""

    @abstractmethod
    def _remove(self, version: int) -> None:
        """Take `version` away so that no reader ever sees a part of it."""

    @abstractmethod
    def _remove_abandoned(self) -> None:
        """Take away what publishers that died left unfinished."""


def open_store(url: str | Path) -> Store:
    """The store at `url`: a folder, or `s3://bucket/prefix`. Nothing is reached or created yet.

    Raises `ArtifactError` where there can be none.
    """
    if str(url).startswith("s3://"):
        try:
            from contract.s3 import S3Store
        except ImportError as error:
            raise ArtifactError(f"{url} needs the package obstore: pip install obstore") from error

        return S3Store(str(url))
    if SCHEME.match(str(url)):
        raise ArtifactError(f"{url} is no store: name a folder, or s3://bucket/prefix")
    from contract.folder import FolderStore

    if str(url) != "~" and not str(url).startswith("~/"):
        return FolderStore(url)
    try:
        return FolderStore(Path(url).expanduser())
    except RuntimeError as error:
        raise ArtifactError(f"{url} is no store: {error}") from error


def copied(version: int, store: Store, other: Store) -> Manifest:
    """Publish a version of `store` in the `other` one, as its next. Raises `ArtifactError`, `OSError`."""
    manifest = store.manifest(version)
    other.require_writable()
    with tempfile.TemporaryDirectory() as folder:
        store.copy_files(manifest, Path(folder))
        return other.publish(Path(folder), manifest.draft())


def completed(draft: Draft, version: int, files: dict[str, File]) -> Manifest:
    """The manifest of `draft`, published now as `version`."""
    published = {
        "name": NAME,
        "version": version,
        "created_at": datetime.now(UTC).replace(microsecond=0),
        "files": files,
    }
    return Manifest.model_validate(dict(draft) | published)


def manifest_text(manifest: Manifest) -> str:
    return manifest.model_dump_json(indent=2) + "\n"


def fingerprint(content: bytes) -> File:
    return File(sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def reason(error: OSError) -> str:
    """What went wrong, without the path: the messages name it themselves."""
    return error.strerror or str(error)
