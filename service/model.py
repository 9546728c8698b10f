"""One loaded version: the LiteRT runtime behind the manifest's calibration and acceptance rule."""

import threading
from dataclasses import dataclass

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from contract.artifact import NO_DIGIT, TFLITE, ArtifactError, Manifest
from contract.normalisation import SIZE


@dataclass(frozen=True)
class Answers:
    probabilities: NDArray[np.float64]
    """Calibrated, [n, 10]."""
    accepted: NDArray[np.bool_]
    """[n]."""


class Model:
    """A version that can answer. One thread at a time runs it; the others wait their turn."""

    def __init__(self, manifest: Manifest, tflite: bytes) -> None:
        """Raises `ArtifactError` where the runtime cannot load `tflite`, or it is not of the manifest's shape."""
        self.manifest = manifest
        self._turn = threading.Lock()
        try:
            self._interpreter = Interpreter(model_content=tflite, num_threads=1)
            self._interpreter.allocate_tensors()
            [self._input] = self._interpreter.get_input_details()
            [self._output] = self._interpreter.get_output_details()
        except (RuntimeError, ValueError) as error:
            raise ArtifactError(f"LiteRT cannot load {TFLITE} of version {manifest.version}: {error}") from error
        shapes = tuple(self._input["shape"]), tuple(self._output["shape"])
        types = self._input["dtype"], self._output["dtype"]
        if shapes != ((1, SIZE, SIZE, 1), (1, NO_DIGIT + 1)) or types != (np.int8, np.float32):
            raise ArtifactError(
                f"{TFLITE} of version {manifest.version} does not turn int8 [1, 28, 28, 1] into float32 [1, 11]"
            )
        scale, zero = self._input["quantization"]
        greys = np.arange(256) / 255
        self._quantised = np.clip(np.rint(greys / scale) + zero, -128, 127).astype(np.int8)

    def answer(self, images: NDArray[np.uint8]) -> Answers:
        """What normalised images, uint8 [n, 28, 28] with ink 255, say."""
        logits = self._logits(self._quantised[images][..., np.newaxis])
        calibration, acceptance = self.manifest.calibration, self.manifest.acceptance
        return Answers(calibration.probabilities(logits), acceptance.accepts(calibration.scores(logits)))

    def _logits(self, batch: NDArray[np.int8]) -> NDArray[np.float32]:
        with self._turn:
            if self._input["shape"][0] != len(batch):
                self._interpreter.resize_tensor_input(self._input["index"], batch.shape)
                self._interpreter.allocate_tensors()
                [self._input] = self._interpreter.get_input_details()
            self._interpreter.set_tensor(self._input["index"], batch)
            self._interpreter.invoke()
            logits: NDArray[np.float32] = self._interpreter.get_tensor(self._output["index"])
        return logits
