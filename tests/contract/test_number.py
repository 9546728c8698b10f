"""A line of marks, some of which are no digits."""

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.artifact import Calibration
from contract.line import WIDTH, strip
from contract.number import number
from contract.spelling import FRAME, NO_DIGIT, NOTHING, OUTPUTS


def marks(count: int) -> NDArray[np.uint8]:
    """Upright strokes on paper, as far from each other as they are high."""
    paper = np.full((100, 100 * count), 255, np.uint8)
    for place in range(count):
        paper[20:80, 100 * place + 46 : 100 * place + 54] = 0
    return paper


@pytest.mark.parametrize(
    ("said", "legible"),
    [
        ([1], True),
        ([NO_DIGIT], False),
        ([1, NO_DIGIT], True),
        ([1, NO_DIGIT, NO_DIGIT], False),
        ([1, 1, NO_DIGIT], True),
    ],
)
def test_half_of_what_is_there_has_to_be_digits(said: list[int], legible: bool) -> None:
    line = strip(marks(len(said)))
    frames = np.zeros((WIDTH // FRAME, OUTPUTS), np.float32)
    frames[:, NOTHING] = 9
    last = line.ink.shape[1] // FRAME - 2
    for place, label in enumerate(said):
        at = 2 + round(place / max(1, len(said) - 1) * (last - 2))
        frames[at, [label, NOTHING]] = 18, 0
    blank = Calibration(temperature=1, chosen="")
    found = number(line, [frames], 1, lambda images: np.zeros((len(images), 11), np.float32), blank)
    assert found.legible is legible
    assert len(found.text()) == (len(said) if min(said) < NO_DIGIT else 0)


@pytest.mark.parametrize(("sign", "least", "most"), [(17, 0.6, 0.8), (15, 0.97, 1)])
def test_line_network_says_first_whether_there_is_a_digit(sign: float, least: float, most: float) -> None:
    line = strip(marks(2))
    frames = np.zeros((WIDTH // FRAME, OUTPUTS), np.float32)
    frames[:, NOTHING] = 9
    frames[2, [1, NOTHING]] = 18, 0
    frames[line.ink.shape[1] // FRAME - 2, [1, NO_DIGIT, NOTHING]] = 18, sign, 0
    sure_of_1 = np.eye(11, dtype=np.float32)[1] * 30
    calibration = Calibration(temperature=1, chosen="")
    found = number(line, [frames], 1, lambda images: np.tile(sure_of_1, (len(images), 1)), calibration)
    assert found.text() == "11"
    assert found.scores[0] > 0.95
    assert least < found.scores[1] < most
