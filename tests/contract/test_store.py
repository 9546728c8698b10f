"""Versions are published whole, once, and in order, in a folder as in a bucket."""

import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from errno import ENOSPC
from functools import partialmethod
from pathlib import Path

import obstore
import pytest

from contract.artifact import CARD, MANIFEST, TFLITE, ArtifactError, Manifest, NotNowError
from contract.folder import FolderStore
from contract.s3 import S3Store
from contract.store import NAME, Store, copied, open_store
from tests.servers import free_port, new_bucket, s3_server, upload


@pytest.fixture
def bundled(store: FolderStore) -> Manifest:
    return store.verify(store.versions()[-1])


@pytest.fixture(params=["folder", "bucket"])
def any_store(request: pytest.FixtureRequest, store: FolderStore) -> Store:
    """A store of either kind that holds the bundled version."""
    if request.param == "folder":
        return store
    url: str = request.getfixturevalue("bucket")
    upload(store, url)
    return open_store(url)


@pytest.fixture
def publish(any_store: Store, bundled: Manifest, tmp_path: Path) -> Callable[[], Manifest]:
    """Publishes the bundled model's files once more."""
    return publisher(any_store, bundled, tmp_path / "source")


def publisher(store: Store, model: Manifest, source: Path) -> Callable[[], Manifest]:
    """Publishes `model` in `store` once more, from the folder `source`."""
    source.mkdir()
    for name in model.files:
        (source / name).write_bytes(store.read(model, name))
    return lambda: store.publish(source, model.draft())


def test_published_version_is_the_next_and_passes_its_checks(any_store: Store, publish: Callable[[], Manifest]) -> None:
    before = any_store.versions()
    manifest = publish()
    assert manifest.version == before[-1] + 1
    assert any_store.versions() == [*before, manifest.version]
    assert any_store.verify(manifest.version) == manifest
    assert (datetime.now(UTC) - manifest.created_at).total_seconds() < 60


def test_version_is_copied_into_another_store_under_its_next_number(
    any_store: Store, bundled: Manifest, publish: Callable[[], Manifest], tmp_path: Path
) -> None:
    """Whatever has the number there: a bundled model gets into a bucket, or beside what somebody trained."""
    own = publish()
    other = FolderStore(tmp_path / "other")
    first = copied(own.version, any_store, other)
    assert (first.version, first.files, first.draft()) == (1, bundled.files, bundled.draft())
    back = copied(1, other, any_store)
    assert back.version == own.version + 1
    assert any_store.verify(back.version).files == bundled.files


def test_damaged_version_is_not_copied(store: FolderStore, bundled: Manifest, tmp_path: Path) -> None:
    (store.folder / str(bundled.version) / CARD).write_text("another")
    with pytest.raises(ArtifactError, match=CARD):
        copied(bundled.version, store, FolderStore(tmp_path / "other"))
    assert FolderStore(tmp_path / "other").versions() == []
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):  # before anything is read
        copied(bundled.version, store, FolderStore(tmp_path / "file"))


def test_publishers_at_once_get_numbers_of_their_own(any_store: Store, publish: Callable[[], Manifest]) -> None:
    before = len(any_store.versions())
    published: list[int] = []
    threads = [threading.Thread(target=lambda: published.append(publish().version)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(published)) == 8
    assert len(any_store.versions()) == before + 8
    assert all(any_store.verify(version).version == version for version in any_store.versions())


def test_file_where_the_next_version_belongs_is_an_error(store: FolderStore, bundled: Manifest, tmp_path: Path) -> None:
    publish = publisher(store, bundled, tmp_path / "source")
    (store.folder / str(bundled.version + 1)).touch()
    with pytest.raises(NotADirectoryError):
        publish()
    assert store.versions() == [bundled.version]


def test_store_that_is_a_file_cannot_be_read_now(tmp_path: Path) -> None:
    (tmp_path / "digits").touch()
    with pytest.raises(NotNowError):
        FolderStore(tmp_path).manifest(3)


def test_failed_publication_leaves_nothing(store: FolderStore, bundled: Manifest, tmp_path: Path) -> None:
    before = sorted(store.folder.iterdir())
    source = tmp_path / "source"
    source.mkdir()
    (source / TFLITE).mkdir()  # cannot be copied as a file
    with pytest.raises(OSError, match=TFLITE):
        store.publish(source, bundled.draft())
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
    store: FolderStore, bundled: Manifest, name: str, change: Callable[[bytes], bytes], message: str
) -> None:
    damage(store.folder / str(bundled.version) / name, change)
    with pytest.raises(ArtifactError, match=message):
        store.verify(bundled.version)


def test_missing_file_is_named(store: FolderStore, bundled: Manifest) -> None:
    (store.folder / str(bundled.version) / TFLITE).unlink()
    with pytest.raises(ArtifactError, match=TFLITE):
        store.verify(bundled.version)


def test_pin_and_unpin(any_store: Store, bundled: Manifest) -> None:
    assert any_store.pinned() is None
    any_store.pin(bundled.version)
    assert any_store.pinned() == bundled.version
    any_store.unpin()
    assert any_store.pinned() is None


def test_pin_is_a_small_file(store: FolderStore, bundled: Manifest) -> None:
    store.pin(bundled.version)
    assert json.loads((store.folder / "default.json").read_text()) == {"version": bundled.version}


def test_pin_that_cannot_be_read_is_an_error(store: FolderStore) -> None:
    (store.folder / "default.json").write_text('{"version": "latest"}')
    with pytest.raises(ArtifactError, match="version"):
        store.pinned()


def test_missing_version_cannot_be_pinned(any_store: Store) -> None:
    with pytest.raises(ArtifactError):
        any_store.pin(99)
    assert any_store.pinned() is None


def test_prune_spares_the_newest_and_the_pinned(any_store: Store, publish: Callable[[], Manifest]) -> None:
    versions = [publish().version for _ in range(4)]
    first = versions.pop(0)
    any_store.pin(first)
    assert any_store.prune(keep=2) == versions[:1]
    assert set(any_store.versions()) >= {first, *versions[1:]}


def test_prune_spares_the_most_accurate(any_store: Store, bundled: Manifest, publish: Callable[[], Manifest]) -> None:
    equal = [publish().version for _ in range(3)]
    any_store.prune(keep=1)
    assert any_store.versions() == [bundled.version, equal[-1]]


def test_prune_works_on_a_full_disk(
    store: FolderStore, bundled: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = publisher(store, bundled, tmp_path / "source")
    older, newest = publish().version, publish().version

    def full(*_: object, **__: object) -> str:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    assert store.prune(keep=1) == [older]
    assert {path.name for path in store.folder.iterdir()} == {str(bundled.version), str(newest)}


def test_prune_does_not_count_damaged_versions(store: FolderStore, bundled: Manifest, tmp_path: Path) -> None:
    publish = publisher(store, bundled, tmp_path / "source")
    whole, damaged = publish().version, publish().version
    (store.folder / str(damaged) / TFLITE).unlink()
    store.prune(keep=1)
    assert {whole, damaged} <= set(store.versions())


def test_prune_waits_where_the_most_accurate_may_be_one_that_cannot_be_read_now(
    store: FolderStore, bundled: Manifest, tmp_path: Path
) -> None:
    publish = publisher(store, bundled, tmp_path / "source")
    versions = [bundled.version, *(publish().version for _ in range(3))]
    file = store.folder / str(bundled.version) / TFLITE
    file.unlink()
    file.mkdir()
    with pytest.raises(NotNowError):
        store.prune(keep=1)
    assert store.versions() == versions


def outdated(store: FolderStore, manifest: Manifest) -> int:
    """Its number; from now on it was made for another normalisation."""
    file = store.folder / str(manifest.version) / MANIFEST
    file.write_text(file.read_text().replace(manifest.input.normalisation, "pen-0"))
    return manifest.version


def test_prune_spares_as_many_as_today_s_service_takes_beside_those_of_another(
    store: FolderStore, bundled: Manifest, tmp_path: Path
) -> None:
    publish = publisher(store, bundled, tmp_path / "source")
    own, *others = [publish() for _ in range(4)]
    for manifest in others[1:]:
        outdated(store, manifest)
    first, second, last = (manifest.version for manifest in others)
    assert store.prune(keep=3) == []
    assert store.prune(keep=1) == [own.version, second]
    assert store.versions() == [bundled.version, first, last]


def test_prune_spares_whole_versions_that_today_s_service_does_not_take(
    store: FolderStore, bundled: Manifest, tmp_path: Path
) -> None:
    publish = publisher(store, bundled, tmp_path / "source")
    versions = [publish() for _ in range(3)]
    for manifest in versions[:-1]:
        outdated(store, manifest)
    assert store.prune(keep=3) == []
    assert store.prune(keep=1) == [manifest.version for manifest in versions[:-1]]


def test_prune_spares_what_is_pinned_meanwhile(
    any_store: Store, publish: Callable[[], Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = [publish().version for _ in range(4)]
    remove = any_store._remove

    def remove_and_pin(version: int) -> None:
        remove(version)
        any_store.pin(versions[1])

    monkeypatch.setattr(any_store, "_remove", remove_and_pin)
    assert any_store.prune(keep=1) == [versions[0], versions[2]]
    assert versions[1] in any_store.versions()


def test_prune_removes_what_neither_kind_needs(store: FolderStore, bundled: Manifest, tmp_path: Path) -> None:
    publish = publisher(store, bundled, tmp_path / "source")
    versions = [publish() for _ in range(5)]
    others = [outdated(store, manifest) for manifest in versions]
    assert store.prune(keep=2) == others[:3]
    assert store.versions() == [bundled.version, *others[3:]]


def test_version_that_no_service_takes_is_not_pinned(store: FolderStore, bundled: Manifest) -> None:
    with pytest.raises(ArtifactError, match="pen-0"):
        store.pin(outdated(store, bundled))
    assert store.pinned() is None


@pytest.mark.parametrize("url", ["s3://", "s3:///x", "s3://a b/c", "gs://bucket/x", "S3://bucket/x", "http://x"])
def test_name_of_no_bucket_is_told(url: str) -> None:
    with pytest.raises(ArtifactError, match="s3://bucket/prefix"):
        open_store(url)


def test_store_may_be_in_the_user_s_own_folder() -> None:
    assert Path(open_store("~/models").place).parent == Path.home() / "models"


def test_bucket_that_does_not_exist_is_said_in_one_line(bucket: str) -> None:
    other = open_store(bucket.replace("s3://", "s3://no-"))
    for call in (other.versions, other.unpin, other.require_writable):
        with pytest.raises(OSError, match=r"there is no such bucket$"):
            call()


def test_prune_takes_what_dead_publishers_left_and_not_what_others_write(store: FolderStore) -> None:
    dead, alive = store.folder / ".workspace-dead", store.folder / ".workspace-alive"
    for folder in (dead, alive):
        folder.mkdir()
        (folder / TFLITE).touch()
    os.utime(dead, (0, 0))
    store.prune(keep=1)
    assert not dead.exists()
    assert alive.exists()


def test_store_that_does_not_exist_is_empty_and_stays_so(tmp_path: Path) -> None:
    assert FolderStore(tmp_path / "nowhere").versions() == []
    assert list(tmp_path.iterdir()) == []


def test_version_that_lost_a_file_while_it_was_written_is_none(
    store: FolderStore, bucket: str, bundled: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = obstore.store.from_url(f"{bucket}/{NAME}", client_options={"allow_http": True})
    to_publish = open_store(bucket)
    publish = publisher(store, bundled, tmp_path / "source")
    publish()
    monkeypatch.setattr(S3Store, "_get", partialmethod(read_and_lost, objects=objects))
    with pytest.raises(OSError, match=f"lost {CARD}"):
        to_publish.publish(tmp_path / "source", bundled.draft())
    assert to_publish.versions() == []


def read_and_lost(store: S3Store, name: str, objects: obstore.store.S3Store) -> bytes:
    """A file's content; the model card is removed by somebody else when it was read."""
    content = bytes(objects.get(name).bytes())
    if name.endswith(CARD):
        objects.delete(name)
    return content


def test_clock_of_the_server_says_what_is_abandoned(bucket: str) -> None:
    store = open_store(bucket)
    assert isinstance(store, S3Store)
    assert abs((store._now() - datetime.now(UTC)).total_seconds()) < 5
    objects = obstore.store.from_url(f"{bucket}/{NAME}", client_options={"allow_http": True})
    assert objects.list().collect() == []


def test_bucket_without_the_package_for_it_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "contract.s3", None)
    with pytest.raises(ArtifactError, match="pip install obstore"):
        open_store("s3://bucket/models")


def test_bucket_shows_no_version_before_its_manifest(store: FolderStore, bucket: str, bundled: Manifest) -> None:
    upload(store, bucket)
    objects = obstore.store.from_url(f"{bucket}/{NAME}", client_options={"allow_http": True})
    begun = bundled.version + 1
    objects.put(f"{begun}/.claim", b"")
    objects.put(f"{begun}/model.tflite", b"half of")
    found = open_store(bucket)
    assert found.versions() == [bundled.version]
    with pytest.raises(ArtifactError, match=f"no version {begun}"):
        found.manifest(begun)


def test_number_of_a_publisher_that_died_stays_unused(
    store: FolderStore, bucket: str, bundled: Manifest, tmp_path: Path
) -> None:
    upload(store, bucket)
    objects = obstore.store.from_url(f"{bucket}/{NAME}", client_options={"allow_http": True})
    objects.put(f"{bundled.version + 1}/.claim", b"")
    assert publisher(open_store(bucket), bundled, tmp_path / "source")().version == bundled.version + 2


def test_server_that_ignores_conditions_is_read_and_refused_for_publishing(
    store: FolderStore, bundled: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "served").mkdir()
    with s3_server("rclone", "serve", "s3", str(tmp_path / "served"), "--addr", "127.0.0.1:PORT") as endpoint:
        url = new_bucket(endpoint, monkeypatch)
        upload(store, url)
        found = open_store(url)
        assert found.verify(bundled.version) == bundled
        with pytest.raises(OSError, match="conditional writes"):
            publisher(found, bundled, tmp_path / "source")()
        assert found.versions() == [bundled.version]


def test_bucket_that_cannot_be_reached_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(OSError, match="s3://nowhere/digits") as raised:
        open_store("s3://nowhere").versions()
    assert "127.0.0.1" not in str(raised.value)
