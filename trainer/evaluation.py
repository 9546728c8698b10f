"""Measuring a model, and choosing its temperature and acceptance threshold."""

import numpy as np
from numpy.typing import NDArray

from contract.arrays import Logits
from contract.artifact import Acceptance, Calibration, Metrics

Labels = NDArray[np.uint8]

ECE_BINS = 15

COVERAGE = 0.99
"""Share of the validation digits that are accepted where those non-digits are counted that would be, too."""

WANTED_ACCURACY = 0.999
"""What accepted answers on the validation split must reach."""


def measure(probabilities: NDArray[np.float64], labels: Labels) -> Metrics:
    """Metrics of calibrated probabilities [n, 10] against labels [n]; the recall of a digit that is not there is 0."""
    confusion = np.zeros((10, 10), np.int64)
    np.add.at(confusion, (labels, probabilities.argmax(axis=1)), 1)
    accuracy = float(np.trace(confusion) / len(labels))
    return Metrics(
        accuracy=accuracy,
        error=1 - accuracy,
        recall=(np.diagonal(confusion) / confusion.sum(axis=1).clip(min=1)).tolist(),
        confusion_matrix=confusion.tolist(),
        expected_calibration_error=expected_calibration_error(probabilities, labels),
    )


def expected_calibration_error(probabilities: NDArray[np.float64], labels: Labels) -> float:
    """Of probabilities [n, 10], against labels [n]."""
    return calibration_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Mean gap between confidence and accuracy over `ECE_BINS` equal bins of confidence (Guo et al. 2017, eq. 3)."""
    bins = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = np.bincount(bins, right - confidence, ECE_BINS)
    return float(np.abs(gaps).sum() / len(right))


def calibrate(logits: Logits, labels: Labels) -> Calibration:
    """The temperature between 0.2 and 5 with the least negative log-likelihood, to 1 %."""

    def loss(temperature: float) -> float:
        probabilities = Calibration(temperature=temperature, chosen="").probabilities(logits)
        return float(-np.log(probabilities[np.arange(len(labels)), labels] + 1e-12).mean())

    best = min(np.geomspace(0.2, 5, 325), key=loss)
    return Calibration(
        temperature=float(best), chosen=f"least negative log-likelihood of {len(labels)} validation images (int8)"
    )


def choose_threshold(
    scores: NDArray[np.float64],
    right: NDArray[np.bool_],
    wanted: float = WANTED_ACCURACY,
    of_what: str = "validation images",
) -> Acceptance:
    """The lowest score from which on answers are at least `wanted` right; both [n], `of_what`."""
    order = np.argsort(-scores, kind="stable")
    score, hits = scores[order], np.cumsum(right[order])
    accuracy = hits / np.arange(1, len(scores) + 1)
    last_of_ties = np.append(score[1:] < score[:-1], True)
    fitting = np.flatnonzero((accuracy >= wanted) & last_of_ties)
    last = int(fitting[-1] if len(fitting) else np.flatnonzero(last_of_ties)[0])
    rule = f"lowest at which accepted answers are {wanted:.1%} right" if len(fitting) else "highest there is"
    return Acceptance(
        score="digit_share",
        threshold=float(score[last]),
        chosen=f"{rule}, on {len(scores)} {of_what}",
        coverage=(last + 1) / len(scores),
        accuracy=float(accuracy[last]),
    )
