"""A network in LiteRT. Imports little: the self-test starts a process for it."""

import threading

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

Shapes = tuple[tuple[int, ...], tuple[int, ...]]

DIGIT: Shapes = (28, 28), (11,)
"""Shapes of the input and the output of the network that reads one digit."""

HIGHEST_BIT = np.uint8(128)

PIECE = 32
"""Images that are read in one go: who waits for the network waits for no more. A thousand at once are 7 % quicker."""

LINE: Shapes = (32, 256), (128, 12)
"""Of the one that reads a strip of a line."""


class Network:
    """One thread at a time runs it; the others wait their turn."""

    def __init__(self, tflite: bytes, shapes: Shapes = DIGIT) -> None:
        """Raises `ValueError` where LiteRT cannot load `tflite`, or it is not of `shapes`."""
        try:
            self._interpreter = Interpreter(model_content=tflite, num_threads=1)
            self._interpreter.allocate_tensors()
            [input_] = self._interpreter.get_input_details()
            [output] = self._interpreter.get_output_details()
        except RuntimeError as error:
            raise ValueError(error) from error
        wanted = (1, *shapes[0], 1), (1, *shapes[1])
        found = tuple(input_["shape"]), tuple(output["shape"])
        if found != wanted or (input_["dtype"], output["dtype"]) != (np.int8, np.float32):
            raise ValueError(f"does not turn int8 {list(wanted[0])} into float32 {list(wanted[1])}")
        scale, zero = input_["quantization"]
        self._quantised = np.clip(np.rint(np.arange(256) / 255 / scale) + zero, -128, 127).astype(np.int8)
        self._as_they_are = np.array_equal(self._quantised, np.arange(-128, 128))
        """Whether grey levels lose 128 and no more, as they do where the trainer saw black and white."""
        self._input, self._output, self._length = input_["index"], output["index"], 1
        self._turn = threading.Lock()

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Of images as it was trained on, uint8 [n, height, width] with ink 255: what it says, [n, …]."""
        pieces = [self._read(images[start : start + PIECE]) for start in range(0, len(images), PIECE)]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def _read(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        levels = (images ^ HIGHEST_BIT).view(np.int8) if self._as_they_are else self._quantised[images]
        batch = levels[..., np.newaxis]
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
