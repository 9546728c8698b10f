"""The bundled artifact as one would wrap it for any model server: LiteRT, the contract's normalisation, no frills."""

import base64
import io
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from contract.artifact import TFLITE
from contract.folder import FolderStore
from contract.normalisation import normalise

MODELS = Path(__file__).parent.parent.parent / "models"


class Reader:
    def __init__(self) -> None:
        store = FolderStore(MODELS)
        self.manifest = store.manifest(store.versions()[-1])
        self.network = Interpreter(model_content=store.read(self.manifest, TFLITE), num_threads=1)
        self.network.allocate_tensors()
        [self.input] = self.network.get_input_details()
        [self.output] = self.network.get_output_details()

    def rows(self, rows: object) -> dict[str, object]:
        return self.read(np.asarray(rows, np.uint8))

    def png(self, text: str) -> dict[str, object]:
        return self.read(np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("L")))

    def read(self, image: np.ndarray) -> dict[str, object]:
        scale, zero = self.input["quantization"]
        grey = normalise(image) / 255
        batch = np.clip(np.rint(grey / scale) + zero, -128, 127).astype(np.int8)[np.newaxis, ..., np.newaxis]
        self.network.set_tensor(self.input["index"], batch)
        self.network.invoke()
        logits = self.network.get_tensor(self.output["index"])
        [probabilities] = self.manifest.calibration.probabilities(logits).tolist()
        [score] = self.manifest.calibration.scores(logits).tolist()
        digit = int(np.argmax(probabilities))
        accepted = score >= self.manifest.acceptance.threshold
        return {"digit": digit, "probabilities": probabilities, "accepted": accepted}
