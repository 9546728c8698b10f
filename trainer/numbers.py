"""The network of a version that reads whole numbers: trained, calibrated and measured."""

import sys
import time
from dataclasses import dataclass
from math import ceil

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from rich.progress import track
from scipy.optimize import minimize_scalar

from contract import line
from contract.arrays import Grey, Logits
from contract.artifact import Acceptance, Calibration, LineReader
from contract.number import Number, number
from contract.spelling import joined, spell
from trainer.apart import Exported, Trained
from trainer.augmentation import Nudge, by_other_hands
from trainer.digits import Digits
from trainer.errors import PoorModelError
from trainer.evaluation import calibration_error, choose_threshold
from trainer.export import Int8Model, examples_of
from trainer.fonts import HANDWRITTEN
from trainer.lines import END, LONGEST, Lines, training_lines
from trainer.marks import KINDS, marked
from trainer.network import ANSWER, build_line, copy, halfway
from trainer.optimizer import Muon, cycle
from trainer.reads import Read
from trainer.recipe import Recipe
from trainer.revision import source_revision
from trainer.strings import GAPS, Written
from trainer.strings import number as write

BATCH = 64
PEAK_RATE, LATER_PEAK_RATE = 5e-3, 2e-3
"""Of the learning rate, from the beginning and where a network learns on."""

WEIGHT_DECAY = 0.01
EXAMPLES = 300
"""Strips from which the int8 ranges are taken."""

WANTED_ACCURACY = 0.995
"""Of accepted numbers: at four or five digits each some 0.999 of them are right, as of single ones."""

MARKED = 0.2
"""Numbers with each kind of mark for every number with each gap: enough to tell shares of some percent."""

LEAST = 0.5
"""Share of the validation numbers that must be read right."""

SEED = 2026
"""Of the numbers that are measured."""


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is untyped
    """Strips uint8 [64, 32, 256, 1] and their labels, in another order each epoch; Keras would copy them all first."""

    def __init__(self, lines: Lines, seed: int) -> None:
        super().__init__()
        self._lines, self._rng = lines, np.random.default_rng(seed)
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        self._order = self._rng.permutation(len(self._lines))

    def __len__(self) -> int:
        return ceil(len(self._lines) / BATCH)

    def __getitem__(self, place: int) -> tuple[Grey, NDArray[np.int8]]:
        chosen = self._order[place * BATCH : (place + 1) * BATCH]
        return self._lines.strips[chosen][..., np.newaxis], self._lines.labels[chosen]


def fit(digits: Digits, recipe: Recipe, before: Exported | None = None) -> Trained:
    """The training alone: one cycle of the learning rate over numbers written with `digits`.

    What was fitted `before` learns on, from other numbers; half of what it was stays, as with all of the new weights it
    reads fewer numbers (a model soup, Wortsman et al. 2022).
    """
    revision = source_revision()
    epochs, seconds = (before.epochs, before.seconds) if before else (0, 0.0)
    seed = recipe.seed + epochs
    keras.utils.set_random_seed(seed)
    lines = training_lines(by_other_hands(digits, seed), recipe.numbers, seed)
    network = copy(before.network, "line") if before else build_line()
    batches = Batches(lines, seed)
    steps = recipe.number_epochs * len(batches)
    model = keras.Sequential([keras.layers.Rescaling(1 / 255), Nudge(seed), network])
    rate = cycle(LATER_PEAK_RATE if before else PEAK_RATE, steps, steps // 10)
    optimizer = Muon(rate, weight_decay=WEIGHT_DECAY, adam_weight_decay=WEIGHT_DECAY, exclude_layers=[ANSWER])
    model.compile(optimizer=optimizer, loss=_loss)
    started = time.monotonic()
    model.fit(batches, epochs=recipe.number_epochs, verbose=1 if sys.stdout.isatty() else 2)
    seconds += time.monotonic() - started
    return Trained(
        network=halfway(before.network, network) if before else network,
        examples=examples_of(lines.strips, EXAMPLES),
        shown=len(lines),
        seconds=round(seconds, 1),
        revision=revision,
        epochs=epochs + recipe.number_epochs,
    )


@dataclass(frozen=True)
class NumberReport:
    """How numbers of 1 to 8 digits are read, as a whole."""

    exact: dict[str, float]
    """Shares read right, by the gaps between digits."""
    accepted: float
    """Share of all of them."""
    accepted_right: float
    """Share of those."""
    calibration_error: float
    each: int
    """Numbers with a mark among their digits that were written of each kind."""
    marked: dict[str, float]
    """Shares of those that are accepted, by kind; none without the fonts for them."""


class NumberReader:
    """All networks, as served."""

    def __init__(self, read: Read, calibration: Calibration, line_tflite: bytes) -> None:
        """`read` is what reads single digits, and `calibration` its own."""
        self._read = read
        self._calibration = calibration
        self._read_line = Int8Model(line_tflite)

    def frames(self, strip: line.Strip) -> list[Logits]:
        """What the line network says of each window."""
        return list(self._read_line(np.stack(line.windows(strip.ink))))

    def read(self, strip: line.Strip, frames: list[Logits], temperature: float) -> Number:
        return number(strip, frames, temperature, self._read, self._calibration)

    def choose(self, validation: Digits, count: int) -> tuple[float, Acceptance]:
        """The temperature and the rule of acceptance, from `count` numbers for each gap, written with `validation`.

        Raises `PoorModelError` where so few are read right that it must not be served.
        """
        chosen = [one for gap in GAPS for one in _written(validation, gap, count, SEED + 1)]
        strips = [line.strip(one.image) for one in chosen]
        frames = [self.frames(strip) for strip in strips]
        spelled = [joined(some, strip.ink.shape[1]) for some, strip in zip(frames, strips, strict=True)]
        if (share := _right([self.read(*one, 1) for one in zip(strips, frames, strict=True)], chosen).mean()) < LEAST:
            raise PoorModelError(
                f"the line network reads {share:.0%} of the validation numbers right (wanted: {LEAST:.0%}): nothing is "
                "published. Train it longer or on more numbers: train-line."
            )
        temperature = float(
            minimize_scalar(lambda one: _surprise(spelled, chosen, one), bounds=(0.3, 3), method="bounded").x
        )
        read = [self.read(strip, some, temperature) for strip, some in zip(strips, frames, strict=True)]
        return temperature, choose_threshold(
            _least(read), _right(read, chosen), WANTED_ACCURACY, "numbers of validation digits"
        )

    def report(self, digits: Digits, count: int, temperature: float, threshold: float) -> NumberReport:
        """On `count` numbers for each gap, written with `digits`, as MNIST has them."""
        exact, every, rights = {}, [], []
        for gap in GAPS:
            numbers = _written(digits, gap, count, SEED)
            read = self._all([one.image for one in numbers], temperature)
            rights.append(_right(read, numbers))
            exact[gap] = float(rights[-1].mean())
            every += read
        right, accepted = np.concatenate(rights), _least(every) >= threshold
        kinds = KINDS if HANDWRITTEN.is_here() else ()
        each = max(1, round(MARKED * count))
        return NumberReport(
            exact,
            float(accepted.mean()),
            float(right[accepted].mean()) if accepted.any() else 0.0,
            calibration_error(np.array([min(1.0, one.confidence) for one in every]), right),
            each,
            {
                kind: float((_least(self._all(_marked(digits, kind, each), temperature)) >= threshold).mean())
                for kind in kinds
            },
        )

    def _all(self, images: list[Grey], temperature: float) -> list[Number]:
        strips = [line.strip(image) for image in images]
        return [self.read(strip, self.frames(strip), temperature) for strip in strips]


def judge(
    fitted: Exported, read: Read, calibration: Calibration, validation: Digits, test: Digits, recipe: Recipe
) -> tuple[LineReader, NumberReport]:
    """What the manifest says of it, chosen on numbers of `validation` digits, measured on those of `test` digits.

    Both sets are as MNIST has them; `read` is what reads single digits. Raises `PoorModelError`.
    """
    reader = NumberReader(read, calibration, fitted.tflite)
    temperature, rule = reader.choose(validation, recipe.pictures)
    report = reader.report(test, recipe.pictures, temperature, rule.threshold)
    part = LineReader(
        strip=line.VERSION,
        temperature=temperature,
        threshold=rule.threshold,
        chosen=rule.chosen,
        coverage=rule.coverage,
        accuracy=rule.accuracy,
        exact=report.exact,
        expected_calibration_error=report.calibration_error,
        **fitted.facts(),
    )
    return part, report


def _written(digits: Digits, gap: str, count: int, seed: int) -> list[Written]:
    """Numbers with this gap, as many of each length."""
    places = track(range(count), f"Writing numbers with {gap} gaps")
    seeds = [(seed, GAPS.index(gap), place) for place in places]
    return [write(digits, 1 + one[-1] % LONGEST, gap, np.random.default_rng(one)) for one in seeds]


def _marked(digits: Digits, kind: str, count: int) -> list[Grey]:
    """Numbers with such a mark, dark on white."""
    places = track(range(count), f"Writing numbers with a {kind}")
    return [marked(digits, kind, np.random.default_rng((SEED, list(KINDS).index(kind), place))) for place in places]


def _surprise(frames: list[Logits], numbers: list[Written], temperature: float) -> float:
    """Mean negative log-likelihood of the right digits, where their count is right."""
    likelihoods = []
    for one, wanted in zip(frames, numbers, strict=True):
        found = spell(one, temperature).likelihoods
        if len(found) == len(wanted.text):
            likelihoods.append(found[np.arange(len(found)), [int(digit) for digit in wanted.text]])
    return float(-np.log(np.concatenate(likelihoods) + 1e-12).mean())


def _right(read: list[Number], numbers: list[Written]) -> NDArray[np.bool_]:
    return np.array([found.legible and found.text() == one.text for found, one in zip(read, numbers, strict=True)])


def _least(read: list[Number]) -> NDArray[np.float64]:
    """The score of the most doubtful digit of each."""
    return np.array([one.scores.min(initial=1) if one.legible else 0 for one in read])


def _loss(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Connectionist temporal classification: minus the logarithm of the labels' probability, whatever the frames.

    By TensorFlow's older function, whose last class says nothing: on a CPU it is fifteen times as fast as the newer.
    """
    labels = tf.cast(labels, tf.int32)
    places = tf.where(labels != END)
    sparse = tf.SparseTensor(places, tf.gather_nd(labels, places), tf.shape(labels, tf.int64))
    frames = tf.fill([tf.shape(logits)[0]], logits.shape[1])
    return tf.compat.v1.nn.ctc_loss(sparse, logits, frames, time_major=False)
