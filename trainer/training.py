"""One training job, from the data to the published version; it reads like the method section of a paper."""

import platform
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version as installed
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from contract import normalisation
from contract.arrays import Grey
from contract.artifact import (
    CARD,
    KERAS,
    LINE_KERAS,
    MANIFEST,
    SECOND_KERAS,
    TFLITE,
    Acceptance,
    Calibration,
    Draft,
    Input,
    LineReader,
    Manifest,
    Provenance,
    SecondReader,
)
from contract.folder import FolderStore
from contract.spelling import NO_DIGIT
from contract.store import Store, manifest_text
from trainer import card, numbers, pictures, second
from trainer.apart import LINE, SECOND, Exported, Kind, exported_in, loaded, newest
from trainer.augmentation import Redraw, Shift
from trainer.dataset import MORE_SHARES, SHARES, normalised, split, test_set, training_set
from trainer.digits import Digits
from trainer.errors import PoorModelError, TrainerError
from trainer.evaluation import calibrate, choose_threshold
from trainer.export import examples_of, to_int8
from trainer.kept import kept
from trainer.learning import learn, steps
from trainer.mnist import FILES, Mnist
from trainer.network import build, build_small, copy, halfway, macs
from trainer.optimizer import hasty_muon, muon
from trainer.reads import Reads, alone, together
from trainer.reads import published as reads_of
from trainer.recipe import Recipe
from trainer.report import Evaluation, evaluate, evaluate_version
from trainer.revision import source_revision

LIBRARIES = ("tensorflow", "keras", "numpy", "pillow", "scikit-image", "scipy", "ai-edge-litert")
LABELS = [str(digit) for digit in range(10)]
HASTY_BATCH, HASTY_SMOOTHING = 128, 0.1
"""Of the small network, which sees every image once."""

LEAST_ACCURACY = 0.9
LEAST_AGREEMENT = 0.99
"""On the validation split. A service adopts the newest version by itself, so a broken model must not be published."""


@dataclass(frozen=True)
class Before:
    """A published first network, and where it comes from."""

    network: keras.Model
    facts: Provenance
    sha256: str


@dataclass(frozen=True)
class Fitted:
    """A network and how it came to be."""

    network: keras.Model
    history: dict[str, list[float]]
    epochs: int
    learned_on: int
    """Of those, the ones in which two copies learned on."""
    seconds: float
    """Wall-clock time of the training alone."""
    training: int
    """Training images of MNIST's."""
    shown: int
    """Pictures in one epoch."""
    examples: Grey
    """Some of each kind of those, normalised."""
    validation: Digits
    """Normalised."""
    revision: str


def train(mnist: Mnist, recipe: Recipe, store: Store, more: int | None = None) -> Manifest:
    """Train, evaluate and export a model, and publish it as the next version. Raises `TrainerError`, `OSError`.

    The first network of the version `more`, whose images are the recipe's, learns on, if one is named. The networks
    that are trained apart from it, by `train_line` and `train_second`, are those of `newest`, judged anew.
    """
    store.require_writable()
    before = None
    if more is not None:
        manifest = store.verify(more)
        manifest.require_servable()
        before = Before(loaded(store, manifest), manifest.provenance, manifest.files[KERAS].sha256)
    newest_line, newest_second = (newest(kind, store, recipe) for kind in (LINE, SECOND))
    fitted_line = exported_in(LINE, store, newest_line) if newest_line else None
    fitted_second = exported_in(SECOND, store, newest_second) if newest_second else None
    with kept(("first", recipe, before and before.sha256), lambda: fit(mnist, recipe, before)) as fitted:
        return publish(fitted, fitted_line, fitted_second, mnist, recipe, store)


def fit(mnist: Mnist, recipe: Recipe, before: Before | None = None) -> Fitted:
    """The training alone: one cycle of the learning rate, every picture redrawn each time it is shown.

    Two copies of the network of `before` learn on, from other pictures, one of them by `MORE_SHARES`; what comes of it
    is half of its weights, and half of the mean of theirs (a model soup, Wortsman et al. 2022).
    """
    revision = source_revision()
    facts = before.facts if before else None
    epochs, learned_on, seconds = (facts.epochs, facts.learned_on, facts.seconds) if facts else (0, 0, 0.0)
    seed = recipe.seed + epochs
    keras.utils.set_random_seed(seed)

    # Data: every image goes through the normalisation that the service uses; validation comes out of training.
    training, validation = split(mnist, recipe.seed, recipe.images)
    unseen = normalised(validation, "validation")
    network = build_small() if recipe.small else build()
    learners = [copy(before.network, "digits") for _ in range(2)] if before else [network]
    history: dict[str, list[float]] = {}
    for learner, shares in zip(learners, (SHARES, MORE_SHARES), strict=False):
        seen = normalised(training, "training") if recipe.small else training_set(training, seed, shares)
        started = time.monotonic()
        for name, values in _fit(learner, recipe, seed, seen, unseen).items():
            history[name] = history.get(name, []) + values
        seconds += time.monotonic() - started
    if before:
        network = halfway(before.network, halfway(*learners))
        learned_on += 2 * recipe.epochs
    return Fitted(
        network=network,
        history=history,
        epochs=epochs + len(learners) * recipe.epochs,
        learned_on=learned_on,
        seconds=round(seconds, 1),
        training=len(training),
        shown=len(seen),
        examples=examples_of(seen.images),
        validation=unseen,
        revision=revision,
    )


def publish(
    fitted: Fitted,
    fitted_line: Exported | None,
    fitted_second: Exported | None,
    mnist: Mnist,
    recipe: Recipe,
    store: Store,
) -> Manifest:
    """Export, choose what is chosen on the validation split, measure, publish."""
    network, validation = fitted.network, fitted.validation

    # On the validation split: does int8 agree with float, how sure is it, when is the second asked, from which score on
    # is it right?
    tflite = to_int8(network, fitted.examples)
    first = alone(network, tflite)
    logits, in_float = first.int8(validation.images), first.float32(validation.images)
    _require_quality(_digits(logits), _digits(in_float), validation.labels)
    calibration = calibrate(logits, validation.labels)
    _, held_out = split(mnist, recipe.seed, recipe.images)
    rule, reads = _with_second(first, fitted_second, calibration, validation, held_out)
    acceptance = _acceptance(reads, calibration, validation)

    # On the test set, once: everything else.
    evaluation = evaluate("test", test_set(mnist), validation, reads, calibration, acceptance, recipe.pictures)

    line, report = None, None
    if fitted_line:
        line, report = _line_judged(fitted_line, reads, calibration, held_out, evaluation, recipe)
    evaluation = replace(evaluation, numbers=report)

    draft = Draft(
        input=Input(shape=(28, 28), dtype="uint8", normalisation=normalisation.VERSION),
        labels=LABELS,
        metrics=evaluation.metrics,
        calibration=calibration,
        acceptance=acceptance,
        provenance=Provenance(
            dataset="MNIST",
            dataset_sha256={file.name: file.sha256 for file in FILES},
            split={"training": fitted.training, "validation": len(validation), "test": len(evaluation.digits)},
            seed=recipe.seed,
            epochs=fitted.epochs,
            learned_on=fitted.learned_on,
            shown=fitted.shown,
            parameters=network.count_params(),
            macs=macs(network),
            libraries={"python": platform.python_version()} | {name: installed(name) for name in LIBRARIES},
            seconds=fitted.seconds,
            revision=fitted.revision,
        ),
        line=line,
        second=rule,
    )
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder)
        network.save(files / KERAS)
        (files / TFLITE).write_bytes(tflite)
        if fitted_line:
            fitted_line.save(LINE, files)
        if fitted_second and rule:
            fitted_second.save(SECOND, files)
        pictures.learning_curve(fitted.history, files / pictures.LEARNING_CURVE)
        pictures.draw(evaluation, files)
        (files / CARD).write_text(card.text(draft, recipe, evaluation), encoding="utf-8")
        return store.publish(files, draft)


def train_line(mnist: Mnist, recipe: Recipe, store: Store, version: int, *, more: bool = False) -> Manifest:
    """Publish version `version` again with a line network trained anew; after 0 epochs it is the version's own.

    Where `more` is wanted of it, that one learns on. Its temperature and threshold are chosen, and it is measured, anew
    in any case. Raises `TrainerError`, `OSError`.
    """
    with borrowed(store, version) as shelf:
        published, before, recipe = _taken_up(shelf, version, LINE, recipe, keep=more or not recipe.number_epochs)
        if before and not recipe.number_epochs:
            return publish_line(before, shelf, published, mnist, recipe, store)
        training, _ = split(mnist, recipe.seed, recipe.images)
        job = "line network", recipe, published.files[LINE_KERAS].sha256 if before else None
        with kept(job, partial(numbers.fit, training, recipe, before)) as trained:
            return publish_line(trained.exported(), shelf, published, mnist, recipe, store)


def publish_line(
    fitted: Exported, shelf: Store, published: Manifest, mnist: Mnist, recipe: Recipe, store: Store
) -> Manifest:
    """The latter half of `train_line`: choose on the validation split, measure, publish in `store`."""
    validation = split(mnist, recipe.seed, recipe.images)[1]
    evaluation = evaluate_version("test", test_set(mnist), validation, shelf, published, recipe.pictures)
    single = reads_of(shelf, published).int8
    line, report = numbers.judge(fitted, single, published.calibration, validation, evaluation.digits, recipe)
    draft, evaluation = published.draft().model_copy(update={"line": line}), replace(evaluation, numbers=report)
    return _publish_again(shelf, store, published, draft, LINE, fitted, recipe, evaluation)


def train_second(mnist: Mnist, recipe: Recipe, store: Store, version: int, *, more: bool = False) -> Manifest:
    """Publish version `version` again with a second network trained anew; after 0 epochs it is the version's own.

    Where `more` is wanted of it, that one learns on. When it is asked and what it counts is chosen anew, and all is
    measured anew, in any case. Raises `TrainerError`, also where no more validation digits are read right with it;
    `OSError`.
    """
    with borrowed(store, version) as shelf:
        published, before, recipe = _taken_up(shelf, version, SECOND, recipe, keep=more or not recipe.second_epochs)
        if before and not recipe.second_epochs:
            return publish_second(before, shelf, published, mnist, recipe, store)
        training, validation = split(mnist, recipe.seed, recipe.images)
        job = "second", recipe, published.files[SECOND_KERAS].sha256 if before else None
        with kept(job, partial(second.fit, training, validation, recipe, before)) as trained:
            return publish_second(trained.exported(), shelf, published, mnist, recipe, store)


def publish_second(
    fitted: Exported, shelf: Store, published: Manifest, mnist: Mnist, recipe: Recipe, store: Store
) -> Manifest:
    """The latter half of `train_second`: choose on the validation split, measure, publish in `store`."""
    held_out = split(mnist, recipe.seed, recipe.images)[1]
    unseen = normalised(held_out, "validation")
    first, calibration = alone(loaded(shelf, published), shelf.read(published, TFLITE)), published.calibration
    rule, reads = _with_second(first, fitted, calibration, unseen, held_out)
    if rule is None:
        raise PoorModelError(
            "with the second network no more validation digits are read right: nothing is published. Train it longer."
        )
    acceptance = _acceptance(reads, calibration, unseen)

    evaluation = evaluate("test", test_set(mnist), unseen, reads, calibration, acceptance, recipe.pictures)
    changed = {"second": rule, "acceptance": acceptance, "metrics": evaluation.metrics}
    if published.line:
        line = exported_in(LINE, shelf, published)
        changed["line"], report = _line_judged(line, reads, calibration, held_out, evaluation, recipe)
        evaluation = replace(evaluation, numbers=report)
    draft = published.draft().model_copy(update=changed)
    return _publish_again(shelf, store, published, draft, SECOND, fitted, recipe, evaluation)


def like(published: Manifest, recipe: Recipe) -> Recipe:
    """`recipe` with the images of a published version, and its kind of first network."""
    facts = published.provenance
    return replace(recipe, seed=facts.seed, images=facts.images, small=facts.shown == facts.split["training"])


@contextmanager
def borrowed(store: Store, version: int) -> Iterator[Store]:
    """A store with a copy of version `version`: that of `store` may be out of reach once something is trained."""
    store.require_writable()
    published = store.manifest(version)
    with tempfile.TemporaryDirectory() as folder:
        shelf = FolderStore(folder)
        copy = shelf.folder / str(version)
        copy.mkdir(parents=True)
        store.copy_files(published, copy)
        (copy / MANIFEST).write_text(manifest_text(published), encoding="utf-8")
        yield shelf


def _taken_up(
    store: Store, version: int, kind: Kind, recipe: Recipe, *, keep: bool
) -> tuple[Manifest, Exported | None, Recipe]:
    """Version `version` without its network of this kind; that one, to `keep` it; the recipe of the first network."""
    published = store.verify(version)
    before = exported_in(kind, store, published) if keep else None
    published = published.model_copy(update={kind.part: None})  # it gets another, or is judged anew
    published.require_servable()
    return published, before, like(published, recipe)


def _publish_again(
    shelf: Store,
    store: Store,
    published: Manifest,
    draft: Draft,
    kind: Kind,
    fitted: Exported,
    recipe: Recipe,
    evaluation: Evaluation,
) -> Manifest:
    """The files of a version of `shelf`, with another network of this kind, and what was measured, as the next one."""
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder)
        shelf.copy_files(published, files)
        fitted.save(kind, files)
        pictures.draw(evaluation, files)
        (files / CARD).write_text(card.text(draft, recipe, evaluation), encoding="utf-8")
        return store.publish(files, draft)


def _with_second(
    first: Reads, fitted: Exported | None, calibration: Calibration, validation: Digits, held_out: Digits
) -> tuple[SecondReader | None, Reads]:
    """The rule for asking the second network and what reads by it; the first alone where there is no use in asking.

    `validation` are the `held_out` digits, normalised.
    """
    if fitted is None:
        return None, first
    rule = second.choose(fitted, first.int8, validation, second.no_digits(held_out), calibration)
    if rule is None:
        return None, first
    return rule, together(first, alone(fitted.network, fitted.tflite), calibration, rule)


def _line_judged(
    line: Exported, reads: Reads, calibration: Calibration, held_out: Digits, evaluation: Evaluation, recipe: Recipe
) -> tuple[LineReader, numbers.NumberReport]:
    """A line network from before, beside others. Raises `TrainerError`: it is not what was trained that is poor."""
    try:
        return numbers.judge(line, reads.int8, calibration, held_out, evaluation.digits, recipe)
    except PoorModelError as error:
        raise TrainerError(f"beside what was trained, {error}") from error


def _acceptance(reads: Reads, calibration: Calibration, validation: Digits) -> Acceptance:
    """Chosen on `validation`, normalised."""
    logits = reads.int8(validation.images)
    return choose_threshold(calibration.scores(logits), _digits(logits) == validation.labels)


def _fit(network: keras.Model, recipe: Recipe, seed: int, seen: Digits, unseen: Digits) -> dict[str, list[float]]:
    """Train `network` in place. Returns the history."""
    if recipe.small:
        optimizer = hasty_muon(steps(seen, recipe.epochs, HASTY_BATCH))
        return learn(
            network, Shift(seed), optimizer, seen, unseen, recipe.epochs, batch=HASTY_BATCH, smoothing=HASTY_SMOOTHING
        )
    return learn(network, Redraw(seed), muon(steps(seen, recipe.epochs)), seen, unseen, recipe.epochs)


def _digits(logits: NDArray[np.float32]) -> NDArray[np.int64]:
    digits: NDArray[np.int64] = logits[:, :NO_DIGIT].argmax(axis=1)
    return digits


def _require_quality(answers: NDArray[np.int_], float_answers: NDArray[np.int_], labels: NDArray[np.uint8]) -> None:
    """Raises `PoorModelError` where the int8 model's answers on the validation split must not be served, digits [n]."""
    accuracy, agreement = float((answers == labels).mean()), float((answers == float_answers).mean())
    if accuracy < LEAST_ACCURACY or agreement < LEAST_AGREEMENT:
        raise PoorModelError(
            f"the int8 model reads {accuracy:.2%} of the validation digits right (wanted: {LEAST_ACCURACY:.0%}) and "
            f"agrees with the float model on {agreement:.2%} (wanted: {LEAST_AGREEMENT:.0%}): nothing is published. "
            "Train longer or on more images."
        )
