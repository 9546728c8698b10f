"""Any grey image of one digit → the 28×28 picture the network was trained on.

The target is MNIST's own recipe (LeCun et al. 1998, section III.A): the digit's longer side scaled to 20 pixels, its
centre of mass put in the middle of 28×28. Real drawings need more before that: undo what was done to them on their way,
find out which grey is paper and which a shadow on it, leave the paper's noise behind, ignore specks, and give hair-thin
strokes the width of a pen. All that follows the first crop happens on a grid of fixed size, so the cost hardly depends
on how large the image was.

Trainer and service both normalise by this module; whatever changes its result needs a new `VERSION`. What follows the
ink's separation from the paper stands here in Python and in native.c once more, which is used where it was compiled: a
test holds that both give the same picture, to the last bit.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import accumulate
from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contract import border, native
from contract.arrays import Grey
from contract.bands import bands, painted_over, stands_beside
from contract.border import COARSE, QUIET
from contract.emphasis import without_emphasis
from contract.filling import filling
from contract.light import evenly_lit
from contract.rules import without_rules
from contract.undoing import undone

VERSION = "pen-7"
"""Stands in every manifest. A service refuses an artifact made with another."""

SIZE = 28
"""Side of the network's input, pixels."""

DIGIT = 20
"""The digit's longer side within the input, pixels, as in MNIST."""

CENTRE = 14
"""Row and column of the pixel that has the digit's centre of mass, counted from 0, as in MNIST."""

GRID = 4 * DIGIT
"""Longer side while strokes are measured and thickened, pixels: four for each one of the result."""

MIN_PEN = 2 * GRID / DIGIT
"""Thinner strokes are thickened to this width, grid pixels; MNIST's own are 1.5 to 4 pixels of the result."""

MIN_CONTRAST = 10
"""Least difference between paper and ink, grey levels of 255. Below it the image counts as blank."""

LEAST_SIGNAL = 5
"""Least ratio of that difference to the paper's noise, in standard deviations: pure noise seldom goes so far.

Of blank papers with noise 98 % stay below, of training digits in MNIST-C's fog 3 %.
"""

USUAL, FEW = 0.6, 1000
"""Share of an image that is of the paper's grey, exactly, where its border is of another; and rows and columns that are
enough of it to see that."""

REACHING, CLEAR = 0.2, 0.04
"""Shares of the border that have ink: from which on it may be a shadow, and up to which it is none."""

ALIKE = 0.6
"""Share of two images' ink that both have, at least, where it is the same."""

DARK = 0.75
"""Share of ink that is at least half as dark as the darkest, where there is no shadow."""

DUST, MARK = 0.1, 0.3
"""Longer side of a grain of dust, and height of a mark, as shares of the tallest stroke's height, at most."""

MUCH, FLAT = 0.25, 0.25
"""Share of the largest stroke's pixels from which on what is low is no mark, unless it is flat: its height is such a
share of its width, at most. Beside a scratch down the sheet a digit is low."""

NEAR = 0.5
"""How far a mark is from the writing to which it belongs, as a share of that height, at most; dust is not further
from it than `DUST`."""

RUNS, PIECES = 1 << 20, 4096
"""Pixels side by side, in all rows, and strokes and grains, at most: more are the image's noise, which is not left out.
To tell as many pieces apart would take half a gigabyte."""

SPECK = 0.005
"""Share of the ink that may lie outside the bounding box, on each side, or be far darker than the rest."""

GRAIN, STROKE = 0.03, 0.25
"""Longer side of such darker grains, and width of the strokes beside them, as shares of the digit's longer side, at
most."""

FEWEST_RULES, THICKEST_RULE = 3, 0.03
"""Lines of ruled paper where there is but one digit, at least, and their width as a share of the image's side, at
most: a 7 or a square 8 in a close crop has fewer and wider ones."""

BLACK, WHITE = 0, 255

BOX = Image.Resampling.BOX


_LEVELS = np.arange(256)
_TWICE_THE_MIDDLES = np.arange(1, 2 * SIZE, 2)
_NATIVE = native.load()


class BlankImageError(ValueError):
    """There is nothing on the paper."""


def normalise(image: Grey) -> Grey:
    """Return the digit in `image` as the network wants it.

    `image` is uint8 [height, width], any size, dark ink on light paper or light on dark. The result is uint8 [28, 28],
    ink 255 on paper 0. Raises `BlankImageError` when paper and ink cannot be told apart.
    """
    picture = normalised_by_native(image)
    return normalised_by_python(image) if picture is None else picture


def normalised_by_native(image: Grey) -> Grey | None:
    """The same, of what is clean and not large; None of anything else, which Python takes milliseconds for."""
    return by_native("digits_normalise", np.ascontiguousarray(image), *image.shape)


def normalised_by_python(image: Grey) -> Grey:
    """The same, where native.c left it to Python."""
    before = undone(image)
    if before is not image:
        with suppress(BlankImageError):
            return placed(_digit(before))
    return placed(_digit(image))


def _digit(image: Grey) -> Grey:
    """Its ink without the lines of ruled or squared paper. Raises `BlankImageError`."""
    ink = _written(image)
    return without_rules(ink, FEWEST_RULES, THICKEST_RULE) if min(ink.shape) >= GRID else ink


def _written(image: Grey) -> Grey:
    """Its ink, as `inked` finds it, or behind a border that is no sample of the paper. Raises `BlankImageError`."""
    if max(image.shape) <= COARSE:
        return inked(image)
    if (ink := filling(image, surely=True)) is not None:
        return ink
    try:
        return inked(image)
    except BlankImageError:
        if (ink := filling(image)) is not None:
            return ink
        raise


def placed(ink: Grey) -> Grey:
    """Of `ink`, uint8 [height, width], paper 0, what `normalise` gives. Raises `BlankImageError`."""
    picture = by_native("digits_place", np.ascontiguousarray(ink), *ink.shape)
    return placed_by_python(ink) if picture is None else picture


def by_native(function: str, values: Grey | bytearray, height: int, width: int) -> Grey | None:
    """The picture that a function of native.c makes of an image's `values`; None where it has none.

    It may not be at hand, or made for smaller images or cleaner ones. Raises `BlankImageError`.
    """
    if _NATIVE is None:
        return None
    picture = np.empty((SIZE, SIZE), np.uint8)
    outcome = getattr(_NATIVE, function)(native.address(values), height, width, native.address(picture))
    if outcome == native.BLANK:
        raise BlankImageError
    return picture if outcome == native.DONE else None


def placed_by_python(ink: Grey) -> Grey:
    """The same without native.c."""
    if not ink.any():
        raise BlankImageError
    plain, place = unemphasised(ink)
    strokes = thickened(evened(_scale(plain[_without_specks(plain, place)], GRID)))
    return centred(_scale(strokes, DIGIT))


def inked(image: Grey) -> Grey:
    """Difference from the paper, uint8 [height, width] or, of a noisy image, half of that or less; 0 is paper.

    Ink is what departs most from the paper, to the dark or to the light. Where that may be a shadow, or there is
    nothing, the light is divided out of the image, once for dark ink and once for light. If neither finds the same ink
    again, what is at most half as much and does not reach the border counts. Where it runs along an edge or from one to
    another, what is found beside that counts. Raises `BlankImageError`.
    """
    ink = _without_grains(_found(image))
    if min(ink.shape) <= COARSE or (band := bands(ink)) is None:
        return ink
    with suppress(BlankImageError):
        if (beside := _beside(image, band)) is not None:
            return beside
    return ink


def _beside(image: Grey, band: NDArray[np.bool_]) -> Grey | None:
    """The ink of `image` beside a `band` of it, or beside two. Raises `BlankImageError`."""
    for _ in range(2):
        if (rest := painted_over(image, band)) is None:
            return None
        ink = _without_grains(_found(rest))
        if (other := bands(ink)) is None:
            return ink if stands_beside(ink, bounds(ink), band) else None
        image, band = rest, other
    return None


def _found(image: Grey) -> Grey:
    try:
        ink = separated(image)
    except BlankImageError:
        ink = None
    if _may_be_lit_unevenly(image) and (ink is None or _may_be_shadow(ink)):
        others = _in_even_light(image)
        if ink is None or not any(_alike(ink, other) for other in others):
            for other in others:
                mask = _mask(other)
                less = ink is None or mask.mean() < _mask(ink).mean() / 2
                if less and border.edge(mask).mean() < CLEAR:
                    return other
    if ink is None:
        raise BlankImageError
    return ink


def _without_grains(ink: Grey) -> Grey:
    """`ink`, specks of it no darker than what they lie beside, from which they would keep a pale digit apart."""
    dark = _mask(ink)
    count = np.count_nonzero(dark)
    if count > SPECK * ink.size:
        return ink
    at_least = np.cumsum(Image.fromarray(ink).histogram()[::-1])[::-1]
    few = SPECK * at_least[MIN_CONTRAST]
    if count > few:
        return ink
    pale = np.minimum(ink, np.uint8(np.flatnonzero(at_least > few)[-1]))
    grains = border.boxes(border.components(dark))
    rest, place = _mask(pale), bounds(pale)
    longest = _longer_side(place)
    small = max(map(_longer_side, grains)) <= GRAIN * longest
    written = pen_width(rest[place] * np.uint8(WHITE)) <= STROKE * longest  # no shadow
    return pale if small and written and border.edge(rest).mean() < CLEAR else ink


def _longer_side(box: Sequence[slice]) -> int:
    return max(int(side.stop - side.start) for side in box)


def _in_even_light(image: Grey) -> list[Grey]:
    """What is found then, dark ink first; as light was made up, ink has to stand out twice as far."""
    found = []
    for flip in (BLACK, WHITE):
        with suppress(BlankImageError):
            found.append(separated(evenly_lit(image ^ np.uint8(flip)), 2 * LEAST_SIGNAL))
    return found


def _alike(one: Grey, other: Grey) -> bool:
    """Whether both have ink at the same places, as seen from afar."""
    masks = [np.asarray(Image.fromarray(_mask(ink)).convert("L").resize((64, 64), BOX)) > 127 for ink in (one, other)]
    return bool(np.logical_and(*masks).sum() >= ALIKE * np.logical_or(*masks).sum())


def _may_be_shadow(ink: Grey) -> bool:
    """Whether it reaches the border, or much of it is pale."""
    mask, dark = _mask(ink), ink > int(ink.max()) // 2
    return bool(border.edge(mask).mean() > REACHING or dark.mean() < DARK * mask.mean())


def _may_be_lit_unevenly(image: Grey) -> bool:
    """Whether the border is of many greys, as that of anything scanned or photographed."""
    edge = border.edge(image)
    return max(image.shape) > COARSE and bool((edge == int(np.median(edge))).mean() < 0.5)


def _mask(ink: Grey) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = ink > int(ink.max()) // 4
    return mask


def separated(image: Grey, least_signal: float = LEAST_SIGNAL) -> Grey:
    """What `inked` says where light falls evenly. Pixels of a noisy image are averaged until ink stands out."""
    while True:
        paper, noise = _paper(image)
        ink = _difference(image, paper)
        furthest = int(ink.max())
        if furthest >= QUIET * noise or max(image.shape) < 2 * GRID:
            break
        image = np.asarray(Image.fromarray(image).reduce(2))
    if furthest < max(MIN_CONTRAST, least_signal * noise):
        raise BlankImageError
    floor = np.uint8(2 * noise)
    return np.maximum(ink, floor) - floor if floor else ink


def _difference(image: Grey, paper: Grey) -> Grey:
    """From the paper to the dark or to the light, whichever has the larger sum of cubes.

    Neither a single glaring pixel nor a faint shadow over all makes much of such a sum.
    """
    if paper.ndim == 0 and paper in (BLACK, WHITE):  # nothing is darker, or nothing lighter
        return image if paper == BLACK else WHITE - image
    dark, light = paper - np.minimum(image, paper), np.maximum(image, paper) - paper
    darkest, lightest = int(dark.max()), int(light.max())
    if min(darkest, lightest) < MIN_CONTRAST:  # clean paper needs no sum
        return dark if darkest >= lightest else light
    return max(dark, light, key=_energy)


def _energy(difference: Grey) -> float:
    return float(np.array(Image.fromarray(difference).histogram()) @ np.arange(256.0) ** 3)


def _paper(image: Grey) -> tuple[Grey, float]:
    """The paper's grey, uint8 [] or [height, width], and the standard deviation of its noise, as the border has them.

    Of a coarse image the paper is its darkest or its lightest grey, whichever the border is nearer to.
    """
    if max(image.shape) <= COARSE:
        return np.asarray(image.min() if border.is_dark(image) else image.max()), 0.0
    edge = border.edge(image)
    paper, noise = (edge[0, ...], 0.0) if border.is_plain(edge) else border.paper(image)
    return (paper, noise) if (between := _beyond(image, paper)) is None else (between, 0.0)


def _beyond(image: Grey, line: Grey) -> Grey | None:
    """The paper, if it is of one grey, and the border's grey is that of a `line` on it, nearer to it than ink is.

    As on squared paper that was cut along its lines. native.c leaves such images alone.
    """
    if line.ndim:
        return None
    step = max(1, max(image.shape) // FEW)
    some = Image.fromarray(np.ascontiguousarray(image[::step, ::step]))
    counts = np.array(some.histogram())
    paper, grey = int(counts.argmax()), int(line)
    if abs(paper - grey) < MIN_CONTRAST or counts[paper] < USUAL * counts.sum():
        return None
    ink = int(image.min() if paper > grey else image.max())
    return np.asarray(paper, np.uint8) if abs(ink - paper) >= 2 * abs(grey - paper) else None


def bounds(ink: Grey) -> tuple[slice, slice]:
    """Rows and columns of the bounding box of `ink`, of which there is some; dust and specks around it are left out."""
    return _without_specks(ink, writing(ink))


def unemphasised(ink: Grey, beside: float = NEAR) -> tuple[Grey, tuple[slice, slice]]:
    """`ink`, of which there is some, without lines under the writing or rings around it, and where the writing is."""
    place = writing(ink, beside)
    plain = without_emphasis(ink, place)
    return plain, place if plain is ink else writing(plain, beside)


def _without_specks(ink: Grey, place: tuple[slice, slice]) -> tuple[slice, slice]:
    """The `place` of the writing without the share of it that may lie outside, at each side."""
    rows, columns = place
    down, across = trimmed(ink[place] > ink.max() // 4, SPECK)
    return within(rows, down), within(columns, across)


def trimmed(mask: NDArray[np.bool_], share: float) -> tuple[slice, slice]:
    """Rows and columns of what is in `mask`, without such a share of it at either end."""
    rows = _extent(np.add.reduce(mask, axis=1, dtype=np.uint32), share)
    return rows, _extent(np.add.reduce(mask[rows], axis=0, dtype=np.uint32), share)


def within(side: slice, part: slice, factor: float = 1) -> slice:
    """The `part` of `side`, the one counted in steps that are `factor` times as long."""
    return slice(side.start + int(part.start * factor), min(side.stop, side.start + ceil(part.stop * factor)))


def writing(ink: Grey, beside: float = NEAR) -> tuple[slice, slice]:
    """Rows and columns of all of `ink`, of which there is some, but for dust, and marks that are low and further off.

    To the left and right such a mark is `beside` the writing, and no part of it, from so many heights on.
    """
    if _NATIVE is not None:
        box, values = np.empty(4, np.intc), np.ascontiguousarray(ink)
        if _NATIVE.digits_writing(native.address(values), *ink.shape, beside, native.address(box)) == native.DONE:
            top, bottom, left, right = box.tolist()
            return slice(top, bottom), slice(left, right)
    return writing_by_python(ink, beside)


def writing_by_python(ink: Grey, beside: float = NEAR) -> tuple[slice, slice]:
    """The same without native.c: a box around what is tall, which grows as long as there is something near to it."""
    mask = _mask(ink)
    runs = np.count_nonzero(mask[:, 1:] > mask[:, :-1]) + np.count_nonzero(mask[:, 0])
    whole = mask.view(np.uint8)
    labels = border.components(mask) if runs <= RUNS else whole
    first, after, area = border.measured(labels if labels.max() <= PIECES else whole)
    (heights, widths), longer = (after - first).T, (after - first).max(axis=1)
    tallest = heights.max()
    reach = np.where(longer[:, np.newaxis] > DUST * tallest, (NEAR * tallest, beside * tallest), DUST * tallest)
    kept = (heights > MARK * tallest) | ((area > MUCH * area.max()) & (heights > FLAT * widths))
    while True:
        start, stop = first[kept].min(axis=0), after[kept].max(axis=0)
        near = ((first < stop + reach) & (start < after + reach)).all(axis=1)
        if not (near & ~kept).any():
            break
        kept |= near
    rows, columns = (slice(*ends) for ends in zip(start.tolist(), stop.tolist(), strict=True))
    return rows, columns


def _extent(profile: NDArray[np.uint32], share: float) -> slice:
    """What has all of `profile` but that share at either end."""
    mass = np.cumsum(profile, dtype=np.uint32, out=profile)  # of a strip of 25 million rows, 64 bits would be too much
    first = bisect_right(mass, share * mass[-1])
    last = bisect_left(mass, (1 - share) * mass[-1])
    return slice(first, last + 1)


def _scale(image: Grey, longer_side: int) -> Grey:
    """`image` with its longer side `longer_side` pixels and its darkest ink 255: every source pixel counts."""
    height, width = image.shape
    factor = longer_side / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    if factor >= 1:
        scaled = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
        return _stretched(scaled, lambda darkest: np.rint(_LEVELS * (255 / darkest)))
    # Whole levels first, which is quick, then floats: a hair-thin line on a large canvas averages to a trace.
    picture = Image.fromarray(_stretched(image, lambda darkest: _LEVELS * 255 // darkest))
    coarse = picture.reduce(step).convert("F") if (step := int(1 / factor) // 4) > 1 else picture.convert("F")
    averaged = np.asarray(coarse.resize(size, BOX))
    if not averaged.max():  # specks, far from each other
        raise BlankImageError
    result: Grey = np.rint(averaged * (255 / averaged.max())).astype(np.uint8)
    return result


def _stretched(image: Grey, levels: Callable[[int], NDArray[np.int_] | NDArray[np.float64]]) -> Grey:
    """`image` with each grey replaced by what `levels` of its darkest ink says, where that changes anything."""
    darkest = int(image.max())
    if darkest == WHITE:
        return image
    stretched: Grey = levels(darkest).clip(0, WHITE).astype(np.uint8)[image]
    return stretched


def evened(grid: Grey) -> Grey:
    """Strokes of one darkness: soft, pale or broken-up ink becomes a full stroke with a narrow grey edge."""
    table = _evening(_median(Image.fromarray(grid).histogram(), 255 // 4 + 1))
    return np.frombuffer(grid.tobytes().translate(table), np.uint8).reshape(grid.shape)


def _median(counts: list[int], least: int) -> float:
    """Of the levels from `least` on, each as often as `counts` says."""
    below = list(accumulate(counts[least:]))
    low, high = bisect_right(below, (below[-1] - 1) // 2), bisect_right(below, below[-1] // 2)
    return least + (low + high) / 2


@lru_cache(maxsize=512)
def _evening(typical: float) -> bytes:
    """What becomes of each grey where `typical` is that of a full stroke."""
    return np.clip((_LEVELS / typical - 0.25) * 510, 0, 255).astype(np.uint8).tobytes()


def pen_width(grid: Grey) -> float:
    """Mean stroke width in `grid`, pixels.

    A stroke of length L and width w covers L·w pixels and has two sides of length L; averaged over all directions, a
    side of length L crosses 4/π·L pixel edges.
    """
    mask = grid > 127
    edges = [mask[1:] != mask[:-1], mask[:, 1:] != mask[:, :-1], mask[0], mask[-1], mask[:, 0], mask[:, -1]]
    return float(8 / np.pi * np.count_nonzero(mask) / sum(map(np.count_nonzero, edges)))


def thickened(grid: Grey) -> Grey:
    """`grid`, its strokes at least `MIN_PEN` wide: grown by one pixel a side as often as they lack two."""
    return grown(grid, max(0, round((MIN_PEN - pen_width(grid)) / 2)))


def grown(grid: Grey, rounds: int) -> Grey:
    """`grid`, its strokes, and itself, one pixel wider on each side in each of the `rounds`."""
    if not rounds:
        return grid
    grown = np.pad(grid, rounds)
    for step in range(rounds):
        wide = np.maximum(grown, np.maximum(_shifted(grown, 0, 1), _shifted(grown, 0, -1)))
        tall = wide if step % 2 else grown  # square and cross in turn make an octagon
        grown = np.maximum(wide, np.maximum(_shifted(tall, 1, 0), _shifted(tall, -1, 0)))
    return grown


def _shifted(grid: Grey, down: int, right: int) -> Grey:
    """`grid` moved by one pixel; its rim is paper, so what comes round is paper too."""
    return np.roll(grid, (down, right), axis=(0, 1))


def centred(digit: Grey) -> Grey:
    """`digit` in 28×28 with its centre of mass as near to the middle of `CENTRE` as fits."""
    height, width = digit.shape
    mass = int(digit.sum(dtype=np.int64))
    top = _offset(int(digit.sum(axis=1) @ _TWICE_THE_MIDDLES[:height]), mass, height)
    left = _offset(int(digit.sum(axis=0) @ _TWICE_THE_MIDDLES[:width]), mass, width)
    picture = np.zeros((SIZE, SIZE), np.uint8)
    picture[top : top + height, left : left + width] = digit
    return picture


def _offset(moment: int, mass: int, side: int) -> int:
    """Where a digit of this `side` begins; half-way between two places, at the even one."""
    return min(max(round(((2 * CENTRE + 1) * mass - moment) / (2 * mass)), 0), SIZE - side)
