"""Which versions the store has, which of them pass their checks, and which are loaded."""

import hashlib
import logging
import threading
import time
from collections import OrderedDict
from contextlib import suppress

from contract.artifact import ArtifactError, Manifest, NotNowError
from contract.messages import ModelSummary
from contract.store import NAME, Store, reason
from service import metrics, selftest
from service.model import Model, networks

logger = logging.getLogger("service.registry")

LONGEST_WAIT = 60
"""Seconds between two looks at a version that fails its checks."""


PATIENCE = 3
"""Seconds that a request waits while a version is loaded: a store that hangs is to keep few of them."""


class UnknownVersionError(LookupError):
    """The store has no such version, or it is refused; the text says which."""


class NoModelError(LookupError):
    """There is nothing to serve; the text says why."""


class Again:
    """When a version that failed its checks is looked at again: it may be one that is still being copied.

    After as long as it has been failing, so that one that stays broken is not read through at every look.
    """

    def __init__(self) -> None:
        self._first = self._next = 0.0

    def due(self) -> bool:
        return time.monotonic() >= self._next

    def put_off(self) -> None:
        now = time.monotonic()
        self._first = self._first or now
        self._next = now + min(LONGEST_WAIT, now - self._first)


class Registry:
    """The service's view of the store. `refresh` looks; everything else answers from the last look."""

    def __init__(self, store: Store, version: int | None, loaded_versions: int) -> None:
        self._store = store
        self._fixed = version
        self._capacity = loaded_versions
        self._manifests: dict[int, Manifest] = {}
        self._refused: dict[int, str] = {}
        self._unloadable: set[int] = set()
        """Versions that can never be served."""
        self._later: dict[int, str] = {}
        """Versions that are not known yet, and why: they could not be read at the last look, or were not reached."""
        self._again: dict[int, Again] = {}
        self._passed: set[bytes] = set()
        """SHA-256 of the networks that passed the self-test."""
        self._named: OrderedDict[int, Model] = OrderedDict()
        self._loading = threading.Lock()
        self._default: Model | None = None
        self._reason = "The store has not been looked at yet."

    def refresh(self) -> None:
        """Look at the store once: check what is new, forget what is gone, swap the default where it changed."""
        try:
            lacking = self._look()
        except OSError as error:
            lacking = f"The store {self._store.place} cannot be read: {reason(error)}."
        if lacking and lacking != self._reason:
            logger.error(lacking)
        self._reason = lacking

    def default(self) -> Model:
        """The version that answers requests which name none. Raises `NoModelError`."""
        if self._default is None:
            raise NoModelError(self._reason)
        return self._default

    def loaded(self, version: int) -> Model | None:
        """A version by its number, if it is loaded."""
        default = self._default
        if default is not None and default.manifest.version == version:
            return default
        with suppress(KeyError):
            self._named.move_to_end(version)
            return self._named[version]
        return None

    def get(self, version: int) -> Model:
        """A version by its number, loaded now if need be. Raises `UnknownVersionError`, `NotNowError`."""
        if (model := self.loaded(version)) is not None:  # it need not wait for one that loads
            return model
        self.manifest(version)  # who asks for an unknown one need not wait
        if not self._loading.acquire(timeout=PATIENCE):
            raise NotNowError("a version is being loaded, which takes its time")
        try:
            if version not in self._named:
                manifest = self.manifest(version)
                try:
                    self._named[version] = self._load(manifest)
                except NotNowError:
                    raise
                except ArtifactError as error:
                    raise UnknownVersionError(str(error)) from error
            self._named.move_to_end(version)
            model = self._named[version]  # what `loaded` moves meanwhile may make it the one that leaves
            if len(self._named) > self._capacity:
                self._named.popitem(last=False)
            return model
        finally:
            self._loading.release()

    def manifest(self, version: int) -> Manifest:
        """Raises `UnknownVersionError`, `NotNowError`."""
        default = self._default
        if default is not None and default.manifest.version == version:  # it stays even if it has left the store
            return default.manifest
        try:
            return self._manifests[version]
        except KeyError:
            if later := self._later.get(version):
                raise NotNowError(later) from None
            unknown = f"The store has no version {version}; GET /v1/models lists them."
            raise UnknownVersionError(self._refused.get(version, unknown)) from None

    def file(self, version: int, name: str) -> bytes:
        """One file of a version, checked. Raises `UnknownVersionError`, `KeyError`, `ArtifactError`."""
        return self._store.read(self.manifest(version), name)

    def summaries(self) -> list[ModelSummary]:
        served = self._default
        default = None if served is None else served.manifest.version
        manifests, refused = dict(self._manifests), dict(self._refused)
        if served is not None:  # it stays loaded even if it has left the store
            manifests[served.manifest.version] = served.manifest
        loaded = {default, *self._named}
        return [
            ModelSummary(
                name=NAME,
                version=version,
                state="refused" if version in refused else "serving" if version in loaded else "available",
                reason=refused.get(version),
                default=version == default,
                published_at=manifests[version].created_at if version in manifests else None,
                accuracy=manifests[version].metrics.int8.accuracy if version in manifests else None,
            )
            for version in sorted({*manifests, *refused})
        ]

    def _look(self) -> str:
        """Returns why there is no default, or an empty string."""
        present = self._store.versions()
        self._forget_all_but(present)
        for version in present:
            if version not in self._manifests and version not in self._refused:
                self._later.setdefault(version, f"version {version} has not been looked at yet")
        try:
            pinned = self._fixed or self._store.pinned()
        except ArtifactError as error:
            pinned, unclear = None, f"{error}."
        else:
            unclear = ""
        wanted_first = sorted(present, key=lambda version: (version == pinned, version), reverse=True)
        for version in wanted_first:
            self._check(version)
            if self._default is None and version == wanted_first[0] and not unclear:
                self._choose(pinned)  # ready before all the others are known
        return unclear or self._choose(pinned)

    def _check(self, version: int) -> None:
        again = self._again.setdefault(version, Again())
        if version in self._manifests or version in self._unloadable or not again.due():
            return
        try:
            manifest = self._store.manifest(version)
            self._require_readable(manifest)
            self._store.verify_files(manifest)
        except NotNowError as error:
            if self._later.get(version) != str(error):
                logger.warning("version %d cannot be read now: %s", version, error)
            self._later[version] = str(error)
            self._refused.pop(version, None)
        except ArtifactError as error:
            self._refuse(version, error)
            again.put_off()
        else:
            self._later.pop(version, None)
            self._refused.pop(version, None)
            self._manifests[version] = manifest

    def _forget_all_but(self, present: list[int]) -> None:
        for gone in {*self._again, *self._refused} - set(present):  # a request may have found it lost meanwhile
            self._again.pop(gone, None)
            self._manifests.pop(gone, None)
            self._refused.pop(gone, None)
            self._later.pop(gone, None)
            self._unloadable.discard(gone)
            with self._loading:
                self._named.pop(gone, None)

    def _choose(self, pinned: int | None) -> str:
        """Make the wanted version the default. Returns why that is not possible, or an empty string."""
        waiting = ""
        candidates = [pinned] if pinned in self._manifests else [] if pinned else sorted(self._manifests, reverse=True)
        for version in candidates:
            if self._default is not None and self._default.manifest == self._manifests[version]:
                return ""
            try:
                model = self._named.get(version) or self._load(self._manifests[version])
            except NotNowError as error:
                waiting = waiting or f"Version {version} cannot be loaded now: {error}."
                logger.warning("version %d cannot be loaded now: %s", version, error)
                continue
            except ArtifactError:
                continue
            self._default = model
            metrics.served_version.set(version)
            metrics.reloads.labels("served").inc()
            logger.info("serving version %d", version, extra={"fields": {"version": version}})
            return ""
        return waiting or self._lacking(pinned)

    def _lacking(self, pinned: int | None) -> str:
        """Why nothing can be served."""
        if pinned:
            why = self._refused.get(pinned) or self._later.get(pinned) or "it is not in the store"
            return f"Version {pinned} is wanted, but {why}."
        if later := list(self._later.values()):
            return f"{later[0]}."
        if self._refused:
            return f"No version in {self._store.place} passes its checks; GET /v1/models says why."
        return f"The store has no version in {self._store.place}: train one, or set DIGITS_MODEL_STORE."

    def _load(self, manifest: Manifest) -> Model:
        """Raises `NotNowError`; else `ArtifactError`, and the version is refused, for good if a network is at fault."""
        try:
            read = networks(self._store, manifest)
            self._require_digits_read(manifest, *read)
            return Model(manifest, *read)
        except NotNowError:
            raise
        except ArtifactError as error:
            self._refuse(manifest.version, error)
            raise

    def _require_digits_read(self, manifest: Manifest, tflite: bytes, *others: bytes | None) -> None:
        digests = b"".join(hashlib.sha256(network or b"").digest() for network in (tflite, *others))
        if digests in self._passed:
            return
        try:
            fault = selftest.fault(tflite, *others)
        except OSError as error:
            raise NotNowError(f"the self-test of version {manifest.version} waits: {reason(error)}") from error
        if fault:
            self._unloadable.add(manifest.version)
            raise ArtifactError(f"version {manifest.version} {fault}")
        self._passed.add(digests)

    def _require_readable(self, manifest: Manifest) -> None:
        """Before its files are read: nothing will ever change what it was trained on. Raises `ArtifactError`."""
        try:
            manifest.require_servable()
        except ArtifactError:
            self._unloadable.add(manifest.version)
            raise

    def _refuse(self, version: int, error: ArtifactError) -> None:
        if self._refused.get(version) != str(error):
            metrics.reloads.labels("refused").inc()
            logger.error("version %d is refused: %s", version, error, extra={"fields": {"version": version}})
        self._refused[version] = str(error)
        self._later.pop(version, None)
        self._manifests.pop(version, None)
