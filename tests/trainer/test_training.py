"""The trainer, run for real on a small part of MNIST, and the commands around the store."""

import contextlib
import io
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import keras
import numpy as np
import pytest
from PIL import Image

from contract.artifact import CARD, KERAS, LINE_TFLITE, MANIFEST, SECOND_TFLITE, NotNowError
from contract.folder import FolderStore
from contract.store import PIN
from tests.servers import REPO, running_service
from trainer import training
from trainer.__main__ import app
from trainer.apart import LINE, loaded, newest
from trainer.conditions import REDRAWN
from trainer.corruptions import CORRUPTIONS
from trainer.errors import PoorModelError
from trainer.fonts import Collection
from trainer.learning import learn
from trainer.mnist import CACHE, Mnist
from trainer.printed import PRINTED
from trainer.recipe import FULL, QUICK
from trainer.training import borrowed, train


def trainer(*arguments: object, expect: int = 0) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "trainer", *map(str, arguments)]
    result = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    assert result.returncode == expect, result.stdout + result.stderr
    return result


def printed(*arguments: object) -> str:
    """What the command prints, in this process, which has TensorFlow already."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        app([str(argument) for argument in arguments], standalone_mode=False)
    return output.getvalue()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, mnist: object) -> tuple[FolderStore, str]:
    """A store with one version, quickly trained on a tenth of MNIST, and what the trainer said."""
    root = tmp_path_factory.mktemp("trained")
    result = trainer("train", "--quick", "--store", root, "--data", CACHE, "--epochs", 6, "--images", 6000)
    return FolderStore(root), result.stdout


def test_small_training_publishes_a_version_that_reads(trained: tuple[FolderStore, str]) -> None:
    store, said = trained
    assert store.versions() == [1]
    manifest = store.verify(1)
    assert manifest.metrics.int8.accuracy > 0.9
    assert abs(manifest.metrics.int8.accuracy - manifest.metrics.float32.accuracy) < 0.01
    assert manifest.provenance.split == {"training": 5500, "validation": 500, "test": 10_000}
    assert np.sum(manifest.metrics.int8.confusion_matrix) == 10_000
    assert "val_loss" in said
    assert "train-line adds one" in " ".join(said.split())  # lines are broken
    assert f"{manifest.metrics.int8.accuracy:.2%}" in said


def test_one_that_learns_on_is_half_of_what_it_was_and_half_of_two(
    mnist: Mnist, trained: tuple[FolderStore, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    became: list[list[np.ndarray]] = []

    def watched(network: keras.Model, *arguments: Any, **named: Any) -> dict[str, list[float]]:
        history = learn(network, *arguments, **named)
        became.append(network.get_weights())
        return history

    monkeypatch.setattr(training, "learn", watched)
    store, _ = trained
    manifest = store.manifest(1)
    before = training.Before(loaded(store, manifest), manifest.provenance, manifest.files[KERAS].sha256)
    fitted = training.fit(mnist, replace(QUICK, epochs=1, images=6000), before)
    assert (fitted.epochs, fitted.learned_on) == (8, 2)
    now = fitted.network.get_weights()
    for old, one, other, weights in zip(before.network.get_weights(), *became, now, strict=True):
        assert np.allclose(weights, old / 2 + one / 4 + other / 4, atol=1e-6)


def test_first_network_learns_on(trained: tuple[FolderStore, str], tmp_path: Path) -> None:
    shutil.copytree(trained[0].folder, tmp_path / "digits")
    store = FolderStore(tmp_path)
    printed("train", "--quick", "--more", 1, "--epochs", 1, "--store", tmp_path, "--data", CACHE)
    first, more = store.manifest(1), store.verify(2)
    assert (first.provenance.epochs, more.provenance.epochs) == (6, 8)
    assert more.provenance.seconds > first.provenance.seconds
    assert (more.provenance.split, more.provenance.seed) == (first.provenance.split, first.provenance.seed)
    assert more.provenance.parameters == first.provenance.parameters
    assert more.metrics.int8.accuracy > 0.95


def test_model_card_and_pictures_are_there(trained: tuple[FolderStore, str]) -> None:
    store, _ = trained
    folder = store.folder / "1"
    card = (folder / "README.md").read_text()
    assert f"{store.manifest(1).metrics.int8.accuracy:.2%}" in card
    for name in ("confusion_matrix.png", "learning_curve.png", "reliability.png", "mistakes.png"):
        assert f"({name})" in card
        with Image.open(folder / name) as picture:
            assert picture.width > 600


def test_evaluate_prints_the_tables_of_the_model_card_again(trained: tuple[FolderStore, str]) -> None:
    store, _ = trained
    card = (store.folder / "1" / "README.md").read_text()
    root = store.folder.parent
    tables = printed("evaluate", "--version", 1, "--pictures", 100, "--store", root, "--data", CACHE)
    figures = re.findall(r"\d+\.\d+%", tables)
    assert len(figures) > 100
    assert set(figures) <= set(re.findall(r"\d+\.\d+%", card))
    printed_rows = [name for name, (fonts, _) in PRINTED.items() if fonts.is_here()]
    for name in (*REDRAWN, *CORRUPTIONS, *printed_rows, "scribbles", "shapes"):
        assert f"| {name} |" in card


def test_evaluate_shows_the_digits_that_were_held_out(trained: tuple[FolderStore, str]) -> None:
    store, _ = trained
    arguments = ("--version", 1, "--validation", "--pictures", 5, "--store", store.folder.parent, "--data", CACHE)
    assert "The 500 digits of the validation set" in printed("evaluate", *arguments)


def test_evaluate_says_which_rows_are_missing_for_want_of_fonts(
    trained: tuple[FolderStore, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Collection, "paths", lambda _: [])
    store, _ = trained
    arguments = ("--version", 1, "--validation", "--pictures", 5, "--store", store.folder.parent, "--data", CACHE)
    missing = "".join(printed("evaluate", *arguments).partition("Not measured:")[2].split())
    assert all(
        f"{''.join(name.split())}(apt-getinstall" in missing for name in ("letters, and marks among digits", *PRINTED)
    )


def test_service_answers_exactly_as_the_manifest_was_measured(
    trained: tuple[FolderStore, str], tmp_path: Path, mnist: Mnist
) -> None:
    store, _ = trained
    read: list[int] = []
    with (
        running_service(tmp_path / "log", model_store=store.folder.parent) as service,
        httpx.Client(base_url=service.url, timeout=30) as client,
    ):
        for start in range(0, 10_000, 250):
            images = mnist.test_images[start : start + 250].tolist()
            answer = client.post("/v1/predict", json={"images": images}).json()
            read += [prediction["digit"] for prediction in answer["predictions"]]
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (mnist.test_labels, np.array(read)), 1)
    assert confusion.tolist() == store.manifest(1).metrics.int8.confusion_matrix


def test_networks_that_are_trained_apart_are_those_of_before(tmp_path: Path, store: FolderStore, mnist: Mnist) -> None:
    published = store.manifest(store.versions()[-1])
    draft = published.draft()
    draft.provenance.split.update(training=5500, validation=500)
    files = store.folder / str(published.version)
    (files / MANIFEST).unlink()
    shelf = FolderStore(tmp_path)
    shelf.publish(files, draft)
    train(mnist, replace(QUICK, epochs=6, images=6000, pictures=20), shelf)
    line, second = shelf.verify(2).line, shelf.verify(2).second
    assert line
    assert second
    assert published.line
    assert published.second
    assert (second.revision, second.seconds) == (published.second.revision, published.second.seconds)
    assert (shelf.folder / "2" / SECOND_TFLITE).read_bytes() == (files / SECOND_TFLITE).read_bytes()
    assert (line.revision, line.seconds) == (published.line.revision, published.line.seconds)
    card = (shelf.folder / "2" / CARD).read_text()
    assert "It saw nothing but digits" in card
    assert "characters to letters" in card  # which the second network saw
    assert min(line.exact.values()) > 0.5
    assert (shelf.folder / "2" / LINE_TFLITE).read_bytes() == (files / LINE_TFLITE).read_bytes()


def test_line_network_that_saw_the_validation_split_is_left_out(store: FolderStore) -> None:
    assert newest(LINE, store, FULL)
    assert newest(LINE, store, replace(FULL, seed=FULL.seed + 1)) is None
    assert newest(LINE, store, replace(FULL, images=6000)) is None


def test_network_that_cannot_be_read_now_is_an_error_and_an_older_one_not_taken(store: FolderStore) -> None:
    manifest = store.folder / str(store.versions()[-1]) / MANIFEST
    shutil.copytree(manifest.parent, manifest.parent.with_name("99"))
    unreadable = manifest.parent.with_name("99") / MANIFEST
    unreadable.unlink()
    unreadable.mkdir()
    with pytest.raises(NotNowError, match="99"):
        newest(LINE, store, FULL)


def test_version_that_a_training_goes_on_from_may_leave_the_store_meanwhile(store: FolderStore) -> None:
    manifest = store.manifest(store.versions()[-1])
    with borrowed(store, manifest.version) as shelf:
        shutil.rmtree(store.folder)
        assert shelf.verify(manifest.version) == manifest


def test_model_that_reads_nothing_is_not_published(tmp_path: Path, mnist: Mnist) -> None:
    store = FolderStore(tmp_path)
    with pytest.raises(PoorModelError, match="nothing is published"):
        train(mnist, replace(FULL, epochs=1, images=240), store)
    assert store.versions() == []


def test_store_commands(store: FolderStore) -> None:
    root, version = store.folder.parent, store.versions()[-1]
    assert f"{store.manifest(version).metrics.int8.accuracy:.2%}" in trainer("list", "--store", root).stdout
    assert json.loads(trainer("show", version, "--store", root).stdout)["version"] == version
    trainer("pin", version, "--store", root)
    assert store.pinned() == version
    assert "pinned" in trainer("list", "--store", root).stdout
    trainer("unpin", "--store", root)
    assert store.pinned() is None
    assert "Nothing to remove" in trainer("prune", "--keep", 1, "--store", root).stdout
    (store.folder / PIN).write_text('{"version": 99}')
    assert "Version 99 is pinned, and not there" in printed("list", "--store", root)


@pytest.mark.parametrize("command", [("show", 99), ("pin", 99)])
def test_unknown_version_is_one_clear_line(store: FolderStore, command: tuple[object, ...]) -> None:
    result = trainer(*command, "--store", store.folder.parent, expect=1)
    assert result.stderr.startswith("error: there is no version 99")
    assert "Traceback" not in result.stderr


def test_store_that_cannot_be_written_is_found_before_training(tmp_path: Path, mnist: object) -> None:
    (tmp_path / "file").touch()
    result = trainer("train", "--store", tmp_path / "file", "--data", CACHE, expect=1)
    assert "file" in result.stderr
    assert "Epoch" not in result.stdout


def test_missing_data_is_one_clear_line(tmp_path: Path) -> None:
    result = trainer("train", "--data", tmp_path, "--store", tmp_path / "store", expect=1)
    assert "train-images-idx3-ubyte" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "store").exists()


def test_store_commands_need_no_tensorflow() -> None:
    program = (
        "import sys, trainer.__main__ as m; sys.argv[1:] = ['list'];"
        "m.app(standalone_mode=False); print(*sorted(sys.modules))"
    )
    modules = subprocess.check_output([sys.executable, "-c", program], cwd=REPO, text=True).split()
    assert "contract.store" in modules
    assert not {"tensorflow", "keras", "matplotlib"} & set(modules)
