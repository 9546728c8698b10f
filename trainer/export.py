"""Keras model → int8 LiteRT model, and running it over many images."""

import contextlib
import io
import warnings

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray


def scaled(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Images or strips, uint8 [n, height, width], as a network takes them: float32 [n, height, width, 1] in 0 to 1."""
    return images[..., np.newaxis].astype(np.float32) / np.float32(255)


def examples_of(images: NDArray[np.uint8], most: int = 1000) -> NDArray[np.uint8]:
    """At most so many of `images` [n, …], some of each kind where they lie kind after kind: for the int8 ranges."""
    return images[:: -(-len(images) // most)]


def to_int8(model: keras.Model, examples: NDArray[np.uint8]) -> bytes:
    """The LiteRT model: the input of one image or strip in int8, the logits in float32, ranges from `examples`."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[np.newaxis]] for image in scaled(examples))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore"):  # it is talkative
        content: bytes = converter.convert()
    return content


def float_logits(network: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the Keras model says of normalised images, uint8 [n, 28, 28]: logits [n, 11]."""
    logits: NDArray[np.float32] = network.predict(scaled(images), batch_size=1000, verbose=0)
    return logits


class Int8Model:
    """A LiteRT model that is made ready once for any number of images."""

    def __init__(self, tflite: bytes) -> None:
        self._interpreter = Interpreter(model_content=tflite)
        [self._source] = self._interpreter.get_input_details()
        [self._target] = self._interpreter.get_output_details()
        self._ready_for: tuple[int, ...] = ()

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits of normalised images, uint8 [n, 28, 28]: [n, 11]; of strips, uint8 [n, 32, 256]: [n, 128, 12]."""
        scale, zero = self._source["quantization"]
        batch = np.clip(np.rint(scaled(images) / scale) + zero, -128, 127).astype(np.int8)
        if batch.shape != self._ready_for:
            self._interpreter.resize_tensor_input(self._source["index"], batch.shape)
            self._interpreter.allocate_tensors()
            self._ready_for = batch.shape
        self._interpreter.set_tensor(self._source["index"], batch)
        self._interpreter.invoke()
        logits: NDArray[np.float32] = self._interpreter.get_tensor(self._target["index"])
        return logits
