"""Bad input gets a problem that says what to change, and costs little."""

import base64
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

from contract.messages import Problem
from tests.bombs import PNG_HEADER, SIXTEEN, SLOW, TILES, chunk, png, tiff_with_large_tile, tiff_with_tile_of
from tests.servers import REPO, ServiceProcess, running_service


def blank(size: tuple[int, int] = (40, 40), mode: str = "L", kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, "white").save(file, kind)
    return file.getvalue()


def problem(response: httpx.Response, status: int) -> Problem:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    parsed = Problem.model_validate_json(response.content)
    assert parsed.status == status
    assert parsed.type.startswith("/problems/")
    assert parsed.detail
    return parsed


def post_json(service: ServiceProcess, content: str, status: int = 422) -> Problem:
    headers = {"Content-Type": "application/json"}
    return problem(httpx.post(f"{service.url}/v1/predict", content=content, headers=headers, timeout=60), status)


def post_image(service: ServiceProcess, content: bytes, status: int, kind: str = "image/png") -> Problem:
    headers = {"Content-Type": kind}
    return problem(httpx.post(f"{service.url}/v1/predict/image", content=content, headers=headers, timeout=60), status)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param("", "not JSON", id="empty"),
        pytest.param("{", "not JSON", id="half"),
        pytest.param('"7"', "body", id="string"),
        pytest.param("[]", "body", id="list"),
        pytest.param("{}", "images", id="no images"),
        pytest.param('{"images": []}', "at least 1", id="no image"),
        pytest.param('{"images": 7}', "array", id="number for images"),
        pytest.param('{"image": [[0, 255]]}', "image", id="another name"),
        pytest.param("\ufeff\x00", "not JSON", id="binary"),
        pytest.param("[" * 100_000, "recursion", id="deep nesting"),
        pytest.param('{"images": [[[' + "9" * 5000 + "]]]}", "out of range", id="integer of 5000 digits"),
    ],
)
def test_body_that_is_no_request(service: ServiceProcess, body: str, says: str) -> None:
    assert says in post_json(service, body).detail


@pytest.mark.parametrize(
    ("image", "says"),
    [
        pytest.param("[[0, NaN]]", "row 0, column 1", id="NaN"),
        pytest.param("[[Infinity, 0]]", "row 0, column 0", id="infinity"),
        pytest.param("[[0, 1e999]]", "row 0, column 1", id="overflow"),
        pytest.param("[[0, 256]]", "less than or equal to 255", id="above 255"),
        pytest.param("[[-1, 0]]", "greater than or equal to 0", id="below 0"),
        pytest.param('[[0, "255"]]', "valid number", id="number in a string"),
        pytest.param("[[0, true]]", "valid number", id="boolean"),
        pytest.param("[[0, null]]", "valid number", id="null"),
        pytest.param("[0, 255]", "valid array", id="one dimension"),
        pytest.param("[[[0], [255]]]", "valid number", id="three dimensions"),
        pytest.param("[]", "empty", id="no rows"),
        pytest.param("[[], []]", "empty", id="no columns"),
        pytest.param("[[0, 255], [0]]", "equally long", id="ragged"),
        pytest.param("[[0, 1], [0.5, 0]]", "0 to 255", id="values stop at 1"),
        pytest.param("[[0, 0], [0, 0]]", "nothing on the paper", id="blank"),
        pytest.param("7", "array", id="number"),
        pytest.param("{}", "array", id="object"),
        pytest.param("null", "array", id="null image"),
        pytest.param('""', "empty", id="empty string"),
        pytest.param('"seven"', "base64", id="not base64"),
        pytest.param('"c2V2ZW4="', "known format", id="base64 of a word"),
    ],
)
def test_bad_image_in_a_batch_names_itself(service: ServiceProcess, image: str, says: str) -> None:
    good = "[[255, 255, 255], [255, 0, 255], [255, 0, 255], [255, 255, 255]]"
    answer = post_json(service, f'{{"images": [{good}, {image}]}}')
    assert answer.errors is not None
    [error] = answer.errors
    assert error.index == 1
    assert says in error.detail


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "The image is empty", id="empty"),
        pytest.param(b"seven", "known format", id="text"),
        pytest.param(PNG_HEADER, "", id="PNG signature alone"),
        pytest.param(blank((300, 300))[:60], "damaged", id="PNG cut short"),
        pytest.param(blank((300, 300), kind="JPEG")[:300], "", id="JPEG cut short"),
        pytest.param(png(100, 100, b"no zlib stream"), "damaged", id="PNG without pixels"),
        pytest.param(blank(), "nothing on the paper", id="blank"),
        pytest.param(blank(mode="RGBA"), "nothing on the paper", id="blank RGBA"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "known format", id="PostScript"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "known format", id="SVG"),
    ],
)
def test_file_that_is_no_readable_image(service: ServiceProcess, content: bytes, says: str) -> None:
    assert says in post_image(service, content, 422).detail


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/octet-stream", "imagepng"])
def test_other_types_than_images_are_415(service: ServiceProcess, seven: bytes, kind: str) -> None:
    assert kind in post_image(service, seven, 415, kind).detail


def test_missing_content_type_is_415(service: ServiceProcess, seven: bytes) -> None:
    problem(httpx.post(f"{service.url}/v1/predict/image", content=seven), 415)


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "in chunks"])
def test_body_over_the_limit_is_413(service: ServiceProcess, announced: bool) -> None:
    size = 10 * 2**20 + 1

    def chunks() -> Iterator[bytes]:
        for _ in range(size // 1024 + 1):
            yield b"0" * 1024

    content = b"0" * size if announced else chunks()
    headers = {"Content-Type": "image/png"}
    answer = problem(httpx.post(f"{service.url}/v1/predict/image", content=content, headers=headers), 413)
    assert "10485760" in answer.detail


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServiceProcess, int]]:
    """A service for what might take much memory, and what it takes at first. Large images come to it last."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("needs /proc to read a process's greatest memory")
    with running_service(tmp_path_factory.mktemp("started") / "log", model_store=REPO / "models") as process:
        yield process, process.peak_bytes()


@pytest.fixture
def fresh(started: tuple[ServiceProcess, int]) -> ServiceProcess:
    """That one, its greatest memory so far forgotten."""
    started[0].forget_peak()
    return started[0]


@pytest.fixture
def before(started: tuple[ServiceProcess, int]) -> int:
    """Bytes that it took at first."""
    return started[1]


def infer(more: str, data: str = "[0, 255, 0, 0]") -> str:
    tensor = '{"name": "image", "shape": [1, 2, 2], "datatype": "UINT8", "data": ' + data + "}"
    return '{"inputs": [' + tensor + "], " + more + "}"


@pytest.mark.parametrize("kind", ["image/png", "image/tiff"])
def test_decompression_bomb_costs_nothing(fresh: ServiceProcess, before: int, kind: str) -> None:
    bombs = {"image/png": png(10_000, 10_000, zlib.compress(bytes(100_000_000))), "image/tiff": tiff_with_large_tile()}
    assert "0000×" in post_image(fresh, bombs[kind], 413, kind).detail
    assert fresh.peak_bytes() - before < 20e6


def test_tiles_of_no_size_cost_nothing_and_lift_no_limit(fresh: ServiceProcess, before: int) -> None:
    for content in TILES.values():
        assert "no size" in post_image(fresh, content, 422, "image/tiff").detail
    assert fresh.peak_bytes() - before < 20e6
    right = tiff_with_tile_of(SIXTEEN, SIXTEEN)
    assert "nothing on the paper" in post_image(fresh, right, 422, "image/tiff").detail


@pytest.mark.parametrize("name", SLOW)
def test_small_file_that_takes_long_is_refused_unseen(service: ServiceProcess, name: str) -> None:
    kind, content, said = SLOW[name]
    answer = httpx.post(f"{service.url}/v1/predict/image", content=content, headers={"Content-Type": kind})
    assert said in problem(answer, answer.status_code).detail


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/predict", '{"images": [[' + "[]," * 200_000 + "[]]]}"),
        ("/v1/predict", '{"images": [""]' + "".join(f', "{place}": 0' for place in range(50_000)) + "}"),
        ("/v1/predict", '{"a": [' + '{"": 0},' * 500_000 + "0]}"),
        ("/v2/models/digits/infer", infer('"id": "1"', data="[" + '{"": 0},' * 500_000 + "0]")),
        ("/v2/models/digits/infer", infer('"outputs": [' + "0," * 200_000 + "0]")),
        ("/v2/models/digits/infer", infer('"outputs": [' + '{"name": "digit"},' * 2 + '{"name": "digit"}]')),
        ("/v2/models/digits/infer", infer('"outputs": [' + '{"name": "digit"},' * 2000 + '{"name": "digit"}]')),
        ("/v2/models/digits/infer", infer('"id": "1"', data='["' + "a" * 20_000 + '"' + ', ""' * 5000 + "]")),
    ],
    ids=[
        *("rows", "unknown keys", "objects", "objects in a tensor"),
        *("wrong outputs", "outputs twice", "very many outputs", "texts for numbers"),
    ],
)
def test_many_faults_cost_little(fresh: ServiceProcess, before: int, path: str, body: str) -> None:
    answer = httpx.post(fresh.url + path, content=body, timeout=30)
    assert answer.status_code in (413, 422)
    assert len(answer.content) < 500
    assert fresh.peak_bytes() - before < 60e6


def test_millions_of_wrong_pixels_cost_little(fresh: ServiceProcess) -> None:
    body = '{"images": [[[' + "-1," * 3_000_000 + "0]]]}"
    assert "row 0, column 0" in post_json(fresh, body).detail
    assert fresh.peak_bytes() < 400e6


def test_refused_requests_leave_no_memory_behind(fresh: ServiceProcess) -> None:
    body = infer('"id": "1"', data="[" + '"a",' * 2_000_000 + "0]")
    after = []
    for _ in range(6):
        assert "whole numbers" in httpx.post(f"{fresh.url}/v2/models/digits/infer", content=body, timeout=30).text
        after.append(psutil.Process(fresh.process.pid).memory_info().rss)
    assert after[-1] - after[1] < 30e6


@pytest.mark.parametrize("mode", ["RGBA", "LA", "I;16"])
def test_largest_image_of_any_mode_fits_the_container(fresh: ServiceProcess, mode: str) -> None:
    file = io.BytesIO()
    Image.new(mode, (5000, 5000)).save(file, "PNG")
    post_image(fresh, file.getvalue(), 422)
    assert fresh.peak_bytes() < 500e6


@pytest.mark.parametrize("path", ["/v1/predict/image", "/v1/numbers/image"])
def test_highest_image_fits_too_and_is_read_in_time(fresh: ServiceProcess, path: str) -> None:
    """Sixteen pixels wide; its ink looks like a line of ruled paper, half a million pixels thick."""
    image = Image.new("L", (16, 1_562_500), 255)
    image.paste(0, (0, 0, 16, 500_000))
    file = io.BytesIO()
    image.save(file, "PNG")
    answer = httpx.post(
        f"{fresh.url}{path}", content=file.getvalue(), headers={"Content-Type": "image/png"}, timeout=60
    )
    assert answer.status_code in (200, 422)
    assert fresh.peak_bytes() < 600e6


def test_two_of_the_narrowest_images_at_once_fit_the_container(fresh: ServiceProcess) -> None:
    content = noise(16, 1_562_500)
    with ThreadPoolExecutor(2) as pool:
        url, headers = f"{fresh.url}/v1/predict/image", {"Content-Type": "image/png"}
        answers = [pool.submit(httpx.post, url, content=content, headers=headers, timeout=60) for _ in range(4)]
    assert [answer.result().status_code for answer in answers] == [200] * 4
    assert fresh.peak_bytes() < 600e6


def test_rows_that_are_very_short_count_as_longer_ones(service: ServiceProcess) -> None:
    assert "Each side counts as 16 pixels" in post_image(service, noise(1, 2_000_000), 413).detail
    assert "Each side counts as 16 pixels" in post_image(service, noise(2_000_000, 1), 413).detail  # Exif may turn it


def test_photo_with_a_film_behind_it_is_read(service: ServiceProcess, seven: bytes) -> None:
    file = io.BytesIO()
    with Image.open(io.BytesIO(seven)) as picture:
        picture.save(file, "JPEG")
    answer = httpx.post(
        f"{service.url}/v1/predict/image",
        content=file.getvalue() + 200 * b"\xff\xda and a film",
        headers={"Content-Type": "image/jpeg"},
    )
    assert answer.json()["predictions"][0]["digit"] == 7


def test_data_url_without_a_comma_is_told(service: ServiceProcess) -> None:
    answer = httpx.post(f"{service.url}/v1/predict", json={"images": ["data:image/png;base64"]})
    assert "has no comma" in problem(answer, 422).detail


def noise(width: int, height: int) -> bytes:
    """A PNG whose pixels are black or light grey, at random."""
    rows = np.random.default_rng(0).integers(0, 2, (height, width), np.uint8) * 200
    return png(width, height, zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes(), 1))


def test_image_over_25_megapixels_is_413(service: ServiceProcess) -> None:
    answer = post_image(service, blank((5001, 5000)), 413)
    assert "5001×5000" in answer.detail


def test_images_that_are_too_much_together_are_413(service: ServiceProcess) -> None:
    large = base64.b64encode(blank((5000, 5000), "1")).decode()
    body = '{"images": [' + ", ".join([f'"{large}"'] * 5) + "]}"
    assert post_json(service, body).detail  # the first is blank, and says so at once

    file = io.BytesIO()
    image = Image.new("1", (5000, 5000), 1)
    image.paste(0, (2000, 1000, 2400, 4000))
    image.save(file, "PNG")
    large = base64.b64encode(file.getvalue()).decode()
    body = '{"images": [' + ", ".join([f'"{large}"'] * 5) + "]}"
    headers = {"Content-Type": "application/json"}
    answer = problem(httpx.post(f"{service.url}/v1/predict", content=body, headers=headers, timeout=60), 413)
    assert answer.errors is not None
    assert answer.errors[0].index == 4


def test_1025_images_are_413(service: ServiceProcess) -> None:
    body = '{"images": [' + ", ".join(["[[0, 255]]"] * 1025) + "]}"
    assert "1024" in post_json(service, body, 413).detail


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/numbers/image", "/v2/models/digits/infer"])
def test_packed_body_is_415(service: ServiceProcess, seven: bytes, path: str) -> None:
    kind = "image/png" if path.endswith("image") else "application/json"
    headers = {"Content-Type": kind, "Content-Encoding": "gzip"}
    answer = httpx.post(service.url + path, content=gzip.compress(seven), headers=headers)
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")
    assert "gzip" in answer.text


@pytest.mark.parametrize("kind", [b"eXIf", b"tIME", b"woRd"])
def test_png_of_countless_chunks_is_refused(service: ServiceProcess, kind: bytes) -> None:
    whole = png(16, 16, zlib.compress(bytes(16 * 17)))
    file = whole[:-12] + 30_000 * chunk(kind, b"") + whole[-12:]
    answer = httpx.post(f"{service.url}/v1/predict/image", content=file, headers={"Content-Type": "image/png"})
    assert "too many parts" in problem(answer, 422).detail


def test_what_lies_behind_a_png_is_nothing_of_it(service: ServiceProcess, seven: bytes) -> None:
    with Image.open(io.BytesIO(seven)) as image:
        file = io.BytesIO()
        image.convert("P").save(file, "PNG")  # Pillow reads it
    answer = httpx.post(
        f"{service.url}/v1/predict/image",
        content=file.getvalue() + bytes(400_000),
        headers={"Content-Type": "image/png"},
    )
    assert answer.json()["predictions"][0]["digit"] == 7


@pytest.mark.parametrize("name", ["path", "query", "body"])
def test_unknown_parameter_is_named(service: ServiceProcess, seven: bytes, name: str) -> None:
    url = f"{service.url}/v1/predict/image?{name}=7"
    assert problem(httpx.post(url, content=seven, headers={"Content-Type": "image/png"}), 422).detail.startswith(name)
    assert post_json(service, json.dumps({"images": [[[0, 255]]], name: 1}), 422).detail.startswith(name)


def test_parameter_given_twice_is_422(service: ServiceProcess, seven: bytes) -> None:
    url = f"{service.url}/v1/predict/image?details=true&details=false"
    assert "twice" in problem(httpx.post(url, content=seven, headers={"Content-Type": "image/png"}), 422).detail


@pytest.mark.parametrize("version", ["0", "-1", "1.5", "latest", "1e3", "1.0", "1_0", "%2B1", "01"])
def test_version_that_is_no_number_is_422(service: ServiceProcess, seven: bytes, version: str) -> None:
    headers = {"Content-Type": "image/png"}
    url = f"{service.url}/v1/predict/image?version={version}"
    problem(httpx.post(url, content=seven, headers=headers), 422)


def test_unknown_version_and_path_are_404(service: ServiceProcess, seven: bytes) -> None:
    headers = {"Content-Type": "image/png"}
    url = f"{service.url}/v1/predict/image?version=99"
    assert problem(httpx.post(url, content=seven, headers=headers), 404).type == "/problems/unknown-version"
    problem(httpx.get(f"{service.url}/v1/nothing"), 404)
    problem(httpx.get(f"{service.url}/v1/models/"), 404)
    problem(httpx.get(f"{service.url}/v1/predict"), 405)


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/v1/models", "/", "/v1/nothing", "/v1/predict"])
def test_head_is_answered_as_get_without_the_body(service: ServiceProcess, path: str) -> None:
    get, head = httpx.get(service.url + path), httpx.head(service.url + path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    assert head.headers["content-length"] == get.headers["content-length"]
