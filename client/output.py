"""What was read, line after line, in the order of the images: text, JSON lines or CSV."""

import csv
import io
import json
import re
from dataclasses import dataclass

from client import words
from contract.messages import ModelReference, NumberResponse, Prediction

CSV_COLUMNS = ("file", "number", "confidence", "accepted", "version", "error")

CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Result:
    """One image that was read, or could not be."""

    name: str
    answer: Prediction | NumberResponse | None = None
    model: ModelReference | None = None
    error: str = ""

    @property
    def accepted(self) -> bool:
        return self.answer is not None and self.answer.accepted

    @property
    def number(self) -> str:
        if self.answer is None:
            return ""
        return self.answer.number if isinstance(self.answer, NumberResponse) else str(self.answer.digit)


def as_text(result: Result) -> str:
    """One line, whatever the name: an archive may hold names that would steer a terminal."""
    name = CONTROLS.sub(lambda sign: repr(sign[0])[1:-1], result.name)
    match result.answer:
        case None:
            return f"{name}: {result.error}"
        case NumberResponse() as number:
            return f"{name}: {number.number}  ({words.of_number(number)})"
        case prediction:
            return f"{name}: {prediction.digit}  ({words.sentence(prediction)})"


def as_json(result: Result) -> str:
    if result.answer is None or result.model is None:
        return json.dumps({"file": result.name, "error": result.error})
    found = {"file": result.name, "number": result.number, **result.answer.model_dump(exclude_none=True)}
    return json.dumps(found | {"model": result.model.version})


def as_csv(result: Result) -> str:
    sure = f"{result.answer.confidence:.6f}" if result.answer else ""
    accepted = "" if result.answer is None else str(result.accepted).lower()
    version = result.model.version if result.model else ""
    return csv_line((result.name, result.number, sure, accepted, version, result.error))


def csv_line(cells: tuple[object, ...]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)  # what is in it is quoted
    return line.getvalue().removesuffix("\r\n")
