"""The network that is trained."""

import keras
import numpy as np
from keras import layers

from contract.line import HEIGHT, WIDTH
from contract.spelling import FRAME, NO_DIGIT, OUTPUTS

ANSWER = "answer"
"""The layer of the line network that gives its logits."""


def build() -> keras.Model:
    """Grey images [n, 28, 28, 1] in 0 to 1, ink 1 → logits [n, 11]: the ten digits, and "no digit".

    Two convolutions that halve the resolution, then two that go without padding, 7×7 places to 3×3: quick, as what it
    is not sure of is read by `build_second`. Pairs of columns become channels first, so that the first convolution, 5×6
    pixels, multiplies fewer zeros than one over a single channel; batch normalisation vanishes into the convolutions
    when the model is exported.
    """
    image = keras.Input((28, 28, 1), name="image")
    x = _first(image, 16)
    x = _convolution(x, 48, strides=2)
    x = _convolution(x, 64, padding="valid")
    x = _convolution(x, 96, padding="valid")
    return _answering(image, x, dropout=0.1)


def build_small() -> keras.Model:
    """The same, made for a training of seconds: a wide first convolution leaves 6×6 places, without much work."""
    image = keras.Input((28, 28, 1), name="image")
    x = _convolution(image, 48, kernel=8, strides=4, padding="valid")
    x = _convolution(x, 64, padding="valid")
    x = _convolution(x, 64, padding="valid")
    return _answering(image, x, dropout=0)


def build_second() -> keras.Model:
    """For the images that the first network is not sure of: thirteen times as many operations.

    Residual (He et al. 2016): one block of two convolutions at half of the resolution, two at a quarter of it.
    """
    image = keras.Input((28, 28, 1), name="image")
    x = _block(_first(image, 32), 32)
    x = _convolution(x, 96, strides=2)
    x = _block(_block(x, 96), 96)
    return _answering(image, x, dropout=0.2)


def halfway(one: keras.Model, other: keras.Model) -> keras.Model:
    """One of the same shape, each weight of which is the mean of theirs."""
    between = copy(one, one.name)
    between.set_weights([(a + b) / 2 for a, b in zip(one.get_weights(), other.get_weights(), strict=True)])
    return between


def copy(network: keras.Model, name: str) -> keras.Model:
    copied = keras.Model(network.inputs[0], network.outputs[0], name=name)
    copied = keras.models.clone_model(copied)
    copied.set_weights(network.get_weights())
    return copied


def build_line() -> keras.Model:
    """Strips [n, 32, 256, 1] in 0 to 1, ink 1 → logits [n, 128, 12] of frames of two columns: `contract.spelling`.

    Convolutions until nothing is left of the height, then two along the line. They run on columns of four pixels, each
    of which speaks for two frames: a 1 beside a 1 needs three of them.
    """
    strip = keras.Input((HEIGHT, WIDTH, 1), name="strip")
    x = _convolution(layers.Reshape((HEIGHT, WIDTH // 2, 2))(strip), 32, kernel=(5, 3), strides=(2, 1))
    x = _convolution(x, 64, strides=2)
    x = _convolution(x, 96)
    x = _convolution(x, 96, strides=(2, 1))
    x = layers.Add()([x, _convolution(x, 96)])
    x = _convolution(layers.ZeroPadding2D((0, 1))(x), 192, kernel=(x.shape[1], 3), padding="valid")
    x = layers.Add()([x, _convolution(x, 192, kernel=(1, 5))])
    x = layers.Conv2D(WIDTH // FRAME // x.shape[2] * OUTPUTS, 1, name=ANSWER)(layers.Dropout(0.1)(x))
    return keras.Model(strip, layers.Reshape((WIDTH // FRAME, OUTPUTS), name="logits")(x), name="line")


def _first(image: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    return _convolution(layers.Reshape((28, 14, 2))(image), filters, kernel=(5, 3), strides=(2, 1))


def _block(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    return layers.Add()([x, _convolution(_convolution(x, filters), filters)])


def _answering(image: keras.KerasTensor, x: keras.KerasTensor, dropout: float) -> keras.Model:
    x = layers.Dropout(dropout)(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(NO_DIGIT + 1, name="logits")(x), name="digits")


def _convolution(
    x: keras.KerasTensor,
    filters: int,
    kernel: int | tuple[int, int] = 3,
    strides: int | tuple[int, int] = 1,
    padding: str = "same",
) -> keras.KerasTensor:
    x = layers.Conv2D(filters, kernel, strides, padding, use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.ReLU()(x)


def macs(model: keras.Model) -> int:
    """Multiply-accumulate operations of the convolutions and dense layers of `model` for one image."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += macs(layer)
        elif isinstance(layer, layers.Conv2D):
            total += int(np.prod(layer.output.shape[1:3])) * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, layers.Dense):
            total += int(np.prod(layer.kernel.shape))
    return total
