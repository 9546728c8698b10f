"""How a model reads what is not plain MNIST: redrawn digits, MNIST-C's corruptions, and pictures that are no digits."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from contract.arrays import Grey
from contract.artifact import LINE_TFLITE, Acceptance, Calibration, Manifest, TestMetrics
from contract.store import Store
from trainer import nondigits
from trainer.conditions import REDRAWN
from trainer.corruptions import CORRUPTIONS, corrupt
from trainer.dataset import make_all, normalised
from trainer.digits import Digits, Maker, plain
from trainer.evaluation import COVERAGE, expected_calibration_error, measure
from trainer.fonts import HANDWRITTEN
from trainer.habits import HABITS, with_habit
from trainer.numbers import NumberReader, NumberReport
from trainer.printed import PRINTED
from trainer.reads import Read, Reads, published
from trainer.ways import WAYS, drawn

SEEDS = {"validation": 2026, "test": 2029}
"""Of every row, and of the choice of what is shown, for either set: as most of what is no digit is not made of digits,
the seed alone keeps what was looked at while the model was developed apart from what it is judged by. Letters come from
the same fonts for both, and of the photographs of clothes a tenth is in both."""


@dataclass(frozen=True)
class Answers:
    """What a model says of n pictures."""

    probabilities: NDArray[np.float64]
    """Of the ten digits, [n, 10]."""
    scores: NDArray[np.float64]
    """[n]; 0 where the normalisation saw nothing."""
    accepted: NDArray[np.bool_]
    """[n]."""
    visible: NDArray[np.bool_]
    """[n]; False where the normalisation saw nothing, which counts as read wrong."""

    def at(self, places: NDArray[np.bool_]) -> "Answers":
        """Those to the pictures at `places`."""
        return Answers(self.probabilities[places], self.scores[places], self.accepted[places], self.visible[places])

    def confidence(self) -> NDArray[np.float64]:
        """[n]; 0 where the normalisation saw nothing."""
        return np.where(self.visible, self.probabilities.max(axis=1), 0)

    def right(self, labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
        right: NDArray[np.bool_] = self.visible & (self.probabilities.argmax(axis=1) == labels)
        return right


class Reader:
    """What turns images into logits, behind its calibration and its acceptance rule."""

    def __init__(self, read: Read, calibration: Calibration, acceptance: Acceptance) -> None:
        self._read = read
        self._calibration = calibration
        self._acceptance = acceptance

    def read(self, images: Grey) -> Answers:
        """Answers to normalised images, uint8 [n, 28, 28]; one that is all paper was refused as blank."""
        logits = self._read(images)
        visible = images.reshape(len(images), -1).max(axis=1) > 0
        probabilities, scores = self._calibration.judged(logits)
        scores = np.where(visible, scores, 0)
        return Answers(probabilities, scores, self._acceptance.accepts(scores), visible)


@dataclass(frozen=True)
class Row:
    """How digits of one kind are read: shares of all of them."""

    name: str
    images: int
    right: float
    accepted: float
    accepted_wrong: float


@dataclass(frozen=True)
class Kind:
    """What becomes of non-digits of one kind: shares of all of them."""

    name: str
    images: int
    blank: float
    """Refused by the normalisation."""
    accepted: float
    accepted_at_coverage: float
    confident_at_coverage: float
    """Accepted were it for the ten probabilities alone, without the output for "no digit"."""


@dataclass(frozen=True)
class Report:
    seed: int
    plain: Row
    redrawn: list[Row]
    habits: list[Row]
    drawn: list[Row]
    """Of nobody's handwriting, a row for each of the ten."""
    redrawn_calibration_error: float
    """Of those redrawn digits in which something can be seen."""
    printed: list[Row]
    """That nobody wrote."""
    corrupted: list[Row]
    non_digits: list[Kind]
    missing: list[str]
    """What this machine cannot show, and what would have to be installed."""


@dataclass(frozen=True)
class Evaluation:
    """What a model does with the digits of one set, and the int8 model's answers to each of them."""

    name: str
    digits: Digits
    answers: Answers
    metrics: TestMetrics
    report: Report
    numbers: NumberReport | None = None
    """Where the version reads whole numbers."""


def evaluate(
    name: str,
    digits: Digits,
    validation: Digits,
    reads: Reads,
    calibration: Calibration,
    acceptance: Acceptance,
    pictures: int,
) -> Evaluation:
    """Everything that is measured of a model on `digits`, the set called `name`, of `SEEDS`, as MNIST has them.

    `validation`, normalised, tells at which score non-digits are counted at `COVERAGE`; `pictures` make a row of the
    report.
    """
    images = normalised(digits, name).images
    reader = Reader(reads.int8, calibration, acceptance)
    answers = reader.read(images)
    in_float = calibration.probabilities(reads.float32(images))
    metrics = TestMetrics(
        images=len(digits),
        float32=measure(in_float, digits.labels),
        int8=measure(answers.probabilities, digits.labels),
    )
    held_out = reader.read(validation.images)
    return Evaluation(name, digits, answers, metrics, _report(reader, digits, answers, held_out, pictures, SEEDS[name]))


def evaluate_version(
    name: str, digits: Digits, validation: Digits, store: Store, manifest: Manifest, pictures: int
) -> Evaluation:
    """The same of a published version, whose files were checked; sets as MNIST has them. Raises `ArtifactError`."""
    manifest.require_servable()
    unseen, reads = normalised(validation, "validation"), published(store, manifest)
    found = evaluate(name, digits, unseen, reads, manifest.calibration, manifest.acceptance, pictures)
    if (line := manifest.line) is None:
        return found
    reader = NumberReader(reads.int8, manifest.calibration, store.read(manifest, LINE_TFLITE))
    return replace(found, numbers=reader.report(digits, pictures, line.temperature, line.threshold))


def _report(reader: Reader, digits: Digits, answers: Answers, held_out: Answers, pictures: int, seed: int) -> Report:
    shown = _some(digits, np.arange(len(digits)), pictures, seed)
    redrawn = _read(reader, REDRAWN, shown, seed, "Redrawing digits")
    corruptions = {name: partial(corrupt, name) for name in CORRUPTIONS}
    corrupted = _read(reader, corruptions, shown, seed, "Corrupting digits")
    kinds, missing = _kinds(reader, shown, held_out, seed)
    printed = {name: maker for name, (fonts, maker) in PRINTED.items() if fonts.is_here()}
    missing += [f"{name} (apt-get install {PRINTED[name][0].packages})" for name in PRINTED if name not in printed]
    return Report(
        seed=seed,
        plain=_row("as MNIST has them", answers, digits.labels),
        redrawn=[_row(name, seen, shown.labels) for name, seen in redrawn.items()],
        habits=[_habit(name, reader, digits, pictures, seed) for name in HABITS],
        drawn=_drawn(reader, pictures, seed),
        redrawn_calibration_error=_calibration_error(list(redrawn.values()), shown.labels),
        printed=[
            _row(name, seen, shown.labels)
            for name, seen in _read(reader, printed, shown, seed, "Setting digits in print").items()
        ],
        corrupted=[_row(name, seen, shown.labels) for name, seen in corrupted.items()],
        non_digits=kinds,
        missing=missing,
    )


def _some(digits: Digits, places: NDArray[np.int64], pictures: int, seed: int) -> Digits:
    """`pictures` of the digits at `places`, at random."""
    return digits.at(np.random.default_rng(seed).permutation(places)[:pictures])


def _read(reader: Reader, makers: Mapping[str, Maker], digits: Digits, seed: int, task: str) -> dict[str, Answers]:
    if not makers:
        return {}
    places = np.arange(len(digits))
    images = make_all([(maker, places) for maker in makers.values()], digits, seed, task)
    return {name: reader.read(part) for name, part in zip(makers, np.split(images, len(makers)), strict=True)}


def _row(name: str, answers: Answers, labels: NDArray[np.uint8]) -> Row:
    right = answers.right(labels)
    return Row(
        name=name,
        images=len(labels),
        right=float(right.mean()),
        accepted=float(answers.accepted.mean()),
        accepted_wrong=float((answers.accepted & ~right).mean()),
    )


def _habit(name: str, reader: Reader, digits: Digits, pictures: int, seed: int) -> Row:
    """Those digits alone that have this habit."""
    shown = _some(digits, np.flatnonzero(digits.labels == HABITS[name][0]), pictures, seed)
    [seen] = _read(reader, {name: partial(with_habit, name)}, shown, seed, f"Drawing {name}").values()
    return _row(name, seen, shown.labels)


def _drawn(reader: Reader, pictures: int, seed: int) -> list[Row]:
    """As many of each digit, in all its ways."""
    labels = np.repeat(np.array(list(WAYS), np.uint8), pictures)
    nothing = Digits(np.zeros((len(labels), 0, 0), np.uint8), labels)
    [seen] = _read(reader, {"": drawn}, nothing, seed, "Drawing digits from strokes").values()
    return [
        _row(f"{digit}: {'; '.join(ways)}", seen.at(labels == digit), labels[labels == digit])
        for digit, ways in WAYS.items()
    ]


def _calibration_error(rows: list[Answers], labels: NDArray[np.uint8]) -> float:
    probabilities = np.concatenate([row.probabilities[row.visible] for row in rows])
    return expected_calibration_error(probabilities, np.concatenate([labels[row.visible] for row in rows]))


def _kinds(reader: Reader, digits: Digits, held_out: Answers, seed: int) -> tuple[list[Kind], list[str]]:
    """As many of each kind as there are `digits`, and what this machine lacks for others."""
    score, confidence = (float(np.quantile(of, 1 - COVERAGE)) for of in (held_out.scores, held_out.confidence()))
    makers: dict[str, Maker] = {
        "blank paper": nondigits.blank,
        "scribbles": nondigits.scribble,
        "shapes": nondigits.shape,
    }
    missing = []
    if HANDWRITTEN.is_here():
        makers["letters"] = nondigits.letter
    else:
        missing.append(f"letters, and marks among digits (apt-get install {HANDWRITTEN.packages})")
    seen = _read(reader, makers, digits, seed, "Drawing what is no digit")
    if photographs := nondigits.photographs():
        some = _some(photographs, np.arange(len(photographs)), len(digits), seed)
        seen |= _read(reader, {"photographs of clothes (Fashion-MNIST)": plain}, some, seed, "Looking at photographs")
    else:
        missing.append(f"photographs (apt-get install {nondigits.FASHION_PACKAGE})")
    return [
        Kind(
            name=name,
            images=len(answers.visible),
            blank=float((~answers.visible).mean()),
            accepted=float(answers.accepted.mean()),
            accepted_at_coverage=float((answers.scores >= score).mean()),
            confident_at_coverage=float((answers.confidence() >= confidence).mean()),
        )
        for name, answers in seen.items()
    ], missing
