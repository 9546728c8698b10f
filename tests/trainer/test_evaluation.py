"""The figures of a manifest mean what they say."""

import numpy as np
import pytest

from contract.artifact import Calibration
from trainer.evaluation import calibrate, choose_threshold, expected_calibration_error, measure

LABELS = np.random.default_rng(0).integers(0, 10, 20_000).astype(np.uint8)


def drawn_logits(temperature: float, rng: np.random.Generator) -> np.ndarray:
    """Logits whose softmax at `temperature` is the true chance of each label in `LABELS`."""
    logits = rng.normal(0, 2, (len(LABELS), 10))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    label = np.array([rng.choice(10, p=row) for row in chances])
    order = np.argsort(rng.random((len(LABELS), 10)), axis=1)
    shuffled = np.take_along_axis(logits, order, axis=1)
    place = (order == label[:, None]).argmax(axis=1)
    moved = shuffled.copy()
    rows = np.arange(len(LABELS))
    moved[rows, place], moved[rows, LABELS] = shuffled[rows, LABELS], shuffled[rows, place]
    return with_no_digit(moved * temperature, -100)


def with_no_digit(digits: np.ndarray, last: float) -> np.ndarray:
    """`digits` [n, 10] and an eleventh column, float32 [n, 11]."""
    return np.pad(digits, ((0, 0), (0, 1)), constant_values=last).astype(np.float32)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_calibration_finds_the_temperature_and_removes_the_error(temperature: float, rng: np.random.Generator) -> None:
    logits = drawn_logits(temperature, rng)
    calibration = calibrate(logits, LABELS)
    assert calibration.temperature == pytest.approx(temperature, rel=0.05)
    assert expected_calibration_error(calibration.probabilities(logits), LABELS) < 0.02


def test_expected_calibration_error_of_a_known_case() -> None:
    answers = np.full((4, 10), 0.2 / 9)
    answers[:, 3] = 0.8
    labels = np.array([3, 3, 1, 1], np.uint8)
    assert expected_calibration_error(answers, labels) == pytest.approx(0.3)


def test_probabilities_sum_to_one_even_for_extreme_logits() -> None:
    logits = np.array([[1e4] + [-1e4] * 10, [0] * 11, [-1e4] * 10 + [1e4]], np.float32)
    probabilities = Calibration(temperature=0.2, chosen="").probabilities(logits)
    assert probabilities.sum(axis=1) == pytest.approx([1, 1, 1])
    assert probabilities[0, 0] == 1
    assert probabilities[2] == pytest.approx(0.1)


def test_no_digit_lowers_the_score_and_leaves_the_probabilities_alone() -> None:
    calibration = Calibration(temperature=1, chosen="")
    clear = with_no_digit(12 * np.eye(10), 0)
    assert calibration.scores(clear).min() > 0.99
    for last in (15, 45, 90):
        unclear = with_no_digit(12 * np.eye(10), last)
        assert np.array_equal(calibration.probabilities(unclear), calibration.probabilities(clear))
        assert calibration.scores(unclear).max() < 0.05


def test_threshold_keeps_accepted_answers_right_and_no_more_than_needed() -> None:
    n = 10_000
    scores = np.linspace(0.5, 1, n)
    right = np.ones(n, bool)
    right[:2000:10] = False  # every tenth of the least sure fifth
    rule = choose_threshold(scores, right)
    accepted = rule.accepts(scores)
    assert right[accepted].mean() == rule.accuracy >= 0.999
    assert accepted.mean() == rule.coverage
    lower = rule.model_copy(update={"threshold": rule.threshold - 0.001}).accepts(scores)
    assert right[lower].mean() < 0.999


def test_threshold_is_honest_where_none_fits() -> None:
    right = np.ones(600, bool)
    right[0] = False
    rule = choose_threshold(np.ones(600), right)
    assert rule.coverage == 1
    assert rule.accuracy == pytest.approx(599 / 600)
    assert "right" not in rule.chosen


def test_measure_counts_rows_as_written_and_columns_as_read() -> None:
    labels = np.repeat(np.arange(10, dtype=np.uint8), 10)
    answers = np.full((100, 10), 0.01)
    answers[np.arange(100), labels] = 0.91
    answers[70:72] = np.eye(10)[1] * 0.9 + 0.01  # two sevens read as ones
    metrics = measure(answers, labels)
    assert metrics.accuracy == pytest.approx(0.98)
    assert metrics.error == pytest.approx(0.02)
    assert metrics.recall[7] == pytest.approx(0.8)
    assert metrics.confusion_matrix[7][1] == 2
    assert metrics.confusion_matrix[1][7] == 0
