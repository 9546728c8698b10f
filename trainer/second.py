"""The second network of a version, which is asked about the images that the first one is not sure of."""

import time
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from contract import opinion
from contract.artifact import Calibration, SecondReader
from contract.spelling import NO_DIGIT
from trainer.apart import Fitted
from trainer.augmentation import Redraw
from trainer.dataset import ROBUST_SHARES, STRANGE_SHARES, TURNS, make_all, normalised, training_set
from trainer.digits import Digits, Grey, Maker
from trainer.evaluation import COVERAGE
from trainer.export import Int8Model, examples_of, to_int8
from trainer.learning import ANYTHING, Batches, learn
from trainer.network import build_second, sum_of
from trainer.optimizer import muon
from trainer.reads import Read
from trainer.recipe import Recipe
from trainer.revision import source_revision
from trainer.signs import more_no_digit

ASKED = 0.07
"""Share of the validation digits that the second network is asked about: some more than are refused in the end, so that
none is refused on the word of the first alone. With twice as many no more are read right, and no less of what is no
digit is accepted."""

SEED = 2**40
"""Of the pictures by which it is chosen what "no digit" gains: those of trainings are smaller."""

PICTURES = 2000
"""How many of those there are."""

DOUBTS = [step / 2 for step in range(11)]
"""What "no digit" may gain."""


@dataclass(frozen=True)
class Lesson:
    """What one of the networks whose logits are added learns from."""

    shares: dict[Maker, float]
    """Of what is shown beside all plain digits, in turn."""
    pace: float
    """Its epochs, for each one of the recipe's."""
    says_nothing: bool
    """Of all that is shown in turn it learns to say that it may be anything, so that the others decide."""


LESSONS = (Lesson(ROBUST_SHARES, 1, says_nothing=False), Lesson(STRANGE_SHARES, 0.45, says_nothing=True))
"""What is harder to read makes a network robust, and worse at what is easy: one learns both, one what is easy alone."""


@dataclass(frozen=True)
class Member:
    """One of those networks."""

    network: keras.Model
    losses: list[float]
    """Of each epoch."""
    seconds: float
    """Wall-clock time of the training alone."""
    shown: int
    """Pictures in one epoch."""
    examples: Grey
    """Some of each kind of those."""


def fit(training: Digits, validation: Digits, recipe: Recipe) -> Fitted:
    """The training alone: of `training`, one network for each of the `LESSONS`; both sets as MNIST has them."""
    revision = source_revision()
    seen, unseen = normalised(training, "training"), normalised(validation, "validation")
    return joined([member(training, number, seen, unseen, recipe) for number in range(len(LESSONS))], revision)


def member(training: Digits, number: int, seen: Digits, unseen: Digits, recipe: Recipe) -> Member:
    """One cycle of the learning rate over all plain digits, `seen`, and by turns over what is made of them.

    `seen` is `training`, normalised, `unseen` the validation digits.
    """
    lesson, seed = LESSONS[number], recipe.seed + number
    epochs = max(1, round(lesson.pace * recipe.second_epochs))
    keras.utils.set_random_seed(seed)
    turns = [training_set(training, seed * TURNS + turn, lesson.shares) for turn in range(TURNS)]
    if lesson.says_nothing:
        turns = [Digits(turn.images, np.full_like(turn.labels, ANYTHING)) for turn in turns]
    batches = Batches(seen, seed, turns)
    network = build_second(f"reader_{number + 1}")
    started = time.monotonic()
    losses = learn(network, Redraw(seed), muon(len(batches) * epochs), batches, unseen, epochs)["loss"]
    seconds = time.monotonic() - started
    return Member(network, losses, seconds, batches.shown, examples_of(seen.and_(turns[0]).images))


def joined(trained: list[Member], revision: str) -> Fitted:
    """What adds the logits of all that were `trained`."""
    network = sum_of([one.network for one in trained])
    epochs = sum(len(one.losses) for one in trained)
    return Fitted(
        network,
        to_int8(network, np.concatenate([one.examples for one in trained])),
        [loss for one in trained for loss in one.losses],
        round(sum(one.shown * len(one.losses) for one in trained) / epochs),
        round(sum(one.seconds for one in trained), 1),
        revision,
        epochs,
    )


def no_digits(digits: Digits) -> Grey:
    """What is no digit, made of `digits`, as MNIST has them, by the programs that draw what it learns from."""
    places = np.arange(min(PICTURES, len(digits)))
    images = make_all([(more_no_digit, places)], digits, SEED, "Drawing what is no digit")
    return images[images.any(axis=(1, 2))]


def choose(
    fitted: Fitted, first: Read, validation: Digits, others: Grey, calibration: Calibration
) -> SecondReader | None:
    """When the second network is asked and what it counts beside the `first`, whose `calibration` this is.

    All images are normalised, and the `others` are no digits. None unless more of `validation` is read right then:
    there is no use in asking.
    """
    first, second = _remembered(first), _remembered(Int8Model(fitted.tflite))
    said = first(validation.images)
    scores = calibration.scores(said)
    ask_below = float(np.quantile(scores, ASKED))
    doubtful = scores < ask_below
    own, other = said[doubtful], second(validation.images[doubtful])
    wanted = np.arange(len(own)), validation.labels[doubtful]

    def surprise(weight: float) -> float:
        """Negative log-likelihood of the right digits; convex."""
        found = calibration.probabilities(weight * (own + other))
        return float(-np.log(found[wanted] + 1e-12).mean())

    weight = float(minimize_scalar(surprise, bounds=(0.1, 2), method="bounded").x)
    read, before = (logits[:, :NO_DIGIT].argmax(axis=1) for logits in (own + other, own))
    if (read == wanted[1]).sum() <= (before == wanted[1]).sum():
        return None
    rule = SecondReader(
        ask_below=ask_below,
        weight=round(weight, 3),
        chosen=f"asked about {ASKED:.1%} of {len(scores)} validation images (int8); weight of the least negative "
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
