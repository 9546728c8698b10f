"""Images → predictions: decode, normalise, run the network."""

import base64
import io
import threading
from collections.abc import Sequence

import numpy as np
from PIL import Image

from contract.messages import ItemError, ModelReference, Prediction, PredictResponse
from contract.normalisation import BlankImageError, Grey, normalise
from service.decoding import Decoder
from service.model import Model
from service.problems import BlankImage, ProblemError

_ROOM = threading.BoundedSemaphore(2)
"""Images decoded and normalised at once: one of 25 megapixels takes some 200 MB meanwhile."""

Source = bytes | str | list[list[float]]


def read(images: Sequence[Source], model: Model, decoder: Decoder, *, details: bool) -> PredictResponse:
    """One prediction for each image: a file's bytes, its base64, or rows of grey values.

    Raises the `ProblemError` of the first image at fault, naming its place in `images`.
    """
    batch = np.stack([_normalised(image, decoder, index) for index, image in enumerate(images)])
    answers = model.answer(batch)
    predictions = [
        Prediction(
            digit=int(probabilities.argmax()),
            confidence=float(probabilities.max()),
            probabilities=probabilities.tolist(),
            accepted=bool(accepted),
            normalised=_png(image) if details else None,
        )
        for image, probabilities, accepted in zip(batch, answers.probabilities, answers.accepted, strict=True)
    ]
    reference = ModelReference(name=model.manifest.name, version=model.manifest.version)
    return PredictResponse(model=reference, predictions=predictions)


def _normalised(image: Source, decoder: Decoder, index: int) -> Grey:
    try:
        with _ROOM:
            return normalised(decoder.decode(image), index)
    except ProblemError as problem:
        problem.errors = [ItemError(index=index, detail=problem.detail)]
        raise


def normalised(image: Grey, index: int) -> Grey:
    """One grey image as the network takes it. Raises `BlankImage`, naming the image's place in the request."""
    try:
        return normalise(image)
    except BlankImageError as error:
        detail = "There is nothing on the paper: send an image with a digit drawn on it."
        raise BlankImage(detail, errors=[ItemError(index=index, detail=detail)]) from error


def _png(image: Grey) -> str:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
