"""What a network sees while it is trained, and that it learns the same from it every time."""

import keras
import numpy as np
import pytest

from contract.spelling import NO_DIGIT
from trainer.augmentation import Redraw
from trainer.dataset import HABITS, SHARES, normalised, split, training_set
from trainer.digits import Digits
from trainer.export import scaled
from trainer.habits import LABELS
from trainer.learning import learn, steps
from trainer.mnist import Mnist
from trainer.network import build_small
from trainer.optimizer import muon


@pytest.fixture(scope="module")
def digits(mnist: Mnist) -> Digits:
    return normalised(Digits(mnist.train_images[:200], mnist.train_labels[:200]), "test")


def test_images_are_redrawn_while_training_alone(digits: Digits) -> None:
    images = scaled(digits.images)
    layer = Redraw(seed=1)
    assert np.array_equal(layer(images, training=False), images)
    first, second = (np.asarray(layer(images, training=True)) for _ in range(2))
    assert first.shape == images.shape
    assert (np.abs(first - images).mean(axis=(1, 2, 3)) > 0.01).all()
    assert (np.abs(first - second).mean(axis=(1, 2, 3)) > 0.005).all()


def test_redrawing_repeats_with_its_seed(digits: Digits) -> None:
    images = scaled(digits.images)
    first, again, other = (np.asarray(Redraw(seed)(images, training=True)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_redrawn_ink_stays_in_the_picture_and_about_as_much(digits: Digits) -> None:
    images = scaled(digits.images)
    drawn = np.asarray(Redraw(seed=1)(images, training=True))
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    ratio = drawn.sum(axis=(1, 2, 3)) / images.sum(axis=(1, 2, 3))
    assert ratio.min() > 0.3
    assert ratio.max() < 2.5
    assert np.median(ratio) == pytest.approx(1, abs=0.25)


def test_training_set_holds_every_digit_and_as_many_others_as_named(mnist: Mnist) -> None:
    digits = Digits(mnist.train_images[:300], mnist.train_labels[:300])
    made = training_set(digits, 1, SHARES)
    assert made.images.shape[1:] == (28, 28)
    assert (made.images.max(axis=(1, 2)) > 0).all()
    counts = np.bincount(made.labels, minlength=NO_DIGIT + 1)
    assert counts[NO_DIGIT] == pytest.approx(0.6 * 300, rel=0.05)
    habits = np.isin(np.arange(10), LABELS) * HABITS
    expected = np.bincount(digits.labels, minlength=10) * (3.45 + habits)
    assert counts[:NO_DIGIT] == pytest.approx(expected, rel=0.2)
    again = training_set(digits, 1, SHARES)
    assert np.array_equal(made.images, again.images)
    assert np.array_equal(made.labels, again.labels)


def test_validation_digits_are_not_trained_on(mnist: Mnist) -> None:
    training, validation = split(mnist, seed=1, images=60_000)
    assert (len(training), len(validation)) == (55_000, 5_000)
    seen = {image.tobytes() for image in training.images}
    assert sum(image.tobytes() in seen for image in validation.images) == 0


def test_two_trainings_with_one_seed_are_the_same_to_the_last_bit(mnist: Mnist) -> None:
    seen = Digits(mnist.train_images[:600], mnist.train_labels[:600])

    def trained() -> list[np.ndarray]:
        keras.utils.set_random_seed(1)
        network = build_small()
        learn(network, Redraw(1), muon(steps(seen, 1)), seen, seen.at(np.arange(10)), 1)
        weights: list[np.ndarray] = network.get_weights()
        return weights

    first, again = trained(), trained()
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    keras.utils.set_random_seed(1)
    assert any(not np.array_equal(one, other) for one, other in zip(first, build_small().get_weights(), strict=True))
