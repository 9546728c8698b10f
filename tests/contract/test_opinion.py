"""Two networks answer as one."""

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from contract import opinion
from contract.artifact import Calibration, SecondReader

CALIBRATION = Calibration(temperature=1, chosen="")
RULE = SecondReader(
    ask_below=0.9,
    weight=0.5,
    chosen="",
    asked=0.04,
    epochs=1,
    shown=1,
    parameters=1,
    macs=1,
    seconds=1,
    revision="",
)
IMAGES = np.arange(3, dtype=np.uint8)[:, np.newaxis, np.newaxis] * np.ones((1, 28, 28), np.uint8)


def first(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Sure that the first image is a 3 and the last one a 5; of the one between, that is full of 1s, it is not."""
    logits = np.zeros((len(images), 11), np.float32)
    logits[[0, 2], [3, 5]] = 20
    logits[1, [4, 9]] = 2
    return logits


def test_only_doubtful_images_are_asked_again() -> None:
    asked: list[NDArray[np.uint8]] = []

    def second(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        asked.append(images)
        return 3 * np.eye(11, dtype=np.float32)[[9]]

    found = opinion.logits(IMAGES, first, second, CALIBRATION, RULE)
    assert np.array_equal(found[[0, 2]], first(IMAGES)[[0, 2]])
    assert found[1].tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0, 2.5, 0]  # half of both
    [images] = asked
    assert np.array_equal(images, IMAGES[1:2])


def test_no_digit_gains_where_two_were_asked() -> None:
    def second(_: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.zeros((1, 11), np.float32)

    found = opinion.logits(IMAGES, first, second, CALIBRATION, RULE.model_copy(update={"doubt": 1.5}))
    assert found[:, 10].tolist() == [0, 1.5, 0]


def test_second_counts_as_often_as_the_rule_says() -> None:
    def second(_: NDArray[np.uint8]) -> NDArray[np.float32]:
        return 3 * np.eye(11, dtype=np.float32)[[9]]

    found = opinion.logits(IMAGES, first, second, CALIBRATION, RULE.model_copy(update={"counts": 2}))
    assert found[1].tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0, 4, 0]


def test_nobody_is_asked_where_the_first_is_sure_of_all() -> None:
    def sure(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.tile(20 * np.eye(11, dtype=np.float32)[7], (len(images), 1))

    def second(_: NDArray[np.uint8]) -> NDArray[np.float32]:
        raise AssertionError

    assert np.array_equal(opinion.logits(IMAGES, sure, second, CALIBRATION, RULE), sure(IMAGES))


def test_image_that_is_no_digit_to_the_first_is_asked_again() -> None:
    def refusing(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.tile(20 * np.eye(11, dtype=np.float32)[10], (len(images), 1))

    def second(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.tile(25 * np.eye(11, dtype=np.float32)[7], (len(images), 1))

    assert (opinion.logits(IMAGES, refusing, second, CALIBRATION, RULE).argmax(axis=1) == 7).all()


@pytest.mark.parametrize("weight", [-1, 0, 1e300, float("nan")])
def test_weight_that_makes_no_sense_is_refused(weight: float) -> None:
    with pytest.raises(ValidationError, match="weight"):
        SecondReader.model_validate(RULE.model_dump() | {"weight": weight})


def test_one_image_is_judged_as_many_are() -> None:
    rng = np.random.default_rng(1)
    calibration = Calibration(temperature=1.3, chosen="")
    logits = rng.normal(0, 20, (200, 11)).astype(np.float32)
    logits[0, 10] = 1e6  # surely none
    probabilities, scores = calibration.judged(logits)
    for row, wanted, score in zip(logits.tolist(), probabilities, scores, strict=True):
        found = calibration.judged_one(row)
        assert np.allclose(found[0], wanted, rtol=1e-12, atol=0)
        assert found[1] == pytest.approx(score, rel=1e-12, abs=1e-300)
