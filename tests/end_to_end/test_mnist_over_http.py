"""200 images of the test set, as PNG files over HTTP."""

import io

import httpx
from PIL import Image

from tests.servers import ServiceProcess
from trainer.mnist import Mnist


def test_200_test_images_as_png(service: ServiceProcess, mnist: Mnist) -> None:
    right = 0
    with httpx.Client(base_url=service.url, headers={"Content-Type": "image/png"}) as client:
        for image, label in zip(mnist.test_images[:200], mnist.test_labels[:200], strict=True):
            file = io.BytesIO()
            Image.fromarray(image).save(file, "PNG")
            answer = client.post("/v1/predict/image", content=file.getvalue()).json()
            right += answer["predictions"][0]["digit"] == label
    assert right >= 197
