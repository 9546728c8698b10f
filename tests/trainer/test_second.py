"""The network that gives a second opinion: what it learns from, that it learns, and when it is asked."""

import unicodedata
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest

from contract.artifact import LINE_TFLITE, SECOND_KERAS, SECOND_TFLITE, ArtifactError, Manifest
from contract.folder import FolderStore
from contract.spelling import NO_DIGIT
from contract.store import fingerprint
from service.network import Network
from tests.networks import ignorant
from trainer import card, second
from trainer.apart import SECOND, Trained, exported_in
from trainer.clutter import more_cluttered
from trainer.corruptions import corrupt
from trainer.dataset import HABITS, LATER_SHARES, SECOND_SHARES, SHARES, normalised, split, training_set
from trainer.digits import Digits, made
from trainer.export import float_logits
from trainer.habits import LABELS
from trainer.learning import learn
from trainer.mnist import Mnist
from trainer.network import macs
from trainer.nondigits import LETTERS
from trainer.reads import published
from trainer.recipe import FULL, Recipe
from trainer.second import ASKED, choose, fit, no_digits
from trainer.signs import CHARACTERS, more_no_digit
from trainer.training import train_second


@pytest.fixture(scope="module")
def digits(mnist: Mnist) -> Digits:
    return split(mnist, 1, 60_000)[1].at(np.arange(1000))


@pytest.fixture(scope="module")
def trained(digits: Digits) -> Trained:
    few, unseen = np.split(np.arange(200), [160])
    return fit(digits.at(few), digits.at(unseen), Recipe(epochs=1, second_epochs=8))


@pytest.fixture
def bundled(store: FolderStore) -> Manifest:
    return store.manifest(store.versions()[-1])


@pytest.mark.parametrize("maker", [more_cluttered, more_no_digit])
def test_pictures_of_every_kind_have_ink_and_come_again(digits: Digits, maker: Callable[..., np.ndarray]) -> None:
    places = np.arange(200)
    pictures = made(maker, digits, places, 3)
    assert np.mean(pictures.max(axis=(1, 2)) > 128) > 0.97
    assert len(np.unique(pictures, axis=0)) > 190
    assert np.array_equal(pictures, made(maker, digits, places, 3))


def test_its_training_set_is_larger_and_says_what_is_no_digit(digits: Digits) -> None:
    few = digits.at(np.arange(100))
    seen = training_set(few, 1, SECOND_SHARES)
    assert len(seen) > 1.1 * len(training_set(few, 1, SHARES))
    assert np.mean(seen.labels == NO_DIGIT) == pytest.approx(1 / 5.7, abs=0.02)


def test_characters_are_no_latin_letters_and_no_digits() -> None:
    assert not set(CHARACTERS) & set(LETTERS)
    for character in CHARACTERS:
        assert not unicodedata.name(character).startswith(("LATIN", "DIGIT"))
        assert not character.isnumeric()
    assert len(set(CHARACTERS)) == len(CHARACTERS)


def test_training_learns_and_gives_what_the_service_runs(trained: Trained, digits: Digits) -> None:
    seen = normalised(digits.at(np.arange(160)), "some")
    right = float_logits(trained.network, seen.images).argmax(axis=1) == seen.labels
    assert right.mean() > 0.5
    assert Network(trained.exported().tflite).logits(seen.images[:3]).shape == (3, 11)


def test_one_that_learns_on_keeps_to_what_it_said(
    trained: Trained, digits: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[keras.Model | None] = []

    def watched(*arguments: Any) -> dict[str, list[float]]:
        told.append(arguments[-1])
        return learn(*arguments)

    monkeypatch.setattr(second, "learn", watched)
    few, unseen = (digits.at(places) for places in np.split(np.arange(80), [60]))
    weights = [weight.copy() for weight in trained.network.get_weights()]
    more = fit(few, unseen, Recipe(epochs=1, second_epochs=1), trained.exported())
    habits = HABITS * np.isin(few.labels, LABELS).sum()
    assert more.shown == pytest.approx(60 * sum(LATER_SHARES.values()) + habits, abs=6)
    assert told == [trained.network]
    assert all(np.array_equal(*pair) for pair in zip(weights, trained.network.get_weights(), strict=True))
    images = normalised(unseen, "some").images
    assert np.abs(float_logits(more.network, images) - float_logits(trained.network, images)).max() > 0.1
    assert (more.epochs, more.exported().facts()["macs"]) == (9, macs(trained.network))
    assert more.seconds > trained.seconds


def test_what_was_said_before_counts_as_much_as_the_labels() -> None:
    keras.utils.set_random_seed(1)
    before, network = (keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(11)]) for _ in range(2))
    images, labels = np.random.default_rng(0).random((256, 28, 28), np.float32), np.zeros(256, np.uint8)
    before.build((None, 28, 28, 1))
    before.layers[-1].set_weights([np.zeros((784, 11)), 9 * np.eye(11)[3]])  # it says that all are 3s
    pictures = Digits((255 * images).astype(np.uint8), labels)
    learn(network, keras.layers.Identity(), keras.optimizers.Adam(0.002), pictures, pictures, 150, before)
    odds = np.exp(float_logits(network, pictures.images))
    shares = (odds / odds.sum(axis=1, keepdims=True)).mean(axis=0)
    assert shares[[0, 3]] == pytest.approx([0.5, 0.5], abs=0.02)


def test_what_it_is_judged_by_is_hardly_anything_that_it_has_seen(digits: Digits) -> None:
    few = digits.at(np.arange(100))
    seen = {image.tobytes() for image in training_set(few, 1, SECOND_SHARES).images}
    chosen_by = {image.tobytes() for image in no_digits(few)}
    assert len(chosen_by) > 90
    assert len(seen & chosen_by) < 5  # a printed character may come again as it is


def test_bundled_one_is_asked_about_few_images_and_more_that_are_crossed_out_are_read_right(
    store: FolderStore, bundled: Manifest, digits: Digits
) -> None:
    alone = published(store, bundled.model_copy(update={"second": None})).int8
    both = published(store, bundled).int8
    plain = normalised(digits, "validation").images
    assert np.mean((both(plain) != alone(plain)).any(axis=1)) == pytest.approx(ASKED, abs=0.02)
    crossed = made(partial(corrupt, "zigzag"), digits, np.arange(len(digits)), 3)
    assert np.mean((both(crossed) != alone(crossed)).any(axis=1)) > 0.3
    right = [np.mean(read(crossed)[:, :NO_DIGIT].argmax(axis=1) == digits.labels) for read in (alone, both)]
    assert right[1] > right[0] + 0.03


def test_network_that_knows_nothing_is_not_asked(store: FolderStore, bundled: Manifest, mnist: Mnist) -> None:
    held_out = split(mnist, 1, 60_000)[1]
    unseen, nothing = normalised(held_out, "validation"), no_digits(held_out.at(np.arange(300)))
    first = published(store, bundled.model_copy(update={"second": None})).int8
    found = exported_in(SECOND, store, bundled)
    rule = choose(found, first, unseen, nothing, bundled.calibration)
    assert rule
    assert rule.doubt > 0
    ignorant_one = replace(found, tflite=ignorant(found.tflite))
    assert choose(ignorant_one, first, unseen, nothing, bundled.calibration) is None


def test_network_that_cannot_be_loaded_is_told(store: FolderStore, bundled: Manifest) -> None:
    (store.folder / str(bundled.version) / SECOND_KERAS).write_bytes(b"no network")
    files = bundled.files | {SECOND_KERAS: fingerprint(b"no network")}
    with pytest.raises(ArtifactError, match=f"{SECOND_KERAS} of version {bundled.version} cannot be loaded: "):
        exported_in(SECOND, store, bundled.model_copy(update={"files": files}))


def test_judging_it_anew_gives_what_the_manifest_says(store: FolderStore, bundled: Manifest, mnist: Mnist) -> None:
    again = train_second(mnist, replace(FULL, second_epochs=0, pictures=5), store, bundled.version)
    assert again.version == bundled.version + 1
    assert again.second == bundled.second
    assert again.acceptance == bundled.acceptance
    assert again.metrics.int8 == bundled.metrics.int8
    found, published = again.metrics.float32, bundled.metrics.float32
    assert found.confusion_matrix == published.confusion_matrix
    error = pytest.approx(published.expected_calibration_error, rel=1e-4)  # processors differ in the last digits
    assert found.expected_calibration_error == error
    for name in (SECOND_TFLITE, LINE_TFLITE):
        assert store.read(again, name) == store.read(bundled, name)
    assert again.line  # judged anew too, on so few numbers
    assert "on 20 numbers of validation digits" in again.line.chosen


def test_card_tells_of_the_plain_digits_that_a_second_network_learned_from_at_last(bundled: Manifest) -> None:
    assert bundled.second
    told = [
        card._last(bundled.draft(), bundled.second.model_copy(update={"shown": round(sum(shares.values()) * 55_000)}))
        for shares in (LATER_SHARES, SECOND_SHARES)
    ]
    assert told[0].startswith("At last it learned on from plain digits")
    assert told[1] == ""
