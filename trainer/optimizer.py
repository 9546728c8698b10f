"""What the networks learn by."""

import keras
import tensorflow as tf

PEAK_RATE = 1e-2
"""Of the learning rate."""

HASTY_RATE = 2e-2
"""The same, of a training that shows everything once."""

WEIGHT_DECAY = 0.01


class Muon(keras.optimizers.Muon):  # type: ignore[misc]  # Keras is untyped
    """Keras' Muon (Jordan et al. 2024), which takes matrices only, for convolutions instead.

    A kernel of rows × columns × inputs × outputs counts as a matrix with a column for each output, as in Jordan's
    own code; the dense layer that answers, biases, batch normalisation and what `exclude_layers` names learn by AdamW.
    """

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        return len(variable.shape) != 4 or any(name in variable.path for name in self.exclude_layers)

    def zeropower_via_newtonschulz5(self, x: tf.Tensor, steps: int) -> tf.Tensor:
        matrix = tf.reshape(x, (-1, x.shape[-1]))
        return tf.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape)

    def lr_adjust(self, x: tf.Tensor) -> tf.Tensor:
        return tf.reshape(super().lr_adjust(tf.reshape(x, (-1, x.shape[-1]))), x.shape)


def muon(steps: int, peak: float = PEAK_RATE) -> Muon:
    """For so many `steps`, up to this rate: what the networks for single digits learn by."""
    return Muon(
        cycle(peak, steps, steps // 5),
        adam_lr_ratio=0.5,
        weight_decay=WEIGHT_DECAY,
        adam_weight_decay=WEIGHT_DECAY,
    )


def hasty_muon(steps: int) -> Muon:
    """For a training that shows everything once: fastest at its first step.

    Where steps are so few, less momentum and more decay than `muon`'s read more of the validation digits right.
    """
    return Muon(
        keras.optimizers.schedules.CosineDecay(HASTY_RATE, steps),
        momentum=0.9,
        adam_lr_ratio=0.5,
        weight_decay=0.1,
        adam_weight_decay=0.1,
    )


def cycle(peak: float, steps: int, rising: int) -> keras.optimizers.schedules.CosineDecay:
    """A learning rate that rises to `peak` for `rising` of all `steps`, then falls to 0 as a cosine does."""
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=peak / 20, warmup_target=peak, warmup_steps=rising, decay_steps=steps - rising
    )
