"""The service follows the store."""

import contextlib
import json
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from contract.artifact import CARD, LINE_TFLITE, MANIFEST, SECOND_TFLITE, TFLITE, Manifest, NotNowError
from contract.folder import FolderStore
from contract.store import fingerprint, open_store
from service import selftest
from service.registry import NoModelError, Registry, UnknownVersionError
from tests.networks import crashing, ignorant
from tests.servers import REPO, ServiceProcess, eventually, free_port, metric, running_service, upload


def copy_version(store: FolderStore, to: int, change: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
    """The newest version once more under the number `to`, its manifest changed, renamed into place."""
    hidden = store.folder / ".copy"
    shutil.copytree(store.folder / str(store.versions()[-1]), hidden)
    manifest = json.loads((hidden / MANIFEST).read_text())
    manifest["version"] = to
    change(manifest)
    (hidden / MANIFEST).write_text(json.dumps(manifest))
    hidden.rename(store.folder / str(to))


@pytest.fixture
def live(store: FolderStore, tmp_path: Path) -> Iterator[ServiceProcess]:
    """A service that looks every 0.1 s at a store of its own."""
    with running_service(tmp_path / "log", model_store=store.folder.parent, poll_seconds=0.1) as service:
        yield service


def listed(service: ServiceProcess) -> dict[int, dict[str, Any]]:
    models = httpx.get(f"{service.url}/v1/models").json()["models"]
    return {model["version"]: model for model in models}


PNG = {"Content-Type": "image/png"}


def served(service: ServiceProcess, seven: bytes, query: str = "") -> int:
    response = httpx.post(f"{service.url}/v1/predict/image{query}", content=seven, headers=PNG)
    version: int = response.json()["model"]["version"]
    return version


def test_new_version_is_served_without_a_restart(live: ServiceProcess, store: FolderStore, seven: bytes) -> None:
    first = served(live, seven)
    copy_version(store, first + 1)
    eventually(lambda: served(live, seven) == first + 1)
    assert served(live, seven, f"?version={first}") == first
    models = listed(live)
    assert models[first + 1]["default"]
    assert models[first + 1]["state"] == "serving"
    assert models[first]["state"] == "serving"  # it was asked for by its number
    assert not models[first]["default"]


def test_pin_and_unpin_are_followed(live: ServiceProcess, store: FolderStore, seven: bytes) -> None:
    first = served(live, seven)
    copy_version(store, first + 1)
    eventually(lambda: served(live, seven) == first + 1)
    store.pin(first)
    eventually(lambda: served(live, seven) == first)
    store.unpin()
    eventually(lambda: served(live, seven) == first + 1)


def with_network(store: FolderStore, manifest: dict[str, Any], network: bytes, name: str = TFLITE) -> None:
    """Put `network` in the place of the copy's, its checksum right."""
    (store.folder / ".copy" / name).write_bytes(network)
    manifest["files"][name] = fingerprint(network).model_dump()


REPLACED: dict[str, tuple[str, str, Callable[[bytes], bytes]]] = {
    "no network": (TFLITE, TFLITE, lambda _: b"no network"),
    "crash": (TFLITE, TFLITE, crashing),
    "ignorance": (TFLITE, TFLITE, ignorant),
    "another network for lines": (LINE_TFLITE, TFLITE, bytes),
    "crash of the line network": (LINE_TFLITE, LINE_TFLITE, crashing),
    "ignorance of lines": (LINE_TFLITE, LINE_TFLITE, ignorant),
    "another second network": (SECOND_TFLITE, LINE_TFLITE, bytes),
    "crash of the second network": (SECOND_TFLITE, SECOND_TFLITE, crashing),
    "ignorance of the second network": (SECOND_TFLITE, SECOND_TFLITE, ignorant),
}
"""Which network is replaced, and what of which one takes its place."""


FAULTS = {
    "schema": "labels: Field required",
    "normalisation": "of tomorrow",
    "checksum": "SHA-256",
    "no network": "not a valid Flatbuffer",
    "crash": "crashes the runtime",
    "ignorance": "self-test's 100 digits right",
    "strips of tomorrow": "of tomorrow",
    "no line network": "names no line.tflite",
    "another network for lines": "does not turn",
    "crash of the line network": "crashes the runtime",
    "ignorance of lines": "digits of numbers right",
    "no second network": "names no second.tflite",
    "another second network": "does not turn",
    "crash of the second network": "crashes the runtime",
    "ignorance of the second network": "digits at a second look right",
}
"""What is wrong with a version, and what the service says of it."""


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServiceProcess, FolderStore]]:
    """A service that looks every 0.1 s at a store of its own, to which one bad version comes after the other."""
    folder = tmp_path_factory.mktemp("steady")
    shutil.copytree(REPO / "models", folder / "models")
    with running_service(folder / "log", model_store=folder / "models", poll_seconds=0.1) as service:
        yield service, FolderStore(folder / "models")


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_version_is_refused_and_the_old_one_serves_on(
    steady: tuple[ServiceProcess, FolderStore], seven: bytes, fault: str
) -> None:
    live, store = steady
    first = store.versions()[-1]
    bad = first + 1 + list(FAULTS).index(fault)
    refused = metric(live, "digits_reloads_total", outcome="refused")
    said = live.log.read_text().count("is refused")

    def change(manifest: dict[str, Any]) -> None:
        match fault:
            case "schema":
                del manifest["labels"]
            case "normalisation":
                manifest["input"]["normalisation"] = "of tomorrow"
            case "checksum":
                manifest["files"][TFLITE]["sha256"] = "0" * 64
            case "strips of tomorrow":
                manifest["line"]["strip"] = "of tomorrow"
            case "no line network":
                del manifest["files"][LINE_TFLITE]
            case "no second network":
                del manifest["files"][SECOND_TFLITE]
            case _:
                name, other, make = REPLACED[fault]
                network = (store.folder / str(store.versions()[-1]) / other).read_bytes()
                with_network(store, manifest, make(network), name)

    copy_version(store, bad, change)
    try:
        eventually(lambda: bad in listed(live) and listed(live)[bad]["state"] == "refused")
        assert FAULTS[fault] in listed(live)[bad]["reason"]
        time.sleep(0.5)  # five more looks at the store
        assert live.log.read_text().count("is refused") == said + 1
        assert metric(live, "digits_reloads_total", outcome="refused") == refused + 1
        assert served(live, seven) == first
        asked = httpx.get(f"{live.url}/v1/models/{bad}")
        assert asked.status_code == 404
        assert asked.json()["detail"] == listed(live)[bad]["reason"]
    finally:
        shutil.rmtree((store.folder / str(bad)).rename(store.folder / ".gone"))
        eventually(lambda: bad not in listed(live))


def test_file_that_cannot_be_read_now_is_waited_for(live: ServiceProcess, store: FolderStore, seven: bytes) -> None:
    old = store.versions()[-1]
    copy_version(store, old + 1)
    live.stop()
    network = store.folder / str(old) / TFLITE
    with running_service(live.log, model_store=store.folder.parent, poll_seconds=0.1) as service:
        assert served(service, seven) == old + 1
        content = network.read_bytes()
        network.unlink()
        network.mkdir()  # whoever reads it fails, but not for want of it
        url = f"{service.url}/v1/predict/image?version={old}"
        asked = httpx.post(url, content=seven, headers={"Content-Type": "image/png"})
        assert (asked.status_code, asked.headers["Retry-After"]) == (503, "2")
        assert TFLITE in asked.json()["detail"]
        assert listed(service)[old]["state"] == "available"
        network.rmdir()
        network.write_bytes(content)
        assert served(service, seven, f"?version={old}") == old


def test_new_version_that_cannot_be_read_now_is_not_refused(live: ServiceProcess, store: FolderStore) -> None:
    new = store.versions()[-1] + 1
    copy_version(store, new)
    eventually(lambda: new in listed(live))
    newer = store.folder / str(new + 1)
    shutil.copytree(store.folder / str(new), store.folder / ".copy")
    content = json.loads((store.folder / ".copy" / MANIFEST).read_text())
    (store.folder / ".copy" / MANIFEST).unlink()
    (store.folder / ".copy" / MANIFEST).mkdir()  # whoever reads it fails, but not for want of it
    (store.folder / ".copy").rename(newer)
    url = f"{live.url}/v1/models/{new + 1}"
    eventually(lambda: httpx.get(url).status_code == 503)
    assert new + 1 not in listed(live)
    assert listed(live)[new]["default"]
    assert metric(live, "digits_reloads_total", outcome="refused") == 0
    (newer / MANIFEST).rmdir()
    (newer / MANIFEST).write_text(json.dumps(content | {"version": new + 1}))
    eventually(lambda: new + 1 in listed(live) and bool(listed(live)[new + 1]["default"]))
    assert live.log.read_text().count("cannot be read now") == 1


def _serves(registry: Registry) -> bool:
    return any(one.default for one in registry.summaries())


def test_version_is_served_before_all_the_others_are_read(store: FolderStore) -> None:
    first = store.versions()[-1]
    for version in (first + 1, first + 2):
        copy_version(store, version)
    for fixed, wanted in ((None, first + 2), (first + 1, first + 1)):
        other = first if fixed is None else first + 2
        file = store.folder / str(other) / CARD
        content = file.read_bytes()
        file.unlink()
        os.mkfifo(file)  # who reads it waits for who writes it
        registry = Registry(store, fixed, loaded_versions=2)
        with ThreadPoolExecutor(1) as pool:
            looking = pool.submit(registry.refresh)
            try:
                eventually(partial(_serves, registry))
                assert registry.default().manifest.version == wanted
                with pytest.raises(NotNowError, match="not been looked at yet"):
                    registry.manifest(other)
                assert not looking.done()
            finally:
                while not looking.done():
                    with contextlib.suppress(OSError):  # nobody reads yet
                        writer = os.open(file, os.O_WRONLY | os.O_NONBLOCK)
                        os.write(writer, content)
                        os.close(writer)
                    time.sleep(0.05)
        assert {one.version for one in registry.summaries()} == {first, first + 1, first + 2}
        file.unlink()
        file.write_bytes(content)


def test_other_version_under_the_number_of_one_that_was_removed_is_served(
    live: ServiceProcess, store: FolderStore, seven: bytes
) -> None:
    number = served(live, seven)
    before = listed(live)[number]["published_at"]
    folder, away = store.folder / str(number), store.folder.parent / "away"
    folder.rename(away)
    eventually(lambda: "The store has no version in" in live.log.read_text())
    assert served(live, seven) == number
    assert httpx.get(f"{live.url}/v1/models/{number}").json()["version"] == number
    manifest = json.loads((away / MANIFEST).read_text())
    (away / MANIFEST).write_text(json.dumps(manifest | {"created_at": "2020-02-02T02:02:02Z"}))
    away.rename(folder)
    eventually(lambda: listed(live)[number]["published_at"] != before)
    assert served(live, seven) == number


def test_bucket_is_followed(store: FolderStore, bucket: str, tmp_path: Path, seven: bytes) -> None:
    upload(store, bucket)
    shared = open_store(bucket)
    first = store.versions()[-1]
    manifest = store.verify(first)
    with running_service(tmp_path / "log", model_store=bucket, poll_seconds=0.1) as service:
        assert served(service, seven) == first
        draft = manifest.draft()
        source = tmp_path / "source"
        source.mkdir()
        for name in manifest.files:
            (source / name).write_bytes(store.read(manifest, name))
        assert shared.publish(source, draft).version == first + 1
        eventually(lambda: served(service, seven) == first + 1)
        shared.pin(first)
        eventually(lambda: served(service, seven) == first)
        assert httpx.get(f"{service.url}/v1/models/{first + 1}/files/confusion_matrix.png").status_code == 200


def test_version_that_hangs_keeps_nobody_who_asks_for_another(store: FolderStore) -> None:
    default = store.versions()[-1]
    for version in (default + 1, default + 2):
        copy_version(store, version)
    registry = Registry(store, default, loaded_versions=2)
    registry.refresh()
    file = store.folder / str(default + 1) / TFLITE
    content = file.read_bytes()
    file.unlink()
    os.mkfifo(file)  # who reads it waits for who writes it
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(registry.get, default + 1)
        eventually(registry._loading.locked)
        try:
            with pytest.raises(NotNowError, match="a version is being loaded"):
                registry.get(default + 2)
            with pytest.raises(UnknownVersionError):
                registry.get(99)
            assert registry.get(default).manifest.version == default
        finally:
            file.write_bytes(content)
        assert hanging.result().manifest.version == default + 1
    assert registry.get(default + 2).manifest.version == default + 2


def test_store_that_hangs_keeps_nobody_who_asks_for_what_is_loaded(
    store: FolderStore, tmp_path: Path, seven: bytes
) -> None:
    version = store.versions()[-1]
    copy_version(store, version + 1)
    with running_service(tmp_path / "log", model_store=store.folder.parent) as service:
        assert served(service, seven, f"?version={version}") == version
        card = store.folder / str(version) / CARD
        content = card.read_bytes()
        card.unlink()
        os.mkfifo(card)  # who reads it waits for who writes it
        url = f"{service.url}/v1/models/{version}/files/{CARD}"
        with ThreadPoolExecutor(50) as pool:
            hanging = [pool.submit(httpx.get, url, timeout=60) for _ in range(50)]
            try:
                eventually(lambda: sum(answer.done() for answer in hanging) == 46)  # sent away after three seconds
                unknown = httpx.post(
                    f"{service.url}/v1/predict/image?version=99", content=seven, timeout=2, headers=PNG
                )
                assert unknown.status_code == 404
                for path in ("/health/live", "/v1/models", "/metrics", "/"):
                    assert httpx.get(service.url + path, timeout=2).status_code == 200
                assert served(service, seven, f"?version={version}") == version
            finally:
                while sum(not answer.done() for answer in hanging):
                    with contextlib.suppress(OSError):  # nobody reads any more
                        writer = os.open(card, os.O_WRONLY | os.O_NONBLOCK)
                        os.write(writer, content)
                        os.close(writer)
                    time.sleep(0.05)
        assert Counter(answer.result().status_code for answer in hanging)[503] == 46


def test_folder_that_is_there_no_more_is_taken_for_away(store: FolderStore, tmp_path: Path) -> None:
    """As where a volume is not mounted any more: all that is loaded goes on."""
    first = store.versions()[-1]
    copy_version(store, first + 1)
    registry = Registry(store, None, loaded_versions=2)
    registry.refresh()
    named = registry.get(first)
    store.folder.rename(tmp_path / "elsewhere")
    registry.refresh()
    assert registry.get(first) is named
    assert registry.default().manifest.version == first + 1
    with pytest.raises(NotNowError):
        store.pinned()
    with pytest.raises(OSError, match=r"digits"):
        store.require_writable()
    assert not store.folder.exists()
    (tmp_path / "elsewhere").rename(store.folder)
    shutil.rmtree(store.folder / str(first))
    registry.refresh()
    with pytest.raises(UnknownVersionError):
        registry.get(first)


def test_version_that_is_removed_while_it_loads_is_gone(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    first = store.versions()[-1]
    copy_version(store, first + 1)
    registry = Registry(store, None, loaded_versions=2)
    registry.refresh()
    look, read = threading.Thread(target=registry.refresh), store.read

    def is_known() -> bool:
        with contextlib.suppress(UnknownVersionError):
            return bool(registry.manifest(first))
        return False

    def read_late(manifest: Manifest, name: str) -> bytes:
        if not look.ident:
            shutil.rmtree(store.folder / str(first))
            look.start()
            eventually(lambda: not is_known())
        return read(manifest, name)

    monkeypatch.setattr(store, "read", read_late)
    with pytest.raises(UnknownVersionError):
        registry.get(first)
    look.join()
    registry.refresh()
    assert [one.version for one in registry.summaries()] == [first + 1]


def test_why_nothing_is_served_is_that_a_version_cannot_be_loaded_now(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = store.versions()[-1]
    monkeypatch.setattr(selftest, "SECONDS", 0)
    for fixed in (None, version):
        registry = Registry(store, fixed, loaded_versions=2)
        registry.refresh()
        with pytest.raises(NoModelError, match=f"Version {version} cannot be loaded now: "):
            registry.default()


def test_name_of_no_bucket_is_one_line(tmp_path: Path) -> None:
    service = ServiceProcess(tmp_path / "log", model_store="s3://")
    assert service.process.wait(20) == 1
    assert "names no store" in (tmp_path / "log.errors").read_text()


def test_bucket_that_is_away_is_said_and_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    service = ServiceProcess(tmp_path / "log", model_store="s3://away", poll_seconds=0.1)
    try:
        service.wait("/health/live")
        eventually(lambda: "s3://away/digits" in httpx.get(f"{service.url}/health/ready").json()["detail"])
    finally:
        service.stop()


def test_empty_store_is_live_but_not_ready_until_a_version_comes(
    store: FolderStore, tmp_path: Path, seven: bytes
) -> None:
    service = ServiceProcess(tmp_path / "log", model_store=tmp_path / "empty", poll_seconds=0.1)
    try:
        service.wait("/health/live")
        ready = httpx.get(f"{service.url}/health/ready")
        assert ready.status_code == 503
        assert str(tmp_path / "empty") in ready.json()["detail"]
        headers = {"Content-Type": "image/png"}
        refused = httpx.post(f"{service.url}/v1/predict/image", content=seven, headers=headers)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        assert refused.headers["content-type"] == "application/problem+json"
        shutil.copytree(store.folder, tmp_path / "empty" / "digits")
        service.wait("/health/ready")
        assert served(service, seven) == store.versions()[-1]
    finally:
        service.stop()


def test_fixed_version_outweighs_the_highest(store: FolderStore, tmp_path: Path, seven: bytes) -> None:
    first = store.versions()[0]
    copy_version(store, first + 1)
    with running_service(tmp_path / "log", model_store=store.folder.parent, model_version=first) as service:
        assert served(service, seven) == first


def test_named_versions_stay_loaded_and_the_least_used_leaves(store: FolderStore, tmp_path: Path, seven: bytes) -> None:
    first = store.versions()[0]
    for version in range(first + 1, first + 4):
        copy_version(store, version)
    with running_service(tmp_path / "log", model_store=store.folder.parent, loaded_versions=2) as service:
        for version in (first, first + 1, first, first + 2):
            assert served(service, seven, f"?version={version}") == version
        states = {version: model["state"] for version, model in listed(service).items()}
        assert states == {first: "serving", first + 1: "available", first + 2: "serving", first + 3: "serving"}


def test_manifest_card_and_pictures_are_served(service: ServiceProcess) -> None:
    manifest = httpx.get(f"{service.url}/v1/models/default").json()
    version = manifest["version"]
    assert httpx.get(f"{service.url}/v1/models/{version}").json() == manifest
    base = f"{service.url}/v1/models/{version}/files"
    picture = httpx.get(f"{base}/confusion_matrix.png")
    assert picture.headers["content-type"] == "image/png"
    assert len(picture.content) == manifest["files"]["confusion_matrix.png"]["size"]
    card = httpx.get(f"{base}/README.md")
    assert card.headers["content-type"].startswith("text/markdown")
    assert card.text.startswith("# Model card")


@pytest.mark.parametrize(
    ("version", "status"),
    [("9" * 18, 404), ("9" * 30, 404), ("9" * 5000, 422), ("1%D9%A3", 422), ("-1", 422), ("latest", 422)],
)
def test_odd_version_in_the_path(service: ServiceProcess, version: str, status: int) -> None:
    answer = httpx.get(f"{service.url}/v1/models/{version}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert status == 404 or "is a whole number" in answer.json()["detail"]


@pytest.mark.parametrize(
    "name", ["model.keras", "manifest.json", "nothing.png", "..%2Fdefault.json", "%2Fetc%2Fpasswd"]
)
def test_other_files_are_not_served(service: ServiceProcess, name: str) -> None:
    version = httpx.get(f"{service.url}/v1/models/default").json()["version"]
    assert httpx.get(f"{service.url}/v1/models/{version}/files/{name}").status_code == 404
