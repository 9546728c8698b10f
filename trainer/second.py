"""The second network of a version, which is asked about the images that the first one is not sure of."""

import time

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from contract import opinion
from contract.artifact import Calibration, SecondReader
from contract.spelling import NO_DIGIT
from trainer.apart import Fitted
from trainer.augmentation import Redraw
from trainer.dataset import PLAIN_SHARES, SECOND_SHARES, make_all, normalised, training_set
from trainer.digits import Digits, Grey
from trainer.errors import TrainerError
from trainer.evaluation import COVERAGE
from trainer.export import Int8Model, examples_of, to_int8
from trainer.learning import learn, steps
from trainer.network import build_second, copy, halfway, members, sum_of
from trainer.optimizer import muon
from trainer.reads import Read
from trainer.recipe import Recipe
from trainer.revision import source_revision
from trainer.signs import more_no_digit

ASKED = 0.07
"""Share of the validation digits that the second network is asked about: some more than are refused in the end, so that
none is refused on the word of the first alone. With twice as many no more are read right, and no less of what is no
digit is accepted."""

SEED = 2027
"""Of the pictures by which it is chosen what "no digit" gains: not that of a training, unless somebody asks for it."""

PICTURES = 2000
"""How many of those there are."""

DOUBTS = [step / 2 for step in range(11)]
"""What "no digit" may gain."""


def fit(
    training: Digits,
    validation: Digits,
    recipe: Recipe,
    before: Fitted | None = None,
    *,
    plain: bool = False,
) -> Fitted:
    """The training alone: one cycle of the learning rate over pictures made of `training`; both as MNIST has them.

    The network that was fitted `before` learns on, from other pictures, and the result adds the logits of what it was
    at first and of what it becomes: a snapshot ensemble (Huang et al. 2017). From `plain` ones, by `PLAIN_SHARES`, both
    learn on, and each becomes the mean of its weights before and after, as it forgets some of the others (Wortsman et
    al. 2022). Raises `TrainerError` where there are not two.
    """
    revision = source_revision()
    earlier = members(before.network) if before else []
    if plain and len(earlier) < 2:
        raise TrainerError("from plain digits two networks learn on, here is one: let it learn on with --more first")
    epochs, seconds = (before.epochs, before.seconds) if before else (0, 0.0)
    seed = recipe.seed + epochs
    keras.utils.set_random_seed(seed)
    seen = training_set(training, seed, PLAIN_SHARES if plain else SECOND_SHARES)
    unseen = normalised(validation, "validation")
    learners = [copy(one, "digits") for one in (earlier if plain else earlier[-1:])] or [build_second()]
    losses: list[float] = []
    started = time.monotonic()
    for number, network in enumerate(learners):
        optimizer = muon(steps(seen, recipe.second_epochs))
        losses += learn(network, Redraw(seed + number), optimizer, seen, unseen, recipe.second_epochs)["loss"]
    seconds += time.monotonic() - started
    networks = [halfway(*both) for both in zip(earlier, learners, strict=True)] if plain else earlier[:1] + learners
    network = sum_of(networks) if before else networks[0]
    tflite = to_int8(network, examples_of(seen.images))
    return Fitted(network, tflite, losses, len(seen), round(seconds, 1), revision, epochs + len(losses))


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
