"""One loaded version: the network behind the manifest's calibration and acceptance rule."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from contract import opinion
from contract.arrays import Grey, Logits
from contract.artifact import LINE_TFLITE, SECOND_TFLITE, TFLITE, ArtifactError, Manifest
from contract.line import Strip, windows
from contract.number import Number, number
from contract.store import Store
from service.network import DIGIT, LINE, Network, Shapes


def networks(store: Store, manifest: Manifest) -> tuple[bytes, bytes | None, bytes | None]:
    """What reads a digit, what a line, and what gives a second opinion, where there is one. Raises `ArtifactError`."""
    line = store.read(manifest, LINE_TFLITE) if manifest.line else None
    return store.read(manifest, TFLITE), line, store.read(manifest, SECOND_TFLITE) if manifest.second else None


@dataclass(frozen=True)
class Answers:
    probabilities: NDArray[np.float64]
    """Calibrated, [n, 10]."""
    accepted: NDArray[np.bool_]
    """[n]."""


class Answer(NamedTuple):
    probabilities: list[float]
    """Calibrated, of the ten digits."""
    accepted: bool


class Model:
    """A version that can answer."""

    def __init__(
        self,
        manifest: Manifest,
        tflite: bytes,
        line_tflite: bytes | None = None,
        second_tflite: bytes | None = None,
    ) -> None:
        """Raises `ArtifactError` where one of the networks cannot be run."""
        self.manifest = manifest
        self._network = self._loaded(TFLITE, tflite, DIGIT)
        self._line = self._loaded(LINE_TFLITE, line_tflite, LINE) if line_tflite is not None else None
        self._second = self._loaded(SECOND_TFLITE, second_tflite, DIGIT) if second_tflite is not None else None

    def _loaded(self, name: str, tflite: bytes, shapes: Shapes) -> Network:
        try:
            return Network(tflite, shapes)
        except ValueError as error:
            raise ArtifactError(f"{name} of version {self.manifest.version}: {error}") from error

    def answer(self, images: Grey) -> Answers:
        """What normalised images, uint8 [n, 28, 28] with ink 255, say."""
        return self._answer(images, self._network.logits(images))

    def _answer(self, images: Grey, logits: Logits) -> Answers:
        """From what the first network says."""
        probabilities, scores = self.manifest.calibration.judged(logits)
        second, rule = self._second, self.manifest.second
        if second and rule and opinion.ask(partial(_one_by_one, second), images, logits, scores, rule):
            probabilities, scores = self.manifest.calibration.judged(logits)
        return Answers(probabilities, self.manifest.acceptance.accepts(scores))

    def answer_one(self, image: Grey) -> Answer:
        """The same of a single one, uint8 [28, 28], in plain numbers: numpy's calls would take longer than the network.

        But for what the second network is asked about.
        """
        images = image[np.newaxis]
        logits = self._network.logits(images)
        probabilities, score = self.manifest.calibration.judged_one(logits[0].tolist())
        if self.manifest.second and score < self.manifest.second.ask_below:
            answers = self._answer(images, logits)
            return Answer(answers.probabilities[0].tolist(), bool(answers.accepted[0]))
        return Answer(probabilities, score >= self.manifest.acceptance.threshold)

    def _logits(self, images: Grey) -> Logits:
        """Of both networks together."""
        if self._second is None or self.manifest.second is None:
            return self._network.logits(images)
        second = partial(_one_by_one, self._second)
        return opinion.logits(images, self._network.logits, second, self.manifest.calibration, self.manifest.second)

    def number(self, line: Strip) -> tuple[Number, Answers] | None:
        """The number in a line of writing; None where this version reads single digits only."""
        if self._line is None or self.manifest.line is None:
            return None
        frames = [self._line.logits(window[np.newaxis])[0] for window in windows(line.ink)]
        found = number(line, frames, self.manifest.line.temperature, self._logits, self.manifest.calibration)
        return found, Answers(found.probabilities, found.scores >= self.manifest.line.threshold)


def _one_by_one(network: Network, images: Grey) -> Logits:
    """Their count is another each time, and for each the network would be made ready anew."""
    return np.concatenate([network.logits(image[np.newaxis]) for image in images])
