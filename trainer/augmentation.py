"""Each training image as another hand and another pen might have drawn it, anew every time."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from contract.normalisation import SIZE
from trainer.digits import Digits

ROTATION = np.pi / 15
SCALE = 0.12
SLANT = 0.15
SHIFT = 1.5
"""Greatest deviations of the affine map: radians, natural logarithm, tangent, pixels."""

KNOTS = 6
TREMBLE = 1.2
"""Elastic distortion (Simard et al. 2003): a grid of `KNOTS`² points, each moved by normal deviates of `TREMBLE`
pixels, and the picture smoothly with them."""

THICKER = 0.8
THINNER = 0.6
"""Greatest share of the way to a pen that is two pixels wider, or one pixel narrower."""

HANDS = 3
"""Times that a digit is redrawn before it comes into numbers."""

CHUNK = 1000
"""Images redrawn in one go."""


class Redraw(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """Images [n, 28, 28, 1] in 0 to 1, redrawn while training and left alone else.

    An affine map, an elastic one, then a thicker or a thinner pen. Compiled by XLA: ten times as fast on a CPU.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = keras.random.SeedGenerator(seed)

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        return _redrawn(images, self._seed.next()) if training else images


def by_other_hands(digits: Digits, seed: int) -> Digits:
    """`digits`, and each of them redrawn `HANDS` times."""
    redraw = Redraw(seed)
    images = [digits.images]
    for _ in range(HANDS):
        for start in range(0, len(digits), CHUNK):
            chunk = digits.images[start : start + CHUNK, ..., np.newaxis] / np.float32(255)
            images.append(np.rint(255 * redraw(chunk, training=True).numpy()[..., 0]).astype(np.uint8))
    return Digits(np.concatenate(images), np.tile(digits.labels, 1 + HANDS))


class Shift(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """Images [n, 28, 28, 1], while training all of a batch moved by up to a pixel: for a training of seconds."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = keras.random.SeedGenerator(seed)

    def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training:
            return images
        seed = tf.cast(self._seed.next(), tf.int32)
        row, column = tf.unstack(tf.random.stateless_uniform((2,), seed, 0, 3, tf.int32))
        padded = tf.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
        return tf.ensure_shape(tf.slice(padded, (0, row, column, 0), (-1, SIZE, SIZE, 1)), images.shape)


class Nudge(keras.layers.Layer):  # type: ignore[misc]  # Keras is untyped
    """Strips [n, 32, 256, 1], while training all of a batch moved by up to two columns: frames begin anywhere."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = keras.random.SeedGenerator(seed)

    def call(self, strips: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training:
            return strips
        seed = tf.cast(self._seed.next(), tf.int32)
        return tf.roll(strips, tf.random.stateless_uniform((), seed, -2, 3, tf.int32), axis=2)


@tf.function(jit_compile=True)  # type: ignore[untyped-decorator]  # TensorFlow is untyped
def _redrawn(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    seeds = iter(tf.unstack(tf.random.split(tf.cast(seed, tf.int32), 10)))
    n = tf.shape(images)[0]

    def uniform(extent: float, *shape: int) -> tf.Tensor:
        return tf.random.stateless_uniform((n, *shape), next(seeds), -extent, extent)

    rows, columns = _affine(uniform)
    moves = tf.random.stateless_normal((n, KNOTS**2, 2), next(seeds), stddev=TREMBLE)
    moves = tf.reshape(tf.einsum("pk,nkc->npc", _smoothing(), moves), (-1, SIZE, SIZE, 2))
    moved = _sampled(images[..., 0], rows + moves[..., 0], columns + moves[..., 1])
    return _pen(moved[..., tf.newaxis], uniform(1, 1, 1, 1))


def _affine(uniform: Callable[..., tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Where each pixel comes from: rows and columns [n, 28, 28]."""
    angle, slant = uniform(ROTATION, 1, 1), uniform(SLANT, 1, 1)
    width, height = tf.exp(uniform(SCALE, 1, 1)), tf.exp(uniform(SCALE, 1, 1))
    cos, sin = tf.cos(angle), tf.sin(angle)
    middle = (SIZE - 1) / 2
    y, x = (tf.constant(axis - middle, tf.float32) for axis in np.mgrid[:SIZE, :SIZE])
    columns = cos * width * x + (slant * cos * width - sin * height) * y
    rows = sin * width * x + (slant * sin * width + cos * height) * y
    return rows + middle + uniform(SHIFT, 1, 1), columns + middle + uniform(SHIFT, 1, 1)


def _smoothing() -> NDArray[np.float32]:
    """Weights [784, KNOTS²] that spread the moves of the knots over the pixels: Gaussians one grid step wide."""
    knots = np.linspace(0, SIZE - 1, KNOTS)
    distance = (np.arange(SIZE)[:, np.newaxis] - knots) / (knots[1] - knots[0])
    weights = np.exp(-(distance**2) / 2 / 0.6**2)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.kron(weights, weights).astype(np.float32)


def _sampled(images: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """`images` [n, 28, 28] between their pixels, at `rows` and `columns` [n, 28, 28], bilinear; 0 outside."""
    side = SIZE + 2
    padded = tf.reshape(tf.pad(images, ((0, 0), (1, 1), (1, 1))), (-1, side**2))
    rows, columns = (tf.clip_by_value(axis + 1, 0, side - 1.001) for axis in (rows, columns))
    top, left = tf.floor(rows), tf.floor(columns)
    down, right = rows - top, columns - left
    corner = tf.reshape(tf.cast(top * side + left, tf.int32), (-1, SIZE**2))

    def pixel(offset: int) -> tf.Tensor:
        return tf.reshape(tf.gather(padded, corner + offset, batch_dims=1), (-1, SIZE, SIZE))

    upper = (1 - right) * pixel(0) + right * pixel(1)
    lower = (1 - right) * pixel(side) + right * pixel(side + 1)
    return (1 - down) * upper + down * lower


def _pen(images: tf.Tensor, change: tf.Tensor) -> tf.Tensor:
    thick = tf.nn.max_pool2d(images, 3, 1, "SAME")
    thin = -tf.nn.max_pool2d(-images, 2, 1, "SAME")
    return images + THICKER * tf.nn.relu(change) * (thick - images) + THINNER * tf.nn.relu(-change) * (thin - images)
