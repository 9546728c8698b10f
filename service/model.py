"""One loaded version: the network behind the manifest's calibration and acceptance rule."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.artifact import TFLITE, ArtifactError, Manifest
from service.network import Network


@dataclass(frozen=True)
class Answers:
    probabilities: NDArray[np.float64]
    """Calibrated, [n, 10]."""
    accepted: NDArray[np.bool_]
    """[n]."""


class Model:
    """A version that can answer."""

    def __init__(self, manifest: Manifest, tflite: bytes) -> None:
        """Raises `ArtifactError` where `tflite` cannot be run."""
        self.manifest = manifest
        try:
            self._network = Network(tflite)
        except ValueError as error:
            raise ArtifactError(f"{TFLITE} of version {manifest.version}: {error}") from error

    def answer(self, images: NDArray[np.uint8]) -> Answers:
        """What normalised images, uint8 [n, 28, 28] with ink 255, say."""
        return self.answers(self.logits(images))

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the network makes of them, [n, 11]."""
        return self._network.logits(images)

    def answers(self, logits: NDArray[np.float32]) -> Answers:
        calibration, acceptance = self.manifest.calibration, self.manifest.acceptance
        return Answers(calibration.probabilities(logits), acceptance.accepts(calibration.scores(logits)))
