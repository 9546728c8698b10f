"""How a model reads what is not plain MNIST: redrawn digits, MNIST-C's corruptions, and pictures that are no digits."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from contract.artifact import KERAS, TFLITE, Acceptance, Calibration, Manifest, TestMetrics, probabilities, scores
from contract.store import Store
from trainer import nondigits
from trainer.conditions import MAKERS as CONDITIONS
from trainer.corruptions import CORRUPTIONS, corrupt
from trainer.dataset import make_all, normalised
from trainer.digits import Digits, Grey, Maker, plain
from trainer.evaluation import expected_calibration_error, measure
from trainer.export import float_logits, int8_logits

SEED = 2026
"""Of every row."""

PICTURES = 1000
"""In a row: of as many digits, the first of their set, or of no digits."""

COVERAGE = 0.99
"""The operating point at which no digits are counted a second time."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Row(_Part):
    """How digits of one kind are read: shares of all of them."""

    name: str
    images: int
    right: float
    accepted: float
    accepted_wrong: float


class Kind(_Part):
    """What becomes of no digits of one kind: shares of all of them."""

    name: str
    images: int
    blank: float
    """Refused by the normalisation."""
    accepted: float
    accepted_at_coverage: float
    """Accepted by a threshold that accepts `COVERAGE` of the plain digits."""


class Report(_Part):
    redrawn: list[Row]
    redrawn_calibration_error: float
    corrupted: list[Row]
    non_digits: list[Kind]
    missing: list[str]
    """Kinds of no digits that this machine cannot show, and what would have to be installed."""


class Reader:
    """An int8 model behind its calibration and its acceptance rule."""

    def __init__(self, tflite: bytes, calibration: Calibration, acceptance: Acceptance) -> None:
        self._tflite = tflite
        self._calibration = calibration
        self.acceptance = acceptance

    def outputs(self, images: Grey) -> NDArray[np.float64]:
        """Calibrated outputs [n, 11] of normalised images, uint8 [n, 28, 28]."""
        return self._calibration.outputs(int8_logits(self._tflite, images))


@dataclass(frozen=True)
class Evaluation:
    """What a model does with the digits of one set; `outputs` are the int8 model's, [n, 11], for each of `digits`."""

    digits: Digits
    outputs: NDArray[np.float64]
    metrics: TestMetrics
    report: Report


def evaluate(
    network: keras.Model,
    tflite: bytes,
    calibration: Calibration,
    acceptance: Acceptance,
    digits: Digits,
    pictures: int = PICTURES,
) -> Evaluation:
    """Everything that is measured of a model, on `digits` as MNIST has them."""
    reader = Reader(tflite, calibration, acceptance)
    images = normalised(digits, "test").images
    outputs = reader.outputs(images)
    in_float = calibration.outputs(float_logits(network, images))
    metrics = TestMetrics(
        images=len(digits),
        float32=measure(probabilities(in_float), digits.labels),
        int8=measure(probabilities(outputs), digits.labels),
    )
    return Evaluation(digits, outputs, metrics, report(reader, digits, outputs, pictures))


def evaluate_version(store: Store, manifest: Manifest, digits: Digits, pictures: int = PICTURES) -> Evaluation:
    """The same of a published version, whose files were checked."""
    network = keras.models.load_model(store.folder / str(manifest.version) / KERAS, compile=False)
    tflite = store.read(manifest, TFLITE)
    return evaluate(network, tflite, manifest.calibration, manifest.acceptance, digits, pictures)


def report(reader: Reader, digits: Digits, outputs: NDArray[np.float64], pictures: int) -> Report:
    """What is read of other pictures than `digits`, of which the reader says `outputs`."""
    shown = Digits(digits.images[:pictures], digits.labels[:pictures])
    redrawn = _read(reader, CONDITIONS, shown, "Redrawing digits")
    corrupted = _read(reader, {name: partial(corrupt, name) for name in CORRUPTIONS}, shown, "Corrupting digits")
    everything = np.concatenate([outputs for outputs, _ in redrawn.values()])
    kinds, missing = _kinds(reader, shown, float(np.quantile(scores(outputs), 1 - COVERAGE)))
    return Report(
        redrawn=[_row(name, seen, shown, reader.acceptance) for name, seen in redrawn.items()],
        redrawn_calibration_error=expected_calibration_error(
            probabilities(everything), np.tile(shown.labels, len(redrawn))
        ),
        corrupted=[_row(name, seen, shown, reader.acceptance) for name, seen in corrupted.items()],
        non_digits=kinds,
        missing=missing,
    )


Seen = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""Outputs [n, 11], and for which of the pictures there was anything to read, [n]."""


def _read(reader: Reader, makers: Mapping[str, Maker], digits: Digits, task: str) -> dict[str, Seen]:
    places = np.arange(len(digits))
    images = make_all([(maker, places) for maker in makers.values()], digits, SEED, task)
    sets = np.split(images, len(makers))
    return {name: _seen(reader, images) for name, images in zip(makers, sets, strict=True)}


def _seen(reader: Reader, images: Grey) -> Seen:
    visible = images.max(axis=(1, 2)) > 0
    return reader.outputs(images), np.asarray(visible)


def _row(name: str, seen: Seen, digits: Digits, acceptance: Acceptance) -> Row:
    """A picture in which nothing is seen counts as read wrong, and as not accepted."""
    outputs, visible = seen
    right = visible & (probabilities(outputs).argmax(axis=1) == digits.labels)
    accepted = visible & acceptance.accepts(outputs)
    return Row(
        name=name,
        images=len(digits),
        right=right.mean(),
        accepted=accepted.mean(),
        accepted_wrong=(accepted & ~right).mean(),
    )


def _kinds(reader: Reader, digits: Digits, threshold: float) -> tuple[list[Kind], list[str]]:
    """As many of each kind as there are `digits`, and what this machine lacks for others."""
    makers: dict[str, Maker] = {
        "blank paper": nondigits.blank,
        "scribbles": nondigits.scribble,
        "shapes": nondigits.shape,
    }
    missing = []
    if nondigits.fonts():
        makers["letters"] = nondigits.letter
    else:
        missing.append(f"letters (apt-get install {nondigits.FONT_PACKAGES})")
    seen = _read(reader, makers, digits, "Drawing what is no digit")
    if photographs := nondigits.photographs():
        some = Digits(photographs.images[: len(digits)], photographs.labels[: len(digits)])
        seen |= _read(reader, {"photographs (Fashion-MNIST)": plain}, some, "Looking at photographs")
    else:
        missing.append(f"photographs (apt-get install {nondigits.FASHION_PACKAGE})")
    return [
        Kind(
            name=name,
            images=len(outputs),
            blank=(~visible).mean(),
            accepted=(visible & reader.acceptance.accepts(outputs)).mean(),
            accepted_at_coverage=(visible & (scores(outputs) >= threshold)).mean(),
        )
        for name, (outputs, visible) in seen.items()
    ], missing
