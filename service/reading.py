"""Images → predictions: decode, normalise, run the network."""

import base64
import io
import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np
from anyio import CapacityLimiter, to_thread
from PIL import Image
from prometheus_client import Counter
from pydantic_core import to_json

from contract.border import Grey
from contract.messages import ItemError
from contract.normalisation import BlankImageError
from service import metrics
from service.decoding import Decoder, Normaliser, Source, TakesLongError
from service.limits import too_much
from service.model import Answers, Model
from service.problems import BlankImage, ProblemError

Result = TypeVar("Result")

LARGE = CapacityLimiter(2)
"""Large requests that are worked on at once: an image of 25 megapixels takes some 300 MB meanwhile."""

MOST_WAITING = 30
"""Large ones that wait for that: half of the places in flight are left to small ones, by default."""

SMALL = CapacityLimiter(2)
"""Small ones that take some milliseconds."""


async def apart(work: Callable[[], Result], room: CapacityLimiter) -> Result:
    """Do `work` in a thread, where it holds up no other request; few at a time, for the memory's sake.

    Raises as it does, and `Overloaded` where too many large ones wait for that.
    """
    if room is LARGE and room.statistics().tasks_waiting >= MOST_WAITING:
        raise too_much("Too many large requests are waiting: send it again, or smaller images.")
    try:
        return await to_thread.run_sync(work, limiter=room)
    except (ProblemError, TakesLongError) as refusal:
        # A traceback would keep, in a circle, all that the thread had read.
        raise refusal.with_traceback(None) from refusal.__cause__


def read(images: Sequence[Source], model: Model, decoder: Decoder, *, details: bool = False) -> bytes:
    """One prediction for each image: a `PredictResponse` in JSON. Raises as `pictures_of` does."""
    return predictions(pictures_of(images, decoder), model, details=details)


def pictures_of(images: Sequence[Source], decoder: Decoder) -> list[Grey]:
    """Each of them normalised, uint8 [28, 28].

    Raises the `ProblemError` of the first image at fault, naming its place in `images`.
    """
    return [_picture(image, decoder, index) for index, image in enumerate(images)]


def predictions(pictures: list[Grey], model: Model, *, details: bool = False) -> bytes:
    """What `read` makes of normalised images, uint8 [28, 28] each."""
    predicted = [
        {
            "digit": probabilities.index(confidence := max(probabilities)),
            "confidence": confidence,
            "probabilities": probabilities,
            "accepted": accepted,
        }
        for probabilities, accepted in _answers(model, pictures)
    ]
    if details:
        predicted = [one | {"normalised": png(image)} for one, image in zip(predicted, pictures, strict=True)]
    reference = {"name": model.manifest.name, "version": model.manifest.version}
    return to_json({"model": reference, "predictions": predicted})


def _answers(model: Model, pictures: list[Grey]) -> Iterable[tuple[list[float], bool]]:
    """The probabilities of each picture's digits, and whether that is an answer to rely on; counted in the metrics."""
    if len(pictures) > 1:
        answers = answer(model, np.array(pictures))
        return zip(answers.probabilities.tolist(), answers.accepted.tolist(), strict=True)
    started = time.perf_counter()
    one = model.answer_one(pictures[0])
    metrics.later(_count, (time.perf_counter() - started, 1, model.manifest.version, int(one.accepted)))
    return [one]


def answer(model: Model, images: Grey) -> Answers:
    """What `model` says of normalised images, uint8 [n, 28, 28], counted in the metrics."""
    started = time.perf_counter()
    answers = model.answer(images)
    accepted = int(np.count_nonzero(answers.accepted))
    metrics.later(_count, (time.perf_counter() - started, len(images), model.manifest.version, accepted))
    return answers


def _count(inference: tuple[float, int, int, int]) -> None:
    seconds, images, version, accepted = inference
    metrics.inference_seconds.observe(seconds)
    metrics.batch_size.observe(images)
    count_answers(version, accepted, images - accepted)


def count_answers(version: int, accepted: int, refused: int) -> None:
    """In the metrics."""
    for kind, count in (("true", accepted), ("false", refused)):
        if count:
            _counter(version, kind).inc(count)


@lru_cache(maxsize=64)
def _counter(version: int, accepted: str) -> Counter:
    return metrics.answers.labels(version, accepted)


def normalised(image: Grey, index: int, normaliser: Normaliser) -> Grey:
    """`image` as the network wants it. Raises `BlankImage`, naming its place; `TakesLongError`."""
    try:
        return normaliser(image)
    except BlankImageError as error:
        raise _blank(index) from error


def _blank(index: int) -> BlankImage:
    return BlankImage(BlankImage.example, errors=[ItemError(index=index, detail=BlankImage.example)])


def _picture(image: Source, decoder: Decoder, index: int) -> Grey:
    try:
        return decoder.picture(image)
    except BlankImageError as error:
        raise _blank(index) from error
    except ProblemError as problem:
        problem.errors = [ItemError(index=index, detail=problem.detail)]
        raise


def png(image: Grey) -> str:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
