"""Versions are published whole, once, and in order."""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contract.artifact import CARD, MANIFEST, TFLITE, ArtifactError, Draft, Manifest
from contract.store import Store


@pytest.fixture
def bundled(store: Store) -> Manifest:
    return store.verify(store.versions()[-1])


@pytest.fixture
def publish(store: Store, bundled: Manifest, tmp_path: Path) -> Callable[[], Manifest]:
    """Publishes the bundled model's files once more."""
    source = tmp_path / "source"
    source.mkdir()
    for name in bundled.files:
        (source / name).write_bytes(store.read(bundled, name))
    draft = Draft(**{name: getattr(bundled, name) for name in Draft.model_fields})
    return lambda: store.publish(source, draft)


def test_published_version_is_the_next_and_passes_its_checks(store: Store, publish: Callable[[], Manifest]) -> None:
    before = store.versions()
    manifest = publish()
    assert manifest.version == before[-1] + 1
    assert store.versions() == [*before, manifest.version]
    assert store.verify(manifest.version) == manifest
    assert (datetime.now(UTC) - manifest.created_at).total_seconds() < 60


def test_publishers_at_once_get_numbers_of_their_own(store: Store, publish: Callable[[], Manifest]) -> None:
    before = len(store.versions())
    published: list[int] = []
    threads = [threading.Thread(target=lambda: published.append(publish().version)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(published)) == 8
    assert len(store.versions()) == before + 8
    assert all(store.verify(version).version == version for version in store.versions())


def test_failed_publication_leaves_nothing(store: Store, bundled: Manifest, tmp_path: Path) -> None:
    before = sorted(store.folder.iterdir())
    source = tmp_path / "source"
    source.mkdir()
    (source / TFLITE).mkdir()  # cannot be copied as a file
    with pytest.raises(OSError, match=TFLITE):
        store.publish(source, Draft(**{name: getattr(bundled, name) for name in Draft.model_fields}))
    assert sorted(store.folder.iterdir()) == before


def damage(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        pytest.param(TFLITE, lambda old: old[:-1], "bytes, its manifest says", id="truncated"),
        pytest.param(TFLITE, lambda old: old[:-1] + bytes([old[-1] ^ 1]), "SHA-256", id="one bit flipped"),
        pytest.param(CARD, lambda old: old.replace(b"a", b"b"), "SHA-256", id="another text"),
        pytest.param(MANIFEST, lambda old: old[: len(old) // 2], "Invalid JSON", id="half a manifest"),
        pytest.param(MANIFEST, lambda _: b"{}", "Field required", id="empty manifest"),
        pytest.param(
            MANIFEST, lambda old: old.replace(b'"version": ', b'"version": 9'), "is of digits 9", id="another version"
        ),
        pytest.param(MANIFEST, lambda old: old.replace(b'"model.tflite"', b'"../x"'), "pattern", id="path traversal"),
    ],
)
def test_damaged_version_is_refused(
    store: Store, bundled: Manifest, name: str, change: Callable[[bytes], bytes], message: str
) -> None:
    damage(store.folder / str(bundled.version) / name, change)
    with pytest.raises(ArtifactError, match=message):
        store.verify(bundled.version)


def test_missing_file_is_named(store: Store, bundled: Manifest) -> None:
    (store.folder / str(bundled.version) / TFLITE).unlink()
    with pytest.raises(ArtifactError, match=TFLITE):
        store.verify(bundled.version)


def test_pin_and_unpin(store: Store, bundled: Manifest) -> None:
    assert store.pinned() is None
    store.pin(bundled.version)
    assert json.loads((store.folder / "default.json").read_text()) == {"version": bundled.version}
    assert store.pinned() == bundled.version
    store.unpin()
    assert store.pinned() is None


def test_pin_that_cannot_be_read_is_an_error(store: Store) -> None:
    (store.folder / "default.json").write_text('{"version": "latest"}')
    with pytest.raises(ArtifactError, match="version"):
        store.pinned()


def test_missing_version_cannot_be_pinned(store: Store) -> None:
    with pytest.raises(ArtifactError):
        store.pin(99)
    assert store.pinned() is None


def test_prune_spares_the_newest_and_the_pinned(store: Store, publish: Callable[[], Manifest]) -> None:
    versions = [publish().version for _ in range(4)]
    first = versions.pop(0)
    store.pin(first)
    assert store.prune(keep=2) == versions[:1]
    assert set(store.versions()) >= {first, *versions[1:]}


def test_prune_spares_the_most_accurate(store: Store, bundled: Manifest, publish: Callable[[], Manifest]) -> None:
    equal = [publish().version for _ in range(3)]
    store.prune(keep=1)
    assert store.versions() == [bundled.version, equal[-1]]


def test_prune_does_not_count_damaged_versions(store: Store, publish: Callable[[], Manifest]) -> None:
    whole, damaged = publish().version, publish().version
    (store.folder / str(damaged) / TFLITE).unlink()
    store.prune(keep=1)
    assert {whole, damaged} <= set(store.versions())


def test_store_that_does_not_exist_is_empty_and_stays_so(tmp_path: Path) -> None:
    assert Store(tmp_path / "nowhere").versions() == []
    assert list(tmp_path.iterdir()) == []
