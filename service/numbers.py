"""An image of a line of digits → the number."""

import numpy as np

from contract.messages import Box, ModelReference, NumberDigit, NumberResponse
from contract.normalisation import BlankImageError
from service import lattice
from service.decoding import Grey
from service.line import UnreadableError, find_line
from service.model import Model
from service.problems import BlankImage, NoNumber
from service.reading import count_answers, png

LEAST_SHARE = 0.9
"""Probability that a digit was cut out rightly, from which on it may be accepted."""


def read_number(image: Grey, model: Model, *, details: bool) -> NumberResponse:
    """The number in `image`, uint8 [height, width]. Raises `BlankImage`, `NoNumber`."""
    try:
        line = find_line(image)
    except BlankImageError as error:
        raise BlankImage(BlankImage.example) from error
    except UnreadableError as error:
        raise NoNumber(f"There is no number to be read: {error}. Send one line of digits.") from error
    found = lattice.candidates(line)
    if not found:
        raise NoNumber(NoNumber.example)
    logits = model.logits(np.stack([one.image for one in found]))
    scores = lattice.features(found, logits, line.height) @ lattice.WEIGHTS
    way = lattice.best_way(found, scores, lattice.areas(line))
    if not way.chosen:
        raise NoNumber(NoNumber.example)
    answers = model.answers(logits[way.chosen])
    count_answers(model, answers)
    digits = []
    for place, number in enumerate(way.chosen):
        probabilities = answers.probabilities[place].tolist()
        left, top, right, bottom = line.place(found[number].box)
        digits.append(
            NumberDigit(
                digit=probabilities.index(confidence := max(probabilities)),
                confidence=confidence,
                probabilities=probabilities,
                accepted=bool(answers.accepted[place]) and way.shares[place] >= LEAST_SHARE,
                normalised=png(found[number].image) if details else None,
                box=Box(x=left, y=top, width=max(1, right - left), height=max(1, bottom - top)),
            )
        )
    return NumberResponse(
        model=ModelReference(name=model.manifest.name, version=model.manifest.version),
        number="".join(str(digit.digit) for digit in digits),
        confidence=min(1.0, way.probability) * float(np.prod([digit.confidence for digit in digits])),
        accepted=all(digit.accepted for digit in digits),
        digits=digits,
    )
