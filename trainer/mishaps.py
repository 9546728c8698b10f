"""What befalls a picture between the pen and the reader: light that falls unevenly, rims, desks and boxes around the
sheet, lines, rings, dots, dust, pixels that are repeated or smoothed, close cuts.

A `Mishap` makes a grey picture, uint8 [height, width], of another one. No training has seen these programs.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from contract.arrays import Grey

Light = NDArray[np.float64]

Mishap = Callable[[Grey, np.random.Generator], Grey]

NOISE = 3
"""Standard deviation of the sensor's, grey levels."""

PENUMBRA = 0.03
"""Half of a shadow's edge, of the picture's longer side."""


def shadow(loss: float) -> Mishap:
    """Something between lamp and paper takes that share of the light on one side of a line."""

    def light(x: Light, y: Light, rng: np.random.Generator) -> Light:
        angle = rng.uniform(0, 2 * np.pi)
        beyond: Light = np.cos(angle) * x + np.sin(angle) * y - rng.uniform(-0.35, 0.35)
        return 1 - loss / (1 + np.exp(-beyond / PENUMBRA))

    return _in(light)


def dark_corners(loss: float) -> Mishap:
    """A lens takes that share of the light in the corners, less nearer to the middle."""
    return _in(lambda x, y, _: 1 - 2 * loss * (x**2 + y**2))


def spotlight(loss: float) -> Mishap:
    """A lamp lights a part of the paper, the rest has that share less."""

    def light(x: Light, y: Light, rng: np.random.Generator) -> Light:
        across, down = rng.uniform(-0.3, 0.3, 2)
        spot: Light = np.exp(-((x - across) ** 2 + (y - down) ** 2) / 0.18)
        return 1 - loss * (1 - spot)

    return _in(light)


def _in(light: Callable[..., Light]) -> Mishap:
    def lit(picture: Grey, rng: np.random.Generator) -> Grey:
        height, width = picture.shape
        y, x = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j]
        seen = picture * light(x, y, rng) + rng.normal(0, NOISE, picture.shape)
        return seen.clip(0, 255).astype(np.uint8)

    return lit


def with_rim(picture: Grey, rng: np.random.Generator) -> Grey:
    """Lines of another grey at one to four of its sides, up to a fifth of it."""
    noisy = (picture * (220 / 255) + rng.normal(0, NOISE, picture.shape)).clip(0, 255)
    widths = rng.permutation([1, *rng.integers(0, 2, 3)]).reshape(2, 2) * rng.integers(
        2, max(picture.shape) // 5, (2, 2)
    )
    rim = rng.choice([0, 40, 100, 255])
    return np.pad(noisy, widths, constant_values=rim).astype(np.uint8)


def on_desk(turn: float) -> Mishap:
    """On a darker desk, turned by up to so many radians, as a sheet that is half to nine tenths as long as the desk."""

    def lying(picture: Grey, rng: np.random.Generator) -> Grey:
        side = max(picture.shape)
        degrees, size = float(np.degrees(rng.uniform(-turn, turn))), round(side * rng.uniform(0.5, 0.9))
        desk = Image.fromarray(rng.normal(rng.uniform(20, 150), 3 * NOISE, (side, side)).clip(0, 255).astype(np.uint8))
        sheet = Image.fromarray(picture).resize((size, size))
        sheet, cut = (
            one.rotate(degrees, Image.Resampling.BICUBIC, expand=True)
            for one in (sheet, Image.new("L", sheet.size, 255))
        )
        free = max(0, side - sheet.width)
        left, top = (free * rng.random(2)).astype(int)
        desk.paste(sheet, (int(left), int(top)), cut)
        return (np.asarray(desk) + rng.normal(0, NOISE, (side, side))).clip(0, 255).astype(np.uint8)

    return lying


def in_box(turn: float) -> Mishap:
    """In a printed box with room for it, turned by up to so many radians, on paper of the same grey."""

    def boxed(picture: Grey, rng: np.random.Generator) -> Grey:
        side = max(picture.shape)
        paper, wide, line = int(picture[0, 0]), side * 5 // 4, int(rng.integers(2, side // 40 + 3))
        box = Image.new("L", (wide, wide), paper)
        lines = (wide // 20, wide // 20, wide * 19 // 20, wide * 19 // 20)
        ImageDraw.Draw(box).rectangle(lines, outline=int(rng.choice([0, 60, 120])), width=line)
        box = box.rotate(float(np.degrees(rng.uniform(-turn, turn))), Image.Resampling.BICUBIC, fillcolor=paper)
        box.paste(Image.fromarray(picture), ((wide - picture.shape[1]) // 2, (wide - picture.shape[0]) // 2))
        return np.asarray(box)

    return boxed


def on_lines(picture: Grey, rng: np.random.Generator) -> Grey:
    """On ruled paper, or on squared: lines of one or two pixels of some grey, from edge to edge."""
    step, thick, grey = int(rng.integers(20, 61)), int(rng.integers(1, 3)), int(rng.integers(100, 211))
    return ruled(picture, step, thick, grey, rng, squared=rng.integers(1, 3) == 2)


def ruled(picture: Grey, step: int, thick: int, grey: int, rng: np.random.Generator, *, squared: bool) -> Grey:
    """On paper with lines of so many pixels, so far apart, the first one anywhere."""
    lined = picture.copy()
    for paper in (lined, lined.T) if squared else (lined,):
        for start in range(int(rng.integers(step)), len(paper), step):
            paper[start : start + thick] = np.minimum(paper[start : start + thick], grey)
    return lined


def emphasised(picture: Grey, rng: np.random.Generator) -> Grey:
    """Underlined, or in a ring or a box, by hand, a tenth to three tenths of its height away."""
    page = np.pad(picture, max(picture.shape), constant_values=picture.max())
    (top, bottom), (left, right) = (np.flatnonzero((page < 128).any(axis=axis))[[0, -1]] for axis in (1, 0))
    height = bottom - top
    gap = rng.uniform(0.1, 0.3) * height
    middle, reach = ((left + right) / 2, (top + bottom) / 2), ((right - left) / 2 + gap, height / 2 + gap)
    kind = rng.integers(3)
    if kind == 0:
        path = np.stack((np.linspace(-1, 1, 30), np.ones(30)), axis=1)
        off = 0.03 * np.stack(
            (np.zeros(30), path[:, 0] * rng.normal() + np.sin(rng.uniform(5, 20) * path[:, 0])), axis=1
        )
    elif kind == 1:
        turn = rng.uniform(0, 7) + np.linspace(0, rng.uniform(6.3, 6.8), 60)
        path, off = np.sqrt(2) * np.stack((np.cos(turn), np.sin(turn)), axis=1), rng.normal(0, 0.005, (60, 2))
    else:
        path, off = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]), rng.normal(0, 0.03, (5, 2))
    sheet = Image.fromarray(page)
    points = [tuple(point) for point in (np.array(middle) + path * reach + off * height).tolist()]
    pen = int(rng.integers(2, min(picture.shape) // 40 + 3))
    ImageDraw.Draw(sheet).line(points, int(picture.min()), pen, joint="curve")
    return np.asarray(sheet)


def in_dots(picture: Grey, rng: np.random.Generator) -> Grey:
    """Black and white dots (Floyd and Steinberg 1976) for paper of 130 to 240 levels."""
    grey = (picture * (rng.uniform(130, 240) / 255)).astype(np.uint8)
    return np.asarray(Image.fromarray(grey).convert("1").convert("L"))


def in_dust(grains: int, most: int) -> Mishap:
    """Among so many dark grains, each up to so many pixels high and wide."""

    def dusty(picture: Grey, rng: np.random.Generator) -> Grey:
        sheet = picture.copy()
        for _ in range(grains):
            tall, wide = rng.integers(1, most + 1, 2)
            top, left = rng.integers(0, np.array(sheet.shape) - most)
            sheet[top : top + tall, left : left + wide] = rng.integers(0, 128)
        return sheet

    return dusty


def smoothed(side: int) -> Mishap:
    """Enlarged to so many pixels as other programs show small pictures, without steps."""
    filters = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS

    def enlarged(picture: Grey, rng: np.random.Generator) -> Grey:
        return np.asarray(Image.fromarray(picture).resize((side, side), filters[rng.integers(len(filters))]))

    return enlarged


def cut_closely(side: int) -> Mishap:
    """Nothing but the digit, dark on lighter paper, its longer side reduced to so many pixels."""

    def cut(picture: Grey, _: np.random.Generator) -> Grey:
        ink = picture < (int(picture.min()) + int(np.median(picture))) // 2
        rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
        digit = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        height, width = (max(1, round(length * side / max(digit.shape))) for length in digit.shape)
        return np.asarray(Image.fromarray(digit).resize((width, height), Image.Resampling.LANCZOS))

    return cut


def repeated(times: int) -> Mishap:
    """Each pixel so often, across and down."""
    return lambda picture, _: np.kron(picture, np.ones((times, times), np.uint8))
