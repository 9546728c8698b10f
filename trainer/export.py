"""Keras model → int8 LiteRT model, and running it over many images."""

import contextlib
import io

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from trainer.errors import ExportError

LEAST_AGREEMENT = 0.995
"""Share of validation images on which int8 and float model must name the same digit."""


def scaled(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Normalised images uint8 [n, 28, 28] as the network takes them: float32 [n, 28, 28, 1] in 0 to 1."""
    return (images[..., np.newaxis] / 255).astype(np.float32)


def to_int8(model: keras.Model, examples: NDArray[np.uint8]) -> bytes:
    """The LiteRT model: int8 [1, 28, 28, 1] in, float32 logits [1, 10] out, ranges taken from `examples`."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[np.newaxis]] for image in scaled(examples))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    with contextlib.redirect_stdout(io.StringIO()):  # the converter lists every tensor
        content: bytes = converter.convert()
    return content


def int8_logits(tflite: bytes, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the LiteRT model says of normalised images, uint8 [n, 28, 28]: logits [n, 10]."""
    interpreter = Interpreter(model_content=tflite)
    [source] = interpreter.get_input_details()
    [target] = interpreter.get_output_details()
    scale, zero = source["quantization"]
    batch = np.clip(np.rint(scaled(images) / scale) + zero, -128, 127).astype(np.int8)
    interpreter.resize_tensor_input(source["index"], batch.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(source["index"], batch)
    interpreter.invoke()
    logits: NDArray[np.float32] = interpreter.get_tensor(target["index"])
    return logits


def require_agreement(int8: NDArray[np.float32], float32: NDArray[np.float32]) -> None:
    """Raises `ExportError` where the two models' logits [n, 10] name different digits too often."""
    agreement = float((int8.argmax(axis=1) == float32.argmax(axis=1)).mean())
    if agreement < LEAST_AGREEMENT:
        raise ExportError(f"int8 and float model agree on {agreement:.2%} of the validation images only")
