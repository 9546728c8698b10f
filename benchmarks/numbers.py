"""How many numbers are read right, whole: by length and gap, on white and on other papers, and how long it takes.

Beside them what plain connected components and Tesseract's digit mode read on the same images. On validation digits;
with `--test` on test digits, for the report.
"""

import io
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import cc3d
import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.common import bundled_model
from benchmarks.papers import PAPERS
from contract.arrays import Grey
from contract.messages import NumberResponse
from contract.normalisation import BlankImageError, inked, normalise
from service.numbers import read_number
from service.problems import ProblemError
from trainer.dataset import split, test_set
from trainer.digits import Digits
from trainer.mnist import load
from trainer.strings import GAPS, Written, number

LENGTHS, LONGER = range(1, 9), (12, 20, 40)
NUMBERS = 100
"""For each length and gap."""

PAPER_NUMBERS = 100
"""For each paper and gap, of 1 to 8 digits."""

COMPARED = 10
"""Of those numbers, for each length and gap, that Tesseract reads too: it is slow."""

SEED = 2026


def main() -> None:
    digits = test_set(load()) if "--test" in sys.argv else split(load(), 1, 60_000)[1]
    console = Console()
    console.print(by_length(digits, LENGTHS))
    console.print(by_length(digits, LONGER))
    console.print(by_reader(digits))
    console.print(by_paper(digits))
    console.print(by_time(digits))


def answered(image: Grey) -> NumberResponse | None:
    try:
        return read_number(image, bundled_model(), details=False)
    except ProblemError:
        return None


def ours(image: Grey) -> str:
    answer = answered(image)
    return answer.number if answer else ""


def components(image: Grey) -> str:
    """Every connected component a digit, from left to right."""
    try:
        ink = inked(image)
        labels = cc3d.connected_components(ink > ink.max() // 4, connectivity=8)
        found = cc3d.statistics(labels)
        boxes = [box for box, size in zip(found["bounding_boxes"], found["voxel_counts"], strict=True) if size > 20]
        boxes = sorted(boxes[1:], key=lambda box: box[1].start)
        crops = [normalise(np.pad(ink[box], 4)) for box in boxes]
    except BlankImageError:
        return ""
    answers = bundled_model().answer(np.stack(crops)) if crops else None
    return "".join(str(digit) for digit in answers.probabilities.argmax(axis=1)) if answers else ""


def tesseract(image: Grey) -> str:
    file = io.BytesIO()
    Image.fromarray(image).resize((2 * image.shape[1], 2 * image.shape[0])).save(file, "PNG")
    command = ["tesseract", "-", "-", "--psm", "7", "-c", "tessedit_char_whitelist=0123456789"]
    read = subprocess.run(command, input=file.getvalue(), capture_output=True, check=True)
    return read.stdout.decode().strip().replace(" ", "")


def written(digits: Digits, length: int, gap: str, count: int) -> list[Written]:
    return [number(digits, length, gap, np.random.default_rng((SEED, length, place))) for place in range(count)]


def share(reader: Callable[[Grey], str], numbers: list[Written]) -> float:
    return statistics.mean(reader(one.image) == one.text for one in numbers)


def by_length(digits: Digits, lengths: Sequence[int]) -> Table:
    table = Table("gap", *(f"{length}" for length in lengths), "mean", "accepted", "right of those", title="By length")
    for gap in track(GAPS, "Reading"):
        rows = [
            [(answered(one.image), one.text) for one in written(digits, length, gap, NUMBERS)] for length in lengths
        ]
        answers = [answer for row in rows for answer in row]
        shares = [statistics.mean(answer is not None and answer.number == text for answer, text in row) for row in rows]
        accepted = [answer.number == text for answer, text in answers if answer is not None and answer.accepted]
        table.add_row(
            gap,
            *(f"{one:.0%}" for one in shares),
            f"{statistics.mean(shares):.1%}",
            f"{len(accepted) / len(answers):.1%}",
            f"{statistics.mean(accepted):.1%}" if accepted else "",
        )
    return table


def by_reader(digits: Digits) -> Table:
    readers = {"this": ours, "connected components": components}
    if shutil.which("tesseract"):
        readers["Tesseract"] = tesseract
    table = Table("reader", *GAPS, title=f"Numbers of 1 to 8 digits, {COMPARED} of each length")
    numbers = {gap: [one for length in LENGTHS for one in written(digits, length, gap, COMPARED)] for gap in GAPS}
    for name, reader in track(readers.items(), "Comparing"):
        table.add_row(name, *(f"{share(reader, numbers[gap]):.1%}" for gap in GAPS))
    return table


def by_paper(digits: Digits) -> Table:
    table = Table("paper", *GAPS, title="Numbers of 1 to 8 digits")
    for name, paper in track(PAPERS.items(), "Papers"):
        cells = []
        for gap in GAPS:
            right = 0
            for place in range(PAPER_NUMBERS):
                rng = np.random.default_rng((SEED, 99, place))
                one = number(digits, int(rng.integers(1, 9)), gap, rng)
                right += ours(paper(one.image, rng)) == one.text
            cells.append(f"{right / PAPER_NUMBERS:.0%}")
        table.add_row(name, *cells)
    return table


def by_time(digits: Digits) -> Table:
    table = Table("image", "milliseconds, median", title="One core")
    page = [number(digits, 40, "wide", np.random.default_rng((SEED, place))).image for place in range(5)]
    wide = [np.asarray(Image.fromarray(image).resize((2480, 2480 * len(image) // image.shape[1]))) for image in page]
    for name, images in (
        ("six digits that touch", [one.image for one in written(digits, 6, "touching", 50)]),
        ("a scan 2480 pixels wide, 40 digits", wide * 5),
    ):
        seconds = []
        for image in images:
            started = time.perf_counter()
            read_number(image, bundled_model(), details=False)
            seconds.append(time.perf_counter() - started)
        table.add_row(name, f"{1000 * statistics.median(seconds):.1f}")
    return table


if __name__ == "__main__":
    main()
