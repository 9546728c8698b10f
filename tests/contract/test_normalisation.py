"""Any drawing of one digit becomes what the network was trained on."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from contract import normalisation
from contract.arrays import Grey
from contract.normalisation import (
    DIGIT,
    FEWEST_RULES,
    THICKEST_RULE,
    BlankImageError,
    normalise,
    normalised_by_python,
)
from contract.rules import without_rules
from trainer.mnist import Mnist

SEVEN = ((0.0, 0.05), (0.6, 0.0), (0.25, 1.0))


def drawn(side: int, width: int, *, height: float = 0.6, corner: float = 0.2, ink: int = 0, paper: int = 255) -> Grey:
    """A 7 on a square of `side` pixels; `height` and `corner` as shares of it."""
    picture = Image.new("L", (side, side), paper)
    points = [((corner + x * height) * side, (corner + y * height) * side) for x, y in SEVEN]
    ImageDraw.Draw(picture).line(points, fill=ink, width=width, joint="curve")
    return np.asarray(picture)


def likeness(a: Grey, b: Grey) -> float:
    """Correlation of two images, 1 for equal ones."""
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


PLAIN = normalise(drawn(200, 18))


def test_result_is_a_digit_of_20_pixels_about_the_centre_of_28() -> None:
    rows, columns = np.nonzero(PLAIN)
    assert PLAIN.shape == (28, 28)
    assert PLAIN.dtype == np.uint8
    assert PLAIN.max() == 255
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == DIGIT
    weight = PLAIN / PLAIN.sum()
    assert abs((weight.sum(axis=1) * np.arange(28)).sum() - 14) <= 0.5
    assert abs((weight.sum(axis=0) * np.arange(28)).sum() - 14) <= 0.5


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(drawn(300, 1), id="1-pixel line on a 300-pixel canvas"),
        pytest.param(drawn(1000, 1), id="1-pixel line on a 1000-pixel canvas"),
        pytest.param(drawn(1000, 24), id="24-pixel pen on a 1000-pixel canvas"),
        pytest.param(drawn(300, 4, height=0.15, corner=0.83), id="small, in the lower right corner"),
        pytest.param(drawn(3000, 4, height=0.02, corner=0.01), id="tiny, in the upper left corner of a scan"),
        pytest.param(drawn(200, 18, ink=255, paper=0), id="light on dark"),
        pytest.param(drawn(200, 18, ink=150, paper=180), id="pale grey on grey"),
        pytest.param(drawn(200, 18, ink=230, paper=128), id="chalk on grey"),
        pytest.param(drawn(3000, 1, ink=235), id="pale 1-pixel line on a 3000-pixel canvas"),
        pytest.param(drawn(28, 2), id="as small as the result"),
    ],
)
def test_any_size_place_pen_and_polarity_gives_the_same_picture(image: Grey) -> None:
    assert likeness(normalise(image), PLAIN) > 0.75


@pytest.mark.parametrize("shape", [(2800, 8000), (200_000, 1)])
def test_specks_far_apart_are_no_digit(shape: tuple[int, int]) -> None:
    image = np.full(shape, 255, np.uint8)
    image.flat[[0, -1]] = 0
    with pytest.raises(BlankImageError):
        normalise(image)


def test_paper_noise_and_a_speck_of_dust_change_little() -> None:
    rng = np.random.default_rng(1)
    noisy = drawn(400, 30, paper=200, ink=60).astype(float) + rng.normal(0, 8, (400, 400))
    noisy[385:388, 385:388] = 0
    assert likeness(normalise(noisy.clip(0, 255).astype(np.uint8)), PLAIN) > 0.75


def test_dust_on_a_large_sheet_does_not_make_the_digit_small() -> None:
    rng = np.random.default_rng(5)
    clean = np.pad(drawn(100, 8), 400, constant_values=255)
    dusty = clean.copy()
    for top, left in rng.integers(0, 890, (60, 2)):
        if not 380 < top < 500 or not 380 < left < 500:  # elsewhere than around the digit
            dusty[top : top + rng.integers(1, 7), left : left + rng.integers(1, 7)] = rng.integers(0, 128)
    assert np.array_equal(normalise(dusty), normalise(clean))


@pytest.fixture(params=["nothing", "native.c"])
def without(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where that is not at hand."""
    if request.param == "native.c":
        monkeypatch.setattr(normalisation, "_NATIVE", None)


@pytest.mark.usefixtures("without")
def test_stroke_that_ends_in_crumbs_is_whole() -> None:
    page = Image.new("L", (300, 300), 255)
    pen = ImageDraw.Draw(page)
    pen.line((200, 60, 140, 240), 0, 10)
    stem = normalise(np.asarray(page))
    for left in range(90, 180, 15):
        pen.rectangle((left, 60, left + 4, 64), 0)
    seven = normalise(np.asarray(page))
    assert np.ptp(np.nonzero(seven)[1]) > 1.5 * np.ptp(np.nonzero(stem)[1])


@pytest.mark.parametrize("squared", [False, True])
def test_lines_of_the_paper_are_left_behind(squared: bool) -> None:
    page = drawn(300, 20).copy()
    page[20::40] = page[21::40] = np.minimum(page[20::40], 150)
    if squared:
        page[:, 10::40] = page[:, 11::40] = np.minimum(page[:, 10::40], 150)
    assert likeness(normalise(page), PLAIN) > 0.75


@pytest.mark.parametrize("first", [0, 3])
@pytest.mark.parametrize("ink", [0, 120])
def test_squared_paper_may_be_cut_along_its_lines(first: int, ink: int) -> None:
    page = drawn(281, 20, ink=ink).copy()
    page[first::20] = np.minimum(page[first::20], 225)
    page[:, first::20] = np.minimum(page[:, first::20], 225)
    assert likeness(normalise(page), PLAIN) > 0.75
    assert likeness(normalise(255 - page), PLAIN) > 0.75


def test_bars_of_a_square_digit_in_a_close_crop_are_no_lines() -> None:
    page = Image.new("L", (120, 200), 255)
    pen = ImageDraw.Draw(page)
    pen.rectangle((0, 0, 119, 199), outline=0, width=4)
    pen.line((0, 100, 119, 100), 0, 4)
    ink = 255 - np.asarray(page)
    assert without_rules(ink, FEWEST_RULES, THICKEST_RULE) is ink


@pytest.mark.usefixtures("without")
def test_long_bar_and_holes_elsewhere_on_the_sheet_are_no_part_of_the_digit() -> None:
    clean = np.pad(drawn(200, 12), 200, constant_values=255)
    page = Image.fromarray(clean)
    ImageDraw.Draw(page).rounded_rectangle((200, 560, 400, 568), 4, 0)
    for top in (80, 420):
        ImageDraw.Draw(page).ellipse((20, top, 40, top + 20), 0)
    assert np.array_equal(normalise(np.asarray(page)), normalise(clean))


@pytest.mark.usefixtures("without")
def test_small_print_elsewhere_on_the_sheet_is_no_part_of_the_digit() -> None:
    clean = np.pad(drawn(200, 12), 300, constant_values=255)
    page = Image.fromarray(clean)
    ImageDraw.Draw(page).text((500, 700), "page 12", 0, font_size=24)
    assert np.array_equal(normalise(np.asarray(page)), normalise(clean))


def test_scratch_does_not_make_a_digit_dust() -> None:
    page = np.full((1000, 1000), 255, np.uint8)
    page[20:980, 300:303] = 0
    page[450:550, 600:700] = drawn(100, 8)
    assert normalisation.writing(255 - page)[1].stop > 650


@pytest.mark.parametrize("ink", [200, 226])
@pytest.mark.parametrize("noise", [0, 3])
def test_black_grain_does_not_hide_a_pale_digit(ink: int, noise: int) -> None:
    pale = drawn(400, 30, paper=250, ink=ink).astype(float)
    pale[8:14, 10] = 0
    image = (pale + np.random.default_rng(2).normal(0, noise, pale.shape)).clip(0, 255).astype(np.uint8)
    for make in (normalise, normalised_by_python):
        assert likeness(make(image), PLAIN) > 0.75


def test_small_digit_beside_a_large_stain_is_no_grain() -> None:
    page = Image.new("L", (1000, 1400), 240)
    ImageDraw.Draw(page).ellipse((500, 300, 900, 800), 215)
    page.paste(Image.fromarray(drawn(100, 5, paper=240, ink=30)), (300, 700))
    assert likeness(normalise(np.asarray(page)), normalise(drawn(100, 5))) > 0.75


@pytest.mark.parametrize("side", [80, 160])
@pytest.mark.parametrize("pale", ["shadow", "watermark"])
def test_small_digit_beside_what_is_large_and_pale_is_no_grain(side: int, pale: str) -> None:
    page = Image.new("L", (1600, 1200), 245)
    pen = ImageDraw.Draw(page)
    if pale == "shadow":
        pen.ellipse((300, 300, 1300, 900), 220)
    else:
        pen.line([(200, 1000), (500, 200), (800, 1000), (1100, 200), (1400, 1000)], 222, 60)
    page.paste(Image.fromarray(drawn(side, side // 10, paper=245, ink=20)), (40, 40))
    assert likeness(normalise(np.asarray(page)), normalise(drawn(side, side // 10))) > 0.75


def test_photographed_paper_with_uneven_light_and_noise_changes_little() -> None:
    rng = np.random.default_rng(3)
    light = np.linspace(1, 0.5, 400) * np.linspace(1, 0.8, 400)[:, np.newaxis]
    photo = drawn(400, 30, paper=220, ink=60) * light + rng.normal(0, 8, (400, 400))
    assert likeness(normalise(photo.clip(0, 255).astype(np.uint8)), PLAIN) > 0.75


@pytest.mark.parametrize("paper", [60, 110, 180])
def test_a_pixel_of_glare_does_not_turn_ink_into_paper(paper: int) -> None:
    glaring = drawn(200, 18, paper=paper, ink=0).copy()
    glaring[20, 30] = 255
    assert likeness(normalise(glaring), PLAIN) > 0.75


def test_strong_noise_changes_little() -> None:
    noisy = drawn(400, 30, paper=200, ink=60) + np.random.default_rng(4).normal(0, 40, (400, 400))
    assert likeness(normalise(noisy.clip(0, 255).astype(np.uint8)), PLAIN) > 0.75


def test_a_tall_digit_keeps_its_aspect() -> None:
    tall = np.full((300, 300), 255, np.uint8)
    tall[30:270, 140:160] = 0
    _, columns = np.nonzero(normalise(tall) > 64)
    assert np.ptp(columns) + 1 <= 3


def test_mnist_stays_what_it_is(mnist: Mnist) -> None:
    images = mnist.train_images[:200]
    assert np.median([likeness(normalise(image), image) for image in images]) > 0.98


@pytest.mark.parametrize("level", [0, 128, 255])
def test_paper_without_ink_is_blank(level: int) -> None:
    with pytest.raises(BlankImageError):
        normalise(np.full((50, 70), level, np.uint8))


def test_noise_without_ink_is_blank() -> None:
    noise = np.random.default_rng(2).normal(200, 3, (300, 300)).round().astype(np.uint8)
    with pytest.raises(BlankImageError):
        normalise(noise)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (2, 2), (3, 4000)])
def test_odd_shapes_give_a_picture_or_are_blank(shape: tuple[int, int]) -> None:
    image = np.full(shape, 255, np.uint8)
    image[shape[0] // 2, shape[1] // 2] = 0
    if max(shape) == 1:
        with pytest.raises(BlankImageError):
            normalise(image)
    else:
        assert normalise(image).shape == (28, 28)


@pytest.mark.parametrize("side", [8, 12, 16, 24])
@pytest.mark.parametrize("inverted", [False, True])
def test_digit_that_fills_a_coarse_image_is_read_from_edge_to_edge(side: int, inverted: bool) -> None:
    ring = Image.new("L", (240, 240))
    ImageDraw.Draw(ring).ellipse((0, 0, 239, 239), outline=255, width=50)
    image = np.asarray(ring.resize((side, side), Image.Resampling.BOX))
    result = normalise(255 - image if inverted else image)
    rows = np.nonzero(result.max(axis=1) > 127)[0]
    assert np.ptp(rows) + 1 >= 19
    assert result[14, 14] < 64
    assert result[14].max() > 200
