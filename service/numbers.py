"""An image of a line of digits → the answer of `/v1/numbers`."""

from contract.arrays import Grey
from contract.line import TooLongError, strip
from contract.messages import Box, ModelReference, NumberDigit, NumberResponse
from contract.normalisation import BlankImageError
from service.model import Model
from service.problems import BlankImage, NoNumber, NoNumberReader
from service.reading import as_png, count_answers


def read_number(image: Grey, model: Model, *, details: bool) -> NumberResponse:
    """The number in `image`, uint8 [height, width]. Raises `BlankImage`, `NoNumber`, `NoNumberReader`."""
    try:
        read = model.number(strip(image))
    except BlankImageError as error:
        raise BlankImage from error
    except TooLongError as error:
        raise NoNumber("What is on the paper is too long for a number: send one line of digits.") from error
    if read is None:
        raise NoNumberReader(f"Version {model.manifest.version} reads single digits only: ask for another version.")
    number, answers = read
    if not number.legible:
        raise NoNumber
    sure = int(answers.accepted.sum())
    count_answers(model.manifest.version, sure, len(answers.accepted) - sure)
    height, width = image.shape
    digits = []
    for part, probabilities, accepted in zip(
        number.parts, answers.probabilities.tolist(), answers.accepted.tolist(), strict=True
    ):
        left, top = min(max(0, part.box[0]), width - 1), min(max(0, part.box[1]), height - 1)
        right, bottom = min(part.box[2], width), min(part.box[3], height)
        digits.append(
            NumberDigit(
                digit=probabilities.index(confidence := max(probabilities)),
                confidence=confidence,
                probabilities=probabilities,
                accepted=accepted,
                normalised=as_png(part.image) if details else None,
                box=Box(x=left, y=top, width=right - left, height=bottom - top),
            )
        )
    return NumberResponse(
        model=ModelReference(name=model.manifest.name, version=model.manifest.version),
        number=number.text(),
        confidence=min(1.0, number.confidence),
        accepted=all(digit.accepted for digit in digits),
        digits=digits,
    )
