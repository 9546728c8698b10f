"""An image of a line of digits → the answer of `/v1/numbers`."""

from contract import parts
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
    digits = []
    for part, probabilities, accepted in zip(
        number.parts, answers.probabilities.tolist(), answers.accepted.tolist(), strict=True
    ):
        digits.append(
            NumberDigit(
                digit=probabilities.index(confidence := max(probabilities)),
                confidence=confidence,
                probabilities=probabilities,
                accepted=accepted,
                normalised=as_png(part.image) if details else None,
                box=_within(part.box, image),
            )
        )
    return NumberResponse(
        model=ModelReference(name=model.manifest.name, version=model.manifest.version),
        number=number.text(),
        confidence=min(1.0, number.confidence),
        accepted=all(digit.accepted for digit in digits),
        digits=digits,
    )


def _within(box: parts.Box, image: Grey) -> Box:
    """What lies in `image` of a digit's box, of which its edge may be left out: one pixel at least."""
    height, width = image.shape
    left, top = min(max(0, box[0]), width - 1), min(max(0, box[1]), height - 1)
    right, bottom = max(left + 1, min(box[2], width)), max(top + 1, min(box[3], height))
    return Box(x=left, y=top, width=right - left, height=bottom - top)
