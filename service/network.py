"""The network in LiteRT. Imports next to nothing: the self-test starts a process for it."""

import threading

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

SIZE, OUTPUTS = 28, 11


class Network:
    """One thread at a time runs it; the others wait their turn."""

    def __init__(self, tflite: bytes) -> None:
        """Raises `ValueError` where LiteRT cannot load `tflite`, or it is not of the shape that is served."""
        try:
            self._interpreter = Interpreter(model_content=tflite, num_threads=1)
            self._interpreter.allocate_tensors()
            [input_] = self._interpreter.get_input_details()
            [output] = self._interpreter.get_output_details()
        except RuntimeError as error:
            raise ValueError(error) from error
        shapes = tuple(input_["shape"]), tuple(output["shape"])
        if shapes != ((1, SIZE, SIZE, 1), (1, OUTPUTS)) or (input_["dtype"], output["dtype"]) != (np.int8, np.float32):
            raise ValueError(f"does not turn int8 [1, {SIZE}, {SIZE}, 1] into float32 [1, {OUTPUTS}]")
        scale, zero = input_["quantization"]
        self._quantised = np.clip(np.rint(np.arange(256) / 255 / scale) + zero, -128, 127).astype(np.int8).tobytes()
        self._input, self._output, self._length = input_["index"], output["index"], 1
        self._turn = threading.Lock()

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Of normalised images, uint8 [n, 28, 28] with ink 255: [n, 11], the ten digits and "no digit"."""
        batch = np.frombuffer(images.tobytes().translate(self._quantised), np.int8).reshape(-1, SIZE, SIZE, 1)
        with self._turn:
            if self._length != len(batch):
                self._length = 0  # should what follows fail
                self._interpreter.resize_tensor_input(self._input, batch.shape)
                self._interpreter.allocate_tensors()
                self._length = len(batch)
            self._interpreter.set_tensor(self._input, batch)
            self._interpreter.invoke()
            logits: NDArray[np.float32] = self._interpreter.get_tensor(self._output)
        return logits
