"""Images → predictions: decode, normalise, run the network."""

import base64
import io
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np
from anyio import CapacityLimiter, to_thread
from numpy.typing import NDArray
from PIL import Image
from prometheus_client import Counter
from pydantic_core import to_json

from contract.messages import ItemError
from contract.normalisation import BlankImageError, normalise
from service import metrics
from service.decoding import Decoder, Source
from service.model import Answers, Model
from service.problems import BlankImage, ProblemError

Result = TypeVar("Result")

LARGE = CapacityLimiter(2)
"""Large requests that are worked on at once: an image of 25 megapixels takes some 200 MB meanwhile."""

SMALL = CapacityLimiter(2)
"""Small ones that take some milliseconds."""


async def apart(work: Callable[[], Result], room: CapacityLimiter = LARGE) -> Result:
    """Do `work` in a thread, where it holds up no other request; few at a time, for the memory's sake."""
    return await to_thread.run_sync(work, limiter=room)


def read(images: Sequence[Source], model: Model, decoder: Decoder, *, details: bool = False) -> bytes:
    """One prediction for each image: a `PredictResponse` in JSON.

    Raises the `ProblemError` of the first image at fault, naming its place in `images`.
    """
    batch = np.array([_decoded(image, decoder, index) for index, image in enumerate(images)])
    answers = answer(model, batch)
    predictions = [
        {
            "digit": probabilities.index(confidence := max(probabilities)),
            "confidence": confidence,
            "probabilities": probabilities,
            "accepted": accepted,
        }
        for probabilities, accepted in zip(answers.probabilities.tolist(), answers.accepted.tolist(), strict=True)
    ]
    if details:
        predictions = [one | {"normalised": png(image)} for one, image in zip(predictions, batch, strict=True)]
    reference = {"name": model.manifest.name, "version": model.manifest.version}
    return to_json({"model": reference, "predictions": predictions})


def answer(model: Model, images: NDArray[np.uint8]) -> Answers:
    """What `model` says of normalised images, uint8 [n, 28, 28], counted in the metrics."""
    started = time.perf_counter()
    answers = model.answer(images)
    metrics.inference_seconds.observe(time.perf_counter() - started)
    metrics.batch_size.observe(len(images))
    count_answers(model, answers)
    return answers


def count_answers(model: Model, answers: Answers) -> None:
    """In the metrics."""
    accepted = int(np.count_nonzero(answers.accepted))
    for kind, count in (("true", accepted), ("false", len(answers.accepted) - accepted)):
        if count:
            _counter(model.manifest.version, kind).inc(count)


@lru_cache(maxsize=64)
def _counter(version: int, accepted: str) -> Counter:
    return metrics.answers.labels(version, accepted)


def normalised(image: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
    """`image` as the network wants it. Raises `BlankImage`, naming its place."""
    try:
        return normalise(image)
    except BlankImageError as error:
        errors = [ItemError(index=index, detail=BlankImage.example)]
        raise BlankImage(BlankImage.example, errors=errors) from error


def _decoded(image: Source, decoder: Decoder, index: int) -> NDArray[np.uint8]:
    try:
        return normalised(decoder.decode(image), index)
    except ProblemError as problem:
        problem.errors = [ItemError(index=index, detail=problem.detail)]
        raise


def png(image: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
