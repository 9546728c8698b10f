"""The network, and the random redrawing it is trained behind."""

import keras
import numpy as np
from keras import layers, ops


def build() -> keras.Model:
    """Grey images [n, 28, 28, 1] in 0 to 1, ink 1 → logits [n, 10].

    The first convolution halves the resolution, which is what makes it fast; batch normalisation vanishes into the
    convolutions when the model is exported.
    """
    image = keras.Input((28, 28, 1), name="image")
    x = _convolution(image, 32, kernel=5, strides=2)
    x = _convolution(x, 64)
    x = layers.MaxPooling2D(2)(x)
    x = _convolution(x, 96)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.4)(x)
    return keras.Model(image, layers.Dense(10, name="logits")(x), name="digits")


def _convolution(x: keras.KerasTensor, filters: int, kernel: int = 3, strides: int = 1) -> keras.KerasTensor:
    x = layers.Conv2D(filters, kernel, strides, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.ReLU()(x)


def macs(model: keras.Model) -> int:
    """Multiply-accumulate operations of the convolutions and dense layers of `model` for one image."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D):
            total += int(np.prod(layer.output.shape[1:3])) * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, layers.Dense):
            total += int(np.prod(layer.kernel.shape))
    return total


class Redraw(layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """Each image as another hand and another pen might have drawn it, anew every time; training only.

    Rotation, scale in either direction, slant and position by one affine map, then a thicker or a thinner pen.
    """

    ROTATION = np.pi / 15
    SCALE = 0.12
    SLANT = 0.15
    SHIFT = 1.5
    """Greatest deviations: radians, natural logarithm, tangent, pixels."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = keras.random.SeedGenerator(seed)

    def call(self, images: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        if not training:
            return images
        return self._pen(self._affine(images))

    def _affine(self, images: keras.KerasTensor) -> keras.KerasTensor:
        n = ops.shape(images)[0]
        angle = self._uniform(n, self.ROTATION)
        width, height = ops.exp(self._uniform(n, self.SCALE)), ops.exp(self._uniform(n, self.SCALE))
        slant = self._uniform(n, self.SLANT)
        cos, sin = ops.cos(angle), ops.sin(angle)
        xx, xy = cos * width, slant * cos * width - sin * height
        yx, yy = sin * width, slant * sin * width + cos * height
        centre = 13.5
        x = self._uniform(n, self.SHIFT) + centre - (xx + xy) * centre
        y = self._uniform(n, self.SHIFT) + centre - (yx + yy) * centre
        zero = ops.zeros_like(x)
        maps = ops.stack([xx, xy, x, yx, yy, y, zero, zero], axis=1)
        return ops.image.affine_transform(images, maps, interpolation="bilinear", fill_mode="constant", fill_value=0)

    def _pen(self, images: keras.KerasTensor) -> keras.KerasTensor:
        change = keras.random.uniform((ops.shape(images)[0], 1, 1, 1), -1, 1, seed=self._seed)
        thick = ops.max_pool(images, 3, 1, padding="same")
        thin = -ops.max_pool(-images, 2, 1, padding="same")
        return images + 0.8 * ops.relu(change) * (thick - images) + 0.6 * ops.relu(-change) * (thin - images)

    def _uniform(self, n: int, extent: float) -> keras.KerasTensor:
        return keras.random.uniform((n,), -extent, extent, seed=self._seed)
