"""The second network of a version, which is asked about the images that the first one is not sure of."""

import time

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from contract import opinion
from contract.arrays import Grey
from contract.artifact import Calibration, SecondReader
from contract.spelling import NO_DIGIT
from trainer.apart import Exported, Trained
from trainer.augmentation import Redraw
from trainer.dataset import LATER_SHARES, SECOND_SHARES, make_all, normalised, training_set
from trainer.digits import Digits
from trainer.evaluation import COVERAGE
from trainer.export import Int8Model, examples_of
from trainer.learning import learn, steps
from trainer.network import build_second, copy
from trainer.optimizer import PEAK_RATE, muon
from trainer.reads import Read
from trainer.recipe import Recipe
from trainer.revision import source_revision
from trainer.signs import more_no_digit

ASKED = 0.07
"""Share of the validation digits that the second network is asked about: some more than are refused in the end, so that
none is refused on the word of the first alone. With twice as many no more are read right, and no less of what is no
digit is accepted."""

LATER_PEAK_RATE = 5e-3
"""Of the learning rate, where it learns on."""

SEED = 2027
"""Of the pictures by which it is chosen what "no digit" gains: not that of a training, unless somebody asks for it."""

PICTURES = 2000
"""How many of those there are."""

DOUBTS = [step / 2 for step in range(11)]
"""What "no digit" may gain."""


def fit(training: Digits, validation: Digits, recipe: Recipe, before: Exported | None = None) -> Trained:
    """The training alone: one cycle of the learning rate over pictures made of `training`; both as MNIST has them.

    What was fitted `before` learns on, from other pictures, half by their labels, half by what it said of them before.
    """
    revision = source_revision()
    epochs, seconds = (before.epochs, before.seconds) if before else (0, 0.0)
    seed = recipe.seed + epochs
    keras.utils.set_random_seed(seed)
    seen = training_set(training, seed, LATER_SHARES if before else SECOND_SHARES)
    unseen = normalised(validation, "validation")
    network = copy(before.network, "digits") if before else build_second()
    optimizer = muon(steps(seen, recipe.second_epochs), LATER_PEAK_RATE if before else PEAK_RATE)
    started = time.monotonic()
    learn(network, Redraw(seed), optimizer, seen, unseen, recipe.second_epochs, before.network if before else None)
    seconds += time.monotonic() - started
    return Trained(
        network=network,
        examples=examples_of(seen.images),
        shown=len(seen),
        seconds=round(seconds, 1),
        revision=revision,
        epochs=epochs + recipe.second_epochs,
    )


def no_digits(digits: Digits) -> Grey:
    """What is no digit, made of `digits`, as MNIST has them, by the programs that draw what it learns from."""
    places = np.arange(min(PICTURES, len(digits)))
    images = make_all([(more_no_digit, places)], digits, SEED, "Drawing what is no digit")
    return images[images.any(axis=(1, 2))]


def choose(
    fitted: Exported, first: Read, validation: Digits, others: Grey, calibration: Calibration
) -> SecondReader | None:
    """When the second network is asked and what it counts beside the `first`, whose `calibration` this is.

    All images are normalised, and the `others` are non-digits. None unless more of `validation` is read right then:
    there is no use in asking.
    """
    first, second = _remembered(first), _remembered(Int8Model(fitted.tflite))
    said = first(validation.images)
    scores = calibration.scores(said)
    ask_below = float(np.quantile(scores, ASKED))
    doubtful = scores < ask_below
    own, other = said[doubtful], second(validation.images[doubtful])
    wanted = np.arange(len(own)), validation.labels[doubtful]

    def surprise(weights: NDArray[np.float64]) -> float:
        """Negative log-likelihood of the right digits; convex."""
        found = calibration.probabilities(weights[0] * own + weights[1] * other)
        return float(-np.log(found[wanted] + 1e-12).mean())

    weight, others_weight = minimize(surprise, (0.5, 0.5), bounds=[(0.05, 2)] * 2, method="Nelder-Mead").x
    counts = round(others_weight / weight, 2)
    read, before = (logits[:, :NO_DIGIT].argmax(axis=1) for logits in (own + counts * other, own))
    if (read == wanted[1]).sum() <= (before == wanted[1]).sum():
        return None
    rule = SecondReader(
        ask_below=ask_below,
        weight=round(weight, 3),
        counts=counts,
        chosen=f"asked about {ASKED:.1%} of {len(scores)} validation images (int8); weights of the least negative "
        f'log-likelihood of those; "no digit" gains that with which least is accepted of {len(others)} no digits, '
        f"drawn anew by the programs that it learned from, where {COVERAGE:.0%} of validation images are",
        asked=float(doubtful.mean()),
        **fitted.facts(),
    )

    def accepted(doubt: float) -> float:
        """Share of the others, where as many digits as wanted are."""
        changed = rule.model_copy(update={"doubt": doubt})
        of_digits, of_others = (
            calibration.scores(opinion.logits(images, first, second, calibration, changed))
            for images in (validation.images, others)
        )
        return float((of_others >= np.quantile(of_digits, 1 - COVERAGE)).mean())

    return rule.model_copy(update={"doubt": min(DOUBTS, key=accepted)})


def _remembered(read: Read) -> Read:
    """The same, that looks but once at the same images."""
    known: dict[bytes, NDArray[np.float32]] = {}

    def remembered(images: Grey) -> NDArray[np.float32]:
        key = images.tobytes()
        if key not in known:
            known[key] = read(images)
        return known[key].copy()

    return remembered
