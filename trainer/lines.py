"""What the line network learns from: numbers in any pen and state, as strips, and what they say."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from contract.arrays import Grey
from contract.line import HEIGHT, WIDTH, TooLongError, strip
from contract.normalisation import BlankImageError, grown, normalise
from contract.spelling import NO_DIGIT
from trainer.dataset import in_workers
from trainer.digits import Digits
from trainer.habits import LABELS, with_any_habit
from trainer.marks import mark
from trainer.outliers import no_part
from trainer.printed import unwritten
from trainer.strings import GAPS, MARGIN, SLANT, Glyph, written
from trainer.strokes import curve, drawn

LONGEST, MOST = 8, 20
"""Digits of a number, and labels of a strip."""

APART = 20, 40
"""Pixels between two numbers on a strip, from and below: more than between most digits of one."""

END = -1
"""In a row of labels, behind the last one."""

BROKEN, DOUBTFUL, HABIT = 0.06, 0.04, 0.25
"""Shares of the digits that have a gap in their strokes, that are none, and of 0s, 1s and 7s with a habit."""

UNWRITTEN, MARKED = 0.08, 0.12
"""Shares of the lines whose digits are all printed or displayed, each in its own way, and of those that have a mark, or
one more."""

STRAIGHT = 0.3
"""Share of the 1s that are one straight stroke, nearly upright: what a mark would be if it were as high."""

LOWERED, LEAST_HEIGHT = 0.2, 18
"""Share of the lines that do not fill their strip, and their least height, pixels."""

NO_INK = 128
"""Grey level up to which a picture is as good as paper."""

CHUNK = 1000
"""Lines written in one go by one process."""


@dataclass(frozen=True)
class Lines:
    strips: Grey
    """[n, 32, 256], ink 255 on paper 0: as many numbers in each as have room."""
    labels: NDArray[np.int8]
    """[n, 20]: digits, or `NO_DIGIT`, then `END`."""

    def __len__(self) -> int:
        return len(self.strips)


def training_lines(digits: Digits, count: int, seed: int) -> Lines:
    """Some `count` numbers of 1 to 8 of `digits`, somewhat fewer: those that can be seen and are not too wide."""
    places = np.arange(count)
    jobs = [(seed, places[i : i + CHUNK]) for i in range(0, count, CHUNK)]
    parts = in_workers(_lines, jobs, digits, "Writing training lines")
    labels = np.concatenate([part.labels for part in parts])
    strips = np.empty((len(labels), HEIGHT, WIDTH), np.uint8)
    end = len(strips)
    while parts:  # from the last one, which is then forgotten: all of them take more than a gigabyte
        part = parts.pop()
        strips[end - len(part) : end] = part.strips
        end -= len(part)
    return Lines(strips, labels)


def _lines(digits: Digits, job: tuple[int, NDArray[np.int64]]) -> Lines:
    seed, places = job
    strips: list[Grey] = []
    labels: list[NDArray[np.int8]] = []
    end = written = WIDTH
    for place in places.tolist():
        rng = np.random.default_rng((seed, place))
        try:
            ink, said = line(digits, rng)
        except (BlankImageError, TooLongError):
            continue
        width, start = ink.shape[1], end + int(rng.integers(*APART))
        if width > WIDTH:
            continue
        if start + width > WIDTH or written + len(said) > MOST:
            start, written = int(rng.integers(min(APART[0], WIDTH - width) + 1)), 0
            strips.append(np.zeros((HEIGHT, WIDTH), np.uint8))
            labels.append(np.full(MOST, END, np.int8))
        end = start + width
        strips[-1][:, start:end] = ink
        labels[-1][written : written + len(said)] = said
        written += len(said)
    return Lines(np.array(strips, np.uint8).reshape(-1, HEIGHT, WIDTH), np.array(labels, np.int8).reshape(-1, MOST))


def line(digits: Digits, rng: np.random.Generator) -> tuple[Grey, NDArray[np.int64]]:
    """A line as a strip, uint8 [32, width], and its labels, [1 to 20]: 1 to 8 digits, and marks.

    Raises `BlankImageError`, `TooLongError`.
    """
    places = rng.integers(0, len(digits), rng.integers(1, LONGEST + 1))
    make = _unwritten if rng.random() < UNWRITTEN else _glyph
    said = [make(digits, int(place), rng) for place in places]
    while len(said) < MOST and rng.random() < MARKED:
        said.insert(int(rng.integers(len(said) + 1)), (mark(rng), NO_DIGIT))
    glyphs, labels = zip(*said, strict=True)
    slant = rng.uniform(-1, 1) * 1.5 * SLANT
    ink, _ = written(list(glyphs), GAPS[rng.integers(len(GAPS))], slant, rng, uneven=rng.random())
    ink = strip(_on_paper(_with_pen(ink, rng), rng)).ink
    return _lowered(ink, rng) if rng.random() < LOWERED else ink, np.array(labels)


def _lowered(ink: Grey, rng: np.random.Generator) -> Grey:
    """A strip as if something higher stood beside it, as in a long line or over a stain."""
    height = int(rng.integers(LEAST_HEIGHT, HEIGHT))
    width = max(1, round(ink.shape[1] * height / HEIGHT))
    low = np.zeros((HEIGHT, width), np.uint8)
    top = int(rng.integers(HEIGHT - height + 1))
    low[top : top + height] = Image.fromarray(ink).resize((width, height), Image.Resampling.BOX)
    return low


def _unwritten(digits: Digits, place: int, rng: np.random.Generator) -> tuple[Glyph, int]:
    """A digit that is printed or displayed, and its label."""
    return Glyph(unwritten(digits, place, rng)), int(digits.labels[place])


def _glyph(digits: Digits, place: int, rng: np.random.Generator) -> tuple[Glyph, int]:
    """A digit, or what is none, and its label."""
    image, label = digits.images[place], int(digits.labels[place])
    change = rng.random()
    if change < DOUBTFUL:
        return Glyph(no_part(digits, place, rng)), NO_DIGIT
    if change < DOUBTFUL + BROKEN:
        return Glyph(_broken(image, rng)), label
    if label == 1 and rng.random() < STRAIGHT:
        return _straight(rng), label
    if label in LABELS and rng.random() < HABIT:
        image = with_any_habit(normalise(image), label, rng)
    return Glyph(image), label


def _straight(rng: np.random.Generator) -> Glyph:
    """A 1."""
    return drawn([curve((0, 0), (rng.normal(0, 0.08), 1), rng.normal(0, 0.02))], rng)


def _broken(image: Grey, rng: np.random.Generator) -> Grey:
    """With a straight gap, as where a pen was lifted or did not write."""
    angle = rng.uniform(0, np.pi)
    y, x = np.mgrid[: len(image), : len(image)] - rng.uniform(9, 19, 2)[:, np.newaxis, np.newaxis]
    gap = np.abs(np.cos(angle) * y + np.sin(angle) * x) < rng.uniform(0.5, 1.3)
    broken: Grey = np.where(gap, 0, image).astype(np.uint8)
    return broken if broken.max() > NO_INK else image


def _with_pen(ink: Grey, rng: np.random.Generator) -> Grey:
    """Drawn with a thicker pen, a thinner or a softer one, or as it is."""
    kind = rng.random()
    if kind < 0.15:
        ink = grown(ink, int(rng.integers(1, 4)))
    elif kind < 0.25:
        ink = ndimage.grey_erosion(ink, int(rng.integers(2, 4)))
    return ndimage.gaussian_filter(ink, rng.uniform(0.5, 3.5)) if rng.random() < 0.25 else ink


def _on_paper(ink: Grey, rng: np.random.Generator) -> Grey:
    """On clean paper, with specks, or with noise."""
    kind = rng.random()
    if kind < 0.15:
        ink = ink.copy()
        for _ in range(int(rng.integers(1, 6))):
            row, column = (int(rng.integers(MARGIN // 2, side - MARGIN // 2)) for side in ink.shape)
            tall, wide = rng.integers(1, 4, 2)
            ink[row : row + tall, column : column + wide] = rng.integers(100, 256)
    elif kind < 0.3:
        ink = (ink + rng.normal(0, rng.uniform(10, 45), ink.shape)).clip(0, 255).astype(np.uint8)
    return ink
