"""`python -m client read`: what is on image files, on standard output."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from client import words
from client.service import Answer, Service, ServiceAwayError, ServiceRefusedError
from client.sheets import UnreadableImageError, photo

READ, FAILED, NOT_SURE = 0, 1, 3
"""Exit statuses; 2 is argparse's, for wrong use."""


def read_files(service: Service, files: Sequence[str], *, as_json: bool) -> int:
    """Print what each of `files` says, in their order; "-" is standard input. Returns the exit status."""
    status = READ
    for file in files:
        try:
            content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
            answer = service.predict(content, photo(content).media_type)
        except ServiceAwayError as error:
            print(f"No answer from {service.url}: {error}", file=sys.stderr)
            return FAILED
        except (ServiceRefusedError, UnreadableImageError, OSError) as error:
            print(f"{file}: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
            status = FAILED
            continue
        print(_as_json(file, answer) if as_json else f"{file}: {_as_text(answer)}", flush=True)
        accepted = answer.number.accepted if answer.number else answer.prediction.accepted
        if not accepted and status == READ:
            status = NOT_SURE
    return status


def _as_text(answer: Answer) -> str:
    if answer.number is not None:
        return f"{answer.number.number}  ({words.of_number(answer.number)})"
    return f"{answer.prediction.digit}  ({words.sentence(answer.prediction)})"


def _as_json(file: str, answer: Answer) -> str:
    if answer.number is not None:
        found = answer.number.model_dump(exclude_none=True)
    else:
        found = {"number": str(answer.prediction.digit), **answer.prediction.model_dump(exclude_none=True)}
    return json.dumps({"file": file, **found, "model": answer.model.version})
