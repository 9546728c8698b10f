"""Numbers are written, the line network learns from them, and what it learned is measured as it is served."""

from dataclasses import replace

import numpy as np
import pytest

from contract.artifact import LINE_TFLITE
from contract.folder import FolderStore
from contract.line import HEIGHT, WIDTH, strip
from contract.spelling import NO_DIGIT
from tests.servers import REPO
from trainer import numbers
from trainer.apart import Trained
from trainer.dataset import split
from trainer.digits import Digits
from trainer.errors import PoorModelError
from trainer.lines import END, LONGEST, line, training_lines
from trainer.mnist import Mnist
from trainer.network import build_line
from trainer.numbers import Reader, fit
from trainer.reads import published
from trainer.recipe import FULL, Recipe
from trainer.strings import GAPS, INKED, MARGIN, number
from trainer.training import train_line


@pytest.fixture(scope="module")
def digits(mnist: Mnist) -> Digits:
    return split(mnist, 1, 60_000)[1].at(np.arange(500))


@pytest.fixture(scope="module")
def trained(digits: Digits) -> Trained:
    return fit(digits, Recipe(epochs=1, numbers=400, number_epochs=2))


def bundled(line_tflite: bytes | None = None) -> tuple[Reader, float, float]:
    """The bundled version, or that with another line network; temperature and threshold."""
    store = FolderStore(REPO / "models")
    manifest = store.manifest(store.versions()[-1])
    assert manifest.line
    line_tflite = line_tflite or store.read(manifest, LINE_TFLITE)
    reader = Reader(published(store, manifest).int8, manifest.calibration, line_tflite)
    return reader, manifest.line.temperature, manifest.line.threshold


@pytest.mark.parametrize("gap", GAPS)
def test_number_has_its_digits_where_the_boxes_are(digits: Digits, gap: str) -> None:
    one = number(digits, 6, gap, np.random.default_rng(4))
    ink = 255 - one.image > INKED
    assert len(one.boxes) == len(one.text) == 6
    for left, top, right, bottom in one.boxes:
        inside = ink[top:bottom, left:right]
        assert inside.any(axis=1).all()
        assert inside.any(axis=0).all()
    rows, columns = np.nonzero(ink)
    assert (columns.min(), rows.min()) == pytest.approx((MARGIN, MARGIN), abs=1)


def test_gaps_are_what_they_are_called(digits: Digits) -> None:
    apart = {}
    for gap in GAPS:
        written = [number(digits, 4, gap, np.random.default_rng(place)) for place in range(20)]
        pairs = [(a, b) for one in written for a, b in zip(one.boxes, one.boxes[1:], strict=False)]
        apart[gap] = np.mean([b[0] - a[2] for a, b in pairs])
    assert apart["wide"] > apart["narrow"] > 0 > apart["touching"] > apart["overlapping"]


def test_training_lines_hold_numbers_and_what_they_say(digits: Digits) -> None:
    lines = training_lines(digits, 300, seed=3)
    assert lines.strips.shape[1:] == (HEIGHT, WIDTH)
    said = lines.labels != END
    assert (np.diff(said.astype(int), axis=1) <= 0).all()  # nothing behind the end
    assert set(np.unique(lines.labels)) == {END, *range(10), NO_DIGIT}
    assert 0 < (lines.labels == NO_DIGIT).sum() < 0.1 * said.sum()
    assert lines.strips.max(axis=(1, 2)).min() > 200
    again = training_lines(digits, 300, seed=3)
    assert np.array_equal(lines.strips, again.strips)
    assert np.array_equal(lines.labels, again.labels)


def test_lines_fill_their_strip_or_stand_low_in_it(digits: Digits) -> None:
    heights = []
    for seed in range(40):
        ink, labels = line(digits, np.random.default_rng(seed))
        assert ink.shape[0] == HEIGHT
        assert 1 <= len(labels) <= LONGEST
        heights.append(np.ptp(np.flatnonzero(ink.max(axis=1) > 64)) + 1)
    assert np.median(heights) >= HEIGHT - 1
    assert 0 < np.mean(np.array(heights) < HEIGHT - 3) < 0.5


def test_training_learns_and_gives_what_the_service_runs(trained: Trained, digits: Digits) -> None:
    seen = training_lines(digits, 50, 1)
    surprise = [
        numbers._loss(seen.labels, network.predict(seen.strips[..., np.newaxis] / np.float32(255), verbose=0))
        for network in (trained.network, build_line())
    ]
    assert np.mean(surprise[0]) < 0.8 * np.mean(surprise[1])
    line_tflite = trained.exported().tflite
    frames = bundled(line_tflite)[0].frames(strip(number(digits, 3, "wide", np.random.default_rng(1)).image))
    assert frames[0].shape == (128, 12)


def test_network_that_reads_no_numbers_is_not_published(trained: Trained, digits: Digits) -> None:
    with pytest.raises(PoorModelError, match="nothing is published"):
        bundled(trained.exported().tflite)[0].choose(digits, 5)


def test_judging_the_line_network_anew_gives_what_the_manifest_says(store: FolderStore, mnist: Mnist) -> None:
    bundled = store.manifest(store.versions()[-1])
    assert bundled.line
    again = train_line(mnist, replace(FULL, number_epochs=0, pictures=30), store, bundled.version)
    assert again.version == bundled.version + 1
    assert again.line
    assert (again.second, again.acceptance, again.metrics) == (bundled.second, bundled.acceptance, bundled.metrics)
    assert (again.line.epochs, again.line.revision) == (bundled.line.epochs, bundled.line.revision)
    assert again.line.temperature == pytest.approx(bundled.line.temperature, abs=0.3)
    assert "on 120 numbers of validation digits" in again.line.chosen
    assert store.read(again, LINE_TFLITE) == store.read(bundled, LINE_TFLITE)


def test_bundled_version_reads_numbers_of_digits_it_never_saw(digits: Digits) -> None:
    reader, temperature, threshold = bundled()
    report = reader.report(digits, 40, temperature, threshold)
    assert min(report.exact[gap] for gap in ("wide", "narrow")) > 0.85
    assert report.exact["touching"] > 0.7
    assert report.accepted > 0.2
    assert report.accepted_right > 0.95
