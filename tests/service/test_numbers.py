"""`/v1/numbers`: a line of digits is read whole, with boxes; what is none is told so, within a bound.

How many are read right is measured by `make bench-numbers`; here are numbers of validation digits, some of each kind.
"""

import base64
import io
import json
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw

from benchmarks.papers import PAPERS
from contract.arrays import Grey
from contract.artifact import MANIFEST
from contract.folder import FolderStore
from contract.parts import Box
from service.numbers import _within
from tests.conftest import DATA
from tests.servers import ServiceProcess, running_service
from trainer.dataset import split
from trainer.digits import Digits
from trainer.mnist import Mnist
from trainer.strings import Written, number


@pytest.fixture(scope="module")
def unseen(mnist: Mnist) -> Digits:
    return split(mnist, 1, 60_000)[1]


def png(image: Grey) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def post(service: ServiceProcess, image: bytes, query: str = "") -> httpx.Response:
    headers = {"Content-Type": "image/png"}
    return httpx.post(f"{service.url}/v1/numbers/image{query}", content=image, headers=headers, timeout=60)


def read(service: ServiceProcess, image: Grey) -> dict[str, Any]:
    answer: dict[str, Any] = post(service, png(image)).raise_for_status().json()
    return answer


def numbers(digits: Digits, gap: str, count: int) -> list[Written]:
    return [number(digits, 1 + place % 8, gap, np.random.default_rng((3, place))) for place in range(count)]


@pytest.mark.parametrize(("gap", "least"), [("wide", 0.85), ("narrow", 0.85), ("touching", 0.5)])
def test_numbers_of_unseen_digits_are_read(service: ServiceProcess, unseen: Digits, gap: str, least: float) -> None:
    right = [read(service, one.image)["number"] == one.text for one in numbers(unseen, gap, 40)]
    assert sum(right) >= least * len(right)


@pytest.mark.parametrize("paper", PAPERS)
def test_paper_and_ink_may_be_any(service: ServiceProcess, unseen: Digits, paper: str) -> None:
    rng = np.random.default_rng(1)
    least = {"squared": 0.4, "blur 3": 0.5}.get(paper, 0.75)
    right = [read(service, PAPERS[paper](one.image, rng))["number"] == one.text for one in numbers(unseen, "wide", 16)]
    assert sum(right) >= least * len(right)


def test_faint_specks_among_noise_are_survived(service: ServiceProcess, unseen: Digits) -> None:
    rng = np.random.default_rng((2026, 99, 93))
    one = number(unseen, int(rng.integers(1, 9)), "wide", rng)
    assert post(service, png(PAPERS["noise 40"](one.image, rng))).status_code == 200


def test_boxes_are_around_the_digits_in_the_pixels_of_the_caller(service: ServiceProcess, unseen: Digits) -> None:
    one = number(unseen, 5, "wide", np.random.default_rng(8))
    larger = np.asarray(Image.fromarray(one.image).resize((3 * one.image.shape[1], 3 * one.image.shape[0])))
    for image, scale in ((one.image, 1), (larger, 3)):
        answer = read(service, image)
        assert answer["number"] == one.text
        for digit, (left, top, right, bottom) in zip(answer["digits"], one.boxes, strict=True):
            box = digit["box"]
            assert (box["x"], box["y"]) == pytest.approx((scale * left, scale * top), abs=6 * scale)
            found = box["x"] + box["width"], box["y"] + box["height"]
            assert found == pytest.approx((scale * right, scale * bottom), abs=6 * scale)


def test_boxes_of_a_thin_pen_are_around_its_ink_and_within_the_image(service: ServiceProcess) -> None:
    seven, one = [(0, 0), (599, 0), (200, 599)], [(1100, 0), (1100, 599)]
    answer = read(service, drawn(seven, one, size=(1120, 600), pen=3))
    assert answer["number"] == "71"
    left, right = (digit["box"] for digit in answer["digits"])
    assert (left["x"], left["y"], left["width"], left["height"]) == pytest.approx((0, 0, 600, 600), abs=25)
    assert (right["x"], right["y"], right["width"], right["height"]) == pytest.approx((1099, 0, 3, 600), abs=8)
    for box in (left, right):
        assert box["x"] >= 0 <= box["y"]
        assert box["x"] + box["width"] <= 1120
        assert box["y"] + box["height"] <= 600


def test_stroke_in_the_margin_of_the_strip_has_a_box_too(service: ServiceProcess) -> None:
    answer = post(service, (DATA / "strokes-at-the-left-edge.png").read_bytes())
    assert answer.status_code in (200, 422)
    assert all(digit["box"]["width"] > 0 for digit in answer.json().get("digits", []))


@pytest.mark.parametrize("box", [(-9, 3, 0, 8), (40, 3, 49, 8), (3, -9, 8, 0), (3, 20, 8, 29), (-9, -9, 49, 29)])
def test_box_lies_within_the_image(box: Box) -> None:
    found = _within(box, np.zeros((20, 40), np.uint8))
    assert 0 <= found.x < found.x + found.width <= 40
    assert 0 <= found.y < found.y + found.height <= 20


def test_both_calls_agree_and_say_what_they_know(service: ServiceProcess, unseen: Digits) -> None:
    image = png(number(unseen, 4, "narrow", np.random.default_rng(2)).image)
    by_file = post(service, image, "?details=true").json()
    body = {"image": base64.b64encode(image).decode()}
    by_json = httpx.post(f"{service.url}/v1/numbers?details=true", json=body).json()
    assert by_file == by_json
    assert by_file["number"] == "".join(str(digit["digit"]) for digit in by_file["digits"])
    assert by_file["accepted"] == all(digit["accepted"] for digit in by_file["digits"])
    assert 0 <= by_file["confidence"] <= min(digit["confidence"] for digit in by_file["digits"])
    for digit in by_file["digits"]:
        assert sum(digit["probabilities"]) == pytest.approx(1)
        assert Image.open(io.BytesIO(base64.b64decode(digit["normalised"]))).size == (28, 28)


def drawn(*strokes: list[tuple[int, int]], size: tuple[int, int] = (500, 200), pen: int = 12) -> Grey:
    picture = Image.new("L", size, 255)
    brush = ImageDraw.Draw(picture)
    for stroke in strokes:
        brush.line(stroke, 0, pen, joint="curve")
    return np.asarray(picture)


SEVEN = [(40, 40), (110, 40), (70, 160)]
ONE = [(200, 40), (200, 160)]
FIVE_BODY = [(300, 45), (295, 90), (330, 85), (355, 105), (350, 140), (325, 158), (292, 150)]
FIVE_BAR = [(318, 38), (365, 36)]
FOUR_HOOK = [(410, 40), (395, 105), (455, 105)]
FOUR_BAR = [(446, 60), (440, 165)]


def test_strokes_that_are_apart_are_one_digit(service: ServiceProcess) -> None:
    assert read(service, drawn(SEVEN, ONE, FIVE_BODY, FIVE_BAR))["number"] == "715"
    assert read(service, drawn(ONE, FOUR_HOOK, FOUR_BAR))["number"] == "14"


@pytest.mark.parametrize("pen", [3, 12])
def test_upright_1_in_front_is_seen(service: ServiceProcess, pen: int) -> None:
    image = drawn([(20, 40), (20, 160)], [(60, 40), (130, 40), (90, 160)], size=(200, 200), pen=pen)
    assert read(service, image)["number"] == "17"


@pytest.mark.parametrize("tilt", [0, 12])
def test_line_of_a_margin_is_no_digit(service: ServiceProcess, unseen: Digits, tilt: int) -> None:
    right = 0
    for one in numbers(unseen, "wide", 16):
        page = Image.fromarray(np.pad(one.image, ((30, 30), (60, 30)), constant_values=255))
        ImageDraw.Draw(page).line((30, 0, 30 + tilt, page.height), 90, 3)
        right += read(service, np.asarray(page))["number"] == one.text
    assert right >= 14


def test_lid_of_a_scanner_is_no_digit(service: ServiceProcess, unseen: Digits) -> None:
    right = 0
    for one in numbers(unseen, "wide", 16):
        page = np.minimum(np.pad(one.image, 20, constant_values=255), 245)
        page[:, :12] = 10
        page[-7:] = 10
        right += read(service, page)["number"] == one.text
    assert right >= 14


@pytest.mark.parametrize("gap", [0, 15])
def test_digits_in_a_row_of_printed_boxes_are_read(service: ServiceProcess, unseen: Digits, gap: int) -> None:
    rng = np.random.default_rng(gap)
    right = 0
    for place in range(20):
        some = unseen.at(rng.integers(0, len(unseen), 2 + place % 4))
        form = Image.new("L", (len(some) * (80 + gap) + 60, 160), 255)
        for box, image in enumerate(some.images):
            left = 30 + box * (80 + gap)
            form.paste(Image.fromarray(255 - image).resize((64, 64)), (left + 8, 48))
            ImageDraw.Draw(form).rectangle((left, 30, left + 80, 130), outline=120, width=2)
        right += read(service, np.asarray(form))["number"] == "".join(map(str, some.labels))
    assert right >= 18


def test_leading_zeros_stay(service: ServiceProcess, unseen: Digits) -> None:
    zeros = Digits(unseen.images[unseen.labels == 0][:4], unseen.labels[unseen.labels == 0][:4])
    assert read(service, number(zeros, 3, "wide", np.random.default_rng(1)).image)["number"] == "000"


def test_doubtful_part_makes_the_whole_doubtful(service: ServiceProcess) -> None:
    scribble = [(330, 40), (420, 160), (340, 150), (430, 50), (350, 90), (450, 100), (380, 30), (390, 170)]
    assert read(service, drawn(SEVEN, ONE))["accepted"]
    answer = read(service, drawn(SEVEN, ONE, scribble))
    assert not answer["accepted"]


def fraction(digits: Digits, mark: list[tuple[int, int]]) -> Grey:
    """Digits 80 pixels high, from row 56 on, and this stroke between the last two, counted from there."""
    line = np.concatenate([np.pad(image, ((10, 10), (0, 0))) for image in digits.images], axis=1)
    page = Image.fromarray(255 - line).resize((4 * line.shape[1], 4 * line.shape[0]))
    right = Image.new("L", (page.width + 40, page.height), 255)
    right.paste(page.crop((0, 0, page.width - 112, page.height)), (0, 0))
    right.paste(page.crop((page.width - 112, 0, page.width, page.height)), (page.width - 72, 0))
    middle = page.width - 92
    ImageDraw.Draw(right).line([(middle + x, 56 + y) for x, y in mark], 0, 8)
    return np.asarray(right)


@pytest.mark.parametrize(
    ("mark", "most"),
    [
        ([], None),
        ([(0, 72), (0, 80)], 0),
        ([(3, 72), (-6, 96)], 1),
        ([(-16, 100), (16, -20)], 1),
        ([(0, 100), (0, -20)], 1),
    ],
    ids=["none", "point", "comma", "slash", "bar"],
)
def test_number_with_a_mark_among_its_digits_is_not_accepted(
    service: ServiceProcess, unseen: Digits, mark: list[tuple[int, int]], most: int | None
) -> None:
    rng = np.random.default_rng(6)
    some = [unseen.at(rng.integers(0, len(unseen), 2 + place % 3)) for place in range(20)]
    accepted = sum(read(service, fraction(digits, mark))["accepted"] for digits in some)
    assert accepted <= most if most is not None else accepted >= 15


def test_version_that_reads_single_digits_only_says_so(store: FolderStore, tmp_path: Path, seven: bytes) -> None:
    file = store.folder / str(store.versions()[-1]) / MANIFEST
    file.write_text(json.dumps(json.loads(file.read_text()) | {"line": None}))
    with running_service(tmp_path / "log", model_store=store.folder.parent) as single:
        answer = post(single, seven)
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/no-number-reader")
        headers = {"Content-Type": "image/png"}
        assert httpx.post(f"{single.url}/v1/predict/image", content=seven, headers=headers).status_code == 200


def test_blank_paper_is_told_as_ever(service: ServiceProcess) -> None:
    answer = post(service, png(np.full((100, 300), 255, np.uint8)))
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/blank-image")


def hostile() -> dict[str, Grey]:
    rng = np.random.default_rng(0)
    page = Image.new("L", (1700, 2200), 255)
    pen = ImageDraw.Draw(page)
    for row in range(60):
        pen.text((60, 30 + 35 * row), "Seven hundred and 45 words of running text, line after line " * 3, 0)
    smooth = Image.fromarray(rng.integers(0, 255, (30, 40), np.uint8)).resize((1600, 1200), Image.Resampling.BICUBIC)
    bordered = np.full((200, 400), 255, np.uint8)
    bordered[:, :12] = bordered[:, -12:] = bordered[:12] = bordered[-12:] = 0
    return {
        "a page of text": np.asarray(page),
        "a photograph": np.asarray(smooth),
        "20 megapixels of noise": np.kron(rng.integers(0, 255, (800, 1000), np.uint8), np.ones((5, 5), np.uint8)),
        "ink at the border": bordered,
        "a line of one pixel": np.tile(np.array([[0, 255]], np.uint8), (1, 20_000)),
        "a column of one pixel": np.tile(np.array([[0], [255]], np.uint8), (20_000, 1)),
        "one dot": np.pad(np.zeros((1, 1), np.uint8), 50, constant_values=255),
        "a chessboard": np.kron(np.indices((20, 40)).sum(axis=0) % 2, np.ones((10, 10))).astype(np.uint8) * 255,
    }


@pytest.mark.parametrize("kind", hostile())
def test_what_is_no_number_stalls_nothing(service: ServiceProcess, kind: str) -> None:
    image = png(hostile()[kind])
    started = time.monotonic()
    answer = post(service, image)
    assert time.monotonic() - started < 10
    assert answer.status_code in (200, 422)
    if answer.status_code == 200:
        assert not answer.json()["accepted"] or kind in ("one dot", "ink at the border")
    else:
        assert answer.json()["type"] in ("/problems/no-number", "/problems/blank-image")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"images": []}, "image: "),
        ({"image": "?"}, "base64"),
        ({"image": [[1, 2], [3]]}, "equally long"),
        ({"image": [[1, "a"]]}, "row 0, column 1: "),
        ({}, "image: "),
        ([], '{"image": …}'),
    ],
)
def test_bad_bodies_are_told(service: ServiceProcess, body: object, says: str) -> None:
    answer = httpx.post(f"{service.url}/v1/numbers", json=body)
    assert answer.status_code == 422
    assert says in answer.json()["detail"]
    assert answer.headers["Content-Type"] == "application/problem+json"
