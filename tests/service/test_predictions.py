"""Whatever form a digit is sent in, the answer is the same."""

import base64
import io
import json
import zlib

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw

from contract import native
from contract.messages import PredictResponse
from contract.normalisation import normalise
from service.decoding import Decoder
from service.patience import AT_ONCE, SHORT, Normaliser, TakesLongError
from service.problems import BrokenImage
from service.routing import QUICK_BYTES
from tests.bombs import png
from tests.pictures import saved
from tests.servers import ServiceProcess


def predict(service: ServiceProcess, *images: object, **query: bool) -> PredictResponse:
    response = httpx.post(f"{service.url}/v1/predict", json={"images": images}, params=query)
    assert response.status_code == 200, response.text
    return PredictResponse.model_validate_json(response.content)


def predict_file(service: ServiceProcess, content: bytes, kind: str = "image/png", **query: bool) -> PredictResponse:
    response = httpx.post(
        f"{service.url}/v1/predict/image",
        content=content,
        headers={"Content-Type": kind},
        params=query,
    )
    assert response.status_code == 200, response.text
    return PredictResponse.model_validate_json(response.content)


@pytest.fixture(scope="session")
def picture(seven: bytes) -> Image.Image:
    return Image.open(io.BytesIO(seven))


def test_png_is_read(service: ServiceProcess, seven: bytes) -> None:
    answer = predict_file(service, seven)
    [prediction] = answer.predictions
    assert answer.model.name == "digits"
    assert prediction.digit == 7
    assert prediction.accepted
    assert prediction.confidence == max(prediction.probabilities)
    assert prediction.probabilities[7] == prediction.confidence
    assert sum(prediction.probabilities) == pytest.approx(1)
    assert prediction.normalised is None


def test_base64_data_url_and_array_say_what_the_file_says(
    service: ServiceProcess, seven: bytes, picture: Image.Image
) -> None:
    encoded = base64.b64encode(seven).decode()
    rows = np.asarray(picture).tolist()
    batch = predict(service, encoded, f" data:image/png;base64,{encoded}\n", rows)
    [expected] = predict_file(service, seven).predictions
    assert [prediction.digit for prediction in batch.predictions] == [7, 7, 7]
    for prediction in batch.predictions:
        assert prediction.probabilities == pytest.approx(expected.probabilities, abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "format_", "options"),
    [
        ("image/jpeg", "JPEG", {"quality": 70}),
        ("image/webp", "WEBP", {}),
        ("image/gif", "GIF", {}),
        ("image/bmp", "BMP", {}),
        ("image/tiff", "TIFF", {}),
        ("image/x-portable-graymap", "PPM", {}),
    ],
)
def test_every_format_is_read(
    service: ServiceProcess, picture: Image.Image, kind: str, format_: str, options: dict[str, object]
) -> None:
    [prediction] = predict_file(service, saved(picture, format_, **options), kind).predictions
    assert prediction.digit == 7


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_png_mode_is_read(service: ServiceProcess, picture: Image.Image, mode: str) -> None:
    converted = (
        Image.fromarray(np.asarray(picture).astype(np.uint16) * 257) if mode == "I;16" else picture.convert(mode)
    )
    [prediction] = predict_file(service, saved(converted, "PNG")).predictions
    assert prediction.digit == 7


@pytest.mark.parametrize(("factor", "offset"), [(1, 0), (257, 0), (5000, 100_000), (1, -255), (-4000, 7)])
def test_tiff_of_whole_numbers_of_any_size_is_read(
    service: ServiceProcess, picture: Image.Image, factor: int, offset: int
) -> None:
    numbers = Image.fromarray(np.asarray(picture).astype(np.int32) * factor + offset)
    [prediction] = predict_file(service, saved(numbers, "TIFF"), "image/tiff").predictions
    assert (prediction.digit, prediction.accepted) == (7, True)


def test_cmyk_jpeg_is_read(service: ServiceProcess, picture: Image.Image) -> None:
    [prediction] = predict_file(service, saved(picture.convert("CMYK"), "JPEG"), "image/jpeg").predictions
    assert prediction.digit == 7


@pytest.mark.parametrize("ink", [(0, 0, 0), (20, 40, 160), (255, 255, 255), (250, 240, 120)])
def test_ink_on_transparent_paper_is_read(
    service: ServiceProcess, picture: Image.Image, ink: tuple[int, int, int]
) -> None:
    image = Image.new("RGBA", picture.size, (*ink, 0))
    image.putalpha(picture.point(lambda level: 255 - level))
    [prediction] = predict_file(service, saved(image, "PNG")).predictions
    assert prediction.digit == 7


@pytest.mark.parametrize(("side", "width", "opacity"), [(1000, 1, 255), (2500, 4, 255), (200, 16, 85)])
def test_thin_or_faint_ink_on_transparent_paper_is_read(
    service: ServiceProcess, side: int, width: int, opacity: int
) -> None:
    image = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    seven = [(0.3 * side, 0.25 * side), (0.7 * side, 0.22 * side), (0.45 * side, 0.8 * side)]
    ImageDraw.Draw(image).line(seven, (0, 0, 0, opacity), width)
    [prediction] = predict_file(service, saved(image, "PNG")).predictions
    assert prediction.digit == 7


def test_sixteen_bits_of_which_few_are_used_are_read(service: ServiceProcess) -> None:
    paper = np.full((200, 200), 1000, np.uint16)
    paper[40:160, 92:108] = 100
    [prediction] = predict_file(service, saved(Image.fromarray(paper), "PNG")).predictions
    assert prediction.digit == 1


@pytest.mark.parametrize("margin", [5, 100])
def test_opaque_sheet_with_a_transparent_margin_is_read(
    service: ServiceProcess, picture: Image.Image, margin: int
) -> None:
    for sheet in (picture, picture.point(lambda level: 255 - level)):
        image = Image.new("LA", (picture.width + 2 * margin, picture.height + 2 * margin))
        image.paste(sheet.convert("LA"), (margin, margin))
        [prediction] = predict_file(service, saved(image, "PNG")).predictions
        assert prediction.digit == 7


def test_round_sheet_is_read_as_a_square_one(service: ServiceProcess, picture: Image.Image) -> None:
    for sheet in (picture, picture.point(lambda level: 255 - level)):
        image = sheet.convert("LA")
        circle = Image.new("L", image.size)
        ImageDraw.Draw(circle).ellipse((2, 2, image.width - 3, image.height - 3), 255)
        image.putalpha(circle)
        [prediction] = predict_file(service, saved(image, "PNG")).predictions
        assert (prediction.digit, prediction.accepted) == (7, True)


def test_ink_as_light_as_its_paper_is_read_on_a_sheet_with_round_corners(
    service: ServiceProcess, picture: Image.Image
) -> None:
    green, red = (Image.new("RGB", picture.size, colour) for colour in ((0, 130, 0), (255, 0, 0)))
    image = Image.composite(green, red, picture)
    corners = Image.new("L", image.size)
    ImageDraw.Draw(corners).rounded_rectangle((0, 0, image.width - 1, image.height - 1), image.width // 8, 255)
    cut = image.copy()
    cut.putalpha(corners)
    for sheet in (image, cut):
        [prediction] = predict_file(service, saved(sheet, "PNG")).predictions
        assert prediction.digit == 7


def test_burnt_pixel_does_not_darken_sixteen_bits(service: ServiceProcess) -> None:
    paper = np.full((200, 200), 3000, np.uint16)
    paper[40:160, 92:108] = 900
    paper[5, 7] = 65535
    [prediction] = predict_file(service, saved(Image.fromarray(paper), "PNG")).predictions
    assert (prediction.digit, prediction.accepted) == (1, True)


def test_media_type_in_capitals_is_one(service: ServiceProcess, seven: bytes) -> None:
    [prediction] = predict_file(service, seven, "IMAGE/PNG").predictions
    assert prediction.digit == 7


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_exif_that_is_none_does_no_harm(service: ServiceProcess, picture: Image.Image, kind: str) -> None:
    file = saved(picture, kind, exif=b"Exif\0\0garbage! and more")
    [prediction] = predict_file(service, file, f"image/{kind.lower()}").predictions
    assert prediction.digit == 7


def test_jpeg_and_gif_of_many_honest_parts_are_read(service: ServiceProcess, picture: Image.Image) -> None:
    large = np.random.default_rng(1).bytes(4_000_000)  # a profile of sixty segments
    for kind, more in (("JPEG", {"icc_profile": large}), ("GIF", {"comment": large[:1_000_000]})):
        [prediction] = predict_file(service, saved(picture, kind, **more), f"image/{kind.lower()}").predictions
        assert prediction.digit == 7


def test_exif_rotation_is_obeyed(service: ServiceProcess, picture: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90° clockwise
    lying = picture.transpose(Image.Transpose.ROTATE_90)
    [prediction] = predict_file(service, saved(lying, "JPEG", exif=exif), "image/jpeg").predictions
    assert prediction.digit == 7


def test_animation_counts_with_its_first_frame(service: ServiceProcess, picture: Image.Image) -> None:
    blank = Image.new("L", picture.size, 255)
    animated = saved(picture, "GIF", save_all=True, append_images=[blank])
    [prediction] = predict_file(service, animated, "image/gif").predictions
    assert prediction.digit == 7


def test_details_hold_what_the_network_saw(service: ServiceProcess, seven: bytes, picture: Image.Image) -> None:
    [prediction] = predict_file(service, seven, details=True).predictions
    assert prediction.normalised is not None
    shown = Image.open(io.BytesIO(base64.b64decode(prediction.normalised)))
    assert np.array_equal(np.asarray(shown), normalise(np.asarray(picture)))


@pytest.mark.parametrize(
    ("ink", "paper"),
    [((200, 30, 30), (60, 110, 60)), ((0, 0, 255), (95, 0, 0)), ((200, 0, 200), (83, 83, 83))],
    ids=["red on green", "blue on red", "magenta on grey"],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP"])
def test_ink_as_light_as_its_paper_is_read_by_its_colour(
    service: ServiceProcess, picture: Image.Image, kind: str, ink: tuple[int, int, int], paper: tuple[int, int, int]
) -> None:
    mask = picture.convert("L").resize((300, 300)).point(lambda level: 255 - level)
    coloured = Image.composite(Image.new("RGB", mask.size, ink), Image.new("RGB", mask.size, paper), mask)
    opaque = [coloured.convert("RGBA")] if kind == "PNG" else []
    for image in (coloured, *opaque):
        [prediction] = predict_file(service, saved(image, kind)).predictions
        assert (prediction.digit, prediction.accepted) == (7, True)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_coloured_paper_is_blank(service: ServiceProcess, kind: str) -> None:
    fading = np.linspace(1, 0.95, 300)[:, np.newaxis, np.newaxis] * np.full((300, 300, 3), (200, 90, 60))
    content = saved(Image.fromarray(fading.astype(np.uint8)), kind)
    answer = httpx.post(
        f"{service.url}/v1/predict/image", content=content, headers={"Content-Type": f"image/{kind.lower()}"}
    )
    assert answer.json()["type"] == "/problems/blank-image"


def test_full_batch_keeps_its_order(service: ServiceProcess, seven: bytes) -> None:
    one = Image.new("L", (60, 100), 255)
    ImageDraw.Draw(one).line((30, 10, 30, 90), 0, 6)
    files = {7: base64.b64encode(seven).decode(), 1: base64.b64encode(saved(one, "PNG")).decode()}
    digits = np.random.default_rng(1).choice([7, 1], 1024).tolist()
    answer = predict(service, *[files[digit] for digit in digits])
    assert [prediction.digit for prediction in answer.predictions] == digits


def test_25_megapixels_are_read(service: ServiceProcess, picture: Image.Image) -> None:
    [prediction] = predict_file(service, saved(picture.resize((5000, 5000)), "PNG")).predictions
    assert prediction.digit == 7


def test_picture_that_takes_milliseconds_is_left_to_a_thread(service: ServiceProcess) -> None:
    """A shadow lies on it. However it is sent, it is read as `normalise` has it."""
    drawn = Image.new("L", (300, 300), 255)
    ImageDraw.Draw(drawn).line(((90, 70), (210, 70), (130, 250)), 40, 14)
    light = np.linspace(0.5, 1, 300) * np.ones((300, 1))
    noise = np.random.default_rng(1).normal(0, 3, light.shape)
    picture = (np.asarray(drawn) * light + noise).clip(0, 255).astype(np.uint8)
    with pytest.raises(TakesLongError):
        Normaliser(AT_ONCE)(picture)
    content = saved(Image.fromarray(picture), "JPEG", quality=50)
    assert len(content) < QUICK_BYTES
    answers = [
        predict_file(service, content, "image/jpeg", details=True),
        predict(service, base64.b64encode(content).decode(), details=True),
        predict_file(service, saved(Image.fromarray(picture), "PNG"), details=True),
    ]
    for answer, image in zip(
        answers, (Image.open(io.BytesIO(content)), Image.open(io.BytesIO(content)), picture), strict=True
    ):
        [prediction] = answer.predictions
        assert prediction.digit == 7
        assert prediction.normalised is not None
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(prediction.normalised))))
        assert np.array_equal(shown, normalise(np.asarray(image)))


def transparent(kind: str) -> bytes:
    image = Image.new("RGBA", (500, 500), (0, 0, 0, 0))
    ImageDraw.Draw(image).line(((150, 120), (350, 110), (220, 400)), (0, 0, 0, 255), 20)
    return saved(image, kind)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(transparent("PNG"), id="a transparent PNG"),
        pytest.param(transparent("WEBP"), id="a transparent WebP"),
        pytest.param(saved(Image.new("L", (9, 9), 255), "JPEG"), id="a JPEG"),
        pytest.param(saved(Image.new("L", (9, 9), 255), "PNG", dpi=(300, 300)), id="a PNG with a resolution"),
        pytest.param(saved(Image.new("RGBA", (400, 300), (9, 9, 9, 9)), "PNG", dpi=(300, 300)), id="and transparent"),
    ],
)
def test_file_that_may_take_milliseconds_is_left_to_a_thread(content: bytes) -> None:
    assert len(content) < QUICK_BYTES
    with pytest.raises(TakesLongError):
        Decoder(10**6, 10**6, AT_ONCE).decode(content)
    with Image.open(io.BytesIO(content)) as image:
        assert Decoder(10**6, 10**6, SHORT).decode(content).shape == (image.height, image.width)


def test_drawing_of_the_page_is_read_at_once() -> None:
    if native.load() is None:
        pytest.skip("native.c is not compiled here: run 'make native'")
    drawing = Image.new("RGBA", (320, 320), (255, 255, 255, 255))
    ImageDraw.Draw(drawing).line(((90, 70), (210, 70), (130, 250)), (0, 0, 0, 255), 14)
    content = saved(drawing, "PNG")
    assert np.array_equal(Decoder(10**6, 10**6, AT_ONCE).decode(content), np.asarray(drawing.convert("L")))


def test_few_noisy_pixels_are_read_at_once_and_many_are_not() -> None:
    noisy = np.random.default_rng(1).integers(0, 30, (28, 28), np.uint8)
    noisy[6:22, 13:16] += 200
    normaliser = Normaliser(AT_ONCE)
    for _ in range(5):
        assert np.array_equal(normaliser(noisy), normalise(noisy))
    with pytest.raises(TakesLongError):
        normaliser(noisy)


def test_setting_may_allow_more_pixels_than_pillow_does() -> None:
    with pytest.raises(BrokenImage):  # not "too large": there are no pixels behind the header
        Decoder(400_000_000, 400_000_000).decode(png(20_000, 10_000, zlib.compress(b"")))


def test_answers_match_the_served_schema(service: ServiceProcess, seven: bytes) -> None:
    page = httpx.get(f"{service.url}/openapi.json").json()
    fields = page["components"]["schemas"]["Prediction"]["properties"]
    raw = httpx.post(f"{service.url}/v1/predict/image", content=seven, headers={"Content-Type": "image/png"})
    [prediction] = json.loads(raw.content)["predictions"]
    assert set(prediction) == set(fields) - {"normalised"}
    assert "image/png" in page["paths"]["/v1/predict/image"]["post"]["requestBody"]["content"]
