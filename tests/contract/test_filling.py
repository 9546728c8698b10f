"""Pictures that the digit fills, so that their border is no paper: they look to the network as larger ones do."""

import numpy as np
import pytest
from PIL import Image

from contract.filling import filling
from contract.normalisation import BlankImageError, normalise
from tests.conftest import DATA
from trainer.mnist import Mnist

Grey = np.ndarray

SEVEN = np.asarray(Image.open(DATA / "7.png").convert("L").resize((300, 300)))
ROWS, COLUMNS = np.mgrid[-1:1:300j, -1:1:300j]


def cut(digit: Grey) -> Image.Image:
    """Light ink on black paper, dark ink on white: no more than the digit."""
    ink = np.abs(digit.astype(int) - int(digit[0, 0])) > 127
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    return Image.fromarray(digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def likeness(one: Grey, other: Grey) -> float:
    """Correlation of what the network sees of two images; 0 where it is nothing."""
    try:
        return float(np.corrcoef(normalise(one).ravel(), normalise(other).ravel())[0, 1])
    except BlankImageError:
        return 0


def noisy(image: Grey, noise: float = 3) -> Grey:
    image = image + np.random.default_rng(1).normal(0, noise, image.shape)
    return image.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("flip", [0, 255], ids=["light ink", "dark ink"])
@pytest.mark.parametrize("enlarge", [Image.Resampling.BILINEAR, Image.Resampling.BICUBIC], ids=["linear", "cubic"])
@pytest.mark.parametrize(("coarse", "side"), [(8, 28), (8, 100), (8, 280), (12, 28), (16, 64)])
def test_coarse_picture_may_be_enlarged_without_steps(
    mnist: Mnist, coarse: int, side: int, enlarge: Image.Resampling, flip: int
) -> None:
    seen = []
    for digit in mnist.train_images[:40]:
        small = cut(digit).resize((coarse, coarse), Image.Resampling.BOX)
        large = np.asarray(small.resize((side, side), enlarge)) ^ np.uint8(flip)
        seen.append(likeness(large, np.asarray(small)))
    assert np.mean(np.array(seen) > 0.7) >= 0.9


@pytest.mark.parametrize("side", [28, 40, 64])
def test_digit_may_be_cut_closely_from_a_photograph(mnist: Mnist, side: int) -> None:
    shade, seen = np.linspace(1, 0.75, side), []
    for digit in mnist.train_images[:40]:
        close = cut(np.asarray(Image.fromarray(digit).resize((224, 224), Image.Resampling.BICUBIC)))
        small = np.asarray(close.resize((side, side), Image.Resampling.LANCZOS))
        whole = np.pad(np.asarray(close.resize((200, 200))), 50)
        seen.append(likeness(noisy((210 - 0.6 * small) * shade), whole))
    assert np.mean(np.array(seen) > 0.6) >= 0.95


@pytest.mark.parametrize(
    "paper",
    [
        pytest.param(noisy(np.full((300, 300), 128), 40), id="noise"),
        pytest.param(noisy(np.full((28, 28), 128), 40), id="noise of few pixels"),
        pytest.param(noisy(215 - 30 * (ROWS**2 + COLUMNS**2)), id="dark corners"),
        pytest.param(noisy(140 + 70 * COLUMNS - 20 * ROWS), id="light from one side"),
        pytest.param(noisy(215 - 80 / (1 + np.exp(-20 * (COLUMNS + 0.2 * ROWS)))), id="a shadow's edge"),
        pytest.param(noisy(200 + 6 * np.sin(9 * COLUMNS) * np.sin(7 * ROWS)), id="creases"),
    ],
)
def test_paper_that_nothing_was_written_on_is_not_filled(paper: Grey) -> None:
    assert filling(paper) is None
    with pytest.raises(BlankImageError):
        normalise(paper)


@pytest.mark.parametrize(
    ("turn", "offset", "steepness", "loss", "noise"),
    [(3.53, 0.06, 20, 0.68, 3), (0.49, 0.12, 20, 0.75, 3), (3.14, 0.2, 10, 0.64, 3), (5.14, 0.1, 20, 0.63, 12)],
)
def test_hard_shadow_is_no_ink_that_reaches_two_edges(
    turn: float, offset: float, steepness: float, loss: float, noise: float
) -> None:
    beyond = np.cos(turn) * COLUMNS + np.sin(turn) * ROWS + offset
    image = noisy(0.85 * SEVEN * (1 - loss / (1 + np.exp(-steepness * beyond))), noise)
    assert filling(image, surely=True) is None


@pytest.mark.parametrize("size", [10, 15, 20])
def test_grain_of_paper_is_seldom_a_digit(size: int) -> None:
    rng, taken = np.random.default_rng(size), 0
    for _ in range(30):
        blotches = Image.fromarray(rng.normal(128, 40, (300 // size, 300 // size)).clip(0, 255).astype(np.uint8))
        paper = np.asarray(blotches.resize((300, 300), Image.Resampling.BICUBIC))
        taken += filling(noisy(150 + 0.3 * paper)) is not None
    assert taken <= 18


@pytest.mark.parametrize("shape", [(25, 1), (1, 25), (2, 400), (400, 2), (25, 3)])
def test_strips_of_noise_are_not_filled(shape: tuple[int, int]) -> None:
    assert filling(np.random.default_rng(1).integers(0, 256, shape, np.uint8)) is None
