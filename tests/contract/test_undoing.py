"""Pictures that something was done to on their way: they look to the network as they did before."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from contract.arrays import Grey
from contract.normalisation import BlankImageError, normalise
from contract.undoing import undone
from tests.conftest import DATA
from trainer.mnist import Mnist

SEVEN = np.asarray(Image.open(DATA / "7.png").convert("L").resize((300, 300)))
ROWS, COLUMNS = np.mgrid[-1:1:300j, -1:1:300j]


def likeness(image: Grey) -> float:
    """Correlation of what the network sees of `image` with what it sees of the 7."""
    return float(np.corrcoef(normalise(image).ravel(), normalise(SEVEN).ravel())[0, 1])


def on_paper(paper: int, noise: float = 3) -> Grey:
    """The 7 on paper of that grey, as a scanner sees it."""
    grain = np.random.default_rng(1).normal(0, noise, SEVEN.shape)
    image: Grey = np.clip(SEVEN * (paper / 255.0) + grain, 0, 255)
    return image


def photograph(light: Grey) -> Grey:
    image: Grey = (on_paper(215) * light).clip(0, 255).astype(np.uint8)
    return image


@pytest.mark.parametrize("side", [8, 16, 20])
@pytest.mark.parametrize("times", [4, 7, 28])
def test_repeated_pixels_count_once(side: int, times: int) -> None:
    coarse = np.asarray(Image.fromarray(SEVEN).resize((side, side), Image.Resampling.BOX))
    enlarged = np.kron(coarse, np.ones((times, times), np.uint8))
    assert np.array_equal(normalise(enlarged), normalise(coarse))
    assert np.array_equal(normalise(enlarged[1:, : -times + 1]), normalise(coarse))


def test_drawing_of_straight_lines_is_not_taken_for_repeated_pixels() -> None:
    sheet = np.full((200, 200), 255, np.uint8)
    for row in (20, 90, 160):
        sheet[row : row + 16, 50:130] = 0
    sheet[20:176, 114:130] = 0
    assert undone(sheet) is sheet


@pytest.mark.parametrize("paper", [140, 170, 200, 230])
def test_dots_become_grey(paper: int) -> None:
    dots = Image.fromarray(on_paper(paper, 0).astype(np.uint8)).convert("1")
    assert likeness(np.asarray(dots.convert("L"))) > 0.9


def padded(rim: int, **sides: int) -> Grey:
    top, right, bottom, left = (sides.get(side, 0) for side in ("top", "right", "bottom", "left"))
    return np.pad(on_paper(205), ((top, bottom), (left, right)), constant_values=rim).astype(np.uint8)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(padded(255, left=60, right=60), id="white beside it"),
        pytest.param(padded(255, left=40, right=40, top=40, bottom=40), id="white around it"),
        pytest.param(padded(0, top=50, bottom=50), id="black above and below"),
        pytest.param(padded(30, left=12), id="a scanner's lid"),
        pytest.param(padded(90, left=40, right=20, top=30, bottom=35), id="a desk"),
        pytest.param(padded(0, left=2, right=2, top=2, bottom=2), id="a thin frame"),
    ],
)
def test_rim_of_another_grey_is_left_out(image: Grey) -> None:
    assert likeness(image) > 0.95


@pytest.mark.parametrize("noise", [0, 8])
def test_bold_one_that_fills_its_picture_is_no_paper_in_a_rim(noise: float) -> None:
    bar = np.full((60, 30), 230.0)
    bar[6:54, 6:24] = 40
    image = (bar + np.random.default_rng(1).normal(0, noise, bar.shape)).clip(0, 255).astype(np.uint8)
    assert 0.2 < (normalise(image) > 127).mean() < 0.5


LIGHT: dict[str, Callable[[], Grey]] = {
    "dark corners": lambda: 1 - 0.15 * (ROWS**2 + COLUMNS**2),
    "very dark corners": lambda: 1 - 0.22 * (ROWS**2 + COLUMNS**2),
    "a shadow's edge": lambda: 1 - 0.3 / (1 + np.exp(-40 * (COLUMNS + 0.2 * ROWS - 0.7))),
    "a shadow's edge through it": lambda: 1 - 0.3 / (1 + np.exp(-30 * (ROWS - 0.4 * COLUMNS))),
    "a lamp's spot": lambda: 0.45 + 0.55 * np.exp(-((ROWS - 0.2) ** 2 + COLUMNS**2) / 0.8),
    "a smudge of shadow": lambda: 1 - 0.3 * np.exp(-((ROWS - 0.3) ** 2 + (COLUMNS + 0.3) ** 2) / 0.3),
}


@pytest.mark.parametrize("name", LIGHT)
def test_uneven_light_is_no_ink(name: str) -> None:
    assert likeness(photograph(LIGHT[name]())) > 0.85


@pytest.mark.parametrize("name", LIGHT)
def test_chalk_on_a_board_in_uneven_light_is_ink(name: str) -> None:
    board = 60 + (255 - SEVEN) * 0.6
    noise = np.random.default_rng(1).normal(0, 3, board.shape)
    assert likeness((board * LIGHT[name]() + noise).clip(0, 255).astype(np.uint8)) > 0.85


def test_paper_in_uneven_light_is_blank() -> None:
    paper = 215 * LIGHT["dark corners"]() + np.random.default_rng(1).normal(0, 3, SEVEN.shape)
    with pytest.raises(BlankImageError):
        normalise(paper.clip(0, 255).astype(np.uint8))


def test_thick_pen_at_the_edges_is_no_shadow() -> None:
    bold = np.asarray(Image.fromarray(SEVEN).crop((60, 30, 240, 270)).resize((100, 120)))
    noisy = (bold * 0.8 + np.random.default_rng(1).normal(0, 6, bold.shape)).clip(0, 255).astype(np.uint8)
    assert likeness(noisy) > 0.85


@pytest.mark.parametrize("flip", [0, 255], ids=["dark ink", "light ink"])
@pytest.mark.parametrize(("times", "noise"), [(6, 3), (8, 2)])
def test_soft_strokes_are_no_shadows(mnist: Mnist, times: int, noise: float, flip: int) -> None:
    rng = np.random.default_rng(1)
    for digit in mnist.train_images[:20]:
        large = np.asarray(Image.fromarray(digit).resize((28 * times, 28 * times), Image.Resampling.BICUBIC))
        image = (220 - 0.75 * large + rng.normal(0, noise, large.shape)).clip(0, 255).astype(np.uint8) ^ np.uint8(flip)
        assert np.corrcoef(normalise(image).ravel(), normalise(large).ravel())[0, 1] > 0.8


@pytest.mark.parametrize("flip", [0, 255], ids=["dark ink", "light ink"])
def test_thick_pen_that_touches_an_edge_is_no_shadow(mnist: Mnist, flip: int) -> None:
    rng = np.random.default_rng(1)
    for digit in mnist.train_images[:20]:
        large = Image.fromarray(digit).resize((168, 168), Image.Resampling.BICUBIC).filter(ImageFilter.MaxFilter(21))
        bold = np.asarray(large)[np.flatnonzero(np.asarray(large).max(axis=1) > 127)[0] :]
        image = (220 - 0.75 * bold + rng.normal(0, 3, bold.shape)).clip(0, 255).astype(np.uint8) ^ np.uint8(flip)
        assert np.corrcoef(normalise(image).ravel(), normalise(bold).ravel())[0, 1] > 0.9


@pytest.mark.parametrize(
    "lines",
    [[(2, 2, 57, 2, 20, 97)], [(2, 2, 57, 2, 2, 97, 57, 97)]],
    ids=["7 of straight lines", "2 of straight lines"],
)
def test_bar_at_the_edge_is_no_rim(lines: list[tuple[int, ...]]) -> None:
    picture = Image.new("L", (60, 100), 255)
    for line in lines:
        ImageDraw.Draw(picture).line(line, 0, 5)
    image = np.asarray(picture)
    assert undone(image) is image


@pytest.mark.parametrize("height", range(3, 12))
def test_rims_that_leave_nothing_are_none(height: int) -> None:
    image = np.zeros((height, 40), np.uint8)
    image[0] = image[-1] = 255
    image[1:-1, 5:30] = 100
    image[0, 0] = 254
    assert undone(image).size
    assert undone(image.T).size
