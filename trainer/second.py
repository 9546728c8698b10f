"""The second network of a version, which is asked about the images that the first one is not sure of."""

import time

import keras
import numpy as np
from scipy.optimize import minimize_scalar

from contract.artifact import Calibration, SecondReader
from contract.opinion import Logits
from contract.spelling import NO_DIGIT
from trainer.apart import Fitted
from trainer.augmentation import Redraw
from trainer.dataset import SECOND_SHARES, normalised, training_set
from trainer.digits import Digits
from trainer.export import Int8, to_int8
from trainer.learning import learn, steps
from trainer.network import build_second, copy, members, sum_of
from trainer.optimizer import PEAK_RATE, muon
from trainer.recipe import Recipe
from trainer.revision import source_revision

ASKED = 0.07
"""Share of the validation digits that the second network is asked about: some more than are refused in the end, so that
none is refused on the word of the first alone. With twice as many no more are read right, and no less of what is no
digit is accepted."""

SNAPSHOTS = 3
"""Networks of which the second consists at most."""

EXAMPLES = 1000
"""Pictures of the training set, some of each kind, from which the int8 ranges are taken."""


def fit(training: Digits, validation: Digits, recipe: Recipe, before: Fitted | None = None) -> Fitted:
    """The training alone: one cycle of the learning rate over pictures made of `training`; both as MNIST has them.

    The network that was fitted `before` learns on, from other pictures, and the result adds the logits of what it was,
    of its last `SNAPSHOTS`, and of what it becomes: a snapshot ensemble (Huang et al. 2017), each of which counts as
    much as the first network.
    """
    revision = source_revision()
    earlier = members(before.network) if before else []
    seed = recipe.seed + (before.epochs if before else 0)
    keras.utils.set_random_seed(seed)
    seen = training_set(training, seed, SECOND_SHARES)
    unseen = normalised(validation, "validation")
    network = copy(earlier[-1], "digits") if earlier else build_second()
    # One that learns on has less to unlearn.
    optimizer = muon(steps(seen, recipe.second_epochs), PEAK_RATE / 2 if earlier else PEAK_RATE)
    started = time.monotonic()
    history = learn(network, Redraw(seed), optimizer, seen, unseen, recipe.second_epochs)
    seconds, epochs = round(time.monotonic() - started, 1), recipe.second_epochs
    if before:
        network = sum_of([*earlier, network][-SNAPSHOTS:])
        seconds, epochs = seconds + before.seconds, epochs + before.epochs
    examples = seen.images[:: -(-len(seen) // EXAMPLES)]
    return Fitted(network, to_int8(network, examples), history["loss"], len(seen), seconds, revision, epochs)


def choose(fitted: Fitted, first: Logits, validation: Digits, calibration: Calibration) -> SecondReader | None:
    """When the second network is asked and what it counts, from what the first, calibrated, says of `validation`.

    `validation` is normalised. None where more of it is read wrong then: there is no use in asking.
    """
    scores, labels = calibration.scores(first), validation.labels
    ask_below = float(np.quantile(scores, ASKED))
    doubtful = scores < ask_below
    own, other = first[doubtful], Int8(fitted.tflite)(validation.images[doubtful])
    wanted = np.arange(len(own)), labels[doubtful]

    def surprise(weight: float) -> float:
        """Negative log-likelihood of the right digits; convex."""
        found = calibration.probabilities(weight * (own + other))
        return float(-np.log(found[wanted] + 1e-12).mean())

    weight = float(minimize_scalar(surprise, bounds=(0.1, 2), method="bounded").x)
    read, before = (logits[:, :NO_DIGIT].argmax(axis=1) for logits in (own + other, own))
    if (read == wanted[1]).sum() <= (before == wanted[1]).sum():
        return None
    return SecondReader(
        ask_below=ask_below,
        weight=round(weight, 3),
        chosen=f"asked about {ASKED:.1%} of {len(labels)} validation images (int8); weight of the least negative "
        "log-likelihood of those",
        asked=float(doubtful.mean()),
        **fitted.facts(),
    )
