"""A flag makes a European 1 of MNIST's bare stroke."""

import numpy as np

from contract.normalisation import normalise
from trainer.flags import flagged
from trainer.mnist import Mnist


def test_flag_hangs_from_the_top_to_the_left_and_is_as_thick_as_the_stroke(mnist: Mnist) -> None:
    stroke = np.zeros((200, 200), np.uint8)
    stroke[20:180, 90:110] = 255
    one = normalise(stroke)
    result = flagged(one, np.random.default_rng(0))
    stem = np.nonzero(result.max(axis=1) > 127)[0]
    upper, lower = result[stem[: len(stem) // 2]], result[stem[len(stem) // 2 :]]
    assert np.ptp(np.nonzero(upper > 127)[1]) > 1.5 * np.ptp(np.nonzero(lower > 127)[1])
    left_of_stem = np.nonzero(lower.max(axis=0) > 127)[0].min()
    assert upper[:, :left_of_stem].sum() > 5 * upper[:, left_of_stem + 6 :].sum()
