"""Images → predictions: decode, normalise, run the network."""

import base64
import io
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from PIL import Image
from prometheus_client import Counter
from pydantic_core import to_json

from contract.arrays import Grey
from contract.messages import ItemError
from contract.normalisation import BlankImageError
from service import later, metrics
from service.decoding import Decoder, Source
from service.model import Answers, Model
from service.patience import Normaliser
from service.problems import BlankImage, ProblemError


def pictures_of(images: Sequence[Source], decoder: Decoder) -> list[Grey]:
    """Each of them normalised, uint8 [28, 28].

    Raises the `ProblemError` of the first image at fault, naming its place in `images`.
    """
    return [_picture(image, decoder, index) for index, image in enumerate(images)]


def predictions(pictures: list[Grey], model: Model, *, details: bool = False) -> bytes:
    """A `PredictResponse` in JSON: one for each of these normalised images, uint8 [28, 28] each."""
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
        predicted = [one | {"normalised": as_png(image)} for one, image in zip(predicted, pictures, strict=True)]
    reference = {"name": model.manifest.name, "version": model.manifest.version}
    return to_json({"model": reference, "predictions": predicted})


def _answers(model: Model, pictures: list[Grey]) -> Iterable[tuple[list[float], bool]]:
    """The probabilities of each picture's digits, and whether that is an answer to rely on; counted in the metrics."""
    if len(pictures) > 1:
        answers = answer(model, np.array(pictures))
        return zip(answers.probabilities.tolist(), answers.accepted.tolist(), strict=True)
    started = time.perf_counter()
    one = model.answer_one(pictures[0])
    later.do(_count, (time.perf_counter() - started, 1, model.manifest.version, int(one.accepted)))
    return [one]


def answer(model: Model, images: Grey) -> Answers:
    """What `model` says of normalised images, uint8 [n, 28, 28], counted in the metrics."""
    started = time.perf_counter()
    answers = model.answer(images)
    accepted = int(np.count_nonzero(answers.accepted))
    later.do(_count, (time.perf_counter() - started, len(images), model.manifest.version, accepted))
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
    return BlankImage(errors=[ItemError(index=index, detail=BlankImage.example)])


def _picture(image: Source, decoder: Decoder, index: int) -> Grey:
    try:
        return decoder.picture(image)
    except BlankImageError as error:
        raise _blank(index) from error
    except ProblemError as problem:
        problem.errors = [ItemError(index=index, detail=problem.detail)]
        raise


def as_png(image: Grey) -> str:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
