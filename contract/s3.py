"""A store in a bucket of S3, or of anything that speaks its protocol.

Publishing rests on conditional writes (`If-None-Match: *`): a publisher claims a number by creating its `.claim`, which
succeeds for one alone, writes the files, reads them back, and writes the manifest last. What has no manifest is no
version. A server that ignores the condition is read from and refused for publishing.

Credentials, region and endpoint come from the environment, as AWS's own programs have them: `AWS_ACCESS_KEY_ID`,
`AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL` for another server than Amazon's.
"""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError

from contract.artifact import MANIFEST, ArtifactError, Draft, Manifest
from contract.store import ABANDONED, NAME, PIN, Store, completed, fingerprint, manifest_text

CLAIM = ".claim"


class S3Store(Store):
    """The versions under digits/ of `s3://bucket/prefix`."""

    def __init__(self, url: str) -> None:
        self.place = f"{url.rstrip('/')}/{NAME}"
        try:
            self._bucket = obstore.store.S3Store.from_url(
                self.place,
                client_options={
                    "allow_http": True,
                    "connect_timeout": timedelta(seconds=3),
                    "timeout": timedelta(minutes=1),
                },
                retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=10)},
            )
        except (BaseError, ValueError) as error:
            why = str(error).partition("\n")[0]
            raise ArtifactError(
                f"{url!r} names no store like s3://bucket/prefix, or the environment is wrong: {why}"
            ) from error

    def versions(self) -> list[int]:
        return sorted(version for version, files in self._entries().items() if MANIFEST in files)

    def require_writable(self) -> None:
        """Raises `OSError`, too where the server does not honour conditional writes."""
        probe = _probe()
        with _as_os_errors(self.place):
            try:
                if not self._create(probe, b""):
                    raise OSError(f"{self.place}: a new object is said to be there already")
                honoured = not self._create(probe, b"")
            except BaseException:
                with suppress(BaseError, OSError):
                    self._bucket.delete(probe)
                raise
            self._bucket.delete(probe)
        if not honoured:
            raise OSError(
                f"{self.place}: the server overwrites an object that is to be created (ignoring If-None-Match: *), so "
                "two publishers at once could mix their versions: publish to a server that honours conditional writes"
            )

    def publish(self, source: Path, draft: Draft) -> Manifest:
        self.require_writable()
        contents = {file.name: file.read_bytes() for file in sorted(source.iterdir())}
        files = {name: fingerprint(content) for name, content in contents.items()}
        with _as_os_errors(self.place):
            manifest = completed(draft, self._claim(), files)
            for name, content in contents.items():
                self._bucket.put(f"{manifest.version}/{name}", content)
                if fingerprint(self._get(f"{manifest.version}/{name}")) != files[name]:
                    raise OSError(f"{self.place}/{manifest.version}/{name} cannot be read back unchanged")
            text = manifest_text(manifest).encode()
            try:
                self._bucket.put(f"{manifest.version}/{MANIFEST}", text)
            except BaseError:  # the answer alone may have been lost
                if not self._has(f"{manifest.version}/{MANIFEST}", text):
                    raise
            if lost := [name for name in (*files, MANIFEST) if self._lacks(f"{manifest.version}/{name}")]:
                self._remove(manifest.version)
                raise OSError(f"{self.place}/{manifest.version} lost {lost[0]} while it was written")
        return manifest

    def unpin(self) -> None:
        with _as_os_errors(self.place):
            self._bucket.delete(PIN)

    def _get(self, name: str) -> bytes:
        with _as_os_errors(f"{self.place}/{name}"):
            return bytes(self._bucket.get(name).bytes())

    def _has(self, name: str, content: bytes) -> bool:
        try:
            return self._get(name) == content
        except OSError:
            return False

    def _lacks(self, name: str) -> bool:
        """Whether it is not there, for sure."""
        try:
            self._bucket.head(name)
        except FileNotFoundError:
            return True
        except BaseError:
            pass  # the server is away: it was there a moment ago
        return False

    def _put_pin(self, text: str) -> None:
        with _as_os_errors(self.place):
            self._bucket.put(PIN, text.encode())

    def _remove(self, version: int) -> None:
        """The manifest goes first: what is left is no version."""
        with _as_os_errors(self.place):
            self._bucket.delete(f"{version}/{MANIFEST}")
            self._bucket.delete([f"{version}/{name}" for name in self._entries().get(version, {})])

    def _remove_abandoned(self) -> None:
        unfinished = {version: files for version, files in self._entries().items() if MANIFEST not in files}
        if not unfinished:
            return
        now = self._now()
        for version, files in unfinished.items():
            if (now - max(files.values())).total_seconds() > ABANDONED:
                self._remove(version)

    def _now(self) -> datetime:
        """By the server's clock, as that is what says when its files were written."""
        probe = _probe()
        with _as_os_errors(self.place):
            self._bucket.put(probe, b"")
            try:
                now: datetime = self._bucket.head(probe)["last_modified"]
            finally:
                self._bucket.delete(probe)
        return now

    def _claim(self) -> int:
        """The next number, now this publisher's. One whose publisher died stays unused."""
        number = max(self._entries(), default=0) + 1
        while not self._create(f"{number}/{CLAIM}", b""):
            number += 1
        return number

    def _create(self, name: str, content: bytes) -> bool:
        """Whether `name` was not there; now it is."""
        try:
            self._bucket.put(name, content, mode="create")
        except AlreadyExistsError:
            return False
        return True

    def _entries(self) -> dict[int, dict[str, datetime]]:
        """Of each number, whether published or only claimed, the files and when each was written."""
        entries: dict[int, dict[str, datetime]] = {}
        with _as_os_errors(self.place):
            for found in self._bucket.list().collect():
                number, _, name = found["path"].partition("/")
                if number.isascii() and number.isdigit() and number[0] != "0" and name:
                    entries.setdefault(int(number), {})[name] = found["last_modified"]
        return entries


def _probe() -> str:
    """A name that no other file has."""
    return f".probe-{uuid.uuid4()}"


@contextmanager
def _as_os_errors(place: str) -> Iterator[None]:
    """What obstore raises as `OSError`, without the request's innards; `FileNotFoundError` it raises itself."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{place}: {_said(error)}") from error
    except BaseError as error:
        raise OSError(f"{place}: {_said(error)}") from error


def _said(error: Exception) -> str:
    """In one line, the same each time, and without the server's address, which is not for every caller."""
    if "NoSuchBucket" in str(error):
        return "there is no such bucket"
    return re.sub(r" (https?://\S+|in [\d.]+[mµn]?s\b)|: <.*", "", str(error).partition("\n")[0])
