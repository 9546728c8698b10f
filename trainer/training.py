"""One training job, from the data to the published version; it reads like the method section of a paper."""

import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version as installed
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from contract import normalisation
from contract.artifact import CARD, KERAS, TFLITE, Draft, Input, Manifest, Provenance, TestMetrics
from contract.store import Store
from trainer import card, pictures
from trainer.errors import PoorModelError
from trainer.evaluation import calibrate, choose_threshold, measure
from trainer.export import int8_logits, scaled, to_int8
from trainer.flags import flagged
from trainer.mnist import FILES, Mnist
from trainer.network import Redraw, build, macs
from trainer.recipe import Recipe

LABELS = [str(digit) for digit in range(10)]
BATCH = 256
PEAK_RATE = 4e-3
WEIGHT_DECAY = 0.01
LEAST_ACCURACY = 0.9
LEAST_AGREEMENT = 0.99
"""On the validation split. A service adopts the newest version by itself, so a broken model must not be published."""

FLAGGED = 0.4
"""Share of the training split's ones that are shown with a flag as well."""

EXAMPLES = 1000
"""Training images from which the int8 ranges are taken."""


def train(mnist: Mnist, recipe: Recipe, store: Store) -> Manifest:
    """Train, evaluate and export a model, and publish it as the next version. Raises `PoorModelError`, `OSError`."""
    store.require_writable()
    revision = _revision()
    keras.utils.set_random_seed(recipe.seed)

    # Data: every image goes through the normalisation that the service uses; validation comes out of training.
    order = np.random.default_rng(recipe.seed).permutation(len(mnist.train_images))[: recipe.images]
    train_images = _normalised(mnist.train_images[order], "Normalising training images")
    train_labels = mnist.train_labels[order]
    held_out = recipe.images // 12
    validation_images, validation_labels = train_images[:held_out], train_labels[:held_out]
    train_images, train_labels = train_images[held_out:], train_labels[held_out:]
    split = {"training": len(train_images), "validation": held_out, "test": len(mnist.test_images)}
    train_images, train_labels = _with_flags(train_images, train_labels, np.random.default_rng(recipe.seed))

    # Model, schedule, loop: one cycle of the learning rate; the epoch with the least validation loss is kept.
    network = build()
    started = time.monotonic()
    history, kept = _fit(network, recipe, train_images, train_labels, validation_images, validation_labels)
    seconds = time.monotonic() - started

    # Export, and what is chosen on the validation split: agreement, temperature, acceptance threshold.
    tflite = to_int8(network, train_images[:EXAMPLES])
    validation_logits = int8_logits(tflite, validation_images)
    float_answers = network.predict(scaled(validation_images), batch_size=1000, verbose=0).argmax(axis=1)
    _require_quality(validation_logits.argmax(axis=1), float_answers, validation_labels)
    calibration = calibrate(validation_logits, validation_labels)
    acceptance = choose_threshold(calibration.probabilities(validation_logits), validation_labels)

    # Evaluation: the test set, once.
    test_images = _normalised(mnist.test_images, "Normalising test images")
    float_logits = network.predict(scaled(test_images), batch_size=1000, verbose=0)
    metrics = TestMetrics(
        images=len(test_images),
        float32=measure(calibration.probabilities(float_logits), mnist.test_labels),
        int8=measure(calibration.probabilities(int8_logits(tflite, test_images)), mnist.test_labels),
    )

    draft = Draft(
        input=Input(shape=(28, 28), dtype="uint8", normalisation=normalisation.VERSION),
        labels=LABELS,
        metrics=metrics,
        calibration=calibration,
        acceptance=acceptance,
        provenance=Provenance(
            dataset="MNIST",
            dataset_sha256={file.name: file.sha256 for file in FILES},
            split=split,
            seed=recipe.seed,
            epochs=recipe.epochs,
            parameters=network.count_params(),
            macs=macs(network),
            libraries={"python": platform.python_version()}
            | {name: installed(name) for name in ("tensorflow", "keras", "numpy", "pillow", "ai-edge-litert")},
            seconds=round(seconds, 1),
            revision=revision,
        ),
    )
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder)
        network.save(files / KERAS)
        (files / TFLITE).write_bytes(tflite)
        pictures.confusion_matrix(metrics.int8.confusion_matrix, files / pictures.CONFUSION_MATRIX)
        pictures.learning_curve(history, kept, files / pictures.LEARNING_CURVE)
        (files / CARD).write_text(card.text(draft), encoding="utf-8")
        return store.publish(files, draft)


def _normalised(images: NDArray[np.uint8], task: str) -> NDArray[np.uint8]:
    return np.stack([normalisation.normalise(image) for image in track(images, task)])


def _with_flags(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Normalised images and their labels, and some of the ones a second time with a flag."""
    ones = images[labels == 1]
    again = ones[: round(FLAGGED * len(ones))]
    flags = np.stack([flagged(one, rng) for one in again])
    return np.concatenate((images, flags)), np.concatenate((labels, np.ones(len(flags), np.uint8)))


def _fit(
    network: keras.Model,
    recipe: Recipe,
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    validation_images: NDArray[np.uint8],
    validation_labels: NDArray[np.uint8],
) -> tuple[dict[str, list[float]], int]:
    """Train `network` in place. Returns the history and the epoch that was kept, counted from 1."""
    steps = recipe.epochs * -(-len(images) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=PEAK_RATE / 20,
        warmup_target=PEAK_RATE,
        warmup_steps=steps // 5,
        decay_steps=steps - steps // 5,
    )
    model = keras.Sequential([Redraw(recipe.seed), network])
    model.compile(
        optimizer=keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    best = keras.callbacks.EarlyStopping("val_loss", patience=recipe.epochs, restore_best_weights=True)
    result = model.fit(
        scaled(images),
        labels,
        batch_size=BATCH,
        epochs=recipe.epochs,
        validation_data=(scaled(validation_images), validation_labels),
        validation_batch_size=1000,
        callbacks=[best],
        verbose=1 if sys.stdout.isatty() else 2,
    )
    return result.history, best.best_epoch + 1


def _require_quality(answers: NDArray[np.int_], float_answers: NDArray[np.int_], labels: NDArray[np.uint8]) -> None:
    """Raises `PoorModelError` where the int8 model's answers on the validation split must not be served, digits [n]."""
    accuracy, agreement = float((answers == labels).mean()), float((answers == float_answers).mean())
    if accuracy < LEAST_ACCURACY or agreement < LEAST_AGREEMENT:
        raise PoorModelError(
            f"the int8 model reads {accuracy:.2%} of the validation digits right (wanted: {LEAST_ACCURACY:.0%}) and "
            f"agrees with the float model on {agreement:.2%} (wanted: {LEAST_AGREEMENT:.0%}): nothing is published. "
            "Train longer or on more images."
        )


def _revision() -> str:
    """The commit this runs from, "+" behind it where files differ from it; in a container, what its build was told."""
    if told := os.environ.get("DIGITS_REVISION"):
        return told
    command = ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.check_output(command, cwd=Path(__file__).parent, text=True, stderr=subprocess.DEVNULL).strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
