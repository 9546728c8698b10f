"""Images that the first network is not sure of are read by two."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from contract.artifact import SECOND_KERAS, SECOND_TFLITE, TFLITE
from contract.folder import FolderStore
from contract.line import strip
from contract.normalisation import normalise
from contract.spelling import NO_DIGIT
from service.model import Model, networks
from service.network import Network
from tests.servers import running_service
from tests.service.test_versions import copy_version
from trainer.mnist import Mnist


@pytest.fixture
def images(mnist: Mnist) -> np.ndarray:
    return np.stack([normalise(image) for image in mnist.train_images[:500]])


def test_doubtful_images_are_read_by_two_networks_and_the_others_by_one(store: FolderStore, images: np.ndarray) -> None:
    manifest = store.manifest(store.versions()[-1])
    assert manifest.second
    first, second = (Network(store.read(manifest, name)).logits(images) for name in (TFLITE, SECOND_TFLITE))
    doubtful = manifest.calibration.scores(first) < manifest.second.ask_below
    assert 0 < doubtful.sum() < 0.15 * len(images)
    both = manifest.second.weight * (first + manifest.second.counts * second)
    both[:, NO_DIGIT] += manifest.second.doubt
    logits = np.where(doubtful[:, np.newaxis], both, first)
    answers = Model(manifest, *networks(store, manifest)).answer(images)
    assert np.allclose(answers.probabilities, manifest.calibration.probabilities(logits), atol=1e-6)
    assert np.array_equal(answers.accepted, manifest.acceptance.accepts(manifest.calibration.scores(logits)))
    assert not np.allclose(answers.probabilities, manifest.calibration.probabilities(first), atol=1e-3)


def test_image_is_answered_alone_as_in_a_batch(store: FolderStore, images: np.ndarray) -> None:
    manifest = store.manifest(store.versions()[-1])
    model = Model(manifest, *networks(store, manifest))
    together = model.answer(images).probabilities
    alone = np.concatenate([model.answer(image[np.newaxis]).probabilities for image in images])
    assert np.array_equal(together, alone)
    plainly = [model.answer_one(image) for image in images]
    assert np.allclose([one.probabilities for one in plainly], together, rtol=1e-9)
    assert [one.accepted for one in plainly] == model.answer(images).accepted.tolist()


def test_doubtful_digits_of_a_number_are_read_by_two_networks_too(store: FolderStore, mnist: Mnist) -> None:
    manifest = store.manifest(store.versions()[-1])
    both = Model(manifest, *networks(store, manifest))
    alone = Model(manifest, *networks(store, manifest.model_copy(update={"second": None})))
    differ = 0
    for image in mnist.train_images[:100]:
        read = [model.number(strip(image)) for model in (both, alone)]
        confidences = [found[1].probabilities.max() for found in read if found]
        differ += confidences[0] != confidences[1]
    assert 0 < differ < 20


def test_version_without_a_second_network_is_served(store: FolderStore, tmp_path: Path, mnist: Mnist) -> None:
    def without(manifest: dict[str, Any]) -> None:
        del manifest["second"]
        for name in (SECOND_TFLITE, SECOND_KERAS):
            del manifest["files"][name]
            (store.folder / ".copy" / name).unlink()

    last = store.versions()[-1]
    copy_version(store, last + 1, without)
    asked = {"images": mnist.train_images[:200].tolist()}
    with running_service(tmp_path / "log", model_store=store.folder.parent) as service:
        answers = [
            httpx.post(f"{service.url}/v1/predict?version={version}", json=asked, timeout=30).json()
            for version in (last, last + 1)
        ]
    both, alone = ([one["confidence"] for one in answer["predictions"]] for answer in answers)
    assert 0 < np.count_nonzero(np.array(both) != np.array(alone)) < 30
