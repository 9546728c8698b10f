"""Numbers are written, the line network learns from them, and what it learned is measured as it is served."""

from dataclasses import replace

import numpy as np
import pytest

from contract.artifact import LINE_KERAS, LINE_TFLITE
from contract.folder import FolderStore
from contract.line import HEIGHT, WIDTH, strip
from contract.spelling import NO_DIGIT
from tests.servers import REPO
from trainer import numbers
from trainer.apart import Trained, loaded
from trainer.dataset import split
from trainer.digits import Digits
from trainer.errors import PoorModelError
from trainer.fonts import HANDWRITTEN, face, has, of_matplotlib
from trainer.lines import END, LONGEST, line, training_lines
from trainer.marks import CHARACTERS, DRAWINGS, KINDS, Drawing, from_font, marked
from trainer.mnist import Mnist
from trainer.network import build_line
from trainer.numbers import NumberReader, fit
from trainer.printed import FONTS
from trainer.reads import published
from trainer.recipe import FULL, Recipe
from trainer.strings import DIGIT, GAPS, INKED, MARGIN, SLANT, Glyph, number, written
from trainer.strokes import drawn
from trainer.training import train_line


@pytest.fixture(scope="module")
def digits(mnist: Mnist) -> Digits:
    return split(mnist, 1, 60_000)[1].at(np.arange(500))


@pytest.fixture(scope="module")
def trained(digits: Digits) -> Trained:
    return fit(digits, Recipe(epochs=1, numbers=400, number_epochs=2))


def bundled(line_tflite: bytes | None = None) -> tuple[NumberReader, float, float]:
    """The bundled version, or that with another line network; temperature and threshold."""
    store = FolderStore(REPO / "models")
    manifest = store.manifest(store.versions()[-1])
    assert manifest.line
    line_tflite = line_tflite or store.read(manifest, LINE_TFLITE)
    reader = NumberReader(published(store, manifest).int8, manifest.calibration, line_tflite)
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
    assert 0.02 < (lines.labels == NO_DIGIT).sum() / said.sum() < 0.15
    assert lines.strips.max(axis=(1, 2)).min() > 200
    again = training_lines(digits, 300, seed=3)
    assert np.array_equal(lines.strips, again.strips)
    assert np.array_equal(lines.labels, again.labels)


def test_lines_fill_their_strip_or_stand_low_in_it(digits: Digits) -> None:
    heights = []
    for seed in range(40):
        ink, labels = line(digits, np.random.default_rng(seed))
        assert ink.shape[0] == HEIGHT
        assert 1 <= np.count_nonzero(labels != NO_DIGIT) <= LONGEST
        heights.append(np.ptp(np.flatnonzero(ink.max(axis=1) > 64)) + 1)
    assert np.median(heights) >= HEIGHT - 1
    assert 0 < np.mean(np.array(heights) < HEIGHT - 3) < 0.5


@pytest.mark.parametrize("draw", [*dict.fromkeys(DRAWINGS)], ids=lambda draw: draw.__name__)
def test_what_is_as_high_and_as_narrow_as_a_1_is_higher_at_both_ends(draw: Drawing, rng: np.random.Generator) -> None:
    for _ in range(30):
        glyph = drawn(draw(rng), rng)
        rows, columns = np.nonzero(glyph.image > 127)
        height, width = (np.ptp(rows) + 1) / DIGIT, (np.ptp(columns) + 1) / DIGIT
        foot, top = glyph.rise, glyph.rise + height
        assert height < 0.95 or width > 0.25 or (foot < -0.2 and top > 1.2)
        assert -0.75 < foot < top < 1.75


def test_marks_of_fonts_stand_where_those_of_digits_do() -> None:
    for font in (of_matplotlib("DejaVuSans"), *HANDWRITTEN.paths()):
        rises = {character: from_font(font, character).rise for character in "0-,'"}
        assert rises["0"] == 0
        assert rises[","] < rises["-"] < rises["'"]


@pytest.mark.parametrize("character", CHARACTERS + "fgQ")
def test_every_character_has_room_in_a_line(character: str, rng: np.random.Generator) -> None:
    for font in (*(of_matplotlib(name) for name in FONTS), *HANDWRITTEN.paths()):
        if has(face(font), character):
            for gap in GAPS:
                ink, boxes = written([from_font(font, character)] * 3, gap, SLANT, rng)  # raises where there is none
                assert all(ink[[top, bottom - 1], left:right].any(axis=1).all() for left, top, right, bottom in boxes)


def test_marks_stand_in_the_order_of_their_labels(digits: Digits, rng: np.random.Generator) -> None:
    point = from_font(of_matplotlib("DejaVuSans"), ".")
    for gap in GAPS:
        for _ in range(40):
            glyphs = [Glyph(image) for image in digits.images[rng.integers(0, len(digits), 3)]]
            _, boxes = written([*glyphs[:2], point, glyphs[2]], gap, 0, rng)
            middles = [left + right for left, _, right, _ in boxes]
            assert middles == sorted(middles)


def test_each_kind_of_mark_gives_another_picture(digits: Digits) -> None:
    if not HANDWRITTEN.is_here():  # on a user's machine; where CI runs they are installed, and a skip fails
        pytest.skip(f"fonts are missing: apt-get install {HANDWRITTEN.packages}")
    pictures = [marked(digits, kind, np.random.default_rng(3)) for kind in KINDS]
    assert len({picture.tobytes() for picture in pictures}) == len(KINDS)
    assert all(picture.dtype == np.uint8 and picture[0, 0] == 255 for picture in pictures)


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


def test_line_network_learns_on(store: FolderStore, mnist: Mnist) -> None:
    bundled = store.manifest(store.versions()[-1])
    recipe = replace(FULL, numbers=100, number_epochs=1, pictures=20)
    more = train_line(mnist, recipe, store, bundled.version, more=True)
    assert bundled.line
    assert more.line
    assert more.line.epochs == bundled.line.epochs + 1
    assert more.line.seconds > bundled.line.seconds
    assert more.line.shown < 100
    assert min(more.line.exact[gap] for gap in ("wide", "narrow")) > 0.85  # it did not begin anew
    before, after = (loaded(store, one, LINE_KERAS).get_weights() for one in (bundled, more))
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(before, after, strict=True))


def test_bundled_version_reads_numbers_of_digits_it_never_saw(digits: Digits) -> None:
    reader, temperature, threshold = bundled()
    report = reader.report(digits, 40, temperature, threshold)
    assert min(report.exact[gap] for gap in ("wide", "narrow")) > 0.85
    assert report.exact["touching"] > 0.7
    assert report.accepted > 0.2
    assert report.accepted_right > 0.95
    if HANDWRITTEN.is_here():
        assert report.marked.keys() == KINDS.keys()
