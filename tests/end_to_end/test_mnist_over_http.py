"""Digits, and what is none, as PNG files over HTTP."""

import base64
import io
from collections.abc import Iterable

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from contract.messages import Prediction, PredictResponse
from tests.servers import ServiceProcess
from trainer import nondigits
from trainer.conditions import REDRAWN, picture
from trainer.digits import Digits, Maker, made
from trainer.mnist import Mnist
from trainer.ways import WAYS
from trainer.ways import picture as drawn


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def read(service: ServiceProcess, images: Iterable[Image.Image], *, details: bool = False) -> list[Prediction]:
    predictions = []
    with httpx.Client(base_url=service.url, headers={"Content-Type": "image/png"}) as client:
        for image in images:
            url = f"/v1/predict/image?details={str(details).lower()}"
            answer = client.post(url, content=png(image)).raise_for_status()
            predictions += PredictResponse.model_validate_json(answer.content).predictions
    return predictions


def test_200_test_images_are_read(service: ServiceProcess, mnist: Mnist) -> None:
    answers = read(service, map(Image.fromarray, mnist.test_images[:200]))
    assert sum(answer.digit == label for answer, label in zip(answers, mnist.test_labels, strict=False)) >= 198
    assert sum(answer.accepted for answer in answers) >= 190


def test_digits_of_nobodys_handwriting_are_read_in_all_their_ways(service: ServiceProcess) -> None:
    """Ten of each way: slashed 0s, 1s on a foot, barred 7s, 8s of two rings …"""
    read_wrong, unsure = [], 0
    for digit, ways in WAYS.items():
        for name, way in ways.items():
            rng = np.random.default_rng(digit)
            answers = read(service, (Image.fromarray(drawn(way, rng)) for _ in range(10)))
            read_wrong += [f"{digit} {name}" for answer in answers if answer.digit != digit]
            unsure += sum(not answer.accepted for answer in answers)
            assert not any(answer.accepted for answer in answers if answer.digit != digit), name
    assert len(read_wrong) <= 0.015 * 10 * sum(map(len, WAYS.values())), read_wrong
    assert unsure <= 0.15 * 10 * sum(map(len, WAYS.values()))


@pytest.mark.parametrize("condition", REDRAWN)
def test_report_sees_what_the_service_sees(service: ServiceProcess, mnist: Mnist, condition: str) -> None:
    """The model card's rows are measured without HTTP; this is why that is the same."""
    digits = Digits(mnist.train_images[:4], mnist.train_labels[:4])
    expected = made(REDRAWN[condition], digits, np.arange(len(digits)), seed=1)
    seen = []
    for place, image in enumerate(digits.images):
        rng = np.random.default_rng((1, place))
        [answer] = read(service, [picture(condition, image, rng)], details=True)
        seen.append(decoded(answer.normalised))
    assert np.array_equal(seen, expected)


def decoded(normalised: str | None) -> NDArray[np.uint8]:
    assert normalised
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(normalised))))


@pytest.mark.parametrize(("kind", "most"), [(nondigits.scribble, 0.1), (nondigits.shape, 0.2)])
def test_what_is_no_digit_is_mostly_not_accepted(
    service: ServiceProcess, mnist: Mnist, kind: Maker, most: float
) -> None:
    nothing = Digits(mnist.train_images[:0], mnist.train_labels[:0])
    images = made(kind, nothing, np.arange(100), seed=2)
    answers = read(service, map(Image.fromarray, images))
    assert sum(answer.accepted for answer in answers) / len(answers) < most
