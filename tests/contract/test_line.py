"""A line of writing becomes a strip; frames become digits; the strip's ink is parted among them."""

from contextlib import suppress
from itertools import groupby, product

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from contract.arrays import Grey
from contract.line import FINE, HEIGHT, MARGIN, WIDTH, Strip, TooLongError, strip, windows
from contract.normalisation import BlankImageError
from contract.parts import apart
from contract.spelling import FRAME, NOTHING, OUTPUTS, Spelling, joined, spell


def drawn(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (400, 200), pen: int = 10) -> Grey:
    """Outlined rectangles, black on white."""
    picture = Image.new("L", size, 255)
    for box in boxes:
        ImageDraw.Draw(picture).rectangle(box, outline=0, width=pen)
    return np.asarray(picture)


ZEROS = (60, 50, 110, 150), (140, 50, 190, 150), (230, 50, 290, 150)


def test_line_fills_the_strip_wherever_it_stands_and_whatever_its_colours() -> None:
    image = drawn(*ZEROS)
    ink = strip(image).ink
    assert ink.shape == (HEIGHT, round((231 / 101 * FINE + MARGIN) * HEIGHT / FINE))
    assert ink.any(axis=1).all()
    assert np.array_equal(ink, strip(255 - image).ink)
    assert np.array_equal(ink, strip(np.pad(image, 150, constant_values=255)).ink)
    larger = np.asarray(Image.fromarray(image).resize((1200, 600), Image.Resampling.NEAREST))
    assert np.abs(ink.astype(int) - strip(larger).ink).mean() < 10


def test_places_of_the_strip_are_those_of_the_image() -> None:
    for pen in (2, 10):
        line = strip(drawn(*ZEROS, pen=pen))
        rows, columns = np.nonzero(line.fine > 127)
        x = line.left + line.scale * columns
        y = line.top + line.scale * rows
        assert (x.min(), x.max(), y.min(), y.max()) == pytest.approx((60, 290, 50, 150), abs=4)


@pytest.mark.parametrize(
    ("grey", "sides", "off"), [(10, ((0, 0), (8, 0)), 2), (60, ((60, 90), (70, 50)), 8), (0, ((4, 4), (4, 4)), 2)]
)
def test_lid_desk_or_frame_around_the_sheet_is_left_out(
    grey: int, sides: tuple[tuple[int, int], tuple[int, int]], off: int
) -> None:
    image = np.full((1000, 1600), 235, np.uint8) if grey == 60 else np.full((200, 400), 235, np.uint8)
    written = drawn(*ZEROS)
    middle = (len(image) - 200) // 2, (image.shape[1] - 400) // 2
    window = image[middle[0] : middle[0] + 200, middle[1] : middle[1] + 400]
    if len(image) > 200:
        window = image
        written = np.asarray(Image.fromarray(written).resize((1600, 1000)))
    np.minimum(window, written, out=window)
    clean, around = strip(image), strip(np.pad(image, sides, constant_values=grey))
    assert around.ink.shape == pytest.approx(clean.ink.shape, abs=2)
    assert around.left - clean.left == pytest.approx(sides[1][0], abs=off)
    assert around.top - clean.top == pytest.approx(sides[0][0], abs=off)


def test_upright_stroke_at_the_end_of_a_closely_cropped_line_is_no_rim() -> None:
    picture = Image.new("L", (400, 100), 255)
    ImageDraw.Draw(picture).line((390, 0, 330, 99), 0, 8)
    image = np.asarray(picture).copy()
    image[:, :8] = 0
    assert strip(image).left == pytest.approx(-MARGIN * 100 / FINE, abs=1)


def test_what_is_but_its_rims_is_read_with_them() -> None:
    image = np.full((100, 70), 255, np.uint8)
    image[:, :10] = image[:, 60:] = 0
    assert strip(image).ink.any()


def test_dust_around_the_line_does_not_make_it_small() -> None:
    clean = drawn(*ZEROS)
    dusty = clean.copy()
    dusty[[5, 8, 190], [20, 380, 200]] = 0
    assert np.array_equal(strip(dusty).ink, strip(clean).ink)


@pytest.mark.parametrize("digits", [1, 8, 40])
def test_strokes_at_the_ends_of_a_line_are_whole_however_long_it_is(digits: int) -> None:
    picture = Image.new("L", (100 * digits + 100, 200), 255)
    pen = ImageDraw.Draw(picture)
    for place in range(digits):
        pen.ellipse((60 + 100 * place, 50, 120 + 100 * place, 150), outline=0, width=8)
    pen.line((90, 20, 90, 50), 0, 8)  # one of them is higher
    image = np.asarray(picture)
    assert ImageOps.invert(picture).getbbox() == (60, 20, 100 * digits + 21, 151)
    line = strip(image)
    rows, columns = np.nonzero(line.fine > 127)
    ends = [line.left + line.scale * x for x in (columns.min(), columns.max())]
    sides = [line.top + line.scale * y for y in (rows.min(), rows.max())]
    assert (*ends, *sides) == pytest.approx((60, 100 * digits + 20, 20, 150), abs=6)


@pytest.mark.parametrize("noise", [0, 5])
def test_dust_on_a_large_sheet_does_not_make_the_line_small(noise: int) -> None:
    rng = np.random.default_rng(6)
    clean = np.pad(drawn(*ZEROS), 500, constant_values=255)
    dusty = clean.copy()
    for top, left in rng.integers(0, 1190, (60, 2)):
        if not 480 < top < 720:  # elsewhere than around the line
            dusty[top : top + rng.integers(1, 9), left : left + rng.integers(1, 9)] = rng.integers(0, 128)
    noisy = (dusty + rng.normal(0, noise, dusty.shape)).clip(0, 255).astype(np.uint8)
    assert strip(noisy).ink.shape == pytest.approx(strip(clean).ink.shape, abs=3)


def test_small_print_under_a_line_is_left_out_and_a_mark_beside_it_is_not() -> None:
    clean = Image.fromarray(np.pad(drawn(*ZEROS), 200, constant_values=255))
    printed, marked = clean.copy(), clean.copy()
    ImageDraw.Draw(printed).text((500, 480), "page 12", 0, font_size=24)
    assert np.array_equal(strip(np.asarray(printed)).ink, strip(np.asarray(clean)).ink)
    ImageDraw.Draw(marked).text((540, 330), "kg", 0, font_size=24)
    assert strip(np.asarray(marked)).ink.shape[1] > strip(np.asarray(clean)).ink.shape[1] + 10


def test_thin_pen_is_thickened() -> None:
    hair = strip(drawn(*ZEROS, pen=1)).ink
    assert np.count_nonzero(hair > 127) > 0.6 * np.count_nonzero(strip(drawn(*ZEROS, pen=8)).ink > 127)


def test_ruled_paper_is_left_behind() -> None:
    ruled = drawn(*ZEROS).copy()
    ruled[20::40] = np.minimum(ruled[20::40], 100)
    assert strip(ruled).ink.shape == pytest.approx(strip(drawn(*ZEROS)).ink.shape, abs=4)


def test_squared_zeros_are_no_boxes() -> None:
    for pen in (10, 20):
        ink = strip(drawn((60, 50, 140, 150), (140, 50, 220, 150), (220, 50, 300, 150), pen=pen)).ink
        assert ink[0].mean() > 200


def test_blank_and_endless_paper_is_told() -> None:
    with pytest.raises(BlankImageError):
        strip(np.full((100, 300), 255, np.uint8))
    with pytest.raises(TooLongError):
        strip(np.tile(np.array([[0, 255]], np.uint8), (1, 20_000)))


def test_faint_box_of_dots_is_no_line() -> None:
    image = np.full((100, 100), 255, np.uint8)
    image[18:82, 18:82] = 148
    image[19:81, 19:81] = 255
    image[np.ix_(*[np.flatnonzero(np.isin(np.arange(100) % 4, (2, 3)) & (np.abs(np.arange(100) - 50) < 28))] * 2)] = 0
    with pytest.raises(BlankImageError):
        strip(image)


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (2, 2), (2, 3), (3, 2), (2, 300), (300, 2)])
def test_tiny_images_are_told_or_read(shape: tuple[int, int]) -> None:
    image = np.full(shape, 255, np.uint8)
    image[0] = 0
    with suppress(BlankImageError, TooLongError):
        assert strip(image).ink.shape[0] == HEIGHT


@pytest.mark.parametrize("width", [1, 100, WIDTH, WIDTH + 1, 700, 3000])
def test_windows_cover_the_strip_and_join_without_seam(width: int) -> None:
    ink = np.tile(np.arange(1, width + 1) % 256, (HEIGHT, 1)).astype(np.uint8)
    seen = windows(ink)
    assert all(window.shape == (HEIGHT, WIDTH) for window in seen)
    frames = [np.repeat(window[0, ::FRAME, np.newaxis], OUTPUTS, axis=1).astype(np.float32) for window in seen]
    assert np.array_equal(joined(frames, width)[:, 0], ink[0, ::FRAME])


def test_likelihood_is_that_of_all_ways_to_name_the_digit_once() -> None:
    logits = np.random.default_rng(1).normal(size=(4, OUTPUTS)).astype(np.float32)
    logits[1, 3] += 3  # the best way names a 3, the other frames nothing
    logits[[0, 2, 3], NOTHING] += 3
    shares = np.exp(logits.astype(float))
    shares /= shares.sum(axis=1, keepdims=True)
    likelihoods = np.zeros(NOTHING)
    for way in product(range(OUTPUTS), repeat=4):
        named = [symbol for symbol, _ in groupby(way) if symbol != NOTHING]
        if len(named) == 1:
            likelihoods[named[0]] += np.prod(shares[range(4), way])
    assert spell(logits, 1).likelihoods == pytest.approx(likelihoods[np.newaxis])


def frames(text: str) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Logits that name the digits of `text`, a dash for nothing, sure of it."""
    logits = np.zeros((len(text), OUTPUTS), np.float32)
    logits[range(len(text)), [NOTHING if sign == "-" else int(sign) for sign in text]] = 15
    return logits


def test_repetitions_count_once_unless_there_is_nothing_between() -> None:
    found = spell(frames("--44-4---7-"), 1)
    assert found.likelihoods[:, :10].argmax(axis=1).tolist() == [4, 4, 7]
    assert found.centres.tolist() == [(2.5 + 0.5) * FRAME, (5 + 0.5) * FRAME, (9 + 0.5) * FRAME]
    assert found.edges.tolist() == [0, 4 * FRAME, 7 * FRAME, 11 * FRAME]
    assert spell(frames("-----"), 1).likelihoods.shape == (0, NOTHING)


def test_higher_temperature_is_less_sure() -> None:
    assert spell(frames("-4-"), 5).likelihoods[0, 4] < spell(frames("-4-"), 1).likelihoods[0, 4]


def test_ink_goes_to_the_digit_it_is_around_and_is_parted_where_it_is_around_two() -> None:
    fine = np.zeros((64, 300), np.uint8)
    fine[10:60, 10:40] = 255  # the first alone
    fine[5:9, 15:30] = 255  # with a bar apart
    fine[20:64, 100:190] = 255  # the second and the third
    fine[30:34, 290:298] = 255  # nobody's
    found = Spelling(np.zeros((3, NOTHING)), np.array([0.0, 32, 72, 150]), np.array([12.0, 60, 84]))
    first, second, third = apart(Strip(fine[::2, ::2], fine, left=7, top=3, scale=2), found)
    assert first.box == (7 + 20, 3 + 10, 7 + 80, 3 + 120)
    assert second.box == (7 + 200, 3 + 40, 7 + 2 * 144, 3 + 128)
    assert third.box == (7 + 2 * 144, 3 + 40, 7 + 380, 3 + 128)
    assert [part.alone for part in (first, second, third)] == [True, False, False]
    assert all(part.image.shape == (28, 28) and part.image.max() == 255 for part in (first, second, third))


@pytest.mark.parametrize("width", [300, 3840])
def test_digit_without_ink_has_the_box_of_its_part(width: int) -> None:
    fine = np.zeros((64, width), np.uint8)
    fine[10:60, 10:40] = 255
    found = Spelling(np.zeros((2, NOTHING)), np.array([0.0, 50, width / 2]), np.array([12.0, 100]))
    _, second = apart(Strip(fine[::2, ::2], fine, left=0, top=0, scale=1), found)
    assert (second.box, second.alone) == ((100, 0, width, 64), False)


def test_one_digit_that_the_best_way_names_twice_is_one() -> None:
    logits = np.full((9, OUTPUTS), -9, np.float32)
    logits[:, NOTHING] = 5
    logits[[2, 5], 4] = 5.2  # a little likelier than nothing, each
    logits[[3, 4], 4] = 4.9  # a little less likely, between them
    assert spell(logits, 1).likelihoods[:, :10].argmax(axis=1).tolist() == [4]
